/*
 * Composes a reply from product data: opening, body and closing of an objective,
 * in French or English, one of many variants.  Pure; says only what the
 * catalogue says.
 */
#include "provider.h"
#include "catalogue_texts.h"

#include "../../core/text.h"

#include <stdio.h>
#include <stdlib.h>

#define COMPOSE_NAMES 3     /* products that a list names */
#define COMPOSE_STRIDE 7919 /* prime, larger than any number of variants */

static const char *const objective_names[AI_OBJECTIVES] = { "greet", "product",
    "price", "objection", "purchase", "negative", "photo", "neutral" };

/* Which bodies fit, best first: the catalogue's answer, the product, all. */
typedef enum { TIER_NONE, TIER_GENERAL, TIER_PRODUCT, TIER_ANSWER } tier_t;

typedef struct {
    const sellify_ruleset_t *ruleset;
    const ai_language_texts_t *words;
    const ai_texts_t *texts;
    const sellify_product_t *product;
    sellify_str_t answer;
    char own[AI_TEXT_MAX]; /* the policy's body */
} compose_t;

typedef struct {
    char *data;
    size_t size, len;
    int full;
} out_t;

const char *
ai_objective_name(ai_objective_t objective)
{
    return objective_names[objective];
}

static int
matched(const sellify_decision_t *decision, const char *kind)
{
    size_t i;

    for (i = 0; i < decision->match_count; i++) {
        if (strcmp(decision->matches[i].kind, kind) == 0) {
            return 1;
        }
    }

    return 0;
}

ai_objective_t
ai_objective_of(
    const sellify_decision_t *decision, const sellify_product_t *product)
{
    if (decision->action == SELLIFY_ACTION_RESPOND_WITH_MEDIA) {
        return AI_PHOTO;
    }

    switch (decision->event) {
    case SELLIFY_EVENT_PRICE_INTEREST:
        return AI_PRICE;
    case SELLIFY_EVENT_PURCHASE_INTENT:
        return AI_PURCHASE;
    case SELLIFY_EVENT_OBJECTION_RAISED:
        return AI_OBJECTION;
    case SELLIFY_EVENT_NEGATIVE_RESPONSE:
        return AI_NEGATIVE;
    case SELLIFY_EVENT_PRODUCT_QUESTION:
        return AI_PRODUCT;
    default:
        break;
    }

    if (product != NULL && matched(decision, "product")) {
        return AI_PRODUCT;
    }

    if (decision->wants_media) {
        return AI_PRODUCT;
    }

    return matched(decision, "greeting") ? AI_GREET : AI_NEUTRAL;
}

static void
put(out_t *out, const char *data, size_t len)
{
    if (out->full || len >= out->size - out->len) {
        out->full = 1;
        return;
    }

    memcpy(out->data + out->len, data, len);
    out->len += len;
    out->data[out->len] = '\0';
}

static void
put_cstring(out_t *out, const char *text)
{
    put(out, text, strlen(text));
}

/* The exact digits of the catalogue with the language's decimal sign. */
static void
put_price(out_t *out, const ai_language_texts_t *words,
    const sellify_product_t *product)
{
    static const struct {
        sellify_str_t code;
        const char *symbol;
    } symbols[] = { { SELLIFY_STR("EUR"), "€" }, { SELLIFY_STR("USD"), "$" },
        { SELLIFY_STR("GBP"), "£" } };
    const char *symbol = NULL;
    size_t i;

    for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        if (sellify_str_equal(product->currency, symbols[i].code)) {
            symbol = symbols[i].symbol;
        }
    }

    if (symbol != NULL && words->symbol_first) {
        put_cstring(out, symbol);
    }

    for (i = 0; i < product->price.len; i++) {
        put(out,
            product->price.data[i] == '.' ? &words->decimal
                                          : &product->price.data[i],
            1);
    }

    if (symbol == NULL) {
        put_cstring(out, " ");
        put(out, product->currency.data, product->currency.len);

    } else if (!words->symbol_first) {
        put_cstring(out, " ");
        put_cstring(out, symbol);
    }
}

static void
put_list(out_t *out, const compose_t *c, int prices)
{
    const sellify_product_t *product;
    size_t i, count = sellify_ruleset_product_count(c->ruleset);

    count = count > COMPOSE_NAMES ? COMPOSE_NAMES : count;

    for (i = 0; i < count; i++) {
        product = sellify_ruleset_product_at(c->ruleset, i);

        if (i > 0) {
            put_cstring(out, i + 1 == count && !prices ? c->words->and : ", ");
        }

        put(out, product->name.data, product->name.len);

        if (prices) {
            put_cstring(out, " ");
            put_price(out, c->words, product);
        }
    }
}

