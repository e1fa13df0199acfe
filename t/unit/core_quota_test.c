/* Quotas: windows, counters that never pass their limit, delays. */
#include "zones.h"
#include "../../core/quota.h"
#include "../../core/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const sellify_quota_limits_t defaults = { { 30, 200, 1000, 50, 20 } };

static void
names(void **state)
{
    (void) state;
    for (int i = 0; i < SELLIFY_KINDS; i++) {
        assert_int_equal(
            sellify_kind_parse(sellify_str_of(sellify_kind_name(i))), i);
    }
    assert_int_equal(sellify_kind_parse(sellify_str("Text")), -1);
    assert_int_equal(sellify_kind_parse(sellify_str("")), -1);
    assert_string_equal(
        sellify_quota_type_name(SELLIFY_QUOTA_VIDEOS), "videos");
}

static void
windows_of_a_plain_moment(void **state)
{
    sellify_quota_windows_t w;

    (void) state;
    /* Saturday 2025-11-22 15:20:00 in Paris */
    sellify_quota_windows_at(&paris, 1763820000 + 1200, &w);
    assert_true(w.hour_end == 1763820000 + 3600);
    assert_true(w.day_end == 1763820000 + 9 * 3600);
    assert_true(w.week_end == 1763820000 + 33 * 3600);
    /* the last second of a window is in it, its end is in the next */
    sellify_quota_windows_at(&paris, w.week_end - 1, &w);
    assert_true(w.hour_end == w.week_end && w.day_end == w.week_end);
    sellify_quota_windows_at(&paris, w.week_end, &w);
    assert_true(w.week_end == 1763820000 + 33 * 3600 + 7 * 86400);
}

static void
windows_around_dst(void **state)
{
    sellify_quota_windows_t w;

    (void) state;
    sellify_quota_windows_at(&paris, PARIS_GAP - 1, &w);
    assert_true(w.hour_end == PARIS_GAP);
    assert_true(w.day_end == PARIS_GAP + 21 * 3600);
    sellify_quota_windows_at(&paris, PARIS_OVERLAP - 1, &w);
    assert_true(w.hour_end == PARIS_OVERLAP); /* 02:00 twice, two hours */
    assert_true(w.day_end == PARIS_OVERLAP + 22 * 3600);
    /* half an hour of change: the clock hour is cut, never stretched */
    sellify_quota_windows_at(&lord_howe, 1775314800, &w);
    assert_true(w.hour_end == 1775314800 + 1800);
    sellify_quota_windows_at(&odd_zone, ODD_STEP - 1, &w);
    assert_true(w.hour_end == ODD_STEP);
}

/* Every instant belongs to exactly one window: what the window's end says is
 * the same for all of its instants, and the next one starts at that end. */
static void
windows_partition_time(void **state)
{
    static const sellify_zone_t *const zones[] = { &utc_zone, &paris,
        &lord_howe, &st_johns, &apia, &odd_zone };
    sellify_rng_t rng = sellify_rng(53);

    (void) state;
    for (int z = 0; z < 6; z++) {
        int64_t from =
            zones[z]->count > 1
                ? zones[z]->steps[zones[z]->count > 2 ? 2 : 1].from - 20 * 86400
                : 1700000000;
        int64_t t = from;
        sellify_quota_windows_t last, w;

        sellify_quota_windows_at(zones[z], t, &last);
        while (t < from + 40 * 86400) {
            int64_t next = t + 1 + (int64_t) sellify_rng_between(&rng, 0, 600);

            /* never step over an end */
            next = next > last.hour_end ? last.hour_end : next;
            next = next > last.day_end ? last.day_end : next;
            sellify_quota_windows_at(zones[z], next, &w);
            assert_true(w.hour_end > next && w.day_end > next);
            assert_true(w.week_end > next);
            assert_true(w.hour_end - next <= 3600);
            if (next < last.hour_end) {
                assert_true(w.hour_end == last.hour_end);
            }
            if (next < last.day_end) {
                assert_true(w.day_end == last.day_end);
            }
            if (next < last.week_end) {
                assert_true(w.week_end == last.week_end);
            } else {
                assert_true(next == last.week_end);
            }
            last = w;
            t = next;
        }
    }
}

