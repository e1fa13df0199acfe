/* Quotas over HTTP: reserve, release, record, reset; status and check too. */
#include "../core/api.h"
#include "../core/rng.h"
#include "http/http.h"
#include "quotas.h"

#include <string.h>

/* Answers that do not come from the quotas themselves. */
/* 0, or -1 after having answered. */
static int
check_instance(http_request_t *request, sellify_str_t name,
    store_result_t result, const instance_t *instance)
{
    sellify_faults_t faults = { .count = 0 };

    if (result == STORE_FAILED) {
        http_not_ready(request);
        return -1;
    }
    if (result == STORE_NONE) {
        sellify_fault_add(&faults, "", "/instance",
            "no instance \"%.*s\" is known", (int) name.len, name.data);
        http_problem(request, 404, NULL, &faults);
        return -1;
    }
    if (!http_identity_may_use(&request->who, sellify_str_of(instance->name))) {
        http_problem(request, 403, "the key is not for this instance", NULL);
        return -1;
    }
    return 0;
}

/* A key for exactly one instance means that one when none is named. */
static int
find_instance(http_request_t *request, sellify_str_t name, instance_t *instance)
{
    worker_t *w = request->worker;
    store_result_t result;

    if (name.len == 0 && request->who.instance_count == 1) {
        name = sellify_str_of(request->who.instances[0]);
    }
    result = name.len == 0 ? instances_default(w, instance)
                           : instances_find(w, name, instance);
    return check_instance(request, name, result, instance);
}

static int
read_body(http_request_t *request, int optional, sellify_quota_request_t *body)
{
    sellify_faults_t faults = { .count = 0 };
    char *arena = http_alloc(request, request->body.len + 1);
    int status;

    memset(body, 0, sizeof(*body));
    status =
        sellify_api_read_quota(request->body, arena, optional, body, &faults);
    if (status != 0) {
        http_problem(request, status, NULL, &faults);
        return -1;
    }
    return 0;
}

/* --- status and check --- */

typedef struct {
    sellify_state_instance_t state;
    sellify_quota_answer_t answer;
    int64_t now;
    uint32_t delay_seconds;
} quota_view_t;

static void
write_status(sellify_json_writer_t *w, void *data)
{
    const quota_view_t *view = data;

    sellify_api_write_quota_status(w, &view->state, view->now);
}

static void
write_check(sellify_json_writer_t *w, void *data)
{
    const quota_view_t *view = data;

    sellify_api_write_quota_check(
        w, &view->answer, view->now, view->delay_seconds);
}

/* Reading rolls the counters first, so that the answer is stored truth. */
static int
view_instance(
    http_request_t *request, const instance_t *instance, quota_view_t *view)
{
    sellify_quota_counters_t counters;
    sellify_quota_limits_t limits;

    view->now = worker_seconds(request->worker);
    if (quotas_read(request->worker, instance, &counters, &limits) !=
            QUOTA_OK ||
        quotas_snapshot(request->worker, instance, &view->state) != STORE_OK) {
        http_not_ready(request);
        return -1;
    }
    return 0;
}

static void
get_status(http_request_t *request)
{
    sellify_str_t name = http_query(request, "instance");
    instance_t instance;
    quota_view_t view;

    if (find_instance(request, name, &instance) == 0 &&
        view_instance(request, &instance, &view) == 0) {
        http_reply_built(request, 200, write_status, &view);
    }
}

static void
post_check(http_request_t *request)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_quota_request_t body;
    instance_t instance;
    quota_view_t view;

    if (read_body(request, 0, &body) != 0) {
        return;
    }
    if (!body.kind_given) {
        sellify_fault_add(&faults, "", "/message_type", "is required");
        http_problem(request, 400, NULL, &faults);
        return;
    }
    if (find_instance(request, body.instance, &instance) != 0 ||
        view_instance(request, &instance, &view) != 0) {
        return;
    }
    sellify_quota_check(&view.state.counters, &view.state.limits, body.kind,
        view.now, &view.answer);
    view.delay_seconds = 0;
    if (view.answer.can_send) {
        view.delay_seconds =
            quotas_delay_seconds(request->worker, &view.state, body.kind);
    }
    http_reply_built(request, 200, write_check, &view);
}

