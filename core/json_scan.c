/*
 * A strict JSON scanner without recursion: RFC 8259, valid UTF-8, no \u0000, no
 * lone surrogates, no duplicate keys, bounded depth and numbers.
 *
 * Duplicate keys are found by sorting the key offsets of each object when it
 * ends.  A merge sort compares each key at most once per level as the winner,
 * so an object costs its length times the logarithm of its members, whatever
 * the keys are: there is no hash to attack.
 */
#include "json_scan.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBER_MAX 64 /* characters of one number */
#define NUMBER_EXPONENT 308

typedef struct {
    char kind;        /* '{' or '[' */
    int has_key;      /* key names the member being read */
    uint32_t key;     /* offset of the key's first byte */
    uint32_t members; /* of an object; index of an array */
    size_t keys_from; /* first of its keys in keys->live */
} frame_t;

typedef struct {
    const unsigned char *start, *p, *end;
    sellify_json_keys_t *keys;
    frame_t frames[SELLIFY_JSON_DEPTH];
    unsigned depth;
    const char *error;
} scanner_t;

static int
fail(scanner_t *s, const char *error)
{
    s->error = error;
    return -1;
}

static void
skip_space(scanner_t *s)
{
    while (s->p < s->end &&
           (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t')) {
        s->p++;
    }
}

/* --- strings --- */

size_t
sellify_json_utf8(const unsigned char *p, const unsigned char *end)
{
    size_t left = (size_t) (end - p);
    unsigned char c = p[0];

    if (c >= 0xc2 && c <= 0xdf) {
        return (left >= 2 && (p[1] & 0xc0) == 0x80) ? 2 : 0;
    }
    if (c >= 0xe0 && c <= 0xef) {
        if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 ||
            (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f)) {
            return 0;
        }
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        if (left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 ||
            (p[3] & 0xc0) != 0x80 || (c == 0xf0 && p[1] < 0x90) ||
            (c == 0xf4 && p[1] > 0x8f)) {
            return 0;
        }
        return 4;
    }
    return 0;
}

static int
hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* The four hex digits at p, or -1. */
static int
hex4(const unsigned char *p, const unsigned char *end)
{
    int value = 0;

    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* s->p stands on the backslash. */
static int
scan_escape(scanner_t *s)
{
    int unit;

    if (s->end - s->p < 2) {
        return fail(s, "string without an end");
    }
    if (s->p[1] != 'u') {
        if (s->p[1] == '\0' || strchr("\"\\/bfnrt", s->p[1]) == NULL) {
            return fail(s, "unknown escape");
        }
        s->p += 2;
        return 0;
    }
    unit = hex4(s->p + 2, s->end);
    if (unit < 0) {
        return fail(s, "\\u needs four hexadecimal digits");
    }
    if (unit == 0) {
        return fail(s, "\\u0000 is not allowed");
    }
    if (unit >= 0xdc00 && unit <= 0xdfff) {
        return fail(s, "lone surrogate");
    }
    if (unit >= 0xd800 && unit <= 0xdbff) {
        int low = -1;
        if (s->end - s->p >= 12 && s->p[6] == '\\' && s->p[7] == 'u') {
            low = hex4(s->p + 8, s->end);
        }
        if (low < 0xdc00 || low > 0xdfff) {
            return fail(s, "lone surrogate");
        }
        s->p += 6;
    }
    s->p += 6;
    return 0;
}

/* s->p stands after the opening quote; leaves it after the closing one. */
static int
scan_string(scanner_t *s)
{
    while (s->p < s->end) {
        unsigned char c = *s->p;

        if (c == '"') {
            s->p++;
            return 0;
        }
        if (c == '\\') {
            if (scan_escape(s) != 0) {
                return -1;
            }
        } else if (c < 0x20) {
            return fail(s, "control character in a string");
        } else if (c < 0x80) {
            s->p++;
        } else {
            size_t n = sellify_json_utf8(s->p, s->end);
            if (n == 0) {
                return fail(s, "invalid UTF-8");
            }
            s->p += n;
        }
    }
    return fail(s, "string without an end");
}

/* --- numbers and words --- */

static size_t
scan_digits(scanner_t *s)
{
    const unsigned char *from = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
        s->p++;
    }
    return (size_t) (s->p - from);
}

