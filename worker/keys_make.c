/* Making and judging API keys. */
#include "keys_make.h"

#include "../core/rng.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#define SHORTEST 16

/* Keys that stand in examples and that people forget to change. */
static const char *const well_known[] = {
    "change-me-in-production",
    "changemeinproduction",
    "change_me_in_production",
    "default-api-key-change-me",
    "sellify-default-api-key",
    "sellify-secret-key",
    "sellify-dev-api-key",
    "sellify_dev_api_key",
    "sellify-api-key-2024",
    "your-api-key-here",
    "your-secret-api-key",
    "your_api_key_here",
    "your-secret-key-here",
    "supersecretapikey",
    "super-secret-api-key",
    "my-secret-api-key",
    "0123456789abcdef",
    "1234567890123456",
    "abcdefghijklmnop",
    "passwordpassword",
    "0123456789abcdef0123456789abcdef",
};

int
keys_new_text(char out[KEYS_TEXT_MAX])
{
    uint8_t raw[33] = { 0 }; /* a multiple of 3: no padding to cut */
    char text[45];

    if (sellify_rng_secret(raw, 32) != 0) {
        return -1;
    }
    EVP_EncodeBlock((unsigned char *) text, raw, sizeof(raw));
    memcpy(out, "sk_", 3);
    for (int i = 0; i < 43; i++) {
        out[3 + i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    }
    out[46] = '\0';
    OPENSSL_cleanse(raw, sizeof(raw));
    OPENSSL_cleanse(text, sizeof(text));
    return 0;
}

int
keys_new_id(char out[40])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[12];

    if (sellify_rng_secret(raw, sizeof(raw)) != 0) {
        return -1;
    }
    memcpy(out, "key_", 4);
    for (size_t i = 0; i < sizeof(raw); i++) {
        out[4 + 2 * i] = digits[raw[i] >> 4];
        out[5 + 2 * i] = digits[raw[i] & 15];
    }
    out[4 + 2 * sizeof(raw)] = '\0';
    return 0;
}

const char *
keys_weakness(sellify_str_t key)
{
    size_t same = 1;

    if (key.len < SHORTEST) {
        return "is shorter than 16 characters";
    }
    for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++) {
        if (strlen(well_known[i]) == key.len &&
            strncasecmp(well_known[i], key.data, key.len) == 0) {
            return "is well known";
        }
    }
    while (same < key.len && key.data[same] == key.data[0]) {
        same++;
    }
    return same == key.len ? "is one character over and over" : NULL;
}
