/*
 * The HTTP server over its real sockets: routes, permissions, limits, answers
 * that leave after COMMIT, held requests, repeats, a full disk in the middle of
 * a turn.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "../../core/state_file.h"
#include "../../worker/store/internal.h"
#include "worker_fixture.h"

#define KEY "X-API-Key: 0123456789abcdef-unit\r\n"

static worker_fixture_t f;
static int handled;
static http_request_t *held;

/* --- routes of this test --- */

static void
show(http_request_t *r)
{
    static char text[1024];
    sellify_json_writer_t w;
    handled++;
    sellify_json_writer(&w, text, sizeof(text));
    sellify_json_object(&w);
    sellify_json_key(&w, "path");
    sellify_json_string(&w, r->path);
    sellify_json_key(&w, "param");
    sellify_json_string(&w, http_param(r, 0));
    sellify_json_key(&w, "query");
    sellify_json_string(&w, http_query(r, "q"));
    sellify_json_key(&w, "key");
    sellify_json_cstring(&w, r->who.key_id);
    sellify_json_key(&w, "local");
    sellify_json_bool(&w, r->local);
    sellify_json_object_end(&w);
    http_reply_json(r, 200, &w);
}

/* Stores the body under the last segment. */
static store_result_t
put(http_request_t *r)
{
    handled++;
    return store_meta_set(r->worker->store, http_param(r, 0).data, r->body);
}

static void
write_ok(http_request_t *r)
{
    if (put(r) != STORE_OK) {
        http_problem_retry(r, 503, 1, "not stored");
        return;
    }
    http_reply_text(r, 201, "text/plain", r->body);
}

static void
write_then_refuse(http_request_t *r)
{
    assert_int_equal(STORE_OK, put(r));
    http_problem(r, 422, "refused after writing", NULL);
}

static void
write_big(http_request_t *r)
{
    sqlite3_stmt *s = store_statement(r->worker->store,
        "INSERT INTO meta (name, value) VALUES ('big', zeroblob(4000000))");
    if (store_run(r->worker->store, s) != STORE_OK) {
        /* A handler that fails to notice, or lies, must not matter. */
        http_reply_text(r, 200, "text/plain", sellify_str("ok"));
        return;
    }
    http_reply_text(r, 200, "text/plain", sellify_str("ok"));
}

static void
hold(http_request_t *r)
{
    handled++;
    held = r;
    http_hold(r);
}

static void
no_answer(http_request_t *r)
{
    (void) r;
}

static void
two_answers(http_request_t *r)
{
    http_reply_text(r, 200, "text/plain", sellify_str("first"));
    http_reply_text(r, 200, "text/plain", sellify_str("second"));
}

static void
write_many(sellify_json_writer_t *w, void *data)
{
    sellify_json_array(w);
    for (int i = 0; i < *(int *) data; i++) {
        sellify_json_int(w, i);
    }
    sellify_json_array_end(w);
}

static void
long_answer(http_request_t *r)
{
    int count = 20000;
    http_reply_built(r, 200, write_many, &count);
}

static void
huge_answer(http_request_t *r)
{
    int count = 140000; /* more than the socket's buffers hold */
    http_reply_built(r, 200, write_many, &count);
}

#define ADMIN SELLIFY_SCOPE_ADMIN
#define READ SELLIFY_SCOPE_READ

