/* The audit table: rows are only ever added. */
#include "audit_store.h"

#include <stdio.h>

#define COLUMNS                                                                \
    "seq, at, kind, instance, state, action, conversation_hash, id_hash,"      \
    " payload_hash, mac"
#define PAYLOAD_COLUMN 10

static void
bind_optional(sqlite3_stmt *s, int index, int value)
{
    if (value < 0) {
        store_bind_null(s, index);
    } else {
        store_bind_int(s, index, value);
    }
}

static int
read_hash(sqlite3_stmt *s, int column, uint8_t hash[STORE_HASH_LEN])
{
    memset(hash, 0, STORE_HASH_LEN);
    if (sqlite3_column_bytes(s, column) != STORE_HASH_LEN) {
        return 0;
    }
    memcpy(hash, sqlite3_column_blob(s, column), STORE_HASH_LEN);
    return 1;
}

static int
read_optional(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL
               ? -1
               : sqlite3_column_int(s, column);
}

static void
fill(sqlite3_stmt *s, audit_row_t *row)
{
    sellify_str_t kind, instance;

    row->seq = sqlite3_column_int64(s, 0);
    row->at = sqlite3_column_int64(s, 1);
    kind = store_text(s, 2);
    snprintf(row->kind, sizeof(row->kind), "%.*s", (int) kind.len, kind.data);
    instance = store_text(s, 3);
    snprintf(row->instance, sizeof(row->instance), "%.*s", (int) instance.len,
        instance.data ? instance.data : "");
    row->state = read_optional(s, 4);
    row->action = read_optional(s, 5);
    row->has_conversation = read_hash(s, 6, row->conversation_hash);
    row->has_id = read_hash(s, 7, row->id_hash);
    read_hash(s, 8, row->payload_hash);
    read_hash(s, 9, row->mac);
}

static store_result_t
open_payload(store_t *store, sqlite3_stmt *s, int64_t seq, sellify_str_t *out)
{
    *out = (sellify_str_t){ NULL, 0 };
    return store_open_sealed(
        store, s, PAYLOAD_COLUMN, "audit", seq, "payload", out);
}

store_result_t
audit_store_add(store_t *store, const audit_row_t *row, sellify_str_t payload)
{
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO audit (" COLUMNS ", payload_sealed) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->seq);
    store_bind_int(s, 2, row->at);
    store_bind_text(s, 3, sellify_str_of(row->kind));
    if (row->instance[0] == '\0') {
        store_bind_null(s, 4);
    } else {
        store_bind_text(s, 4, sellify_str_of(row->instance));
    }
    bind_optional(s, 5, row->state);
    bind_optional(s, 6, row->action);
    store_bind_null(s, 7);
    if (row->has_conversation) {
        store_bind_blob(s, 7, row->conversation_hash, STORE_HASH_LEN);
    }
    store_bind_null(s, 8);
    if (row->has_id) {
        store_bind_blob(s, 8, row->id_hash, STORE_HASH_LEN);
    }
    store_bind_blob(s, 9, row->payload_hash, STORE_HASH_LEN);
    store_bind_blob(s, 10, row->mac, STORE_HASH_LEN);
    if (store_bind_sealed(
            store, s, 11, "audit", row->seq, "payload", payload) != STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
audit_store_head(store_t *store, audit_head_t *head)
{
    sqlite3_stmt *s = store_statement(
        store, "SELECT seq, mac, seal FROM audit_head WHERE id = 1");
    store_result_t result;

    memset(head, 0, sizeof(*head));
    if (s == NULL) {
        return STORE_FAILED;
    }
    result = store_step(store, s);
    if (result == STORE_OK) {
        head->seq = sqlite3_column_int64(s, 0);
        read_hash(s, 1, head->mac);
        read_hash(s, 2, head->seal);
    }
    store_done(s);
    return result;
}

store_result_t
audit_store_set_head(store_t *store, const audit_head_t *head)
{
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO audit_head (id, seq, mac, seal) VALUES (1, ?1, ?2, ?3)"
        " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq,"
        " mac = excluded.mac, seal = excluded.seal");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, head->seq);
    store_bind_blob(s, 2, head->mac, STORE_HASH_LEN);
    store_bind_blob(s, 3, head->seal, STORE_HASH_LEN);
    return store_run(store, s);
}

store_result_t
audit_store_get(
    store_t *store, int64_t seq, audit_row_t *row, sellify_str_t *payload)
{
    sqlite3_stmt *s = store_statement(
        store, "SELECT " COLUMNS ", payload_sealed FROM audit WHERE seq = ?1");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, seq);
    result = store_step(store, s);
    if (result == STORE_OK) {
        fill(s, row);
        if (payload != NULL) {
            result = open_payload(store, s, row->seq, payload);
        }
    }
    store_done(s);
    return result;
}

store_result_t
audit_store_by_id(
    store_t *store, const uint8_t id_hash[STORE_HASH_LEN], audit_row_t *row)
{
    sqlite3_stmt *s = store_statement(
        store, "SELECT " COLUMNS " FROM audit WHERE id_hash = ?1");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_blob(s, 1, id_hash, STORE_HASH_LEN);
    result = store_step(store, s);
    if (result == STORE_OK) {
        fill(s, row);
    }
    store_done(s);
    return result;
}

store_result_t
audit_store_next(store_t *store, int64_t after, audit_row_t *row,
    sellify_str_t *payload, int *opens)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT " COLUMNS ", payload_sealed FROM audit WHERE seq > ?1"
        " ORDER BY seq LIMIT 1");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, after);
    result = store_step(store, s);
    if (result == STORE_OK) {
        fill(s, row);
        *opens = open_payload(store, s, row->seq, payload) == STORE_OK;
    }
    store_done(s);
    return result;
}

static sqlite3_stmt *
scan_statement(
    store_t *store, const uint8_t *conversation_hash, sellify_str_t instance)
{
    sqlite3_stmt *s;

    if (conversation_hash != NULL) {
        s = store_statement(store,
            "SELECT " COLUMNS " FROM audit WHERE conversation_hash = ?2"
            " AND seq < ?1 ORDER BY seq DESC");
        if (s != NULL) {
            store_bind_blob(s, 2, conversation_hash, STORE_HASH_LEN);
        }
    } else if (instance.len != 0) {
        s = store_statement(store,
            "SELECT " COLUMNS " FROM audit WHERE instance = ?2 AND seq < ?1"
            " ORDER BY seq DESC");
        if (s != NULL) {
            store_bind_text(s, 2, instance);
        }
    } else {
        s = store_statement(store,
            "SELECT " COLUMNS " FROM audit WHERE seq < ?1 ORDER BY seq DESC");
    }
    return s;
}

store_result_t
audit_store_scan(store_t *store, int64_t before,
    const uint8_t *conversation_hash, sellify_str_t instance, int limit,
    int (*see)(void *data, const audit_row_t *row), void *data)
{
    sqlite3_stmt *s = scan_statement(store, conversation_hash, instance);
    audit_row_t row;
    store_result_t result = STORE_NONE;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, before);
    while (limit-- > 0 && (result = store_step(store, s)) == STORE_OK) {
        fill(s, &row);
        if (!see(data, &row)) {
            break;
        }
    }
    store_done(s);
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}
