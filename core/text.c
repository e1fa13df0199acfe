/* Folding: one pass from UTF-8 to folded bytes and words. */
#include "letters.h"

#include <utf8proc.h>

/* Classes of ASCII bytes.  The low bits are those of sellify_word_t.shape. */
#define IN_WORD (SELLIFY_WORD_LETTERS | SELLIFY_WORD_DIGITS)
#define SMALL 0x80u /* a small letter */
#define GAP_SHIFT 4
/* The border above SELLIFY_GAP_SOFT, which all other bytes are. */
#define COMMA ((SELLIFY_GAP_COMMA - SELLIFY_GAP_SOFT) << GAP_SHIFT)
#define HARD ((SELLIFY_GAP_HARD - SELLIFY_GAP_SOFT) << GAP_SHIFT)

static const uint8_t classes[128] = {
    ['0' ... '9'] = SELLIFY_WORD_DIGITS,
    ['A' ... 'Z'] = SELLIFY_WORD_LETTERS,
    ['a' ... 'z'] = SELLIFY_WORD_LETTERS | SMALL,
    ['%'] = SELLIFY_WORD_SYMBOL,
    ['$'] = SELLIFY_WORD_SYMBOL,
    [','] = COMMA,
    ['.'] = HARD,
    ['!'] = HARD,
    ['?'] = HARD,
    [';'] = HARD,
    [':'] = HARD,
    ['/'] = HARD,
    ['|'] = HARD,
    ['@'] = HARD,
};

static const char lower[128] = {
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    '\t',
    '\n',
    ' ',
    ' ',
    '\r',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    ' ',
    '!',
    '"',
    '#',
    '$',
    '%',
    '&',
    '\'',
    '(',
    ')',
    '*',
    '+',
    ',',
    '-',
    '.',
    '/',
    '0',
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
    ':',
    ';',
    '<',
    '=',
    '>',
    '?',
    '@',
    'a',
    'b',
    'c',
    'd',
    'e',
    'f',
    'g',
    'h',
    'i',
    'j',
    'k',
    'l',
    'm',
    'n',
    'o',
    'p',
    'q',
    'r',
    's',
    't',
    'u',
    'v',
    'w',
    'x',
    'y',
    'z',
    '[',
    '\\',
    ']',
    '^',
    '_',
    '`',
    'a',
    'b',
    'c',
    'd',
    'e',
    'f',
    'g',
    'h',
    'i',
    'j',
    'k',
    'l',
    'm',
    'n',
    'o',
    'p',
    'q',
    'r',
    's',
    't',
    'u',
    'v',
    'w',
    'x',
    'y',
    'z',
    '{',
    '|',
    '}',
    '~',
    ' ',
};

typedef struct {
    const sellify_folding_t *folding;
    const uint8_t *src;
    size_t src_len;
    sellify_folded_t *out;
    size_t len; /* folded so far */
    size_t room, words_max;
    uint32_t *origin_room; /* becomes out->origin at the first such need */
    size_t word;           /* where the open word starts, or NO_WORD */
    unsigned shape;        /* classes seen in the open word */
    unsigned foreign;      /* the open word has a letter outside ASCII */
    unsigned alike;        /* one that may be a look-alike */
    unsigned gap;
    unsigned latin; /* a Latin word was seen */
} folder_t;

#define NO_WORD SIZE_MAX
#define SLACK 16u /* zero bytes behind the folded text: words are read by 8 */

static size_t
data_room(size_t bytes)
{
    return (bytes * 2 + SLACK * 2 + 15) & ~(size_t) 15;
}

static size_t
words_room(size_t bytes)
{
    return bytes + 2;
}

size_t
sellify_fold_size(size_t bytes)
{
    return 16 + data_room(bytes) * (1 + sizeof(uint32_t)) +
           words_room(bytes) * sizeof(sellify_word_t);
}

static inline void
put(folder_t *f, char byte, size_t at)
{
    f->out->data[f->len] = byte;
    if (f->out->origin != NULL) {
        f->out->origin[f->len] = (uint32_t) at;
    }
    f->len++;
}

static size_t
decode(const folder_t *f, size_t at, int32_t *codepoint)
{
    utf8proc_ssize_t size = utf8proc_iterate(
        f->src + at, (utf8proc_ssize_t) (f->src_len - at), codepoint);

    return size > 0 ? (size_t) size : 0;
}

/* The ASCII letter for the folded character at `at` of the open word, or 0. */
static char
alike_at(const folder_t *f, size_t at, size_t *size)
{
    const uint8_t *data = (const uint8_t *) f->out->data;
    int32_t folded = 0, source = 0;
    char plain;

    *size = (size_t) utf8proc_iterate(
        data + at, (utf8proc_ssize_t) (f->len - at), &folded);
    decode(f, f->out->origin[at], &source);
    plain = sellify_letter_alike(source);
    return plain ? plain : sellify_letter_alike(folded);
}

/* A word that mixes Latin with look-alikes, or that has nothing but look-alikes
 * in a Latin text, becomes Latin.  Anything else stays as it is. */
