/* The payload of an audit entry that the worker writes itself, as JSON. */
#include "audit.h"

#include "../core/api.h"
#include "memory.h"
#include "policy.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_SIZE 8192

static void
text_member(sellify_json_writer_t *w, const char *name, sellify_str_t value)
{
    sellify_json_key(w, name);
    if (value.len == 0) {
        sellify_json_null(w);
    } else {
        sellify_json_string(w, value);
    }
}

static void
name_member(sellify_json_writer_t *w, const char *name, const char *value)
{
    text_member(w, name, sellify_str_of(value));
}

static void
raw_member(sellify_json_writer_t *w, const char *name, sellify_str_t json)
{
    sellify_json_key(w, name);
    sellify_json_raw(w, json.len ? json : sellify_str("null"));
}

static void
quotas_member(sellify_json_writer_t *w, const char *name,
    const sellify_quota_counters_t *counters)
{
    static const char *const members[SELLIFY_QUOTA_TYPES] = {
        "messages_this_hour", "messages_today", "messages_this_week",
        "images_today", "videos_this_week"
    };

    sellify_json_key(w, name);
    if (counters == NULL) {
        sellify_json_null(w);
        return;
    }
    sellify_json_object(w);
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        sellify_json_key(w, members[type]);
        sellify_json_int(w, counters->used[type]);
    }
    sellify_json_object_end(w);
}

static void
flag_member(sellify_json_writer_t *w, const char *name, int value)
{
    sellify_json_key(w, name);
    sellify_json_bool(w, value != 0);
}

static void
number_member(sellify_json_writer_t *w, const char *name, int64_t value)
{
    sellify_json_key(w, name);
    sellify_json_int(w, value);
}

/* Everything that the engine was asked, but for the message itself: with the
 * ruleset version it makes the decision again. */
static void
input_member(sellify_json_writer_t *w, const sellify_decision_input_t *in)
{
    char seed[24];

    sellify_json_key(w, "input");
    if (in == NULL) {
        sellify_json_null(w);
        return;
    }
    sellify_json_object(w);
    name_member(w, "message_type", sellify_message_type_name(in->message_type));
    name_member(w, "state", sellify_state_name(in->state));
    flag_member(w, "license_ok", in->license_ok);
    flag_member(w, "is_active_hours", in->active_hours);
    flag_member(w, "quotas_available", in->quotas_available);
    flag_member(w, "media_quota_available", in->media_quota_available);
    flag_member(w, "video_quota_available", in->video_quota_available);
    number_member(w, "next_window_s", in->next_window_s);
    number_member(w, "quota_pressure", in->quota_pressure);
    flag_member(w, "sentiment_given", in->sentiment_given);
    name_member(w, "sentiment_detected", sellify_trigger_name(in->sentiment));
    flag_member(w, "paused", in->paused);
    flag_member(w, "opted_out", in->opted_out);
    flag_member(w, "accepts_media", in->accepts_media);
    number_member(w, "misunderstandings", in->misunderstandings);
    number_member(w, "replies_last_hour", in->replies_last_hour);
    flag_member(w, "known_languages_only", in->known_languages_only);
    text_member(w, "product_id", in->product_id);
    snprintf(seed, sizeof(seed), "%016" PRIx64, in->seed);
    name_member(w, "seed", seed);
    sellify_json_object_end(w);
}

static void
decision_members(sellify_json_writer_t *w, const sellify_decision_t *d)
{
    name_member(w, "action", d ? sellify_action_name(d->action) : NULL);
    name_member(w, "rule", d ? sellify_rule_name(d->rule) : NULL);
    name_member(w, "trigger", d ? sellify_trigger_name(d->trigger) : NULL);
    sellify_json_key(w, "decision");
    if (d == NULL) {
        sellify_json_null(w);
    } else {
        sellify_api_write_decision(w, d);
    }
}

static void
write_payload(
    sellify_json_writer_t *w, const audit_entry_t *e, uint64_t version)
{
    sellify_json_object(w);
    name_member(w, "kind", e->kind);
    text_member(w, "id", e->id);
    text_member(w, "actor", e->actor);
    text_member(w, "instance", e->instance);
    text_member(w, "conversation_id", e->conversation_id);
    text_member(w, "incoming_message", e->incoming_message);
    name_member(w, "state", e->state < 0 ? NULL : sellify_state_name(e->state));
    name_member(w, "new_state",
        e->new_state < 0 ? NULL : sellify_state_name(e->new_state));
    decision_members(w, e->decision);
    input_member(w, e->input);
    text_member(w, "ai_prompt", e->ai_prompt);
    text_member(w, "ai_response", e->ai_response);
    text_member(w, "sent_message", e->sent_message);
    name_member(w, "outcome", e->outcome);
    text_member(w, "reason", e->reason);
    quotas_member(w, "quotas_before", e->quotas_before);
    quotas_member(w, "quotas_after", e->quotas_after);
    sellify_json_key(w, "ruleset_version");
    sellify_json_int(w, (int64_t) version);
    raw_member(w, "details", e->details);
    sellify_json_object_end(w);
}

store_result_t
audit_write(worker_t *w, const audit_entry_t *entry, int64_t *sequence)
{
    audit_record_t record = {
        .kind = entry->kind,
        .id = entry->id,
        .instance = entry->instance,
        .conversation_id = entry->conversation_id,
        .state = entry->state,
        .action = entry->decision ? (int) entry->decision->action : -1,
    };
    uint64_t version = entry->decision
                           ? entry->decision->ruleset_version
                           : sellify_ruleset_version(policy_ruleset(w));
    size_t size = FIRST_SIZE;
    char *text = memory_get(size);
    sellify_json_writer_t json;
    sellify_time_t at;
    int64_t seq;
    audit_result_t result;

    sellify_json_writer(&json, text, size);
    write_payload(&json, entry, version);
    if (sellify_json_overflowed(&json)) {
        free(text);
        size = json.len + 1;
        text = memory_get(size);
        sellify_json_writer(&json, text, size);
        write_payload(&json, entry, version);
    }
    record.payload = (sellify_str_t){ text, json.len };
    result = audit_append(w, &record, &seq, &at);
    OPENSSL_cleanse(text, size);
    free(text);
    if (sequence != NULL) {
        *sequence = seq;
    }
    return result == AUDIT_FAILED     ? STORE_FAILED
           : result == AUDIT_CONFLICT ? STORE_NONE
                                      : STORE_OK;
}
