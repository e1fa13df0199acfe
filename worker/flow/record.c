/*
 * What a job was asked and what was decided, as JSON in a sealed column: the
 * answer may leave much later, even after a restart, and the audit entry written
 * then must tell what the engine was told at the time.
 */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const char *name;
    size_t offset;
    enum { AS_INT, AS_UINT } as;
} field_t;

#define INPUT(member)                                                          \
    {                                                                          \
#member, offsetof(sellify_decision_input_t, member), AS_INT            \
    }
#define INPUT_U(member)                                                        \
    {                                                                          \
#member, offsetof(sellify_decision_input_t, member), AS_UINT           \
    }
#define DECISION(member)                                                       \
    {                                                                          \
#member, offsetof(sellify_decision_t, member), AS_INT                  \
    }

/* Enums are ints here; a compiler that packs them would fail below. */
_Static_assert(sizeof(sellify_state_t) == sizeof(int), "enum size");
_Static_assert(sizeof(sellify_trigger_t) == sizeof(int), "enum size");

static const field_t input_fields[] = { INPUT(message_type), INPUT(state),
    INPUT(license_ok), INPUT(active_hours), INPUT(quotas_available),
    INPUT(media_quota_available), INPUT(video_quota_available),
    INPUT_U(next_window_s), INPUT_U(quota_pressure), INPUT(sentiment_given),
    INPUT(sentiment), INPUT(paused), INPUT(opted_out), INPUT(accepts_media),
    INPUT_U(misunderstandings), INPUT_U(replies_last_hour),
    INPUT(known_languages_only) };

static const field_t decision_fields[] = { DECISION(action), DECISION(rule),
    DECISION(event), DECISION(new_state), DECISION(trigger),
    DECISION(wants_media), DECISION(opt_out), DECISION(not_understood),
    { "delay_seconds", offsetof(sellify_decision_t, delay_seconds), AS_UINT },
    DECISION(delay_known) };

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Kinds are static strings in the engine: a stored one must become static
 * again. */
static const char *const kinds[] = { "ProductQuestion", "PriceInterest",
    "PurchaseIntent", "ObjectionRaised", "NegativeResponse", "threat", "legal",
    "anger", "sensitive", "misunderstanding", "opt-out", "media", "product",
    "exception", "greeting", "opt-in" };

static const char *
static_kind(const char *name)
{
    size_t i;

    for (i = 0; i < COUNT(kinds); i++) {
        if (strcmp(kinds[i], name) == 0) {
            return kinds[i];
        }
    }

    return "other";
}

/* --- writing --- */

static void
write_fields(sellify_json_writer_t *j, const field_t *fields, size_t count,
    const void *from)
{
    size_t i;
    const char *at;

    for (i = 0; i < count; i++) {
        at = (const char *) from + fields[i].offset;
        sellify_json_key(j, fields[i].name);
        sellify_json_int(j, fields[i].as == AS_INT
                                ? *(const int *) at
                                : (int64_t) * (const uint32_t *) at);
    }
}

/* 64 bits are text: a JSON number may not carry them. */
static void
write_u64(sellify_json_writer_t *j, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    sellify_json_key(j, name);
    sellify_json_cstring(j, text);
}

static void
write_matches(sellify_json_writer_t *j, const sellify_decision_t *decision)
{
    size_t i;

    sellify_json_key(j, "matches");
    sellify_json_array(j);
    for (i = 0; i < decision->match_count; i++) {
        sellify_json_object(j);
        sellify_json_key(j, "term");
        sellify_json_string(j, decision->matches[i].term);
        sellify_json_key(j, "kind");
        sellify_json_cstring(j, decision->matches[i].kind);
        sellify_json_key(j, "start");
        sellify_json_int(j, decision->matches[i].start);
        sellify_json_key(j, "end");
        sellify_json_int(j, decision->matches[i].end);
        sellify_json_object_end(j);
    }
    sellify_json_array_end(j);
}

