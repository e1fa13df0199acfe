/*
 * What validation needs of a ruleset, compiled: words, promises, prices,
 * contacts and patterns.  The ruleset's compile fills a builder; validation.c
 * reads the result.  Lives in the ruleset's region, except for what PCRE2
 * allocates: sellify_validator_free() before the region is freed.
 */
#ifndef SELLIFY_VALIDATOR_H
#define SELLIFY_VALIDATOR_H

#include "matcher.h"
#include "ruleset.h"

/* Classes of the terms in the validator's matcher. */
typedef enum {
    SELLIFY_CHECK_WORD,     /* validation.forbidden_words: GUARDED */
    SELLIFY_CHECK_TOPIC,    /* validation.forbidden_topics: GUARDED */
    SELLIFY_CHECK_PROMISE,  /* validation.promises, `sense` groups them */
    SELLIFY_CHECK_NUMBER,   /* "numbers": value is the number */
    SELLIFY_CHECK_CURRENCY, /* "currency_words" */
    SELLIFY_CHECK_CLASSES
} sellify_check_class_t;

typedef struct sellify_validator_builder sellify_validator_builder_t;
typedef struct sellify_validator sellify_validator_t;

/* `scratch` is freed by the caller after finish.  `products` and the strings
 * in it must live as long as the validator (they lie in the same region). */
sellify_validator_builder_t *sellify_validator_begin(
    sellify_region_t *region, sellify_region_t *scratch) SELLIFY_MUST_CHECK;

/* Each returns NULL, or what is wrong (static or in `scratch`, lower case). */
const char *sellify_validator_term(sellify_validator_builder_t *builder,
    sellify_check_class_t class_id, sellify_str_t text, sellify_str_t sense,
    uint32_t value) SELLIFY_MUST_CHECK;
/* `cancels`: a bit (1 << class) for each class. */
const char *sellify_validator_exception(sellify_validator_builder_t *builder,
    sellify_str_t text, uint64_t cancels) SELLIFY_MUST_CHECK;
/* policy.validation.patterns: `rule` is what a match violates, `name` the term
 * that is reported (the pattern itself when empty). */
const char *sellify_validator_pattern(sellify_validator_builder_t *builder,
    int rule, sellify_str_t name, sellify_str_t pattern) SELLIFY_MUST_CHECK;
/* policy.validation.allowed_contacts: a link, host, e-mail or phone number. */
const char *sellify_validator_contact(sellify_validator_builder_t *builder,
    sellify_str_t contact) SELLIFY_MUST_CHECK;

/* Reads what the products themselves say (prices, promises, contacts) and ends
 * the build.  `currency` is the policy's.  NULL without memory. */
sellify_validator_t *sellify_validator_finish(
    sellify_validator_builder_t *builder, const sellify_product_t *products,
    size_t product_count, sellify_str_t currency) SELLIFY_MUST_CHECK;
/* Gives back what PCRE2 holds when a compile fails before finish. */
void sellify_validator_abandon(sellify_validator_builder_t *builder);
void sellify_validator_free(sellify_validator_t *validator); /* NULL is fine */

/* The validator of a ruleset; defined beside the struct, in ruleset.c. */
const sellify_validator_t *
sellify_ruleset_validator(const sellify_ruleset_t *ruleset);

#endif
