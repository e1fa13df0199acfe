/*
 * API keys.  The live ones are also in memory, loaded anew whenever they are
 * published, so that the worker and nginx change their minds together.
 */
#include "keys.h"

#include "../core/api.h"
#include "instances.h"
#include "keys_make.h"
#include "log.h"
#include "memory.h"
#include "publisher.h"
#include "store/keys_store.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define IMPORTED "SELLIFY_API_KEY"
#define USED_EVERY_S 60 /* how late "last used" may be */

typedef struct {
    int64_t id;
    uint8_t sha256[32];
    int64_t expires_at;
    int64_t used_at; /* not stored yet; 0: nothing new */
    http_identity_t who;
} key_entry_t;

struct keys {
    key_entry_t *live;
    size_t count;
    timer_entry_t flush;
};

int
keys_hash(sellify_str_t key, uint8_t sha256[32])
{
    return EVP_Q_digest(NULL, "SHA256", NULL, key.len ? key.data : "", key.len,
               sha256, NULL) == 1
               ? 0
               : -1;
}

/* Every entry is compared, so the time tells nothing about the place. */
int
keys_verify(worker_t *w, sellify_str_t key, http_identity_t *who)
{
    struct keys *keys = w->keys;
    key_entry_t *found = NULL;
    uint8_t sha256[32];
    int64_t now = worker_seconds(w);

    if (key.len == 0 || keys_hash(key, sha256) != 0) {
        return 0;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (CRYPTO_memcmp(keys->live[i].sha256, sha256, sizeof(sha256)) == 0) {
            found = &keys->live[i];
        }
    }
    if (found == NULL || (found->expires_at != 0 && found->expires_at <= now)) {
        return 0;
    }
    found->used_at = now;
    *who = found->who;
    return 1;
}

size_t
keys_count(const worker_t *w)
{
    return w->keys->count;
}

/* --- memory --- */

static void
split_instances(const char *text, http_identity_t *who)
{
    while (*text != '\0' && who->instance_count < SELLIFY_KEY_INSTANCES) {
        size_t len = strcspn(text, " ");

        snprintf(who->instances[who->instance_count++],
            SELLIFY_INSTANCE_NAME_MAX + 1, "%.*s", (int) len, text);
        text += len + (text[len] == ' ');
    }
}

static void
fill_entry(const key_row_t *row, key_entry_t *entry)
{
    memset(entry, 0, sizeof(*entry));
    entry->id = row->id;
    memcpy(entry->sha256, row->sha256, sizeof(entry->sha256));
    entry->expires_at = row->expires_at;
    memcpy(entry->who.key_id, row->public_id, sizeof(entry->who.key_id));
    entry->who.scopes = row->scopes;
    split_instances(row->instances, &entry->who);
}

static int64_t
used_before(const struct keys *keys, int64_t id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->live[i].id == id) {
            return keys->live[i].used_at;
        }
    }
    return 0;
}

static store_result_t
load(worker_t *w)
{
    struct keys *keys = w->keys;
    key_entry_t *live = memory_get(SELLIFY_STATE_KEYS * sizeof(*live));
    key_row_t row = { .id = 0 };
    size_t count = 0;
    store_result_t result;

    while ((result = keys_store_next(w->store, row.id, &row)) == STORE_OK) {
        if (row.revoked_at != 0 || count == SELLIFY_STATE_KEYS) {
            continue;
        }
        fill_entry(&row, &live[count]);
        live[count++].used_at = used_before(keys, row.id);
    }
    if (result == STORE_FAILED) {
        free(live);
        return STORE_FAILED;
    }
    free(keys->live);
    keys->live = live;
    keys->count = count;
    return STORE_OK;
}

static int
publish_one(worker_t *w, const key_entry_t *entry, uint32_t index,
    sellify_state_writer_t *writer)
{
    sellify_state_key_t block;
    instance_t instance;

    memset(&block, 0, sizeof(block));
    memcpy(block.sha256, entry->sha256, sizeof(block.sha256));
    memcpy(block.id, entry->who.key_id, sizeof(block.id));
    block.scopes = entry->who.scopes;
    block.expires_at = entry->expires_at;
    for (uint32_t i = 0; i < entry->who.instance_count; i++) {
        if (instances_find(w, sellify_str_of(entry->who.instances[i]),
                &instance) != STORE_OK) {
            return -1;
        }
        block.instances[block.instance_count++] = instance.slot;
    }
    return sellify_state_write_key(writer, index, &block);
}

