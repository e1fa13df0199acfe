/*
 * API keys: the file of sellify_keys, the key sets, and the look-up of the key
 * that a request carries.  A presented key is hashed once with SHA-256, found
 * by that hash, and compared in constant time; a small table of keys verified
 * before, tagged with a SipHash under a secret of this process, saves the hash.
 */
#include "ngx_http_sellify_module.h"

#include "../core/known_keys.h"
#include "../core/siphash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define NGX_HTTP_SELLIFY_KEYS_FILE_MAX (1024 * 1024) /* bytes */
#define NGX_HTTP_SELLIFY_KEYS_MAX 4096               /* keys of a file */
#define NGX_HTTP_SELLIFY_KEY_ID_MAX 39               /* bytes */
#define NGX_HTTP_SELLIFY_KEY_WORDS 5                 /* of a line, and one */

/* --- key sets --- */

ngx_http_sellify_keyset_t *
ngx_http_sellify_keyset_create(ngx_log_t *log, ngx_uint_t max)
{
    ngx_uint_t slots;
    ngx_pool_t *pool;
    ngx_http_sellify_keyset_t *set;

    pool = ngx_create_pool(4096, log);
    if (pool == NULL) {
        return NULL;
    }

    for (slots = 8; slots < 2 * max; slots *= 2) { /* void */
    }

    set = ngx_pcalloc(pool, sizeof(ngx_http_sellify_keyset_t));
    if (set == NULL) {
        goto failed;
    }

    set->pool = pool;
    set->refs = 1;
    set->mask = slots - 1;
    set->keys = ngx_pcalloc(pool, (max + 1) * sizeof(ngx_http_sellify_key_t));
    set->index = ngx_pcalloc(pool, slots * sizeof(uint32_t));

    if (set->keys == NULL || set->index == NULL) {
        goto failed;
    }

    return set;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}

void
ngx_http_sellify_keyset_release(ngx_http_sellify_keyset_t *set)
{
    if (--set->refs == 0) {
        ngx_destroy_pool(set->pool);
    }
}

/* The slot where the hash is, or the free one where it belongs. */
static uint32_t *
ngx_http_sellify_keyset_slot(ngx_http_sellify_keyset_t *set, u_char hash[32])
{
    uint32_t start;
    ngx_uint_t i;

    ngx_memcpy(&start, hash, sizeof(start));

    for (i = start & set->mask; set->index[i]; i = (i + 1) & set->mask) {
        if (CRYPTO_memcmp(set->keys[set->index[i] - 1].hash, hash, 32) == 0) {
            break;
        }
    }

    return &set->index[i];
}

ngx_int_t
ngx_http_sellify_keyset_add(
    ngx_http_sellify_keyset_t *set, ngx_http_sellify_key_t *key)
{
    uint32_t *slot;

    slot = ngx_http_sellify_keyset_slot(set, key->hash);
    if (*slot) {
        return NGX_DECLINED;
    }

    set->keys[set->count++] = *key;
    *slot = set->count;

    return NGX_OK;
}

void
ngx_http_sellify_keys_replace(
    ngx_http_sellify_main_conf_t *smcf, ngx_http_sellify_keyset_t *set)
{
    ngx_memzero(smcf->verified,
        NGX_HTTP_SELLIFY_VERIFIED * sizeof(ngx_http_sellify_verified_t));

    if (smcf->live_keys) {
        ngx_http_sellify_keyset_release(smcf->live_keys);
    }

    smcf->live_keys = set;
}

/* --- the keys file --- */

static ngx_int_t
ngx_http_sellify_unhex(ngx_str_t *text, u_char hash[32])
{
    ngx_uint_t i;
    ngx_int_t n;

    if (text->len != sizeof("sha256:") - 1 + 64 ||
        ngx_strncmp(text->data, "sha256:", sizeof("sha256:") - 1) != 0) {
        return NGX_ERROR;
    }

    for (i = 0; i < 32; i++) {
        n = ngx_hextoi(text->data + sizeof("sha256:") - 1 + 2 * i, 2);
        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        hash[i] = (u_char) n;
    }

    return NGX_OK;
}

