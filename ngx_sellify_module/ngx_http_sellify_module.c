/*
 * The HTTP module: directives, configuration, per-request context, variables
 * and the places where the other files hook into nginx's phases.
 */
#include "ngx_http_sellify_module.h"

#define NGX_HTTP_SELLIFY_REQUEST_ID_MAX 64 /* bytes taken from a client */

static ngx_int_t ngx_http_sellify_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_sellify_init(ngx_conf_t *cf);
static void *ngx_http_sellify_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_sellify_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_sellify_create_srv_conf(ngx_conf_t *cf);
static char *
ngx_http_sellify_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child);
static void *ngx_http_sellify_create_loc_conf(ngx_conf_t *cf);
static char *
ngx_http_sellify_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
static ngx_int_t ngx_http_sellify_init_process(ngx_cycle_t *cycle);
static void ngx_http_sellify_exit_process(ngx_cycle_t *cycle);

static char *
ngx_http_sellify_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *
ngx_http_sellify_flag(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static void ngx_http_sellify_ctx_cleanup(void *data);

static ngx_int_t ngx_http_sellify_client_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sellify_scope_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sellify_name_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sellify_uri_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sellify_id_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sellify_token_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);

#define NGX_HTTP_SELLIFY_ANY_CONF                                              \
    NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF

