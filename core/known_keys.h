/*
 * Keys that everybody knows: the empty one, what examples and default
 * configurations show, what people type first.  nginx and the worker refuse
 * them at start.  Pure; any thread.
 */
#ifndef SELLIFY_KNOWN_KEYS_H
#define SELLIFY_KNOWN_KEYS_H

#include <stdint.h>

/* 1 when the SHA-256 is that of a well-known key in lower or upper case. */
int sellify_key_is_known(const uint8_t sha256[32]);

#endif
