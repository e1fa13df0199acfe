/*
 * Access phase: sellify_auth.  A location names the scope that its requests
 * need, or "api" for the scope that docs/api.md gives to method and path.
 * Takes part in satisfy.
 */
#include "ngx_http_sellify_module.h"

/* The paths of docs/api.md that need less than the rule (GET needs read, all
 * else admin).  A path that has one method only asks the same scope for the
 * others, so that its callers learn 405 and not 403.  The worker decides again. */
static const struct {
    ngx_str_t path;
    ngx_uint_t methods;
    uint32_t scope;
} ngx_http_sellify_auth_paths[] = {
    { ngx_string("/decision"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/validate"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/conversation/transition"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/quota"), ~0u, SELLIFY_SCOPE_READ },
    { ngx_string("/quota/status"), ~0u, SELLIFY_SCOPE_READ },
    { ngx_string("/quota/check"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/quota/reserve"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/quota/release"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/quota/record"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/generate"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/audit"), NGX_HTTP_POST, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/audit/log"), ~0u, SELLIFY_SCOPE_DECIDE },
    { ngx_string("/health"), ~0u, 0 },
    { ngx_string("/health/live"), ~0u, 0 },
    { ngx_string("/health/ready"), ~0u, 0 },
};

/* 0: public, or guarded by something else than a key. */
static uint32_t
ngx_http_sellify_auth_api_scope(ngx_http_request_t *r)
{
    ngx_str_t path;
    ngx_uint_t i, versioned;

    if (ngx_http_sellify_webhook_is(&r->uri)) {
        return 0;
    }

    path = ngx_http_sellify_api_path(r, &versioned);

    for (i = 0; i < sizeof(ngx_http_sellify_auth_paths) /
                        sizeof(ngx_http_sellify_auth_paths[0]);
         i++) {
        if ((r->method & ngx_http_sellify_auth_paths[i].methods) &&
            path.len == ngx_http_sellify_auth_paths[i].path.len &&
            ngx_memcmp(path.data, ngx_http_sellify_auth_paths[i].path.data,
                path.len) == 0) {
            return ngx_http_sellify_auth_paths[i].scope;
        }
    }

    if (r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD | NGX_HTTP_OPTIONS)) {
        return SELLIFY_SCOPE_READ;
    }

    return SELLIFY_SCOPE_ADMIN;
}

static ngx_int_t
ngx_http_sellify_unauthorized(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    ngx_str_set(&h->key, "WWW-Authenticate");
    ngx_str_set(&h->value, "Bearer realm=\"sellify\"");
    r->headers_out.www_authenticate = h;

    if (ctx->key_state == NGX_HTTP_SELLIFY_KEY_NONE) {
        ngx_str_set(&ctx->detail,
            "this needs a key in X-API-Key or Authorization: Bearer");

    } else {
        ngx_str_set(&ctx->detail, "the key is not known");
    }

    return NGX_HTTP_UNAUTHORIZED;
}

static ngx_int_t
ngx_http_sellify_forbidden(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, uint32_t needed)
{
    u_char *p;
    const char *name;

    name = sellify_scope_name(needed);

    p = ngx_pnalloc(
        r->pool, sizeof("the key lacks the scope ") + ngx_strlen(name));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->detail.data = p;
    ctx->detail.len = ngx_sprintf(p, "the key lacks the scope %s", name) - p;

    return NGX_HTTP_FORBIDDEN;
}

ngx_int_t
ngx_http_sellify_auth_handler(ngx_http_request_t *r)
{
    uint32_t needed;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_loc_conf_t *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sellify_module);

    if (slcf->auth == NGX_HTTP_SELLIFY_AUTH_OFF) {
        return NGX_DECLINED;
    }

    needed = slcf->auth == NGX_HTTP_SELLIFY_AUTH_API
                 ? ngx_http_sellify_auth_api_scope(r)
                 : (uint32_t) slcf->auth;

    if (needed == 0) {
        return NGX_OK;
    }

    ctx = ngx_http_sellify_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_sellify_key_of(r, ctx) != NGX_HTTP_SELLIFY_KEY_KNOWN) {
        return ngx_http_sellify_unauthorized(r, ctx);
    }

    if (!sellify_scope_allows(ctx->key->scopes, needed)) {
        return ngx_http_sellify_forbidden(r, ctx, needed);
    }

    return NGX_OK;
}

char *
ngx_http_sellify_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sellify_loc_conf_t *slcf = conf;

    ngx_str_t *value;
    ngx_http_sellify_main_conf_t *smcf;

    if (slcf->auth != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sellify_module);
    smcf->used = 1;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        slcf->auth = NGX_HTTP_SELLIFY_AUTH_OFF;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "api") == 0) {
        slcf->auth = NGX_HTTP_SELLIFY_AUTH_API;
        return NGX_CONF_OK;
    }

    slcf->auth = sellify_scope_parse(ngx_http_sellify_str(&value[1]));
    if (slcf->auth == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "\"sellify_auth\" takes read, personal, decide, send, webhook, "
            "admin, api or off, not \"%V\"",
            &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
