/*
 * WhatsApp instances (numbers) that the worker knows: by webhook, by
 * SELLIFY_INSTANCES, or "default".  The row id is the key of every counter.
 */
#ifndef SELLIFY_WORKER_INSTANCES_H
#define SELLIFY_WORKER_INSTANCES_H

#include "../core/ruleset.h"
#include "store/store.h"
#include "worker.h"

typedef struct {
    int64_t id;
    uint32_t slot; /* place in the state file */
    char name[SELLIFY_INSTANCE_NAME_MAX + 1];
    int automated;      /* named by SELLIFY_INSTANCES, or the simulator's */
    int breaker_open;   /* connection lost: nothing is sent */
    int64_t first_seen; /* UTC seconds; warm-up counts from here */
} instance_t;

/* Inside a step. Finds, or STORE_NONE. */
store_result_t instances_find(worker_t *w, sellify_str_t name, instance_t *out);
store_result_t instances_by_id(worker_t *w, int64_t id, instance_t *out);
/* Finds or adds (at most SELLIFY_STATE_INSTANCES). */
store_result_t
instances_ensure(worker_t *w, sellify_str_t name, instance_t *out);
/* What a request without `instance` means: the only known one, else "default"
 * (added when missing). */
store_result_t instances_default(worker_t *w, instance_t *out);
store_result_t instances_count(worker_t *w, uint32_t *count);
/* The first one with an id above `after_id`: walks the table. */
store_result_t instances_next(worker_t *w, int64_t after_id, instance_t *out);
store_result_t
instances_set_breaker(worker_t *w, int64_t id, int open, const char *reason);

#endif
