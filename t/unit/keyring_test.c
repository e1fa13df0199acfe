/*
 * The keyring: what opens it, what is refused and leaves every byte as it was,
 * and the rotation of a worn key.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../worker/store/internal.h"
#include "../../worker/store/setup.h"
#include "worker_fixture.h"

static worker_fixture_t f;
static char db[128], hwid[128], secret[128];

static int
setup(void **state)
{
    (void) state;
    fixture_open(&f, "");
    log_setup((log_level_t) 4);
    fixture_path(&f, "sellify.db", db);
    fixture_path(&f, "hwid", hwid);
    fixture_path(&f, "sellify.db.secret", secret);
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
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static size_t
read_file(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    size_t len = fread(out, 1, size, file);
    fclose(file);
    return len;
}

static store_open_t
try_open(void)
{
    store_t *store = NULL;
    sellify_clock_t clock = SELLIFY_CLOCK_REAL;
    turn_t *turn = turn_new(&clock);
    store_options_t options = { db, secret, hwid };
    store_open_t result = store_open(&store, &options, turn, 1);
    store_close(store);
    turn_free(turn);
    return result;
}

static void
run_sql(const char *sql)
{
    sqlite3 *raw = NULL;
    assert_int_equal(SQLITE_OK, sqlite3_open(db, &raw));
    assert_int_equal(SQLITE_OK, sqlite3_exec(raw, sql, NULL, NULL, NULL));
    sqlite3_close(raw);
}

/* Refused, and not a byte of the database has changed. */
static void
assert_refused(void)
{
    static char before[1 << 20], after[1 << 20];
    size_t len = read_file(db, before, sizeof(before));
    assert_int_equal(STORE_REFUSED, try_open());
    assert_int_equal(len, read_file(db, after, sizeof(after)));
    assert_memory_equal(before, after, len);
}

/* The worker was stopped; each test puts things right for the teardown. */

static void
test_opens_again(void **state)
{
    (void) state;
    fixture_stop(&f);
    assert_int_equal(STORE_OPENED, try_open());
    /* White space around the identity is not part of it. */
    write_file(hwid, "  unit-test-machine");
    assert_int_equal(STORE_OPENED, try_open());
    fixture_start(&f);
}

static void
test_other_machine(void **state)
{
    (void) state;
    fixture_stop(&f);
    write_file(hwid, "another-machine\n");
    assert_refused();
    write_file(hwid, " \n");
    assert_refused();
    write_file(hwid, "uninitialized\n");
    assert_refused();
    unlink(hwid);
    assert_refused();
    write_file(hwid, "unit-test-machine\n");
    fixture_start(&f);
}

static void
test_other_secret(void **state)
{
    (void) state;
    char kept[128] = { 0 }, other[128];
    size_t len = read_file(secret, kept, sizeof(kept) - 1);
    assert_int_equal(65, len);
    fixture_stop(&f);

    strcpy(other, kept);
    other[3] = other[3] == 'a' ? 'b' : 'a';
    write_file(secret, other);
    assert_refused();
    write_file(secret, "short");
    assert_refused();
    unlink(secret);
    assert_refused();
    assert_int_equal(-1, access(secret, F_OK)); /* none is made */

    write_file(secret, kept);
    assert_int_equal(0, chmod(secret, 0640));
    assert_refused();
    assert_int_equal(0, chmod(secret, 0600));
    fixture_start(&f);
}

static void
test_secret_is_private(void **state)
{
    (void) state;
    struct stat st;
    assert_int_equal(0, stat(secret, &st));
    assert_int_equal(0600, st.st_mode & 07777);
}

/* The keyring's rows, damaged one by one. */
static void
test_damaged(void **state)
{
    (void) state;
    static const char *const damages[][2] = {
        { "UPDATE key_slot SET salt = zeroblob(32)", NULL },
        { "UPDATE key_slot SET salt = x'00'", NULL },
        { "UPDATE key_slot SET version = 2", NULL },
        { "UPDATE key_slot SET machine_check = zeroblob(16)", NULL },
        { "UPDATE key_slot SET secret_check = x''", NULL },
        { "DELETE FROM key_slot", NULL },
        { "DELETE FROM data_key WHERE purpose = 'seal'", NULL },
        { "DELETE FROM data_key WHERE purpose = 'lookup'", NULL },
        { "UPDATE data_key SET wrapped = zeroblob(65) WHERE id = 2", NULL },
        { "UPDATE data_key SET wrapped = x'01'", NULL },
        { "UPDATE data_key SET id = id + 5", NULL },
        { "UPDATE data_key SET purpose = CASE purpose WHEN 'seal' THEN"
          " 'lookup' ELSE 'seal' END",
            NULL },
    };
    fixture_stop(&f);
    static char kept[1 << 20];
    size_t len = read_file(db, kept, sizeof(kept));
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        run_sql(damages[i][0]);
        assert_refused();
        FILE *file = fopen(db, "w");
        assert_int_equal(len, fwrite(kept, 1, len, file));
        fclose(file);
    }
    assert_int_equal(STORE_OPENED, try_open());
    fixture_start(&f);
}

