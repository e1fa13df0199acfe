/*
 * Near misses: the word of a vocabulary that is at most one edit away from a
 * given one, or two when the vocabulary's word has 8 letters or more.  An edit
 * inserts, removes or replaces a letter or swaps two neighbours (optimal string
 * alignment).  Words are of the letters a to z only.  Internal to core/.
 */
#ifndef SELLIFY_NEAR_WORDS_H
#define SELLIFY_NEAR_WORDS_H

#include "region.h"

#include <stdint.h>

#define SELLIFY_NEAR_LETTERS_MIN 5
#define SELLIFY_NEAR_LETTERS_MAX 32
#define SELLIFY_NEAR_TWO_EDITS 8 /* letters from which two edits are allowed */
#define SELLIFY_NEAR_WORDS_MAX 20000

/* What the search for all the words of one message may cost: 1 for each word of
 * the vocabulary looked at, SELLIFY_NEAR_COMPARE for each one compared. */
#define SELLIFY_NEAR_WORK 131072
#define SELLIFY_NEAR_COMPARE 64

typedef struct {
    sellify_str_t text; /* kept by the caller as long as the vocabulary */
    uint32_t value;
} sellify_near_word_t;

typedef struct {
    sellify_near_word_t *words; /* ascending by length */
    uint32_t *masks;            /* the letters of each as a set of bits */
    /* Where the words of a length begin; those after the last end the list. */
    uint32_t from[SELLIFY_NEAR_LETTERS_MAX + 2];
} sellify_near_words_t;

/* Takes the words that are long enough, the first WORDS_MAX of them.  Reorders
 * nothing of the caller's.  0, or -1 without memory. */
int sellify_near_words_build(sellify_near_words_t *near,
    const sellify_near_word_t *words, size_t count,
    sellify_region_t *region) SELLIFY_MUST_CHECK;

/* The value of the nearest word and the number of edits; -1 when there is none
 * or two different ones are as near.  What the search costs is taken off *work;
 * when that does not suffice it is 0 and nothing is found any more. */
int64_t sellify_near_words_find(const sellify_near_words_t *near,
    sellify_str_t word, unsigned *edits, uint32_t *work);

#endif
