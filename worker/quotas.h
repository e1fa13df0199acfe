/*
 * Durable quotas.  Counters live in the database (one sealed row per instance,
 * read and written inside the step), so that a limit holds under any order of
 * requests, steps and crashes; the state file shows what was committed.
 *
 * Worker thread only; every function runs inside a step.
 */
#ifndef SELLIFY_WORKER_QUOTAS_H
#define SELLIFY_WORKER_QUOTAS_H

#include "../core/quota.h"
#include "../core/state_file.h"
#include "instances.h"
#include "worker.h"

typedef enum {
    QUOTA_OK,
    QUOTA_EXHAUSTED, /* answer 429; retry_at is set */
    QUOTA_NOT_FOUND, /* no such reservation, or settled already */
    QUOTA_FAILED     /* store error: end the step with commit = 0 */
} quota_result_t;

typedef enum {
    QUOTA_OWNER_API,      /* expires by itself: the unit returns */
    QUOTA_OWNER_PIPELINE, /* belongs to a job, which settles it */
    QUOTA_OWNER_GUARD     /* expired: counts as sent */
} quota_owner_t;

#define QUOTA_RESERVATION_TTL_S 300

typedef struct {
    char id[40];        /* "rsv_" and 32 hex digits */
    int64_t expires_at; /* UTC seconds */
    uint32_t delay_ms;
    int64_t retry_at; /* QUOTA_EXHAUSTED: end of the latest full window */
} quota_reservation_t;

/* Takes one unit of a kind. `reply_chars` and `seed` shape the delay. */
quota_result_t quotas_reserve(worker_t *w, const instance_t *instance,
    sellify_kind_t kind, quota_owner_t owner, uint32_t reply_chars,
    uint64_t seed, quota_reservation_t *out);
/* Gives an unused one back. */
quota_result_t quotas_release(worker_t *w, sellify_str_t reservation_id);
/* Takes the unit again when the window it was reserved in has ended; call just
 * before sending. QUOTA_EXHAUSTED: do not send. */
quota_result_t quotas_renew(worker_t *w, sellify_str_t reservation_id);
/* A message was sent: counts always. A reservation, when given, is settled and
 * not counted twice. */
quota_result_t quotas_record(worker_t *w, const instance_t *instance,
    sellify_kind_t kind, sellify_str_t reservation_id);
/* Counters rolled to now, and limits in force (warm-up included). */
quota_result_t quotas_read(worker_t *w, const instance_t *instance,
    sellify_quota_counters_t *counters, sellify_quota_limits_t *limits);

/* The state file must show this instance anew after COMMIT. */
void quotas_touch(worker_t *w, int64_t instance_id);
void quotas_touch_all(worker_t *w); /* limits have changed */

/* What the state file shows of an instance, counters not rolled. */
store_result_t quotas_snapshot(
    worker_t *w, const instance_t *instance, sellify_state_instance_t *out);
/* Limits in force, warm-up included. */
void quotas_limits(
    worker_t *w, const instance_t *instance, sellify_quota_limits_t *limits);
/* The delay that goes with a check at this instant. */
uint32_t quotas_delay_seconds(
    worker_t *w, const sellify_state_instance_t *instance, sellify_kind_t kind);
/* The instance of a reservation. STORE_NONE: no such reservation. */
store_result_t quotas_reservation_instance(
    worker_t *w, sellify_str_t reservation_id, instance_t *out);

/* Zeroes the units that were sent in the running day (messages and images) or
 * week (messages and videos); live reservations stay counted.  `actor` for the
 * audit. */
quota_result_t quotas_reset(
    worker_t *w, const instance_t *instance, int weekly, sellify_str_t actor);

/* Registers the routes of quotas_http.c. */
void quotas_routes_add(worker_t *w);

/* Rolls and expires what is due, for the next 64 instances after `*after_id`
 * (0 first), and lowers `*next` to the earliest instant (UTC seconds) at which
 * something falls due again.  STORE_OK: more instances remain; STORE_NONE: done.
 * Called by the scheduler. */
store_result_t quotas_catch_up(worker_t *w, int64_t *after_id, int64_t *next);

int quotas_setup(worker_t *w) SELLIFY_MUST_CHECK;
void quotas_shutdown(worker_t *w);

#endif
