/* Opening, checking, checkpointing and closing the database; see setup.h. */

#include "../../core/clock.h"
#include "../log.h"
#include "../memory.h"
#include "internal.h"
#include "migrations.h"
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_APPLICATION_ID 0x53454c4c /* "SELL" */
#define STORE_BUSY_START_MS 5000
#define STORE_BUSY_RUN_MS 50 /* a reader from outside, at a checkpoint */
#define STORE_LOCK_TRIES 20  /* the one before may be ending */
#define STORE_LOCK_WAIT_MS 100
#define STORE_WAL_BYTES_KEPT "67108864"

int
store_exec(store_t *store, const char *sql)
{
    char *message = NULL;
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, &message);
    if (rc != SQLITE_OK) {
        log_error("store", "failed", "%s (%d) in: %.200s",
            message ? message : sqlite3_errstr(rc), rc, sql);
    }
    sqlite3_free(message);
    return rc == SQLITE_OK ? 0 : -1;
}

/* --- one writer --- */

static store_open_t
store_lock(store_t *store)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s.lock", store->path);
    if (n < 0 || (size_t) n >= sizeof(path)) {
        log_error("store", "refused", "SELLIFY_DB: the path is too long");
        return STORE_REFUSED;
    }
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0) {
        log_error("store", "refused", "%s: %s", path, strerror(errno));
        return errno == ENOSPC || errno == EIO ? STORE_UNREADY : STORE_REFUSED;
    }
    for (int i = 0; flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0; i++) {
        if (i == STORE_LOCK_TRIES) {
            log_error(
                "store", "locked", "%s: another worker has the database", path);
            return STORE_UNREADY;
        }
        (void) poll(NULL, 0, STORE_LOCK_WAIT_MS);
    }
    return STORE_OPENED;
}

/* --- opening --- */

static int
store_on_wal(void *data, sqlite3 *db, const char *name, int frames)
{
    (void) db;
    (void) name;
    ((store_t *) data)->wal_frames = frames;
    return SQLITE_OK;
}

static store_open_t
store_connect(store_t *store)
{
    mode_t mask = umask(077);
    int rc = sqlite3_open_v2(store->path, &store->db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
            SQLITE_OPEN_EXRESCODE,
        NULL);
    umask(mask);
    if (rc != SQLITE_OK) {
        log_error("store", "refused", "%s: %s", store->path,
            store->db ? sqlite3_errmsg(store->db) : "no memory");
        return STORE_UNREADY;
    }
    /* Until the keyring is found right, closing must not write either. */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_busy_timeout(store->db, STORE_BUSY_START_MS);
    sqlite3_wal_hook(store->db, store_on_wal, store);
    return STORE_OPENED;
}

static int64_t
store_pragma(store_t *store, const char *sql)
{
    sqlite3_stmt *s = store_statement(store, sql);
    int64_t value = -1;
    if (store_step(store, s) == STORE_OK) {
        value = sqlite3_column_int64(s, 0);
    }
    store_done(s);
    return value;
}

/* Ours, or an empty file? */
static store_open_t
store_identify(store_t *store, int *fresh)
{
    int begun = migrations_begun(store);
    if (begun < 0) {
        return STORE_REFUSED; /* no database at all, or a damaged one: logged */
    }
    *fresh = !begun;
    int64_t id = store_pragma(store, "PRAGMA application_id");
    int64_t tables = store_pragma(store, "SELECT count(*) FROM sqlite_schema");
    int ours = id == STORE_APPLICATION_ID || (!begun && id == 0);
    if (!ours || (!begun && tables != 0)) {
        log_error("store", "refused",
            "%s is an SQLite database of another program", store->path);
        return STORE_REFUSED;
    }
    return STORE_OPENED;
}

static store_open_t
store_check(store_t *store)
{
    sqlite3_stmt *s = store_statement(store, "PRAGMA quick_check(1)");
    store_open_t result = STORE_REFUSED;
    if (store_step(store, s) == STORE_OK) {
        sellify_str_t verdict = store_text(s, 0);
        if (sellify_str_equal(verdict, sellify_str("ok"))) {
            result = STORE_OPENED;
        } else {
            log_error("store", "refused", "%s is damaged: %.*s", store->path,
                (int) verdict.len, verdict.data);
        }
    }
    store_done(s);
    return result;
}

typedef struct {
    keyring_t *keyring;
    int64_t now;
} store_first_t;

