/* A counted string that points into memory somebody else owns. */
#ifndef SELLIFY_STR_H
#define SELLIFY_STR_H

#include <stddef.h>
#include <string.h>

typedef struct {
    const char *data; /* not NUL-terminated; NULL only with len 0 */
    size_t len;       /* bytes */
} sellify_str_t;

#define SELLIFY_STR(literal)                                                   \
    {                                                                          \
        literal, sizeof(literal) - 1                                           \
    }
#define sellify_str(literal) ((sellify_str_t){ (literal), sizeof(literal) - 1 })

static inline sellify_str_t
sellify_str_of(const char *cstring)
{
    return (sellify_str_t){ cstring, cstring ? strlen(cstring) : 0 };
}

static inline int
sellify_str_equal(sellify_str_t a, sellify_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#if defined(__GNUC__)
#define SELLIFY_MUST_CHECK __attribute__((warn_unused_result))
#else
#define SELLIFY_MUST_CHECK
#endif

#endif
