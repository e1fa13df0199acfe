/*
 * A region: memory that is handed out piece by piece and freed all at once.
 * A compiled ruleset lives in one.  It has a limit, and every request for
 * memory may fail cleanly; a test hands in allocation hooks to make each one
 * fail in turn.  One thread while it grows; any number may read what lies in
 * it.
 */
#ifndef SELLIFY_REGION_H
#define SELLIFY_REGION_H

#include "str.h"

/* Where regions get their blocks.  alloc returns NULL when there is none. */
typedef struct {
    void *(*alloc)(void *context, size_t size);
    void (*release)(void *context, void *block);
    void *context;
} sellify_memory_t;

typedef struct sellify_region sellify_region_t;

/* `memory` NULL is malloc and free; the struct is copied.  `limit` is in bytes
 * over all blocks.  NULL when there is no memory. */
sellify_region_t *sellify_region_new(
    const sellify_memory_t *memory, size_t limit) SELLIFY_MUST_CHECK;
void sellify_region_free(sellify_region_t *region); /* NULL is fine */

/* The hooks this region uses, to make another one beside it. */
const sellify_memory_t *sellify_region_memory(const sellify_region_t *region);

/* Bytes taken from the hooks so far. */
size_t sellify_region_size(const sellify_region_t *region);

/* Zeroed, aligned for any type.  NULL at the limit or without memory; a size of
 * 0 gives a pointer that is not NULL. */
void *
sellify_region_alloc(sellify_region_t *region, size_t size) SELLIFY_MUST_CHECK;
/* The same for count * size, checked for overflow. */
void *sellify_region_array(
    sellify_region_t *region, size_t count, size_t size) SELLIFY_MUST_CHECK;
/* A copy with a NUL behind it (not counted).  data is NULL on failure only. */
sellify_str_t sellify_region_copy(
    sellify_region_t *region, sellify_str_t text) SELLIFY_MUST_CHECK;

#endif
