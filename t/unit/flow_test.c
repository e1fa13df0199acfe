/*
 * The pipeline from the webhook to the outbox, through a whole worker with a
 * clock that stands still until the test moves it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "worker_fixture.h"

#include "../../worker/flow/internal.h"

#define AWA "33612345678"
#define BEN "33698765432"
#define WEBHOOK "/api/v1/webhook/whatsapp"

static void
write_file(const worker_fixture_t *f, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    fixture_path(f, name, path);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void
add_settings(worker_fixture_t *f, const char *lines)
{
    FILE *conf = fopen(f->conf, "a");

    assert_non_null(conf);
    fputs(lines, conf);
    fclose(conf);
}

/* The default policy, with words of our own: what the lexicons list is not
 * tested here. */
#define WORDS                                                                  \
    "\"lexicons\":{\"fr\":{\"language\":\"fr\",\"triggers\":{\"threat\":["     \
    "\"vais * tuer\"],\"anger\":[\"arnaqueurs\"]},\"opt_out\":{\"stop\":["     \
    "\"stop\"],\"start\":[\"start\"]}}}"

static void
write_policy(const worker_fixture_t *f)
{
    static const char mark[] = "\"lexicons\": {}";
    sellify_str_t policy = sellify_default_policy();
    char *text = calloc(1, policy.len + sizeof(WORDS));
    const char *at = memmem(policy.data, policy.len, mark, strlen(mark));
    size_t before;

    assert_non_null(text);
    assert_non_null(at);
    before = (size_t) (at - policy.data);
    memcpy(text, policy.data, before);
    strcat(text, WORDS);
    strncat(text, at + strlen(mark), policy.len - before - strlen(mark));
    write_file(f, "policy.json", text);
    free(text);
}

static int
setup(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));
    char line[160];

    fixture_prepare(f, "");
    write_policy(f);
    snprintf(
        line, sizeof(line), "SELLIFY_POLICY_FILE=%s/policy.json\n", f->folder);
    add_settings(f, line);
    fixture_start(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

/* --- what a phone does --- */

static void
post_on(worker_fixture_t *f, int which, const char *path, const char *headers,
    const char *body)
{
    fixture_ask(f, which, "POST", path, headers, body);
}

static void
post(worker_fixture_t *f, const char *body)
{
    post_on(f, FIXTURE_ADMIN, WEBHOOK, NULL, body);
    assert_int_equal(f->status, 200);
}

static int64_t
seconds(const worker_fixture_t *f)
{
    return f->now / SELLIFY_SECOND;
}

static void
upsert(worker_fixture_t *f, const char *from, const char *id, int from_me,
    int64_t at, const char *text)
{
    char body[8192];

    snprintf(body, sizeof(body),
        "{\"event\":\"messages.upsert\",\"instance\":{\"name\":\"shop\"},"
        "\"data\":{\"keyId\":\"%s\",\"keyFromMe\":%s,\"keyRemoteJid\":"
        "\"%s@s.whatsapp.net\",\"pushName\":\"Awa\",\"messageType\":"
        "\"conversation\",\"content\":{\"text\":\"%s\"},"
        "\"messageTimestamp\":%lld,\"isGroup\":false}}",
        id, from_me ? "true" : "false", from, text, (long long) at);
    post(f, body);
}

static void
says(worker_fixture_t *f, const char *from, const char *id, const char *text)
{
    upsert(f, from, id, 0, seconds(f), text);
}

static void
phone_says(
    worker_fixture_t *f, const char *to, const char *id, const char *text)
{
    upsert(f, to, id, 1, seconds(f), text);
}

static void
connection(worker_fixture_t *f, const char *what)
{
    char body[512];

    snprintf(body, sizeof(body),
        "{\"event\":\"connection.update\",\"instance\":{\"name\":\"shop\"},"
        "\"data\":{\"instance\":\"shop\",\"state\":\"%s\"}}",
        what);
    post(f, body);
}

/* Time passes second by second, as it does. */
static void
pass(worker_fixture_t *f, int64_t count)
{
    while (count-- > 0) {
        fixture_advance(f, 1);
    }
}

/* --- what is seen of it --- */

static cJSON *
ask(worker_fixture_t *f, const char *path)
{
    cJSON *body;

    fixture_ask(f, FIXTURE_ADMIN, "GET", path, NULL, NULL);
    if (f->status != 200) {
        fail_msg("%s: %d %s", path, f->status, f->body);
    }
    body = cJSON_Parse(f->body);
    assert_non_null(body);
    return body;
}

static const cJSON *
items(const cJSON *list)
{
    return cJSON_GetObjectItemCaseSensitive(list, "items");
}

static int
outbox_count(worker_fixture_t *f)
{
    cJSON *list = ask(f, "/api/v1/simulator/outbox?limit=200");
    int count = cJSON_GetArraySize(items(list));

    cJSON_Delete(list);
    return count;
}

static const char *
member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}

