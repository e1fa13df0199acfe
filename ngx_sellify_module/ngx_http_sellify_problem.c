/*
 * Errors are answered as application/problem+json: those of this module at
 * once, nginx's own through "error_page ... @sellify_problem", a named location
 * with "sellify_problem on" that answers in the rewrite phase.
 */
#include "ngx_http_sellify_module.h"

#include "../core/problem.h"

#define NGX_HTTP_SELLIFY_PROBLEM_SIZE 1024 /* bytes, grows when needed */

static const struct {
    ngx_uint_t status;
    ngx_uint_t retry_after; /* seconds, 0 none */
    const char *detail;
} ngx_http_sellify_problems[] = {
    { 400, 0, "the request is malformed" },
    { 401, 0, "this needs a key" },
    { 403, 0, "this is not allowed" },
    { 404, 0, "there is nothing at this path" },
    { 405, 0, "this path does not take the method" },
    { 408, 0, "the request did not arrive in time" },
    { 413, 0, "the body is larger than this path takes" },
    { 414, 0, "the address is too long" },
    { 415, 0, "the content type must be application/json" },
    { 429, 1, "too many requests" },
    { 500, 0, "an internal error; the log tells more" },
    { 502, 3, "the worker did not answer" },
    { 503, 3, "what this needs is not ready; try again" },
    { 504, 3, "the worker did not answer in time" },
};

static const char *
ngx_http_sellify_problem_detail(ngx_uint_t status, ngx_uint_t *retry_after)
{
    ngx_uint_t i;

    for (i = 0; i < sizeof(ngx_http_sellify_problems) /
                        sizeof(ngx_http_sellify_problems[0]);
         i++) {
        if (ngx_http_sellify_problems[i].status == status) {
            *retry_after = ngx_http_sellify_problems[i].retry_after;
            return ngx_http_sellify_problems[i].detail;
        }
    }

    *retry_after = 0;

    return NULL;
}

static ngx_int_t
ngx_http_sellify_problem_headers(ngx_http_request_t *r, ngx_uint_t status,
    ngx_uint_t retry_after, const char *allow)
{
    ngx_str_t value;

    if (retry_after) {
        value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        value.len = ngx_sprintf(value.data, "%ui", retry_after) - value.data;

        if (ngx_http_sellify_header_out(r, "Retry-After", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (status == NGX_HTTP_NOT_ALLOWED) {
        value.data =
            (u_char *) (allow ? allow : "GET, HEAD, POST, PUT, DELETE");
        value.len = ngx_strlen(value.data);
        return ngx_http_sellify_header_out(r, "Allow", &value);
    }

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_problem_body(ngx_http_request_t *r, ngx_uint_t status,
    const char *detail, sellify_faults_t *faults, ngx_str_t *body)
{
    size_t size;
    sellify_json_writer_t w;

    for (size = NGX_HTTP_SELLIFY_PROBLEM_SIZE; /* void */; size = w.len) {
        body->data = ngx_pnalloc(r->pool, size);
        if (body->data == NULL) {
            return NGX_ERROR;
        }

        sellify_json_writer(&w, (char *) body->data, size);
        sellify_problem_write(&w, (int) status, detail, faults);

        if (!sellify_json_overflowed(&w)) {
            body->len = w.len;
            return NGX_OK;
        }
    }
}

ngx_int_t
ngx_http_sellify_problem(ngx_http_request_t *r, ngx_uint_t status)
{
    char *detail;
    ngx_str_t body, type = ngx_string(SELLIFY_PROBLEM_TYPE);
    ngx_uint_t retry_after;
    const char *standard;
    ngx_http_sellify_ctx_t *ctx;

    ctx = ngx_http_sellify_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    standard = ngx_http_sellify_problem_detail(status, &retry_after);
    detail = NULL;

    if (ctx->detail.len) {
        detail = ngx_pnalloc(r->pool, ctx->detail.len + 1);
        if (detail == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(
            (u_char *) detail, ctx->detail.data, ctx->detail.len + 1);
    }

    if (ctx->retry_after && retry_after) {
        retry_after = ctx->retry_after;
    }

    /* the first fault explains more than the standard sentence */

    if (ngx_http_sellify_problem_body(r, status,
            detail        ? detail
            : ctx->faults ? NULL
                          : standard,
            ctx->faults, &body) != NGX_OK ||
        ngx_http_sellify_problem_headers(r, status, retry_after, ctx->allow) !=
            NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sellify_send(r, status, &type, &body);
}

ngx_int_t
ngx_http_sellify_problem_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_uint_t status;
    ngx_http_sellify_loc_conf_t *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sellify_module);

    if (!slcf->problem || r != r->main) {
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    status = r->err_status ? r->err_status : NGX_HTTP_NOT_FOUND;

    /* NGX_DECLINED would go on to the next handler, and NGX_OK is taken for
     * it: finish here */

    ngx_http_finalize_request(r, ngx_http_sellify_problem(r, status));

    return NGX_DONE;
}

/* --- refusals --- */

ngx_int_t
ngx_http_sellify_refuse(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx,
    ngx_uint_t status, const char *detail)
{
    ctx->detail.data = (u_char *) detail;
    ctx->detail.len = ngx_strlen(detail);

    return ngx_http_sellify_problem(r, status);
}

/* One fault about one member. */
ngx_int_t
ngx_http_sellify_refuse_member(ngx_http_request_t *r,
    ngx_http_sellify_ctx_t *ctx, ngx_uint_t status, const char *pointer,
    const char *detail)
{
    ctx->faults = ngx_palloc(r->pool, sizeof(sellify_faults_t));
    if (ctx->faults == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->faults->count = 0;
    sellify_fault_add(ctx->faults, "", pointer, "%s", detail);

    return ngx_http_sellify_problem(r, status);
}

ngx_int_t
ngx_http_sellify_refuse_faults(ngx_http_request_t *r,
    ngx_http_sellify_ctx_t *ctx, sellify_faults_t *faults, ngx_int_t status)
{
    ctx->faults = ngx_palloc(r->pool, sizeof(sellify_faults_t));
    if (ctx->faults == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *ctx->faults = *faults;

    return ngx_http_sellify_problem(r, status);
}
