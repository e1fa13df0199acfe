/*
 * Quota arithmetic: counters, limits, windows, remaining, slow-down and delay.
 * Pure; the worker owns the durable counters, nginx reads them from the state
 * file, both ask here.  Any thread.
 *
 * Windows: hour is the clock hour of the zone, day begins at 00:00 and week on
 * Monday 00:00 of the zone.  A window that has ended counts as zero used.  An
 * image or a video costs one message and one medium.
 */
#ifndef SELLIFY_QUOTA_H
#define SELLIFY_QUOTA_H

#include "clock.h"
#include "str.h"
#include "zone.h"

typedef enum {
    SELLIFY_KIND_TEXT = 0,
    SELLIFY_KIND_IMAGE = 1,
    SELLIFY_KIND_VIDEO = 2
} sellify_kind_t;
#define SELLIFY_KINDS 3

const char *sellify_kind_name(sellify_kind_t kind); /* "text" ... */
int sellify_kind_parse(sellify_str_t name);         /* or -1 */

/* Which counter; also the order of the arrays below. */
typedef enum {
    SELLIFY_QUOTA_HOUR = 0,   /* messages, clock hour */
    SELLIFY_QUOTA_DAY = 1,    /* messages, day */
    SELLIFY_QUOTA_WEEK = 2,   /* messages, week */
    SELLIFY_QUOTA_IMAGES = 3, /* images, day */
    SELLIFY_QUOTA_VIDEOS = 4  /* videos, week */
} sellify_quota_type_t;
#define SELLIFY_QUOTA_TYPES 5

const char *sellify_quota_type_name(sellify_quota_type_t type); /* "hour" ... */

typedef struct {
    uint32_t max[SELLIFY_QUOTA_TYPES]; /* 0 forbids */
} sellify_quota_limits_t;

/* Ends of the running windows, UTC seconds, exclusive. */
typedef struct {
    int64_t hour_end, day_end, week_end;
} sellify_quota_windows_t;

/* `used` is sent plus reserved.  A counter is meaningful until the end of the
 * window that was running when it was last touched. */
typedef struct {
    uint32_t used[SELLIFY_QUOTA_TYPES];
    sellify_quota_windows_t windows;
} sellify_quota_counters_t;

/* The windows that contain `now` (UTC seconds). */
void sellify_quota_windows_at(
    const sellify_zone_t *zone, int64_t now, sellify_quota_windows_t *windows);

/* Zeroes the counters whose window has ended and, when a zone is given, moves
 * those windows on to the ones that contain `now`.  Returns a bit per reset
 * window: 1 hour, 2 day, 4 week.  A clock that steps back resets nothing. */
unsigned sellify_quota_roll(sellify_quota_counters_t *counters,
    const sellify_zone_t *zone, int64_t now);

/* Units used of one type as seen at `now`: zero when its window has ended. */
uint32_t sellify_quota_used(const sellify_quota_counters_t *counters,
    sellify_quota_type_t type, int64_t now);

uint32_t sellify_quota_remaining(const sellify_quota_counters_t *counters,
    const sellify_quota_limits_t *limits, sellify_quota_type_t type,
    int64_t now);

typedef struct {
    int can_send;
    int64_t next_at;    /* UTC seconds when the latest exhausted window ends;
                            0 when can_send */
    uint32_t remaining; /* of this kind: the least over the limits it costs */
    unsigned exhausted; /* a bit (1 << type) per exhausted counter */
} sellify_quota_answer_t;

void sellify_quota_check(const sellify_quota_counters_t *counters,
    const sellify_quota_limits_t *limits, sellify_kind_t kind, int64_t now,
    sellify_quota_answer_t *answer);

/* Adds or takes back what one message of a kind costs.  Taking never goes
 * below zero; adding saturates. */
void sellify_quota_add(sellify_quota_counters_t *counters, sellify_kind_t kind);
void
sellify_quota_take(sellify_quota_counters_t *counters, sellify_kind_t kind);

/* Share of the tightest limit in use, 0..1000 and more. */
uint32_t sellify_quota_pressure(const sellify_quota_counters_t *counters,
    const sellify_quota_limits_t *limits, int64_t now);

typedef struct {
    uint32_t base_min, base_max; /* seconds, default 2 and 8 */
    uint32_t media_extra;        /* seconds more after an image or video */
    uint32_t jitter_percent;     /* 0..100, default 20 */
    uint32_t per_100_chars_ms;   /* grows with the length of the reply */
    uint32_t max;                /* seconds, ceiling of the whole */
} sellify_delay_policy_t;

/* Human-like delay in milliseconds: base seeded between min and max, x2 above
 * 500 of pressure, x3 above 800, more after media and for long replies, seeded
 * jitter.  The same arguments give the same delay. */
uint32_t sellify_quota_delay_ms(const sellify_delay_policy_t *policy,
    sellify_kind_t kind, uint32_t pressure, uint32_t reply_chars,
    uint64_t seed);

/* Warm-up of a new number: its daily limit on day `age_days` (0 first). The
 * table gives the limit per step of days; past its end `limit` holds. */
typedef struct {
    uint32_t days;  /* length of this step */
    uint32_t limit; /* messages a day during it */
} sellify_warmup_step_t;
#define SELLIFY_WARMUP_STEPS 8

uint32_t sellify_quota_warmup_limit(const sellify_warmup_step_t *steps,
    size_t count, uint32_t age_days, uint32_t limit);

#endif