static void
write_decision(sellify_json_writer_t *j, const sellify_decision_t *decision)
{
    sellify_json_key(j, "decision");
    sellify_json_object(j);
    write_fields(j, decision_fields, COUNT(decision_fields), decision);
    sellify_json_key(j, "details");
    sellify_json_cstring(j, decision->details);
    sellify_json_key(j, "language");
    sellify_json_cstring(j, decision->language);
    write_u64(j, "ruleset_version", decision->ruleset_version);

    if (decision->product != NULL) {
        sellify_json_key(j, "product");
        sellify_json_string(j, decision->product->id);
    }

    if (decision->media != NULL) {
        sellify_json_key(j, "media");
        sellify_json_string(j, decision->media->id);
        sellify_json_key(j, "media_type");
        sellify_json_int(j, decision->media->type);
    }

    write_matches(j, decision);
    sellify_json_object_end(j);
}

static void
write_counters(sellify_json_writer_t *j, const sellify_quota_counters_t *c)
{
    int type;

    sellify_json_key(j, "before");
    sellify_json_array(j);
    for (type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        sellify_json_int(j, c->used[type]);
    }
    sellify_json_int(j, c->windows.hour_end);
    sellify_json_int(j, c->windows.day_end);
    sellify_json_int(j, c->windows.week_end);
    sellify_json_array_end(j);
}

static void
write_record(sellify_json_writer_t *j, const sellify_decision_input_t *input,
    const sellify_decision_t *decision, const sellify_quota_counters_t *before)
{
    sellify_json_object(j);
    sellify_json_key(j, "message");
    sellify_json_string(j, input->message);
    sellify_json_key(j, "input");
    sellify_json_object(j);
    write_fields(j, input_fields, COUNT(input_fields), input);
    sellify_json_key(j, "product");
    sellify_json_string(j, input->product_id);
    write_u64(j, "seed", input->seed);
    sellify_json_object_end(j);
    write_decision(j, decision);
    write_counters(j, before);
    sellify_json_object_end(j);
}

store_result_t
flow_record_save(worker_t *w, int64_t job_id,
    const sellify_decision_input_t *input, const sellify_decision_t *decision,
    const sellify_quota_counters_t *before)
{
    sellify_json_writer_t j;
    store_result_t result;
    char *text;
    size_t size;

    sellify_json_writer(&j, NULL, 0);
    write_record(&j, input, decision, before);

    size = j.len + 1;
    text = memory_get(size);
    sellify_json_writer(&j, text, size);
    write_record(&j, input, decision, before);

    result = flow_store_set_text(
        w->store, job_id, FLOW_TEXT_RECORD, (sellify_str_t){ text, j.len });
    memory_wipe(text);

    return result;
}

/* --- reading --- */

static void
read_fields(const cJSON *object, const field_t *fields, size_t count, void *to)
{
    const cJSON *item;
    size_t i;
    char *at;

    for (i = 0; i < count; i++) {
        item = cJSON_GetObjectItemCaseSensitive(object, fields[i].name);
        at = (char *) to + fields[i].offset;

        if (!cJSON_IsNumber(item)) {
            continue;
        }

        if (fields[i].as == AS_INT) {
            *(int *) at = item->valueint;
        } else {
            *(uint32_t *) at = (uint32_t) item->valuedouble;
        }
    }
}

static const char *
read_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static void
read_matches(const cJSON *object, sellify_decision_t *decision)
{
    const cJSON *item;
    sellify_match_t *match;

    cJSON_ArrayForEach(
        item, cJSON_GetObjectItemCaseSensitive(object, "matches"))
    {
        if (decision->match_count == SELLIFY_MATCHES_MAX) {
            return;
        }

        match = &decision->matches[decision->match_count++];
        match->term = sellify_str_of(read_text(item, "term"));
        match->kind = static_kind(read_text(item, "kind"));
        match->start = (uint32_t) cJSON_GetNumberValue(
            cJSON_GetObjectItemCaseSensitive(item, "start"));
        match->end = (uint32_t) cJSON_GetNumberValue(
            cJSON_GetObjectItemCaseSensitive(item, "end"));
    }
}

