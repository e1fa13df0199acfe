/*
 * The catalogue's composer: every text that it can say passes our own validation,
 * no two variants are the same, and it says only what the catalogue says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../worker/ai/provider.h"

#include <stdio.h>
#include <stdlib.h>

static sellify_ruleset_t *
compile(sellify_str_t policy, sellify_str_t products)
{
    sellify_ruleset_source_t source = {
        .version = 1, .policy = policy, .products = products
    };
    sellify_faults_t faults = { 0 };
    sellify_ruleset_t *ruleset = sellify_ruleset_compile(&source, &faults);

    if (ruleset == NULL) {
        fail_msg("%s%s: %s", faults.items[0].document, faults.items[0].pointer,
            faults.items[0].detail);
    }

    return ruleset;
}

static int
setup(void **state)
{
    *state = compile(sellify_default_policy(), sellify_default_products());
    return 0;
}

static int
teardown(void **state)
{
    sellify_ruleset_free(*state);
    return 0;
}

static void
assert_valid(const sellify_ruleset_t *ruleset, const char *text, size_t len,
    const sellify_product_t *product)
{
    sellify_verdict_t verdict;
    size_t size = sellify_scratch_size(len);
    void *scratch = malloc(size);

    assert_non_null(scratch);
    sellify_validate(ruleset, (sellify_str_t){ text, len }, product, 0, scratch,
        size, &verdict);
    if (!verdict.valid) {
        fail_msg("%s: %s", verdict.error, text);
    }
    free(scratch);
}

/* Sorts texts to find equal neighbours. */
static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Composes all variants of one objective: valid, and all different. */
static size_t
all_variants(const sellify_ruleset_t *ruleset, ai_objective_t objective,
    const char *language, const sellify_product_t *product,
    sellify_str_t answer)
{
    static char text[AI_TEXT_MAX];
    sellify_str_t lang = sellify_str_of(language);
    size_t count, i, len;
    char **texts;

    count = ai_compose_variants(ruleset, objective, lang, product, answer);
    texts = calloc(count + 1, sizeof(*texts));
    assert_non_null(texts);

    for (i = 0; i < count; i++) {
        len = ai_compose(ruleset, objective, lang, product, answer, 12345,
            (uint32_t) i, text, sizeof(text));
        assert_true(len > 0);
        assert_null(strchr(text, '{'));
        assert_null(strstr(text, "  "));
        assert_valid(ruleset, text, len, product);
        texts[i] = strdup(text);
    }

    qsort(texts, count, sizeof(*texts), by_text);
    for (i = 1; i < count; i++) {
        if (strcmp(texts[i - 1], texts[i]) == 0) {
            fail_msg("%s %s twice: %s", ai_objective_name(objective), language,
                texts[i]);
        }
    }

    for (i = 0; i < count; i++) {
        free(texts[i]);
    }
    free(texts);

    return count;
}

static void
test_every_text_is_valid(void **state)
{
    const sellify_ruleset_t *ruleset = *state;
    const sellify_product_t *product;
    const char *languages[] = { "fr", "en" };
    sellify_str_t none = { NULL, 0 };
    size_t p, l, count, products;
    int objective;
    uint32_t o;

    products = sellify_ruleset_product_count(ruleset);
    assert_int_equal(products, 3);

    for (p = 0; p <= products; p++) {
        product = p < products ? sellify_ruleset_product_at(ruleset, p) : NULL;

        for (objective = 0; objective < AI_OBJECTIVES; objective++) {
            for (l = 0; l < 2; l++) {
                count = all_variants(ruleset, (ai_objective_t) objective,
                    languages[l], product, none);

                /* A caption without a product is nothing. */
                if (product == NULL && objective == AI_PHOTO) {
                    assert_int_equal(count, 0);
                } else {
                    assert_true(count >= 24);
                }

                for (o = 0; product != NULL && objective == AI_OBJECTION &&
                            o < product->objection_count;
                     o++) {
                    assert_true(
                        all_variants(ruleset, AI_OBJECTION, languages[l],
                            product, product->objections[o].answer) >= 24);
                }
            }
        }
    }
}

