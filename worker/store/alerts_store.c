/* Alerts. */
#include "alerts_store.h"

#include <stdio.h>

#define COLUMNS                                                                \
    "id, severity, reason, grouping, instance_id, conversation_id,"            \
    " occurrences, created_at, last_at, acked_at, state, acked_by, "           \
    "text_sealed"
#define TEXT_COLUMN 12

static void
copy(char *out, size_t size, sellify_str_t text)
{
    snprintf(out, size, "%.*s", (int) text.len, text.data ? text.data : "");
}

static store_result_t
one(store_t *store, sqlite3_stmt *s, alert_row_t *row, sellify_str_t *text)
{
    store_result_t result = store_step(store, s);

    if (result == STORE_OK) {
        memset(row, 0, sizeof(*row));
        row->id = sqlite3_column_int64(s, 0);
        row->severity = sqlite3_column_int(s, 1);
        copy(row->reason, sizeof(row->reason), store_text(s, 2));
        copy(row->group, sizeof(row->group), store_text(s, 3));
        row->instance_id = sqlite3_column_int64(s, 4);
        row->conversation_id = sqlite3_column_int64(s, 5);
        row->occurrences = (uint32_t) sqlite3_column_int64(s, 6);
        row->created_at = sqlite3_column_int64(s, 7);
        row->last_at = sqlite3_column_int64(s, 8);
        row->acked_at = sqlite3_column_int64(s, 9);
        copy(row->state, sizeof(row->state), store_text(s, 10));
        copy(row->acked_by, sizeof(row->acked_by), store_text(s, 11));
        if (text != NULL) {
            result = store_open_sealed(
                store, s, TEXT_COLUMN, "alerts", row->id, "text", text);
        }
    }
    store_done(s);
    return result;
}

store_result_t
alerts_store_add(store_t *store, alert_row_t *row, sellify_str_t text)
{
    sqlite3_stmt *s;

    row->id = store_next_id(store, "alerts");
    s = store_statement(store,
        "INSERT INTO alerts (id, severity, reason, grouping, instance_id,"
        " conversation_id, occurrences, created_at, last_at, state,"
        " text_sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7, 'pending',"
        " ?8)");
    if (s == NULL || row->id <= 0) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->id);
    store_bind_int(s, 2, row->severity);
    store_bind_text(s, 3, sellify_str_of(row->reason));
    store_bind_text(s, 4, sellify_str_of(row->group));
    store_bind_int(s, 5, row->instance_id);
    store_bind_int(s, 6, row->conversation_id);
    store_bind_int(s, 7, row->created_at);
    if (store_bind_sealed(store, s, 8, "alerts", row->id, "text", text) !=
        STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
alerts_store_same(
    store_t *store, const alert_row_t *like, int64_t since, alert_row_t *row)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT " COLUMNS " FROM alerts WHERE reason = ?1 AND instance_id = ?2"
        " AND conversation_id = ?3 AND grouping = ?4 AND created_at > ?5"
        " ORDER BY created_at DESC LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_text(s, 1, sellify_str_of(like->reason));
    store_bind_int(s, 2, like->instance_id);
    store_bind_int(s, 3, like->conversation_id);
    store_bind_text(s, 4, sellify_str_of(like->group));
    store_bind_int(s, 5, since);
    return one(store, s, row, NULL);
}

store_result_t
alerts_store_again(store_t *store, int64_t id, int64_t now, sellify_str_t text)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE alerts SET occurrences = occurrences + 1, last_at = ?2,"
        " text_sealed = ?3 WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    store_bind_int(s, 2, now);
    if (store_bind_sealed(store, s, 3, "alerts", id, "text", text) !=
        STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
alerts_store_get(
    store_t *store, int64_t id, alert_row_t *row, sellify_str_t *text)
{
    sqlite3_stmt *s =
        store_statement(store, "SELECT " COLUMNS " FROM alerts WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    return one(store, s, row, text);
}

store_result_t
alerts_store_next_pending(
    store_t *store, int64_t after_id, alert_row_t *row, sellify_str_t *text)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT " COLUMNS " FROM alerts WHERE state = 'pending' AND id > ?1"
        " ORDER BY id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, after_id);
    return one(store, s, row, text);
}

store_result_t
alerts_store_set_state(store_t *store, int64_t id, const char *state)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE alerts SET state = ?2 WHERE id = ?1 AND state = 'pending'");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    store_bind_text(s, 2, sellify_str_of(state));
    return store_run(store, s);
}

store_result_t
alerts_store_ack(store_t *store, int64_t id, int64_t now, sellify_str_t by)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE alerts SET state = 'acknowledged', acked_at = ?2,"
        " acked_by = ?3 WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    store_bind_int(s, 2, now);
    store_bind_text(s, 3, by);
    return store_run(store, s);
}

store_result_t
alerts_store_before(store_t *store, int64_t before, sellify_str_t state,
    alert_row_t *row, sellify_str_t *text)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT " COLUMNS " FROM alerts WHERE id < ?1"
        " AND (?2 = '' OR state = ?2) ORDER BY id DESC LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, before);
    store_bind_text(s, 2, state.data ? state : sellify_str(""));
    return one(store, s, row, text);
}
