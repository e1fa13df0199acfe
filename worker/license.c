/*
 * The licence: a JSON file {"payload","signature"}, both base64; the payload is
 * itself JSON {"licensee","issued_at","expires_at","hwid"?}, signed with
 * Ed25519.  The payload is signed as bytes, so nobody has to agree on a
 * canonical form.  Required only with SELLIFY_LICENSE_PUBLIC_KEY.
 */
#include "license.h"

#include "../core/json.h"
#include "http/http.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 16384
#define KEY_LEN 32
#define SIGNATURE_LEN 64

struct license {
    sellify_license_state_t state; /* but for the expiry, judged when asked */
    int64_t expires_at;            /* UTC seconds */
    char licensee[128];
    timer_entry_t end; /* the state changes by itself */
};

sellify_license_state_t
license_state(const worker_t *w, int64_t *expires_at)
{
    const struct license *license = w->license;

    *expires_at = license->expires_at;
    if (license->state == SELLIFY_LICENSE_VALID &&
        license->expires_at <= worker_seconds(w)) {
        return SELLIFY_LICENSE_EXPIRED;
    }
    return license->state;
}

/* --- reading --- */

/* Standard base64 with padding, nothing else. Returns the length or -1. */
static int
base64_decode(sellify_str_t text, uint8_t *out, size_t size)
{
    size_t padding = 0;
    int len;

    if (text.len == 0 || text.len % 4 != 0 || text.len / 4 * 3 > size) {
        return -1;
    }
    while (padding < 2 && text.data[text.len - 1 - padding] == '=') {
        padding++;
    }
    for (size_t i = 0; i < text.len - padding; i++) {
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                   "0123456789+/",
                text.data[i]) == NULL ||
            text.data[i] == '\0') {
            return -1;
        }
    }
    len =
        EVP_DecodeBlock(out, (const unsigned char *) text.data, (int) text.len);
    return len < 0 ? -1 : len - (int) padding;
}

static int
signature_is_good(const uint8_t key[KEY_LEN], sellify_str_t payload,
    const uint8_t signature[SIGNATURE_LEN])
{
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_LEN);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int good = pkey != NULL && ctx != NULL &&
               EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
               EVP_DigestVerify(ctx, signature, SIGNATURE_LEN,
                   (const unsigned char *) payload.data, payload.len) == 1;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return good;
}

typedef struct {
    sellify_str_t payload, signature;
} envelope_t;

static const sellify_json_field_t envelope_fields[] = {
    { "payload", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        offsetof(envelope_t, payload), 0 },
    { "signature", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        offsetof(envelope_t, signature), 0 },
};

typedef struct {
    sellify_str_t licensee, expires_at;
} terms_t;

static const sellify_json_field_t terms_fields[] = {
    { "licensee", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        offsetof(terms_t, licensee), 100 },
    { "expires_at", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        offsetof(terms_t, expires_at), 40 },
};

static const char *
read_terms(struct license *license, sellify_str_t payload)
{
    static char arena[FILE_MAX]; /* worker thread only */
    sellify_faults_t faults = { .count = 0 };
    terms_t terms = { .licensee = { NULL, 0 } };
    sellify_time_t at;

    if (sellify_json_read(payload, terms_fields, 2, &terms, arena, &faults) !=
            0 ||
        sellify_time_parse(terms.expires_at.data, terms.expires_at.len, &at) !=
            0) {
        return "its payload is not what it should be";
    }
    license->expires_at = at / SELLIFY_SECOND;
    snprintf(license->licensee, sizeof(license->licensee), "%.*s",
        (int) terms.licensee.len, terms.licensee.data);
    return NULL;
}

/* NULL, or why the text is no licence. */
static const char *
judge(struct license *license, const uint8_t key[KEY_LEN], sellify_str_t text)
{
    static char arena[FILE_MAX];
    static uint8_t payload[FILE_MAX];
    uint8_t signature[SIGNATURE_LEN + 2];
    sellify_faults_t faults = { .count = 0 };
    envelope_t envelope = { .payload = { NULL, 0 } };
    int len;

    if (sellify_json_read(
            text, envelope_fields, 2, &envelope, arena, &faults) != 0) {
        return "it is no JSON object with payload and signature";
    }
    len = base64_decode(envelope.payload, payload, sizeof(payload));
    if (len < 0 || base64_decode(envelope.signature, signature,
                       sizeof(signature)) != SIGNATURE_LEN) {
        return "payload or signature is not base64";
    }
    sellify_str_t signed_part = { (const char *) payload, (size_t) len };
    if (!signature_is_good(key, signed_part, signature)) {
        return "its signature does not fit";
    }
    return read_terms(license, signed_part);
}

