/*
 * The endpoints that nginx answers itself: health, decision, validate,
 * transition and quotas.  Engines and JSON forms are those of core/, so that
 * the worker gives the same answers.
 */
#include "ngx_http_sellify_module.h"

#include "../core/version.h"

#define NGX_HTTP_SELLIFY_ANSWER_SIZE 1024 /* bytes, grows when needed */

/* Writes an answer; `data` is what the endpoint found. */
typedef void (*ngx_http_sellify_write_pt)(sellify_json_writer_t *w, void *data);

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

ngx_int_t
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

/* The worker has a ruleset, and this process has none of the worker's yet. */
static ngx_uint_t
ngx_http_sellify_ruleset_lacks(ngx_http_sellify_live_t *live)
{
    return live->header.ruleset_version != 0 && !live->loaded;
}

/* Not ready when a request that needs live data would get 503, or when no
 * message may be answered; an AI or a WhatsApp connection that is down is said
 * and no more: everything else works. */
ngx_int_t
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
        ready.state = live->result == SELLIFY_STATE_OK      ? "stale"
                      : live->result == SELLIFY_STATE_ERROR ? "missing"
                                                            : "unusable";
        ready.worker = "down";
        ready.license = "unknown";
        ready.database = SELLIFY_HEALTH_DOWN;
        ready.ai = SELLIFY_HEALTH_DOWN;
        ready.whatsapp = SELLIFY_HEALTH_DOWN;

    } else {
        license = live->header.license;
        ready.state = ngx_http_sellify_ruleset_lacks(live)
                          ? live->refused ? "ruleset_refused" : "loading"
                          : "ok";
        ready.worker = live->header.draining ? "draining" : "ok";
        ready.license = sellify_license_name(license);
        ready.database = live->header.database;
        ready.ai = live->header.ai;
        ready.whatsapp = live->header.whatsapp;
        ready.ready = sellify_license_allows(license) &&
                      ready.database != SELLIFY_HEALTH_DOWN &&
                      !ngx_http_sellify_ruleset_lacks(live);
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

ngx_int_t
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
        return ngx_http_sellify_refuse_faults(r, ctx, &faults, status);
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

ngx_int_t
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
        return ngx_http_sellify_refuse_faults(r, ctx, &faults, status);
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

ngx_int_t
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
        return ngx_http_sellify_refuse_faults(r, ctx, &faults, status);
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

ngx_int_t
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

ngx_int_t
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
        return ngx_http_sellify_refuse_faults(r, ctx, &faults, status);
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
