/*
 * A burst is complete or a held job is released: joins its messages, asks the
 * engine with live inputs, and moves the job where the decision says.
 */
#include "internal.h"

#include "../license.h"

#include <stdio.h>
#include <stdlib.h>

/* Everything that one decision needs and leaves. */
typedef struct {
    flow_joined_t joined;
    sellify_decision_input_t input;
    sellify_decision_t decision;
    sellify_quota_counters_t before;
    sellify_quota_limits_t limits;
} flow_case_t;

/* --- asking the engine --- */

static int
decide(worker_t *w, const sellify_decision_input_t *input,
    sellify_decision_t *decision)
{
    size_t size = sellify_scratch_size(input->message.len);
    void *scratch = memory_get(size);
    int rc;

    rc = sellify_decide(policy_ruleset(w), input, scratch, size, decision);
    explicit_bzero(scratch, size);
    free(scratch);

    return rc;
}

int
flow_peek(worker_t *w, const conversation_t *chat, sellify_str_t text,
    sellify_message_type_t type, sellify_decision_t *decision)
{
    sellify_decision_input_t input = { .message = flow_tail(
                                           text, SELLIFY_MESSAGE_CHARS_MAX),
        .message_type = type,
        .state = SELLIFY_STATE_DISCOVERY,
        .license_ok = 1,
        .active_hours = 1,
        .quotas_available = 1,
        .product_id = sellify_str_of(chat->product_id) };

    return decide(w, &input, decision);
}

/* Live quotas as the engine wants them. */
static store_result_t
read_quotas(flow_context_t *ctx, flow_case_t *c)
{
    sellify_quota_answer_t answer;
    int64_t now = worker_seconds(ctx->worker);

    if (quotas_read(ctx->worker, &ctx->instance, &c->before, &c->limits) ==
        QUOTA_FAILED) {
        return STORE_FAILED;
    }

    sellify_quota_check(
        &c->before, &c->limits, SELLIFY_KIND_TEXT, now, &answer);
    c->input.quotas_available = answer.can_send;
    c->input.next_window_s =
        answer.next_at > now ? (uint32_t) (answer.next_at - now) : 0;

    sellify_quota_check(
        &c->before, &c->limits, SELLIFY_KIND_IMAGE, now, &answer);
    c->input.media_quota_available = answer.can_send;

    sellify_quota_check(
        &c->before, &c->limits, SELLIFY_KIND_VIDEO, now, &answer);
    c->input.video_quota_available = answer.can_send;

    c->input.quota_pressure =
        sellify_quota_pressure(&c->before, &c->limits, now);

    return STORE_OK;
}

