/* The keyring; see keyring.h. */

#include "keyring.h"
#include "../../core/rng.h"
#include "../log.h"
#include "internal.h"
#include "secrets.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sys/mman.h>

#define KEYRING_VERSION 1
#define KEYRING_SALT_LEN 32
#define KEYRING_CHECK_LEN 16
#define KEYRING_KEK_ID 0

typedef struct {
    uint32_t id;
    uint8_t key[SEAL_KEY_LEN];
} keyring_key_t;

struct keyring {
    uint8_t kek[SEAL_KEY_LEN];
    keyring_key_t lookup;
    keyring_key_t keys[KEYRING_KEYS_MAX];
    size_t count;
    size_t current; /* index */

    uint64_t used;     /* of the current key, this process included */
    uint64_t reserved; /* recorded in the database, perhaps not committed */
    uint64_t durable;  /* the same, committed */
    int rotating;      /* a new key waits for its COMMIT */

    secrets_t secrets; /* cleansed once the key-encryption key is known */
};

keyring_t *
keyring_new(const char *hwid_file, const char *secret_file, int fresh)
{
    keyring_t *keyring = mmap(NULL, sizeof(*keyring), PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (keyring == MAP_FAILED) {
        log_error("keyring", "no memory", "%s", strerror(errno));
        return NULL;
    }
    (void) madvise(keyring, sizeof(*keyring), MADV_DONTDUMP);
    if (mlock(keyring, sizeof(*keyring)) != 0) {
        log_warn("keyring", "not locked", "keys may reach the swap: %s",
            strerror(errno));
    }
    if (secrets_read(&keyring->secrets, hwid_file, secret_file, fresh) != 0) {
        keyring_free(keyring);
        return NULL;
    }
    return keyring;
}

void
keyring_free(keyring_t *keyring)
{
    if (keyring != NULL) {
        OPENSSL_cleanse(keyring, sizeof(*keyring));
        munmap(keyring, sizeof(*keyring));
    }
}

/* --- the key-encryption key --- */

static int
keyring_derive(keyring_t *keyring, sellify_str_t salt)
{
    uint8_t both[SECRETS_MACHINE_MAX + SECRETS_SECRET_MAX + 4];
    secrets_t *s = &keyring->secrets;
    size_t len = 0;
    sellify_str_t info = sellify_str("sellify key-encryption key v1");

    /* The length of the first part keeps the two apart. */
    both[len++] = (uint8_t) (s->machine_len >> 8);
    both[len++] = (uint8_t) s->machine_len;
    memcpy(both + len, s->machine, s->machine_len);
    len += s->machine_len;
    memcpy(both + len, s->secret, s->secret_len);
    len += s->secret_len;

    sellify_str_t material = { (const char *) both, len };
    int rc = seal_derive(material, salt, info, keyring->kek, SEAL_KEY_LEN);
    OPENSSL_cleanse(both, sizeof(both));
    return rc;
}

/* What tells a wrong machine from a wrong secret, and gives away neither. */
static int
keyring_checks(const keyring_t *keyring, sellify_str_t salt,
    uint8_t machine[32], uint8_t secret[32])
{
    const secrets_t *s = &keyring->secrets;
    sellify_str_t m = { (const char *) s->machine, s->machine_len };
    sellify_str_t k = { (const char *) s->secret, s->secret_len };
    return seal_derive(m, salt, sellify_str("sellify machine check v1"),
               machine, KEYRING_CHECK_LEN) != 0 ||
                   seal_derive(k, salt, sellify_str("sellify secret check v1"),
                       secret, KEYRING_CHECK_LEN) != 0
               ? -1
               : 0;
}

static int
keyring_same(sqlite3_stmt *s, int column, const uint8_t *check)
{
    return sqlite3_column_bytes(s, column) == KEYRING_CHECK_LEN &&
           CRYPTO_memcmp(
               sqlite3_column_blob(s, column), check, KEYRING_CHECK_LEN) == 0;
}

static int
keyring_damaged(const char *what)
{
    log_error("keyring", "refused", "the keyring is damaged: %s", what);
    return -1;
}

static int
keyring_open_slot(keyring_t *keyring, sqlite3_stmt *s)
{
    uint8_t machine[32], secret[32];
    sellify_str_t salt = { sqlite3_column_blob(s, 1),
        (size_t) sqlite3_column_bytes(s, 1) };
    if (sqlite3_column_int(s, 0) != KEYRING_VERSION ||
        salt.len != KEYRING_SALT_LEN) {
        return keyring_damaged("slot 'machine' has a bad version or salt");
    }
    if (keyring_checks(keyring, salt, machine, secret) != 0) {
        return keyring_damaged("its checks cannot be computed");
    }
    if (!keyring_same(s, 2, machine)) {
        log_error("keyring", "refused",
            "this database belongs to another machine: %s differs from the "
            "identity under which it was sealed (or the slot is damaged)",
            keyring->secrets.machine_file);
        return -1;
    }
    if (!keyring_same(s, 3, secret)) {
        log_error("keyring", "refused",
            "%s is not the secret under which this database was sealed "
            "(SELLIFY_MASTER_SECRET_FILE; or the slot is damaged)",
            keyring->secrets.secret_file);
        return -1;
    }
    return keyring_derive(keyring, salt);
}

static int
keyring_read_slot(keyring_t *keyring, store_t *store)
{
    sqlite3_stmt *s = store_statement(store,
        "SELECT version, salt, machine_check, secret_check FROM key_slot"
        " WHERE name = 'machine'");
    int rc = -1;
    store_result_t result = store_step(store, s);
    if (result == STORE_OK) {
        rc = keyring_open_slot(keyring, s);
    } else if (result == STORE_NONE) {
        rc = keyring_damaged("slot 'machine' is missing");
    }
    store_done(s);
    return rc;
}

/* --- the keys --- */

static int
keyring_unwrap(keyring_t *keyring, sqlite3_stmt *s, keyring_key_t *key)
{
    int64_t id = sqlite3_column_int64(s, 0);
    const uint8_t *wrapped = sqlite3_column_blob(s, 2);
    size_t len = (size_t) sqlite3_column_bytes(s, 2);
    seal_place_t place = { "data_key", id,
        (const char *) sqlite3_column_text(s, 1) };
    if (id < 1 || id > UINT32_MAX || len != SEAL_KEY_LEN + SEAL_OVERHEAD ||
        seal_open(keyring->kek, &place, wrapped, len, key->key) != 0) {
        return keyring_damaged("a data key does not open");
    }
    key->id = (uint32_t) id;
    return 0;
}

static int
keyring_take_row(keyring_t *keyring, sqlite3_stmt *s)
{
    const char *purpose = (const char *) sqlite3_column_text(s, 1);
    if (strcmp(purpose, "lookup") == 0) {
        return keyring_unwrap(keyring, s, &keyring->lookup);
    }
    if (keyring->count == KEYRING_KEYS_MAX) {
        return keyring_damaged("too many data keys");
    }
    size_t index = keyring->count;
    if (keyring_unwrap(keyring, s, &keyring->keys[index]) != 0) {
        return -1;
    }
    keyring->count++;
    if (sqlite3_column_type(s, 4) == SQLITE_NULL) {
        keyring->current = index;
        keyring->used = (uint64_t) sqlite3_column_int64(s, 3);
        keyring->reserved = keyring->durable = keyring->used;
    }
    return 0;
}

int
keyring_open(keyring_t *keyring, store_t *store)
{
    if (keyring_read_slot(keyring, store) != 0) {
        return -1;
    }
    secrets_wipe(&keyring->secrets);
    keyring->count = 0;
    keyring->current = KEYRING_KEYS_MAX;
    keyring->lookup.id = 0;

    sqlite3_stmt *s = store_statement(store,
        "SELECT id, purpose, wrapped, uses, retired_at FROM data_key"
        " ORDER BY id");
    int bad = 0;
    store_result_t result = STORE_FAILED;
    while (!bad && (result = store_step(store, s)) == STORE_OK) {
        bad = keyring_take_row(keyring, s) != 0;
    }
    store_done(s);
    if (bad || result == STORE_FAILED) {
        return -1;
    }
    if (keyring->current == KEYRING_KEYS_MAX || keyring->lookup.id == 0) {
        return keyring_damaged("a data key is missing");
    }
    return 0;
}

/* A random key, wrapped and stored. The caller owns `key`. */
static int
keyring_make(keyring_t *keyring, store_t *store, const char *purpose,
    int64_t now, keyring_key_t *key)
{
    uint8_t wrapped[SEAL_KEY_LEN + SEAL_OVERHEAD];
    int64_t id = store_next_id(store, "data_key");
    if (id < 1 || id > UINT32_MAX ||
        sellify_rng_secret(key->key, SEAL_KEY_LEN) != 0) {
        log_error("keyring", "no new key", "%s", purpose);
        return -1;
    }
    key->id = (uint32_t) id;

    seal_place_t place = { "data_key", id, purpose };
    sellify_str_t plain = { (const char *) key->key, SEAL_KEY_LEN };
    if (seal_close(keyring->kek, KEYRING_KEK_ID, &place, plain, wrapped) != 0) {
        log_error("keyring", "no new key", "it cannot be wrapped");
        return -1;
    }
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO data_key (id, purpose, wrapped, created_at)"
        " VALUES (?1, ?2, ?3, ?4)");
    store_bind_int(s, 1, id);
    store_bind_text(s, 2, sellify_str_of(purpose));
    store_bind_blob(s, 3, wrapped, sizeof(wrapped));
    store_bind_int(s, 4, now);
    return store_run(store, s) == STORE_OK ? 0 : -1;
}