static ngx_command_t ngx_http_sellify_commands[] = {

    { ngx_string("sellify_policy"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
        ngx_http_sellify_path, NGX_HTTP_MAIN_CONF_OFFSET,
        offsetof(ngx_http_sellify_main_conf_t, policy), NULL },

    { ngx_string("sellify_products"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
        ngx_http_sellify_path, NGX_HTTP_MAIN_CONF_OFFSET,
        offsetof(ngx_http_sellify_main_conf_t, products), NULL },

    { ngx_string("sellify_keys"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
        ngx_http_sellify_path, NGX_HTTP_MAIN_CONF_OFFSET,
        offsetof(ngx_http_sellify_main_conf_t, keys), NULL },

    { ngx_string("sellify_state"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
        ngx_http_sellify_path, NGX_HTTP_MAIN_CONF_OFFSET,
        offsetof(ngx_http_sellify_main_conf_t, state), NULL },

    { ngx_string("sellify_auth"), NGX_HTTP_SELLIFY_ANY_CONF | NGX_CONF_TAKE1,
        ngx_http_sellify_auth, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("sellify_api"), NGX_HTTP_SELLIFY_ANY_CONF | NGX_CONF_FLAG,
        ngx_http_sellify_flag, NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_sellify_loc_conf_t, api), NULL },

    { ngx_string("sellify_problem"), NGX_HTTP_LOC_CONF | NGX_CONF_FLAG,
        ngx_http_sellify_flag, NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_sellify_loc_conf_t, problem), NULL },

    { ngx_string("sellify_metrics"),
        NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE1,
        ngx_http_sellify_metrics, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    ngx_null_command
};

static ngx_http_module_t ngx_http_sellify_module_ctx = {
    ngx_http_sellify_add_variables, /* preconfiguration */
    ngx_http_sellify_init,          /* postconfiguration */

    ngx_http_sellify_create_main_conf, /* create main configuration */
    ngx_http_sellify_init_main_conf,   /* init main configuration */

    ngx_http_sellify_create_srv_conf, /* create server configuration */
    ngx_http_sellify_merge_srv_conf,  /* merge server configuration */

    ngx_http_sellify_create_loc_conf, /* create location configuration */
    ngx_http_sellify_merge_loc_conf   /* merge location configuration */
};

ngx_module_t ngx_http_sellify_module = { NGX_MODULE_V1,
    &ngx_http_sellify_module_ctx,  /* module context */
    ngx_http_sellify_commands,     /* module directives */
    NGX_HTTP_MODULE,               /* module type */
    NULL,                          /* init master */
    NULL,                          /* init module */
    ngx_http_sellify_init_process, /* init process */
    NULL,                          /* init thread */
    NULL,                          /* exit thread */
    ngx_http_sellify_exit_process, /* exit process */
    NULL,                          /* exit master */
    NGX_MODULE_V1_PADDING };

/* None is cacheable: limits and logs ask before and after the answer is known. */
#define NGX_HTTP_SELLIFY_NAME(name, member)                                    \
    {                                                                          \
        ngx_string(name), NULL, ngx_http_sellify_name_variable,                \
            offsetof(ngx_http_sellify_ctx_t, member),                          \
            NGX_HTTP_VAR_NOCACHEABLE, 0                                        \
    }
#define NGX_HTTP_SELLIFY_VARIABLE(name, handler)                               \
    {                                                                          \
        ngx_string(name), NULL, handler, 0, NGX_HTTP_VAR_NOCACHEABLE, 0        \
    }

static ngx_http_variable_t ngx_http_sellify_variables[] = {
    NGX_HTTP_SELLIFY_VARIABLE(
        "sellify_client", ngx_http_sellify_client_variable),
    NGX_HTTP_SELLIFY_VARIABLE("sellify_scope", ngx_http_sellify_scope_variable),
    NGX_HTTP_SELLIFY_NAME("sellify_action", action),
    NGX_HTTP_SELLIFY_NAME("sellify_rule", rule),
    NGX_HTTP_SELLIFY_NAME("sellify_trigger", trigger),
    NGX_HTTP_SELLIFY_NAME("sellify_valid", valid),
    NGX_HTTP_SELLIFY_NAME("sellify_violation", violation),
    NGX_HTTP_SELLIFY_VARIABLE("sellify_uri", ngx_http_sellify_uri_variable),
    NGX_HTTP_SELLIFY_VARIABLE(
        "sellify_request_id", ngx_http_sellify_id_variable),
    NGX_HTTP_SELLIFY_VARIABLE(
        "sellify_webhook_token", ngx_http_sellify_token_variable),
    ngx_http_null_variable
};

/* --- configuration --- */

static ngx_int_t
ngx_http_sellify_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t *var, *v;

    for (v = ngx_http_sellify_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_add_handler(ngx_http_core_main_conf_t *cmcf,
    ngx_http_phases phase, ngx_http_handler_pt handler)
{
    ngx_http_handler_pt *h;

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_init(ngx_conf_t *cf)
{
    ngx_uint_t i;
    ngx_str_t remote = ngx_string("binary_remote_addr");
    ngx_http_core_main_conf_t *cmcf;
    ngx_http_sellify_main_conf_t *smcf;

    static const struct {
        ngx_http_phases phase;
        ngx_http_handler_pt handler;
    } handlers[] = {
        { NGX_HTTP_POST_READ_PHASE, ngx_http_sellify_webhook_handler },
        { NGX_HTTP_REWRITE_PHASE, ngx_http_sellify_problem_handler },
        { NGX_HTTP_ACCESS_PHASE, ngx_http_sellify_auth_handler },
        { NGX_HTTP_PRECONTENT_PHASE, ngx_http_sellify_api_handler },
        { NGX_HTTP_PRECONTENT_PHASE, ngx_http_sellify_metrics_handler },
        { NGX_HTTP_LOG_PHASE, ngx_http_sellify_metrics_log_handler },
    };

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sellify_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    smcf->remote_addr = ngx_http_get_variable_index(cf, &remote);
    if (smcf->remote_addr == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (!smcf->used) {
        return NGX_OK;
    }

    for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (ngx_http_sellify_add_handler(
                cmcf, handlers[i].phase, handlers[i].handler) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}

static void *
ngx_http_sellify_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_sellify_main_conf_t *smcf;

    /* set by ngx_pcalloc(): every path empty, nothing used, nothing loaded */

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sellify_main_conf_t));

    return smcf;
}

static char *
ngx_http_sellify_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_sellify_main_conf_t *smcf = conf;

    smcf->used |= smcf->policy.len || smcf->products.len || smcf->keys.len ||
                  smcf->state.len;

    if (!smcf->used) {
        return NGX_CONF_OK;
    }

    smcf->scratch_size = sellify_scratch_size(SELLIFY_BODY_MAX);
    smcf->scratch = ngx_palloc(cf->pool, smcf->scratch_size);
    smcf->verified = ngx_pcalloc(cf->pool,
        NGX_HTTP_SELLIFY_VERIFIED * sizeof(ngx_http_sellify_verified_t));
    if (smcf->scratch == NULL || smcf->verified == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_sellify_keys_load(cf, smcf) != NGX_CONF_OK ||
        ngx_http_sellify_state_configure(cf, smcf) != NGX_OK ||
        ngx_http_sellify_ruleset_configure(cf, smcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sellify_metrics_configure(cf, smcf);
}

static void *
ngx_http_sellify_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_sellify_srv_conf_t *sscf;

    sscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sellify_srv_conf_t));
    if (sscf == NULL) {
        return NULL;
    }

    sscf->api = NGX_CONF_UNSET;

    return sscf;
}

static char *
ngx_http_sellify_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sellify_srv_conf_t *prev = parent;
    ngx_http_sellify_srv_conf_t *conf = child;

    ngx_conf_merge_value(conf->api, prev->api, 0);

    return NGX_CONF_OK;
}

static void *
ngx_http_sellify_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sellify_loc_conf_t *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sellify_loc_conf_t));
    if (slcf == NULL) {
        return NULL;
    }

    /* set by ngx_pcalloc(): metrics, metrics_uri, named */

    slcf->auth = NGX_CONF_UNSET_UINT;
    slcf->api = NGX_CONF_UNSET;
    slcf->problem = NGX_CONF_UNSET;

    return slcf;
}

