/*
 * The heart of the pipeline: one timer over all stored jobs, what each step does
 * when its time has come, and how a job ends.
 */
#include "internal.h"

#include "../../core/rng.h"
#include "../license.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What is due in a step. */
static const struct {
    store_result_t (*work)(flow_context_t *ctx);
} flow_work[FLOW_STEPS_OPEN] = {
    [FLOW_COLLECTING] = { flow_collect },
    [FLOW_HELD] = { flow_release },
    [FLOW_DECIDED] = { flow_generate },
    [FLOW_GENERATED] = { flow_reserve },
    [FLOW_RESERVED] = { flow_send },
    [FLOW_SENDING] = { flow_unanswered },
};

void
flow_wake_at(worker_t *w, int64_t when)
{
    timer_entry_t *timer = &w->flow->timer;

    if (timer->slot == 0 || when < timer->when) {
        timers_set(w->timers, timer, when);
    }
}

int64_t
flow_in_real(const worker_t *w, int64_t seconds)
{
    return worker_now(w) + seconds * SELLIFY_SECOND * w->clock.rate;
}

store_result_t
flow_load(worker_t *w, int64_t job_id, flow_context_t *ctx)
{
    store_result_t result;

    ctx->worker = w;

    result = flow_store_load(w->store, job_id, &ctx->job);
    if (result != STORE_OK) {
        return result;
    }

    if (instances_by_id(w, ctx->job.instance_id, &ctx->instance) != STORE_OK ||
        conversations_by_id(w, ctx->job.conversation_id, &ctx->chat) !=
            STORE_OK) {
        log_error("flow", "job without a chat", "job %" PRId64, job_id);
        return STORE_FAILED;
    }

    /* Two addresses may turn out to be one person: the job follows. */
    ctx->job.conversation_id = ctx->chat.id;

    return STORE_OK;
}

store_result_t
flow_step_to(
    flow_context_t *ctx, flow_step_t to, const char *reason, int64_t due_at)
{
    if (flow_move(ctx->worker->store, &ctx->job, to, reason, due_at) ==
        STORE_FAILED) {
        return STORE_FAILED;
    }

    if (due_at != 0) {
        flow_wake_at(ctx->worker, due_at);
    }

    return STORE_OK;
}

int64_t
flow_spread(const flow_context_t *ctx)
{
    const sellify_policy_t *policy = policy_now(ctx->worker);
    sellify_rng_t rng = sellify_rng(ctx->job.seed);

    return (int64_t) sellify_rng_between(
        &rng, 0, (uint64_t) policy->release_spread_s * SELLIFY_SECOND);
}

