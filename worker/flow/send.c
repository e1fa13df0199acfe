/*
 * Before, during and after a send.  The step "sending" is durable before the
 * driver hears of the message; from then on nothing sends it a second time
 * unless the driver says that it certainly did not leave.
 */
#include "internal.h"

#include "../../core/rng.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What the driver answered, kept until it is durable. */
struct flow_result {
    worker_t *worker;
    int64_t job_id;
    send_outcome_t outcome;
    char message_id[128];
    const char *reason;
    int written; /* in this turn; an effect will tell if it stands */
    flow_result_t *next;
};

/* One message on its way to the driver. */
typedef struct {
    worker_t *worker;
    int64_t job_id;
    char *instance, *address, *text, *media_url;
    char message_id[128];
    int kind;
} flow_parcel_t;

/* --- before --- */

/* Unique across restarts and databases, and alike the ids of WhatsApp Web. */
static int
make_message_id(char *out, size_t size)
{
    uint8_t bytes[9];
    size_t i, len;

    if (sellify_rng_secret(bytes, sizeof(bytes)) != 0) {
        return -1;
    }

    len = (size_t) snprintf(out, size, "3EB0");
    for (i = 0; i < sizeof(bytes); i++) {
        len += (size_t) snprintf(out + len, size - len, "%02X", bytes[i]);
    }

    return 0;
}

static const sellify_media_t *
media_of(worker_t *w, const flow_job_t *job)
{
    const sellify_product_t *product = sellify_ruleset_product(
        policy_ruleset(w), sellify_str_of(job->product_id));
    uint32_t i;

    for (i = 0; product != NULL && i < product->media_count; i++) {
        if (sellify_str_equal(
                product->media[i].id, sellify_str_of(job->media_id))) {
            return &product->media[i];
        }
    }

    return NULL;
}

/* The ruleset may have changed while the job waited: is the text still valid
 * and the picture still there? */
static int
still_right(flow_context_t *ctx, sellify_str_t reply)
{
    worker_t *w = ctx->worker;
    const sellify_ruleset_t *ruleset = policy_ruleset(w);
    sellify_verdict_t verdict;
    size_t size;
    void *scratch;

    if (ctx->job.kind != SELLIFY_KIND_TEXT && media_of(w, &ctx->job) == NULL) {
        return 0;
    }

    if (ctx->job.ruleset_version == sellify_ruleset_version(ruleset)) {
        return 1;
    }

    size = sellify_scratch_size(reply.len);
    scratch = memory_get(size);
    sellify_validate(ruleset, reply,
        sellify_ruleset_product(ruleset, sellify_str_of(ctx->job.product_id)),
        0, scratch, size, &verdict);
    free(scratch);

    return verdict.valid;
}

static void
parcel_free(flow_parcel_t *parcel)
{
    free(parcel->instance);
    memory_wipe(parcel->address);
    memory_wipe(parcel->text);
    free(parcel->media_url);
    free(parcel);
}

static void
result_store(worker_t *w, int64_t job_id, const send_result_t *answer)
{
    flow_result_t *result = memory_get(sizeof(*result)), **at;

    result->worker = w;
    result->job_id = job_id;
    result->outcome = answer->outcome;
    result->reason = answer->reason != NULL ? answer->reason : "driver";

    if (answer->message_id.len > 0 &&
        answer->message_id.len < sizeof(result->message_id)) {
        memcpy(result->message_id, answer->message_id.data,
            answer->message_id.len);
    }

    for (at = &w->flow->results; *at != NULL; at = &(*at)->next) {
        /* in the order in which they came */
    }
    *at = result;
}

/* The driver's answer: in a later turn, outside any step. */
static void
flow_sent(worker_t *w, int64_t job_id, const send_result_t *answer)
{
    if (w->flow == NULL) {
        return;
    }

    result_store(w, job_id, answer);
    if (flow_results(w) != 0) {
        flow_wake_at(w, flow_in_real(w, FLOW_RETRY_S));
    }
}

