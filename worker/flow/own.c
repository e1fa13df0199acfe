/*
 * Messages from our own number: the echo of a send of ours, or a human who
 * answers from the phone and takes the chat over.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>

static store_result_t
audit_takeover(
    worker_t *w, const instance_t *instance, const conversation_t *chat)
{
    audit_entry_t entry = { .kind = "message",
        .actor = sellify_str("human"),
        .instance = sellify_str_of(instance->name),
        .conversation_id = sellify_str_of(chat->public_id),
        .state = (int) chat->state,
        .new_state = (int) chat->state,
        .outcome = "takeover",
        .reason = sellify_str("own-message") };

    return audit_write(w, &entry, NULL) == STORE_FAILED ? STORE_FAILED
                                                        : STORE_OK;
}

/* A human answers: this chat is theirs for a while, and what we were about to
 * say is not said. */
static store_result_t
take_over(
    worker_t *w, const instance_t *instance, conversation_t *chat, int64_t at)
{
    int64_t until = at + (int64_t) policy_now(w)->takeover_pause_s;

    metrics_committed(w, METRIC_MESSAGES, "in", "takeover");

    /* One that comes hours late, after a lost connection, pauses nothing. */
    if (until <= worker_seconds(w)) {
        return audit_takeover(w, instance, chat);
    }

    if (chat->paused_until < until) {
        chat->paused_until = until;
        snprintf(chat->pause_reason, sizeof(chat->pause_reason), "takeover");
        if (conversations_save(w, chat) == STORE_FAILED) {
            return STORE_FAILED;
        }
    }

    if (flow_cancel(w, chat->id, FLOW_COLLECTING, FLOW_RESERVED, "takeover") ==
        STORE_FAILED) {
        return STORE_FAILED;
    }

    return audit_takeover(w, instance, chat);
}

/* An id that is one of our sends. STORE_NONE: it is not. */
static store_result_t
known_send(worker_t *w, const instance_t *instance, const flow_event_t *event)
{
    flow_context_t ctx;
    store_result_t result;
    int64_t id;

    result =
        flow_store_by_message(w->store, instance->id, event->message_id, &id);
    if (result != STORE_OK) {
        return result;
    }

    if (flow_load(w, id, &ctx) != STORE_OK) {
        return STORE_FAILED;
    }

    /* It is on WhatsApp, so it left, whatever the driver will say. */
    if (ctx.job.step == FLOW_SENDING || ctx.job.step == FLOW_UNSURE) {
        return flow_settle(&ctx, SEND_SENT, event->message_id, "echo");
    }

    return STORE_OK;
}

/* The same text while a send is under way or unsure: the server told the echo
 * before it told us the id.  STORE_NONE: no such send. */
static store_result_t
echoed_text(worker_t *w, const conversation_t *chat, const flow_event_t *event)
{
    uint8_t hash[STORE_HASH_LEN];
    flow_context_t ctx;
    store_result_t result;
    int64_t id;

    flow_reply_hash(w, chat->id, event->text, hash);

    result = flow_store_by_reply(w->store, chat->id, hash, FLOW_SENDING,
        FLOW_UNSURE, worker_now(w) - FLOW_ECHO_S * SELLIFY_SECOND, &id);
    if (result != STORE_OK) {
        return result;
    }

    if (flow_load(w, id, &ctx) != STORE_OK) {
        return STORE_FAILED;
    }

    if (ctx.job.step != FLOW_SENDING && ctx.job.step != FLOW_UNSURE) {
        return STORE_NONE;
    }

    return flow_settle(&ctx, SEND_SENT, event->message_id, "echo-text");
}

/* A send is under way: whose message this is shows when it is settled. */
static store_result_t
wait_for_send(worker_t *w, const instance_t *instance,
    const conversation_t *chat, const flow_event_t *event)
{
    flow_own_t own = { .instance_id = instance->id,
        .conversation_id = chat->id };
    store_result_t result;
    int64_t id;

    result = flow_store_in_steps(
        w->store, chat->id, FLOW_SENDING, FLOW_SENDING, 0, &id);
    if (result != STORE_OK) {
        return result;
    }

    memcpy(own.message_id, event->message_id.data, event->message_id.len);

    return flow_store_add_own(w->store, &own) == STORE_FAILED ? STORE_FAILED
                                                              : STORE_OK;
}

static store_result_t
human_message(worker_t *w, const instance_t *instance, conversation_t *chat,
    const flow_event_t *event, int64_t at)
{
    message_row_t row = { .conversation_id = chat->id,
        .instance_id = instance->id,
        .message_id = event->message_id,
        .from_me = 1,
        .origin = "human",
        .type = sellify_message_type_name(event->type),
        .text = flow_head(event->text, FLOW_TEXT_BYTES_MAX),
        .at = at };
    int64_t id;

    if (conversations_add_message(w, &row, &id) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return take_over(w, instance, chat, at);
}

static store_result_t
not_known(worker_t *w, const instance_t *instance, const flow_event_t *event,
    flow_counts_t *counts)
{
    chat_address_t address = { .jid = event->jid, .lid = event->lid };
    int64_t now = worker_seconds(w);
    int64_t at = event->at > 0 && event->at < now ? event->at : now;
    conversation_t chat;
    store_result_t result;

    if (conversations_ensure(w, instance, &address, (sellify_str_t){ NULL, 0 },
            &chat) != STORE_OK ||
        flow_store_set_origin(w->store, chat.id, 1) == STORE_FAILED) {
        return STORE_FAILED;
    }

    result = echoed_text(w, &chat, event);
    if (result == STORE_NONE) {
        result = wait_for_send(w, instance, &chat, event);
    }

    if (result != STORE_NONE) {
        return result;
    }

    counts->accepted++;
    return human_message(w, instance, &chat, event, at);
}

store_result_t
flow_own_message(worker_t *w, const instance_t *instance,
    const flow_event_t *event, flow_counts_t *counts)
{
    store_result_t result = known_send(w, instance, event);

    if (result == STORE_OK) {
        counts->ignored++;
        metrics_committed(w, METRIC_MESSAGES, "in", "echo");
    }

    if (result != STORE_NONE) {
        return result;
    }

    return not_known(w, instance, event, counts);
}

store_result_t
flow_own_settled(worker_t *w, int64_t conversation_id, const char *message_id)
{
    store_result_t result;
    conversation_t chat;
    instance_t instance;
    flow_own_t own;

    while ((result = flow_store_take_own(w->store, conversation_id, &own)) ==
           STORE_OK) {
        if (strcmp(own.message_id, message_id) == 0) {
            continue;
        }

        if (instances_by_id(w, own.instance_id, &instance) != STORE_OK ||
            conversations_by_id(w, conversation_id, &chat) != STORE_OK ||
            take_over(w, &instance, &chat, worker_seconds(w)) == STORE_FAILED) {
            return STORE_FAILED;
        }
    }

    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}
