/*
 * Reading request bodies into the caller's structs; see json.h.
 */
#include "json_scan.h"

/* Keys of open objects at a time.  A body of SELLIFY_BODY_MAX bytes with more
 * distinct members than this has no use. */
#define READ_KEYS 8192
#define CHECK_KEYS 1024 /* before the heap is asked */

int
sellify_json_check(sellify_str_t text, sellify_faults_t *faults)
{
    uint32_t live[CHECK_KEYS], spare[CHECK_KEYS];
    sellify_json_keys_t keys = {
        .live = live, .spare = spare, .capacity = CHECK_KEYS, .may_grow = 1
    };

    return sellify_json_scan(text, &keys, faults);
}

static int
check_body(sellify_str_t text, sellify_faults_t *faults)
{
    uint32_t live[READ_KEYS], spare[READ_KEYS];
    sellify_json_keys_t keys = {
        .live = live, .spare = spare, .capacity = READ_KEYS
    };

    return sellify_json_scan(text, &keys, faults);
}

static const char *
kind_of(sellify_str_t value)
{
    switch (value.data[0]) {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}

typedef struct {
    const sellify_json_field_t *field;
    sellify_str_t value; /* as written */
    char *place;         /* in the caller's struct */
    char **arena;
    sellify_faults_t *faults;
} member_t;

static void
member_fault(const member_t *m, const char *wanted)
{
    char pointer[sizeof(m->faults->items[0].pointer)];
    size_t len = strnlen(m->field->name, sizeof(pointer) - 2);

    pointer[0] = '/';
    memcpy(pointer + 1, m->field->name, len);
    pointer[len + 1] = '\0';
    if (m->value.data == NULL) {
        sellify_fault_add(m->faults, "", pointer, "is required");
        return;
    }
    sellify_fault_add(m->faults, "", pointer, "must be %s, not %s", wanted,
        kind_of(m->value));
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

static void
too_much(const member_t *m, const char *format)
{
    char pointer[sizeof(m->faults->items[0].pointer)] = "/";

    strncat(pointer, m->field->name, sizeof(pointer) - 2);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    sellify_fault_add(m->faults, "", pointer, format, m->field->max);
#pragma GCC diagnostic pop
}

static int
read_string(const member_t *m)
{
    sellify_str_t text;

    if (m->value.data[0] != '"') {
        member_fault(m, "a string");
        return -1;
    }
    text = (sellify_str_t){ m->value.data + 1, m->value.len - 2 };
    if (memchr(text.data, '\\', text.len) != NULL) {
        text.len = sellify_json_unescape(text, *m->arena);
        text.data = *m->arena;
        *m->arena += text.len;
    }
    if (m->field->max != 0 && characters(text) > m->field->max) {
        too_much(m, "must have at most %u characters");
        return -1;
    }
    memcpy(m->place, &text, sizeof(text));
    return 0;
}

static int
read_bool(const member_t *m)
{
    if (m->value.data[0] != 't' && m->value.data[0] != 'f') {
        member_fault(m, "true or false");
        return -1;
    }
    *(signed char *) m->place = m->value.data[0] == 't';
    return 0;
}

static int
read_uint(const member_t *m)
{
    uint32_t max = m->field->max ? m->field->max : UINT32_MAX;
    uint64_t number = 0;
    uint32_t result;

    if (m->value.data[0] != '-' &&
        (m->value.data[0] < '0' || m->value.data[0] > '9')) {
        member_fault(m, "an integer");
        return -1;
    }
    for (size_t i = 0; i < m->value.len && number <= UINT32_MAX; i++) {
        char c = m->value.data[i];
        if (c < '0' || c > '9') {
            member_fault(m, "an integer without sign, fraction or exponent");
            return -1;
        }
        number = number * 10 + (uint64_t) (c - '0');
    }
    if (number > max) {
        member_t limited = *m;
        sellify_json_field_t field = *m->field;

        field.max = max;
        limited.field = &field;
        too_much(&limited, "must be at most %u");
        return -1;
    }
    result = (uint32_t) number;
    memcpy(m->place, &result, sizeof(result));
    return 0;
}

static int
read_member(const member_t *m)
{
    if (m->value.data[0] == 'n' && (m->field->flags & SELLIFY_JSON_NULLABLE)) {
        return 0;
    }
    switch (m->field->type) {
    case SELLIFY_JSON_STRING:
        return read_string(m);
    case SELLIFY_JSON_BOOL:
        return read_bool(m);
    case SELLIFY_JSON_UINT:
        return read_uint(m);
    case SELLIFY_JSON_RAW:
        memcpy(m->place, &m->value, sizeof(m->value));
        return 0;
    }
    return 0;
}

static int
require(const sellify_json_field_t *fields, size_t count, uint64_t seen,
    sellify_faults_t *faults)
{
    int result = 0;

    for (size_t i = 0; i < count; i++) {
        if ((fields[i].flags & SELLIFY_JSON_REQUIRED) && !(seen >> i & 1)) {
            member_t m = { .field = &fields[i], .faults = faults };
            member_fault(&m, "");
            result = -1;
        }
    }
    return result;
}

int
sellify_json_read(sellify_str_t text, const sellify_json_field_t *fields,
    size_t count, void *out, char *arena, sellify_faults_t *faults)
{
    sellify_json_walk_t walk;
    uint64_t seen = 0;
    int result = 0;
    const char *end = text.data + text.len;

    if (check_body(text, faults) != 0) {
        return -1;
    }
    text.data = sellify_json_space(text.data, end);
    if (text.data[0] != '{') {
        text.len = (size_t) (end - text.data);
        sellify_fault_add(
            faults, "", "", "must be an object, not %s", kind_of(text));
        return -1;
    }
    text.len = (size_t) (sellify_json_skip(text.data, end) - text.data);
    sellify_json_walk(&walk, text);
    while (sellify_json_walk_next(&walk)) {
        for (size_t i = 0; i < count; i++) {
            member_t m = { &fields[i], walk.value,
                (char *) out + fields[i].offset, &arena, faults };

            if (sellify_json_key_is(walk.key, fields[i].name)) {
                seen |= (uint64_t) 1 << i;
                result |= read_member(&m);
                break;
            }
        }
    }
    result |= require(fields, count, seen, faults);
    return result;
}
