/* The audit: what is written stays, what was touched shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "worker_fixture.h"

#include "../../worker/audit.h"

#include <dirent.h>
#include <sqlite3.h>

#define ENTRIES 6
#define MARKER "xyzzy-customer-words"

static worker_fixture_t f;

static int
setup(void **state)
{
    (void) state;
    fixture_open(&f, "");
    log_setup((log_level_t) 4); /* tampering is logged, as it should be */
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
write_one(worker_t *w, void *data)
{
    char id[16];
    audit_entry_t entry = {
        .kind = "message",
        .actor = sellify_str("pipeline"),
        .instance = sellify_str("shop"),
        .conversation_id = sellify_str("cnv_1"),
        .incoming_message = sellify_str(MARKER),
        .sent_message = sellify_str(MARKER),
        .state = SELLIFY_STATE_INTEREST,
        .new_state = SELLIFY_STATE_INTENT,
        .outcome = "sent",
    };
    int64_t sequence;

    snprintf(id, sizeof(id), "entry-%d", *(int *) data);
    entry.id = sellify_str_of(id);
    assert_int_equal(audit_write(w, &entry, &sequence), STORE_OK);
    assert_int_equal(sequence, *(int *) data);
}

static void
write_some(void)
{
    for (int i = 1; i <= ENTRIES; i++) {
        assert_true(fixture_step(&f, 1, write_one, &i));
    }
}

static void
verify(worker_t *w, void *data)
{
    assert_int_not_equal(audit_verify(w, 0, 1000, data), STORE_FAILED);
}

static void
expect(const char *fault, int64_t sequence)
{
    audit_verdict_t verdict;

    fixture_step(&f, 1, verify, &verdict);
    if (fault == NULL) {
        assert_null(verdict.fault);
        return;
    }
    assert_non_null(verdict.fault);
    assert_string_equal(verdict.fault, fault);
    assert_int_equal(verdict.sequence, sequence);
}

/* With the worker stopped, as somebody who can write the file. */
static void
tamper(const char *sql)
{
    char path[128];
    sqlite3 *db;

    fixture_stop(&f);
    fixture_path(&f, "sellify.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_true(sqlite3_total_changes(db) > 0);
    sqlite3_close(db);
    fixture_start(&f);
    log_setup((log_level_t) 4);
}

static void
a_whole_chain_verifies(void **state)
{
    audit_verdict_t verdict;

    (void) state;
    expect(NULL, 0);
    write_some();
    expect(NULL, 0);
    fixture_step(&f, 1, verify, &verdict);
    assert_int_equal(verdict.checked, ENTRIES);
    fixture_restart(&f);
    expect(NULL, 0);
}

static void
a_changed_column_shows(void **state)
{
    (void) state;
    write_some();
    tamper("UPDATE audit SET state = 0 WHERE seq = 3");
    expect("changed", 3);
}

static void
a_changed_time_shows(void **state)
{
    (void) state;
    write_some();
    tamper("UPDATE audit SET at = at + 1 WHERE seq = 6");
    expect("changed", 6);
}

static void
a_changed_payload_shows(void **state)
{
    (void) state;
    write_some();
    tamper("UPDATE audit SET payload_sealed ="
           " (SELECT payload_sealed FROM audit WHERE seq = 5) WHERE seq = 2");
    expect("changed", 2);
}

static void
a_swap_shows(void **state)
{
    (void) state;
    write_some();
    tamper("UPDATE audit SET id_hash = NULL WHERE seq = 2;"
           "UPDATE audit SET seq = -1 WHERE seq = 2;"
           "UPDATE audit SET seq = 2 WHERE seq = 4;"
           "UPDATE audit SET seq = 4 WHERE seq = -1");
    expect("changed", 2);
}

static void
a_removed_entry_shows(void **state)
{
    (void) state;
    write_some();
    tamper("DELETE FROM audit WHERE seq = 4");
    expect("missing", 4);
}

static void
a_removed_tail_shows(void **state)
{
    (void) state;
    write_some();
    tamper("DELETE FROM audit WHERE seq = 6");
    expect("missing", 6);
}

/* The head is sealed too: it cannot be moved back to hide the loss. */
static void
a_removed_tail_shows_with_its_head(void **state)
{
    (void) state;
    write_some();
    tamper("DELETE FROM audit WHERE seq = 6; UPDATE audit_head SET seq = 5,"
           " mac = (SELECT mac FROM audit WHERE seq = 5)");
    expect("head", 6);
}

static void
an_inserted_entry_shows(void **state)
{
    (void) state;
    write_some();
    tamper("INSERT INTO audit SELECT 7, at, kind, instance, state, action,"
           " conversation_hash, NULL, payload_sealed, payload_hash, mac"
           " FROM audit WHERE seq = 6");
    expect("changed", 7);
}

static void
an_erased_payload_leaves_the_chain_whole(void **state)
{
    (void) state;
    write_some();
    tamper("UPDATE audit SET payload_sealed = NULL WHERE seq = 3");
    expect(NULL, 0);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/audit/3", NULL, NULL);
    assert_int_equal(f.status, 200);
    assert_non_null(strstr(f.body, "\"erased\":true"));
}

static int
folder_holds(const char *needle)
{
    DIR *folder = opendir(f.folder);
    struct dirent *entry;
    int found = 0;

    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        char path[400];
        char *data = malloc((size_t) 8 << 20);
        FILE *file;
        size_t len;

        snprintf(path, sizeof(path), "%s/%s", f.folder, entry->d_name);
        file = entry->d_type == DT_REG ? fopen(path, "r") : NULL;
        assert_non_null(data);
        if (file != NULL) {
            len = fread(data, 1, (size_t) 8 << 20, file);
            found |= memmem(data, len, needle, strlen(needle)) != NULL;
            fclose(file);
        }
        free(data);
    }
    closedir(folder);
    return found;
}

