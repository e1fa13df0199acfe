/* API keys: only their SHA-256 is stored. */
#ifndef SELLIFY_STORE_KEYS_H
#define SELLIFY_STORE_KEYS_H

#include "store.h"

#define KEYS_NAME_MAX 64
#define KEYS_INSTANCES_TEXT 1100 /* 16 names and the spaces between */

typedef struct {
    int64_t id; /* filled by add */
    char public_id[40];
    char name[KEYS_NAME_MAX * 4 + 1];
    uint8_t sha256[32];
    uint32_t scopes;
    char instances[KEYS_INSTANCES_TEXT]; /* names, one space between */
    int64_t created_at, expires_at, revoked_at, last_used_at; /* 0: not */
} key_row_t;

store_result_t keys_store_add(store_t *store, key_row_t *row);
/* The first one with an id above `after_id`, revoked ones included. */
store_result_t
keys_store_next(store_t *store, int64_t after_id, key_row_t *row);
store_result_t
keys_store_by_hash(store_t *store, const uint8_t sha256[32], key_row_t *row);
store_result_t
keys_store_by_public_id(store_t *store, sellify_str_t id, key_row_t *row);
store_result_t keys_store_revoke(store_t *store, int64_t id, int64_t now);
store_result_t keys_store_used(store_t *store, int64_t id, int64_t now);
store_result_t
keys_store_count_live(store_t *store, int64_t now, uint32_t *count);

#endif
