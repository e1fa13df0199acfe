/* First answers of repeatable requests (Idempotency-Key), kept a day. */
#ifndef SELLIFY_STORE_ANSWERS_H
#define SELLIFY_STORE_ANSWERS_H

#include "store.h"

typedef struct {
    int status;
    uint8_t fingerprint[STORE_HASH_LEN];
    sellify_str_t answer; /* release it */
} store_answer_t;

/* Inside a step. STORE_NONE: there is none, or it has expired. */
store_result_t answers_find(store_t *store, const uint8_t hash[STORE_HASH_LEN],
    int64_t now, store_answer_t *out);
/* Replaces an expired one. */
store_result_t answers_add(store_t *store, const uint8_t hash[STORE_HASH_LEN],
    const store_answer_t *answer, int64_t expires_at);
/* Deletes at most `limit` expired ones; how many, or -1. */
int answers_purge(store_t *store, int64_t now, int limit);

#endif
