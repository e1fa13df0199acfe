/* The table `instances`. */
#ifndef SELLIFY_STORE_INSTANCES_H
#define SELLIFY_STORE_INSTANCES_H

#include "store.h"

typedef struct {
    int64_t id;
    uint32_t slot;
    char name[65];
    int breaker_open;
    int64_t first_seen;
} instance_row_t;

store_result_t instances_store_by_name(
    store_t *store, sellify_str_t name, instance_row_t *row);
store_result_t
instances_store_by_id(store_t *store, int64_t id, instance_row_t *row);
store_result_t
instances_store_next(store_t *store, int64_t after_id, instance_row_t *row);
store_result_t instances_store_count(store_t *store, uint32_t *count);
/* Fills id and slot. */
store_result_t instances_store_add(store_t *store, instance_row_t *row);
store_result_t instances_store_breaker(
    store_t *store, int64_t id, int open, sellify_str_t reason);

#endif
