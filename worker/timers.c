/* A binary heap of timers; see timers.h. */

#include "timers.h"
#include "memory.h"

#include <stdint.h>
#include <stdlib.h>

typedef struct {
    timer_entry_t *entry;
    uint64_t order; /* equal times fire in the order of setting */
} timer_slot_t;

struct timers {
    timer_slot_t *heap;
    size_t count, room;
    uint64_t order;

    /* What this pass will run: an entry leaves by being cancelled or moved. */
    timer_entry_t *due[TIMERS_PER_PASS];
    size_t due_count;
};

#define TIMERS_DUE ((size_t) 1 << (8 * sizeof(size_t) - 1))

timers_t *
timers_new(void)
{
    return memory_get(sizeof(timers_t));
}

void
timers_free(timers_t *timers)
{
    if (timers != NULL) {
        free(timers->heap);
        free(timers);
    }
}

size_t
timers_count(const timers_t *timers)
{
    return timers->count;
}

static int
timers_before(const timer_slot_t *a, const timer_slot_t *b)
{
    if (a->entry->when != b->entry->when) {
        return a->entry->when < b->entry->when;
    }
    return a->order < b->order;
}

static void
timers_place(timers_t *timers, size_t index, timer_slot_t slot)
{
    timers->heap[index] = slot;
    slot.entry->slot = index + 1;
}

static void
timers_up(timers_t *timers, size_t index, timer_slot_t slot)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!timers_before(&slot, &timers->heap[parent])) {
            break;
        }
        timers_place(timers, index, timers->heap[parent]);
        index = parent;
    }
    timers_place(timers, index, slot);
}

static void
timers_down(timers_t *timers, size_t index, timer_slot_t slot)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= timers->count) {
            break;
        }
        if (child + 1 < timers->count &&
            timers_before(&timers->heap[child + 1], &timers->heap[child])) {
            child++;
        }
        if (!timers_before(&timers->heap[child], &slot)) {
            break;
        }
        timers_place(timers, index, timers->heap[child]);
        index = child;
    }
    timers_place(timers, index, slot);
}

void
timers_cancel(timers_t *timers, timer_entry_t *timer)
{
    size_t slot = timer->slot;
    timer->slot = 0;
    if (slot == 0) {
        return;
    }
    if (slot & TIMERS_DUE) {
        timers->due[slot & ~TIMERS_DUE] = NULL;
        return;
    }
    size_t index = slot - 1;
    timer_slot_t last = timers->heap[--timers->count];
    if (index == timers->count) {
        return;
    }
    if (index > 0 && timers_before(&last, &timers->heap[(index - 1) / 2])) {
        timers_up(timers, index, last);
    } else {
        timers_down(timers, index, last);
    }
}

void
timers_set(timers_t *timers, timer_entry_t *timer, sellify_time_t when)
{
    timers_cancel(timers, timer);
    if (timers->count == timers->room) {
        timers->room = timers->room ? timers->room * 2 : 64;
        timers->heap =
            memory_grow(timers->heap, timers->room * sizeof(timer_slot_t));
    }
    timer->when = when;
    timers->count++;
    timers_up(
        timers, timers->count - 1, (timer_slot_t){ timer, timers->order++ });
}

size_t
timers_run(timers_t *timers, sellify_time_t now)
{
    /* First take out what is due, so that what a callback sets, even in the
     * past, waits for the next pass. */
    timers->due_count = 0;
    while (timers->count > 0 && timers->due_count < TIMERS_PER_PASS &&
           timers->heap[0].entry->when <= now) {
        timer_entry_t *timer = timers->heap[0].entry;
        timers_cancel(timers, timer);
        timer->slot = TIMERS_DUE | timers->due_count;
        timers->due[timers->due_count++] = timer;
    }
    size_t ran = 0;
    for (size_t i = 0; i < timers->due_count; i++) {
        timer_entry_t *timer = timers->due[i];
        if (timer != NULL) {
            timer->slot = 0;
            timer->fn(timer);
            ran++;
        }
    }
    timers->due_count = 0;
    return ran;
}

int64_t
timers_wait(
    const timers_t *timers, const sellify_clock_t *clock, sellify_time_t now)
{
    if (timers->count == 0) {
        return TIMERS_WAIT_MAX;
    }
    int64_t wait =
        sellify_clock_real_until(clock, now, timers->heap[0].entry->when);
    return wait < TIMERS_WAIT_MAX ? wait : TIMERS_WAIT_MAX;
}
