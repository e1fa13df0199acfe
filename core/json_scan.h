/*
 * The strict scanner under sellify_json_check() and sellify_json_read(), and
 * the small walk over text that it has already accepted.  Internal to core/.
 */
#ifndef SELLIFY_JSON_SCAN_H
#define SELLIFY_JSON_SCAN_H

#include "json.h"

/* Where the keys of the objects that are open are kept, to find duplicates. */
typedef struct {
    uint32_t *live;  /* offsets of keys, the innermost object's last */
    uint32_t *spare; /* as many, for sorting */
    size_t count, capacity;
    int may_grow; /* on the heap; live and spare are then freed by scan */
    int grown;
} sellify_json_keys_t;

/* Checks the whole text.  Returns 0, or -1 and one fault. */
int sellify_json_scan(sellify_str_t text, sellify_json_keys_t *keys,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;

/*
 * A walk over text that sellify_json_scan() has accepted.  Every function takes
 * a position inside it and returns one.
 */
const char *sellify_json_space(const char *p, const char *end);
/* Past the value that begins at `p`. */
const char *sellify_json_skip(const char *p, const char *end);

/* One member or element: where its key and its value stand. */
typedef struct {
    const char *p, *end;
    sellify_str_t key;   /* as written between the quotes; empty in arrays */
    sellify_str_t value; /* as written */
} sellify_json_walk_t;

/* `value` is an object or array as written. */
void sellify_json_walk(sellify_json_walk_t *walk, sellify_str_t value);
/* 1 with the next member, 0 at the end. */
int sellify_json_walk_next(sellify_json_walk_t *walk);

/* Is the key, as written, this name? */
int sellify_json_key_is(sellify_str_t key, const char *name);

/* Unescapes what stands between the quotes of a string into `out`, which holds
 * raw.len bytes.  Returns the length. */
size_t sellify_json_unescape(sellify_str_t raw, char *out);

/* Length of the valid UTF-8 sequence at `p`, whose first byte is >= 0x80; 0 if
 * it is none (overlong, surrogate, past U+10FFFF, cut by `end`). */
size_t sellify_json_utf8(const unsigned char *p, const unsigned char *end);

#endif
