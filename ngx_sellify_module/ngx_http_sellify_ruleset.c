/*
 * The ruleset in use: compiled from static files when the configuration is
 * read, or from what the state file names; a later version is compiled in a
 * thread, then swapped in, and the old one freed after its last request.
 */
#include "ngx_http_sellify_module.h"

#include <openssl/evp.h>

/* Without threads a compile stops the process: one in this many ms at most. */
#define NGX_HTTP_SELLIFY_COMPILE_PACE 5000

typedef struct {
    ngx_http_sellify_main_conf_t *smcf;
    ngx_log_t *log;
    char path[NGX_MAX_PATH];
    uint64_t version;
    u_char sha256[32];

    sellify_ruleset_t *compiled;
    sellify_faults_t faults;
    const char *error; /* or NULL: the faults tell */
    ngx_err_t err;
} ngx_http_sellify_compile_t;

/* --- files --- */

/* Size of an ordinary file that is opened without ever waiting; -1 else. */
static ngx_fd_t
ngx_http_sellify_open(const char *path, size_t max, size_t *size)
{
    ngx_fd_t fd;
    ngx_file_info_t info;

    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd == NGX_INVALID_FILE) {
        return NGX_INVALID_FILE;
    }

    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR || !ngx_is_file(&info) ||
        (size_t) ngx_file_size(&info) > max) {
        (void) ngx_close_file(fd);
        return NGX_INVALID_FILE;
    }

    *size = (size_t) ngx_file_size(&info);

    return fd;
}

static ngx_int_t
ngx_http_sellify_read_whole(ngx_fd_t fd, u_char *data, size_t size)
{
    size_t done;
    ssize_t n;

    for (done = 0; done < size; done += n) {
        n = pread(fd, data + done, size - done, done);
        if (n <= 0) {
            return NGX_ERROR;
        }
    }

    data[size] = '\0';

    return NGX_OK;
}

ngx_int_t
ngx_http_sellify_read_file(ngx_pool_t *pool, ngx_str_t *path, size_t max,
    ngx_str_t *content, ngx_err_t *err)
{
    ngx_int_t rc;
    ngx_fd_t fd;

    ngx_set_errno(0);

    fd = ngx_http_sellify_open((char *) path->data, max, &content->len);
    if (fd == NGX_INVALID_FILE) {
        *err = ngx_errno;
        return NGX_ERROR;
    }

    content->data = ngx_pnalloc(pool, content->len + 1);
    rc = content->data
             ? ngx_http_sellify_read_whole(fd, content->data, content->len)
             : NGX_ERROR;

    *err = ngx_errno;
    (void) ngx_close_file(fd);

    return rc;
}

/* --- where a pointer stands in a document, for error messages --- */

static u_char *
ngx_http_sellify_json_space(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) {
        p++;
    }

    return p;
}

static u_char *
ngx_http_sellify_json_string(u_char *p, u_char *last)
{
    for (p++; p < last && *p != '"'; p++) {
        if (*p == '\\') {
            p++;
        }
    }

    return p < last ? p + 1 : last;
}

static u_char *
ngx_http_sellify_json_value(u_char *p, u_char *last)
{
    ngx_int_t depth = 0;

    for (p = ngx_http_sellify_json_space(p, last); p < last; /* void */) {
        if (*p == '"') {
            p = ngx_http_sellify_json_string(p, last);

        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
            continue;

        } else if (*p == '}' || *p == ']') {
            if (depth == 0) {
                return p;
            }
            depth--;
            p++;

        } else if (depth == 0 && *p == ',') {
            return p;

        } else {
            p++;
            continue;
        }

        if (depth == 0) {
            return p;
        }
    }

    return last;
}

/* The value of member (or element) `name` of the container at `p`, or NULL. */
static u_char *
ngx_http_sellify_json_member(u_char *p, u_char *last, ngx_str_t *name)
{
    u_char *key, *end;
    ngx_uint_t object, found;
    ngx_int_t n, index;

    p = ngx_http_sellify_json_space(p, last);
    if (p == last || (*p != '{' && *p != '[')) {
        return NULL;
    }

    object = *p == '{';
    index = ngx_atoi(name->data, name->len);

    for (n = 0, p++; p < last; n++, p++) {
        p = ngx_http_sellify_json_space(p, last);
        found = !object && n == index;

        if (object) {
            if (p == last || *p != '"') {
                return NULL;
            }

            key = p + 1;
            end = ngx_http_sellify_json_string(p, last);
            found = (size_t) (end - 1 - key) == name->len &&
                    ngx_memcmp(key, name->data, name->len) == 0;

            p = ngx_http_sellify_json_space(end, last);
            if (p < last) {
                p++; /* the colon */
            }
        }

        if (found) {
            return ngx_http_sellify_json_space(p, last);
        }

        p = ngx_http_sellify_json_value(p, last);
        p = ngx_http_sellify_json_space(p, last);

        if (p == last || *p != ',') {
            return NULL;
        }
    }

    return NULL;
}

