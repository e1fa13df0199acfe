/* Counters and reservations; both are sealed. */
#include "quotas_store.h"

#include <inttypes.h>
#include <stdio.h>

#define COUNTERS "quota_counters"
#define RESERVATIONS "quota_reservations"

/* Sealed texts open with a version, so that a later form can be told apart. */
#define COUNTERS_FORM                                                          \
    "1 %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRId64   \
    " %" PRId64 " %" PRId64 " %" PRId64
#define CONTENT_FORM "1 %d %" PRId64 " %" PRId64 " %" PRId64

#define SELECT                                                                 \
    "SELECT id, public_id, instance_id, owner, status, expires_at,"            \
    " content_sealed FROM quota_reservations "
#define EXPIRING "status = 0 AND owner <> 1"

static int
parse_counters(sellify_str_t text, quota_row_t *row)
{
    sellify_quota_counters_t *c = &row->counters;
    char line[256];

    if (text.len >= sizeof(line)) {
        return -1;
    }
    memcpy(line, text.data, text.len);
    line[text.len] = '\0';
    /* clang-format off */
    return sscanf(line,
        "1 %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32
        " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
        &c->used[0], &c->used[1], &c->used[2], &c->used[3], &c->used[4],
        &c->windows.hour_end, &c->windows.day_end, &c->windows.week_end,
        &row->last_reset) == 9 ? 0 : -1;
    /* clang-format on */
}

store_result_t
quotas_store_load(store_t *store, int64_t instance_id, quota_row_t *row)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT counters_sealed FROM quota_counters WHERE instance_id = ?1");
    sellify_str_t text = { NULL, 0 };
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, instance_id);
    result = store_step(store, s);
    if (result == STORE_OK) {
        result = store_open_sealed(
            store, s, 0, COUNTERS, instance_id, "counters", &text);
        if (result == STORE_OK && parse_counters(text, row) != 0) {
            result = STORE_FAILED;
        }
        store_release(&text);
    }
    store_done(s);
    return result;
}

