/* Rulesets: versions, refusals, what is published, what is hidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "worker_fixture.h"

#include "../../worker/policy.h"

static worker_fixture_t f;

static int
teardown(void **state)
{
    (void) state;
    fixture_close(&f);
    return 0;
}

typedef struct {
    const char *policy, *products;
    store_result_t result;
    uint64_t version;
    sellify_faults_t faults;
} change_t;

static void
change(worker_t *w, void *data)
{
    change_t *c = data;

    memset(&c->faults, 0, sizeof(c->faults));
    c->result =
        policy_change(w, sellify_str_of(c->policy), sellify_str_of(c->products),
            sellify_str("test"), &c->version, &c->faults);
}

static change_t
apply(const char *policy, const char *products, int commit)
{
    change_t c = { .policy = policy, .products = products };

    assert_int_equal(fixture_step(&f, commit, change, &c), commit);
    fixture_advance(&f, 0);
    return c;
}

static void
read_published(char *out, size_t size)
{
    sellify_state_header_t header;
    char path[128], ruleset[256];
    FILE *file;
    int fd;

    fixture_path(&f, "state", path);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(sellify_state_read_header(fd, &header), SELLIFY_STATE_OK);
    close(fd);
    assert_int_equal(
        header.ruleset_version, sellify_ruleset_version(policy_ruleset(&f.w)));
    assert_true(sellify_state_ruleset_path(path, header.ruleset_version,
                    ruleset, sizeof(ruleset)) > 0);
    file = fopen(ruleset, "r");
    assert_non_null(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void
a_change_is_in_force_and_survives(void **state)
{
    change_t c;

    (void) state;
    fixture_open(&f, "");
    assert_int_equal(sellify_ruleset_version(policy_ruleset(&f.w)), 1);
    c = apply("{\"fallback_text\":\"Un instant\"}", NULL, 1);
    assert_int_equal(c.result, STORE_OK);
    assert_int_equal(c.version, 2);
    assert_int_equal(sellify_ruleset_version(policy_ruleset(&f.w)), 2);
    assert_true(sellify_str_equal(
        policy_now(&f.w)->fallback_text, sellify_str("Un instant")));
    assert_int_equal(sellify_ruleset_product_count(policy_ruleset(&f.w)), 3);
    fixture_restart(&f);
    assert_int_equal(sellify_ruleset_version(policy_ruleset(&f.w)), 2);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/config", NULL, NULL);
    assert_non_null(strstr(f.headers, "ETag: \"2\""));
    assert_non_null(strstr(f.body, "Un instant"));
}

static void
a_step_that_is_rolled_back_changes_nothing(void **state)
{
    (void) state;
    fixture_open(&f, "");
    apply("{\"fallback_text\":\"Un instant\"}", NULL, 0);
    assert_int_equal(sellify_ruleset_version(policy_ruleset(&f.w)), 1);
    assert_int_equal(apply("{}", NULL, 1).version, 2);
}

static void
bad_documents_are_refused_whole(void **state)
{
    static const char *const bad[] = { "[]", "{", "{\"limits\":7}",
        "{\"timezone\":\"Europe/Nowhere\"}", "{\"timezone\":\"../passwd\"}",
        "{\"limits\":{\"hour\":-1}}" };

    (void) state;
    fixture_open(&f, "");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        change_t c = apply(bad[i], NULL, 1);

        assert_int_equal(c.result, STORE_NONE);
        assert_true(c.faults.count > 0);
    }
    assert_int_equal(apply(NULL, "[{\"id\":\"x\"}]", 1).result, STORE_NONE);
    assert_int_equal(sellify_ruleset_version(policy_ruleset(&f.w)), 1);
}

static void
nginx_gets_no_phone_numbers(void **state)
{
    static char text[1 << 20];

    (void) state;
    fixture_open(&f, "SELLIFY_API_KEY=an-imported-key-of-my-own\n");
    apply("{\"alert_numbers\":[\"33611111111\"],\"audience\":{\"mode\":"
          "\"allow_list\",\"numbers\":[\"33622222222\"]}}",
        NULL, 1);
    assert_int_equal(policy_now(&f.w)->alert_number_count, 1);
    read_published(text, sizeof(text));
    assert_non_null(strstr(text, "\"products\""));
    assert_non_null(strstr(text, "\"lexicons\":{\"fr\""));
    assert_null(strstr(text, "33611111111"));
    assert_null(strstr(text, "33622222222"));
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/config", NULL, NULL);
    assert_non_null(strstr(f.body, "33611111111"));
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/keys", NULL,
        "{\"name\":\"r\",\"scopes\":[\"read\"]}");
    char header[128], *key = strstr(f.body, "sk_");
    assert_non_null(key);
    snprintf(header, sizeof(header), "X-API-Key: %.46s\r\n", key);
    fixture_ask(&f, FIXTURE_WORKER, "GET", "/api/v1/config", header, NULL);
    assert_null(strstr(f.body, "33611111111"));
    assert_null(strstr(f.body, "33622222222"));
    assert_non_null(strstr(f.body, "336******11"));
}

static void
two_changes_in_one_turn(void **state)
{
    change_t first = { .policy = "{\"fallback_text\":\"un\"}" };
    change_t second = { .policy = "{\"fallback_text\":\"deux\"}" };

    (void) state;
    fixture_open(&f, "");
    assert_int_equal(turn_step_begin(f.w.turn), 0);
    change(&f.w, &first);
    assert_int_equal(turn_step_end(f.w.turn, 1), 0);
    assert_int_equal(turn_step_begin(f.w.turn), 0);
    change(&f.w, &second);
    assert_int_equal(turn_step_end(f.w.turn, 1), 0);
    turn_finish(f.w.turn);
    fixture_advance(&f, 0);
    assert_int_equal(sellify_ruleset_version(policy_ruleset(&f.w)), 3);
    assert_true(sellify_str_equal(
        policy_now(&f.w)->fallback_text, sellify_str("deux")));
}

/* The built-in policy is Parisian; 10:00Z on a Monday is 11:00 there. */
static void
hours_follow_the_zone(void **state)
{
    sellify_state_hours_t hours;
    char path[128];
    int fd;

    (void) state;
    fixture_open(&f, "");
    assert_true(policy_is_active(&f.w));
    fixture_advance(&f, 9 * 3600); /* 20:00 in Paris */
    assert_false(policy_is_active(&f.w));
    assert_int_equal(
        policy_next_active(&f.w), FIXTURE_START / SELLIFY_SECOND + 21 * 3600);
    fixture_advance(&f, 40 * 86400); /* far past what was laid out first */
    fixture_path(&f, "state", path);
    fd = open(path, O_RDONLY);
    assert_int_equal(sellify_state_read_hours(fd, &hours), SELLIFY_STATE_OK);
    close(fd);
    assert_true(hours.known_until > f.now / SELLIFY_SECOND + 12 * 86400);
}

