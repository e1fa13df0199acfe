/* The table `instances`. */
#include "instances_store.h"

#include <stdio.h>

#define COLUMNS                                                                \
    "SELECT id, slot, name, breaker_open, first_seen FROM instances "

static store_result_t
one(store_t *store, sqlite3_stmt *s, instance_row_t *row)
{
    sellify_str_t name;
    store_result_t result = store_step(store, s);

    if (result == STORE_OK) {
        row->id = sqlite3_column_int64(s, 0);
        row->slot = (uint32_t) sqlite3_column_int64(s, 1);
        name = store_text(s, 2);
        snprintf(
            row->name, sizeof(row->name), "%.*s", (int) name.len, name.data);
        row->breaker_open = sqlite3_column_int(s, 3);
        row->first_seen = sqlite3_column_int64(s, 4);
    }
    store_done(s);
    return result;
}

store_result_t
instances_store_by_name(store_t *store, sellify_str_t name, instance_row_t *row)
{
    sqlite3_stmt *s = store_statement(store, COLUMNS "WHERE name = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_text(s, 1, name);
    return one(store, s, row);
}

store_result_t
instances_store_by_id(store_t *store, int64_t id, instance_row_t *row)
{
    sqlite3_stmt *s = store_statement(store, COLUMNS "WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    return one(store, s, row);
}

store_result_t
instances_store_next(store_t *store, int64_t after_id, instance_row_t *row)
{
    sqlite3_stmt *s =
        store_statement(store, COLUMNS "WHERE id > ?1 ORDER BY id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, after_id);
    return one(store, s, row);
}

store_result_t
instances_store_count(store_t *store, uint32_t *count)
{
    sqlite3_stmt *s = store_statement(store, "SELECT count(*) FROM instances");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    result = store_step(store, s);
    if (result == STORE_OK) {
        *count = (uint32_t) sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return result;
}

store_result_t
instances_store_add(store_t *store, instance_row_t *row)
{
    sqlite3_stmt *s;

    /* Rows are never removed, so the count is the next free slot. */
    if (instances_store_count(store, &row->slot) != STORE_OK) {
        return STORE_FAILED;
    }
    row->id = store_next_id(store, "instances");
    s = store_statement(store,
        "INSERT INTO instances (id, slot, name, first_seen)"
        " VALUES (?1, ?2, ?3, ?4)");
    if (s == NULL || row->id <= 0) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->id);
    store_bind_int(s, 2, row->slot);
    store_bind_text(s, 3, sellify_str_of(row->name));
    store_bind_int(s, 4, row->first_seen);
    return store_run(store, s);
}

store_result_t
instances_store_breaker(
    store_t *store, int64_t id, int open, sellify_str_t reason)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE instances SET breaker_open = ?2, breaker_reason = ?3"
        " WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    store_bind_int(s, 2, open);
    if (reason.data == NULL) {
        store_bind_null(s, 3);
    } else {
        store_bind_text(s, 3, reason);
    }
    return store_run(store, s);
}
