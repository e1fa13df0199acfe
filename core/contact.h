/*
 * Ways to reach somebody in a folded text: links, e-mail addresses, social
 * handles and phone numbers, also obfuscated ("sellify point fr", "arobase",
 * spaced or spelled-out digits).
 */
#ifndef SELLIFY_CONTACT_H
#define SELLIFY_CONTACT_H

#include "matcher.h"

typedef enum {
    SELLIFY_CONTACT_LINK,
    SELLIFY_CONTACT_EMAIL,
    SELLIFY_CONTACT_HANDLE,
    SELLIFY_CONTACT_PHONE
} sellify_contact_kind_t;

#define SELLIFY_CONTACT_BYTES_MAX 254

typedef struct {
    sellify_contact_kind_t kind;
    uint32_t start, end; /* folded bytes, [start, end) */
    /* The form in which contacts are compared: a link without scheme, "www."
     * and closing slash; a phone's digits, national and international alike. */
    char plain[SELLIFY_CONTACT_BYTES_MAX + 2];
    size_t plain_len; /* 0: too long or hidden, equal to nothing */
    size_t host_len;  /* of a link: how much of plain is the host */
} sellify_contact_t;

typedef struct {
    const sellify_matcher_t *matcher; /* NULL: digits in words are not read */
    const sellify_folded_t *folded;
    uint32_t number_class;
    size_t at; /* word */
} sellify_contact_finder_t;

/* `folded` must have been scanned when a matcher is given. */
void sellify_contact_start(sellify_contact_finder_t *finder,
    const sellify_matcher_t *matcher, const sellify_folded_t *folded,
    uint32_t number_class);

/* 1 and the next contact in order of start, or 0. */
int sellify_contact_next(
    sellify_contact_finder_t *finder, sellify_contact_t *contact);

#endif
