/*
 * Reading documents by table; see document.h.
 */
#include "document.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN_MAX 60 /* bytes of a bad value in a fault */

int
sellify_document_open(sellify_document_t *doc, const char *name,
    sellify_str_t text, sellify_region_t *region, sellify_faults_t *faults,
    sellify_str_t *root)
{
    size_t before = faults->count;
    const char *end = text.data + text.len;

    *doc = (sellify_document_t){
        .name = name, .faults = faults, .region = region
    };
    if (sellify_json_check(text, faults) != 0) {
        if (before < SELLIFY_FAULTS_MAX) {
            snprintf(faults->items[before].document,
                sizeof(faults->items[before].document), "%s", name);
        }
        return -1;
    }
    root->data = sellify_json_space(text.data, end);
    root->len = (size_t) (sellify_json_skip(root->data, end) - root->data);
    return 0;
}

/* --- where we are --- */

static void
append(sellify_document_t *doc, char c)
{
    if (doc->depth + 1 < sizeof(doc->pointer)) {
        doc->pointer[doc->depth++] = c;
        doc->pointer[doc->depth] = '\0';
    }
}

size_t
sellify_document_enter(sellify_document_t *doc, sellify_str_t key)
{
    size_t depth = doc->depth;

    append(doc, '/');
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] == '~' || key.data[i] == '/') {
            append(doc, '~');
            append(doc, key.data[i] == '~' ? '0' : '1');
        } else {
            append(doc, key.data[i]);
        }
    }
    return depth;
}

size_t
sellify_document_enter_index(sellify_document_t *doc, size_t index)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%zu", index);

    return sellify_document_enter(doc, (sellify_str_t){ digits, (size_t) len });
}

void
sellify_document_leave(sellify_document_t *doc, size_t depth)
{
    doc->depth = depth;
    doc->pointer[depth] = '\0';
}

void
sellify_document_fault(
    sellify_document_t *doc, sellify_str_t value, const char *format, ...)
{
    char detail[160];
    size_t shown = value.len < SHOWN_MAX ? value.len : SHOWN_MAX;
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);

    while (shown < value.len && shown > 0 &&
           ((unsigned char) value.data[shown] & 0xc0) == 0x80) {
        shown--;
    }
    if (value.len == 0) {
        sellify_fault_add(doc->faults, doc->name, doc->pointer, "%s", detail);
    } else {
        sellify_fault_add(doc->faults, doc->name, doc->pointer,
            "%s, not %.*s%s", detail, (int) shown, value.data,
            shown < value.len ? "..." : "");
    }
}

void
sellify_document_no_memory(sellify_document_t *doc)
{
    sellify_fault_add(doc->faults, doc->name, doc->pointer, "out of memory");
}

/* --- values --- */

int
sellify_document_is(sellify_document_t *doc, sellify_str_t value, char kind)
{
    if (value.data[0] == kind) {
        return 0;
    }
    sellify_document_fault(doc, value, "must be %s",
        kind == '{'   ? "an object"
        : kind == '[' ? "an array"
                      : "a string");
    return -1;
}

int
sellify_document_bool(sellify_document_t *doc, sellify_str_t value, int *out)
{
    if (value.data[0] != 't' && value.data[0] != 'f') {
        sellify_document_fault(doc, value, "must be true or false");
        return -1;
    }
    *out = value.data[0] == 't';
    return 0;
}

int
sellify_document_uint(sellify_document_t *doc, sellify_str_t value,
    uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t number = 0;
    size_t i = 0;

    while (i < value.len && value.data[i] >= '0' && value.data[i] <= '9' &&
           number <= UINT32_MAX) {
        number = number * 10 + (uint64_t) (value.data[i++] - '0');
    }
    if (i == 0 || i < value.len || number < min || number > max) {
        sellify_document_fault(
            doc, value, "must be a whole number from %u to %u", min, max);
        return -1;
    }
    *out = (uint32_t) number;
    return 0;
}

/* [0-9]+(.[0-9]{1,4})? as JSON allows it -> 1/10000, or -1. */
static int64_t
parse_decimal(sellify_str_t text)
{
    int64_t number = 0;
    size_t i = 0, decimals = 0;

    while (i < text.len && text.data[i] >= '0' && text.data[i] <= '9') {
        number = number * 10 + (text.data[i++] - '0');
        if (number > INT64_MAX / 1000000) {
            return -1;
        }
    }
    if (i == 0 || (i > 1 && text.data[0] == '0')) {
        return -1;
    }
    if (i < text.len && text.data[i] == '.') {
        for (i++; i < text.len && text.data[i] >= '0' && text.data[i] <= '9';
             i++) {
            if (++decimals > 4) {
                return -1;
            }
            number = number * 10 + (text.data[i] - '0');
        }
        if (decimals == 0) {
            return -1;
        }
    }
    while (decimals++ < 4) {
        number *= 10;
    }
    return i == text.len ? number : -1;
}

