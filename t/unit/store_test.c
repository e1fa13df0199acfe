/*
 * The store inside a whole worker: steps, ids, sealed columns, what an error
 * does, a disk that fills up, migrations, what is refused at the start.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/store/internal.h"
#include "../../worker/store/migrations.h"
#include "../../worker/store/setup.h"
#include "worker_fixture.h"

static worker_fixture_t f;

static int
setup(void **state)
{
    (void) state;
    fixture_open(&f, "SELLIFY_LOG_LEVEL=error\n");
    log_setup((log_level_t) 4);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fixture_close(&f);
    return 0;
}

static sellify_str_t
str(const char *text)
{
    return sellify_str_of(text);
}

static int64_t
query(const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t value = -1;
    assert_int_equal(
        SQLITE_OK, sqlite3_prepare_v2(f.w.store->db, sql, -1, &s, NULL));
    if (sqlite3_step(s) == SQLITE_ROW) {
        value = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return value;
}

/* --- settings of the connection --- */

static void
test_pragmas(void **state)
{
    (void) state;
    assert_int_equal(2, query("PRAGMA synchronous"));
    assert_int_equal(1, query("PRAGMA foreign_keys"));
    assert_int_equal(0, query("PRAGMA wal_autocheckpoint"));
    assert_int_equal(
        1, query("SELECT journal_mode = 'wal' FROM pragma_journal_mode"));
    struct stat st;
    char path[128];
    fixture_path(&f, "sellify.db", path);
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(0600, st.st_mode & 0777);
}

/* --- steps --- */

static void
set_meta(worker_t *w, void *data)
{
    assert_int_equal(STORE_OK, store_meta_set(w->store, "name", str(data)));
}

static void
assert_meta(const char *expected)
{
    sellify_str_t value;
    assert_int_equal(0, turn_step_begin(f.w.turn));
    store_result_t result = store_meta_get(f.w.store, "name", &value);
    assert_int_equal(expected ? STORE_OK : STORE_NONE, result);
    if (expected != NULL) {
        assert_true(sellify_str_equal(value, str(expected)));
    }
    store_release(&value);
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);
}

static void
test_steps(void **state)
{
    (void) state;
    assert_meta(NULL);
    assert_true(fixture_step(&f, 1, set_meta, (void *) (uintptr_t) "one"));
    assert_meta("one");
    assert_false(fixture_step(&f, 0, set_meta, (void *) (uintptr_t) "two"));
    assert_meta("one");

    /* Two steps of one turn: the first taken back, the second not. */
    assert_int_equal(0, turn_step_begin(f.w.turn));
    set_meta(&f.w, (void *) (uintptr_t) "three");
    assert_int_equal(-1, turn_step_end(f.w.turn, 0));
    assert_int_equal(0, turn_step_begin(f.w.turn));
    assert_int_equal(STORE_OK, store_meta_set(f.w.store, "other", str("four")));
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);
    assert_meta("one");
    fixture_restart(&f);
    assert_meta("one");
}

/* A turn that only reads writes no frame and so syncs nothing. */
static void
test_reads_write_nothing(void **state)
{
    (void) state;
    struct stat before, after;
    char path[128];
    uint64_t commits = turn_stats(f.w.turn)->commits;
    fixture_path(&f, "sellify.db-wal", path);
    assert_int_equal(0, stat(path, &before));
    assert_meta(NULL);
    assert_int_equal(0, stat(path, &after));
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(commits, turn_stats(f.w.turn)->commits);
}

/* An SQL error that leaves the transaction whole costs one step only. */
static void
test_plain_error(void **state)
{
    (void) state;
    assert_int_equal(0, turn_step_begin(f.w.turn));
    set_meta(&f.w, (void *) (uintptr_t) "kept");
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    assert_int_equal(0, turn_step_begin(f.w.turn));
    sqlite3_stmt *s = store_statement(
        f.w.store, "INSERT INTO meta (name, value) VALUES ('name', x'00')");
    assert_int_equal(STORE_FAILED, store_run(f.w.store, s));
    assert_false(turn_is_poisoned(f.w.turn));
    assert_int_equal(-1, turn_step_end(f.w.turn, 0));
    turn_finish(f.w.turn);
    assert_meta("kept");
}

static void
test_bad_sql(void **state)
{
    (void) state;
    assert_int_equal(0, turn_step_begin(f.w.turn));
    sqlite3_stmt *s = store_statement(f.w.store, "SELEKT");
    assert_null(s);
    store_bind_int(s, 1, 1);
    assert_int_equal(STORE_FAILED, store_step(f.w.store, s));
    assert_int_equal(STORE_FAILED, store_run(f.w.store, s));
    store_done(s);
    assert_int_equal(-1, turn_step_end(f.w.turn, 0));
    turn_finish(f.w.turn);
}

