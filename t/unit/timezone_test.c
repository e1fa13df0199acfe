/* Zones from the system's database, checked against the C library. */
#include "../../worker/timezone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define DAY 86400
#define AROUND ((int64_t) 1763820000) /* 2025-11-22 */

static const char *const names[] = { "Europe/Paris", "America/Sao_Paulo",
    "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Kolkata", "Pacific/Chatham", "Europe/Dublin", "America/Santiago",
    "Asia/Tehran", "Africa/Abidjan", "Pacific/Apia" };

static void
same_as_the_c_library(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        sellify_zone_t zone;

        assert_int_equal(
            timezone_load(sellify_str_of(names[i]), AROUND, &zone), 0);
        assert_true(zone.count > 0);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t t = AROUND - 3 * 365 * DAY; t < AROUND + 8 * 365 * DAY;
             t += 1801) {
            time_t when = (time_t) t;
            struct tm tm;

            localtime_r(&when, &tm);
            if (sellify_zone_offset(&zone, t) != tm.tm_gmtoff) {
                fail_msg("%s differs at %lld: %d, not %ld", names[i],
                    (long long) t, sellify_zone_offset(&zone, t), tm.tm_gmtoff);
            }
        }
    }
}

/* Past the end of the file's table only the footer knows. */
static void
after_2037_the_rule_holds(void **state)
{
    static const char *const far[] = { "Europe/Paris", "America/Santiago",
        "Australia/Lord_Howe" };
    int64_t around = (int64_t) 2524608000; /* 2050 */

    (void) state;
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        sellify_zone_t zone;

        assert_int_equal(
            timezone_load(sellify_str_of(far[i]), around, &zone), 0);
        setenv("TZ", far[i], 1);
        tzset();
        for (int64_t t = around; t < around + 6 * 365 * DAY; t += 3600) {
            time_t when = (time_t) t;
            struct tm tm;

            localtime_r(&when, &tm);
            assert_int_equal(sellify_zone_offset(&zone, t), tm.tm_gmtoff);
        }
    }
}

/* Brazil had daylight saving until 2019. */
static void
history_is_kept(void **state)
{
    int64_t around = (int64_t) 1514764800; /* 2018 */
    sellify_zone_t zone;

    (void) state;
    assert_int_equal(
        timezone_load(sellify_str("America/Sao_Paulo"), around, &zone), 0);
    assert_int_equal(sellify_zone_offset(&zone, around), -7200);
    assert_int_equal(sellify_zone_offset(&zone, around + 182 * DAY), -10800);
}

static void
utc_needs_no_file(void **state)
{
    sellify_zone_t zone;

    (void) state;
    assert_int_equal(timezone_load(sellify_str("UTC"), AROUND, &zone), 0);
    assert_int_equal(sellify_zone_offset(&zone, AROUND), 0);
}

static void
bad_names_are_refused(void **state)
{
    static const char *const bad[] = { "", "Europe/Nowhere", "../etc/passwd",
        "/etc/localtime", "Europe", "Europe/../../../../etc/passwd",
        "tzdata.zi", "zone.tab", "Europe/Paris\n", "leapseconds" };
    sellify_zone_t zone;

    (void) state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            timezone_load(sellify_str_of(bad[i]), AROUND, &zone), -1);
    }
    assert_int_equal(timezone_load((sellify_str_t){ NULL, 0 }, 0, &zone), -1);
    assert_int_equal(
        timezone_load((sellify_str_t){ "Europe/Paris\0x", 14 }, 0, &zone), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_the_c_library),
        cmocka_unit_test(after_2037_the_rule_holds),
        cmocka_unit_test(history_is_kept),
        cmocka_unit_test(utc_needs_no_file),
        cmocka_unit_test(bad_names_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
