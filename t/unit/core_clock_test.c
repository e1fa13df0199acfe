/* The clock: mapping, waiting, RFC 3339 known answers and refusals. */
#include "../../core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void
check_format(sellify_time_t when, const char *expected)
{
    char out[SELLIFY_RFC3339_MAX];
    int n = sellify_time_format(when, out);

    assert_string_equal(out, expected);
    assert_int_equal(n, strlen(expected));
}

static void
formats_known_instants(void **state)
{
    (void) state;
    check_format(0, "1970-01-01T00:00:00Z");
    check_format(1000000000 * SELLIFY_SECOND, "2001-09-09T01:46:40Z");
    check_format(951782400 * SELLIFY_SECOND, "2000-02-29T00:00:00Z");
    check_format(4107542400 * SELLIFY_SECOND, "2100-03-01T00:00:00Z");
    check_format(
        1763820000 * SELLIFY_SECOND + 45000, "2025-11-22T14:00:00.045Z");
    check_format(1999, "1970-01-01T00:00:00.001Z");
    check_format(253402300799 * SELLIFY_SECOND, "9999-12-31T23:59:59Z");
    /* out of the years that can be written */
    check_format(INT64_MAX, "9999-12-31T23:59:59.999Z");
    check_format(-1, "1970-01-01T00:00:00Z");
}

static const struct {
    const char *text;
    sellify_time_t when;
} good[] = {
    /* the examples of RFC 3339, 5.8 */
    { "1985-04-12T23:20:50.52Z", 482196050520000 },
    { "1996-12-19T16:39:57-08:00", 851042397000000 },
    { "1990-12-31T23:59:60Z", 662688000000000 },
    { "1990-12-31T15:59:60-08:00", 662688000000000 },
    { "1937-01-01T12:00:27.87+00:20", -1041337172130000 },
    { "1970-01-01T00:00:00Z", 0 },
    { "1970-01-01t00:00:00z", 0 },
    { "1970-01-01T00:00:00-00:00", 0 },
    { "2000-02-29T00:00:00Z", 951782400000000 },
    { "2026-03-29T03:00:00+02:00", 1774746000000000 },
    { "1970-01-01T00:00:00.123456789Z", 123456 },
    { "9999-12-31T23:59:59Z", 253402300799000000 },
    { "0000-01-01T00:00:00Z", -62167219200000000 },
};

static void
parses_known_texts(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        sellify_time_t when = -1;

        if (sellify_time_parse(good[i].text, strlen(good[i].text), &when)) {
            fail_msg("refused %s", good[i].text);
        }
        assert_true(when == good[i].when);
    }
}

static const char *const bad[] = { "", "2026", "2026-11-22",
    "2026-11-22T15:51:19", "2026-11-22 15:51:19Z", "2026-11-22T15:51Z",
    "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
    "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
    "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
    "2026-01-01T12:00:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00,5Z",
    "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00ZZ",
    "2026-01-01T00:00:00Z ", " 2026-01-01T00:00:00Z", "+026-01-01T00:00:00Z",
    "2026-1-01T00:00:00Z", "2026-01-01T00:00:-1Z", "26-01-01T00:00:00Z",
    "2026-01-01T00:00:00.00000000000000000000000000000000000000000000000000Z" };

static void
refuses_everything_else(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sellify_time_t when;

        if (sellify_time_parse(bad[i], strlen(bad[i]), &when) != -1) {
            fail_msg("accepted \"%s\"", bad[i]);
        }
    }
}

static void
refuses_every_cut(void **state)
{
    const char *text = "1996-12-19T16:39:57.25-08:00";
    sellify_time_t when;

    (void) state;
    for (size_t n = 0; n < strlen(text); n++) {
        assert_int_equal(sellify_time_parse(text, n, &when), -1);
    }
}

static void
parse_and_format_agree(void **state)
{
    (void) state;
    /* 1970..9999 in steps of a prime number of seconds, 1 ms off */
    for (int64_t s = 0; s < 253402300799; s += 86028121) {
        sellify_time_t when = s * SELLIFY_SECOND + 1000, back;
        char out[SELLIFY_RFC3339_MAX];
        int n = sellify_time_format(when, out);

        assert_int_equal(sellify_time_parse(out, (uint64_t) n, &back), 0);
        assert_true(back == when);
    }
}

static void
maps_real_to_simulated(void **state)
{
    sellify_clock_t real = SELLIFY_CLOCK_REAL;
    sellify_clock_t c = sellify_clock_at(1000, 500000, 60);

    (void) state;
    assert_true(sellify_clock_map(&real, 12345) == 12345);
    assert_true(sellify_clock_map(&c, 1000) == 500000);
    assert_true(sellify_clock_map(&c, 1001) == 500060);
    assert_true(sellify_clock_map(&c, 999) == 499940);
    assert_int_equal(sellify_clock_at(0, 0, 0).rate, 1);
    assert_int_equal(
        sellify_clock_at(0, 0, UINT32_MAX).rate, SELLIFY_CLOCK_RATE_MAX);
    /* saturates instead of wrapping */
    c = sellify_clock_at(0, 0, SELLIFY_CLOCK_RATE_MAX);
    assert_true(sellify_clock_map(&c, INT64_MAX) == INT64_MAX);
    assert_true(sellify_clock_map(&c, INT64_MIN) == INT64_MIN);
    c = sellify_clock_at(INT64_MIN, 0, 1);
    assert_true(sellify_clock_map(&c, 1) == INT64_MAX);
}

static void
waits_in_real_time(void **state)
{
    sellify_clock_t c = sellify_clock_at(0, 0, 60);

    (void) state;
    assert_true(sellify_clock_real_until(&c, 100, 100) == 0);
    assert_true(sellify_clock_real_until(&c, 100, 50) == 0);
    assert_true(sellify_clock_real_until(&c, 0, 60) == 1);
    assert_true(sellify_clock_real_until(&c, 0, 61) == 2);
    assert_true(sellify_clock_real_until(&c, INT64_MIN, INT64_MAX) > 0);
    /* after the wait the mapped clock has arrived, never one tick short */
    for (sellify_time_t when = 1; when < 1000; when++) {
        int64_t wait = sellify_clock_real_until(&c, 0, when);

        assert_true(sellify_clock_map(&c, wait) >= when);
        assert_true(sellify_clock_map(&c, wait - 1) < when);
    }
}

static void
clocks_run_forward(void **state)
{
    int64_t m = sellify_clock_monotonic();
    sellify_clock_t real = SELLIFY_CLOCK_REAL;

    (void) state;
    assert_true(m > 0);
    assert_true(sellify_clock_monotonic() >= m);
    assert_true(sellify_clock_real() > 1700000000 * SELLIFY_SECOND);
    assert_true(sellify_clock_now(&real) >= 1700000000 * SELLIFY_SECOND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_known_instants),
        cmocka_unit_test(parses_known_texts),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(parse_and_format_agree),
        cmocka_unit_test(maps_real_to_simulated),
        cmocka_unit_test(waits_in_real_time),
        cmocka_unit_test(clocks_run_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
