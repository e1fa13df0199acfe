/* Listening sockets and pid files of the parent; see listen.h. */
#include "listen.h"
#include "folder.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEMD_FIRST_FD 3

/* Beside worker.sock: in a folder that nginx's group can enter. */
static int
beside(const char *socket_path, const char *name, char *out, size_t size)
{
    int folder = (int) (strrchr(socket_path, '/') - socket_path);
    int n = snprintf(out, size, "%.*s/%s", folder, socket_path, name);

    return n > 0 && (size_t) n < size ? 0 : -1;
}

static int
set_paths(listen_t *s, const char *worker_path, const char *admin_path)
{
    if (strlen(worker_path) >= sizeof(s->worker_path) ||
        strlen(admin_path) >= sizeof(s->admin_path)) {
        log_error("listen", "socket path too long",
            "a unix socket's path has at most %zu bytes: choose a shorter one "
            "for SELLIFY_SOCKET and SELLIFY_ADMIN_SOCKET",
            sizeof(s->worker_path) - 1);
        return -1;
    }
    strcpy(s->worker_path, worker_path);
    strcpy(s->admin_path, admin_path);
    return beside(worker_path, "worker.pid", s->child_pid_path,
               sizeof(s->child_pid_path)) == 0 &&
                   beside(worker_path, "worker-parent.pid", s->parent_pid_path,
                       sizeof(s->parent_pid_path)) == 0
               ? 0
               : -1;
}

/* The folder itself may be missing after a boot; its parent may not. */
static void
make_folder(const char *socket_path)
{
    char folder[108];

    if (beside(socket_path, "", folder, sizeof(folder)) == 0 &&
        mkdir(folder, 0750) != 0 && errno != EEXIST) {
        log_warn(
            "listen", "cannot make folder", "%s: %s", folder, strerror(errno));
    }
}

static int
write_pid(int fd, pid_t pid)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%ld\n", (long) pid);

    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t) n, 0) == n ? 0
                                                                         : -1;
}

/* Whoever holds the lock owns the sockets, so a stale one can be removed. */
static int
lock_folder(listen_t *s)
{
    s->lock_fd = open(s->parent_pid_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (s->lock_fd < 0) {
        log_error("listen", "cannot open pid file", "%s: %s",
            s->parent_pid_path, strerror(errno));
        return -1;
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        log_error("listen", "already running",
            "another sellify-worker holds %s: stop it, or choose another "
            "SELLIFY_SOCKET",
            s->parent_pid_path);
        return -1;
    }
    return write_pid(s->lock_fd, getpid());
}

static int
listen_on(const char *path, mode_t mode)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before;
    int failed;

    strcpy(address.sun_path, path);
    if (fd < 0 || (unlink(path) != 0 && errno != ENOENT)) {
        goto fail;
    }
    before = umask((mode_t) (~mode & 0777)); /* never wider, not for a moment */
    failed = bind(fd, (struct sockaddr *) &address, sizeof(address));
    (void) umask(before);
    if (failed != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        goto fail;
    }
    return fd;

fail:
    log_error("listen", "cannot listen", "%s: %s", path, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

/* 1 when systemd passed the sockets, 0 when it did not, -1 on a fault. */
static int
take_passed(listen_t *s)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

    if (pid == NULL || fds == NULL || atol(pid) != (long) getpid()) {
        return 0;
    }
    if (atoi(fds) != 2) {
        log_error("listen", "wrong number of sockets",
            "the socket unit passes %s, worker.sock and admin.sock are needed",
            fds);
        return -1;
    }
    s->worker_fd = SYSTEMD_FIRST_FD;
    s->admin_fd = SYSTEMD_FIRST_FD + 1;
    s->passed = 1;
    for (int fd = s->worker_fd; fd <= s->admin_fd; fd++) {
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
            fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
            log_error("listen", "passed socket", "%s", strerror(errno));
            return -1;
        }
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    return 1;
}

int
listen_open(listen_t *s, const char *worker_path, const char *admin_path)
{
    int passed;

    memset(s, 0, sizeof(*s));
    s->worker_fd = s->admin_fd = s->lock_fd = -1;
    if (set_paths(s, worker_path, admin_path) != 0) {
        return -1;
    }
    make_folder(worker_path);
    if (lock_folder(s) != 0) {
        return -1;
    }
    passed = take_passed(s);
    if (passed != 0) {
        return passed > 0 ? 0 : -1;
    }
    s->worker_fd = listen_on(worker_path, 0660);
    folder_share(-1, worker_path);
    s->admin_fd = s->worker_fd < 0 ? -1 : listen_on(admin_path, 0600);
    return s->admin_fd < 0 ? -1 : 0;
}

void
listen_close(listen_t *s)
{
    if (!s->passed) {
        (void) unlink(s->worker_path);
        (void) unlink(s->admin_path);
    }
    close(s->worker_fd);
    close(s->admin_fd);
    (void) unlink(s->parent_pid_path);
    close(s->lock_fd);
}

void
listen_write_child_pid(const listen_t *s, pid_t pid)
{
    char aside[sizeof(s->child_pid_path) + 8];
    int fd;

    if (pid == 0) {
        (void) unlink(s->child_pid_path);
        return;
    }
    snprintf(aside, sizeof(aside), "%s.new", s->child_pid_path);
    fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write_pid(fd, pid) != 0 ||
        rename(aside, s->child_pid_path) != 0) {
        log_warn("listen", "cannot write pid file", "%s: %s", s->child_pid_path,
            strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}