static const http_route_t routes[] = {
    { HTTP_GET, "/u/open", HTTP_ACCESS_PUBLIC, 0, 0, HTTP_ROUTE_BARE, show },
    { HTTP_GET, "/u/token/{t}", HTTP_ACCESS_TOKEN, 0, 0, 0, show },
    { HTTP_GET, "/u/read", HTTP_ACCESS_SCOPE, READ, 0, 0, show },
    { HTTP_GET, "/u/inside", HTTP_ACCESS_INTERNAL, 0, 0, 0, show },
    { HTTP_GET, "/u/item/{id}", HTTP_ACCESS_PUBLIC, 0, 0, 0, show },
    { HTTP_GET, "/u/item/fixed", HTTP_ACCESS_PUBLIC, 0, 0, 0, show },
    { HTTP_DELETE, "/u/item/{id}", HTTP_ACCESS_PUBLIC, 0, 0, 0, show },
    { HTTP_POST, "/u/json", HTTP_ACCESS_PUBLIC, 0, 100, 0, show },
    { HTTP_POST, "/u/optional", HTTP_ACCESS_PUBLIC, 0, 100,
        HTTP_ROUTE_BODY_OPTIONAL, show },
    { HTTP_POST, "/u/any", HTTP_ACCESS_PUBLIC, 0, 100, HTTP_ROUTE_ANY_TYPE,
        show },
    { HTTP_POST, "/u/put/{name}", HTTP_ACCESS_PUBLIC, 0, 0,
        HTTP_ROUTE_IDEMPOTENT, write_ok },
    { HTTP_POST, "/u/refuse/{name}", HTTP_ACCESS_PUBLIC, 0, 0,
        HTTP_ROUTE_IDEMPOTENT, write_then_refuse },
    { HTTP_POST, "/u/big", HTTP_ACCESS_PUBLIC, 0, 0, HTTP_ROUTE_BODY_OPTIONAL,
        write_big },
    { HTTP_POST, "/u/hold", HTTP_ACCESS_PUBLIC, 0, 0,
        HTTP_ROUTE_BODY_OPTIONAL | HTTP_ROUTE_IDEMPOTENT, hold },
    { HTTP_GET, "/u/none", HTTP_ACCESS_PUBLIC, 0, 0, 0, no_answer },
    { HTTP_GET, "/u/two", HTTP_ACCESS_PUBLIC, 0, 0, 0, two_answers },
    { HTTP_GET, "/u/huge", HTTP_ACCESS_PUBLIC, 0, 0, 0, huge_answer },
    { HTTP_GET, "/u/long", HTTP_ACCESS_PUBLIC, 0, 0, 0, long_answer },
    { 0, NULL, HTTP_ACCESS_PUBLIC, 0, 0, 0, NULL },
};

static int
setup(void **state)
{
    (void) state;
    fixture_open(&f, "SELLIFY_API_KEY=0123456789abcdef-unit\n");
    http_routes_add(f.w.http, routes);
    log_setup((log_level_t) 4);
    handled = 0;
    held = NULL;
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fixture_close(&f);
    return 0;
}

static void
ask(const char *method, const char *path, const char *headers, const char *body)
{
    fixture_ask(&f, FIXTURE_WORKER, method, path, headers, body);
}

static void
assert_problem(int status)
{
    char want[32];
    assert_int_equal(status, f.status);
    assert_non_null(
        strstr(f.headers, "Content-Type: application/problem+json\r\n"));
    snprintf(want, sizeof(want), "\"status\":%d,", status);
    assert_non_null(strstr(f.body, want));
    assert_non_null(strstr(f.headers, "X-Request-Id: "));
}

static void
assert_has(const char *text)
{
    if (strstr(f.body, text) == NULL) {
        fail_msg("%s is not in %s", text, f.body);
    }
}

static int
has_meta(const char *name)
{
    sellify_str_t value;
    if (turn_step_begin(f.w.turn) != 0) {
        fail_msg("no step");
    }
    store_result_t result = store_meta_get(f.w.store, name, &value);
    store_release(&value);
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);
    return result == STORE_OK;
}

/* --- finding a route --- */

static void
test_paths(void **state)
{
    (void) state;
    ask("GET", "/api/v1/u/open?q=a%20b&x=", NULL, NULL);
    assert_int_equal(200, f.status);
    assert_has("\"path\":\"/u/open\"");
    assert_has("\"query\":\"a b\"");
    ask("GET", "/u/open", NULL, NULL);
    assert_int_equal(200, f.status);
    ask("GET", "/api/v1/u/item/a%2Fb%C3%A9", NULL, NULL);
    assert_has("\"param\":\"a/b\xc3\xa9\"");
    ask("GET", "/api/v1/u/item/fixed", NULL, NULL);
    assert_has("\"param\":\"\"");
    ask("DELETE", "/api/v1/u/item/fixed", NULL, NULL);
    assert_has("\"param\":\"fixed\"");

    ask("GET", "/u/item/x", KEY, NULL); /* not bare */
    assert_problem(404);
    ask("GET", "/api/v1/u/item/", KEY, NULL);
    assert_problem(404);
    ask("GET", "/api/v1/u/open/", KEY, NULL);
    assert_problem(404);
    ask("GET", "/api/v1//u/open", KEY, NULL);
    assert_problem(404);
    ask("GET", "/api/v1/u/item/a%00b", NULL, NULL);
    assert_problem(400);
    ask("GET", "/api/v1/u/item/a%zz", NULL, NULL);
    assert_problem(400);
    ask("GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", KEY, NULL);
    assert_problem(400);
}

