/*
 * The parent's listening sockets and pid files.  Sockets come from systemd
 * (LISTEN_FDS: first worker.sock, then admin.sock) or are made here.
 */
#ifndef SELLIFY_WORKER_LISTEN_H
#define SELLIFY_WORKER_LISTEN_H

#include <sys/types.h>

#define LISTEN_BACKLOG 4096 /* the kernel caps it at net.core.somaxconn */

typedef struct {
    int worker_fd, admin_fd;
    int lock_fd; /* worker-parent.pid, locked */
    int passed;  /* by systemd: not ours to unlink */
    char worker_path[108], admin_path[108];
    char child_pid_path[128], parent_pid_path[128];
} listen_t;

/* 0, or -1 after a log line that says what to do. Both sockets do not block and
 * close on exec. worker.sock has mode 0660, admin.sock 0600. */
int listen_open(listen_t *sockets, const char *worker_path,
    const char *admin_path) __attribute__((warn_unused_result));
void listen_close(listen_t *sockets);

/* worker.pid, written aside and renamed; 0 removes it. */
void listen_write_child_pid(const listen_t *sockets, pid_t pid);

#endif
