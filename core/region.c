/* Regions: blocks from the hooks, handed out by moving a pointer. */
#include "region.h"

#include <stdint.h>
#include <stdlib.h>

#define BLOCK_SIZE (64u * 1024)
#define ALIGNMENT 16u

typedef struct block {
    struct block *next;
    size_t size, used; /* of the bytes behind this header */
} block_t;

struct sellify_region {
    sellify_memory_t memory;
    size_t limit, size;
    block_t *blocks; /* the newest first */
};

static void *
heap_alloc(void *context, size_t size)
{
    (void) context;
    return malloc(size);
}

static void
heap_release(void *context, void *block)
{
    (void) context;
    free(block);
}

static size_t
aligned(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t) (ALIGNMENT - 1);
}

sellify_region_t *
sellify_region_new(const sellify_memory_t *memory, size_t limit)
{
    static const sellify_memory_t heap = { heap_alloc, heap_release, NULL };
    sellify_region_t *region;

    if (memory == NULL) {
        memory = &heap;
    }
    if (limit < sizeof(*region)) {
        return NULL;
    }
    region = memory->alloc(memory->context, sizeof(*region));
    if (region == NULL) {
        return NULL;
    }
    region->memory = *memory;
    region->limit = limit;
    region->size = sizeof(*region);
    region->blocks = NULL;
    return region;
}

void
sellify_region_free(sellify_region_t *region)
{
    block_t *block, *next;
    sellify_memory_t memory;

    if (region == NULL) {
        return;
    }
    memory = region->memory;
    for (block = region->blocks; block != NULL; block = next) {
        next = block->next;
        memory.release(memory.context, block);
    }
    memory.release(memory.context, region);
}

const sellify_memory_t *
sellify_region_memory(const sellify_region_t *region)
{
    return &region->memory;
}

size_t
sellify_region_size(const sellify_region_t *region)
{
    return region->size;
}

/* A block with room for `size`.  A large piece gets a block of its own, behind
 * the current one, which still has room for small pieces. */
static block_t *
add_block(sellify_region_t *region, size_t size)
{
    size_t header = aligned(sizeof(block_t));
    size_t room = size > BLOCK_SIZE / 4 ? size : BLOCK_SIZE - header;
    block_t *block;

    if (room > region->limit - region->size && size < room) {
        room = size; /* the last bytes below the limit */
    }
    if (header + room > region->limit - region->size) {
        return NULL;
    }
    block = region->memory.alloc(region->memory.context, header + room);
    if (block == NULL) {
        return NULL;
    }
    region->size += header + room;
    block->size = room;
    block->used = 0;
    if (size > BLOCK_SIZE / 4 && region->blocks != NULL) {
        block->next = region->blocks->next;
        region->blocks->next = block;
    } else {
        block->next = region->blocks;
        region->blocks = block;
    }
    return block;
}

void *
sellify_region_alloc(sellify_region_t *region, size_t size)
{
    block_t *block = region->blocks;
    char *piece;

    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = aligned(size ? size : 1);
    if (block == NULL || block->size - block->used < size) {
        block = add_block(region, size);
        if (block == NULL) {
            return NULL;
        }
    }
    piece = (char *) block + aligned(sizeof(*block)) + block->used;
    block->used += size;
    memset(piece, 0, size);
    return piece;
}

void *
sellify_region_array(sellify_region_t *region, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return sellify_region_alloc(region, count * size);
}

sellify_str_t
sellify_region_copy(sellify_region_t *region, sellify_str_t text)
{
    char *copy = sellify_region_alloc(region, text.len + 1);

    if (copy == NULL) {
        return (sellify_str_t){ NULL, 0 };
    }
    if (text.len > 0) {
        memcpy(copy, text.data, text.len);
    }
    return (sellify_str_t){ copy, text.len };
}
