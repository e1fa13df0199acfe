/*
 * Memory of the worker.  A daemon that has run out of memory cannot promise
 * anything: it stops at once, the parent starts it again, and every stored step
 * resumes.  So these never return NULL.
 */
#ifndef SELLIFY_WORKER_MEMORY_H
#define SELLIFY_WORKER_MEMORY_H

#include "../core/str.h"

#include <stddef.h>

void *memory_get(size_t size); /* zeroed; size 0 is fine */
void *memory_grow(void *data, size_t size);
char *memory_text(const char *text);   /* a copy; NULL gives "" */
char *memory_copy(sellify_str_t text); /* a copy with a NUL after it */

/* Cleanses, then frees: for secrets. NULL is fine. */
void memory_wipe(char *text);

#endif