static const sellify_product_t *
product(const sellify_ruleset_t *ruleset, const char *id)
{
    const sellify_product_t *p =
        sellify_ruleset_product(ruleset, sellify_str_of(id));

    assert_non_null(p);
    return p;
}

/* Some variant of the objective holds the piece. */
static int
says(const sellify_ruleset_t *ruleset, ai_objective_t objective,
    const char *language, const sellify_product_t *p, sellify_str_t answer,
    const char *piece)
{
    static char text[AI_TEXT_MAX];
    size_t i, count;

    count = ai_compose_variants(
        ruleset, objective, sellify_str_of(language), p, answer);
    for (i = 0; i < count; i++) {
        ai_compose(ruleset, objective, sellify_str_of(language), p, answer, 0,
            (uint32_t) i, text, sizeof(text));
        if (strstr(text, piece) != NULL) {
            return 1;
        }
    }

    return 0;
}

static void
test_facts(void **state)
{
    const sellify_ruleset_t *ruleset = *state;
    const sellify_product_t *bag = product(ruleset, "prod-001");
    sellify_str_t none = { NULL, 0 };
    sellify_str_t answer = sellify_str("Cousu main.");
    static char text[AI_TEXT_MAX];
    size_t i, count;

    count =
        ai_compose_variants(ruleset, AI_PRICE, sellify_str("fr"), bag, none);
    for (i = 0; i < count; i++) {
        ai_compose(ruleset, AI_PRICE, sellify_str("fr"), bag, none, 7,
            (uint32_t) i, text, sizeof(text));
        if (strstr(text, "49,90 €") == NULL) {
            fail_msg("no price: %s", text);
        }
    }

    assert_true(says(ruleset, AI_PRICE, "en", bag, none, "€49.90"));
    assert_true(says(ruleset, AI_PRICE, "fr", NULL, none, "Crème Argan 19,50"));
    assert_true(says(ruleset, AI_GREET, "fr", NULL, none,
        "Sac Lina, Crème Argan et Baskets Nora"));
    assert_true(says(ruleset, AI_OBJECTION, "fr", bag, answer, "Cousu main."));
    assert_false(says(ruleset, AI_PRICE, "fr", bag, answer, "Cousu main."));
}

static void
test_deterministic(void **state)
{
    const sellify_ruleset_t *ruleset = *state;
    sellify_str_t none = { NULL, 0 };
    static char a[AI_TEXT_MAX], b[AI_TEXT_MAX];
    size_t la, lb;

    la = ai_compose(
        ruleset, AI_GREET, sellify_str("fr"), NULL, none, 99, 3, a, sizeof(a));
    lb = ai_compose(
        ruleset, AI_GREET, sellify_str("fr"), NULL, none, 99, 3, b, sizeof(b));
    assert_int_equal(la, lb);
    assert_string_equal(a, b);
}

static void
test_bounds(void **state)
{
    const sellify_ruleset_t *ruleset = *state;
    sellify_str_t none = { NULL, 0 };
    char tiny[8];

    /* What does not fit is not said at all. */
    assert_int_equal(ai_compose(ruleset, AI_GREET, sellify_str("fr"), NULL,
                         none, 1, 0, tiny, sizeof(tiny)),
        0);
    /* A language without words. */
    assert_int_equal(
        ai_compose_variants(ruleset, AI_GREET, sellify_str("de"), NULL, none),
        0);
}

static void
test_objection_answers(void **state)
{
    const sellify_product_t *bag = product(*state, "prod-001");
    const sellify_product_t *shoes = product(*state, "prod-003");

    assert_true(sellify_str_equal(
        ai_objection_answer(bag, sellify_str("C'est TROP  chér !")),
        bag->objections[0].answer));
    assert_true(sellify_str_equal(
        ai_objection_answer(bag, sellify_str("il est solide ce sac ?")),
        bag->objections[1].answer));
    assert_int_equal(
        ai_objection_answer(bag, sellify_str("trop grand")).len, 0);
    /* Whole words only. */
    assert_int_equal(
        ai_objection_answer(bag, sellify_str("trop cherchez")).len, 0);
    assert_int_equal(ai_objection_answer(bag, sellify_str("")).len, 0);
    assert_int_equal(
        ai_objection_answer(shoes, sellify_str("trop cher")).len, 0);
    assert_int_equal(
        ai_objection_answer(NULL, sellify_str("trop cher")).len, 0);
}

