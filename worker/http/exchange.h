/* One request and its answer, as the files of http/ share it. */
#ifndef SELLIFY_WORKER_HTTP_EXCHANGE_H
#define SELLIFY_WORKER_HTTP_EXCHANGE_H

#include "http.h"
#include "../../core/rng.h"
#include "server.h"

#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#define HTTP_ROUTES_MAX 256
#define HTTP_PARAMS_MAX 3
#define HTTP_EXTRA_HEADERS 8
#define HTTP_HASH_LEN 32

typedef struct http_chunk http_chunk_t; /* arena.c */

typedef struct {
    const char *name, *value;
} http_extra_t;

typedef struct http_exchange http_exchange_t;

struct http_exchange {
    http_request_t request; /* first: handlers see only this */
    struct http_server *server;
    struct evhttp_request *ev; /* NULL: the client went away */
    http_exchange_t *next, *previous;
    http_chunk_t *memory;

    const http_route_t *route;
    sellify_str_t segments[16]; /* of the path, decoded */
    size_t segment_count;
    sellify_str_t params[HTTP_PARAMS_MAX];
    unsigned allow; /* methods of the path */
    struct evkeyvalq query;
    int query_parsed;

    int dispatching; /* inside the handler's own step */
    int held, replied;
    struct event *closed; /* a held client hangs up */

    int status;
    const char *content_type;
    sellify_str_t answer;
    http_extra_t extra[HTTP_EXTRA_HEADERS];
    size_t extra_count;

    int idempotent; /* both hashes are set */
    uint8_t idempotency_hash[HTTP_HASH_LEN];
    uint8_t fingerprint[HTTP_HASH_LEN];

    int64_t began; /* monotonic, for the metrics */
};

typedef struct {
    struct http_server *server;
    struct evhttp *evhttp;
    int local;
} http_socket_t;

struct http_server {
    worker_t *worker;
    http_socket_t sockets[2];
    const http_route_t *routes[HTTP_ROUTES_MAX];
    size_t route_count;
    http_exchange_t *first;
    size_t pending; /* wait for their answer */
    size_t sending; /* answers on their way out */
    int draining;
    sellify_rng_t ids;
    timer_entry_t purge;
};

/* server.c */
void http_queue_answer(http_exchange_t *x);
void http_forget(http_exchange_t *x);

/* arena.c */
void *http_memory(http_exchange_t *x, size_t size);
sellify_str_t http_copy(http_exchange_t *x, sellify_str_t text);
void http_memory_free(http_exchange_t *x);

/* router.c: 0, or -1 after a reply. find leaves route NULL when the path or the
 * method is unknown; check answers for it once the caller is known. */
int http_route_find(http_exchange_t *x, const char *path) SELLIFY_MUST_CHECK;
int http_route_check(http_exchange_t *x) SELLIFY_MUST_CHECK;

/* auth.c: 0, or -1 after a reply. */
int http_authenticate(http_exchange_t *x) SELLIFY_MUST_CHECK;
int http_authorize(http_exchange_t *x) SELLIFY_MUST_CHECK;

/* idempotency.c. begin, inside the step: 0 go on, 1 replied. end, before the
 * step ends: 0, or -1 when the answer could not be stored. */
int http_idempotency_begin(http_exchange_t *x) SELLIFY_MUST_CHECK;
int http_idempotency_end(http_exchange_t *x) SELLIFY_MUST_CHECK;
void http_idempotency_setup(struct http_server *server);
void http_idempotency_shutdown(struct http_server *server);

#endif
