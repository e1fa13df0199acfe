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
    void  *data;
    size_t slot; /* place in the heap plus one; 0: not armed */
};

/* Arms or moves. Past times fire in the next pass, never inside this call. */
void timers_set(timers_t *timers, timer_entry_t *timer, sellify_time_t when);
void timers_cancel(timers_t *timers, timer_entry_t *timer);

#endif
