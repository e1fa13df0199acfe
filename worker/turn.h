/*
 * The turn: one pass of the event loop is one SQLite transaction.
 *
 *     for (;;) { event_base_loop(EVLOOP_ONCE) -> COMMIT -> publish -> effects }
 *
 * Everything the outside could notice (a reply, a call to a provider, an event
 * to a dashboard, a change of an in-memory counter) is an effect: queued here,
 * run after COMMIT in the order queued.  Each request or pipeline step runs in
 * its own savepoint, so that its failure takes back only its own writes and
 * effects.  After an SQL error the store asks sqlite3_get_autocommit(): if
 * SQLite has rolled everything back, the turn is poisoned, no more SQL runs in
 * it, and every effect of the turn is told that it failed.
 *
 * Worker thread only.
 */
#ifndef SELLIFY_WORKER_TURN_H
#define SELLIFY_WORKER_TURN_H

#include "../core/clock.h"

#include <stdint.h>

typedef struct turn turn_t;

/* What the turn asks of the store (store/transaction.c). Each returns 0 or -1.
 * commit may leave the transaction open when it fails: rollback follows. */
typedef struct {
    int (*begin)(void *store);
    int (*commit)(void *store, int *wrote);
    int (*rollback)(void *store);
    int (*savepoint)(void *store);
    int (*release)(void *store);
    int (*rollback_to)(void *store);
} turn_store_t;

#define TURN_EFFECTS_MAX 262144

turn_t *turn_new(const sellify_clock_t *clock);
void turn_free(turn_t *turn);
void turn_use_store(turn_t *turn, const turn_store_t *ops, void *store);
/* For the publisher, which reads between turns. NULL without a store. */
const turn_store_t *turn_store(const turn_t *turn);

/* `committed` is 1 when the turn's transaction (and the step that queued the
 * effect) is durable, 0 when it was rolled back: a reply then becomes 503, a
 * send is not made, a counter is not moved.  An effect may begin new work only
 * by scheduling it (timers.h); it must not write to the database. */
typedef void (*turn_effect_fn)(void *data, int committed);

/* Queues an effect of the current step. Never fails: memory for it is reserved
 * at the start of the step, and past TURN_EFFECTS_MAX the worker stops, as it
 * does when memory is exhausted. */
void turn_effect(turn_t *turn, turn_effect_fn fn, void *data);

/* One step: everything between begin and end is one savepoint.  Steps do not
 * nest.  begin opens the turn's transaction if there is none; it returns -1
 * when the turn is poisoned (answer 503, write nothing). end(commit=0) rolls the
 * step back; effects queued in it run with committed = 0. */
int turn_step_begin(turn_t *turn) __attribute__((warn_unused_result));
/* 0 when the step's writes stand so far, -1 when they were rolled back. */
int turn_step_end(turn_t *turn, int commit);

int turn_is_poisoned(const turn_t *turn);
int turn_in_step(const turn_t *turn);
/* Called by the store after an SQL error that ended the transaction. */
void turn_poison(turn_t *turn, const char *reason);

/* Called once per loop pass: COMMIT, publish, effects. */
void turn_finish(turn_t *turn);

/* Registered once per subsystem at set-up. `publish` runs after each successful
 * COMMIT, before effects; `reload` after a poisoned turn, to load memory state
 * again from the database. */
void turn_on_publish(turn_t *turn, void (*fn)(void *), void *data);
void turn_on_reload(turn_t *turn, void (*fn)(void *), void *data);

/* Mapped time, read once per turn. hold: the time stands still at `when` (unit
 * tests); 0 lets it go on. refresh: the mapping has changed. */
sellify_time_t turn_time(turn_t *turn);
void turn_hold_time(turn_t *turn, sellify_time_t when);
void turn_refresh_time(turn_t *turn);

typedef struct {
    uint64_t turns;    /* that began a transaction */
    uint64_t commits;  /* that wrote something */
    uint64_t poisoned; /* that were rolled back whole */
    int failing;       /* 1 from a poisoned turn to the next that wrote */
    int64_t commit_us; /* real time of the last COMMIT that wrote */
} turn_stats_t;
const turn_stats_t *turn_stats(const turn_t *turn);

#endif
