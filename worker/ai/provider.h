/*
 * What the gateway and its providers know of each other.  A provider makes one
 * text; the gateway validates it, decides on the next try and keeps the deadline.
 */
#ifndef SELLIFY_AI_PROVIDER_H
#define SELLIFY_AI_PROVIDER_H

#include "../timers.h"
#include "ai.h"

#define AI_TEXT_MAX 8192    /* bytes of one answer */
#define AI_PROMPT_MAX 32768 /* bytes of what a provider was asked */

typedef struct ai_generation ai_generation_t;

typedef struct {
    int ok; /* 0: no text; `reason` says why */
    sellify_str_t text, prompt;
    const char *reason; /* short constant */
} ai_answer_t;

/* Exactly once per generate(), in that call or in a later turn (outside any
 * step).  The strings are copied. */
typedef void (*ai_answer_fn)(
    ai_generation_t *generation, const ai_answer_t *answer);

typedef struct {
    const char *name;
    unsigned tries; /* texts that may fail validation before the next one */
    void (*generate)(
        ai_generation_t *generation, unsigned try, ai_answer_fn answer);
    /* Stop: answer must not be called any more. NULL when generate() always
     * answers at once. */
    void (*cancel)(ai_generation_t *generation);
} ai_provider_t;

extern const ai_provider_t ai_catalogue;

/* One request under way.  The ruleset is looked up again at every step: it may
 * be another one in a later turn. */
struct ai_generation {
    worker_t *worker;
    char *message;               /* of request.message */
    sellify_decision_t decision; /* product and media are cleared */
    ai_request_t request;        /* product is NULL: see product_id */
    char product_id[64];
    char language[8];

    ai_done_fn done;
    void *data;

    size_t provider; /* place in the order */
    unsigned try;
    int running, answered; /* see gateway_run() */
    int late;              /* the deadline has passed */
    timer_entry_t deadline;
    int answer_ok;
    char text[AI_TEXT_MAX], prompt[AI_PROMPT_MAX];
    char violations[512]; /* of the last refused text */
    void *context;        /* the provider's own */
    ai_generation_t *next;
};

#define AI_PROVIDERS_MAX 8

/* The gateway. */
struct ai {
    const ai_provider_t *order[AI_PROVIDERS_MAX]; /* catalogue is the last */
    size_t count;
    ai_generation_t *running;
};

/* The product spoken of under the ruleset in force, or NULL. */
const sellify_product_t *ai_product(const ai_generation_t *generation);
/* Its language, or the policy's first. */
sellify_str_t ai_language(const ai_generation_t *generation);

/* --- the catalogue's composer, pure; declared here for its test --- */

typedef enum {
    AI_GREET,
    AI_PRODUCT,
    AI_PRICE,
    AI_OBJECTION,
    AI_PURCHASE,
    AI_NEGATIVE,
    AI_PHOTO,
    AI_NEUTRAL
} ai_objective_t;
#define AI_OBJECTIVES 8

/* As the policy's generation.objectives names it: "greet", "price" ... */
const char *ai_objective_name(ai_objective_t objective);

/* What the reply is for, from the decision alone. */
ai_objective_t ai_objective_of(
    const sellify_decision_t *decision, const sellify_product_t *product);

/* How many different texts there are for an objective; 0: no such language. */
size_t ai_compose_variants(const sellify_ruleset_t *ruleset,
    ai_objective_t objective, sellify_str_t language,
    const sellify_product_t *product, sellify_str_t answer);

/* Writes variant number `variant` (any number: it wraps round), starting where
 * `seed` says.  `answer` is the catalogue's answer to the objection, or empty.
 * Returns the length, 0 when there is nothing to say or it does not fit. */
size_t ai_compose(const sellify_ruleset_t *ruleset, ai_objective_t objective,
    sellify_str_t language, const sellify_product_t *product,
    sellify_str_t answer, uint64_t seed, uint32_t variant, char *out,
    size_t size);

/* The product's answer to what the message objects, or empty. */
sellify_str_t
ai_objection_answer(const sellify_product_t *product, sellify_str_t message);

#endif
