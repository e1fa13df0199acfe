/*
 * From a request line to a route.  Patterns are compared segment by segment after
 * decoding each, so that an encoded slash stays inside its parameter; the most
 * literal pattern wins ("/audit/export" before "/audit/{id}").
 */

#include "../log.h"
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define HTTP_SEGMENTS_MAX                                                      \
    (sizeof(((http_exchange_t *) 0)->segments) / sizeof(sellify_str_t))

void
http_routes_add(struct http_server *server, const http_route_t *routes)
{
    for (; routes->path != NULL; routes++) {
        if (server->route_count == HTTP_ROUTES_MAX) {
            log_error("http", "too many routes", "%s", routes->path);
            abort();
        }
        server->routes[server->route_count++] = routes;
    }
}

/* --- the path --- */

static int
http_hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* -1: a bad escape or a NUL. */
static int
http_decode(http_exchange_t *x, sellify_str_t raw, sellify_str_t *out)
{
    char *data = http_memory(x, raw.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.data[i];
        if (c == '%') {
            int whole = i + 2 < raw.len;
            int high = whole ? http_hex(raw.data[i + 1]) : -1;
            int low = whole ? http_hex(raw.data[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                return -1;
            }
            c = (char) (high << 4 | low);
            i += 2;
        }
        data[len++] = c;
    }
    data[len] = '\0';
    *out = (sellify_str_t){ data, len };
    return 0;
}

static int
http_split(http_exchange_t *x, const char *path)
{
    x->segment_count = 0;
    while (*path == '/') {
        path++;
        size_t len = strcspn(path, "/");
        if (x->segment_count == HTTP_SEGMENTS_MAX ||
            http_decode(x, (sellify_str_t){ path, len },
                &x->segments[x->segment_count]) != 0) {
            return -1;
        }
        x->segment_count++;
        path += len;
    }
    return *path == '\0' ? 0 : -1;
}

/* --- matching --- */

/* Literal segments of the match plus one, 0 when the pattern does not match. */
static int
http_pattern_match(const http_exchange_t *x, size_t skip, const char *pattern)
{
    int literal = 1;
    size_t i = skip;
    for (; *pattern == '/'; i++) {
        pattern++;
        size_t len = strcspn(pattern, "/");
        if (i >= x->segment_count) {
            return 0;
        }
        if (pattern[0] == '{') {
            if (x->segments[i].len == 0) {
                return 0;
            }
        } else {
            sellify_str_t wanted = { pattern, len };
            if (!sellify_str_equal(x->segments[i], wanted)) {
                return 0;
            }
            literal++;
        }
        pattern += len;
    }
    return i == x->segment_count ? literal : 0;
}

static void
http_pattern_params(http_exchange_t *x, size_t skip, const char *pattern)
{
    size_t count = 0;
    for (size_t i = skip; *pattern == '/'; i++) {
        pattern++;
        if (pattern[0] == '{' && count < HTTP_PARAMS_MAX) {
            x->params[count++] = x->segments[i];
        }
        pattern += strcspn(pattern, "/");
    }
}

/* The path without its escapes and without /api/v1. Never logged: it may hold
 * the webhook token. */
static sellify_str_t
http_joined(http_exchange_t *x, size_t skip)
{
    size_t size = 2;
    for (size_t i = skip; i < x->segment_count; i++) {
        size += x->segments[i].len + 1;
    }
    char *data = http_memory(x, size);
    size_t len = 0;
    for (size_t i = skip; i < x->segment_count; i++) {
        data[len++] = '/';
        memcpy(data + len, x->segments[i].data, x->segments[i].len);
        len += x->segments[i].len;
    }
    return (sellify_str_t){ data, len };
}

int
http_route_find(http_exchange_t *x, const char *path)
{
    if (http_split(x, path) != 0) {
        http_problem(&x->request, 400, "the path is malformed", NULL);
        return -1;
    }
    int versioned = x->segment_count >= 2 &&
                    sellify_str_equal(x->segments[0], sellify_str("api")) &&
                    sellify_str_equal(x->segments[1], sellify_str("v1"));
    size_t skip = versioned ? 2 : 0;
    int best = 0;
    for (size_t i = 0; i < x->server->route_count; i++) {
        const http_route_t *route = x->server->routes[i];
        if (!versioned && !(route->flags & HTTP_ROUTE_BARE) &&
            route->access != HTTP_ACCESS_INTERNAL) {
            continue;
        }
        if (route->access == HTTP_ACCESS_INTERNAL && !x->request.local) {
            continue;
        }
        int match = http_pattern_match(x, skip, route->path);
        if (match == 0) {
            continue;
        }
        x->allow |= route->method;
        if ((route->method & x->request.method) != 0 && match > best) {
            best = match;
            x->route = route;
        }
    }
    if (x->route != NULL) {
        http_pattern_params(x, skip, x->route->path);
    }
    x->request.path = http_joined(x, skip);
    return 0;
}

/* --- what the route asks of the request --- */

static void
http_not_allowed(http_exchange_t *x)
{
    char *allow = http_memory(x, 64);
    snprintf(allow, 64, "%s%s%s%s", x->allow & HTTP_GET ? ", GET, HEAD" : "",
        x->allow & HTTP_POST ? ", POST" : "",
        x->allow & HTTP_PUT ? ", PUT" : "",
        x->allow & HTTP_DELETE ? ", DELETE" : "");
    http_reply_header(&x->request, "Allow", allow + 2);
    http_problem(&x->request, 405, NULL, NULL);
}

static int
http_is_json(sellify_str_t type)
{
    static const char json[] = "application/json";
    size_t len = sizeof(json) - 1;
    if (type.len < len || strncasecmp(type.data, json, len) != 0) {
        return 0;
    }
    return type.len == len || strchr("; \t", type.data[len]) != NULL;
}

static int
http_check_body(http_exchange_t *x)
{
    http_request_t *r = &x->request;
    size_t max = x->route->body_max ? x->route->body_max : HTTP_BODY_MAX;
    if (r->body.len > max) {
        char detail[80];
        snprintf(
            detail, sizeof(detail), "the body is larger than %zu bytes", max);
        http_problem(r, 413, detail, NULL);
        return -1;
    }
    if (r->method != HTTP_POST && r->method != HTTP_PUT) {
        return 0;
    }
    sellify_str_t coding = http_header(r, "Content-Encoding");
    if (coding.len > 0 && !sellify_str_equal(coding, sellify_str("identity"))) {
        http_problem(r, 415, "encoded bodies are not taken", NULL);
        return -1;
    }
    if (x->route->flags & HTTP_ROUTE_ANY_TYPE) {
        return 0;
    }
    if (r->body.len == 0) {
        if (!(x->route->flags & HTTP_ROUTE_BODY_OPTIONAL)) {
            http_problem(r, 400, "a JSON body is needed", NULL);
            return -1;
        }
        return 0;
    }
    if (!http_is_json(r->content_type)) {
        http_problem(r, 415, "the content type is not application/json", NULL);
        return -1;
    }
    return 0;
}

int
http_route_check(http_exchange_t *x)
{
    if (x->route != NULL) {
        return http_check_body(x);
    }
    if (x->allow != 0) {
        http_not_allowed(x);
    } else {
        http_problem(&x->request, 404, "there is no such path", NULL);
    }
    return -1;
}

sellify_str_t
http_param(const http_request_t *request, unsigned index)
{
    const http_exchange_t *x = (const http_exchange_t *) request;
    return index < HTTP_PARAMS_MAX ? x->params[index]
                                   : (sellify_str_t){ NULL, 0 };
}
