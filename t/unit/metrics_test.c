/* The Prometheus text of the worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "worker_fixture.h"

#include "../../worker/metrics.h"

static worker_fixture_t f;

static int
setup(void **state)
{
    (void) state;
    fixture_open(&f, "");
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fixture_close(&f);
    return 0;
}

static void
scrape(void)
{
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/metrics", NULL, NULL);
    assert_int_equal(f.status, 200);
}

static void
counted(worker_t *w, void *data)
{
    (void) data;
    metrics_committed(w, METRIC_MESSAGES, "in", "stored");
}

/* Each line is a comment or a sample, and a family stands in one piece. */
static void
the_text_is_well_formed(void **state)
{
    char seen[64][80], family[80] = "", name[80];
    size_t families = 0;

    (void) state;
    metrics_observe(&f.w, METRIC_AI_DURATION, "catalogue", 0.002);
    scrape();
    for (char *line = strtok(f.body, "\n"); line; line = strtok(NULL, "\n")) {
        if (sscanf(line, "# TYPE %79s", name) == 1) {
            for (size_t i = 0; i < families; i++) {
                assert_string_not_equal(seen[i], name);
            }
            assert_true(families < 64);
            snprintf(seen[families++], 80, "%s", name);
            snprintf(family, sizeof(family), "%s", name);
        } else if (line[0] != '#') {
            assert_int_equal(strncmp(line, family, strlen(family)), 0);
            assert_non_null(strrchr(line, ' '));
        }
    }
    assert_true(families > 8);
}

static void
only_what_is_durable_is_counted(void **state)
{
    (void) state;
    assert_false(fixture_step(&f, 0, counted, NULL));
    scrape();
    assert_null(strstr(f.body, "sellify_messages_total{"));
    assert_true(fixture_step(&f, 1, counted, NULL));
    scrape();
    assert_non_null(strstr(f.body,
        "sellify_messages_total{direction=\"in\",outcome=\"stored\"} 1\n"));
}

static void
histograms_add_up(void **state)
{
    (void) state;
    metrics_observe(&f.w, METRIC_AI_DURATION, "p", 0.0004);
    metrics_observe(&f.w, METRIC_AI_DURATION, "p", 0.02);
    metrics_observe(&f.w, METRIC_AI_DURATION, "p", 99);
    scrape();
#define NAME "sellify_ai_generation_duration_seconds"
    assert_non_null(
        strstr(f.body, NAME "_bucket{provider=\"p\",le=\"0.0005\"} 1\n"));
    assert_non_null(
        strstr(f.body, NAME "_bucket{provider=\"p\",le=\"0.025\"} 2\n"));
    assert_non_null(
        strstr(f.body, NAME "_bucket{provider=\"p\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(f.body, NAME "_count{provider=\"p\"} 3\n"));
}

static void
labels_are_escaped_and_cut(void **state)
{
    char many[200];

    (void) state;
    metrics_add(&f.w, METRIC_AI_CACHE, "a\"b\\c\nd", NULL, 1);
    memset(many, 0, sizeof(many));
    for (size_t i = 0; i < 198; i += 2) {
        memcpy(many + i, "\xc3\xa9", 2);
    }
    metrics_add(&f.w, METRIC_AI_CACHE, many, NULL, 1);
    scrape();
    assert_non_null(strstr(f.body, "{result=\"a\\\"b\\\\c\\nd\"} 1\n"));
    assert_non_null(strstr(f.body, "\xc3\xa9\"} 1\n"));
}

static void
a_label_cannot_eat_the_memory(void **state)
{
    char label[16];

    (void) state;
    for (int i = 0; i < METRICS_SERIES_MAX + 100; i++) {
        snprintf(label, sizeof(label), "r%d", i);
        metrics_add(&f.w, METRIC_AI_CACHE, label, NULL, 1);
    }
    scrape();
    assert_non_null(strstr(f.body, "sellify_metrics_series_dropped_total "));
    metrics_clear(&f.w, METRIC_AI_CACHE);
    scrape();
    assert_null(strstr(f.body, "sellify_ai_cache_total"));
    assert_non_null(strstr(f.body, "sellify_build_info{version="));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_text_is_well_formed),
        TEST(only_what_is_durable_is_counted),
        TEST(histograms_add_up),
        TEST(labels_are_escaped_and_cut),
        TEST(a_label_cannot_eat_the_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
