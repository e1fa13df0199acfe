/* Messages of the chats, both directions. */
#include "conversations_store.h"

#include <stdio.h>

static store_result_t
is_known(store_t *store, int64_t instance_id, sellify_str_t message_id)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT 1 FROM messages WHERE instance_id = ?1 AND message_id = ?2");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, instance_id);
    store_bind_text(s, 2, message_id);
    result = store_step(store, s);
    store_done(s);
    return result;
}

store_result_t
messages_store_add(store_t *store, chat_message_t *m)
{
    sqlite3_stmt *s;
    store_result_t known = is_known(store, m->instance_id, m->message_id);

    if (known != STORE_NONE) {
        return known == STORE_OK ? STORE_NONE : STORE_FAILED;
    }
    m->id = store_next_id(store, "messages");
    s = store_statement(store,
        "INSERT INTO messages (id, conversation_id, instance_id, message_id,"
        " from_me, origin, type, at, text_sealed)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    if (s == NULL || m->id <= 0) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, m->id);
    store_bind_int(s, 2, m->conversation_id);
    store_bind_int(s, 3, m->instance_id);
    store_bind_text(s, 4, m->message_id);
    store_bind_int(s, 5, m->from_me);
    store_bind_text(s, 6, sellify_str_of(m->origin));
    store_bind_text(s, 7, sellify_str_of(m->type));
    store_bind_int(s, 8, m->at);
    if (store_bind_sealed(store, s, 9, "messages", m->id, "text", m->text) !=
        STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }
    return store_run(store, s);
}

store_result_t
messages_store_before(
    store_t *store, int64_t conversation_id, int64_t before, chat_message_t *m)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT id, at, from_me, origin, type, text_sealed, message_id"
        " FROM messages"
        " WHERE conversation_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1");
    sellify_str_t text;
    store_result_t result;

    memset(m, 0, sizeof(*m));
    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, conversation_id);
    store_bind_int(s, 2, before);
    result = store_step(store, s);
    if (result == STORE_OK) {
        m->id = sqlite3_column_int64(s, 0);
        m->conversation_id = conversation_id;
        m->at = sqlite3_column_int64(s, 1);
        m->from_me = sqlite3_column_int(s, 2);
        text = store_text(s, 3);
        snprintf(
            m->origin, sizeof(m->origin), "%.*s", (int) text.len, text.data);
        text = store_text(s, 4);
        snprintf(m->type, sizeof(m->type), "%.*s", (int) text.len, text.data);
        text = store_text(s, 6);
        snprintf(
            m->id_read, sizeof(m->id_read), "%.*s", (int) text.len, text.data);
        m->message_id = sellify_str_of(m->id_read);
        result =
            store_open_sealed(store, s, 5, "messages", m->id, "text", &m->text);
    }
    store_done(s);
    return result;
}

store_result_t
messages_store_replies(
    store_t *store, int64_t conversation_id, int64_t since, uint32_t *count)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT count(*) FROM messages WHERE conversation_id = ?1"
        " AND at > ?2 AND origin = 'sellify'");
    store_result_t result;

    if (s == NULL) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, conversation_id);
    store_bind_int(s, 2, since);
    result = store_step(store, s);
    if (result == STORE_OK) {
        *count = (uint32_t) sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return result;
}
