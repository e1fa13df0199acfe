/*
 * Reading documents (policy, catalogue, lexicons) that sellify_json_check() has
 * accepted, without a tree: the text is walked, members go by table into a
 * struct, strings are copied into the ruleset's region, and every fault carries
 * the document's name, the JSON pointer and the bad value.  Internal to core/.
 */
#ifndef SELLIFY_DOCUMENT_H
#define SELLIFY_DOCUMENT_H

#include "json_scan.h"
#include "region.h"

typedef struct {
    const char *name; /* "policy", "products", "lexicon fr" */
    sellify_faults_t *faults;
    sellify_region_t *region;
    size_t depth; /* bytes of the pointer in use */
    char pointer[sizeof(((sellify_fault_t *) 0)->pointer)];
} sellify_document_t;

/* Checks the text.  Returns 0 and the root value, or -1 with its fault. */
int sellify_document_open(sellify_document_t *doc, const char *name,
    sellify_str_t text, sellify_region_t *region, sellify_faults_t *faults,
    sellify_str_t *root) SELLIFY_MUST_CHECK;

/* Going down one member or element; leave() with what enter() returned. */
size_t sellify_document_enter(sellify_document_t *doc, sellify_str_t key);
size_t sellify_document_enter_index(sellify_document_t *doc, size_t index);
void sellify_document_leave(sellify_document_t *doc, size_t depth);

/* A fault here.  `value`, when not empty, is shown, cut short. */
void sellify_document_fault(sellify_document_t *doc, sellify_str_t value,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void sellify_document_no_memory(sellify_document_t *doc);

/* Each takes a value as written and returns 0, or -1 after adding a fault. */
int
sellify_document_is(sellify_document_t *doc, sellify_str_t value, char kind);
int
sellify_document_bool(sellify_document_t *doc, sellify_str_t value, int *out);
int sellify_document_uint(sellify_document_t *doc, sellify_str_t value,
    uint32_t min, uint32_t max, uint32_t *out);
/* A decimal without exponent and with at most four decimals, in 1/10000; a JSON
 * number or, with `quoted`, also a string of the same form.  `digits`, if not
 * NULL, gets it as written. */
int sellify_document_decimal(sellify_document_t *doc, sellify_str_t value,
    int quoted, int64_t min, int64_t max, int64_t *out, sellify_str_t *digits);
/* Characters between min and max; unescaped, in the region. */
int sellify_document_string(sellify_document_t *doc, sellify_str_t value,
    uint32_t min, uint32_t max, sellify_str_t *out);
/* An array of such strings. */
int sellify_document_strings(sellify_document_t *doc, sellify_str_t value,
    size_t most, uint32_t min, uint32_t max, const sellify_str_t **out,
    size_t *count);

/* Elements or members of a container. */
size_t sellify_document_count(sellify_str_t value);
/* Faults when there are more than `most`. */
int sellify_document_at_most(
    sellify_document_t *doc, sellify_str_t value, size_t most);

typedef enum {
    SELLIFY_MEMBER_BOOL,   /* int */
    SELLIFY_MEMBER_UINT,   /* uint32_t, min..max */
    SELLIFY_MEMBER_STRING, /* sellify_str_t, min..max characters */
    SELLIFY_MEMBER_RAW,    /* sellify_str_t, the value as written */
    SELLIFY_MEMBER_READ    /* by `read` */
} sellify_member_type_t;

typedef struct sellify_member sellify_member_t;

struct sellify_member {
    const char *name;
    sellify_member_type_t type;
    size_t offset; /* in the target */
    uint32_t min, max;
    int required;
    void (*read)(sellify_document_t *doc, sellify_str_t value, void *target);
};

#define SELLIFY_MEMBERS_STRICT 1u /* an unknown member is a fault */
#define SELLIFY_MEMBERS_NULLS 2u  /* null counts as absent */

/* Reads an object by table; `target` keeps what is absent.  READ gets target +
 * offset.  Faults are added; nothing is returned because reading goes on. */
void sellify_document_members(sellify_document_t *doc, sellify_str_t value,
    const sellify_member_t *members, size_t count, unsigned flags,
    void *target);

#endif
