/* From a decision to a valid text, and from the text to a reserved send. */
#include "internal.h"

#include <stdlib.h>
#include <stdio.h>

/* A text that was asked for.  While flow_generate() is on the stack `ctx` is its
 * context; in a later turn it is NULL and the job is loaded again. */
struct flow_generation {
    worker_t *worker;
    int64_t job_id;
    flow_context_t *ctx;
    uint32_t attempt;
    int again; /* that text was said before: ask once more */
    store_result_t result;
    flow_generation_t *next;
};

static store_result_t ask(flow_context_t *ctx, flow_generation_t *g);

static void
generation_drop(flow_generation_t *g)
{
    flow_generation_t **at = &g->worker->flow->generations;

    while (*at != NULL && *at != g) {
        at = &(*at)->next;
    }
    if (*at == g) {
        *at = g->next;
    }

    free(g);
}

static flow_generation_t *
generation_of(worker_t *w, int64_t job_id)
{
    flow_generation_t *g = w->flow->generations;

    while (g != NULL && g->job_id != job_id) {
        g = g->next;
    }

    return g;
}

void
flow_generations_free(worker_t *w)
{
    while (w->flow->generations != NULL) {
        generation_drop(w->flow->generations);
    }
}

void
flow_reply_hash(worker_t *w, int64_t conversation_id, sellify_str_t text,
    uint8_t hash[STORE_HASH_LEN])
{
    size_t size = text.len + 32;
    char *keyed = memory_get(size);
    int n = snprintf(keyed, size, "%lld ", (long long) conversation_id);

    if (text.len > 0) {
        memcpy(keyed + n, text.data, text.len);
    }
    store_hash(w->store, "reply",
        (sellify_str_t){ keyed, (size_t) n + text.len }, hash);

    explicit_bzero(keyed, size);
    free(keyed);
}

