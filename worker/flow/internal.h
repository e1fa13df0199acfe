/* What the files of flow/ share, and nobody else includes. */
#ifndef SELLIFY_FLOW_INTERNAL_H
#define SELLIFY_FLOW_INTERNAL_H

#include "../ai/ai.h"
#include "../alerts.h"
#include "../audit.h"
#include "../conversations.h"
#include "../http/http.h"
#include "../instances.h"
#include "../log.h"
#include "../memory.h"
#include "../metrics.h"
#include "../policy.h"
#include "../quotas.h"
#include "../whatsapp/whatsapp.h"
#include "event.h"
#include "flow.h"
#include "step.h"

#define FLOW_TEXT_BYTES_MAX 16384 /* of one received message; the rest is cut */
#define FLOW_BATCH 16             /* due jobs taken up in one turn */
#define FLOW_PUT_OFF_S 60         /* real seconds after a failed job */
#define FLOW_RETRY_S 1            /* real seconds after a failed step */
#define FLOW_SEND_DEADLINE_S 120  /* real seconds: then a send is unsure */
#define FLOW_ECHO_S 60            /* the same text within it is our echo */
#define FLOW_BREAKER_S 300        /* held by the breaker: looked at again */
#define FLOW_SEND_TRIES 5
#define FLOW_REPEAT_TRIES 48     /* texts tried to find one not yet said */
#define FLOW_DELIVERY_ERRORS 3   /* in a row open the breaker */
#define FLOW_KEEP_S (14 * 86400) /* ended jobs and seen ids */

typedef struct flow_result flow_result_t;
typedef struct flow_generation flow_generation_t;

struct flow {
    worker_t *worker;
    const flow_dialect_t *dialect;
    timer_entry_t timer;
    flow_result_t *results;         /* driver's answers not yet durable */
    flow_generation_t *generations; /* texts asked for */
    int64_t pruned_at;

    struct {
        int64_t instance_id;
        unsigned errors; /* delivery errors in a row */
    } delivery[SELLIFY_STATE_INSTANCES];
    size_t delivery_count;
};

/* One job with everything about it, loaded in the step that works on it. */
typedef struct {
    worker_t *worker;
    flow_job_t job;
    conversation_t chat;
    instance_t instance;
} flow_context_t;

/* All store_result_t functions below run inside a step; STORE_FAILED means: end
 * it with commit = 0. */

/* --- pipeline.c --- */

/* The timer fires at `when` at the latest. */
void flow_wake_at(worker_t *w, int64_t when);
/* Mapped time in so many real seconds. */
int64_t flow_in_real(const worker_t *w, int64_t seconds);
store_result_t
flow_load(worker_t *w, int64_t job_id, flow_context_t *ctx) SELLIFY_MUST_CHECK;
store_result_t flow_step_to(flow_context_t *ctx, flow_step_t to,
    const char *reason, int64_t due_at) SELLIFY_MUST_CHECK;
/* Ends a job: gives back its reservation, writes its audit entry, forgets its
 * texts and lets the chat's next job go on. */
store_result_t flow_end(
    flow_context_t *ctx, flow_step_t to, const char *reason) SELLIFY_MUST_CHECK;
/* Puts a job off: its text and reservation are given up. */
store_result_t flow_hold(
    flow_context_t *ctx, const char *reason, int64_t due_at) SELLIFY_MUST_CHECK;
/* A seeded share of the policy's release_spread_s, microseconds. */
int64_t flow_spread(const flow_context_t *ctx);
/* Ends the chat's jobs in the steps [from, to] as cancelled. */
store_result_t flow_cancel(worker_t *w, int64_t conversation_id, int from,
    int to, const char *reason) SELLIFY_MUST_CHECK;
/* Why nothing may be sent to this chat now, or NULL.  *hold_until: 0 stop for
 * good, else when to look again. */
const char *flow_obstacle(const flow_context_t *ctx, int64_t *hold_until);
store_result_t flow_raise(worker_t *w, alert_severity_t severity,
    const char *reason, int64_t instance_id, int64_t conversation_id,
    sellify_str_t text, const char *group) SELLIFY_MUST_CHECK;

/* --- record.c: what was asked and decided, kept with the job --- */

typedef struct {
    sellify_str_t message; /* joined */
    sellify_decision_input_t input;
    sellify_decision_t decision;
    sellify_quota_counters_t before;

    /* What the pointers above lead to. */
    sellify_product_t product;
    sellify_media_t media;
    cJSON *tree;
} flow_record_t;