/* The newest message that left. */
static void
last_reply(
    worker_fixture_t *f, char *text, size_t size, char *id, size_t id_size)
{
    cJSON *list = ask(f, "/api/v1/simulator/outbox?limit=1");
    const cJSON *row = cJSON_GetArrayItem(items(list), 0);

    assert_non_null(row);
    snprintf(text, size, "%s", member(row, "text"));
    if (id != NULL) {
        snprintf(id, id_size, "%s", member(row, "message_id"));
    }
    cJSON_Delete(list);
}

/* How many jobs of the worker are in a step. */
typedef struct {
    int64_t depths[FLOW_STEPS_OPEN];
} depths_t;

static void
read_depths(worker_t *w, void *data)
{
    depths_t *d = data;

    assert_int_equal(
        flow_store_depths(w->store, d->depths, FLOW_STEPS_OPEN), STORE_OK);
}

static int64_t
depth(worker_fixture_t *f, int step)
{
    depths_t d;

    assert_true(fixture_step(f, 1, read_depths, &d));
    return d.depths[step];
}

static int64_t
depth_of_all(worker_fixture_t *f)
{
    depths_t d;
    int64_t sum = 0;
    int step;

    assert_true(fixture_step(f, 1, read_depths, &d));
    for (step = 0; step < FLOW_STEPS_OPEN; step++) {
        sum += d.depths[step];
    }
    return sum;
}

/* Entries of the audit with this outcome (and reason, unless NULL). */
static int
audited(worker_fixture_t *f, const char *outcome, const char *reason)
{
    cJSON *list = ask(f, "/api/v1/audit?limit=200");
    const cJSON *row;
    int count = 0;

    cJSON_ArrayForEach(row, items(list))
    {
        count += strcmp(member(row, "outcome"), outcome) == 0 &&
                 (reason == NULL || strcmp(member(row, "reason"), reason) == 0);
    }
    cJSON_Delete(list);
    return count;
}

static int
alerts(worker_fixture_t *f, const char *reason)
{
    cJSON *list = ask(f, "/api/v1/alerts?limit=200");
    const cJSON *row;
    int count = 0;

    cJSON_ArrayForEach(row, items(list))
    {
        count += strcmp(member(row, "reason"), reason) == 0;
    }
    cJSON_Delete(list);
    return count;
}

static int
used(worker_fixture_t *f)
{
    cJSON *quota = ask(f, "/api/v1/quota?instance=shop");
    int n = (int) cJSON_GetNumberValue(
        cJSON_GetObjectItemCaseSensitive(quota, "messages_today"));

    cJSON_Delete(quota);
    return n;
}

static int
counted(worker_fixture_t *f, const char *name)
{
    cJSON *body = cJSON_Parse(f->body);
    int n = (int) cJSON_GetNumberValue(
        cJSON_GetObjectItemCaseSensitive(body, name));

    cJSON_Delete(body);
    return n;
}

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

static void
reply_of(worker_t *w, void *data)
{
    flow_context_t ctx;
    int64_t id;
    sellify_str_t text;

    assert_int_equal(
        flow_store_in_steps(w->store, 1, FLOW_SENDING, FLOW_SENDING, 0, &id),
        STORE_OK);
    assert_int_equal(flow_load(w, id, &ctx), STORE_OK);
    assert_int_equal(
        flow_store_text(w->store, id, FLOW_TEXT_REPLY, &text), STORE_OK);
    snprintf(data, 1024, "%.*s", (int) text.len, text.data);
    store_release(&text);
}

/* Runs only the pipeline's timer until a job is "sending" and its driver has
 * not answered yet. */