/* --- uses and rotation --- */

static uint32_t
use_key(int commit)
{
    uint32_t id = 0;
    assert_int_equal(0, turn_step_begin(f.w.turn));
    assert_non_null(keyring_use(f.w.store, &id));
    turn_step_end(f.w.turn, commit);
    turn_finish(f.w.turn);
    return id;
}

static int64_t
recorded_uses(uint32_t id)
{
    sqlite3_stmt *s =
        store_statement(f.w.store, "SELECT uses FROM data_key WHERE id = ?1");
    store_bind_int(s, 1, id);
    assert_int_equal(STORE_OK, store_step(f.w.store, s));
    int64_t uses = sqlite3_column_int64(s, 0);
    store_done(s);
    return uses;
}

static void
test_uses_are_recorded_ahead(void **state)
{
    (void) state;
    fixture_restart(&f);
    log_setup((log_level_t) 4);
    uint32_t id = use_key(0); /* rolled back: the record as well */
    int64_t before = recorded_uses(id);
    assert_int_equal(id, use_key(1));
    int64_t after = recorded_uses(id);
    assert_true(after >= before + (int64_t) KEYRING_USES_BLOCK);
    for (int i = 0; i < 100; i++) {
        use_key(1);
    }
    assert_int_equal(after, recorded_uses(id));
    /* A restart goes on from the record, never from less. */
    fixture_restart(&f);
    log_setup((log_level_t) 4);
    use_key(1);
    assert_true(recorded_uses(id) >= after + (int64_t) KEYRING_USES_BLOCK);
}

static void
seal_one(worker_t *w, void *data)
{
    sqlite3_stmt *s = store_statement(
        w->store, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)");
    store_bind_text(s, 1, sellify_str_of(data));
    assert_int_equal(STORE_OK, store_bind_sealed(w->store, s, 2, "meta", 1,
                                   data, sellify_str("hello")));
    assert_int_equal(STORE_OK, store_run(w->store, s));
}

static void
assert_opens(const char *name)
{
    sellify_str_t value;
    sqlite3_stmt *s =
        store_statement(f.w.store, "SELECT value FROM meta WHERE name = ?1");
    store_bind_text(s, 1, sellify_str_of(name));
    assert_int_equal(STORE_OK, store_step(f.w.store, s));
    assert_int_equal(
        STORE_OK, store_open_sealed(f.w.store, s, 0, "meta", 1, name, &value));
    assert_true(sellify_str_equal(value, sellify_str("hello")));
    store_release(&value);
    store_done(s);
}

static void
test_worn_key_is_replaced(void **state)
{
    (void) state;
    assert_true(fixture_step(&f, 1, seal_one, (void *) (uintptr_t) "old"));
    uint32_t before = use_key(1);
    keyring_set_uses(f.w.store->keyring, KEYRING_USES_SOFT);
    /* A step that is taken back takes the new key back. */
    assert_int_equal(before, use_key(0));
    assert_int_equal(before, use_key(1));
    uint32_t after = use_key(1);
    assert_true(after > before);
    assert_true(fixture_step(&f, 1, seal_one, (void *) (uintptr_t) "new"));
    assert_opens("old");
    assert_opens("new");
    fixture_restart(&f);
    log_setup((log_level_t) 4);
    assert_int_equal(after, use_key(1));
    assert_opens("old");
    assert_opens("new");
}

static void
test_worn_out_key_refuses(void **state)
{
    (void) state;
    uint32_t id;
    keyring_set_uses(f.w.store->keyring, KEYRING_USES_HARD);
    assert_int_equal(0, turn_step_begin(f.w.turn));
    assert_null(keyring_use(f.w.store, &id));
    turn_step_end(f.w.turn, 0);
    turn_finish(f.w.turn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_opens_again),
        TEST(test_other_machine),
        TEST(test_other_secret),
        TEST(test_secret_is_private),
        TEST(test_damaged),
        TEST(test_uses_are_recorded_ahead),
        TEST(test_worn_key_is_replaced),
        TEST(test_worn_out_key_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
