/*
 * HTTP calls to other servers (whatsapp-api, AI providers): libcurl's multi
 * interface, driven by the worker's event base.
 *
 * HTTP/1.1 over http and https only, certificates verified, redirects refused,
 * no proxy (the environment is not asked), answers bounded, every call with a
 * deadline.  The outcome says what a caller must know before it repeats a call:
 * whether the request may have left.
 *
 * Worker thread only.  Deadlines are real time, whatever the mapped clock shows.
 */
#ifndef SELLIFY_WORKER_HTTP_CLIENT_H
#define SELLIFY_WORKER_HTTP_CLIENT_H

#include "../../core/str.h"

#include <stdint.h>

struct event_base;
struct worker;

typedef struct http_client http_client_t;
typedef struct http_call http_call_t;

#define HTTP_CALL_HEADERS 16               /* of a request */
#define HTTP_CALL_HEADER_BYTES (32 * 1024) /* of an answer, all together */

typedef enum {
    HTTP_CALL_ANSWERED, /* a whole answer: status, headers, body */
    HTTP_CALL_NOT_SENT, /* no byte of the request left: safe to repeat */
    HTTP_CALL_BROKEN    /* it may have been received; no whole answer */
} http_call_outcome_t;

/* Copied by http_client_call(). */
typedef struct {
    const char *method;                      /* "GET", "POST", ... */
    const char *url;                         /* http:// or https:// */
    const char *headers[HTTP_CALL_HEADERS];  /* "Name: value"; NULL ends */
    sellify_str_t body;                      /* not sent when data is NULL */
    uint32_t connect_timeout_ms, timeout_ms; /* whole call; not 0 */
    size_t response_max; /* bytes of body; a longer answer is BROKEN */

    /* 1: the request leaves at most once.  libcurl sends again by itself when a
     * kept connection turns out to be dead, also a POST which the server may
     * have read: such a call gets a connection of its own. */
    int once;
} http_call_request_t;

/* Valid during the callback. */
typedef struct {
    http_call_outcome_t outcome;
    int status;         /* 0 when none was received */
    sellify_str_t body; /* with a NUL after it; also for BROKEN */
    const char *error;  /* short constant text; NULL when ANSWERED */
    uint64_t elapsed_us;
    const http_call_t *call; /* for http_call_header() */
} http_call_result_t;

/* A header of the answer, last value; NULL when absent. */
const char *
http_call_header(const http_call_result_t *result, const char *name);

/* Runs once, in a later pass of the loop, outside any step. */
typedef void (*http_call_done_fn)(void *data, const http_call_result_t *result);

/* Starts a call.  Always answers through `done`, also when the request makes no
 * sense (NOT_SENT), except after cancel and at shutdown: then `drop` (may be
 * NULL) is called, so that `data` can be freed.  The handle lives until then. */
http_call_t *
http_client_call(http_client_t *client, const http_call_request_t *request,
    http_call_done_fn done, void (*drop)(void *data), void *data);
void http_client_cancel(http_call_t *call); /* inside its done: no effect */

/* Calls under way, for metrics and drain. */
unsigned http_client_active(const http_client_t *client);

/* NULL when libcurl or libevent refuse. */
http_client_t *
http_client_new(struct event_base *base) __attribute__((warn_unused_result));
void http_client_free(http_client_t *client); /* NULL is fine */

/* Set-up order: w->http_client. */
int http_client_setup(struct worker *w) __attribute__((warn_unused_result));
void http_client_shutdown(struct worker *w);

#endif