static char *
ngx_http_sellify_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sellify_loc_conf_t *prev = parent;
    ngx_http_sellify_loc_conf_t *conf = child;

    conf->named = prev->named || conf->auth != NGX_CONF_UNSET_UINT ||
                  conf->api == 1 || conf->problem == 1 || conf->metrics;

    ngx_conf_merge_uint_value(
        conf->auth, prev->auth, NGX_HTTP_SELLIFY_AUTH_OFF);
    ngx_conf_merge_value(conf->api, prev->api, 0);
    ngx_conf_merge_value(conf->problem, prev->problem, 0);

    /* a content handler is not inherited, so neither is sellify_metrics */

    return NGX_CONF_OK;
}

/* A file; kept as a full path with a NUL behind it. */
static char *
ngx_http_sellify_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t *value, *path;

    path = (ngx_str_t *) ((char *) conf + cmd->offset);
    value = cf->args->elts;

    if (path->len) {
        return "is duplicate";
    }

    if (value[1].len == 0) {
        return "needs a file";
    }

    *path = value[1];

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}

/* A flag that also tells server and http that something of ours is used. */
static char *
ngx_http_sellify_flag(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sellify_srv_conf_t *sscf;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sellify_module);
    sscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_sellify_module);

    smcf->used = 1;
    sscf->api = 1;

    return ngx_conf_set_flag_slot(cf, cmd, conf);
}

static ngx_int_t
ngx_http_sellify_init_process(ngx_cycle_t *cycle)
{
    uint64_t seed;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sellify_module);

    if (smcf == NULL || (ngx_process != NGX_PROCESS_WORKER &&
                            ngx_process != NGX_PROCESS_SINGLE)) {
        return NGX_OK;
    }

    if (sellify_rng_secret(&seed, sizeof(seed)) != 0) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
            "sellify: the system has no random bytes");
        return NGX_ERROR;
    }

    smcf->rng = sellify_rng(seed);

    if (!smcf->used) {
        return NGX_OK;
    }

    if (ngx_http_sellify_keys_init(cycle, smcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sellify_state_init(cycle, smcf);
}

static void
ngx_http_sellify_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sellify_module);

    if (smcf == NULL || !smcf->used) {
        return;
    }

    ngx_http_sellify_state_exit(smcf);
    ngx_http_sellify_keys_exit(smcf);
}

