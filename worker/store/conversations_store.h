/* Chats, their addresses and messages, and who wants no more messages. */
#ifndef SELLIFY_STORE_CONVERSATIONS_H
#define SELLIFY_STORE_CONVERSATIONS_H

#include "store.h"

typedef struct {
    int64_t id; /* filled by add */
    char public_id[40];
    int64_t instance_id, merged_into; /* 0: not merged */
    int state;
    uint32_t misunderstandings;
    int64_t paused_until;
    char pause_reason[32];
    int opted_out;
    char product_id[64], language[8];
    int64_t created_at, last_in_at, last_out_at, last_alert_at;
} chat_row_t;

typedef struct {
    sellify_str_t jid, lid, name; /* data NULL: not known; release each */
} chat_person_t;

store_result_t chats_store_by_id(store_t *store, int64_t id, chat_row_t *row);
store_result_t chats_store_by_public_id(
    store_t *store, sellify_str_t public_id, chat_row_t *row);
store_result_t
chats_store_add(store_t *store, chat_row_t *row, const chat_person_t *person);
store_result_t chats_store_save(store_t *store, const chat_row_t *row);
store_result_t
chats_store_person(store_t *store, int64_t id, chat_person_t *person);
/* Writes those that are not NULL. */
store_result_t
chats_store_set_person(store_t *store, int64_t id, const chat_person_t *person);
void chat_person_release(chat_person_t *person);

/* The chat of an address (a JID or a LID); by keyed hash. */
store_result_t chats_store_find(
    store_t *store, int64_t instance_id, sellify_str_t address, int64_t *id);
store_result_t chats_store_set_address(
    store_t *store, int64_t instance_id, sellify_str_t address, int64_t id);
/* Moves messages and addresses, and marks the row. */
store_result_t chats_store_merge(store_t *store, int64_t from, int64_t into);

/* A bit per condition: newest first below `before`; 0 and negative: any. */
typedef struct {
    int64_t before, instance_id;
    int state;
} chat_query_t;
store_result_t chats_store_scan(store_t *store, const chat_query_t *query,
    int limit, int (*see)(void *data, const chat_row_t *row), void *data);
store_result_t chats_store_count(store_t *store, int state, int64_t *count);

store_result_t chats_store_opt_out(
    store_t *store, int64_t instance_id, sellify_str_t address, int64_t at);
store_result_t
chats_store_opt_in(store_t *store, int64_t instance_id, sellify_str_t address);
store_result_t chats_store_opted_out(store_t *store, int64_t instance_id,
    sellify_str_t address); /* STORE_OK: yes; STORE_NONE: no */

typedef struct {
    int64_t id; /* filled by add */
    int64_t conversation_id, instance_id, at;
    int from_me;
    char origin[16], type[16];
    sellify_str_t message_id; /* when read: lies in `id_read` */
    char id_read[128];
    sellify_str_t text; /* data NULL: none; release it when read */
} chat_message_t;

/* STORE_NONE: this message is there already. */
store_result_t messages_store_add(store_t *store, chat_message_t *message);
/* The newest of the chat below `before`. */
store_result_t messages_store_before(store_t *store, int64_t conversation_id,
    int64_t before, chat_message_t *message);
store_result_t messages_store_replies(
    store_t *store, int64_t conversation_id, int64_t since, uint32_t *count);

#endif
