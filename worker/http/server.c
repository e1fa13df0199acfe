/*
 * evhttp on the parent's sockets: a request becomes an exchange, runs in a step
 * of the turn, and its answer leaves as an effect after COMMIT.  If the turn is
 * lost, every answer of it is 503, whatever the handler said.
 */

#include "server.h"
#include "../../core/problem.h"
#include "../../core/version.h"
#include "../log.h"
#include "../memory.h"
#include "../metrics.h"
#include "exchange.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/queue.h>

/* --- one exchange --- */

static void
http_on_close(struct evhttp_connection *connection, void *data)
{
    http_exchange_t *x = data;
    (void) connection;
    if (x->closed != NULL) {
        event_free(x->closed);
        x->closed = NULL;
    }
    /* evhttp frees the request with its connection, unless it has cut the two
     * apart already; then it is ours. */
    if (x->ev != NULL && evhttp_request_get_connection(x->ev) == NULL) {
        evhttp_request_free(x->ev);
    }
    x->ev = NULL;
    x->server->pending--;
}

static http_exchange_t *
http_exchange_new(struct http_server *server, struct evhttp_request *ev)
{
    http_exchange_t *x = memory_get(sizeof(*x));
    x->server = server;
    x->ev = ev;
    x->request.worker = server->worker;
    x->request.evhttp = ev;
    x->began = sellify_clock_monotonic();
    x->next = server->first;
    if (x->next != NULL) {
        x->next->previous = x;
    }
    server->first = x;
    server->pending++;
    evhttp_connection_set_closecb(
        evhttp_request_get_connection(ev), http_on_close, x);
    return x;
}

void
http_forget(http_exchange_t *x)
{
    if (x->ev != NULL) {
        struct evhttp_connection *connection =
            evhttp_request_get_connection(x->ev);
        if (connection != NULL) {
            evhttp_connection_set_closecb(connection, NULL, NULL);
        }
        x->server->pending--;
    }
    if (x->closed != NULL) {
        event_free(x->closed);
    }
    if (x->previous != NULL) {
        x->previous->next = x->next;
    } else {
        x->server->first = x->next;
    }
    if (x->next != NULL) {
        x->next->previous = x->previous;
    }
    if (x->query_parsed) {
        evhttp_clear_headers(&x->query);
    }
    http_memory_free(x);
    free(x);
}

/* --- the answer --- */

static void
http_send_lost(http_exchange_t *x)
{
    static const char detail[] = "the database is not ready: nothing was done";
    char room[512];
    sellify_json_writer_t w;
    sellify_json_writer(&w, room, sizeof(room));
    sellify_problem_write(&w, 503, detail, NULL);
    x->status = 503;
    x->content_type = SELLIFY_PROBLEM_TYPE;
    x->answer = http_copy(x, (sellify_str_t){ w.data, w.len });
    x->extra_count = 0;
    http_reply_header(&x->request, "Retry-After", "1");
}

static void
http_send_headers(http_exchange_t *x, struct evkeyvalq *headers)
{
    evhttp_add_header(headers, "X-Request-Id", x->request.request_id);
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    if (x->content_type != NULL) {
        evhttp_add_header(headers, "Content-Type", x->content_type);
    }
    for (size_t i = 0; i < x->extra_count; i++) {
        evhttp_add_header(headers, x->extra[i].name, x->extra[i].value);
    }
    if (x->server->draining) {
        evhttp_add_header(headers, "Connection", "close");
    }
}

/* evhttp sends a body to HEAD too: it gets the length alone. */
static void
http_send_length(const http_exchange_t *x, struct evkeyvalq *headers)
{
    char length[24];
    snprintf(length, sizeof(length), "%zu", x->answer.len);
    evhttp_add_header(headers, "Content-Length", length);
}

