/*
 * What the files of the module share: configuration, the per-request context,
 * the key set, the live state and the ruleset in use.  Everything a process
 * changes at run time hangs off the main configuration; there are no globals.
 */
#ifndef _NGX_HTTP_SELLIFY_MODULE_H_INCLUDED_
#define _NGX_HTTP_SELLIFY_MODULE_H_INCLUDED_

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../core/api.h"
#include "../core/clock.h"
#include "../core/decision.h"
#include "../core/fault.h"
#include "../core/json.h"
#include "../core/rng.h"
#include "../core/ruleset.h"
#include "../core/state_file.h"
#include "../core/validation.h"

#define NGX_HTTP_SELLIFY_KEY_MAX 256    /* bytes of a presented key */
#define NGX_HTTP_SELLIFY_VERIFIED 256   /* slots of the verified-key cache */
#define NGX_HTTP_SELLIFY_STATE_TICK 200 /* ms between looks at the state */
#define NGX_HTTP_SELLIFY_FILE_MAX (64 * 1024 * 1024) /* bytes of a document */

/* sellify_auth: a mask of SELLIFY_SCOPE_*, or one of these. */
#define NGX_HTTP_SELLIFY_AUTH_OFF 0
#define NGX_HTTP_SELLIFY_AUTH_API 0x80000000u /* as docs/api.md says */

/* A compiled ruleset and how many hold it: the configuration and requests. */
typedef struct {
    sellify_ruleset_t *compiled;
    ngx_uint_t refs;
} ngx_http_sellify_ruleset_t;

typedef struct {
    u_char hash[32]; /* SHA-256 of the key */
    ngx_str_t id;
    uint32_t scopes;
    uint32_t instance_count; /* 0: every instance */
    ngx_str_t *instances;
    int64_t expires_at; /* UTC seconds, 0 never */
} ngx_http_sellify_key_t;

/* Immutable once built; freed by the last holder. */
typedef struct {
    ngx_pool_t *pool;
    ngx_uint_t refs;
    ngx_http_sellify_key_t *keys;
    ngx_uint_t count;
    uint32_t *index; /* open addressing, key number + 1 */
    ngx_uint_t mask;
} ngx_http_sellify_keyset_t;

typedef struct {
    u_char tag[16];                 /* keyed SipHash of the key */
    ngx_http_sellify_keyset_t *set; /* NULL: free */
    ngx_uint_t number;
} ngx_http_sellify_verified_t;

/* What one process knows of the state file. */
typedef struct {
    ngx_fd_t fd;
    ngx_file_uniq_t ino;
    dev_t dev;
    ngx_event_t timer;
    ngx_connection_t dummy;        /* ngx_event_t.data must be a connection */
    sellify_state_result_t result; /* of the last look */
    ngx_uint_t logged;             /* what was said last, not to repeat it */

    unsigned seen : 1;       /* `header` was whole once */
    unsigned hours_seen : 1; /* ... of the file open now */
    unsigned keys_seen : 1;
    unsigned instances_seen : 1;
    unsigned loading : 1; /* a ruleset is being compiled */
    unsigned loaded : 1;  /* ... one was, from the worker */
    unsigned refused : 1; /* ... was, and this is which: */
    uint64_t refused_version;
    u_char refused_sha256[32];
    u_char ruleset_sha256[32]; /* of the one in use */
    ngx_msec_t compiled_at;    /* bounds the pace without threads */

    sellify_state_header_t header;
    sellify_state_hours_t hours;
    uint64_t hours_version, keys_version, instances_version;

    uint32_t instance_count;
    char (*names)[SELLIFY_INSTANCE_NAME_MAX + 1];
} ngx_http_sellify_live_t;

typedef struct {
    ngx_str_t policy, products, keys, state; /* full paths, or empty */
    ngx_uint_t used; /* some location has a directive of ours */

    ngx_http_sellify_ruleset_t *ruleset;  /* in use, never NULL once set */
    ngx_http_sellify_keyset_t *file_keys; /* sellify_keys, or NULL */
    ngx_http_sellify_keyset_t *live_keys; /* sellify_state, or NULL */
    ngx_http_sellify_live_t *live;        /* NULL without sellify_state */
    ngx_http_sellify_verified_t *verified;
    uint64_t siphash_key[2];
    void *sha256; /* EVP_MD, EVP_MD_CTX: fetched once, */
    void *digest; /* a fetch costs more than the hash */
    sellify_rng_t rng;
    void *scratch; /* of the engines, one per process */
    size_t scratch_size;
    ngx_int_t remote_addr; /* index of $binary_remote_addr */
    ngx_shm_zone_t *metrics;
    void *compile; /* ngx_http_sellify_ruleset.c's own */
#if (NGX_THREADS)
    ngx_thread_pool_t *thread_pool;
    ngx_thread_task_t *thread_task; /* one compile at a time */
#endif
} ngx_http_sellify_main_conf_t;

