/* Civil time in a zone that is given as a table of offsets. */
#include "zone.h"

#define DAY_S 86400

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t
sellify_days_from_civil(int year, int month, int day)
{
    int64_t y = (int64_t) year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + doe - 719468;
}

static void
civil_from_days(int64_t days, sellify_civil_t *c)
{
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    c->day = (int) (doy - (153 * mp + 2) / 5 + 1);
    c->month = (int) (mp < 10 ? mp + 3 : mp - 9);
    c->year = (int) (yoe + era * 400 + (c->month <= 2));
    /* Day 0 was a Thursday. */
    c->weekday = (int) (days + 3 - 7 * floor_div(days + 3, 7)) + 1;
    c->day_number = days;
}

int32_t
sellify_zone_offset(const sellify_zone_t *zone, int64_t utc_seconds)
{
    size_t low = 0, high = zone->count;

    if (high == 0) {
        return 0;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (zone->steps[middle].from <= utc_seconds) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return zone->steps[low].offset;
}

void
sellify_zone_civil(
    const sellify_zone_t *zone, int64_t utc_seconds, sellify_civil_t *civil)
{
    int64_t local = utc_seconds + sellify_zone_offset(zone, utc_seconds);
    int64_t days = floor_div(local, DAY_S);
    int second = (int) (local - days * DAY_S);

    civil_from_days(days, civil);
    civil->hour = second / 3600;
    civil->minute = second % 3600 / 60;
    civil->second = second % 60;
}

int64_t
sellify_zone_instant(
    const sellify_zone_t *zone, int64_t day_number, int32_t second_of_day)
{
    int64_t local = day_number * DAY_S + second_of_day;
    int64_t utc;

    if (zone->count == 0) {
        return local;
    }
    /* The first stretch of constant offset that reaches this local time; when
     * it starts past it, the local time fell into the gap before. */
    for (size_t i = 0;; i++) {
        utc = local - zone->steps[i].offset;
        if (i + 1 == zone->count || utc < zone->steps[i + 1].from) {
            return i > 0 && utc < zone->steps[i].from ? zone->steps[i].from
                                                      : utc;
        }
    }
}