store_result_t
quotas_store_save(store_t *store, int64_t instance_id, const quota_row_t *row)
{
    const sellify_quota_counters_t *c = &row->counters;
    char line[256];
    int len;
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO quota_counters (instance_id, counters_sealed)"
        " VALUES (?1, ?2) ON CONFLICT (instance_id)"
        " DO UPDATE SET counters_sealed = excluded.counters_sealed");

    if (s == NULL) {
        return STORE_FAILED;
    }
    len = snprintf(line, sizeof(line), COUNTERS_FORM, c->used[0], c->used[1],
        c->used[2], c->used[3], c->used[4], c->windows.hour_end,
        c->windows.day_end, c->windows.week_end, row->last_reset);
    store_bind_int(s, 1, instance_id);
    if (store_bind_sealed(store, s, 2, COUNTERS, instance_id, "counters",
            (sellify_str_t){ line, (size_t) len }) != STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

/* --- reservations --- */

static int
bind_content(
    store_t *store, sqlite3_stmt *s, int index, const reservation_row_t *row)
{
    char line[128];
    int len = snprintf(line, sizeof(line), CONTENT_FORM, (int) row->kind,
        row->windows.hour_end, row->windows.day_end, row->windows.week_end);

    return store_bind_sealed(store, s, index, RESERVATIONS, row->id, "content",
        (sellify_str_t){ line, (size_t) len });
}

static store_result_t
parse_content(sellify_str_t text, reservation_row_t *row)
{
    char line[128];
    int kind;

    if (text.len >= sizeof(line)) {
        return STORE_FAILED;
    }
    memcpy(line, text.data, text.len);
    line[text.len] = '\0';
    if (sscanf(line, "1 %d %" SCNd64 " %" SCNd64 " %" SCNd64, &kind,
            &row->windows.hour_end, &row->windows.day_end,
            &row->windows.week_end) != 4 ||
        kind < 0 || kind >= SELLIFY_KINDS) {
        return STORE_FAILED;
    }
    row->kind = (sellify_kind_t) kind;
    return STORE_OK;
}

static store_result_t
one(store_t *store, sqlite3_stmt *s, reservation_row_t *row)
{
    sellify_str_t text = { NULL, 0 };
    store_result_t result = store_step(store, s);

    if (result == STORE_OK) {
        row->id = sqlite3_column_int64(s, 0);
        text = store_text(s, 1);
        snprintf(row->public_id, sizeof(row->public_id), "%.*s", (int) text.len,
            text.data);
        row->instance_id = sqlite3_column_int64(s, 2);
        row->owner = sqlite3_column_int(s, 3);
        row->status = sqlite3_column_int(s, 4);
        row->expires_at = sqlite3_column_int64(s, 5);
        result = store_open_sealed(
            store, s, 6, RESERVATIONS, row->id, "content", &text);
        if (result == STORE_OK) {
            result = parse_content(text, row);
            store_release(&text);
        }
    }
    store_done(s);
    return result;
}

store_result_t
quotas_store_add(store_t *store, reservation_row_t *row)
{
    sqlite3_stmt *s;

    row->id = store_next_id(store, RESERVATIONS);
    s = store_statement(store,
        "INSERT INTO quota_reservations (id, public_id, instance_id, owner,"
        " status, expires_at, content_sealed)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    if (s == NULL || row->id <= 0) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->id);
    store_bind_text(s, 2, sellify_str_of(row->public_id));
    store_bind_int(s, 3, row->instance_id);
    store_bind_int(s, 4, row->owner);
    store_bind_int(s, 5, row->status);
    store_bind_int(s, 6, row->expires_at);
    if (bind_content(store, s, 7, row) != STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
quotas_store_find(
    store_t *store, sellify_str_t public_id, reservation_row_t *row)
{
    sqlite3_stmt *s = store_statement(store, SELECT "WHERE public_id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_text(s, 1, public_id);
    return one(store, s, row);
}

store_result_t
quotas_store_settle(store_t *store, int64_t id, int status, int64_t now)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE quota_reservations SET status = ?2, settled_at = ?3"
        " WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    store_bind_int(s, 2, status);
    store_bind_int(s, 3, now);
    return store_run(store, s);
}

store_result_t
quotas_store_renew(store_t *store, const reservation_row_t *row)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE quota_reservations SET content_sealed = ?2, expires_at = ?3"
        " WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->id);
    store_bind_int(s, 3, row->expires_at);
    if (bind_content(store, s, 2, row) != STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
quotas_store_due(
    store_t *store, int64_t instance_id, int64_t now, reservation_row_t *row)
{
    sqlite3_stmt *s = store_statement(store,
        SELECT "WHERE instance_id = ?1 AND expires_at <= ?2 AND " EXPIRING
               " ORDER BY expires_at LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, instance_id);
    store_bind_int(s, 2, now);
    return one(store, s, row);
}

store_result_t
quotas_store_next_live(store_t *store, int64_t instance_id, int64_t after_id,
    reservation_row_t *row)
{
    sqlite3_stmt *s = store_statement(store,
        SELECT "WHERE instance_id = ?1 AND id > ?2 AND status = 0"
               " ORDER BY id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, instance_id);
    store_bind_int(s, 2, after_id);
    return one(store, s, row);
}

store_result_t
quotas_store_next_expiry(store_t *store, int64_t *at)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT expires_at FROM quota_reservations WHERE " EXPIRING
        " ORDER BY expires_at LIMIT 1");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    result = store_step(store, s);
    if (result == STORE_OK) {
        *at = sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return result;
}

store_result_t
quotas_store_purge(store_t *store, int64_t before, int limit)
{
    sqlite3_stmt *s = store_statement(store,
        "DELETE FROM quota_reservations WHERE id IN (SELECT id FROM"
        " quota_reservations WHERE status <> 0 AND settled_at < ?1 LIMIT ?2)");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, before);
    store_bind_int(s, 2, limit);
    return store_run(store, s);
}