static void
no_file_holds_the_words(void **state)
{
    (void) state;
    write_some();
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/audit", NULL,
        "{\"id\":\"a1\",\"conversation_id\":\"33612345678\","
        "\"incoming_message\":\"" MARKER "\"}");
    assert_int_equal(f.status, 201);
    assert_false(folder_holds(MARKER));
    assert_false(folder_holds("33612345678"));
    assert_false(folder_holds("entry-3"));
    assert_true(folder_holds("quota_counters")); /* the search does search */
}

static void
the_same_id_is_written_once(void **state)
{
    static const char *const body =
        "{\"id\":\"a1\",\"state\":\"Discovery\","
        "\"chosen_action\":\"RespondText\",\"incoming_message\":\"Bonjour\"}";
    char *first;

    (void) state;
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/audit", NULL, body);
    assert_int_equal(f.status, 201);
    first = strdup(f.body);
    assert_non_null(first);
    fixture_advance(&f, 5);
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/audit", NULL, body);
    assert_int_equal(f.status, 201);
    assert_string_equal(f.body, first);
    free(first);
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/audit/log", NULL, body);
    assert_int_equal(f.status, 201);
    assert_string_equal(f.body, "");
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/audit", NULL,
        "{\"id\":\"a1\",\"state\":\"Intent\"}");
    assert_int_equal(f.status, 409);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/audit/a1", NULL, NULL);
    assert_int_equal(f.status, 200);
    assert_non_null(strstr(f.body, "\"incoming_message\":\"Bonjour\""));
    assert_non_null(strstr(f.body, "\"sequence\":1"));
    expect(NULL, 0);
}

