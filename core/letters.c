/* What a character folds to, asked of utf8proc. */
#include "letters.h"

#include <utf8proc.h>

typedef struct {
    int32_t codepoint;
    char plain[4];
} letter_pair_t;

/* Letters and marks that NFKD leaves alone although people read them as ASCII.
 * Ascending, for the binary search. */
static const letter_pair_t pairs[] = {
    { 0x00A9, " " }, /* copyright: or "(c)" would join the word */
    { 0x00AB, "\"" },
    { 0x00AE, " " },
    { 0x00B7, "." },
    { 0x00BB, "\"" },
    { 0x00C6, "ae" },
    { 0x00D0, "d" },
    { 0x00D8, "o" },
    { 0x00DE, "th" },
    { 0x00E6, "ae" },
    { 0x00F0, "d" },
    { 0x00F8, "o" },
    { 0x00FE, "th" },
    { 0x0110, "d" },
    { 0x0111, "d" },
    { 0x0126, "h" },
    { 0x0127, "h" },
    { 0x0131, "i" },
    { 0x0141, "l" },
    { 0x0142, "l" },
    { 0x0152, "oe" },
    { 0x0153, "oe" },
    { 0x0250, "a" },
    { 0x0251, "a" },
    { 0x0261, "g" },
    { 0x0262, "g" },
    { 0x0269, "i" },
    { 0x026A, "i" },
    { 0x0274, "n" },
    { 0x0280, "r" },
    { 0x028F, "y" },
    { 0x0299, "b" },
    { 0x029C, "h" },
    { 0x029F, "l" },
    { 0x02BC, "'" },
    { 0x1D00, "a" },
    { 0x1D04, "c" },
    { 0x1D05, "d" },
    { 0x1D07, "e" },
    { 0x1D0A, "j" },
    { 0x1D0B, "k" },
    { 0x1D0D, "m" },
    { 0x1D0F, "o" },
    { 0x1D18, "p" },
    { 0x1D1B, "t" },
    { 0x1D1C, "u" },
    { 0x1D20, "v" },
    { 0x1D21, "w" },
    { 0x1D22, "z" },
    { 0x2018, "'" },
    { 0x2019, "'" },
    { 0x201A, "'" },
    { 0x201B, "'" },
    { 0x2022, "." },
    { 0x2024, "." },
    { 0x2026, "..." },
    { 0x2027, "." },
    { 0x2032, "'" },
    { 0x2044, "/" },
    { 0x2120, " " },
    { 0x2122, " " },
    { 0x2212, "-" },
    { 0x22C5, "." },
    { 0x2800, " " },
    { 0x3002, "." },
    { 0x30FB, "." },
    { 0xA730, "f" },
    { 0xA731, "s" },
};

/* Look-alikes, capitals and small letters apart: the Cyrillic capital of "ve"
 * looks like B, its small letter like a small capital b. */
static const struct {
    int32_t codepoint;
    char plain;
} alikes[] = {
    { 0x0391, 'a' },
    { 0x0392, 'b' },
    { 0x0395, 'e' },
    { 0x0396, 'z' },
    { 0x0397, 'h' },
    { 0x0399, 'i' },
    { 0x039A, 'k' },
    { 0x039C, 'm' },
    { 0x039D, 'n' },
    { 0x039F, 'o' },
    { 0x03A1, 'p' },
    { 0x03A4, 't' },
    { 0x03A5, 'y' },
    { 0x03A7, 'x' },
    { 0x03AC, 'a' },
    { 0x03AF, 'i' },
    { 0x03B1, 'a' },
    { 0x03B2, 'b' },
    { 0x03B3, 'y' },
    { 0x03B5, 'e' },
    { 0x03B6, 'z' },
    { 0x03B7, 'n' },
    { 0x03B9, 'i' },
    { 0x03BA, 'k' },
    { 0x03BD, 'v' },
    { 0x03BF, 'o' },
    { 0x03C1, 'p' },
    { 0x03C4, 't' },
    { 0x03C5, 'u' },
    { 0x03C7, 'x' },
    { 0x03C9, 'w' },
    { 0x03CC, 'o' },
    { 0x0405, 's' },
    { 0x0406, 'i' },
    { 0x0407, 'i' },
    { 0x0408, 'j' },
    { 0x0410, 'a' },
    { 0x0412, 'b' },
    { 0x0415, 'e' },
    { 0x041A, 'k' },
    { 0x041C, 'm' },
    { 0x041D, 'h' },
    { 0x041E, 'o' },
    { 0x0420, 'p' },
    { 0x0421, 'c' },
    { 0x0422, 't' },
    { 0x0423, 'y' },
    { 0x0425, 'x' },
    { 0x042C, 'b' },
    { 0x0430, 'a' },
    { 0x0432, 'b' },
    { 0x0433, 'r' },
    { 0x0435, 'e' },
    { 0x043A, 'k' },
    { 0x043C, 'm' },
    { 0x043D, 'h' },
    { 0x043E, 'o' },
    { 0x043F, 'n' },
    { 0x0440, 'p' },
    { 0x0441, 'c' },
    { 0x0442, 't' },
    { 0x0443, 'y' },
    { 0x0445, 'x' },
    { 0x044C, 'b' },
    { 0x0451, 'e' },
    { 0x0455, 's' },
    { 0x0456, 'i' },
    { 0x0457, 'i' },
    { 0x0458, 'j' },
    { 0x04AF, 'y' },
    { 0x04BA, 'h' },
    { 0x04BB, 'h' },
    { 0x04C0, 'i' },
    { 0x04CF, 'i' },
    { 0x0501, 'd' },
    { 0x051A, 'q' },
    { 0x051B, 'q' },
    { 0x051C, 'w' },
    { 0x051D, 'w' },
};