/* --- reserve, release, record --- */

static void
write_reservation(sellify_json_writer_t *w, void *data)
{
    const quota_reservation_t *r = data;
    char at[SELLIFY_RFC3339_MAX];

    sellify_time_format(r->expires_at * SELLIFY_SECOND, at);
    sellify_json_object(w);
    sellify_json_key(w, "reservation_id");
    sellify_json_cstring(w, r->id);
    sellify_json_key(w, "expires_at");
    sellify_json_cstring(w, at);
    sellify_json_key(w, "delay_seconds");
    sellify_json_int(w, (r->delay_ms + 999) / 1000);
    sellify_json_object_end(w);
}

static void
answer_exhausted(http_request_t *request, int64_t retry_at)
{
    int64_t wait = retry_at - worker_seconds(request->worker);

    http_problem_retry(request, 429, wait > 0 ? (uint32_t) wait : 1,
        "the quota of this instance is used up");
}

static void
post_reserve(http_request_t *request)
{
    sellify_quota_request_t body;
    instance_t instance;
    quota_reservation_t out;
    uint64_t seed;

    if (read_body(request, 0, &body) != 0 ||
        find_instance(request, body.instance, &instance) != 0) {
        return;
    }
    seed = sellify_rng_seed_of(sellify_str_of(request->request_id));
    switch (quotas_reserve(request->worker, &instance, body.kind,
        QUOTA_OWNER_API, 0, seed, &out)) {
    case QUOTA_OK:
        http_reply_built(request, 200, write_reservation, &out);
        return;
    case QUOTA_EXHAUSTED:
        answer_exhausted(request, out.retry_at);
        return;
    default:
        http_not_ready(request);
    }
}

/* 0 when the body's reservation is known and its instance open to the key. */
static int
reservation_instance(http_request_t *request,
    const sellify_quota_request_t *body, instance_t *instance)
{
    sellify_faults_t faults = { .count = 0 };
    store_result_t result = quotas_reservation_instance(
        request->worker, body->reservation_id, instance);

    if (result == STORE_NONE) {
        sellify_fault_add(
            &faults, "", "/reservation_id", "no such reservation");
        http_problem(request, 404, NULL, &faults);
        return -1;
    }
    return check_instance(
        request, sellify_str_of(instance->name), result, instance);
}

static void
post_release(http_request_t *request)
{
    sellify_quota_request_t body;
    sellify_faults_t faults = { .count = 0 };
    instance_t instance;

    if (read_body(request, 0, &body) != 0) {
        return;
    }
    if (body.reservation_id.len == 0) {
        sellify_fault_add(&faults, "", "/reservation_id", "is required");
        http_problem(request, 400, NULL, &faults);
        return;
    }
    if (reservation_instance(request, &body, &instance) != 0) {
        return;
    }
    switch (quotas_release(request->worker, body.reservation_id)) {
    case QUOTA_OK:
        http_reply_empty(request, 200);
        return;
    case QUOTA_NOT_FOUND:
        http_problem(request, 409,
            "the reservation is settled, given back or expired", NULL);
        return;
    default:
        http_not_ready(request);
    }
}

/* A reservation names the instance; a message that was sent always counts, even
 * when its reservation is not known any more. */
static int
record_instance(http_request_t *request, const sellify_quota_request_t *body,
    instance_t *instance)
{
    store_result_t result = STORE_NONE;

    if (body->reservation_id.len != 0) {
        result = quotas_reservation_instance(
            request->worker, body->reservation_id, instance);
    }
    if (result == STORE_NONE) {
        return find_instance(request, body->instance, instance);
    }
    if (result == STORE_OK && body->instance.len != 0 &&
        !sellify_str_equal(body->instance, sellify_str_of(instance->name))) {
        http_problem(
            request, 409, "the reservation belongs to another instance", NULL);
        return -1;
    }
    return check_instance(request, body->instance, result, instance);
}

