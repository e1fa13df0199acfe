/* HTTP calls to other servers; see client.h. */

#include "client.h"
#include "../log.h"
#include "../memory.h"
#include "../worker.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECTIONS_PER_HOST 16
#define CONNECTIONS_IN_ALL 64
#define CONNECTIONS_KEPT 32
#define BODY_FIRST 4096

struct http_client {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;   /* libcurl's one timer */
    struct event *refused; /* calls that could not be started */
    http_call_t *calls;    /* all that live */
    unsigned active;
    unsigned pass; /* of on_refused */
};

struct http_call {
    http_client_t *client;
    http_call_t *next, *previous;

    CURL *easy;
    struct curl_slist *headers;
    char *body; /* of the request */

    http_call_done_fn done;
    void (*drop)(void *data);
    void *data;

    int started;         /* connected: from here on bytes may have left */
    int added;           /* to the multi handle */
    int ended;           /* done is being called */
    unsigned pass;       /* of on_refused in which it came */
    const char *refusal; /* why it was never started */

    char *answer;
    size_t answer_len, answer_size, answer_max, header_bytes;
    const char *limit; /* which limit the answer broke */
};

/* A watched socket of libcurl. */
typedef struct {
    struct event *event;
    http_client_t *client;
} watch_t;

static void collect(http_client_t *client);

/* --- libcurl asks, libevent watches --- */

static void
on_socket(evutil_socket_t fd, short what, void *data)
{
    http_client_t *client = ((watch_t *) data)->client;
    int flags = (what & EV_READ ? CURL_CSELECT_IN : 0) |
                (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    /* The watch may be gone after this line. */
    curl_multi_socket_action(client->multi, fd, flags, &running);
    collect(client);
}

static void
on_timer(evutil_socket_t fd, short what, void *data)
{
    http_client_t *client = data;
    int running;

    (void) fd;
    (void) what;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(client);
}

static void
watch_free(watch_t *watch)
{
    if (watch) {
        if (watch->event) {
            event_free(watch->event);
        }
        free(watch);
    }
}

static int
watch_socket(
    CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    http_client_t *client = data;
    watch_t *watch = socket_data;
    short events = (short) ((what & CURL_POLL_IN ? EV_READ : 0) |
                            (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

    (void) easy;
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(client->multi, fd, NULL);
        watch_free(watch);
        return 0;
    }
    if (watch == NULL) {
        watch = memory_get(sizeof(*watch));
        watch->client = client;
        curl_multi_assign(client->multi, fd, watch);
    } else {
        event_free(watch->event);
    }
    watch->event = event_new(client->base, fd, events, on_socket, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
        return -1; /* libcurl then fails every call */
    }
    return 0;
}

static int
set_timer(CURLM *multi, long timeout_ms, void *data)
{
    http_client_t *client = data;
    struct timeval tv = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

    (void) multi;
    if (timeout_ms < 0) {
        return evtimer_del(client->timer);
    }
    /* Also for 0: libcurl must not be entered from its own callback. */
    return evtimer_add(client->timer, &tv);
}

/* --- one call: what libcurl tells about it --- */

/* Connected, and TLS done; the request is written after this returns. */
static int
on_connected(
    void *data, char *remote, char *local, int remote_port, int local_port)
{
    http_call_t *call = data;

    (void) remote;
    (void) local;
    (void) remote_port;
    (void) local_port;
    call->started = 1;
    return CURL_PREREQFUNC_OK;
}

static size_t
on_body(char *bytes, size_t one, size_t len, void *data)
{
    http_call_t *call = data;
    size_t size = call->answer_size;

    (void) one; /* always 1 */
    if (len > call->answer_max - call->answer_len) {
        call->limit = "answer too large";
        return CURL_WRITEFUNC_ERROR;
    }
    while (size - call->answer_len <= len) { /* one more for the NUL */
        size = size ? size * 2 : BODY_FIRST;
    }
    if (size != call->answer_size) {
        call->answer = memory_grow(call->answer, size);
        call->answer_size = size;
    }
    memcpy(call->answer + call->answer_len, bytes, len);
    call->answer_len += len;
    call->answer[call->answer_len] = '\0';
    return len;
}

static size_t
on_header(char *bytes, size_t one, size_t len, void *data)
{
    http_call_t *call = data;

    (void) bytes;
    (void) one;
    call->header_bytes += len;
    if (call->header_bytes > HTTP_CALL_HEADER_BYTES) {
        call->limit = "headers too large";
        return 0;
    }
    return len;
}

const char *
http_call_header(const http_call_result_t *result, const char *name)
{
    struct curl_header *header;

    if (result->outcome == HTTP_CALL_NOT_SENT || result->status == 0 ||
        curl_easy_header(result->call->easy, name, 0, CURLH_HEADER, -1,
            &header) != CURLHE_OK) {
        return NULL;
    }
    /* The last of several: as proxies append. */
    if (header->amount > 1 &&
        curl_easy_header(result->call->easy, name, header->amount - 1,
            CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return NULL;
    }
    return header->value;
}

/* --- beginning and end of a call --- */

static void
call_free(http_call_t *call)
{
    http_client_t *client = call->client;

    if (call->added) {
        curl_multi_remove_handle(client->multi, call->easy);
    }
    if (call->next) {
        call->next->previous = call->previous;
    }
    if (call->previous) {
        call->previous->next = call->next;
    } else {
        client->calls = call->next;
    }
    client->active--;
    if (call->easy) {
        curl_easy_cleanup(call->easy);
    }
    curl_slist_free_all(call->headers);
    free(call->body);
    free(call->answer);
    free(call);
}

static void
finish(http_call_t *call, CURLcode code)
{
    http_call_result_t result = { .call = call };
    curl_off_t elapsed = 0;
    long status = 0, written = 0;

    if (call->refusal) {
        result.outcome = HTTP_CALL_NOT_SENT;
        result.error = call->refusal;
    } else {
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &written);
        curl_easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &elapsed);
        result.outcome = code == CURLE_OK && status > 0 ? HTTP_CALL_ANSWERED
                         : call->started || written > 0 ? HTTP_CALL_BROKEN
                                                        : HTTP_CALL_NOT_SENT;
        result.error = result.outcome == HTTP_CALL_ANSWERED ? NULL
                       : call->limit                        ? call->limit
                                     : curl_easy_strerror(code);
    }
    result.status = (int) status;
    result.elapsed_us = (uint64_t) elapsed;
    result.body =
        (sellify_str_t){ call->answer ? call->answer : "", call->answer_len };
    call->ended = 1;
    call->done(call->data, &result);
    call_free(call);
}

/* Hands out every call that has ended. A callback may start or cancel others:
 * libcurl forgets the messages of handles that are removed. */
static void
collect(http_client_t *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        http_call_t *call = NULL;

        if (message->msg == CURLMSG_DONE) {
            curl_easy_getinfo(
                message->easy_handle, CURLINFO_PRIVATE, (char **) &call);
            finish(call, message->data.result);
        }
    }
}

