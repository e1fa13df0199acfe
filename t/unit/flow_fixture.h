/*
 * A shop with its customers' phones on one side and what is seen of it on the
 * other, for the tests of the pipeline: a whole worker with a clock that stands
 * still until the test moves it.
 */
#ifndef SELLIFY_FLOW_FIXTURE_H
#define SELLIFY_FLOW_FIXTURE_H

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

FIXTURE_UNUSED static void
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

FIXTURE_UNUSED static void
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

FIXTURE_UNUSED static void
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

FIXTURE_UNUSED static int
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

FIXTURE_UNUSED static int
teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

/* --- what a phone does --- */

FIXTURE_UNUSED static void
post_on(worker_fixture_t *f, int which, const char *path, const char *headers,
    const char *body)
{
    fixture_ask(f, which, "POST", path, headers, body);
}

FIXTURE_UNUSED static void
post(worker_fixture_t *f, const char *body)
{
    post_on(f, FIXTURE_ADMIN, WEBHOOK, NULL, body);
    assert_int_equal(f->status, 200);
}

FIXTURE_UNUSED static int64_t
seconds(const worker_fixture_t *f)
{
    return f->now / SELLIFY_SECOND;
}

FIXTURE_UNUSED static void
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

FIXTURE_UNUSED static void
says(worker_fixture_t *f, const char *from, const char *id, const char *text)
{
    upsert(f, from, id, 0, seconds(f), text);
}

FIXTURE_UNUSED static void
phone_says(
    worker_fixture_t *f, const char *to, const char *id, const char *text)
{
    upsert(f, to, id, 1, seconds(f), text);
}

FIXTURE_UNUSED static void
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
FIXTURE_UNUSED static void
pass(worker_fixture_t *f, int64_t count)
{
    while (count-- > 0) {
        fixture_advance(f, 1);
    }
}

/* --- what is seen of it --- */

FIXTURE_UNUSED static cJSON *
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

FIXTURE_UNUSED static int
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
FIXTURE_UNUSED static void
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

FIXTURE_UNUSED static void
read_depths(worker_t *w, void *data)
{
    depths_t *d = data;

    assert_int_equal(
        flow_store_depths(w->store, d->depths, FLOW_STEPS_OPEN), STORE_OK);
}

FIXTURE_UNUSED static int64_t
depth(worker_fixture_t *f, int step)
{
    depths_t d;

    assert_true(fixture_step(f, 1, read_depths, &d));
    return d.depths[step];
}

FIXTURE_UNUSED static int64_t
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
FIXTURE_UNUSED static int
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

FIXTURE_UNUSED static int
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

FIXTURE_UNUSED static int
used(worker_fixture_t *f)
{
    cJSON *quota = ask(f, "/api/v1/quota?instance=shop");
    int n = (int) cJSON_GetNumberValue(
        cJSON_GetObjectItemCaseSensitive(quota, "messages_today"));

    cJSON_Delete(quota);
    return n;
}

FIXTURE_UNUSED static int
counted(worker_fixture_t *f, const char *name)
{
    cJSON *body = cJSON_Parse(f->body);
    int n = (int) cJSON_GetNumberValue(
        cJSON_GetObjectItemCaseSensitive(body, name));

    cJSON_Delete(body);
    return n;
}

/* --- a send under way --- */

FIXTURE_UNUSED static void
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
FIXTURE_UNUSED static void
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

/* --- a real driver --- */

#define CODECHAT                                                               \
    "SELLIFY_WHATSAPP_DRIVER=codechat\n"                                       \
    "SELLIFY_WHATSAPP_URL=http://127.0.0.1:9\n"                                \
    "SELLIFY_WHATSAPP_KEY=a-key-for-the-unit-tests\n"

/* A shop with a catalogue and a policy of its own. */
FIXTURE_UNUSED static void
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

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