store_result_t flow_record_save(worker_t *w, int64_t job_id,
    const sellify_decision_input_t *input, const sellify_decision_t *decision,
    const sellify_quota_counters_t *before) SELLIFY_MUST_CHECK;
/* STORE_NONE: the job was never decided. */
store_result_t flow_record_load(
    worker_t *w, int64_t job_id, flow_record_t *record) SELLIFY_MUST_CHECK;
void flow_record_free(flow_record_t *record);

/* --- joined.c: the messages of a job as one --- */

typedef struct {
    char *text; /* memory_wipe() it */
    sellify_message_type_t type;
} flow_joined_t;

store_result_t flow_joined(
    worker_t *w, int64_t job_id, flow_joined_t *joined) SELLIFY_MUST_CHECK;
/* The end of a text that has at most `chars` characters. */
sellify_str_t flow_tail(sellify_str_t text, size_t chars);
/* The start of a text that has at most `bytes` bytes, whole characters. */
sellify_str_t flow_head(sellify_str_t text, size_t bytes);

/* --- decide.c --- */

store_result_t flow_collect(flow_context_t *ctx) SELLIFY_MUST_CHECK;
store_result_t flow_release(flow_context_t *ctx) SELLIFY_MUST_CHECK;
/* What one message asks for, whatever the time and the quotas: for what must be
 * honoured at once.  -1 when it cannot be read. */
int flow_peek(worker_t *w, const conversation_t *chat, sellify_str_t text,
    sellify_message_type_t type,
    sellify_decision_t *decision) SELLIFY_MUST_CHECK;
/* The alert that a trigger means. */
store_result_t
flow_trigger_alert(worker_t *w, int64_t instance_id, int64_t conversation_id,
    const char *reason, sellify_str_t text) SELLIFY_MUST_CHECK;

/* --- generate.c --- */

store_result_t flow_generate(flow_context_t *ctx) SELLIFY_MUST_CHECK;
store_result_t flow_reserve(flow_context_t *ctx) SELLIFY_MUST_CHECK;
void flow_generations_free(worker_t *w);

/* --- send.c --- */

store_result_t flow_send(flow_context_t *ctx) SELLIFY_MUST_CHECK;
/* Nobody told what became of a send: ask the driver, or call it unsure. */
store_result_t flow_unanswered(flow_context_t *ctx) SELLIFY_MUST_CHECK;
/* Takes what the driver answered; also for an echo. */
store_result_t flow_settle(flow_context_t *ctx, send_outcome_t outcome,
    sellify_str_t message_id, const char *reason) SELLIFY_MUST_CHECK;
/* Makes the driver's answers durable; 0, or -1 when some must wait. */
int flow_results(worker_t *w) SELLIFY_MUST_CHECK;
void flow_results_free(worker_t *w);

/* --- intake.c, own.c, connection.c --- */

typedef struct {
    unsigned events, accepted, duplicates, ignored, unknown;
} flow_counts_t;

/* Takes one event in. */
store_result_t flow_intake(worker_t *w, const flow_event_t *event,
    flow_counts_t *counts) SELLIFY_MUST_CHECK;
/* Audited and counted without text. */
store_result_t flow_ignore(worker_t *w, const instance_t *instance,
    const char *reason, flow_counts_t *counts) SELLIFY_MUST_CHECK;
/* The hash by which a text to a chat is known again. */
void flow_reply_hash(worker_t *w, int64_t conversation_id, sellify_str_t text,
    uint8_t hash[STORE_HASH_LEN]);

store_result_t flow_own_message(worker_t *w, const instance_t *instance,
    const flow_event_t *event, flow_counts_t *counts) SELLIFY_MUST_CHECK;
/* After a send is settled: were the own messages that waited its echo? */
store_result_t flow_own_settled(worker_t *w, int64_t conversation_id,
    const char *message_id) SELLIFY_MUST_CHECK;

store_result_t flow_connection(worker_t *w, const instance_t *instance,
    const flow_event_t *event) SELLIFY_MUST_CHECK;
store_result_t flow_receipt(worker_t *w, const instance_t *instance,
    const flow_event_t *event) SELLIFY_MUST_CHECK;

/* --- webhook.c, simulate.c --- */

extern const http_route_t flow_webhook_routes[], flow_simulate_routes[];

#endif
