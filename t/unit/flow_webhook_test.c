/* The webhook's door, and the first connection to a real number. */
#include "flow_fixture.h"

/* --- the webhook's door --- */

static void
test_token(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));
    static const char event[] =
        "{\"event\":\"presence.update\",\"instance\":\"shop\",\"data\":{}}";

    (void) state;
    fixture_open(f, "SELLIFY_WEBHOOK_TOKEN=one-token-of-many-letters\n"
                    "SELLIFY_WEBHOOK_TOKEN_NEXT=two-token-of-many-letters\n");

    post_on(f, FIXTURE_WORKER, WEBHOOK, NULL, event);
    assert_int_equal(f->status, 401);
    post_on(f, FIXTURE_WORKER, WEBHOOK "/wrong", NULL, event);
    assert_int_equal(f->status, 401);
    post_on(f, FIXTURE_WORKER, WEBHOOK "/-", NULL, event);
    assert_int_equal(f->status, 401);
    post_on(
        f, FIXTURE_WORKER, WEBHOOK "/one-token-of-many-letters", NULL, event);
    assert_int_equal(f->status, 200);
    assert_int_equal(counted(f, "unknown"), 1);
    post_on(
        f, FIXTURE_WORKER, WEBHOOK "/two-token-of-many-letters", NULL, event);
    assert_int_equal(f->status, 200);
    post_on(f, FIXTURE_WORKER, WEBHOOK "/-/messages-upsert",
        "X-Sellify-Webhook-Token: two-token-of-many-letters\r\n", event);
    assert_int_equal(f->status, 200);
    post_on(f, FIXTURE_WORKER, WEBHOOK,
        "X-Sellify-Webhook-Token: one-token-of-many-letter\r\n", event);
    assert_int_equal(f->status, 401);
    post_on(f, FIXTURE_WORKER, WEBHOOK, "X-API-Key: nonsense\r\n", event);
    assert_int_equal(f->status, 401);

    fixture_close(f);
    free(f);
}

/* A key with the scope opens the door, for the instances it names. */
static void
test_key(void **state)
{
    worker_fixture_t *f = *state;
    cJSON *body;
    char header[256];

    says(f, AWA, "IN1", "Bonjour");
    post_on(f, FIXTURE_ADMIN, "/api/v1/keys", NULL,
        "{\"name\":\"hook\",\"scopes\":[\"webhook\"],\"instances\":[\"shop\"]"
        "}");
    assert_int_equal(f->status, 201);
    body = cJSON_Parse(f->body);
    snprintf(header, sizeof(header), "X-API-Key: %s\r\n", member(body, "key"));
    cJSON_Delete(body);

    post_on(f, FIXTURE_WORKER, WEBHOOK, header,
        "{\"event\":\"connection.update\",\"instance\":\"shop\",\"data\":{"
        "\"state\":\"open\"}}");
    assert_int_equal(f->status, 200);
    post_on(f, FIXTURE_WORKER, WEBHOOK, header,
        "{\"event\":\"connection.update\",\"instance\":\"other\",\"data\":{"
        "\"state\":\"open\"}}");
    assert_int_equal(f->status, 403);

    post_on(f, FIXTURE_ADMIN, "/api/v1/keys", NULL,
        "{\"name\":\"reader\",\"scopes\":[\"read\"]}");
    body = cJSON_Parse(f->body);
    snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n",
        member(body, "key"));
    cJSON_Delete(body);
    post_on(f, FIXTURE_WORKER, WEBHOOK, header, "{\"event\":\"x\"}");
    assert_int_equal(f->status, 401);
}

/* One body cannot fill a turn. */
static void
test_too_many_events(void **state)
{
    worker_fixture_t *f = *state;
    char *body = malloc(16 * 1200);
    int i, len;

    assert_non_null(body);
    for (i = len = 0; i < 1001; i++) {
        len += sprintf(body + len, "%s{\"event\":\"x\"}", i ? "," : "[");
    }
    strcpy(body + len, "]");
    post_on(f, FIXTURE_ADMIN, WEBHOOK, NULL, body);
    assert_int_equal(f->status, 413);
    free(body);

    post(f, "{\"event\":\"messages.set\",\"instance\":\"shop\",\"data\":[{"
            "\"keyId\":\"H\"}]}");
    assert_int_equal(counted(f, "events"), 0);
}

