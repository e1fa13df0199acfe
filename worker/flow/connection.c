/*
 * The instance's link to WhatsApp and what became of our messages: both can open
 * the breaker, an open link closes it.
 */
#include "internal.h"

static store_result_t
open_breaker(worker_t *w, const instance_t *instance, alert_severity_t severity,
    const char *reason, const char *group)
{
    if (instances_set_breaker(w, instance->id, 1, reason) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_raise(
        w, severity, "breaker", instance->id, 0, sellify_str_of(reason), group);
}

/* What the breaker held back goes on, spread over a while. */
static store_result_t
release_held(worker_t *w, const instance_t *instance)
{
    flow_context_t ctx;
    store_result_t result;
    int64_t id = 0;

    while ((result = flow_store_by_reason(w->store, instance->id, FLOW_HELD,
                "breaker", id, &id)) == STORE_OK) {
        if (flow_load(w, id, &ctx) != STORE_OK ||
            flow_hold(&ctx, "breaker-closed",
                worker_now(w) + flow_spread(&ctx)) == STORE_FAILED) {
            return STORE_FAILED;
        }
    }

    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static unsigned *
delivery_errors(worker_t *w, int64_t instance_id)
{
    struct flow *flow = w->flow;
    size_t i;

    for (i = 0; i < flow->delivery_count; i++) {
        if (flow->delivery[i].instance_id == instance_id) {
            return &flow->delivery[i].errors;
        }
    }

    if (i == SELLIFY_STATE_INSTANCES) {
        return NULL;
    }

    flow->delivery[i].instance_id = instance_id;
    flow->delivery[i].errors = 0;
    flow->delivery_count++;

    return &flow->delivery[i].errors;
}

store_result_t
flow_connection(
    worker_t *w, const instance_t *instance, const flow_event_t *event)
{
    int connecting = sellify_str_equal(event->state, sellify_str("connecting"));

    if (!event->open) {
        return open_breaker(w, instance,
            connecting ? ALERT_INFO : ALERT_CRITICAL,
            connecting ? "connecting" : "not-connected",
            connecting ? "connecting" : "not-connected");
    }

    if (delivery_errors(w, instance->id) != NULL) {
        *delivery_errors(w, instance->id) = 0;
    }

    if (!instance->breaker_open) {
        return STORE_OK;
    }

    if (instances_set_breaker(w, instance->id, 0, "connected") ==
        STORE_FAILED) {
        return STORE_FAILED;
    }

    return release_held(w, instance);
}

/* A message of ours was not delivered. */
static store_result_t
delivery_failed(
    worker_t *w, const instance_t *instance, const flow_context_t *ctx)
{
    unsigned *errors = delivery_errors(w, instance->id);

    metrics_committed(w, METRIC_MESSAGES, "out", "delivery-error");

    if (flow_raise(w, ALERT_WARNING, "delivery-error", instance->id,
            ctx->chat.id, (sellify_str_t){ NULL, 0 },
            "delivery-error") == STORE_FAILED) {
        return STORE_FAILED;
    }

    if (errors == NULL || ++*errors < FLOW_DELIVERY_ERRORS ||
        instance->breaker_open) {
        return STORE_OK;
    }

    return open_breaker(
        w, instance, ALERT_CRITICAL, "delivery-errors", "delivery-errors");
}

store_result_t
flow_receipt(worker_t *w, const instance_t *instance, const flow_event_t *event)
{
    flow_context_t ctx;
    store_result_t result;
    unsigned *errors;
    int64_t id;

    if (!event->from_me || event->failed < 0) {
        return STORE_OK;
    }

    result =
        flow_store_by_message(w->store, instance->id, event->message_id, &id);
    if (result != STORE_OK) {
        return result == STORE_NONE ? STORE_OK : STORE_FAILED;
    }

    if (flow_load(w, id, &ctx) != STORE_OK) {
        return STORE_FAILED;
    }

    if (event->failed) {
        return delivery_failed(w, instance, &ctx);
    }

    errors = delivery_errors(w, instance->id);
    if (errors != NULL) {
        *errors = 0;
    }

    /* The server has it: it was sent. */
    if (ctx.job.step == FLOW_SENDING || ctx.job.step == FLOW_UNSURE) {
        return flow_settle(&ctx, SEND_SENT, event->message_id, "receipt");
    }

    return STORE_OK;
}
