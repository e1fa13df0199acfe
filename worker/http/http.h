/*
 * HTTP on the Unix socket, as the rest of the worker sees it: routes in tables,
 * one request object, replies as effects of the turn.
 */
#ifndef SELLIFY_WORKER_HTTP_H
#define SELLIFY_WORKER_HTTP_H

#include "../../core/fault.h"
#include "../../core/json.h"
#include "../../core/str.h"
#include "../worker.h"

#define HTTP_GET 1u
#define HTTP_POST 2u
#define HTTP_PUT 4u
#define HTTP_DELETE 8u

/* Who asks: the key that was verified, or the local operator on admin.sock. */
typedef struct {
    char key_id[40]; /* for the audit; "operator" on admin.sock */
    uint32_t scopes;
    uint32_t instance_count; /* 0: every instance */
    char instances[SELLIFY_KEY_INSTANCES][SELLIFY_INSTANCE_NAME_MAX + 1];
} http_identity_t;

int http_identity_may_use(const http_identity_t *who, sellify_str_t instance);

typedef struct http_request http_request_t;

struct http_request {
    worker_t *worker;
    unsigned method;
    sellify_str_t path; /* decoded, without /api/v1 */
    sellify_str_t body;
    sellify_str_t content_type;
    char request_id[64]; /* from X-Request-Id, or made here */
    http_identity_t who;
    int local;    /* came over admin.sock */
    void *evhttp; /* struct evhttp_request */
};

/* Where a route takes its permission from. */
typedef enum {
    HTTP_ACCESS_SCOPE,   /* needs http_route_t.scope */
    HTTP_ACCESS_PUBLIC,  /* health */
    HTTP_ACCESS_TOKEN,   /* the handler checks the webhook token itself */
    HTTP_ACCESS_INTERNAL /* admin.sock only */
} http_access_t;

#define HTTP_ROUTE_BODY_OPTIONAL 1u /* a bodyless POST needs no Content-Type */
#define HTTP_ROUTE_BARE 2u          /* also without /api/v1 */
#define HTTP_ROUTE_IDEMPOTENT 4u    /* honours Idempotency-Key */
#define HTTP_ROUTE_ANY_TYPE 8u      /* any Content-Type (CSV import, webhook) */

typedef struct {
    unsigned method;
    const char *path; /* "/products/{id}"; at most 3 parameters */
    http_access_t access;
    uint32_t scope;
    size_t body_max; /* bytes; 0: 64 KiB */
    unsigned flags;
    /* Runs inside a step of the turn.  It must reply exactly once, or hold the
     * request. A status of 400 or more rolls the step back. */
    void (*handler)(http_request_t *request);
} http_route_t;

/* Tables end with an entry whose path is NULL. Registered at set-up. */
void http_routes_add(struct http_server *server, const http_route_t *routes);

/* Path parameter by position (0 first), decoded, NUL-free. */
sellify_str_t http_param(const http_request_t *request, unsigned index);
/* Query parameter and header; data NULL when absent. */
sellify_str_t http_query(const http_request_t *request, const char *name);
sellify_str_t http_header(const http_request_t *request, const char *name);
/* Memory that lives as long as the request; never NULL (the worker stops when
 * memory is exhausted). */
void *http_alloc(http_request_t *request, size_t size);

/* Replies. They leave after COMMIT; if the turn fails the client gets 503. */
void http_reply_json(
    http_request_t *request, int status, const sellify_json_writer_t *body);
void http_reply_empty(http_request_t *request, int status);
void http_reply_text(http_request_t *request, int status,
    const char *content_type, sellify_str_t body);
void http_reply_header(http_request_t *request, const char *name,
    const char *value); /* before the reply */
void http_problem(http_request_t *request, int status, const char *detail,
    const sellify_faults_t *faults);
void http_problem_retry(http_request_t *request, int status,
    uint32_t retry_after_s, const char *detail);
/* 503: the store failed; the step is rolled back. */
void http_not_ready(http_request_t *request);

/* Builds a JSON body of any size: calls `write` once to measure when the first
 * buffer (8 KiB) was too small, and replies. */
void http_reply_built(http_request_t *request, int status,
    void (*write)(sellify_json_writer_t *w, void *data), void *data);

/* May who asks see texts, names and phone numbers unmasked? */
int http_is_personal(const http_request_t *request);

/* Asynchronous answers: hold in the handler, then, in a later turn and inside a
 * step, reply. A client that went away is noticed: replies become no-ops. */
void http_hold(http_request_t *request);

#endif