char
sellify_letter_alike(int32_t codepoint)
{
    size_t low = 0, high = sizeof(alikes) / sizeof(alikes[0]);

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (alikes[middle].codepoint < codepoint) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < sizeof(alikes) / sizeof(alikes[0]) &&
        alikes[low].codepoint == codepoint) {
        return alikes[low].plain;
    }
    return 0;
}

int
sellify_letter_may_be_alike(int32_t codepoint)
{
    return codepoint >= 0x370 && codepoint < 0x530;
}

static const char *
pair_of(int32_t codepoint)
{
    size_t low = 0, high = sizeof(pairs) / sizeof(pairs[0]);

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pairs[middle].codepoint < codepoint) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < sizeof(pairs) / sizeof(pairs[0]) &&
        pairs[low].codepoint == codepoint) {
        return pairs[low].plain;
    }
    return NULL;
}

/* Letters in boxes (U+1F130.., U+1F150.., U+1F170..) that NFKD keeps. */
static char
boxed_letter(int32_t codepoint)
{
    if (codepoint >= 0x1F150 && codepoint <= 0x1F169) {
        return (char) ('a' + codepoint - 0x1F150);
    }
    if (codepoint >= 0x1F170 && codepoint <= 0x1F189) {
        return (char) ('a' + codepoint - 0x1F170);
    }
    return 0;
}

static int
is_emoji(int32_t codepoint, utf8proc_category_t category)
{
    return (category == UTF8PROC_CATEGORY_SO && codepoint >= 0x2190) ||
           (codepoint >= 0x1F000 && codepoint < 0x1FB00);
}

/* Bytes for a character that decomposes to none of our concern: marks by
 * category become one ASCII border. */
static sellify_letter_kind_t
fold_by_category(int32_t codepoint, char *bytes, size_t *len)
{
    utf8proc_category_t category = utf8proc_category(codepoint);
    const char *border = " ";

    if (codepoint >= 0x1F3FB && codepoint <= 0x1F3FF) {
        *len = 0; /* skin tones */
        return SELLIFY_LETTER_GONE;
    }
    if (category == UTF8PROC_CATEGORY_SC) {
        *len = (size_t) utf8proc_encode_char(codepoint, (uint8_t *) bytes);
        return SELLIFY_LETTER_CURRENCY;
    }
    if (is_emoji(codepoint, category)) {
        *len = (size_t) utf8proc_encode_char(codepoint, (uint8_t *) bytes);
        return SELLIFY_LETTER_EMOJI;
    }
    if (category <= UTF8PROC_CATEGORY_LO ||
        (category >= UTF8PROC_CATEGORY_ND &&
            category <= UTF8PROC_CATEGORY_NO)) {
        *len = (size_t) utf8proc_encode_char(codepoint, (uint8_t *) bytes);
        return SELLIFY_LETTER_FOREIGN;
    }
    if (category == UTF8PROC_CATEGORY_PD) {
        border = "-";
    } else if (category >= UTF8PROC_CATEGORY_PC &&
               category <= UTF8PROC_CATEGORY_PO) {
        border = "\"";
    }
    bytes[0] = border[0];
    *len = 1;
    return SELLIFY_LETTER_LOWER;
}

