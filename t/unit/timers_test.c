/* Timers: order, moves, cancels inside callbacks, the wait's cap. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../core/rng.h"
#include "../../worker/timers.h"

#include <stdlib.h>
#include <string.h>

static char ran[256];
static timers_t *timers;
static timer_entry_t entries[8];

static void
note(timer_entry_t *timer)
{
    size_t len = strlen(ran);
    ran[len] = (char) ('a' + (timer - entries));
    ran[len + 1] = '\0';
}

static int
setup(void **state)
{
    (void) state;
    timers = timers_new();
    memset(entries, 0, sizeof(entries));
    memset(ran, 0, sizeof(ran));
    for (int i = 0; i < 8; i++) {
        entries[i].fn = note;
    }
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    timers_free(timers);
    return 0;
}

static void
test_order(void **state)
{
    (void) state;
    timers_set(timers, &entries[0], 30);
    timers_set(timers, &entries[1], 10);
    timers_set(timers, &entries[2], 20);
    timers_set(timers, &entries[3], 10);
    assert_int_equal(0, timers_run(timers, 9));
    assert_int_equal(3, timers_run(timers, 29));
    assert_string_equal("bdc", ran);
    assert_int_equal(1, timers_count(timers));
    assert_int_equal(0, entries[1].slot);
}

static void
test_move_and_cancel(void **state)
{
    (void) state;
    for (int i = 0; i < 8; i++) {
        timers_set(timers, &entries[i], 10 + i);
    }
    timers_set(timers, &entries[0], 100);
    timers_set(timers, &entries[7], 1);
    timers_cancel(timers, &entries[3]);
    timers_cancel(timers, &entries[3]);
    assert_int_equal(7, timers_count(timers));
    timers_run(timers, 50);
    assert_string_equal("hbcefg", ran);
}

/* Fires again at once, in the past: must wait for the next pass. */
static void
again(timer_entry_t *timer)
{
    note(timer);
    timers_set(timers, timer, timer->when - 1);
}

static void
cancel_others(timer_entry_t *timer)
{
    note(timer);
    timers_cancel(timers, &entries[1]);
    timers_set(timers, &entries[2], 1000);
}

static void
test_callbacks_change_timers(void **state)
{
    (void) state;
    entries[0].fn = again;
    timers_set(timers, &entries[0], 10);
    assert_int_equal(1, timers_run(timers, 10));
    assert_int_equal(1, timers_run(timers, 10));
    assert_string_equal("aa", ran);
    timers_cancel(timers, &entries[0]);

    ran[0] = '\0';
    entries[0].fn = cancel_others;
    timers_set(timers, &entries[0], 1);
    timers_set(timers, &entries[1], 2);
    timers_set(timers, &entries[2], 3);
    timers_set(timers, &entries[3], 4);
    assert_int_equal(2, timers_run(timers, 10));
    assert_string_equal("ad", ran);
    assert_int_equal(1, timers_count(timers));
    assert_int_equal(0, entries[1].slot);
}

static void
count_one(timer_entry_t *timer)
{
    ++*(int *) timer->data;
}

static void
test_pass_is_bounded(void **state)
{
    (void) state;
    enum { MANY = TIMERS_PER_PASS + 5 };
    timer_entry_t *many = calloc(MANY, sizeof(*many));
    int count = 0;
    for (int i = 0; i < MANY; i++) {
        many[i].fn = count_one;
        many[i].data = &count;
        timers_set(timers, &many[i], i);
    }
    assert_int_equal(TIMERS_PER_PASS, timers_run(timers, 1000));
    assert_int_equal(5, timers_run(timers, 1000));
    assert_int_equal(MANY, count);
    free(many);
}

static void
test_wait(void **state)
{
    (void) state;
    sellify_clock_t clock = SELLIFY_CLOCK_REAL;
    clock.rate = 1;
    assert_int_equal(TIMERS_WAIT_MAX, timers_wait(timers, &clock, 0));
    timers_set(timers, &entries[0], 3600 * SELLIFY_SECOND);
    assert_int_equal(TIMERS_WAIT_MAX, timers_wait(timers, &clock, 0));
    assert_int_equal(
        250000, timers_wait(timers, &clock, 3600 * SELLIFY_SECOND - 250000));
    assert_int_equal(0, timers_wait(timers, &clock, 3601 * SELLIFY_SECOND));
    clock.rate = 100;
    assert_in_range(
        timers_wait(timers, &clock, 3600 * SELLIFY_SECOND - 1000000), 9999,
        10001);
}

/* Against a plain model: every run gives the least times, each entry once. */
static void
test_random(void **state)
{
    (void) state;
    enum { N = 200 };
    timer_entry_t *many = calloc(N, sizeof(*many));
    int *count = calloc(N, sizeof(*count));
    int64_t *when = calloc(N, sizeof(*when)); /* -1: not armed */
    sellify_rng_t rng = sellify_rng(7);
    for (int i = 0; i < N; i++) {
        many[i].fn = count_one;
        many[i].data = &count[i];
        when[i] = -1;
    }
    for (int64_t now = 0; now < 3000; now++) {
        for (int k = 0; k < 4; k++) {
            int i = (int) sellify_rng_between(&rng, 0, N - 1);
            if (sellify_rng_between(&rng, 0, 3) == 0) {
                timers_cancel(timers, &many[i]);
                when[i] = -1;
            } else {
                when[i] = now + (int64_t) sellify_rng_between(&rng, 0, 60);
                timers_set(timers, &many[i], when[i]);
            }
        }
        while (timers_run(timers, now) > 0) {
        }
        for (int i = 0; i < N; i++) {
            assert_int_equal(when[i] >= 0 && when[i] <= now, count[i]);
            when[i] = count[i] ? -1 : when[i];
            count[i] = 0;
        }
    }
    free(many);
    free(count);
    free(when);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_move_and_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_callbacks_change_timers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pass_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