typedef enum {
    FACT_NAME,
    FACT_SHORT,
    FACT_LONG,
    FACT_PRICE,
    FACT_ANSWER,
    FACT_NAMES,
    FACT_PRICES,
    FACTS
} fact_t;

static const struct {
    const char *mark;
    tier_t tier;
} facts[FACTS] = { { "{name}", TIER_PRODUCT }, { "{short}", TIER_PRODUCT },
    { "{long}", TIER_PRODUCT }, { "{price}", TIER_PRODUCT },
    { "{answer}", TIER_ANSWER }, { "{names}", TIER_GENERAL },
    { "{prices}", TIER_GENERAL } };

/* Is the fact known? */
static int
fact_known(const compose_t *c, fact_t fact)
{
    switch (fact) {
    case FACT_NAME:
    case FACT_PRICE:
        return c->product != NULL;
    case FACT_SHORT:
        return c->product != NULL && c->product->short_description.len > 0;
    case FACT_LONG:
        return c->product != NULL && c->product->long_description.len > 0;
    case FACT_ANSWER:
        return c->answer.len > 0;
    default:
        return sellify_ruleset_product_count(c->ruleset) > 0;
    }
}

static void
put_fact(out_t *out, const compose_t *c, fact_t fact)
{
    switch (fact) {
    case FACT_NAME:
        put(out, c->product->name.data, c->product->name.len);
        break;
    case FACT_SHORT:
        put(out, c->product->short_description.data,
            c->product->short_description.len);
        break;
    case FACT_LONG:
        put(out, c->product->long_description.data,
            c->product->long_description.len);
        break;
    case FACT_PRICE:
        put_price(out, c->words, c->product);
        break;
    case FACT_ANSWER:
        put(out, c->answer.data, c->answer.len);
        break;
    default:
        put_list(out, c, fact == FACT_PRICES);
        break;
    }
}

/* The fact whose mark stands at `text`, or FACTS. */
static fact_t
fact_at(const char *text)
{
    fact_t fact;

    for (fact = 0; fact < FACTS; fact++) {
        if (strncmp(text, facts[fact].mark, strlen(facts[fact].mark)) == 0) {
            return fact;
        }
    }

    return FACTS;
}

/* How well a body fits; TIER_NONE when it names what is not known. */
static tier_t
body_tier(const compose_t *c, const char *body)
{
    tier_t tier = TIER_GENERAL;
    fact_t fact;

    for (; *body != '\0'; body++) {
        if (*body != '{') {
            continue;
        }

        fact = fact_at(body);
        if (fact == FACTS) {
            continue;
        }

        if (!fact_known(c, fact)) {
            return TIER_NONE;
        }

        tier = facts[fact].tier > tier ? facts[fact].tier : tier;
    }

    return tier;
}

/* Takes the bodies of the best tier; returns how many. */
static size_t
bodies_of(const compose_t *c, const char *chosen[AI_PARTS_MAX])
{
    tier_t best = TIER_NONE, tier;
    size_t count = 0, i;

    if (c->own[0] != '\0') {
        chosen[0] = c->own;
        return body_tier(c, c->own) != TIER_NONE;
    }

    for (i = 0; i < AI_PARTS_MAX && c->texts->bodies[i] != NULL; i++) {
        tier = body_tier(c, c->texts->bodies[i]);

        if (tier > best) {
            best = tier;
            count = 0;
        }

        if (tier == best && tier != TIER_NONE) {
            chosen[count++] = c->texts->bodies[i];
        }
    }

    return count;
}

static size_t
parts_count(const compose_t *c, const char *const parts[AI_PARTS_MAX])
{
    size_t count = 0;

    while (count < AI_PARTS_MAX && parts[count] != NULL) {
        if (body_tier(c, parts[count]) == TIER_NONE) {
            return 0;
        }
        count++;
    }

    return count;
}

/* The policy's own words for an objective replace the bodies. */
static void
take_own(compose_t *c, ai_objective_t objective, sellify_str_t language)
{
    sellify_str_t own = sellify_ruleset_objective(
        c->ruleset, language, sellify_str_of(objective_names[objective]));

    c->own[0] = '\0';

    if (own.data != NULL && own.len > 0 && own.len < sizeof(c->own)) {
        memcpy(c->own, own.data, own.len);
        c->own[own.len] = '\0';
    }
}

static int
compose_init(compose_t *c, const sellify_ruleset_t *ruleset,
    ai_objective_t objective, sellify_str_t language,
    const sellify_product_t *product, sellify_str_t answer)
{
    size_t i;

    c->ruleset = ruleset;
    c->product = product;
    c->answer = objective == AI_OBJECTION ? answer : (sellify_str_t){ NULL, 0 };
    c->words = NULL;

    for (i = 0; i < sizeof(ai_languages) / sizeof(ai_languages[0]); i++) {
        if (sellify_str_equal(
                language, sellify_str_of(ai_languages[i].language))) {
            c->words = &ai_languages[i];
        }
    }

    if (c->words == NULL) {
        return -1;
    }

    c->texts = &c->words->objectives[objective];
    take_own(c, objective, language);

    return 0;
}

