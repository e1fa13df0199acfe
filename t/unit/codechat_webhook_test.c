/* Every shape of a CodeChat webhook body -> the neutral event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../worker/flow/event.h"

#include <stdio.h>

#define EVENTS_MAX 8

typedef struct {
    flow_event_t events[EVENTS_MAX];
    size_t count;
    cJSON *tree;
    const char *pointer, *fault;
    int rc, stop;
} parsed_t;

static int
keep(void *data, const flow_event_t *event)
{
    parsed_t *p = data;

    assert_true(p->count < EVENTS_MAX);
    p->events[p->count++] = *event;
    return p->stop ? -1 : 0;
}

static void
parse_hint(parsed_t *p, const char *json, const char *hint)
{
    int stop = p->stop;

    memset(p, 0, sizeof(*p));
    p->stop = stop;
    p->tree = cJSON_Parse(json);
    assert_non_null(p->tree);
    p->rc = codechat_webhook_parse(
        p->tree, sellify_str_of(hint), keep, p, &p->pointer, &p->fault);
}

static void
parse(parsed_t *p, const char *json)
{
    p->stop = 0;
    parse_hint(p, json, "");
}

#define UPSERT(data)                                                           \
    "{\"event\":\"messages.upsert\",\"instance\":{\"id\":1,\"name\":"          \
    "\"shop\",\"ownerJid\":\"33700000000@s.whatsapp.net\"},\"data\":{" data    \
    "}}"
#define KEY                                                                    \
    "\"keyId\":\"3EB0C767D097B7C2A5F1\",\"keyFromMe\":false,\"keyRemoteJid\":" \
    "\"33612345678@s.whatsapp.net\",\"messageTimestamp\":1763820000,"          \
    "\"isGroup\":false,"

static void
equal(sellify_str_t got, const char *want)
{
    if (!sellify_str_equal(got, sellify_str_of(want))) {
        fail_msg("got \"%.*s\", want \"%s\"", (int) got.len, got.data, want);
    }
}

static void
test_conversation(void **state)
{
    parsed_t p;

    (void) state;
    parse(&p,
        UPSERT("\"id\":1882,\"keyId\":\"3EB0C767D097B7C2A5F1\",\"keyFromMe\":"
               "false,\"pushName\":\"Awa\",\"keyRemoteJid\":"
               "\"33612345678@s.whatsapp.net\",\"keyLid\":"
               "\"22990123456789@lid\",\"messageType\":\"conversation\","
               "\"content\":{\"text\":\"Bonjour\"},\"messageTimestamp\":"
               "1763820000,\"instanceId\":1,\"device\":\"android\","
               "\"isGroup\":false,\"info\":{\"type\":\"notify\"}"));
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.events[0].kind, FLOW_EVENT_MESSAGE);
    equal(p.events[0].instance, "shop");
    equal(p.events[0].message_id, "3EB0C767D097B7C2A5F1");
    equal(p.events[0].jid, "33612345678@s.whatsapp.net");
    equal(p.events[0].lid, "22990123456789@lid");
    equal(p.events[0].push_name, "Awa");
    equal(p.events[0].text, "Bonjour");
    assert_int_equal(p.events[0].type, SELLIFY_MESSAGE_TEXT);
    assert_int_equal(p.events[0].content, FLOW_CONTENT_MESSAGE);
    assert_int_equal(p.events[0].at, 1763820000);
    assert_int_equal(p.events[0].from_me, 0);
    assert_int_equal(p.events[0].is_group, 0);
    cJSON_Delete(p.tree);
}

static const struct {
    const char *body;
    flow_content_t content;
    sellify_message_type_t type;
    const char *text;
} contents[] = {
    { "\"messageType\":\"conversation\",\"content\":\"nu\"",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT, "nu" },
    { "\"messageType\":\"extendedTextMessage\",\"content\":{\"text\":\"Oui\","
      "\"contextInfo\":{\"stanzaId\":\"A\",\"quotedMessage\":{"
      "\"conversation\":\"autre\"}}}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT, "Oui" },
    { "\"messageType\":\"imageMessage\",\"content\":{\"url\":\"https://x\","
      "\"mimetype\":\"image/jpeg\",\"caption\":\"celui-ci\",\"fileLength\":"
      "\"12345678901\"}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_IMAGE, "celui-ci" },
    { "\"messageType\":\"imageMessage\",\"content\":{\"url\":\"https://x\"}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_IMAGE, "" },
    { "\"messageType\":\"videoMessage\",\"content\":{\"caption\":\"vu\"}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_VIDEO, "vu" },
    { "\"messageType\":\"audioMessage\",\"content\":{\"seconds\":4,\"ptt\":"
      "true}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_AUDIO, "" },
    { "\"messageType\":\"documentMessage\",\"content\":{\"fileName\":\"a\"}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_DOCUMENT, "" },
    { "\"messageType\":\"stickerMessage\",\"content\":{}", FLOW_CONTENT_MESSAGE,
        SELLIFY_MESSAGE_STICKER, "" },
    { "\"messageType\":\"locationMessage\",\"content\":{}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_LOCATION, "" },
    { "\"messageType\":\"contactMessage\",\"content\":{}", FLOW_CONTENT_MESSAGE,
        SELLIFY_MESSAGE_CONTACT, "" },
    { "\"messageType\":\"somethingNew\",\"content\":{\"text\":\"x\"}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"content\":{\"text\":\"x\"}", FLOW_CONTENT_MESSAGE,
        SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"messageType\":\"conversation\"", FLOW_CONTENT_MESSAGE,
        SELLIFY_MESSAGE_TEXT, "" },
    { "\"messageType\":\"conversation\",\"content\":{\"text\":5}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT, "" },
    { "\"messageType\":\"buttonsResponseMessage\",\"content\":{"
      "\"selectedDisplayText\":\"Oui\"}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT, "Oui" },
    { "\"messageType\":\"ephemeralMessage\",\"content\":{\"message\":{"
      "\"extendedTextMessage\":{\"text\":\"caché\"}}}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT, "caché" },
    { "\"messageType\":\"ephemeralMessage\",\"content\":{\"message\":{"
      "\"messageContextInfo\":{},\"conversation\":\"nu\"}}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT, "nu" },
    { "\"messageType\":\"viewOnceMessageV2\",\"content\":{\"message\":{"
      "\"imageMessage\":{\"caption\":\"une fois\"}}}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_IMAGE, "une fois" },
    { "\"messageType\":\"documentWithCaptionMessage\",\"content\":{\"message\":"
      "{\"documentMessage\":{\"caption\":\"devis\"}}}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_DOCUMENT, "devis" },
    { "\"messageType\":\"ephemeralMessage\",\"content\":{\"message\":{"
      "\"viewOnceMessageV2\":{\"message\":{\"imageMessage\":{\"caption\":"
      "\"deux\"}}}}}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_IMAGE, "deux" },
    { "\"messageType\":\"ephemeralMessage\",\"content\":{\"message\":{"
      "\"reactionMessage\":{\"text\":\"+\"}}}",
        FLOW_CONTENT_REACTION, SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"messageType\":\"ephemeralMessage\",\"content\":{}",
        FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"messageType\":\"ephemeralMessage\"", FLOW_CONTENT_MESSAGE,
        SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"messageType\":\"reactionMessage\",\"content\":{\"key\":{},\"text\":"
      "\"+\"}",
        FLOW_CONTENT_REACTION, SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"messageType\":\"protocolMessage\",\"content\":{\"key\":{},\"type\":"
      "\"REVOKE\"}",
        FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"messageType\":\"protocolMessage\",\"content\":{\"key\":{},\"type\":14,"
      "\"editedMessage\":{\"conversation\":\"corrigé\"}}",
        FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"messageType\":\"editedMessage\",\"content\":{\"message\":{"
      "\"protocolMessage\":{}}}",
        FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN, "" },
    { "\"messageType\":\"senderKeyDistributionMessage\",\"content\":{}",
        FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN, "" },
};

static void
test_contents(void **state)
{
    char json[1024];
    parsed_t p;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        snprintf(json, sizeof(json), UPSERT(KEY "%s"), contents[i].body);
        parse(&p, json);
        assert_int_equal(p.rc, 0);
        assert_int_equal(p.count, 1);
        if (p.events[0].content != contents[i].content ||
            p.events[0].type != contents[i].type) {
            fail_msg("shape %zu: %s", i, contents[i].body);
        }
        equal(p.events[0].text, contents[i].text);
        cJSON_Delete(p.tree);
    }
}

static void
test_wraps_are_bounded(void **state)
{
    parsed_t p;

    (void) state;
    parse(&p,
        UPSERT(KEY
            "\"messageType\":\"ephemeralMessage\",\"content\":{\"message\":{"
            "\"ephemeralMessage\":{\"message\":{\"ephemeralMessage\":{"
            "\"message\":{\"ephemeralMessage\":{\"message\":{"
            "\"ephemeralMessage\":{\"message\":{\"ephemeralMessage\":{"
            "\"message\":{\"conversation\":\"trop\"}}}}}}}}}}}}"));
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.events[0].type, SELLIFY_MESSAGE_UNKNOWN);
    equal(p.events[0].text, "");
    cJSON_Delete(p.tree);
}

static const struct {
    const char *value;
    int64_t at;
} stamps[] = { { "1763820000", 1763820000 }, { "\"1763820000\"", 1763820000 },
    { "{\"low\":1763820000,\"high\":0,\"unsigned\":true}", 1763820000 },
    { "null", 0 }, { "\"abc\"", 0 }, { "-5", 0 }, { "1e300", 0 },
    { "\"99999999999999999999\"", 0 }, { "[]", 0 } };

static void
test_timestamps(void **state)
{
    char json[512];
    parsed_t p;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
        snprintf(json, sizeof(json),
            UPSERT("\"keyId\":\"A\",\"messageTimestamp\":%s"), stamps[i].value);
        parse(&p, json);
        assert_int_equal(p.rc, 0);
        assert_int_equal(p.events[0].at, stamps[i].at);
        cJSON_Delete(p.tree);
    }
}

static void
test_senders(void **state)
{
    parsed_t p;

    (void) state;
    /* Known only by LID. */
    parse(&p, UPSERT("\"keyId\":\"A\",\"keyLid\":\"229901@lid\""));
    equal(p.events[0].jid, "");
    equal(p.events[0].lid, "229901@lid");
    cJSON_Delete(p.tree);

    /* The LID in the place of the JID, as send.message has it. */
    parse(&p, UPSERT("\"keyId\":\"A\",\"keyRemoteJid\":\"229901@lid\""));
    equal(p.events[0].lid, "229901@lid");
    cJSON_Delete(p.tree);

    /* An old group has a hyphen, so no keyRemoteJid at all. */
    parse(&p, UPSERT("\"keyId\":\"A\",\"isGroup\":true"));
    assert_int_equal(p.events[0].is_group, 1);
    cJSON_Delete(p.tree);

    parse(&p, UPSERT("\"keyId\":\"A\",\"keyRemoteJid\":\"33612-16@g.us\""));
    assert_int_equal(p.events[0].is_group, 1);
    cJSON_Delete(p.tree);

    parse(&p, UPSERT("\"keyId\":\"A\",\"keyRemoteJid\":\"status@broadcast\""));
    assert_int_equal(p.events[0].is_broadcast, 1);
    equal(p.events[0].jid, "");
    cJSON_Delete(p.tree);

    parse(&p, UPSERT("\"keyId\":\"A\",\"keyRemoteJid\":\"12@newsletter\""));
    assert_int_equal(p.events[0].is_broadcast, 1);
    cJSON_Delete(p.tree);

    parse(&p, UPSERT("\"keyId\":\"A\",\"keyFromMe\":true"));
    assert_int_equal(p.events[0].from_me, 1);
    cJSON_Delete(p.tree);
}

