/* Machine identity and secret file; see secrets.h. */

#include "secrets.h"
#include "../../core/rng.h"
#include "../log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
secrets_refuse(const char *file, const char *reason)
{
    log_error("keyring", "refused", "%s: %s", file, reason);
    return -1;
}

static int
secrets_is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t
secrets_trim(uint8_t *data, size_t len)
{
    size_t start = 0;
    while (len > 0 && secrets_is_space(data[len - 1])) {
        len--;
    }
    while (start < len && secrets_is_space(data[start])) {
        start++;
    }
    memmove(data, data + start, len - start);
    return len - start;
}

/* Reads a whole small file; -1 with errno, EFBIG when it is longer. */
static ssize_t
secrets_slurp(int fd, uint8_t *data, size_t size)
{
    size_t len = 0;
    for (;;) {
        uint8_t extra;
        ssize_t n =
            len < size ? read(fd, data + len, size - len) : read(fd, &extra, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -1 : (ssize_t) len;
        }
        if (len == size) {
            errno = EFBIG;
            return -1;
        }
        len += (size_t) n;
    }
}

static int
secrets_read_machine(secrets_t *s)
{
    int fd = open(s->machine_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return secrets_refuse(s->machine_file, strerror(errno));
    }
    ssize_t len = secrets_slurp(fd, s->machine, sizeof(s->machine));
    close(fd);
    if (len < 0) {
        return secrets_refuse(s->machine_file, strerror(errno));
    }
    s->machine_len = secrets_trim(s->machine, (size_t) len);
    if (s->machine_len == 0) {
        return secrets_refuse(s->machine_file,
            "the machine identity is empty: nothing can be bound to it");
    }
    if (s->machine_len == 13 && memcmp(s->machine, "uninitialized", 13) == 0) {
        return secrets_refuse(
            s->machine_file, "the machine identity is not initialized");
    }
    return 0;
}

static int
secrets_check_mode(const secrets_t *s, int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return secrets_refuse(s->secret_file, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return secrets_refuse(s->secret_file, "is not a regular file");
    }
    if ((st.st_mode & 077) != 0) {
        return secrets_refuse(
            s->secret_file, "others may read the secret: chmod 600 it");
    }
    return 0;
}

static int
secrets_read_secret(secrets_t *s, int fd)
{
    if (secrets_check_mode(s, fd) != 0) {
        return -1;
    }
    ssize_t len = secrets_slurp(fd, s->secret, sizeof(s->secret));
    if (len < 0) {
        return secrets_refuse(s->secret_file, strerror(errno));
    }
    s->secret_len = secrets_trim(s->secret, (size_t) len);
    if (s->secret_len < SECRETS_SECRET_MIN) {
        return secrets_refuse(
            s->secret_file, "is too short for a secret (32 bytes at least)");
    }
    return 0;
}

static int
secrets_sync_folder(const char *file)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", file);
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int rc = fsync(fd);
    close(fd);
    return rc;
}

static int
secrets_write(int fd)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[32];
    char text[2 * sizeof(raw) + 1];
    if (sellify_rng_secret(raw, sizeof(raw)) != 0) {
        errno = EAGAIN;
        return -1;
    }
    for (size_t i = 0; i < sizeof(raw); i++) {
        text[2 * i] = digits[raw[i] >> 4];
        text[2 * i + 1] = digits[raw[i] & 15];
    }
    text[sizeof(text) - 1] = '\n';
    ssize_t n = write(fd, text, sizeof(text));
    OPENSSL_cleanse(raw, sizeof(raw));
    OPENSSL_cleanse(text, sizeof(text));
    return n == (ssize_t) sizeof(text) && fsync(fd) == 0 ? 0 : -1;
}

/* Whole or not at all: written beside, linked into place, folder synced. */
static int
secrets_make(secrets_t *s)
{
    char beside[PATH_MAX];
    int n = snprintf(beside, sizeof(beside), "%s.new", s->secret_file);
    if (n < 0 || (size_t) n >= sizeof(beside)) {
        return secrets_refuse(s->secret_file, "the name is too long");
    }
    (void) unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return secrets_refuse(beside, strerror(errno));
    }
    int rc = secrets_write(fd);
    close(fd);
    if (rc == 0) {
        rc = link(beside, s->secret_file);
    }
    if (rc == 0) {
        rc = secrets_sync_folder(s->secret_file);
    }
    int saved = errno;
    (void) unlink(beside);
    if (rc != 0) {
        return secrets_refuse(s->secret_file, strerror(saved));
    }
    log_info("keyring", "secret made",
        "%s: keep a copy elsewhere, the database cannot be opened without it",
        s->secret_file);
    return 0;
}

static int
secrets_open_secret(secrets_t *s, int make)
{
    int fd = open(s->secret_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && make) {
        if (secrets_make(s) != 0) {
            return -1;
        }
        fd = open(s->secret_file, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        return secrets_refuse(s->secret_file,
            errno == ENOENT
                ? "the secret under which this database was sealed is missing"
                : strerror(errno));
    }
    return fd;
}

int
secrets_read(
    secrets_t *s, const char *machine_file, const char *secret_file, int make)
{
    memset(s, 0, sizeof(*s));
    s->machine_file = machine_file;
    s->secret_file = secret_file;
    if (secrets_read_machine(s) != 0) {
        return -1;
    }
    int fd = secrets_open_secret(s, make);
    if (fd < 0) {
        return -1;
    }
    int rc = secrets_read_secret(s, fd);
    close(fd);
    return rc;
}

void
secrets_wipe(secrets_t *s)
{
    OPENSSL_cleanse(s->machine, sizeof(s->machine));
    OPENSSL_cleanse(s->secret, sizeof(s->secret));
    s->machine_len = s->secret_len = 0;
}
