/* API keys: made, verified, limited, revoked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "worker_fixture.h"

#include "../../worker/keys_make.h"

#include <openssl/evp.h>

#define IMPORTED "an-imported-key-of-my-own"

static worker_fixture_t f;

static int
setup(void **state)
{
    (void) state;
    fixture_open(&f, "SELLIFY_API_KEY=" IMPORTED "\nSELLIFY_INSTANCES=a,b\n");
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fixture_close(&f);
    return 0;
}

/* As a client of worker.sock. */
static int
ask_with(const char *key, const char *method, const char *path)
{
    char header[256];

    snprintf(header, sizeof(header), "X-API-Key: %s\r\n", key);
    fixture_ask(&f, FIXTURE_WORKER, method, path, key ? header : NULL, NULL);
    return f.status;
}

static void
make(const char *body)
{
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/keys", NULL, body);
}

static void
member(const char *name, char *out, size_t size)
{
    char needle[64];
    char *at;

    snprintf(needle, sizeof(needle), "\"%s\":\"", name);
    at = strstr(f.body, needle);
    assert_non_null(at);
    at += strlen(needle);
    snprintf(out, size, "%.*s", (int) strcspn(at, "\""), at);
}

/* The state file as nginx reads it. */
static uint32_t
published(sellify_state_key_t *keys, size_t max)
{
    sellify_state_header_t header;
    char path[128];
    int fd;

    fixture_path(&f, "state", path);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(sellify_state_read_header(fd, &header), SELLIFY_STATE_OK);
    for (uint32_t i = 0; i < header.key_count && i < max; i++) {
        assert_int_equal(
            sellify_state_read_key(fd, i, &keys[i]), SELLIFY_STATE_OK);
    }
    close(fd);
    return header.key_count;
}

static void
the_imported_key_is_admin(void **state)
{
    (void) state;
    assert_int_equal(ask_with(IMPORTED, "GET", "/api/v1/keys"), 200);
    assert_null(strstr(f.body, IMPORTED));
    assert_int_equal(ask_with("another-key-of-16", "GET", "/api/v1/keys"), 401);
    fixture_ask(&f, FIXTURE_WORKER, "GET", "/api/v1/keys", NULL, NULL);
    assert_int_equal(f.status, 401);
    fixture_restart(&f);
    assert_int_equal(ask_with(IMPORTED, "GET", "/api/v1/keys"), 200);
    assert_null(strstr(strstr(f.body, "SELLIFY_API_KEY") + 1,
        "SELLIFY_API_KEY")); /* imported once */
}

static void
a_key_is_shown_once_and_works(void **state)
{
    char key[64];
    sellify_state_key_t keys[4];
    uint8_t sha[32];

    (void) state;
    make("{\"name\":\"reader\",\"scopes\":[\"read\"]}");
    assert_int_equal(f.status, 201);
    member("key", key, sizeof(key));
    assert_int_equal(strlen(key), 46);
    assert_int_equal(strncmp(key, "sk_", 3), 0);
    assert_int_equal(strspn(key + 3, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "abcdefghijklmnopqrstuvwxyz0123456789-_"),
        43);
    assert_int_equal(ask_with(key, "GET", "/api/v1/quota"), 200);
    assert_int_equal(ask_with(key, "POST", "/api/v1/quota/record"), 403);
    assert_int_equal(ask_with(key, "GET", "/api/v1/keys"), 403);
    assert_int_equal(published(keys, 4), 2);
    assert_int_equal(
        EVP_Q_digest(NULL, "SHA256", NULL, key, strlen(key), sha, NULL), 1);
    assert_memory_equal(keys[1].sha256, sha, sizeof(sha));
    assert_int_equal(keys[1].scopes, SELLIFY_SCOPE_READ);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/keys", NULL, NULL);
    assert_null(strstr(f.body, key));
}

static void
a_revoked_key_is_dead_at_once(void **state)
{
    char key[64], id[64], path[128];
    sellify_state_key_t keys[4];

    (void) state;
    make("{\"name\":\"x\",\"scopes\":[\"read\",\"decide\"]}");
    member("key", key, sizeof(key));
    member("id", id, sizeof(id));
    assert_int_equal(ask_with(key, "GET", "/api/v1/quota"), 200);
    snprintf(path, sizeof(path), "/api/v1/keys/%s", id);
    fixture_ask(&f, FIXTURE_ADMIN, "DELETE", path, NULL, NULL);
    assert_int_equal(f.status, 204);
    assert_int_equal(ask_with(key, "GET", "/api/v1/quota"), 401);
    assert_int_equal(published(keys, 4), 1);
    fixture_ask(&f, FIXTURE_ADMIN, "DELETE", path, NULL, NULL);
    assert_int_equal(f.status, 204);
    fixture_ask(&f, FIXTURE_ADMIN, "DELETE", "/api/v1/keys/key_0", NULL, NULL);
    assert_int_equal(f.status, 404);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/audit", NULL, NULL);
    assert_non_null(strstr(f.body, "key-make"));
    assert_non_null(strstr(f.body, "key-revoke"));
}