int
sellify_document_decimal(sellify_document_t *doc, sellify_str_t value,
    int quoted, int64_t min, int64_t max, int64_t *out, sellify_str_t *digits)
{
    sellify_str_t text = value;

    if (quoted && value.data[0] == '"') {
        text = (sellify_str_t){ value.data + 1, value.len - 2 };
    }
    *out = parse_decimal(text);
    if (*out < min || *out > max) {
        sellify_document_fault(doc, value,
            "must be a number from %lld.%04lld to %lld with at most four "
            "decimals",
            (long long) (min / 10000), (long long) (min % 10000),
            (long long) (max / 10000));
        return -1;
    }
    if (digits != NULL) {
        *digits = sellify_region_copy(doc->region, text);
        if (digits->data == NULL) {
            sellify_document_no_memory(doc);
            return -1;
        }
    }
    return 0;
}

static size_t
characters(sellify_str_t text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        n += ((unsigned char) text.data[i] & 0xc0) != 0x80;
    }
    return n;
}

int
sellify_document_string(sellify_document_t *doc, sellify_str_t value,
    uint32_t min, uint32_t max, sellify_str_t *out)
{
    sellify_str_t raw = { value.data + 1, value.len - 2 };
    char *copy;
    size_t n;

    if (sellify_document_is(doc, value, '"') != 0) {
        return -1;
    }
    copy = sellify_region_alloc(doc->region, raw.len + 1);
    if (copy == NULL) {
        sellify_document_no_memory(doc);
        return -1;
    }
    *out = (sellify_str_t){ copy, sellify_json_unescape(raw, copy) };
    n = characters(*out);
    if (n < min || n > max) {
        sellify_document_fault(doc, value,
            min == 0 ? "must have at most %u characters"
                     : "must have %u to %u characters",
            min == 0 ? max : min, max);
        return -1;
    }
    return 0;
}

size_t
sellify_document_count(sellify_str_t value)
{
    sellify_json_walk_t walk;
    size_t n = 0;

    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        n++;
    }
    return n;
}

int
sellify_document_at_most(
    sellify_document_t *doc, sellify_str_t value, size_t most)
{
    size_t count = sellify_document_count(value);

    if (count > most) {
        sellify_document_fault(doc, (sellify_str_t){ 0 },
            "must have at most %zu entries, not %zu", most, count);
        return -1;
    }
    return 0;
}

int
sellify_document_strings(sellify_document_t *doc, sellify_str_t value,
    size_t most, uint32_t min, uint32_t max, const sellify_str_t **out,
    size_t *count)
{
    sellify_json_walk_t walk;
    sellify_str_t *items;
    size_t n = 0;
    int result = 0;

    if (sellify_document_is(doc, value, '[') != 0 ||
        sellify_document_at_most(doc, value, most) != 0) {
        return -1;
    }
    items = sellify_region_array(
        doc->region, sellify_document_count(value), sizeof(*items));
    if (items == NULL) {
        sellify_document_no_memory(doc);
        return -1;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter_index(doc, n);

        result |=
            sellify_document_string(doc, walk.value, min, max, &items[n++]);
        sellify_document_leave(doc, depth);
    }
    *out = items;
    *count = n;
    return result;
}

/* --- objects --- */

static void
read_member(sellify_document_t *doc, const sellify_member_t *member,
    sellify_str_t value, char *target)
{
    void *place = target + member->offset;

    switch (member->type) {
    case SELLIFY_MEMBER_BOOL:
        (void) sellify_document_bool(doc, value, place);
        break;
    case SELLIFY_MEMBER_UINT:
        (void) sellify_document_uint(
            doc, value, member->min, member->max, place);
        break;
    case SELLIFY_MEMBER_STRING:
        (void) sellify_document_string(
            doc, value, member->min, member->max, place);
        break;
    case SELLIFY_MEMBER_RAW:
        *(sellify_str_t *) place = value;
        break;
    case SELLIFY_MEMBER_READ:
        member->read(doc, value, place);
        break;
    }
}

static size_t
find_member(const sellify_member_t *members, size_t count, sellify_str_t key)
{
    size_t i = 0;

    while (i < count && !sellify_json_key_is(key, members[i].name)) {
        i++;
    }
    return i;
}

void
sellify_document_members(sellify_document_t *doc, sellify_str_t value,
    const sellify_member_t *members, size_t count, unsigned flags, void *target)
{
    sellify_json_walk_t walk;
    uint64_t seen = 0;

    if (sellify_document_is(doc, value, '{') != 0) {
        return;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter(doc, walk.key);
        size_t i = find_member(members, count, walk.key);

        if (i < count &&
            !(walk.value.data[0] == 'n' && (flags & SELLIFY_MEMBERS_NULLS))) {
            seen |= (uint64_t) 1 << i;
            read_member(doc, &members[i], walk.value, target);
        } else if (i == count && (flags & SELLIFY_MEMBERS_STRICT)) {
            sellify_document_fault(doc, (sellify_str_t){ 0 }, "unknown member");
        }
        sellify_document_leave(doc, depth);
    }
    for (size_t i = 0; i < count; i++) {
        if (members[i].required && !(seen >> i & 1)) {
            size_t depth =
                sellify_document_enter(doc, sellify_str_of(members[i].name));
            sellify_document_fault(doc, (sellify_str_t){ 0 }, "is required");
            sellify_document_leave(doc, depth);
        }
    }
}
