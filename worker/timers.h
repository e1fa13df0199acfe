/*
 * Timers over core/clock: a binary heap of mapped (perhaps simulated) times, one
 * libevent timer armed for the earliest.  A callback runs inside the loop turn
 * and does its database work in a step of its own (turn.h).
 *
 * Worker thread only.  A timer is owned by whoever embeds it.
 */
#ifndef SELLIFY_WORKER_TIMERS_H
#define SELLIFY_WORKER_TIMERS_H

#include "../core/clock.h"

#include <stddef.h>

typedef struct timers timers_t;
typedef struct sellify_timer timer_entry_t;

struct sellify_timer {
    sellify_time_t when;
    void (*fn)(timer_entry_t *timer);
    void *data;
    size_t slot; /* place in the heap plus one; 0: not armed */
};

/* Arms or moves. Past times fire in the next pass, never inside this call. */
void timers_set(timers_t *timers, timer_entry_t *timer, sellify_time_t when);
void timers_cancel(timers_t *timers, timer_entry_t *timer);

/* --- for worker.c and unit tests --- */

timers_t *timers_new(void);
void timers_free(timers_t *timers);

/* Runs what is due at `now`, earliest first, equal times in the order in which
 * they were set; at most TIMERS_PER_PASS, the rest in the next pass. Returns
 * how many ran. */
#define TIMERS_PER_PASS 64
size_t timers_run(timers_t *timers, sellify_time_t now);

/* Real microseconds until the earliest, at most TIMERS_WAIT_MAX so that a step
 * of the wall clock is noticed. */
#define TIMERS_WAIT_MAX SELLIFY_SECOND
int64_t timers_wait(
    const timers_t *timers, const sellify_clock_t *clock, sellify_time_t now);
size_t timers_count(const timers_t *timers);

#endif
