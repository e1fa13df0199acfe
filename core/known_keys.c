/* Keys that everybody knows; see known_keys.h. */
#include "known_keys.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <string.h>

static const char *const known[] = { "", "0", "1", "123", "1234", "12345",
    "123456", "1234567", "12345678", "123456789", "1234567890", "abc123",
    "admin", "admin123", "api", "api-key", "api_key", "apikey", "bearer",
    "change-me", "change_me", "changeme", "changeit", "default",
    "default-api-key", "default_api_key", "default-key", "demo", "dev",
    "development", "example", "foo", "foobar", "key", "letmein", "my-api-key",
    "my-secret-key", "my_api_key", "none", "null", "password", "password123",
    "placeholder", "qwerty", "replace-me", "replace_me", "replaceme", "root",
    "secret", "secret-key", "secret_key", "secretkey", "sellify",
    "sellify-api-key", "sellify-key", "sellify-secret", "sellify_api_key",
    "sellify123", "super-secret", "supersecret", "test", "test-api-key",
    "test-key", "test_api_key", "test_key", "test123", "testing", "testkey",
    "token", "undefined", "user", "xxx", "your-api-key", "your-api-key-here",
    "your-secret-key", "your_api_key", "your_api_key_here", "yourapikey" };

static int
hash_is(const char *text, int (*change)(int), const uint8_t sha256[32])
{
    size_t i, len = strlen(text);
    char key[32];
    unsigned char hash[SHA256_DIGEST_LENGTH];

    for (i = 0; i < len && i < sizeof(key); i++) {
        key[i] = change ? (char) change((unsigned char) text[i]) : text[i];
    }

    SHA256((const unsigned char *) key, i, hash);

    return memcmp(hash, sha256, sizeof(hash)) == 0;
}

int
sellify_key_is_known(const uint8_t sha256[32])
{
    size_t i;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (hash_is(known[i], NULL, sha256) ||
            hash_is(known[i], toupper, sha256)) {
            return 1;
        }
    }

    return 0;
}
