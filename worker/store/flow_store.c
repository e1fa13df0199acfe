/* Rows of the inbound pipeline. */
#include "flow_store.h"

#include <stdio.h>
#include <string.h>

#define JOBS "jobs"
#define MESSAGES "job_messages"

#define JOB_COLUMNS                                                            \
    "id, instance_id, conversation_id, driver, step, reason, first_at,"        \
    " last_at, due_at, sending_at, ended_at, attempts, seed, kind,"            \
    " product_id, media_id, provider, reservation_id, message_id,"             \
    " ruleset_version, reply_hash"

/* A text column into a fixed buffer; what does not fit was never written. */
static void
take_text(sqlite3_stmt *s, int column, char *out, size_t size)
{
    sellify_str_t text = store_text(s, column);

    out[0] = '\0';
    if (text.data != NULL && text.len < size) {
        memcpy(out, text.data, text.len);
        out[text.len] = '\0';
    }
}

/* 0 is stored as NULL, which partial indexes leave out. */
static void
bind_time(sqlite3_stmt *s, int index, int64_t when)
{
    if (when == 0) {
        store_bind_null(s, index);
    } else {
        store_bind_int(s, index, when);
    }
}

static void
bind_name(sqlite3_stmt *s, int index, const char *name)
{
    store_bind_text(s, index, sellify_str_of(name));
}

/* Runs a query of one integer. */
static store_result_t
one_integer(store_t *store, sqlite3_stmt *s, int64_t *value)
{
    store_result_t result = store_step(store, s);

    if (result == STORE_OK) {
        *value = sqlite3_column_int64(s, 0);
    }
    store_done(s);

    return result;
}

store_result_t
flow_store_add(store_t *store, flow_job_t *job)
{
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO jobs (id, instance_id, conversation_id, driver, step,"
        " reason, first_at, last_at, due_at, sending_at, attempts, seed, kind,"
        " product_id, media_id, provider, reservation_id, ruleset_version)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, ?10, ?11, '', '',"
        " '', '', 0)");

    if (s == NULL) {
        return STORE_FAILED;
    }

    job->id = store_next_id(store, JOBS);
    if (job->id <= 0) {
        return STORE_FAILED;
    }
    store_bind_int(s, 1, job->id);
    store_bind_int(s, 2, job->instance_id);
    store_bind_int(s, 3, job->conversation_id);
    bind_name(s, 4, job->driver);
    store_bind_int(s, 5, job->step);
    bind_name(s, 6, job->reason);
    store_bind_int(s, 7, job->first_at);
    store_bind_int(s, 8, job->last_at);
    bind_time(s, 9, job->due_at);
    store_bind_int(s, 10, (int64_t) job->seed);
    store_bind_int(s, 11, job->kind);

    return store_run(store, s);
}

static void
take_job(sqlite3_stmt *s, flow_job_t *job)
{
    const void *hash;

    memset(job, 0, sizeof(*job));
    job->id = sqlite3_column_int64(s, 0);
    job->instance_id = sqlite3_column_int64(s, 1);
    job->conversation_id = sqlite3_column_int64(s, 2);
    take_text(s, 3, job->driver, sizeof(job->driver));
    job->step = sqlite3_column_int(s, 4);
    take_text(s, 5, job->reason, sizeof(job->reason));
    job->first_at = sqlite3_column_int64(s, 6);
    job->last_at = sqlite3_column_int64(s, 7);
    job->due_at = sqlite3_column_int64(s, 8);
    job->sending_at = sqlite3_column_int64(s, 9);
    job->ended_at = sqlite3_column_int64(s, 10);
    job->attempts = (uint32_t) sqlite3_column_int64(s, 11);
    job->seed = (uint64_t) sqlite3_column_int64(s, 12);
    job->kind = sqlite3_column_int(s, 13);
    take_text(s, 14, job->product_id, sizeof(job->product_id));
    take_text(s, 15, job->media_id, sizeof(job->media_id));
    take_text(s, 16, job->provider, sizeof(job->provider));
    take_text(s, 17, job->reservation_id, sizeof(job->reservation_id));
    take_text(s, 18, job->message_id, sizeof(job->message_id));
    job->ruleset_version = (uint64_t) sqlite3_column_int64(s, 19);

    hash = sqlite3_column_blob(s, 20);
    if (hash != NULL && sqlite3_column_bytes(s, 20) == STORE_HASH_LEN) {
        memcpy(job->reply_hash, hash, STORE_HASH_LEN);
        job->has_reply = 1;
    }
}

store_result_t
flow_store_load(store_t *store, int64_t id, flow_job_t *job)
{
    sqlite3_stmt *s;
    store_result_t result;

    s = store_statement(
        store, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?1");
    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, id);
    result = store_step(store, s);
    if (result == STORE_OK) {
        take_job(s, job);
    }
    store_done(s);

    return result;
}

