/*
 * Conversations (chats): one per customer and instance.  Phone numbers and names
 * are sealed, rows are found by keyed hash, a JID and its LID alias lead to the
 * same row.
 */
#ifndef SELLIFY_WORKER_CONVERSATIONS_H
#define SELLIFY_WORKER_CONVERSATIONS_H

#include "../core/conversation.h"
#include "instances.h"
#include "store/store.h"
#include "worker.h"

typedef struct {
    int64_t id;
    int64_t instance_id;
    char public_id[40]; /* "cnv_" and 32 hex digits, for the API */
    sellify_state_t state;
    uint32_t misunderstandings; /* consecutive */
    int64_t paused_until;       /* UTC seconds, 0 not paused */
    char pause_reason[32];      /* "takeover", "alert", "operator", "bot" */
    int opted_out;
    char product_id[64]; /* talked about last, or "" */
    char language[8];
    int64_t last_in_at, last_out_at, last_alert_at; /* UTC seconds */
} conversation_t;

typedef struct {
    sellify_str_t jid; /* "33612345678@s.whatsapp.net", or empty */
    sellify_str_t lid; /* "22990123456789@lid", or empty */
} chat_address_t;

/* All inside a step. */
store_result_t conversations_find(worker_t *w, const instance_t *instance,
    const chat_address_t *address, conversation_t *out);
/* Finds or adds, and learns the alias when both addresses are given. */
store_result_t conversations_ensure(worker_t *w, const instance_t *instance,
    const chat_address_t *address, sellify_str_t name, conversation_t *out);
store_result_t
conversations_by_id(worker_t *w, int64_t id, conversation_t *out);
store_result_t conversations_by_public_id(
    worker_t *w, sellify_str_t public_id, conversation_t *out);
/* Writes every member back. */
store_result_t conversations_save(worker_t *w, const conversation_t *c);
/* The full JID to send to; release with store_release(). */
store_result_t
conversations_address(worker_t *w, int64_t id, sellify_str_t *jid);
/* Opt-out is remembered by keyed hash, also after erasure. */
store_result_t conversations_opt_out(worker_t *w, conversation_t *c, int out);
/* Replies sent to this chat in the last hour. */
store_result_t
conversations_replies_last_hour(worker_t *w, int64_t id, uint32_t *count);

/* Messages of a chat, both directions, deduplicated on (instance, message id).
 * STORE_NONE from add: it is there already. */
typedef struct {
    int64_t conversation_id;
    int64_t instance_id;
    sellify_str_t message_id; /* of WhatsApp */
    int from_me;
    const char *origin; /* "customer", "sellify", "human", "bot" */
    const char *type;   /* sellify_message_type_name() */
    sellify_str_t text;
    int64_t at; /* sender's time stamp, UTC seconds */
} message_row_t;
store_result_t
conversations_add_message(worker_t *w, const message_row_t *m, int64_t *id);

/* Registers the routes of conversations_http.c. */
void conversations_routes_add(worker_t *w);

int conversations_setup(worker_t *w) SELLIFY_MUST_CHECK;
void conversations_shutdown(worker_t *w);

#endif