static int
scan_number(scanner_t *s)
{
    const unsigned char *from = s->p;
    size_t whole, digits;
    long exponent = 0;

    if (*s->p == '-') {
        s->p++;
    }
    whole = scan_digits(s);
    if (whole == 0) {
        return fail(s, "a digit is missing");
    }
    if (whole > 1 && s->p[-(ptrdiff_t) whole] == '0') {
        return fail(s, "number with a leading zero");
    }
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (scan_digits(s) == 0) {
            return fail(s, "a digit is missing after the point");
        }
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        int negative;

        s->p++;
        negative = s->p < s->end && *s->p == '-';
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) {
            s->p++;
        }
        digits = scan_digits(s);
        if (digits == 0) {
            return fail(s, "a digit is missing in the exponent");
        }
        for (size_t i = digits; i > 0 && exponent < 100000; i--) {
            exponent = exponent * 10 + (s->p[-(ptrdiff_t) i] - '0');
        }
        exponent = negative ? -exponent : exponent;
    }
    if (s->p - from > NUMBER_MAX || exponent + (long) whole > NUMBER_EXPONENT) {
        s->p = from;
        return fail(s, "number that does not fit");
    }
    return 0;
}

static int
scan_word(scanner_t *s, const char *word)
{
    size_t len = strlen(word);

    if ((size_t) (s->end - s->p) < len || memcmp(s->p, word, len) != 0) {
        return fail(s, "a value is missing");
    }
    s->p += len;
    return 0;
}

static int
scan_scalar(scanner_t *s)
{
    switch (*s->p) {
    case '"':
        s->p++;
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) {
            return scan_number(s);
        }
        return fail(s, "a value is missing");
    }
}

/* --- keys --- */

/* Reads a key byte by byte, unescaped. */
typedef struct {
    const unsigned char *p, *end;
    unsigned char pending[4];
    unsigned count, next;
} key_cursor_t;

