/* Masking for readers without the scope `personal`. */
#ifndef SELLIFY_WORKER_TEXT_MASK_H
#define SELLIFY_WORKER_TEXT_MASK_H

#include "../core/json.h"
#include "../core/str.h"

/* What stands for a text that is there but not shown. */
#define TEXT_MASKED "***"

/* "33612345678" -> "336******78": country and last two digits stay. Short ones
 * are masked whole. */
#define TEXT_MASK_PHONE_MAX 40
void text_mask_phone(sellify_str_t phone, char *out, size_t size);

/* Writes the text, the mask, or null when there is none (data NULL). */
void
text_mask_write(sellify_json_writer_t *w, sellify_str_t text, int personal);

#endif