static void
test_send_message(void **state)
{
    parsed_t p;

    (void) state;
    parse(&p,
        "{\"event\":\"send.message\",\"instance\":\"shop\",\"data\":{\"keyId\":"
        "\"3EB0AA\",\"keyFromMe\":true,\"keyRemoteJid\":\"336@s.whatsapp.net\","
        "\"messageType\":\"extendedTextMessage\",\"content\":{\"text\":\"Ok\"},"
        "\"messageTimestamp\":1763820000,\"device\":\"web\",\"isGroup\":"
        "false}}");
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.events[0].kind, FLOW_EVENT_MESSAGE);
    assert_int_equal(p.events[0].from_me, 1);
    equal(p.events[0].instance, "shop");
    equal(p.events[0].text, "Ok");
    cJSON_Delete(p.tree);
}

static void
test_receipts(void **state)
{
    static const struct {
        const char *status;
        int failed;
    } rows[] = { { "\"ERROR\"", 1 }, { "\"PENDING\"", -1 },
        { "\"SERVER_ACK\"", 0 }, { "\"DELIVERY_ACK\"", 0 }, { "\"READ\"", 0 },
        { "null", -1 } };
    char json[512];
    parsed_t p;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(json, sizeof(json),
            "{\"event\":\"messages.update\",\"instance\":{\"name\":\"shop\"},"
            "\"data\":{\"remoteJid\":\"336@s.whatsapp.net\",\"fromMe\":true,"
            "\"id\":\"3EB0\",\"status\":%s,\"dateTime\":"
            "\"2026-11-22T10:00:00.000Z\"}}",
            rows[i].status);
        parse(&p, json);
        assert_int_equal(p.rc, 0);
        assert_int_equal(p.events[0].kind, FLOW_EVENT_RECEIPT);
        assert_int_equal(p.events[0].failed, rows[i].failed);
        equal(p.events[0].message_id, "3EB0");
        cJSON_Delete(p.tree);
    }

    parse(&p, "{\"event\":\"messages.update\",\"instance\":\"s\",\"data\":{}}");
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.events[0].kind, FLOW_EVENT_UNKNOWN);
    cJSON_Delete(p.tree);
}

