/*
 * libFuzzer: any text as policy ('p'), catalogue ('c'), lexicon ('l') or
 * published ruleset (else).  Either it compiles, and then decides, or it is
 * refused with a fault.
 */
#include "../../core/decision.h"
#include "../../core/json.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                          \
    do {                                                                       \
        if (!(what)) {                                                         \
            fprintf(stderr, "not so: %s\n", #what);                            \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* Small lexicons: what is fuzzed is the reading, not their size. */
static const sellify_ruleset_source_t base = {
    .version = 1,
    .policy = SELLIFY_STR("{}"),
    .products = SELLIFY_STR("[{\"id\":\"a\",\"name\":\"Sac\",\"price\":1}]"),
    .lexicons = { { "fr",
                      SELLIFY_STR("{\"triggers\":{\"threat\":[\"tuer\"]}}") },
        { "en", SELLIFY_STR("{\"greeting\":[\"hello\"]}") } },
    .lexicon_count = 2,
};

static void
use(const sellify_ruleset_t *ruleset)
{
    static char scratch[1 << 16];
    sellify_decision_input_t input = {
        .message = sellify_str("le sac tuer 12 hello photo"), .license_ok = 1
    };
    sellify_decision_t decision;

    REQUIRE(sellify_decide(
                ruleset, &input, scratch, sizeof(scratch), &decision) == 0);
    for (size_t i = 0; i < sellify_ruleset_product_count(ruleset); i++) {
        const sellify_product_t *p = sellify_ruleset_product_at(ruleset, i);

        REQUIRE(p->price_minor > 0);
        REQUIRE(sellify_ruleset_product(ruleset, p->id) == p);
    }
}

static void
compile(const sellify_ruleset_source_t *source)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_ruleset_t *ruleset = sellify_ruleset_compile(source, &faults);

    REQUIRE((ruleset != NULL) == (faults.count == 0));
    if (ruleset != NULL) {
        use(ruleset);
        sellify_ruleset_free(ruleset);
    }
}

static void
publish(sellify_str_t text)
{
    sellify_faults_t faults = { .count = 0 };
    char *out = malloc(text.len + 1);
    size_t len = sellify_policy_published(text, out);

    REQUIRE(len <= text.len);
    if (len > 0) {
        REQUIRE(sellify_json_check((sellify_str_t){ out, len }, &faults) == 0);
    }
    free(out);
}

/* A language that the text leaves out gets the small lexicon: compiling the
 * built-in ones thousands of times finds nothing. */
static void
add_lexicons(sellify_ruleset_source_t *source)
{
    for (size_t i = 0; i < base.lexicon_count; i++) {
        if (source->lexicon_count < SELLIFY_LANGUAGES_MAX) {
            source->lexicons[source->lexicon_count++] = base.lexicons[i];
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sellify_ruleset_source_t source = base;
    sellify_faults_t faults = { .count = 0 };
    sellify_str_t text;
    char *copy;

    if (size < 2 || size > 1 << 16) {
        return 0;
    }
    copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    text = (sellify_str_t){ copy, size - 1 };
    switch (data[0]) {
    case 'p':
        publish(text);
        source.policy = text;
        compile(&source);
        break;
    case 'c':
        source.products = text;
        compile(&source);
        break;
    case 'l':
        source.lexicons[0].document = text;
        compile(&source);
        break;
    default:
        if (sellify_ruleset_source_read(text, &source, &faults) == 0) {
            add_lexicons(&source);
            compile(&source);
        } else {
            REQUIRE(faults.count > 0);
        }
    }
    free(copy);
    return 0;
}