/* Cuts the next piece up to a comma off `list`. */
static ngx_uint_t
ngx_http_sellify_next_item(ngx_str_t *list, ngx_str_t *item)
{
    u_char *comma;

    if (list->data == NULL) {
        return 0;
    }

    comma = ngx_strlchr(list->data, list->data + list->len, ',');
    item->data = list->data;
    item->len = comma ? (size_t) (comma - list->data) : list->len;

    if (comma == NULL) {
        list->data = NULL;
        return 1;
    }

    list->len -= item->len + 1;
    list->data = comma + 1;

    return 1;
}

static const char *
ngx_http_sellify_key_scopes(
    ngx_str_t *word, ngx_http_sellify_key_t *key, ngx_str_t *value)
{
    uint32_t scope;
    ngx_str_t list = *word;

    while (ngx_http_sellify_next_item(&list, value)) {
        scope = sellify_scope_parse(ngx_http_sellify_str(value));
        if (scope == 0) {
            return "unknown scope";
        }

        key->scopes |= scope;
    }

    return NULL;
}

static const char *
ngx_http_sellify_key_instances(ngx_pool_t *pool, ngx_str_t *word,
    ngx_http_sellify_key_t *key, ngx_str_t *value)
{
    ngx_str_t list = *word;

    key->instances =
        ngx_pcalloc(pool, SELLIFY_KEY_INSTANCES * sizeof(ngx_str_t));
    if (key->instances == NULL) {
        return "no memory for";
    }

    while (ngx_http_sellify_next_item(&list, value)) {
        if (!sellify_instance_name_valid(ngx_http_sellify_str(value))) {
            return "bad instance name";
        }

        if (key->instance_count == SELLIFY_KEY_INSTANCES) {
            return "more than 16 instances, the last is";
        }

        key->instances[key->instance_count++] = *value;
    }

    return NULL;
}

/* NULL, or what is wrong with `value`. */
static const char *
ngx_http_sellify_key_line(ngx_http_sellify_keyset_t *set, ngx_str_t *words,
    ngx_uint_t n, ngx_str_t *value)
{
    const char *fault;
    ngx_uint_t i;
    ngx_http_sellify_key_t key;

    ngx_memzero(&key, sizeof(key));
    *value = words[0];

    if (n < 3 || n > 4) {
        return "expected \"id sha256:<64 hex digits> scopes [instances]\" at";
    }

    if (words[0].len > NGX_HTTP_SELLIFY_KEY_ID_MAX ||
        !sellify_instance_name_valid(ngx_http_sellify_str(&words[0]))) {
        return "the id must be 1 to 39 of A-Z a-z 0-9 _ . -, not";
    }

    for (i = 0; i < set->count; i++) {
        if (set->keys[i].id.len == words[0].len &&
            ngx_memcmp(set->keys[i].id.data, words[0].data, words[0].len) ==
                0) {
            return "duplicate id";
        }
    }

    key.id = words[0];

    if (ngx_http_sellify_unhex(&words[1], key.hash) != NGX_OK) {
        return "expected sha256: and 64 hex digits for key";
    }

    if (sellify_key_is_known(key.hash)) {
        return "this is the hash of a well-known or empty key:";
    }

    fault = ngx_http_sellify_key_scopes(&words[2], &key, value);
    if (fault == NULL && n == 4) {
        fault =
            ngx_http_sellify_key_instances(set->pool, &words[3], &key, value);
    }

    if (fault) {
        return fault;
    }

    *value = words[0];

    return ngx_http_sellify_keyset_add(set, &key) == NGX_OK
               ? NULL
               : "the same key stands above already, under another id than";
}

/* Splits a line at blanks; a # starts a comment. */
static ngx_uint_t
ngx_http_sellify_key_words(u_char *p, u_char *last, ngx_str_t *words)
{
    ngx_uint_t n;

    for (n = 0; n < NGX_HTTP_SELLIFY_KEY_WORDS; n++) {
        while (p < last && (*p == ' ' || *p == '\t' || *p == '\r')) {
            p++;
        }

        if (p == last || *p == '#') {
            break;
        }

        words[n].data = p;

        while (p < last && *p != ' ' && *p != '\t' && *p != '\r') {
            p++;
        }

        words[n].len = p - words[n].data;
    }

    return n;
}

