/*
 * The provider `catalogue`: replies composed from product data, with no network
 * and no waiting.  It is always the last of the order, the embedded default.
 */
#include "provider.h"

#include "../policy.h"

#include <stdio.h>

#define CATALOGUE_TRIES 8

static void
catalogue_generate(ai_generation_t *g, unsigned try, ai_answer_fn answer)
{
    char text[AI_TEXT_MAX], prompt[256];
    ai_answer_t out = { 0 };
    ai_objective_t objective;
    const sellify_product_t *product = ai_product(g);
    sellify_str_t language = ai_language(g);
    size_t len;
    uint32_t variant = g->request.attempt + try;

    objective = ai_objective_of(&g->decision, product);

    len = ai_compose(policy_ruleset(g->worker), objective, language, product,
        ai_objection_answer(product, g->request.message), g->request.seed,
        variant, text, sizeof(text));

    snprintf(prompt, sizeof(prompt),
        "objective=%s language=%.*s product=%s variant=%u",
        ai_objective_name(objective), (int) language.len, language.data,
        g->product_id[0] != '\0' ? g->product_id : "-", variant);

    out.ok = len > 0;
    out.text = (sellify_str_t){ text, len };
    out.prompt = sellify_str_of(prompt);
    out.reason = len > 0 ? "composed" : "nothing-to-say";

    answer(g, &out);
}

const ai_provider_t ai_catalogue = { "catalogue", CATALOGUE_TRIES,
    catalogue_generate, NULL };
