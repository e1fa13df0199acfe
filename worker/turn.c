/*
 * One pass of the loop as one transaction; see turn.h.  The order of turn_finish()
 * is the promise that everything else rests on: COMMIT, publish, effects.
 */

#include "turn.h"
#include "log.h"
#include "memory.h"

#include <stdlib.h>

#define TURN_HOOKS_MAX 32
#define TURN_RESERVE 256 /* effects for which a step finds room made */

typedef struct {
    turn_effect_fn fn;
    void *data;
    int undone; /* its step was rolled back */
} turn_effect_t;

typedef struct {
    void (*fn)(void *);
    void *data;
} turn_hook_t;

struct turn {
    const turn_store_t *ops;
    void *store;
    const sellify_clock_t *clock;
    sellify_time_t now, held;
    int now_known;

    int in_transaction, in_step, in_effects, poisoned;
    int reload_due, reloading;

    turn_effect_t *effects;
    size_t count, room, step_first;

    turn_hook_t publish[TURN_HOOKS_MAX], reload[TURN_HOOKS_MAX];
    size_t publish_count, reload_count;
    turn_stats_t stats;
};

turn_t *
turn_new(const sellify_clock_t *clock)
{
    turn_t *turn = memory_get(sizeof(*turn));
    turn->clock = clock;
    return turn;
}

void
turn_free(turn_t *turn)
{
    if (turn != NULL) {
        free(turn->effects);
        free(turn);
    }
}

void
turn_use_store(turn_t *turn, const turn_store_t *ops, void *store)
{
    turn->ops = ops;
    turn->store = store;
}

const turn_store_t *
turn_store(const turn_t *turn)
{
    return turn->ops;
}

/* --- time --- */

sellify_time_t
turn_time(turn_t *turn)
{
    if (turn->held != 0) {
        return turn->held;
    }
    if (!turn->now_known) {
        turn->now = sellify_clock_now(turn->clock);
        turn->now_known = 1;
    }
    return turn->now;
}

void
turn_hold_time(turn_t *turn, sellify_time_t when)
{
    turn->held = when;
    turn->now_known = 0;
}

void
turn_refresh_time(turn_t *turn)
{
    turn->now_known = 0;
}

/* --- hooks --- */

static void
turn_hook(turn_hook_t *hooks, size_t *count, void (*fn)(void *), void *data)
{
    if (*count == TURN_HOOKS_MAX) {
        log_error("turn", "too many hooks", NULL);
        abort();
    }
    hooks[(*count)++] = (turn_hook_t){ fn, data };
}

void
turn_on_publish(turn_t *turn, void (*fn)(void *), void *data)
{
    turn_hook(turn->publish, &turn->publish_count, fn, data);
}

void
turn_on_reload(turn_t *turn, void (*fn)(void *), void *data)
{
    turn_hook(turn->reload, &turn->reload_count, fn, data);
}

/* --- effects --- */

static void
turn_make_room(turn_t *turn, size_t more)
{
    if (turn->count + more <= turn->room) {
        return;
    }
    size_t room = turn->room ? turn->room * 2 : TURN_RESERVE;
    while (room < turn->count + more) {
        room *= 2;
    }
    turn->effects = memory_grow(turn->effects, room * sizeof(turn_effect_t));
    turn->room = room;
}

void
turn_effect(turn_t *turn, turn_effect_fn fn, void *data)
{
    if (turn->count == TURN_EFFECTS_MAX) {
        log_error(
            "turn", "too many effects", "%d in one turn", TURN_EFFECTS_MAX);
        abort();
    }
    turn_make_room(turn, 1);
    turn->effects[turn->count++] = (turn_effect_t){ fn, data, 0 };
}

/* An effect may queue another one; it runs in the same pass. */
static void
turn_run_effects(turn_t *turn, int committed)
{
    turn->in_effects = 1;
    for (size_t i = 0; i < turn->count; i++) {
        turn_effect_t effect = turn->effects[i];
        effect.fn(effect.data, committed && !effect.undone);
    }
    turn->count = 0;
    turn->in_effects = 0;
}

/* --- steps --- */

static int turn_reload(turn_t *turn);

static int
turn_open(turn_t *turn)
{
    if (turn->in_transaction) {
        return 0;
    }
    if (turn->ops->begin(turn->store) != 0) {
        turn_poison(turn, "begin failed");
        return -1;
    }
    turn->in_transaction = 1;
    turn->stats.turns++;
    return 0;
}

