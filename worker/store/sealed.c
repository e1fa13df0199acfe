/* Sealed columns and keyed look-ups: the store's side of the keyring. */

#include "../log.h"
#include "../memory.h"
#include "internal.h"

#include <openssl/crypto.h>
#include <stdlib.h>

store_result_t
store_bind_sealed(store_t *store, sqlite3_stmt *s, int index, const char *table,
    int64_t row, const char *column, sellify_str_t value)
{
    if (s == NULL) {
        return STORE_FAILED;
    }
    if (value.data == NULL) {
        sqlite3_bind_null(s, index);
        return STORE_OK;
    }
    uint32_t key_id;
    const uint8_t *key = keyring_use(store, &key_id);
    if (key == NULL) {
        return STORE_FAILED;
    }
    size_t len = value.len + SEAL_OVERHEAD;
    uint8_t *sealed = memory_get(len);
    seal_place_t place = { table, row, column };
    if (seal_close(key, key_id, &place, value, sealed) != 0) {
        log_error("seal", "failed", "%s row %lld column %s", table,
            (long long) row, column);
        free(sealed);
        return STORE_FAILED;
    }
    /* SQLite owns the buffer from here, also when it fails. */
    int rc = sqlite3_bind_blob64(s, index, sealed, len, free);
    return rc == SQLITE_OK ? STORE_OK : store_failed(store, rc, "bind sealed");
}

store_result_t
store_open_sealed(store_t *store, sqlite3_stmt *s, int column,
    const char *table, int64_t row, const char *name, sellify_str_t *value)
{
    *value = (sellify_str_t){ NULL, 0 };
    const uint8_t *sealed = sqlite3_column_blob(s, column);
    size_t len = (size_t) sqlite3_column_bytes(s, column);
    if (sealed == NULL) {
        return STORE_OK;
    }
    uint32_t key_id = 0;
    const uint8_t *key = NULL;
    if (seal_key_id(sealed, len, &key_id) == 0) {
        key = keyring_find(store->keyring, key_id);
    }
    if (key != NULL) {
        seal_place_t place = { table, row, name };
        uint8_t *plain = memory_get(len - SEAL_OVERHEAD + 1);
        if (seal_open(key, &place, sealed, len, plain) == 0) {
            *value = (sellify_str_t){ (char *) plain, len - SEAL_OVERHEAD };
            return STORE_OK;
        }
        free(plain);
    }
    log_error("seal", "does not open", "%s row %lld column %s key %u", table,
        (long long) row, name, key_id);
    return STORE_FAILED;
}

void
store_release(sellify_str_t *value)
{
    if (value->data != NULL) {
        char *data = (char *) (uintptr_t) value->data;
        OPENSSL_cleanse(data, value->len);
        free(data);
    }
    *value = (sellify_str_t){ NULL, 0 };
}

void
store_hash(store_t *store, const char *purpose, sellify_str_t value,
    uint8_t hash[STORE_HASH_LEN])
{
    /* With its NUL, so that no purpose is the beginning of another one. */
    sellify_str_t parts[2] = { { purpose, strlen(purpose) + 1 }, value };
    sellify_str_t key = { (const char *) keyring_lookup(store->keyring),
        SEAL_KEY_LEN };
    if (seal_mac(key, parts, 2, hash) != 0) {
        /* Only for want of memory; a wrong hash would be a wrong person. */
        log_error("seal", "no hmac", NULL);
        abort();
    }
}
