/*
 * A disk that fills up, for t/e2e/diskfull.t (LD_PRELOAD): writes to files below
 * $FULLFS_DIR take from the budget in $FULLFS_BUDGET, a file with one 64-bit
 * integer that the test maps and sets; when it is used up they fail with ENOSPC,
 * after a part of the last one went through, as a real disk does.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static _Atomic int64_t *budget;
static const char *folder;

__attribute__((constructor)) static void
fullfs_start(void)
{
    const char *path = getenv("FULLFS_BUDGET");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page;

    folder = getenv("FULLFS_DIR");
    if (fd < 0 || folder == NULL) {
        return;
    }
    page =
        mmap(NULL, sizeof(*budget), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    budget = page == MAP_FAILED ? NULL : page;
}

static int
fullfs_is_ours(int fd)
{
    char link[64] = "/proc/self/fd/", path[512];
    char *p = link + strlen(link);
    ssize_t n;
    char digits[16];
    int i = 0;

    if (budget == NULL) {
        return 0;
    }
    do {
        digits[i++] = (char) ('0' + fd % 10);
        fd /= 10;
    } while (fd > 0);
    while (i > 0) {
        *p++ = digits[--i];
    }
    *p = '\0';
    n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0) {
        return 0;
    }
    path[n] = '\0';
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* Bytes of `wanted` that still fit; 0 and errno when none does. */
static size_t
fullfs_take(int fd, size_t wanted)
{
    int64_t left;

    if (!fullfs_is_ours(fd)) {
        return wanted;
    }
    left = atomic_fetch_sub(budget, (int64_t) wanted);
    if (left >= (int64_t) wanted) {
        return wanted;
    }
    atomic_store(budget, 0);
    if (left <= 0) {
        errno = ENOSPC;
        return 0;
    }
    return (size_t) left;
}

ssize_t
write(int fd, const void *data, size_t len)
{
    static ssize_t (*real)(int, const void *, size_t);
    size_t fits = len == 0 ? 0 : fullfs_take(fd, len);

    if (real == NULL) {
        real =
            (ssize_t(*)(int, const void *, size_t)) dlsym(RTLD_NEXT, "write");
    }
    return len != 0 && fits == 0 ? -1 : real(fd, data, fits);
}

#define PWRITE(name, offset_type)                                              \
    ssize_t name(int fd, const void *data, size_t len, offset_type at)         \
    {                                                                          \
        static ssize_t (*real)(int, const void *, size_t, offset_type);        \
        size_t fits = len == 0 ? 0 : fullfs_take(fd, len);                     \
                                                                               \
        if (real == NULL) {                                                    \
            real = (ssize_t(*)(int, const void *, size_t, offset_type)) dlsym( \
                RTLD_NEXT, #name);                                             \
        }                                                                      \
        return len != 0 && fits == 0 ? -1 : real(fd, data, fits, at);          \
    }

PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

int
posix_fallocate(int fd, off_t at, off_t len)
{
    static int (*real)(int, off_t, off_t);

    if (real == NULL) {
        real = (int (*)(int, off_t, off_t)) dlsym(RTLD_NEXT, "posix_fallocate");
    }
    return fullfs_is_ours(fd) && atomic_load(budget) <= 0 ? ENOSPC
                                                          : real(fd, at, len);
}