static store_result_t
read_input(flow_context_t *ctx, flow_case_t *c)
{
    worker_t *w = ctx->worker;
    int64_t expires_at;

    c->input.message =
        flow_tail(sellify_str_of(c->joined.text), SELLIFY_MESSAGE_CHARS_MAX);
    c->input.message_type = c->joined.type;
    c->input.state = ctx->chat.state;
    c->input.license_ok = sellify_license_allows(license_state(w, &expires_at));
    c->input.active_hours = policy_is_active(w);
    c->input.paused = ctx->chat.paused_until > worker_seconds(w);
    c->input.opted_out = ctx->chat.opted_out;
    c->input.accepts_media = 1;
    c->input.known_languages_only = 1;
    c->input.misunderstandings = ctx->chat.misunderstandings;
    c->input.product_id = sellify_str_of(ctx->chat.product_id);
    c->input.seed = ctx->job.seed;

    if (conversations_replies_last_hour(
            w, ctx->chat.id, &c->input.replies_last_hour) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return read_quotas(ctx, c);
}

/* Real drivers fetch media from the hosts that the policy lists and no other. */
static int
media_allowed(worker_t *w, const sellify_media_t *media)
{
    const sellify_policy_t *policy = policy_now(w);
    sellify_str_t host, url;
    const char *end;
    size_t i;

    if (media == NULL || !whatsapp_driver(w)->real) {
        return media != NULL;
    }

    url = media->url;
    if (url.len < 9 || strncmp(url.data, "https://", 8) != 0) {
        return 0;
    }

    host = (sellify_str_t){ url.data + 8, url.len - 8 };
    end = memchr(host.data, '/', host.len);
    host.len = end != NULL ? (size_t) (end - host.data) : host.len;

    for (i = 0; i < policy->media_host_count; i++) {
        if (sellify_str_equal(host, policy->media_hosts[i])) {
            return 1;
        }
    }

    return 0;
}

/* Joins, asks, and asks again without media when these may not be sent. */
static store_result_t
case_open(flow_context_t *ctx, flow_case_t *c)
{
    worker_t *w = ctx->worker;

    if (flow_joined(w, ctx->job.id, &c->joined) == STORE_FAILED ||
        read_input(ctx, c) == STORE_FAILED) {
        return STORE_FAILED;
    }

    if (decide(w, &c->input, &c->decision) != 0) {
        log_error("flow", "not decided", "job %lld", (long long) ctx->job.id);
        return STORE_FAILED;
    }

    if (c->decision.action == SELLIFY_ACTION_RESPOND_WITH_MEDIA &&
        !media_allowed(w, c->decision.media)) {
        c->input.accepts_media = 0;
        if (decide(w, &c->input, &c->decision) != 0) {
            return STORE_FAILED;
        }
    }

    metrics_committed(
        w, METRIC_DECISIONS, sellify_action_name(c->decision.action), NULL);

    return flow_record_save(
        w, ctx->job.id, &c->input, &c->decision, &c->before);
}

static void
case_close(flow_case_t *c)
{
    memory_wipe(c->joined.text);
}

/* --- what the decision does to the chat --- */

static store_result_t
save_chat(flow_context_t *ctx)
{
    return conversations_save(ctx->worker, &ctx->chat) == STORE_FAILED
               ? STORE_FAILED
               : STORE_OK;
}

static void
copy_id(char *out, size_t size, sellify_str_t id)
{
    if (id.len < size) {
        memcpy(out, id.data, id.len);
        out[id.len] = '\0';
    }
}

/* Not for held jobs: those are decided again, and a transition counts once. */
static store_result_t
apply(flow_context_t *ctx, const sellify_decision_t *d)
{
    conversation_t *chat = &ctx->chat;

    chat->state = d->new_state;
    chat->misunderstandings =
        d->not_understood ? chat->misunderstandings + 1 : 0;

    if (d->product != NULL) {
        copy_id(chat->product_id, sizeof(chat->product_id), d->product->id);
    }

    if (d->language[0] != '\0') {
        snprintf(chat->language, sizeof(chat->language), "%s", d->language);
    }

    return save_chat(ctx);
}

store_result_t
flow_trigger_alert(worker_t *w, int64_t instance_id, int64_t conversation_id,
    const char *reason, sellify_str_t text)
{
    int grave = strcmp(reason, "threat") == 0 || strcmp(reason, "legal") == 0;

    return flow_raise(w, grave ? ALERT_CRITICAL : ALERT_WARNING, reason,
        instance_id, conversation_id, text, reason);
}

/* A human has it: the chat is left alone for a while. */
static store_result_t
end_alerted(flow_context_t *ctx, flow_case_t *c, const char *reason)
{
    int64_t now = worker_seconds(ctx->worker);
    conversation_t *chat = &ctx->chat;

    if (apply(ctx, &c->decision) == STORE_FAILED) {
        return STORE_FAILED;
    }

    chat->last_alert_at = now;
    chat->misunderstandings = 0;
    if (chat->paused_until <
        now + (int64_t) policy_now(ctx->worker)->takeover_pause_s) {
        chat->paused_until =
            now + (int64_t) policy_now(ctx->worker)->takeover_pause_s;
        snprintf(chat->pause_reason, sizeof(chat->pause_reason), "alert");
    }

    if (save_chat(ctx) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_end(ctx, FLOW_ALERTED, reason);
}

static store_result_t
end_stopped(flow_context_t *ctx, flow_case_t *c)
{
    const char *reason = sellify_rule_name(c->decision.rule);
    int64_t hold_until;

    if (c->decision.rule == SELLIFY_RULE_PAUSED) {
        hold_until = ctx->chat.paused_until * SELLIFY_SECOND + flow_spread(ctx);
        return flow_hold(ctx, "paused", hold_until);
    }

    return flow_end(ctx, FLOW_STOPPED, reason);
}

static store_result_t
end_ignored(flow_context_t *ctx, flow_case_t *c)
{
    int64_t hold_until;
    const char *reason;

    if (c->decision.rule == SELLIFY_RULE_OUTSIDE_HOURS) {
        reason = flow_obstacle(ctx, &hold_until);
        if (reason == NULL || hold_until == 0) {
            return flow_end(ctx, FLOW_IGNORED, "outside-hours");
        }
        return flow_hold(ctx, "outside-hours", hold_until);
    }

    if (apply(ctx, &c->decision) == STORE_FAILED ||
        flow_raise(ctx->worker, ALERT_INFO, "not-understood", ctx->instance.id,
            ctx->chat.id, c->input.message, "not-understood") == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_end(ctx, FLOW_IGNORED, sellify_rule_name(c->decision.rule));
}

static sellify_kind_t
kind_of(const sellify_decision_t *d)
{
    if (d->action != SELLIFY_ACTION_RESPOND_WITH_MEDIA || d->media == NULL) {
        return SELLIFY_KIND_TEXT;
    }

    return d->media->type == SELLIFY_MEDIA_VIDEO ? SELLIFY_KIND_VIDEO
                                                 : SELLIFY_KIND_IMAGE;
}

static store_result_t
respond(flow_context_t *ctx, flow_case_t *c)
{
    const sellify_decision_t *d = &c->decision;
    int64_t hold_until;
    const char *obstacle = flow_obstacle(ctx, &hold_until);

    /* The engine does not know the breaker. */
    if (obstacle != NULL && hold_until != 0) {
        return flow_hold(ctx, obstacle, hold_until);
    }

    if (apply(ctx, d) == STORE_FAILED) {
        return STORE_FAILED;
    }

    if (d->event == SELLIFY_EVENT_PURCHASE_INTENT &&
        flow_raise(ctx->worker, ALERT_INFO, "purchase-intent", ctx->instance.id,
            ctx->chat.id, c->input.message,
            "purchase-intent") == STORE_FAILED) {
        return STORE_FAILED;
    }

    ctx->job.kind = (int) kind_of(d);
    ctx->job.ruleset_version = d->ruleset_version;
    ctx->job.product_id[0] = '\0';
    ctx->job.media_id[0] = '\0';
    if (d->product != NULL) {
        copy_id(
            ctx->job.product_id, sizeof(ctx->job.product_id), d->product->id);
    }
    if (ctx->job.kind != SELLIFY_KIND_TEXT) {
        copy_id(ctx->job.media_id, sizeof(ctx->job.media_id), d->media->id);
    }

    if (flow_step_to(ctx, FLOW_DECIDED, sellify_rule_name(d->rule),
            worker_now(ctx->worker)) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_generate(ctx);
}

/* Opt-out words are honoured whatever else the message says. */
static store_result_t
opt_out(flow_context_t *ctx, flow_case_t *c)
{
    if (conversations_opt_out(ctx->worker, &ctx->chat, 1) == STORE_FAILED ||
        apply(ctx, &c->decision) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_end(ctx, FLOW_STOPPED, "opt-out");
}

static store_result_t
act(flow_context_t *ctx, flow_case_t *c)
{
    const sellify_decision_t *d = &c->decision;
    const char *trigger = sellify_trigger_name(d->trigger);
    int64_t due;

    if (d->action == SELLIFY_ACTION_ALERT_HUMAN && trigger == NULL) {
        trigger = sellify_rule_name(d->rule);
    }

    /* A trigger raises its alert whatever rule wins. */
    if (trigger != NULL &&
        flow_trigger_alert(ctx->worker, ctx->instance.id, ctx->chat.id, trigger,
            c->input.message) == STORE_FAILED) {
        return STORE_FAILED;
    }

    if (d->opt_out == 1) {
        return opt_out(ctx, c);
    }

    switch (d->action) {
    case SELLIFY_ACTION_RESPOND_TEXT:
    case SELLIFY_ACTION_RESPOND_WITH_MEDIA:
        return respond(ctx, c);
    case SELLIFY_ACTION_IGNORE:
        return end_ignored(ctx, c);
    case SELLIFY_ACTION_DELAY:
        due = worker_now(ctx->worker) +
              (int64_t) d->delay_seconds * SELLIFY_SECOND + flow_spread(ctx);
        return flow_hold(ctx, "quota", due);
    case SELLIFY_ACTION_ALERT_HUMAN:
        return end_alerted(ctx, c, trigger);
    case SELLIFY_ACTION_STOP_AUTOMATION:
        return end_stopped(ctx, c);
    }

    return STORE_FAILED;
}

static store_result_t
flow_decide(flow_context_t *ctx)
{
    flow_case_t c = { 0 };
    store_result_t result = case_open(ctx, &c);

    if (result != STORE_FAILED) {
        result = act(ctx, &c);
    }
    case_close(&c);

    return result;
}

/* --- bursts and releases --- */

/* Takes the messages of a held job of the chat over: they are answered
 * together, in the order they were written. */
static store_result_t
adopt_held(flow_context_t *ctx)
{
    store_t *store = ctx->worker->store;
    flow_context_t held;
    store_result_t result;
    int64_t id;

    result = flow_store_in_steps(
        store, ctx->chat.id, FLOW_HELD, FLOW_HELD, ctx->job.id, &id);
    if (result != STORE_OK) {
        return result == STORE_NONE ? STORE_OK : STORE_FAILED;
    }

    if (flow_load(ctx->worker, id, &held) != STORE_OK ||
        flow_store_adopt(store, id, ctx->job.id) == STORE_FAILED) {
        return STORE_FAILED;
    }

    if (held.job.first_at < ctx->job.first_at) {
        ctx->job.first_at = held.job.first_at;
    }
    ctx->job.attempts += held.job.attempts;

    return flow_end(&held, FLOW_JOINED, "joined");
}

store_result_t
flow_collect(flow_context_t *ctx)
{
    const sellify_policy_t *policy = policy_now(ctx->worker);
    flow_job_t *job = &ctx->job;
    store_result_t result;
    int64_t id, quiet, longest;

    quiet = job->last_at + (int64_t) policy->quiet_ms * 1000;
    longest = job->first_at + (int64_t) policy->quiet_max_ms * 1000;
    quiet = quiet < longest ? quiet : longest;

    if (quiet > worker_now(ctx->worker)) {
        job->due_at = quiet;
        flow_wake_at(ctx->worker, quiet);
        return flow_store_save(ctx->worker->store, job);
    }

    /* One at a time: the end of the other job wakes this one. */
    result = flow_store_in_steps(ctx->worker->store, ctx->chat.id,
        FLOW_ACTIVE_FIRST, FLOW_ACTIVE_LAST, job->id, &id);
    if (result == STORE_OK) {
        job->due_at = 0;
        return flow_store_save(ctx->worker->store, job);
    }

    if (result == STORE_FAILED || adopt_held(ctx) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_decide(ctx);
}

static store_result_t
end_late(flow_context_t *ctx)
{
    if (flow_raise(ctx->worker, ALERT_WARNING, "late", ctx->instance.id, 0,
            (sellify_str_t){ NULL, 0 }, "late") == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_end(ctx, FLOW_LATE, "held-too-long");
}

store_result_t
flow_release(flow_context_t *ctx)
{
    worker_t *w = ctx->worker;
    flow_job_t *job = &ctx->job;
    store_result_t result;
    int64_t id, now = worker_now(w);

    if (now - job->first_at >
        (int64_t) policy_now(w)->held_max_s * SELLIFY_SECOND) {
        return end_late(ctx);
    }

    /* A burst that is being collected takes this job's messages over. */
    result = flow_store_in_steps(
        w->store, ctx->chat.id, FLOW_COLLECTING, FLOW_COLLECTING, job->id, &id);
    if (result == STORE_NONE) {
        result = flow_store_in_steps(w->store, ctx->chat.id, FLOW_ACTIVE_FIRST,
            FLOW_ACTIVE_LAST, job->id, &id);
    }

    if (result == STORE_OK) {
        job->due_at = now + 60 * SELLIFY_SECOND;
        flow_wake_at(w, job->due_at);
        return flow_store_save(w->store, job);
    }

    return result == STORE_FAILED ? STORE_FAILED : flow_decide(ctx);
}
