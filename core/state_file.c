/* The state file: blocks with a checksum, one writer, readers that pread. */
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_AT 0
#define HOURS_AT 512
#define INSTANCES_AT 4608
#define INSTANCE_ROOM 320
#define KEYS_AT (INSTANCES_AT + SELLIFY_STATE_INSTANCES * INSTANCE_ROOM)
#define KEY_ROOM 192
#define FILE_SIZE (KEYS_AT + SELLIFY_STATE_KEYS * KEY_ROOM)
#define FILE_MODE 0640
#define NEW_SUFFIX ".new"

_Static_assert(sizeof(sellify_state_header_t) <= HOURS_AT, "header");
_Static_assert(
    sizeof(sellify_state_hours_t) <= INSTANCES_AT - HOURS_AT, "hours");
_Static_assert(sizeof(sellify_state_instance_t) <= INSTANCE_ROOM, "instance");
_Static_assert(sizeof(sellify_state_key_t) <= KEY_ROOM, "key");
/* The checksum goes over whole words. */
_Static_assert(sizeof(sellify_state_header_t) % 8 == 0, "header");
_Static_assert(sizeof(sellify_state_hours_t) % 8 == 0, "hours");
_Static_assert(sizeof(sellify_state_instance_t) % 8 == 0, "instance");
_Static_assert(sizeof(sellify_state_key_t) % 8 == 0, "key");

/* --- names --- */

const char *
sellify_license_name(sellify_license_state_t state)
{
    static const char *const names[] = { "not_required", "valid", "grace",
        "expired", "missing", "invalid" };

    return (unsigned) state < 6 ? names[state] : "unknown";
}

int
sellify_license_allows(sellify_license_state_t state)
{
    return state == SELLIFY_LICENSE_NOT_REQUIRED ||
           state == SELLIFY_LICENSE_VALID || state == SELLIFY_LICENSE_GRACE;
}

const char *
sellify_health_name(sellify_health_t health)
{
    static const char *const names[] = { "ok", "degraded", "down", "off" };

    return (unsigned) health < 4 ? names[health] : "unknown";
}

const char *
sellify_state_result_name(sellify_state_result_t result)
{
    static const char *const names[] = { "ok", "torn", "foreign", "short",
        "error" };

    return (unsigned) result < 5 ? names[result] : "unknown";
}

static const struct {
    const char *name;
    uint32_t bit;
} scopes[] = {
    { "read", SELLIFY_SCOPE_READ },
    { "personal", SELLIFY_SCOPE_PERSONAL },
    { "decide", SELLIFY_SCOPE_DECIDE },
    { "send", SELLIFY_SCOPE_SEND },
    { "webhook", SELLIFY_SCOPE_WEBHOOK },
    { "admin", SELLIFY_SCOPE_ADMIN },
};
#define SCOPES (sizeof(scopes) / sizeof(scopes[0]))

uint32_t
sellify_scope_parse(sellify_str_t name)
{
    for (size_t i = 0; i < SCOPES; i++) {
        if (sellify_str_equal(name, sellify_str_of(scopes[i].name))) {
            return scopes[i].bit;
        }
    }
    return 0;
}

const char *
sellify_scope_name(uint32_t bit)
{
    for (size_t i = 0; i < SCOPES; i++) {
        if (scopes[i].bit == bit) {
            return scopes[i].name;
        }
    }
    return "unknown";
}

int
sellify_scope_allows(uint32_t held, uint32_t needed)
{
    return (held & SELLIFY_SCOPE_ADMIN) || (held & needed) == needed;
}

/* --- blocks --- */

/*
 * MurmurHash64A (Austin Appleby, public domain) over whole 8-byte words.  It
 * finds accidents, not forgeries: who can write this file is the worker.  The
 * seed is the block's place, so that a block in another's place is not whole.
 */
