/*
 * The matcher: many terms, one pass over a folded text.
 *
 * Terms are made of words, so the automaton reads words and not bytes: one
 * table look-up a word, then a walk down a trie of at most
 * SELLIFY_TERM_WORDS_MAX words.  Time is linear in the text, whatever it says
 * and however many terms there are.
 *
 * How a term is written (accents and capitals are free, it is folded):
 *     menac[e|es|er|é]    a word with listed endings; [s|] may be empty;
 *                         brackets may stand anywhere in any word
 *     service client      several words, any white space, apostrophe, hyphen,
 *                         comma or emoji between them, never . ! ? ; : /
 *     vais * tuer         * is none to three words of the same sentence
 *     # % de remise       # is any number in digits, #h one with letters
 *                         behind it; % and currency signs are words
 *     ^ non ^             ^ is the start or the end of the message, pictures
 *                         left out
 *     une ai!             ! at the very end makes the term FIRM
 *
 * Flags
 *   GUARDED    also found through leetspeak (r0b0t), look-alike signs
 * (ch@tbot), spaced-out or dotted letters (r o b o t, I.A.) and repeated
 *              letters.  Words of two letters need a mark, not a space,
 * between. EXCEPTION  is not a hit: it cancels hits of the classes in its mask
 * that it overlaps.  Does not reach across a comma. FIRM       a hit that no
 * exception cancels. COUNTED    only counted in counts[class], not kept
 * (function words).
 *
 * A word with a letter three times or more ("merciiii") that is in no term is
 * looked up again with one and with two of them, for every term.
 *
 * Built once, in a region, then immutable: any number of threads may scan.
 */
#ifndef SELLIFY_MATCHER_H
#define SELLIFY_MATCHER_H

#include "region.h"
#include "text.h"

#define SELLIFY_CLASSES_MAX 64
#define SELLIFY_TERM_WORDS_MAX 12
#define SELLIFY_TERM_STARS_MAX 2
#define SELLIFY_TERM_FORMS_MAX 1024 /* that one term's brackets expand to */
#define SELLIFY_TERM_BYTES_MAX 512

#define SELLIFY_TERM_GUARDED 1u
#define SELLIFY_TERM_EXCEPTION 2u
#define SELLIFY_TERM_FIRM 4u
#define SELLIFY_TERM_COUNTED 8u

typedef struct {
    sellify_str_t text;  /* as written; copied by add, brackets and all */
    sellify_str_t sense; /* may be empty; copied */
    uint32_t class_id;   /* 0..CLASSES_MAX-1; of an exception: its own, for
                            the caller's use */
    uint32_t flags;
    uint32_t value;   /* the caller's: index of a product, ... */
    uint64_t cancels; /* EXCEPTION: bit per class */
} sellify_term_t;

typedef struct sellify_matcher_builder sellify_matcher_builder_t;
typedef struct sellify_matcher sellify_matcher_t;

/* Terms, names and the finished matcher lie in `region`; what only building
 * needs lies in `scratch`, which the caller frees afterwards. */
sellify_matcher_builder_t *sellify_matcher_begin(
    sellify_region_t *region, sellify_region_t *scratch) SELLIFY_MUST_CHECK;

/* Adds a term.  NULL, or what is wrong, a static text in lower case: "empty
 * after folding", "brackets do not match", "more than 12 words", "not UTF-8",
 * "no memory" (SELLIFY_NO_MEMORY, compare the pointer). */
extern const char SELLIFY_NO_MEMORY[];
const char *sellify_matcher_add(sellify_matcher_builder_t *builder,
    const sellify_term_t *term) SELLIFY_MUST_CHECK;

/* NULL without memory. */
const sellify_matcher_t *
sellify_matcher_finish(sellify_matcher_builder_t *builder) SELLIFY_MUST_CHECK;

/* The folding to fold with; valid as long as the matcher. */
const sellify_folding_t *sellify_matcher_folding(const sellify_matcher_t *m);
size_t sellify_matcher_terms(const sellify_matcher_t *m);

/* The value of the one-word term of class `class_id` that `word` is, for a text
 * that was scanned.  1 and *value, or 0. */
int sellify_matcher_value(const sellify_matcher_t *matcher,
    const sellify_word_t *word, uint32_t class_id, uint32_t *value);

typedef struct {
    const sellify_term_t *term;
    sellify_str_t name;   /* the term for people: lower case, the form that
                             matched when it has brackets; lives with the matcher */
    uint32_t first, last; /* words of the folded text, inclusive */
    uint32_t start, end;  /* folded bytes, [start, end) */
} sellify_hit_t;

typedef struct {
    sellify_hit_t *items; /* the caller's array */
    size_t max;
    size_t count; /* kept, in order of their first word, longest first */
    size_t found; /* all, COUNTED ones left out */
    uint32_t counts[SELLIFY_CLASSES_MAX]; /* per class, everything */
    uint64_t classes;                     /* bit per class with a hit */
    uint64_t cancelled; /* bit per class in which an exception cancelled */
} sellify_hits_t;

/* Finds every term.  Changes folded->words (ids, and spaced-out letters of
 * guarded words become one word): look at the words for other purposes first.
 * The caller sets items and max. */
void sellify_matcher_scan(const sellify_matcher_t *matcher,
    sellify_folded_t *folded, sellify_hits_t *hits);

#endif
