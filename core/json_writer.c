/*
 * Writing JSON into a caller's buffer; see json.h.
 */
#include "json_scan.h"

void
sellify_json_writer(sellify_json_writer_t *w, char *data, size_t size)
{
    *w = (sellify_json_writer_t){ .data = data, .size = size };
}

int
sellify_json_overflowed(const sellify_json_writer_t *w)
{
    return w->len > w->size;
}

static void
put(sellify_json_writer_t *w, const char *data, size_t len)
{
    if (len > 0 && w->len < w->size) {
        size_t room = w->size - w->len;
        memcpy(w->data + w->len, data, len < room ? len : room);
    }
    w->len += len;
}

static void
put_char(sellify_json_writer_t *w, char c)
{
    put(w, &c, 1);
}

/* The comma before a member or element, when one is due. */
static void
begin_value(sellify_json_writer_t *w)
{
    uint64_t bit = (uint64_t) 1 << (w->depth & 63);

    if (w->after_key) {
        w->after_key = 0;
        return;
    }
    if (w->depth > 0 && (w->filled & bit)) {
        put_char(w, ',');
    }
    w->filled |= bit;
}

static void
begin_container(sellify_json_writer_t *w, char c)
{
    begin_value(w);
    put_char(w, c);
    w->depth++;
    w->filled &= ~((uint64_t) 1 << (w->depth & 63));
}

static void
end_container(sellify_json_writer_t *w, char c)
{
    w->depth--;
    put_char(w, c);
}

void
sellify_json_object(sellify_json_writer_t *w)
{
    begin_container(w, '{');
}

void
sellify_json_object_end(sellify_json_writer_t *w)
{
    end_container(w, '}');
}

void
sellify_json_array(sellify_json_writer_t *w)
{
    begin_container(w, '[');
}

void
sellify_json_array_end(sellify_json_writer_t *w)
{
    end_container(w, ']');
}

void
sellify_json_key(sellify_json_writer_t *w, const char *name)
{
    sellify_json_cstring(w, name);
    put_char(w, ':');
    w->after_key = 1;
}

static void
put_escape(sellify_json_writer_t *w, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

    switch (c) {
    case '"':
    case '\\':
        escape[1] = (char) c;
        put(w, escape, 2);
        return;
    case '\n':
        put(w, "\\n", 2);
        return;
    case '\r':
        put(w, "\\r", 2);
        return;
    case '\t':
        put(w, "\\t", 2);
        return;
    default:
        put(w, escape, 6);
    }
}

/* Invalid UTF-8 becomes U+FFFD, so that what is written is always JSON. */
void
sellify_json_string(sellify_json_writer_t *w, sellify_str_t value)
{
    const unsigned char *p = (const unsigned char *) value.data;
    size_t i = 0, from = 0;

    begin_value(w);
    put_char(w, '"');
    while (i < value.len) {
        size_t n;

        if (p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\') {
            i++;
            continue;
        }
        n = p[i] >= 0x80 ? sellify_json_utf8(p + i, p + value.len) : 0;
        if (n > 0) {
            i += n;
            continue;
        }
        put(w, value.data + from, i - from);
        if (p[i] >= 0x80) {
            put(w, "\xef\xbf\xbd", 3);
        } else {
            put_escape(w, p[i]);
        }
        from = ++i;
    }
    put(w, value.data + from, i - from);
    put_char(w, '"');
}

void
sellify_json_cstring(sellify_json_writer_t *w, const char *value)
{
    sellify_json_string(w, sellify_str_of(value));
}

void
sellify_json_int(sellify_json_writer_t *w, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t rest = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;

    begin_value(w);
    do {
        digits[--at] = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    put(w, digits + at, sizeof(digits) - at);
}

void
sellify_json_bool(sellify_json_writer_t *w, int value)
{
    begin_value(w);
    if (value) {
        put(w, "true", 4);
    } else {
        put(w, "false", 5);
    }
}

void
sellify_json_null(sellify_json_writer_t *w)
{
    begin_value(w);
    put(w, "null", 4);
}

void
sellify_json_raw(sellify_json_writer_t *w, sellify_str_t value)
{
    begin_value(w);
    put(w, value.data, value.len);
}
