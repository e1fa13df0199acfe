/* The run folder; see folder.h. */

#include "folder.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int
folder_sibling(
    const char *path, const char *name, char *out, unsigned long size)
{
    char copy[PATH_MAX];
    int n = snprintf(copy, sizeof(copy), "%s", path);
    if (n < 0 || (size_t) n >= sizeof(copy)) {
        return -1;
    }
    n = snprintf(out, size, "%s/%s", dirname(copy), name);
    return n < 0 || (size_t) n >= size ? -1 : 0;
}

void
folder_share(int fd, const char *path)
{
    char copy[PATH_MAX];
    struct stat folder, file;
    snprintf(copy, sizeof(copy), "%s", path);
    if (stat(dirname(copy), &folder) != 0 ||
        (fd >= 0 ? fstat(fd, &file) : lstat(path, &file)) != 0 ||
        folder.st_gid == file.st_gid) {
        return;
    }
    int ignored = fd >= 0 ? fchown(fd, (uid_t) -1, folder.st_gid)
                          : lchown(path, (uid_t) -1, folder.st_gid);
    (void) ignored;
}
