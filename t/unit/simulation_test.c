/* Simulated time: begins where it is told, goes on after a restart, never goes
 * back; real time takes over only when it is ahead. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../core/state_file.h"
#include "worker_fixture.h"

static worker_fixture_t f;

static sellify_time_t
at(const char *text)
{
    sellify_time_t when = 0;
    assert_int_equal(0, sellify_time_parse(text, strlen(text), &when));
    return when;
}

static void
open_simulated(const char *settings)
{
    fixture_prepare(&f, settings);
    f.now = 0; /* the mapping itself is what is tested */
    fixture_start(&f);
    log_setup((log_level_t) 4);
}

static sellify_time_t
now(void)
{
    return sellify_clock_now(&f.w.clock);
}

static void
assert_about(sellify_time_t expected)
{
    assert_true(now() >= expected);
    assert_true(now() < expected + 60 * SELLIFY_SECOND);
}

static void
post(int which, const char *body)
{
    fixture_ask(&f, which, "POST", "/clock", NULL, body);
}

static void
rewrite_settings(const char *clock)
{
    char text[2048];
    FILE *file = fopen(f.conf, "r");
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    char *old = strstr(text, "SELLIFY_CLOCK");
    if (old != NULL) {
        *old = '\0';
    }
    file = fopen(f.conf, "w");
    fprintf(file, "%s%s", text, clock);
    fclose(file);
}

static void
test_simulation(void **state)
{
    (void) state;
    open_simulated("SELLIFY_CLOCK_START=2026-03-02T09:00:00Z\n");
    assert_about(at("2026-03-02T09:00:00Z"));

    post(FIXTURE_ADMIN, "{\"advance_to\":\"2026-03-02T20:00:00+01:00\"}");
    assert_int_equal(200, f.status);
    assert_about(at("2026-03-02T19:00:00Z"));
    post(FIXTURE_ADMIN, "{\"advance_to\":\"2026-03-02T18:00:00Z\"}");
    assert_int_equal(409, f.status);
    post(FIXTURE_ADMIN, "{\"advance_to\":\"2099-03-02T18:00:00Z\"}");
    assert_int_equal(400, f.status);
    post(FIXTURE_ADMIN, "{\"advance_to\":\"tomorrow\"}");
    assert_int_equal(400, f.status);
    post(FIXTURE_ADMIN, "{\"rate\":86401}");
    assert_int_equal(400, f.status);
    post(FIXTURE_ADMIN, "{\"rate\":0}");
    assert_int_equal(400, f.status);
    post(FIXTURE_ADMIN, "{}");
    assert_int_equal(400, f.status);
    post(FIXTURE_WORKER, "{\"rate\":2}");
    assert_int_equal(401, f.status);
    post(FIXTURE_ADMIN, "{\"rate\":3}");
    assert_int_equal(200, f.status);
    assert_int_equal(3, f.w.clock.rate);

    /* nginx is told. */
    char path[128];
    sellify_state_header_t header;
    fixture_path(&f, "state", path);
    int fd = open(path, O_RDONLY);
    assert_int_equal(SELLIFY_STATE_OK, sellify_state_read_header(fd, &header));
    close(fd);
    assert_int_equal(3, header.clock.rate);
    assert_true(header.clock.simulated_base == f.w.clock.simulated_base);

    /* A restart goes on, with the rate that the request gave. */
    sellify_time_t before = now();
    fixture_restart(&f);
    log_setup((log_level_t) 4);
    assert_true(now() >= before);
    assert_about(before);
    assert_int_equal(3, f.w.clock.rate);

    /* A start in the past changes nothing, one in the future moves on. */
    fixture_stop(&f);
    rewrite_settings("SELLIFY_CLOCK_START=2026-03-01T00:00:00Z\n");
    fixture_start(&f);
    assert_about(at("2026-03-02T19:00:00Z"));
    fixture_stop(&f);
    rewrite_settings("SELLIFY_CLOCK_START=2036-03-05T00:00:00Z\n"
                     "SELLIFY_CLOCK_RATE=7\n");
    fixture_start(&f);
    assert_about(at("2036-03-05T00:00:00Z"));
    assert_int_equal(7, f.w.clock.rate);

    /* Real time is behind that: refused. */
    fixture_stop(&f);
    rewrite_settings("");
    memset(&f.w, 0, sizeof(f.w));
    log_setup((log_level_t) 4);
    f.options.listen_fd = f.options.admin_fd = -1;
    assert_int_equal(0, settings_load(&f.w.settings, f.conf));
    assert_int_equal(-1, worker_setup(&f.w, &f.options));
    fixture_stop(&f);
    rewrite_settings("SELLIFY_CLOCK_START=2036-03-05T00:00:00Z\n");
    fixture_start(&f);
    fixture_close(&f);
}

static void
test_real_time(void **state)
{
    (void) state;
    open_simulated("");
    sellify_time_t real = sellify_clock_real();
    assert_true(now() >= real && now() < real + SELLIFY_SECOND);
    post(FIXTURE_ADMIN, "{\"rate\":2}");
    assert_int_equal(409, f.status);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/clock", NULL, NULL);
    assert_non_null(strstr(f.body, "\"simulated\":false"));

    /* From real time into the future and, years later, back to it. */
    fixture_stop(&f);
    rewrite_settings("SELLIFY_CLOCK_START=2020-01-01T00:00:00Z\n");
    fixture_start(&f);
    assert_true(now() >= at("2020-01-01T00:00:00Z"));
    fixture_stop(&f);
    rewrite_settings("");
    fixture_start(&f);
    assert_true(now() >= real);
    fixture_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simulation),
        cmocka_unit_test(test_real_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
