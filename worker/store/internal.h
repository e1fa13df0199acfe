/* What the files of store/ share, and nobody else includes. */
#ifndef SELLIFY_STORE_INTERNAL_H
#define SELLIFY_STORE_INTERNAL_H

#include "../turn.h"
#include "keyring.h"
#include "store.h"

#define STORE_STATEMENTS 2048 /* slots; half of them may be taken */

typedef struct {
    const char *sql; /* the literal itself is the key */
    sqlite3_stmt *statement;
} store_cached_t;

struct store {
    sqlite3 *db;
    turn_t *turn;
    char *path;
    int lock_fd;
    keyring_t *keyring;
    store_cached_t cache[STORE_STATEMENTS];
    size_t cached;

    int in_transaction;             /* as we asked for it */
    int64_t changes;                /* total changes when it began */
    int wal_frames;                 /* in the log after the last commit */
    uint64_t commits, commits_seen; /* for "idle" */
};

/* Logs, asks sqlite3_get_autocommit() and poisons the turn when the
 * transaction is gone or cannot be trusted. Always STORE_FAILED. */
store_result_t store_failed(store_t *store, int rc, const char *what);

/* Runs SQL that returns nothing; not cached. 0 or -1 (logged). */
int store_exec(store_t *store, const char *sql);

extern const turn_store_t store_transactions; /* transaction.c */

#endif