/* After COMMIT: the job is durably "sending". */
static void
parcel_effect(void *data, int committed)
{
    flow_parcel_t *parcel = data;
    send_request_t request = { .job_id = parcel->job_id,
        .instance = sellify_str_of(parcel->instance),
        .address = sellify_str_of(parcel->address),
        .message_id = sellify_str_of(parcel->message_id),
        .kind = (sellify_kind_t) parcel->kind,
        .text = sellify_str_of(parcel->text),
        .media_url = sellify_str_of(parcel->media_url) };

    if (committed) {
        parcel->worker->in_flight++; /* until its answer is durable */
        whatsapp_driver(parcel->worker)
            ->send(parcel->worker, &request, flow_sent);
    }

    parcel_free(parcel);
}

static store_result_t
hand_over(flow_context_t *ctx, sellify_str_t address, sellify_str_t reply)
{
    worker_t *w = ctx->worker;
    flow_job_t *job = &ctx->job;
    const sellify_media_t *media = NULL;
    flow_parcel_t *parcel;

    if (job->kind != SELLIFY_KIND_TEXT) {
        media = media_of(w, job);
    }

    if (make_message_id(job->message_id, sizeof(job->message_id)) != 0) {
        log_error("flow", "no entropy", "job %" PRId64 " is not sent", job->id);
        return STORE_FAILED;
    }

    job->sending_at = worker_now(w);
    if (flow_step_to(ctx, FLOW_SENDING, whatsapp_driver(w)->name,
            flow_in_real(w, FLOW_SEND_DEADLINE_S)) == STORE_FAILED) {
        return STORE_FAILED;
    }

    parcel = memory_get(sizeof(*parcel));
    parcel->worker = w;
    parcel->job_id = job->id;
    parcel->kind = job->kind;
    parcel->instance = memory_text(ctx->instance.name);
    parcel->address = memory_copy(address);
    parcel->text = memory_copy(reply);
    parcel->media_url =
        memory_copy(media != NULL ? media->url : (sellify_str_t){ "", 0 });
    snprintf(
        parcel->message_id, sizeof(parcel->message_id), "%s", job->message_id);

    turn_effect(w->turn, parcel_effect, parcel);

    return STORE_OK;
}

/* Takes the unit again when its window has ended. */
static quota_result_t
renew(flow_context_t *ctx)
{
    if (ctx->job.reservation_id[0] == '\0') {
        return QUOTA_NOT_FOUND;
    }

    return quotas_renew(ctx->worker, sellify_str_of(ctx->job.reservation_id));
}

/* The wait is over: everything is looked at once more, then it is handed over.
 * `reply` is the text. */
static store_result_t
check_and_send(flow_context_t *ctx, sellify_str_t reply)
{
    worker_t *w = ctx->worker;
    int64_t hold_until;
    const char *obstacle;
    sellify_str_t address = { NULL, 0 };
    store_result_t result;

    if (strcmp(ctx->job.driver, whatsapp_driver(w)->name) != 0) {
        return flow_end(ctx, FLOW_CANCELLED, "driver-changed");
    }

    obstacle = flow_obstacle(ctx, &hold_until);
    if (obstacle != NULL) {
        return hold_until != 0 ? flow_hold(ctx, obstacle, hold_until)
                               : flow_end(ctx, FLOW_STOPPED, obstacle);
    }

    if (reply.len == 0 || !still_right(ctx, reply)) {
        return flow_hold(ctx, "ruleset-changed", worker_now(w));
    }

    switch (renew(ctx)) {
    case QUOTA_OK:
        break;
    case QUOTA_FAILED:
        return STORE_FAILED;
    default:
        /* Decided again at once: the engine knows the next window. */
        return flow_hold(ctx, "quota", worker_now(w));
    }

    result = conversations_address(w, ctx->chat.id, &address);
    if (result == STORE_OK && address.len > 0 && ctx->chat.last_in_at > 0) {
        result = hand_over(ctx, address, reply);
    } else if (result != STORE_FAILED) {
        result = flow_end(ctx, FLOW_FAILED, "never-wrote");
    }
    store_release(&address);

    return result;
}

