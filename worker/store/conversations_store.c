/* Chats, their addresses, and who wants no more messages. */
#include "conversations_store.h"

#include <stdio.h>

#define TABLE "conversations"
#define COLUMNS                                                                \
    "id, public_id, instance_id, merged_into, state, misunderstandings,"       \
    " paused_until, pause_reason, opted_out, product_id, language,"            \
    " created_at, last_in_at, last_out_at, last_alert_at"
#define SELECT "SELECT " COLUMNS " FROM conversations "

static void
copy(char *out, size_t size, sellify_str_t text)
{
    snprintf(out, size, "%.*s", (int) text.len, text.data ? text.data : "");
}

static void
fill(sqlite3_stmt *s, chat_row_t *row)
{
    memset(row, 0, sizeof(*row)); /* nothing of the stack leaks out */
    row->id = sqlite3_column_int64(s, 0);
    copy(row->public_id, sizeof(row->public_id), store_text(s, 1));
    row->instance_id = sqlite3_column_int64(s, 2);
    row->merged_into = sqlite3_column_int64(s, 3);
    row->state = sqlite3_column_int(s, 4);
    row->misunderstandings = (uint32_t) sqlite3_column_int64(s, 5);
    row->paused_until = sqlite3_column_int64(s, 6);
    copy(row->pause_reason, sizeof(row->pause_reason), store_text(s, 7));
    row->opted_out = sqlite3_column_int(s, 8);
    copy(row->product_id, sizeof(row->product_id), store_text(s, 9));
    copy(row->language, sizeof(row->language), store_text(s, 10));
    row->created_at = sqlite3_column_int64(s, 11);
    row->last_in_at = sqlite3_column_int64(s, 12);
    row->last_out_at = sqlite3_column_int64(s, 13);
    row->last_alert_at = sqlite3_column_int64(s, 14);
}

static store_result_t
one(store_t *store, sqlite3_stmt *s, chat_row_t *row)
{
    store_result_t result = store_step(store, s);

    if (result == STORE_OK) {
        fill(s, row);
    }
    store_done(s);
    return result;
}

store_result_t
chats_store_by_id(store_t *store, int64_t id, chat_row_t *row)
{
    sqlite3_stmt *s = store_statement(store, SELECT "WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    return one(store, s, row);
}

store_result_t
chats_store_by_public_id(
    store_t *store, sellify_str_t public_id, chat_row_t *row)
{
    sqlite3_stmt *s = store_statement(store, SELECT "WHERE public_id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_text(s, 1, public_id);
    return one(store, s, row);
}

static int
bind_sealed(store_t *store, sqlite3_stmt *s, int index, int64_t id,
    const char *column, sellify_str_t value)
{
    return store_bind_sealed(store, s, index, TABLE, id, column, value) !=
           STORE_OK;
}

/* Binds ?3 to ?14 of add and save. */
static void
bind_row(sqlite3_stmt *s, const chat_row_t *row)
{
    store_bind_int(s, 3, row->state);
    store_bind_int(s, 4, row->misunderstandings);
    store_bind_int(s, 5, row->paused_until);
    store_bind_text(s, 6, sellify_str_of(row->pause_reason));
    store_bind_int(s, 7, row->opted_out);
    store_bind_text(s, 8, sellify_str_of(row->product_id));
    store_bind_text(s, 9, sellify_str_of(row->language));
    store_bind_int(s, 10, row->last_in_at);
    store_bind_int(s, 11, row->last_out_at);
    store_bind_int(s, 12, row->last_alert_at);
}

store_result_t
chats_store_add(store_t *store, chat_row_t *row, const chat_person_t *person)
{
    sqlite3_stmt *s;

    row->id = store_next_id(store, TABLE);
    s = store_statement(store,
        "INSERT INTO conversations (id, public_id, state, misunderstandings,"
        " paused_until, pause_reason, opted_out, product_id, language,"
        " last_in_at, last_out_at, last_alert_at, instance_id, created_at,"
        " jid_sealed, lid_sealed, name_sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
        " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)");
    if (s == NULL || row->id <= 0) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->id);
    store_bind_text(s, 2, sellify_str_of(row->public_id));
    bind_row(s, row);
    store_bind_int(s, 13, row->instance_id);
    store_bind_int(s, 14, row->created_at);
    if (bind_sealed(store, s, 15, row->id, "jid", person->jid) ||
        bind_sealed(store, s, 16, row->id, "lid", person->lid) ||
        bind_sealed(store, s, 17, row->id, "name", person->name)) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
chats_store_save(store_t *store, const chat_row_t *row)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE conversations SET state = ?3, misunderstandings = ?4,"
        " paused_until = ?5, pause_reason = ?6, opted_out = ?7,"
        " product_id = ?8, language = ?9, last_in_at = ?10,"
        " last_out_at = ?11, last_alert_at = ?12 WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, row->id);
    bind_row(s, row);
    return store_run(store, s);
}

void
chat_person_release(chat_person_t *person)
{
    store_release(&person->jid);
    store_release(&person->lid);
    store_release(&person->name);
}

store_result_t
chats_store_person(store_t *store, int64_t id, chat_person_t *person)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT jid_sealed, lid_sealed, name_sealed FROM conversations"
        " WHERE id = ?1");
    store_result_t result;

    memset(person, 0, sizeof(*person));
    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    result = store_step(store, s);
    if (result == STORE_OK && (store_open_sealed(store, s, 0, TABLE, id, "jid",
                                   &person->jid) != STORE_OK ||
                                  store_open_sealed(store, s, 1, TABLE, id,
                                      "lid", &person->lid) != STORE_OK ||
                                  store_open_sealed(store, s, 2, TABLE, id,
                                      "name", &person->name) != STORE_OK)) {
        chat_person_release(person);
        result = STORE_FAILED;
    }
    store_done(s);
    return result;
}

