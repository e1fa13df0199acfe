/*
 * The JSON forms of the engines; see api.h.
 */
#include "api.h"

#include "rng.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define CONVERSATION_ID_MAX 256 /* characters */
#define PRODUCT_ID_MAX 64
#define RESERVATION_ID_MAX 64

int
sellify_instance_name_valid(sellify_str_t name)
{
    if (name.len == 0 || name.len > SELLIFY_INSTANCE_NAME_MAX) {
        return 0;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-')) {
            return 0;
        }
    }
    return 1;
}

static void
check_instance(sellify_str_t name, sellify_faults_t *faults)
{
    if (name.len > 0 && !sellify_instance_name_valid(name)) {
        sellify_fault_add(faults, "", "/instance",
            "must be 1 to 64 of A-Z a-z 0-9 _ . -, not \"%.*s\"",
            name.len < 80 ? (int) name.len : 80, name.data);
    }
}

/* A member whose text must be one of a closed set.  `parse` gives -1 for what
 * is not. */
static int
parse_enum(sellify_str_t text, int (*parse)(sellify_str_t), const char *pointer,
    const char *what, sellify_faults_t *faults)
{
    int value = parse(text);

    if (value < 0) {
        sellify_fault_add(faults, "", pointer, "must be %s, not \"%.*s\"", what,
            text.len < 80 ? (int) text.len : 80, text.data);
    }
    return value;
}

#define STATES                                                                 \
    "Discovery, Interest, Intent, Objection, Negative, Escalated or Frozen"
#define EVENTS                                                                 \
    "ProductQuestion, PriceInterest, PurchaseIntent, ObjectionRaised, "        \
    "NegativeResponse, ThreatDetected or Freeze"
#define MESSAGE_TYPES                                                          \
    "text, image, video, audio, document, sticker, location, contact or "      \
    "unknown"

/* --- decision --- */

typedef struct {
    sellify_str_t message, state, sentiment, type, instance, conversation_id;
    signed char quotas, hours, paused, opted_out, accepts_media;
    uint32_t misunderstandings;
} decision_body_t;

#define OF(type, member) offsetof(type##_body_t, member)

static const sellify_json_field_t decision_fields[] = {
    { "incoming_message", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        OF(decision, message), SELLIFY_MESSAGE_CHARS_MAX },
    { "conversation_state", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(decision, state), 0 },
    { "quotas_available", SELLIFY_JSON_BOOL, SELLIFY_JSON_NULLABLE,
        OF(decision, quotas), 0 },
    { "is_active_hours", SELLIFY_JSON_BOOL, SELLIFY_JSON_NULLABLE,
        OF(decision, hours), 0 },
    { "sentiment_detected", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(decision, sentiment), 0 },
    { "paused", SELLIFY_JSON_BOOL, SELLIFY_JSON_NULLABLE, OF(decision, paused),
        0 },
    { "opted_out", SELLIFY_JSON_BOOL, SELLIFY_JSON_NULLABLE,
        OF(decision, opted_out), 0 },
    { "misunderstandings", SELLIFY_JSON_UINT, SELLIFY_JSON_NULLABLE,
        OF(decision, misunderstandings), 0 },
    { "accepts_media", SELLIFY_JSON_BOOL, SELLIFY_JSON_NULLABLE,
        OF(decision, accepts_media), 0 },
    { "conversation_id", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(decision, conversation_id), CONVERSATION_ID_MAX },
    { "instance", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(decision, instance), 0 },
    { "message_type", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(decision, type), 0 },
};

/* The next part of a seed: order and place count, so that a conversation named
 * like an instance is not taken for it. */
static uint64_t
mix(uint64_t seed, sellify_str_t part)
{
    sellify_rng_t rng = sellify_rng(seed);

    seed = sellify_rng_next(&rng);
    return part.len > 0 ? seed ^ sellify_rng_seed_of(part) : seed;
}

/* The same message of the same conversation always draws the same jitter. */
static uint64_t
seed_of(const decision_body_t *body)
{
    uint64_t seed = sellify_rng_seed_of(body->message);

    return mix(mix(seed, body->conversation_id), body->instance);
}

