/* The migrations runner; see migrations.h. */

#include "migrations.h"
#include "../log.h"
#include "../memory.h"
#include "internal.h"

#include <openssl/evp.h>
#include <stdlib.h>

static int
migration_number(const struct sellify_embedded *m)
{
    const char *name = strrchr(m->file, '/');
    return atoi(name != NULL ? name + 1 : m->file);
}

static int
migration_hash(const struct sellify_embedded *m, uint8_t hash[32])
{
    return EVP_Digest(m->data, m->len, hash, NULL, EVP_sha256(), NULL) == 1
               ? 0
               : -1;
}

static const struct sellify_embedded *
migration_find(const struct sellify_embedded *table, int number)
{
    for (; table->file != NULL; table++) {
        if (migration_number(table) == number) {
            return table;
        }
    }
    return NULL;
}

int
migrations_begun(store_t *store)
{
    sqlite3_stmt *s = store_statement(
        store, "SELECT 1 FROM sqlite_schema WHERE name = 'migration'");
    store_result_t result = store_step(store, s);
    store_done(s);
    return result == STORE_FAILED ? -1 : result == STORE_OK;
}

static int
migration_check_one(const struct sellify_embedded *table, sqlite3_stmt *s)
{
    uint8_t hash[32];
    int number = sqlite3_column_int(s, 0);
    const struct sellify_embedded *m = migration_find(table, number);
    if (m == NULL) {
        log_error("store", "refused",
            "the database has migration %d, which this program does not know: "
            "it was used by a newer one",
            number);
        return -1;
    }
    if (migration_hash(m, hash) != 0 || sqlite3_column_bytes(s, 1) != 32 ||
        memcmp(sqlite3_column_blob(s, 1), hash, 32) != 0) {
        log_error("store", "refused",
            "%s is not the text that made this database", m->file);
        return -1;
    }
    return 0;
}

int
migrations_check(store_t *store, const struct sellify_embedded *table)
{
    sqlite3_stmt *s =
        store_statement(store, "SELECT number, hash FROM migration");
    store_result_t result;
    int refused = 0;
    while (!refused && (result = store_step(store, s)) == STORE_OK) {
        refused = migration_check_one(table, s) != 0;
    }
    store_done(s);
    return refused || result == STORE_FAILED ? -1 : 0;
}

static int
migration_applied(store_t *store, int number)
{
    sqlite3_stmt *s =
        store_statement(store, "SELECT 1 FROM migration WHERE number = ?1");
    store_bind_int(s, 1, number);
    store_result_t result = store_step(store, s);
    store_done(s);
    return result == STORE_FAILED ? -1 : result == STORE_OK;
}

static int
migration_note(store_t *store, const struct sellify_embedded *m, int64_t now)
{
    uint8_t hash[32];
    if (migration_hash(m, hash) != 0) {
        return -1;
    }
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO migration (number, hash, applied_at) VALUES (?1, ?2, ?3)");
    store_bind_int(s, 1, migration_number(m));
    store_bind_blob(s, 2, hash, sizeof(hash));
    store_bind_int(s, 3, now);
    return store_run(store, s) == STORE_OK ? 0 : -1;
}

static int
migration_apply(store_t *store, const struct sellify_embedded *m, int64_t now)
{
    char *sql = memory_copy((sellify_str_t){ (const char *) m->data, m->len });
    int rc = store_exec(store, sql);
    free(sql);
    if (rc != 0 || migration_note(store, m, now) != 0) {
        log_error("store", "migration failed", "%s", m->file);
        return -1;
    }
    return 0;
}

static const char migration_table[] =
    "CREATE TABLE migration (number INTEGER PRIMARY KEY, hash BLOB NOT NULL,"
    " applied_at INTEGER NOT NULL) STRICT";

/* One file in one transaction, the first together with its table and hook. */
static int
migration_run_one(store_t *store, const struct sellify_embedded *m, int fresh,
    int (*first)(store_t *, void *), void *data, int64_t now)
{
    if (store_exec(store, "BEGIN IMMEDIATE") != 0) {
        return -1;
    }
    int ok = (!fresh || store_exec(store, migration_table) == 0) &&
             migration_apply(store, m, now) == 0 &&
             (!fresh || first == NULL || first(store, data) == 0) &&
             store_exec(store, "COMMIT") == 0;
    if (!ok && !sqlite3_get_autocommit(store->db)) {
        (void) store_exec(store, "ROLLBACK");
    }
    if (ok) {
        log_info("store", "migrated", "%s", m->file);
    }
    return ok ? 0 : -1;
}

int
migrations_run(store_t *store, const struct sellify_embedded *table,
    int (*first)(store_t *store, void *data), void *data, int64_t now)
{
    int begun = migrations_begun(store);
    if (begun < 0) {
        return -1;
    }
    for (const struct sellify_embedded *m = table; m->file != NULL; m++) {
        int applied = begun ? migration_applied(store, migration_number(m)) : 0;
        if (applied < 0) {
            return -1;
        }
        if (!applied &&
            migration_run_one(store, m, !begun, first, data, now) != 0) {
            return -1;
        }
        begun = 1;
    }
    return 0;
}