static store_result_t
set_sealed(store_t *store, const char *sql, int64_t id, const char *column,
    sellify_str_t value)
{
    sqlite3_stmt *s;

    if (value.data == NULL) {
        return STORE_OK;
    }
    s = store_statement(store, sql);
    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, id);
    if (bind_sealed(store, s, 2, id, column, value)) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
chats_store_set_person(store_t *store, int64_t id, const chat_person_t *person)
{
    if (set_sealed(store,
            "UPDATE conversations SET jid_sealed = ?2 WHERE id = ?1", id, "jid",
            person->jid) == STORE_FAILED ||
        set_sealed(store,
            "UPDATE conversations SET lid_sealed = ?2 WHERE id = ?1", id, "lid",
            person->lid) == STORE_FAILED) {
        return STORE_FAILED;
    }
    return set_sealed(store,
        "UPDATE conversations SET name_sealed = ?2 WHERE id = ?1", id, "name",
        person->name);
}

/* --- addresses --- */

static void
hash_address(store_t *store, sellify_str_t address, uint8_t *hash)
{
    store_hash(store, "jid", address, hash);
}

/* Binds the hash of an address and the instance; NULL when it cannot. */
static sqlite3_stmt *
address_statement(
    store_t *store, const char *sql, int64_t instance_id, sellify_str_t address)
{
    uint8_t hash[STORE_HASH_LEN];
    sqlite3_stmt *s = store_statement(store, sql);

    if (s != NULL) {
        hash_address(store, address, hash);
        store_bind_blob(s, 1, hash, sizeof(hash));
        store_bind_int(s, 2, instance_id);
    }
    return s;
}

store_result_t
chats_store_find(
    store_t *store, int64_t instance_id, sellify_str_t address, int64_t *id)
{
    sqlite3_stmt *s = address_statement(store,
        "SELECT conversation_id FROM chat_addresses"
        " WHERE hash = ?1 AND instance_id = ?2",
        instance_id, address);
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    result = store_step(store, s);
    if (result == STORE_OK) {
        *id = sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return result;
}

store_result_t
chats_store_set_address(
    store_t *store, int64_t instance_id, sellify_str_t address, int64_t id)
{
    sqlite3_stmt *s = address_statement(store,
        "INSERT INTO chat_addresses (hash, instance_id, conversation_id)"
        " VALUES (?1, ?2, ?3) ON CONFLICT (hash, instance_id)"
        " DO UPDATE SET conversation_id = excluded.conversation_id",
        instance_id, address);

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 3, id);
    return store_run(store, s);
}