int
sellify_api_read_decision(sellify_str_t text, char *arena,
    sellify_decision_request_t *request, sellify_faults_t *faults)
{
    decision_body_t body = { .quotas = -1, .hours = -1 };
    sellify_decision_input_t *input = &request->input;
    int state = SELLIFY_STATE_DISCOVERY, type = SELLIFY_MESSAGE_TEXT;

    *request = (sellify_decision_request_t){ .quotas_available = -1 };
    if (sellify_json_read(text, decision_fields, COUNT(decision_fields), &body,
            arena, faults) != 0) {
        return 400;
    }
    if (body.state.data != NULL) {
        state = parse_enum(body.state, sellify_state_parse,
            "/conversation_state", STATES, faults);
    }
    if (body.type.data != NULL) {
        type = parse_enum(body.type, sellify_message_type_parse,
            "/message_type", MESSAGE_TYPES, faults);
    }
    check_instance(body.instance, faults);
    if (faults->count > 0) {
        return 400;
    }
    request->instance = body.instance;
    request->conversation_id = body.conversation_id;
    request->quotas_available = body.quotas;
    request->is_active_hours = body.hours;
    *input = (sellify_decision_input_t){
        .message = body.message,
        .message_type = (sellify_message_type_t) type,
        .state = (sellify_state_t) state,
        .license_ok = 1,
        .active_hours = body.hours != 0,
        .quotas_available = body.quotas != 0,
        .media_quota_available = 1,
        .video_quota_available = 1,
        .sentiment_given = body.sentiment.data != NULL,
        .sentiment = sellify_trigger_parse(body.sentiment),
        .paused = body.paused == 1,
        .opted_out = body.opted_out == 1,
        .accepts_media = body.accepts_media == 1,
        .misunderstandings = body.misunderstandings,
        .seed = seed_of(&body),
    };
    return 0;
}

static void
write_name(sellify_json_writer_t *w, const char *key, const char *name)
{
    sellify_json_key(w, key);
    if (name != NULL) {
        sellify_json_cstring(w, name);
    } else {
        sellify_json_null(w);
    }
}

static void
write_id(sellify_json_writer_t *w, const char *key, const sellify_str_t *id)
{
    sellify_json_key(w, key);
    if (id != NULL) {
        sellify_json_string(w, *id);
    } else {
        sellify_json_null(w);
    }
}

static void
write_range(sellify_json_writer_t *w, uint32_t start, uint32_t end)
{
    sellify_json_key(w, "start");
    sellify_json_int(w, start);
    sellify_json_key(w, "end");
    sellify_json_int(w, end);
}

static void
write_matches(sellify_json_writer_t *w, const sellify_decision_t *decision)
{
    sellify_json_key(w, "matched");
    sellify_json_array(w);
    for (size_t i = 0; i < decision->match_count; i++) {
        const sellify_match_t *match = &decision->matches[i];

        sellify_json_object(w);
        sellify_json_key(w, "term");
        sellify_json_string(w, match->term);
        write_name(w, "kind", match->kind);
        write_range(w, match->start, match->end);
        sellify_json_object_end(w);
    }
    sellify_json_array_end(w);
}

void
sellify_api_write_decision(
    sellify_json_writer_t *w, const sellify_decision_t *d)
{
    sellify_json_object(w);
    write_name(w, "action", sellify_action_name(d->action));
    write_name(w, "details", d->details[0] != '\0' ? d->details : NULL);
    write_name(w, "rule", sellify_rule_name(d->rule));
    write_name(w, "event", sellify_event_name(d->event));
    write_name(w, "new_state", sellify_state_name(d->new_state));
    write_name(w, "trigger", sellify_trigger_name(d->trigger));
    sellify_json_key(w, "wants_media");
    sellify_json_bool(w, d->wants_media);
    write_id(w, "product_id", d->product != NULL ? &d->product->id : NULL);
    write_id(w, "media_id", d->media != NULL ? &d->media->id : NULL);
    sellify_json_key(w, "delay_seconds");
    if (d->delay_known) {
        sellify_json_int(w, d->delay_seconds);
    } else {
        sellify_json_null(w);
    }
    write_matches(w, d);
    sellify_json_key(w, "ruleset_version");
    sellify_json_int(w, (int64_t) d->ruleset_version);
    sellify_json_object_end(w);
}

/* --- validate --- */