static char *
ngx_http_sellify_keys_parse(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *content,
    ngx_http_sellify_keyset_t *set)
{
    u_char *p, *end, *eol;
    ngx_str_t words[NGX_HTTP_SELLIFY_KEY_WORDS], value;
    ngx_uint_t line, n;
    const char *fault;

    end = content->data + content->len;

    for (p = content->data, line = 1; p < end; p = eol + 1, line++) {
        eol = ngx_strlchr(p, end, '\n');
        if (eol == NULL) {
            eol = end;
        }

        n = ngx_http_sellify_key_words(p, eol, words);
        if (n == 0) {
            continue;
        }

        fault = set->count == NGX_HTTP_SELLIFY_KEYS_MAX
                    ? "more than 4096 keys, the last is"
                    : ngx_http_sellify_key_line(set, words, n, &value);

        if (n && fault) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "sellify_keys: %V line %ui: %s \"%*s\"", path, line, fault,
                ngx_min(value.len, 64), value.data);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}

static void
ngx_http_sellify_keyset_cleanup(void *data)
{
    ngx_http_sellify_keyset_release(data);
}

char *
ngx_http_sellify_keys_load(ngx_conf_t *cf, ngx_http_sellify_main_conf_t *smcf)
{
    ngx_err_t err;
    ngx_str_t content;
    ngx_pool_cleanup_t *cln;
    ngx_http_sellify_keyset_t *set;

    if (smcf->keys.len == 0) {
        return NGX_CONF_OK;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    set = ngx_http_sellify_keyset_create(cf->log, NGX_HTTP_SELLIFY_KEYS_MAX);
    if (cln == NULL || set == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_sellify_keyset_cleanup;
    cln->data = set;
    smcf->file_keys = set;

    if (ngx_http_sellify_read_file(set->pool, &smcf->keys,
            NGX_HTTP_SELLIFY_KEYS_FILE_MAX, &content, &err) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
            "sellify_keys: %V cannot be read or is larger than 1 MiB",
            &smcf->keys);
        return NGX_CONF_ERROR;
    }

    return ngx_http_sellify_keys_parse(cf, &smcf->keys, &content, set);
}

/* --- look-up --- */

ngx_int_t
ngx_http_sellify_keys_init(
    ngx_cycle_t *cycle, ngx_http_sellify_main_conf_t *smcf)
{
    smcf->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    smcf->digest = EVP_MD_CTX_new();

    if (smcf->sha256 == NULL || smcf->digest == NULL ||
        sellify_rng_secret(smcf->siphash_key, sizeof(smcf->siphash_key)) != 0) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
            "sellify: SHA-256 or random bytes are not available");
        return NGX_ERROR;
    }

    return NGX_OK;
}

void
ngx_http_sellify_keys_exit(ngx_http_sellify_main_conf_t *smcf)
{
    EVP_MD_CTX_free(smcf->digest);
    EVP_MD_free(smcf->sha256);

    if (smcf->live_keys) {
        ngx_http_sellify_keys_replace(smcf, NULL);
    }
}

static ngx_http_sellify_key_t *
ngx_http_sellify_keyset_find(ngx_http_sellify_keyset_t *set, u_char hash[32])
{
    uint32_t *slot;

    if (set == NULL) {
        return NULL;
    }

    slot = ngx_http_sellify_keyset_slot(set, hash);

    return *slot ? &set->keys[*slot - 1] : NULL;
}