static unsigned
put_utf8(unsigned long c, unsigned char *out)
{
    if (c < 0x80) {
        out[0] = (unsigned char) c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (unsigned char) (0xc0 | c >> 6);
        out[1] = (unsigned char) (0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (unsigned char) (0xe0 | c >> 12);
        out[1] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        out[2] = (unsigned char) (0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (unsigned char) (0xf0 | c >> 18);
    out[1] = (unsigned char) (0x80 | (c >> 12 & 0x3f));
    out[2] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
    out[3] = (unsigned char) (0x80 | (c & 0x3f));
    return 4;
}

/* Decodes the (valid) escape at *p into `out`; moves *p past it. */
static unsigned
unescape_one(
    const unsigned char **p, const unsigned char *end, unsigned char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    unsigned long c;

    if ((*p)[1] != 'u') {
        out[0] = (unsigned char) to[strchr(from, (*p)[1]) - from];
        *p += 2;
        return 1;
    }
    c = (unsigned long) hex4(*p + 2, end);
    *p += 6;
    if (c >= 0xd800 && c <= 0xdbff) {
        c = 0x10000 + ((c - 0xd800) << 10) +
            ((unsigned long) hex4(*p + 2, end) - 0xdc00);
        *p += 6;
    }
    return put_utf8(c, out);
}

static int
key_next(key_cursor_t *k)
{
    if (k->next < k->count) {
        return k->pending[k->next++];
    }
    if (*k->p == '"') {
        return -1;
    }
    if (*k->p != '\\') {
        return *k->p++;
    }
    k->count = unescape_one(&k->p, k->end, k->pending);
    k->next = 1;
    return k->pending[0];
}

static int
key_compare(const scanner_t *s, uint32_t a, uint32_t b)
{
    key_cursor_t x = { s->start + a, s->end, { 0 }, 0, 0 };
    key_cursor_t y = { s->start + b, s->end, { 0 }, 0, 0 };

    for (;;) {
        int c = key_next(&x), d = key_next(&y);
        if (c != d) {
            return c < d ? -1 : 1;
        }
        if (c < 0) {
            return 0;
        }
    }
}

/* Merges the sorted runs [from, middle) and [middle, to); stable. */
static void
merge(const scanner_t *s, const uint32_t *in, uint32_t *out, size_t from,
    size_t middle, size_t to)
{
    size_t a = from, b = middle;

    for (size_t i = from; i < to; i++) {
        if (b >= to || (a < middle && key_compare(s, in[a], in[b]) <= 0)) {
            out[i] = in[a++];
        } else {
            out[i] = in[b++];
        }
    }
}

/* Sorts the keys of the innermost object, then looks at neighbours. */
static int
check_duplicates(scanner_t *s, frame_t *frame)
{
    uint32_t *in = s->keys->live + frame->keys_from, *out = s->keys->spare;
    size_t n = s->keys->count - frame->keys_from;

    for (size_t width = 1; width < n; width *= 2) {
        uint32_t *swap = in;
        for (size_t i = 0; i < n; i += 2 * width) {
            size_t middle = i + width < n ? i + width : n;
            size_t to = i + 2 * width < n ? i + 2 * width : n;
            merge(s, in, out, i, middle, to);
        }
        in = out;
        out = swap;
    }
    for (size_t i = 1; i < n; i++) {
        if (key_compare(s, in[i - 1], in[i]) == 0) {
            frame->key = in[i];
            frame->has_key = 1;
            s->p = s->start + in[i] - 1;
            return fail(s, "duplicate member");
        }
    }
    s->keys->count = frame->keys_from;
    return 0;
}

static int
keys_grow(sellify_json_keys_t *keys)
{
    size_t capacity = keys->capacity * 2;
    uint32_t *live, *spare;

    if (!keys->may_grow) {
        return -1;
    }
    live = malloc(capacity * sizeof(*live));
    spare = malloc(capacity * sizeof(*spare));
    if (live == NULL || spare == NULL) {
        free(live);
        free(spare);
        return -1;
    }
    memcpy(live, keys->live, keys->count * sizeof(*live));
    if (keys->grown) {
        free(keys->live);
        free(keys->spare);
    }
    keys->live = live;
    keys->spare = spare;
    keys->capacity = capacity;
    keys->grown = 1;
    return 0;
}

/* A key, the colon, and s->p on the value. */
static int
scan_key(scanner_t *s)
{
    frame_t *frame = &s->frames[s->depth - 1];
    uint32_t key;

    skip_space(s);
    frame->has_key = 0;
    if (s->p >= s->end || *s->p != '"') {
        return fail(s, "a member name in quotes is missing");
    }
    key = (uint32_t) (++s->p - s->start);
    if (scan_string(s) != 0) {
        return -1;
    }
    frame->key = key;
    frame->has_key = 1;
    if (++frame->members > SELLIFY_JSON_MEMBERS ||
        (s->keys->count == s->keys->capacity && keys_grow(s->keys) != 0)) {
        return fail(s, "too many members");
    }
    s->keys->live[s->keys->count++] = key;

    skip_space(s);
    if (s->p >= s->end || *s->p != ':') {
        return fail(s, "a colon is missing after the member name");
    }
    s->p++;
    return 0;
}

/* --- the walk --- */

static int
open_container(scanner_t *s, char kind)
{
    frame_t *frame;

    if (s->depth == SELLIFY_JSON_DEPTH) {
        return fail(s, "nested too deep");
    }
    frame = &s->frames[s->depth++];
    frame->kind = kind;
    frame->has_key = 0;
    frame->members = 0;
    frame->keys_from = s->keys->count;
    s->p++;
    return 0;
}

static int
close_container(scanner_t *s)
{
    frame_t *frame = &s->frames[s->depth - 1];

    s->p++;
    if (frame->kind == '{' && check_duplicates(s, frame) != 0) {
        return -1;
    }
    s->depth--;
    return 0;
}

/* One value; a container that is not empty stays open.  Returns 1 when a value
 * must follow at s->p, 0 when one has ended, -1 on a fault. */
static int
scan_value(scanner_t *s)
{
    char kind, end;

    skip_space(s);
    if (s->p >= s->end) {
        return fail(s, "the text ends too early");
    }
    kind = (char) *s->p;
    if (kind != '{' && kind != '[') {
        return scan_scalar(s);
    }
    end = kind == '{' ? '}' : ']';
    if (open_container(s, kind) != 0) {
        return -1;
    }
    skip_space(s);
    if (s->p < s->end && *s->p == end) {
        return close_container(s);
    }
    if (kind == '{' && scan_key(s) != 0) {
        return -1;
    }
    return 1;
}

/* After a value inside a container.  Same answers as scan_value(). */
static int
scan_after(scanner_t *s)
{
    frame_t *frame = &s->frames[s->depth - 1];

    skip_space(s);
    if (s->p >= s->end) {
        return fail(s, "the text ends too early");
    }
    if (*s->p == (frame->kind == '{' ? '}' : ']')) {
        return close_container(s);
    }
    if (*s->p != ',') {
        return fail(s, "a comma or the end of the list is missing");
    }
    s->p++;
    if (frame->kind == '{') {
        return scan_key(s) == 0 ? 1 : -1;
    }
    frame->members++;
    return 1;
}

static int
scan_text(scanner_t *s)
{
    int more = 1;

    do {
        more = more ? scan_value(s) : scan_after(s);
        if (more < 0) {
            return -1;
        }
    } while (more || s->depth > 0);

    skip_space(s);
    if (s->p < s->end) {
        return fail(s, "something follows the end");
    }
    return 0;
}

/* --- telling what is wrong --- */

/* The JSON pointer of the place; cut at the end of `out`. */
static void
write_pointer(const scanner_t *s, char *out, size_t size)
{
    size_t n = 0;

    for (unsigned i = 0; i < s->depth && n + 12 < size; i++) {
        const frame_t *frame = &s->frames[i];
        key_cursor_t k = { s->start + frame->key, s->end, { 0 }, 0, 0 };
        int c;

        if (frame->kind == '[') {
            n += (size_t) snprintf(out + n, size - n, "/%u", frame->members);
            continue;
        }
        if (!frame->has_key) {
            break;
        }
        out[n++] = '/';
        while (n + 3 < size && (c = key_next(&k)) >= 0) {
            if (c == '~' || c == '/') {
                out[n++] = '~';
                c = c == '~' ? '0' : '1';
            }
            out[n++] = (char) c;
        }
    }
    out[n] = '\0';
}

static void
report(const scanner_t *s, sellify_faults_t *faults)
{
    char pointer[sizeof(faults->items[0].pointer) + 8];
    size_t line = 1, column = 1;

    for (const unsigned char *p = s->start; p < s->p; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if ((*p & 0xc0) != 0x80) {
            column++;
        }
    }
    write_pointer(s, pointer, sizeof(pointer));
    sellify_fault_add(faults, "", pointer, "line %zu, column %zu: %s", line,
        column, s->error);
}

int
sellify_json_scan(
    sellify_str_t text, sellify_json_keys_t *keys, sellify_faults_t *faults)
{
    const unsigned char *start =
        (const unsigned char *) (text.data ? text.data : "");
    scanner_t s = {
        .start = start, .p = start, .end = start + text.len, .keys = keys
    };
    int result;

    if (text.len >= UINT32_MAX) {
        sellify_fault_add(faults, "", "", "longer than 4 GiB");
        return -1;
    }
    result = scan_text(&s);
    if (result != 0) {
        report(&s, faults);
    }
    if (keys->grown) {
        free(keys->live);
        free(keys->spare);
        keys->grown = 0;
    }
    return result;
}

/* --- walking accepted text --- */

const char *
sellify_json_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

static const char *
skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\') {
            p++;
        }
    }
    return p < end ? p + 1 : end;
}

