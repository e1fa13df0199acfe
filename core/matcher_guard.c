/*
 * The guard: words that somebody wrote so that a plain look-up misses them.
 * What it recognises becomes one word with the id of the guarded word and
 * SELLIFY_WORD_GUARD, which only GUARDED terms accept.
 */
#include "matcher_internal.h"

#define SPACED_MIN 3   /* "i a" is not a word, "b o t" is */
#define INSIDE_MIN 5   /* a word spelled inside a longer run of letters */
#define SPELLED_MAX 64 /* letters of one spelled word, repeats and all */
#define PIECES_MAX 6

static char
plain_letter(uint8_t byte)
{
    static const char digits[] = "oizeasgtbg";

    if (byte >= '0' && byte <= '9') {
        return digits[byte - '0'];
    }
    switch (byte) {
    case 'l':
    case '!':
    case '|':
        return 'i';
    case '@':
        return 'a';
    case '$':
        return 's';
    case '+':
        return 't';
    default:
        return (byte >= 'a' && byte <= 'z') || byte >= 0x80 ? (char) byte : 0;
    }
}

size_t
sellify_skeleton(const char *data, size_t len, char *out, size_t *letters)
{
    size_t i, used = 0;

    *letters = 0;
    for (i = 0; i < len; i++) {
        char letter = plain_letter((uint8_t) data[i]);

        if (i + 2 < len && memcmp(data + i, "\xE2\x82\xAC", 3) == 0) {
            letter = 'e'; /* the euro sign */
            i += 2;
        } else if ((data[i] >= 'a' && data[i] <= 'z') || (data[i] & 0x80)) {
            ++*letters;
        }
        if (letter == 0 || (used > 0 && out[used - 1] == letter)) {
            continue;
        }
        if (used == SELLIFY_SKELETON_MAX) {
            return 0;
        }
        out[used++] = letter;
    }
    memset(out + used, 0, 16);
    return used;
}

static uint32_t
find_skeleton(const sellify_matcher_t *m, const char *skeleton, size_t len)
{
    int64_t index = len ? sellify_words_find(&m->guard, skeleton, len) : -1;

    return index < 0 ? WORD_UNKNOWN : m->guard_ids[index];
}

/* The guarded word that the folded bytes [from, to) hide.  At least half of
 * what was written must be letters: "80t" is a weight. */
static uint32_t
hidden_word(const sellify_matcher_t *m, const sellify_folded_t *folded,
    uint32_t from, uint32_t to, size_t min)
{
    char skeleton[SELLIFY_SKELETON_MAX + 16];
    size_t letters, len;

    len = sellify_skeleton(folded->data + from, to - from, skeleton, &letters);
    if (len < min || letters * 2 < len) {
        return WORD_UNKNOWN;
    }
    return find_skeleton(m, skeleton, len);
}

/* Words [at, at + count) become one. */
static void
merge(sellify_folded_t *folded, size_t at, size_t count, uint32_t id)
{
    sellify_word_t *words = folded->words;
    size_t last = at + count - 1;

    words[at].end = words[last].end;
    words[at].id = id;
    words[at].shape |= SELLIFY_WORD_GUARD;
    words[at].reserved = (uint16_t) (count - 1); /* words to leave out */
}

static int
is_single(const sellify_word_t *word)
{
    return word->end - word->start == 1 &&
           (word->shape & (SELLIFY_WORD_LETTERS | SELLIFY_WORD_DIGITS));
}

static uint32_t
gap_length(const sellify_word_t *word)
{
    return word[0].start - word[-1].end;
}

/* i.a, i-a, i/a: one mark and no space, nothing more on either side. */
static int
marks_only(const sellify_folded_t *folded, const sellify_word_t *word)
{
    return gap_length(word) == 1 &&
           strchr(".-_*/~|\"", folded->data[word->start - 1]) != NULL;
}

static int
is_mostly_letters(const sellify_folded_t *folded, size_t at, size_t count)
{
    size_t i, letters = 0;

    for (i = 0; i < count; i++) {
        letters += (folded->words[at + i].shape & SELLIFY_WORD_LETTERS) != 0;
    }
    return letters * 2 >= count;
}

/* The longest guarded word that the single letters from `at` on begin with.
 * Returns how many letters it takes.  The skeleton is made once, and its starts
 * are looked up: a long run of letters costs no more than its length. */
