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
    char  *items[SETTINGS_LIST_MAX];
    size_t count;
} settings_list_t;

/* Strings are never NULL: "" when not set. Owned by the struct. */
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
    uint32_t        ai_deadline_ms;
    char           *timezone;
    settings_list_t instances;
    char           *alert_url, *anchor_file;
    int             log_level;
    char           *clock_start; /* RFC 3339: simulated time, for demos */
    uint32_t        clock_rate;
} settings_t;

/* 0, or -1 after a message on stderr that names setting, value and reason. */
int  settings_load(settings_t *settings, const char *conf_file)
    __attribute__((warn_unused_result));
void settings_free(settings_t *settings);

#endif
