/* What the simulator would have sent. */
#include "flow_store.h"

#include <stdlib.h>
#include <string.h>

#define OUTBOX "outbox"

store_result_t
flow_store_outbox_has(store_t *store, int64_t job_id)
{
    store_result_t result;
    sqlite3_stmt *s =
        store_statement(store, "SELECT 1 FROM outbox WHERE job_id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, job_id);
    result = store_step(store, s);
    store_done(s);

    return result;
}

store_result_t
flow_store_outbox_add(store_t *store, const flow_outbox_t *row)
{
    store_result_t result = flow_store_outbox_has(store, row->job_id);
    int64_t id;
    sqlite3_stmt *s;

    if (result != STORE_NONE) {
        return result == STORE_OK ? STORE_NONE : STORE_FAILED;
    }

    id = store_next_id(store, OUTBOX);
    s = store_statement(store,
        "INSERT INTO outbox (id, job_id, instance, message_id, kind, at,"
        " address_sealed, text_sealed, media_url)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    if (s == NULL || id <= 0) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, id);
    store_bind_int(s, 2, row->job_id);
    store_bind_text(s, 3, row->instance);
    store_bind_text(s, 4, row->message_id);
    store_bind_int(s, 5, row->kind);
    store_bind_int(s, 6, row->at);

    if (store_bind_sealed(store, s, 7, OUTBOX, id, "address", row->address) !=
            STORE_OK ||
        store_bind_sealed(store, s, 8, OUTBOX, id, "text", row->text) !=
            STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    store_bind_text(s, 9, row->media_url);

    return store_run(store, s) == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* A copy that store_release() takes. */
static sellify_str_t
copy_text(sqlite3_stmt *s, int column)
{
    sellify_str_t text = store_text(s, column);
    char *copy = malloc(text.len + 1);

    if (copy == NULL) {
        abort();
    }

    if (text.len > 0) {
        memcpy(copy, text.data, text.len);
    }
    copy[text.len] = '\0';

    return (sellify_str_t){ copy, text.len };
}

store_result_t
flow_store_outbox_next(store_t *store, int64_t before, flow_outbox_t *row)
{
    store_result_t result;
    sqlite3_stmt *s = store_statement(store,
        "SELECT id, job_id, instance, message_id, kind, at, address_sealed,"
        " text_sealed, media_url FROM outbox WHERE ?1 = 0 OR id < ?1"
        " ORDER BY id DESC LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, before);
    result = store_step(store, s);

    if (result == STORE_OK) {
        memset(row, 0, sizeof(*row));
        row->id = sqlite3_column_int64(s, 0);
        row->job_id = sqlite3_column_int64(s, 1);
        row->kind = sqlite3_column_int(s, 4);
        row->at = sqlite3_column_int64(s, 5);

        result = store_open_sealed(
            store, s, 6, OUTBOX, row->id, "address", &row->address);
        if (result == STORE_OK) {
            result = store_open_sealed(
                store, s, 7, OUTBOX, row->id, "text", &row->text);
        }
        row->instance = copy_text(s, 2);
        row->message_id = copy_text(s, 3);
        row->media_url = copy_text(s, 8);

        if (result != STORE_OK) {
            flow_store_outbox_release(row);
        }
    }
    store_done(s);

    return result;
}

void
flow_store_outbox_release(flow_outbox_t *row)
{
    store_release(&row->instance);
    store_release(&row->message_id);
    store_release(&row->address);
    store_release(&row->text);
    store_release(&row->media_url);
}