static void
test_connection(void **state)
{
    parsed_t p;

    (void) state;
    parse(&p,
        "{\"event\":\"connection.update\",\"instance\":{\"name\":\"shop\"},"
        "\"data\":{\"instance\":\"shop\",\"state\":\"open\",\"statusReason\":"
        "200}}");
    assert_int_equal(p.events[0].kind, FLOW_EVENT_CONNECTION);
    assert_int_equal(p.events[0].open, 1);
    cJSON_Delete(p.tree);

    parse(&p,
        "{\"event\":\"connection.update\",\"instance\":{\"name\":\"shop\"},"
        "\"data\":{\"instance\":\"shop\",\"state\":\"close\",\"statusReason\":"
        "401}}");
    assert_int_equal(p.events[0].open, 0);
    equal(p.events[0].state, "close");
    cJSON_Delete(p.tree);

    parse(
        &p, "{\"event\":\"connection.update\",\"instance\":\"s\",\"data\":{}}");
    assert_int_equal(p.rc, -2);
    assert_string_equal(p.pointer, "/data/state");
    cJSON_Delete(p.tree);

    parse(&p, "{\"event\":\"status.instance\",\"instance\":\"s\",\"data\":{"
              "\"instance\":\"s\",\"status\":\"removed\"}}");
    assert_int_equal(p.events[0].kind, FLOW_EVENT_CONNECTION);
    assert_int_equal(p.events[0].open, 0);
    cJSON_Delete(p.tree);

    parse(&p, "{\"event\":\"status.instance\",\"instance\":\"s\",\"data\":{"
              "\"instance\":\"s\",\"status\":\"loaded\"}}");
    assert_int_equal(p.events[0].kind, FLOW_EVENT_UNKNOWN);
    cJSON_Delete(p.tree);
}

