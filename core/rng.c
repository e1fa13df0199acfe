/* The door to randomness: OpenSSL's for secrets, splitmix64 for jitter. */

/* The one-shot digests of OpenSSL 3 allocate and can fail; a seed must do
 * neither, so this file uses the plain SHA256_* calls, which it marks old. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "rng.h"

#include <limits.h>

int
sellify_rng_secret(void *out, size_t len)
{
    if (len > INT_MAX) {
        return -1;
    }
    return RAND_bytes(out, (int) len) == 1 ? 0 : -1;
}

uint64_t
sellify_rng_seed_of(sellify_str_t text)
{
    SHA256_CTX ctx;
    unsigned char md[SHA256_DIGEST_LENGTH];
    uint64_t seed = 0;

    SHA256_Init(&ctx);
    SHA256_Update(&ctx, text.data ? text.data : "", text.len);
    SHA256_Final(md, &ctx);
    for (int i = 7; i >= 0; i--) {
        seed = seed << 8 | md[i];
    }
    return seed;
}

sellify_rng_t
sellify_rng(uint64_t seed)
{
    return (sellify_rng_t){ seed };
}

uint64_t
sellify_rng_next(sellify_rng_t *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t
sellify_rng_between(sellify_rng_t *rng, uint64_t low, uint64_t high)
{
    uint64_t range, first, value;

    if (high <= low) {
        return low;
    }
    range = high - low + 1;
    if (range == 0) { /* all 64 bits */
        return sellify_rng_next(rng);
    }
    /* 2^64 mod range values are refused, so that the rest divides evenly. */
    first = -range % range;
    do {
        value = sellify_rng_next(rng);
    } while (value < first);
    return low + value % range;
}

void
sellify_rng_request_id(sellify_rng_t *rng, char out[33])
{
    static const char hex[] = "0123456789abcdef";

    for (int half = 0; half < 2; half++) {
        uint64_t bits = sellify_rng_next(rng);

        for (int i = 0; i < 16; i++, bits <<= 4) {
            *out++ = hex[bits >> 60];
        }
    }
    *out = '\0';
}
