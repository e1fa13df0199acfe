/*
 * One event in: stored, or told why not.  Everything here happens inside the
 * step of the webhook request, whose answer leaves after COMMIT.
 */
#include "internal.h"

#include "../../core/api.h"
#include "../../core/rng.h"

#include <stdio.h>
#include <stdlib.h>

store_result_t
flow_ignore(worker_t *w, const instance_t *instance, const char *reason,
    flow_counts_t *counts)
{
    audit_entry_t entry = { .kind = "message",
        .actor = sellify_str("pipeline"),
        .instance = sellify_str_of(instance->name),
        .state = -1,
        .new_state = -1,
        .outcome = "ignored",
        .reason = sellify_str_of(reason) };

    counts->ignored++;
    metrics_committed(w, METRIC_MESSAGES, "in", reason);

    return audit_write(w, &entry, NULL) == STORE_FAILED ? STORE_FAILED
                                                        : STORE_OK;
}

/* --- who may be answered --- */

/* "33612345678" of "33612345678:12@s.whatsapp.net". */
static sellify_str_t
number_of(sellify_str_t jid)
{
    size_t i;

    for (i = 0; i < jid.len; i++) {
        if (jid.data[i] < '0' || jid.data[i] > '9') {
            break;
        }
    }

    return (sellify_str_t){ jid.data, i };
}

static int
listed(sellify_str_t number, const sellify_str_t *numbers, size_t count)
{
    size_t i;

    for (i = 0; number.len > 0 && i < count; i++) {
        if (sellify_str_equal(number, numbers[i])) {
            return 1;
        }
    }

    return 0;
}

/* The sender's number, from the event or, for one known only by LID, from the
 * chat's alias.  Copied to `out`; "" unknown. */
