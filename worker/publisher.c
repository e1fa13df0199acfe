/* The publisher of the state file; see publisher.h. */

#include "publisher.h"
#include "folder.h"
#include "log.h"
#include "memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PUBLISHER_PROVIDERS_MAX 24
#define PUBLISH_EVERYTHING                                                     \
    (PUBLISH_HEADER | PUBLISH_HOURS | PUBLISH_INSTANCES | PUBLISH_KEYS |       \
        PUBLISH_RULESET)

typedef struct {
    unsigned what;
    publish_fn fn;
} publisher_part_t;

struct publisher {
    sellify_state_writer_t writer;
    publisher_part_t parts[PUBLISHER_PROVIDERS_MAX];
    size_t count;
    unsigned touched;
    int placed;  /* the first heartbeat has been */
    int failing; /* said so in the log already */
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
    if (p->count == PUBLISHER_PROVIDERS_MAX) {
        log_error("publisher", "too many providers", NULL);
        abort();
    }
    p->parts[p->count++] = (publisher_part_t){ what, fn };
}

/* --- publishing --- */

static void
publisher_failed(struct publisher *p, const char *what)
{
    if (!p->failing) {
        log_error("publisher", "failed", "%s: %s: %s", p->writer.path, what,
            strerror(errno));
    }
    p->failing = 1;
}

static sellify_health_t
publisher_database(const worker_t *w)
{
    return turn_stats(w->turn)->failing ? SELLIFY_HEALTH_DOWN
                                        : SELLIFY_HEALTH_OK;
}

static void
publisher_fill_header(worker_t *w)
{
    sellify_state_header_t *h = &w->publisher->writer.header;
    h->clock = w->clock;
    h->draining = (uint32_t) w->draining;
    h->database = (uint32_t) publisher_database(w);
}

/* Asks the owners of what was touched. What fails stays touched. */
static void
publisher_ask(worker_t *w)
{
    struct publisher *p = w->publisher;
    unsigned failed = 0;
    unsigned touched = p->touched;
    p->touched = 0;
    for (size_t i = 0; i < p->count; i++) {
        if ((p->parts[i].what & touched) != 0 &&
            p->parts[i].fn(w, &p->writer) != 0) {
            failed |= p->parts[i].what & touched;
        }
    }
    if (failed != 0) {
        publisher_failed(p, "a part could not be written");
    }
    p->touched |= failed;
}

static void
publisher_publish(worker_t *w)
{
    struct publisher *p = w->publisher;
    if (p->touched != 0) {
        const turn_store_t *ops = turn_store(w->turn);
        int wrote;
        if (ops != NULL && ops->begin(w->store) != 0) {
            publisher_failed(p, "the database cannot be read");
            return;
        }
        publisher_ask(w);
        if (ops != NULL && ops->commit(w->store, &wrote) != 0) {
            (void) ops->rollback(w->store);
        }
    }
    publisher_fill_header(w);
    if (sellify_state_publish(&p->writer) != 0) {
        publisher_failed(p, "the header could not be written");
        return;
    }
    if (p->failing && p->touched == 0) {
        log_info("publisher", "works again", "%s", p->writer.path);
        p->failing = 0;
    }
}

/* After each COMMIT; the owners' reads see what it made durable. */
static void
publisher_on_turn(void *data)
{
    worker_t *w = data;
    if (w->publisher->placed && w->publisher->touched != 0) {
        publisher_publish(w);
    }
}

void
publisher_heartbeat(worker_t *w)
{
    struct publisher *p = w->publisher;
    if (!p->placed) {
        p->touched |= PUBLISH_EVERYTHING;
        p->placed = 1;
    }
    publisher_publish(w);
    folder_share(p->writer.fd, p->writer.path);
}

/* --- rulesets --- */

/* The version in "<name>.ruleset-<version>.json", 0 for another file. */
static uint64_t
publisher_version_of(const char *file, const char *name)
{
    size_t len = strlen(name);
    unsigned long long version = 0;
    int end = 0;
    if (strncmp(file, name, len) != 0 ||
        sscanf(file + len, ".ruleset-%llu.json%n", &version, &end) != 1 ||
        end == 0 || file[len + (size_t) end] != '\0') {
        return 0;
    }
    return version;
}

static void
publisher_delete_old(const char *state_file, uint64_t newest)
{
    char folder[PATH_MAX], base[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", state_file);
    snprintf(base, sizeof(base), "%s", state_file);
    const char *name = basename(base);
    DIR *dir = opendir(dirname(folder));
    if (dir == NULL) {
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        uint64_t version = publisher_version_of(entry->d_name, name);
        if (version != 0 && version + PUBLISHER_RULESETS_KEPT <= newest) {
            (void) unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
}

int
publisher_put_ruleset(worker_t *w, uint64_t version, sellify_str_t document)
{
    struct publisher *p = w->publisher;
    char path[PATH_MAX];
    uint8_t sha256[32];
    if (sellify_state_write_ruleset(
            w->settings.state_file, version, document, sha256) != 0) {
        return -1;
    }
    if (sellify_state_ruleset_path(
            w->settings.state_file, version, path, sizeof(path)) > 0) {
        folder_share(-1, path);
    }
    p->writer.header.ruleset_version = version;
    memcpy(p->writer.header.ruleset_sha256, sha256, sizeof(sha256));
    publisher_delete_old(w->settings.state_file, version);
    return 0;
}

/* --- set-up --- */

int
publisher_setup(worker_t *w)
{
    struct publisher *p = memory_get(sizeof(*p));
    if (sellify_state_writer_open(&p->writer, w->settings.state_file) != 0) {
        log_error("publisher", "refused", "SELLIFY_STATE_FILE=%s: %s",
            w->settings.state_file, strerror(errno));
        free(p);
        return -1;
    }
    p->writer.header.started_at = worker_now(w);
    p->writer.header.worker_pid = getpid();
    w->publisher = p;
    turn_on_publish(w->turn, publisher_on_turn, w);
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