/* The line of the deepest part of the pointer that exists. */
static ngx_uint_t
ngx_http_sellify_json_line(ngx_str_t *document, const char *pointer)
{
    u_char *at, *p, *last, *value;
    ngx_str_t name;
    ngx_uint_t line;

    at = document->data;
    last = document->data + document->len;

    while (*pointer == '/') {
        name.data = (u_char *) ++pointer;

        while (*pointer && *pointer != '/') {
            pointer++;
        }

        name.len = (u_char *) pointer - name.data;
        value = ngx_http_sellify_json_member(at, last, &name);
        if (value == NULL) {
            break;
        }

        at = value;
    }

    for (line = 1, p = document->data; p < at; p++) {
        line += *p == '\n';
    }

    return line;
}

/* --- compiling --- */

static ngx_http_sellify_ruleset_t *
ngx_http_sellify_ruleset_wrap(sellify_ruleset_t *compiled, ngx_log_t *log)
{
    ngx_http_sellify_ruleset_t *ruleset;

    ruleset = ngx_alloc(sizeof(ngx_http_sellify_ruleset_t), log);
    if (ruleset == NULL) {
        sellify_ruleset_free(compiled);
        return NULL;
    }

    ruleset->compiled = compiled;
    ruleset->refs = 1;

    return ruleset;
}

void
ngx_http_sellify_ruleset_release(ngx_http_sellify_ruleset_t *ruleset)
{
    if (--ruleset->refs == 0) {
        sellify_ruleset_free(ruleset->compiled);
        ngx_free(ruleset);
    }
}

ngx_http_sellify_ruleset_t *
ngx_http_sellify_ruleset_hold(ngx_http_sellify_main_conf_t *smcf)
{
    smcf->ruleset->refs++;

    return smcf->ruleset;
}

static void
ngx_http_sellify_ruleset_swap(
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_ruleset_t *ruleset)
{
    if (smcf->ruleset) {
        ngx_http_sellify_ruleset_release(smcf->ruleset);
    }

    smcf->ruleset = ruleset;
}

/* Reads, proves and compiles job->path.  Runs in a thread: no pool, no log. */
static void
ngx_http_sellify_compile(ngx_http_sellify_compile_t *job)
{
    size_t size;
    u_char *data, hash[EVP_MAX_MD_SIZE];
    ngx_fd_t fd;
    sellify_ruleset_source_t source;

    job->compiled = NULL;
    job->error = NULL;
    job->faults.count = 0;
    data = NULL;

    ngx_set_errno(0);
    fd = ngx_http_sellify_open(job->path, NGX_HTTP_SELLIFY_FILE_MAX, &size);
    if (fd != NGX_INVALID_FILE) {
        data = malloc(size + 1);
    }

    if (data == NULL || ngx_http_sellify_read_whole(fd, data, size) != NGX_OK) {
        job->err = ngx_errno;
        job->error = "cannot be read";

    } else if (EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL) != 1 ||
               ngx_memcmp(hash, job->sha256, sizeof(job->sha256)) != 0) {
        job->error = "is not what the state file says (SHA-256)";

    } else {
        ngx_memzero(&source, sizeof(source));

        if (sellify_ruleset_source_read(
                (sellify_str_t){ (const char *) data, size }, &source,
                &job->faults) == 0) {
            job->compiled = sellify_ruleset_compile(&source, &job->faults);
        }
    }

    free(data);

    if (fd != NGX_INVALID_FILE) {
        (void) ngx_close_file(fd);
    }
}

static void
ngx_http_sellify_compile_prepare(ngx_http_sellify_compile_t *job)
{
    ngx_http_sellify_live_t *live = job->smcf->live;

    job->version = live->header.ruleset_version;
    job->err = 0;
    ngx_memcpy(job->sha256, live->header.ruleset_sha256, sizeof(job->sha256));

    if (sellify_state_ruleset_path((char *) job->smcf->state.data, job->version,
            job->path, sizeof(job->path)) < 0) {
        job->path[0] = '\0';
    }
}