static uint64_t
checksum(const void *block, size_t size, uint64_t place)
{
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    const char *p = (const char *) block + sizeof(uint64_t);
    const char *end = (const char *) block + size;
    uint64_t h = place ^ ((uint64_t) (end - p) * m);

    for (; p < end; p += sizeof(uint64_t)) {
        uint64_t k;

        memcpy(&k, p, sizeof(k));
        k *= m;
        k ^= k >> 47;
        k *= m;
        h ^= k;
        h *= m;
    }
    h ^= h >> 47;
    h *= m;
    h ^= h >> 47;
    return h;
}

static int
write_all(int fd, const char *data, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return -1;
        }
        data += n;
        size -= (size_t) n;
        at += n;
    }
    return 0;
}

/* Every block begins with its checksum. */
static int
write_block(int fd, void *block, size_t size, off_t at)
{
    uint64_t sum = checksum(block, size, (uint64_t) at);

    memcpy(block, &sum, sizeof(sum));
    return write_all(fd, block, size, at);
}

static sellify_state_result_t
pread_block(int fd, void *block, size_t size, off_t at)
{
    ssize_t n;
    int tries = SELLIFY_STATE_TRIES;

    do {
        n = pread(fd, block, size, at);
    } while (n < 0 && errno == EINTR && --tries > 0);
    if (n < 0) {
        return SELLIFY_STATE_ERROR;
    }
    return (size_t) n == size ? SELLIFY_STATE_OK : SELLIFY_STATE_SHORT;
}

static int
is_foreign_header(const void *block)
{
    const sellify_state_header_t *h = block;

    return memcmp(h->magic, SELLIFY_STATE_MAGIC, sizeof(h->magic)) != 0 ||
           h->layout != SELLIFY_STATE_LAYOUT || h->size != sizeof(*h);
}

/* `foreign` looks at members that never change while a file lives, so they
 * need no second look.  A block that is not OK is zeroed. */
static sellify_state_result_t
read_block(int fd, void *block, size_t size, off_t at,
    int (*foreign)(const void *block))
{
    sellify_state_result_t result = SELLIFY_STATE_TORN;
    uint64_t sum;

    for (int i = 0; i < SELLIFY_STATE_TRIES; i++) {
        result = pread_block(fd, block, size, at);
        if (result != SELLIFY_STATE_OK) {
            break;
        }
        if (foreign && foreign(block)) {
            result = SELLIFY_STATE_FOREIGN;
            break;
        }
        memcpy(&sum, block, sizeof(sum));
        if (sum == checksum(block, size, (uint64_t) at)) {
            return SELLIFY_STATE_OK;
        }
        result = SELLIFY_STATE_TORN;
        if (i >= SELLIFY_STATE_TRIES / 2) {
            sched_yield(); /* the writer may wait for this very processor */
        }
    }
    memset(block, 0, size);
    return result;
}

/* --- boot id --- */

/* The one thing kept between calls: it is a constant of the running kernel and
 * reading it costs more than the whole header.  Empty when /proc is not there;
 * then both sides have it empty. */
static char this_boot[sizeof(((sellify_state_header_t *) 0)->boot_id)];
static pthread_once_t boot_once = PTHREAD_ONCE_INIT;

static void
load_boot_id(void)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return;
    }
    n = read(fd, this_boot, sizeof(this_boot) - 1);
    close(fd);
    if (n < 0) {
        n = 0;
    }
    while (n > 0 && this_boot[n - 1] == '\n') {
        n--;
    }
    memset(this_boot + n, 0, sizeof(this_boot) - (size_t) n);
}

static const char *
boot_id(void)
{
    pthread_once(&boot_once, load_boot_id);
    return this_boot;
}

/* --- writer --- */

