/*
 * Calls to other servers: what counts as sent, limits, deadlines, and that a
 * call marked `once` reaches the server once.  The server is in this process, on
 * the same event base, and does as its script says.
 */
#include "../../worker/http/client.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct {
    struct event_base *base;
    struct evconnlistener *listener;
    struct bufferevent *connections[32];
    int connection_count;
    int port;
    http_client_t *client;

    /* the script: what each request gets, in turn; NULL is silence */
    const char *replies[8];
    int close_after[8]; /* close the connection after that reply */
    int requests;
    char last[65536]; /* the last request as it came */

    /* what the caller was told */
    int done, dropped, in_call;
    http_call_outcome_t outcome;
    int status;
    char body[4096];
    const char *error;
    char header[128];
} fixture_t;

/* --- the server --- */

static void
on_request(struct bufferevent *b, void *data)
{
    fixture_t *f = data;
    struct evbuffer *in = bufferevent_get_input(b);
    size_t len = evbuffer_get_length(in);
    char *text = calloc(1, len + 1);
    char *end, *field;
    size_t need;
    const char *reply;

    evbuffer_copyout(in, text, len);
    end = strstr(text, "\r\n\r\n");
    field = strstr(text, "Content-Length: ");
    need = end ? (size_t) (end - text) + 4 : len + 1;
    need += field && field < end ? (size_t) atoi(field + 16) : 0;
    if (len < need) {
        free(text);
        return;
    }
    snprintf(f->last, sizeof(f->last), "%s", text);
    free(text);
    evbuffer_drain(in, need);
    reply = f->replies[f->requests];
    /* Past the buffer: what is written must have left when we close. */
    if (reply) {
        assert_int_equal(
            write(bufferevent_getfd(b), reply, strlen(reply)), strlen(reply));
    }
    if (f->close_after[f->requests++]) {
        shutdown(bufferevent_getfd(b), SHUT_RDWR);
    }
}

static void
on_connection(struct evconnlistener *l, evutil_socket_t fd,
    struct sockaddr *address, int len, void *data)
{
    fixture_t *f = data;
    struct bufferevent *b =
        bufferevent_socket_new(f->base, fd, BEV_OPT_CLOSE_ON_FREE);

    (void) l;
    (void) address;
    (void) len;
    f->connections[f->connection_count++] = b;
    bufferevent_setcb(b, on_request, NULL, NULL, f);
    bufferevent_enable(b, EV_READ | EV_WRITE);
}

static int
set_up(void **state)
{
    fixture_t *f = calloc(1, sizeof(*f));
    struct sockaddr_in a = { .sin_family = AF_INET };
    socklen_t len = sizeof(a);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->base = event_base_new();
    f->listener = evconnlistener_new_bind(f->base, on_connection, f,
        LEV_OPT_CLOSE_ON_FREE, 16, (struct sockaddr *) &a, sizeof(a));
    if (!f->listener || getsockname(evconnlistener_get_fd(f->listener),
                            (struct sockaddr *) &a, &len) != 0) {
        return -1;
    }
    f->port = ntohs(a.sin_port);
    f->client = http_client_new(f->base);
    *state = f;
    return f->client ? 0 : -1;
}

static int
tear_down(void **state)
{
    fixture_t *f = *state;

    http_client_free(f->client);
    for (int i = 0; i < f->connection_count; i++) {
        bufferevent_free(f->connections[i]);
    }
    if (f->listener) {
        evconnlistener_free(f->listener);
    }
    event_base_free(f->base);
    free(f);
    return 0;
}

/* --- the caller --- */

static void
on_done(void *data, const http_call_result_t *result)
{
    fixture_t *f = data;
    const char *retry = http_call_header(result, "Retry-After");

    assert_false(f->in_call); /* never from within http_client_call() */
    f->done++;
    f->outcome = result->outcome;
    f->status = result->status;
    f->error = result->error;
    snprintf(f->body, sizeof(f->body), "%s", result->body.data);
    snprintf(f->header, sizeof(f->header), "%s", retry ? retry : "");
    http_client_cancel((http_call_t *) (uintptr_t) result->call);
}

