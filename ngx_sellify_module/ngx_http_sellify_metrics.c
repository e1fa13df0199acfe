/*
 * Counters in shared memory, one slot per process so that no two write the same
 * cache line, kept over a reload; and their Prometheus text, merged with the
 * worker's, which a sub-request fetches into memory.
 */
#include "ngx_http_sellify_module.h"

#include "../core/version.h"

#define NGX_HTTP_SELLIFY_CACHE_LINE 64
#define NGX_HTTP_SELLIFY_TEXT_SIZE 16384 /* bytes, grows when needed */

static const char *const ngx_http_sellify_endpoint_names[] = { "other",
    "decision", "validate", "conversation", "quota", "health", "metrics",
    "webhook", "generate", "audit", "products", "conversations", "config",
    "alerts", "keys", "license", "events", "status", "usage", "simulate" };

#define NGX_HTTP_SELLIFY_ENDPOINTS                                             \
    (sizeof(ngx_http_sellify_endpoint_names) /                                 \
        sizeof(ngx_http_sellify_endpoint_names[0]))

/* The last one stands for all others. */
static const ngx_uint_t ngx_http_sellify_statuses[] = { 200, 201, 204, 304, 400,
    401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 499, 500, 502, 503, 504,
    0 };

#define NGX_HTTP_SELLIFY_STATUSES                                              \
    (sizeof(ngx_http_sellify_statuses) / sizeof(ngx_http_sellify_statuses[0]))

/* Upper bounds in microseconds; above the last is +Inf. */
static const struct {
    int64_t us;
    const char *text; /* seconds */
} ngx_http_sellify_buckets[] = {
    { 50, "0.00005" },
    { 100, "0.0001" },
    { 250, "0.00025" },
    { 500, "0.0005" },
    { 1000, "0.001" },
    { 5000, "0.005" },
    { 10000, "0.01" },
    { 50000, "0.05" },
    { 100000, "0.1" },
    { 500000, "0.5" },
    { 1000000, "1" },
    { 5000000, "5" },
};

#define NGX_HTTP_SELLIFY_BUCKETS                                               \
    (sizeof(ngx_http_sellify_buckets) / sizeof(ngx_http_sellify_buckets[0]))

/* Grows only; written by one process at a time. */
typedef struct {
    uint64_t decisions[SELLIFY_ACTIONS];
    uint64_t verdicts[2]; /* refused, valid */
    uint64_t violations[SELLIFY_VIOLATION_RULES];
    uint64_t requests[NGX_HTTP_SELLIFY_ENDPOINTS][NGX_HTTP_SELLIFY_STATUSES];
    uint64_t durations[NGX_HTTP_SELLIFY_ENDPOINTS]
                      [NGX_HTTP_SELLIFY_BUCKETS + 1];
    uint64_t duration_us[NGX_HTTP_SELLIFY_ENDPOINTS];
} __attribute__((aligned(NGX_HTTP_SELLIFY_CACHE_LINE)))
ngx_http_sellify_counters_t;

typedef struct {
    ngx_atomic_t slots; /* in use, for the reader */
    u_char pad[NGX_HTTP_SELLIFY_CACHE_LINE];
    ngx_http_sellify_counters_t *counters;
} ngx_http_sellify_shared_t;

/* A text that grows. */
typedef struct {
    ngx_pool_t *pool;
    u_char *start, *last, *end;
    unsigned failed : 1;
} ngx_http_sellify_text_t;

typedef struct {
    ngx_str_t worker; /* its text; len 0: none */
    unsigned asked : 1;
    unsigned answered : 1;
} ngx_http_sellify_scrape_t;

/* --- counting --- */

