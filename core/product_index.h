/*
 * Which products a word or phrase may mean: names and keywords (singular and
 * plural) as terms of the incoming matcher, single words of names, and near
 * misses.
 *
 * A near miss is a word of at least 5 letters that no term knows, one edit away
 * from a word of a name or a one-word keyword of at least 5 letters, or two
 * edits when that has 8 or more; a final s or x counts for nothing.  An edit
 * inserts, removes or replaces a letter or swaps two neighbours.  Digits take
 * no part: "X200" is not a misspelled "X300".  Internal to core/.
 */
#ifndef SELLIFY_PRODUCT_INDEX_H
#define SELLIFY_PRODUCT_INDEX_H

#include "matcher.h"
#include "ruleset.h"

/* How much a term says about its product; sums decide. */
#define SELLIFY_WEIGHT_NAME 40    /* the whole name */
#define SELLIFY_WEIGHT_KEYWORD 20 /* a keyword, and 5 for each further word */
#define SELLIFY_WEIGHT_WORD 6     /* one word of a name */
#define SELLIFY_WEIGHT_EDIT 2     /* taken off a near miss for each edit */

typedef struct {
    sellify_str_t text;       /* the words, folded */
    const uint32_t *products; /* ascending indexes */
    const uint32_t *weights;  /* one for each; 0 does not count */
    uint32_t count;
} sellify_product_term_t;

typedef struct sellify_product_index sellify_product_index_t;

/* Collects the terms of the products and adds them to `builder` as `class_id`,
 * each with its number as value.  The index lies in `region`; what only
 * building needs in `scratch`.  NULL without memory. */
sellify_product_index_t *
sellify_product_index_build(const sellify_product_t *products, size_t count,
    uint32_t class_id, sellify_matcher_builder_t *builder,
    sellify_region_t *region, sellify_region_t *scratch) SELLIFY_MUST_CHECK;

/* When the matcher is finished: words of names that are ordinary words of the
 * lexicons ("pour", "cher") stop counting for their products.  0, or -1
 * without memory. */
int sellify_product_index_settle(sellify_product_index_t *index,
    const sellify_matcher_t *matcher, uint32_t class_id,
    sellify_region_t *scratch) SELLIFY_MUST_CHECK;

/* The term with this number (the value of a hit). */
const sellify_product_term_t *sellify_product_index_term(
    const sellify_product_index_t *index, uint32_t number);

/* The term whose word is nearest to `word` (folded) within the allowed edits,
 * with the number of edits; NULL when there is none, or two as near.  *work is
 * as in near_words.h. */
const sellify_product_term_t *
sellify_product_index_near(const sellify_product_index_t *index,
    sellify_str_t word, unsigned *edits, uint32_t *work);

#endif
