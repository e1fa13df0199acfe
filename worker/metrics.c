/*
 * The worker's Prometheus text.  A table of families, a hash of series; the text
 * is written family by family, so that HELP and TYPE stand once before all
 * series of a family, as the format asks.
 */
#include "metrics.h"

#include "../core/version.h"
#include "http/http.h"
#include "log.h"
#include "memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUCKETS 12
#define SLOTS (METRICS_SERIES_MAX * 2) /* half empty: probes stay short */
#define HOOKS_MAX 16
#define PROGRAM 1u /* nginx counts this family too */

typedef enum { COUNTER, GAUGE, HISTOGRAM } type_t;

typedef struct {
    const char *name, *help;
    type_t type;
    const char *label_a, *label_b;
    unsigned flags;
} family_t;

static const family_t families[METRICS_FAMILIES] = {
    [METRIC_DECISIONS] = { "sellify_decisions_total", "Decisions taken.",
        COUNTER, "action", NULL, PROGRAM },
    [METRIC_CONVERSATION_STATE] = { "sellify_conversation_state",
        "Conversations in each state.", GAUGE, "state", NULL, 0 },
    [METRIC_QUOTA_USAGE] = { "sellify_quota_usage",
        "Units used in the running window.", GAUGE, "instance", "type", 0 },
    [METRIC_QUOTA_LIMIT] = { "sellify_quota_limit",
        "Units allowed in a window.", GAUGE, "instance", "type", 0 },
    [METRIC_QUOTA_TODAY] = { "sellify_quota_messages_today",
        "Messages of this day, all instances.", GAUGE, NULL, NULL, 0 },
    [METRIC_QUOTA_WEEK] = { "sellify_quota_messages_week",
        "Messages of this week, all instances.", GAUGE, NULL, NULL, 0 },
    [METRIC_QUOTA_IMAGES] = { "sellify_quota_images_today",
        "Images of this day, all instances.", GAUGE, NULL, NULL, 0 },
    [METRIC_QUOTA_VIDEOS] = { "sellify_quota_videos_week",
        "Videos of this week, all instances.", GAUGE, NULL, NULL, 0 },
    [METRIC_QUOTA_RESETS] = { "sellify_quota_resets_total",
        "Resets of quota counters.", COUNTER, "reset_type", NULL, 0 },
    [METRIC_QUOTA_LIMIT_REACHED] = { "sellify_quota_limit_reached_total",
        "Sends refused because a quota was used up.", COUNTER, "quota_type",
        NULL, 0 },
    [METRIC_AI_DURATION] = { "sellify_ai_generation_duration_seconds",
        "Time that generating a text took.", HISTOGRAM, "provider", NULL, 0 },
    [METRIC_AI_REQUESTS] = { "sellify_ai_requests_total",
        "Requests to AI providers.", COUNTER, "provider", "status", 0 },
    [METRIC_AI_CACHE] = { "sellify_ai_cache_total",
        "Look-ups in the cache of answers.", COUNTER, "result", NULL, 0 },
    [METRIC_AI_CIRCUIT] = { "sellify_ai_circuit_state",
        "0 closed, 1 half open, 2 open.", GAUGE, "provider", NULL, 0 },
    [METRIC_VALIDATION_RESULTS] = { "sellify_validation_results_total",
        "Texts validated.", COUNTER, "result", NULL, PROGRAM },
    [METRIC_VALIDATION_VIOLATIONS] = { "sellify_validation_violations_total",
        "Violations found in texts.", COUNTER, "rule", NULL, PROGRAM },
    [METRIC_HTTP_REQUESTS] = { "sellify_http_requests_total",
        "Requests answered.", COUNTER, "endpoint", "status", PROGRAM },
    [METRIC_HTTP_DURATION] = { "sellify_http_request_duration_seconds",
        "Time that answering took.", HISTOGRAM, "endpoint", NULL, PROGRAM },
    [METRIC_AUDIT_LOGS] = { "sellify_audit_logs_total",
        "Audit entries written.", COUNTER, NULL, NULL, 0 },
    [METRIC_ALERTS] = { "sellify_alerts_sent_total",
        "Alerts raised for a human.", COUNTER, "severity", NULL, 0 },
    [METRIC_MESSAGES] = { "sellify_messages_total",
        "Messages that the pipeline handled.", COUNTER, "direction", "outcome",
        0 },
    [METRIC_PIPELINE_DEPTH] = { "sellify_pipeline_depth",
        "Jobs waiting in each step.", GAUGE, "step", NULL, 0 },
    [METRIC_COMMIT_DURATION] = { "sellify_commit_duration_seconds",
        "Time that a COMMIT took.", HISTOGRAM, NULL, NULL, 0 },
    [METRIC_RULESET_VERSION] = { "sellify_ruleset_version",
        "Version of the ruleset in force.", GAUGE, NULL, NULL, PROGRAM },
    [METRIC_LICENSE_STATE] = { "sellify_license_state",
        "1 for the state of the licence.", GAUGE, "state", NULL, 0 },
    [METRIC_LICENSE_EXPIRY] = { "sellify_license_expiry_seconds",
        "Seconds until the licence expires.", GAUGE, NULL, NULL, 0 },
    [METRIC_BUILD_INFO] = { "sellify_build_info", "Version of the program.",
        GAUGE, "version", NULL, PROGRAM },
    [METRIC_SERIES_DROPPED] = { "sellify_metrics_series_dropped_total",
        "Values lost because there were too many series.", COUNTER, NULL, NULL,
        0 },
};