static store_result_t
end_silent(flow_context_t *ctx, const char *reason)
{
    if (flow_raise(ctx->worker, ALERT_WARNING, "no-reply", ctx->instance.id,
            ctx->chat.id, sellify_str_of(reason), "no-reply") == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_end(ctx, FLOW_SILENT, reason);
}

/* Was this text said to the chat within the policy's window?  1, 0, -1. */
static int
said_before(flow_context_t *ctx, const uint8_t hash[STORE_HASH_LEN])
{
    worker_t *w = ctx->worker;
    store_result_t result;
    int64_t id, since;

    since = worker_now(w) -
            (int64_t) policy_now(w)->repeat_window_s * SELLIFY_SECOND;
    result = flow_store_by_reply(
        w->store, ctx->chat.id, hash, FLOW_SENDING, FLOW_UNSURE, since, &id);

    return result == STORE_FAILED ? -1 : result == STORE_OK;
}

static store_result_t
keep_reply(flow_context_t *ctx, const ai_result_t *result,
    const uint8_t hash[STORE_HASH_LEN])
{
    store_t *store = ctx->worker->store;
    int64_t id = ctx->job.id;

    if (flow_store_set_text(store, id, FLOW_TEXT_REPLY, result->text) ==
            STORE_FAILED ||
        flow_store_set_text(store, id, FLOW_TEXT_PROMPT, result->prompt) ==
            STORE_FAILED ||
        flow_store_set_text(store, id, FLOW_TEXT_RESPONSE, result->response) ==
            STORE_FAILED) {
        return STORE_FAILED;
    }

    memcpy(ctx->job.reply_hash, hash, STORE_HASH_LEN);
    ctx->job.has_reply = 1;
    ctx->job.ruleset_version =
        sellify_ruleset_version(policy_ruleset(ctx->worker));
    snprintf(
        ctx->job.provider, sizeof(ctx->job.provider), "%s", result->provider);

    if (flow_step_to(ctx, FLOW_GENERATED, result->provider,
            worker_now(ctx->worker)) == STORE_FAILED) {
        return STORE_FAILED;
    }

    return flow_reserve(ctx);
}

static store_result_t
take(flow_context_t *ctx, flow_generation_t *g, const ai_result_t *result)
{
    uint8_t hash[STORE_HASH_LEN];
    int said;

    if (!result->ok) {
        return end_silent(ctx, "no-valid-text");
    }

    flow_reply_hash(ctx->worker, ctx->chat.id, result->text, hash);

    said = said_before(ctx, hash);
    if (said < 0) {
        return STORE_FAILED;
    }

    if (!said) {
        return keep_reply(ctx, result, hash);
    }

    if (++g->attempt >= FLOW_REPEAT_TRIES) {
        return end_silent(ctx, "repetition");
    }

    g->again = 1;
    return STORE_OK;
}

/* A text that came in a later turn. */
static void
take_later(flow_generation_t *g, const ai_result_t *result)
{
    worker_t *w = g->worker;
    flow_context_t ctx;
    store_result_t rc;

    if (turn_step_begin(w->turn) != 0) {
        generation_drop(g); /* the job's time limit asks again */
        return;
    }

    rc = flow_load(w, g->job_id, &ctx);
    if (rc == STORE_OK && ctx.job.step == FLOW_DECIDED) {
        rc = take(&ctx, g, result);
        if (rc != STORE_FAILED && g->again) {
            g->again = 0;
            rc = ask(&ctx, g);
            g = NULL;
        }
    }

    if (g != NULL) {
        generation_drop(g);
    }

    (void) turn_step_end(w->turn, rc != STORE_FAILED);
}

static void
generated(worker_t *w, void *data, const ai_result_t *result)
{
    flow_generation_t *g = data;

    (void) w;

    if (g->ctx == NULL) {
        take_later(g, result);
        return;
    }

    g->result = take(g->ctx, g, result);
    g->ctx = NULL; /* answered within ask() */
}

/* Asks until the answer is new, or keeps us waiting.  Owns `g`. */
static store_result_t
ask(flow_context_t *ctx, flow_generation_t *g)
{
    worker_t *w = ctx->worker;
    flow_record_t record;
    store_result_t rc = flow_record_load(w, ctx->job.id, &record);

    if (rc != STORE_OK) {
        generation_drop(g);
        return STORE_FAILED;
    }

    ai_request_t request = { .message = record.message,
        .decision = &record.decision,
        .state = record.input.state,
        .product = sellify_ruleset_product(
            policy_ruleset(w), sellify_str_of(ctx->job.product_id)),
        .language = sellify_str_of(record.decision.language[0] != '\0'
                                       ? record.decision.language
                                       : ctx->chat.language),
        .seed = ctx->job.seed };

    do {
        g->again = 0;
        g->ctx = ctx;
        request.attempt = g->attempt;
        ai_generate(w, &request, generated, g);
    } while (g->ctx == NULL && g->again && g->result != STORE_FAILED);

    rc = STORE_OK;
    if (g->ctx == NULL) {
        rc = g->result;
        generation_drop(g);
    } else {
        g->ctx = NULL; /* the answer comes in a later turn */
    }
    flow_record_free(&record);

    return rc;
}

store_result_t
flow_generate(flow_context_t *ctx)
{
    worker_t *w = ctx->worker;
    flow_generation_t *g = generation_of(w, ctx->job.id);

    /* Due again while the text is still being written: it took too long. */
    if (g != NULL) {
        return end_silent(ctx, "generation-timeout");
    }

    ctx->job.due_at =
        flow_in_real(w, 2 * (int64_t) w->settings.ai_deadline_ms / 1000 + 10);
    flow_wake_at(w, ctx->job.due_at);
    if (flow_store_save(w->store, &ctx->job) == STORE_FAILED) {
        return STORE_FAILED;
    }

    g = memory_get(sizeof(*g));
    g->worker = w;
    g->job_id = ctx->job.id;
    g->next = w->flow->generations;
    w->flow->generations = g;

    return ask(ctx, g);
}

/* Characters of valid UTF-8. */
static uint32_t
chars_of(sellify_str_t text)
{
    uint32_t count = 0;
    size_t i;

    for (i = 0; i < text.len; i++) {
        count += ((unsigned char) text.data[i] & 0xc0) != 0x80;
    }

    return count;
}

store_result_t
flow_reserve(flow_context_t *ctx)
{
    worker_t *w = ctx->worker;
    quota_reservation_t reservation;
    quota_result_t result;
    sellify_str_t reply;
    uint32_t chars;

    if (flow_store_text(w->store, ctx->job.id, FLOW_TEXT_REPLY, &reply) ==
        STORE_FAILED) {
        return STORE_FAILED;
    }
    chars = chars_of(reply);
    store_release(&reply);

    result = quotas_reserve(w, &ctx->instance, (sellify_kind_t) ctx->job.kind,
        QUOTA_OWNER_PIPELINE, chars, ctx->job.seed, &reservation);

    if (result == QUOTA_EXHAUSTED) {
        return flow_hold(ctx, "quota",
            reservation.retry_at * SELLIFY_SECOND + flow_spread(ctx));
    }

    if (result != QUOTA_OK) {
        return STORE_FAILED;
    }

    snprintf(ctx->job.reservation_id, sizeof(ctx->job.reservation_id), "%s",
        reservation.id);

    return flow_step_to(ctx, FLOW_RESERVED, "human-like-delay",
        worker_now(w) + (int64_t) reservation.delay_ms * 1000);
}
