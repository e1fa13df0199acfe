/* Chats: found by keyed hash, aliases learnt, opt-out remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "worker_fixture.h"

#include "../../worker/conversations.h"

#define JID "33612345678@s.whatsapp.net"
#define LID "22990123456789@lid"

static worker_fixture_t f;

static int
setup(void **state)
{
    (void) state;
    fixture_open(&f, "SELLIFY_INSTANCES=shop,other\n"
                     "SELLIFY_API_KEY=an-imported-key-of-my-own\n");
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fixture_close(&f);
    return 0;
}

typedef struct {
    const char *instance, *jid, *lid, *name;
    store_result_t result;
    conversation_t chat;
} meeting_t;

static void
ensure(worker_t *w, void *data)
{
    meeting_t *m = data;
    instance_t instance;
    chat_address_t address = { sellify_str_of(m->jid), sellify_str_of(m->lid) };

    assert_int_equal(
        instances_find(w, sellify_str_of(m->instance), &instance), STORE_OK);
    m->result = conversations_ensure(
        w, &instance, &address, sellify_str_of(m->name), &m->chat);
}

static conversation_t
meet(const char *instance, const char *jid, const char *lid, const char *name)
{
    meeting_t m = { instance, jid, lid, name, STORE_FAILED, { .id = 0 } };

    assert_true(fixture_step(&f, 1, ensure, &m));
    assert_int_equal(m.result, STORE_OK);
    return m.chat;
}

static void
by_id(worker_t *w, void *data)
{
    conversation_t *chat = data;

    assert_int_equal(conversations_by_id(w, chat->id, chat), STORE_OK);
}

static void
save(worker_t *w, void *data)
{
    assert_int_equal(conversations_save(w, data), STORE_OK);
}

static void
opt_out(worker_t *w, void *data)
{
    assert_int_equal(conversations_opt_out(w, data, 1), STORE_OK);
}

static void
opt_in(worker_t *w, void *data)
{
    assert_int_equal(conversations_opt_out(w, data, 0), STORE_OK);
}

typedef struct {
    message_row_t row;
    store_result_t result;
    uint32_t replies;
} message_t;

static void
add_message(worker_t *w, void *data)
{
    message_t *m = data;

    m->result = conversations_add_message(w, &m->row, NULL);
    assert_int_equal(
        conversations_replies_last_hour(w, m->row.conversation_id, &m->replies),
        STORE_OK);
}

static message_t
say(const conversation_t *chat, const char *id, const char *origin,
    const char *text, int64_t at)
{
    message_t m = { .row = { .conversation_id = chat->id,
                        .instance_id = chat->instance_id,
                        .message_id = sellify_str_of(id),
                        .from_me = strcmp(origin, "customer") != 0,
                        .origin = origin,
                        .type = "text",
                        .text = sellify_str_of(text),
                        .at = at } };

    assert_true(fixture_step(&f, 1, add_message, &m));
    return m;
}

static void
a_chat_is_found_again(void **state)
{
    conversation_t first, again, elsewhere;

    (void) state;
    first = meet("shop", JID, NULL, "Awa");
    assert_int_equal(first.state, SELLIFY_STATE_DISCOVERY);
    assert_int_equal(strncmp(first.public_id, "cnv_", 4), 0);
    again = meet("shop", JID, NULL, NULL);
    assert_int_equal(again.id, first.id);
    elsewhere = meet("other", JID, NULL, NULL);
    assert_int_not_equal(elsewhere.id, first.id);
    fixture_restart(&f);
    assert_int_equal(meet("shop", JID, NULL, NULL).id, first.id);
}

static void
every_member_is_kept(void **state)
{
    conversation_t chat, kept;

    (void) state;
    chat = meet("shop", JID, NULL, NULL);
    chat.state = SELLIFY_STATE_OBJECTION;
    chat.misunderstandings = 2;
    chat.paused_until = 1795430000;
    strcpy(chat.pause_reason, "takeover");
    strcpy(chat.product_id, "prod-001");
    strcpy(chat.language, "fr");
    chat.last_in_at = 1;
    chat.last_out_at = 2;
    chat.last_alert_at = 3;
    assert_true(fixture_step(&f, 1, save, &chat));
    kept = (conversation_t){ .id = chat.id };
    assert_true(fixture_step(&f, 1, by_id, &kept));
    assert_memory_equal(&kept, &chat, sizeof(chat));
}

static void
an_alias_leads_to_the_same_chat(void **state)
{
    conversation_t chat;

    (void) state;
    chat = meet("shop", JID, LID, "Awa");
    assert_int_equal(meet("shop", NULL, LID, NULL).id, chat.id);
    assert_int_equal(meet("shop", JID, NULL, NULL).id, chat.id);
}

/* Both were met before anybody knew that they are one. */
static void
two_chats_of_one_person_become_one(void **state)
{
    conversation_t by_jid, by_lid, joined, old;

    (void) state;
    by_jid = meet("shop", JID, NULL, NULL);
    by_lid = meet("shop", NULL, LID, NULL);
    assert_int_not_equal(by_jid.id, by_lid.id);
    say(&by_lid, "m1", "customer", "bonjour", 1795428000);
    by_lid.state = SELLIFY_STATE_FROZEN;
    by_lid.paused_until = 1795430000;
    assert_true(fixture_step(&f, 1, save, &by_lid));
    assert_true(fixture_step(&f, 1, opt_out, &by_lid));
    joined = meet("shop", JID, LID, "Awa");
    assert_int_equal(joined.id, by_jid.id);
    assert_int_equal(joined.state, SELLIFY_STATE_FROZEN);
    assert_int_equal(joined.paused_until, 1795430000);
    assert_int_equal(joined.opted_out, 1);
    old = (conversation_t){ .id = by_lid.id };
    assert_true(fixture_step(&f, 1, by_id, &old));
    assert_int_equal(old.id, by_jid.id);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/conversations", NULL, NULL);
    assert_non_null(strstr(f.body, by_jid.public_id));
    assert_null(strstr(f.body, by_lid.public_id));
    char path[96];
    snprintf(path, sizeof(path), "/api/v1/conversations/%s", by_lid.public_id);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", path, NULL, NULL);
    assert_int_equal(f.status, 200);
    assert_non_null(strstr(f.body, "bonjour"));
}