static void
on_drop(void *data)
{
    ((fixture_t *) data)->dropped++;
}

static http_call_t *
start(fixture_t *f, const http_call_request_t *request)
{
    http_call_t *call;

    f->in_call = 1;
    call = http_client_call(f->client, request, on_done, on_drop, f);
    f->in_call = 0;
    return call;
}

static void
loop_until(fixture_t *f, int done)
{
    struct timeval limit = { 10, 0 };

    event_base_loopexit(f->base, &limit);
    while (f->done < done && !event_base_got_exit(f->base)) {
        event_base_loop(f->base, EVLOOP_ONCE);
    }
    assert_int_equal(f->done, done);
}

static http_call_request_t
request_to(fixture_t *f, char *url, const char *scheme)
{
    http_call_request_t r = {
        .method = "POST",
        .body = SELLIFY_STR("{\"a\":1}"),
        .connect_timeout_ms = 2000,
        .timeout_ms = 2000,
        .response_max = 1000,
    };

    snprintf(url, 128, "%s://127.0.0.1:%d/path", scheme, f->port);
    r.url = url;
    r.headers[0] = "Content-Type: application/json";
    r.headers[1] = "apikey: secret";
    return r;
}

static void
call(fixture_t *f, const http_call_request_t *request)
{
    int before = f->done;

    start(f, request);
    loop_until(f, before + 1);
}

#define OK_REPLY "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"

/* --- tests --- */

static void
a_whole_answer(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");

    f->replies[0] = "HTTP/1.1 429 Slow\r\nretry-after: 7\r\n"
                    "Content-Length: 5\r\n\r\nhello";
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_ANSWERED);
    assert_int_equal(f->status, 429);
    assert_string_equal(f->body, "hello");
    assert_string_equal(f->header, "7");
    assert_null(f->error);
    assert_non_null(strstr(f->last, "POST /path HTTP/1.1\r\n"));
    assert_non_null(strstr(f->last, "\r\napikey: secret\r\n"));
    assert_non_null(strstr(f->last, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(f->last, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(f->last, "Expect"));
    assert_int_equal(http_client_active(f->client), 0);
}

static void
a_get_has_no_body(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");

    r.method = "GET";
    r.body = (sellify_str_t){ NULL, 0 };
    f->replies[0] = OK_REPLY;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_ANSWERED);
    assert_non_null(strstr(f->last, "GET /path HTTP/1.1\r\n"));
    assert_null(strstr(f->last, "Content-Length"));
}

static void
connections_are_kept(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");

    f->replies[0] = f->replies[1] = f->replies[2] = OK_REPLY;
    call(f, &r);
    call(f, &r);
    assert_int_equal(f->connection_count, 1);
    r.once = 1;
    call(f, &r);
    assert_int_equal(f->connection_count, 2);
}

/* libcurl's own habit, which `once` is there for: should it ever change, this
 * tells. */
static void
once_is_once(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");

    f->replies[0] = f->replies[2] = f->replies[3] = OK_REPLY;
    f->close_after[1] = 1; /* read, then closed without an answer */
    call(f, &r);
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_ANSWERED);
    assert_int_equal(f->requests, 3); /* the second went out twice */

    r.once = 1;
    f->replies[3] = NULL;
    f->close_after[3] = 1;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_BROKEN);
    assert_int_equal(f->requests, 4);
}

static void
nobody_listens(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");

    evconnlistener_free(f->listener);
    f->listener = NULL;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_NOT_SENT);
    assert_int_equal(f->status, 0);
    assert_non_null(f->error);
}

static void
silence_after_the_request(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");

    r.timeout_ms = 60;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_BROKEN);
    assert_int_equal(f->requests, 1);
}

