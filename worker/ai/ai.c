/*
 * The gateway: takes a request through the ordered providers until a text passes
 * validation, then the policy's fallback text, else nothing.
 */
#include "provider.h"

#include "../log.h"
#include "../memory.h"
#include "../metrics.h"
#include "../policy.h"

#include <stdio.h>
#include <stdlib.h>

/* Everybody who can be named in SELLIFY_AI_PROVIDERS. */
static const ai_provider_t *const known[] = { &ai_catalogue };

static void gateway_run(ai_generation_t *g);

const sellify_product_t *
ai_product(const ai_generation_t *g)
{
    return g->product_id[0] == '\0'
               ? NULL
               : sellify_ruleset_product(
                     policy_ruleset(g->worker), sellify_str_of(g->product_id));
}

sellify_str_t
ai_language(const ai_generation_t *g)
{
    const sellify_policy_t *policy = policy_now(g->worker);

    if (g->language[0] != '\0') {
        return sellify_str_of(g->language);
    }

    return policy->language_count > 0 ? policy->languages[0]
                                      : sellify_str("fr");
}

static void
generation_unlink(ai_generation_t *g)
{
    ai_generation_t **at = &g->worker->ai->running;

    while (*at != NULL && *at != g) {
        at = &(*at)->next;
    }

    if (*at == g) {
        *at = g->next;
    }
}

static void
generation_free(ai_generation_t *g)
{
    timers_cancel(g->worker->timers, &g->deadline);
    generation_unlink(g);
    explicit_bzero(g->message, g->request.message.len);
    free(g->message);
    free(g);
}

/* The strings of `result` may lie in `g`: it goes when the caller has them. */
static void
generation_end(ai_generation_t *g, const ai_result_t *result)
{
    timers_cancel(g->worker->timers, &g->deadline);
    generation_unlink(g);
    g->done(g->worker, g->data, result);
    generation_free(g);
}

/* Writes what is wrong with a text, for the next try. */
static void
note_violations(ai_generation_t *g, const sellify_verdict_t *verdict)
{
    size_t i, len = 0;
    int n;

    g->violations[0] = '\0';

    for (i = 0; i < verdict->violation_count; i++) {
        n = snprintf(g->violations + len, sizeof(g->violations) - len,
            "%s%s: %.*s", len > 0 ? "; " : "",
            sellify_violation_name(verdict->violations[i].rule),
            (int) verdict->violations[i].term.len,
            verdict->violations[i].term.data);

        if (n < 0 || (size_t) n >= sizeof(g->violations) - len) {
            break;
        }

        len += (size_t) n;
        metrics_add(g->worker, METRIC_VALIDATION_VIOLATIONS,
            sellify_violation_name(verdict->violations[i].rule), NULL, 1);
    }
}

/* Validates and, when the text may go out, ends the generation with it.
 * Returns 1 when it did. */
static int
offer(ai_generation_t *g, sellify_str_t text, const char *provider,
    sellify_str_t prompt)
{
    sellify_verdict_t verdict;
    ai_result_t result = { 0 };
    size_t size = sellify_scratch_size(text.len);
    void *scratch = memory_get(size);

    sellify_validate(policy_ruleset(g->worker), text, ai_product(g), 0, scratch,
        size, &verdict);
    metrics_add(g->worker, METRIC_VALIDATION_RESULTS,
        verdict.valid ? "valid" : "invalid", NULL, 1);

    if (!verdict.valid || verdict.validated_text.len == 0) {
        note_violations(g, &verdict);
        free(scratch);
        return 0;
    }

    result.ok = 1;
    result.text = verdict.validated_text;
    result.provider = provider;
    result.prompt = prompt;
    result.response = text;

    generation_end(g, &result);
    free(scratch);

    return 1;
}

/* No provider had a valid text. */
static void
fall_back(ai_generation_t *g)
{
    ai_result_t nothing = { .provider = "none" };
    sellify_str_t text = policy_now(g->worker)->fallback_text;

    if (text.len > 0 &&
        offer(g, text, "fallback", sellify_str("fallback_text"))) {
        return;
    }

    generation_end(g, &nothing);
}

static const ai_provider_t *
provider_of(const ai_generation_t *g)
{
    return g->worker->ai->order[g->provider];
}

/* Takes the answer that came; 1 when the generation has ended (and is gone). */
static int
gateway_take(ai_generation_t *g)
{
    const ai_provider_t *provider = provider_of(g);

    metrics_add(g->worker, METRIC_AI_REQUESTS, provider->name,
        g->answer_ok ? "ok" : "error", 1);

    if (g->answer_ok) {
        if (offer(g, sellify_str_of(g->text), provider->name,
                sellify_str_of(g->prompt))) {
            return 1;
        }
        g->try++;

    } else {
        g->try = provider->tries;
    }

    if (g->try >= provider->tries) {
        g->try = 0;
        g->provider++;
    }

    if (g->provider == g->worker->ai->count) {
        fall_back(g);
        return 1;
    }

    return 0;
}