static void
test_unknown_and_bad(void **state)
{
    parsed_t p;

    (void) state;
    parse(&p, "{\"event\":\"presence.update\",\"instance\":\"s\",\"data\":[]}");
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.events[0].kind, FLOW_EVENT_UNKNOWN);
    cJSON_Delete(p.tree);

    parse(&p, "{}");
    assert_int_equal(p.rc, -2);
    assert_string_equal(p.pointer, "/event");
    cJSON_Delete(p.tree);

    parse(&p, "5");
    assert_int_equal(p.rc, -2);
    assert_string_equal(p.pointer, "");
    cJSON_Delete(p.tree);

    parse(&p, "{\"event\":\"messages.upsert\",\"instance\":\"s\"}");
    assert_int_equal(p.rc, -2);
    assert_string_equal(p.pointer, "/data");
    cJSON_Delete(p.tree);

    parse(&p, UPSERT("\"keyFromMe\":false"));
    assert_int_equal(p.rc, -2);
    assert_string_equal(p.pointer, "/data/keyId");
    assert_non_null(p.fault);
    cJSON_Delete(p.tree);
}

static void
test_arrays(void **state)
{
    parsed_t p;

    (void) state;
    /* The second of three is bad: the others still count. */
    parse(&p, "[{\"event\":\"messages.upsert\",\"instance\":\"s\",\"data\":{"
              "\"keyId\":\"A\"}},{\"event\":\"messages.upsert\",\"data\":5},"
              "{\"event\":\"messages.upsert\",\"instance\":\"s\",\"data\":["
              "{\"keyId\":\"B\"},{\"keyId\":\"\"},{\"keyId\":\"C\"}]}]");
    assert_int_equal(p.rc, 0);
    assert_null(p.fault);
    assert_int_equal(p.count, 5);
    equal(p.events[0].message_id, "A");
    assert_int_equal(p.events[1].kind, FLOW_EVENT_UNKNOWN);
    equal(p.events[2].message_id, "B");
    assert_int_equal(p.events[3].kind, FLOW_EVENT_UNKNOWN);
    equal(p.events[4].message_id, "C");
    cJSON_Delete(p.tree);
}