static void
silence_in_the_handshake(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "https");

    r.timeout_ms = 60;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_NOT_SENT);
    assert_int_equal(f->connection_count, 1);
}

static void
an_answer_cut_short(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");

    r.once = 1;
    f->replies[0] = "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"ke";
    f->close_after[0] = 1;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_BROKEN);
    assert_int_equal(f->status, 201);
    assert_string_equal(f->body, "{\"ke");
}

static void
answers_are_bounded(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");
    char *large = malloc(70000);

    f->replies[0] = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678";
    f->replies[1] = f->replies[0];
    r.response_max = 8;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_ANSWERED);
    r.response_max = 7;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_BROKEN);
    assert_string_equal(f->error, "answer too large");

    strcpy(large, "HTTP/1.1 200 OK\r\nX-Large: ");
    memset(large + strlen(large), 'a', 40000);
    large[40026] = '\0';
    strcat(large, "\r\nContent-Length: 0\r\n\r\n");
    f->replies[2] = large;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_BROKEN);
    assert_string_equal(f->error, "headers too large");
    free(large);
}

static void
redirects_and_proxies_are_not_followed(void **state)
{
    fixture_t *f = *state;
    char url[128], reply[256];
    http_call_request_t r = request_to(f, url, "http");

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    snprintf(reply, sizeof(reply),
        "HTTP/1.1 302 Found\r\nLocation: %s/there\r\nContent-Length: 0\r\n\r\n",
        url);
    f->replies[0] = reply;
    call(f, &r);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(f->outcome, HTTP_CALL_ANSWERED);
    assert_int_equal(f->status, 302);
    assert_int_equal(f->requests, 1);
}

static void
senseless_requests_are_answered_too(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t good = request_to(f, url, "http"), r;

    r = good;
    r.url = "file:///etc/passwd";
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_NOT_SENT);
    assert_string_equal(f->error, "not an http url");
    r.url = NULL;
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_NOT_SENT);
    r = good;
    r.headers[1] = "apikey: a\r\nX-Other: b";
    call(f, &r);
    assert_string_equal(f->error, "control character in a header");
    r = good;
    r.timeout_ms = 0;
    call(f, &r);
    assert_string_equal(f->error, "no deadline");
    r = good;
    r.url = "http://";
    call(f, &r);
    assert_int_equal(f->outcome, HTTP_CALL_NOT_SENT);
    assert_int_equal(f->requests, 0);
}

static void
each_call_ends_once(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");
    http_call_t *c;

    c = start(f, &r);
    assert_int_equal(http_client_active(f->client), 1);
    http_client_cancel(c);
    assert_int_equal(f->dropped, 1);
    r.url = "ftp://a/";
    c = start(f, &r);
    http_client_cancel(c); /* before it could be refused */
    assert_int_equal(f->dropped, 2);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    assert_int_equal(f->done, 0);

    r.url = url;
    start(f, &r);
    start(f, &r);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    http_client_free(f->client); /* under way: dropped */
    assert_int_equal(f->dropped, 4);
    assert_int_equal(f->done, 0);
    f->client = NULL;
}

static void
many_at_once(void **state)
{
    fixture_t *f = *state;
    char url[128];
    http_call_request_t r = request_to(f, url, "http");

    for (int i = 0; i < 8; i++) {
        f->replies[i] = OK_REPLY;
        start(f, &r);
    }
    loop_until(f, 8);
    assert_int_equal(f->requests, 8);
    assert_int_equal(http_client_active(f->client), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_whole_answer),
        T(a_get_has_no_body),
        T(connections_are_kept),
        T(once_is_once),
        T(nobody_listens),
        T(silence_after_the_request),
        T(silence_in_the_handshake),
        T(an_answer_cut_short),
        T(answers_are_bounded),
        T(redirects_and_proxies_are_not_followed),
        T(senseless_requests_are_answered_too),
        T(each_call_ends_once),
        T(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