static const double bounds[BUCKETS] = { 0.0005, 0.001, 0.0025, 0.005, 0.01,
    0.025, 0.05, 0.1, 0.5, 1, 5, 30 };

typedef struct {
    char a[METRICS_LABEL_MAX + 1], b[METRICS_LABEL_MAX + 1];
    uint8_t family;
    uint64_t count; /* counter; or observations */
    double value;   /* gauge; or sum of the observations */
    uint64_t buckets[BUCKETS];
} series_t;

struct metrics {
    series_t *series; /* in the order of their first use */
    size_t count;
    uint16_t *slots; /* hash to place in `series` plus one; 0: free */
    void (*hooks[HOOKS_MAX])(worker_t *w);
    size_t hook_count;
};

/* FNV-1a. */
static uint32_t
hash_of(metric_t family, const char *a, const char *b)
{
    uint32_t hash = 2166136261u ^ (uint32_t) family;

    for (; *a != '\0'; a++) {
        hash = (hash ^ (uint8_t) *a) * 16777619u;
    }
    hash = (hash ^ 0xff) * 16777619u;
    for (; *b != '\0'; b++) {
        hash = (hash ^ (uint8_t) *b) * 16777619u;
    }
    return hash;
}

/* A cut label must not end within a character. */
static void
copy_label(char out[METRICS_LABEL_MAX + 1], const char *label)
{
    size_t len = label == NULL ? 0 : strlen(label);

    if (len > METRICS_LABEL_MAX) {
        len = METRICS_LABEL_MAX;
        while (len > 0 && ((uint8_t) label[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    if (len > 0) {
        memcpy(out, label, len);
    }
    out[len] = '\0';
}

static series_t *
find(worker_t *w, metric_t family, const char *a, const char *b)
{
    struct metrics *m = w->metrics;
    char label_a[METRICS_LABEL_MAX + 1], label_b[METRICS_LABEL_MAX + 1];
    size_t at;

    if (m == NULL || family >= METRICS_FAMILIES) {
        return NULL;
    }
    copy_label(label_a, a);
    copy_label(label_b, b);
    at = hash_of(family, label_a, label_b) % SLOTS;
    for (; m->slots[at] != 0; at = (at + 1) % SLOTS) {
        series_t *s = &m->series[m->slots[at] - 1];

        if (s->family == family && strcmp(s->a, label_a) == 0 &&
            strcmp(s->b, label_b) == 0) {
            return s;
        }
    }
    /* The last place is for the count of what was dropped. */
    if (m->count >= METRICS_SERIES_MAX - 1 && family != METRIC_SERIES_DROPPED) {
        metrics_add(w, METRIC_SERIES_DROPPED, NULL, NULL, 1);
        return NULL;
    }
    series_t *fresh = &m->series[m->count++];
    m->slots[at] = (uint16_t) m->count;
    memset(fresh, 0, sizeof(*fresh));
    fresh->family = (uint8_t) family;
    memcpy(fresh->a, label_a, sizeof(label_a));
    memcpy(fresh->b, label_b, sizeof(label_b));
    return fresh;
}

void
metrics_add(
    worker_t *w, metric_t family, const char *a, const char *b, uint64_t count)
{
    series_t *s = find(w, family, a, b);

    if (s != NULL) {
        s->count += count;
    }
}

void
metrics_set(
    worker_t *w, metric_t family, const char *a, const char *b, double value)
{
    series_t *s = find(w, family, a, b);

    if (s != NULL) {
        s->value = value;
    }
}

void
metrics_observe(worker_t *w, metric_t family, const char *a, double seconds)
{
    series_t *s = find(w, family, a, NULL);

    if (s == NULL) {
        return;
    }
    s->count++;
    s->value += seconds;
    for (int i = 0; i < BUCKETS; i++) {
        if (seconds <= bounds[i]) {
            s->buckets[i]++;
            break;
        }
    }
}

typedef struct {
    worker_t *worker;
    metric_t family;
    char a[METRICS_LABEL_MAX + 1], b[METRICS_LABEL_MAX + 1];
} pending_t;

static void
count_pending(void *data, int committed)
{
    pending_t *p = data;

    if (committed) {
        metrics_add(p->worker, p->family, p->a, p->b, 1);
    }
    free(p);
}

void
metrics_committed(worker_t *w, metric_t family, const char *a, const char *b)
{
    pending_t *p = memory_get(sizeof(*p));

    p->worker = w;
    p->family = family;
    copy_label(p->a, a);
    copy_label(p->b, b);
    turn_effect(w->turn, count_pending, p);
}

/* The hash has no deletion, so it is filled again. */
void
metrics_clear(worker_t *w, metric_t family)
{
    struct metrics *m = w->metrics;
    size_t count = m->count;

    memset(m->slots, 0, SLOTS * sizeof(*m->slots));
    m->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (m->series[i].family != family) {
            series_t keep = m->series[i];
            series_t *s = find(w, keep.family, keep.a, keep.b);

            if (s != NULL) {
                *s = keep;
            }
        }
    }
}

void
metrics_on_scrape(worker_t *w, void (*fn)(worker_t *w))
{
    struct metrics *m = w->metrics;

    if (m->hook_count == HOOKS_MAX) {
        abort(); /* a fault of the program, seen at its first start */
    }
    m->hooks[m->hook_count++] = fn;
}

/* --- the text --- */

typedef struct {
    char *data;
    size_t len, size;
} text_t;

static void append(text_t *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
append(text_t *text, const char *format, ...)
{
    va_list args;
    int len;

    for (;;) {
        va_start(args, format);
        len = vsnprintf(
            text->data + text->len, text->size - text->len, format, args);
        va_end(args);
        if ((size_t) len < text->size - text->len) {
            text->len += (size_t) len;
            return;
        }
        text->size = text->size * 2 + (size_t) len;
        text->data = memory_grow(text->data, text->size);
    }
}

static void
append_label(text_t *text, int *first, const char *name, const char *value)
{
    append(text, "%s%s=\"", *first ? "{" : ",", name);
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            append(text, "\\%c", *value);
        } else if (*value == '\n') {
            append(text, "\\n");
        } else {
            append(text, "%c", *value);
        }
    }
    append(text, "\"");
    *first = 0;
}

static void
append_labels(
    text_t *text, const family_t *family, const series_t *s, const char *le)
{
    int first = 1;

    if (family->label_a != NULL) {
        append_label(text, &first, family->label_a, s->a);
    }
    if (family->label_b != NULL) {
        append_label(text, &first, family->label_b, s->b);
    }
    if (family->flags & PROGRAM) {
        append_label(text, &first, "program", "worker");
    }
    if (le != NULL) {
        append_label(text, &first, "le", le);
    }
    append(text, "%s", first ? "" : "}");
}

static void
append_histogram(text_t *text, const family_t *family, const series_t *s)
{
    uint64_t sum = 0;
    char le[24];

    for (int i = 0; i < BUCKETS; i++) {
        sum += s->buckets[i];
        snprintf(le, sizeof(le), "%g", bounds[i]);
        append(text, "%s_bucket", family->name);
        append_labels(text, family, s, le);
        append(text, " %" PRIu64 "\n", sum);
    }
    append(text, "%s_bucket", family->name);
    append_labels(text, family, s, "+Inf");
    append(text, " %" PRIu64 "\n%s_sum", s->count, family->name);
    append_labels(text, family, s, NULL);
    append(text, " %.9g\n%s_count", s->value, family->name);
    append_labels(text, family, s, NULL);
    append(text, " %" PRIu64 "\n", s->count);
}

static void
append_series(text_t *text, const family_t *family, const series_t *s)
{
    if (family->type == HISTOGRAM) {
        append_histogram(text, family, s);
        return;
    }
    append(text, "%s", family->name);
    append_labels(text, family, s, NULL);
    if (family->type == COUNTER) {
        append(text, " %" PRIu64 "\n", s->count);
    } else {
        append(text, " %.17g\n", s->value);
    }
}

static void
append_family(text_t *text, const struct metrics *m, metric_t id)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };
    const family_t *family = &families[id];
    int first = 1;

    for (size_t i = 0; i < m->count; i++) {
        if (m->series[i].family != id) {
            continue;
        }
        if (first) {
            append(text, "# HELP %s %s\n# TYPE %s %s\n", family->name,
                family->help, family->name, types[family->type]);
            first = 0;
        }
        append_series(text, family, &m->series[i]);
    }
}