static void
resolve_alikes(folder_t *f)
{
    char *data = f->out->data;
    size_t from, to = f->word, size;

    if (!(f->shape & SELLIFY_WORD_LETTERS) && !f->latin) {
        return;
    }
    for (from = f->word; from < f->len; from += size) {
        size = 1;
        if ((data[from] & 0x80) && !alike_at(f, from, &size)) {
            return;
        }
    }
    for (from = f->word; from < f->len; from += size) {
        char plain = data[from];
        size = 1;
        if (plain & 0x80) {
            plain = alike_at(f, from, &size);
        }
        data[to] = plain;
        f->out->origin[to] = f->out->origin[from];
        to++;
    }
    f->len = to;
    f->foreign = 0;
    f->shape |= SELLIFY_WORD_LETTERS;
}

static void
add_word(folder_t *f, size_t start, unsigned shape)
{
    sellify_folded_t *out = f->out;
    sellify_word_t *word = &out->words[out->word_count++];

    word->start = (uint32_t) start;
    word->end = (uint32_t) f->len;
    word->id = 0;
    word->gap = (uint8_t) f->gap;
    word->shape = (uint8_t) shape;
    word->reserved = 0;
    f->gap = SELLIFY_GAP_NONE;
}

static void
close_word(folder_t *f)
{
    unsigned shape;

    if (f->alike) {
        resolve_alikes(f);
    }
    shape = f->shape & IN_WORD;
    if (shape & SELLIFY_WORD_LETTERS) {
        f->latin = 1;
        shape |= f->shape & SMALL ? 0 : SELLIFY_WORD_UPPER;
    }
    if (f->foreign) {
        shape |= SELLIFY_WORD_LETTERS;
    }
    add_word(f, f->word, shape);
    f->out->plain_count++;
    f->word = NO_WORD;
    f->shape = f->foreign = f->alike = 0;
}

static void
open_word(folder_t *f)
{
    if (f->word == NO_WORD) {
        f->word = f->len;
    }
}

/* A border, or a symbol that is a word of its own. */
static void
put_border(folder_t *f, uint8_t byte, size_t at)
{
    unsigned class = classes[byte],
             gap = SELLIFY_GAP_SOFT + ((class >> GAP_SHIFT) & 3);
    size_t start = f->len;

    if (f->word != NO_WORD) {
        close_word(f);
        start = f->len;
    }
    put(f, lower[byte], at);
    if (class & SELLIFY_WORD_SYMBOL) {
        add_word(f, start, SELLIFY_WORD_SYMBOL);
    } else if (gap > f->gap) {
        f->gap = gap;
    }
}

/* ASCII from `at` on: a byte in is a byte out.  Returns where it ends. */
static size_t
fold_ascii(folder_t *f, size_t at)
{
    const uint8_t *src = f->src;
    size_t end = f->src_len;

    while (at < end && src[at] < 0x80 && src[at] != 0) {
        unsigned class = classes[src[at]], shape = 0;

        if (!(class & IN_WORD)) {
            put_border(f, src[at], at);
            at++;
            continue;
        }
        open_word(f);
        do {
            put(f, lower[src[at]], at);
            shape |= class;
            at++;
        } while (at < end && src[at] < 0x80 &&
                 ((class = classes[src[at]]) & IN_WORD));
        f->shape |= shape;
    }
    return at;
}

/* The folded bytes of one character that was not ASCII. */
static void
put_plain(folder_t *f, const char *bytes, size_t len, size_t at, int upper)
{
    size_t i;

    for (i = 0; i < len; i++) {
        uint8_t byte = (uint8_t) bytes[i];
        unsigned class;

        if (byte >= 0x80) {
            open_word(f);
            put(f, bytes[i], at);
            f->foreign = 1;
            continue;
        }
        class = classes[byte];
        if (class & IN_WORD) {
            open_word(f);
            put(f, lower[byte], at);
            f->shape |= upper ? class & IN_WORD : class;
        } else {
            put_border(f, byte, at);
        }
    }
}

static void
put_symbol(
    folder_t *f, const char *bytes, size_t len, size_t at, unsigned shape)
{
    size_t i, start;

    if (f->word != NO_WORD) {
        close_word(f);
    }
    start = f->len;
    for (i = 0; i < len; i++) {
        put(f, bytes[i], at);
    }
    add_word(f, start, shape);
}

static const sellify_letter_t *
known_letter(const folder_t *f, int32_t codepoint)
{
    const sellify_letter_t *letter = NULL;

    if (codepoint < 0x250) {
        letter = &f->folding->latin[codepoint - 0x80];
    } else if (codepoint >= 0x2000 && codepoint < 0x2070) {
        letter = &f->folding->marks[codepoint - 0x2000];
    }
    return letter != NULL && letter->kind != SELLIFY_LETTER_SLOW ? letter
                                                                 : NULL;
}

