/*
 * The turn against a store that fails on demand: order of COMMIT, publish and
 * effects, steps taken back, poisoned turns, reload.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/log.h"
#include "../../worker/turn.h"

#include <string.h>

typedef struct {
    char trace[256];
    char fail; /* which operation fails: b c r s e t, 0 none */
    int wrote;
    turn_t *turn;
} fake_t;

static fake_t fake;
static sellify_clock_t test_clock;

static void
trace(char c)
{
    size_t len = strlen(fake.trace);
    assert_true(len + 1 < sizeof(fake.trace));
    fake.trace[len] = c;
    fake.trace[len + 1] = '\0';
}

static int
fake_do(char c)
{
    trace(c);
    return fake.fail == c ? -1 : 0;
}

static int
fake_begin(void *s)
{
    (void) s;
    return fake_do('b');
}

static int
fake_commit(void *s, int *wrote)
{
    (void) s;
    *wrote = fake.wrote;
    return fake_do('c');
}

static int
fake_rollback(void *s)
{
    (void) s;
    return fake_do('r');
}

static int
fake_savepoint(void *s)
{
    (void) s;
    return fake_do('s');
}

static int
fake_release(void *s)
{
    (void) s;
    return fake_do('e');
}

static int
fake_rollback_to(void *s)
{
    (void) s;
    return fake_do('t');
}

static const turn_store_t fake_ops = { fake_begin, fake_commit, fake_rollback,
    fake_savepoint, fake_release, fake_rollback_to };

/* An effect traces its letter, lower case when it was undone. */
static void
effect(void *data, int committed)
{
    char c = *(const char *) data;
    trace(committed ? c : (char) (c + 'a' - 'A'));
}

static void
publish(void *data)
{
    (void) data;
    trace('P');
}

static void
reload(void *data)
{
    (void) data;
    trace('L');
    if (fake.fail == 'L') {
        turn_poison(fake.turn, "reload");
    }
}

static int
setup(void **state)
{
    (void) state;
    log_setup((log_level_t) 4);
    memset(&fake, 0, sizeof(fake));
    fake.wrote = 1;
    test_clock = SELLIFY_CLOCK_REAL;
    fake.turn = turn_new(&test_clock);
    turn_use_store(fake.turn, &fake_ops, NULL);
    turn_on_publish(fake.turn, publish, NULL);
    turn_on_reload(fake.turn, reload, NULL);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    turn_free(fake.turn);
    return 0;
}

static int
step(const char *letter, int commit)
{
    if (turn_step_begin(fake.turn) != 0) {
        return -1;
    }
    turn_effect(fake.turn, effect, (void *) (uintptr_t) letter);
    return turn_step_end(fake.turn, commit);
}

static void
test_order(void **state)
{
    (void) state;
    assert_int_equal(0, step("X", 1));
    assert_int_equal(0, step("Y", 1));
    turn_effect(fake.turn, effect, (void *) (uintptr_t) "Z");
    turn_finish(fake.turn);
    assert_string_equal("bsesecPXYZ", fake.trace);
    assert_int_equal(1, turn_stats(fake.turn)->commits);
}

static void
test_nothing(void **state)
{
    (void) state;
    turn_finish(fake.turn);
    assert_string_equal("P", fake.trace);
    assert_int_equal(0, turn_stats(fake.turn)->turns);
}

static void
test_reads_only(void **state)
{
    (void) state;
    fake.wrote = 0;
    assert_int_equal(0, step("X", 1));
    turn_finish(fake.turn);
    assert_int_equal(0, turn_stats(fake.turn)->commits);
}

/* A step's failure takes back only its own effects. */
static void
test_step_rolled_back(void **state)
{
    (void) state;
    assert_int_equal(0, step("X", 1));
    assert_int_equal(-1, step("Y", 0));
    assert_int_equal(0, step("Z", 1));
    turn_finish(fake.turn);
    assert_string_equal("bsestsecPXyZ", fake.trace);
}

static void
test_release_fails(void **state)
{
    (void) state;
    fake.fail = 'e';
    assert_int_equal(-1, step("X", 1));
    fake.fail = 0;
    assert_int_equal(0, step("Y", 1));
    turn_finish(fake.turn);
    assert_string_equal("bsetsecPxY", fake.trace);
}