/* A crash before the send left, and a human's message that came meanwhile: the
 * human has the chat. */
static void
test_own_waits_over_a_crash(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    phone_says(f, AWA, "OWN1", "Je m'en occupe");
    fixture_restart(f);
    pass(f, 60);
    /* The post above let the simulator record it, or the restart came first. */
    assert_int_equal(outbox_count(f), audited(f, "sent", NULL));
    assert_int_equal(audited(f, "takeover", NULL), 1);
    assert_int_equal(depth_of_all(f), 0);
}

static void
test_bad_bodies(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *holds;
    } rows[] = {
        { "", 400, "" },
        { "nonsense", 400, "" },
        { "{\"event\":\"x\",\"event\":\"y\"}", 400, "" },
        { "{\"event\":\"messages.upsert\"} x", 400, "" },
        { "{}", 400, "/event" },
        { "5", 400, "" },
        { "{\"event\":\"messages.upsert\",\"instance\":\"shop\"}", 400,
            "/data" },
        { "{\"event\":\"messages.upsert\",\"instance\":\"shop\",\"data\":{}}",
            400, "/data/keyId" },
        { "[]", 200, "" },
        { "{\"event\":\"unheard.of\"}", 200, "\"unknown\":1" },
        { "{\"event\":\"messages.upsert\",\"instance\":\"bad name\",\"data\":"
          "{\"keyId\":\"A\"}}",
            200, "\"unknown\":1" },
    };
    worker_fixture_t *f = *state;
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        post_on(f, FIXTURE_ADMIN, WEBHOOK, NULL, rows[i].body);
        if (f->status != rows[i].status ||
            strstr(f->body, rows[i].holds) == NULL) {
            fail_msg("%s: %d %s", rows[i].body, f->status, f->body);
        }
    }
    assert_int_equal(depth_of_all(f), 0);
}

static void
test_array(void **state)
{
    worker_fixture_t *f = *state;

    post(f,
        "[{\"event\":\"messages.upsert\",\"instance\":\"shop\",\"data\":{"
        "\"keyId\":\"A\",\"keyRemoteJid\":\"" AWA
        "@s.whatsapp.net\",\"messageType\":\"conversation\",\"content\":{"
        "\"text\":\"Bonjour\"}}},{\"event\":\"messages.upsert\",\"instance\":"
        "\"shop\",\"data\":{\"keyId\":\"B\",\"keyLid\":\"229901@lid\","
        "\"messageType\":\"conversation\",\"content\":{\"text\":\"Bonjour\"}}}"
        "]");
    assert_int_equal(counted(f, "accepted"), 2);
    pass(f, 90);
    assert_int_equal(outbox_count(f), 2);
}

/* Known only by LID: answered at the LID. */
static void
test_lid(void **state)
{
    worker_fixture_t *f = *state;
    cJSON *list;

    post(f, "{\"event\":\"messages.upsert\",\"instance\":\"shop\",\"data\":{"
            "\"keyId\":\"B\",\"keyLid\":\"229901@lid\",\"messageType\":"
            "\"conversation\",\"content\":{\"text\":\"Bonjour\"}}}");
    pass(f, 90);
    list = ask(f, "/api/v1/simulator/outbox");
    assert_string_equal(
        member(cJSON_GetArrayItem(items(list), 0), "to"), "229901@lid");
    cJSON_Delete(list);
}