static int
new_path(const char *path, char *out, size_t size)
{
    int n = snprintf(out, size, "%s" NEW_SUFFIX, path);

    if (n < 0 || (size_t) n >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return 0;
}

/* A new file of our own; what an earlier writer left behind is removed. */
static int
create_new(const char *path)
{
    int fd;

    if (unlink(path) != 0 && errno != ENOENT) {
        return -1;
    }
    fd = open(
        path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd >= 0 && fchmod(fd, FILE_MODE) != 0) { /* whatever the umask */
        int saved = errno;

        close(fd);
        unlink(path);
        errno = saved;
        return -1;
    }
    return fd;
}

int
sellify_state_writer_open(sellify_state_writer_t *w, const char *path)
{
    char fresh[sizeof(w->path) + sizeof(NEW_SUFFIX)];
    size_t len = strlen(path);
    int error;

    memset(w, 0, sizeof(*w));
    w->fd = -1;
    if (len == 0 || len >= sizeof(w->path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(w->path, path, len + 1);
    if (new_path(path, fresh, sizeof(fresh)) != 0 ||
        (w->fd = create_new(fresh)) < 0) {
        return -1;
    }
    /* All of it now: a heartbeat must not meet a full disk. */
    error = posix_fallocate(w->fd, 0, FILE_SIZE);
    if (error != 0) {
        close(w->fd);
        unlink(fresh);
        w->fd = -1;
        errno = error;
        return -1;
    }
    memcpy(w->header.magic, SELLIFY_STATE_MAGIC, sizeof(w->header.magic));
    w->header.layout = SELLIFY_STATE_LAYOUT;
    w->header.size = sizeof(w->header);
    memcpy(w->header.boot_id, boot_id(), sizeof(w->header.boot_id));
    w->header.clock = SELLIFY_CLOCK_REAL;
    w->header.license = SELLIFY_LICENSE_MISSING;
    w->header.worker_pid = (int32_t) getpid();
    return 0;
}

int
sellify_state_write_hours(
    sellify_state_writer_t *w, sellify_state_hours_t *hours)
{
    if (hours->count > SELLIFY_HOURS_INTERVALS) {
        errno = EINVAL;
        return -1;
    }
    hours->version = ++w->header.hours_version;
    return write_block(w->fd, hours, sizeof(*hours), HOURS_AT);
}

int
sellify_state_write_instance(sellify_state_writer_t *w, uint32_t index,
    sellify_state_instance_t *instance)
{
    if (index >= SELLIFY_STATE_INSTANCES) {
        errno = EINVAL;
        return -1;
    }
    instance->name[sizeof(instance->name) - 1] = '\0';
    instance->version = ++w->header.instances_version;
    return write_block(w->fd, instance, sizeof(*instance),
        INSTANCES_AT + (off_t) index * INSTANCE_ROOM);
}

int
sellify_state_write_key(
    sellify_state_writer_t *w, uint32_t index, sellify_state_key_t *key)
{
    if (index >= SELLIFY_STATE_KEYS ||
        key->instance_count > SELLIFY_KEY_INSTANCES) {
        errno = EINVAL;
        return -1;
    }
    key->id[sizeof(key->id) - 1] = '\0';
    key->version = ++w->header.keys_version;
    return write_block(
        w->fd, key, sizeof(*key), KEYS_AT + (off_t) index * KEY_ROOM);
}

int
sellify_state_publish(sellify_state_writer_t *w)
{
    char fresh[sizeof(w->path) + sizeof(NEW_SUFFIX)];
    int first = w->header.version == 0;

    if (w->header.key_count > SELLIFY_STATE_KEYS ||
        w->header.instance_count > SELLIFY_STATE_INSTANCES) {
        errno = EINVAL;
        return -1;
    }
    w->header.heartbeat = sellify_clock_monotonic();
    w->header.version++;
    if (write_block(w->fd, &w->header, sizeof(w->header), HEADER_AT) != 0) {
        w->header.version--;
        return -1;
    }
    if (first && (new_path(w->path, fresh, sizeof(fresh)) != 0 ||
                     rename(fresh, w->path) != 0)) {
        w->header.version = 0; /* still beside its place: tried again */
        return -1;
    }
    return 0;
}

void
sellify_state_writer_close(sellify_state_writer_t *w)
{
    char fresh[sizeof(w->path) + sizeof(NEW_SUFFIX)];

    if (w->fd < 0) {
        return;
    }
    close(w->fd);
    w->fd = -1;
    if (w->header.version == 0 &&
        new_path(w->path, fresh, sizeof(fresh)) == 0) {
        unlink(fresh);
    }
}

/* --- rulesets --- */

int
sellify_state_ruleset_path(
    const char *path, uint64_t version, char *out, size_t size)
{
    int n = snprintf(
        out, size, "%s.ruleset-%llu.json", path, (unsigned long long) version);

    return n < 0 || (size_t) n >= size ? -1 : n;
}

int
sellify_state_write_ruleset(const char *path, uint64_t version,
    sellify_str_t document, uint8_t sha256[32])
{
    char place[600], fresh[600 + sizeof(NEW_SUFFIX)];
    int fd, failed, saved;

    if (EVP_Q_digest(NULL, "SHA256", NULL, document.len ? document.data : "",
            document.len, sha256, NULL) != 1) {
        errno = ENOMEM;
        return -1;
    }
    if (sellify_state_ruleset_path(path, version, place, sizeof(place)) < 0) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (new_path(place, fresh, sizeof(fresh)) != 0 ||
        (fd = create_new(fresh)) < 0) {
        return -1;
    }
    failed = write_all(fd, document.data, document.len, 0) != 0;
    saved = errno;
    if (close(fd) != 0 && !failed) {
        failed = 1;
        saved = errno;
    }
    if (!failed && rename(fresh, place) == 0) {
        return 0;
    }
    saved = failed ? saved : errno;
    unlink(fresh);
    errno = saved;
    return -1;
}

/* --- reader --- */

static int
header_is_sane(const sellify_state_header_t *h)
{
    return memcmp(h->boot_id, boot_id(), sizeof(h->boot_id)) == 0 &&
           h->key_count <= SELLIFY_STATE_KEYS &&
           h->instance_count <= SELLIFY_STATE_INSTANCES;
}

sellify_state_result_t
sellify_state_read_header(int fd, sellify_state_header_t *header)
{
    sellify_state_result_t result =
        read_block(fd, header, sizeof(*header), HEADER_AT, is_foreign_header);

    if (result == SELLIFY_STATE_OK && !header_is_sane(header)) {
        memset(header, 0, sizeof(*header));
        result = SELLIFY_STATE_FOREIGN;
    }
    if (result != SELLIFY_STATE_OK) {
        /* Zero would read as "no license is required". */
        header->license = SELLIFY_LICENSE_MISSING;
    }
    return result;
}

sellify_state_result_t
sellify_state_read_hours(int fd, sellify_state_hours_t *hours)
{
    return read_block(fd, hours, sizeof(*hours), HOURS_AT, NULL);
}

static sellify_state_result_t
bad_index(void *block, size_t size)
{
    memset(block, 0, size);
    errno = EINVAL;
    return SELLIFY_STATE_ERROR;
}

sellify_state_result_t
sellify_state_read_instance(
    int fd, uint32_t index, sellify_state_instance_t *instance)
{
    if (index >= SELLIFY_STATE_INSTANCES) {
        return bad_index(instance, sizeof(*instance));
    }
    return read_block(fd, instance, sizeof(*instance),
        INSTANCES_AT + (off_t) index * INSTANCE_ROOM, NULL);
}

sellify_state_result_t
sellify_state_read_key(int fd, uint32_t index, sellify_state_key_t *key)
{
    if (index >= SELLIFY_STATE_KEYS) {
        return bad_index(key, sizeof(*key));
    }
    return read_block(
        fd, key, sizeof(*key), KEYS_AT + (off_t) index * KEY_ROOM, NULL);
}

int
sellify_state_is_stale(
    const sellify_state_header_t *header, int64_t monotonic_now)
{
    return header->heartbeat > monotonic_now ||
           monotonic_now - header->heartbeat > SELLIFY_STATE_STALE_US;
}
