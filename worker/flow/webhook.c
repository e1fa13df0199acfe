/*
 * POST /webhook/whatsapp: who may post, what the body must be, and the answer,
 * which leaves after everything in the body is stored.
 */
#include "internal.h"

#include "../../core/api.h"
#include "../keys.h"

#include <openssl/crypto.h>
#include <strings.h>

#define WEBHOOK_BODY_MAX (8u << 20)
#define WEBHOOK_EVENTS_MAX 1000 /* in one body, history not counted */

/* Compares keyed hashes, so that neither time nor length tells anything. */
static int
token_equal(worker_t *w, sellify_str_t given, const char *expected)
{
    uint8_t a[STORE_HASH_LEN], b[STORE_HASH_LEN];

    if (expected[0] == '\0') {
        return 0;
    }

    store_hash(w->store, "webhook-token", given, a);
    store_hash(w->store, "webhook-token", sellify_str_of(expected), b);

    return CRYPTO_memcmp(a, b, sizeof(a)) == 0;
}

static int
token_valid(worker_t *w, sellify_str_t token)
{
    /* Both are always compared. */
    int first = token_equal(w, token, w->settings.webhook_token);
    int next = token_equal(w, token, w->settings.webhook_token_next);

    return token.len > 0 && (first | next);
}

/* The key of X-API-Key or of "Authorization: Bearer". */
static sellify_str_t
key_of(const http_request_t *request)
{
    sellify_str_t key = http_header(request, "X-API-Key");

    if (key.len > 0) {
        return key;
    }

    key = http_header(request, "Authorization");
    if (key.len > 7 && strncasecmp(key.data, "Bearer ", 7) == 0) {
        key.data += 7;
        key.len -= 7;
        return key;
    }

    return (sellify_str_t){ NULL, 0 };
}

/* nginx has cut the token out of the path, left a "-" there, and handed it on
 * in a header; on the socket itself it may stand in the path. */
static int
admitted(http_request_t *request)
{
    worker_t *w = request->worker;
    sellify_str_t header = http_header(request, SELLIFY_WEBHOOK_TOKEN_HEADER);
    sellify_str_t key = key_of(request);

    if (request->local || token_valid(w, header) ||
        token_valid(w, http_param(request, 0))) {
        return 1;
    }

    return key.len > 0 && keys_verify(w, key, &request->who) &&
           sellify_scope_allows(request->who.scopes, SELLIFY_SCOPE_WEBHOOK);
}

typedef struct {
    http_request_t *request;
    flow_counts_t counts;
    int forbidden; /* an instance that the key may not use */
    int too_many;
} webhook_t;

static int
webhook_event(void *data, const flow_event_t *event)
{
    webhook_t *hook = data;

    /* One turn must not take in what would keep all others waiting. */
    if (hook->counts.events == WEBHOOK_EVENTS_MAX) {
        hook->too_many = 1;
        return -1;
    }

    if (event->kind != FLOW_EVENT_UNKNOWN &&
        hook->request->who.instance_count > 0 &&
        !http_identity_may_use(&hook->request->who, event->instance)) {
        hook->forbidden = 1;
        return -1;
    }

    return flow_intake(hook->request->worker, event, &hook->counts) ==
                   STORE_FAILED
               ? -1
               : 0;
}

static void
write_counts(sellify_json_writer_t *j, void *data)
{
    const flow_counts_t *counts = data;

    sellify_json_object(j);
    sellify_json_key(j, "events");
    sellify_json_int(j, counts->events);
    sellify_json_key(j, "accepted");
    sellify_json_int(j, counts->accepted);
    sellify_json_key(j, "duplicates");
    sellify_json_int(j, counts->duplicates);
    sellify_json_key(j, "ignored");
    sellify_json_int(j, counts->ignored);
    sellify_json_key(j, "unknown");
    sellify_json_int(j, counts->unknown);
    sellify_json_object_end(j);
}

static void
refuse(http_request_t *request, const webhook_t *hook, int rc,
    const char *pointer, const char *fault)
{
    sellify_faults_t faults = { 0 };

    if (rc == -2) {
        sellify_fault_add(
            &faults, "", pointer != NULL ? pointer : "", "%s", fault);
        http_problem(request, 400, NULL, &faults);

    } else if (hook->too_many) {
        http_problem(request, 413, "more than 1000 events in one body", NULL);

    } else if (hook->forbidden) {
        http_problem(request, 403, "the key may not use this instance", NULL);

    } else {
        http_problem_retry(request, 503, 1, "the event could not be stored");
    }
}

static void
webhook_post(http_request_t *request)
{
    worker_t *w = request->worker;
    sellify_faults_t faults = { 0 };
    webhook_t hook = { .request = request };
    const char *pointer = NULL, *fault = NULL;
    cJSON *body;
    int rc;

    if (!admitted(request)) {
        http_problem(request, 401, "unknown webhook token", NULL);
        return;
    }

    if (sellify_json_check(request->body, &faults) != 0) {
        http_problem(request, 400, NULL, &faults);
        return;
    }

    body = cJSON_ParseWithLength(request->body.data, request->body.len);
    if (body == NULL) {
        http_problem(request, 400, "not a JSON document", NULL);
        return;
    }

    rc = w->flow->dialect->parse(
        body, http_param(request, 1), webhook_event, &hook, &pointer, &fault);

    if (rc == 0) {
        http_reply_built(request, 200, write_counts, &hook.counts);
    } else {
        refuse(request, &hook, rc, pointer, fault);
    }

    cJSON_Delete(body);
}

const http_route_t flow_webhook_routes[] = {
    { HTTP_POST, "/webhook/whatsapp", HTTP_ACCESS_TOKEN, 0, WEBHOOK_BODY_MAX,
        HTTP_ROUTE_ANY_TYPE, webhook_post },
    { HTTP_POST, "/webhook/whatsapp/{token}", HTTP_ACCESS_TOKEN, 0,
        WEBHOOK_BODY_MAX, HTTP_ROUTE_ANY_TYPE, webhook_post },
    { HTTP_POST, "/webhook/whatsapp/{token}/{event}", HTTP_ACCESS_TOKEN, 0,
        WEBHOOK_BODY_MAX, HTTP_ROUTE_ANY_TYPE, webhook_post },
    { 0, NULL, 0, 0, 0, 0, NULL },
};
