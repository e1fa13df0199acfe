/*
 * CORS: preflight requests are answered in the preaccess phase, before any key
 * is asked for; a header filter sets the answer's headers and takes away those
 * that an upstream set.  An origin that is not listed gets no CORS header at
 * all.  The filter also puts X-Request-Id on every answer.
 */
#include "ngx_http_sellify_module.h"

typedef struct {
    ngx_str_t scheme; /* "https://", or empty: any */
    ngx_str_t host;   /* "shop.example:8443"; of *.x: ".x" */
    unsigned wildcard : 1;
    unsigned any : 1;
} ngx_http_sellify_origin_t;

typedef struct {
    ngx_array_t *origins; /* of ngx_http_sellify_origin_t; NULL: off */
    ngx_str_t methods, headers, expose;
    ngx_uint_t max_age; /* seconds */
    ngx_str_t max_age_text;
    ngx_flag_t credentials;
    unsigned any : 1; /* sellify_cors_origin * */
} ngx_http_sellify_cors_loc_conf_t;

static ngx_int_t ngx_http_sellify_cors_init(ngx_conf_t *cf);
static void *ngx_http_sellify_cors_create_loc_conf(ngx_conf_t *cf);
static char *
ngx_http_sellify_cors_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
static char *
ngx_http_sellify_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *
ngx_http_sellify_cors_list(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *
ngx_http_sellify_cors_max_age(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

static ngx_http_output_header_filter_pt ngx_http_next_header_filter;

#define NGX_HTTP_SELLIFY_CORS_CONF                                             \
    NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF

static ngx_command_t ngx_http_sellify_cors_commands[] = {

    { ngx_string("sellify_cors_origin"),
        NGX_HTTP_SELLIFY_CORS_CONF | NGX_CONF_1MORE,
        ngx_http_sellify_cors_origin, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("sellify_cors_methods"),
        NGX_HTTP_SELLIFY_CORS_CONF | NGX_CONF_1MORE, ngx_http_sellify_cors_list,
        NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_sellify_cors_loc_conf_t, methods), NULL },

    { ngx_string("sellify_cors_headers"),
        NGX_HTTP_SELLIFY_CORS_CONF | NGX_CONF_1MORE, ngx_http_sellify_cors_list,
        NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_sellify_cors_loc_conf_t, headers), NULL },

    { ngx_string("sellify_cors_expose"),
        NGX_HTTP_SELLIFY_CORS_CONF | NGX_CONF_1MORE, ngx_http_sellify_cors_list,
        NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_sellify_cors_loc_conf_t, expose), NULL },

    { ngx_string("sellify_cors_max_age"),
        NGX_HTTP_SELLIFY_CORS_CONF | NGX_CONF_TAKE1,
        ngx_http_sellify_cors_max_age, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("sellify_cors_credentials"),
        NGX_HTTP_SELLIFY_CORS_CONF | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
        NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_sellify_cors_loc_conf_t, credentials), NULL },

    ngx_null_command
};

static ngx_http_module_t ngx_http_sellify_cors_filter_module_ctx = {
    NULL,                       /* preconfiguration */
    ngx_http_sellify_cors_init, /* postconfiguration */

    NULL, /* create main configuration */
    NULL, /* init main configuration */

    NULL, /* create server configuration */
    NULL, /* merge server configuration */

    ngx_http_sellify_cors_create_loc_conf, /* create location configuration */
    ngx_http_sellify_cors_merge_loc_conf   /* merge location configuration */
};

ngx_module_t ngx_http_sellify_cors_filter_module = { NGX_MODULE_V1,
    &ngx_http_sellify_cors_filter_module_ctx, /* module context */
    ngx_http_sellify_cors_commands,           /* module directives */
    NGX_HTTP_MODULE,                          /* module type */
    NULL,                                     /* init master */
    NULL,                                     /* init module */
    NULL,                                     /* init process */
    NULL,                                     /* init thread */
    NULL,                                     /* exit thread */
    NULL,                                     /* exit process */
    NULL,                                     /* exit master */
    NGX_MODULE_V1_PADDING };

/* --- origins --- */

