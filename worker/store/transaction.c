/*
 * The turn's transaction and the savepoint of its steps, and what an SQL error
 * does to them.
 *
 * BEGIN is deferred: a turn that only reads takes no write lock and syncs
 * nothing.  Nobody else writes (the lock file sees to that), so that a read
 * snapshot can always be written to.
 */

#include "../log.h"
#include "internal.h"

store_result_t
store_failed(store_t *store, int rc, const char *what)
{
    /* sqlite3_errmsg() names tables and columns, never a value. */
    log_error("store", "failed", "%s (%d) in: %.200s",
        sqlite3_errmsg(store->db), rc, what);
    if (!store->in_transaction) {
        return STORE_FAILED;
    }
    if (sqlite3_get_autocommit(store->db)) {
        store->in_transaction = 0;
        turn_poison(store->turn, "the transaction was rolled back");
        return STORE_FAILED;
    }
    switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
        /* Still open, but SQLite's advice for these is to roll back. */
        turn_poison(store->turn, "the transaction cannot be trusted");
        break;
    default:
        break;
    }
    return STORE_FAILED;
}

static int
store_command(store_t *store, const char *sql)
{
    return store_run(store, store_statement(store, sql)) == STORE_OK ? 0 : -1;
}

/* A row left unread would keep the snapshot, and with it the log, for ever. */
static void
store_close_cursors(store_t *store)
{
    for (sqlite3_stmt *s = sqlite3_next_stmt(store->db, NULL); s != NULL;
         s = sqlite3_next_stmt(store->db, s)) {
        if (sqlite3_stmt_busy(s)) {
            log_error("store", "statement left open", "%.200s", sqlite3_sql(s));
            sqlite3_reset(s);
        }
    }
}

static int
store_tx_begin(void *data)
{
    store_t *store = data;
    if (store_command(store, "BEGIN") != 0) {
        return -1;
    }
    store->in_transaction = 1;
    store->changes = sqlite3_total_changes64(store->db);
    return 0;
}

static int
store_tx_commit(void *data, int *wrote)
{
    store_t *store = data;
    store_close_cursors(store);
    if (store_command(store, "COMMIT") != 0) {
        return -1;
    }
    store->in_transaction = 0;
    *wrote = sqlite3_total_changes64(store->db) != store->changes;
    store->commits += *wrote ? 1 : 0;
    return 0;
}

static int
store_tx_rollback(void *data)
{
    store_t *store = data;
    store->in_transaction = 0;
    store_close_cursors(store);
    if (sqlite3_get_autocommit(store->db)) {
        return 0;
    }
    return store_command(store, "ROLLBACK");
}

static int
store_tx_savepoint(void *data)
{
    return store_command(data, "SAVEPOINT step");
}

static int
store_tx_release(void *data)
{
    return store_command(data, "RELEASE step");
}

static int
store_tx_rollback_to(void *data)
{
    if (store_command(data, "ROLLBACK TO step") != 0) {
        return -1;
    }
    return store_command(data, "RELEASE step");
}

const turn_store_t store_transactions = {
    store_tx_begin,
    store_tx_commit,
    store_tx_rollback,
    store_tx_savepoint,
    store_tx_release,
    store_tx_rollback_to,
};