static int
keyring_make_slot(keyring_t *keyring, store_t *store)
{
    uint8_t raw[KEYRING_SALT_LEN], machine[32], secret[32];
    sellify_str_t salt = { (const char *) raw, sizeof(raw) };
    if (sellify_rng_secret(raw, sizeof(raw)) != 0 ||
        keyring_derive(keyring, salt) != 0 ||
        keyring_checks(keyring, salt, machine, secret) != 0) {
        log_error("keyring", "not made", "no randomness or no HKDF");
        return -1;
    }
    sqlite3_stmt *s = store_statement(store,
        "INSERT INTO key_slot (name, version, salt, machine_check,"
        " secret_check) VALUES ('machine', ?1, ?2, ?3, ?4)");
    store_bind_int(s, 1, KEYRING_VERSION);
    store_bind_blob(s, 2, raw, sizeof(raw));
    store_bind_blob(s, 3, machine, KEYRING_CHECK_LEN);
    store_bind_blob(s, 4, secret, KEYRING_CHECK_LEN);
    return store_run(store, s) == STORE_OK ? 0 : -1;
}

int
keyring_create(keyring_t *keyring, store_t *store, int64_t now)
{
    if (keyring_make_slot(keyring, store) != 0 ||
        keyring_make(keyring, store, "lookup", now, &keyring->lookup) != 0 ||
        keyring_make(keyring, store, "seal", now, &keyring->keys[0]) != 0) {
        return -1;
    }
    secrets_wipe(&keyring->secrets);
    keyring->count = 1;
    keyring->current = 0;
    return 0;
}

