/*
 * A time zone as plain data: the UTC offset and since when it holds.  The worker
 * fills it from the system's zone database; everything that computes with it is
 * pure.  Civil-date arithmetic after H. Hinnant, "chrono-compatible low-level
 * date algorithms".
 */
#ifndef SELLIFY_ZONE_H
#define SELLIFY_ZONE_H

#include "clock.h"

#include <stddef.h>

#define SELLIFY_ZONE_STEPS 64

typedef struct {
    int64_t from;   /* UTC seconds; the first entry holds from the beginning */
    int32_t offset; /* seconds east of UTC, -86400..86400 */
} sellify_zone_step_t;

typedef struct {
    sellify_zone_step_t steps[SELLIFY_ZONE_STEPS]; /* ascending by from */
    size_t count;                                  /* 0 means UTC */
} sellify_zone_t;

typedef struct {
    int year, month, day; /* 1..12, 1..31 */
    int hour, minute, second;
    int weekday;        /* 1 Monday .. 7 Sunday, ISO 8601 */
    int64_t day_number; /* days since 1970-01-01, local */
} sellify_civil_t;

int32_t sellify_zone_offset(const sellify_zone_t *zone, int64_t utc_seconds);
void sellify_zone_civil(
    const sellify_zone_t *zone, int64_t utc_seconds, sellify_civil_t *civil);

/* The first instant (UTC seconds) at which the local clock shows or has passed
 * `second_of_day` (0..86400) of the local day `day_number`.  In a DST gap this
 * is the end of the gap; in an overlap the first of the two. */
int64_t sellify_zone_instant(
    const sellify_zone_t *zone, int64_t day_number, int32_t second_of_day);

int64_t sellify_days_from_civil(int year, int month, int day);

#endif