store_result_t
flow_send(flow_context_t *ctx)
{
    worker_t *w = ctx->worker;
    sellify_str_t reply;
    store_result_t result;

    /* The stored step goes on after the restart. */
    if (w->draining) {
        ctx->job.due_at = flow_in_real(w, FLOW_RETRY_S);
        return flow_store_save(w->store, &ctx->job);
    }

    if (flow_store_text(w->store, ctx->job.id, FLOW_TEXT_REPLY, &reply) ==
        STORE_FAILED) {
        return STORE_FAILED;
    }

    result = check_and_send(ctx, reply);
    store_release(&reply);

    return result;
}

/* --- after --- */

static store_result_t
note_reply(flow_context_t *ctx)
{
    worker_t *w = ctx->worker;
    sellify_str_t reply;
    store_result_t result;
    message_row_t row = { .conversation_id = ctx->chat.id,
        .instance_id = ctx->instance.id,
        .message_id = sellify_str_of(ctx->job.message_id),
        .from_me = 1,
        .origin = "sellify",
        .type = sellify_kind_name((sellify_kind_t) ctx->job.kind),
        .at = worker_seconds(w) };
    int64_t id;

    if (flow_store_text(w->store, ctx->job.id, FLOW_TEXT_REPLY, &reply) ==
        STORE_FAILED) {
        return STORE_FAILED;
    }

    row.text = reply;
    result = conversations_add_message(w, &row, &id);
    store_release(&reply);
    if (result == STORE_FAILED) {
        return STORE_FAILED;
    }

    ctx->chat.last_out_at = worker_seconds(w);
    return conversations_save(w, &ctx->chat) == STORE_FAILED ? STORE_FAILED
                                                             : STORE_OK;
}

/* The message counts: it left, or it may have left. */
static store_result_t
count_sent(flow_context_t *ctx)
{
    if (quotas_record(ctx->worker, &ctx->instance,
            (sellify_kind_t) ctx->job.kind,
            sellify_str_of(ctx->job.reservation_id)) == QUOTA_FAILED) {
        return STORE_FAILED;
    }

    ctx->job.reservation_id[0] = '\0';
    return STORE_OK;
}

static store_result_t
settle_sent(flow_context_t *ctx, sellify_str_t message_id, const char *reason)
{
    int unsure = ctx->job.step == FLOW_UNSURE;

    if (message_id.len > 0 && message_id.len < sizeof(ctx->job.message_id)) {
        memcpy(ctx->job.message_id, message_id.data, message_id.len);
        ctx->job.message_id[message_id.len] = '\0';
    }

    /* An unsure send was counted and noted when it became unsure. */
    if (!unsure &&
        (count_sent(ctx) == STORE_FAILED || note_reply(ctx) == STORE_FAILED)) {
        return STORE_FAILED;
    }

    return flow_end(ctx, FLOW_SENT, reason);
}

