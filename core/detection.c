/*
 * Detection: one fold, one scan, then questions about the hits.
 */
#include "detection.h"

#define OPT_OUT_OTHER_WORDS 2 /* "stop svp merci" */
#define OPT_OUT_PLAIN_LETTERS 7
#define FOREIGN_WORDS 4 /* fewer are no evidence */
#define FOREIGN_SHARE 4 /* one word in four is a function word of ours */

static int
has(const sellify_detection_t *d, unsigned class_id)
{
    return (int) (d->hits.classes >> class_id & 1);
}

/* The triggers of sellify_trigger_t, the first one named. */
static sellify_trigger_t
first_trigger(const sellify_detection_t *d)
{
    for (unsigned i = SELLIFY_CLASS_THREAT; i <= SELLIFY_CLASS_MISUNDERSTANDING;
         i++) {
        if (has(d, i)) {
            return SELLIFY_TRIGGER_THREAT + (i - SELLIFY_CLASS_THREAT);
        }
    }
    return SELLIFY_TRIGGER_NONE;
}

/* The more a sense commits the customer or narrows what may be answered, the
 * earlier it comes.  An explicit purchase is one even in a sentence that also
 * grumbles; a refusal with its reason ("non merci, trop cher") is a refusal; a
 * doubt about the price speaks of the price too, but is no question for it. */
static const struct {
    sellify_class_t class_id;
    sellify_event_t event;
} event_order[] = {
    { SELLIFY_CLASS_PURCHASE_INTENT, SELLIFY_EVENT_PURCHASE_INTENT },
    { SELLIFY_CLASS_NEGATIVE_RESPONSE, SELLIFY_EVENT_NEGATIVE_RESPONSE },
    { SELLIFY_CLASS_OBJECTION_RAISED, SELLIFY_EVENT_OBJECTION_RAISED },
    { SELLIFY_CLASS_PRICE_INTEREST, SELLIFY_EVENT_PRICE_INTEREST },
    { SELLIFY_CLASS_PRODUCT_QUESTION, SELLIFY_EVENT_PRODUCT_QUESTION },
};

static sellify_event_t
first_event(const sellify_detection_t *d)
{
    for (size_t i = 0; i < sizeof(event_order) / sizeof(*event_order); i++) {
        if (has(d, event_order[i].class_id)) {
            return event_order[i].event;
        }
    }
    return SELLIFY_EVENT_NONE;
}

/* --- opt-out --- */

/* A phrase ("ne m'écrivez plus") or a long word ("désabonner") says it wherever
 * it stands; a short one ("stop") only when the message is nearly nothing
 * else.  To come back, any word must be nearly alone. */
static int
asks(const sellify_detection_t *d, const sellify_hit_t *hit)
{
    size_t words = hit->last - hit->first + 1;

    if (d->folded.plain_count <= words + OPT_OUT_OTHER_WORDS) {
        return 1;
    }
    return words > 1 || (hit->term->class_id == SELLIFY_CLASS_STOP &&
                            hit->end - hit->start > OPT_OUT_PLAIN_LETTERS);
}

static int
opt_out(const sellify_detection_t *d)
{
    int found = 0;

    if (!has(d, SELLIFY_CLASS_STOP) && !has(d, SELLIFY_CLASS_START)) {
        return 0;
    }
    for (size_t i = 0; i < d->hits.count; i++) {
        const sellify_hit_t *hit = &d->hits.items[i];

        if (hit->term->class_id == SELLIFY_CLASS_STOP && asks(d, hit)) {
            return 1;
        }
        if (hit->term->class_id == SELLIFY_CLASS_START && asks(d, hit)) {
            found = -1;
        }
    }
    return found;
}

/* --- language --- */

/* Function words and terms of the lexicons, counted; the value of a lexicon's
 * term is the index of its language. */
static sellify_str_t
guess_language(const sellify_ruleset_t *ruleset, const sellify_detection_t *d)
{
    uint32_t counts[SELLIFY_LANGUAGES_MAX] = { 0 };
    size_t best = 0;

    for (size_t i = 0; i < ruleset->policy.language_count; i++) {
        counts[i] = d->hits.counts[SELLIFY_CLASS_FUNCTION + i];
    }
    for (size_t i = 0; i < d->hits.count; i++) {
        const sellify_term_t *term = d->hits.items[i].term;

        if (term->class_id != SELLIFY_CLASS_PRODUCT &&
            term->value < SELLIFY_LANGUAGES_MAX) {
            counts[term->value]++;
        }
    }
    for (size_t i = 1; i < ruleset->policy.language_count; i++) {
        best = counts[i] > counts[best] ? i : best;
    }
    return counts[best] > 0 ? ruleset->policy.languages[best]
                            : (sellify_str_t){ "", 0 };
}

/* Nothing in it is listed, and too few of its words are function words of a
 * known language (neighbours share some: "la").  A word or two in our letters
 * tell nothing, one in other letters does. */
static int
is_foreign(const sellify_ruleset_t *ruleset, const sellify_detection_t *d)
{
    const sellify_folded_t *folded = &d->folded;
    size_t ours = 0, enough = FOREIGN_WORDS;

    if (d->hits.count > 0 || d->near_count > 0) {
        return 0;
    }
    for (size_t i = 0; i < ruleset->policy.language_count; i++) {
        ours += d->hits.counts[SELLIFY_CLASS_FUNCTION + i];
    }
    for (size_t i = 0; i < folded->word_count; i++) {
        const sellify_word_t *word = &folded->words[i];

        if ((word->shape & SELLIFY_WORD_LETTERS) != 0 &&
            (unsigned char) folded->data[word->start] >= 0x80) {
            enough = 1;
        }
    }
    return folded->plain_count >= enough &&
           ours * FOREIGN_SHARE < folded->plain_count;
}

int
sellify_detect(const sellify_ruleset_t *ruleset,
    const sellify_decision_input_t *input, void *scratch, size_t scratch_size,
    sellify_detection_t *d)
{
    size_t error_at;

    d->hits = (sellify_hits_t){ .items = d->items, .max = SELLIFY_HITS_MAX };
    d->near_count = 0;
    if (sellify_fold(sellify_matcher_folding(ruleset->incoming), input->message,
            scratch, scratch_size, &d->folded, &error_at) != 0) {
        return -1;
    }
    sellify_matcher_scan(ruleset->incoming, &d->folded, &d->hits);

    d->trigger = first_trigger(d);
    d->event = first_event(d);
    d->wants_image = has(d, SELLIFY_CLASS_IMAGE);
    d->wants_video = has(d, SELLIFY_CLASS_VIDEO);
    d->opt_out = opt_out(d);
    d->wordless = d->folded.plain_count == 0;
    d->language = guess_language(ruleset, d);
    sellify_recognise(ruleset, input->product_id, d);
    d->foreign = is_foreign(ruleset, d);
    return 0;
}
