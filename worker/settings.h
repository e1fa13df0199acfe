/*
 * Settings: environment first, then /etc/sellify/worker.conf (KEY=VALUE), then
 * the default; docs/settings.md lists them.  An unknown SELLIFY_ name, a bad
 * value or an unreadable file is a start-up error that names it.
 */
#ifndef SELLIFY_WORKER_SETTINGS_H
#define SELLIFY_WORKER_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#define SETTINGS_LIST_MAX 64

typedef struct {
    char *items[SETTINGS_LIST_MAX];
    size_t count;
} settings_list_t;

/* One network provider of texts: SELLIFY_<NAME>_URL, _KEY or _KEY_FILE, _MODEL,
 * _RPM, _TPM, _TIMEOUT_MS. 0 and "": not set, the provider's own default. */
typedef struct {
    const char *name; /* "openai" */
    char *url, *key, *key_file, *model;
    uint32_t rpm, tpm, timeout_ms;
} settings_provider_t;
#define SETTINGS_PROVIDERS 4 /* openai anthropic local ollama */

/* Strings are never NULL: "" when not set. Owned by the struct.  SIGHUP may
 * replace them between turns: copy what must last longer. */
typedef struct {
    char *socket, *admin_socket, *state_file, *db;
    char *api_key; /* cleansed after import */
    char *master_secret_file, *hwid_file;
    char *policy_file, *products_file;
    char *license_file, *license_public_key;
    char *webhook_token, *webhook_token_next; /* two valid during rotation */
    char *whatsapp_driver; /* simulator codechat evolution cloud */
    char *whatsapp_url, *whatsapp_key, *whatsapp_app_secret,
        *whatsapp_verify_token, *whatsapp_phone_id;
    settings_list_t ai_providers;
    settings_provider_t providers[SETTINGS_PROVIDERS];
    uint32_t ai_deadline_ms;
    uint32_t ai_cache_max_bytes, ai_cache_ttl_s;
    char *timezone;
    settings_list_t instances;
    char *alert_url, *anchor_file;
    int log_level;
    char *clock_start; /* RFC 3339: simulated time, for demos */
    uint32_t clock_rate;
} settings_t;

/* 0, or -1 after a message on stderr that names setting, value and reason. */
int settings_load(settings_t *settings, const char *conf_file)
    __attribute__((warn_unused_result));
/* Cleanses what it frees. */
void settings_free(settings_t *settings);

/* Takes over what may change while the worker runs, and logs the names of
 * settings that need a restart. `fresh` is freed. */
void settings_reload(settings_t *settings, settings_t *fresh);

/* NULL when there is no such provider ("catalogue" has no settings). */
const settings_provider_t *
settings_provider(const settings_t *settings, const char *name);

/* The names of all settings, for documents and tests; NULL past the end. */
const char *settings_name(size_t index);

#define SETTINGS_DEFAULT_FILE "/etc/sellify/worker.conf"
#define SETTINGS_FILE_MAX 262144
#define SETTINGS_VALUE_MAX 8192

#endif
