/* Memory that lives as long as its request. */

#include "../memory.h"
#include "exchange.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#define HTTP_CHUNK 4096

struct http_chunk {
    http_chunk_t *next;
    size_t used, size;
    max_align_t data[];
};

void *
http_memory(http_exchange_t *x, size_t size)
{
    size_t rounded = (size + 15) & ~(size_t) 15;
    http_chunk_t *chunk = x->memory;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        size_t room = rounded > HTTP_CHUNK ? rounded : HTTP_CHUNK;
        chunk = memory_get(sizeof(*chunk) + room);
        chunk->size = room;
        chunk->next = x->memory;
        x->memory = chunk;
    }
    void *data = (char *) chunk->data + chunk->used;
    chunk->used += rounded;
    return data;
}

void *
http_alloc(http_request_t *request, size_t size)
{
    return http_memory((http_exchange_t *) request, size);
}

sellify_str_t
http_copy(http_exchange_t *x, sellify_str_t text)
{
    char *copy = http_memory(x, text.len + 1);
    if (text.len > 0) {
        memcpy(copy, text.data, text.len);
    }
    copy[text.len] = '\0';
    return (sellify_str_t){ copy, text.len };
}

/* Answers hold customers' words: nothing of them stays behind. */
void
http_memory_free(http_exchange_t *x)
{
    while (x->memory != NULL) {
        http_chunk_t *chunk = x->memory;
        x->memory = chunk->next;
        OPENSSL_cleanse(chunk->data, chunk->used);
        free(chunk);
    }
}