static void
test_methods(void **state)
{
    (void) state;
    ask("POST", "/api/v1/u/item/x", KEY, "{}");
    assert_problem(405);
    assert_non_null(strstr(f.headers, "Allow: GET, HEAD, DELETE\r\n"));
    ask("PATCH", "/api/v1/u/json", KEY, "{}");
    assert_problem(405);
    assert_non_null(strstr(f.headers, "Allow: POST\r\n"));
    int fd = fixture_connect(&f, FIXTURE_WORKER);
    static const char head[] =
        "HEAD /api/v1/u/open HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    fixture_send(&f, fd, head, sizeof(head) - 1);
    char answer[2048];
    size_t len = 0;
    for (int i = 0; i < 100; i++) {
        worker_pass(&f.w, 1000);
        ssize_t n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0);
        if (n == 0) {
            break;
        }
        len += n > 0 ? (size_t) n : 0;
    }
    answer[len] = '\0';
    close(fd);
    assert_int_equal(0, strncmp(answer, "HTTP/1.1 200", 12));
    assert_string_equal("\r\n\r\n", strstr(answer, "\r\n\r\n"));
}

static void
test_bodies(void **state)
{
    (void) state;
    static char big[202];
    memset(big, ' ', 201);
    ask("POST", "/api/v1/u/json", NULL, "{}");
    assert_int_equal(200, f.status);
    ask("POST", "/api/v1/u/json",
        "Content-Type: application/JSON; charset=utf-8\r\n", "{}");
    assert_int_equal(200, f.status);
    ask("POST", "/api/v1/u/json", NULL, "");
    assert_problem(400);
    ask("POST", "/api/v1/u/json", NULL, big);
    assert_problem(413);
    ask("POST", "/api/v1/u/json", "Content-Type: text/plain\r\n", "{}");
    assert_problem(415);
    ask("POST", "/api/v1/u/json", "Content-Type: application/jsonx\r\n", "{}");
    assert_problem(415);
    ask("POST", "/api/v1/u/json",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "{}");
    assert_problem(415);
    ask("POST", "/api/v1/u/optional", NULL, NULL);
    assert_int_equal(200, f.status);
    ask("POST", "/api/v1/u/any", "Content-Type: text/csv\r\n", "a;b");
    assert_int_equal(200, f.status);
    assert_int_equal(4, handled);
}

static void
test_ids(void **state)
{
    (void) state;
    ask("GET", "/health", "X-Request-Id: abc-1.2_3\r\n", NULL);
    assert_non_null(strstr(f.headers, "X-Request-Id: abc-1.2_3\r\n"));
    ask("GET", "/health", "X-Request-Id: a b\r\n", NULL);
    assert_null(strstr(f.headers, "a b"));
    assert_non_null(strstr(f.headers, "X-Request-Id: "));
    assert_has("\"service\":\"sellify-core\"");
}

/* --- permissions --- */

static void
test_permissions(void **state)
{
    (void) state;
    ask("GET", "/api/v1/u/read", NULL, NULL);
    assert_problem(401);
    assert_non_null(strstr(f.headers, "WWW-Authenticate: Bearer"));
    ask("GET", "/api/v1/u/read", "X-API-Key: 0123456789abcdef-unix\r\n", NULL);
    assert_problem(401);
    ask("GET", "/api/v1/u/read", "Authorization: Basic QTpC\r\n", NULL);
    assert_problem(401);
    ask("GET", "/api/v1/unknown", NULL, NULL);
    assert_problem(401);
    ask("GET", "/api/v1/u/token/t", NULL, NULL);
    assert_int_equal(200, f.status);
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/api/v1/u/read", NULL, NULL);
    assert_int_equal(200, f.status);
    assert_has("\"key\":\"operator\",\"local\":true");
    fixture_ask(&f, FIXTURE_ADMIN, "GET", "/u/inside", NULL, NULL);
    assert_int_equal(200, f.status);
}

