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

#include <stdint.h>

typedef struct turn turn_t;

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
int  turn_step_begin(turn_t *turn) __attribute__((warn_unused_result));
/* 0 when the step's writes stand so far, -1 when they were rolled back. */
int  turn_step_end(turn_t *turn, int commit);

int  turn_is_poisoned(const turn_t *turn);
/* Called by the store after an SQL error that ended the transaction. */
void turn_poison(turn_t *turn, const char *reason);

/* Called once per loop pass: COMMIT, publish, effects. */
void turn_finish(turn_t *turn);

/* Registered once per subsystem at set-up. `publish` runs after each successful
 * COMMIT, before effects; `reload` after a poisoned turn, to load memory state
 * again from the database. */
void turn_on_publish(turn_t *turn, void (*fn)(void *), void *data);
void turn_on_reload(turn_t *turn, void (*fn)(void *), void *data);

#endif