static ngx_int_t
ngx_http_sellify_metrics_zone(ngx_shm_zone_t *zone, void *data)
{
    u_char *p;
    ngx_slab_pool_t *pool;
    ngx_http_sellify_shared_t *shared;

    if (data) { /* a reload: the counts go on */
        zone->data = data;
        return NGX_OK;
    }

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = pool->data;
        return NGX_OK;
    }

    shared = ngx_slab_calloc(pool, sizeof(ngx_http_sellify_shared_t));

    /* fresh pages are zero, and those of slots never used stay untouched */

    p = ngx_slab_alloc(
        pool, NGX_MAX_PROCESSES * sizeof(ngx_http_sellify_counters_t) +
                  NGX_HTTP_SELLIFY_CACHE_LINE);

    if (shared == NULL || p == NULL) {
        return NGX_ERROR;
    }

    shared->counters = (ngx_http_sellify_counters_t *) ngx_align_ptr(
        p, NGX_HTTP_SELLIFY_CACHE_LINE);

    pool->data = shared;
    zone->data = shared;

    return NGX_OK;
}

char *
ngx_http_sellify_metrics_configure(
    ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf)
{
    size_t size;
    ngx_str_t name = ngx_string("ngx_http_sellify");

    size = NGX_MAX_PROCESSES * sizeof(ngx_http_sellify_counters_t);
    size += size / 128 + 16 * ngx_pagesize; /* the slab's own pages */

    smcf->metrics = ngx_shared_memory_add(
        cf, &name, ngx_align(size, ngx_pagesize), &ngx_http_sellify_module);
    if (smcf->metrics == NULL) {
        return NGX_CONF_ERROR;
    }

    smcf->metrics->init = ngx_http_sellify_metrics_zone;

    return NGX_CONF_OK;
}

/* The slot of this process. */
static ngx_http_sellify_counters_t *
ngx_http_sellify_metrics_slot(ngx_http_sellify_main_conf_t *smcf)
{
    ngx_atomic_uint_t slots, wanted;
    ngx_http_sellify_shared_t *shared = smcf->metrics->data;

    wanted = (ngx_atomic_uint_t) ngx_process_slot + 1;

    while ((slots = shared->slots) < wanted) {
        (void) ngx_atomic_cmp_set(&shared->slots, slots, wanted);
    }

    return &shared->counters[ngx_process_slot];
}

void
ngx_http_sellify_metrics_decision(
    ngx_http_sellify_main_conf_t *smcf, sellify_action_t action)
{
    ngx_http_sellify_metrics_slot(smcf)->decisions[action]++;
}

void
ngx_http_sellify_metrics_verdict(
    ngx_http_sellify_main_conf_t *smcf, const sellify_verdict_t *verdict)
{
    size_t i;
    ngx_http_sellify_counters_t *c;

    c = ngx_http_sellify_metrics_slot(smcf);
    c->verdicts[verdict->valid ? 1 : 0]++;

    for (i = 0; i < verdict->violation_count; i++) {
        c->violations[verdict->violations[i].rule]++;
    }
}

static ngx_uint_t
ngx_http_sellify_metrics_endpoint(ngx_http_request_t *r)
{
    size_t len;
    ngx_str_t path;
    ngx_uint_t i, versioned;

    path = ngx_http_sellify_api_path(r, &versioned);

    for (len = 1; len < path.len && path.data[len] != '/'; len++) { /* void */
    }

    for (i = 1; i < NGX_HTTP_SELLIFY_ENDPOINTS; i++) {
        if (ngx_strlen(ngx_http_sellify_endpoint_names[i]) == len - 1 &&
            ngx_memcmp(ngx_http_sellify_endpoint_names[i], path.data + 1,
                len - 1) == 0) {
            return i;
        }
    }

    return 0;
}

ngx_int_t
ngx_http_sellify_metrics_log_handler(ngx_http_request_t *r)
{
    int64_t us;
    ngx_uint_t i, status, endpoint;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_counters_t *c;
    ngx_http_sellify_loc_conf_t *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sellify_module);

    if (!slcf->named || r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_sellify_find_ctx(r);
    if (ctx == NULL) {
        return NGX_OK;
    }

    c = ngx_http_sellify_metrics_slot(
        ngx_http_get_module_main_conf(r, ngx_http_sellify_module));
    endpoint = ngx_http_sellify_metrics_endpoint(r);
    status = r->err_status ? r->err_status : r->headers_out.status;

    for (i = 0; i < NGX_HTTP_SELLIFY_STATUSES - 1; i++) {
        if (ngx_http_sellify_statuses[i] == status) {
            break;
        }
    }

    c->requests[endpoint][i]++;

    us = sellify_clock_monotonic() - ctx->started;

    for (i = 0; i < NGX_HTTP_SELLIFY_BUCKETS; i++) {
        if (us <= ngx_http_sellify_buckets[i].us) {
            break;
        }
    }

    c->durations[endpoint][i]++;
    c->duration_us[endpoint] += us;

    return NGX_OK;
}