const char *
sellify_json_skip(const char *p, const char *end)
{
    unsigned depth = 0;

    do {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            depth--;
            p++;
        } else if (depth > 0) {
            p++;
        } else {
            while (p < end && strchr(",]} \t\r\n", *p) == NULL) {
                p++;
            }
        }
    } while (p < end && depth > 0);
    return p;
}

void
sellify_json_walk(sellify_json_walk_t *walk, sellify_str_t value)
{
    walk->end = value.data + value.len;
    walk->p = value.len > 0 ? value.data + 1 : value.data;
    walk->key = (sellify_str_t){ value.data, 0 };
    walk->value = value;
}

int
sellify_json_walk_next(sellify_json_walk_t *walk)
{
    const char *p = sellify_json_space(walk->p, walk->end), *q;
    int object = walk->end > walk->p && walk->end[-1] == '}';

    if (p < walk->end && *p == ',') {
        p = sellify_json_space(p + 1, walk->end);
    }
    if (p >= walk->end || *p == '}' || *p == ']') {
        return 0;
    }
    if (object) {
        q = skip_string(p, walk->end);
        walk->key = (sellify_str_t){ p + 1, (size_t) (q - p) - 2 };
        p = sellify_json_space(q, walk->end);
        p = sellify_json_space(p + 1, walk->end); /* the colon */
    }
    q = sellify_json_skip(p, walk->end);
    walk->value = (sellify_str_t){ p, (size_t) (q - p) };
    walk->p = q;
    return 1;
}

size_t
sellify_json_unescape(sellify_str_t raw, char *out)
{
    const unsigned char *p = (const unsigned char *) raw.data;
    const unsigned char *end = p + raw.len;
    size_t n = 0;

    while (p < end) {
        if (*p == '\\') {
            n += unescape_one(&p, end, (unsigned char *) out + n);
        } else {
            out[n++] = (char) *p++;
        }
    }
    return n;
}

int
sellify_json_key_is(sellify_str_t key, const char *name)
{
    const unsigned char *p = (const unsigned char *) key.data;
    const unsigned char *end = p + key.len;
    unsigned char bytes[4];

    while (p < end) {
        unsigned n = 1;

        if (*p == '\\') {
            n = unescape_one(&p, end, bytes);
        } else {
            bytes[0] = *p++;
        }
        for (unsigned i = 0; i < n; i++) {
            if (*name == '\0' || (unsigned char) *name++ != bytes[i]) {
                return 0;
            }
        }
    }
    return *name == '\0';
}
