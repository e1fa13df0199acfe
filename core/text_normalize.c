/* NFC and trimming, by utf8proc, in the caller's memory. */
#include "text.h"

#include <utf8proc.h>

static int
is_blank(int32_t codepoint)
{
    utf8proc_category_t category = utf8proc_category(codepoint);

    return category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP ||
           category == UTF8PROC_CATEGORY_CC || codepoint == 0x200B ||
           codepoint == 0x2060 || codepoint == 0xFEFF;
}

/* The size of a blank at `at`, 0 for anything else. */
static size_t
blank_size(sellify_str_t text, size_t at)
{
    int32_t codepoint;
    utf8proc_ssize_t size = utf8proc_iterate((const uint8_t *) text.data + at,
        (utf8proc_ssize_t) (text.len - at), &codepoint);

    return size > 0 && is_blank(codepoint) ? (size_t) size : 0;
}

/* No character below U+0300 combines, so a text of such characters is in NFC.
 * 0 also for what is not UTF-8. */
static int
is_plainly_nfc(sellify_str_t text)
{
    const uint8_t *data = (const uint8_t *) text.data;
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (data[i] < 0x80) {
            continue;
        }
        if (data[i] < 0xC2 || data[i] >= 0xCC || i + 1 == text.len ||
            (data[i + 1] & 0xC0) != 0x80) {
            return 0;
        }
        i++;
    }
    return 1;
}

sellify_str_t
sellify_text_trim(sellify_str_t text)
{
    size_t size, at;

    while (text.len > 0 && (size = blank_size(text, 0)) > 0) {
        text.data += size;
        text.len -= size;
    }
    while (text.len > 0) {
        for (at = text.len - 1;
             at > 0 && ((uint8_t) text.data[at] & 0xC0) == 0x80; at--) {
        }
        if (blank_size(text, at) == 0) {
            break;
        }
        text.len = at;
    }
    return text;
}

int
sellify_text_normalize(sellify_str_t source, void *scratch, size_t scratch_size,
    sellify_str_t *result)
{
    uintptr_t base = ((uintptr_t) scratch + 15) & ~(uintptr_t) 15;
    size_t room = scratch_size < 32 ? 0 : (scratch_size - 32) / 4;
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t count;

    source = sellify_text_trim(source);
    *result = source;
    if (is_plainly_nfc(source)) {
        return 0;
    }
    count = utf8proc_decompose((const uint8_t *) source.data,
        (utf8proc_ssize_t) source.len, (int32_t *) base,
        (utf8proc_ssize_t) room, options);
    if (count < 0 || (size_t) count > room) {
        return -1;
    }
    count = utf8proc_reencode((int32_t *) base, count, options);
    if (count < 0) {
        return -1;
    }
    result->data = (const char *) base;
    result->len = (size_t) count;
    return 0;
}