static ngx_uint_t
ngx_http_sellify_origin_matches(
    ngx_http_sellify_origin_t *pattern, ngx_str_t *origin)
{
    u_char *host, *colon;
    size_t len;

    if (pattern->any) {
        return 1;
    }

    host = origin->data;
    len = origin->len;

    if (pattern->scheme.len) {
        if (len < pattern->scheme.len ||
            ngx_strncasecmp(host, pattern->scheme.data, pattern->scheme.len) !=
                0) {
            return 0;
        }

        host += pattern->scheme.len;
        len -= pattern->scheme.len;

    } else if (pattern->wildcard) {
        colon = ngx_strlcasestrn(host, host + len, (u_char *) "://", 3 - 1);
        if (colon == NULL) {
            return 0;
        }

        len -= colon + 3 - host;
        host = colon + 3;
    }

    if (!pattern->wildcard) {
        return len == pattern->host.len &&
               ngx_strncasecmp(host, pattern->host.data, len) == 0;
    }

    /* at least one character of a label before ".x"; nothing of a path */

    return len > pattern->host.len &&
           ngx_strncasecmp(host + len - pattern->host.len, pattern->host.data,
               pattern->host.len) == 0 &&
           host[0] != '.' && ngx_strlchr(host, host + len, '/') == NULL &&
           ngx_strlchr(host, host + len - pattern->host.len, ':') == NULL &&
           ngx_strlchr(host, host + len, '@') == NULL;
}

/* The Origin header when it is one that is allowed. */
static ngx_str_t *
ngx_http_sellify_cors_allowed(
    ngx_http_request_t *r, ngx_http_sellify_cors_loc_conf_t *clcf)
{
    ngx_uint_t i, count;
    ngx_table_elt_t *h;
    ngx_http_sellify_origin_t *origin;

    h = ngx_http_sellify_header_in(r, "origin", sizeof("origin") - 1, &count);
    if (h == NULL || count != 1 || h->value.len == 0) {
        return NULL;
    }

    origin = clcf->origins->elts;

    for (i = 0; i < clcf->origins->nelts; i++) {
        if (ngx_http_sellify_origin_matches(&origin[i], &h->value)) {
            return &h->value;
        }
    }

    return NULL;
}

/* --- preflight --- */

static ngx_uint_t
ngx_http_sellify_cors_is_preflight(ngx_http_request_t *r)
{
    return r->method == NGX_HTTP_OPTIONS &&
           ngx_http_sellify_header_in(
               r, "origin", sizeof("origin") - 1, NULL) &&
           ngx_http_sellify_header_in(r, "access-control-request-method",
               sizeof("access-control-request-method") - 1, NULL);
}

static ngx_int_t
ngx_http_sellify_cors_preflight_headers(
    ngx_http_request_t *r, ngx_http_sellify_cors_loc_conf_t *clcf)
{
    ngx_str_t vary = ngx_string("Access-Control-Request-Method, "
                                "Access-Control-Request-Headers");

    if (ngx_http_sellify_header_out(r, "Vary", &vary) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_sellify_cors_allowed(r, clcf) == NULL) {
        return NGX_OK;
    }

    if (ngx_http_sellify_header_out(
            r, "Access-Control-Allow-Methods", &clcf->methods) != NGX_OK ||
        ngx_http_sellify_header_out(
            r, "Access-Control-Allow-Headers", &clcf->headers) != NGX_OK ||
        ngx_http_sellify_header_out(
            r, "Access-Control-Max-Age", &clcf->max_age_text) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_cors_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_http_sellify_cors_loc_conf_t *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_sellify_cors_filter_module);

    if (clcf->origins == NULL || r != r->main ||
        !ngx_http_sellify_cors_is_preflight(r)) {
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    ngx_http_finalize_request(r, ngx_http_send_header(r));

    return NGX_DONE;
}

/* --- the filter --- */

static void
ngx_http_sellify_cors_remove(
    ngx_http_request_t *r, const char *prefix, size_t len, ngx_uint_t whole)
{
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    part = &r->headers_out.headers.part;
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

        if (h[i].key.len >= len && (!whole || h[i].key.len == len) &&
            ngx_strncasecmp(h[i].key.data, (u_char *) prefix, len) == 0) {
            h[i].hash = 0;
        }
    }
}