/* --- text --- */

static void
ngx_http_sellify_text_append(
    ngx_http_sellify_text_t *t, const u_char *data, size_t len)
{
    u_char *p;
    size_t size;

    if (t->failed) {
        return;
    }

    if ((size_t) (t->end - t->last) < len) {
        size = 2 * (t->end - t->start) + len;
        p = ngx_pnalloc(t->pool, size);
        if (p == NULL) {
            t->failed = 1;
            return;
        }

        t->last = ngx_cpymem(p, t->start, t->last - t->start);
        t->start = p;
        t->end = p + size;
    }

    t->last = ngx_cpymem(t->last, data, len);
}

static void
ngx_http_sellify_text_printf(
    ngx_http_sellify_text_t *t, const char *format, ...)
{
    u_char line[512], *p;
    va_list args;

    va_start(args, format);
    p = ngx_vslprintf(line, line + sizeof(line), format, args);
    va_end(args);

    ngx_http_sellify_text_append(t, line, p - line);
}

/* All slots together; a writer may be ahead by one, never torn. */
static void
ngx_http_sellify_metrics_sum(
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    uint64_t *from, *to;
    ngx_uint_t i, n;
    ngx_http_sellify_shared_t *shared = smcf->metrics->data;

    ngx_memzero(sum, sizeof(ngx_http_sellify_counters_t));
    to = (uint64_t *) sum;

    for (i = 0; i < shared->slots; i++) {
        from = (uint64_t *) &shared->counters[i];

        for (n = 0; n < sizeof(*sum) / sizeof(uint64_t); n++) {
            to[n] += from[n];
        }
    }
}

static void
ngx_http_sellify_text_decisions(ngx_http_sellify_text_t *t,
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    ngx_uint_t i;

    for (i = 0; i < SELLIFY_ACTIONS; i++) {
        ngx_http_sellify_text_printf(t,
            "sellify_decisions_total{action=\"%s\",program=\"nginx\"} %uL\n",
            sellify_action_name((sellify_action_t) i), sum->decisions[i]);
    }
}

static void
ngx_http_sellify_text_verdicts(ngx_http_sellify_text_t *t,
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    ngx_http_sellify_text_printf(t,
        "sellify_validation_results_total{result=\"valid\",program=\"nginx\"} "
        "%uL\n"
        "sellify_validation_results_total{result=\"refused\","
        "program=\"nginx\"} %uL\n",
        sum->verdicts[1], sum->verdicts[0]);
}

static void
ngx_http_sellify_text_violations(ngx_http_sellify_text_t *t,
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    ngx_uint_t i;

    for (i = 0; i < SELLIFY_VIOLATION_RULES; i++) {
        ngx_http_sellify_text_printf(t,
            "sellify_validation_violations_total{rule=\"%s\","
            "program=\"nginx\"} %uL\n",
            sellify_violation_name((sellify_violation_rule_t) i),
            sum->violations[i]);
    }
}

static void
ngx_http_sellify_text_requests(ngx_http_sellify_text_t *t,
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    ngx_uint_t e, s;

    for (e = 0; e < NGX_HTTP_SELLIFY_ENDPOINTS; e++) {
        for (s = 0; s < NGX_HTTP_SELLIFY_STATUSES; s++) {
            if (sum->requests[e][s] == 0) {
                continue;
            }

            ngx_http_sellify_text_printf(t,
                "sellify_http_requests_total{endpoint=\"%s\",status=\"",
                ngx_http_sellify_endpoint_names[e]);

            if (ngx_http_sellify_statuses[s]) {
                ngx_http_sellify_text_printf(
                    t, "%ui", ngx_http_sellify_statuses[s]);

            } else {
                ngx_http_sellify_text_printf(t, "other");
            }

            ngx_http_sellify_text_printf(
                t, "\",program=\"nginx\"} %uL\n", sum->requests[e][s]);
        }
    }
}