static size_t
hidden_inside(const sellify_matcher_t *m, const sellify_folded_t *folded,
    size_t at, size_t count, uint32_t *id)
{
    char skeleton[SELLIFY_SKELETON_MAX + 16] = { 0 };
    size_t ends[SELLIFY_SKELETON_MAX], len = 0, i;

    for (i = 0; i < count && i < SPELLED_MAX && len < SELLIFY_SKELETON_MAX;
         i++) {
        char letter =
            plain_letter((uint8_t) folded->data[folded->words[at + i].start]);

        if (len == 0 || skeleton[len - 1] != letter) {
            skeleton[len++] = letter;
        }
        ends[len - 1] = i + 1;
    }
    for (; len >= INSIDE_MIN; len--) {
        *id = find_skeleton(m, skeleton, len);
        if (*id != WORD_UNKNOWN &&
            is_mostly_letters(folded, at, ends[len - 1])) {
            return ends[len - 1];
        }
    }
    return 0;
}

/* A segment of single letters between wider gaps. */
static void
guard_segment(const sellify_matcher_t *m, sellify_folded_t *folded, size_t at,
    size_t count)
{
    sellify_word_t *words = folded->words;
    size_t from, len;
    uint32_t id;

    if (count == 2 && !marks_only(folded, &words[at + 1])) {
        return;
    }
    id = hidden_word(m, folded, words[at].start, words[at + count - 1].end, 2);
    if (id != WORD_UNKNOWN) {
        merge(folded, at, count, id);
        return;
    }
    for (from = 0; from + INSIDE_MIN <= count; from += len) {
        len = hidden_inside(m, folded, at + from, count - from, &id);
        if (len > 0) {
            merge(folded, at + from, len, id);
        } else {
            len = 1;
        }
    }
}

/* Returns the words of the run of single letters that starts at `at`. */
static size_t
guard_run(const sellify_matcher_t *m, sellify_folded_t *folded, size_t at)
{
    sellify_word_t *words = folded->words;
    size_t count = 1, from = 0, i;
    uint32_t narrow = UINT32_MAX;

    while (at + count < folded->word_count && is_single(&words[at + count]) &&
           gap_length(&words[at + count]) <= 4) {
        uint32_t gap = gap_length(&words[at + count]);
        narrow = gap < narrow ? gap : narrow;
        count++;
    }
    for (i = 1; i <= count; i++) {
        if (i == count || gap_length(&words[at + i]) > narrow) {
            if (i - from >= 2) {
                guard_segment(m, folded, at + from, i - from);
            }
            from = i;
        }
    }
    return count;
}

static int
joins(const sellify_folded_t *folded, const sellify_word_t *word)
{
    uint32_t gap = gap_length(word);

    return gap == 0 || (gap == 1 && strchr("-_.*~|@$!+",
                                        folded->data[word->start - 1]) != NULL);
}

/* Words joined by single marks or by nothing: ch@tbot, ro-bot, ag<euro>nt. */
static void
guard_joined(const sellify_matcher_t *m, sellify_folded_t *folded, size_t at)
{
    sellify_word_t *words = folded->words;
    size_t count, best = 0;
    uint32_t id, best_id = WORD_UNKNOWN;

    for (count = 2; count <= PIECES_MAX && at + count <= folded->word_count &&
                    joins(folded, &words[at + count - 1]);
         count++) {
        id = hidden_word(m, folded, words[at].start, words[at + count - 1].end,
            words[at].shape & SELLIFY_WORD_SYMBOL ? 99 : 4);
        if (id != WORD_UNKNOWN) {
            best = count;
            best_id = id;
        }
    }
    if (best) {
        merge(folded, at, best, best_id);
    }
}

static int
is_mixed(const sellify_word_t *word)
{
    const unsigned both = SELLIFY_WORD_LETTERS | SELLIFY_WORD_DIGITS;

    return (word->shape & both) == both;
}

/* Leaves out the words that a merged one has swallowed. */
static void
compact(sellify_folded_t *folded)
{
    sellify_word_t *words = folded->words;
    size_t from, to = 0;

    for (from = 0; from < folded->word_count; from++) {
        size_t skip = words[from].reserved;

        words[to] = words[from];
        words[to].reserved = 0;
        to++;
        from += skip;
    }
    folded->word_count = to;
}

void
sellify_guard(const sellify_matcher_t *m, sellify_folded_t *folded)
{
    sellify_word_t *words = folded->words;
    size_t i, run;

    for (i = 0; i < folded->word_count; i += run) {
        run = 1;
        if (is_single(&words[i])) {
            run = guard_run(m, folded, i);
        }
        if (run > 1) {
            continue;
        }
        if (i + 1 < folded->word_count && joins(folded, &words[i + 1])) {
            guard_joined(m, folded, i);
        }
        if (words[i].reserved == 0 && words[i].id == WORD_UNKNOWN &&
            is_mixed(&words[i])) {
            words[i].id = hidden_word(
                m, folded, words[i].start, words[i].end, SPACED_MIN);
            words[i].shape |=
                words[i].id != WORD_UNKNOWN ? SELLIFY_WORD_GUARD : 0;
        }
        run += words[i].reserved;
    }
    compact(folded);
}
