/*
 * Settings: one table, one pass over the file, one over the environment.  Every
 * refusal names the setting, where it stands, and why.
 */

#include "settings.h"
#include "../core/clock.h"
#include "log.h"
#include "memory.h"
#include "settings_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

typedef enum {
    SETTING_TEXT,
    SETTING_UINT,
    SETTING_LIST,
    SETTING_LEVEL
} setting_kind_t;

#define SETTING_RELOAD 1u /* SIGHUP takes it over */
#define SETTING_SECRET 2u /* its value never shows, not even when it is bad */

typedef struct {
    const char *name;
    setting_kind_t kind;
    unsigned flags;
    size_t offset;
    const char *standard; /* the default, "" not set */
    /* Why a value is bad, or NULL when it is good. */
    const char *(*check)(const char *value);
    uint32_t min, max; /* UINT */
} setting_t;

#define AT(member) offsetof(settings_t, member)

/* clang-format off */
static const setting_t settings_table[] = {
    { "SELLIFY_SOCKET", SETTING_TEXT, 0, AT(socket), "/run/sellify/worker.sock", check_socket, 0, 0 },
    { "SELLIFY_ADMIN_SOCKET", SETTING_TEXT, 0, AT(admin_socket), "/run/sellify/admin.sock", check_socket, 0, 0 },
    { "SELLIFY_STATE_FILE", SETTING_TEXT, 0, AT(state_file), "/run/sellify/state", check_path, 0, 0 },
    { "SELLIFY_DB", SETTING_TEXT, 0, AT(db), "/var/lib/sellify/sellify.db", check_path, 0, 0 },
    { "SELLIFY_API_KEY", SETTING_TEXT, SETTING_SECRET, AT(api_key), "", check_api_key, 0, 0 },
    { "SELLIFY_MASTER_SECRET_FILE", SETTING_TEXT, 0, AT(master_secret_file), "", check_path, 0, 0 },
    { "SELLIFY_HWID_FILE", SETTING_TEXT, 0, AT(hwid_file), "/etc/machine-id", check_readable, 0, 0 },
    { "SELLIFY_POLICY_FILE", SETTING_TEXT, 0, AT(policy_file), "", check_readable, 0, 0 },
    { "SELLIFY_PRODUCTS_FILE", SETTING_TEXT, 0, AT(products_file), "", check_readable, 0, 0 },
    { "SELLIFY_LICENSE_FILE", SETTING_TEXT, 0, AT(license_file), "", check_readable, 0, 0 },
    { "SELLIFY_LICENSE_PUBLIC_KEY", SETTING_TEXT, 0, AT(license_public_key), "", check_secret, 0, 0 },
    { "SELLIFY_WEBHOOK_TOKEN", SETTING_TEXT, SETTING_SECRET | SETTING_RELOAD, AT(webhook_token), "", check_token, 0, 0 },
    { "SELLIFY_WEBHOOK_TOKEN_NEXT", SETTING_TEXT, SETTING_SECRET | SETTING_RELOAD, AT(webhook_token_next), "", check_token, 0, 0 },
    { "SELLIFY_WHATSAPP_DRIVER", SETTING_TEXT, 0, AT(whatsapp_driver), "simulator", check_driver, 0, 0 },
    { "SELLIFY_WHATSAPP_URL", SETTING_TEXT, 0, AT(whatsapp_url), "", check_url, 0, 0 },
    { "SELLIFY_WHATSAPP_KEY", SETTING_TEXT, SETTING_SECRET, AT(whatsapp_key), "", check_secret, 0, 0 },
    { "SELLIFY_WHATSAPP_APP_SECRET", SETTING_TEXT, SETTING_SECRET, AT(whatsapp_app_secret), "", check_secret, 0, 0 },
    { "SELLIFY_WHATSAPP_VERIFY_TOKEN", SETTING_TEXT, SETTING_SECRET, AT(whatsapp_verify_token), "", check_secret, 0, 0 },
    { "SELLIFY_WHATSAPP_PHONE_ID", SETTING_TEXT, 0, AT(whatsapp_phone_id), "", check_digits, 0, 0 },
    { "SELLIFY_AI_PROVIDERS", SETTING_LIST, 0, AT(ai_providers), "catalogue", check_provider, 0, 0 },
    { "SELLIFY_OPENAI_URL", SETTING_TEXT, 0, AT(providers[0].url), "", check_url, 0, 0 },
    { "SELLIFY_OPENAI_KEY", SETTING_TEXT, SETTING_SECRET, AT(providers[0].key), "", check_secret, 0, 0 },
    { "SELLIFY_OPENAI_KEY_FILE", SETTING_TEXT, 0, AT(providers[0].key_file), "", check_readable, 0, 0 },
    { "SELLIFY_OPENAI_MODEL", SETTING_TEXT, 0, AT(providers[0].model), "", check_word, 0, 0 },
    { "SELLIFY_OPENAI_RPM", SETTING_UINT, 0, AT(providers[0].rpm), "", NULL, 1, 1000000 },
    { "SELLIFY_OPENAI_TPM", SETTING_UINT, 0, AT(providers[0].tpm), "", NULL, 1, 1000000000 },
    { "SELLIFY_OPENAI_TIMEOUT_MS", SETTING_UINT, 0, AT(providers[0].timeout_ms), "", NULL, 100, 120000 },
    { "SELLIFY_ANTHROPIC_URL", SETTING_TEXT, 0, AT(providers[1].url), "", check_url, 0, 0 },
    { "SELLIFY_ANTHROPIC_KEY", SETTING_TEXT, SETTING_SECRET, AT(providers[1].key), "", check_secret, 0, 0 },
    { "SELLIFY_ANTHROPIC_KEY_FILE", SETTING_TEXT, 0, AT(providers[1].key_file), "", check_readable, 0, 0 },
    { "SELLIFY_ANTHROPIC_MODEL", SETTING_TEXT, 0, AT(providers[1].model), "", check_word, 0, 0 },
    { "SELLIFY_ANTHROPIC_RPM", SETTING_UINT, 0, AT(providers[1].rpm), "", NULL, 1, 1000000 },
    { "SELLIFY_ANTHROPIC_TPM", SETTING_UINT, 0, AT(providers[1].tpm), "", NULL, 1, 1000000000 },
    { "SELLIFY_ANTHROPIC_TIMEOUT_MS", SETTING_UINT, 0, AT(providers[1].timeout_ms), "", NULL, 100, 120000 },
    { "SELLIFY_LOCAL_URL", SETTING_TEXT, 0, AT(providers[2].url), "", check_url, 0, 0 },
    { "SELLIFY_LOCAL_KEY", SETTING_TEXT, SETTING_SECRET, AT(providers[2].key), "", check_secret, 0, 0 },
    { "SELLIFY_LOCAL_KEY_FILE", SETTING_TEXT, 0, AT(providers[2].key_file), "", check_readable, 0, 0 },
    { "SELLIFY_LOCAL_MODEL", SETTING_TEXT, 0, AT(providers[2].model), "", check_word, 0, 0 },
    { "SELLIFY_LOCAL_RPM", SETTING_UINT, 0, AT(providers[2].rpm), "", NULL, 1, 1000000 },
    { "SELLIFY_LOCAL_TPM", SETTING_UINT, 0, AT(providers[2].tpm), "", NULL, 1, 1000000000 },
    { "SELLIFY_LOCAL_TIMEOUT_MS", SETTING_UINT, 0, AT(providers[2].timeout_ms), "", NULL, 100, 120000 },
    { "SELLIFY_OLLAMA_URL", SETTING_TEXT, 0, AT(providers[3].url), "", check_url, 0, 0 },
    { "SELLIFY_OLLAMA_KEY", SETTING_TEXT, SETTING_SECRET, AT(providers[3].key), "", check_secret, 0, 0 },
    { "SELLIFY_OLLAMA_KEY_FILE", SETTING_TEXT, 0, AT(providers[3].key_file), "", check_readable, 0, 0 },
    { "SELLIFY_OLLAMA_MODEL", SETTING_TEXT, 0, AT(providers[3].model), "", check_word, 0, 0 },
    { "SELLIFY_OLLAMA_RPM", SETTING_UINT, 0, AT(providers[3].rpm), "", NULL, 1, 1000000 },
    { "SELLIFY_OLLAMA_TPM", SETTING_UINT, 0, AT(providers[3].tpm), "", NULL, 1, 1000000000 },
    { "SELLIFY_OLLAMA_TIMEOUT_MS", SETTING_UINT, 0, AT(providers[3].timeout_ms), "", NULL, 100, 120000 },
    { "SELLIFY_AI_DEADLINE_MS", SETTING_UINT, SETTING_RELOAD, AT(ai_deadline_ms), "20000", NULL, 100, 300000 },
    { "SELLIFY_AI_CACHE_MAX_BYTES", SETTING_UINT, SETTING_RELOAD, AT(ai_cache_max_bytes), "67108864", NULL, 0, 2147483647 },
    { "SELLIFY_AI_CACHE_TTL_S", SETTING_UINT, SETTING_RELOAD, AT(ai_cache_ttl_s), "2592000", NULL, 0, 31536000 },
    { "SELLIFY_LOG_LEVEL", SETTING_LEVEL, SETTING_RELOAD, AT(log_level), "info", NULL, 0, 0 },
    { "SELLIFY_TIMEZONE", SETTING_TEXT, 0, AT(timezone), "", check_timezone, 0, 0 },
    { "SELLIFY_INSTANCES", SETTING_LIST, SETTING_RELOAD, AT(instances), "", check_instance, 0, 0 },
    { "SELLIFY_ALERT_URL", SETTING_TEXT, SETTING_RELOAD, AT(alert_url), "", check_url, 0, 0 },
    { "SELLIFY_ANCHOR_FILE", SETTING_TEXT, 0, AT(anchor_file), "", check_path, 0, 0 },
    { "SELLIFY_CLOCK_START", SETTING_TEXT, 0, AT(clock_start), "", check_time, 0, 0 },
    { "SELLIFY_CLOCK_RATE", SETTING_UINT, 0, AT(clock_rate), "1", NULL, 1, SELLIFY_CLOCK_RATE_MAX },
};
/* clang-format on */
#define SETTINGS (sizeof(settings_table) / sizeof(settings_table[0]))