static void
ngx_http_sellify_text_durations(ngx_http_sellify_text_t *t,
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    uint64_t total;
    ngx_uint_t e, i;
    const char *name;

    for (e = 0; e < NGX_HTTP_SELLIFY_ENDPOINTS; e++) {
        name = ngx_http_sellify_endpoint_names[e];

        for (total = 0, i = 0; i <= NGX_HTTP_SELLIFY_BUCKETS; i++) {
            total += sum->durations[e][i];
        }

        if (total == 0) {
            continue;
        }

        for (total = 0, i = 0; i <= NGX_HTTP_SELLIFY_BUCKETS; i++) {
            total += sum->durations[e][i];

            ngx_http_sellify_text_printf(t,
                "sellify_http_request_duration_seconds_bucket{endpoint=\"%s\","
                "program=\"nginx\",le=\"%s\"} %uL\n",
                name,
                i < NGX_HTTP_SELLIFY_BUCKETS ? ngx_http_sellify_buckets[i].text
                                             : "+Inf",
                total);
        }

        ngx_http_sellify_text_printf(t,
            "sellify_http_request_duration_seconds_sum{endpoint=\"%s\","
            "program=\"nginx\"} %uL.%06uL\n"
            "sellify_http_request_duration_seconds_count{endpoint=\"%s\","
            "program=\"nginx\"} %uL\n",
            name, sum->duration_us[e] / 1000000, sum->duration_us[e] % 1000000,
            name, total);
    }
}

static void
ngx_http_sellify_text_ruleset(ngx_http_sellify_text_t *t,
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    ngx_http_sellify_text_printf(t,
        "sellify_ruleset_version{program=\"nginx\"} %uL\n",
        sellify_ruleset_version(smcf->ruleset->compiled));
}

static void
ngx_http_sellify_text_age(ngx_http_sellify_text_t *t,
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    int64_t us;

    if (smcf->live == NULL || !smcf->live->seen) {
        return;
    }

    us = sellify_clock_monotonic() - smcf->live->header.heartbeat;
    us = ngx_max(us, 0);

    ngx_http_sellify_text_printf(
        t, "sellify_state_age_seconds %L.%06L\n", us / 1000000, us % 1000000);
}

static void
ngx_http_sellify_text_build(ngx_http_sellify_text_t *t,
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum)
{
    ngx_http_sellify_text_printf(t,
        "sellify_build_info{version=\"%s\",program=\"nginx\"} 1\n",
        SELLIFY_VERSION);
}

static const struct {
    const char *name, *type, *help;
    void (*write)(ngx_http_sellify_text_t *t,
        ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_counters_t *sum);
} ngx_http_sellify_families[] = {
    { "sellify_decisions_total", "counter", "Decisions by action.",
        ngx_http_sellify_text_decisions },
    { "sellify_validation_results_total", "counter",
        "Texts validated by result.", ngx_http_sellify_text_verdicts },
    { "sellify_validation_violations_total", "counter",
        "Violations found in texts by rule.",
        ngx_http_sellify_text_violations },
    { "sellify_http_requests_total", "counter",
        "HTTP requests by endpoint and status.",
        ngx_http_sellify_text_requests },
    { "sellify_http_request_duration_seconds", "histogram",
        "Time from request to answer by endpoint.",
        ngx_http_sellify_text_durations },
    { "sellify_ruleset_version", "gauge", "Version of the ruleset in use.",
        ngx_http_sellify_text_ruleset },
    { "sellify_state_age_seconds", "gauge",
        "Age of the worker's heartbeat in the state file.",
        ngx_http_sellify_text_age },
    { "sellify_build_info", "gauge", "Version of each program.",
        ngx_http_sellify_text_build },
};

