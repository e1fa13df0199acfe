/*
 * Validation: may this text go to a customer?  Every violation is found, with
 * its place in the input.  Pure and deterministic; any thread; no allocation.
 */
#ifndef SELLIFY_VALIDATION_H
#define SELLIFY_VALIDATION_H

#include "ruleset.h"

typedef enum {
    SELLIFY_VIOLATION_LENGTH,
    SELLIFY_VIOLATION_ENCODING,
    SELLIFY_VIOLATION_FORBIDDEN_WORD,
    SELLIFY_VIOLATION_FORBIDDEN_TOPIC,
    SELLIFY_VIOLATION_PROMISE,
    SELLIFY_VIOLATION_PRICE,
    SELLIFY_VIOLATION_CONTACT
} sellify_violation_rule_t;
#define SELLIFY_VIOLATION_RULES 7

const char *sellify_violation_name(sellify_violation_rule_t rule);

#define SELLIFY_VIOLATIONS_MAX 64

typedef struct {
    sellify_violation_rule_t rule;
    sellify_str_t term;  /* as listed, or the piece of the input; lives as long
                           as ruleset, input and scratch */
    uint32_t start, end; /* Unicode characters of the input, [start, end) */
} sellify_violation_t;

typedef struct {
    int valid;
    sellify_str_t
        validated_text; /* NFC, trimmed; in scratch; empty if not valid */
    char error[192];    /* of the first violation; "" if valid */
    sellify_violation_t violations[SELLIFY_VIOLATIONS_MAX];
    size_t violation_count; /* kept; ascending by start, then rule */
    size_t violations_found;
} sellify_verdict_t;

/* `product` narrows prices and promises to one product; NULL is the whole
 * catalogue.  `max_length` in characters lowers the policy's, 0 keeps it.
 * A limit that is reached inside (scratch, pattern match limit) makes the text
 * invalid, never valid. */
void sellify_validate(const sellify_ruleset_t *ruleset, sellify_str_t text,
    const sellify_product_t *product, uint32_t max_length, void *scratch,
    size_t scratch_size, sellify_verdict_t *verdict);

#endif
