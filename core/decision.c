/*
 * The decision: the rules of docs/api.md, in that order, in one table.
 */
#include "detection.h"

#include <stdio.h>

typedef struct {
    const sellify_ruleset_t *ruleset;
    const sellify_decision_input_t *input;
    const sellify_detection_t *detection;
    sellify_decision_t *decision;
} context_t;

/* --- when a rule applies --- */

static int
license_missing(const context_t *c)
{
    return !c->input->license_ok;
}

static int
automation_off(const context_t *c)
{
    return !c->ruleset->policy.automation_enabled;
}

static int
terminal_state(const context_t *c)
{
    return sellify_state_is_terminal(c->input->state);
}

/* The word silences at once; START brings back at once. */
static int
opted_out(const context_t *c)
{
    return c->decision->opt_out == 1 ||
           (c->input->opted_out && c->decision->opt_out != -1);
}

static int
alert(const context_t *c)
{
    return c->decision->trigger != SELLIFY_TRIGGER_NONE;
}

static int
paused(const context_t *c)
{
    return c->input->paused;
}

static int
chat_limit(const context_t *c)
{
    return c->input->replies_last_hour >=
           c->ruleset->policy.chat_replies_per_hour;
}

static int
outside_hours(const context_t *c)
{
    return !c->input->active_hours;
}

static int
quota(const context_t *c)
{
    return !c->input->quotas_available;
}

/* A medium without a caption, a sticker, emoji alone: nothing to answer.  In the
 * pipeline also a message in a language that the policy does not list. */
static int
not_understood(const context_t *c)
{
    return c->detection->wordless ||
           (c->input->known_languages_only && c->detection->foreign);
}

static int
respond_media(const context_t *c)
{
    return c->input->accepts_media && c->decision->media != NULL;
}

static int
always(const context_t *c)
{
    (void) c;
    return 1;
}

/* --- what a rule adds to the answer --- */

static void
reply_delay(const context_t *c)
{
    sellify_kind_t kind = SELLIFY_KIND_TEXT;

    if (c->decision->action == SELLIFY_ACTION_RESPOND_WITH_MEDIA) {
        kind = c->decision->media->type == SELLIFY_MEDIA_VIDEO
                   ? SELLIFY_KIND_VIDEO
                   : SELLIFY_KIND_IMAGE;
    }
    c->decision->delay_seconds =
        (sellify_quota_delay_ms(&c->ruleset->policy.delay, kind,
             c->input->quota_pressure, 0, c->input->seed) +
            500) /
        1000;
    c->decision->delay_known = 1;
}

static void
window_delay(const context_t *c)
{
    uint32_t seconds =
        c->input->next_window_s > 0 ? c->input->next_window_s : 3600;

    c->decision->delay_seconds = seconds;
    c->decision->delay_known = 1;
    snprintf(c->decision->details, sizeof(c->decision->details), "%u seconds",
        seconds);
}

static void
alert_reason(const context_t *c)
{
    static const char *const reasons[] = {
        [SELLIFY_TRIGGER_THREAT] = "threat detected",
        [SELLIFY_TRIGGER_LEGAL] = "legal matter detected",
        [SELLIFY_TRIGGER_ANGER] = "anger detected",
        [SELLIFY_TRIGGER_SENSITIVE] = "sensitive subject detected",
        [SELLIFY_TRIGGER_MISUNDERSTANDING] =
            "misunderstanding threshold reached",
    };

    snprintf(c->decision->details, sizeof(c->decision->details), "%s",
        reasons[c->decision->trigger]);
}

static void
chat_limit_reason(const context_t *c)
{
    snprintf(c->decision->details, sizeof(c->decision->details),
        "more than %u replies in an hour",
        c->ruleset->policy.chat_replies_per_hour);
}

/* --- the table --- */