static void
post_record(http_request_t *request)
{
    sellify_quota_request_t body;
    instance_t instance;

    if (read_body(request, 1, &body) != 0 ||
        record_instance(request, &body, &instance) != 0) {
        return;
    }
    if (quotas_record(request->worker, &instance, body.kind,
            body.reservation_id) != QUOTA_OK) {
        http_not_ready(request);
        return;
    }
    http_reply_empty(request, 200);
}

/* --- resets --- */

typedef struct {
    sellify_str_t instance;
} reset_body_t;

static const sellify_json_field_t reset_fields[] = {
    { "instance", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        offsetof(reset_body_t, instance), SELLIFY_INSTANCE_NAME_MAX },
};

typedef struct {
    const char *type;
    char at[SELLIFY_RFC3339_MAX];
} reset_answer_t;

static void
write_reset(sellify_json_writer_t *w, void *data)
{
    const reset_answer_t *answer = data;

    sellify_json_object(w);
    sellify_json_key(w, "reset_type");
    sellify_json_cstring(w, answer->type);
    sellify_json_key(w, "timestamp");
    sellify_json_cstring(w, answer->at);
    sellify_json_object_end(w);
}

/* Every instance that the key may use. */
static store_result_t
reset_all(http_request_t *request, int weekly)
{
    worker_t *w = request->worker;
    instance_t instance = { .id = 0 };
    store_result_t result;

    while ((result = instances_next(w, instance.id, &instance)) == STORE_OK) {
        if (http_identity_may_use(
                &request->who, sellify_str_of(instance.name)) &&
            quotas_reset(w, &instance, weekly,
                sellify_str_of(request->who.key_id)) != QUOTA_OK) {
            return STORE_FAILED;
        }
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static void
reset(http_request_t *request, int weekly)
{
    reset_body_t body = { { NULL, 0 } };
    sellify_faults_t faults = { .count = 0 };
    reset_answer_t answer = { .type = weekly ? "weekly" : "daily" };
    instance_t instance;
    int failed;

    if (request->body.len != 0 &&
        sellify_json_read(request->body, reset_fields, 1, &body,
            http_alloc(request, request->body.len), &faults) != 0) {
        http_problem(request, 400, NULL, &faults);
        return;
    }
    if (body.instance.len == 0) {
        failed = reset_all(request, weekly) != STORE_OK;
    } else if (find_instance(request, body.instance, &instance) != 0) {
        return;
    } else {
        failed = quotas_reset(request->worker, &instance, weekly,
                     sellify_str_of(request->who.key_id)) != QUOTA_OK;
    }
    if (failed) {
        http_not_ready(request);
        return;
    }
    sellify_time_format(worker_now(request->worker), answer.at);
    http_reply_built(request, 200, write_reset, &answer);
}

static void
post_reset_daily(http_request_t *request)
{
    reset(request, 0);
}

static void
post_reset_weekly(http_request_t *request)
{
    reset(request, 1);
}

static const http_route_t routes[] = {
    { HTTP_GET, "/quota", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0,
        HTTP_ROUTE_BARE, get_status },
    { HTTP_GET, "/quota/status", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_status },
    { HTTP_POST, "/quota/check", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_DECIDE, 0, 0,
        post_check },
    { HTTP_POST, "/quota/reserve", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_DECIDE, 0,
        HTTP_ROUTE_IDEMPOTENT, post_reserve },
    { HTTP_POST, "/quota/release", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_DECIDE, 0,
        HTTP_ROUTE_IDEMPOTENT, post_release },
    { HTTP_POST, "/quota/record", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_DECIDE, 0,
        HTTP_ROUTE_BODY_OPTIONAL | HTTP_ROUTE_IDEMPOTENT, post_record },
    { HTTP_POST, "/quota/reset/daily", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_ADMIN,
        0, HTTP_ROUTE_BODY_OPTIONAL | HTTP_ROUTE_IDEMPOTENT, post_reset_daily },
    { HTTP_POST, "/quota/reset/weekly", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_ADMIN,
        0, HTTP_ROUTE_BODY_OPTIONAL | HTTP_ROUTE_IDEMPOTENT,
        post_reset_weekly },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

void
quotas_routes_add(worker_t *w)
{
    http_routes_add(w->http, routes);
}