typedef struct {
    sellify_str_t text, product_id;
    uint32_t max_length;
} validate_body_t;

static const sellify_json_field_t validate_fields[] = {
    { "text", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED, OF(validate, text),
        0 },
    { "product_id", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(validate, product_id), PRODUCT_ID_MAX },
    { "max_length", SELLIFY_JSON_UINT, SELLIFY_JSON_NULLABLE,
        OF(validate, max_length), 0 },
};

int
sellify_api_read_validate(sellify_str_t text, char *arena,
    sellify_validate_request_t *request, sellify_faults_t *faults)
{
    validate_body_t body = { .max_length = UINT32_MAX };

    *request = (sellify_validate_request_t){ .max_length = 0 };
    if (sellify_json_read(text, validate_fields, COUNT(validate_fields), &body,
            arena, faults) != 0) {
        return 400;
    }
    if (body.max_length == 0) {
        sellify_fault_add(faults, "", "/max_length", "must be at least 1");
    }
    if (body.product_id.data != NULL && body.product_id.len == 0) {
        sellify_fault_add(faults, "", "/product_id", "must not be empty");
    }
    if (faults->count > 0) {
        return 400;
    }
    request->text = body.text;
    request->product_id = body.product_id;
    request->max_length = body.max_length == UINT32_MAX ? 0 : body.max_length;
    return 0;
}

void
sellify_api_write_verdict(sellify_json_writer_t *w,
    const sellify_verdict_t *verdict, sellify_str_t fallback_text)
{
    sellify_json_object(w);
    sellify_json_key(w, "valid");
    sellify_json_bool(w, verdict->valid);
    write_id(
        w, "validated_text", verdict->valid ? &verdict->validated_text : NULL);
    write_name(w, "error", verdict->valid ? NULL : verdict->error);
    sellify_json_key(w, "violations");
    sellify_json_array(w);
    for (size_t i = 0; i < verdict->violation_count; i++) {
        const sellify_violation_t *violation = &verdict->violations[i];

        sellify_json_object(w);
        write_name(w, "rule", sellify_violation_name(violation->rule));
        sellify_json_key(w, "term");
        sellify_json_string(w, violation->term);
        write_range(w, violation->start, violation->end);
        sellify_json_object_end(w);
    }
    sellify_json_array_end(w);
    write_id(w, "fallback_text", fallback_text.len > 0 ? &fallback_text : NULL);
    sellify_json_object_end(w);
}

/* --- transition --- */

typedef struct {
    sellify_str_t state, event;
} transition_body_t;

static const sellify_json_field_t transition_fields[] = {
    { "current_state", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        OF(transition, state), 0 },
    { "event", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        OF(transition, event), 0 },
};

int
sellify_api_read_transition(sellify_str_t text, char *arena,
    sellify_transition_request_t *request, sellify_faults_t *faults)
{
    transition_body_t body = { .state = { NULL, 0 } };
    int state, event;

    *request = (sellify_transition_request_t){ .event = SELLIFY_EVENT_NONE };
    if (sellify_json_read(text, transition_fields, COUNT(transition_fields),
            &body, arena, faults) != 0) {
        return 400;
    }
    state = parse_enum(
        body.state, sellify_state_parse, "/current_state", STATES, faults);
    event =
        parse_enum(body.event, sellify_event_parse, "/event", EVENTS, faults);
    if (state < 0 || event < 0) {
        return 400;
    }
    request->current_state = (sellify_state_t) state;
    request->event = (sellify_event_t) event;
    return 0;
}

void
sellify_api_write_transition(
    sellify_json_writer_t *w, sellify_state_t new_state)
{
    sellify_json_object(w);
    write_name(w, "new_state", sellify_state_name(new_state));
    sellify_json_object_end(w);
}

/* --- quota --- */

typedef struct {
    sellify_str_t type, instance, reservation_id;
} quota_body_t;

static const sellify_json_field_t quota_fields[] = {
    { "message_type", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(quota, type), 0 },
    { "instance", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(quota, instance), 0 },
    { "reservation_id", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        OF(quota, reservation_id), RESERVATION_ID_MAX },
};