/* Takes what a compile gave; one error line when it gave nothing. */
static void
ngx_http_sellify_compile_done(ngx_http_sellify_compile_t *job)
{
    ngx_http_sellify_live_t *live = job->smcf->live;
    ngx_http_sellify_ruleset_t *ruleset;

    live->loading = 0;

    if (job->compiled) {
        ruleset = ngx_http_sellify_ruleset_wrap(job->compiled, job->log);
        if (ruleset == NULL) {
            return;
        }

        ngx_http_sellify_ruleset_swap(job->smcf, ruleset);
        ngx_memcpy(live->ruleset_sha256, job->sha256, sizeof(job->sha256));
        live->refused = 0;
        live->loaded = 1;

        ngx_log_error(NGX_LOG_NOTICE, job->log, 0,
            "sellify: ruleset %uL is in use", job->version);
        return;
    }

    live->refused = 1;
    live->refused_version = job->version;
    ngx_memcpy(live->refused_sha256, job->sha256, sizeof(job->sha256));

    /* superseded while we looked: the next one follows */

    if (live->header.ruleset_version != job->version) {
        return;
    }

    if (job->error) {
        ngx_log_error(NGX_LOG_ERR, job->log, job->err,
            "sellify: ruleset %uL is refused: \"%s\" %s", job->version,
            job->path, job->error);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, job->log, 0,
        "sellify: ruleset %uL is refused: %s %s: %s", job->version,
        job->faults.items[0].document, job->faults.items[0].pointer,
        job->faults.items[0].detail);
}

static ngx_uint_t
ngx_http_sellify_ruleset_wanted(ngx_http_sellify_live_t *live)
{
    if (!live->seen || live->loading || live->header.ruleset_version == 0 ||
        ngx_memcmp(live->header.ruleset_sha256, live->ruleset_sha256, 32) ==
            0) {
        return 0;
    }

    return !live->refused ||
           live->refused_version != live->header.ruleset_version ||
           ngx_memcmp(live->refused_sha256, live->header.ruleset_sha256, 32) !=
               0;
}

#if (NGX_THREADS)

static void
ngx_http_sellify_compile_thread(void *data, ngx_log_t *log)
{
    ngx_http_sellify_compile_t **job = data;

    ngx_http_sellify_compile(*job);
}

static void
ngx_http_sellify_compile_event(ngx_event_t *ev)
{
    ngx_http_sellify_compile_done(ev->data);
}

/* NGX_DECLINED: no thread to be had. */
static ngx_int_t
ngx_http_sellify_compile_post(
    ngx_http_sellify_compile_t *job, ngx_cycle_t *cycle)
{
    ngx_thread_task_t *task;
    ngx_http_sellify_main_conf_t *smcf = job->smcf;

    if (smcf->thread_pool == NULL) {
        return NGX_DECLINED;
    }

    task = smcf->thread_task;

    if (task == NULL) {
        task = ngx_thread_task_alloc(cycle->pool, sizeof(job));
        if (task == NULL) {
            return NGX_DECLINED;
        }

        task->handler = ngx_http_sellify_compile_thread;
        task->event.handler = ngx_http_sellify_compile_event;
        smcf->thread_task = task;
    }

    *(ngx_http_sellify_compile_t **) task->ctx = job;
    task->event.data = job;
    task->event.log = cycle->log;

    return ngx_thread_task_post(smcf->thread_pool, task);
}

#endif

void
ngx_http_sellify_ruleset_refresh(
    ngx_http_sellify_main_conf_t *smcf, ngx_cycle_t *cycle)
{
    ngx_http_sellify_live_t *live = smcf->live;
    ngx_http_sellify_compile_t *job;

    if (!ngx_http_sellify_ruleset_wanted(live)) {
        return;
    }

    job = smcf->compile;

    if (job == NULL) {
        job = ngx_pcalloc(cycle->pool, sizeof(ngx_http_sellify_compile_t));
        if (job == NULL) {
            return;
        }

        job->smcf = smcf;
        smcf->compile = job;
    }

    job->log = cycle->log;
    ngx_http_sellify_compile_prepare(job);
    live->loading = 1;

#if (NGX_THREADS)
    if (ngx_http_sellify_compile_post(job, cycle) == NGX_OK) {
        return;
    }
#endif

    if (live->compiled_at &&
        ngx_current_msec - live->compiled_at < NGX_HTTP_SELLIFY_COMPILE_PACE) {
        live->loading = 0;
        return;
    }

    live->compiled_at = ngx_current_msec;
    ngx_http_sellify_compile(job);
    ngx_http_sellify_compile_done(job);
}

/* --- at configuration time --- */

static char *
ngx_http_sellify_document(ngx_conf_t *cf, const char *directive,
    ngx_str_t *path, ngx_pool_t *pool, ngx_str_t *content)
{
    ngx_err_t err;

    ngx_str_null(content);

    if (path->len == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_http_sellify_read_file(
            pool, path, NGX_HTTP_SELLIFY_FILE_MAX, content, &err) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
            "%s: %V cannot be read or is larger than 64 MiB", directive, path);
        return NGX_CONF_ERROR;
    }

    if (content->len == 0) {
        ngx_conf_log_error(
            NGX_LOG_EMERG, cf, 0, "%s: %V is empty", directive, path);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}