static void
rolls_what_has_ended(void **state)
{
    sellify_quota_counters_t c;
    int64_t now = 1763820000;

    (void) state;
    memset(&c, 0, sizeof(c));
    /* a new counter starts its windows; nothing was reset */
    assert_int_equal(sellify_quota_roll(&c, &paris, now), 0);
    assert_true(c.windows.hour_end == now + 3600);
    for (int i = 0; i < 4; i++) {
        sellify_quota_add(&c, SELLIFY_KIND_IMAGE);
    }
    sellify_quota_add(&c, SELLIFY_KIND_VIDEO);
    assert_int_equal(sellify_quota_roll(&c, &paris, now + 3599), 0);
    assert_int_equal(c.used[SELLIFY_QUOTA_HOUR], 5);
    assert_int_equal(sellify_quota_roll(&c, &paris, now + 3600), 1);
    assert_int_equal(c.used[SELLIFY_QUOTA_HOUR], 0);
    assert_int_equal(c.used[SELLIFY_QUOTA_DAY], 5);
    /* each reset is reported once */
    assert_int_equal(sellify_quota_roll(&c, &paris, now + 3600), 0);
    /* a clock that steps back resets nothing */
    assert_int_equal(sellify_quota_roll(&c, &paris, now - 86400 * 30), 0);
    assert_int_equal(c.used[SELLIFY_QUOTA_DAY], 5);
    assert_int_equal(sellify_quota_roll(&c, &paris, now + 9 * 3600), 3);
    assert_int_equal(c.used[SELLIFY_QUOTA_IMAGES], 0);
    assert_int_equal(c.used[SELLIFY_QUOTA_WEEK], 5);
    assert_int_equal(c.used[SELLIFY_QUOTA_VIDEOS], 1);
    /* months missed are one reset */
    assert_int_equal(sellify_quota_roll(&c, &paris, now + 86400 * 90), 7);
    assert_int_equal(c.used[SELLIFY_QUOTA_WEEK], 0);
    assert_true(c.windows.week_end > now + 86400 * 90);
}

static void
without_a_zone_counters_read_as_zero(void **state)
{
    sellify_quota_counters_t c;
    int64_t now = 1763820000;

    (void) state;
    memset(&c, 0, sizeof(c));
    sellify_quota_roll(&c, &utc_zone, now);
    sellify_quota_add(&c, SELLIFY_KIND_TEXT);
    assert_int_equal(sellify_quota_used(&c, SELLIFY_QUOTA_HOUR, now), 1);
    assert_int_equal(
        sellify_quota_used(&c, SELLIFY_QUOTA_HOUR, c.windows.hour_end - 1), 1);
    assert_int_equal(
        sellify_quota_used(&c, SELLIFY_QUOTA_HOUR, c.windows.hour_end), 0);
    assert_int_equal(
        sellify_quota_used(&c, SELLIFY_QUOTA_DAY, c.windows.hour_end), 1);
    assert_int_equal(sellify_quota_roll(&c, NULL, c.windows.hour_end), 1);
    assert_int_equal(c.used[SELLIFY_QUOTA_HOUR], 0);
}

static void
check_names_the_latest_exhausted_window(void **state)
{
    sellify_quota_counters_t c;
    sellify_quota_limits_t limits = { { 2, 3, 100, 1, 0 } };
    sellify_quota_answer_t a;
    int64_t now = 1763820000;

    (void) state;
    memset(&c, 0, sizeof(c));
    sellify_quota_roll(&c, &paris, now);
    sellify_quota_check(&c, &limits, SELLIFY_KIND_TEXT, now, &a);
    assert_int_equal(a.can_send, 1);
    assert_int_equal(a.remaining, 2);
    assert_true(a.next_at == 0);
    sellify_quota_check(&c, &limits, SELLIFY_KIND_IMAGE, now, &a);
    assert_int_equal(a.remaining, 1);
    /* a limit of zero forbids, also after its window */
    sellify_quota_check(&c, &limits, SELLIFY_KIND_VIDEO, now, &a);
    assert_int_equal(a.can_send, 0);
    assert_int_equal(a.exhausted, 1u << SELLIFY_QUOTA_VIDEOS);
    assert_true(a.next_at == c.windows.week_end);
    sellify_quota_check(
        &c, &limits, SELLIFY_KIND_VIDEO, c.windows.week_end + 5, &a);
    assert_int_equal(a.can_send, 0);
    assert_true(a.next_at > c.windows.week_end + 5);

    sellify_quota_add(&c, SELLIFY_KIND_IMAGE);
    sellify_quota_add(&c, SELLIFY_KIND_TEXT);
    sellify_quota_check(&c, &limits, SELLIFY_KIND_TEXT, now, &a);
    assert_int_equal(a.exhausted, 1u << SELLIFY_QUOTA_HOUR);
    assert_true(a.next_at == c.windows.hour_end);
    /* past the limit (recorded sends): nothing remains, no wrap */
    sellify_quota_add(&c, SELLIFY_KIND_TEXT);
    sellify_quota_add(&c, SELLIFY_KIND_TEXT);
    sellify_quota_check(&c, &limits, SELLIFY_KIND_TEXT, now, &a);
    assert_int_equal(
        a.exhausted, 1u << SELLIFY_QUOTA_HOUR | 1u << SELLIFY_QUOTA_DAY);
    assert_int_equal(a.remaining, 0);
    assert_true(a.next_at == c.windows.day_end);
    assert_int_equal(
        sellify_quota_remaining(&c, &limits, SELLIFY_QUOTA_DAY, now), 0);
}