#define NGX_HTTP_SELLIFY_FAMILIES                                              \
    (sizeof(ngx_http_sellify_families) / sizeof(ngx_http_sellify_families[0]))

/* --- the worker's text --- */

/* Whether a sample line belongs to this family, suffixes of histograms
 * included. */
static ngx_uint_t
ngx_http_sellify_line_in(const u_char *line, size_t len, const char *family)
{
    size_t i, n, rest;

    static const char *const suffixes[] = { "_bucket", "_sum", "_count" };

    n = ngx_strlen(family);

    if (len <= n || ngx_memcmp(line, family, n) != 0) {
        return 0;
    }

    if (line[n] == '{' || line[n] == ' ') {
        return 1;
    }

    for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        rest = ngx_strlen(suffixes[i]);

        if (len > n + rest && ngx_memcmp(line + n, suffixes[i], rest) == 0 &&
            (line[n + rest] == '{' || line[n + rest] == ' ')) {
            return 1;
        }
    }

    return 0;
}

/* The family index of a line, comments included; -1 for the worker's own. */
static ngx_int_t
ngx_http_sellify_line_family(const u_char *line, size_t len)
{
    size_t n;
    ngx_uint_t i;

    if (len > 7 && (ngx_memcmp(line, "# HELP ", 7) == 0 ||
                       ngx_memcmp(line, "# TYPE ", 7) == 0)) {
        line += 7;
        len -= 7;

        for (i = 0; i < NGX_HTTP_SELLIFY_FAMILIES; i++) {
            n = ngx_strlen(ngx_http_sellify_families[i].name);

            if (len > n && line[n] == ' ' &&
                ngx_memcmp(line, ngx_http_sellify_families[i].name, n) == 0) {
                return i;
            }
        }

        return -1;
    }

    for (i = 0; i < NGX_HTTP_SELLIFY_FAMILIES; i++) {
        if (ngx_http_sellify_line_in(
                line, len, ngx_http_sellify_families[i].name)) {
            return i;
        }
    }

    return -1;
}

/* Copies the worker's lines of one family, samples only; -1: all that are not
 * ours. */
static void
ngx_http_sellify_text_worker(
    ngx_http_sellify_text_t *t, ngx_str_t *worker, ngx_int_t family)
{
    u_char *p, *end, *eol;

    end = worker->data + worker->len;

    for (p = worker->data; p < end; p = eol + 1) {
        eol = ngx_strlchr(p, end, '\n');

        if (ngx_http_sellify_line_family(p, eol - p) == family &&
            (family < 0 || *p != '#')) {
            ngx_http_sellify_text_append(t, p, eol + 1 - p);
        }
    }
}

/* Lines that look like the format, and a whole last one. */
static ngx_uint_t
ngx_http_sellify_worker_text_sane(ngx_str_t *text)
{
    u_char *p, *end, *eol;

    end = text->data + text->len;

    for (p = text->data; p < end; p = eol + 1) {
        eol = ngx_strlchr(p, end, '\n');

        if (eol == NULL ||
            (eol > p && *p != '#' && *p != '_' && (*p < 'a' || *p > 'z') &&
                (*p < 'A' || *p > 'Z')) ||
            ngx_strlchr(p, eol, '\0') != NULL) {
            return 0;
        }
    }

    return text->len > 0;
}

