/* Active hours laid out as UTC intervals. */
#include "hours.h"

#include <string.h>

#define DAY_S 86400

static int
is_holiday(const sellify_hours_t *hours, int64_t day)
{
    for (size_t i = 0; i < hours->holiday_count; i++) {
        if (hours->holidays[i] == day) {
            return 1;
        }
    }
    return 0;
}

/* One range of one local day. Empty when a DST gap swallows it. */
static sellify_interval_t
range_interval(const sellify_hours_t *hours, const sellify_zone_t *zone,
    int64_t day, const sellify_hours_range_t *range)
{
    int64_t end_day = day;
    int32_t from = range->from, to = range->to;

    if (from == to) {
        from = 0;
        to = DAY_S;
    } else if (to < from) {
        end_day = day + 1;
        if (is_holiday(hours, end_day)) {
            to = 0;
        }
    }
    return (sellify_interval_t){ sellify_zone_instant(zone, day, from),
        sellify_zone_instant(zone, end_day, to) };
}

/* Puts one interval into the sorted, disjoint list and merges what it touches.
 * A full list gives up its latest interval. */
static size_t
insert_merged(
    sellify_interval_t *list, size_t count, size_t max, sellify_interval_t add)
{
    size_t first = 0, next;

    while (first < count && list[first].to < add.from) {
        first++;
    }
    for (next = first; next < count && list[next].from <= add.to; next++) {
        if (list[next].from < add.from) {
            add.from = list[next].from;
        }
        if (list[next].to > add.to) {
            add.to = list[next].to;
        }
    }
    if (next == first) { /* touches none: make room */
        if (first == max) {
            return count;
        }
        if (count == max) {
            count--;
        }
        memmove(
            &list[first + 1], &list[first], (count - first) * sizeof(*list));
        list[first] = add;
        return count + 1;
    }
    list[first] = add;
    memmove(&list[first + 1], &list[next], (count - next) * sizeof(*list));
    return count - (next - first) + 1;
}

size_t
sellify_hours_intervals(const sellify_hours_t *hours,
    const sellify_zone_t *zone, int64_t from, int days,
    sellify_interval_t *intervals, size_t max)
{
    int64_t until = from + (int64_t) days * DAY_S;
    sellify_civil_t first, last;
    size_t count = 0;

    if (days <= 0 || max == 0) {
        return 0;
    }
    if (hours->always) {
        intervals[0] = (sellify_interval_t){ from, until };
        return 1;
    }
    sellify_zone_civil(zone, from, &first);
    sellify_zone_civil(zone, until, &last);
    /* From the evening before: a range may cross midnight. */
    for (int64_t d = first.day_number - 1; d <= last.day_number; d++) {
        size_t weekday =
            (size_t) ((first.weekday - 1 + d - first.day_number + 7) % 7);

        for (size_t i = 0; i < hours->count[weekday] && !is_holiday(hours, d);
             i++) {
            sellify_interval_t one =
                range_interval(hours, zone, d, &hours->ranges[weekday][i]);

            if (one.from < one.to && one.to > from && one.from < until) {
                count = insert_merged(intervals, count, max, one);
            }
        }
    }
    return count;
}

int
sellify_hours_active(const sellify_interval_t *intervals, size_t count,
    int64_t known_until, int64_t now)
{
    if (now >= known_until) {
        return -1;
    }
    for (size_t i = 0; i < count && intervals[i].from <= now; i++) {
        if (now < intervals[i].to) {
            return 1;
        }
    }
    return 0;
}

int64_t
sellify_hours_next(
    const sellify_interval_t *intervals, size_t count, int64_t now)
{
    for (size_t i = 0; i < count; i++) {
        if (intervals[i].from > now) {
            return intervals[i].from;
        }
    }
    return 0;
}