static store_result_t
settle_unsure(flow_context_t *ctx, const char *reason)
{
    if (count_sent(ctx) == STORE_FAILED || note_reply(ctx) == STORE_FAILED ||
        flow_raise(ctx->worker, ALERT_CRITICAL, "unsure", ctx->instance.id,
            ctx->chat.id, sellify_str_of(reason), "unsure") == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_end(ctx, FLOW_UNSURE, reason);
}

static store_result_t
settle_refused(flow_context_t *ctx, const char *reason)
{
    if (flow_raise(ctx->worker, ALERT_WARNING, "send-refused", ctx->instance.id,
            ctx->chat.id, sellify_str_of(reason),
            "send-refused") == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_end(ctx, FLOW_FAILED, reason);
}

/* Certainly not sent: later again, decided anew, twice as late each time. */
static store_result_t
settle_retry(flow_context_t *ctx, const char *reason)
{
    sellify_rng_t rng = sellify_rng(ctx->job.seed + ctx->job.attempts);
    int64_t wait;

    if (++ctx->job.attempts >= FLOW_SEND_TRIES) {
        return settle_refused(ctx, reason);
    }

    wait = (int64_t) 15 * SELLIFY_SECOND << ctx->job.attempts;
    wait += (int64_t) sellify_rng_between(&rng, 0, (uint64_t) wait);

    return flow_hold(ctx, "send-retry", worker_now(ctx->worker) + wait);
}

store_result_t
flow_settle(flow_context_t *ctx, send_outcome_t outcome,
    sellify_str_t message_id, const char *reason)
{
    store_result_t result = STORE_FAILED;
    char sent_id[sizeof(ctx->job.message_id)];

    switch (outcome) {
    case SEND_SENT:
        result = settle_sent(ctx, message_id, reason);
        break;
    case SEND_UNSURE:
        result = settle_unsure(ctx, reason);
        break;
    case SEND_REFUSED:
        result = settle_refused(ctx, reason);
        break;
    case SEND_RETRY:
        result = settle_retry(ctx, reason);
        break;
    }

    snprintf(sent_id, sizeof(sent_id), "%s", ctx->job.message_id);

    return result == STORE_FAILED
               ? STORE_FAILED
               : flow_own_settled(ctx->worker, ctx->chat.id, sent_id);
}

store_result_t
flow_unanswered(flow_context_t *ctx)
{
    const whatsapp_driver_t *driver = whatsapp_driver(ctx->worker);
    sellify_str_t none = { NULL, 0 };
    int sent = -1;

    if (strcmp(ctx->job.driver, driver->name) == 0) {
        sent = driver->was_sent(ctx->worker, ctx->job.id);
    }

    if (sent > 0) {
        return flow_settle(ctx, SEND_SENT, none, "found-sent");
    }

    if (sent < 0) {
        return flow_settle(ctx, SEND_UNSURE, none, "unanswered");
    }

    /* Certainly not sent: its wait is over, so it is checked and sent.  An own
     * message that waited for it is then a human's. */
    ctx->job.message_id[0] = '\0';
    ctx->job.sending_at = 0;
    if (flow_step_to(ctx, FLOW_RESERVED, "not-sent", worker_now(ctx->worker)) ==
        STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_own_settled(ctx->worker, ctx->chat.id, "");
}

/* --- the driver's answers --- */

static void
result_remove(flow_result_t *result)
{
    flow_result_t **at = &result->worker->flow->results;

    while (*at != NULL && *at != result) {
        at = &(*at)->next;
    }
    if (*at == result) {
        *at = result->next;
    }

    if (result->worker->in_flight > 0) {
        result->worker->in_flight--;
    }
    free(result);
}

/* After COMMIT; without it the answer must be written again. */
static void
result_effect(void *data, int committed)
{
    flow_result_t *result = data;
    worker_t *w = result->worker;

    if (committed) {
        result_remove(result);
        return;
    }

    result->written = 0;
    flow_wake_at(w, flow_in_real(w, FLOW_RETRY_S));
}

static store_result_t
result_apply(flow_result_t *result)
{
    flow_context_t ctx;
    store_result_t rc = flow_load(result->worker, result->job_id, &ctx);

    if (rc != STORE_OK) {
        return rc;
    }

    /* An echo or the deadline was faster. */
    if (ctx.job.step != FLOW_SENDING) {
        if (ctx.job.step == FLOW_UNSURE && result->outcome == SEND_SENT) {
            return flow_settle(&ctx, SEND_SENT,
                sellify_str_of(result->message_id), result->reason);
        }
        return STORE_OK;
    }

    return flow_settle(&ctx, result->outcome,
        sellify_str_of(result->message_id), result->reason);
}

int
flow_results(worker_t *w)
{
    flow_result_t *result;
    store_result_t rc;
    int failed = 0;

    for (result = w->flow->results; result != NULL; result = result->next) {
        if (result->written) {
            continue;
        }

        if (turn_step_begin(w->turn) != 0) {
            return -1;
        }

        result->written = 1;
        turn_effect(w->turn, result_effect, result);
        rc = result_apply(result);

        if (turn_step_end(w->turn, rc != STORE_FAILED) != 0) {
            failed = -1;
        }
    }

    return failed;
}

void
flow_results_free(worker_t *w)
{
    while (w->flow->results != NULL) {
        result_remove(w->flow->results);
    }
}
