/*
 * The audit: append-only, sealed and chained.  One entry per message flow and
 * per operator action.  Each row keeps a hash of its sealed payload and a MAC
 * over (sequence, hash, previous MAC), so that a changed, missing or moved entry
 * shows.
 */
#ifndef SELLIFY_WORKER_AUDIT_H
#define SELLIFY_WORKER_AUDIT_H

#include "../core/decision.h"
#include "quotas.h"
#include "store/store.h"
#include "worker.h"

/* Members left empty, NULL or -1 are written as null. */
typedef struct {
    const char *kind;    /* "message", "operator", "api", "reset", "alert" */
    sellify_str_t id;    /* caller's own id (Idempotency), or empty */
    sellify_str_t actor; /* key id, "operator", "pipeline" */
    sellify_str_t instance, conversation_id;
    sellify_str_t incoming_message;
    int state, new_state;                  /* sellify_state_t or -1 */
    const sellify_decision_input_t *input; /* what the engine was asked: what a
                                              replay needs */
    const sellify_decision_t *decision;
    sellify_str_t ai_prompt, ai_response, sent_message;
    const char *outcome; /* "sent", "ignored", "held", "alert", ... */
    sellify_str_t reason;
    const sellify_quota_counters_t *quotas_before, *quotas_after;
    sellify_str_t details; /* more, as a JSON object, or empty */
} audit_entry_t;

/* Inside a step. `sequence` may be NULL. */
store_result_t
audit_write(worker_t *w, const audit_entry_t *entry, int64_t *sequence);

typedef struct {
    int64_t checked;   /* entries looked at */
    int64_t sequence;  /* of the first bad entry, 0 none */
    const char *fault; /* "changed", "missing", "head", NULL */
} audit_verdict_t;

/* One entry as it is kept: what can be asked for in plain, the rest sealed. */
typedef struct {
    const char *kind;
    sellify_str_t id, instance, conversation_id; /* or empty */
    int state, action;                           /* or -1 */
    sellify_str_t payload;                       /* a JSON object */
} audit_record_t;

typedef enum {
    AUDIT_FAILED = -1,
    AUDIT_ADDED = 0,
    AUDIT_REPEATED = 1, /* the same id and payload: nothing was added */
    AUDIT_CONFLICT = 2  /* the same id with another payload */
} audit_result_t;

/* Inside a step. `sequence` and `at` (microseconds) are those of the entry that
 * stands. */
audit_result_t audit_append(worker_t *w, const audit_record_t *record,
    int64_t *sequence, sellify_time_t *at);

/* Registers the routes of audit_http.c. */
void audit_routes_add(worker_t *w);

/* Walks the chain from the entry after `from` (0: the beginning), at most
 * `limit` entries, and at its end compares with the stored head.  STORE_NONE at
 * the end of the chain, STORE_OK when there is more. Inside a step. */
store_result_t audit_verify(
    worker_t *w, int64_t from, int64_t limit, audit_verdict_t *verdict);

int audit_setup(worker_t *w) SELLIFY_MUST_CHECK;
void audit_shutdown(worker_t *w);

#endif