static ngx_int_t
ngx_http_sellify_cors_headers(
    ngx_http_request_t *r, ngx_http_sellify_cors_loc_conf_t *clcf)
{
    ngx_str_t *origin, star = ngx_string("*"), yes = ngx_string("true"),
                       vary = ngx_string("Origin");

    ngx_http_sellify_cors_remove(
        r, "access-control-", sizeof("access-control-") - 1, 0);

    if (!clcf->any && ngx_http_sellify_header_out(r, "Vary", &vary) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_sellify_cors_is_preflight(r) &&
        ngx_http_sellify_cors_preflight_headers(r, clcf) != NGX_OK) {
        return NGX_ERROR;
    }

    /* without Vary the answer to anybody must do for a page, too */

    origin = clcf->any ? &star : ngx_http_sellify_cors_allowed(r, clcf);
    if (origin == NULL) {
        return NGX_OK;
    }

    if (ngx_http_sellify_header_out(r, "Access-Control-Allow-Origin", origin) !=
        NGX_OK) {
        return NGX_ERROR;
    }

    if (clcf->credentials &&
        ngx_http_sellify_header_out(
            r, "Access-Control-Allow-Credentials", &yes) != NGX_OK) {
        return NGX_ERROR;
    }

    if (clcf->expose.len && r->method != NGX_HTTP_OPTIONS &&
        ngx_http_sellify_header_out(
            r, "Access-Control-Expose-Headers", &clcf->expose) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_id_header(ngx_http_request_t *r)
{
    ngx_str_t *id;
    ngx_http_sellify_ctx_t *ctx;

    ctx = ngx_http_sellify_get_ctx(r);
    id = ctx ? ngx_http_sellify_request_id(r, ctx) : NULL;

    if (id == NULL) {
        return NGX_ERROR;
    }

    ngx_http_sellify_cors_remove(
        r, "x-request-id", sizeof("x-request-id") - 1, 1);

    return ngx_http_sellify_header_out(r, "X-Request-Id", id);
}

static ngx_int_t
ngx_http_sellify_cors_header_filter(ngx_http_request_t *r)
{
    ngx_http_sellify_loc_conf_t *slcf;
    ngx_http_sellify_cors_loc_conf_t *clcf;

    if (r == r->main) {
        slcf = ngx_http_get_module_loc_conf(r, ngx_http_sellify_module);
        clcf = ngx_http_get_module_loc_conf(
            r, ngx_http_sellify_cors_filter_module);

        if (slcf->named && ngx_http_sellify_id_header(r) != NGX_OK) {
            return NGX_ERROR;
        }

        if (clcf->origins && ngx_http_sellify_cors_headers(r, clcf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_next_header_filter(r);
}

/* --- configuration --- */

static ngx_int_t
ngx_http_sellify_cors_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt *h;
    ngx_http_core_main_conf_t *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sellify_cors_handler;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_sellify_cors_header_filter;

    return NGX_OK;
}

static void *
ngx_http_sellify_cors_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sellify_cors_loc_conf_t *clcf;

    clcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sellify_cors_loc_conf_t));
    if (clcf == NULL) {
        return NULL;
    }

    clcf->origins = NGX_CONF_UNSET_PTR;
    clcf->max_age = NGX_CONF_UNSET_UINT;
    clcf->credentials = NGX_CONF_UNSET;

    return clcf;
}

static char *
ngx_http_sellify_cors_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sellify_cors_loc_conf_t *prev = parent;
    ngx_http_sellify_cors_loc_conf_t *conf = child;

    if (conf->origins == NGX_CONF_UNSET_PTR) {
        conf->origins =
            prev->origins == NGX_CONF_UNSET_PTR ? NULL : prev->origins;
        conf->any = prev->any;
    }

    ngx_conf_merge_str_value(
        conf->methods, prev->methods, "GET, POST, PUT, DELETE");
    ngx_conf_merge_str_value(conf->headers, prev->headers,
        "Content-Type, X-API-Key, Authorization, X-Request-Id, "
        "Idempotency-Key");
    ngx_conf_merge_str_value(
        conf->expose, prev->expose, "X-Request-Id, Retry-After");
    ngx_conf_merge_uint_value(conf->max_age, prev->max_age, 600);
    ngx_conf_merge_value(conf->credentials, prev->credentials, 0);

    if (conf->origins && conf->any && conf->credentials) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "\"sellify_cors_credentials on\" does not go with "
            "\"sellify_cors_origin *\": browsers refuse it");
        return NGX_CONF_ERROR;
    }

    conf->max_age_text.data = ngx_pnalloc(cf->pool, NGX_INT_T_LEN);
    if (conf->max_age_text.data == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->max_age_text.len =
        ngx_sprintf(conf->max_age_text.data, "%ui", conf->max_age) -
        conf->max_age_text.data;

    return NGX_CONF_OK;
}

