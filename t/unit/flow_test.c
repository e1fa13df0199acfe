/* The pipeline from the webhook to the outbox. */
#include "flow_fixture.h"

/* --- the happy path --- */

static void
test_greeting(void **state)
{
    worker_fixture_t *f = *state;
    char text[1024], id[64];

    says(f, AWA, "IN1", "Bonjour");
    assert_int_equal(counted(f, "accepted"), 1);
    assert_int_equal(depth(f, FLOW_COLLECTING), 1);

    pass(f, 3);
    assert_int_equal(depth(f, FLOW_COLLECTING), 1);
    pass(f, 1);
    assert_int_equal(depth(f, FLOW_RESERVED), 1);
    assert_int_equal(used(f), 1);
    assert_int_equal(outbox_count(f), 0);

    pass(f, 60);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(depth_of_all(f), 0);
    assert_int_equal(used(f), 1);
    assert_int_equal(audited(f, "sent", NULL), 1);

    last_reply(f, text, sizeof(text), id, sizeof(id));
    if (strlen(text) <= 10)
        fail_msg("[%s] %s", text, f->body);
    assert_int_equal(strlen(id), 22);
    assert_memory_equal(id, "3EB0", 4);
}

static void
test_duplicate(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "Bonjour");
    says(f, AWA, "IN1", "Bonjour");
    assert_int_equal(counted(f, "accepted"), 0);
    assert_int_equal(counted(f, "duplicates"), 1);
    pass(f, 90);
    says(f, AWA, "IN1", "Bonjour");
    fixture_restart(f);
    says(f, AWA, "IN1", "Bonjour");
    assert_int_equal(counted(f, "duplicates"), 1);
    pass(f, 90);
    assert_int_equal(outbox_count(f), 1);
}

static void
test_burst(void **state)
{
    worker_fixture_t *f = *state;
    cJSON *list;

    /* The second one was written before the first one. */
    upsert(f, AWA, "IN1", 0, seconds(f) - 1, "le sac Lina");
    upsert(f, AWA, "IN2", 0, seconds(f) - 2, "bonjour");
    pass(f, 3);
    says(f, AWA, "IN3", "c'est combien ?");
    says(f, BEN, "IN4", "bonjour");
    pass(f, 90);

    assert_int_equal(outbox_count(f), 2);
    assert_int_equal(audited(f, "sent", NULL), 2);

    list = ask(f, "/api/v1/audit?limit=200");
    assert_non_null(strstr(f->body, "bonjour\\nle sac Lina\\nc'est combien ?"));
    cJSON_Delete(list);
}

/* A burst that never pauses is answered after quiet_max all the same. */
static void
test_long_burst(void **state)
{
    worker_fixture_t *f = *state;
    char id[16];
    int i;

    for (i = 0; i < 8; i++) {
        snprintf(id, sizeof(id), "IN%d", i);
        says(f, AWA, id, "bonjour");
        pass(f, 2);
    }
    assert_int_equal(depth(f, FLOW_RESERVED) + outbox_count(f), 1);
    pass(f, 120);
    assert_true(outbox_count(f) <= 2);
    assert_int_equal(depth_of_all(f), 0);
}

static void
test_never_the_same_text(void **state)
{
    worker_fixture_t *f = *state;
    cJSON *list;
    const cJSON *a, *b;
    char id[16];
    int i;

    for (i = 0; i < 8; i++) {
        snprintf(id, sizeof(id), "IN%d", i);
        says(f, AWA, id, "Bonjour");
        pass(f, 100);
    }

    list = ask(f, "/api/v1/simulator/outbox?limit=200");
    assert_int_equal(cJSON_GetArraySize(items(list)), 8);
    cJSON_ArrayForEach(a, items(list))
    {
        for (b = a->next; b != NULL; b = b->next) {
            assert_string_not_equal(member(a, "text"), member(b, "text"));
            assert_string_not_equal(
                member(a, "message_id"), member(b, "message_id"));
        }
    }
    cJSON_Delete(list);
}

/* --- what is not answered --- */

