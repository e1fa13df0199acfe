/* SipHash-2-4 with a 128-bit result; see siphash.h. */
#include "siphash.h"

typedef struct {
    uint64_t v0, v1, v2, v3;
} sip_t;

static inline uint64_t
sip_rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void
sip_round(sip_t *s)
{
    s->v0 += s->v1;
    s->v1 = sip_rotate(s->v1, 13) ^ s->v0;
    s->v0 = sip_rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = sip_rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = sip_rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = sip_rotate(s->v1, 17) ^ s->v2;
    s->v2 = sip_rotate(s->v2, 32);
}

static inline void
sip_word(sip_t *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

/* `len` is 0..8; little endian on every machine. */
static uint64_t
sip_load(const unsigned char *p, size_t len)
{
    size_t i;
    uint64_t word = 0;

    for (i = 0; i < len; i++) {
        word |= (uint64_t) p[i] << (8 * i);
    }

    return word;
}

static void
sip_finish(sip_t *s, uint8_t out[8])
{
    int i;
    uint64_t word;

    for (i = 0; i < 4; i++) {
        sip_round(s);
    }

    word = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;

    for (i = 0; i < 8; i++) {
        out[i] = (uint8_t) (word >> (8 * i));
    }
}

void
sellify_siphash128(const uint64_t key[2], sellify_str_t text, uint8_t out[16])
{
    size_t left = text.len;
    const unsigned char *p = (const unsigned char *) text.data;
    sip_t s = { key[0] ^ 0x736f6d6570736575ULL,
        key[1] ^ 0x646f72616e646f6dULL ^ 0xee, key[0] ^ 0x6c7967656e657261ULL,
        key[1] ^ 0x7465646279746573ULL };

    for (/* void */; left >= 8; left -= 8, p += 8) {
        sip_word(&s, sip_load(p, 8));
    }

    sip_word(&s, sip_load(p, left) | ((uint64_t) text.len << 56));

    s.v2 ^= 0xee;
    sip_finish(&s, out);
    s.v1 ^= 0xdd;
    sip_finish(&s, out + 8);
}
