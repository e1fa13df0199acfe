/* Rulesets: versions, and the documents that they are made of. */
#include "policy_store.h"

#include <stdio.h>

#define DOCUMENTS "ruleset_documents"

store_result_t
policy_store_latest(store_t *store, ruleset_row_t *row)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT version, created_at, author, policy, products, lexicons"
        " FROM rulesets ORDER BY version DESC LIMIT 1");
    sellify_str_t author;
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    result = store_step(store, s);
    if (result == STORE_OK) {
        row->version = sqlite3_column_int64(s, 0);
        row->created_at = sqlite3_column_int64(s, 1);
        author = store_text(s, 2);
        snprintf(row->author, sizeof(row->author), "%.*s", (int) author.len,
            author.data);
        row->policy = sqlite3_column_int64(s, 3);
        row->products = sqlite3_column_int64(s, 4);
        row->lexicons = sqlite3_column_int64(s, 5);
    }
    store_done(s);
    return result;
}

store_result_t
policy_store_add(store_t *store, const ruleset_row_t *row)
{
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO rulesets (version, created_at, author, policy, products,"
        " lexicons) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->version);
    store_bind_int(s, 2, row->created_at);
    store_bind_text(s, 3, sellify_str_of(row->author));
    store_bind_int(s, 4, row->policy);
    store_bind_int(s, 5, row->products);
    store_bind_int(s, 6, row->lexicons);
    return store_run(store, s);
}

static store_result_t
find(store_t *store, const char *subject, const uint8_t *hash, int64_t *id)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT id FROM ruleset_documents WHERE subject = ?1 AND hash = ?2");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_text(s, 1, sellify_str_of(subject));
    store_bind_blob(s, 2, hash, STORE_HASH_LEN);
    result = store_step(store, s);
    if (result == STORE_OK) {
        *id = sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return result;
}

store_result_t
policy_store_keep(
    store_t *store, const char *subject, sellify_str_t body, int64_t *id)
{
    uint8_t hash[STORE_HASH_LEN];
    sqlite3_stmt *s;
    store_result_t result;

    store_hash(store, "ruleset-document", body, hash);
    result = find(store, subject, hash, id);
    if (result != STORE_NONE) {
        return result;
    }
    *id = store_next_id(store, DOCUMENTS);
    s = store_statement(store,
        "INSERT INTO ruleset_documents (id, subject, hash, body_sealed)"
        " VALUES (?1, ?2, ?3, ?4)");
    if (s == NULL || *id <= 0) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, *id);
    store_bind_text(s, 2, sellify_str_of(subject));
    store_bind_blob(s, 3, hash, sizeof(hash));
    if (store_bind_sealed(store, s, 4, DOCUMENTS, *id, "body", body) !=
        STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
policy_store_read(store_t *store, int64_t id, sellify_str_t *body)
{
    sqlite3_stmt *s = store_statement(
        store, "SELECT body_sealed FROM ruleset_documents WHERE id = ?1");
    store_result_t result;

    *body = (sellify_str_t){ NULL, 0 };
    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    result = store_step(store, s);
    if (result == STORE_OK) {
        result = store_open_sealed(store, s, 0, DOCUMENTS, id, "body", body);
    }
    store_done(s);
    return result;
}