static const char *const settings_providers[SETTINGS_PROVIDERS] = { "openai",
    "anthropic", "local", "ollama" };

/* A value that was found, and where: "environment" or "FILE line N". */
typedef struct {
    char *value;
    char where[512];
} settings_found_t;

typedef struct {
    settings_found_t found[SETTINGS];
    int faults;
} settings_read_t;

static void
settings_fault(settings_read_t *read, const char *where, const char *name,
    const char *value, const char *reason)
{
    read->faults++;
    if (value != NULL) {
        log_error("settings", "refused", "%s: %s=%.200s: %s", where, name,
            value, reason);
    } else {
        log_error("settings", "refused", "%s: %s: %s", where, name, reason);
    }
}

static int
settings_index(const char *name, size_t len)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (strlen(settings_table[i].name) == len &&
            memcmp(settings_table[i].name, name, len) == 0) {
            return (int) i;
        }
    }
    return -1;
}

const char *
settings_name(size_t index)
{
    return index < SETTINGS ? settings_table[index].name : NULL;
}

/* --- reading --- */

static void
settings_take(settings_read_t *read, const char *name, size_t name_len,
    const char *value, const char *where)
{
    char shown[64];
    int index = settings_index(name, name_len);
    if (index < 0) {
        snprintf(shown, sizeof(shown), "%.*s", (int) name_len, name);
        settings_fault(read, where, shown, NULL, "there is no such setting");
        return;
    }
    settings_found_t *found = &read->found[index];
    if (strlen(value) > SETTINGS_VALUE_MAX) {
        settings_fault(read, where, settings_table[index].name, NULL,
            "the value is too long");
        return;
    }
    if (found->value != NULL &&
        strncmp(found->where, where, strcspn(where, " ")) == 0) {
        settings_fault(
            read, where, settings_table[index].name, NULL, "is set twice");
        return;
    }
    memory_wipe(found->value);
    found->value = memory_text(value);
    snprintf(found->where, sizeof(found->where), "%s", where);
}