int
sellify_api_read_quota(sellify_str_t text, char *arena, int optional,
    sellify_quota_request_t *request, sellify_faults_t *faults)
{
    quota_body_t body = { .type = { NULL, 0 } };
    int kind = SELLIFY_KIND_TEXT;

    *request = (sellify_quota_request_t){ .kind = SELLIFY_KIND_TEXT };
    if (text.len == 0 && optional) {
        return 0;
    }
    if (sellify_json_read(text, quota_fields, COUNT(quota_fields), &body, arena,
            faults) != 0) {
        return 400;
    }
    if (body.type.data != NULL) {
        kind = parse_enum(body.type, sellify_kind_parse, "/message_type",
            "text, image or video", faults);
    }
    check_instance(body.instance, faults);
    if (faults->count > 0) {
        return 400;
    }
    request->kind = (sellify_kind_t) kind;
    request->kind_given = body.type.data != NULL;
    request->instance = body.instance;
    request->reservation_id = body.reservation_id;
    return 0;
}

void
sellify_api_write_quota_check(sellify_json_writer_t *w,
    const sellify_quota_answer_t *answer, int64_t now, uint32_t delay_seconds)
{
    sellify_json_object(w);
    sellify_json_key(w, "can_send");
    sellify_json_bool(w, answer->can_send);
    sellify_json_key(w, "delay_seconds");
    if (answer->can_send) {
        sellify_json_int(w, delay_seconds);
    } else if (answer->next_at > now) {
        sellify_json_int(w, answer->next_at - now);
    } else {
        sellify_json_null(w);
    }
    sellify_json_key(w, "remaining");
    sellify_json_int(w, answer->remaining);
    sellify_json_object_end(w);
}

static void
write_time(sellify_json_writer_t *w, const char *key, int64_t seconds)
{
    char text[SELLIFY_RFC3339_MAX];

    if (seconds > 0) {
        sellify_time_format(seconds * SELLIFY_SECOND, text);
    }
    write_name(w, key, seconds > 0 ? text : NULL);
}

static void
write_used(sellify_json_writer_t *w, const char *key,
    const sellify_state_instance_t *instance, sellify_quota_type_t type,
    int64_t now)
{
    sellify_json_key(w, key);
    sellify_json_int(w, sellify_quota_used(&instance->counters, type, now));
}

static void
write_limits(sellify_json_writer_t *w, const sellify_state_instance_t *instance,
    int64_t now)
{
    sellify_json_key(w, "limits");
    sellify_json_object(w);
    for (int i = 0; i < SELLIFY_QUOTA_TYPES; i++) {
        sellify_json_key(w, sellify_quota_type_name(i));
        sellify_json_int(w, instance->limits.max[i]);
    }
    sellify_json_object_end(w);
    sellify_json_key(w, "remaining");
    sellify_json_object(w);
    for (int i = 0; i < SELLIFY_QUOTA_TYPES; i++) {
        sellify_json_key(w, sellify_quota_type_name(i));
        sellify_json_int(w, sellify_quota_remaining(&instance->counters,
                                &instance->limits, i, now));
    }
    sellify_json_object_end(w);
}

void
sellify_api_write_quota_status(sellify_json_writer_t *w,
    const sellify_state_instance_t *instance, int64_t now)
{
    sellify_json_object(w);
    write_name(w, "instance", instance->name);
    write_used(w, "messages_this_hour", instance, SELLIFY_QUOTA_HOUR, now);
    write_used(w, "messages_today", instance, SELLIFY_QUOTA_DAY, now);
    write_used(w, "messages_this_week", instance, SELLIFY_QUOTA_WEEK, now);
    write_used(w, "images_today", instance, SELLIFY_QUOTA_IMAGES, now);
    write_used(w, "videos_this_week", instance, SELLIFY_QUOTA_VIDEOS, now);
    write_limits(w, instance, now);
    write_time(w, "last_reset", instance->last_reset);
    write_time(w, "next_daily_reset", instance->next_day);
    write_time(w, "next_weekly_reset", instance->next_week);
    sellify_json_key(w, "needs_daily_reset");
    sellify_json_bool(w, instance->next_day > 0 && now >= instance->next_day);
    sellify_json_key(w, "needs_weekly_reset");
    sellify_json_bool(w, instance->next_week > 0 && now >= instance->next_week);
    sellify_json_object_end(w);
}