/* A cursor that somebody forgot does not outlive the turn. */
static void
test_open_cursor(void **state)
{
    (void) state;
    assert_int_equal(0, turn_step_begin(f.w.turn));
    set_meta(&f.w, (void *) (uintptr_t) "x");
    sqlite3_stmt *s =
        store_statement(f.w.store, "SELECT name FROM meta ORDER BY name");
    assert_int_equal(STORE_OK, store_step(f.w.store, s));
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);
    assert_false(sqlite3_stmt_busy(s));
}

static void
test_statement_cache(void **state)
{
    (void) state;
    static const char sql[] = "SELECT 1";
    sqlite3_stmt *a = store_statement(f.w.store, sql);
    assert_ptr_equal(a, store_statement(f.w.store, sql));
    assert_non_null(a);
}

/* --- ids --- */

static void
test_ids(void **state)
{
    (void) state;
    assert_int_equal(0, turn_step_begin(f.w.turn));
    assert_int_equal(1, store_next_id(f.w.store, "thing"));
    assert_int_equal(2, store_next_id(f.w.store, "thing"));
    assert_int_equal(1, store_next_id(f.w.store, "other"));
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);
    fixture_restart(&f);
    assert_int_equal(0, turn_step_begin(f.w.turn));
    assert_int_equal(3, store_next_id(f.w.store, "thing"));
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);
}

/* --- sealed columns --- */

static const char secret_text[] = "a-marker-that-must-not-show";

static void
seal_row(worker_t *w, void *data)
{
    int64_t id = *(int64_t *) data;
    sqlite3_stmt *s = store_statement(
        w->store, "INSERT INTO meta (name, value) VALUES ('sealed' || ?1, ?2)");
    store_bind_int(s, 1, id);
    assert_int_equal(STORE_OK, store_bind_sealed(w->store, s, 2, "meta", id,
                                   "value", str(secret_text)));
    assert_int_equal(STORE_OK, store_run(w->store, s));
}

static store_result_t
open_row(int64_t id, const char *name, sellify_str_t *value)
{
    sqlite3_stmt *s = store_statement(
        f.w.store, "SELECT value FROM meta WHERE name = 'sealed' || ?1");
    store_bind_int(s, 1, id);
    assert_int_equal(STORE_OK, store_step(f.w.store, s));
    store_result_t result =
        store_open_sealed(f.w.store, s, 0, "meta", id, name, value);
    store_done(s);
    return result;
}

static void
assert_no_marker(const char *name)
{
    char path[128];
    fixture_path(&f, name, path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    static char all[1 << 20];
    size_t len = fread(all, 1, sizeof(all), file);
    fclose(file);
    assert_null(memmem(all, len, secret_text, sizeof(secret_text) - 1));
    assert_true(len > 0);
}

static void
test_sealed(void **state)
{
    (void) state;
    sellify_str_t value;
    int64_t one = 1, two = 2;
    assert_true(fixture_step(&f, 1, seal_row, &one));
    assert_true(fixture_step(&f, 1, seal_row, &two));
    assert_no_marker("sellify.db-wal");
    fixture_restart(&f);
    assert_no_marker("sellify.db");

    assert_int_equal(0, turn_step_begin(f.w.turn));
    assert_int_equal(STORE_OK, open_row(1, "value", &value));
    assert_true(sellify_str_equal(value, str(secret_text)));
    store_release(&value);
    assert_null(value.data);
    assert_int_equal(STORE_FAILED, open_row(1, "other", &value));
    assert_null(value.data);
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);

    /* Moved to another row, it does not open. */
    assert_int_equal(0, turn_step_begin(f.w.turn));
    sqlite3_stmt *s = store_statement(f.w.store,
        "UPDATE meta SET value = (SELECT value FROM meta WHERE name ="
        " 'sealed1') WHERE name = 'sealed2'");
    assert_int_equal(STORE_OK, store_run(f.w.store, s));
    assert_int_equal(STORE_FAILED, open_row(2, "value", &value));
    assert_int_equal(-1, turn_step_end(f.w.turn, 0));
    turn_finish(f.w.turn);
}