static void
test_ignored(void **state)
{
    static const struct {
        const char *data, *reason;
    } rows[] = {
        { "\"keyId\":\"G1\",\"isGroup\":true", "group" },
        { "\"keyId\":\"G2\",\"keyRemoteJid\":\"status@broadcast\"",
            "broadcast" },
        { "\"keyId\":\"G3\",\"keyRemoteJid\":\"336@s.whatsapp.net\","
          "\"messageType\":\"reactionMessage\",\"content\":{}",
            "reaction" },
        { "\"keyId\":\"G4\",\"keyRemoteJid\":\"336@s.whatsapp.net\","
          "\"messageType\":\"protocolMessage\",\"content\":{}",
            "protocol" },
        { "\"keyId\":\"G5\",\"messageType\":\"conversation\",\"content\":"
          "{\"text\":\"x\"}",
            "no-address" },
    };
    worker_fixture_t *f = *state;
    char body[1024];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(body, sizeof(body),
            "{\"event\":\"messages.upsert\",\"instance\":\"shop\",\"data\":"
            "{%s}}",
            rows[i].data);
        post(f, body);
        assert_int_equal(counted(f, "ignored"), 1);
        assert_int_equal(audited(f, "ignored", rows[i].reason), 1);
        post(f, body);
        assert_int_equal(counted(f, "duplicates"), 1);
    }

    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(depth_of_all(f), 0);
}

static void
test_late(void **state)
{
    worker_fixture_t *f = *state;

    upsert(f, AWA, "IN1", 0, seconds(f) - 601, "Bonjour");
    upsert(f, BEN, "IN2", 0, seconds(f) - 5000, "Bonjour");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(audited(f, "late", "old-on-receipt"), 2);
    assert_int_equal(alerts(f, "late"), 1);

    upsert(f, AWA, "IN3", 0, seconds(f) - 590, "Bonjour");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 1);
}

static void
test_voice_note(void **state)
{
    worker_fixture_t *f = *state;

    post(f,
        "{\"event\":\"messages.upsert\",\"instance\":\"shop\",\"data\":{"
        "\"keyId\":\"V1\",\"keyRemoteJid\":\"" AWA
        "@s.whatsapp.net\",\"messageType\":\"audioMessage\",\"content\":{}}}");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(audited(f, "ignored", "not-understood"), 1);
    assert_int_equal(alerts(f, "not-understood"), 1);
}

/* --- own messages --- */

static void
test_takeover(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "Bonjour");
    pass(f, 5);
    assert_int_equal(depth(f, FLOW_RESERVED), 1);
    phone_says(f, AWA, "OWN1", "Bonjour Awa, c'est Paul");
    assert_int_equal(depth_of_all(f), 0);
    assert_int_equal(used(f), 0);
    assert_int_equal(audited(f, "cancelled", "takeover"), 1);
    assert_int_equal(audited(f, "takeover", NULL), 1);

    /* Paused: what comes now is held, and goes when the human answers again. */
    says(f, AWA, "IN2", "merci");
    says(f, BEN, "IN3", "Bonjour");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(depth(f, FLOW_HELD), 1);
    phone_says(f, AWA, "OWN2", "de rien");
    assert_int_equal(depth(f, FLOW_HELD), 0);
    pass(f, 90);
    assert_int_equal(outbox_count(f), 1);
}

static void
test_takeover_ends(void **state)
{
    worker_fixture_t *f = *state;

    phone_says(f, AWA, "OWN1", "Bonjour");
    pass(f, 10);
    says(f, AWA, "IN1", "c'est combien le sac ?");
    pass(f, 10);
    assert_int_equal(depth(f, FLOW_HELD), 1);
    /* 12 hours later it is night; the shop opens at 8, plus the spread. */
    fixture_advance(f, 12 * 3600);
    pass(f, 1);
    assert_int_equal(depth(f, FLOW_HELD), 1);
    assert_int_equal(outbox_count(f), 0);
    fixture_advance(f, 10 * 3600);
    pass(f, 120);
    assert_int_equal(outbox_count(f), 1);
}

