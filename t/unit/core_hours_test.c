/* Active hours: midnight, holidays, DST, merging, and a brute-force twin. */
#include "zones.h"
#include "../../core/hours.h"
#include "../../core/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define H(hour) ((hour) *3600)

static void
add(sellify_hours_t *hours, int weekday, int32_t from, int32_t to)
{
    uint8_t n = hours->count[weekday - 1]++;

    hours->ranges[weekday - 1][n] = (sellify_hours_range_t){ from, to };
}

static size_t
lay_out(const sellify_hours_t *hours, const sellify_zone_t *zone, int64_t from,
    int days, sellify_interval_t *out)
{
    return sellify_hours_intervals(
        hours, zone, from, days, out, SELLIFY_HOURS_INTERVALS);
}

static void
a_plain_week(void **state)
{
    sellify_hours_t hours;
    sellify_interval_t out[SELLIFY_HOURS_INTERVALS];
    int64_t monday = sellify_days_from_civil(2026, 1, 5);

    (void) state;
    memset(&hours, 0, sizeof(hours));
    add(&hours, 1, H(14), H(18)); /* order does not matter */
    add(&hours, 1, H(8), H(12));
    add(&hours, 3, H(8), H(20));
    assert_int_equal(lay_out(&hours, &paris, monday * 86400 - 3600, 7, out), 3);
    assert_true(out[0].from == monday * 86400 + H(7)); /* UTC+1 */
    assert_true(out[0].to == monday * 86400 + H(11));
    assert_true(out[1].from == monday * 86400 + H(13));
    assert_true(out[2].to == (monday + 2) * 86400 + H(19));

    assert_int_equal(sellify_hours_active(out, 3, INT64_MAX, out[0].from), 1);
    assert_int_equal(
        sellify_hours_active(out, 3, INT64_MAX, out[0].from - 1), 0);
    assert_int_equal(sellify_hours_active(out, 3, INT64_MAX, out[0].to), 0);
    assert_int_equal(sellify_hours_active(out, 3, out[1].to, out[1].to), -1);
    assert_true(sellify_hours_next(out, 3, out[0].from) == out[1].from);
    assert_true(sellify_hours_next(out, 3, 0) == out[0].from);
    assert_true(sellify_hours_next(out, 3, out[2].from) == 0);
}

static void
always_and_never(void **state)
{
    sellify_hours_t hours;
    sellify_interval_t out[SELLIFY_HOURS_INTERVALS];

    (void) state;
    memset(&hours, 0, sizeof(hours));
    assert_int_equal(lay_out(&hours, &paris, 1000000, 14, out), 0);
    assert_int_equal(sellify_hours_active(out, 0, 2000000, 1000000), 0);
    hours.always = 1;
    assert_int_equal(lay_out(&hours, &paris, 1000000, 14, out), 1);
    assert_true(out[0].from == 1000000 && out[0].to == 1000000 + 14 * 86400);
    assert_int_equal(lay_out(&hours, &paris, 1000000, 0, out), 0);
}

static void
crosses_midnight_and_joins(void **state)
{
    sellify_hours_t hours;
    sellify_interval_t out[SELLIFY_HOURS_INTERVALS];
    int64_t friday = sellify_days_from_civil(2026, 1, 9);

    (void) state;
    memset(&hours, 0, sizeof(hours));
    add(&hours, 5, H(22), H(2));
    add(&hours, 6, H(2), H(3)); /* touches it: one interval */
    /* seen from Saturday 01:00: began the evening before */
    assert_int_equal(
        lay_out(&hours, &utc_zone, (friday + 1) * 86400 + H(1), 2, out), 1);
    assert_true(out[0].from == friday * 86400 + H(22));
    assert_true(out[0].to == (friday + 1) * 86400 + H(3));
    /* a range up to 24:00 and one from 00:00 join as well */
    memset(&hours, 0, sizeof(hours));
    add(&hours, 5, H(20), H(24));
    add(&hours, 6, 0, H(1));
    assert_int_equal(lay_out(&hours, &utc_zone, friday * 86400, 2, out), 1);
    assert_true(out[0].to - out[0].from == H(5));
    /* equal ends are the whole day */
    memset(&hours, 0, sizeof(hours));
    add(&hours, 5, H(8), H(8));
    assert_int_equal(lay_out(&hours, &utc_zone, friday * 86400, 1, out), 1);
    assert_true(out[0].from == friday * 86400);
    assert_true(out[0].to == (friday + 1) * 86400);
}

static void
holidays_close(void **state)
{
    sellify_hours_t hours;
    sellify_interval_t out[SELLIFY_HOURS_INTERVALS];
    int64_t christmas = sellify_days_from_civil(2026, 12, 25); /* Friday */

    (void) state;
    memset(&hours, 0, sizeof(hours));
    for (int day = 1; day <= 7; day++) {
        add(&hours, day, H(22), H(2));
    }
    hours.holidays[hours.holiday_count++] = christmas;
    assert_int_equal(
        lay_out(&hours, &utc_zone, (christmas - 1) * 86400 + H(12), 2, out), 1);
    /* the evening before ends at midnight, the holiday's own does not start */
    assert_true(out[0].from == (christmas - 1) * 86400 + H(22));
    assert_true(out[0].to == christmas * 86400);
    assert_true(lay_out(&hours, &utc_zone, christmas * 86400, 3, out) == 2);
    assert_true(out[0].from == (christmas + 1) * 86400 + H(22));
}