static int
turn_savepoint(turn_t *turn)
{
    if (turn_open(turn) != 0) {
        return -1;
    }
    if (turn->ops->savepoint(turn->store) != 0) {
        turn_poison(turn, "savepoint failed");
        return -1;
    }
    turn_make_room(turn, TURN_RESERVE);
    turn->in_step = 1;
    turn->step_first = turn->count;
    return 0;
}

int
turn_step_begin(turn_t *turn)
{
    if (turn->in_step || turn->in_effects) {
        log_error("turn", "step in the wrong place", "%s",
            turn->in_step ? "inside a step" : "inside an effect");
        abort();
    }
    if (turn->poisoned || (turn->reload_due && turn_reload(turn) != 0)) {
        return -1;
    }
    return turn_savepoint(turn);
}

int
turn_step_end(turn_t *turn, int commit)
{
    if (!turn->in_step) {
        log_error("turn", "step ended twice", NULL);
        abort();
    }
    turn->in_step = 0;

    int stands = 0;
    if (!turn->poisoned) {
        if (commit) {
            stands = turn->ops->release(turn->store) == 0;
        }
        if (!stands && turn->ops->rollback_to(turn->store) != 0) {
            turn_poison(turn, "rollback to savepoint failed");
        }
    }
    if (!stands) {
        for (size_t i = turn->step_first; i < turn->count; i++) {
            turn->effects[i].undone = 1;
        }
    }
    return stands ? 0 : -1;
}

int
turn_is_poisoned(const turn_t *turn)
{
    return turn->poisoned;
}

int
turn_in_step(const turn_t *turn)
{
    return turn->in_step;
}

void
turn_poison(turn_t *turn, const char *reason)
{
    if (!turn->poisoned) {
        turn->poisoned = 1;
        log_error("turn", "poisoned", "%s", reason);
    }
}

/* --- the end of a turn --- */

static void
turn_rollback(turn_t *turn)
{
    /* -1 here means that SQLite had rolled back before: as well. */
    (void) turn->ops->rollback(turn->store);
    turn->in_transaction = 0;
    turn->stats.poisoned++;
    turn->stats.failing = 1;
    turn->reload_due = 1;
}

/* 1: what the turn wrote is durable; 0: nothing of it is. */
static int
turn_commit(turn_t *turn)
{
    if (turn->ops == NULL) {
        return 1;
    }
    if (!turn->poisoned && turn->in_transaction) {
        int wrote = 0;
        int64_t start = sellify_clock_monotonic();
        if (turn->ops->commit(turn->store, &wrote) != 0) {
            turn_poison(turn, "commit failed");
        } else {
            turn->in_transaction = 0;
            if (wrote) {
                turn->stats.commits++;
                turn->stats.failing = 0;
                turn->stats.commit_us = sellify_clock_monotonic() - start;
            }
        }
    }
    if (turn->poisoned) {
        turn_rollback(turn);
        return 0;
    }
    return 1;
}

/* Memory follows the database again. Runs in a transaction of its own; while
 * that fails, no step begins. */
static int
turn_reload(turn_t *turn)
{
    if (turn->reloading) {
        return 0;
    }
    turn->reloading = 1;
    int ok = turn_savepoint(turn) == 0;
    if (ok) {
        for (size_t i = 0; i < turn->reload_count; i++) {
            turn->reload[i].fn(turn->reload[i].data);
        }
        ok = turn_step_end(turn, 1) == 0 && !turn->poisoned;
    }
    turn->reloading = 0;
    turn->reload_due = !ok;
    return ok ? 0 : -1;
}

/* After a rollback: reload in a fresh transaction, which then ends. */
static void
turn_recover(turn_t *turn)
{
    int wrote;
    turn->poisoned = 0;
    if (turn_reload(turn) != 0 || turn->ops->commit(turn->store, &wrote) != 0) {
        (void) turn->ops->rollback(turn->store);
        turn->reload_due = 1;
    }
    turn->in_transaction = 0;
    turn->poisoned = 0;
}

void
turn_finish(turn_t *turn)
{
    if (turn->in_step) {
        log_error("turn", "step left open", NULL);
        abort();
    }
    int committed = turn_commit(turn);
    if (committed) {
        for (size_t i = 0; i < turn->publish_count; i++) {
            turn->publish[i].fn(turn->publish[i].data);
        }
    } else {
        turn_recover(turn);
    }
    turn_run_effects(turn, committed);
    turn->now_known = 0;
}

const turn_stats_t *
turn_stats(const turn_t *turn)
{
    return &turn->stats;
}