static ngx_int_t
ngx_http_sellify_metrics_answer(
    ngx_http_request_t *r, ngx_http_sellify_scrape_t *scrape)
{
    ngx_str_t body, type = ngx_string("text/plain; version=0.0.4");
    ngx_uint_t i;
    ngx_http_sellify_text_t t;
    ngx_http_sellify_counters_t sum;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);
    ngx_http_sellify_metrics_sum(smcf, &sum);

    t.pool = r->pool;
    t.start = ngx_pnalloc(r->pool, NGX_HTTP_SELLIFY_TEXT_SIZE);
    if (t.start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    t.last = t.start;
    t.end = t.start + NGX_HTTP_SELLIFY_TEXT_SIZE;
    t.failed = 0;

    for (i = 0; i < NGX_HTTP_SELLIFY_FAMILIES; i++) {
        ngx_http_sellify_text_printf(&t, "# HELP %s %s\n# TYPE %s %s\n",
            ngx_http_sellify_families[i].name,
            ngx_http_sellify_families[i].help,
            ngx_http_sellify_families[i].name,
            ngx_http_sellify_families[i].type);
        ngx_http_sellify_families[i].write(&t, smcf, &sum);
        ngx_http_sellify_text_worker(&t, &scrape->worker, i);
    }

    if (scrape->asked) {
        ngx_http_sellify_text_printf(&t,
            "# HELP sellify_worker_up Whether the worker answered this "
            "scrape.\n# TYPE sellify_worker_up gauge\nsellify_worker_up %d\n",
            scrape->worker.len ? 1 : 0);
    }

    ngx_http_sellify_text_worker(&t, &scrape->worker, -1);

    if (t.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = t.start;
    body.len = t.last - t.start;

    return ngx_http_sellify_send(r, NGX_HTTP_OK, &type, &body);
}

/* --- the request --- */

static ngx_int_t
ngx_http_sellify_metrics_fetched(
    ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_buf_t *b;
    ngx_str_t text;
    ngx_http_sellify_scrape_t *scrape = data;

    if (scrape->answered) {
        return rc;
    }

    scrape->answered = 1;

    if (rc != NGX_OK || sr->headers_out.status != NGX_HTTP_OK ||
        sr->out == NULL || sr->out->buf == NULL) {
        return NGX_OK;
    }

    b = sr->out->buf;
    text.data = b->pos;
    text.len = b->last - b->pos;

    if (ngx_http_sellify_worker_text_sane(&text)) {
        scrape->worker = text;
    }

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_metrics_ask(
    ngx_http_request_t *r, ngx_str_t *uri, ngx_http_sellify_scrape_t *scrape)
{
    ngx_http_request_t *sr;
    ngx_http_post_subrequest_t *ps;

    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));
    if (ps == NULL) {
        return NGX_ERROR;
    }

    ps->handler = ngx_http_sellify_metrics_fetched;
    ps->data = scrape;
    scrape->asked = 1;

    if (ngx_http_subrequest(r, uri, NULL, &sr, ps,
            NGX_HTTP_SUBREQUEST_IN_MEMORY | NGX_HTTP_SUBREQUEST_WAITED) !=
        NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}

ngx_int_t
ngx_http_sellify_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_scrape_t *scrape;
    ngx_http_sellify_loc_conf_t *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sellify_module);

    if (!slcf->metrics || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_sellify_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    scrape = ctx->scrape;

    if (scrape == NULL) {
        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
            ctx->allow = "GET, HEAD";
            ngx_http_finalize_request(
                r, ngx_http_sellify_problem(r, NGX_HTTP_NOT_ALLOWED));
            return NGX_DONE;
        }

        scrape = ngx_pcalloc(r->pool, sizeof(ngx_http_sellify_scrape_t));
        if (scrape == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->scrape = scrape;

        if (slcf->metrics_uri.len) {
            rc = ngx_http_sellify_metrics_ask(r, &slcf->metrics_uri, scrape);
            return rc == NGX_AGAIN ? rc : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else if (!scrape->answered) {
        return NGX_AGAIN;
    }

    ngx_http_finalize_request(r, ngx_http_sellify_metrics_answer(r, scrape));

    return NGX_DONE;
}

char *
ngx_http_sellify_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sellify_loc_conf_t *slcf = conf;

    ngx_str_t *value;
    ngx_http_sellify_main_conf_t *smcf;

    if (slcf->metrics) {
        return "is duplicate";
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sellify_module);
    smcf->used = 1;
    slcf->metrics = 1;

    if (cf->args->nelts == 2) {
        value = cf->args->elts;

        if (value[1].data[0] != '/') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "\"%V\" takes a location that starts with /, "
                "not \"%V\"",
                &cmd->name, &value[1]);
            return NGX_CONF_ERROR;
        }

        slcf->metrics_uri = value[1];
    }

    return NGX_CONF_OK;
}