/* The order is the contract: the first rule that applies wins. */
static const struct {
    sellify_rule_t rule;
    int (*applies)(const context_t *c);
    sellify_action_t action;
    void (*complete)(const context_t *c); /* or NULL */
} rules[] = {
    { SELLIFY_RULE_LICENSE, license_missing, SELLIFY_ACTION_STOP_AUTOMATION,
        NULL },
    { SELLIFY_RULE_AUTOMATION_OFF, automation_off,
        SELLIFY_ACTION_STOP_AUTOMATION, NULL },
    { SELLIFY_RULE_TERMINAL_STATE, terminal_state,
        SELLIFY_ACTION_STOP_AUTOMATION, NULL },
    { SELLIFY_RULE_OPTED_OUT, opted_out, SELLIFY_ACTION_STOP_AUTOMATION, NULL },
    { SELLIFY_RULE_ALERT, alert, SELLIFY_ACTION_ALERT_HUMAN, alert_reason },
    { SELLIFY_RULE_PAUSED, paused, SELLIFY_ACTION_STOP_AUTOMATION, NULL },
    { SELLIFY_RULE_CHAT_LIMIT, chat_limit, SELLIFY_ACTION_ALERT_HUMAN,
        chat_limit_reason },
    { SELLIFY_RULE_OUTSIDE_HOURS, outside_hours, SELLIFY_ACTION_IGNORE, NULL },
    { SELLIFY_RULE_QUOTA, quota, SELLIFY_ACTION_DELAY, window_delay },
    { SELLIFY_RULE_NOT_UNDERSTOOD, not_understood, SELLIFY_ACTION_IGNORE,
        NULL },
    { SELLIFY_RULE_RESPOND_MEDIA, respond_media,
        SELLIFY_ACTION_RESPOND_WITH_MEDIA, reply_delay },
    { SELLIFY_RULE_RESPOND_TEXT, always, SELLIFY_ACTION_RESPOND_TEXT,
        reply_delay },
};

_Static_assert(sizeof(rules) / sizeof(*rules) == SELLIFY_RULES,
    "every rule stands in the table");

/* --- what holds whatever rule wins --- */

/* The detector's or the caller's trigger.  A misunderstanding is one only when
 * it makes the threshold full. */
static sellify_trigger_t
trigger_of(const context_t *c)
{
    sellify_trigger_t trigger =
        c->input->sentiment_given ? c->input->sentiment : c->detection->trigger;
    uint32_t threshold = c->ruleset->policy.misunderstanding_threshold;
    uint32_t counted = c->input->misunderstandings;

    if (trigger != SELLIFY_TRIGGER_NONE &&
        trigger != SELLIFY_TRIGGER_MISUNDERSTANDING) {
        return trigger;
    }
    c->decision->not_understood =
        trigger == SELLIFY_TRIGGER_MISUNDERSTANDING || not_understood(c);
    if (c->decision->not_understood && counted < UINT32_MAX) {
        counted++;
    }
    return counted >= threshold ? SELLIFY_TRIGGER_MISUNDERSTANDING
                                : SELLIFY_TRIGGER_NONE;
}

static sellify_event_t
event_of(const context_t *c)
{
    switch (c->decision->trigger) {
    case SELLIFY_TRIGGER_NONE:
        return c->detection->event;
    case SELLIFY_TRIGGER_THREAT:
        return SELLIFY_EVENT_THREAT_DETECTED;
    default:
        return SELLIFY_EVENT_NONE;
    }
}

static const sellify_media_t *
first_of(const sellify_product_t *product, sellify_media_type_t type)
{
    for (uint32_t i = 0; i < product->media_count; i++) {
        if (product->media[i].type == type) {
            return &product->media[i];
        }
    }
    return NULL;
}

/* The video when one is asked for and may be sent, else an image. */
static const sellify_media_t *
media_of(const context_t *c)
{
    const sellify_product_t *product = c->decision->product;
    const sellify_policy_t *policy = &c->ruleset->policy;
    const sellify_media_t *media = NULL;

    if (product == NULL || !c->decision->wants_media) {
        return NULL;
    }
    if (c->detection->wants_video && policy->allow_video &&
        product->allow_video && c->input->video_quota_available) {
        media = first_of(product, SELLIFY_MEDIA_VIDEO);
    }
    if (media == NULL && policy->allow_images && product->allow_images &&
        c->input->media_quota_available) {
        media = first_of(product, SELLIFY_MEDIA_IMAGE);
    }
    return media;
}

/* --- what matched --- */