static void
the_first_api_is_understood(void **state)
{
    (void) state;
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/audit/log", NULL,
        "{\"id\":\"550e8400\",\"timestamp\":\"2026-11-23T10:00:00.000Z\","
        "\"conversation_id\":\"conv-1\",\"incoming_message\":\"Bonjour\","
        "\"state\":\"Discovery\",\"chosen_action\":\"RespondText\","
        "\"ai_prompt\":null,\"ai_response\":\"Oui\",\"sent_message\":\"Oui\","
        "\"quotas_before\":{\"messages_today\":1,\"messages_this_week\":1},"
        "\"quotas_after\":{\"messages_today\":2,\"messages_this_week\":2}}");
    assert_int_equal(f.status, 201);
    assert_string_equal(f.body, "");
}

static void
bad_entries_are_named(void **state)
{
    static const char *const bad[][2] = {
        { "{\"state\":\"Sleepy\"}", "/state" },
        { "{\"chosen_action\":\"Dance\"}", "/chosen_action" },
        { "{\"timestamp\":\"yesterday\"}", "/timestamp" },
        { "{\"quotas_before\":[1]}", "/quotas_before" },
        { "{\"id\":\"\"}", "/id" },
        { "{\"incoming_message\":7}", "/incoming_message" },
        { "{\"instance\":\"a b\"}", "/instance" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fixture_ask(
            &f, FIXTURE_ADMIN, "POST", "/api/v1/audit", NULL, bad[i][0]);
        assert_int_equal(f.status, 400);
        assert_non_null(strstr(f.body, bad[i][1]));
    }
}

static void
pages_and_filters(void **state)
{
    char path[160], *cursor, *end;
    int pages = 0, rows = 0;

    (void) state;
    write_some();
    snprintf(path, sizeof(path), "/api/v1/audit?limit=4");
    for (;;) {
        fixture_ask(&f, FIXTURE_ADMIN, "GET", path, NULL, NULL);
        assert_int_equal(f.status, 200);
        pages++;
        for (char *p = f.body; (p = strstr(p, "\"sequence\":")) != NULL; p++) {
            rows++;
        }
        cursor = strstr(f.body, "\"next_cursor\":\"");
        if (cursor == NULL) {
            break;
        }
        cursor += 15;
        end = strchr(cursor, '"');
        assert_non_null(end);
        snprintf(path, sizeof(path), "/api/v1/audit?limit=4&cursor=%.*s",
            (int) (end - cursor), cursor);
    }
    assert_int_equal(pages, 2);
    assert_int_equal(rows, ENTRIES);
    fixture_ask(&f, FIXTURE_ADMIN, "GET",
        "/api/v1/audit?conversation_id=cnv_1&state=Interest&instance=shop",
        NULL, NULL);
    assert_non_null(strstr(f.body, "entry-6"));
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/audit?conversation_id=cnv_2",
        NULL, NULL);
    assert_string_equal(f.body, "{\"items\":[],\"next_cursor\":null}");
    fixture_ask(&f, FIXTURE_ADMIN, "GET",
        "/api/v1/audit?to=2026-11-23T09:00:00Z", NULL, NULL);
    assert_string_equal(f.body, "{\"items\":[],\"next_cursor\":null}");
    static const char *const bad[] = { "limit=0", "limit=201", "limit=x",
        "cursor=zz", "cursor=c", "from=now", "state=Sleepy", "action=Dance" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(path, sizeof(path), "/api/v1/audit?%s", bad[i]);
        fixture_ask(&f, FIXTURE_ADMIN, "GET", path, NULL, NULL);
        assert_int_equal(f.status, 400);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_whole_chain_verifies),
        TEST(a_changed_column_shows),
        TEST(a_changed_time_shows),
        TEST(a_changed_payload_shows),
        TEST(a_swap_shows),
        TEST(a_removed_entry_shows),
        TEST(a_removed_tail_shows),
        TEST(a_removed_tail_shows_with_its_head),
        TEST(an_inserted_entry_shows),
        TEST(an_erased_payload_leaves_the_chain_whole),
        TEST(no_file_holds_the_words),
        TEST(the_same_id_is_written_once),
        TEST(the_first_api_is_understood),
        TEST(bad_entries_are_named),
        TEST(pages_and_filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