static void
test_sealed_null_and_empty(void **state)
{
    (void) state;
    sellify_str_t value;
    assert_int_equal(0, turn_step_begin(f.w.turn));
    sqlite3_stmt *s = store_statement(f.w.store, "SELECT ?1, ?2, 'plain'");
    assert_int_equal(STORE_OK, store_bind_sealed(f.w.store, s, 1, "t", 1, "a",
                                   (sellify_str_t){ NULL, 0 }));
    assert_int_equal(
        STORE_OK, store_bind_sealed(f.w.store, s, 2, "t", 1, "b", str("")));
    assert_int_equal(STORE_OK, store_step(f.w.store, s));
    assert_int_equal(
        STORE_OK, store_open_sealed(f.w.store, s, 0, "t", 1, "a", &value));
    assert_null(value.data);
    assert_int_equal(
        STORE_OK, store_open_sealed(f.w.store, s, 1, "t", 1, "b", &value));
    assert_non_null(value.data);
    assert_int_equal(0, value.len);
    store_release(&value);
    assert_int_equal(
        STORE_FAILED, store_open_sealed(f.w.store, s, 2, "t", 1, "c", &value));
    store_done(s);
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);
}

static void
test_hash(void **state)
{
    (void) state;
    uint8_t a[32], b[32];
    store_hash(f.w.store, "jid", str("33612345678"), a);
    store_hash(f.w.store, "jid", str("33612345678"), b);
    assert_memory_equal(a, b, 32);
    store_hash(f.w.store, "lid", str("33612345678"), b);
    assert_memory_not_equal(a, b, 32);
    store_hash(f.w.store, "ji", str("d33612345678"), b);
    assert_memory_not_equal(a, b, 32);
    fixture_restart(&f);
    store_hash(f.w.store, "jid", str("33612345678"), b);
    assert_memory_equal(a, b, 32);
}

/* --- a full disk --- */

/* Only these many pages may be in the database from now on. */
static void
limit_pages(int more)
{
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
        (long long) query("PRAGMA page_count") + more);
    assert_int_equal(
        SQLITE_OK, sqlite3_exec(f.w.store->db, sql, NULL, NULL, NULL));
}

static int committed_effects, undone_effects;

static void
count_effect(void *data, int committed)
{
    (void) data;
    if (committed) {
        committed_effects++;
    } else {
        undone_effects++;
    }
}

static int reloads;

static void
count_reload(void *data)
{
    sellify_str_t value;
    worker_t *w = data;
    store_result_t result = store_meta_get(w->store, "name", &value);
    assert_int_not_equal(STORE_FAILED, result);
    store_release(&value);
    reloads++;
}

static void
fill(worker_t *w, const char *name, int64_t size)
{
    sqlite3_stmt *s = store_statement(
        w->store, "INSERT INTO meta (name, value) VALUES (?1, zeroblob(?2))");
    store_bind_text(s, 1, str(name));
    store_bind_int(s, 2, size);
    assert_int_equal(STORE_FAILED, store_run(w->store, s));
}

static void
test_disk_full(void **state)
{
    (void) state;
    committed_effects = undone_effects = reloads = 0;
    turn_on_reload(f.w.turn, count_reload, &f.w);
    limit_pages(0);

    /* Three steps in the turn; the second fills the disk. */
    assert_int_equal(0, turn_step_begin(f.w.turn));
    set_meta(&f.w, (void *) (uintptr_t) "lost");
    turn_effect(f.w.turn, count_effect, NULL);
    assert_int_equal(0, turn_step_end(f.w.turn, 1));

    assert_int_equal(0, turn_step_begin(f.w.turn));
    turn_effect(f.w.turn, count_effect, NULL);
    fill(&f.w, "big", 1 << 20);
    assert_true(turn_is_poisoned(f.w.turn));
    assert_int_equal(-1, turn_step_end(f.w.turn, 1));

    assert_int_equal(-1, turn_step_begin(f.w.turn));
    turn_effect(f.w.turn, count_effect, NULL);
    turn_finish(f.w.turn);

    assert_int_equal(0, committed_effects);
    assert_int_equal(3, undone_effects);
    assert_int_equal(1, reloads);
    assert_true(turn_stats(f.w.turn)->failing);
    assert_meta(NULL);

    /* Room again: the next turn works, by itself. */
    limit_pages(1000);
    assert_true(fixture_step(&f, 1, set_meta, (void *) (uintptr_t) "kept"));
    assert_false(turn_stats(f.w.turn)->failing);
    assert_meta("kept");
    assert_int_equal(1, query("SELECT count(*) FROM pragma_quick_check"
                              " WHERE quick_check = 'ok'"));
}

/* --- start --- */

static store_open_t
open_again(const char *hwid, const char *secret)
{
    store_t *store = NULL;
    sellify_clock_t clock = SELLIFY_CLOCK_REAL;
    turn_t *turn = turn_new(&clock);
    char db[128];
    fixture_path(&f, "sellify.db", db);
    store_options_t options = { db, secret, hwid };
    store_open_t result = store_open(&store, &options, turn, 1);
    store_close(store);
    turn_free(turn);
    return result;
}

