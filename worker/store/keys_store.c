/* API keys: only their SHA-256 is stored. */
#include "keys_store.h"

#include <stdio.h>

#define SELECT                                                                 \
    "SELECT id, public_id, name, sha256, scopes, instances, created_at,"       \
    " expires_at, revoked_at, last_used_at FROM api_keys "

static void
copy(char *out, size_t size, sellify_str_t text)
{
    snprintf(out, size, "%.*s", (int) text.len, text.data ? text.data : "");
}

static store_result_t
one(store_t *store, sqlite3_stmt *s, key_row_t *row)
{
    store_result_t result = store_step(store, s);

    if (result == STORE_OK) {
        memset(row, 0, sizeof(*row));
        row->id = sqlite3_column_int64(s, 0);
        copy(row->public_id, sizeof(row->public_id), store_text(s, 1));
        copy(row->name, sizeof(row->name), store_text(s, 2));
        if (sqlite3_column_bytes(s, 3) == sizeof(row->sha256)) {
            memcpy(row->sha256, sqlite3_column_blob(s, 3), sizeof(row->sha256));
        }
        row->scopes = (uint32_t) sqlite3_column_int64(s, 4);
        copy(row->instances, sizeof(row->instances), store_text(s, 5));
        row->created_at = sqlite3_column_int64(s, 6);
        row->expires_at = sqlite3_column_int64(s, 7);
        row->revoked_at = sqlite3_column_int64(s, 8);
        row->last_used_at = sqlite3_column_int64(s, 9);
    }
    store_done(s);
    return result;
}

store_result_t
keys_store_add(store_t *store, key_row_t *row)
{
    sqlite3_stmt *s;

    row->id = store_next_id(store, "api_keys");
    s = store_statement(store,
        "INSERT INTO api_keys (id, public_id, name, sha256, scopes, instances,"
        " created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    if (s == NULL || row->id <= 0) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->id);
    store_bind_text(s, 2, sellify_str_of(row->public_id));
    store_bind_text(s, 3, sellify_str_of(row->name));
    store_bind_blob(s, 4, row->sha256, sizeof(row->sha256));
    store_bind_int(s, 5, row->scopes);
    store_bind_text(s, 6, sellify_str_of(row->instances));
    store_bind_int(s, 7, row->created_at);
    store_bind_int(s, 8, row->expires_at);
    return store_run(store, s);
}

store_result_t
keys_store_next(store_t *store, int64_t after_id, key_row_t *row)
{
    sqlite3_stmt *s =
        store_statement(store, SELECT "WHERE id > ?1 ORDER BY id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, after_id);
    return one(store, s, row);
}

store_result_t
keys_store_by_hash(store_t *store, const uint8_t sha256[32], key_row_t *row)
{
    sqlite3_stmt *s = store_statement(store, SELECT "WHERE sha256 = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_blob(s, 1, sha256, 32);
    return one(store, s, row);
}

store_result_t
keys_store_by_public_id(store_t *store, sellify_str_t id, key_row_t *row)
{
    sqlite3_stmt *s = store_statement(store, SELECT "WHERE public_id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_text(s, 1, id);
    return one(store, s, row);
}

static store_result_t
stamp(store_t *store, sqlite3_stmt *s, int64_t id, int64_t now)
{
    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    store_bind_int(s, 2, now);
    return store_run(store, s);
}

store_result_t
keys_store_revoke(store_t *store, int64_t id, int64_t now)
{
    return stamp(store,
        store_statement(
            store, "UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1"),
        id, now);
}

store_result_t
keys_store_used(store_t *store, int64_t id, int64_t now)
{
    return stamp(store,
        store_statement(
            store, "UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1"),
        id, now);
}

store_result_t
keys_store_count_live(store_t *store, int64_t now, uint32_t *count)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL"
        " AND (expires_at = 0 OR expires_at > ?1)");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, now);
    result = store_step(store, s);
    if (result == STORE_OK) {
        *count = (uint32_t) sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return result;
}