typedef struct {
    ngx_flag_t api; /* some location of this server has sellify_api */
} ngx_http_sellify_srv_conf_t;

typedef struct {
    ngx_uint_t auth; /* NGX_HTTP_SELLIFY_AUTH_* or scopes */
    ngx_flag_t api;
    ngx_flag_t problem;
    ngx_flag_t metrics;
    ngx_str_t metrics_uri; /* the worker's, or empty */
    ngx_uint_t named;      /* any of the above was said: X-Request-Id */
} ngx_http_sellify_loc_conf_t;

/* What is known of the key that came with a request. */
typedef enum {
    NGX_HTTP_SELLIFY_KEY_UNASKED = 0,
    NGX_HTTP_SELLIFY_KEY_NONE,
    NGX_HTTP_SELLIFY_KEY_UNKNOWN,
    NGX_HTTP_SELLIFY_KEY_KNOWN
} ngx_http_sellify_key_state_e;

/* One per client request; survives internal redirects (see _get_ctx). */
typedef struct {
    ngx_http_request_t *request;
    int64_t started; /* monotonic, microseconds */

    ngx_http_sellify_ruleset_t *ruleset; /* held */
    ngx_http_sellify_keyset_t *keyset;   /* held */
    ngx_http_sellify_key_t *key;
    ngx_http_sellify_key_state_e key_state;

    /* what the problem document will say */
    ngx_str_t detail;
    sellify_faults_t *faults;
    ngx_uint_t retry_after; /* seconds, 0 default */
    const char *allow;

    /* variables; NULL is "not found" */
    const char *action, *rule, *trigger, *valid, *violation;
    ngx_str_t request_id;
    ngx_str_t webhook_token;
    ngx_str_t clean_uri; /* of a webhook, for the logs */
    void *scrape;        /* of the metrics, while it runs */
} ngx_http_sellify_ctx_t;

extern ngx_module_t ngx_http_sellify_module;
extern ngx_module_t ngx_http_sellify_cors_filter_module;

/* --- ngx_http_sellify_module.c --- */

/* The context of the client request that `r` belongs to; NULL only when memory
 * is short. */
ngx_http_sellify_ctx_t *ngx_http_sellify_get_ctx(ngx_http_request_t *r);
/* The same, but NULL when there is none yet. */
ngx_http_sellify_ctx_t *ngx_http_sellify_find_ctx(ngx_http_request_t *r);
/* First header of this (lower-case) name, or NULL.  `count`, when given, says
 * how many there are. */
ngx_table_elt_t *ngx_http_sellify_header_in(
    ngx_http_request_t *r, const char *name, size_t len, ngx_uint_t *count);
ngx_int_t ngx_http_sellify_header_out(
    ngx_http_request_t *r, const char *name, ngx_str_t *value);
ngx_str_t *
ngx_http_sellify_request_id(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx);
/* Wall time through the clock mapping of the state file, microseconds. */
sellify_time_t ngx_http_sellify_now(ngx_http_sellify_main_conf_t *smcf);

static ngx_inline sellify_str_t
ngx_http_sellify_str(ngx_str_t *s)
{
    return (sellify_str_t){ (const char *) s->data, s->len };
}

/* --- ngx_http_sellify_keys.c --- */

ngx_http_sellify_keyset_t *
ngx_http_sellify_keyset_create(ngx_log_t *log, ngx_uint_t max);
/* The key is copied but for its strings, which must live in set->pool.
 * NGX_DECLINED: the hash is in the set already. */
ngx_int_t ngx_http_sellify_keyset_add(
    ngx_http_sellify_keyset_t *set, ngx_http_sellify_key_t *key);
void ngx_http_sellify_keyset_release(ngx_http_sellify_keyset_t *set);
char *
ngx_http_sellify_keys_load(ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf);
ngx_int_t ngx_http_sellify_keys_init(
    ngx_cycle_t *cycle, ngx_http_sellify_main_conf_t *smcf);
void ngx_http_sellify_keys_exit(ngx_http_sellify_main_conf_t *smcf);
/* Puts a new set of live keys in use and forgets what was verified. */
void ngx_http_sellify_keys_replace(
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_keyset_t *set);
/* Looks up the key of a request once and keeps the answer in ctx. */
ngx_http_sellify_key_state_e
ngx_http_sellify_key_of(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx);
ngx_int_t ngx_http_sellify_key_allows_instance(
    ngx_http_sellify_key_t *key, sellify_str_t instance);

/* --- ngx_http_sellify_auth.c --- */

ngx_int_t ngx_http_sellify_auth_handler(ngx_http_request_t *r);
char *ngx_http_sellify_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* --- ngx_http_sellify_api.c --- */

