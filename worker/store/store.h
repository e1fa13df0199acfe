/*
 * The store: one SQLite database in WAL mode with synchronous=FULL, its numbered
 * migrations and its seal.  Only worker/store/ knows SQL and ciphers; the rest
 * of the worker calls the functions of store/<subject>.h.
 *
 * Every function that touches the database runs inside a step of the turn.
 * Results: STORE_OK, STORE_NONE (no such row, or end of rows) or STORE_FAILED
 * (logged; the caller ends its step with commit = 0).
 *
 * Worker thread only.
 */
#ifndef SELLIFY_STORE_H
#define SELLIFY_STORE_H

#include "../../core/str.h"

#include <sqlite3.h>
#include <stdint.h>

typedef struct store store_t;

typedef enum { STORE_FAILED = -1, STORE_OK = 0, STORE_NONE = 1 } store_result_t;

/* --- for the files of store/ only, below --- */

/* A prepared statement, cached per SQL text (a string literal: the pointer is
 * the cache key). Reset and cleared.  NULL when preparing failed. */
sqlite3_stmt *store_statement(store_t *store, const char *sql);

/* Steps. STORE_OK on a row, STORE_NONE when done, STORE_FAILED on an error,
 * after having asked sqlite3_get_autocommit() and poisoned the turn if needed. */
store_result_t store_step(store_t *store, sqlite3_stmt *statement);
/* Steps a statement that returns no row, and resets it. */
store_result_t store_run(store_t *store, sqlite3_stmt *statement);
/* Always reset a statement that returned rows before the turn ends. */
void store_done(sqlite3_stmt *statement);

void store_bind_text(sqlite3_stmt *s, int index, sellify_str_t value);
void store_bind_blob(sqlite3_stmt *s, int index, const void *data, size_t len);
void store_bind_int(sqlite3_stmt *s, int index, int64_t value);
void store_bind_null(sqlite3_stmt *s, int index);
sellify_str_t store_text(sqlite3_stmt *s, int column); /* until the next step */

/* The next free row id of a table, known before the insert because the seal
 * names the row.  Never handed out twice, also after a deletion. */
int64_t store_next_id(store_t *store, const char *table);

/* A sealed value is AES-256-GCM with a random nonce; table, row and column are
 * its additional data, so a value moved elsewhere does not open.
 * An empty value is sealed too; NULL data binds SQL NULL. */
store_result_t store_bind_sealed(store_t *store, sqlite3_stmt *s, int index,
    const char *table, int64_t row, const char *column, sellify_str_t value)
    __attribute__((warn_unused_result));
/* Opens into memory that store_release() cleanses; data NULL for SQL NULL.
 * STORE_FAILED when the value does not open (logged with its place). */
store_result_t store_open_sealed(store_t *store, sqlite3_stmt *s, int column,
    const char *table, int64_t row, const char *name, sellify_str_t *value)
    __attribute__((warn_unused_result));
void store_release(sellify_str_t *value); /* NULL data is fine */

/* HMAC-SHA-256 under the look-up key: finds rows by phone number or e-mail
 * without storing them. `purpose` separates the uses ("jid"). */
#define STORE_HASH_LEN 32
void store_hash(store_t *store, const char *purpose, sellify_str_t value,
    uint8_t hash[STORE_HASH_LEN]);

/* Small named values (clock mapping, checkpoints). */
store_result_t store_meta_get(
    store_t *store, const char *name, sellify_str_t *value); /* release it */
store_result_t
store_meta_set(store_t *store, const char *name, sellify_str_t value);

#endif