/* --- use --- */

/* The step that recorded a block of uses is durable, or it never was. */
static void
keyring_reserved(void *data, int committed)
{
    keyring_t *keyring = data;
    if (committed) {
        keyring->durable = keyring->reserved;
    } else {
        keyring->reserved = keyring->durable;
    }
}

static int
keyring_reserve(store_t *store, keyring_t *keyring)
{
    uint64_t reserved = keyring->used + KEYRING_USES_BLOCK;
    sqlite3_stmt *s =
        store_statement(store, "UPDATE data_key SET uses = ?1 WHERE id = ?2");
    store_bind_int(s, 1, (int64_t) reserved);
    store_bind_int(s, 2, keyring->keys[keyring->current].id);
    if (store_run(store, s) != STORE_OK) {
        return -1;
    }
    keyring->reserved = reserved;
    turn_effect(store->turn, keyring_reserved, keyring);
    return 0;
}

const uint8_t *
keyring_use(store_t *store, uint32_t *key_id)
{
    keyring_t *keyring = store->keyring;
    if (keyring->used >= KEYRING_USES_SOFT && !keyring->rotating &&
        keyring_rotate(store) == STORE_FAILED) {
        return NULL;
    }
    if (keyring->used >= KEYRING_USES_HARD) {
        log_error("keyring", "key worn out", "no new one could be stored");
        return NULL;
    }
    if (keyring->used >= keyring->reserved &&
        keyring_reserve(store, keyring) != 0) {
        return NULL;
    }
    keyring->used++;
    *key_id = keyring->keys[keyring->current].id;
    return keyring->keys[keyring->current].key;
}

const uint8_t *
keyring_find(const keyring_t *keyring, uint32_t key_id)
{
    for (size_t i = keyring->count; i > 0; i--) {
        if (keyring->keys[i - 1].id == key_id) {
            return keyring->keys[i - 1].key;
        }
    }
    return NULL;
}

const uint8_t *
keyring_lookup(const keyring_t *keyring)
{
    return keyring->lookup.key;
}

void
keyring_set_uses(keyring_t *keyring, uint64_t uses)
{
    keyring->used = uses;
}

/* --- rotation --- */

/* The slot after the last holds the new key until its COMMIT. */
static void
keyring_rotated(void *data, int committed)
{
    keyring_t *keyring = data;
    keyring->rotating = 0;
    if (!committed) {
        OPENSSL_cleanse(&keyring->keys[keyring->count], sizeof(keyring_key_t));
        return;
    }
    keyring->current = keyring->count++;
    keyring->used = keyring->reserved = keyring->durable = 0;
    log_info("keyring", "rotated", "key %u seals from now on",
        keyring->keys[keyring->current].id);
}

store_result_t
keyring_rotate(store_t *store)
{
    keyring_t *keyring = store->keyring;
    if (keyring->rotating || keyring->count == KEYRING_KEYS_MAX) {
        return STORE_NONE;
    }
    int64_t now = turn_time(store->turn) / SELLIFY_SECOND;
    if (keyring_make(
            keyring, store, "seal", now, &keyring->keys[keyring->count]) != 0) {
        return STORE_FAILED;
    }
    keyring->rotating = 1;
    turn_effect(store->turn, keyring_rotated, keyring);
    return STORE_OK;
}