static void
settings_read_environment(settings_read_t *read)
{
    static const char prefix[] = "SELLIFY_";
    for (char **e = environ; *e != NULL; e++) {
        const char *equal = strchr(*e, '=');
        if (equal != NULL && strncmp(*e, prefix, sizeof(prefix) - 1) == 0) {
            settings_take(
                read, *e, (size_t) (equal - *e), equal + 1, "environment");
        }
    }
}

static char *
settings_trim(char *text)
{
    text += strspn(text, " \t");
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL) {
        text[--len] = '\0';
    }
    return text;
}

/* "value" and 'value' lose their quotes, as in a systemd EnvironmentFile. */
static char *
settings_unquote(char *value)
{
    size_t len = strlen(value);
    if (len >= 2 && (value[0] == '"' || value[0] == '\'') &&
        value[len - 1] == value[0]) {
        value[len - 1] = '\0';
        return value + 1;
    }
    return value;
}

static void
settings_read_line(settings_read_t *read, char *line, const char *where)
{
    line = settings_trim(line);
    if (line[0] == '\0' || line[0] == '#') {
        return;
    }
    char *equal = strchr(line, '=');
    if (equal == NULL) {
        settings_fault(read, where, "line", NULL, "is not KEY=VALUE");
        return;
    }
    *equal = '\0';
    char *name = settings_trim(line);
    settings_take(read, name, strlen(name),
        settings_unquote(settings_trim(equal + 1)), where);
}