static const char *
ngx_http_sellify_cors_pattern(ngx_str_t *value, ngx_http_sellify_origin_t *o)
{
    u_char *p;
    ngx_str_t rest = *value;

    ngx_memzero(o, sizeof(ngx_http_sellify_origin_t));

    if (rest.len == 1 && rest.data[0] == '*') {
        o->any = 1;
        return NULL;
    }

    if (ngx_strcmp(rest.data, "null") == 0) {
        return "may be forged by any page:";
    }

    p = (u_char *) ngx_strstr(rest.data, "://");
    if (p) {
        o->scheme.data = rest.data;
        o->scheme.len = p + 3 - rest.data;
        rest.data += o->scheme.len;
        rest.len -= o->scheme.len;
    }

    if (rest.len > 2 && rest.data[0] == '*' && rest.data[1] == '.') {
        o->wildcard = 1;
        rest.data++;
        rest.len--;

    } else if (o->scheme.len == 0) {
        return "needs a scheme, as in https://shop.example, not";
    }

    if (rest.len == 0 || strpbrk((char *) rest.data, "*/ ?#@,") != NULL) {
        return "has no path, and * only as *. before a domain:";
    }

    o->host = rest;

    return NULL;
}

static char *
ngx_http_sellify_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sellify_cors_loc_conf_t *clcf = conf;

    ngx_str_t *value;
    ngx_uint_t i;
    const char *fault;
    ngx_http_sellify_origin_t *origin;

    if (clcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        clcf->origins = NULL;
        return NGX_CONF_OK;
    }

    clcf->origins = ngx_array_create(
        cf->pool, cf->args->nelts, sizeof(ngx_http_sellify_origin_t));
    if (clcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        origin = ngx_array_push(clcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        fault = ngx_http_sellify_cors_pattern(&value[i], origin);
        if (fault) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "an origin of \"sellify_cors_origin\" %s \"%V\"", fault,
                &value[i]);
            return NGX_CONF_ERROR;
        }

        clcf->any |= origin->any;
    }

    return NGX_CONF_OK;
}

/* Words become one header value: "a, b". */
static char *
ngx_http_sellify_cors_list(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char *p;
    size_t len;
    ngx_str_t *value, *list;
    ngx_uint_t i;

    list = (ngx_str_t *) ((char *) conf + cmd->offset);
    value = cf->args->elts;

    if (list->data) {
        return "is duplicate";
    }

    len = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        if (strpbrk((char *) value[i].data, "\r\n:") != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "\"%V\" has a bad name \"%V\"", &cmd->name, &value[i]);
            return NGX_CONF_ERROR;
        }

        len += value[i].len + 2;
    }

    list->data = ngx_pnalloc(cf->pool, len);
    if (list->data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = list->data;

    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_sprintf(p, "%s%V", i == 1 ? "" : ", ", &value[i]);
    }

    list->len = p - list->data;

    return NGX_CONF_OK;
}

static char *
ngx_http_sellify_cors_max_age(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sellify_cors_loc_conf_t *clcf = conf;

    time_t age;
    ngx_str_t *value;

    if (clcf->max_age != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    age = ngx_parse_time(&value[1], 1);

    if (age == (time_t) NGX_ERROR) {
        return "invalid value";
    }

    clcf->max_age = age;

    return NGX_CONF_OK;
}