/* By class, up to the product; function words are not told. */
static const char *const kinds[SELLIFY_CLASS_EXCEPTION] = {
    [SELLIFY_CLASS_THREAT] = "threat",
    [SELLIFY_CLASS_LEGAL] = "legal",
    [SELLIFY_CLASS_ANGER] = "anger",
    [SELLIFY_CLASS_SENSITIVE] = "sensitive",
    [SELLIFY_CLASS_MISUNDERSTANDING] = "misunderstanding",
    [SELLIFY_CLASS_PRODUCT_QUESTION] = "ProductQuestion",
    [SELLIFY_CLASS_PRICE_INTEREST] = "PriceInterest",
    [SELLIFY_CLASS_PURCHASE_INTENT] = "PurchaseIntent",
    [SELLIFY_CLASS_OBJECTION_RAISED] = "ObjectionRaised",
    [SELLIFY_CLASS_NEGATIVE_RESPONSE] = "NegativeResponse",
    [SELLIFY_CLASS_IMAGE] = "media",
    [SELLIFY_CLASS_VIDEO] = "media",
    [SELLIFY_CLASS_STOP] = "opt-out",
    [SELLIFY_CLASS_START] = "opt-in",
    [SELLIFY_CLASS_GREETING] = "greeting",
    [SELLIFY_CLASS_PRODUCT] = "product",
};

/* In the order of the text; a full list keeps the earliest. */
static void
add_match(const context_t *c, sellify_str_t term, const char *kind,
    uint32_t from, uint32_t to)
{
    sellify_decision_t *d = c->decision;
    sellify_match_t match = { .term = term, .kind = kind };
    size_t at = d->match_count;

    sellify_folded_chars(
        &c->detection->folded, from, to, &match.start, &match.end);
    for (size_t i = 0; i < d->match_count; i++) {
        const sellify_match_t *m = &d->matches[i];

        if (m->start == match.start && m->end == match.end && m->kind == kind) {
            return; /* two languages may list the same word */
        }
    }
    while (at > 0 && d->matches[at - 1].start > match.start) {
        at--;
    }
    if (at == SELLIFY_MATCHES_MAX) {
        return;
    }
    if (d->match_count < SELLIFY_MATCHES_MAX) {
        d->match_count++;
    }
    memmove(&d->matches[at + 1], &d->matches[at],
        (d->match_count - 1 - at) * sizeof(match));
    d->matches[at] = match;
}

static void
list_matches(const context_t *c)
{
    const sellify_detection_t *d = c->detection;

    for (size_t i = 0; i < d->hits.count; i++) {
        const sellify_hit_t *hit = &d->hits.items[i];
        unsigned class_id = hit->term->class_id;

        if (class_id >= SELLIFY_CLASS_EXCEPTION ||
            (c->input->sentiment_given &&
                class_id <= SELLIFY_CLASS_MISUNDERSTANDING)) {
            continue; /* the caller's sentiment took the detector's place */
        }
        add_match(c, hit->name, kinds[class_id], hit->start, hit->end);
    }
    for (size_t i = 0; i < d->near_count; i++) {
        add_match(c, d->near[i].term->text, "product", d->near[i].start,
            d->near[i].end);
    }
}

/* --- deciding --- */

static void
apply_rules(const context_t *c)
{
    size_t i = 0;

    while (!rules[i].applies(c)) { /* the last one always does */
        i++;
    }
    c->decision->rule = rules[i].rule;
    c->decision->action = rules[i].action;
    if (rules[i].complete != NULL) {
        rules[i].complete(c);
    }
    if (c->decision->action != SELLIFY_ACTION_RESPOND_WITH_MEDIA) {
        c->decision->media = NULL;
    }
}

int
sellify_decide(const sellify_ruleset_t *ruleset,
    const sellify_decision_input_t *input, void *scratch, size_t scratch_size,
    sellify_decision_t *decision)
{
    sellify_detection_t detection;
    context_t c = { ruleset, input, &detection, decision };

    *decision = (sellify_decision_t){ .ruleset_version = ruleset->version };
    if (input->message.len > 4 * SELLIFY_MESSAGE_CHARS_MAX ||
        sellify_detect(ruleset, input, scratch, scratch_size, &detection) !=
            0 ||
        sellify_text_chars(input->message, 0, input->message.len) >
            SELLIFY_MESSAGE_CHARS_MAX) {
        return -1;
    }
    decision->opt_out = detection.opt_out;
    decision->wants_media = detection.wants_image || detection.wants_video;
    decision->product = detection.product;
    decision->trigger = trigger_of(&c);
    decision->event = event_of(&c);
    decision->new_state = sellify_transition(input->state, decision->event);
    decision->media = media_of(&c);
    snprintf(decision->language, sizeof(decision->language), "%.*s",
        (int) detection.language.len, detection.language.data);
    list_matches(&c);
    apply_rules(&c);
    return 0;
}
