/*
 * An SQLite VFS over the default one whose writes fail on demand: a full disk,
 * an I/O error, a write cut short, a sync that fails.  Counts operations from
 * the moment it is armed.
 */
#ifndef SELLIFY_FAULTY_VFS_H
#define SELLIFY_FAULTY_VFS_H

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int armed;
    int after;  /* operations that still work */
    int lasts;  /* operations that fail then; negative: all of them */
    int kind;   /* SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC */
    int torn;   /* a failing write leaves half of its bytes */
    int failed; /* how many did */
} faulty_vfs_t;

static faulty_vfs_t faulty;

typedef struct {
    sqlite3_file base;
    sqlite3_file *real;
} faulty_file_t;

#define FAULTY_REAL(file) (((faulty_file_t *) (file))->real)

static int
faulty_hit(int is_sync)
{
    if (!faulty.armed || (faulty.kind == SQLITE_IOERR_FSYNC) != is_sync) {
        return 0;
    }
    if (faulty.after > 0) {
        faulty.after--;
        return 0;
    }
    if (faulty.lasts == 0) {
        return 0;
    }
    faulty.lasts -= faulty.lasts > 0;
    faulty.failed++;
    return 1;
}

static int
faulty_close(sqlite3_file *f)
{
    int rc = FAULTY_REAL(f)->pMethods->xClose(FAULTY_REAL(f));
    free(FAULTY_REAL(f));
    return rc;
}

static int
faulty_read(sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
    return FAULTY_REAL(f)->pMethods->xRead(FAULTY_REAL(f), data, n, at);
}

static int
faulty_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    sqlite3_file *real = FAULTY_REAL(f);
    if (faulty_hit(0)) {
        if (faulty.torn) {
            (void) real->pMethods->xWrite(real, data, n / 2, at);
        }
        return faulty.kind;
    }
    return real->pMethods->xWrite(real, data, n, at);
}

static int
faulty_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return FAULTY_REAL(f)->pMethods->xTruncate(FAULTY_REAL(f), size);
}

static int
faulty_sync(sqlite3_file *f, int flags)
{
    int rc = FAULTY_REAL(f)->pMethods->xSync(FAULTY_REAL(f), flags);
    return faulty_hit(1) ? SQLITE_IOERR_FSYNC : rc;
}

static int
faulty_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return FAULTY_REAL(f)->pMethods->xFileSize(FAULTY_REAL(f), size);
}

static int
faulty_lock(sqlite3_file *f, int level)
{
    return FAULTY_REAL(f)->pMethods->xLock(FAULTY_REAL(f), level);
}

static int
faulty_unlock(sqlite3_file *f, int level)
{
    return FAULTY_REAL(f)->pMethods->xUnlock(FAULTY_REAL(f), level);
}

static int
faulty_reserved(sqlite3_file *f, int *out)
{
    return FAULTY_REAL(f)->pMethods->xCheckReservedLock(FAULTY_REAL(f), out);
}

static int
faulty_control(sqlite3_file *f, int op, void *arg)
{
    return FAULTY_REAL(f)->pMethods->xFileControl(FAULTY_REAL(f), op, arg);
}

static int
faulty_sector(sqlite3_file *f)
{
    return FAULTY_REAL(f)->pMethods->xSectorSize(FAULTY_REAL(f));
}

static int
faulty_device(sqlite3_file *f)
{
    return FAULTY_REAL(f)->pMethods->xDeviceCharacteristics(FAULTY_REAL(f));
}

static int
faulty_shm_map(
    sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return FAULTY_REAL(f)->pMethods->xShmMap(
        FAULTY_REAL(f), page, size, extend, out);
}

static int
faulty_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return FAULTY_REAL(f)->pMethods->xShmLock(FAULTY_REAL(f), offset, n, flags);
}

static void
faulty_shm_barrier(sqlite3_file *f)
{
    FAULTY_REAL(f)->pMethods->xShmBarrier(FAULTY_REAL(f));
}

static int
faulty_shm_unmap(sqlite3_file *f, int remove)
{
    return FAULTY_REAL(f)->pMethods->xShmUnmap(FAULTY_REAL(f), remove);
}

static const sqlite3_io_methods faulty_methods = { 2, faulty_close, faulty_read,
    faulty_write, faulty_truncate, faulty_sync, faulty_size, faulty_lock,
    faulty_unlock, faulty_reserved, faulty_control, faulty_sector,
    faulty_device, faulty_shm_map, faulty_shm_lock, faulty_shm_barrier,
    faulty_shm_unmap, NULL, NULL };

static sqlite3_vfs faulty_vfs;
static sqlite3_vfs *faulty_default;

static int
faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *out, int flags,
    int *out_flags)
{
    (void) vfs;
    faulty_file_t *file = (faulty_file_t *) out;
    memset(file, 0, sizeof(*file));
    file->real = calloc(1, (size_t) faulty_default->szOsFile);
    if (file->real == NULL) {
        return SQLITE_NOMEM;
    }
    int rc = faulty_default->xOpen(
        faulty_default, name, file->real, flags, out_flags);
    if (rc != SQLITE_OK) {
        free(file->real);
        return rc;
    }
    file->base.pMethods = &faulty_methods;
    return SQLITE_OK;
}

static void
faulty_register(void)
{
    faulty_default = sqlite3_vfs_find(NULL);
    faulty_vfs = *faulty_default;
    faulty_vfs.pNext = NULL;
    faulty_vfs.zName = "faulty";
    faulty_vfs.szOsFile = sizeof(faulty_file_t);
    faulty_vfs.xOpen = faulty_open;
    sqlite3_vfs_register(&faulty_vfs, 1);
}

#endif
