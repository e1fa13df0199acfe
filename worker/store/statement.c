/* Prepared statements, cached by the literal they come from, and their values. */

#include "../log.h"
#include "internal.h"

#include <stdint.h>

static store_cached_t *
store_slot(store_t *store, const char *sql)
{
    size_t index = ((uintptr_t) sql >> 3) * 0x9e3779b97f4a7c15u;
    for (size_t i = index >> 7;; i++) {
        store_cached_t *slot = &store->cache[i % STORE_STATEMENTS];
        if (slot->sql == NULL || slot->sql == sql) {
            return slot;
        }
    }
}

sqlite3_stmt *
store_statement(store_t *store, const char *sql)
{
    store_cached_t *slot = store_slot(store, sql);
    if (slot->statement != NULL) {
        sqlite3_reset(slot->statement);
        sqlite3_clear_bindings(slot->statement);
        return slot->statement;
    }
    if (store->cached >= STORE_STATEMENTS / 2) {
        log_error("store", "too many statements", "%zu", store->cached);
        return NULL;
    }
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v3(
        store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (rc != SQLITE_OK || statement == NULL) {
        store_failed(store, rc, sql);
        return NULL;
    }
    *slot = (store_cached_t){ sql, statement };
    store->cached++;
    return statement;
}

store_result_t
store_step(store_t *store, sqlite3_stmt *statement)
{
    if (statement == NULL) {
        return STORE_FAILED;
    }
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        return STORE_OK;
    }
    if (rc == SQLITE_DONE) {
        return STORE_NONE;
    }
    store_result_t result = store_failed(store, rc, sqlite3_sql(statement));
    sqlite3_reset(statement);
    return result;
}

store_result_t
store_run(store_t *store, sqlite3_stmt *statement)
{
    store_result_t result;
    while ((result = store_step(store, statement)) == STORE_OK) {
        /* a row that nobody asked for, as of RETURNING or a PRAGMA */
    }
    if (statement != NULL) {
        sqlite3_reset(statement);
    }
    return result == STORE_NONE ? STORE_OK : STORE_FAILED;
}

void
store_done(sqlite3_stmt *statement)
{
    if (statement != NULL) {
        sqlite3_reset(statement);
    }
}

/* A bind fails only for a wrong index or for want of memory; the statement then
 * has NULL there, which the schema's NOT NULL refuses. */

void
store_bind_text(sqlite3_stmt *s, int index, sellify_str_t value)
{
    if (s != NULL) {
        sqlite3_bind_text64(s, index, value.data ? value.data : "", value.len,
            SQLITE_TRANSIENT, SQLITE_UTF8);
    }
}

void
store_bind_blob(sqlite3_stmt *s, int index, const void *data, size_t len)
{
    if (s != NULL) {
        sqlite3_bind_blob64(
            s, index, len > 0 ? data : "", len, SQLITE_TRANSIENT);
    }
}

void
store_bind_int(sqlite3_stmt *s, int index, int64_t value)
{
    if (s != NULL) {
        sqlite3_bind_int64(s, index, value);
    }
}

void
store_bind_null(sqlite3_stmt *s, int index)
{
    if (s != NULL) {
        sqlite3_bind_null(s, index);
    }
}

sellify_str_t
store_text(sqlite3_stmt *s, int column)
{
    /* The order matters: text first, then its length. */
    const char *data = (const char *) sqlite3_column_text(s, column);
    size_t len = (size_t) sqlite3_column_bytes(s, column);
    return (sellify_str_t){ data, data ? len : 0 };
}
