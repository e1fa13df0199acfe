/* Civil time: days, offsets, gaps and overlaps. */
#include "zones.h"
#include "../../core/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void
check_civil(const sellify_zone_t *zone, int64_t utc, int year, int month,
    int day, int hour, int minute, int second, int weekday)
{
    sellify_civil_t c;

    sellify_zone_civil(zone, utc, &c);
    assert_int_equal(c.year, year);
    assert_int_equal(c.month, month);
    assert_int_equal(c.day, day);
    assert_int_equal(c.hour, hour);
    assert_int_equal(c.minute, minute);
    assert_int_equal(c.second, second);
    assert_int_equal(c.weekday, weekday);
    assert_true(c.day_number == sellify_days_from_civil(year, month, day));
}

static void
knows_days(void **state)
{
    (void) state;
    assert_true(sellify_days_from_civil(1970, 1, 1) == 0);
    assert_true(sellify_days_from_civil(1969, 12, 31) == -1);
    assert_true(sellify_days_from_civil(2000, 3, 1) == 11017);
    assert_true(sellify_days_from_civil(0, 3, 1) == -719468);
    assert_true(sellify_days_from_civil(9999, 12, 31) == 2932896);
    check_civil(&utc_zone, 0, 1970, 1, 1, 0, 0, 0, 4);
    check_civil(&utc_zone, -1, 1969, 12, 31, 23, 59, 59, 3);
    check_civil(&utc_zone, 951782399, 2000, 2, 28, 23, 59, 59, 1);
    check_civil(&utc_zone, 1763820000, 2025, 11, 22, 14, 0, 0, 6);
}

static void
every_day_follows_the_one_before(void **state)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
        31 };
    sellify_civil_t c;
    int year = 1900, month = 1, day = 1, weekday = 1; /* a Monday */
    int64_t n = sellify_days_from_civil(1900, 1, 1);

    (void) state;
    for (; year < 2200; n++) {
        int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        sellify_zone_civil(&utc_zone, n * 86400, &c);
        assert_int_equal(c.year, year);
        assert_int_equal(c.month, month);
        assert_int_equal(c.day, day);
        assert_int_equal(c.weekday, weekday);
        weekday = weekday % 7 + 1;
        if (++day > days[month - 1] + (month == 2 && leap)) {
            day = 1;
            if (++month > 12) {
                month = 1;
                year++;
            }
        }
    }
}

static void
offsets_change_at_their_second(void **state)
{
    (void) state;
    assert_int_equal(sellify_zone_offset(&utc_zone, 0), 0);
    assert_int_equal(sellify_zone_offset(&paris, INT64_MIN / 2), 7200);
    assert_int_equal(sellify_zone_offset(&paris, PARIS_GAP - 1), 3600);
    assert_int_equal(sellify_zone_offset(&paris, PARIS_GAP), 7200);
    assert_int_equal(sellify_zone_offset(&paris, PARIS_OVERLAP - 1), 7200);
    assert_int_equal(sellify_zone_offset(&paris, PARIS_OVERLAP), 3600);
    assert_int_equal(sellify_zone_offset(&paris, INT64_MAX / 2), 7200);
    check_civil(&paris, PARIS_GAP - 1, 2026, 3, 29, 1, 59, 59, 7);
    check_civil(&paris, PARIS_GAP, 2026, 3, 29, 3, 0, 0, 7);
    check_civil(&paris, PARIS_OVERLAP - 1, 2026, 10, 25, 2, 59, 59, 7);
    check_civil(&paris, PARIS_OVERLAP, 2026, 10, 25, 2, 0, 0, 7);
}

static void
instants_in_gap_and_overlap(void **state)
{
    int64_t gap_day = sellify_days_from_civil(2026, 3, 29);
    int64_t overlap_day = sellify_days_from_civil(2026, 10, 25);

    (void) state;
    assert_true(sellify_zone_instant(&paris, gap_day, 7199) == PARIS_GAP - 1);
    assert_true(sellify_zone_instant(&paris, gap_day, 7200) == PARIS_GAP);
    assert_true(sellify_zone_instant(&paris, gap_day, 9000) == PARIS_GAP);
    assert_true(sellify_zone_instant(&paris, gap_day, 10800) == PARIS_GAP);
    assert_true(sellify_zone_instant(&paris, gap_day, 10801) == PARIS_GAP + 1);
    /* 02:30 happens twice: the first of the two */
    assert_true(sellify_zone_instant(&paris, overlap_day, 9000) ==
                PARIS_OVERLAP - 1800);
    assert_true(
        sellify_zone_instant(&paris, overlap_day, 10799) == PARIS_OVERLAP - 1);
    /* 03:00 is shown only after the second 02:59 */
    assert_true(sellify_zone_instant(&paris, overlap_day, 10800) ==
                PARIS_OVERLAP + 3600);
    /* 24:00 is 00:00 of the day after */
    assert_true(sellify_zone_instant(&paris, overlap_day, 86400) ==
                sellify_zone_instant(&paris, overlap_day + 1, 0));
    /* that Sunday has 25 hours, the other 23 */
    assert_true(sellify_zone_instant(&paris, overlap_day + 1, 0) -
                    sellify_zone_instant(&paris, overlap_day, 0) ==
                25 * 3600);
    assert_true(sellify_zone_instant(&paris, gap_day + 1, 0) -
                    sellify_zone_instant(&paris, gap_day, 0) ==
                23 * 3600);
}

static void
a_day_that_was_left_out(void **state)
{
    int64_t day = sellify_days_from_civil(2011, 12, 30);

    (void) state;
    assert_true(sellify_zone_instant(&apia, day, 0) == 1325239200);
    assert_true(sellify_zone_instant(&apia, day, 43200) == 1325239200);
    assert_true(sellify_zone_instant(&apia, day + 1, 0) == 1325239200);
    check_civil(&apia, 1325239199, 2011, 12, 29, 23, 59, 59, 4);
    check_civil(&apia, 1325239200, 2011, 12, 31, 0, 0, 0, 6);
}

/* For any zone, day and second: the clock shows or has passed it there, and
 * did not at any look before. */
static void
instant_is_the_first(void **state)
{
    static const sellify_zone_t *const zones[] = { &utc_zone, &paris,
        &lord_howe, &st_johns, &apia, &odd_zone };
    sellify_rng_t rng = sellify_rng(29);

    (void) state;
    for (int i = 0; i < 20000; i++) {
        const sellify_zone_t *zone = zones[i % 6];
        int64_t near =
            zone->count > 1
                ? zone->steps[sellify_rng_between(&rng, 1, zone->count - 1)]
                      .from
                : 1700000000;
        int64_t day =
            near / 86400 - 3 + (int64_t) sellify_rng_between(&rng, 0, 6);
        int32_t second = (int32_t) sellify_rng_between(&rng, 0, 86400);
        int64_t wanted = day * 86400 + second;
        int64_t at = sellify_zone_instant(zone, day, second);
        int64_t before = at - 1 - (int64_t) sellify_rng_between(&rng, 0, 90000);

        assert_true(at + sellify_zone_offset(zone, at) >= wanted);
        assert_true(at - 1 + sellify_zone_offset(zone, at - 1) < wanted);
        assert_true(before + sellify_zone_offset(zone, before) < wanted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_days),
        cmocka_unit_test(every_day_follows_the_one_before),
        cmocka_unit_test(offsets_change_at_their_second),
        cmocka_unit_test(instants_in_gap_and_overlap),
        cmocka_unit_test(a_day_that_was_left_out),
        cmocka_unit_test(instant_is_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
