/*
 * Active hours: the policy's ranges per weekday and its holidays, laid out as
 * UTC intervals for the coming days.  The worker publishes the intervals in the
 * state file; nginx only asks whether now is inside one.  Pure; any thread.
 */
#ifndef SELLIFY_HOURS_H
#define SELLIFY_HOURS_H

#include "zone.h"

#define SELLIFY_HOURS_RANGES 6 /* per weekday */
#define SELLIFY_HOURS_HOLIDAYS 64
#define SELLIFY_HOURS_INTERVALS 96 /* published, about two weeks */

typedef struct {
    int32_t from, to; /* seconds of the local day, 0..86400; to < from crosses
                         midnight; from == to is the whole day */
} sellify_hours_range_t;

typedef struct {
    sellify_hours_range_t ranges[7][SELLIFY_HOURS_RANGES]; /* 0 is Monday */
    uint8_t count[7];
    int64_t holidays[SELLIFY_HOURS_HOLIDAYS]; /* day numbers */
    size_t holiday_count;
    int always; /* no hours in the policy: always active */
} sellify_hours_t;

typedef struct {
    int64_t from, to; /* UTC seconds, [from, to) */
} sellify_interval_t;

/* Fills at most `max` ascending, disjoint intervals that intersect
 * [from, from + days) and returns how many.  A range that starts on a holiday
 * is left out; one that began the evening before a holiday ends at midnight. */
size_t sellify_hours_intervals(const sellify_hours_t *hours,
    const sellify_zone_t *zone, int64_t from, int days,
    sellify_interval_t *intervals, size_t max);

/* 1 inside, 0 outside, -1 when `now` lies beyond `known_until`. */
int sellify_hours_active(const sellify_interval_t *intervals, size_t count,
    int64_t known_until, int64_t now);

/* Start of the next interval after `now`, 0 when none is known. */
int64_t sellify_hours_next(
    const sellify_interval_t *intervals, size_t count, int64_t now);

#endif