static void
http_note(const http_exchange_t *x)
{
    worker_t *w = x->server->worker;
    const char *endpoint = x->route != NULL ? x->route->path : "none";
    char status[8];
    snprintf(status, sizeof(status), "%d", x->status);
    metrics_add(w, METRIC_HTTP_REQUESTS, endpoint, status, 1);
    metrics_observe(w, METRIC_HTTP_DURATION, endpoint,
        (double) (sellify_clock_monotonic() - x->began) / 1e6);
    log_debug("http", "answered", "%s %d in %lld us, id %s",
        x->route != NULL ? x->route->path : "no route", x->status,
        (long long) (sellify_clock_monotonic() - x->began),
        x->request.request_id);
}

/* An answer has left, or its connection broke: a drain waits for either. */
static void
http_on_sent(struct evhttp_request *ev, void *data)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(ev);
    ((struct http_server *) data)->sending--;
    if (connection != NULL) {
        evhttp_connection_set_closecb(connection, NULL, NULL);
    }
}

static void
http_on_broken(struct evhttp_connection *connection, void *data)
{
    (void) connection;
    ((struct http_server *) data)->sending--;
}

static void
http_send(void *data, int committed)
{
    http_exchange_t *x = data;
    if (!committed) {
        http_send_lost(x);
    }
    http_note(x);
    if (x->ev == NULL) {
        http_forget(x);
        return;
    }
    struct evhttp_request *ev = x->ev;
    struct evbuffer *body = evbuffer_new();
    int head = evhttp_request_get_command(ev) == EVHTTP_REQ_HEAD;
    size_t len = head ? 0 : x->answer.len;
    if (body == NULL ||
        (len > 0 && evbuffer_add(body, x->answer.data, len) != 0)) {
        log_error("http", "no memory for an answer", NULL);
        abort();
    }
    http_send_headers(x, evhttp_request_get_output_headers(ev));
    if (head) {
        http_send_length(x, evhttp_request_get_output_headers(ev));
    }
    int status = x->status;
    struct http_server *server = x->server;
    http_forget(x);
    server->sending++;
    evhttp_request_set_on_complete_cb(ev, http_on_sent, server);
    evhttp_connection_set_closecb(
        evhttp_request_get_connection(ev), http_on_broken, server);
    evhttp_send_reply(ev, status, NULL, body);
    evbuffer_free(body);
}

/* A held request's answer must be repeatable in the same step. */
void
http_queue_answer(http_exchange_t *x)
{
    turn_t *turn = x->server->worker->turn;
    if (x->held && x->idempotent && x->status < 400 && turn_in_step(turn) &&
        http_idempotency_end(x) != 0) {
        turn_poison(turn, "an answer could not be stored");
    }
    turn_effect(turn, http_send, x);
}

/* --- held requests --- */

/* The client closed both ways: nobody reads the answer. One that closed only
 * its sending side still waits. */
static void
http_on_hangup(evutil_socket_t fd, short what, void *data)
{
    http_exchange_t *x = data;
    struct pollfd p = { .fd = fd, .events = 0 };
    (void) what;
    if (x->ev != NULL && poll(&p, 1, 0) == 1 &&
        (p.revents & (POLLHUP | POLLERR)) != 0) {
        log_debug("http", "client gone", "id %s", x->request.request_id);
        evhttp_connection_free(evhttp_request_get_connection(x->ev));
    }
}

void
http_hold(http_request_t *request)
{
    http_exchange_t *x = (http_exchange_t *) request;
    if (x->held || x->ev == NULL) {
        return;
    }
    x->held = 1;
    /* What points into evhttp's request must outlive it. */
    request->body = http_copy(x, request->body);
    request->content_type = http_copy(x, request->content_type);
    (void) http_query(request, "");
    struct evhttp_connection *connection = evhttp_request_get_connection(x->ev);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    x->closed =
        event_new(x->server->worker->base, fd, EV_CLOSED, http_on_hangup, x);
    if (x->closed != NULL) {
        event_add(x->closed, NULL);
    }
}

/* --- what the request says --- */