/* The calls that could not be started, in the pass after. */
static void
on_refused(evutil_socket_t fd, short what, void *data)
{
    http_client_t *client = data;
    http_call_t *call;

    (void) fd;
    (void) what;
    client->pass++; /* what callbacks start now waits for the next */
    for (;;) {
        call = client->calls;
        while (call && (!call->refusal || call->pass == client->pass)) {
            call = call->next;
        }
        if (call == NULL) {
            return;
        }
        finish(call, CURLE_FAILED_INIT);
    }
}

/* --- the request --- */

static int
has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char) *text < 0x20 || *text == 0x7f) {
            return 1;
        }
    }
    return 0;
}

static const char *
refusal_of(const http_call_request_t *request)
{
    if (request->url == NULL || request->method == NULL ||
        (strncasecmp(request->url, "http://", 7) != 0 &&
            strncasecmp(request->url, "https://", 8) != 0)) {
        return "not an http url";
    }
    if (has_control(request->url) || has_control(request->method)) {
        return "control character in the request";
    }
    for (int i = 0; i < HTTP_CALL_HEADERS && request->headers[i]; i++) {
        if (has_control(request->headers[i])) {
            return "control character in a header";
        }
    }
    if (request->timeout_ms == 0 || request->connect_timeout_ms == 0) {
        return "no deadline";
    }
    return NULL;
}

static int
set_headers(http_call_t *call, const http_call_request_t *request)
{
    /* libcurl would wait a second for "100 Continue" before a large body. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (int i = 0; list && i < HTTP_CALL_HEADERS && request->headers[i]; i++) {
        struct curl_slist *longer =
            curl_slist_append(list, request->headers[i]);

        if (longer == NULL) {
            curl_slist_free_all(list);
            return -1;
        }
        list = longer;
    }
    call->headers = list;
    return list && curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, list) == 0
               ? 0
               : -1;
}

#define SET(option, value) (curl_easy_setopt(e, (option), (value)) == CURLE_OK)

static int
set_transport(http_call_t *call, const http_call_request_t *request)
{
    CURL *e = call->easy;

    return SET(CURLOPT_URL, request->url) &&
                   SET(CURLOPT_PROTOCOLS_STR, "http,https") &&
                   SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) &&
                   SET(CURLOPT_PATH_AS_IS, 1L) &&
                   SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_PROXY, "") &&
                   SET(CURLOPT_NOSIGNAL, 1L) &&
                   SET(CURLOPT_QUICK_EXIT, 1L) /* no wait for a resolver */ &&
                   SET(CURLOPT_TCP_NODELAY, 1L) &&
                   SET(CURLOPT_TCP_KEEPALIVE, 1L) &&
                   SET(CURLOPT_SSL_VERIFYPEER, 1L) &&
                   SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
                   SET(CURLOPT_CONNECTTIMEOUT_MS,
                       (long) request->connect_timeout_ms) &&
                   SET(CURLOPT_TIMEOUT_MS, (long) request->timeout_ms) &&
                   SET(CURLOPT_FRESH_CONNECT, request->once ? 1L : 0L) &&
                   SET(CURLOPT_FORBID_REUSE, request->once ? 1L : 0L)
               ? 0
               : -1;
}