/* Every fault with its file and line; one for each, so that all are mended in
 * one go. */
static void
ngx_http_sellify_ruleset_faults(ngx_conf_t *cf,
    ngx_http_sellify_main_conf_t *smcf, ngx_str_t *policy, ngx_str_t *products,
    sellify_faults_t *faults)
{
    size_t i;
    ngx_str_t *path, *content;
    sellify_fault_t *fault;

    for (i = 0; i < faults->count && i < SELLIFY_FAULTS_MAX; i++) {
        fault = &faults->items[i];
        path = &smcf->policy;
        content = policy;

        if (ngx_strcmp(fault->document, "products") == 0) {
            path = &smcf->products;
            content = products;

        } else if (ngx_strcmp(fault->document, "policy") != 0) {
            content = NULL;
        }

        if (content == NULL || content->len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "sellify: %s %s: %s",
                fault->document, fault->pointer, fault->detail);
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "sellify_%s: %V line %ui: %s%s%s", fault->document, path,
            ngx_http_sellify_json_line(content, fault->pointer), fault->pointer,
            fault->pointer[0] ? ": " : "", fault->detail);
    }
}

static void
ngx_http_sellify_ruleset_cleanup(void *data)
{
    ngx_http_sellify_main_conf_t *smcf = data;

    /* a single process that was reloaded still has the timer of the old
     * configuration */

    if (smcf->live && smcf->live->timer.timer_set) {
        ngx_del_timer(&smcf->live->timer);
    }

    ngx_http_sellify_ruleset_swap(smcf, NULL);
}

static char *
ngx_http_sellify_ruleset_static(
    ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf, ngx_pool_t *pool)
{
    ngx_str_t policy, products;
    sellify_faults_t faults;
    sellify_ruleset_t *compiled;
    sellify_ruleset_source_t source;

    if (ngx_http_sellify_document(cf, "sellify_policy", &smcf->policy, pool,
            &policy) != NGX_CONF_OK ||
        ngx_http_sellify_document(cf, "sellify_products", &smcf->products, pool,
            &products) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&source, sizeof(source));
    faults.count = 0;
    source.policy = ngx_http_sellify_str(&policy);
    source.products = ngx_http_sellify_str(&products);

    compiled = sellify_ruleset_compile(&source, &faults);

    if (compiled == NULL) {
        ngx_http_sellify_ruleset_faults(cf, smcf, &policy, &products, &faults);
        return NGX_CONF_ERROR;
    }

    smcf->ruleset = ngx_http_sellify_ruleset_wrap(compiled, cf->log);

    return smcf->ruleset ? NGX_CONF_OK : NGX_CONF_ERROR;
}

/* What the worker published; refused, it leaves smcf->ruleset as it is. */
static void
ngx_http_sellify_ruleset_live(
    ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf)
{
    ngx_http_sellify_compile_t job;

    if (smcf->live == NULL || !ngx_http_sellify_ruleset_wanted(smcf->live)) {
        return;
    }

    ngx_memzero(&job, sizeof(job));
    job.smcf = smcf;
    job.log = cf->log;
    ngx_http_sellify_compile_prepare(&job);
    ngx_http_sellify_compile(&job);
    ngx_http_sellify_compile_done(&job);
}

char *
ngx_http_sellify_ruleset_configure(
    ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf)
{
    char *rv;
    ngx_pool_t *pool;
    ngx_pool_cleanup_t *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    pool = ngx_create_pool(4096, cf->log);
    if (cln == NULL || pool == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_sellify_ruleset_cleanup;
    cln->data = smcf;
    rv = NGX_CONF_OK;

#if (NGX_THREADS)
    if (smcf->live) {
        smcf->thread_pool = ngx_thread_pool_add(cf, NULL);
        if (smcf->thread_pool == NULL) {
            ngx_destroy_pool(pool);
            return NGX_CONF_ERROR;
        }
    }
#endif

    /* files are always compiled, for their faults; the built-in documents only
     * when there is nothing else, since a compile takes its time */

    if (smcf->policy.len || smcf->products.len) {
        rv = ngx_http_sellify_ruleset_static(cf, smcf, pool);
    }

    if (rv == NGX_CONF_OK) {
        ngx_http_sellify_ruleset_live(cf, smcf);
    }

    if (rv == NGX_CONF_OK && smcf->ruleset == NULL) {
        rv = ngx_http_sellify_ruleset_static(cf, smcf, pool);
    }

    ngx_destroy_pool(pool);

    return rv;
}
