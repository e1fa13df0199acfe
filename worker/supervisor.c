/* Keeps one child running; see supervisor.h and main.c. */
#include "supervisor.h"
#include "log.h"
#include "worker.h"

#include "../core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_US (10 * SELLIFY_SECOND)
#define LIVED_US (1 * SELLIFY_SECOND) /* longer: start again at once */
#define BACKOFF_MIN_US 50000
#define BACKOFF_MAX_US (5 * SELLIFY_SECOND)

typedef struct {
    supervisor_t *config;
    int signal_fd, ready_fd; /* ready_fd -1: ready, or no child */
    sigset_t inherited;      /* what the child gets back */
    pid_t child;             /* 0: none */
    int stopping, replacing, held;
    int was_ready; /* a child was, once: the settings can work */
    int64_t started_at, kill_at, start_at; /* monotonic; 0: none */
    int64_t backoff;
} state_t;

/* systemd's readiness protocol, sd_notify(3): one datagram. */
static void
notify(const char *message)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;
    int fd;

    if (len == 0 || len >= sizeof(address.sun_path)) {
        return;
    }
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* abstract */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void) sendto(fd, message, strlen(message), MSG_NOSIGNAL,
            (struct sockaddr *) &address,
            (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len));
        close(fd);
    }
}

static void
child_main(state_t *s, pid_t parent, int ready_fd)
{
    worker_options_t start = { .conf = s->config->conf_file,
        .listen_fd = s->config->sockets.worker_fd,
        .admin_fd = s->config->sockets.admin_fd,
        .ready_fd = ready_fd };

    /* A child without its parent would hold the database against the next. */
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(WORKER_UNREADY);
    }
    close(s->signal_fd);
    close(s->config->sockets.lock_fd);
    (void) sigprocmask(SIG_SETMASK, &s->inherited, NULL);
    exit(worker_run(&start));
}

static void
start_child(state_t *s)
{
    pid_t parent = getpid();
    int ready[2];

    s->start_at = 0;
    if (pipe2(ready, O_CLOEXEC) != 0) {
        log_error("supervisor", "pipe failed", "%s", strerror(errno));
        s->start_at = sellify_clock_monotonic() + BACKOFF_MAX_US;
        return;
    }
    s->child = fork();
    if (s->child == 0) {
        close(ready[0]);
        child_main(s, parent, ready[1]);
    }
    close(ready[1]);
    if (s->child < 0) {
        log_error("supervisor", "fork failed", "%s", strerror(errno));
        close(ready[0]);
        s->child = 0;
        s->start_at = sellify_clock_monotonic() + BACKOFF_MAX_US;
        return;
    }
    s->ready_fd = ready[0];
    s->started_at = sellify_clock_monotonic();
    s->kill_at = 0;
    listen_write_child_pid(&s->config->sockets, s->child);
}

static void
on_ready(state_t *s)
{
    char byte;

    if (read(s->ready_fd, &byte, 1) == 1) {
        log_info("supervisor", "ready", "child %ld", (long) s->child);
        s->was_ready = 1;
        notify("READY=1");
    }
    close(s->ready_fd);
    s->ready_fd = -1;
}

/* A child that dies young is started again later and later. */
static void
schedule_start(state_t *s, int64_t now)
{
    if (s->held) {
        log_info("supervisor", "held", "no child until the next SIGUSR2");
        return;
    }
    if (s->replacing || now - s->started_at >= LIVED_US) {
        s->backoff = 0;
        s->start_at = now;
    } else {
        s->backoff = s->backoff == 0 ? BACKOFF_MIN_US : s->backoff * 2;
        if (s->backoff > BACKOFF_MAX_US) {
            s->backoff = BACKOFF_MAX_US;
        }
        s->start_at = now + s->backoff;
    }
    s->replacing = 0;
}

/* Returns the exit status of the program, or -1 to go on. */
static int
on_child_end(state_t *s, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;

    s->child = 0;
    s->kill_at = 0;
    listen_write_child_pid(&s->config->sockets, 0);
    if (s->ready_fd >= 0) {
        close(s->ready_fd);
        s->ready_fd = -1;
    }
    if (s->stopping) {
        return code == 128 ? 1 : code;
    }
    if (WIFSIGNALED(status)) {
        log_error("supervisor", "child died", "signal %d", WTERMSIG(status));
    } else if (code == WORKER_REFUSED && !s->was_ready) {
        log_error("supervisor", "child refused to start",
            "see the line before; not starting it again");
        return code;
    } else if (!s->replacing) {
        log_error("supervisor", "child ended", "status %d", code);
    }
    schedule_start(s, sellify_clock_monotonic());
    return -1;
}