static void
test_history(void **state)
{
    parsed_t p;

    (void) state;
    parse(&p,
        "{\"event\":\"messages.set\",\"instance\":\"s\",\"data\":[{\"keyId\":"
        "\"A\",\"keyRemoteJid\":\"336@s.whatsapp.net\",\"messageType\":"
        "\"conversation\",\"content\":\"vieux\"}]}");
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.events[0].kind, FLOW_EVENT_HISTORY);
    equal(p.events[0].jid, "336@s.whatsapp.net");
    cJSON_Delete(p.tree);
}

static void
test_hint_and_stop(void **state)
{
    parsed_t p;

    (void) state;
    p.stop = 0;
    parse_hint(&p, "{\"instance\":\"s\",\"data\":{\"keyId\":\"A\"}}",
        "messages-upsert");
    assert_int_equal(p.rc, 0);
    assert_int_equal(p.events[0].kind, FLOW_EVENT_MESSAGE);
    cJSON_Delete(p.tree);

    p.stop = 1;
    parse_hint(&p, UPSERT("\"keyId\":\"A\""), "");
    assert_int_equal(p.rc, -1);
    cJSON_Delete(p.tree);
}

static void
test_dialects(void **state)
{
    (void) state;
    assert_ptr_equal(flow_dialect("codechat")->parse, codechat_webhook_parse);
    assert_ptr_equal(flow_dialect("simulator")->parse, codechat_webhook_parse);
    assert_null(flow_dialect("code"));
    assert_null(flow_dialect(""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_wraps_are_bounded),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_send_message),
        cmocka_unit_test(test_receipts),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_unknown_and_bad),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_hint_and_stop),
        cmocka_unit_test(test_dialects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