static int
store_first(store_t *store, void *data)
{
    store_first_t *first = data;
    return keyring_create(first->keyring, store, first->now);
}

static store_open_t
store_prepare(store_t *store, int fresh, int64_t now)
{
    if (store_exec(store, "PRAGMA journal_mode = WAL") != 0 ||
        store_exec(store, "PRAGMA synchronous = FULL") != 0 ||
        store_exec(store, "PRAGMA foreign_keys = ON") != 0 ||
        store_exec(store, "PRAGMA wal_autocheckpoint = 0") != 0 ||
        store_exec(store, "PRAGMA temp_store = MEMORY") != 0 ||
        store_exec(store, "PRAGMA cell_size_check = ON") != 0 ||
        store_exec(
            store, "PRAGMA journal_size_limit = " STORE_WAL_BYTES_KEPT) != 0) {
        return STORE_UNREADY;
    }
    /* wal_autocheckpoint took the hook. */
    sqlite3_wal_hook(store->db, store_on_wal, store);
    if (fresh && store_exec(store, "PRAGMA application_id = 1397050444") != 0) {
        return STORE_UNREADY;
    }
    store_first_t first = { store->keyring, now };
    if (migrations_run(store, store_migrations, store_first, &first, now) !=
        0) {
        return STORE_UNREADY;
    }
    sqlite3_busy_timeout(store->db, STORE_BUSY_RUN_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return STORE_OPENED;
}

static store_open_t
store_begin(store_t *store, const store_options_t *options, int64_t now)
{
    int fresh = 0;
    store_open_t result = store_lock(store);
    if (result == STORE_OPENED) {
        result = store_connect(store);
    }
    if (result == STORE_OPENED) {
        result = store_identify(store, &fresh);
    }
    if (result != STORE_OPENED) {
        return result;
    }
    store->keyring =
        keyring_new(options->hwid_file, options->secret_file, fresh);
    if (store->keyring == NULL ||
        (!fresh && (migrations_check(store, store_migrations) != 0 ||
                       keyring_open(store->keyring, store) != 0))) {
        return STORE_REFUSED;
    }
    if (!fresh) {
        result = store_check(store);
    }
    return result == STORE_OPENED ? store_prepare(store, fresh, now) : result;
}

store_open_t
store_open(
    store_t **out, const store_options_t *options, turn_t *turn, int64_t now)
{
    store_t *store = memory_get(sizeof(*store));
    store->lock_fd = -1;
    store->turn = turn;
    store->path = memory_text(options->db);

    store_open_t result = store_begin(store, options, now);
    if (result != STORE_OPENED) {
        store_close(store);
        *out = NULL;
        return result;
    }
    turn_use_store(turn, &store_transactions, store);
    *out = store;
    return STORE_OPENED;
}

void
store_close(store_t *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < STORE_STATEMENTS; i++) {
        sqlite3_finalize(store->cache[i].statement);
    }
    sqlite3_close(store->db);
    keyring_free(store->keyring);
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    free(store->path);
    free(store);
}

/* --- the log --- */

void
store_idle(store_t *store)
{
    int idle = store->commits == store->commits_seen;
    store->commits_seen = store->commits;
    if (store->wal_frames == 0 ||
        (!idle && store->wal_frames < STORE_WAL_FRAMES_MAX)) {
        return;
    }
    int in_log = 0, done = 0;
    int64_t start = sellify_clock_monotonic();
    int rc = sqlite3_wal_checkpoint_v2(
        store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &done);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        log_error(
            "store", "checkpoint failed", "%s", sqlite3_errmsg(store->db));
        return;
    }
    /* What a reader from outside still needs stays for the next time. */
    store->wal_frames = in_log > done ? in_log - done : 0;
    log_debug("store", "checkpoint", "%d of %d frames in %lld us", done, in_log,
        (long long) (sellify_clock_monotonic() - start));
}

/* --- the worker's subsystem --- */

int
store_setup(worker_t *w)
{
    store_options_t options = { w->settings.db, w->settings.master_secret_file,
        w->settings.hwid_file };
    store_open_t result = store_open(
        &w->store, &options, w->turn, sellify_clock_real() / SELLIFY_SECOND);
    w->start_status = result == STORE_UNREADY ? WORKER_UNREADY : 0;
    return result == STORE_OPENED ? 0 : -1;
}

void
store_shutdown(worker_t *w)
{
    store_close(w->store);
    w->store = NULL;
}
