/*
 * Precontent phase: sellify_api answers the pure questions here and leaves
 * everything else to the location's proxy_pass.  Engines and JSON forms are
 * those of core/, so that the worker agrees.
 */
#include "ngx_http_sellify_module.h"

#include "../core/api.h"
#include "../core/version.h"

#define NGX_HTTP_SELLIFY_ANSWER_SIZE 1024 /* bytes, grows when needed */

typedef struct ngx_http_sellify_endpoint_s ngx_http_sellify_endpoint_t;

/* Writes an answer; `data` is what the endpoint found. */
typedef void (*ngx_http_sellify_write_pt)(sellify_json_writer_t *w, void *data);

struct ngx_http_sellify_endpoint_s {
    ngx_str_t path;
    ngx_uint_t bare;    /* also without /api/v1 */
    ngx_uint_t methods; /* and HEAD with GET */
    const char *allow;
    /* GET: called at once, `body` is empty.  POST: with the body.  The return
     * value is for ngx_http_finalize_request(). */
    ngx_int_t (*answer)(
        ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
};

static ngx_int_t ngx_http_sellify_health(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
static ngx_int_t ngx_http_sellify_ready(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
static ngx_int_t ngx_http_sellify_decision(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
static ngx_int_t ngx_http_sellify_validation(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
static ngx_int_t ngx_http_sellify_transition(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
static ngx_int_t ngx_http_sellify_quota_status(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);
static ngx_int_t ngx_http_sellify_quota_check(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body);

static ngx_http_sellify_endpoint_t ngx_http_sellify_endpoints[] = {
    { ngx_string("/decision"), 1, NGX_HTTP_POST, "POST, OPTIONS",
        ngx_http_sellify_decision },
    { ngx_string("/validate"), 1, NGX_HTTP_POST, "POST, OPTIONS",
        ngx_http_sellify_validation },
    { ngx_string("/conversation/transition"), 0, NGX_HTTP_POST, "POST, OPTIONS",
        ngx_http_sellify_transition },
    { ngx_string("/quota/check"), 0, NGX_HTTP_POST, "POST, OPTIONS",
        ngx_http_sellify_quota_check },
    { ngx_string("/quota"), 1, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_quota_status },
    { ngx_string("/quota/status"), 0, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_quota_status },
    { ngx_string("/health"), 1, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_health },
    { ngx_string("/health/live"), 0, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_health },
    { ngx_string("/health/ready"), 0, NGX_HTTP_GET, "GET, HEAD, OPTIONS",
        ngx_http_sellify_ready },
};

/* --- finding the endpoint --- */

ngx_str_t
ngx_http_sellify_api_path(ngx_http_request_t *r, ngx_uint_t *versioned)
{
    ngx_str_t path = r->uri;

    static ngx_str_t prefix = ngx_string("/api/v1");

    *versioned = path.len > prefix.len &&
                 ngx_memcmp(path.data, prefix.data, prefix.len) == 0 &&
                 path.data[prefix.len] == '/';

    if (*versioned) {
        path.data += prefix.len;
        path.len -= prefix.len;
    }

    return path;
}

static ngx_http_sellify_endpoint_t *
ngx_http_sellify_find_endpoint(ngx_http_request_t *r)
{
    ngx_str_t path;
    ngx_uint_t i, versioned;
    ngx_http_sellify_endpoint_t *e;

    path = ngx_http_sellify_api_path(r, &versioned);
    e = ngx_http_sellify_endpoints;

    for (i = 0; i < sizeof(ngx_http_sellify_endpoints) /
                        sizeof(ngx_http_sellify_endpoints[0]);
         i++) {
        if (e[i].path.len == path.len &&
            ngx_memcmp(e[i].path.data, path.data, path.len) == 0) {
            return versioned || e[i].bare ? &e[i] : NULL;
        }
    }

    return NULL;
}

/* --- answers --- */

ngx_int_t
ngx_http_sellify_send(
    ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *type, ngx_str_t *body)
{
    ngx_int_t rc;
    ngx_buf_t *b;
    ngx_chain_t out;

    r->headers_out.status = status;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = body->len;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);
    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    r->headers_out.content_length_n = body->len;

    rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = body->len ? 1 : 0;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}

static ngx_int_t
ngx_http_sellify_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_sellify_write_pt write, void *data)
{
    size_t size;
    ngx_str_t body, type = ngx_string("application/json");
    sellify_json_writer_t w;

    for (size = NGX_HTTP_SELLIFY_ANSWER_SIZE; /* void */; size = w.len) {
        body.data = ngx_pnalloc(r->pool, size);
        if (body.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        sellify_json_writer(&w, (char *) body.data, size);
        write(&w, data);

        if (!sellify_json_overflowed(&w)) {
            break;
        }
    }

    body.len = w.len;

    return ngx_http_sellify_send(r, status, &type, &body);
}

static ngx_int_t
ngx_http_sellify_refuse(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx,
    ngx_uint_t status, const char *detail)
{
    ctx->detail.data = (u_char *) detail;
    ctx->detail.len = ngx_strlen(detail);

    return ngx_http_sellify_problem(r, status);
}

/* One fault about one member. */
static ngx_int_t
ngx_http_sellify_refuse_member(ngx_http_request_t *r,
    ngx_http_sellify_ctx_t *ctx, ngx_uint_t status, const char *pointer,
    const char *detail)
{
    ctx->faults = ngx_palloc(r->pool, sizeof(sellify_faults_t));
    if (ctx->faults == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->faults->count = 0;
    sellify_fault_add(ctx->faults, "", pointer, "%s", detail);

    return ngx_http_sellify_problem(r, status);
}

/* --- health --- */

typedef struct {
    ngx_http_sellify_main_conf_t *smcf;
    ngx_uint_t ready;
    const char *state, *worker, *license;
    sellify_health_t database, ai, whatsapp;
} ngx_http_sellify_ready_t;

static void
ngx_http_sellify_write_health(sellify_json_writer_t *w, void *data)
{
    sellify_json_object(w);
    sellify_json_key(w, "status");
    sellify_json_cstring(w, "healthy");
    sellify_json_key(w, "service");
    sellify_json_cstring(w, "sellify-core");
    sellify_json_key(w, "version");
    sellify_json_cstring(w, SELLIFY_VERSION);
    sellify_json_object_end(w);
}

static ngx_int_t
ngx_http_sellify_health(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body)
{
    return ngx_http_sellify_json(
        r, NGX_HTTP_OK, ngx_http_sellify_write_health, NULL);
}

static void
ngx_http_sellify_write_ready(sellify_json_writer_t *w, void *data)
{
    ngx_uint_t i;
    ngx_http_sellify_ready_t *ready = data;

    struct {
        const char *name, *value;
    } parts[] = {
        { "status", ready->ready ? "ready" : "not_ready" },
        { "service", "sellify-core" },
        { "version", SELLIFY_VERSION },
        { "state", ready->state },
        { "worker", ready->worker },
        { "database", sellify_health_name(ready->database) },
        { "license", ready->license },
        { "ai", sellify_health_name(ready->ai) },
        { "whatsapp", sellify_health_name(ready->whatsapp) },
    };

    sellify_json_object(w);

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        sellify_json_key(w, parts[i].name);
        sellify_json_cstring(w, parts[i].value);
    }

    sellify_json_key(w, "ruleset_version");
    sellify_json_int(
        w, (int64_t) sellify_ruleset_version(ready->smcf->ruleset->compiled));
    sellify_json_object_end(w);
}

/* Not ready when a request that needs live data would get 503, or when no
 * message may be answered; an AI or a WhatsApp connection that is down is said
 * and no more: everything else works. */
static ngx_int_t
ngx_http_sellify_ready(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body)
{
    ngx_str_t retry = ngx_string("3");
    sellify_license_state_t license;
    ngx_http_sellify_live_t *live;
    ngx_http_sellify_ready_t ready;

    ready.smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);
    live = ready.smcf->live;

    if (live == NULL) {
        ready.ready = 1;
        ready.state = "off";
        ready.worker = "off";
        ready.license = sellify_license_name(SELLIFY_LICENSE_NOT_REQUIRED);
        ready.database = SELLIFY_HEALTH_OFF;
        ready.ai = SELLIFY_HEALTH_OFF;
        ready.whatsapp = SELLIFY_HEALTH_OFF;

    } else if (!live->seen || !ngx_http_sellify_state_fresh(ready.smcf)) {
        ready.ready = 0;
        ready.state = live->result == SELLIFY_STATE_OK
                          ? "stale"
                          : sellify_state_result_name(live->result);
        ready.worker = "down";
        ready.license = "unknown";
        ready.database = SELLIFY_HEALTH_DOWN;
        ready.ai = SELLIFY_HEALTH_DOWN;
        ready.whatsapp = SELLIFY_HEALTH_DOWN;

    } else {
        license = live->header.license;
        ready.state = "ok";
        ready.worker = live->header.draining ? "draining" : "ok";
        ready.license = sellify_license_name(license);
        ready.database = live->header.database;
        ready.ai = live->header.ai;
        ready.whatsapp = live->header.whatsapp;
        ready.ready = sellify_license_allows(license) &&
                      ready.database != SELLIFY_HEALTH_DOWN;
    }

    if (!ready.ready &&
        ngx_http_sellify_header_out(r, "Retry-After", &retry) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sellify_json(r,
        ready.ready ? NGX_HTTP_OK : NGX_HTTP_SERVICE_UNAVAILABLE,
        ngx_http_sellify_write_ready, &ready);
}

/* --- live data --- */

/* NGX_OK and the instance's counters, or NGX_DONE after an error answer, whose
 * value for ngx_http_finalize_request() is in *rc. */
static ngx_int_t
ngx_http_sellify_counters(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx,
    sellify_str_t name, sellify_state_instance_t *instance, ngx_int_t *rc)
{
    ngx_int_t index;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);

    if (!ngx_http_sellify_state_fresh(smcf)) {
        *rc = ngx_http_sellify_refuse(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
            "the worker's live counters are not there");
        return NGX_DONE;
    }

    index = ngx_http_sellify_state_instance(smcf, name);
    if (index < 0) {
        *rc = ngx_http_sellify_refuse_member(r, ctx, NGX_HTTP_NOT_FOUND,
            "/instance", "there is no such instance");
        return NGX_DONE;
    }

    if (!ngx_http_sellify_key_allows_instance(
            ctx->key, sellify_str_of(smcf->live->names[index]))) {
        *rc = ngx_http_sellify_refuse(r, ctx, NGX_HTTP_FORBIDDEN,
            "the key is limited to other instances");
        return NGX_DONE;
    }

    if (ngx_http_sellify_state_read_instance(smcf, index, instance) != NGX_OK) {
        *rc = ngx_http_sellify_refuse(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
            "the worker's live counters cannot be read");
        return NGX_DONE;
    }

    return NGX_OK;
}

/* 1, 0, or -1 when nobody knows now. */
static ngx_int_t
ngx_http_sellify_active_hours(ngx_http_sellify_main_conf_t *smcf,
    const sellify_policy_t *policy, int64_t now)
{
    ngx_http_sellify_live_t *live = smcf->live;

    if (policy->hours.always) {
        return 1;
    }

    if (!ngx_http_sellify_state_fresh(smcf) || !live->hours_seen) {
        return -1;
    }

    return sellify_hours_active(
        live->hours.intervals, live->hours.count, live->hours.known_until, now);
}

/* --- decision --- */

static void
ngx_http_sellify_write_decision(sellify_json_writer_t *w, void *data)
{
    sellify_api_write_decision(w, data);
}

/* What the live counters say of an instance. */
static void
ngx_http_sellify_fill_quotas(sellify_decision_input_t *input,
    sellify_state_instance_t *instance, int64_t now)
{
    sellify_quota_answer_t answer;

    sellify_quota_check(&instance->counters, &instance->limits,
        SELLIFY_KIND_TEXT, now, &answer);
    input->quotas_available = answer.can_send;
    input->next_window_s =
        answer.can_send || answer.next_at <= now
            ? 0
            : (uint32_t) ngx_min(answer.next_at - now, UINT32_MAX);

    sellify_quota_check(&instance->counters, &instance->limits,
        SELLIFY_KIND_IMAGE, now, &answer);
    input->media_quota_available = answer.can_send;

    sellify_quota_check(&instance->counters, &instance->limits,
        SELLIFY_KIND_VIDEO, now, &answer);
    input->video_quota_available = answer.can_send;

    input->quota_pressure =
        sellify_quota_pressure(&instance->counters, &instance->limits, now);
}

/* Fills in what the caller left out.  As ngx_http_sellify_counters(). */
static ngx_int_t
ngx_http_sellify_decision_fill(ngx_http_request_t *r,
    ngx_http_sellify_ctx_t *ctx, sellify_decision_request_t *request,
    ngx_int_t *rc)
{
    int64_t now;
    ngx_int_t active;
    sellify_state_instance_t instance;
    sellify_decision_input_t *input = &request->input;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);
    now = ngx_http_sellify_now(smcf) / SELLIFY_SECOND;

    input->license_ok = smcf->live == NULL || !smcf->live->seen ||
                        sellify_license_allows(smcf->live->header.license);

    if (request->instance.len &&
        !ngx_http_sellify_key_allows_instance(ctx->key, request->instance)) {
        *rc = ngx_http_sellify_refuse(r, ctx, NGX_HTTP_FORBIDDEN,
            "the key is limited to other instances");
        return NGX_DONE;
    }

    if (request->quotas_available < 0) {
        if (ngx_http_sellify_counters(
                r, ctx, request->instance, &instance, rc) != NGX_OK) {
            return NGX_DONE;
        }

        ngx_http_sellify_fill_quotas(input, &instance, now);

    } else {
        input->quotas_available = request->quotas_available;
        input->media_quota_available = request->quotas_available;
        input->video_quota_available = request->quotas_available;
    }

    if (request->is_active_hours >= 0) {
        input->active_hours = request->is_active_hours;
        return NGX_OK;
    }

    active = ngx_http_sellify_active_hours(
        smcf, sellify_ruleset_policy(ctx->ruleset->compiled), now);

    if (active < 0) {
        *rc = ngx_http_sellify_refuse(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
            "the policy's hours are not known now");
        return NGX_DONE;
    }

    input->active_hours = active;

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_bad_body(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx,
    sellify_faults_t *faults, ngx_int_t status)
{
    ctx->faults = ngx_palloc(r->pool, sizeof(sellify_faults_t));
    if (ctx->faults == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *ctx->faults = *faults;

    return ngx_http_sellify_problem(r, status);
}

static ngx_int_t
ngx_http_sellify_decision(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body)
{
    int status;
    char *arena;
    ngx_int_t rc;
    sellify_faults_t faults;
    sellify_decision_t decision;
    sellify_decision_request_t request;
    ngx_http_sellify_main_conf_t *smcf;

    arena = ngx_pnalloc(r->pool, body.len + 1);
    if (arena == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    faults.count = 0;
    status = sellify_api_read_decision(body, arena, &request, &faults);
    if (status) {
        return ngx_http_sellify_bad_body(r, ctx, &faults, status);
    }

    if (ngx_http_sellify_decision_fill(r, ctx, &request, &rc) != NGX_OK) {
        return rc;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);

    if (sellify_decide(ctx->ruleset->compiled, &request.input, smcf->scratch,
            smcf->scratch_size, &decision) != 0) {
        return ngx_http_sellify_refuse_member(r, ctx, NGX_HTTP_BAD_REQUEST,
            "/incoming_message", "is not UTF-8 or longer than 4096 characters");
    }

    ctx->action = sellify_action_name(decision.action);
    ctx->rule = sellify_rule_name(decision.rule);
    ctx->trigger = sellify_trigger_name(decision.trigger);
    ngx_http_sellify_metrics_decision(smcf, decision.action);

    return ngx_http_sellify_json(
        r, NGX_HTTP_OK, ngx_http_sellify_write_decision, &decision);
}

/* --- validate --- */

typedef struct {
    sellify_verdict_t verdict;
    sellify_str_t fallback_text;
} ngx_http_sellify_validated_t;

static void
ngx_http_sellify_write_verdict(sellify_json_writer_t *w, void *data)
{
    ngx_http_sellify_validated_t *v = data;

    sellify_api_write_verdict(w, &v->verdict, v->fallback_text);
}

static ngx_int_t
ngx_http_sellify_validation(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body)
{
    int status;
    char *arena;
    sellify_faults_t faults;
    const sellify_product_t *product;
    sellify_validate_request_t request;
    ngx_http_sellify_validated_t v;
    ngx_http_sellify_main_conf_t *smcf;

    arena = ngx_pnalloc(r->pool, body.len + 1);
    if (arena == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    faults.count = 0;
    status = sellify_api_read_validate(body, arena, &request, &faults);
    if (status) {
        return ngx_http_sellify_bad_body(r, ctx, &faults, status);
    }

    product = NULL;

    if (request.product_id.len) {
        product =
            sellify_ruleset_product(ctx->ruleset->compiled, request.product_id);
        if (product == NULL) {
            return ngx_http_sellify_refuse_member(r, ctx, NGX_HTTP_BAD_REQUEST,
                "/product_id", "there is no such product");
        }
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);

    sellify_validate(ctx->ruleset->compiled, request.text, product,
        request.max_length, smcf->scratch, smcf->scratch_size, &v.verdict);
    v.fallback_text =
        sellify_ruleset_policy(ctx->ruleset->compiled)->fallback_text;

    ctx->valid = v.verdict.valid ? "1" : "0";
    if (!v.verdict.valid && v.verdict.violation_count) {
        ctx->violation = sellify_violation_name(v.verdict.violations[0].rule);
    }

    ngx_http_sellify_metrics_verdict(smcf, &v.verdict);

    return ngx_http_sellify_json(
        r, NGX_HTTP_OK, ngx_http_sellify_write_verdict, &v);
}

/* --- transition --- */

static void
ngx_http_sellify_write_transition(sellify_json_writer_t *w, void *data)
{
    sellify_api_write_transition(w, *(sellify_state_t *) data);
}

static ngx_int_t
ngx_http_sellify_transition(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body)
{
    int status;
    char *arena;
    sellify_state_t state;
    sellify_faults_t faults;
    sellify_transition_request_t request;

    arena = ngx_pnalloc(r->pool, body.len + 1);
    if (arena == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    faults.count = 0;
    status = sellify_api_read_transition(body, arena, &request, &faults);
    if (status) {
        return ngx_http_sellify_bad_body(r, ctx, &faults, status);
    }

    state = sellify_transition(request.current_state, request.event);

    return ngx_http_sellify_json(
        r, NGX_HTTP_OK, ngx_http_sellify_write_transition, &state);
}

/* --- quotas --- */

typedef struct {
    sellify_state_instance_t instance;
    sellify_quota_answer_t answer;
    int64_t now;
    uint32_t delay;
} ngx_http_sellify_quotas_t;

static void
ngx_http_sellify_write_quota_status(sellify_json_writer_t *w, void *data)
{
    ngx_http_sellify_quotas_t *q = data;

    sellify_api_write_quota_status(w, &q->instance, q->now);
}

static ngx_int_t
ngx_http_sellify_quota_status(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body)
{
    ngx_int_t rc;
    ngx_str_t name;
    ngx_http_sellify_quotas_t q;
    ngx_http_sellify_main_conf_t *smcf;

    if (ngx_http_arg(r, (u_char *) "instance", sizeof("instance") - 1, &name) !=
        NGX_OK) {
        ngx_str_null(&name);

    } else if (!sellify_instance_name_valid(ngx_http_sellify_str(&name))) {
        return ngx_http_sellify_refuse_member(r, ctx, NGX_HTTP_BAD_REQUEST,
            "/instance", "expected 1 to 64 of A-Z a-z 0-9 _ . -");
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);
    q.now = ngx_http_sellify_now(smcf) / SELLIFY_SECOND;

    if (ngx_http_sellify_counters(
            r, ctx, ngx_http_sellify_str(&name), &q.instance, &rc) != NGX_OK) {
        return rc;
    }

    return ngx_http_sellify_json(
        r, NGX_HTTP_OK, ngx_http_sellify_write_quota_status, &q);
}

static void
ngx_http_sellify_write_quota_check(sellify_json_writer_t *w, void *data)
{
    ngx_http_sellify_quotas_t *q = data;

    sellify_api_write_quota_check(w, &q->answer, q->now, q->delay);
}

static ngx_int_t
ngx_http_sellify_quota_check(
    ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx, sellify_str_t body)
{
    int status;
    char *arena;
    ngx_int_t rc;
    sellify_faults_t faults;
    sellify_quota_request_t request;
    const sellify_policy_t *policy;
    ngx_http_sellify_quotas_t q;
    ngx_http_sellify_main_conf_t *smcf;

    arena = ngx_pnalloc(r->pool, body.len + 1);
    if (arena == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    faults.count = 0;
    status = sellify_api_read_quota(body, arena, 0, &request, &faults);
    if (status) {
        return ngx_http_sellify_bad_body(r, ctx, &faults, status);
    }

    if (ngx_http_sellify_counters(r, ctx, request.instance, &q.instance, &rc) !=
        NGX_OK) {
        return rc;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);
    policy = sellify_ruleset_policy(ctx->ruleset->compiled);

    q.now = ngx_http_sellify_now(smcf) / SELLIFY_SECOND;
    sellify_quota_check(&q.instance.counters, &q.instance.limits, request.kind,
        q.now, &q.answer);

    /* jitter keyed by the unit that would be taken: the same question gets the
     * same answer until somebody sends */

    q.delay = sellify_quota_delay_ms(&policy->delay, request.kind,
                  sellify_quota_pressure(
                      &q.instance.counters, &q.instance.limits, q.now),
                  0,
                  sellify_rng_seed_of(sellify_str_of(q.instance.name)) +
                      sellify_quota_used(
                          &q.instance.counters, SELLIFY_QUOTA_WEEK, q.now)) /
              1000;

    return ngx_http_sellify_json(
        r, NGX_HTTP_OK, ngx_http_sellify_write_quota_check, &q);
}

/* --- the body --- */

static ngx_uint_t
ngx_http_sellify_is_json(ngx_http_request_t *r)
{
    u_char *p, *last;
    ngx_str_t *type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;
    p = type->data;
    last = p + type->len;

    if (type->len < sizeof("application/json") - 1 ||
        ngx_strncasecmp(p, (u_char *) "application/json",
            sizeof("application/json") - 1) != 0) {
        return 0;
    }

    for (p += sizeof("application/json") - 1;
         p < last && (*p == ' ' || *p == '\t'); p++) { /* void */
    }

    return p == last || *p == ';';
}

/* The body in one piece; NGX_DECLINED when it is too large. */
static ngx_int_t
ngx_http_sellify_body(ngx_http_request_t *r, sellify_str_t *body)
{
    off_t len;
    u_char *p;
    ssize_t n;
    ngx_buf_t *b;
    ngx_chain_t *cl;

    body->data = NULL;
    body->len = 0;
    len = 0;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
        if (len > SELLIFY_BODY_MAX) {
            return NGX_DECLINED;
        }
    }

    b = r->request_body->bufs->buf;

    if (r->request_body->bufs->next == NULL && ngx_buf_in_memory(b)) {
        body->data = (const char *) b->pos;
        body->len = len;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = (const char *) p;
    body->len = len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        n = ngx_read_file(
            b->file, p, (size_t) (b->file_last - b->file_pos), b->file_pos);
        if (n != b->file_last - b->file_pos) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}

static ngx_int_t
ngx_http_sellify_answer_body(ngx_http_request_t *r)
{
    ngx_int_t rc;
    sellify_str_t body;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_endpoint_t *e;

    ctx = ngx_http_sellify_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_sellify_body(r, &body);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_sellify_refuse(r, ctx,
            NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
            "the body is larger than 65536 bytes");
    }

    if (body.len && !ngx_http_sellify_is_json(r)) {
        return ngx_http_sellify_problem(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE);
    }

    e = ngx_http_sellify_find_endpoint(r);
    ctx->ruleset = ngx_http_sellify_ruleset_hold(
        ngx_http_get_module_main_conf(r, ngx_http_sellify_module));

    return e->answer(r, ctx, body);
}

static void
ngx_http_sellify_body_handler(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_sellify_answer_body(r));
}

/* --- the phase handler --- */

/* Answers that need no body. */
static ngx_int_t
ngx_http_sellify_answer_now(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx,
    ngx_http_sellify_endpoint_t *e)
{
    ngx_int_t rc;
    ngx_str_t value, none = ngx_null_string;
    sellify_str_t body = { NULL, 0 };

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        value.data = (u_char *) e->allow;
        value.len = ngx_strlen(e->allow);

        if (ngx_http_sellify_header_out(r, "Allow", &value) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        r->header_only = 1;

        return ngx_http_sellify_send(r, NGX_HTTP_NO_CONTENT, &none, &none);
    }

    if (!(r->method & e->methods) &&
        !(r->method == NGX_HTTP_HEAD && (e->methods & NGX_HTTP_GET))) {
        ctx->allow = e->allow;
        return ngx_http_sellify_problem(r, NGX_HTTP_NOT_ALLOWED);
    }

    return e->answer(r, ctx, body);
}

/* Refused before the body is read, so that it need not be sent. */
static ngx_uint_t
ngx_http_sellify_refused_early(ngx_http_request_t *r)
{
    if (r->headers_in.content_length_n > SELLIFY_BODY_MAX) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    if ((r->headers_in.content_length_n > 0 || r->headers_in.chunked) &&
        (!ngx_http_sellify_is_json(r) ||
            ngx_http_sellify_header_in(
                r, "content-encoding", sizeof("content-encoding") - 1, NULL))) {
        return NGX_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }

    return 0;
}

/* What is not answered here goes to the worker, unless it is known to be dead:
 * the request would hang in the backlog of its socket.  A webhook waits there. */
static ngx_int_t
ngx_http_sellify_delegate(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx)
{
    ngx_int_t rc;
    ngx_http_sellify_main_conf_t *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);

    if (smcf->live == NULL || ngx_http_sellify_webhook_is(&r->uri) ||
        ngx_http_sellify_state_fresh(smcf)) {
        return NGX_DECLINED;
    }

    r->expect_tested = 1;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_finalize_request(
        r, ngx_http_sellify_refuse(r, ctx, NGX_HTTP_SERVICE_UNAVAILABLE,
               "the worker is not there"));

    return NGX_DONE;
}

ngx_int_t
ngx_http_sellify_api_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_uint_t status;
    ngx_http_sellify_ctx_t *ctx;
    ngx_http_sellify_loc_conf_t *slcf;
    ngx_http_sellify_endpoint_t *e;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sellify_module);

    if (!slcf->api || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_sellify_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e = ngx_http_sellify_find_endpoint(r);
    if (e == NULL) {
        return ngx_http_sellify_delegate(r, ctx);
    }

    if (r->method != NGX_HTTP_POST || e->methods != NGX_HTTP_POST) {
        ngx_http_finalize_request(r, ngx_http_sellify_answer_now(r, ctx, e));
        return NGX_DONE;
    }

    status = ngx_http_sellify_refused_early(r);
    if (status) {
        r->expect_tested = 1; /* no "100 Continue" for what is refused */

        rc = ngx_http_discard_request_body(r);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_http_finalize_request(r, ngx_http_sellify_problem(r, status));
        return NGX_DONE;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_sellify_body_handler);
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}
