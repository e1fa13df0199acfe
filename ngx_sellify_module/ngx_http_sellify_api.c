/*
 * Precontent phase: sellify_api answers the pure questions here and leaves
 * everything else to the location's proxy_pass.
 */
#include "ngx_http_sellify_module.h"

typedef struct ngx_http_sellify_endpoint_s ngx_http_sellify_endpoint_t;

struct ngx_http_sellify_endpoint_s {
    ngx_str_t path;
    ngx_uint_t bare;    /* also without /api/v1 */
    ngx_uint_t methods; /* and HEAD with GET */
    const char *allow;
    /* GET: called at once, `body` is empty.  POST: with the body.  The return
     * value is for ngx_http_finalize_request(). */
    ngx_int_t (*answer)(
        ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
};

static ngx_http_sellify_endpoint_t ngx_http_sellify_endpoints[] = {
    { ngx_string("/decision"), 1, NGX_HTTP_POST, "POST, OPTIONS",
        ngx_http_sellify_decision },
    { ngx_string("/validate"), 1, NGX_HTTP_POST, "POST, OPTIONS",
        ngx_http_sellify_validation },
    { ngx_string("/conversation/transition"), 0, NGX_HTTP_POST, "POST, OPTIONS",
        ngx_http_sellify_transition },
    { ngx_string("/quota/check"), 0, NGX_HTTP_POST, "POST, OPTIONS",
        ngx_http_sellify_quota_check },
    { ngx_string("/quota"), 1, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_quota_status },
    { ngx_string("/quota/status"), 0, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_quota_status },
    { ngx_string("/health"), 1, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_health },
    { ngx_string("/health/live"), 0, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_health },
    { ngx_string("/health/ready"), 0, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_ready },
};

/* --- finding the endpoint --- */

ngx_str_t
ngx_http_sellify_api_path(ngx_http_request_t *r, ngx_uint_t *versioned)
{
    ngx_str_t path = r->uri;

    static ngx_str_t prefix = ngx_string("/api/v1");

    *versioned = path.len > prefix.len &&
                 ngx_memcmp(path.data, prefix.data, prefix.len) == 0 &&
                 path.data[prefix.len] == '/';

    if (*versioned) {
        path.data += prefix.len;
        path.len -= prefix.len;
    }

    return path;
}

static ngx_http_sellify_endpoint_t *
ngx_http_sellify_find_endpoint(ngx_http_request_t *r)
{
    ngx_str_t path;
    ngx_uint_t i, versioned;
    ngx_http_sellify_endpoint_t *e;

    path = ngx_http_sellify_api_path(r, &versioned);
    e = ngx_http_sellify_endpoints;

    for (i = 0; i < sizeof(ngx_http_sellify_endpoints) /
                        sizeof(ngx_http_sellify_endpoints[0]);
         i++) {
        if (e[i].path.len == path.len &&
            ngx_memcmp(e[i].path.data, path.data, path.len) == 0) {
            return versioned || e[i].bare ? &e[i] : NULL;
        }
    }

    return NULL;
}

/* --- answers --- */

ngx_int_t
ngx_http_sellify_send(
    ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *type, ngx_str_t *body)
{
    ngx_int_t rc;
    ngx_buf_t *b;
    ngx_chain_t out;

    r->headers_out.status = status;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = body->len;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);
    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    r->headers_out.content_length_n = body->len;

    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = body->len ? 1 : 0;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}

/* --- the body --- */

static ngx_uint_t
ngx_http_sellify_is_json(ngx_http_request_t *r)
{
    u_char *p, *last;
    ngx_str_t *type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;
    p = type->data;
    last = p + type->len;

    if (type->len < sizeof("application/json") - 1 ||
        ngx_strncasecmp(p, (u_char *) "application/json",
            sizeof("application/json") - 1) != 0) {
        return 0;
    }

    for (p += sizeof("application/json") - 1;
         p < last && (*p == ' ' || *p == '\t'); p++) { /* void */
    }

    return p == last || *p == ';';
}

