/*
 * Folding: a text brought to the form in which words are compared.
 *
 * One pass over UTF-8 that is checked on the way.  Lower case; diacritics and
 * ligatures gone; full-width, mathematical, circled letters and digits are
 * plain; zero-width characters, soft hyphens, variation selectors and other
 * invisible ones removed; Cyrillic and Greek look-alikes are Latin inside a
 * word that is otherwise Latin.  ASCII folds byte for byte, so an ASCII text
 * needs no map back.  Folding is idempotent.
 *
 * The same pass cuts words: runs of letters and digits.  Apostrophes, hyphens
 * and everything else are borders; %, currency signs and emoji are words of
 * their own (SELLIFY_WORD_SYMBOL).
 *
 * Pure; any thread; no allocation: the caller gives the scratch memory.
 */
#ifndef SELLIFY_TEXT_H
#define SELLIFY_TEXT_H

#include "str.h"

#include <stdint.h>

#define SELLIFY_FOLD_BYTES_MAX (1u << 24) /* longer sources are refused */

/* One folded character that is not ASCII. */
typedef struct {
    uint8_t len;
    uint8_t kind; /* letter_kind_t of letters.h */
    char bytes[6];
} sellify_letter_t;

/* What utf8proc says about the characters that chat texts are made of, asked
 * once (when a matcher is built) and not once per letter.  About 4.5 KB. */
typedef struct {
    sellify_letter_t latin[0x250 - 0x80];    /* U+0080.. */
    sellify_letter_t marks[0x2070 - 0x2000]; /* U+2000.. */
} sellify_folding_t;

void sellify_folding_init(sellify_folding_t *folding);

/* What stands before a word. */
typedef enum {
    SELLIFY_GAP_NONE, /* nothing: "49" and "euro sign" in 49E */
    SELLIFY_GAP_SOFT, /* white space, apostrophe, hyphen, quote, bracket, * _ */
    SELLIFY_GAP_COMMA, /* terms reach across it, exceptions do not */
    SELLIFY_GAP_HARD   /* . ! ? ; : / and the start of the text */
} sellify_gap_t;

#define SELLIFY_WORD_LETTERS 1u /* has a letter */
#define SELLIFY_WORD_DIGITS 2u  /* has a digit; a number when alone */
#define SELLIFY_WORD_SYMBOL 4u  /* one of % and the currency signs */
#define SELLIFY_WORD_EMOJI 8u   /* one emoji or other picture */
#define SELLIFY_WORD_UPPER 32u  /* every letter was a capital */
#define SELLIFY_WORD_GUARD 64u  /* made by the matcher's guard */

typedef struct {
    uint32_t start, end; /* folded bytes, [start, end) */
    uint32_t id;         /* of the matcher that looked it up */
    uint8_t gap;         /* sellify_gap_t: the strongest border before it */
    uint8_t shape;       /* SELLIFY_WORD_ bits */
    uint16_t reserved;
} sellify_word_t;

typedef struct {
    sellify_str_t source;
    char *data; /* folded bytes, then 16 bytes of zero */
    size_t len;
    uint32_t *origin; /* of every folded byte, the source byte where its
                         character begins; NULL: identity (ASCII) */
    sellify_word_t *words;
    size_t word_count;
    size_t plain_count; /* words of letters or digits */
} sellify_folded_t;

/* Scratch for one folded text of `bytes`. */
size_t sellify_fold_size(size_t bytes);

/* Folds.  Returns 0; -1 when the text is not UTF-8 (surrogates, overlong forms,
 * non-characters beyond Unicode and NUL count as not), then *error_at is the
 * source byte at fault; -1 with *error_at == source.len when the scratch is too
 * small or the text too long.  The result points into source and scratch. */
int sellify_fold(const sellify_folding_t *folding, sellify_str_t source,
    void *scratch, size_t scratch_size, sellify_folded_t *folded,
    size_t *error_at) SELLIFY_MUST_CHECK;

/* Source byte offset of a folded byte; `offset` == len gives source.len. */
size_t sellify_folded_source(const sellify_folded_t *folded, size_t offset);
/* Source byte where the character of the folded byte `offset - 1` ends: the
 * right end of a half-open range of folded bytes. */
size_t sellify_folded_source_end(const sellify_folded_t *folded, size_t offset);

/* Characters in the source bytes [from, to); the source must be UTF-8. */
uint32_t sellify_text_chars(sellify_str_t source, size_t from, size_t to);

/* The source range of a folded range, in characters: [*start, *end). */
void sellify_folded_chars(const sellify_folded_t *folded, size_t from,
    size_t to, uint32_t *start, uint32_t *end);

/* The text without white space and invisible characters at both ends; the text
 * must be UTF-8. */
sellify_str_t sellify_text_trim(sellify_str_t text);

/* NFC and trimmed of white space at both ends.  Needs sellify_fold_size(bytes)
 * of scratch, in which the result lies (or in source, if nothing changed).
 * 0, or -1 when not UTF-8 or it does not fit. */
int sellify_text_normalize(sellify_str_t source, void *scratch,
    size_t scratch_size, sellify_str_t *result) SELLIFY_MUST_CHECK;

#endif
