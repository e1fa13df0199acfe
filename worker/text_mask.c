/* Masking for readers without the scope `personal`. */
#include "text_mask.h"

#include <stdio.h>
#include <string.h>

#define KEEP_FIRST 3
#define KEEP_LAST 2
#define SHORTEST 8

void
text_mask_phone(sellify_str_t phone, char *out, size_t size)
{
    size_t len = phone.len;

    if (len < SHORTEST || len >= size) {
        snprintf(out, size, TEXT_MASKED);
        return;
    }
    memset(out, '*', len);
    memcpy(out, phone.data, KEEP_FIRST);
    memcpy(out + len - KEEP_LAST, phone.data + len - KEEP_LAST, KEEP_LAST);
    out[len] = '\0';
}

void
text_mask_write(sellify_json_writer_t *w, sellify_str_t text, int personal)
{
    if (text.data == NULL) {
        sellify_json_null(w);
    } else if (personal || text.len == 0) {
        sellify_json_string(w, text);
    } else {
        sellify_json_cstring(w, TEXT_MASKED);
    }
}
