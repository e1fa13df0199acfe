/*
 * SipHash-2-4 with a 128-bit result (Aumasson, Bernstein 2012; the 128-bit form
 * is that of the authors' reference code).  A fast keyed tag for tables whose
 * keys come from strangers.  Pure; any thread.
 */
#ifndef SELLIFY_SIPHASH_H
#define SELLIFY_SIPHASH_H

#include "str.h"

#include <stdint.h>

void
sellify_siphash128(const uint64_t key[2], sellify_str_t text, uint8_t out[16]);

#endif
