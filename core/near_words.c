/*
 * Near misses in a vocabulary; see near_words.h.  Lengths and sets of letters
 * rule nearly every word out before anything is compared.
 */
#include "near_words.h"

#define LETTERS_MIN SELLIFY_NEAR_LETTERS_MIN
#define LETTERS_MAX SELLIFY_NEAR_LETTERS_MAX

static uint32_t
mask_of(sellify_str_t word)
{
    uint32_t mask = 0;

    for (size_t i = 0; i < word.len; i++) {
        mask |= 1u << ((unsigned char) word.data[i] & 31);
    }
    return mask;
}

static int
fits(sellify_str_t word)
{
    return word.len >= LETTERS_MIN && word.len <= LETTERS_MAX;
}

int
sellify_near_words_build(sellify_near_words_t *near,
    const sellify_near_word_t *words, size_t count, sellify_region_t *region)
{
    uint32_t next[LETTERS_MAX + 2] = { 0 };
    size_t kept = 0, i;

    for (i = 0; i < count && kept < SELLIFY_NEAR_WORDS_MAX; i++) {
        if (fits(words[i].text)) {
            near->from[words[i].text.len + 1]++;
            kept++;
        }
    }
    count = i;
    for (i = 1; i < LETTERS_MAX + 2; i++) {
        near->from[i] += near->from[i - 1];
    }
    near->words = sellify_region_array(region, kept, sizeof(*near->words));
    near->masks = sellify_region_array(region, kept, sizeof(*near->masks));
    if (near->words == NULL || near->masks == NULL) {
        return -1;
    }
    memcpy(next, near->from, sizeof(next));
    for (i = 0; i < count; i++) {
        if (fits(words[i].text)) {
            uint32_t at = next[words[i].text.len]++;

            near->words[at] = words[i];
            near->masks[at] = mask_of(words[i].text);
        }
    }
    return 0;
}

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned
edit_distance(sellify_str_t a, sellify_str_t b)
{
    unsigned rows[3][LETTERS_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b.len; j++) {
        last[j] = (unsigned) j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *oldest = before;

        row[0] = (unsigned) i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned replace = a.data[i - 1] != b.data[j - 1];

            row[j] =
                least(least(row[j - 1], last[j]) + 1, last[j - 1] + replace);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        before = last;
        last = row;
        row = oldest;
    }
    return last[b.len];
}

/* At most `allowed` (1 or 2) bits? */
static int
few_bits(uint32_t bits, unsigned allowed)
{
    bits &= bits - 1;
    if (allowed > 1) {
        bits &= bits - 1;
    }
    return bits == 0;
}

static int
spend(uint32_t *work, uint32_t cost)
{
    if (*work < cost) {
        *work = 0;
        return 0;
    }
    *work -= cost;
    return 1;
}

typedef struct {
    sellify_str_t word;
    uint32_t mask, *work;
    const sellify_near_word_t *best;
    unsigned edits;
    int tie;
} search_t;

/* All words of one length. -1 when the work is used up. */
static int
search_length(const sellify_near_words_t *near, size_t length, search_t *s)
{
    unsigned allowed = length >= SELLIFY_NEAR_TWO_EDITS ? 2 : 1;
    uint32_t from = near->from[length], to = near->from[length + 1];

    if (length + allowed < s->word.len || s->word.len + allowed < length) {
        return 0;
    }
    if (!spend(s->work, to - from)) {
        return -1;
    }
    for (uint32_t i = from; i < to; i++) {
        const sellify_near_word_t *word = &near->words[i];
        unsigned edits;

        if (!few_bits(s->mask & ~near->masks[i], allowed) ||
            !few_bits(near->masks[i] & ~s->mask, allowed)) {
            continue; /* an edit brings one letter and takes one at most */
        }
        if (!spend(s->work, SELLIFY_NEAR_COMPARE)) {
            return -1;
        }
        edits = edit_distance(s->word, word->text);
        if (edits > allowed || edits > s->edits) {
            continue;
        }
        if (edits == s->edits && sellify_str_equal(word->text, s->best->text)) {
            continue; /* "bijou" and "bijoux" have one stem */
        }
        s->tie = edits == s->edits;
        s->edits = edits;
        s->best = word;
    }
    return 0;
}

int64_t
sellify_near_words_find(const sellify_near_words_t *near, sellify_str_t word,
    unsigned *edits, uint32_t *work)
{
    search_t s = { .word = word, .work = work, .edits = 3 };

    if (word.len < LETTERS_MIN - 1 || word.len > LETTERS_MAX) {
        return -1;
    }
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] < 'a' || word.data[i] > 'z') {
            return -1;
        }
    }
    s.mask = mask_of(word);
    for (size_t length = LETTERS_MIN; length <= LETTERS_MAX; length++) {
        if (search_length(near, length, &s) != 0) {
            return -1;
        }
    }
    *edits = s.edits;
    return s.best == NULL || s.tie ? -1 : (int64_t) s.best->value;
}