static void
test_commit_fails(void **state)
{
    (void) state;
    assert_int_equal(0, step("X", 1));
    assert_int_equal(0, step("Y", 1));
    turn_effect(fake.turn, effect, (void *) (uintptr_t) "Z");
    fake.fail = 'c';
    turn_finish(fake.turn);
    /* No publish; a reload, whose own commit fails as well here. */
    assert_string_equal("bsesecrbsLecrxyz", fake.trace);
    assert_int_equal(1, turn_stats(fake.turn)->poisoned);
    assert_int_equal(1, turn_stats(fake.turn)->failing);

    /* The next turn reloads first, and works. */
    fake.fail = 0;
    fake.trace[0] = '\0';
    assert_int_equal(0, step("X", 1));
    turn_finish(fake.turn);
    assert_string_equal("bsLesecPX", fake.trace);
    assert_int_equal(0, turn_stats(fake.turn)->failing);
}

static void
test_poisoned_in_a_step(void **state)
{
    (void) state;
    assert_int_equal(0, step("X", 1));
    assert_int_equal(0, turn_step_begin(fake.turn));
    turn_effect(fake.turn, effect, (void *) (uintptr_t) "Y");
    turn_poison(fake.turn, "disk full");
    assert_int_equal(-1, turn_step_end(fake.turn, 1));
    /* No more SQL in this turn, and nothing may begin. */
    assert_string_equal("bses", fake.trace);
    assert_int_equal(-1, step("Z", 1));
    turn_effect(fake.turn, effect, (void *) (uintptr_t) "Z");
    assert_true(turn_is_poisoned(fake.turn));
    turn_finish(fake.turn);
    assert_string_equal("bsesrbsLecxyz", fake.trace);
    assert_false(turn_is_poisoned(fake.turn));
}

static void
test_begin_fails(void **state)
{
    (void) state;
    fake.fail = 'b';
    assert_int_equal(-1, step("X", 1));
    assert_int_equal(-1, step("Y", 1));
    turn_finish(fake.turn);
    fake.fail = 0;
    fake.trace[0] = '\0';
    assert_int_equal(0, step("Z", 1));
    turn_finish(fake.turn);
    assert_string_equal("bsLesecPZ", fake.trace);
}

/* While memory cannot be loaded again, no step begins. */
static void
test_reload_fails(void **state)
{
    (void) state;
    assert_int_equal(0, step("X", 1));
    turn_poison(fake.turn, "io");
    fake.fail = 'L';
    turn_finish(fake.turn);
    fake.trace[0] = '\0';
    assert_int_equal(-1, step("Y", 1));
    turn_finish(fake.turn);
    assert_null(strchr(fake.trace, 'Y'));
    assert_null(strchr(fake.trace, 'P'));
    fake.fail = 0;
    assert_int_equal(0, step("Z", 1));
    turn_finish(fake.turn);
    assert_non_null(strchr(fake.trace, 'Z'));
}

static void
effect_twice(void *data, int committed)
{
    effect(data, committed);
    turn_effect(fake.turn, effect, (void *) (uintptr_t) "W");
}

static void
test_effect_queues_effect(void **state)
{
    (void) state;
    turn_effect(fake.turn, effect_twice, (void *) (uintptr_t) "V");
    turn_finish(fake.turn);
    assert_string_equal("PVW", fake.trace);
    turn_finish(fake.turn);
    assert_string_equal("PVWP", fake.trace);
}

static void
test_many_effects(void **state)
{
    (void) state;
    assert_int_equal(0, turn_step_begin(fake.turn));
    for (int i = 0; i < 5000; i++) {
        turn_effect(fake.turn, effect, (void *) (uintptr_t) "");
    }
    assert_int_equal(0, turn_step_end(fake.turn, 1));
    turn_finish(fake.turn);
    assert_string_equal("bsecP", fake.trace);
}

static void
test_one_time_a_turn(void **state)
{
    (void) state;
    sellify_time_t first = turn_time(fake.turn);
    while (sellify_clock_real() == first) {
    }
    assert_true(first == turn_time(fake.turn));
    turn_finish(fake.turn);
    assert_true(turn_time(fake.turn) > first);
    turn_hold_time(fake.turn, 42);
    assert_int_equal(42, turn_time(fake.turn));
    turn_finish(fake.turn);
    assert_int_equal(42, turn_time(fake.turn));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order),
        TEST(test_nothing),
        TEST(test_reads_only),
        TEST(test_step_rolled_back),
        TEST(test_release_fails),
        TEST(test_commit_fails),
        TEST(test_poisoned_in_a_step),
        TEST(test_begin_fails),
        TEST(test_reload_fails),
        TEST(test_effect_queues_effect),
        TEST(test_many_effects),
        TEST(test_one_time_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
