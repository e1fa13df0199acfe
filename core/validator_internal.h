/* Inside of the validator: what validator.c makes and validation.c reads. */
#ifndef SELLIFY_VALIDATOR_INTERNAL_H
#define SELLIFY_VALIDATOR_INTERNAL_H

#include "contact.h"
#include "validation.h"
#include "validator.h"

#define SELLIFY_PATTERNS_MAX 64
#define SELLIFY_PATTERN_MATCHES_MAX 64 /* of one pattern in one text */

/* What a product says of itself, by hash, sorted: a promise or a contact. */
typedef struct {
    uint64_t key;
    uint32_t product; /* index, or SELLIFY_ANY_PRODUCT: the policy says so */
} sellify_claim_t;
#define SELLIFY_ANY_PRODUCT UINT32_MAX

typedef struct {
    sellify_violation_rule_t rule;
    sellify_str_t name;
    void *code;    /* pcre2_code */
    void *context; /* pcre2_match_context with its limits */
} sellify_pattern_t;

typedef struct {
    int64_t minor;
    char currency[4];
} sellify_price_t;

struct sellify_validator {
    const sellify_matcher_t *matcher;
    sellify_claim_t *claims;
    size_t claim_count;
    sellify_price_t *prices; /* of all products, sorted */
    size_t price_count;
    char currency[4]; /* of the policy */
    const sellify_product_t *products;
    size_t product_count;
    sellify_pattern_t patterns[SELLIFY_PATTERNS_MAX];
    size_t pattern_count;
};

/* The key under which a promise is compared: its sense and its numbers. */
uint64_t
sellify_promise_key(const sellify_folded_t *folded, const sellify_hit_t *hit);
/* The keys under which a contact is compared; the second is its host's, 0 when
 * there is none.  0 for a contact that equals nothing. */
uint64_t
sellify_contact_key(const sellify_contact_t *contact, uint64_t *host_key);
/* Did this product, or with ANY_PRODUCT any, or the policy, claim the key? */
int sellify_claims_have(
    const sellify_validator_t *validator, uint64_t key, uint32_t product);

/* Patterns.  compile: NULL or what is wrong, static. */
const char *
sellify_pattern_compile(sellify_pattern_t *pattern, sellify_str_t text);
void sellify_pattern_free(sellify_pattern_t *pattern);
/* Calls `found` for each match, byte offsets of the text.  0, or -1 when a limit
 * was reached. */
int sellify_pattern_match(const sellify_pattern_t *pattern, sellify_str_t text,
    void (*found)(void *context, size_t start, size_t end), void *context);

#endif