static void
test_echo(void **state)
{
    worker_fixture_t *f = *state;
    char text[1024], id[64];

    says(f, AWA, "IN1", "Bonjour");
    pass(f, 90);
    last_reply(f, text, sizeof(text), id, sizeof(id));

    /* send.message, then upsert: three times the same id. */
    phone_says(f, AWA, id, text);
    phone_says(f, AWA, id, text);
    says(f, AWA, "IN2", "c'est combien le sac ?");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 2);
    assert_int_equal(audited(f, "takeover", NULL), 0);
    assert_int_equal(used(f), 2);
}

/* Evolution tells the echo under another id before it answers the send. */
static void
test_echo_by_text(void **state)
{
    worker_fixture_t *f = *state;
    char text[1024];

    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    assert_true(fixture_step(f, 1, reply_of, text));
    phone_says(f, AWA, "BAE5OTHER", text);
    assert_int_equal(depth(f, FLOW_SENDING), 0);
    pass(f, 200);
    assert_int_equal(audited(f, "sent", "echo-text"), 1);
    assert_int_equal(audited(f, "takeover", NULL), 0);
    assert_int_equal(used(f), 1);
}

/* Another text while a send is under way waits for the send, then counts as a
 * human's. */
static void
test_own_waits(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    phone_says(f, AWA, "OWN1", "Je m'en occupe");
    pass(f, 10);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(audited(f, "sent", "simulated"), 1);
    assert_int_equal(audited(f, "takeover", NULL), 1);
    says(f, AWA, "IN2", "Bonjour");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 1);
}

/* --- night, quota, connection --- */

/* GET /conversations/{id} shows why the only chat's message waits. */
static void
assert_pending(
    worker_fixture_t *f, const char *step, const char *reason, const char *rule)
{
    cJSON *list = ask(f, "/api/v1/conversations"), *chat;
    const cJSON *row;
    char path[128];

    snprintf(path, sizeof(path), "/api/v1/conversations/%s",
        member(cJSON_GetArrayItem(items(list), 0), "id"));
    cJSON_Delete(list);
    chat = ask(f, path);
    row = cJSON_GetArrayItem(
        cJSON_GetObjectItemCaseSensitive(chat, "pending"), 0);
    assert_non_null(row);
    assert_string_equal(member(row, "step"), step);
    assert_string_equal(member(row, "reason"), reason);
    assert_string_equal(member(row, "rule"), rule);
    assert_string_not_equal(member(row, "due_at"), "");
    cJSON_Delete(chat);
}

static void
test_night(void **state)
{
    worker_fixture_t *f = *state;
    cJSON *list;

    fixture_advance(f, 12 * 3600); /* 22:00 UTC, 23:00 in Paris */
    says(f, AWA, "IN1", "Bonjour");
    pass(f, 10);
    assert_int_equal(depth(f, FLOW_HELD), 1);
    assert_pending(f, "held", "outside-hours", "outside-hours");
    says(f, AWA, "IN2", "c'est combien le sac ?");
    pass(f, 10);
    assert_int_equal(depth(f, FLOW_HELD), 1); /* joined */
    assert_int_equal(depth_of_all(f), 1);

    fixture_advance(f, 8 * 3600 + 1800); /* 06:30 UTC */
    pass(f, 30);
    assert_int_equal(depth(f, FLOW_HELD), 1);
    assert_int_equal(outbox_count(f), 0);

    /* From 07:00 UTC on, within the half hour of the spread. */
    fixture_advance(f, 3600);
    pass(f, 90);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(depth_of_all(f), 0);
    list = ask(f, "/api/v1/audit?limit=200");
    assert_non_null(strstr(f->body, "Bonjour\\nc'est combien le sac ?"));
    cJSON_Delete(list);
}

static void
test_held_too_long(void **state)
{
    worker_fixture_t *f = *state;

    phone_says(f, AWA, "OWN1", "Bonjour");
    says(f, AWA, "IN1", "Bonjour");
    pass(f, 10);
    phone_says(f, BEN, "OWN2", "x");
    assert_int_equal(depth(f, FLOW_HELD), 1);
    /* Down for a day and more. */
    fixture_stop(f);
    f->now += 25 * 3600 * SELLIFY_SECOND;
    fixture_start(f);
    pass(f, 10);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(audited(f, "late", "held-too-long"), 1);
}