static void
test_keys(void **state)
{
    (void) state;
    ask("GET", "/api/v1/u/read", KEY, NULL);
    assert_int_equal(200, f.status);
    ask("GET", "/api/v1/u/read",
        "Authorization: bearer 0123456789abcdef-unit\r\n", NULL);
    assert_int_equal(200, f.status);
    ask("GET", "/api/v1/u/inside", KEY, NULL);
    assert_problem(404);
    ask("GET", "/u/inside", KEY, NULL);
    assert_problem(404);
}

static void
test_instances(void **state)
{
    (void) state;
    http_identity_t who = { .instance_count = 0 };
    assert_true(http_identity_may_use(&who, sellify_str("shop")));
    who.instance_count = 2;
    strcpy(who.instances[0], "one");
    strcpy(who.instances[1], "shop");
    assert_true(http_identity_may_use(&who, sellify_str("shop")));
    assert_false(http_identity_may_use(&who, sellify_str("sho")));
    assert_false(http_identity_may_use(&who, sellify_str("")));
}

/* --- steps and answers --- */

static void
test_writes(void **state)
{
    (void) state;
    ask("POST", "/api/v1/u/put/a", NULL, "{}");
    assert_int_equal(201, f.status);
    assert_string_equal("{}", f.body);
    assert_true(has_meta("a"));
    ask("POST", "/api/v1/u/refuse/b", NULL, "{}");
    assert_problem(422);
    assert_false(has_meta("b"));
}

static void
test_faulty_handlers(void **state)
{
    (void) state;
    ask("GET", "/api/v1/u/none", NULL, NULL);
    assert_problem(500);
    ask("GET", "/api/v1/u/two", NULL, NULL);
    assert_string_equal("first", f.body);
    ask("GET", "/api/v1/u/long", NULL, NULL);
    assert_int_equal(200, f.status);
    assert_true(strlen(f.body) > 100000);
    assert_int_equal(0, strcmp(f.body + strlen(f.body) - 7, ",19999]"));
}

static void
test_keep_alive(void **state)
{
    (void) state;
    static const char request[] = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = fixture_connect(&f, FIXTURE_WORKER);
    for (int i = 0; i < 3; i++) {
        fixture_send(&f, fd, request, sizeof(request) - 1);
        fixture_read(&f, fd);
        assert_int_equal(200, f.status);
    }
    http_drain(f.w.http);
    fixture_send(&f, fd, request, sizeof(request) - 1);
    fixture_read(&f, fd);
    assert_non_null(strstr(f.headers, "Connection: close\r\n"));
    close(fd);
}

/* --- held requests --- */

static int
send_held(const char *headers)
{
    char request[512];
    int n = snprintf(request, sizeof(request),
        "POST /api/v1/u/hold HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n%s\r\n{}",
        headers);
    int fd = fixture_connect(&f, FIXTURE_WORKER);
    fixture_send(&f, fd, request, (size_t) n);
    for (int i = 0; i < 100 && held == NULL; i++) {
        worker_pass(&f.w, 1000);
    }
    assert_non_null(held);
    return fd;
}

static void
answer_held(int commit)
{
    assert_int_equal(0, turn_step_begin(f.w.turn));
    http_reply_text(held, 200, "text/plain", sellify_str("late"));
    turn_step_end(f.w.turn, commit);
    turn_finish(f.w.turn);
}

static void
test_held(void **state)
{
    (void) state;
    int fd = send_held("");
    assert_int_equal(1, http_pending(f.w.http));
    assert_true(sellify_str_equal(held->body, sellify_str("{}")));
    answer_held(1);
    fixture_read(&f, fd);
    assert_string_equal("late", f.body);
    assert_int_equal(0, http_pending(f.w.http));
    close(fd);

    held = NULL;
    fd = send_held("");
    answer_held(0); /* its step was taken back */
    fixture_read(&f, fd);
    assert_problem(503);
    close(fd);
}