sellify_str_t
http_header(const http_request_t *request, const char *name)
{
    const http_exchange_t *x = (const http_exchange_t *) request;
    if (x->ev == NULL) {
        return (sellify_str_t){ NULL, 0 };
    }
    return sellify_str_of(
        evhttp_find_header(evhttp_request_get_input_headers(x->ev), name));
}

sellify_str_t
http_query(const http_request_t *request, const char *name)
{
    http_exchange_t *x = (http_exchange_t *) (uintptr_t) request;
    if (!x->query_parsed) {
        const char *query = NULL;
        if (x->ev != NULL) {
            query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(x->ev));
        }
        TAILQ_INIT(&x->query);
        if (query != NULL) {
            (void) evhttp_parse_query_str(query, &x->query);
        }
        x->query_parsed = 1;
    }
    return sellify_str_of(evhttp_find_header(&x->query, name));
}

static unsigned
http_method(struct evhttp_request *ev)
{
    switch (evhttp_request_get_command(ev)) {
    case EVHTTP_REQ_GET:
    case EVHTTP_REQ_HEAD:
        return HTTP_GET;
    case EVHTTP_REQ_POST:
        return HTTP_POST;
    case EVHTTP_REQ_PUT:
        return HTTP_PUT;
    case EVHTTP_REQ_DELETE:
        return HTTP_DELETE;
    default:
        return 0;
    }
}

/* nginx sends its own; anything but a plain word is replaced. */
static void
http_take_id(http_exchange_t *x)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    sellify_str_t id = http_header(&x->request, "X-Request-Id");
    if (id.len > 0 && id.len < sizeof(x->request.request_id) &&
        strspn(id.data, allowed) == id.len) {
        memcpy(x->request.request_id, id.data, id.len + 1);
        return;
    }
    sellify_rng_request_id(&x->server->ids, x->request.request_id);
}

static void
http_read(http_exchange_t *x, int local)
{
    http_request_t *r = &x->request;
    struct evbuffer *in = evhttp_request_get_input_buffer(x->ev);
    size_t len = evbuffer_get_length(in);
    r->local = local;
    r->method = http_method(x->ev);
    r->body =
        (sellify_str_t){ len > 0 ? (const char *) evbuffer_pullup(in, -1) : "",
            len };
    r->content_type = http_header(r, "Content-Type");
    http_take_id(x);
}

/* --- dispatch --- */

/* Runs the handler in its step. 0: the answer is in the exchange, or held. */
static int
http_run(http_exchange_t *x)
{
    turn_t *turn = x->server->worker->turn;
    if (turn_step_begin(turn) != 0) {
        return -1;
    }
    if (http_idempotency_begin(x) == 0) {
        x->route->handler(&x->request);
        if (!x->replied && !x->held) {
            log_error("http", "not answered", "%s", x->route->path);
            http_problem(&x->request, 500, NULL, NULL);
        }
    }
    int keep = !x->replied || x->status < 400;
    if (keep && x->replied && x->idempotent && http_idempotency_end(x) != 0) {
        keep = 0;
        x->status = 0;
    }
    int stands = turn_step_end(turn, keep) == 0;
    return stands || (x->replied && x->status >= 400) ? 0 : -1;
}

static void
http_dispatch(http_exchange_t *x)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(x->ev);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

    x->dispatching = 1;
    if (x->server->pending > HTTP_PENDING_MAX) {
        http_problem_retry(&x->request, 503, 1, "too many requests wait");
    } else if (http_route_find(x, path ? path : "") == 0 &&
               http_authenticate(x) == 0 && http_route_check(x) == 0 &&
               http_authorize(x) == 0 && http_run(x) != 0) {
        x->replied = 1;
        http_send_lost(x);
    }
    x->dispatching = 0;
    if (x->replied) {
        http_queue_answer(x);
    }
}

static void
http_on_request(struct evhttp_request *ev, void *data)
{
    http_socket_t *socket = data;
    http_exchange_t *x = http_exchange_new(socket->server, ev);
    http_read(x, socket->local);
    http_dispatch(x);
}

