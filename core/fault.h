/*
 * What is wrong with a document or a request body, one entry per fault, each
 * with the JSON pointer (RFC 6901) of the member at fault.  Fixed size, so that
 * reporting an error never needs memory.
 */
#ifndef SELLIFY_FAULT_H
#define SELLIFY_FAULT_H

#include "str.h"

#define SELLIFY_FAULTS_MAX 16

typedef struct {
    char
        document[32]; /* "policy", "products", "lexicon fr", or "" for a body */
    char pointer[160]; /* "/limits/hour"; "" is the whole document */
    char detail[224];  /* lower case, one line, names the bad value */
} sellify_fault_t;

typedef struct {
    sellify_fault_t items[SELLIFY_FAULTS_MAX];
    size_t count; /* faults found; only the first MAX are kept */
} sellify_faults_t;

/* Adds one fault.  Over-long parts are cut, control bytes become '?'. */
void sellify_fault_add(sellify_faults_t *faults, const char *document,
    const char *pointer, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