char *
metrics_text(worker_t *w, size_t *len)
{
    text_t text = { .size = 16384 };

    text.data = memory_get(text.size);
    for (size_t i = 0; i < w->metrics->hook_count; i++) {
        w->metrics->hooks[i](w);
    }
    for (int id = 0; id < METRICS_FAMILIES; id++) {
        append_family(&text, w->metrics, id);
    }
    *len = text.len;
    return text.data;
}

static void
get_metrics(http_request_t *request)
{
    size_t len;
    char *text = metrics_text(request->worker, &len);

    http_reply_text(request, 200, "text/plain; version=0.0.4; charset=utf-8",
        (sellify_str_t){ text, len });
    free(text);
}

/* nginx decides from which addresses it may be asked. */
static const http_route_t routes[] = {
    { HTTP_GET, "/metrics", HTTP_ACCESS_PUBLIC, 0, 0, HTTP_ROUTE_BARE,
        get_metrics },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

int
metrics_setup(worker_t *w)
{
    w->metrics = memory_get(sizeof(*w->metrics));
    w->metrics->series =
        memory_get(METRICS_SERIES_MAX * sizeof(*w->metrics->series));
    w->metrics->slots = memory_get(SLOTS * sizeof(*w->metrics->slots));
    metrics_set(w, METRIC_BUILD_INFO, SELLIFY_VERSION, NULL, 1);
    http_routes_add(w->http, routes);
    return 0;
}

void
metrics_shutdown(worker_t *w)
{
    if (w->metrics != NULL) {
        free(w->metrics->series);
        free(w->metrics->slots);
        free(w->metrics);
        w->metrics = NULL;
    }
}