static void
settings_read_lines(settings_read_t *read, const char *file, char *text)
{
    unsigned number = 0;
    while (text != NULL) {
        char where[512];
        char *end = strchr(text, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        snprintf(where, sizeof(where), "%.400s line %u", file, ++number);
        settings_read_line(read, text, where);
        text = end;
    }
}

/* The whole of a small text file; NULL with the reason. */
static char *
settings_slurp(const char *file, size_t max, const char **reason)
{
    FILE *f = fopen(file, "re");
    if (f == NULL) {
        *reason = strerror(errno);
        return NULL;
    }
    char *text = memory_get(max + 2);
    size_t len = fread(text, 1, max + 1, f);
    int failed = ferror(f);
    fclose(f);
    *reason = failed                    ? "cannot be read"
              : len > max               ? "is too long"
              : memchr(text, '\0', len) ? "holds a NUL byte"
                                        : NULL;
    if (*reason != NULL) {
        memory_wipe(text);
        return NULL;
    }
    return text;
}

static void
settings_read_file(settings_read_t *read, const char *file)
{
    const char *reason;
    const char *path = file != NULL ? file : SETTINGS_DEFAULT_FILE;
    if (file == NULL && access(path, F_OK) != 0 && errno == ENOENT) {
        return;
    }
    char *text = settings_slurp(path, SETTINGS_FILE_MAX, &reason);
    if (text == NULL) {
        settings_fault(read, path, "the settings file", NULL, reason);
        return;
    }
    settings_read_lines(read, path, text);
    memory_wipe(text);
}

/* --- storing --- */

static const char *
settings_store_uint(const setting_t *t, uint32_t *out, const char *value)
{
    char *end;
    unsigned long long n;
    errno = 0;
    n = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0) {
        return "is not a whole number";
    }
    if (n < t->min || n > t->max) {
        return "is out of its range (docs/settings.md)";
    }
    *out = (uint32_t) n;
    return NULL;
}

static const char *
settings_store_list(
    const setting_t *t, settings_list_t *list, const char *value)
{
    char *copy = memory_text(value), *state = NULL;
    const char *bad = NULL;
    for (char *item = strtok_r(copy, ", \t", &state);
         item != NULL && bad == NULL; item = strtok_r(NULL, ", \t", &state)) {
        for (size_t i = 0; i < list->count; i++) {
            if (strcmp(list->items[i], item) == 0) {
                bad = "names one twice";
            }
        }
        if (bad == NULL && list->count == SETTINGS_LIST_MAX) {
            bad = "has too many entries";
        }
        if (bad == NULL) {
            bad = t->check(item);
        }
        if (bad == NULL) {
            list->items[list->count++] = memory_text(item);
        }
    }
    free(copy);
    return bad;
}

static const char *
settings_store(settings_t *settings, const setting_t *t, const char *value)
{
    void *at = (char *) settings + t->offset;
    int level;
    switch (t->kind) {
    case SETTING_UINT:
        return value[0] ? settings_store_uint(t, at, value) : NULL;
    case SETTING_LIST:
        return settings_store_list(t, at, value);
    case SETTING_LEVEL:
        level = log_level_parse(value);
        *(int *) at = level;
        return level < 0 ? "is none of debug, info, warn, error" : NULL;
    default:
        *(char **) at = memory_text(value);
        return value[0] && t->check ? t->check(value) : NULL;
    }
}

