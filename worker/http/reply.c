/* Replies: written into the exchange, sent after COMMIT (server.c). */

#include "../../core/problem.h"
#include "../log.h"
#include "exchange.h"

#include <stdio.h>

#define HTTP_FIRST_BUFFER 8192
#define HTTP_PROBLEM_MAX 8192

static int
http_may_reply(http_exchange_t *x, int status)
{
    if (x->replied) {
        log_error("http", "replied twice", "%s: %d after %d",
            x->route ? x->route->path : "no route", status, x->status);
        return 0;
    }
    return 1;
}

static void
http_answer(http_exchange_t *x, int status, const char *content_type,
    sellify_str_t body)
{
    x->status = status;
    x->content_type = content_type;
    x->answer = body;
    x->replied = 1;
    if (!x->dispatching) {
        http_queue_answer(x);
    }
}

void
http_reply_text(http_request_t *request, int status, const char *content_type,
    sellify_str_t body)
{
    http_exchange_t *x = (http_exchange_t *) request;
    if (http_may_reply(x, status)) {
        sellify_str_t type = http_copy(x, sellify_str_of(content_type));
        http_answer(x, status, type.data, http_copy(x, body));
    }
}

void
http_reply_empty(http_request_t *request, int status)
{
    http_exchange_t *x = (http_exchange_t *) request;
    if (http_may_reply(x, status)) {
        http_answer(x, status, NULL, (sellify_str_t){ NULL, 0 });
    }
}

static void
http_too_long(http_exchange_t *x, const char *what, size_t len)
{
    log_error("http", "answer too long", "%s: %s, %zu bytes",
        x->route ? x->route->path : "no route", what, len);
    http_problem(&x->request, 500, NULL, NULL);
}

void
http_reply_json(
    http_request_t *request, int status, const sellify_json_writer_t *body)
{
    if (sellify_json_overflowed(body)) {
        http_too_long((http_exchange_t *) request, "buffer", body->len);
        return;
    }
    http_reply_text(request, status, "application/json",
        (sellify_str_t){ body->data, body->len });
}

void
http_reply_built(http_request_t *request, int status,
    void (*write)(sellify_json_writer_t *w, void *data), void *data)
{
    http_exchange_t *x = (http_exchange_t *) request;
    sellify_json_writer_t w;
    if (!http_may_reply(x, status)) {
        return;
    }
    char *room = http_memory(x, HTTP_FIRST_BUFFER);
    sellify_json_writer(&w, room, HTTP_FIRST_BUFFER);
    write(&w, data);
    if (sellify_json_overflowed(&w)) {
        size_t size = w.len + 1;
        room = http_memory(x, size);
        sellify_json_writer(&w, room, size);
        write(&w, data);
    }
    if (sellify_json_overflowed(&w)) {
        http_too_long(x, "it grew while it was written", w.len);
        return;
    }
    http_answer(
        x, status, "application/json", (sellify_str_t){ w.data, w.len });
}

void
http_reply_header(http_request_t *request, const char *name, const char *value)
{
    http_exchange_t *x = (http_exchange_t *) request;
    if (x->extra_count == HTTP_EXTRA_HEADERS ||
        value[strcspn(value, "\r\n")] != '\0') {
        log_error("http", "header left out", "%s", name);
        return;
    }
    x->extra[x->extra_count++] =
        (http_extra_t){ http_copy(x, sellify_str_of(name)).data,
            http_copy(x, sellify_str_of(value)).data };
}

void
http_problem(http_request_t *request, int status, const char *detail,
    const sellify_faults_t *faults)
{
    char room[HTTP_PROBLEM_MAX];
    sellify_json_writer_t w;
    sellify_json_writer(&w, room, sizeof(room));
    sellify_problem_write(&w, status, detail, faults);
    if (sellify_json_overflowed(&w)) {
        sellify_json_writer(&w, room, sizeof(room));
        sellify_problem_write(&w, status, detail, NULL);
    }
    http_reply_text(request, status, SELLIFY_PROBLEM_TYPE,
        (sellify_str_t){ w.data, sellify_json_overflowed(&w) ? 0 : w.len });
}

void
http_problem_retry(http_request_t *request, int status, uint32_t retry_after_s,
    const char *detail)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", retry_after_s);
    http_reply_header(request, "Retry-After", text);
    http_problem(request, status, detail, NULL);
}

void
http_not_ready(http_request_t *request)
{
    http_problem_retry(request, 503, 1, "the database is not ready");
}
