/*
 * The webhook's token is part of its path, because whatsapp-api can send it in
 * no other way.  In the post-read phase it is cut out of everything that may be
 * logged or passed on, and kept for $sellify_webhook_token:
 *
 *     /api/v1/webhook/whatsapp/TOKEN/event -> /api/v1/webhook/whatsapp/-/event
 */
#include "ngx_http_sellify_module.h"

static ngx_str_t ngx_http_sellify_webhook_prefix =
    ngx_string("/api/v1/webhook/whatsapp");

ngx_uint_t
ngx_http_sellify_webhook_is(ngx_str_t *uri)
{
    ngx_str_t *prefix = &ngx_http_sellify_webhook_prefix;

    return uri->len >= prefix->len &&
           ngx_memcmp(uri->data, prefix->data, prefix->len) == 0 &&
           (uri->len == prefix->len || uri->data[prefix->len] == '/');
}

/* Where the token stands in a path behind `start`; its length, 0 for none. */
static size_t
ngx_http_sellify_webhook_token(ngx_str_t *uri, size_t start)
{
    size_t end;

    for (end = start; end < uri->len && uri->data[end] != '/' &&
                      uri->data[end] != '?' && uri->data[end] != ' ';
         end++) { /* void */
    }

    return end - start;
}

/* A copy of `uri` with the token replaced by a dash. */
static ngx_int_t
ngx_http_sellify_webhook_cut(
    ngx_pool_t *pool, ngx_str_t *uri, size_t start, size_t len, ngx_str_t *cut)
{
    u_char *p;

    cut->len = uri->len - len + 1;
    cut->data = ngx_pnalloc(pool, cut->len);
    if (cut->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(cut->data, uri->data, start);
    *p++ = '-';
    ngx_memcpy(p, uri->data + start + len, uri->len - start - len);

    return NGX_OK;
}

/* Rebuilds what nginx keeps of the request line; the query goes on to the
 * worker (a verification needs it) but stays out of the logs. */
static ngx_int_t
ngx_http_sellify_webhook_rewrite(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx)
{
    u_char *p;
    size_t path;
    uintptr_t escapes;

    escapes = ngx_escape_uri(NULL, r->uri.data, r->uri.len, NGX_ESCAPE_URI);
    path = r->uri.len + 2 * escapes;

    p = ngx_pnalloc(r->pool, path + 1 + r->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_escape_uri(p, r->uri.data, r->uri.len, NGX_ESCAPE_URI);
    ctx->clean_uri.data = p;
    ctx->clean_uri.len = path;

    r->unparsed_uri.data = p;
    r->unparsed_uri.len = path;

    if (r->args.len) {
        p[path] = '?';
        ngx_memcpy(p + path + 1, r->args.data, r->args.len);
        r->unparsed_uri.len += 1 + r->args.len;
    }

    p = ngx_pnalloc(
        r->pool, r->method_name.len + path + r->http_protocol.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    r->request_line.data = p;
    p = ngx_sprintf(p, "%V %V", &r->method_name, &ctx->clean_uri);
    if (r->http_protocol.len) {
        p = ngx_sprintf(p, " %V", &r->http_protocol);
    }
    r->request_line.len = p - r->request_line.data;

    return NGX_OK;
}

ngx_int_t
ngx_http_sellify_webhook_handler(ngx_http_request_t *r)
{
    size_t start, len;
    ngx_str_t uri;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_srv_conf_t *sscf;

    sscf = ngx_http_get_module_srv_conf(r, ngx_http_sellify_module);
    if (!sscf->api) {
        return NGX_DECLINED;
    }

    /* also the start of the request's time for the metrics */

    ctx = ngx_http_sellify_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_http_sellify_webhook_is(&r->uri)) {
        return NGX_DECLINED;
    }

    start = ngx_http_sellify_webhook_prefix.len + 1;
    len =
        r->uri.len > start ? ngx_http_sellify_webhook_token(&r->uri, start) : 0;

    if (len) {
        ctx->webhook_token.data = r->uri.data + start;
        ctx->webhook_token.len = len;

        if (ngx_http_sellify_webhook_cut(r->pool, &r->uri, start, len, &uri) !=
            NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        r->uri = uri;
        ngx_http_set_exten(r);
    }

    if (ngx_http_sellify_webhook_rewrite(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}

/* For requests that failed before the post-read phase: by the text alone. */
ngx_int_t
ngx_http_sellify_webhook_clean(ngx_http_request_t *r, ngx_str_t *uri)
{
    u_char *p;
    size_t start;
    ngx_str_t all = r->unparsed_uri;

    static u_char mark[] = "/webhook/whatsapp/";

    *uri = all;

    if (all.len < sizeof(mark) - 1) {
        return NGX_OK;
    }

    p = ngx_strlcasestrn(all.data, all.data + all.len, mark, sizeof(mark) - 2);
    if (p == NULL) {
        return NGX_OK;
    }

    start = p + sizeof(mark) - 1 - all.data;

    return ngx_http_sellify_webhook_cut(
        r->pool, &all, start, ngx_http_sellify_webhook_token(&all, start), uri);
}