static void
settings_store_all(settings_t *settings, settings_read_t *read)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const setting_t *t = &settings_table[i];
        settings_found_t *found = &read->found[i];
        int set = found->value != NULL && found->value[0] != '\0';
        const char *value = set ? found->value : t->standard;
        const char *bad = settings_store(settings, t, value);
        if (bad != NULL) {
            settings_fault(read, set ? found->where : "default", t->name,
                t->flags & SETTING_SECRET ? NULL : value, bad);
        }
    }
    /* An empty key is a mistake worth stopping for, not an absent one. */
    int key = settings_index("SELLIFY_API_KEY", strlen("SELLIFY_API_KEY"));
    if (read->found[key].value != NULL && read->found[key].value[0] == '\0') {
        settings_fault(
            read, read->found[key].where, "SELLIFY_API_KEY", NULL, "is empty");
    }
}

/* --- what several settings say together --- */

static void
settings_need(
    settings_read_t *read, const char *value, const char *name, const char *why)
{
    if (value[0] == '\0') {
        settings_fault(read, "settings", name, NULL, why);
    }
}

static void
settings_check_whatsapp(settings_read_t *read, const settings_t *s)
{
    if (strcmp(s->whatsapp_driver, "simulator") == 0) {
        return;
    }
    static const char why[] = "is needed by SELLIFY_WHATSAPP_DRIVER";
    settings_need(read, s->whatsapp_key, "SELLIFY_WHATSAPP_KEY", why);
    if (strcmp(s->whatsapp_driver, "cloud") != 0) {
        settings_need(read, s->whatsapp_url, "SELLIFY_WHATSAPP_URL", why);
        return;
    }
    settings_need(read, s->whatsapp_phone_id, "SELLIFY_WHATSAPP_PHONE_ID", why);
    settings_need(
        read, s->whatsapp_app_secret, "SELLIFY_WHATSAPP_APP_SECRET", why);
    settings_need(
        read, s->whatsapp_verify_token, "SELLIFY_WHATSAPP_VERIFY_TOKEN", why);
}

static void
settings_read_key_file(settings_read_t *read, settings_provider_t *p)
{
    const char *reason = NULL;
    if (p->key_file[0] == '\0') {
        return;
    }
    if (p->key[0] != '\0') {
        settings_fault(read, "settings", p->key_file, NULL,
            "a key and a key file are both given");
        return;
    }
    char *text = settings_slurp(p->key_file, SETTINGS_VALUE_MAX, &reason);
    if (text == NULL) {
        settings_fault(read, "settings", p->key_file, NULL, reason);
        return;
    }
    text[strcspn(text, "\r\n")] = '\0';
    reason = text[0] == '\0' ? "is empty" : check_secret(text);
    if (reason != NULL) {
        settings_fault(read, "settings", p->key_file, NULL, reason);
        memory_wipe(text);
        return;
    }
    memory_wipe(p->key);
    p->key = text;
}

static int
settings_lists(const settings_list_t *list, const char *item)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], item) == 0) {
            return 1;
        }
    }
    return 0;
}

static void
settings_check_providers(settings_read_t *read, settings_t *s)
{
    for (size_t i = 0; i < SETTINGS_PROVIDERS; i++) {
        settings_provider_t *p = &s->providers[i];
        p->name = settings_providers[i];
        settings_read_key_file(read, p);
        int needs_key = i < 2; /* openai, anthropic */
        if (needs_key && settings_lists(&s->ai_providers, p->name) &&
            p->key[0] == '\0') {
            char name[64];
            snprintf(name, sizeof(name), "SELLIFY_%s_KEY",
                i == 0 ? "OPENAI" : "ANTHROPIC");
            settings_fault(read, "settings", name, NULL,
                "is needed: SELLIFY_AI_PROVIDERS lists its provider");
        }
    }
}

/* `catalogue` is always there and always last. */
static void
settings_order_providers(settings_read_t *read, settings_list_t *list)
{
    char *catalogue = NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], "catalogue") == 0) {
            catalogue = list->items[i];
            memmove(&list->items[i], &list->items[i + 1],
                (list->count - i - 1) * sizeof(char *));
            list->count--;
        }
    }
    if (list->count == SETTINGS_LIST_MAX) {
        settings_fault(read, "settings", "SELLIFY_AI_PROVIDERS", NULL,
            "has too many entries");
        free(catalogue);
        return;
    }
    list->items[list->count++] =
        catalogue != NULL ? catalogue : memory_text("catalogue");
}