static void
test_held_client_leaves(void **state)
{
    (void) state;
    int fd = send_held("");
    assert_int_equal(0, shutdown(fd, SHUT_WR)); /* still reads */
    worker_pass(&f.w, 1000);
    worker_pass(&f.w, 1000);
    assert_int_equal(1, http_pending(f.w.http));
    answer_held(1);
    fixture_read(&f, fd);
    assert_string_equal("late", f.body);
    close(fd);

    held = NULL;
    fd = send_held("");
    close(fd);
    for (int i = 0; i < 100 && http_pending(f.w.http) > 0; i++) {
        worker_pass(&f.w, 1000);
    }
    assert_int_equal(0, http_pending(f.w.http));
    assert_null(http_header(held, "Host").data);
    answer_held(1); /* goes nowhere, harms nothing */
    ask("GET", "/health", NULL, NULL);
    assert_int_equal(200, f.status);
}

/* A drain waits until the last byte has left, however slowly it is read. */
static void
test_drain_waits_for_answers(void **state)
{
    (void) state;
    static const char request[] =
        "GET /api/v1/u/huge HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = fixture_connect(&f, FIXTURE_WORKER);
    fixture_send(&f, fd, request, sizeof(request) - 1);
    for (int i = 0; i < 20; i++) {
        worker_pass(&f.w, 1000);
    }
    http_drain(f.w.http);
    assert_int_equal(1, http_pending(f.w.http));
    fixture_read(&f, fd);
    assert_int_equal(200, f.status);
    for (int i = 0; i < 20 && http_pending(f.w.http) > 0; i++) {
        worker_pass(&f.w, 1000);
    }
    assert_int_equal(0, http_pending(f.w.http));
    close(fd);

    /* And not for one whose reader is gone. */
    fixture_restart(&f);
    http_routes_add(f.w.http, routes);
    log_setup((log_level_t) 4);
    fd = fixture_connect(&f, FIXTURE_WORKER);
    fixture_send(&f, fd, request, sizeof(request) - 1);
    for (int i = 0; i < 20; i++) {
        worker_pass(&f.w, 1000);
    }
    assert_int_equal(1, http_pending(f.w.http));
    close(fd);
    for (int i = 0; i < 20 && http_pending(f.w.http) > 0; i++) {
        worker_pass(&f.w, 1000);
    }
    assert_int_equal(0, http_pending(f.w.http));
}

/* --- repeats --- */

static void
test_idempotency(void **state)
{
    (void) state;
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: k1\r\n", "{\"n\":1}");
    assert_int_equal(201, f.status);
    assert_int_equal(1, handled);
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: k1\r\n", "{\"n\":1}");
    assert_int_equal(201, f.status);
    assert_string_equal("{\"n\":1}", f.body);
    assert_non_null(strstr(f.headers, "Content-Type: text/plain\r\n"));
    assert_non_null(strstr(f.headers, "Idempotent-Replayed: true\r\n"));
    assert_int_equal(1, handled);
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: k1\r\n", "{\"n\":2}");
    assert_problem(409);
    ask("POST", "/api/v1/u/put/b", "Idempotency-Key: k1\r\n", "{\"n\":1}");
    assert_problem(409);
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: k2\r\n", "{\"n\":2}");
    assert_int_equal(201, f.status);
    assert_int_equal(2, handled);
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: \xc3\xa9\r\n", "{}");
    assert_problem(400);

    /* A refusal is not an answer to repeat. */
    ask("POST", "/api/v1/u/refuse/a", "Idempotency-Key: k3\r\n", "{}");
    assert_problem(422);
    ask("POST", "/api/v1/u/refuse/a", "Idempotency-Key: k3\r\n", "{}");
    assert_problem(422);
    assert_int_equal(4, handled);

    /* Another caller's key of the same name is another one. */
    fixture_ask(&f, FIXTURE_ADMIN, "POST", "/api/v1/u/put/a",
        "Idempotency-Key: k1\r\n", "{\"n\":3}");
    assert_int_equal(201, f.status);
    assert_int_equal(5, handled);
}

