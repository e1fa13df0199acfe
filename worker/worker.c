/* The worker's life: set-up in one visible order, the loop, the drain. */

#include "worker.h"
#include "../core/version.h"
#include "ai/ai.h"
#include "alerts.h"
#include "audit.h"
#include "conversations.h"
#include "flow/flow.h"
#include "http/client.h"
#include "http/server.h"
#include "keys.h"
#include "license.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "policy.h"
#include "products.h"
#include "publisher.h"
#include "quotas.h"
#include "scheduler.h"
#include "simulation.h"
#include "status.h"
#include "store/setup.h"
#include "whatsapp/whatsapp.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKER_DRAIN_US (9 * SELLIFY_SECOND) /* the parent kills after 10 */
#define WORKER_TICK_S 1

/* In this order; shutdown the other way round.  Subsystems add their line; the
 * server is made early, because every set-up adds its routes, and listens only
 * when all of this stands. */
/* clang-format off */
static const worker_part_t worker_parts[] = {
    { "store",      store_setup,      store_shutdown },
    { "publisher",  publisher_setup,  publisher_shutdown },
    { "http",       http_setup,       http_shutdown },
    { "metrics",    metrics_setup,    metrics_shutdown },
    { "http client", http_client_setup, http_client_shutdown },
    { "simulation", simulation_setup, simulation_shutdown },
    { "policy",     policy_setup,     policy_shutdown },
    { "license",    license_setup,    license_shutdown },
    { "audit",      audit_setup,      audit_shutdown },
    { "scheduler",  scheduler_setup,  scheduler_shutdown },
    { "quotas",     quotas_setup,     quotas_shutdown },
    { "keys",       keys_setup,       keys_shutdown },
    { "products",   products_setup,   products_shutdown },
    { "conversations", conversations_setup, conversations_shutdown },
    { "alerts",     alerts_setup,     alerts_shutdown },
    { "ai",         ai_setup,         ai_shutdown },
    { "whatsapp",   whatsapp_setup,   whatsapp_shutdown },
    { "flow",       flow_setup,       flow_shutdown },
    { "status",     status_setup,     status_shutdown },
};
/* clang-format on */
#define WORKER_PARTS (sizeof(worker_parts) / sizeof(worker_parts[0]))

struct worker_loop {
    struct event *signals[4];
    struct event *tick;
    struct event *timer;
    int ticked, stop;
    int64_t drain_until; /* real monotonic */
    size_t parts_up;
};

sellify_time_t
worker_now(const worker_t *w)
{
    return turn_time(w->turn);
}

/* --- set-up and shutdown --- */

static int
worker_setup_part(worker_t *w, const worker_part_t *part)
{
    /* The store's own set-up is what makes steps possible. */
    int in_step = w->store != NULL;
    if (in_step && turn_step_begin(w->turn) != 0) {
        w->start_status = WORKER_UNREADY;
        return -1;
    }
    int rc = part->setup(w);
    if (in_step && turn_step_end(w->turn, rc == 0) != 0 && rc == 0) {
        w->start_status = WORKER_UNREADY;
        rc = -1;
    }
    uint64_t poisoned = turn_stats(w->turn)->poisoned;
    turn_finish(w->turn);
    if (turn_stats(w->turn)->poisoned != poisoned) {
        w->start_status = WORKER_UNREADY;
        rc = -1;
    }
    if (rc != 0) {
        log_error("worker", "set-up failed", "%s", part->name);
    }
    return rc;
}