static void
gateway_answer(ai_generation_t *g, const ai_answer_t *answer)
{
    g->answer_ok = answer->ok && answer->text.len < sizeof(g->text) &&
                   answer->prompt.len < sizeof(g->prompt) &&
                   memchr(answer->text.data, '\0', answer->text.len) == NULL;

    if (g->answer_ok) {
        memcpy(g->text, answer->text.data, answer->text.len);
        g->text[answer->text.len] = '\0';
        memcpy(g->prompt, answer->prompt.data, answer->prompt.len);
        g->prompt[answer->prompt.len] = '\0';

    } else {
        log_debug("ai", "no text", "provider %s: %s", provider_of(g)->name,
            answer->reason != NULL ? answer->reason : "unusable");
    }

    g->answered = 1;
    if (!g->running) {
        gateway_run(g);
    }
}

/* Asks until a provider keeps us waiting or the generation has ended.  A loop
 * and not a recursion: an answer within generate() is only noted. */
static void
gateway_run(ai_generation_t *g)
{
    sellify_time_t wait;

    g->running = 1;

    for (;;) {
        if (g->answered) {
            g->answered = 0;
            if (gateway_take(g)) {
                return;
            }
            continue;
        }

        provider_of(g)->generate(g, g->try, gateway_answer);
        if (!g->answered) {
            break;
        }
    }

    g->running = 0;

    if (g->deadline.slot == 0 && !g->late) {
        wait = (sellify_time_t) g->worker->settings.ai_deadline_ms * 1000 *
               g->worker->clock.rate;
        timers_set(
            g->worker->timers, &g->deadline, worker_now(g->worker) + wait);
    }
}

/* Too late for any network: what is left is the catalogue. */
static void
gateway_deadline(timer_entry_t *timer)
{
    ai_generation_t *g = timer->data;
    const ai_provider_t *provider = provider_of(g);

    log_warn("ai", "deadline", "provider %s", provider->name);
    metrics_add(g->worker, METRIC_AI_REQUESTS, provider->name, "deadline", 1);

    if (provider->cancel != NULL) {
        provider->cancel(g);
    }

    g->late = 1;
    g->provider = g->worker->ai->count - 1;
    g->try = 0;
    g->answered = 0;
    gateway_run(g);
}

static void
copy_name(char *out, size_t size, sellify_str_t name)
{
    out[0] = '\0';

    if (name.len < size) {
        memcpy(out, name.data != NULL ? name.data : "", name.len);
        out[name.len] = '\0';
    }
}

void
ai_generate(
    worker_t *w, const ai_request_t *request, ai_done_fn done, void *data)
{
    ai_generation_t *g = memory_get(sizeof(*g));

    g->worker = w;
    g->request = *request;
    g->decision = *request->decision;
    g->decision.product = NULL;
    g->decision.media = NULL;
    g->request.decision = &g->decision;
    g->request.product = NULL;

    g->message = memory_get(request->message.len + 1);
    if (request->message.len > 0) {
        memcpy(g->message, request->message.data, request->message.len);
    }
    g->request.message = (sellify_str_t){ g->message, request->message.len };

    copy_name(g->language, sizeof(g->language), request->language);
    g->request.language = sellify_str_of(g->language);
    if (request->product != NULL) {
        copy_name(g->product_id, sizeof(g->product_id), request->product->id);
    }

    g->done = done;
    g->data = data;
    g->deadline.fn = gateway_deadline;
    g->deadline.data = g;
    g->next = w->ai->running;
    w->ai->running = g;

    if (!policy_now(w)->ai_enabled) {
        g->provider = w->ai->count - 1;
    }

    gateway_run(g);
}

static const ai_provider_t *
find_provider(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i]->name, name) == 0) {
            return known[i];
        }
    }

    return NULL;
}

int
ai_setup(worker_t *w)
{
    const settings_list_t *names = &w->settings.ai_providers;
    const ai_provider_t *provider;
    size_t i;

    w->ai = memory_get(sizeof(*w->ai));

    for (i = 0; i < names->count; i++) {
        provider = find_provider(names->items[i]);

        if (provider == NULL || w->ai->count == AI_PROVIDERS_MAX - 1) {
            fprintf(stderr,
                "sellify-worker: SELLIFY_AI_PROVIDERS: \"%s\": %s\n",
                names->items[i],
                provider == NULL ? "no such provider in this version"
                                 : "too many providers");
            free(w->ai);
            w->ai = NULL;
            return -1;
        }

        if (provider != &ai_catalogue) {
            w->ai->order[w->ai->count++] = provider;
        }
    }

    w->ai->order[w->ai->count++] = &ai_catalogue;

    return 0;
}

void
ai_shutdown(worker_t *w)
{
    ai_generation_t *g;

    if (w->ai == NULL) {
        return;
    }

    while ((g = w->ai->running) != NULL) {
        if (provider_of(g)->cancel != NULL) {
            provider_of(g)->cancel(g);
        }
        generation_free(g);
    }

    free(w->ai);
    w->ai = NULL;
}
