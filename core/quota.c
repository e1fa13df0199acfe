/* Quota arithmetic: windows, counters, slow-down and delay. */
#include "quota.h"
#include "rng.h"

#define HOUR_S 3600
#define DAY_S 86400
#define WEEK_S (7 * DAY_S)

#define BIT(type) (1u << (type))

/* What one message of a kind costs: one unit of each of these counters. */
static const unsigned costs[SELLIFY_KINDS] = {
    [SELLIFY_KIND_TEXT] = BIT(SELLIFY_QUOTA_HOUR) | BIT(SELLIFY_QUOTA_DAY) |
                          BIT(SELLIFY_QUOTA_WEEK),
    [SELLIFY_KIND_IMAGE] = BIT(SELLIFY_QUOTA_HOUR) | BIT(SELLIFY_QUOTA_DAY) |
                           BIT(SELLIFY_QUOTA_WEEK) | BIT(SELLIFY_QUOTA_IMAGES),
    [SELLIFY_KIND_VIDEO] = BIT(SELLIFY_QUOTA_HOUR) | BIT(SELLIFY_QUOTA_DAY) |
                           BIT(SELLIFY_QUOTA_WEEK) | BIT(SELLIFY_QUOTA_VIDEOS),
};

static const char *const kind_names[SELLIFY_KINDS] = { "text", "image",
    "video" };

static const char *const type_names[SELLIFY_QUOTA_TYPES] = { "hour", "day",
    "week", "images", "videos" };

const char *
sellify_kind_name(sellify_kind_t kind)
{
    return (unsigned) kind < SELLIFY_KINDS ? kind_names[kind] : "unknown";
}

int
sellify_kind_parse(sellify_str_t name)
{
    for (int i = 0; i < SELLIFY_KINDS; i++) {
        if (sellify_str_equal(name, sellify_str_of(kind_names[i]))) {
            return i;
        }
    }
    return -1;
}

const char *
sellify_quota_type_name(sellify_quota_type_t type)
{
    return (unsigned) type < SELLIFY_QUOTA_TYPES ? type_names[type] : "unknown";
}

/* --- windows --- */

/* The next instant at which the zone's offset changes by other than whole
 * hours: the clock hour ends there too. */
static int64_t
next_odd_step(const sellify_zone_t *zone, int64_t now)
{
    for (size_t i = 1; i < zone->count; i++) {
        if (zone->steps[i].from > now &&
            (zone->steps[i].offset - zone->steps[i - 1].offset) % HOUR_S != 0) {
            return zone->steps[i].from;
        }
    }
    return INT64_MAX;
}

static int64_t
hour_end_at(const sellify_zone_t *zone, int64_t now)
{
    int64_t local = now + sellify_zone_offset(zone, now);
    int64_t into = local % HOUR_S;
    int64_t end, odd = next_odd_step(zone, now);

    if (into < 0) {
        into += HOUR_S;
    }
    end = now - into + HOUR_S;
    return end < odd ? end : odd;
}

/* The first start of local day `day`, `day + step`, ... after `now`.  Where the
 * clock goes back over midnight a day that began has begun. */
static int64_t
next_start(const sellify_zone_t *zone, int64_t day, int step, int64_t now)
{
    int64_t start;

    while ((start = sellify_zone_instant(zone, day, 0)) <= now) {
        day += step;
    }
    return start;
}

void
sellify_quota_windows_at(
    const sellify_zone_t *zone, int64_t now, sellify_quota_windows_t *windows)
{
    sellify_civil_t c;

    sellify_zone_civil(zone, now, &c);
    windows->hour_end = hour_end_at(zone, now);
    windows->day_end = next_start(zone, c.day_number + 1, 1, now);
    windows->week_end = next_start(zone, c.day_number + 8 - c.weekday, 7, now);
}

static int64_t
window_end(const sellify_quota_windows_t *windows, sellify_quota_type_t type)
{
    switch (type) {
    case SELLIFY_QUOTA_HOUR:
        return windows->hour_end;
    case SELLIFY_QUOTA_DAY:
    case SELLIFY_QUOTA_IMAGES:
        return windows->day_end;
    default:
        return windows->week_end;
    }
}

static int64_t
window_length(sellify_quota_type_t type)
{
    switch (type) {
    case SELLIFY_QUOTA_HOUR:
        return HOUR_S;
    case SELLIFY_QUOTA_DAY:
    case SELLIFY_QUOTA_IMAGES:
        return DAY_S;
    default:
        return WEEK_S;
    }
}

unsigned
sellify_quota_roll(
    sellify_quota_counters_t *counters, const sellify_zone_t *zone, int64_t now)
{
    sellify_quota_windows_t *w = &counters->windows;
    sellify_quota_windows_t fresh = *w;
    unsigned ended = (now >= w->hour_end ? 1u : 0) |
                     (now >= w->day_end ? 2u : 0) |
                     (now >= w->week_end ? 4u : 0);
    unsigned reset = (w->hour_end ? ended & 1u : 0) |
                     (w->day_end ? ended & 2u : 0) |
                     (w->week_end ? ended & 4u : 0);

    if (ended == 0) {
        return 0;
    }
    if (zone) {
        sellify_quota_windows_at(zone, now, &fresh);
    }
    if (ended & 1u) {
        counters->used[SELLIFY_QUOTA_HOUR] = 0;
        w->hour_end = fresh.hour_end;
    }
    if (ended & 2u) {
        counters->used[SELLIFY_QUOTA_DAY] = 0;
        counters->used[SELLIFY_QUOTA_IMAGES] = 0;
        w->day_end = fresh.day_end;
    }
    if (ended & 4u) {
        counters->used[SELLIFY_QUOTA_WEEK] = 0;
        counters->used[SELLIFY_QUOTA_VIDEOS] = 0;
        w->week_end = fresh.week_end;
    }
    return reset;
}