static void
read_decision(const cJSON *object, flow_record_t *record)
{
    sellify_decision_t *d = &record->decision;
    const cJSON *type;

    read_fields(object, decision_fields, COUNT(decision_fields), d);
    snprintf(
        d->details, sizeof(d->details), "%s", read_text(object, "details"));
    snprintf(
        d->language, sizeof(d->language), "%s", read_text(object, "language"));
    d->ruleset_version =
        strtoull(read_text(object, "ruleset_version"), NULL, 10);

    record->product.id = sellify_str_of(read_text(object, "product"));
    d->product = record->product.id.len > 0 ? &record->product : NULL;

    record->media.id = sellify_str_of(read_text(object, "media"));
    type = cJSON_GetObjectItemCaseSensitive(object, "media_type");
    record->media.type = cJSON_IsNumber(type) && type->valueint != 0
                             ? SELLIFY_MEDIA_VIDEO
                             : SELLIFY_MEDIA_IMAGE;
    d->media = record->media.id.len > 0 ? &record->media : NULL;

    read_matches(object, d);
}

static void
read_counters(const cJSON *array, sellify_quota_counters_t *c)
{
    int64_t values[SELLIFY_QUOTA_TYPES + 3] = { 0 };
    const cJSON *item;
    size_t i = 0;

    cJSON_ArrayForEach(item, array)
    {
        if (i < COUNT(values)) {
            values[i++] = (int64_t) cJSON_GetNumberValue(item);
        }
    }

    for (i = 0; i < SELLIFY_QUOTA_TYPES; i++) {
        c->used[i] = (uint32_t) values[i];
    }
    c->windows.hour_end = values[SELLIFY_QUOTA_TYPES];
    c->windows.day_end = values[SELLIFY_QUOTA_TYPES + 1];
    c->windows.week_end = values[SELLIFY_QUOTA_TYPES + 2];
}

store_result_t
flow_record_load(worker_t *w, int64_t job_id, flow_record_t *record)
{
    sellify_str_t text;
    store_result_t result;
    const cJSON *input;

    memset(record, 0, sizeof(*record));

    result = flow_store_text(w->store, job_id, FLOW_TEXT_RECORD, &text);
    if (result != STORE_OK) {
        return result;
    }

    if (text.data == NULL) {
        return STORE_NONE;
    }

    record->tree = cJSON_ParseWithLength(text.data, text.len);
    store_release(&text);

    if (record->tree == NULL) {
        log_error("flow", "record is not readable", "job %" PRId64, job_id);
        return STORE_NONE;
    }

    record->message = sellify_str_of(read_text(record->tree, "message"));

    input = cJSON_GetObjectItemCaseSensitive(record->tree, "input");
    read_fields(input, input_fields, COUNT(input_fields), &record->input);
    record->input.message = record->message;
    record->input.product_id = sellify_str_of(read_text(input, "product"));
    record->input.seed = strtoull(read_text(input, "seed"), NULL, 10);

    read_decision(
        cJSON_GetObjectItemCaseSensitive(record->tree, "decision"), record);
    read_counters(cJSON_GetObjectItemCaseSensitive(record->tree, "before"),
        &record->before);

    return STORE_OK;
}

/* Overwrites the texts before they go back to the heap. */
static void
cleanse(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        cleanse(item->child);
        if (item->valuestring != NULL) {
            explicit_bzero(item->valuestring, strlen(item->valuestring));
        }
    }
}

void
flow_record_free(flow_record_t *record)
{
    cleanse(record->tree);
    cJSON_Delete(record->tree);
    record->tree = NULL;
}
