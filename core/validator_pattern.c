/*
 * Patterns of the policy, matched by PCRE2 with limits.  Matching allocates
 * nothing: what PCRE2 asks for comes from a block on the stack, and a pattern
 * that needs more than that has reached a limit.
 */
#include "validator_internal.h"

#include <pcre2.h>

#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 1000
#define HEAP_LIMIT_KB 64
#define STACK_BLOCK (64u * 1024)
#define PATTERN_BYTES_MAX 4096

typedef struct {
    size_t used;
    unsigned char bytes[STACK_BLOCK] __attribute__((aligned(16)));
} stack_block_t;

static void *
stack_alloc(size_t size, void *context)
{
    stack_block_t *block = context;
    void *piece;

    size = (size + 15) & ~(size_t) 15;
    if (size > STACK_BLOCK - block->used) {
        return NULL;
    }
    piece = block->bytes + block->used;
    block->used += size;
    return piece;
}

static void
stack_free(void *piece, void *context)
{
    (void) piece;
    (void) context;
}

const char *
sellify_pattern_compile(sellify_pattern_t *pattern, sellify_str_t text)
{
    const uint32_t options =
        PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS | PCRE2_NEVER_BACKSLASH_C;
    pcre2_match_context *context;
    pcre2_code *code;
    PCRE2_SIZE offset;
    int error;

    if (text.len == 0 || text.len > PATTERN_BYTES_MAX) {
        return "a pattern has 1 to 4096 bytes";
    }
    code = pcre2_compile(
        (PCRE2_SPTR) text.data, text.len, options, &error, &offset, NULL);
    if (code == NULL) {
        return error == PCRE2_ERROR_HEAP_FAILED
                   ? SELLIFY_NO_MEMORY
                   : "not a regular expression that PCRE2 accepts";
    }
    (void) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* or it interprets */
    context = pcre2_match_context_create(NULL);
    if (context == NULL) {
        pcre2_code_free(code);
        return SELLIFY_NO_MEMORY;
    }
    pcre2_set_match_limit(context, MATCH_LIMIT);
    pcre2_set_depth_limit(context, DEPTH_LIMIT);
    pcre2_set_heap_limit(context, HEAP_LIMIT_KB);
    pattern->code = code;
    pattern->context = context;
    return NULL;
}

void
sellify_pattern_free(sellify_pattern_t *pattern)
{
    pcre2_match_context_free(pattern->context);
    pcre2_code_free(pattern->code);
    pattern->code = pattern->context = NULL;
}

int
sellify_pattern_match(const sellify_pattern_t *pattern, sellify_str_t text,
    void (*found)(void *context, size_t start, size_t end), void *context)
{
    stack_block_t block;
    pcre2_general_context *memory;
    pcre2_match_data *data;
    PCRE2_SIZE at = 0;
    int result, matches = 0;

    block.used = 0;
    memory = pcre2_general_context_create(stack_alloc, stack_free, &block);
    data = memory ? pcre2_match_data_create(1, memory) : NULL;
    if (data == NULL) {
        return -1;
    }
    while (at <= text.len) {
        PCRE2_SIZE *range;

        result = pcre2_match(pattern->code, (PCRE2_SPTR) text.data, text.len,
            at, PCRE2_NO_UTF_CHECK, data, pattern->context);
        if (result == PCRE2_ERROR_NOMATCH) {
            return 0;
        }
        if (result < 0 || ++matches > SELLIFY_PATTERN_MATCHES_MAX) {
            return -1;
        }
        range = pcre2_get_ovector_pointer(data);
        if (range[1] > range[0]) {
            found(context, range[0], range[1]);
            at = range[1];
            continue;
        }
        at = range[1] + 1; /* empty: go on behind the next character */
        while (
            at < text.len && ((unsigned char) text.data[at] & 0xC0) == 0x80) {
            at++;
        }
    }
    return 0;
}