/* --- request context --- */

static void
ngx_http_sellify_ctx_cleanup(void *data)
{
    ngx_http_sellify_ctx_t *ctx = data;

    if (ctx->ruleset) {
        ngx_http_sellify_ruleset_release(ctx->ruleset);
    }

    if (ctx->keyset) {
        ngx_http_sellify_keyset_release(ctx->keyset);
    }
}

ngx_http_sellify_ctx_t *
ngx_http_sellify_find_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cln;
    ngx_http_sellify_ctx_t *ctx;

    r = r->main;
    ctx = ngx_http_get_module_ctx(r, ngx_http_sellify_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {

        /* an internal redirect wiped r->ctx, but not the pool */

        for (cln = r->pool->cleanup; cln; cln = cln->next) {
            if (cln->handler == ngx_http_sellify_ctx_cleanup) {
                ctx = cln->data;
                ngx_http_set_ctx(r, ctx, ngx_http_sellify_module);
                break;
            }
        }
    }

    return ctx;
}

ngx_http_sellify_ctx_t *
ngx_http_sellify_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cln;
    ngx_http_sellify_ctx_t *ctx;

    ctx = ngx_http_sellify_find_ctx(r);
    if (ctx) {
        return ctx;
    }

    r = r->main;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_sellify_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_sellify_ctx_t));
    ctx->request = r;
    ctx->started = sellify_clock_monotonic();
    cln->handler = ngx_http_sellify_ctx_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_sellify_module);

    return ctx;
}

/* --- headers --- */

ngx_table_elt_t *
ngx_http_sellify_header_in(
    ngx_http_request_t *r, const char *name, size_t len, ngx_uint_t *count)
{
    ngx_uint_t i, n;
    ngx_list_part_t *part;
    ngx_table_elt_t *h, *found;

    n = 0;
    found = NULL;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {
        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != len || h[i].hash == 0 ||
            ngx_memcmp(h[i].lowcase_key, name, len) != 0) {
            continue;
        }

        if (found == NULL) {
            found = &h[i];
        }

        n++;
    }

    if (count) {
        *count = n;
    }

    return found;
}

ngx_int_t
ngx_http_sellify_header_out(
    ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return NGX_OK;
}

/* A client's id is taken when it can go into a header and a log as it is. */
static ngx_uint_t
ngx_http_sellify_request_id_sane(ngx_str_t *id)
{
    size_t i;
    u_char c;

    if (id->len == 0 || id->len > NGX_HTTP_SELLIFY_REQUEST_ID_MAX) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        c = id->data[i];

        if ((c < '0' || c > '9') && (c < 'a' || c > 'z') &&
            (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.') {
            return 0;
        }
    }

    return 1;
}

ngx_str_t *
ngx_http_sellify_request_id(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx)
{
    ngx_uint_t count;
    ngx_table_elt_t *h;
    ngx_http_sellify_main_conf_t *smcf;

    if (ctx->request_id.len) {
        return &ctx->request_id;
    }

    h = ngx_http_sellify_header_in(
        r->main, "x-request-id", sizeof("x-request-id") - 1, &count);

    if (h && count == 1 && ngx_http_sellify_request_id_sane(&h->value)) {
        ctx->request_id = h->value;
        return &ctx->request_id;
    }

    ctx->request_id.data = ngx_pnalloc(r->pool, SELLIFY_REQUEST_ID_LEN + 1);
    if (ctx->request_id.data == NULL) {
        return NULL;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);
    sellify_rng_request_id(&smcf->rng, (char *) ctx->request_id.data);
    ctx->request_id.len = SELLIFY_REQUEST_ID_LEN;

    return &ctx->request_id;
}