store_result_t
flow_store_save(store_t *store, const flow_job_t *job)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE jobs SET conversation_id = ?2, step = ?3, reason = ?4,"
        " last_at = ?5, due_at = ?6, sending_at = ?7, ended_at = ?8,"
        " attempts = ?9, kind = ?10, product_id = ?11, media_id = ?12,"
        " provider = ?13, reservation_id = ?14, message_id = ?15,"
        " ruleset_version = ?16, reply_hash = ?17 WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, job->id);
    store_bind_int(s, 2, job->conversation_id);
    store_bind_int(s, 3, job->step);
    bind_name(s, 4, job->reason);
    store_bind_int(s, 5, job->last_at);
    bind_time(s, 6, job->due_at);
    store_bind_int(s, 7, job->sending_at);
    bind_time(s, 8, job->ended_at);
    store_bind_int(s, 9, job->attempts);
    store_bind_int(s, 10, job->kind);
    bind_name(s, 11, job->product_id);
    bind_name(s, 12, job->media_id);
    bind_name(s, 13, job->provider);
    bind_name(s, 14, job->reservation_id);

    if (job->message_id[0] != '\0') {
        bind_name(s, 15, job->message_id);
    } else {
        store_bind_null(s, 15);
    }

    store_bind_int(s, 16, (int64_t) job->ruleset_version);

    if (job->has_reply) {
        store_bind_blob(s, 17, job->reply_hash, STORE_HASH_LEN);
    } else {
        store_bind_null(s, 17);
    }

    return store_run(store, s);
}

static const struct {
    const char *column, *write, *read;
} texts[FLOW_TEXTS] = {
    { "record", "UPDATE jobs SET record_sealed = ?2 WHERE id = ?1",
        "SELECT record_sealed FROM jobs WHERE id = ?1" },
    { "reply", "UPDATE jobs SET reply_sealed = ?2 WHERE id = ?1",
        "SELECT reply_sealed FROM jobs WHERE id = ?1" },
    { "prompt", "UPDATE jobs SET prompt_sealed = ?2 WHERE id = ?1",
        "SELECT prompt_sealed FROM jobs WHERE id = ?1" },
    { "response", "UPDATE jobs SET response_sealed = ?2 WHERE id = ?1",
        "SELECT response_sealed FROM jobs WHERE id = ?1" },
};

store_result_t
flow_store_set_text(
    store_t *store, int64_t id, flow_text_t text, sellify_str_t value)
{
    sqlite3_stmt *s = store_statement(store, texts[text].write);

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, id);
    if (store_bind_sealed(store, s, 2, JOBS, id, texts[text].column, value) !=
        STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }

    return store_run(store, s);
}

store_result_t
flow_store_text(
    store_t *store, int64_t id, flow_text_t text, sellify_str_t *value)
{
    sqlite3_stmt *s = store_statement(store, texts[text].read);
    store_result_t result;

    *value = (sellify_str_t){ NULL, 0 };
    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, id);
    result = store_step(store, s);
    if (result == STORE_OK) {
        result =
            store_open_sealed(store, s, 0, JOBS, id, texts[text].column, value);
    }
    store_done(s);

    return result;
}

store_result_t
flow_store_forget(store_t *store, int64_t id)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE jobs SET record_sealed = NULL, reply_sealed = NULL,"
        " prompt_sealed = NULL, response_sealed = NULL WHERE id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, id);
    if (store_run(store, s) == STORE_FAILED) {
        return STORE_FAILED;
    }

    s = store_statement(store, "DELETE FROM job_messages WHERE job_id = ?1");
    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, id);
    return store_run(store, s);
}

/* --- what to do next --- */

store_result_t
flow_store_next_due(store_t *store, int64_t *when)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT due_at FROM jobs WHERE due_at IS NOT NULL"
        " ORDER BY due_at, id LIMIT 1");

    return s == NULL ? STORE_FAILED : one_integer(store, s, when);
}

store_result_t
flow_store_due(store_t *store, int64_t now, int64_t *id)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT id FROM jobs WHERE due_at IS NOT NULL AND due_at <= ?1"
        " ORDER BY due_at, id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, now);
    return one_integer(store, s, id);
}

store_result_t
flow_store_resume(store_t *store, int64_t now, int generating, int generated,
    int sending, int collecting)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE jobs SET due_at = ?1 WHERE step < 16 AND (step IN (?2, ?3, ?4)"
        " OR (step = ?5 AND due_at IS NULL))");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, now);
    store_bind_int(s, 2, generating);
    store_bind_int(s, 3, generated);
    store_bind_int(s, 4, sending);
    store_bind_int(s, 5, collecting);

    return store_run(store, s);
}