static void
the_setting_names_the_zone(void **state)
{
    (void) state;
    fixture_open(&f, "SELLIFY_TIMEZONE=America/Sao_Paulo\n");
    assert_true(sellify_str_equal(
        policy_now(&f.w)->timezone, sellify_str("America/Sao_Paulo")));
    apply("{}", NULL, 1); /* a policy without a zone takes it too */
    assert_true(sellify_str_equal(
        policy_now(&f.w)->timezone, sellify_str("America/Sao_Paulo")));
    apply("{\"timezone\":\"Asia/Tokyo\"}", NULL, 1);
    assert_true(sellify_str_equal(
        policy_now(&f.w)->timezone, sellify_str("Asia/Tokyo")));
}

static void
products_keep_their_digits(void **state)
{
    (void) state;
    fixture_open(&f, "");
    apply(NULL,
        "[{\"id\":\"a\",\"name\":\"A\",\"short_description\":\"a\","
        "\"long_description\":\"a\",\"price\":\"1234.50\","
        "\"currency\":\"EUR\",\"keywords\":[\"a\"]},"
        "{\"id\":\"b\",\"name\":\"B\",\"short_description\":\"b\","
        "\"long_description\":\"b\",\"price\":0.10,\"currency\":\"EUR\","
        "\"keywords\":[\"b\"]}]",
        1);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/products", NULL, NULL);
    assert_int_equal(f.status, 200);
    assert_int_equal(f.body[0], '[');
    assert_non_null(strstr(f.body, "\"price\":1234.50"));
    assert_non_null(strstr(f.body, "\"price\":0.10"));
    fixture_ask(
        &f, FIXTURE_ADMIN, "GET", "/api/v1/products?limit=1", NULL, NULL);
    assert_non_null(strstr(f.body, "\"next_cursor\":\"c1\""));
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/products?limit=1&cursor=c1",
        NULL, NULL);
    assert_non_null(strstr(f.body, "\"id\":\"b\""));
    assert_non_null(strstr(f.body, "\"next_cursor\":null"));
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/products/a", NULL, NULL);
    assert_int_equal(f.status, 200);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/products/c", NULL, NULL);
    assert_int_equal(f.status, 404);
}

/* Real people are not offered the demonstration catalogue. */
static void
a_real_driver_needs_a_catalogue(void **state)
{
    (void) state;
    fixture_prepare(&f, "SELLIFY_WHATSAPP_DRIVER=codechat\n"
                        "SELLIFY_WHATSAPP_URL=http://127.0.0.1:1\n"
                        "SELLIFY_WHATSAPP_KEY=some-key\n");
    memset(&f.w, 0, sizeof(f.w));
    f.options = (worker_options_t){ .conf = f.conf,
        .listen_fd = fixture_listen(&f, FIXTURE_WORKER),
        .admin_fd = fixture_listen(&f, FIXTURE_ADMIN),
        .ready_fd = -1,
        .hold_time = f.now };
    assert_int_equal(settings_load(&f.w.settings, f.conf), 0);
    log_setup((log_level_t) 4);
    assert_int_equal(worker_setup(&f.w, &f.options), -1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_in_force_and_survives),
        TEST(a_step_that_is_rolled_back_changes_nothing),
        TEST(bad_documents_are_refused_whole),
        TEST(nginx_gets_no_phone_numbers),
        TEST(two_changes_in_one_turn),
        TEST(hours_follow_the_zone),
        TEST(the_setting_names_the_zone),
        TEST(products_keep_their_digits),
        TEST(a_real_driver_needs_a_catalogue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