static void
test_quota(void **state)
{
    worker_fixture_t *f = *state;
    char from[16], id[16];
    int i;

    for (i = 0; i < 32; i++) {
        snprintf(from, sizeof(from), "336000000%02d", i);
        snprintf(id, sizeof(id), "IN%d", i);
        says(f, from, id, "Bonjour");
    }
    pass(f, 200);
    assert_int_equal(outbox_count(f), 30);
    assert_int_equal(depth(f, FLOW_HELD), 2);
    assert_int_equal(used(f), 30);

    fixture_advance(f, 3600);
    fixture_advance(f, 1800);
    pass(f, 100);
    assert_int_equal(outbox_count(f), 32);
}

static void
test_breaker(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "Bonjour");
    pass(f, 5);
    connection(f, "close");
    assert_int_equal(alerts(f, "breaker"), 1);
    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(depth(f, FLOW_HELD), 1);
    assert_int_equal(used(f), 0);

    connection(f, "open");
    fixture_advance(f, 1801);
    pass(f, 90);
    assert_int_equal(outbox_count(f), 1);
}

/* --- alerts, STOP and START --- */

static void
test_threat(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "je vais te tuer");
    pass(f, 10);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(alerts(f, "threat"), 1);
    assert_int_equal(audited(f, "alerted", "threat"), 1);

    says(f, AWA, "IN2", "bonjour");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(audited(f, "stopped", "terminal-state"), 1);
}

/* Anger pauses the chat; the state stays. */
static void
test_anger_pauses(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "arnaqueurs, c'est une honte");
    pass(f, 10);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(audited(f, "alerted", NULL), 1);
    says(f, AWA, "IN2", "bonjour");
    pass(f, 90);
    assert_int_equal(depth(f, FLOW_HELD), 1);
}

/* What was about to be said is not said after a threat. */
static void
test_threat_overtakes(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "Bonjour");
    pass(f, 5);
    assert_int_equal(depth(f, FLOW_RESERVED), 1);
    says(f, AWA, "IN2", "je vais te tuer");
    assert_int_equal(depth(f, FLOW_RESERVED), 0);
    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(alerts(f, "threat"), 1);
    assert_int_equal(audited(f, "cancelled", "alert"), 1);
    assert_int_equal(used(f), 0);
}

static void
test_threat_at_night(void **state)
{
    worker_fixture_t *f = *state;

    fixture_advance(f, 12 * 3600);
    says(f, AWA, "IN1", "Bonjour");
    pass(f, 10);
    says(f, AWA, "IN2", "je vais te tuer");
    pass(f, 10);
    assert_int_equal(alerts(f, "threat"), 1);
    assert_int_equal(depth_of_all(f), 0);
}

static void
test_stop_and_start(void **state)
{
    worker_fixture_t *f = *state;

    says(f, AWA, "IN1", "Bonjour");
    pass(f, 5);
    says(f, AWA, "IN2", "STOP");
    assert_int_equal(depth(f, FLOW_RESERVED), 0);
    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(audited(f, "cancelled", "opt-out"), 1);

    says(f, AWA, "IN3", "c'est combien le sac ?");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);
    assert_int_equal(audited(f, "stopped", "opted-out"), 1);

    fixture_restart(f);
    says(f, AWA, "IN4", "c'est combien le sac ?");
    pass(f, 90);
    assert_int_equal(outbox_count(f), 0);

    says(f, AWA, "IN5", "START");
    pass(f, 90);
    says(f, AWA, "IN6", "c'est combien le sac ?");
    pass(f, 90);
    assert_true(outbox_count(f) >= 1);
    assert_int_equal(depth_of_all(f), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_greeting),
        T(test_duplicate),
        T(test_burst),
        T(test_long_burst),
        T(test_never_the_same_text),
        T(test_ignored),
        T(test_late),
        T(test_voice_note),
        T(test_takeover),
        T(test_takeover_ends),
        T(test_echo),
        T(test_echo_by_text),
        T(test_own_waits),
        T(test_night),
        T(test_held_too_long),
        T(test_quota),
        T(test_breaker),
        T(test_threat),
        T(test_anger_pauses),
        T(test_threat_overtakes),
        T(test_threat_at_night),
        T(test_stop_and_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