/* --- the server's life --- */

static void
http_health(http_request_t *r)
{
    static const char body[] = "{\"status\":\"healthy\",\"service\":"
                               "\"sellify-core\",\"version\":"
                               "\"" SELLIFY_VERSION "\"}";
    http_reply_text(
        r, 200, "application/json", (sellify_str_t){ body, sizeof(body) - 1 });
}

static const http_route_t http_own_routes[] = {
    { HTTP_GET, "/health", HTTP_ACCESS_PUBLIC, 0, 0, HTTP_ROUTE_BARE,
        http_health },
    { 0, NULL, HTTP_ACCESS_PUBLIC, 0, 0, 0, NULL },
};

int
http_setup(worker_t *w)
{
    struct http_server *server = memory_get(sizeof(*server));
    uint64_t seed;
    server->worker = w;
    w->http = server;
    if (sellify_rng_secret(&seed, sizeof(seed)) != 0) {
        log_error("http", "no randomness", NULL);
        return -1;
    }
    server->ids = sellify_rng(seed);
    http_routes_add(server, http_own_routes);
    http_idempotency_setup(server);
    return 0;
}

static size_t
http_largest_body(const struct http_server *server)
{
    size_t largest = HTTP_BODY_MAX;
    for (size_t i = 0; i < server->route_count; i++) {
        if (server->routes[i]->body_max > largest) {
            largest = server->routes[i]->body_max;
        }
    }
    return largest;
}

static int
http_open(struct http_server *server, int index, int fd, int local)
{
    http_socket_t *socket = &server->sockets[index];
    if (fd < 0) {
        return 0;
    }
    *socket =
        (http_socket_t){ server, evhttp_new(server->worker->base), local };
    if (socket->evhttp == NULL) {
        return -1;
    }
    evhttp_set_gencb(socket->evhttp, http_on_request, socket);
    evhttp_set_timeout(socket->evhttp, HTTP_TIMEOUT_S);
    evhttp_set_max_headers_size(socket->evhttp, HTTP_HEADERS_MAX);
    evhttp_set_max_body_size(socket->evhttp,
        (ev_ssize_t) (http_largest_body(server) + HTTP_BODY_SLACK));
    evhttp_set_default_content_type(socket->evhttp, NULL);
    /* Every method: the router says 405 and names those that it takes. */
    evhttp_set_allowed_methods(socket->evhttp,
        EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
            EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
            EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    return evhttp_accept_socket(socket->evhttp, fd);
}

int
http_listen(worker_t *w)
{
    if (http_open(w->http, 0, w->options->listen_fd, 0) != 0 ||
        http_open(w->http, 1, w->options->admin_fd, 1) != 0) {
        log_error("http", "cannot listen", "%s", strerror(errno));
        return -1;
    }
    return 0;
}

static void
http_stop_accepting(struct evhttp_bound_socket *bound, void *data)
{
    (void) data;
    evconnlistener_disable(evhttp_bound_socket_get_listener(bound));
}

void
http_drain(struct http_server *server)
{
    server->draining = 1;
    for (int i = 0; i < 2; i++) {
        if (server->sockets[i].evhttp != NULL) {
            evhttp_foreach_bound_socket(
                server->sockets[i].evhttp, http_stop_accepting, NULL);
        }
    }
}

size_t
http_pending(const struct http_server *server)
{
    return server->pending + server->sending;
}

void
http_shutdown(worker_t *w)
{
    struct http_server *server = w->http;
    if (server == NULL) {
        return;
    }
    http_idempotency_shutdown(server);
    for (int i = 0; i < 2; i++) {
        if (server->sockets[i].evhttp != NULL) {
            evhttp_free(server->sockets[i].evhttp);
        }
    }
    while (server->first != NULL) {
        http_forget(server->first);
    }
    free(server);
    w->http = NULL;
}