static store_result_t
move(store_t *store, const char *sql, int64_t from, int64_t into)
{
    sqlite3_stmt *s = store_statement(store, sql);

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, from);
    store_bind_int(s, 2, into);
    return store_run(store, s);
}

store_result_t
chats_store_merge(store_t *store, int64_t from, int64_t into)
{
    if (move(store,
            "UPDATE messages SET conversation_id = ?2"
            " WHERE conversation_id = ?1",
            from, into) == STORE_FAILED ||
        move(store,
            "UPDATE chat_addresses SET conversation_id = ?2"
            " WHERE conversation_id = ?1",
            from, into) == STORE_FAILED ||
        move(store,
            "UPDATE conversations SET merged_into = ?2"
            " WHERE merged_into = ?1",
            from, into) == STORE_FAILED) {
        return STORE_FAILED;
    }
    return move(store,
        "UPDATE conversations SET merged_into = ?2 WHERE id = ?1", from, into);
}

/* --- lists --- */

static sqlite3_stmt *
scan_statement(store_t *store, const chat_query_t *query)
{
    if (query->state >= 0) {
        return store_statement(store,
            SELECT "WHERE merged_into IS NULL AND id < ?1 AND state = ?3"
                   " AND (?2 = 0 OR instance_id = ?2) ORDER BY id DESC");
    }
    if (query->instance_id != 0) {
        return store_statement(store,
            SELECT "WHERE merged_into IS NULL AND id < ?1"
                   " AND instance_id = ?2 AND ?3 < 0 ORDER BY id DESC");
    }
    return store_statement(store,
        SELECT "WHERE merged_into IS NULL AND id < ?1 AND ?2 = 0 AND ?3 < 0"
               " ORDER BY id DESC");
}

store_result_t
chats_store_scan(store_t *store, const chat_query_t *query, int limit,
    int (*see)(void *data, const chat_row_t *row), void *data)
{
    sqlite3_stmt *s = scan_statement(store, query);
    chat_row_t row;
    store_result_t result = STORE_NONE;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, query->before);
    store_bind_int(s, 2, query->instance_id);
    store_bind_int(s, 3, query->state);
    while (limit-- > 0 && (result = store_step(store, s)) == STORE_OK) {
        fill(s, &row);
        if (!see(data, &row)) {
            break;
        }
    }
    store_done(s);
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

store_result_t
chats_store_count(store_t *store, int state, int64_t *count)
{
    sqlite3_stmt *s =
        store_statement(store, "SELECT count(*) FROM conversations"
                               " WHERE merged_into IS NULL AND state = ?1");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, state);
    result = store_step(store, s);
    if (result == STORE_OK) {
        *count = sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return result;
}

/* --- opt-out --- */

store_result_t
chats_store_opt_out(
    store_t *store, int64_t instance_id, sellify_str_t address, int64_t at)
{
    sqlite3_stmt *s = address_statement(store,
        "INSERT OR REPLACE INTO opt_outs (hash, instance_id, at)"
        " VALUES (?1, ?2, ?3)",
        instance_id, address);

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 3, at);
    return store_run(store, s);
}

store_result_t
chats_store_opt_in(store_t *store, int64_t instance_id, sellify_str_t address)
{
    sqlite3_stmt *s = address_statement(store,
        "DELETE FROM opt_outs WHERE hash = ?1 AND instance_id = ?2",
        instance_id, address);

    return s == NULL ? STORE_FAILED : store_run(store, s);
}

store_result_t
chats_store_opted_out(
    store_t *store, int64_t instance_id, sellify_str_t address)
{
    sqlite3_stmt *s = address_statement(store,
        "SELECT 1 FROM opt_outs WHERE hash = ?1 AND instance_id = ?2",
        instance_id, address);
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    result = store_step(store, s);
    store_done(s);
    return result;
}