static int
keys_publish(worker_t *w, sellify_state_writer_t *writer)
{
    struct keys *keys = w->keys;

    if (load(w) != STORE_OK) {
        return -1;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (publish_one(w, &keys->live[i], (uint32_t) i, writer) != 0) {
            return -1;
        }
    }
    writer->header.key_count = (uint32_t) keys->count;
    writer->header.keys_version++; /* also when the last key went */
    return 0;
}

/* --- last used --- */

static store_result_t
store_used(worker_t *w)
{
    struct keys *keys = w->keys;
    store_result_t result = STORE_OK;

    for (size_t i = 0; i < keys->count && result != STORE_FAILED; i++) {
        if (keys->live[i].used_at != 0) {
            result = keys_store_used(
                w->store, keys->live[i].id, keys->live[i].used_at);
        }
    }
    return result;
}

static void
flush(timer_entry_t *timer)
{
    worker_t *w = timer->data;
    struct keys *keys = w->keys;
    int used = 0;

    for (size_t i = 0; i < keys->count; i++) {
        used |= keys->live[i].used_at != 0;
    }
    if (used && turn_step_begin(w->turn) == 0 &&
        turn_step_end(w->turn, store_used(w) != STORE_FAILED) == 0) {
        for (size_t i = 0; i < keys->count; i++) {
            keys->live[i].used_at = 0;
        }
    }
    timers_set(w->timers, timer, worker_now(w) + USED_EVERY_S * SELLIFY_SECOND);
}

/* --- set-up --- */

/* The key of the settings replaces the one that the settings had before. */
static store_result_t
revoke_imported(worker_t *w, const uint8_t sha256[32])
{
    key_row_t row = { .id = 0 };
    store_result_t result;

    while ((result = keys_store_next(w->store, row.id, &row)) == STORE_OK) {
        if (row.revoked_at == 0 && strcmp(row.name, IMPORTED) == 0 &&
            memcmp(row.sha256, sha256, 32) != 0) {
            log_info("keys", "revoked", "%s: " IMPORTED " has changed",
                row.public_id);
            if (keys_store_revoke(w->store, row.id, worker_seconds(w)) ==
                STORE_FAILED) {
                return STORE_FAILED;
            }
        }
    }
    return result;
}

static store_result_t
import(worker_t *w)
{
    sellify_str_t key = sellify_str_of(w->settings.api_key);
    key_row_t row = { .name = IMPORTED, .scopes = SELLIFY_SCOPE_ADMIN };
    key_row_t known;
    store_result_t result;

    if (keys_hash(key, row.sha256) != 0 ||
        revoke_imported(w, row.sha256) == STORE_FAILED) {
        return STORE_FAILED;
    }
    result = keys_store_by_hash(w->store, row.sha256, &known);
    if (result != STORE_NONE) {
        if (result == STORE_OK && known.revoked_at != 0) {
            log_warn("keys", "revoked key in the settings",
                IMPORTED " is %s, which was revoked: it stays so",
                known.public_id);
        }
        return result;
    }
    row.created_at = worker_seconds(w);
    return keys_new_id(row.public_id) == 0 ? keys_store_add(w->store, &row)
                                           : STORE_FAILED;
}

static store_result_t
first_keys(worker_t *w)
{
    uint32_t live;

    if (w->settings.api_key[0] != '\0') {
        if (import(w) != STORE_OK) {
            return STORE_FAILED;
        }
        OPENSSL_cleanse(w->settings.api_key, strlen(w->settings.api_key));
    }
    if (keys_store_count_live(w->store, worker_seconds(w), &live) != STORE_OK) {
        return STORE_FAILED;
    }
    if (live == 0) {
        log_warn("keys", "no key",
            "make the first one: sellify key add --name admin --scopes admin");
    }
    return load(w);
}

int
keys_setup(worker_t *w)
{
    const char *weak = keys_weakness(sellify_str_of(w->settings.api_key));

    if (w->settings.api_key[0] != '\0' && weak != NULL) {
        log_error("settings", "refused", IMPORTED ": the key %s", weak);
        return -1;
    }
    w->keys = memory_get(sizeof(*w->keys));
    w->keys->flush = (timer_entry_t){ .fn = flush, .data = w };
    publisher_provide(w, PUBLISH_KEYS, keys_publish);
    if (first_keys(w) != STORE_OK) {
        return -1;
    }
    publisher_touch(w, PUBLISH_KEYS);
    timers_set(w->timers, &w->keys->flush,
        worker_now(w) + USED_EVERY_S * SELLIFY_SECOND);
    keys_routes_add(w);
    return 0;
}

void
keys_shutdown(worker_t *w)
{
    if (w->keys != NULL) {
        timers_cancel(w->timers, &w->keys->flush);
        free(w->keys->live);
        free(w->keys);
        w->keys = NULL;
    }
}