static int
set_callbacks(http_call_t *call)
{
    CURL *e = call->easy;

    return SET(CURLOPT_PRIVATE, call) &&
                   SET(CURLOPT_PREREQFUNCTION, on_connected) &&
                   SET(CURLOPT_PREREQDATA, call) &&
                   SET(CURLOPT_WRITEFUNCTION, on_body) &&
                   SET(CURLOPT_WRITEDATA, call) &&
                   SET(CURLOPT_HEADERFUNCTION, on_header) &&
                   SET(CURLOPT_HEADERDATA, call)
               ? 0
               : -1;
}

static int
set_body(http_call_t *call, const http_call_request_t *request)
{
    CURL *e = call->easy;

    if (request->body.data) {
        call->body = memory_copy(request->body);
        if (!SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body.len) ||
            !SET(CURLOPT_POSTFIELDS, call->body)) {
            return -1;
        }
    }
    return SET(CURLOPT_CUSTOMREQUEST, request->method) ? 0 : -1;
}

static const char *
begin(http_call_t *call, const http_call_request_t *request)
{
    const char *refusal = refusal_of(request);

    if (refusal) {
        return refusal;
    }
    call->easy = curl_easy_init();
    if (call->easy == NULL || set_callbacks(call) != 0 ||
        set_body(call, request) != 0 || set_headers(call, request) != 0 ||
        set_transport(call, request) != 0) {
        return "request refused by libcurl";
    }
    if (curl_multi_add_handle(call->client->multi, call->easy) != CURLM_OK) {
        return "call refused by libcurl";
    }
    call->added = 1;
    return NULL;
}

http_call_t *
http_client_call(http_client_t *client, const http_call_request_t *request,
    http_call_done_fn done, void (*drop)(void *data), void *data)
{
    http_call_t *call = memory_get(sizeof(*call));

    call->client = client;
    call->pass = client->pass;
    call->done = done;
    call->drop = drop;
    call->data = data;
    call->answer_max = request->response_max;
    call->next = client->calls;
    if (call->next) {
        call->next->previous = call;
    }
    client->calls = call;
    client->active++;
    call->refusal = begin(call, request);
    if (call->refusal) {
        const struct timeval now = { 0, 0 }; /* the next pass */

        evtimer_add(client->refused, &now);
    }
    return call;
}

void
http_client_cancel(http_call_t *call)
{
    void (*drop)(void *data) = call->drop;
    void *data = call->data;

    if (call->ended) {
        return;
    }
    call_free(call);
    if (drop) {
        drop(data);
    }
}

unsigned
http_client_active(const http_client_t *client)
{
    return client->active;
}

/* --- the client --- */

static int
set_multi(http_client_t *client)
{
    CURLM *m = client->multi;

    return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, watch_socket) ||
                   curl_multi_setopt(m, CURLMOPT_SOCKETDATA, client) ||
                   curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, set_timer) ||
                   curl_multi_setopt(m, CURLMOPT_TIMERDATA, client) ||
                   curl_multi_setopt(m, CURLMOPT_MAX_HOST_CONNECTIONS,
                       (long) CONNECTIONS_PER_HOST) ||
                   curl_multi_setopt(m, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                       (long) CONNECTIONS_IN_ALL) ||
                   curl_multi_setopt(
                       m, CURLMOPT_MAXCONNECTS, (long) CONNECTIONS_KEPT)
               ? -1
               : 0;
}

http_client_t *
http_client_new(struct event_base *base)
{
    http_client_t *client;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }
    client = memory_get(sizeof(*client));
    client->base = base;
    client->multi = curl_multi_init();
    client->timer = evtimer_new(base, on_timer, client);
    client->refused = evtimer_new(base, on_refused, client);
    if (client->multi == NULL || client->timer == NULL ||
        client->refused == NULL || set_multi(client) != 0) {
        http_client_free(client);
        return NULL;
    }
    return client;
}

void
http_client_free(http_client_t *client)
{
    if (client == NULL) {
        return;
    }
    while (client->calls) {
        http_client_cancel(client->calls);
    }
    if (client->multi) {
        curl_multi_cleanup(client->multi); /* gives up the watched sockets */
    }
    if (client->timer) {
        event_free(client->timer);
    }
    if (client->refused) {
        event_free(client->refused);
    }
    free(client);
    curl_global_cleanup();
}

int
http_client_setup(worker_t *w)
{
    w->http_client = http_client_new(w->base);
    if (w->http_client == NULL) {
        log_error(
            "http client", "not set up", "refused by libcurl or libevent");
        return -1;
    }
    return 0;
}

void
http_client_shutdown(worker_t *w)
{
    http_client_free(w->http_client);
    w->http_client = NULL;
}