sellify_time_t
ngx_http_sellify_now(ngx_http_sellify_main_conf_t *smcf)
{
    if (smcf->live && smcf->live->seen) {
        return sellify_clock_now(&smcf->live->header.clock);
    }

    return sellify_clock_real();
}

/* --- variables --- */

static void
ngx_http_sellify_set_variable(
    ngx_http_variable_value_t *v, u_char *data, size_t len)
{
    v->data = data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
}

/* Who asks: the key's id, else the address, never empty, for limit_req. */
static ngx_int_t
ngx_http_sellify_client_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_variable_value_t *address;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);

    if (smcf->used) {
        ctx = ngx_http_sellify_get_ctx(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_sellify_key_of(r, ctx) == NGX_HTTP_SELLIFY_KEY_KNOWN) {
            ngx_http_sellify_set_variable(
                v, ctx->key->id.data, ctx->key->id.len);
            return NGX_OK;
        }
    }

    address = ngx_http_get_indexed_variable(r, smcf->remote_addr);
    if (address == NULL) {
        return NGX_ERROR;
    }

    *v = *address;
    v->no_cacheable = 1;

    return NGX_OK;
}

/* The scopes that the key holds, joined by commas. */
static ngx_int_t
ngx_http_sellify_scope_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char *p, *text;
    uint32_t bit;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);
    ctx = smcf->used ? ngx_http_sellify_get_ctx(r) : NULL;

    if (ctx == NULL ||
        ngx_http_sellify_key_of(r, ctx) != NGX_HTTP_SELLIFY_KEY_KNOWN) {
        v->not_found = 1;
        return NGX_OK;
    }

    text =
        ngx_pnalloc(r->pool, sizeof("read,personal,decide,send,webhook,admin"));
    if (text == NULL) {
        return NGX_ERROR;
    }

    p = text;

    for (bit = SELLIFY_SCOPE_READ; bit <= SELLIFY_SCOPE_ADMIN; bit <<= 1) {
        if (ctx->key->scopes & bit) {
            p = ngx_sprintf(
                p, "%s%s", p == text ? "" : ",", sellify_scope_name(bit));
        }
    }

    ngx_http_sellify_set_variable(v, text, p - text);

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_name_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const char *name;
    ngx_http_sellify_ctx_t *ctx;

    ctx = ngx_http_sellify_find_ctx(r);
    name = ctx ? *(const char **) ((char *) ctx + data) : NULL;

    if (name == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_sellify_set_variable(v, (u_char *) name, ngx_strlen(name));

    return NGX_OK;
}

/* What the client asked for, as $request_uri, but never with a token in it:
 * requests that fail before the post-read phase are cleaned here. */
static ngx_int_t
ngx_http_sellify_uri_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t uri;
    ngx_http_sellify_ctx_t *ctx;

    r = r->main;
    ctx = ngx_http_sellify_find_ctx(r);

    if (ctx && ctx->clean_uri.len) {
        uri = ctx->clean_uri;

    } else if (ngx_http_sellify_webhook_clean(r, &uri) != NGX_OK) {
        return NGX_ERROR;
    }

    if (uri.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_sellify_set_variable(v, uri.data, uri.len);

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_id_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *id;
    ngx_http_sellify_ctx_t *ctx;

    ctx = ngx_http_sellify_get_ctx(r);
    id = ctx ? ngx_http_sellify_request_id(r, ctx) : NULL;

    if (id == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sellify_set_variable(v, id->data, id->len);

    return NGX_OK;
}

/* For proxy_set_header, which leaves a header out when its value is empty. */
static ngx_int_t
ngx_http_sellify_token_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_sellify_ctx_t *ctx;

    ctx = ngx_http_sellify_find_ctx(r);

    if (ctx == NULL || ctx->webhook_token.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_sellify_set_variable(
        v, ctx->webhook_token.data, ctx->webhook_token.len);

    return NGX_OK;
}