static void
counters_saturate(void **state)
{
    sellify_quota_counters_t c;

    (void) state;
    memset(&c, 0, sizeof(c));
    sellify_quota_take(&c, SELLIFY_KIND_IMAGE);
    assert_int_equal(c.used[SELLIFY_QUOTA_HOUR], 0);
    c.used[SELLIFY_QUOTA_HOUR] = UINT32_MAX;
    sellify_quota_add(&c, SELLIFY_KIND_IMAGE);
    assert_true(c.used[SELLIFY_QUOTA_HOUR] == UINT32_MAX);
    assert_int_equal(c.used[SELLIFY_QUOTA_IMAGES], 1);
    assert_int_equal(c.used[SELLIFY_QUOTA_VIDEOS], 0);
}

/* Any order of reserve, release and time: sends within a window never pass its
 * limit.  Sends are also counted here, by their time stamps. */
static void
reserve_never_exceeds(void **state)
{
    sellify_rng_t rng = sellify_rng(61);
    sellify_quota_limits_t limits = { { 5, 20, 60, 4, 3 } };
    sellify_quota_counters_t c;
    int64_t now = PARIS_OVERLAP - 3 * 86400;
    unsigned in_window[SELLIFY_QUOTA_TYPES] = { 0 };

    (void) state;
    memset(&c, 0, sizeof(c));
    for (int i = 0; i < 40000; i++) {
        sellify_kind_t kind =
            (sellify_kind_t) sellify_rng_between(&rng, 0, SELLIFY_KINDS - 1);
        sellify_quota_answer_t a;
        unsigned reset;

        now += (int64_t) sellify_rng_between(&rng, 0, 400);
        reset = sellify_quota_roll(&c, &paris, now);
        if (reset & 1) {
            in_window[SELLIFY_QUOTA_HOUR] = 0;
        }
        if (reset & 2) {
            in_window[SELLIFY_QUOTA_DAY] = in_window[SELLIFY_QUOTA_IMAGES] = 0;
        }
        if (reset & 4) {
            in_window[SELLIFY_QUOTA_WEEK] = in_window[SELLIFY_QUOTA_VIDEOS] = 0;
        }
        sellify_quota_check(&c, &limits, kind, now, &a);
        if (!a.can_send) {
            assert_true(a.next_at > now);
            continue;
        }
        sellify_quota_add(&c, kind);
        if (sellify_rng_between(&rng, 0, 3) == 0) {
            sellify_quota_take(&c, kind); /* unused: given back */
            continue;
        }
        for (int t = 0; t < SELLIFY_QUOTA_TYPES; t++) {
            in_window[t] +=
                t <= SELLIFY_QUOTA_WEEK ||
                (t == SELLIFY_QUOTA_IMAGES && kind == SELLIFY_KIND_IMAGE) ||
                (t == SELLIFY_QUOTA_VIDEOS && kind == SELLIFY_KIND_VIDEO);
            assert_true(in_window[t] <= limits.max[t]);
            assert_int_equal(in_window[t], c.used[t]);
        }
    }
}

static void
pressure_is_the_tightest(void **state)
{
    sellify_quota_counters_t c;
    sellify_quota_limits_t limits = defaults;
    int64_t now = 1763820000;

    (void) state;
    memset(&c, 0, sizeof(c));
    sellify_quota_roll(&c, &utc_zone, now);
    assert_int_equal(sellify_quota_pressure(&c, &limits, now), 0);
    c.used[SELLIFY_QUOTA_HOUR] = 15;
    c.used[SELLIFY_QUOTA_DAY] = 150;
    assert_int_equal(sellify_quota_pressure(&c, &limits, now), 750);
    c.used[SELLIFY_QUOTA_HOUR] = 60;
    assert_int_equal(sellify_quota_pressure(&c, &limits, now), 2000);
    assert_int_equal(
        sellify_quota_pressure(&c, &limits, c.windows.hour_end), 750);
    limits.max[SELLIFY_QUOTA_VIDEOS] = 0; /* forbidden: no division */
    c.used[SELLIFY_QUOTA_VIDEOS] = 1;
    assert_int_equal(
        sellify_quota_pressure(&c, &limits, c.windows.hour_end), 750);
}

