/*
 * The keyring:
 *
 *     machine identity + secret file --HKDF-SHA-256, random salt--> key-encryption
 *     key --wraps--> data keys (seal) and the look-up key (HMAC)
 *
 * The key-encryption key lives as long as the database; other ways to it (a
 * recovery passphrase) are further rows of key_slot.  Keys live in one piece of
 * memory that is kept out of core dumps and, where allowed, out of swap.
 */
#ifndef SELLIFY_STORE_KEYRING_H
#define SELLIFY_STORE_KEYRING_H

#include "seal.h"
#include "store.h"

typedef struct keyring keyring_t;

#define KEYRING_KEYS_MAX 64
/* Random nonces are safe for 2^32 values under one key (NIST SP 800-38D): a new
 * key takes over at half of that. Uses are recorded in blocks, ahead. */
#define KEYRING_USES_SOFT ((uint64_t) 1 << 31)
#define KEYRING_USES_HARD (((uint64_t) 1 << 32) - ((uint64_t) 1 << 20))
#define KEYRING_USES_BLOCK ((uint64_t) 1 << 16)

/* The memory, and the secrets read from the two files. `fresh`: a database
 * without a keyring; the secret file is made if it is missing.
 * -1: refused, logged. */
keyring_t *keyring_new(const char *hwid_file, const char *secret_file,
    int fresh) SELLIFY_MUST_CHECK;
void keyring_free(keyring_t *keyring);

/* Unwraps what the database holds; reads only. -1: refused, logged. */
int keyring_open(keyring_t *keyring, store_t *store) SELLIFY_MUST_CHECK;
/* Makes the slot, the look-up key and the first data key, in the transaction
 * that makes the tables. */
int keyring_create(
    keyring_t *keyring, store_t *store, int64_t now) SELLIFY_MUST_CHECK;

/* The key to seal with; counts one use. Inside a step. NULL: none, logged. */
const uint8_t *keyring_use(store_t *store, uint32_t *key_id);
/* A key to open with, NULL when there is none of this id. */
const uint8_t *keyring_find(const keyring_t *keyring, uint32_t key_id);
const uint8_t *keyring_lookup(const keyring_t *keyring);

/* Adds a data key that seals from the COMMIT of this step on. */
store_result_t keyring_rotate(store_t *store);

/* For tests: pretend that the current key was used so often. */
void keyring_set_uses(keyring_t *keyring, uint64_t uses);

#endif
