/*
 * Text generation: an objective and facts in, a validated text out.  The gateway
 * tries its providers in order; the last is always `catalogue`, which composes
 * the reply from product data without any network.  Only this folder knows
 * providers.
 */
#ifndef SELLIFY_AI_H
#define SELLIFY_AI_H

#include "../../core/decision.h"
#include "../../core/validation.h"
#include "../worker.h"

typedef struct {
    sellify_str_t message; /* the customer's, as data */
    const sellify_decision_t *decision;
    sellify_state_t state;            /* before the decision */
    const sellify_product_t *product; /* or NULL */
    sellify_str_t language;           /* "fr"; empty: the policy's first */
    uint64_t seed;
    uint32_t attempt; /* 0; one more each time that the text
                                          before was a repetition: the answer
                                          differs from those of lower attempts
                                          as long as there are variants */
} ai_request_t;

typedef struct {
    int ok;                         /* 0: no valid text; silence */
    sellify_str_t text;             /* validated */
    const char *provider;           /* "catalogue", "fallback", ... */
    sellify_str_t prompt, response; /* for the audit */
} ai_result_t;

/* The strings of `result` live until the callback returns. */
typedef void (*ai_done_fn)(worker_t *w, void *data, const ai_result_t *result);

/* `done` is called exactly once, in this call or in a later turn, outside or
 * inside a step as the caller was when the answer is immediate (catalogue).
 * A later answer comes outside any step, within SELLIFY_AI_DEADLINE_MS.
 * `request` is copied. */
void ai_generate(
    worker_t *w, const ai_request_t *request, ai_done_fn done, void *data);

/* 0, or -1 after a line on stderr that names the setting and the value. */
int ai_setup(worker_t *w) SELLIFY_MUST_CHECK;
void ai_shutdown(worker_t *w);

#endif