store_result_t
flow_store_in_steps(store_t *store, int64_t conversation_id, int from, int to,
    int64_t except, int64_t *id)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT id FROM jobs WHERE conversation_id = ?1 AND step < 16"
        " AND step BETWEEN ?2 AND ?3 AND id <> ?4 ORDER BY id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, conversation_id);
    store_bind_int(s, 2, from);
    store_bind_int(s, 3, to);
    store_bind_int(s, 4, except);

    return one_integer(store, s, id);
}

store_result_t
flow_store_wake(store_t *store, int64_t conversation_id, int step, int64_t now)
{
    sqlite3_stmt *s = store_statement(store,
        "UPDATE jobs SET due_at = ?3 WHERE conversation_id = ?1 AND step = ?2"
        " AND step < 16 AND due_at IS NULL");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, conversation_id);
    store_bind_int(s, 2, step);
    store_bind_int(s, 3, now);

    return store_run(store, s);
}

store_result_t
flow_store_open(
    store_t *store, int64_t conversation_id, int64_t after, int64_t *id)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT id FROM jobs WHERE conversation_id = ?1 AND step < 16"
        " AND id > ?2 ORDER BY id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, conversation_id);
    store_bind_int(s, 2, after);

    return one_integer(store, s, id);
}

store_result_t
flow_store_by_reason(store_t *store, int64_t instance_id, int step,
    const char *reason, int64_t after, int64_t *id)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT id FROM jobs WHERE instance_id = ?1 AND step = ?2"
        " AND reason = ?3 AND id > ?4 ORDER BY id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, instance_id);
    store_bind_int(s, 2, step);
    bind_name(s, 3, reason);
    store_bind_int(s, 4, after);

    return one_integer(store, s, id);
}

store_result_t
flow_store_by_message(
    store_t *store, int64_t instance_id, sellify_str_t message_id, int64_t *id)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT id FROM jobs WHERE instance_id = ?1 AND message_id = ?2");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, instance_id);
    store_bind_text(s, 2, message_id);

    return one_integer(store, s, id);
}

store_result_t
flow_store_by_reply(store_t *store, int64_t conversation_id,
    const uint8_t hash[STORE_HASH_LEN], int from, int to, int64_t since,
    int64_t *id)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT id FROM jobs WHERE conversation_id = ?1 AND reply_hash = ?2"
        " AND step BETWEEN ?3 AND ?4 AND sending_at >= ?5"
        " ORDER BY sending_at DESC, id DESC LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, conversation_id);
    store_bind_blob(s, 2, hash, STORE_HASH_LEN);
    store_bind_int(s, 3, from);
    store_bind_int(s, 4, to);
    store_bind_int(s, 5, since);

    return one_integer(store, s, id);
}

/* --- messages of a job --- */

store_result_t
flow_store_add_message(
    store_t *store, int64_t job_id, const flow_message_t *message)
{
    int64_t id = store_next_id(store, MESSAGES);
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO job_messages (id, job_id, at, type, text_sealed)"
        " VALUES (?1, ?2, ?3, ?4, ?5)");

    if (s == NULL || id <= 0) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, id);
    store_bind_int(s, 2, job_id);
    store_bind_int(s, 3, message->at);
    store_bind_int(s, 4, message->type);

    if (store_bind_sealed(store, s, 5, MESSAGES, id, "text", message->text) !=
        STORE_OK) {
        store_done(s);
        return STORE_FAILED;
    }

    return store_run(store, s);
}

store_result_t
flow_store_next_message(store_t *store, int64_t job_id,
    const flow_message_t *after, flow_message_t *message)
{
    store_result_t result;
    sqlite3_stmt *s = store_statement(store,
        "SELECT id, at, type, text_sealed FROM job_messages"
        " WHERE job_id = ?1 AND (at, id) > (?2, ?3) ORDER BY at, id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, job_id);
    store_bind_int(s, 2, after->at);
    store_bind_int(s, 3, after->id);

    result = store_step(store, s);
    if (result == STORE_OK) {
        memset(message, 0, sizeof(*message));
        message->id = sqlite3_column_int64(s, 0);
        message->at = sqlite3_column_int64(s, 1);
        message->type = sqlite3_column_int(s, 2);
        result = store_open_sealed(
            store, s, 3, MESSAGES, message->id, "text", &message->text);
    }
    store_done(s);

    return result;
}

store_result_t
flow_store_adopt(store_t *store, int64_t from, int64_t to)
{
    sqlite3_stmt *s = store_statement(
        store, "UPDATE job_messages SET job_id = ?2 WHERE job_id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, from);
    store_bind_int(s, 2, to);

    return store_run(store, s);
}

/* --- ids seen, own messages, origins --- */

store_result_t
flow_store_see(
    store_t *store, int64_t instance_id, sellify_str_t message_id, int64_t now)
{
    store_result_t result;
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO inbound_seen (instance_id, message_id, at)"
        " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING RETURNING 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, instance_id);
    store_bind_text(s, 2, message_id);
    store_bind_int(s, 3, now);

    result = store_step(store, s);
    store_done(s);

    return result;
}

store_result_t
flow_store_add_own(store_t *store, const flow_own_t *own)
{
    int64_t id = store_next_id(store, "own_waiting");
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO own_waiting (id, instance_id, conversation_id, message_id)"
        " VALUES (?1, ?2, ?3, ?4)");

    if (s == NULL || id <= 0) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, id);
    store_bind_int(s, 2, own->instance_id);
    store_bind_int(s, 3, own->conversation_id);
    bind_name(s, 4, own->message_id);

    return store_run(store, s);
}