static void
settings_check_together(settings_read_t *read, settings_t *s)
{
    settings_check_whatsapp(read, s);
    settings_check_providers(read, s);
    settings_order_providers(read, &s->ai_providers);
    if (s->clock_rate > 1) {
        settings_need(read, s->clock_start, "SELLIFY_CLOCK_START",
            "is needed by SELLIFY_CLOCK_RATE");
    }
    if (strcmp(s->socket, s->admin_socket) == 0) {
        settings_fault(read, "settings", "SELLIFY_ADMIN_SOCKET",
            s->admin_socket, "is the same as SELLIFY_SOCKET");
    }
    if (s->webhook_token_next[0] != '\0') {
        settings_need(read, s->webhook_token, "SELLIFY_WEBHOOK_TOKEN",
            "is needed by SELLIFY_WEBHOOK_TOKEN_NEXT");
    }
    if (s->master_secret_file[0] == '\0') {
        size_t size = strlen(s->db) + sizeof(".secret");
        free(s->master_secret_file);
        s->master_secret_file = memory_get(size);
        snprintf(s->master_secret_file, size, "%s.secret", s->db);
    }
}

/* --- the whole --- */

int
settings_load(settings_t *settings, const char *conf_file)
{
    settings_read_t *read = memory_get(sizeof(*read));
    memset(settings, 0, sizeof(*settings));

    settings_read_file(read, conf_file);
    settings_read_environment(read);
    settings_store_all(settings, read);
    if (read->faults == 0) {
        settings_check_together(read, settings);
    }

    int faults = read->faults;
    for (size_t i = 0; i < SETTINGS; i++) {
        memory_wipe(read->found[i].value);
    }
    free(read);
    if (faults > 0) {
        settings_free(settings);
        return -1;
    }
    return 0;
}

static void
settings_free_list(settings_list_t *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    list->count = 0;
}

void
settings_free(settings_t *settings)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        void *at = (char *) settings + settings_table[i].offset;
        if (settings_table[i].kind == SETTING_TEXT) {
            memory_wipe(*(char **) at);
        } else if (settings_table[i].kind == SETTING_LIST) {
            settings_free_list(at);
        }
    }
    memset(settings, 0, sizeof(*settings));
}

/* --- SIGHUP --- */

static int
settings_same_list(const settings_list_t *a, const settings_list_t *b)
{
    if (a->count != b->count) {
        return 0;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0) {
            return 0;
        }
    }
    return 1;
}

static size_t
settings_size(const setting_t *t)
{
    switch (t->kind) {
    case SETTING_UINT:
        return sizeof(uint32_t);
    case SETTING_LIST:
        return sizeof(settings_list_t);
    case SETTING_LEVEL:
        return sizeof(int);
    default:
        return sizeof(char *);
    }
}

static int
settings_same(const setting_t *t, const void *a, const void *b)
{
    switch (t->kind) {
    case SETTING_TEXT:
        return strcmp(*(char *const *) a, *(char *const *) b) == 0;
    case SETTING_LIST:
        return settings_same_list(a, b);
    default:
        return memcmp(a, b, settings_size(t)) == 0;
    }
}

static void
settings_swap(void *a, void *b, size_t size)
{
    char kept[sizeof(settings_list_t)];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

void
settings_reload(settings_t *settings, settings_t *fresh)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const setting_t *t = &settings_table[i];
        void *old = (char *) settings + t->offset;
        void *new = (char *) fresh + t->offset;
        /* The API key was imported at the start and cleansed since. */
        if (settings_same(t, old, new) || t->offset == AT(api_key)) {
            continue;
        }
        if (t->flags & SETTING_RELOAD) {
            settings_swap(old, new, settings_size(t));
            log_info("settings", "changed", "%s", t->name);
        } else {
            log_warn("settings", "needs a restart", "%s", t->name);
        }
    }
    settings_free(fresh);
}

const settings_provider_t *
settings_provider(const settings_t *settings, const char *name)
{
    for (size_t i = 0; i < SETTINGS_PROVIDERS; i++) {
        if (strcmp(settings_providers[i], name) == 0) {
            return &settings->providers[i];
        }
    }
    return NULL;
}
