/* The payload of an audit entry that the worker writes itself, as JSON. */
#include "audit.h"
#include "members.h"

#include "../core/api.h"
#include "memory.h"
#include "policy.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_SIZE 8192

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
    member_name(w, "message_type", sellify_message_type_name(in->message_type));
    member_name(w, "state", sellify_state_name(in->state));
    member_flag(w, "license_ok", in->license_ok);
    member_flag(w, "is_active_hours", in->active_hours);
    member_flag(w, "quotas_available", in->quotas_available);
    member_flag(w, "media_quota_available", in->media_quota_available);
    member_flag(w, "video_quota_available", in->video_quota_available);
    member_number(w, "next_window_s", in->next_window_s);
    member_number(w, "quota_pressure", in->quota_pressure);
    member_flag(w, "sentiment_given", in->sentiment_given);
    member_name(w, "sentiment_detected", sellify_trigger_name(in->sentiment));
    member_flag(w, "paused", in->paused);
    member_flag(w, "opted_out", in->opted_out);
    member_flag(w, "accepts_media", in->accepts_media);
    member_number(w, "misunderstandings", in->misunderstandings);
    member_number(w, "replies_last_hour", in->replies_last_hour);
    member_flag(w, "known_languages_only", in->known_languages_only);
    member_text(w, "product_id", in->product_id);
    snprintf(seed, sizeof(seed), "%016" PRIx64, in->seed);
    member_name(w, "seed", seed);
    sellify_json_object_end(w);
}

static void
decision_members(sellify_json_writer_t *w, const sellify_decision_t *d)
{
    member_name(w, "action", d ? sellify_action_name(d->action) : NULL);
    member_name(w, "rule", d ? sellify_rule_name(d->rule) : NULL);
    member_name(w, "trigger", d ? sellify_trigger_name(d->trigger) : NULL);
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
    member_name(w, "kind", e->kind);
    member_text(w, "id", e->id);
    member_text(w, "actor", e->actor);
    member_text(w, "instance", e->instance);
    member_text(w, "conversation_id", e->conversation_id);
    member_text(w, "incoming_message", e->incoming_message);
    member_name(w, "state", e->state < 0 ? NULL : sellify_state_name(e->state));
    member_name(w, "new_state",
        e->new_state < 0 ? NULL : sellify_state_name(e->new_state));
    decision_members(w, e->decision);
    input_member(w, e->input);
    member_text(w, "ai_prompt", e->ai_prompt);
    member_text(w, "ai_response", e->ai_response);
    member_text(w, "sent_message", e->sent_message);
    member_name(w, "outcome", e->outcome);
    member_text(w, "reason", e->reason);
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