/* One character outside ASCII.  Returns its size, 0 when it is not UTF-8. */
static size_t
fold_character(folder_t *f, size_t at)
{
    char slow[SELLIFY_LETTER_BYTES];
    const char *bytes = slow;
    const sellify_letter_t *letter;
    sellify_letter_kind_t kind;
    int32_t codepoint;
    size_t len, size = decode(f, at, &codepoint);

    if (size < 2) {
        return 0;
    }
    letter = known_letter(f, codepoint);
    if (letter != NULL) {
        kind = letter->kind;
        len = letter->len;
        bytes = letter->bytes;
    } else {
        kind = sellify_letter_fold(codepoint, size, slow, &len);
    }
    switch (kind) {
    case SELLIFY_LETTER_CURRENCY:
        put_symbol(f, bytes, len, at, SELLIFY_WORD_SYMBOL);
        break;
    case SELLIFY_LETTER_EMOJI:
        put_symbol(f, bytes, len, at, SELLIFY_WORD_EMOJI);
        break;
    case SELLIFY_LETTER_GONE:
        break;
    default:
        put_plain(f, bytes, len, at, kind == SELLIFY_LETTER_UPPER);
        f->alike |= sellify_letter_may_be_alike(codepoint);
        break;
    }
    return size;
}

static void
start_origin(folder_t *f)
{
    size_t i;

    f->out->origin = f->origin_room;
    for (i = 0; i < f->len; i++) {
        f->out->origin[i] = (uint32_t) i;
    }
}

static int
folder_init(folder_t *f, sellify_str_t source, void *scratch,
    size_t scratch_size, sellify_folded_t *folded)
{
    uintptr_t base = ((uintptr_t) scratch + 15) & ~(uintptr_t) 15;
    size_t room = data_room(source.len);

    memset(folded, 0, sizeof(*folded));
    folded->source = source;
    if (source.len > SELLIFY_FOLD_BYTES_MAX ||
        scratch_size < sellify_fold_size(source.len)) {
        return -1;
    }
    folded->data = (char *) base;
    f->origin_room = (uint32_t *) (base + room);
    folded->words = (sellify_word_t *) (base + room * (1 + sizeof(uint32_t)));
    f->room = room;
    f->words_max = words_room(source.len);
    f->src = (const uint8_t *) source.data;
    f->src_len = source.len;
    f->out = folded;
    f->word = NO_WORD;
    f->gap = SELLIFY_GAP_HARD;
    return 0;
}

int
sellify_fold(const sellify_folding_t *folding, sellify_str_t source,
    void *scratch, size_t scratch_size, sellify_folded_t *folded,
    size_t *error_at)
{
    folder_t f;
    size_t at = 0, size;

    memset(&f, 0, sizeof(f));
    f.folding = folding;
    *error_at = source.len;
    if (folder_init(&f, source, scratch, scratch_size, folded) != 0) {
        return -1;
    }
    while ((at = fold_ascii(&f, at)) < source.len) {
        if (folded->origin == NULL) {
            start_origin(&f);
        }
        size = fold_character(&f, at);
        if (size == 0) {
            *error_at = at;
            return -1;
        }
        at += size;
    }
    if (f.word != NO_WORD) {
        close_word(&f);
    }
    folded->len = f.len;
    memset(folded->data + f.len, 0, SLACK);
    return 0;
}

size_t
sellify_folded_source(const sellify_folded_t *folded, size_t offset)
{
    if (offset >= folded->len) {
        return folded->source.len;
    }
    return folded->origin != NULL ? folded->origin[offset] : offset;
}

size_t
sellify_folded_source_end(const sellify_folded_t *folded, size_t offset)
{
    const uint8_t *src = (const uint8_t *) folded->source.data;
    size_t len = folded->source.len, at;
    utf8proc_ssize_t size;
    int32_t codepoint;

    if (offset == 0) {
        return 0;
    }
    at = sellify_folded_source(folded, offset - 1);
    size =
        utf8proc_iterate(src + at, (utf8proc_ssize_t) (len - at), &codepoint);
    at += size > 0 ? (size_t) size : 1;
    while (at < len && src[at] >= 0x80) {
        utf8proc_category_t category;

        size = utf8proc_iterate(
            src + at, (utf8proc_ssize_t) (len - at), &codepoint);
        category = size > 0 ? utf8proc_category(codepoint) : 0;
        if (category < UTF8PROC_CATEGORY_MN ||
            category > UTF8PROC_CATEGORY_ME) {
            break; /* marks belong to the character before them */
        }
        at += (size_t) size;
    }
    return at;
}

uint32_t
sellify_text_chars(sellify_str_t source, size_t from, size_t to)
{
    uint32_t count = 0;

    for (; from < to; from++) {
        count += ((uint8_t) source.data[from] & 0xC0) != 0x80;
    }
    return count;
}

void
sellify_folded_chars(const sellify_folded_t *folded, size_t from, size_t to,
    uint32_t *start, uint32_t *end)
{
    size_t first = sellify_folded_source(folded, from);
    size_t last = to > from ? sellify_folded_source_end(folded, to) : first;

    *start = sellify_text_chars(folded->source, 0, first);
    *end = *start + sellify_text_chars(folded->source, first, last);
}
