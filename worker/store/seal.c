/* AES-256-GCM, HKDF and HMAC, all OpenSSL's; see seal.h. */

#include "seal.h"
#include "../../core/rng.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define SEAL_VERSION 1
#define SEAL_NAME_MAX 64
#define SEAL_AAD_MAX (1 + 4 + 1 + SEAL_NAME_MAX + 8 + 1 + SEAL_NAME_MAX)

/* The longest update that EVP's int takes. */
#define SEAL_UPDATE_MAX ((size_t) 1 << 30)

int
seal_encrypt(const uint8_t key[SEAL_KEY_LEN],
    const uint8_t nonce[SEAL_NONCE_LEN], sellify_str_t aad, sellify_str_t plain,
    uint8_t *cipher, uint8_t tag[SEAL_TAG_LEN])
{
    if (aad.len > SEAL_UPDATE_MAX || plain.len > SEAL_UPDATE_MAX) {
        return -1;
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    int ok =
        ctx != NULL &&
        EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
        (aad.len == 0 || EVP_EncryptUpdate(ctx, NULL, &n,
                             (const uint8_t *) aad.data, (int) aad.len) == 1) &&
        (plain.len == 0 ||
            EVP_EncryptUpdate(ctx, cipher, &n, (const uint8_t *) plain.data,
                (int) plain.len) == 1) &&
        EVP_EncryptFinal_ex(ctx, cipher + plain.len, &n) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_LEN, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : -1;
}

int
seal_decrypt(const uint8_t key[SEAL_KEY_LEN],
    const uint8_t nonce[SEAL_NONCE_LEN], sellify_str_t aad,
    sellify_str_t cipher, const uint8_t tag[SEAL_TAG_LEN], uint8_t *plain)
{
    if (aad.len > SEAL_UPDATE_MAX || cipher.len > SEAL_UPDATE_MAX) {
        return -1;
    }
    uint8_t expected[SEAL_TAG_LEN];
    memcpy(expected, tag, sizeof(expected));

    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    int ok =
        ctx != NULL &&
        EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
        (aad.len == 0 || EVP_DecryptUpdate(ctx, NULL, &n,
                             (const uint8_t *) aad.data, (int) aad.len) == 1) &&
        (cipher.len == 0 ||
            EVP_DecryptUpdate(ctx, plain, &n, (const uint8_t *) cipher.data,
                (int) cipher.len) == 1) &&
        EVP_CIPHER_CTX_ctrl(
            ctx, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_LEN, expected) == 1 &&
        EVP_DecryptFinal_ex(ctx, plain + cipher.len, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!ok && cipher.len > 0) {
        OPENSSL_cleanse(plain, cipher.len);
    }
    return ok ? 0 : -1;
}

static void
seal_put(uint8_t **p, uint64_t value, int bytes)
{
    while (bytes-- > 0) {
        *(*p)++ = (uint8_t) (value >> (8 * bytes));
    }
}

static int
seal_put_name(uint8_t **p, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > SEAL_NAME_MAX) {
        return -1;
    }
    seal_put(p, len, 1);
    memcpy(*p, name, len);
    *p += len;
    return 0;
}

static int
seal_aad(uint8_t aad[SEAL_AAD_MAX], uint32_t key_id, const seal_place_t *place,
    sellify_str_t *out)
{
    uint8_t *p = aad;
    seal_put(&p, SEAL_VERSION, 1);
    seal_put(&p, key_id, 4);
    if (seal_put_name(&p, place->table) != 0) {
        return -1;
    }
    seal_put(&p, (uint64_t) place->row, 8);
    if (seal_put_name(&p, place->column) != 0) {
        return -1;
    }
    *out = (sellify_str_t){ (const char *) aad, (size_t) (p - aad) };
    return 0;
}

int
seal_close(const uint8_t key[SEAL_KEY_LEN], uint32_t key_id,
    const seal_place_t *place, sellify_str_t plain, uint8_t *out)
{
    uint8_t room[SEAL_AAD_MAX];
    sellify_str_t aad;
    uint8_t *p = out;
    if (plain.len > SEAL_PLAIN_MAX ||
        seal_aad(room, key_id, place, &aad) != 0) {
        return -1;
    }
    seal_put(&p, SEAL_VERSION, 1);
    seal_put(&p, key_id, 4);
    if (sellify_rng_secret(p, SEAL_NONCE_LEN) != 0) {
        return -1;
    }
    return seal_encrypt(key, p, aad, plain, out + SEAL_HEAD_LEN,
        out + SEAL_HEAD_LEN + plain.len);
}

int
seal_key_id(const uint8_t *sealed, size_t len, uint32_t *key_id)
{
    if (len < SEAL_OVERHEAD || sealed[0] != SEAL_VERSION) {
        return -1;
    }
    *key_id = (uint32_t) sealed[1] << 24 | (uint32_t) sealed[2] << 16 |
              (uint32_t) sealed[3] << 8 | sealed[4];
    return 0;
}

int
seal_open(const uint8_t key[SEAL_KEY_LEN], const seal_place_t *place,
    const uint8_t *sealed, size_t len, uint8_t *out)
{
    uint8_t room[SEAL_AAD_MAX];
    sellify_str_t aad;
    uint32_t key_id;
    if (len > SEAL_PLAIN_MAX + SEAL_OVERHEAD ||
        seal_key_id(sealed, len, &key_id) != 0 ||
        seal_aad(room, key_id, place, &aad) != 0) {
        return -1;
    }
    sellify_str_t cipher = { (const char *) sealed + SEAL_HEAD_LEN,
        len - SEAL_OVERHEAD };
    return seal_decrypt(
        key, sealed + 5, aad, cipher, sealed + len - SEAL_TAG_LEN, out);
}

int
seal_derive(sellify_str_t secret, sellify_str_t salt, sellify_str_t info,
    uint8_t *out, size_t len)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[5], *p = params;

    *p++ = OSSL_PARAM_construct_utf8_string(
        OSSL_KDF_PARAM_DIGEST, (char *) "SHA256", 0);
    *p++ = OSSL_PARAM_construct_octet_string(
        OSSL_KDF_PARAM_KEY, (void *) (uintptr_t) secret.data, secret.len);
    if (salt.len > 0) {
        *p++ = OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_SALT, (void *) (uintptr_t) salt.data, salt.len);
    }
    *p++ = OSSL_PARAM_construct_octet_string(
        OSSL_KDF_PARAM_INFO, (void *) (uintptr_t) info.data, info.len);
    *p = OSSL_PARAM_construct_end();

    int ok = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : -1;
}

int
seal_mac(sellify_str_t key, const sellify_str_t *parts, size_t count,
    uint8_t mac[32])
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_utf8_string(
            OSSL_MAC_PARAM_DIGEST, (char *) "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    int ok = ctx != NULL && EVP_MAC_init(ctx, (const uint8_t *) key.data,
                                key.len, params) == 1;
    for (size_t i = 0; ok && i < count; i++) {
        ok = EVP_MAC_update(
                 ctx, (const uint8_t *) parts[i].data, parts[i].len) == 1;
    }
    size_t len = 0;
    ok = ok && EVP_MAC_final(ctx, mac, &len, 32) == 1 && len == 32;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(hmac);
    return ok ? 0 : -1;
}