store_result_t
flow_store_take_own(store_t *store, int64_t conversation_id, flow_own_t *own)
{
    store_result_t result;
    sqlite3_stmt *s = store_statement(store,
        "SELECT id, instance_id, conversation_id, message_id FROM own_waiting"
        " WHERE conversation_id = ?1 ORDER BY id LIMIT 1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, conversation_id);
    result = store_step(store, s);
    if (result == STORE_OK) {
        own->id = sqlite3_column_int64(s, 0);
        own->instance_id = sqlite3_column_int64(s, 1);
        own->conversation_id = sqlite3_column_int64(s, 2);
        take_text(s, 3, own->message_id, sizeof(own->message_id));
    }
    store_done(s);

    if (result != STORE_OK) {
        return result;
    }

    s = store_statement(store, "DELETE FROM own_waiting WHERE id = ?1");
    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, own->id);
    return store_run(store, s) == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

store_result_t
flow_store_set_origin(store_t *store, int64_t conversation_id, int known)
{
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO chat_origins (conversation_id, known) VALUES (?1, ?2)"
        " ON CONFLICT DO NOTHING");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, conversation_id);
    store_bind_int(s, 2, known != 0);

    return store_run(store, s);
}

store_result_t
flow_store_origin(store_t *store, int64_t conversation_id, int *known)
{
    int64_t value = 0;
    store_result_t result;
    sqlite3_stmt *s = store_statement(
        store, "SELECT known FROM chat_origins WHERE conversation_id = ?1");

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, conversation_id);
    result = one_integer(store, s, &value);
    *known = value != 0;

    return result;
}

/* --- upkeep --- */

static store_result_t
prune_one(
    store_t *store, const char *sql, int64_t before, int limit, int *removed)
{
    store_result_t result;
    sqlite3_stmt *s = store_statement(store, sql);

    if (s == NULL) {
        return STORE_FAILED;
    }

    store_bind_int(s, 1, before);
    store_bind_int(s, 2, limit);

    while ((result = store_step(store, s)) == STORE_OK) {
        *removed = 1;
    }
    store_done(s);

    return result;
}

store_result_t
flow_store_prune(store_t *store, int64_t before, int limit)
{
    int removed = 0;

    if (prune_one(store,
            "DELETE FROM inbound_seen WHERE (instance_id, message_id) IN"
            " (SELECT instance_id, message_id FROM inbound_seen"
            " WHERE at < ?1 LIMIT ?2) RETURNING 1",
            before, limit, &removed) == STORE_FAILED ||
        prune_one(store,
            "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs"
            " WHERE ended_at < ?1 LIMIT ?2) RETURNING 1",
            before, limit, &removed) == STORE_FAILED ||
        prune_one(store,
            "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox"
            " WHERE at < ?1 LIMIT ?2) RETURNING 1",
            before, limit, &removed) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return removed ? STORE_OK : STORE_NONE;
}

store_result_t
flow_store_depths(store_t *store, int64_t *depths, int steps)
{
    store_result_t result;
    int64_t step;
    sqlite3_stmt *s = store_statement(
        store, "SELECT step, count(*) FROM jobs WHERE step < 16 GROUP BY step");

    if (s == NULL) {
        return STORE_FAILED;
    }

    memset(depths, 0, (size_t) steps * sizeof(*depths));
    while ((result = store_step(store, s)) == STORE_OK) {
        step = sqlite3_column_int64(s, 0);
        if (step >= 0 && step < steps) {
            depths[step] = sqlite3_column_int64(s, 1);
        }
    }
    store_done(s);

    return result == STORE_NONE ? STORE_OK : result;
}