static void
stop_child(state_t *s)
{
    if (s->child != 0) {
        (void) kill(s->child, SIGTERM);
        s->kill_at = sellify_clock_monotonic() + DRAIN_US;
    }
}

static int
on_term(state_t *s)
{
    if (s->child == 0) {
        return 0;
    }
    if (s->stopping) {
        (void) kill(s->child, SIGKILL);
        return -1;
    }
    s->stopping = 1;
    notify("STOPPING=1");
    stop_child(s);
    return -1;
}

/* Good settings replace the child; bad ones are told and change nothing. */
static void
on_hup(state_t *s)
{
    settings_t fresh;

    if (settings_load(&fresh, s->config->conf_file) != 0) {
        log_error("supervisor", "settings refused", "the old ones stay");
        return;
    }
    if (strcmp(fresh.socket, s->config->settings.socket) != 0 ||
        strcmp(fresh.admin_socket, s->config->settings.admin_socket) != 0) {
        log_error("supervisor", "settings refused",
            "a socket's path changes only with a restart");
        settings_free(&fresh);
        return;
    }
    settings_free(&s->config->settings);
    s->config->settings = fresh;
    log_setup((log_level_t) fresh.log_level);
    log_info("supervisor", "settings read again", "replacing the child");
    s->replacing = s->child != 0;
    stop_child(s);
}

static void
on_usr2(state_t *s)
{
    s->held = !s->held;
    if (s->held) {
        s->start_at = 0;
    } else if (s->child == 0) {
        s->start_at = sellify_clock_monotonic();
    }
    log_info("supervisor", "restart", "%s", s->held ? "off" : "on");
}

static int
on_chld(state_t *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->child) {
            int code = on_child_end(s, status);

            if (code >= 0) {
                return code;
            }
        }
    }
    return -1;
}

/* Returns the exit status of the program, or -1 to go on. */
static int
on_signal(state_t *s)
{
    struct signalfd_siginfo info;

    if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info)) {
        return -1;
    }
    switch (info.ssi_signo) {
    case SIGCHLD:
        return on_chld(s);
    case SIGTERM:
    case SIGINT:
        return on_term(s);
    case SIGHUP:
        on_hup(s);
        return -1;
    case SIGUSR1:
        if (s->child != 0) {
            (void) kill(s->child, SIGUSR1);
        }
        return -1;
    case SIGUSR2:
        on_usr2(s);
        return -1;
    default:
        return -1;
    }
}

static void
on_time(state_t *s)
{
    int64_t now = sellify_clock_monotonic();

    if (s->kill_at != 0 && now >= s->kill_at && s->child != 0) {
        log_error("supervisor", "child did not drain", "killing it");
        (void) kill(s->child, SIGKILL);
        s->kill_at = 0;
    }
    if (s->start_at != 0 && now >= s->start_at && s->child == 0) {
        start_child(s);
    }
}

/* Milliseconds until something is due, -1 for never. */
static int
wait_ms(const state_t *s)
{
    int64_t now = sellify_clock_monotonic(), due = 0;

    if (s->kill_at != 0) {
        due = s->kill_at;
    }
    if (s->start_at != 0 && (due == 0 || s->start_at < due)) {
        due = s->start_at;
    }
    if (due == 0) {
        return -1;
    }
    return due <= now ? 0 : (int) ((due - now) / 1000 + 1);
}

static int
set_up_signals(state_t *s)
{
    static const int handled[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1,
        SIGUSR2 };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++) {
        sigaddset(&set, handled[i]);
    }
    if (sigprocmask(SIG_BLOCK, &set, &s->inherited) != 0) {
        return -1;
    }
    (void) signal(SIGPIPE, SIG_IGN);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return s->signal_fd < 0 ? -1 : 0;
}

int
supervisor_run(supervisor_t *supervisor)
{
    state_t s = { .config = supervisor, .ready_fd = -1 };
    int code = -1;

    if (set_up_signals(&s) != 0) {
        log_error("supervisor", "signals", "%s", strerror(errno));
        return 1;
    }
    start_child(&s);
    while (code < 0) {
        struct pollfd fds[2] = { { s.signal_fd, POLLIN, 0 },
            { s.ready_fd, POLLIN, 0 } };

        if (poll(fds, 2, wait_ms(&s)) < 0 && errno != EINTR) {
            log_error("supervisor", "poll", "%s", strerror(errno));
        }
        if (fds[1].revents != 0) {
            on_ready(&s);
        }
        if (fds[0].revents != 0) {
            code = on_signal(&s);
        }
        on_time(&s);
    }
    listen_close(&supervisor->sockets);
    settings_free(&supervisor->settings);
    return code;
}
