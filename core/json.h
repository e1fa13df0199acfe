/*
 * JSON for request bodies and answers.
 *
 * The reader is strict (RFC 8259, nothing more), bounded, and never allocates:
 * the caller describes the members it wants in a table and gives the memory.
 * It refuses what other parsers quietly accept and disagree about: invalid
 * UTF-8, \u0000, lone surrogates, duplicate keys at any depth, trailing bytes,
 * nesting past SELLIFY_JSON_DEPTH, numbers that do not fit.
 *
 * Documents that need a tree (policy, catalogue, webhooks, provider bodies) go
 * through sellify_json_check() first and then through cJSON.  That check alone
 * may take memory, to find duplicates among many members: more than 1024 of
 * them open at a time are kept on the heap until it returns.
 */
#ifndef SELLIFY_JSON_H
#define SELLIFY_JSON_H

#include "fault.h"
#include "str.h"

#include <stdint.h>

#define SELLIFY_JSON_DEPTH 32
#define SELLIFY_JSON_MEMBERS 65536 /* members of one object, at most */

/* Whole-document check.  Returns 0, or -1 and one fault whose pointer names the
 * place and whose detail names the line and column. */
int sellify_json_check(
    sellify_str_t text, sellify_faults_t *faults) SELLIFY_MUST_CHECK;

typedef enum {
    SELLIFY_JSON_STRING, /* sellify_str_t, unescaped, valid UTF-8 */
    SELLIFY_JSON_BOOL,   /* signed char: 0 or 1 (-1 stays when absent) */
    SELLIFY_JSON_UINT,   /* uint32_t, an integer without fraction or sign */
    SELLIFY_JSON_RAW     /* sellify_str_t, the value as written */
} sellify_json_type_t;

#define SELLIFY_JSON_REQUIRED 1u /* absent is a fault */
#define SELLIFY_JSON_NULLABLE 2u /* null counts as absent */

typedef struct {
    const char *name;
    sellify_json_type_t type;
    unsigned flags;
    size_t offset; /* of the member in the caller's struct */
    uint32_t max;  /* STRING: characters; UINT: value; 0: no limit
                                   but the type's */
} sellify_json_field_t;

/* Reads one object.  Unknown members are checked and skipped; absent ones leave
 * the struct as the caller set it.  Strings without escapes point into `text`,
 * others into `arena`, which must hold text.len bytes.
 * Returns 0, or -1 with every fault (at most SELLIFY_FAULTS_MAX kept). */
int sellify_json_read(sellify_str_t text, const sellify_json_field_t *fields,
    size_t count, void *out, char *arena,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;

/*
 * The writer fills a caller's buffer and counts on past its end, as snprintf
 * does: after an overflow `len` is the size that would have been needed.
 * Commas are its own business.
 */
typedef struct {
    char *data;
    size_t size; /* bytes that `data` holds */
    size_t len;  /* bytes that the text needs */
    unsigned depth;
    uint64_t filled; /* a bit per depth: this container has a member already */
    int after_key;
} sellify_json_writer_t;

void sellify_json_writer(sellify_json_writer_t *w, char *data, size_t size);
int sellify_json_overflowed(const sellify_json_writer_t *w);

void sellify_json_object(sellify_json_writer_t *w);
void sellify_json_object_end(sellify_json_writer_t *w);
void sellify_json_array(sellify_json_writer_t *w);
void sellify_json_array_end(sellify_json_writer_t *w);
void sellify_json_key(sellify_json_writer_t *w, const char *name);

void sellify_json_string(sellify_json_writer_t *w, sellify_str_t value);
void sellify_json_cstring(sellify_json_writer_t *w, const char *value);
void sellify_json_int(sellify_json_writer_t *w, int64_t value);
void sellify_json_bool(sellify_json_writer_t *w, int value);
void sellify_json_null(sellify_json_writer_t *w);
/* A value that is JSON already, such as an exact decimal. */
void sellify_json_raw(sellify_json_writer_t *w, sellify_str_t value);

#endif
