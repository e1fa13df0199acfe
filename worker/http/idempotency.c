/*
 * Idempotency-Key: the first answer of (key, caller, route) is stored, sealed, in
 * the step that did the work, so that there is never the one without the other.
 * A repeat with the same path and body gets it again; another body is 409.
 */

#include "../log.h"
#include "../memory.h"
#include "../store/answers.h"
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>

#define HTTP_ANSWER_KEPT_S 86400
#define HTTP_ANSWER_MAX (1024 * 1024)
#define HTTP_KEY_MAX 255
#define HTTP_PURGE_S 600
#define HTTP_PURGE_SLICE 200

/* Hashes the parts with their lengths before them. */
static void
http_hash_parts(http_exchange_t *x, const char *purpose,
    const sellify_str_t *parts, size_t count, uint8_t hash[HTTP_HASH_LEN])
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += 24 + parts[i].len;
    }
    char *data = memory_get(size);
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += (size_t) snprintf(data + len, 24, "%zu:", parts[i].len);
        if (parts[i].len > 0) {
            memcpy(data + len, parts[i].data, parts[i].len);
        }
        len += parts[i].len;
    }
    sellify_str_t joined = { data, len };
    store_hash(x->server->worker->store, purpose, joined, hash);
    store_release(&joined);
}

static int
http_key_valid(sellify_str_t key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] < '!' || key.data[i] > '~') {
            return 0;
        }
    }
    return key.len >= 1 && key.len <= HTTP_KEY_MAX;
}

static void
http_hash_request(http_exchange_t *x, sellify_str_t key)
{
    http_request_t *r = &x->request;
    const char *query =
        evhttp_uri_get_query(evhttp_request_get_evhttp_uri(x->ev));
    char method = (char) ('0' + r->method);
    sellify_str_t what[] = { key, sellify_str_of(r->who.key_id), { &method, 1 },
        sellify_str_of(x->route->path) };
    sellify_str_t said[] = { r->path, sellify_str_of(query), r->body };
    http_hash_parts(x, "idempotency-key", what, 4, x->idempotency_hash);
    http_hash_parts(x, "idempotency-body", said, 3, x->fingerprint);
    x->idempotent = 1;
}

/* Another request with this key that still waits for its answer. */
static int
http_under_way(const http_exchange_t *x)
{
    const http_exchange_t *other = x->server->first;
    for (; other != NULL; other = other->next) {
        if (other != x && other->idempotent && other->held && !other->replied &&
            memcmp(other->idempotency_hash, x->idempotency_hash,
                HTTP_HASH_LEN) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "content type\nbody" */
static void
http_repeat(http_exchange_t *x, const store_answer_t *stored)
{
    sellify_str_t body = stored->answer;
    const char *end = memchr(body.data, '\n', body.len);
    size_t len = end ? (size_t) (end - body.data) : 0;
    sellify_str_t type = http_copy(x, (sellify_str_t){ body.data, len });
    http_reply_header(&x->request, "Idempotent-Replayed", "true");
    if (type.len == 0) {
        http_reply_empty(&x->request, stored->status);
        return;
    }
    body.data += len + 1;
    body.len -= len + 1;
    http_reply_text(&x->request, stored->status, type.data, body);
}

static void
http_answer_again(http_exchange_t *x, const store_answer_t *stored)
{
    if (memcmp(stored->fingerprint, x->fingerprint, HTTP_HASH_LEN) != 0) {
        http_problem(&x->request, 409,
            "this Idempotency-Key was used with another request", NULL);
        return;
    }
    http_repeat(x, stored);
}

int
http_idempotency_begin(http_exchange_t *x)
{
    worker_t *w = x->server->worker;
    sellify_str_t key = http_header(&x->request, "Idempotency-Key");
    if (!(x->route->flags & HTTP_ROUTE_IDEMPOTENT) || key.data == NULL) {
        return 0;
    }
    if (!http_key_valid(key)) {
        http_problem(&x->request, 400,
            "Idempotency-Key is not 1 to 255 printable characters", NULL);
        return 1;
    }
    http_hash_request(x, key);

    store_answer_t stored;
    store_result_t result =
        answers_find(w->store, x->idempotency_hash, worker_seconds(w), &stored);
    if (result == STORE_NONE && http_under_way(x)) {
        http_problem_retry(&x->request, 409, 1,
            "the first request with this Idempotency-Key is under way");
    } else if (result == STORE_OK) {
        http_answer_again(x, &stored);
    } else if (result == STORE_FAILED) {
        http_not_ready(&x->request);
    }
    store_release(&stored.answer);
    if (x->replied) {
        x->idempotent = 0; /* not an answer to store */
    }
    return x->replied;
}

int
http_idempotency_end(http_exchange_t *x)
{
    worker_t *w = x->server->worker;
    const char *type = x->content_type ? x->content_type : "";
    size_t type_len = strlen(type);
    size_t len = type_len + 1 + x->answer.len;
    store_answer_t stored = { .status = x->status };
    if (len > HTTP_ANSWER_MAX) {
        log_error("http", "answer too long to repeat", "%s: %zu bytes",
            x->route->path, len);
        return -1;
    }
    char *data = memory_get(len);
    memcpy(data, type, type_len);
    data[type_len] = '\n';
    if (x->answer.len > 0) {
        memcpy(data + type_len + 1, x->answer.data, x->answer.len);
    }
    stored.answer = (sellify_str_t){ data, len };
    memcpy(stored.fingerprint, x->fingerprint, HTTP_HASH_LEN);
    store_result_t result = answers_add(w->store, x->idempotency_hash, &stored,
        worker_seconds(w) + HTTP_ANSWER_KEPT_S);
    store_release(&stored.answer);
    return result == STORE_OK ? 0 : -1;
}

/* --- expiry --- */

static void
http_purge(timer_entry_t *timer)
{
    struct http_server *server = timer->data;
    worker_t *w = server->worker;
    int deleted = -1;
    if (turn_step_begin(w->turn) == 0) {
        deleted = answers_purge(w->store, worker_seconds(w), HTTP_PURGE_SLICE);
        (void) turn_step_end(w->turn, deleted >= 0);
    }
    /* More may be left: the next slice in the next turn. */
    sellify_time_t wait =
        deleted == HTTP_PURGE_SLICE ? 0 : HTTP_PURGE_S * SELLIFY_SECOND;
    timers_set(w->timers, timer, worker_now(w) + wait);
}

void
http_idempotency_setup(struct http_server *server)
{
    server->purge.fn = http_purge;
    server->purge.data = server;
    timers_set(server->worker->timers, &server->purge,
        worker_now(server->worker) + HTTP_PURGE_S * SELLIFY_SECOND);
}

void
http_idempotency_shutdown(struct http_server *server)
{
    timers_cancel(server->worker->timers, &server->purge);
}