/* The body in one piece; NGX_DECLINED when it is too large. */
static ngx_int_t
ngx_http_sellify_body(ngx_http_request_t *r, sellify_str_t *body)
{
    off_t len;
    u_char *p;
    ssize_t n;
    ngx_buf_t *b;
    ngx_chain_t *cl;

    body->data = NULL;
    body->len = 0;
    len = 0;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
        if (len > SELLIFY_BODY_MAX) {
            return NGX_DECLINED;
        }
    }

    b = r->request_body->bufs->buf;

    if (r->request_body->bufs->next == NULL && ngx_buf_in_memory(b)) {
        body->data = (const char *) b->pos;
        body->len = len;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = (const char *) p;
    body->len = len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        if (!b->in_file) {
            continue; /* the empty last buffer of a chunked body */
        }

        n = ngx_read_file(
            b->file, p, (size_t) (b->file_last - b->file_pos), b->file_pos);
        if (n != b->file_last - b->file_pos) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_answer_body(ngx_http_request_t *r)
{
    ngx_int_t rc;
    sellify_str_t body;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_endpoint_t *e;

    ctx = ngx_http_sellify_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sellify_body(r, &body);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_sellify_refuse(r, ctx,
            NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
            "the body is larger than 65536 bytes");
    }

    if (body.len && !ngx_http_sellify_is_json(r)) {
        return ngx_http_sellify_problem(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE);
    }

    e = ngx_http_sellify_find_endpoint(r);
    ctx->ruleset = ngx_http_sellify_ruleset_hold(
        ngx_http_get_module_main_conf(r, ngx_http_sellify_module));

    return e->answer(r, ctx, body);
}

static void
ngx_http_sellify_body_handler(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_sellify_answer_body(r));
}

/* --- the phase handler --- */

/* Answers that need no body. */
static ngx_int_t
ngx_http_sellify_answer_now(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx,
    ngx_http_sellify_endpoint_t *e)
{
    ngx_int_t rc;
    ngx_str_t value, none = ngx_null_string;
    sellify_str_t body = { NULL, 0 };

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        value.data = (u_char *) e->allow;
        value.len = ngx_strlen(e->allow);

        if (ngx_http_sellify_header_out(r, "Allow", &value) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        r->header_only = 1;

        return ngx_http_sellify_send(r, NGX_HTTP_NO_CONTENT, &none, &none);
    }

    if (!(r->method & e->methods) &&
        !(r->method == NGX_HTTP_HEAD && (e->methods & NGX_HTTP_GET))) {
        ctx->allow = e->allow;
        return ngx_http_sellify_problem(r, NGX_HTTP_NOT_ALLOWED);
    }

    return e->answer(r, ctx, body);
}

/* Refused before the body is read, so that it need not be sent. */
static ngx_uint_t
ngx_http_sellify_refused_early(ngx_http_request_t *r)
{
    if (r->headers_in.content_length_n > SELLIFY_BODY_MAX) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    if ((r->headers_in.content_length_n > 0 || r->headers_in.chunked) &&
        (!ngx_http_sellify_is_json(r) ||
            ngx_http_sellify_header_in(
                r, "content-encoding", sizeof("content-encoding") - 1, NULL))) {
        return NGX_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }

    return 0;
}

/* What is not answered here goes to the worker, unless it is known to be dead:
 * the request would hang in the backlog of its socket.  A webhook waits there. */
static ngx_int_t
ngx_http_sellify_delegate(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx)
{
    ngx_int_t rc;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);

    if (smcf->live == NULL || ngx_http_sellify_webhook_is(&r->uri) ||
        ngx_http_sellify_state_fresh(smcf)) {
        return NGX_DECLINED;
    }

    r->expect_tested = 1;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_finalize_request(
        r, ngx_http_sellify_refuse(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
               "the worker is not there"));

    return NGX_DONE;
}

ngx_int_t
ngx_http_sellify_api_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_uint_t status;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_loc_conf_t *slcf;
    ngx_http_sellify_endpoint_t *e;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sellify_module);

    if (!slcf->api || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_sellify_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e = ngx_http_sellify_find_endpoint(r);
    if (e == NULL) {
        return ngx_http_sellify_delegate(r, ctx);
    }

    if (r->method != NGX_HTTP_POST || e->methods != NGX_HTTP_POST) {
        ngx_http_finalize_request(r, ngx_http_sellify_answer_now(r, ctx, e));
        return NGX_DONE;
    }

    status = ngx_http_sellify_refused_early(r);
    if (status) {
        r->expect_tested = 1; /* no "100 Continue" for what is refused */

        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_http_finalize_request(r, ngx_http_sellify_problem(r, status));
        return NGX_DONE;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_sellify_body_handler);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}
