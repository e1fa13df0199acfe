/* The publisher: what nginx reads is what was committed, and old rulesets go. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/publisher.h"
#include "worker_fixture.h"

static worker_fixture_t f;
static int asked, fails;

static int
setup(void **state)
{
    (void) state;
    asked = fails = 0;
    fixture_open(&f, "");
    log_setup((log_level_t) 4);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fixture_close(&f);
    return 0;
}

static sellify_state_header_t
header(void)
{
    char path[128];
    sellify_state_header_t h;
    fixture_path(&f, "state", path);
    int fd = open(path, O_RDONLY);
    assert_int_equal(SELLIFY_STATE_OK, sellify_state_read_header(fd, &h));
    close(fd);
    return h;
}

/* Publishes what the database says. */
static int
provide(worker_t *w, sellify_state_writer_t *writer)
{
    sellify_str_t value;
    store_result_t result = store_meta_get(w->store, "expiry", &value);
    asked++;
    if (result == STORE_OK) {
        writer->header.license_expires_at = strtoll(value.data, NULL, 10);
    }
    store_release(&value);
    return fails ? -1 : 0;
}

static void
set_expiry(worker_t *w, void *data)
{
    assert_int_equal(
        STORE_OK, store_meta_set(w->store, "expiry", sellify_str_of(data)));
    publisher_touch(w, PUBLISH_HEADER);
}

static void
test_after_commit(void **state)
{
    (void) state;
    publisher_provide(&f.w, PUBLISH_HEADER, provide);
    assert_true(fixture_step(&f, 1, set_expiry, (void *) (uintptr_t) "11"));
    assert_int_equal(11, header().license_expires_at);
    assert_int_equal(1, asked);

    /* Taken back: asked perhaps, but nothing new is there. */
    assert_false(fixture_step(&f, 0, set_expiry, (void *) (uintptr_t) "22"));
    assert_int_equal(11, header().license_expires_at);

    /* Not touched: not asked. */
    asked = 0;
    turn_finish(f.w.turn);
    assert_int_equal(0, asked);
}

static void
test_failed_part_is_asked_again(void **state)
{
    (void) state;
    publisher_provide(&f.w, PUBLISH_HEADER, provide);
    fails = 1;
    fixture_step(&f, 1, set_expiry, (void *) (uintptr_t) "1");
    assert_int_equal(1, asked);
    turn_finish(f.w.turn);
    assert_int_equal(2, asked);
    fails = 0;
    turn_finish(f.w.turn);
    assert_int_equal(3, asked);
    turn_finish(f.w.turn);
    assert_int_equal(3, asked);
}

static void
test_heartbeat(void **state)
{
    (void) state;
    sellify_state_header_t before = header();
    assert_int_equal(getpid(), before.worker_pid);
    assert_int_equal(SELLIFY_HEALTH_OK, before.database);
    assert_false(sellify_state_is_stale(&before, sellify_clock_monotonic()));
    publisher_heartbeat(&f.w);
    assert_true(header().heartbeat > before.heartbeat);

    assert_int_equal(0, turn_step_begin(f.w.turn));
    turn_poison(f.w.turn, "test");
    turn_step_end(f.w.turn, 1);
    turn_finish(f.w.turn);
    publisher_heartbeat(&f.w);
    assert_int_equal(SELLIFY_HEALTH_DOWN, header().database);
}

static void
test_old_rulesets_go(void **state)
{
    (void) state;
    char path[160], other[160];
    snprintf(other, sizeof(other), "%s/state.ruleset-1.json.bak", f.folder);
    fclose(fopen(other, "w"));
    for (uint64_t v = 100; v < 110; v++) {
        assert_int_equal(0, publisher_put_ruleset(&f.w, v, sellify_str("{}")));
    }
    publisher_heartbeat(&f.w);
    for (uint64_t v = 100; v < 110; v++) {
        snprintf(path, sizeof(path), "%s/state.ruleset-%llu.json", f.folder,
            (unsigned long long) v);
        int kept = v + PUBLISHER_RULESETS_KEPT >= 110;
        assert_int_equal(kept ? 0 : -1, access(path, F_OK));
    }
    assert_int_equal(0, access(other, F_OK));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_after_commit),
        TEST(test_failed_part_is_asked_again),
        TEST(test_heartbeat),
        TEST(test_old_rulesets_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