static ssize_t
read_file(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, buffer, size);

    if (fd >= 0) {
        close(fd);
    }
    return len;
}

static void
load(worker_t *w, const uint8_t key[KEY_LEN])
{
    static char text[FILE_MAX];
    struct license *license = w->license;
    const char *path = w->settings.license_file;
    const char *fault;
    ssize_t len = path[0] == '\0' ? -1 : read_file(path, text, sizeof(text));

    if (len < 0) {
        license->state = SELLIFY_LICENSE_MISSING;
        log_error("license", "missing",
            "SELLIFY_LICENSE_PUBLIC_KEY is set, and SELLIFY_LICENSE_FILE %s%s",
            path[0] ? "cannot be read: " : "is not", path);
        return;
    }
    fault = len == sizeof(text)
                ? "it is too large"
                : judge(license, key, (sellify_str_t){ text, (size_t) len });
    license->state =
        fault == NULL ? SELLIFY_LICENSE_VALID : SELLIFY_LICENSE_INVALID;
    if (fault != NULL) {
        license->expires_at = 0;
        log_error("license", "invalid", "%s: %s", path, fault);
    }
}

/* --- what others see --- */

static int
publish(worker_t *w, sellify_state_writer_t *writer)
{
    writer->header.license =
        license_state(w, &writer->header.license_expires_at);
    return 0;
}

static void
has_ended(timer_entry_t *timer)
{
    worker_t *w = timer->data;

    log_error("license", "expired", "automation stops until it is renewed");
    publisher_touch(w, PUBLISH_HEADER);
    if (turn_step_begin(w->turn) == 0) {
        (void) turn_step_end(w->turn, 1); /* so that the turn publishes */
    }
}

static void
scrape(worker_t *w)
{
    int64_t expires_at;
    sellify_license_state_t now = license_state(w, &expires_at);

    for (int s = SELLIFY_LICENSE_NOT_REQUIRED; s <= SELLIFY_LICENSE_INVALID;
         s++) {
        metrics_set(w, METRIC_LICENSE_STATE,
            sellify_license_name((sellify_license_state_t) s), NULL,
            s == (int) now);
    }
    if (expires_at != 0) {
        metrics_set(w, METRIC_LICENSE_EXPIRY, NULL, NULL,
            (double) (expires_at - worker_seconds(w)));
    }
}

static void
write_license(sellify_json_writer_t *json, void *data)
{
    const worker_t *w = data;
    char at[SELLIFY_RFC3339_MAX];
    int64_t expires_at;
    sellify_license_state_t state = license_state(w, &expires_at);

    sellify_json_object(json);
    sellify_json_key(json, "state");
    sellify_json_cstring(json, sellify_license_name(state));
    sellify_json_key(json, "required");
    sellify_json_bool(json, state != SELLIFY_LICENSE_NOT_REQUIRED);
    sellify_json_key(json, "licensee");
    if (w->license->licensee[0] == '\0') {
        sellify_json_null(json);
    } else {
        sellify_json_cstring(json, w->license->licensee);
    }
    sellify_json_key(json, "expires_at");
    if (expires_at == 0) {
        sellify_json_null(json);
    } else {
        sellify_time_format(expires_at * SELLIFY_SECOND, at);
        sellify_json_cstring(json, at);
    }
    sellify_json_object_end(json);
}

static void
get_license(http_request_t *request)
{
    http_reply_built(request, 200, write_license, request->worker);
}

static const http_route_t routes[] = {
    { HTTP_GET, "/license", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_license },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

int
license_setup(worker_t *w)
{
    sellify_str_t text = sellify_str_of(w->settings.license_public_key);
    uint8_t key[KEY_LEN + 4];

    w->license = memory_get(sizeof(*w->license));
    w->license->end = (timer_entry_t){ .fn = has_ended, .data = w };
    if (text.len != 0) {
        if (base64_decode(text, key, sizeof(key)) != KEY_LEN) {
            log_error("settings", "refused",
                "SELLIFY_LICENSE_PUBLIC_KEY: not the base64 of 32 bytes");
            return -1;
        }
        load(w, key);
        if (w->license->expires_at > worker_seconds(w)) {
            timers_set(w->timers, &w->license->end,
                w->license->expires_at * SELLIFY_SECOND);
        }
    }
    publisher_provide(w, PUBLISH_HEADER, publish);
    publisher_touch(w, PUBLISH_HEADER);
    metrics_on_scrape(w, scrape);
    http_routes_add(w->http, routes);
    return 0;
}

void
license_shutdown(worker_t *w)
{
    if (w->license != NULL) {
        timers_cancel(w->timers, &w->license->end);
        free(w->license);
        w->license = NULL;
    }
}