static void
test_simulate(void **state)
{
    worker_fixture_t *f = *state;

    post_on(f, FIXTURE_ADMIN, "/api/v1/simulate/message", NULL,
        "{\"text\":\"Bonjour\"}");
    assert_int_equal(f->status, 202);
    post_on(f, FIXTURE_ADMIN, "/api/v1/simulate/message", NULL,
        "{\"text\":\"Bonjour\",\"from\":\"+33612345678\",\"instance\":"
        "\"default\"}");
    assert_int_equal(f->status, 202);
    post_on(f, FIXTURE_ADMIN, "/api/v1/simulate/message", NULL, "{}");
    assert_int_equal(f->status, 400);
    post_on(f, FIXTURE_ADMIN, "/api/v1/simulate/message", NULL,
        "{\"text\":\"x\",\"from\":\"abc\"}");
    assert_int_equal(f->status, 400);
    assert_non_null(strstr(f->body, "/from"));
    pass(f, 90);
    assert_int_equal(outbox_count(f), 2);

    fixture_ask(f, FIXTURE_ADMIN, "GET", "/api/v1/simulator/outbox?limit=1",
        NULL, NULL);
    assert_non_null(strstr(f->body, "\"next_cursor\":\"2\""));
    fixture_ask(f, FIXTURE_ADMIN, "GET",
        "/api/v1/simulator/outbox?limit=1&cursor=2", NULL, NULL);
    assert_non_null(strstr(f->body, "\"next_cursor\":null"));
    fixture_ask(f, FIXTURE_ADMIN, "GET", "/api/v1/simulator/outbox?limit=0",
        NULL, NULL);
    assert_int_equal(f->status, 400);
}

/* --- the first connection to a real number --- */

static void
test_real_driver_off(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));

    (void) state;
    own_shop(f, CODECHAT, "{\"audience\":{\"mode\":\"all\"}}");
    says(f, AWA, "IN1", "Bonjour");
    assert_int_equal(audited(f, "ignored", "not-automated"), 1);
    assert_int_equal(depth_of_all(f), 0);
    post_on(f, FIXTURE_ADMIN, "/api/v1/simulate/message", NULL,
        "{\"text\":\"Bonjour\"}");
    assert_int_equal(f->status, 409);
    fixture_close(f);
    free(f);
}

static void
test_real_driver_allow_list(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));

    (void) state;
    own_shop(f, CODECHAT "SELLIFY_INSTANCES=shop\n",
        "{\"audience\":{\"mode\":\"allow_list\",\"numbers\":[\"+" BEN
        "\"]},\"alert_numbers\":[\"+33699999999\"]}");
    says(f, AWA, "IN1", "Bonjour");
    assert_int_equal(audited(f, "ignored", "audience"), 1);
    assert_int_equal(depth_of_all(f), 0);
    says(f, "33699999999", "IN2", "Bonjour");
    assert_int_equal(audited(f, "ignored", "alert-number"), 1);
    says(f, BEN, "IN3", "Bonjour");
    assert_int_equal(depth(f, FLOW_COLLECTING), 1);
    fixture_close(f);
    free(f);
}

/* A chat in which a human wrote first is not new. */
static void
test_real_driver_new_chats(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));

    (void) state;
    own_shop(f, CODECHAT "SELLIFY_INSTANCES=shop\n",
        "{\"audience\":{\"mode\":\"new_chats\"}}");
    post(f, "{\"event\":\"messages.set\",\"instance\":\"shop\",\"data\":[{"
            "\"keyId\":\"H\",\"keyRemoteJid\":\"" AWA "@s.whatsapp.net\"}]}");
    says(f, AWA, "IN1", "Bonjour");
    assert_int_equal(audited(f, "ignored", "audience"), 1);
    says(f, BEN, "IN2", "Bonjour");
    assert_int_equal(depth(f, FLOW_COLLECTING), 1);
    fixture_close(f);
    free(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token),
        T(test_key),
        T(test_too_many_events),
        T(test_own_waits_over_a_crash),
        T(test_bad_bodies),
        T(test_array),
        T(test_lid),
        T(test_simulate),
        cmocka_unit_test(test_real_driver_off),
        cmocka_unit_test(test_real_driver_allow_list),
        cmocka_unit_test(test_real_driver_new_chats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