static void
an_expired_key_is_dead(void **state)
{
    char key[64];

    (void) state;
    make("{\"name\":\"x\",\"scopes\":[\"read\"],"
         "\"expires_at\":\"2026-11-23T11:00:00Z\"}");
    assert_int_equal(f.status, 201);
    member("key", key, sizeof(key));
    fixture_advance(&f, 3599);
    assert_int_equal(ask_with(key, "GET", "/api/v1/quota"), 200);
    fixture_advance(&f, 1);
    assert_int_equal(ask_with(key, "GET", "/api/v1/quota"), 401);
}

static void
a_key_keeps_to_its_instances(void **state)
{
    char key[64];
    sellify_state_key_t keys[4];

    (void) state;
    make("{\"name\":\"x\",\"scopes\":[\"admin\"],\"instances\":[\"b\"]}");
    assert_int_equal(f.status, 201);
    member("key", key, sizeof(key));
    assert_int_equal(ask_with(key, "GET", "/api/v1/quota?instance=b"), 200);
    assert_int_equal(ask_with(key, "GET", "/api/v1/quota?instance=a"), 403);
    assert_int_equal(ask_with(key, "GET", "/api/v1/quota"), 200);
    assert_non_null(strstr(f.body, "\"instance\":\"b\""));
    assert_int_equal(ask_with(key, "GET", "/api/v1/keys"), 403);
    assert_int_equal(ask_with(key, "POST", "/api/v1/quota/reset/daily"), 200);
    fixture_ask(
        &f, FIXTURE_ADMIN, "GET", "/api/v1/audit?instance=a", NULL, NULL);
    assert_null(strstr(f.body, "reset_type"));
    assert_int_equal(ask_with(key, "GET", "/api/v1/audit"), 200);
    assert_null(strstr(f.body, "key-make"));
    assert_int_equal(published(keys, 4), 2);
    assert_int_equal(keys[1].instance_count, 1);
    assert_int_equal(keys[1].instances[0], 1);
}

static void
bad_requests_are_named(void **state)
{
    static const char *const bad[][2] = {
        { "{\"scopes\":[\"read\"]}", "/name" },
        { "{\"name\":\"\",\"scopes\":[\"read\"]}", "/name" },
        { "{\"name\":\"x\"}", "/scopes" },
        { "{\"name\":\"x\",\"scopes\":[]}", "/scopes" },
        { "{\"name\":\"x\",\"scopes\":\"read\"}", "/scopes" },
        { "{\"name\":\"x\",\"scopes\":[\"read\",\"root\"]}", "/scopes/1" },
        { "{\"name\":\"x\",\"scopes\":[1]}", "/scopes/0" },
        { "{\"name\":\"x\",\"scopes\":[\"read\"],\"instances\":[\"a b\"]}",
            "/instances/0" },
        { "{\"name\":\"x\",\"scopes\":[\"read\"],\"expires_at\":\"soon\"}",
            "/expires_at" },
        { "{\"name\":\"x\",\"scopes\":[\"read\"],"
          "\"expires_at\":\"2020-01-01T00:00:00Z\"}",
            "/expires_at" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make(bad[i][0]);
        assert_int_equal(f.status, 400);
        assert_non_null(strstr(f.body, bad[i][1]));
    }
}

static void
weak_keys_are_refused(void **state)
{
    static const char *const weak[] = { "", "short", "fifteen-chars-x",
        "aaaaaaaaaaaaaaaaaaaaaaa", "Change-Me-In-Production",
        "0123456789abcdef" };

    (void) state;
    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
        assert_non_null(keys_weakness(sellify_str_of(weak[i])));
    }
    assert_null(keys_weakness(sellify_str(IMPORTED)));
}

static void
last_used_is_kept(void **state)
{
    (void) state;
    assert_int_equal(ask_with(IMPORTED, "GET", "/api/v1/quota"), 200);
    fixture_advance(&f, 61);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/keys", NULL, NULL);
    assert_non_null(
        strstr(f.body, "\"last_used_at\":\"2026-11-23T10:00:00Z\""));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_imported_key_is_admin),
        TEST(a_key_is_shown_once_and_works),
        TEST(a_revoked_key_is_dead_at_once),
        TEST(an_expired_key_is_dead),
        TEST(a_key_keeps_to_its_instances),
        TEST(bad_requests_are_named),
        TEST(weak_keys_are_refused),
        TEST(last_used_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