static store_result_t
sender_number(worker_t *w, const instance_t *instance,
    const flow_event_t *event, char out[32])
{
    chat_address_t address = { .jid = event->jid, .lid = event->lid };
    sellify_str_t jid = { NULL, 0 }, number = number_of(event->jid);
    conversation_t chat;
    store_result_t result = STORE_OK;

    if (number.len == 0) {
        result = conversations_find(w, instance, &address, &chat);
        if (result == STORE_OK) {
            result = conversations_address(w, chat.id, &jid);
        }
        if (result == STORE_OK && jid.len > 15 &&
            memcmp(jid.data + jid.len - 15, "@s.whatsapp.net", 15) == 0) {
            number = number_of(jid);
        }
    }

    out[0] = '\0';
    if (number.len < 32) {
        memcpy(out, number.len > 0 ? number.data : "", number.len);
        out[number.len] = '\0';
    }
    store_release(&jid);

    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* Why this sender is not answered at all, or NULL.  Alert numbers belong to the
 * staff; with a real driver only named instances and audiences are automated. */
static store_result_t
excluded(worker_t *w, const instance_t *instance, const flow_event_t *event,
    const char **reason)
{
    const sellify_policy_t *policy = policy_now(w);
    char number[32];
    sellify_str_t n;

    *reason = NULL;

    if (sender_number(w, instance, event, number) == STORE_FAILED) {
        return STORE_FAILED;
    }
    n = sellify_str_of(number);

    if (listed(n, policy->alert_numbers, policy->alert_number_count)) {
        *reason = "alert-number";

    } else if (whatsapp_driver(w)->real && !instance->automated) {
        *reason = "not-automated";

    } else if (whatsapp_driver(w)->real &&
               policy->audience == SELLIFY_AUDIENCE_ALLOW_LIST &&
               !listed(n, policy->audience_numbers,
                   policy->audience_number_count)) {
        *reason = "audience";
    }

    return STORE_OK;
}

/* Audience new_chats: was the chat there before Sellify? */
static store_result_t
excluded_chat(
    worker_t *w, const conversation_t *chat, int from_me, const char **reason)
{
    int known;

    if (flow_store_set_origin(w->store, chat->id, from_me) == STORE_FAILED ||
        flow_store_origin(w->store, chat->id, &known) == STORE_FAILED) {
        return STORE_FAILED;
    }

    *reason = whatsapp_driver(w)->real && known &&
                      policy_now(w)->audience == SELLIFY_AUDIENCE_NEW_CHATS
                  ? "audience"
                  : NULL;

    return STORE_OK;
}

/* --- a customer's message --- */

typedef struct {
    worker_t *w;
    const instance_t *instance;
    const flow_event_t *event;
    conversation_t chat;
    sellify_str_t text;
    int64_t at; /* sender's time, never in the future */
} arrival_t;

static store_result_t
new_job(const arrival_t *a, int64_t due_at, flow_job_t *job)
{
    worker_t *w = a->w;
    char seed[SELLIFY_INSTANCE_NAME_MAX + FLOW_ID_MAX + 4];

    memset(job, 0, sizeof(*job));
    job->instance_id = a->instance->id;
    job->conversation_id = a->chat.id;
    snprintf(job->driver, sizeof(job->driver), "%s", whatsapp_driver(w)->name);
    job->step = FLOW_COLLECTING;
    snprintf(job->reason, sizeof(job->reason), "burst");
    job->first_at = job->last_at = worker_now(w);
    job->due_at = due_at;
    snprintf(seed, sizeof(seed), "%s/%.*s", a->instance->name,
        (int) a->event->message_id.len, a->event->message_id.data);
    job->seed = sellify_rng_seed_of(sellify_str_of(seed));

    return flow_store_add(w->store, job) == STORE_FAILED ? STORE_FAILED
                                                         : STORE_OK;
}

static store_result_t
add_to_job(const arrival_t *a, int64_t job_id)
{
    flow_message_t message = {
        .at = a->at, .type = (int) a->event->type, .text = a->text
    };

    if (message.text.data == NULL) {
        message.text = sellify_str("");
    }

    return flow_store_add_message(a->w->store, job_id, &message) == STORE_FAILED
               ? STORE_FAILED
               : STORE_OK;
}

/* Joins the burst that is being collected, or begins one. */
static store_result_t
join(const arrival_t *a)
{
    const sellify_policy_t *policy = policy_now(a->w);
    int64_t now = worker_now(a->w), id, due, longest;
    store_result_t result;
    flow_job_t job;

    due = now + (int64_t) policy->quiet_ms * 1000;

    result = flow_store_in_steps(
        a->w->store, a->chat.id, FLOW_COLLECTING, FLOW_COLLECTING, 0, &id);

    if (result == STORE_NONE) {
        if (new_job(a, due, &job) == STORE_FAILED) {
            return STORE_FAILED;
        }

    } else if (result != STORE_OK ||
               flow_store_load(a->w->store, id, &job) != STORE_OK) {
        return STORE_FAILED;

    } else {
        longest = job.first_at + (int64_t) policy->quiet_max_ms * 1000;
        job.last_at = now;
        job.due_at = due < longest ? due : longest;
        due = job.due_at;
        if (flow_store_save(a->w->store, &job) == STORE_FAILED) {
            return STORE_FAILED;
        }
    }

    flow_wake_at(a->w, due);
    return add_to_job(a, job.id);
}

/* Too old on receipt: kept, told to a human, not answered. */
static store_result_t
end_late(arrival_t *a)
{
    flow_context_t ctx = {
        .worker = a->w, .chat = a->chat, .instance = *a->instance
    };

    if (new_job(a, 0, &ctx.job) == STORE_FAILED ||
        add_to_job(a, ctx.job.id) == STORE_FAILED ||
        flow_raise(a->w, ALERT_WARNING, "late", a->instance->id, 0,
            (sellify_str_t){ NULL, 0 }, "late") == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_end(&ctx, FLOW_LATE, "old-on-receipt");
}

/* STOP and START hold from now on; after a threat nothing that was already
 * written goes out. */
static store_result_t
honour_at_once(arrival_t *a, int late)
{
    worker_t *w = a->w;
    sellify_decision_t d;
    const char *overtaken = NULL;

    if (flow_peek(w, &a->chat, a->text, a->event->type, &d) != 0) {
        return STORE_OK; /* the decision will say what is wrong */
    }

    if ((d.opt_out == 1 && !a->chat.opted_out) ||
        (d.opt_out == -1 && a->chat.opted_out)) {
        if (conversations_opt_out(w, &a->chat, d.opt_out == 1) ==
            STORE_FAILED) {
            return STORE_FAILED;
        }
        overtaken = d.opt_out == 1 ? "opt-out" : NULL;
    }

    if (d.trigger != SELLIFY_TRIGGER_NONE &&
        d.trigger != SELLIFY_TRIGGER_MISUNDERSTANDING) {
        overtaken = "alert";

        if (late && flow_trigger_alert(w, a->instance->id, a->chat.id,
                        sellify_trigger_name(d.trigger),
                        flow_tail(a->text, SELLIFY_MESSAGE_CHARS_MAX)) ==
                        STORE_FAILED) {
            return STORE_FAILED;
        }
    }

    return overtaken == NULL ? STORE_OK
                             : flow_cancel(w, a->chat.id, FLOW_ACTIVE_FIRST,
                                   FLOW_RESERVED, overtaken);
}

static store_result_t
keep_message(arrival_t *a)
{
    message_row_t row = { .conversation_id = a->chat.id,
        .instance_id = a->instance->id,
        .message_id = a->event->message_id,
        .origin = "customer",
        .type = sellify_message_type_name(a->event->type),
        .text = a->text,
        .at = a->at };
    int64_t id;

    return conversations_add_message(a->w, &row, &id);
}

static store_result_t
accept(arrival_t *a, flow_counts_t *counts)
{
    int64_t now = worker_seconds(a->w);
    int late = now - a->at > (int64_t) policy_now(a->w)->max_age_s;
    store_result_t result = keep_message(a);

    if (result == STORE_NONE) {
        counts->duplicates++;
        return STORE_OK;
    }

    a->chat.last_in_at = now;
    if (result == STORE_FAILED ||
        conversations_save(a->w, &a->chat) == STORE_FAILED ||
        honour_at_once(a, late) == STORE_FAILED) {
        return STORE_FAILED;
    }

    counts->accepted++;
    metrics_committed(a->w, METRIC_MESSAGES, "in", "received");

    return late ? end_late(a) : join(a);
}

static store_result_t
customer_message(worker_t *w, const instance_t *instance,
    const flow_event_t *event, flow_counts_t *counts)
{
    chat_address_t address = { .jid = event->jid, .lid = event->lid };
    int64_t now = worker_seconds(w);
    arrival_t a = { .w = w, .instance = instance, .event = event };
    const char *reason;

    if (conversations_ensure(
            w, instance, &address, event->push_name, &a.chat) != STORE_OK ||
        excluded_chat(w, &a.chat, 0, &reason) == STORE_FAILED) {
        return STORE_FAILED;
    }

    if (reason != NULL) {
        return flow_ignore(w, instance, reason, counts);
    }

    a.text = flow_head(event->text, FLOW_TEXT_BYTES_MAX);
    a.at = event->at > 0 && event->at < now ? event->at : now;

    return accept(&a, counts);
}

/* --- sorting --- */

/* Why a message is ignored whoever sent it, or NULL. */
static const char *
never_answered(const flow_event_t *event)
{
    if (event->is_broadcast) {
        return "broadcast";
    }

    if (event->is_group) {
        return "group";
    }

    if (event->content == FLOW_CONTENT_REACTION) {
        return "reaction";
    }

    if (event->content == FLOW_CONTENT_PROTOCOL) {
        return "protocol";
    }

    return event->jid.len == 0 && event->lid.len == 0 ? "no-address" : NULL;
}

static store_result_t
message(worker_t *w, const instance_t *instance, const flow_event_t *event,
    flow_counts_t *counts)
{
    const char *reason = never_answered(event);
    store_result_t result;

    result = flow_store_see(
        w->store, instance->id, event->message_id, worker_now(w));
    if (result == STORE_NONE) {
        counts->duplicates++;
        metrics_committed(w, METRIC_MESSAGES, "in", "duplicate");
        return STORE_OK;
    }

    if (result == STORE_FAILED ||
        (reason == NULL &&
            excluded(w, instance, event, &reason) == STORE_FAILED)) {
        return STORE_FAILED;
    }

    if (reason != NULL) {
        return flow_ignore(w, instance, reason, counts);
    }

    return event->from_me ? flow_own_message(w, instance, event, counts)
                          : customer_message(w, instance, event, counts);
}

/* The history that comes with a new connection: who is no new chat. */
static store_result_t
history(worker_t *w, const instance_t *instance, const flow_event_t *event)
{
    chat_address_t address = { .jid = event->jid, .lid = event->lid };
    conversation_t chat;

    if (conversations_ensure(w, instance, &address, (sellify_str_t){ NULL, 0 },
            &chat) != STORE_OK) {
        return STORE_FAILED;
    }

    return flow_store_set_origin(w->store, chat.id, 1) == STORE_FAILED
               ? STORE_FAILED
               : STORE_OK;
}

static int
history_matters(worker_t *w, const flow_event_t *event)
{
    return whatsapp_driver(w)->real &&
           policy_now(w)->audience == SELLIFY_AUDIENCE_NEW_CHATS &&
           never_answered(event) == NULL;
}

store_result_t
flow_intake(worker_t *w, const flow_event_t *event, flow_counts_t *counts)
{
    instance_t instance;

    if (event->kind == FLOW_EVENT_HISTORY && !history_matters(w, event)) {
        return STORE_OK;
    }

    counts->events += event->kind != FLOW_EVENT_HISTORY;

    if (event->kind == FLOW_EVENT_UNKNOWN ||
        !sellify_instance_name_valid(event->instance)) {
        counts->unknown++;
        metrics_committed(w, METRIC_MESSAGES, "in", "unknown-event");
        return STORE_OK;
    }

    if (instances_ensure(w, event->instance, &instance) != STORE_OK) {
        return STORE_FAILED;
    }

    switch (event->kind) {
    case FLOW_EVENT_MESSAGE:
        return message(w, &instance, event, counts);
    case FLOW_EVENT_HISTORY:
        return history(w, &instance, event);
    case FLOW_EVENT_RECEIPT:
        return flow_receipt(w, &instance, event);
    case FLOW_EVENT_CONNECTION:
        return flow_connection(w, &instance, event);
    default:
        return STORE_OK;
    }
}