store_result_t
flow_raise(worker_t *w, alert_severity_t severity, const char *reason,
    int64_t instance_id, int64_t conversation_id, sellify_str_t text,
    const char *group)
{
    alert_t alert = { .severity = severity,
        .reason = reason,
        .instance_id = instance_id,
        .conversation_id = conversation_id,
        .text = text,
        .group = group };

    return alerts_raise(w, &alert) == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* --- obstacles --- */

const char *
flow_obstacle(const flow_context_t *ctx, int64_t *hold_until)
{
    worker_t *w = ctx->worker;
    int64_t now = worker_now(w), expires_at;

    *hold_until = 0;

    if (!sellify_license_allows(license_state(w, &expires_at))) {
        return "license";
    }

    if (!policy_now(w)->automation_enabled) {
        return "automation-off";
    }

    if (sellify_state_is_terminal(ctx->chat.state)) {
        return "terminal-state";
    }

    if (ctx->chat.opted_out) {
        return "opted-out";
    }

    if (ctx->chat.paused_until * SELLIFY_SECOND > now) {
        *hold_until =
            ctx->chat.paused_until * SELLIFY_SECOND + flow_spread(ctx);
        return "paused";
    }

    if (ctx->instance.breaker_open) {
        *hold_until = now + FLOW_BREAKER_S * SELLIFY_SECOND;
        return "breaker";
    }

    if (!policy_is_active(w)) {
        *hold_until = policy_next_active(w) * SELLIFY_SECOND;
        *hold_until =
            (*hold_until > now ? *hold_until : now + 3600 * SELLIFY_SECOND) +
            flow_spread(ctx);
        return "outside-hours";
    }

    return NULL;
}

/* --- the end of a job --- */

static store_result_t
flow_give_back(flow_context_t *ctx)
{
    sellify_str_t id = sellify_str_of(ctx->job.reservation_id);

    if (id.len == 0) {
        return STORE_OK;
    }

    if (quotas_release(ctx->worker, id) == QUOTA_FAILED) {
        return STORE_FAILED;
    }

    ctx->job.reservation_id[0] = '\0';
    return STORE_OK;
}

/* The texts of a job as the audit wants them. */
typedef struct {
    flow_record_t record;
    int decided;
    flow_joined_t joined;
    sellify_str_t reply, prompt, response;
} flow_story_t;

static store_result_t
story_load(flow_context_t *ctx, flow_story_t *story)
{
    worker_t *w = ctx->worker;
    int64_t id = ctx->job.id;
    store_result_t result;

    memset(story, 0, sizeof(*story));

    result = flow_record_load(w, id, &story->record);
    if (result == STORE_FAILED) {
        return STORE_FAILED;
    }
    story->decided = result == STORE_OK;

    if (!story->decided && flow_joined(w, id, &story->joined) == STORE_FAILED) {
        return STORE_FAILED;
    }

    if (flow_store_text(w->store, id, FLOW_TEXT_REPLY, &story->reply) ==
            STORE_FAILED ||
        flow_store_text(w->store, id, FLOW_TEXT_PROMPT, &story->prompt) ==
            STORE_FAILED ||
        flow_store_text(w->store, id, FLOW_TEXT_RESPONSE, &story->response) ==
            STORE_FAILED) {
        return STORE_FAILED;
    }

    return STORE_OK;
}

static void
story_free(flow_story_t *story)
{
    flow_record_free(&story->record);
    memory_wipe(story->joined.text);
    store_release(&story->reply);
    store_release(&story->prompt);
    store_release(&story->response);
}

static void
details_time(sellify_json_writer_t *j, const char *name, int64_t when)
{
    char text[SELLIFY_RFC3339_MAX];

    sellify_time_format(when, text);
    sellify_json_key(j, name);
    sellify_json_cstring(j, text);
}

/* Ids and times of the flow, for people and for `make run`. */
static size_t
story_details(const flow_context_t *ctx, char *out, size_t size)
{
    const flow_job_t *job = &ctx->job;
    sellify_json_writer_t j;

    sellify_json_writer(&j, out, size);
    sellify_json_object(&j);
    sellify_json_key(&j, "job");
    sellify_json_int(&j, job->id);
    sellify_json_key(&j, "driver");
    sellify_json_cstring(&j, job->driver);
    details_time(&j, "received_at", job->first_at);
    if (job->message_id[0] != '\0') {
        sellify_json_key(&j, "message_id");
        sellify_json_cstring(&j, job->message_id);
        details_time(&j, "sending_at", job->sending_at);
    }
    if (job->provider[0] != '\0') {
        sellify_json_key(&j, "provider");
        sellify_json_cstring(&j, job->provider);
    }
    if (job->media_id[0] != '\0') {
        sellify_json_key(&j, "media_id");
        sellify_json_cstring(&j, job->media_id);
    }
    sellify_json_object_end(&j);

    return sellify_json_overflowed(&j) ? 0 : j.len;
}

static store_result_t
story_write(flow_context_t *ctx, const flow_story_t *story, flow_step_t to,
    const char *reason)
{
    sellify_quota_counters_t after;
    sellify_quota_limits_t limits;
    char details[768];
    int sent = to == FLOW_SENT || to == FLOW_UNSURE;

    if (quotas_read(ctx->worker, &ctx->instance, &after, &limits) ==
        QUOTA_FAILED) {
        return STORE_FAILED;
    }

    audit_entry_t entry = { .kind = "message",
        .actor = sellify_str("pipeline"),
        .instance = sellify_str_of(ctx->instance.name),
        .conversation_id = sellify_str_of(ctx->chat.public_id),
        .incoming_message = story->decided ? story->record.message
                                           : sellify_str_of(story->joined.text),
        .state = story->decided ? (int) story->record.input.state
                                : (int) ctx->chat.state,
        .new_state = (int) ctx->chat.state,
        .input = story->decided ? &story->record.input : NULL,
        .decision = story->decided ? &story->record.decision : NULL,
        .ai_prompt = story->prompt,
        .ai_response = story->response,
        .sent_message = sent ? story->reply : (sellify_str_t){ NULL, 0 },
        .outcome = flow_step_name((int) to),
        .reason = sellify_str_of(reason),
        .quotas_before = story->decided ? &story->record.before : NULL,
        .quotas_after = &after };

    entry.details = (sellify_str_t){ details,
        story_details(ctx, details, sizeof(details)) };

    return audit_write(ctx->worker, &entry, NULL) == STORE_FAILED ? STORE_FAILED
                                                                  : STORE_OK;
}

store_result_t
flow_end(flow_context_t *ctx, flow_step_t to, const char *reason)
{
    worker_t *w = ctx->worker;
    int64_t now = worker_now(w);
    flow_story_t story;
    store_result_t result;

    if (flow_give_back(ctx) == STORE_FAILED) {
        return STORE_FAILED;
    }

    result = story_load(ctx, &story);
    if (result != STORE_FAILED && to != FLOW_JOINED) {
        result = story_write(ctx, &story, to, reason);
    }
    story_free(&story);

    ctx->job.ended_at = now;
    if (result == STORE_FAILED ||
        flow_step_to(ctx, to, reason, 0) == STORE_FAILED ||
        flow_store_forget(w->store, ctx->job.id) == STORE_FAILED ||
        flow_store_wake(w->store, ctx->chat.id, FLOW_COLLECTING, now) ==
            STORE_FAILED) {
        return STORE_FAILED;
    }

    flow_wake_at(w, now);
    metrics_committed(w, METRIC_MESSAGES, to == FLOW_SENT ? "out" : "in",
        flow_step_name((int) to));

    return STORE_OK;
}

store_result_t
flow_hold(flow_context_t *ctx, const char *reason, int64_t due_at)
{
    const sellify_policy_t *policy = policy_now(ctx->worker);
    store_t *store = ctx->worker->store;
    flow_text_t text;
    int64_t last;

    if (flow_give_back(ctx) == STORE_FAILED) {
        return STORE_FAILED;
    }

    /* The decision will be taken again: what was written for it is void. */
    for (text = FLOW_TEXT_REPLY; text < FLOW_TEXTS; text++) {
        if (flow_store_set_text(store, ctx->job.id, text,
                (sellify_str_t){ NULL, 0 }) == STORE_FAILED) {
            return STORE_FAILED;
        }
    }
    ctx->job.has_reply = 0;
    ctx->job.message_id[0] = '\0';
    ctx->job.sending_at = 0;

    last = ctx->job.first_at + (int64_t) policy->held_max_s * SELLIFY_SECOND +
           SELLIFY_SECOND;
    due_at = due_at > last ? last : due_at;

    if (flow_step_to(ctx, FLOW_HELD, reason, due_at) == STORE_FAILED ||
        flow_store_wake(store, ctx->chat.id, FLOW_COLLECTING,
            worker_now(ctx->worker)) == STORE_FAILED) {
        return STORE_FAILED;
    }

    metrics_committed(ctx->worker, METRIC_MESSAGES, "in", "held");
    return STORE_OK;
}

store_result_t
flow_cancel(
    worker_t *w, int64_t conversation_id, int from, int to, const char *reason)
{
    store_result_t result;
    flow_context_t ctx;
    int64_t id;

    while ((result = flow_store_in_steps(
                w->store, conversation_id, from, to, 0, &id)) == STORE_OK) {
        if (flow_load(w, id, &ctx) != STORE_OK ||
            flow_end(&ctx, FLOW_CANCELLED, reason) == STORE_FAILED) {
            return STORE_FAILED;
        }
    }

    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* --- the timer --- */

/* A job whose step failed must not keep the others waiting. */
static int
flow_put_off(worker_t *w, int64_t id)
{
    flow_job_t job;
    int ok;

    if (turn_is_poisoned(w->turn) || turn_step_begin(w->turn) != 0) {
        return -1;
    }

    ok = flow_store_load(w->store, id, &job) == STORE_OK;
    if (ok) {
        log_error("flow", "step failed", "job %" PRId64 " in %s is tried later",
            id, flow_step_name(job.step));
        job.due_at = flow_in_real(w, FLOW_PUT_OFF_S);
        ok = flow_store_save(w->store, &job) != STORE_FAILED;
    }

    return turn_step_end(w->turn, ok) == 0 ? 1 : -1;
}

/* What is due in a job. */
static store_result_t
flow_do(worker_t *w, int64_t id)
{
    flow_context_t ctx;
    store_result_t result = flow_load(w, id, &ctx);

    if (result != STORE_OK) {
        return STORE_FAILED;
    }

    if (ctx.job.step >= FLOW_STEPS_OPEN ||
        flow_work[ctx.job.step].work == NULL) {
        log_error("flow", "job due in a final step", "job %" PRId64, id);
        abort();
    }

    return flow_work[ctx.job.step].work(&ctx);
}

/* Does what is due in one job, in a step of its own.
 * 1 done, 0 nothing was due, -1 the database does not work. */
static int
flow_do_one(worker_t *w)
{
    store_result_t result;
    int64_t id;

    if (turn_step_begin(w->turn) != 0) {
        return -1;
    }

    result = flow_store_due(w->store, worker_now(w), &id);
    if (result != STORE_OK) {
        return turn_step_end(w->turn, result == STORE_NONE);
    }

    result = flow_do(w, id);
    if (turn_step_end(w->turn, result != STORE_FAILED) == 0) {
        return 1;
    }

    return flow_put_off(w, id);
}

/* Once an hour: removes what nobody will ask for again, a slice at a time. */
static int
flow_prune(worker_t *w)
{
    int64_t now = worker_now(w);
    store_result_t result;

    if (w->flow->pruned_at != 0 &&
        now < w->flow->pruned_at + 3600 * SELLIFY_SECOND) {
        return 0;
    }

    if (turn_step_begin(w->turn) != 0) {
        return -1;
    }

    result =
        flow_store_prune(w->store, now - FLOW_KEEP_S * SELLIFY_SECOND, 100);
    if (result == STORE_NONE) {
        w->flow->pruned_at = now;
    }

    return turn_step_end(w->turn, result != STORE_FAILED);
}

static int
flow_arm(worker_t *w)
{
    store_result_t result;
    int64_t when;

    if (turn_step_begin(w->turn) != 0) {
        return -1;
    }

    result = flow_store_next_due(w->store, &when);
    if (result == STORE_OK) {
        flow_wake_at(w, when);
    }

    return turn_step_end(w->turn, result != STORE_FAILED);
}

static void
flow_tick(timer_entry_t *timer)
{
    worker_t *w = timer->data;
    int late = flow_results(w) != 0, done = 1, i;

    for (i = 0; i < FLOW_BATCH && done > 0; i++) {
        done = flow_do_one(w);
    }

    if (done < 0 || flow_prune(w) != 0 || flow_arm(w) != 0 || late) {
        flow_wake_at(w, flow_in_real(w, FLOW_RETRY_S));
    }
}

/* --- set-up --- */

static void
flow_scrape(worker_t *w)
{
    int64_t depths[FLOW_STEPS_OPEN];
    int step;

    if (flow_store_depths(w->store, depths, FLOW_STEPS_OPEN) != STORE_OK) {
        return;
    }

    for (step = FLOW_COLLECTING; step <= FLOW_SENDING; step++) {
        metrics_set(w, METRIC_PIPELINE_DEPTH, flow_step_name(step), NULL,
            (double) depths[step]);
    }
}

/* After a rollback: what the memory had armed may not be what is stored. */
static void
flow_reload(void *data)
{
    worker_t *w = data;

    flow_wake_at(w, worker_now(w));
}

int
flow_setup(worker_t *w)
{
    struct flow *flow = memory_get(sizeof(*flow));

    w->flow = flow;
    flow->worker = w;
    flow->timer.fn = flow_tick;
    flow->timer.data = w;

    flow->dialect = flow_dialect(w->settings.whatsapp_driver);
    if (flow->dialect == NULL) {
        fprintf(stderr,
            "sellify-worker: SELLIFY_WHATSAPP_DRIVER: \"%s\": its webhooks "
            "cannot be read in this version\n",
            w->settings.whatsapp_driver);
        return -1;
    }

    /* Set-up runs inside a step. */
    if (flow_store_resume(w->store, worker_now(w), FLOW_DECIDED, FLOW_GENERATED,
            FLOW_SENDING, FLOW_COLLECTING) == STORE_FAILED) {
        log_error("flow", "not resumed", "the database refused");
        return -1;
    }

    turn_on_reload(w->turn, flow_reload, w);
    metrics_on_scrape(w, flow_scrape);
    http_routes_add(w->http, flow_webhook_routes);
    http_routes_add(w->http, flow_simulate_routes);
    flow_wake_at(w, worker_now(w));

    return 0;
}

void
flow_shutdown(worker_t *w)
{
    if (w->flow == NULL) {
        return;
    }

    timers_cancel(w->timers, &w->flow->timer);
    flow_results_free(w);
    flow_generations_free(w);
    free(w->flow);
    w->flow = NULL;
}
