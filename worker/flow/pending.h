/*
 * What is under way in a chat, for people: no message waits without a reason and
 * a time that can be seen.
 */
#ifndef SELLIFY_FLOW_PENDING_H
#define SELLIFY_FLOW_PENDING_H

#include "../../core/decision.h"
#include "../../core/json.h"
#include "../store/flow_store.h"
#include "../worker.h"

typedef struct {
    flow_job_t job;
    const char *rule, *action; /* of its last decision, or NULL */
} flow_pending_t;

/* The chat's flows under way, oldest first, at most `max`. Inside a step. */
store_result_t flow_pending(worker_t *w, int64_t conversation_id,
    flow_pending_t *out, int max, int *count) SELLIFY_MUST_CHECK;

/* {"job","step","reason","rule","action","received_at","due_at"} */
void flow_pending_write(sellify_json_writer_t *j, const flow_pending_t *p);

#endif
