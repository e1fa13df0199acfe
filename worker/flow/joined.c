/* The messages that a job answers, in the order they were written, as one. */
#include "internal.h"

#define JOINED_MAX 65536 /* bytes; the engine reads 4096 characters */

static int
is_continuation(char c)
{
    return ((unsigned char) c & 0xc0) == 0x80;
}

sellify_str_t
flow_head(sellify_str_t text, size_t bytes)
{
    if (text.len > bytes) {
        while (bytes > 0 && is_continuation(text.data[bytes])) {
            bytes--;
        }
        text.len = bytes;
    }

    return text;
}

sellify_str_t
flow_tail(sellify_str_t text, size_t chars)
{
    size_t at = text.len;

    while (at > 0 && chars > 0) {
        at--;
        if (!is_continuation(text.data[at])) {
            chars--;
        }
    }

    return (sellify_str_t){ text.data + at, text.len - at };
}

static int
is_blank(sellify_str_t text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\n' &&
            text.data[i] != '\t' && text.data[i] != '\r') {
            return 0;
        }
    }

    return 1;
}

/* Keeps the newest part of a text that grows without end. */
static size_t
keep_tail(char *text, size_t len)
{
    sellify_str_t rest = { text, len };

    if (len <= JOINED_MAX) {
        return len;
    }

    rest = flow_tail(rest, SELLIFY_MESSAGE_CHARS_MAX);
    memmove(text, rest.data, rest.len);
    text[rest.len] = '\0';

    return rest.len;
}

store_result_t
flow_joined(worker_t *w, int64_t job_id, flow_joined_t *joined)
{
    flow_message_t at = { 0 }, message;
    store_result_t result;
    size_t len = 0, texts = 0;

    joined->text = memory_get(1);
    joined->type = SELLIFY_MESSAGE_TEXT;

    while ((result = flow_store_next_message(
                w->store, job_id, &at, &message)) == STORE_OK) {
        /* Several messages are text as soon as one of them says something. */
        if (!is_blank(message.text)) {
            joined->text =
                memory_grow(joined->text, len + message.text.len + 2);
            if (len > 0) {
                joined->text[len++] = '\n';
            }
            memcpy(joined->text + len, message.text.data, message.text.len);
            len += message.text.len;
            joined->text[len] = '\0';
            len = keep_tail(joined->text, len);
            joined->type = texts++ == 0 ? (sellify_message_type_t) message.type
                                        : SELLIFY_MESSAGE_TEXT;

        } else if (texts == 0) {
            joined->type = (sellify_message_type_t) message.type;
        }

        store_release(&message.text);
        at = message;
    }

    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}