static void
test_objectives(void **state)
{
    const sellify_product_t *bag = product(*state, "prod-001");
    sellify_decision_t d = { .action = SELLIFY_ACTION_RESPOND_TEXT };

    d.event = SELLIFY_EVENT_PRICE_INTEREST;
    assert_int_equal(ai_objective_of(&d, bag), AI_PRICE);
    d.event = SELLIFY_EVENT_PURCHASE_INTENT;
    assert_int_equal(ai_objective_of(&d, bag), AI_PURCHASE);
    d.event = SELLIFY_EVENT_OBJECTION_RAISED;
    assert_int_equal(ai_objective_of(&d, bag), AI_OBJECTION);
    d.event = SELLIFY_EVENT_NEGATIVE_RESPONSE;
    assert_int_equal(ai_objective_of(&d, bag), AI_NEGATIVE);
    d.event = SELLIFY_EVENT_PRODUCT_QUESTION;
    assert_int_equal(ai_objective_of(&d, bag), AI_PRODUCT);

    d.event = SELLIFY_EVENT_NONE;
    assert_int_equal(ai_objective_of(&d, NULL), AI_NEUTRAL);
    d.matches[0].kind = "greeting";
    d.match_count = 1;
    assert_int_equal(ai_objective_of(&d, NULL), AI_GREET);
    d.matches[0].kind = "product";
    assert_int_equal(ai_objective_of(&d, bag), AI_PRODUCT);

    d.action = SELLIFY_ACTION_RESPOND_WITH_MEDIA;
    assert_int_equal(ai_objective_of(&d, bag), AI_PHOTO);
}

/* The policy's own words replace the body. */
static void
test_policy_words(void **state)
{
    static const char policy[] =
        "{\"generation\":{\"objectives\":{\"fr\":{\"purchase\":\"Passez au "
        "magasin chercher {name}.\"}}}}";
    sellify_ruleset_t *ruleset =
        compile(sellify_str_of(policy), sellify_default_products());
    sellify_str_t none = { NULL, 0 };
    const sellify_product_t *bag = product(ruleset, "prod-001");

    (void) state;
    assert_int_equal(
        ai_compose_variants(ruleset, AI_PURCHASE, sellify_str("fr"), bag, none),
        16);
    assert_true(says(ruleset, AI_PURCHASE, "fr", bag, none,
        "Passez au magasin chercher Sac Lina."));
    /* It names a product: without one it is not said. */
    assert_int_equal(ai_compose_variants(
                         ruleset, AI_PURCHASE, sellify_str("fr"), NULL, none),
        0);
    sellify_ruleset_free(ruleset);
}

/* A product with the least that a catalogue may say. */
static void
test_bare_product(void **state)
{
    static const char products[] =
        "[{\"id\":\"p\",\"name\":\"Savon\",\"short_description\":\"\","
        "\"long_description\":\"\",\"price\":1500,\"currency\":\"XOF\","
        "\"keywords\":[\"savon\"],\"objections\":[],\"media\":[]}]";
    sellify_ruleset_t *ruleset =
        compile(sellify_default_policy(), sellify_str_of(products));
    const sellify_product_t *soap = product(ruleset, "p");
    sellify_str_t none = { NULL, 0 };
    int objective;

    (void) state;
    assert_true(says(ruleset, AI_PRICE, "fr", soap, none, "1500 XOF"));
    for (objective = 0; objective < AI_OBJECTIVES; objective++) {
        assert_true(all_variants(ruleset, (ai_objective_t) objective, "fr",
                        soap, none) > 0);
    }
    sellify_ruleset_free(ruleset);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_text_is_valid),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_deterministic),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_objection_answers),
        cmocka_unit_test(test_objectives),
        cmocka_unit_test(test_policy_words),
        cmocka_unit_test(test_bare_product),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
