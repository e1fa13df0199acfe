/*
 * Publishes for nginx what a COMMIT has changed; see publisher.h.  A part whose
 * provider fails keeps its old block and is tried again at the next beat, so a
 * full tmpfs or a failed read never shows half of a change: what a header says
 * is current was written before it.
 */
#include "publisher.h"
#include "log.h"
#include "memory.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROVIDERS_MAX 16
#define BEAT_US (SELLIFY_SECOND / 2)
#define RULESETS_KEPT 4 /* a reader may still be loading the one before */

struct publisher {
    sellify_state_writer_t writer;
    struct {
        unsigned what;
        publish_fn fn;
    } providers[PROVIDERS_MAX];
    size_t count;
    unsigned touched;
    int64_t beaten_at; /* monotonic */
    uint64_t tidied;   /* ruleset version up to which old files are gone */
    int failing;       /* said once, until it works again */
};

void
publisher_touch(worker_t *w, unsigned what)
{
    w->publisher->touched |= what;
}

void
publisher_provide(worker_t *w, unsigned what, publish_fn fn)
{
    struct publisher *p = w->publisher;

    if (p->count == PROVIDERS_MAX) {
        log_error("publisher", "too many providers", "%d", PROVIDERS_MAX);
        abort();
    }
    p->providers[p->count].what = what;
    p->providers[p->count++].fn = fn;
    p->touched |= what;
}

static void
say(struct publisher *p, const char *event, int failed)
{
    if (failed && !p->failing) {
        log_error(
            "publisher", event, "%s: %s", p->writer.path, strerror(errno));
    } else if (!failed && p->failing) {
        log_info("publisher", "publishing again", "%s", p->writer.path);
    }
    p->failing = failed;
}

/* Returns the parts that could not be written. */
static unsigned
write_parts(worker_t *w, unsigned touched)
{
    struct publisher *p = w->publisher;
    unsigned left = 0;

    for (size_t i = 0; i < p->count; i++) {
        unsigned due = p->providers[i].what & touched;

        if (due != 0 && p->providers[i].fn(w, &p->writer) != 0) {
            left |= due;
        }
    }
    return left;
}

/* Files of rulesets that nobody can want any more. */
static void
tidy_rulesets(struct publisher *p)
{
    uint64_t current = p->writer.header.ruleset_version;
    char pattern[sizeof(p->writer.path) + 32];
    glob_t found;

    if (current == p->tidied) {
        return;
    }
    p->tidied = current;
    snprintf(pattern, sizeof(pattern), "%s.ruleset-*.json", p->writer.path);
    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0) {
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *number = strrchr(found.gl_pathv[i], '-') + 1;
        uint64_t version = strtoull(number, NULL, 10);

        if (version > current || version + RULESETS_KEPT <= current) {
            (void) unlink(found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

void
publisher_publish(worker_t *w)
{
    struct publisher *p = w->publisher;
    unsigned touched = p->touched;

    if (touched == 0) {
        return;
    }
    p->touched = 0;
    p->touched |= write_parts(w, touched);
    p->writer.header.clock = w->clock;
    p->writer.header.draining = w->draining != 0;
    if (sellify_state_publish(&p->writer) != 0) {
        p->touched |= PUBLISH_HEADER;
    }
    p->beaten_at = sellify_clock_monotonic();
    say(p, "cannot publish", p->touched != 0);
    if (p->touched == 0) {
        tidy_rulesets(p);
    }
}

void
publisher_beat(worker_t *w)
{
    struct publisher *p = w->publisher;

    if (sellify_clock_monotonic() - p->beaten_at >= BEAT_US) {
        p->touched |= PUBLISH_HEADER;
        publisher_publish(w);
    }
}

static void
on_commit(void *data)
{
    publisher_publish(data);
}

int
publisher_setup(worker_t *w)
{
    struct publisher *p = memory_get(sizeof(*p));

    w->publisher = p;
    if (sellify_state_writer_open(&p->writer, w->settings.state_file) != 0) {
        log_error("publisher", "cannot make the state file", "%s: %s",
            w->settings.state_file, strerror(errno));
        free(p);
        w->publisher = NULL;
        return -1;
    }
    turn_on_publish(w->turn, on_commit, w);
    return 0;
}

void
publisher_shutdown(worker_t *w)
{
    if (w->publisher != NULL) {
        sellify_state_writer_close(&w->publisher->writer);
        free(w->publisher);
        w->publisher = NULL;
    }
}