static void
gap_and_overlap(void **state)
{
    sellify_hours_t hours;
    sellify_interval_t out[SELLIFY_HOURS_INTERVALS];

    (void) state;
    memset(&hours, 0, sizeof(hours));
    add(&hours, 7, H(2), H(3));
    /* 02:00-03:00 does not exist on the last Sunday of March */
    assert_int_equal(lay_out(&hours, &paris, PARIS_GAP - 7200, 1, out), 0);
    /* and lasts two hours on the last Sunday of October */
    assert_int_equal(lay_out(&hours, &paris, PARIS_OVERLAP - 7200, 1, out), 1);
    assert_true(out[0].from == PARIS_OVERLAP - 3600);
    assert_true(out[0].to == PARIS_OVERLAP + 3600);
    /* 01:30-04:00 around the gap is an hour and a half */
    memset(&hours, 0, sizeof(hours));
    add(&hours, 7, 5400, H(4));
    assert_int_equal(lay_out(&hours, &paris, PARIS_GAP - 7200, 1, out), 1);
    assert_true(out[0].to - out[0].from == 5400);
}

static void
a_full_list_keeps_the_nearest(void **state)
{
    sellify_hours_t hours;
    sellify_interval_t out[5], full[SELLIFY_HOURS_INTERVALS];

    (void) state;
    memset(&hours, 0, sizeof(hours));
    for (int day = 1; day <= 7; day++) {
        for (int i = SELLIFY_HOURS_RANGES - 1; i >= 0; i--) {
            add(&hours, day, H(3 * i + 1), H(3 * i + 2));
        }
    }
    /* two weeks of the fullest policy fit what is published */
    assert_int_equal(lay_out(&hours, &paris, PARIS_GAP - 86400, 14, full), 84);
    assert_int_equal(
        sellify_hours_intervals(&hours, &paris, PARIS_GAP - 86400, 14, out, 5),
        5);
    assert_memory_equal(out, full, sizeof(out));
}

/* Is this second active, asked of the rules one by one? Whole minutes only, no
 * DST nearby. */
static int
brute_force(const sellify_hours_t *hours, int64_t t)
{
    for (int64_t d = t / 86400 - 1; d <= t / 86400; d++) {
        int wd = (int) ((d + 3) % 7);
        int closed = 0, next_closed = 0;

        for (size_t i = 0; i < hours->holiday_count; i++) {
            closed |= hours->holidays[i] == d;
            next_closed |= hours->holidays[i] == d + 1;
        }
        for (int i = 0; !closed && i < hours->count[wd]; i++) {
            int64_t from = hours->ranges[wd][i].from;
            int64_t to = hours->ranges[wd][i].to;

            if (from == to) {
                from = 0;
                to = 86400;
            } else if (to < from) {
                to = next_closed ? 86400 : to + 86400;
            }
            if (t >= d * 86400 + from && t < d * 86400 + to) {
                return 1;
            }
        }
    }
    return 0;
}

static void
agrees_with_brute_force(void **state)
{
    sellify_rng_t rng = sellify_rng(41);

    (void) state;
    for (int round = 0; round < 200; round++) {
        sellify_hours_t hours;
        sellify_interval_t out[SELLIFY_HOURS_INTERVALS];
        int64_t from = 1767225600 +
                       (int64_t) sellify_rng_between(&rng, 0, 100 * 1440) * 60;
        size_t count;

        memset(&hours, 0, sizeof(hours));
        for (int day = 1; day <= 7; day++) {
            uint64_t n = sellify_rng_between(&rng, 0, 3);

            for (uint64_t i = 0; i < n; i++) {
                add(&hours, day,
                    (int32_t) sellify_rng_between(&rng, 0, 95) * 900,
                    (int32_t) sellify_rng_between(&rng, 0, 96) * 900);
            }
        }
        for (int i = 0; i < 3; i++) {
            hours.holidays[hours.holiday_count++] =
                from / 86400 + (int64_t) sellify_rng_between(&rng, 0, 9);
        }
        count = lay_out(&hours, &utc_zone, from, 7, out);
        for (size_t i = 0; i < count; i++) {
            assert_true(out[i].from < out[i].to);
            assert_true(i == 0 || out[i - 1].to < out[i].from);
            assert_true(out[i].to > from && out[i].from < from + 7 * 86400);
        }
        for (int64_t t = from; t < from + 7 * 86400; t += 300) {
            assert_int_equal(
                sellify_hours_active(out, count, from + 7 * 86400, t),
                brute_force(&hours, t));
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_week),
        cmocka_unit_test(always_and_never),
        cmocka_unit_test(crosses_midnight_and_joins),
        cmocka_unit_test(holidays_close),
        cmocka_unit_test(gap_and_overlap),
        cmocka_unit_test(a_full_list_keeps_the_nearest),
        cmocka_unit_test(agrees_with_brute_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