static void
until_sending(worker_fixture_t *f)
{
    int i;

    for (i = 0; i < 300; i++) {
        f->now += SELLIFY_SECOND / 2;
        turn_hold_time(f->w.turn, f->now);
        timers_run(f->w.timers, f->now);
        turn_finish(f->w.turn);
        if (depth(f, FLOW_SENDING) == 1) {
            return;
        }
    }
    fail_msg("never sending");
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

/* --- crashes --- */

/* Restarts when the job is in a step, and sees it end as if nothing had
 * happened: one reply, one unit, one entry. */
static void
crash_in(worker_fixture_t *f, int step)
{
    int i;

    says(f, AWA, "IN1", "Bonjour");
    for (i = 0; i < 300 && depth(f, step) == 0; i++) {
        f->now += SELLIFY_SECOND / 2;
        turn_hold_time(f->w.turn, f->now);
        timers_run(f->w.timers, f->now);
        turn_finish(f->w.turn);
    }
    assert_int_equal(depth(f, step), 1);

    fixture_restart(f);
    pass(f, 200);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(used(f), 1);
    assert_int_equal(depth_of_all(f), 0);
    assert_int_equal(audited(f, "sent", NULL), 1);
    assert_int_equal(alerts(f, "unsure"), 0);
}

static void
test_crash_collecting(void **state)
{
    crash_in(*state, FLOW_COLLECTING);
}

static void
test_crash_reserved(void **state)
{
    crash_in(*state, FLOW_RESERVED);
}

static void
test_crash_sending(void **state)
{
    crash_in(*state, FLOW_SENDING);
}

static void
put_back(worker_t *w, void *data)
{
    flow_job_t job;
    int64_t id;

    assert_int_equal(flow_store_in_steps(w->store, 1, 0, 15, 0, &id), STORE_OK);
    assert_int_equal(flow_store_load(w->store, id, &job), STORE_OK);
    job.step = *(int *) data;
    job.due_at = 0;
    assert_int_not_equal(flow_store_save(w->store, &job), STORE_FAILED);
}

/* Steps that last no longer than a turn, as a crash between two turns could
 * leave them. */
static void
crash_as(worker_fixture_t *f, int step)
{
    says(f, AWA, "IN1", "Bonjour");
    pass(f, 5);
    assert_int_equal(depth(f, FLOW_RESERVED), 1);
    assert_true(fixture_step(f, 1, put_back, &step));
    fixture_restart(f);
    pass(f, 200);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(depth_of_all(f), 0);
}

static void
lose_chat(worker_t *w, void *data)
{
    flow_job_t job;
    int64_t id;

    (void) data;
    assert_int_equal(flow_store_in_steps(w->store, 1, 0, 15, 0, &id), STORE_OK);
    assert_int_equal(flow_store_load(w->store, id, &job), STORE_OK);
    job.conversation_id = 999;
    assert_int_not_equal(flow_store_save(w->store, &job), STORE_FAILED);
}

/* A job that cannot be worked on is put off; the others go on. */
static void
test_broken_job(void **state)
{
    worker_fixture_t *f = *state;

    log_setup(LOG_ERROR_ + 1);
    says(f, AWA, "IN1", "Bonjour");
    assert_true(fixture_step(f, 1, lose_chat, NULL));
    says(f, BEN, "IN2", "Bonjour");
    pass(f, 100);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(depth(f, FLOW_COLLECTING), 1);
}

static void
test_crash_decided(void **state)
{
    crash_as(*state, FLOW_DECIDED);
}

static void
test_crash_generated(void **state)
{
    crash_as(*state, FLOW_GENERATED);
}

/* --- a real driver --- */

#define CODECHAT                                                               \
    "SELLIFY_WHATSAPP_DRIVER=codechat\n"                                       \
    "SELLIFY_WHATSAPP_URL=http://127.0.0.1:9\n"                                \
    "SELLIFY_WHATSAPP_KEY=a-key-for-the-unit-tests\n"

/* A shop with a catalogue and a policy of its own. */
static void
own_shop(worker_fixture_t *f, const char *settings, const char *policy)
{
    char lines[1024];

    fixture_prepare(f, "");
    write_file(f, "policy.json", policy);
    write_file(f, "products.json",
        "[{\"id\":\"p\",\"name\":\"Savon\",\"short_description\":\"Un savon.\","
        "\"price\":5,\"currency\":\"EUR\"}]");
    snprintf(lines, sizeof(lines),
        "SELLIFY_POLICY_FILE=%s/policy.json\n"
        "SELLIFY_PRODUCTS_FILE=%s/products.json\n%s",
        f->folder, f->folder, settings);
    add_settings(f, lines);
    fixture_start(f);
}

/* The driver is another one after the restart: what became of the send nobody
 * can tell. */
static void
crash_and_change_driver(worker_fixture_t *f, char text[1024])
{
    own_shop(
        f, "SELLIFY_INSTANCES=shop\n", "{\"audience\":{\"mode\":\"all\"}}");
    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    assert_true(fixture_step(f, 1, reply_of, text));
    fixture_stop(f);
    add_settings(f, CODECHAT);
    fixture_start(f);
    pass(f, 10);
    assert_int_equal(audited(f, "unsure", "unanswered"), 1);
    assert_int_equal(alerts(f, "unsure"), 1);
    assert_int_equal(used(f), 1);
}

static void
test_crash_unsure(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));
    char text[1024];

    (void) state;
    crash_and_change_driver(f, text);
    fixture_restart(f);
    pass(f, 200);
    assert_int_equal(audited(f, "unsure", NULL), 1);
    assert_int_equal(audited(f, "sent", NULL), 0);
    assert_int_equal(used(f), 1);
    fixture_close(f);
    free(f);
}

