/* Work that time brings. */
#include "scheduler.h"

#include "log.h"
#include "memory.h"
#include "policy.h"
#include "quotas.h"

#include <inttypes.h>
#include <stdlib.h>

#define DAY_S 86400
#define RETRY_S 5 /* after a step that the database refused */

struct scheduler {
    timer_entry_t quotas, hours;
    int64_t after_id; /* where a pass over the instances goes on */
    int64_t next;     /* earliest due time found by this pass */
};

void
scheduler_wake(worker_t *w, int64_t when)
{
    struct scheduler *s = w->scheduler;

    if (s == NULL || s->after_id != 0) {
        return; /* not set up yet, or a pass is under way and will look */
    }
    if (s->quotas.slot == 0 || when * SELLIFY_SECOND < s->quotas.when) {
        timers_set(w->timers, &s->quotas, when * SELLIFY_SECOND);
    }
}

/* One slice; 0 with the time at which to go on. */
static int
catch_up(worker_t *w, sellify_time_t *again)
{
    struct scheduler *s = w->scheduler;
    store_result_t result = quotas_catch_up(w, &s->after_id, &s->next);

    if (result == STORE_FAILED) {
        return -1;
    }
    *again = worker_now(w);
    if (result == STORE_NONE) {
        /* A clock that stepped back leaves due times in the future; a pass a
         * day costs nothing and finds whatever else was missed. */
        int64_t latest = worker_seconds(w) + DAY_S;

        *again = (s->next < latest ? s->next : latest) * SELLIFY_SECOND;
        s->after_id = 0;
        s->next = INT64_MAX;
    }
    return 0;
}

static void
quotas_due(timer_entry_t *timer)
{
    worker_t *w = timer->data;
    struct scheduler *s = w->scheduler;
    sellify_time_t again;
    int failed = turn_step_begin(w->turn) != 0;

    if (!failed) {
        failed = catch_up(w, &again) != 0;
        failed |= turn_step_end(w->turn, !failed) != 0;
    }
    if (failed) {
        s->after_id = 0;
        s->next = INT64_MAX;
        again = worker_now(w) + RETRY_S * SELLIFY_SECOND;
    }
    timers_set(w->timers, timer, again);
}

static void
hours_due(timer_entry_t *timer)
{
    worker_t *w = timer->data;

    policy_refresh_hours(w);
    timers_set(w->timers, timer, worker_now(w) + DAY_S * SELLIFY_SECOND);
    if (turn_step_begin(w->turn) == 0) {
        (void) turn_step_end(w->turn, 1); /* so that the turn publishes */
    }
}

int
scheduler_setup(worker_t *w)
{
    struct scheduler *s = memory_get(sizeof(*s));

    s->next = INT64_MAX;
    s->quotas = (timer_entry_t){ .fn = quotas_due, .data = w };
    s->hours = (timer_entry_t){ .fn = hours_due, .data = w };
    w->scheduler = s;
    /* The first pass catches up with what fell due while nothing ran. */
    timers_set(w->timers, &s->quotas, worker_now(w));
    timers_set(w->timers, &s->hours, worker_now(w) + DAY_S * SELLIFY_SECOND);
    return 0;
}

void
scheduler_shutdown(worker_t *w)
{
    if (w->scheduler != NULL) {
        timers_cancel(w->timers, &w->scheduler->quotas);
        timers_cancel(w->timers, &w->scheduler->hours);
        free(w->scheduler);
        w->scheduler = NULL;
    }
}
