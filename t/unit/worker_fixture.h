/*
 * A whole worker in a temporary folder, with a clock that stands still until the
 * test moves it.  Include after cmocka.h.
 *
 *     worker_fixture_t f;
 *     fixture_open(&f, "SELLIFY_INSTANCES=shop\n");    more settings, or ""
 *     fixture_step(&f, 1, write_something, data);      one step, one turn
 *     fixture_advance(&f, 90);                         seconds; due timers run
 *     fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/quota", NULL, NULL);
 *     assert_int_equal(f.status, 200);                 f.headers, f.body
 *     fixture_restart(&f);                             same folder
 *     fixture_close(&f);
 */
#ifndef SELLIFY_WORKER_FIXTURE_H
#define SELLIFY_WORKER_FIXTURE_H

#include "../../worker/http/server.h"
#include "../../worker/log.h"
#include "../../worker/store/store.h"
#include "../../worker/worker.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* 2026-11-23 10:00:00 UTC, a Monday. */
#define FIXTURE_START ((sellify_time_t) 1795428000 * SELLIFY_SECOND)
#define FIXTURE_WORKER 0
#define FIXTURE_ADMIN 1
#define FIXTURE_ANSWER_MAX (1 << 20)
#define FIXTURE_PASSES_MAX 2000
#define FIXTURE_UNUSED __attribute__((unused))

typedef struct {
    worker_t w;
    worker_options_t options;
    char folder[64], conf[96];
    sellify_time_t now;

    /* The last answer. */
    int status;
    char headers[8192];
    char body[FIXTURE_ANSWER_MAX];
} worker_fixture_t;

static const char *const fixture_sockets[2] = { "worker.sock", "admin.sock" };

FIXTURE_UNUSED static void
fixture_path(const worker_fixture_t *f, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", f->folder, name);
}

FIXTURE_UNUSED static int
fixture_socket(const worker_fixture_t *f, int which, struct sockaddr_un *un)
{
    char path[128];
    fixture_path(f, fixture_sockets[which], path);
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, strlen(path) + 1);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

FIXTURE_UNUSED static int
fixture_listen(const worker_fixture_t *f, int which)
{
    struct sockaddr_un un;
    int fd = fixture_socket(f, which, &un);
    unlink(un.sun_path);
    assert_int_equal(0, bind(fd, (struct sockaddr *) &un, sizeof(un)));
    assert_int_equal(0, listen(fd, 64));
    return fd;
}

FIXTURE_UNUSED static void
fixture_start(worker_fixture_t *f)
{
    signal(SIGPIPE, SIG_IGN); /* as worker_run() does */
    memset(&f->w, 0, sizeof(f->w));
    f->options = (worker_options_t){ .conf = f->conf,
        .listen_fd = fixture_listen(f, FIXTURE_WORKER),
        .admin_fd = fixture_listen(f, FIXTURE_ADMIN),
        .ready_fd = -1,
        .hold_time = f->now };
    assert_int_equal(0, settings_load(&f->w.settings, f->conf));
    log_setup((log_level_t) f->w.settings.log_level);
    assert_int_equal(0, worker_setup(&f->w, &f->options));
}

FIXTURE_UNUSED static void
fixture_stop(worker_fixture_t *f)
{
    worker_shutdown(&f->w);
    settings_free(&f->w.settings);
}

FIXTURE_UNUSED static void
fixture_restart(worker_fixture_t *f)
{
    fixture_stop(f);
    fixture_start(f);
}

