/*
 * The seal: AES-256-GCM (OpenSSL EVP) with a random 96-bit nonce.
 *
 *     byte 0       format version, 1
 *     1..4         key id, big-endian
 *     5..16        nonce
 *     17..         ciphertext, then the 16-byte tag
 *
 * Additional data: the version, the key id and the place (table, row, column),
 * each of known length, so that no two places give the same bytes.
 */
#ifndef SELLIFY_STORE_SEAL_H
#define SELLIFY_STORE_SEAL_H

#include "../../core/str.h"

#include <stdint.h>

#define SEAL_KEY_LEN 32
#define SEAL_NONCE_LEN 12
#define SEAL_TAG_LEN 16
#define SEAL_HEAD_LEN (1 + 4 + SEAL_NONCE_LEN)
#define SEAL_OVERHEAD (SEAL_HEAD_LEN + SEAL_TAG_LEN)
#define SEAL_PLAIN_MAX (64u * 1024 * 1024)

typedef struct {
    const char *table;
    int64_t row;
    const char *column; /* names of at most 64 bytes */
} seal_place_t;

/* `out` holds plain.len + SEAL_OVERHEAD bytes. 0 or -1. */
int seal_close(const uint8_t key[SEAL_KEY_LEN], uint32_t key_id,
    const seal_place_t *place, sellify_str_t plain,
    uint8_t *out) SELLIFY_MUST_CHECK;
/* `out` holds len - SEAL_OVERHEAD bytes. -1: not sealed under this key for this
 * place, or altered; `out` is then cleansed. */
int seal_open(const uint8_t key[SEAL_KEY_LEN], const seal_place_t *place,
    const uint8_t *sealed, size_t len, uint8_t *out) SELLIFY_MUST_CHECK;
/* Which key a value names; -1 when it is no sealed value. */
int seal_key_id(
    const uint8_t *sealed, size_t len, uint32_t *key_id) SELLIFY_MUST_CHECK;

/* The primitives, for known-answer tests. */
int seal_encrypt(const uint8_t key[SEAL_KEY_LEN],
    const uint8_t nonce[SEAL_NONCE_LEN], sellify_str_t aad, sellify_str_t plain,
    uint8_t *cipher, uint8_t tag[SEAL_TAG_LEN]) SELLIFY_MUST_CHECK;
int seal_decrypt(const uint8_t key[SEAL_KEY_LEN],
    const uint8_t nonce[SEAL_NONCE_LEN], sellify_str_t aad,
    sellify_str_t cipher, const uint8_t tag[SEAL_TAG_LEN],
    uint8_t *plain) SELLIFY_MUST_CHECK;
/* HKDF-SHA-256 (RFC 5869). */
int seal_derive(sellify_str_t secret, sellify_str_t salt, sellify_str_t info,
    uint8_t *out, size_t len) SELLIFY_MUST_CHECK;
/* HMAC-SHA-256 over the parts, one after the other. */
int seal_mac(sellify_str_t key, const sellify_str_t *parts, size_t count,
    uint8_t mac[32]) SELLIFY_MUST_CHECK;

#endif