static int
worker_setup_base(worker_t *w)
{
    struct event_config *config = event_config_new();
    w->clock = SELLIFY_CLOCK_REAL;
    w->loop = memory_get(sizeof(*w->loop));
    w->turn = turn_new(&w->clock);
    turn_hold_time(w->turn, w->options->hold_time);
    w->timers = timers_new();
    if (config != NULL) {
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        w->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (w->base == NULL) {
        log_error("worker", "no event base", "%s", strerror(errno));
        return -1;
    }
    return 0;
}

static void
worker_tick(evutil_socket_t fd, short what, void *data)
{
    (void) fd;
    (void) what;
    ((worker_t *) data)->loop->ticked = 1;
}

static void
worker_timer(evutil_socket_t fd, short what, void *data)
{
    (void) fd;
    (void) what;
    worker_t *w = data;
    timers_run(w->timers, worker_now(w));
}

static int
worker_setup_events(worker_t *w)
{
    struct timeval second = { WORKER_TICK_S, 0 };
    w->loop->tick = event_new(w->base, -1, EV_PERSIST, worker_tick, w);
    w->loop->timer = event_new(w->base, -1, 0, worker_timer, w);
    return w->loop->tick != NULL && w->loop->timer != NULL &&
                   event_add(w->loop->tick, &second) == 0
               ? 0
               : -1;
}

int
worker_setup(worker_t *w, const worker_options_t *options)
{
    w->options = options;
    if (worker_setup_base(w) != 0) {
        return -1;
    }
    for (size_t i = 0; i < WORKER_PARTS; i++) {
        if (worker_setup_part(w, &worker_parts[i]) != 0) {
            return -1;
        }
        w->loop->parts_up = i + 1;
    }
    if (worker_setup_events(w) != 0 || http_listen(w) != 0) {
        return -1;
    }
    publisher_heartbeat(w);
    return 0;
}

static void
worker_free_event(struct event *event)
{
    if (event != NULL) {
        event_free(event);
    }
}

void
worker_shutdown(worker_t *w)
{
    if (w->loop == NULL) {
        return;
    }
    for (size_t i = w->loop->parts_up; i > 0; i--) {
        worker_parts[i - 1].shutdown(w);
    }
    for (int i = 0; i < 4; i++) {
        worker_free_event(w->loop->signals[i]);
    }
    worker_free_event(w->loop->tick);
    worker_free_event(w->loop->timer);
    if (w->base != NULL) {
        event_base_free(w->base);
    }
    timers_free(w->timers);
    turn_free(w->turn);
    free(w->loop);
    w->loop = NULL;
    w->base = NULL;
    w->timers = NULL;
    w->turn = NULL;
}

/* --- the loop --- */

static void
worker_second(worker_t *w)
{
    publisher_heartbeat(w);
    store_idle(w->store);
}

static void
worker_finish(worker_t *w)
{
    uint64_t commits = turn_stats(w->turn)->commits;
    turn_finish(w->turn);
    if (turn_stats(w->turn)->commits != commits) {
        metrics_observe(w, METRIC_COMMIT_DURATION, NULL,
            (double) turn_stats(w->turn)->commit_us / 1e6);
    }
}

void
worker_pass(worker_t *w, int64_t wait_us)
{
    int64_t wait = timers_wait(w->timers, &w->clock, worker_now(w));
    /* The wait ends in another moment than it began. */
    turn_refresh_time(w->turn);
    if (wait > wait_us) {
        wait = wait_us;
    }
    struct timeval tv = { wait / SELLIFY_SECOND, wait % SELLIFY_SECOND };
    evtimer_add(w->loop->timer, &tv);
    event_base_loop(w->base, EVLOOP_ONCE);
    worker_finish(w);
    if (w->loop->ticked) {
        w->loop->ticked = 0;
        worker_second(w);
    }
}

static int
worker_may_stop(const worker_t *w)
{
    if (!w->draining) {
        return 0;
    }
    if (sellify_clock_monotonic() >= w->loop->drain_until) {
        log_warn("worker", "drain cut short", "%zu requests, %u calls",
            http_pending(w->http), w->in_flight);
        return 1;
    }
    return http_pending(w->http) == 0 && w->in_flight == 0;
}

static void
worker_loop(worker_t *w)
{
    while (!worker_may_stop(w)) {
        worker_pass(w, w->draining ? SELLIFY_SECOND / 20 : TIMERS_WAIT_MAX);
    }
}

/* --- signals --- */

static void
worker_drain(worker_t *w)
{
    if (w->draining) {
        log_warn("worker", "ends at once", "asked a second time");
        _exit(1);
    }
    log_info("worker", "drains", NULL);
    w->draining = 1;
    w->loop->drain_until = sellify_clock_monotonic() + WORKER_DRAIN_US;
    http_drain(w->http);
    publisher_touch(w, PUBLISH_HEADER);
}

static void
worker_reload(worker_t *w)
{
    settings_t fresh;
    if (settings_load(&fresh, w->options->conf) != 0) {
        log_error("settings", "not taken over", "the old ones stay");
        return;
    }
    settings_reload(&w->settings, &fresh);
    log_setup((log_level_t) w->settings.log_level);
    publisher_touch(w, PUBLISH_HEADER | PUBLISH_INSTANCES);
    log_info("settings", "read again", NULL);
}

static void
worker_signal(evutil_socket_t signum, short what, void *data)
{
    (void) what;
    worker_t *w = data;
    switch (signum) {
    case SIGHUP:
        worker_reload(w);
        break;
    case SIGUSR1:
        log_info("worker", "logs reopened", "they go to stderr: nothing to do");
        break;
    default:
        worker_drain(w);
        break;
    }
}

static int
worker_setup_signals(worker_t *w)
{
    static const int signals[4] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
    for (int i = 0; i < 4; i++) {
        w->loop->signals[i] =
            evsignal_new(w->base, signals[i], worker_signal, w);
        if (w->loop->signals[i] == NULL ||
            evsignal_add(w->loop->signals[i], NULL) != 0) {
            log_error("worker", "no signals", "%s", strerror(errno));
            return -1;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    return 0;
}

/* --- the child --- */

/* Neither a core dump nor a debugger of the same user may see keys. */
static void
worker_harden(void)
{
    struct rlimit none = { 0, 0 }, files;
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void
worker_say_ready(const worker_t *w)
{
    if (w->options->ready_fd >= 0) {
        ssize_t ignored = write(w->options->ready_fd, "R", 1);
        (void) ignored;
        close(w->options->ready_fd);
    }
    log_info("worker", "ready", "version %s", SELLIFY_VERSION);
}

int
worker_run(const worker_options_t *options)
{
    worker_t w = { .draining = 0 };
    worker_harden();
    if (settings_load(&w.settings, options->conf) != 0) {
        return WORKER_REFUSED;
    }
    log_setup((log_level_t) w.settings.log_level);

    int status = 0;
    if (worker_setup(&w, options) == 0 && worker_setup_signals(&w) == 0) {
        worker_say_ready(&w);
        worker_loop(&w);
        log_info("worker", "ends", NULL);
    } else {
        status = w.start_status ? w.start_status : WORKER_REFUSED;
    }
    worker_shutdown(&w);
    settings_free(&w.settings);
    return status;
}