ngx_int_t ngx_http_sellify_api_handler(ngx_http_request_t *r);
/* The path without /api/v1; sets `versioned` when it had that prefix. */
ngx_str_t
ngx_http_sellify_api_path(ngx_http_request_t *r, ngx_uint_t *versioned);
/* Sends a whole body; the return value is for ngx_http_finalize_request(). */
ngx_int_t ngx_http_sellify_send(
    ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *type, ngx_str_t *body);

/* --- ngx_http_sellify_answers.c: one function per endpoint.  GET: called at
 * once, `body` is empty.  POST: with the body, and ctx->ruleset held.  The
 * return value is for ngx_http_finalize_request(). --- */

ngx_int_t ngx_http_sellify_health(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
ngx_int_t ngx_http_sellify_ready(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
ngx_int_t ngx_http_sellify_decision(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
ngx_int_t ngx_http_sellify_validation(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
ngx_int_t ngx_http_sellify_transition(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
ngx_int_t ngx_http_sellify_quota_status(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
ngx_int_t ngx_http_sellify_quota_check(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);

/* --- ngx_http_sellify_problem.c --- */

ngx_int_t ngx_http_sellify_problem_handler(ngx_http_request_t *r);
/* These answer with a problem document at once and return what
 * ngx_http_finalize_request() wants: as the context says, with one sentence
 * (a static string), about one member of the body, or with these faults. */
ngx_int_t ngx_http_sellify_problem(ngx_http_request_t *r, ngx_uint_t status);
ngx_int_t ngx_http_sellify_refuse(ngx_http_request_t *r,
    ngx_http_sellify_ctx_t *ctx, ngx_uint_t status, const char *detail);
ngx_int_t ngx_http_sellify_refuse_member(ngx_http_request_t *r,
    ngx_http_sellify_ctx_t *ctx, ngx_uint_t status, const char *pointer,
    const char *detail);
ngx_int_t ngx_http_sellify_refuse_faults(ngx_http_request_t *r,
    ngx_http_sellify_ctx_t *ctx, sellify_faults_t *faults, ngx_int_t status);

/* --- ngx_http_sellify_webhook.c --- */

ngx_int_t ngx_http_sellify_webhook_handler(ngx_http_request_t *r);
ngx_uint_t ngx_http_sellify_webhook_is(ngx_str_t *uri);
/* The URI with the token cut out, for the logs. */
ngx_int_t ngx_http_sellify_webhook_clean(ngx_http_request_t *r, ngx_str_t *uri);

/* --- ngx_http_sellify_ruleset.c --- */

char *ngx_http_sellify_ruleset_configure(
    ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf);
ngx_http_sellify_ruleset_t *
ngx_http_sellify_ruleset_hold(ngx_http_sellify_main_conf_t *smcf);
void ngx_http_sellify_ruleset_release(ngx_http_sellify_ruleset_t *ruleset);
/* Compiles what the state header names, in a thread where there are any. */
void ngx_http_sellify_ruleset_refresh(
    ngx_http_sellify_main_conf_t *smcf, ngx_cycle_t *cycle);
/* Whole file into memory of `pool`, NUL-terminated. */
ngx_int_t ngx_http_sellify_read_file(ngx_pool_t *pool, ngx_str_t *path,
    size_t max, ngx_str_t *content, ngx_err_t *err);

/* --- ngx_http_sellify_state.c --- */

ngx_int_t ngx_http_sellify_state_configure(
    ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf);
ngx_int_t ngx_http_sellify_state_init(
    ngx_cycle_t *cycle, ngx_http_sellify_main_conf_t *smcf);
void ngx_http_sellify_state_exit(ngx_http_sellify_main_conf_t *smcf);
/* There is live data and the worker's heartbeat is young. */
ngx_uint_t ngx_http_sellify_state_fresh(ngx_http_sellify_main_conf_t *smcf);
/* The index of an instance (the only one for an empty name), or -1. */
ngx_int_t ngx_http_sellify_state_instance(
    ngx_http_sellify_main_conf_t *smcf, sellify_str_t name);
ngx_int_t
ngx_http_sellify_state_read_instance(ngx_http_sellify_main_conf_t *smcf,
    ngx_uint_t index, sellify_state_instance_t *instance);

/* --- ngx_http_sellify_metrics.c --- */

char *ngx_http_sellify_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sellify_metrics_configure(
    ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf);
ngx_int_t ngx_http_sellify_metrics_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sellify_metrics_log_handler(ngx_http_request_t *r);
void ngx_http_sellify_metrics_decision(
    ngx_http_sellify_main_conf_t *smcf, sellify_action_t action);
void ngx_http_sellify_metrics_verdict(
    ngx_http_sellify_main_conf_t *smcf, const sellify_verdict_t *verdict);

#endif