/* The pieces of a decomposition, folded and put together.  `kind` becomes that
 * of the strongest piece.  0, or -1 when they do not fit. */
static int
join_pieces(const utf8proc_int32_t *pieces, size_t count, size_t room,
    char *bytes, size_t *len, sellify_letter_kind_t *kind)
{
    size_t i, used = 0;

    for (i = 0; i < count; i++) {
        const char *plain = pair_of(pieces[i]);
        char one[SELLIFY_LETTER_BYTES];
        size_t size;

        if (pieces[i] < 0x80) {
            one[0] = (char) pieces[i];
            size = 1;
        } else if (plain != NULL) {
            size = strlen(plain);
            memcpy(one, plain, size);
        } else {
            sellify_letter_kind_t piece =
                fold_by_category(pieces[i], one, &size);
            if (piece > SELLIFY_LETTER_UPPER) {
                *kind = piece;
            }
        }
        if (used + size > room) {
            return -1;
        }
        memcpy(bytes + used, one, size);
        used += size;
    }
    *len = used;
    return 0;
}

static sellify_letter_kind_t
case_of(int32_t codepoint)
{
    utf8proc_category_t category = utf8proc_category(codepoint);

    return category == UTF8PROC_CATEGORY_LU ||
                   (codepoint >= 0x1F130 && codepoint <= 0x1F189)
               ? SELLIFY_LETTER_UPPER
               : SELLIFY_LETTER_LOWER;
}

sellify_letter_kind_t
sellify_letter_fold(int32_t codepoint, size_t source_len,
    char bytes[SELLIFY_LETTER_BYTES], size_t *len)
{
    const int options = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                        UTF8PROC_CASEFOLD | UTF8PROC_IGNORE |
                        UTF8PROC_STRIPMARK;
    utf8proc_int32_t pieces[24];
    utf8proc_ssize_t count;
    sellify_letter_kind_t kind = case_of(codepoint);
    const char *plain = pair_of(codepoint);
    size_t room = source_len * 2;

    if (plain == NULL && boxed_letter(codepoint)) {
        bytes[0] = boxed_letter(codepoint);
        *len = 1;
        return kind;
    }
    if (plain != NULL) {
        *len = strlen(plain);
        memcpy(bytes, plain, *len);
        return kind;
    }
    if (codepoint >= 0xAC00 && codepoint <= 0xD7A3) {
        count = -1; /* Hangul syllables stay whole: their parts are longer */
    } else {
        int bound = 0;
        count = utf8proc_decompose_char(
            codepoint, pieces, 24, (utf8proc_option_t) options, &bound);
    }
    if (count == 0) {
        *len = 0;
        return SELLIFY_LETTER_GONE;
    }
    if (count < 0 || count > 24 ||
        join_pieces(pieces, (size_t) count, room, bytes, len, &kind) != 0) {
        *len = (size_t) utf8proc_encode_char(codepoint, (uint8_t *) bytes);
        return SELLIFY_LETTER_FOREIGN;
    }
    return kind;
}

static void
folding_range(sellify_letter_t *letters, int32_t from, int32_t to)
{
    int32_t codepoint;

    for (codepoint = from; codepoint < to; codepoint++) {
        sellify_letter_t *letter = &letters[codepoint - from];
        char bytes[SELLIFY_LETTER_BYTES];
        size_t len;
        sellify_letter_kind_t kind = sellify_letter_fold(
            codepoint, codepoint < 0x800 ? 2 : 3, bytes, &len);

        if (len > sizeof(letter->bytes)) {
            kind = SELLIFY_LETTER_SLOW;
            len = 0;
        }
        letter->kind = (uint8_t) kind;
        letter->len = (uint8_t) len;
        memcpy(letter->bytes, bytes, len);
    }
}

void
sellify_folding_init(sellify_folding_t *folding)
{
    memset(folding, 0, sizeof(*folding));
    folding_range(folding->latin, 0x80, 0x250);
    folding_range(folding->marks, 0x2000, 0x2070);
}