static void
test_idempotency_lasts(void **state)
{
    (void) state;
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: k1\r\n", "{}");
    fixture_restart(&f);
    http_routes_add(f.w.http, routes);
    log_setup((log_level_t) 4);
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: k1\r\n", "{}");
    assert_int_equal(201, f.status);
    assert_int_equal(1, handled);
    fixture_advance(&f, 86400 - 10);
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: k1\r\n", "{}");
    assert_int_equal(1, handled);
    fixture_advance(&f, 11);
    ask("POST", "/api/v1/u/put/a", "Idempotency-Key: k1\r\n", "{}");
    assert_int_equal(2, handled);

    fixture_advance(&f, 2 * 86400); /* the purge runs */
    assert_int_equal(0, turn_step_begin(f.w.turn));
    sqlite3_stmt *s =
        store_statement(f.w.store, "SELECT count(*) FROM idempotency");
    assert_int_equal(STORE_OK, store_step(f.w.store, s));
    assert_int_equal(0, sqlite3_column_int(s, 0));
    store_done(s);
    assert_int_equal(0, turn_step_end(f.w.turn, 1));
    turn_finish(f.w.turn);
}

static void
test_idempotency_under_way(void **state)
{
    (void) state;
    int fd = send_held("Idempotency-Key: h1\r\n");
    ask("POST", "/api/v1/u/hold", "Idempotency-Key: h1\r\n", "{}");
    assert_problem(409);
    assert_non_null(strstr(f.headers, "Retry-After: 1\r\n"));
    answer_held(1);
    fixture_read(&f, fd);
    close(fd);
    ask("POST", "/api/v1/u/hold", "Idempotency-Key: h1\r\n", "{}");
    assert_string_equal("late", f.body);
    assert_int_equal(1, handled);
}

/* --- a turn that is lost --- */

static int
begin_request(const char *path)
{
    char request[256];
    int n = snprintf(request, sizeof(request),
        "POST /api/v1%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        path);
    int fd = fixture_connect(&f, FIXTURE_WORKER);
    assert_int_equal(n, send(fd, request, (size_t) n, MSG_NOSIGNAL));
    return fd;
}

static void
limit_pages(int more)
{
    char sql[64];
    sqlite3_stmt *s = NULL;
    sqlite3_prepare_v2(f.w.store->db, "PRAGMA page_count", -1, &s, NULL);
    assert_int_equal(SQLITE_ROW, sqlite3_step(s));
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d",
        sqlite3_column_int(s, 0) + more);
    sqlite3_finalize(s);
    assert_int_equal(
        SQLITE_OK, sqlite3_exec(f.w.store->db, sql, NULL, NULL, NULL));
}

/* Eight requests, one of which fills the disk, wherever it stands among them:
 * whatever was answered 2xx is in the database afterwards. */
static void
test_disk_full(void **state)
{
    (void) state;
    int lost = 0;
    for (int at = 0; at < 8; at++) {
        int fds[8];
        char name[8][32];
        limit_pages(2);
        for (int i = 0; i < 8; i++) {
            snprintf(name[i], sizeof(name[i]), "/u/put/n%d-%d", at, i);
            fds[i] = begin_request(i == at ? "/u/big" : name[i]);
        }
        for (int i = 0; i < 8; i++) {
            fixture_read(&f, fds[i]);
            close(fds[i]);
            if (i == at) {
                assert_problem(503);
            } else {
                assert_true(f.status == 201 || f.status == 503);
                assert_int_equal(f.status == 201, has_meta(name[i] + 7));
                lost += f.status == 503;
            }
            if (f.status == 503) {
                assert_non_null(strstr(f.headers, "Retry-After: "));
            }
        }
        limit_pages(100);
        ask("POST", "/api/v1/u/put/again", NULL, "{}");
        assert_int_equal(201, f.status);
        assert_false(has_meta("big"));
    }
    assert_true(lost > 0); /* some did share their turn with it */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_paths),
        TEST(test_methods),
        TEST(test_bodies),
        TEST(test_ids),
        TEST(test_permissions),
        TEST(test_keys),
        TEST(test_instances),
        TEST(test_writes),
        TEST(test_faulty_handlers),
        TEST(test_keep_alive),
        TEST(test_held),
        TEST(test_held_client_leaves),
        TEST(test_drain_waits_for_answers),
        TEST(test_idempotency),
        TEST(test_idempotency_lasts),
        TEST(test_idempotency_under_way),
        TEST(test_disk_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
