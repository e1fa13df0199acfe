/*
 * One character at a time: what it folds to.  Only core/text uses this.
 * Unicode knowledge is utf8proc's; the only tables of our own are letters that
 * Unicode does not decompose (oe, small capitals) and look-alikes.
 */
#ifndef SELLIFY_LETTERS_H
#define SELLIFY_LETTERS_H

#include "text.h"

typedef enum {
    SELLIFY_LETTER_SLOW = 0, /* not in the table: ask sellify_letter_fold */
    SELLIFY_LETTER_GONE,     /* folds to nothing */
    SELLIFY_LETTER_LOWER,    /* ASCII bytes, from a small or caseless letter */
    SELLIFY_LETTER_UPPER,    /* ASCII bytes, from a capital */
    SELLIFY_LETTER_FOREIGN,  /* a letter or digit outside ASCII */
    SELLIFY_LETTER_CURRENCY,
    SELLIFY_LETTER_EMOJI
} sellify_letter_kind_t;

#define SELLIFY_LETTER_BYTES 16

/* Folds one code point of `source_len` UTF-8 bytes into `bytes`, at most twice
 * source_len of them.  Returns the kind. */
sellify_letter_kind_t sellify_letter_fold(int32_t codepoint, size_t source_len,
    char bytes[SELLIFY_LETTER_BYTES], size_t *len);

/* The ASCII letter that a Cyrillic or Greek one looks like, or 0. */
char sellify_letter_alike(int32_t codepoint);
/* Cyrillic or Greek. */
int sellify_letter_may_be_alike(int32_t codepoint);

#endif