/* --- counters --- */

uint32_t
sellify_quota_used(const sellify_quota_counters_t *counters,
    sellify_quota_type_t type, int64_t now)
{
    return now >= window_end(&counters->windows, type) ? 0
                                                       : counters->used[type];
}

uint32_t
sellify_quota_remaining(const sellify_quota_counters_t *counters,
    const sellify_quota_limits_t *limits, sellify_quota_type_t type,
    int64_t now)
{
    uint32_t used = sellify_quota_used(counters, type, now);

    return used < limits->max[type] ? limits->max[type] - used : 0;
}

/* When an exhausted counter is looked at again.  A limit of zero stays
 * exhausted past its window's end: then the next multiple of its length. */
static int64_t
retry_at(const sellify_quota_windows_t *windows, sellify_quota_type_t type,
    int64_t now)
{
    int64_t end = window_end(windows, type);
    int64_t length = window_length(type);

    if (end > now) {
        return end;
    }
    return end == 0 ? now + length : end + ((now - end) / length + 1) * length;
}

void
sellify_quota_check(const sellify_quota_counters_t *counters,
    const sellify_quota_limits_t *limits, sellify_kind_t kind, int64_t now,
    sellify_quota_answer_t *answer)
{
    *answer = (sellify_quota_answer_t){ .remaining = UINT32_MAX };
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        uint32_t left;

        if (!(costs[kind] & BIT(type))) {
            continue;
        }
        left = sellify_quota_remaining(counters, limits, type, now);
        if (left < answer->remaining) {
            answer->remaining = left;
        }
        if (left == 0) {
            int64_t at = retry_at(&counters->windows, type, now);

            answer->exhausted |= BIT(type);
            if (at > answer->next_at) {
                answer->next_at = at;
            }
        }
    }
    answer->can_send = answer->exhausted == 0;
}

void
sellify_quota_add(sellify_quota_counters_t *counters, sellify_kind_t kind)
{
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        if ((costs[kind] & BIT(type)) && counters->used[type] < UINT32_MAX) {
            counters->used[type]++;
        }
    }
}

void
sellify_quota_take(sellify_quota_counters_t *counters, sellify_kind_t kind)
{
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        if ((costs[kind] & BIT(type)) && counters->used[type] > 0) {
            counters->used[type]--;
        }
    }
}

/* --- slow-down and delay --- */

uint32_t
sellify_quota_pressure(const sellify_quota_counters_t *counters,
    const sellify_quota_limits_t *limits, int64_t now)
{
    uint64_t most = 0;

    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        uint64_t used = sellify_quota_used(counters, type, now);
        uint32_t max = limits->max[type];
        /* A kind that is forbidden says nothing about the pace of others. */
        uint64_t share = max ? used * 1000 / max : 0;

        if (share > most) {
            most = share;
        }
    }
    return most > UINT32_MAX ? UINT32_MAX : (uint32_t) most;
}

uint32_t
sellify_quota_delay_ms(const sellify_delay_policy_t *policy,
    sellify_kind_t kind, uint32_t pressure, uint32_t reply_chars, uint64_t seed)
{
    sellify_rng_t rng = sellify_rng(seed);
    uint64_t ceiling = (uint64_t) policy->max * 1000;
    uint64_t jitter =
        policy->jitter_percent > 100
            ? 1000
            : (uint64_t) policy->jitter_percent * 10; /* per mille */
    uint64_t ms = sellify_rng_between(&rng, (uint64_t) policy->base_min * 1000,
        (uint64_t) policy->base_max * 1000);

    ms *= pressure > 800 ? 3 : pressure > 500 ? 2 : 1;
    if (kind != SELLIFY_KIND_TEXT) {
        ms += (uint64_t) policy->media_extra * 1000;
    }
    /* Both factors have 32 bits: neither product nor sum can overflow. */
    ms += (uint64_t) policy->per_100_chars_ms * reply_chars / 100;
    if (ms > ceiling) {
        ms = ceiling;
    }
    ms = ms * sellify_rng_between(&rng, 1000 - jitter, 1000 + jitter) / 1000;
    if (ms > ceiling) {
        ms = ceiling;
    }
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t) ms;
}

uint32_t
sellify_quota_warmup_limit(const sellify_warmup_step_t *steps, size_t count,
    uint32_t age_days, uint32_t limit)
{
    for (size_t i = 0; i < count; i++) {
        if (age_days < steps[i].days) {
            return steps[i].limit < limit ? steps[i].limit : limit;
        }
        age_days -= steps[i].days;
    }
    return limit;
}