static void
test_one_worker(void **state)
{
    (void) state;
    char db[128], hwid[128];
    fixture_path(&f, "sellify.db.secret", db);
    fixture_path(&f, "hwid", hwid);
    assert_int_equal(STORE_UNREADY, open_again(hwid, db));
}

static const unsigned char sql_one[] = "CREATE TABLE one (a INTEGER) STRICT;";
static const unsigned char sql_two[] =
    "INSERT INTO one VALUES (2); CREATE TABLE two (a INTEGER) STRICT;";
static const unsigned char sql_bad[] =
    "CREATE TABLE three (a INTEGER) STRICT; INSERT INTO nowhere VALUES (1);";

static void
test_migrations(void **state)
{
    (void) state;
    struct sellify_embedded table[4] = {
        { "x/9001_one.sql", sql_one, sizeof(sql_one) - 1 },
        { "x/9002_two.sql", sql_two, sizeof(sql_two) - 1 },
        { NULL, NULL, 0 },
    };
    store_t *store = f.w.store;
    assert_int_equal(0, migrations_run(store, table, NULL, NULL, 1));
    assert_int_equal(2, query("SELECT a FROM one"));
    assert_int_equal(0, migrations_run(store, table, NULL, NULL, 1));
    assert_int_equal(1, query("SELECT count(*) FROM one"));

    /* One that fails leaves nothing behind. */
    table[2] = (struct sellify_embedded){ "x/9003_bad.sql", sql_bad,
        sizeof(sql_bad) - 1 };
    assert_int_equal(-1, migrations_run(store, table, NULL, NULL, 1));
    assert_int_equal(0, query("SELECT count(*) FROM sqlite_schema"
                              " WHERE name = 'three'"));
    assert_int_equal(
        0, query("SELECT count(*) FROM migration WHERE number = 9003"));

    /* The program's own table does not know 9001: a newer database. */
    assert_int_equal(-1, migrations_check(store, store_migrations));
    assert_int_equal(SQLITE_OK,
        sqlite3_exec(store->db, "DELETE FROM migration WHERE number > 9000",
            NULL, NULL, NULL));
    assert_int_equal(0, migrations_check(store, store_migrations));
    assert_int_equal(SQLITE_OK,
        sqlite3_exec(store->db, "UPDATE migration SET hash = zeroblob(32)",
            NULL, NULL, NULL));
    assert_int_equal(-1, migrations_check(store, store_migrations));
}

/* What is no database, or not ours, stays as it is. */
static void
refuse_file(const void *content, size_t len)
{
    char path[128], secret[128], hwid[128], after[8192];
    fixture_stop(&f);
    fixture_path(&f, "sellify.db", path);
    fixture_path(&f, "new.secret", secret);
    fixture_path(&f, "hwid", hwid);
    FILE *file = fopen(path, "w");
    assert_int_equal(len, fwrite(content, 1, len, file));
    fclose(file);
    assert_int_not_equal(STORE_OPENED, open_again(hwid, secret));
    file = fopen(path, "r");
    assert_int_equal(len, fread(after, 1, sizeof(after), file));
    fclose(file);
    assert_memory_equal(content, after, len);
    assert_int_equal(-1, access(secret, F_OK));
    unlink(path);
    fixture_path(&f, "sellify.db.secret", secret);
    fixture_start(&f);
    log_setup((log_level_t) 4);
}

static void
test_not_a_database(void **state)
{
    (void) state;
    static char text[4096];
    memset(text, 'x', sizeof(text));
    refuse_file(text, sizeof(text));
}

static void
test_checkpoint_when_idle(void **state)
{
    (void) state;
    assert_true(fixture_step(&f, 1, set_meta, (void *) (uintptr_t) "a"));
    assert_true(f.w.store->wal_frames > 0);
    store_idle(f.w.store); /* something was committed since: not idle */
    int frames = f.w.store->wal_frames;
    store_idle(f.w.store);
    assert_true(frames > 0);
    assert_int_equal(0, f.w.store->wal_frames);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pragmas),
        TEST(test_steps),
        TEST(test_reads_write_nothing),
        TEST(test_plain_error),
        TEST(test_bad_sql),
        TEST(test_open_cursor),
        TEST(test_statement_cache),
        TEST(test_ids),
        TEST(test_sealed),
        TEST(test_sealed_null_and_empty),
        TEST(test_hash),
        TEST(test_disk_full),
        TEST(test_one_worker),
        TEST(test_migrations),
        TEST(test_not_a_database),
        TEST(test_checkpoint_when_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
