/*
 * Rows of the inbound pipeline: jobs, the messages they answer, message ids that
 * were seen, own messages that wait.  All inside a step.
 */
#ifndef SELLIFY_FLOW_STORE_H
#define SELLIFY_FLOW_STORE_H

#include "store.h"

/* Times in microseconds unless told otherwise. */
typedef struct {
    int64_t id, instance_id, conversation_id;
    char driver[24];
    int step;        /* flow_step_t */
    char reason[32]; /* short constant: "outside-hours", "takeover" ... */
    int64_t first_at, last_at;
    int64_t due_at;     /* 0: waits for an event */
    int64_t sending_at; /* 0 never */
    int64_t ended_at;   /* 0 under way */
    uint32_t attempts;
    uint64_t seed;
    int kind; /* sellify_kind_t */
    char product_id[64], media_id[64];
    char provider[24];
    char reservation_id[40];
    char message_id[128]; /* "" until sending */
    uint64_t ruleset_version;
    uint8_t reply_hash[STORE_HASH_LEN];
    int has_reply;
} flow_job_t;

/* Sets job->id. */
store_result_t flow_store_add(store_t *store, flow_job_t *job);
store_result_t flow_store_load(store_t *store, int64_t id, flow_job_t *job);
/* Writes every member but id, instance, driver, first and seed. */
store_result_t flow_store_save(store_t *store, const flow_job_t *job);

/* The sealed columns of a job. */
typedef enum {
    FLOW_TEXT_RECORD,
    FLOW_TEXT_REPLY,
    FLOW_TEXT_PROMPT,
    FLOW_TEXT_RESPONSE
} flow_text_t;
#define FLOW_TEXTS 4
/* data NULL clears. */
store_result_t flow_store_set_text(
    store_t *store, int64_t id, flow_text_t text, sellify_str_t value);
/* Release it; data NULL when there is none. */
store_result_t flow_store_text(
    store_t *store, int64_t id, flow_text_t text, sellify_str_t *value);
/* Clears all of them and the job's messages. */
store_result_t flow_store_forget(store_t *store, int64_t id);

/* The earliest time at which a job is due; STORE_NONE: none. */
store_result_t flow_store_next_due(store_t *store, int64_t *when);
/* A job that is due at `now`, the earliest first. */
store_result_t flow_store_due(store_t *store, int64_t now, int64_t *id);
/* After a start: what waited for an event of the last process is due now. */
store_result_t flow_store_resume(store_t *store, int64_t now, int generating,
    int generated, int sending, int collecting);

/* A job of a chat in the steps [from, to], other than `except`. */
store_result_t flow_store_in_steps(store_t *store, int64_t conversation_id,
    int from, int to, int64_t except, int64_t *id);
/* Lets the jobs of a chat in `step` that wait for an event fall due. */
store_result_t
flow_store_wake(store_t *store, int64_t conversation_id, int step, int64_t now);
/* The chat's next job under way with an id above `after`. */
store_result_t flow_store_open(
    store_t *store, int64_t conversation_id, int64_t after, int64_t *id);
/* A job of an instance in `step` for `reason`, with an id above `after`. */
store_result_t flow_store_by_reason(store_t *store, int64_t instance_id,
    int step, const char *reason, int64_t after, int64_t *id);

store_result_t flow_store_by_message(
    store_t *store, int64_t instance_id, sellify_str_t message_id, int64_t *id);
/* A job of a chat with this reply, in the steps [from, to], sent at `since` or
 * later; the newest. */
store_result_t flow_store_by_reply(store_t *store, int64_t conversation_id,
    const uint8_t hash[STORE_HASH_LEN], int from, int to, int64_t since,
    int64_t *id);

/* --- messages of a job --- */

typedef struct {
    int64_t id;
    int64_t at; /* sender's time, UTC seconds */
    int type;
    sellify_str_t text; /* release it */
} flow_message_t;

store_result_t flow_store_add_message(
    store_t *store, int64_t job_id, const flow_message_t *message);
/* In the order of (at, id), after the one given; start with {0}. */
store_result_t flow_store_next_message(store_t *store, int64_t job_id,
    const flow_message_t *after, flow_message_t *message);
/* Moves all messages from one job to another. */
store_result_t flow_store_adopt(store_t *store, int64_t from, int64_t to);

/* --- ids seen, own messages, origins --- */

/* STORE_NONE: it was there already. */
store_result_t flow_store_see(
    store_t *store, int64_t instance_id, sellify_str_t message_id, int64_t now);

typedef struct {
    int64_t id, instance_id, conversation_id;
    char message_id[128];
} flow_own_t;
store_result_t flow_store_add_own(store_t *store, const flow_own_t *own);
/* Takes the oldest one of a chat out. */
store_result_t
flow_store_take_own(store_t *store, int64_t conversation_id, flow_own_t *own);

/* Notes it once: a later call changes nothing. */
store_result_t
flow_store_set_origin(store_t *store, int64_t conversation_id, int known);
store_result_t
flow_store_origin(store_t *store, int64_t conversation_id, int *known);

/* --- upkeep --- */

/* Removes at most `limit` rows each of what ended or was seen before `before`.
 * STORE_NONE when nothing is left. */
store_result_t flow_store_prune(store_t *store, int64_t before, int limit);
/* Jobs in each step below `steps`. */
store_result_t flow_store_depths(store_t *store, int64_t *depths, int steps);

/* --- the simulator's outbox --- */

typedef struct {
    int64_t id, job_id;
    sellify_str_t instance, message_id; /* strings: release them */
    int kind;
    int64_t at;
    sellify_str_t address, text, media_url;
} flow_outbox_t;

/* STORE_NONE: this job is in it already. */
store_result_t flow_store_outbox_add(store_t *store, const flow_outbox_t *row);
store_result_t flow_store_outbox_has(store_t *store, int64_t job_id);
/* The newest with an id below `before` (0: the newest of all). */
store_result_t
flow_store_outbox_next(store_t *store, int64_t before, flow_outbox_t *row);
void flow_store_outbox_release(flow_outbox_t *row);

#endif
