/* The audit table: rows are only ever added. */
#ifndef SELLIFY_STORE_AUDIT_H
#define SELLIFY_STORE_AUDIT_H

#include "store.h"

typedef struct {
    int64_t seq;
    int64_t at; /* microseconds */
    char kind[16];
    char instance[65]; /* or "" */
    int state, action; /* or -1 */
    int has_conversation, has_id;
    uint8_t conversation_hash[STORE_HASH_LEN];
    uint8_t id_hash[STORE_HASH_LEN];
    uint8_t payload_hash[STORE_HASH_LEN];
    uint8_t mac[STORE_HASH_LEN];
} audit_row_t;

typedef struct {
    int64_t seq; /* 0: nothing written yet */
    uint8_t mac[STORE_HASH_LEN];
    uint8_t seal[STORE_HASH_LEN];
} audit_head_t;

store_result_t
audit_store_add(store_t *store, const audit_row_t *row, sellify_str_t payload);
store_result_t audit_store_head(store_t *store, audit_head_t *head);
store_result_t audit_store_set_head(store_t *store, const audit_head_t *head);

/* STORE_NONE when there is none. `payload` NULL: not wanted; its data is NULL
 * when it was erased. */
store_result_t audit_store_get(
    store_t *store, int64_t seq, audit_row_t *row, sellify_str_t *payload);
store_result_t audit_store_by_id(
    store_t *store, const uint8_t id_hash[STORE_HASH_LEN], audit_row_t *row);
/* The first one above `after`. */
store_result_t audit_store_next(store_t *store, int64_t after, audit_row_t *row,
    sellify_str_t *payload, int *opens);

/* Calls `see` for rows below `before`, newest first, at most `limit`, until it
 * returns 0.  Only rows of a conversation, or of an instance, when given. */
store_result_t audit_store_scan(store_t *store, int64_t before,
    const uint8_t *conversation_hash, sellify_str_t instance, int limit,
    int (*see)(void *data, const audit_row_t *row), void *data);

#endif
