/* First answers of repeatable requests; see answers.h. */

#include "answers.h"
#include "internal.h"

static store_result_t
answers_read(store_t *store, sqlite3_stmt *s, store_answer_t *out)
{
    int64_t id = sqlite3_column_int64(s, 0);
    if (sqlite3_column_bytes(s, 1) != STORE_HASH_LEN) {
        return STORE_FAILED;
    }
    memcpy(out->fingerprint, sqlite3_column_blob(s, 1), STORE_HASH_LEN);
    out->status = sqlite3_column_int(s, 2);
    return store_open_sealed(
        store, s, 3, "idempotency", id, "answer", &out->answer);
}

store_result_t
answers_find(store_t *store, const uint8_t hash[STORE_HASH_LEN], int64_t now,
    store_answer_t *out)
{
    out->answer = (sellify_str_t){ NULL, 0 };
    sqlite3_stmt *s = store_statement(store,
        "SELECT id, fingerprint, status, answer FROM idempotency"
        " WHERE hash = ?1 AND expires_at > ?2");
    store_bind_blob(s, 1, hash, STORE_HASH_LEN);
    store_bind_int(s, 2, now);
    store_result_t result = store_step(store, s);
    if (result == STORE_OK) {
        result = answers_read(store, s, out);
    }
    store_done(s);
    return result;
}

store_result_t
answers_add(store_t *store, const uint8_t hash[STORE_HASH_LEN],
    const store_answer_t *answer, int64_t expires_at)
{
    int64_t id = store_next_id(store, "idempotency");
    if (id == 0) {
        return STORE_FAILED;
    }
    sqlite3_stmt *s = store_statement(store,
        "INSERT OR REPLACE INTO idempotency"
        " (id, hash, fingerprint, status, answer, expires_at)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    store_bind_int(s, 1, id);
    store_bind_blob(s, 2, hash, STORE_HASH_LEN);
    store_bind_blob(s, 3, answer->fingerprint, STORE_HASH_LEN);
    store_bind_int(s, 4, answer->status);
    store_bind_int(s, 6, expires_at);
    if (store_bind_sealed(store, s, 5, "idempotency", id, "answer",
            answer->answer) != STORE_OK) {
        return STORE_FAILED;
    }
    return store_run(store, s);
}

int
answers_purge(store_t *store, int64_t now, int limit)
{
    sqlite3_stmt *s = store_statement(store,
        "DELETE FROM idempotency WHERE id IN (SELECT id FROM idempotency"
        " WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)");
    store_bind_int(s, 1, now);
    store_bind_int(s, 2, limit);
    return store_run(store, s) == STORE_OK ? sqlite3_changes(store->db) : -1;
}
