/*
 * The worker's subsystems in one place, in the order in which they are set up;
 * shutdown runs the other way round.  One thread; nothing here is locked.
 */
#ifndef SELLIFY_WORKER_H
#define SELLIFY_WORKER_H

#include "../core/clock.h"
#include "../core/ruleset.h"
#include "../core/state_file.h"
#include "settings.h"
#include "timers.h"
#include "turn.h"

struct event_base;

typedef struct worker worker_t;

struct worker {
    settings_t settings;
    struct event_base *base;
    sellify_clock_t clock;
    timers_t *timers;
    turn_t *turn;

    struct store *store;         /* store/store.h: the database and its seal */
    struct publisher *publisher; /* publisher.h: the state file */
    struct policy *policy;       /* policy.h: current and stored rulesets */
    struct license *license;     /* license.h */
    struct quotas *quotas;       /* quotas.h */
    struct keys *keys;           /* keys.h */
    struct scheduler *scheduler; /* scheduler.h */
    struct alerts *alerts;       /* alerts.h */
    struct audit *audit;         /* audit.h */
    struct products *products;   /* products.h */
    struct conversations *conversations; /* conversations.h */
    struct http_client *http_client;     /* http/client.h: libcurl multi */
    struct ai *ai;                       /* ai/ai.h */
    struct whatsapp *whatsapp;           /* whatsapp/whatsapp.h */
    struct simulator *simulator;         /* whatsapp/simulator.h */
    struct flow *flow;                   /* flow/flow.h: the inbound pipeline */
    struct metrics *metrics;             /* metrics.h */
    struct http_server *http; /* http/server.h: made first, so that each
                                        set-up adds its routes; listens last */

    int draining;       /* SIGTERM seen: no new connections, no new sends */
    unsigned in_flight; /* calls to the outside whose answer a drain waits for:
                           whoever begins one counts it here */
    int start_status;   /* why a set-up failed: WORKER_REFUSED (0) or
                              WORKER_UNREADY */
    struct worker_loop *loop; /* worker.c: signals, ticks */
    const struct worker_options *options;
};

/* Exit statuses.  The parent ends with REFUSED (EX_CONFIG), and tries again
 * later after UNREADY (EX_TEMPFAIL). */
#define WORKER_REFUSED 78
#define WORKER_UNREADY 75

typedef struct worker_options {
    const char *conf;        /* settings file, NULL for the default one */
    int listen_fd, admin_fd; /* bound and listening, non-blocking; -1 none */
    int ready_fd; /* gets one byte when the worker is ready; -1 none */
    sellify_time_t hold_time; /* unit tests: time stands still; 0: it runs */
} worker_options_t;

/* The child's whole life; returns its exit status. */
int worker_run(const worker_options_t *options);

/*
 * Set-up of one subsystem: 0, or -1 after a log line that says why.  Each runs
 * inside a step of its own and its turn is finished before the next begins, so
 * it may read and write the database, but must not begin a step.  Shutdown runs
 * outside any step and must bear a set-up that never ran.
 */
typedef struct {
    const char *name;
    int (*setup)(worker_t *w);
    void (*shutdown)(worker_t *w);
} worker_part_t;

/* For worker.c and unit tests: builds `w` from w->settings (loaded by the
 * caller, who frees them). */
int worker_setup(worker_t *w, const worker_options_t *options)
    __attribute__((warn_unused_result));
void worker_shutdown(worker_t *w);
/* One pass: waits for events at most `wait_us`, runs them, finishes the turn. */
void worker_pass(worker_t *w, int64_t wait_us);

/* Mapped wall time of this turn: read once per loop pass, so that one turn sees
 * one time. */
sellify_time_t worker_now(const worker_t *worker);

static inline int64_t
worker_seconds(const worker_t *worker)
{
    return worker_now(worker) / SELLIFY_SECOND;
}

#endif
