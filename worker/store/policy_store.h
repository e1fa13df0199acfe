/* Rulesets: versions, and the documents that they are made of. */
#ifndef SELLIFY_STORE_POLICY_H
#define SELLIFY_STORE_POLICY_H

#include "store.h"

typedef struct {
    int64_t version;
    int64_t created_at; /* UTC seconds */
    char author[64];
    int64_t policy, products, lexicons; /* ids of documents */
} ruleset_row_t;

/* The newest one. */
store_result_t policy_store_latest(store_t *store, ruleset_row_t *row);
store_result_t policy_store_add(store_t *store, const ruleset_row_t *row);

/* Finds or adds a document; the same bytes are kept once. */
store_result_t policy_store_keep(
    store_t *store, const char *subject, sellify_str_t body, int64_t *id);
store_result_t policy_store_read(
    store_t *store, int64_t id, sellify_str_t *body); /* store_release() it */

#endif