static void
delays_are_seeded_and_grow(void **state)
{
    sellify_delay_policy_t p = { 2, 8, 4, 20, 1500, 60 };
    sellify_delay_policy_t still = { 5, 5, 4, 0, 1500, 60 };

    (void) state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        uint32_t ms = sellify_quota_delay_ms(&p, SELLIFY_KIND_TEXT, 0, 0, seed);

        assert_in_range(ms, 1600, 9600);
        assert_int_equal(
            ms, sellify_quota_delay_ms(&p, SELLIFY_KIND_TEXT, 0, 0, seed));
        assert_true(sellify_quota_delay_ms(
                        &p, SELLIFY_KIND_TEXT, 1000, 4000, seed) <= 60000);
    }
    assert_int_equal(
        sellify_quota_delay_ms(&still, SELLIFY_KIND_TEXT, 500, 0, 1), 5000);
    assert_int_equal(
        sellify_quota_delay_ms(&still, SELLIFY_KIND_TEXT, 501, 0, 1), 10000);
    assert_int_equal(
        sellify_quota_delay_ms(&still, SELLIFY_KIND_TEXT, 800, 0, 1), 10000);
    assert_int_equal(
        sellify_quota_delay_ms(&still, SELLIFY_KIND_TEXT, 801, 0, 1), 15000);
    assert_int_equal(
        sellify_quota_delay_ms(&still, SELLIFY_KIND_IMAGE, 0, 200, 1), 12000);
    /* the largest of everything neither wraps nor passes the ceiling */
    p = (sellify_delay_policy_t){ UINT32_MAX, UINT32_MAX, UINT32_MAX,
        UINT32_MAX, UINT32_MAX, 60 };
    assert_true(sellify_quota_delay_ms(&p, SELLIFY_KIND_VIDEO, UINT32_MAX,
                    UINT32_MAX, 3) <= 60000);
}

static void
delay_known_answers(void **state)
{
    sellify_delay_policy_t p = { 2, 8, 4, 20, 1500, 60 };

    (void) state;
    /* A recorded decision is replayed: these must never change. */
    assert_int_equal(
        sellify_quota_delay_ms(&p, SELLIFY_KIND_TEXT, 0, 80,
            sellify_rng_seed_of(sellify_str("shop/3EB0C767D097B7C2A5F1"))),
        8182);
    assert_int_equal(
        sellify_quota_delay_ms(&p, SELLIFY_KIND_IMAGE, 900, 120,
            sellify_rng_seed_of(sellify_str("shop/3EB0C767D097B7C2A5F1"))),
        26895);
}

static void
warms_up(void **state)
{
    static const sellify_warmup_step_t steps[] = { { 3, 20 }, { 4, 50 },
        { 7, 120 } };

    (void) state;
    assert_int_equal(sellify_quota_warmup_limit(steps, 3, 0, 200), 20);
    assert_int_equal(sellify_quota_warmup_limit(steps, 3, 2, 200), 20);
    assert_int_equal(sellify_quota_warmup_limit(steps, 3, 3, 200), 50);
    assert_int_equal(sellify_quota_warmup_limit(steps, 3, 13, 200), 120);
    assert_int_equal(sellify_quota_warmup_limit(steps, 3, 14, 200), 200);
    assert_int_equal(sellify_quota_warmup_limit(steps, 3, 13, 100), 100);
    assert_int_equal(sellify_quota_warmup_limit(NULL, 0, 0, 200), 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(windows_of_a_plain_moment),
        cmocka_unit_test(windows_around_dst),
        cmocka_unit_test(windows_partition_time),
        cmocka_unit_test(rolls_what_has_ended),
        cmocka_unit_test(without_a_zone_counters_read_as_zero),
        cmocka_unit_test(check_names_the_latest_exhausted_window),
        cmocka_unit_test(counters_saturate),
        cmocka_unit_test(reserve_never_exceeds),
        cmocka_unit_test(pressure_is_the_tightest),
        cmocka_unit_test(delays_are_seeded_and_grow),
        cmocka_unit_test(delay_known_answers),
        cmocka_unit_test(warms_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