/* Live keys first: what the worker says of a key outranks the file. */
static ngx_http_sellify_key_t *
ngx_http_sellify_key_find(ngx_http_sellify_main_conf_t *smcf, ngx_str_t *text,
    ngx_http_sellify_keyset_t **set)
{
    u_char hash[EVP_MAX_MD_SIZE], tag[16];
    ngx_uint_t slot;
    ngx_http_sellify_key_t *key;
    ngx_http_sellify_verified_t *v;

    sellify_siphash128(smcf->siphash_key, ngx_http_sellify_str(text), tag);
    ngx_memcpy(&slot, tag, sizeof(slot));
    v = &smcf->verified[slot % NGX_HTTP_SELLIFY_VERIFIED];

    if (v->set && CRYPTO_memcmp(v->tag, tag, sizeof(tag)) == 0) {
        *set = v->set;
        return &v->set->keys[v->number];
    }

    /* a single process that was reloaded has not run init_process again */

    if (smcf->digest == NULL &&
        ngx_http_sellify_keys_init((ngx_cycle_t *) ngx_cycle, smcf) != NGX_OK) {
        return NULL;
    }

    if (EVP_DigestInit_ex2(smcf->digest, smcf->sha256, NULL) != 1 ||
        EVP_DigestUpdate(smcf->digest, text->data, text->len) != 1 ||
        EVP_DigestFinal_ex(smcf->digest, hash, NULL) != 1) {
        return NULL;
    }

    *set = smcf->live_keys;
    key = ngx_http_sellify_keyset_find(*set, hash);

    if (key == NULL) {
        *set = smcf->file_keys;
        key = ngx_http_sellify_keyset_find(*set, hash);
    }

    if (key) {
        ngx_memcpy(v->tag, tag, sizeof(tag));
        v->set = *set;
        v->number = key - (*set)->keys;
    }

    return key;
}

/* X-API-Key, else Authorization: Bearer.  A header that comes twice counts as
 * an unknown key: which one the next program takes is anybody's guess. */
static ngx_http_sellify_key_state_e
ngx_http_sellify_key_text(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_uint_t count;
    ngx_table_elt_t *h;

    h = ngx_http_sellify_header_in(
        r, "x-api-key", sizeof("x-api-key") - 1, &count);

    if (h) {
        *text = h->value;

    } else {
        h = ngx_http_sellify_header_in(
            r, "authorization", sizeof("authorization") - 1, &count);

        if (h == NULL || h->value.len < sizeof("Bearer ") - 1 ||
            ngx_strncasecmp(h->value.data, (u_char *) "Bearer ",
                sizeof("Bearer ") - 1) != 0) {
            return NGX_HTTP_SELLIFY_KEY_NONE;
        }

        text->data = h->value.data + sizeof("Bearer ") - 1;
        text->len = h->value.len - (sizeof("Bearer ") - 1);
    }

    if (count != 1 || text->len == 0 || text->len > NGX_HTTP_SELLIFY_KEY_MAX) {
        return NGX_HTTP_SELLIFY_KEY_UNKNOWN;
    }

    return NGX_HTTP_SELLIFY_KEY_KNOWN;
}

ngx_http_sellify_key_state_e
ngx_http_sellify_key_of(ngx_http_request_t *r, ngx_http_sellify_ctx_t *ctx)
{
    ngx_str_t text;
    ngx_http_sellify_keyset_t *set;
    ngx_http_sellify_main_conf_t *smcf;

    if (ctx->key_state != NGX_HTTP_SELLIFY_KEY_UNASKED) {
        return ctx->key_state;
    }

    ctx->key_state = ngx_http_sellify_key_text(r->main, &text);
    if (ctx->key_state != NGX_HTTP_SELLIFY_KEY_KNOWN) {
        return ctx->key_state;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sellify_module);
    ctx->key = ngx_http_sellify_key_find(smcf, &text, &set);

    if (ctx->key && ctx->key->expires_at &&
        ngx_http_sellify_now(smcf) / SELLIFY_SECOND >= ctx->key->expires_at) {
        ctx->key = NULL;
    }

    if (ctx->key == NULL) {
        ctx->key_state = NGX_HTTP_SELLIFY_KEY_UNKNOWN;
        return ctx->key_state;
    }

    ctx->keyset = set;
    set->refs++;

    return ctx->key_state;
}

ngx_int_t
ngx_http_sellify_key_allows_instance(
    ngx_http_sellify_key_t *key, sellify_str_t instance)
{
    ngx_uint_t i;

    if (key == NULL || key->instance_count == 0) {
        return 1;
    }

    for (i = 0; i < key->instance_count; i++) {
        if (sellify_str_equal(
                ngx_http_sellify_str(&key->instances[i]), instance)) {
            return 1;
        }
    }

    return 0;
}