static void
stop_is_remembered(void **state)
{
    conversation_t chat;

    (void) state;
    chat = meet("shop", JID, NULL, NULL);
    assert_true(fixture_step(&f, 1, opt_out, &chat));
    assert_int_equal(meet("shop", JID, NULL, NULL).opted_out, 1);
    /* As after an erasure: the chat is gone, the hash is not. */
    fixture_stop(&f);
    char path[128];
    sqlite3 *db;
    fixture_path(&f, "sellify.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "DELETE FROM chat_addresses", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    fixture_start(&f);
    conversation_t again = meet("shop", JID, NULL, NULL);
    assert_int_not_equal(again.id, chat.id);
    assert_int_equal(again.opted_out, 1);
    assert_true(fixture_step(&f, 1, opt_in, &again));
    assert_int_equal(meet("shop", JID, NULL, NULL).opted_out, 0);
}

static void
messages_are_kept_once(void **state)
{
    conversation_t chat;

    (void) state;
    chat = meet("shop", JID, NULL, NULL);
    assert_int_equal(
        say(&chat, "A", "customer", "un", 1795428000).result, STORE_OK);
    assert_int_equal(
        say(&chat, "A", "customer", "deux", 1795428001).result, STORE_NONE);
    assert_int_equal(say(&chat, "B", "sellify", "oui", 1795427990).replies, 1);
    assert_int_equal(say(&chat, "C", "human", "non", 1795427990).replies, 1);
    assert_int_equal(
        say(&chat, "D", "sellify", "hier", 1795428000 - 3601).replies, 1);
}

static void
readers_see_masks(void **state)
{
    conversation_t chat;
    char path[96];

    (void) state;
    chat = meet("shop", JID, NULL, "Awa");
    say(&chat, "A", "customer", "mon secret", 1795428000);
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/keys", NULL,
        "{\"name\":\"r\",\"scopes\":[\"read\"]}");
    char header[128], *key = strstr(f.body, "sk_");
    assert_non_null(key);
    snprintf(header, sizeof(header), "X-API-Key: %.46s\r\n", key);
    snprintf(path, sizeof(path), "/api/v1/conversations/%s", chat.public_id);
    fixture_ask(&f, FIXTURE_WORKER, "GET", path, header, NULL);
    assert_int_equal(f.status, 200);
    assert_null(strstr(f.body, "secret"));
    assert_null(strstr(f.body, "Awa"));
    assert_null(strstr(f.body, "33612345678"));
    assert_non_null(strstr(f.body, "\"phone\":\"336******78\""));
    fixture_ask(&f, FIXTURE_ADMIN, "GET", path, NULL, NULL);
    assert_non_null(strstr(f.body, "mon secret"));
    assert_non_null(strstr(f.body, "\"phone\":\"33612345678\""));
    assert_non_null(strstr(f.body, "\"name\":\"Awa\""));
}

static void
lists_are_filtered(void **state)
{
    (void) state;
    conversation_t a = meet("shop", JID, NULL, NULL);
    conversation_t b = meet("other", JID, NULL, NULL);
    a.state = SELLIFY_STATE_INTENT;
    assert_true(fixture_step(&f, 1, save, &a));
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/conversations?state=Intent",
        NULL, NULL);
    assert_non_null(strstr(f.body, a.public_id));
    assert_null(strstr(f.body, b.public_id));
    fixture_ask(&f, FIXTURE_ADMIN, "GET",
        "/api/v1/conversations?instance=other", NULL, NULL);
    assert_null(strstr(f.body, a.public_id));
    assert_non_null(strstr(f.body, b.public_id));
    fixture_ask(&f, FIXTURE_ADMIN, "GET",
        "/api/v1/conversations?instance=nobody", NULL, NULL);
    assert_string_equal(f.body, "{\"items\":[],\"next_cursor\":null}");
    fixture_ask(
        &f, FIXTURE_ADMIN, "GET", "/api/v1/conversations?limit=1", NULL, NULL);
    assert_non_null(strstr(f.body, b.public_id)); /* newest first */
    assert_non_null(strstr(f.body, "\"next_cursor\":\"c"));
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/conversations?state=Bored",
        NULL, NULL);
    assert_int_equal(f.status, 400);
    fixture_ask(
        &f, FIXTURE_ADMIN, "GET", "/api/v1/conversations/cnv_0", NULL, NULL);
    assert_int_equal(f.status, 404);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_chat_is_found_again),
        TEST(every_member_is_kept),
        TEST(an_alias_leads_to_the_same_chat),
        TEST(two_chats_of_one_person_become_one),
        TEST(stop_is_remembered),
        TEST(messages_are_kept_once),
        TEST(readers_see_masks),
        TEST(lists_are_filtered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