size_t
ai_compose_variants(const sellify_ruleset_t *ruleset, ai_objective_t objective,
    sellify_str_t language, const sellify_product_t *product,
    sellify_str_t answer)
{
    const char *bodies[AI_PARTS_MAX];
    compose_t c;

    if (compose_init(&c, ruleset, objective, language, product, answer) != 0) {
        return 0;
    }

    return parts_count(&c, c.texts->openings) * bodies_of(&c, bodies) *
           parts_count(&c, c.texts->closings);
}

/* One part, with a space before it unless it is the first. */
static void
put_part(out_t *out, const compose_t *c, const char *part)
{
    const char *from = part;
    fact_t fact;

    if (*part == '\0') {
        return;
    }

    if (out->len > 0) {
        put_cstring(out, " ");
    }

    while (*part != '\0') {
        fact = *part == '{' ? fact_at(part) : FACTS;

        if (fact == FACTS) {
            part++;
            continue;
        }

        put(out, from, (size_t) (part - from));
        put_fact(out, c, fact);
        part += strlen(facts[fact].mark);
        from = part;
    }

    put(out, from, (size_t) (part - from));
}

size_t
ai_compose(const sellify_ruleset_t *ruleset, ai_objective_t objective,
    sellify_str_t language, const sellify_product_t *product,
    sellify_str_t answer, uint64_t seed, uint32_t variant, char *out,
    size_t size)
{
    const char *bodies[AI_PARTS_MAX];
    size_t openings, body_count, closings, total, at;
    compose_t c;
    out_t o = { .data = out, .size = size };

    if (compose_init(&c, ruleset, objective, language, product, answer) != 0) {
        return 0;
    }

    openings = parts_count(&c, c.texts->openings);
    body_count = bodies_of(&c, bodies);
    closings = parts_count(&c, c.texts->closings);
    total = openings * body_count * closings;

    if (total == 0 || size == 0) {
        return 0;
    }

    /* The stride is prime to the total: every variant comes once. */
    at =
        (size_t) ((seed % total + (uint64_t) variant * COMPOSE_STRIDE) % total);
    out[0] = '\0';

    put_part(&o, &c, c.texts->openings[at % openings]);
    put_part(&o, &c, bodies[at / openings % body_count]);
    put_part(&o, &c, c.texts->closings[at / openings / body_count]);

    return o.full ? 0 : o.len;
}

/* `needle` stands in `text` as whole words; both folded. */
static int
holds_words(const sellify_folded_t *text, const sellify_folded_t *needle)
{
    const sellify_word_t *a, *b;
    size_t i, k, len;

    for (i = 0;
         needle->word_count > 0 && i + needle->word_count <= text->word_count;
         i++) {
        for (k = 0; k < needle->word_count; k++) {
            a = &text->words[i + k];
            b = &needle->words[k];
            len = a->end - a->start;

            if (len != b->end - b->start ||
                memcmp(text->data + a->start, needle->data + b->start, len) !=
                    0) {
                break;
            }
        }

        if (k == needle->word_count) {
            return 1;
        }
    }

    return 0;
}

static int
objects(const sellify_folding_t *folding, const sellify_folded_t *message,
    sellify_str_t trigger)
{
    sellify_folded_t folded;
    size_t error_at, size = sellify_fold_size(trigger.len);
    void *scratch = malloc(size);
    int found;

    found = scratch != NULL &&
            sellify_fold(folding, trigger, scratch, size, &folded, &error_at) ==
                0 &&
            holds_words(message, &folded);
    free(scratch);

    return found;
}

sellify_str_t
ai_objection_answer(const sellify_product_t *product, sellify_str_t message)
{
    sellify_str_t answer = { NULL, 0 };
    sellify_folding_t folding;
    sellify_folded_t folded;
    size_t error_at, size = sellify_fold_size(message.len);
    void *scratch;
    uint32_t i;

    if (product == NULL || product->objection_count == 0) {
        return answer;
    }

    scratch = malloc(size);
    sellify_folding_init(&folding);

    if (scratch != NULL && sellify_fold(&folding, message, scratch, size,
                               &folded, &error_at) == 0) {
        for (i = 0; i < product->objection_count && answer.len == 0; i++) {
            if (objects(&folding, &folded, product->objections[i].trigger)) {
                answer = product->objections[i].answer;
            }
        }
    }

    free(scratch);

    return answer;
}
