/*
 * The one door to randomness.  Secrets come from OpenSSL's generator.  Jitter
 * comes from a seeded generator keyed by what it is for, so that a decision can
 * be replayed byte for byte.
 */
#ifndef SELLIFY_RNG_H
#define SELLIFY_RNG_H

#include "str.h"

#include <stdint.h>

/* Unpredictable bytes for keys, nonces and tokens (RAND_bytes).
 * Returns 0, or -1 when the system has no entropy: the caller must give up. */
int sellify_rng_secret(void *out, size_t len) SELLIFY_MUST_CHECK;

/* A seeded, replayable generator (splitmix64, Steele, Lea, Flood 2014).
 * Not for secrets.  The caller owns it; copying it forks the sequence. */
typedef struct {
    uint64_t state;
} sellify_rng_t;

/* The seed that belongs to a text such as "instance/message-id"
 * (first 8 bytes, little endian, of its SHA-256). */
uint64_t sellify_rng_seed_of(sellify_str_t text);

sellify_rng_t sellify_rng(uint64_t seed);
uint64_t sellify_rng_next(sellify_rng_t *rng);

/* Uniform in [low, high], both included, without modulo bias; low <= high. */
uint64_t sellify_rng_between(sellify_rng_t *rng, uint64_t low, uint64_t high);

/* Request ids: 32 lower-case hex digits and a NUL.  The generator is seeded
 * once per process from sellify_rng_secret(); ids are unique, not secret. */
#define SELLIFY_REQUEST_ID_LEN 32
void sellify_rng_request_id(sellify_rng_t *rng, char out[33]);

#endif
