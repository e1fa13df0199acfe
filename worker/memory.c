/* Memory that is there, or the worker stops. */

#include "memory.h"
#include "log.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static void *
memory_checked(void *data, size_t size)
{
    if (data == NULL) {
        log_error("memory", "exhausted", "%zu bytes are not to be had", size);
        abort();
    }
    return data;
}

void *
memory_get(size_t size)
{
    return memory_checked(calloc(1, size ? size : 1), size);
}

void *
memory_grow(void *data, size_t size)
{
    return memory_checked(realloc(data, size ? size : 1), size);
}

char *
memory_copy(sellify_str_t text)
{
    char *copy = memory_get(text.len + 1);
    if (text.len > 0) {
        memcpy(copy, text.data, text.len);
    }
    return copy;
}

char *
memory_text(const char *text)
{
    return memory_copy(sellify_str_of(text));
}

void
memory_wipe(char *text)
{
    if (text != NULL) {
        OPENSSL_cleanse(text, strlen(text));
        free(text);
    }
}