/* A folder with a machine identity and a settings file; no worker yet. */
FIXTURE_UNUSED static void
fixture_prepare(worker_fixture_t *f, const char *settings)
{
    extern char **environ;
    for (char **e = environ; *e != NULL;) {
        char name[128];
        if (strncmp(*e, "SELLIFY_", 8) != 0 ||
            sscanf(*e, "%127[^=]", name) != 1 || unsetenv(name) != 0) {
            e++;
        }
    }
    memset(f, 0, sizeof(*f));
    f->now = FIXTURE_START;
    snprintf(f->folder, sizeof(f->folder), "/tmp/sellify-unit-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->conf, sizeof(f->conf), "%s/worker.conf", f->folder);

    char hwid[128];
    fixture_path(f, "hwid", hwid);
    FILE *file = fopen(hwid, "w");
    assert_non_null(file);
    fputs("unit-test-machine\n", file);
    fclose(file);

    file = fopen(f->conf, "w");
    assert_non_null(file);
    fprintf(file,
        "SELLIFY_SOCKET=%s/worker.sock\nSELLIFY_ADMIN_SOCKET=%s/admin.sock\n"
        "SELLIFY_STATE_FILE=%s/state\nSELLIFY_DB=%s/sellify.db\n"
        "SELLIFY_HWID_FILE=%s\n%s%s",
        f->folder, f->folder, f->folder, f->folder, hwid,
        strstr(settings, "SELLIFY_LOG_LEVEL") ? ""
                                              : "SELLIFY_LOG_LEVEL=error\n",
        settings);
    fclose(file);
}

FIXTURE_UNUSED static void
fixture_open(worker_fixture_t *f, const char *settings)
{
    fixture_prepare(f, settings);
    fixture_start(f);
}

FIXTURE_UNUSED static int
fixture_remove_one(
    const char *path, const struct stat *st, int what, struct FTW *at)
{
    (void) st;
    (void) what;
    (void) at;
    return remove(path);
}

FIXTURE_UNUSED static void
fixture_close(worker_fixture_t *f)
{
    fixture_stop(f);
    nftw(f->folder, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- turns --- */

/* `fn` in a step of its own and the turn's end. 1 when it is durable. */
FIXTURE_UNUSED static int
fixture_step(
    worker_fixture_t *f, int commit, void (*fn)(worker_t *, void *), void *data)
{
    if (turn_step_begin(f->w.turn) != 0) {
        turn_finish(f->w.turn);
        return 0;
    }
    fn(&f->w, data);
    int stands = turn_step_end(f->w.turn, commit) == 0;
    uint64_t poisoned = turn_stats(f->w.turn)->poisoned;
    turn_finish(f->w.turn);
    return stands && turn_stats(f->w.turn)->poisoned == poisoned;
}

/* Moves time on and runs what falls due on the way, turn by turn. */
FIXTURE_UNUSED static void
fixture_advance_us(worker_fixture_t *f, int64_t us)
{
    f->now += us;
    turn_hold_time(f->w.turn, f->now);
    for (int i = 0; i < FIXTURE_PASSES_MAX; i++) {
        size_t ran = timers_run(f->w.timers, f->now);
        turn_finish(f->w.turn);
        if (ran == 0) {
            return;
        }
    }
    fail_msg("timers never come to rest");
}

FIXTURE_UNUSED static void
fixture_advance(worker_fixture_t *f, int64_t seconds)
{
    fixture_advance_us(f, seconds * SELLIFY_SECOND);
}

/* --- requests over the real sockets --- */

FIXTURE_UNUSED static int
fixture_connect(const worker_fixture_t *f, int which)
{
    struct sockaddr_un un;
    int fd = fixture_socket(f, which, &un);
    assert_int_equal(0, connect(fd, (struct sockaddr *) &un, sizeof(un)));
    return fd;
}

/* Runs the loop until the server closes, or until the client has an answer of
 * known length. */
FIXTURE_UNUSED static void
fixture_read(worker_fixture_t *f, int fd)
{
    char *all = malloc(FIXTURE_ANSWER_MAX + 8192);
    size_t len = 0;
    assert_non_null(all);
    for (int i = 0; i < FIXTURE_PASSES_MAX; i++) {
        worker_pass(&f->w, 5000);
        ssize_t n;
        while (
            (n = recv(fd, all + len, FIXTURE_ANSWER_MAX + 8191 - len, 0)) > 0) {
            len += (size_t) n;
        }
        all[len] = '\0';
        char *end = strstr(all, "\r\n\r\n");
        char *length = strcasestr(all, "\r\nContent-Length: ");
        size_t body = length != NULL ? strtoul(length + 18, NULL, 10) : 0;
        if (end != NULL &&
            (n == 0 || (length != NULL && length < end &&
                           len >= (size_t) (end + 4 - all) + body))) {
            end[2] = '\0';
            f->status = atoi(all + 9);
            snprintf(f->headers, sizeof(f->headers), "%s", all);
            snprintf(f->body, sizeof(f->body), "%s", end + 4);
            free(all);
            return;
        }
        if (n == 0) {
            break;
        }
    }
    free(all);
    fail_msg("no answer");
}

FIXTURE_UNUSED static void
fixture_send(worker_fixture_t *f, int fd, const char *data, size_t len)
{
    size_t sent = 0;
    for (int i = 0; sent < len && i < FIXTURE_PASSES_MAX * 10; i++) {
        ssize_t n = send(fd, data + sent, len - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t) n;
        } else {
            worker_pass(&f->w, 1000);
        }
    }
    assert_int_equal(len, sent);
}

/* `headers` are whole lines, each with its \r\n; a body without a Content-Type
 * among them is sent as application/json. */
FIXTURE_UNUSED static void
fixture_ask(worker_fixture_t *f, int which, const char *method,
    const char *path, const char *headers, const char *body)
{
    size_t size = 1024 + strlen(path) + (headers ? strlen(headers) : 0) +
                  (body ? strlen(body) : 0);
    char *request = malloc(size);
    const char *type =
        body != NULL &&
                (headers == NULL || strstr(headers, "Content-Type") == NULL)
            ? "Content-Type: application/json\r\n"
            : "";
    assert_non_null(request);
    int n = snprintf(request, size,
        "%s %s HTTP/1.1\r\nHost: unit\r\nConnection: close\r\n%s%s"
        "Content-Length: %zu\r\n\r\n%s",
        method, path, type, headers ? headers : "", body ? strlen(body) : 0,
        body ? body : "");
    int fd = fixture_connect(f, which);
    fixture_send(f, fd, request, (size_t) n);
    fixture_read(f, fd);
    close(fd);
    free(request);
}

#endif