/* The echo of an unsure send settles it. */
static void
test_echo_settles_unsure(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));
    char text[1024];

    (void) state;
    crash_and_change_driver(f, text);
    phone_says(f, AWA, "BAE5", text);
    assert_int_equal(audited(f, "sent", "echo-text"), 1);
    assert_int_equal(audited(f, "takeover", NULL), 0);
    assert_int_equal(used(f), 1);
    fixture_close(f);
    free(f);
}

/* A reply that waits is not sent by another driver than its own. */
static void
test_driver_changed(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));

    (void) state;
    own_shop(
        f, "SELLIFY_INSTANCES=shop\n", "{\"audience\":{\"mode\":\"all\"}}");
    says(f, AWA, "IN1", "Bonjour");
    pass(f, 5);
    assert_int_equal(depth(f, FLOW_RESERVED), 1);
    fixture_stop(f);
    add_settings(f, CODECHAT);
    fixture_start(f);
    pass(f, 60);
    assert_int_equal(audited(f, "cancelled", "driver-changed"), 1);
    assert_int_equal(used(f), 0);
    fixture_close(f);
    free(f);
}

/* --- the driver's answers --- */

typedef struct {
    send_outcome_t outcome;
    const char *reason;
} verdict_t;

static void
settle(worker_t *w, void *data)
{
    verdict_t *v = data;
    flow_context_t ctx;
    int64_t id;

    assert_int_equal(
        flow_store_in_steps(w->store, 1, FLOW_SENDING, FLOW_SENDING, 0, &id),
        STORE_OK);
    assert_int_equal(flow_load(w, id, &ctx), STORE_OK);
    assert_int_not_equal(
        flow_settle(&ctx, v->outcome, (sellify_str_t){ NULL, 0 }, v->reason),
        STORE_FAILED);
}

static void
test_refused(void **state)
{
    worker_fixture_t *f = *state;
    verdict_t v = { SEND_REFUSED, "not-on-whatsapp" };

    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    assert_true(fixture_step(f, 1, settle, &v));
    assert_int_equal(audited(f, "failed", "not-on-whatsapp"), 1);
    assert_int_equal(alerts(f, "send-refused"), 1);
    assert_int_equal(used(f), 0);
}

static void
test_retry(void **state)
{
    worker_fixture_t *f = *state;
    verdict_t v = { SEND_RETRY, "server-down" };

    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    assert_true(fixture_step(f, 1, settle, &v));
    assert_int_equal(depth(f, FLOW_HELD), 1);
    assert_int_equal(used(f), 0);
    assert_int_equal(audited(f, "failed", NULL), 0);
}

static void
test_moves(void **state)
{
    int step;

    (void) state;
    assert_true(flow_step_allowed(FLOW_RESERVED, FLOW_SENDING));
    assert_true(flow_step_allowed(FLOW_UNSURE, FLOW_SENT));
    /* Nothing leads back into sending, and only a reservation leads there. */
    for (step = 0; step < 32; step++) {
        assert_int_equal(
            flow_step_allowed(step, FLOW_SENDING), step == FLOW_RESERVED);
        assert_false(flow_step_allowed(FLOW_SENT, step));
        assert_false(flow_step_allowed(FLOW_FAILED, step));
        assert_int_equal(
            flow_step_allowed(FLOW_UNSURE, step), step == FLOW_SENT);
    }
    assert_false(flow_step_allowed(-1, FLOW_SENT));
    assert_false(flow_step_allowed(FLOW_SENT, 99));
}

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

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

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
        T(test_crash_collecting),
        T(test_crash_reserved),
        T(test_crash_sending),
        T(test_broken_job),
        T(test_crash_decided),
        T(test_crash_generated),
        cmocka_unit_test(test_crash_unsure),
        cmocka_unit_test(test_echo_settles_unsure),
        cmocka_unit_test(test_driver_changed),
        T(test_refused),
        T(test_retry),
        cmocka_unit_test(test_moves),
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
