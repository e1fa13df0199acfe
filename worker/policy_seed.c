/* The first policy and catalogue, and small edits of policy documents. */
#include "policy_seed.h"

#include "../core/json.h"
#include "log.h"
#include "memory.h"
#include "text_mask.h"
#include "timezone.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <fcntl.h>

#define POLICY_MAX ((size_t) 1 << 20)
#define PRODUCTS_MAX ((size_t) 32 << 20)

static int
has_real_driver(const worker_t *w)
{
    return strcmp(w->settings.whatsapp_driver, "simulator") != 0;
}

/* --- files --- */

static ssize_t
read_up_to(int fd, char *data, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while (len < size && (n = read(fd, data + len, size - len)) != 0) {
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        len += n > 0 ? (size_t) n : 0;
    }
    return (ssize_t) len;
}

static int
read_file(const char *setting, const char *path, size_t max, char **text,
    sellify_str_t *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0) {
        log_error("settings", "refused", "%s: cannot read %s: %s", setting,
            path, strerror(errno));
        return -1;
    }
    *text = malloc(max + 1);
    len = *text == NULL ? -1 : read_up_to(fd, *text, max + 1);
    close(fd);
    if (len <= 0 || (size_t) len > max) {
        log_error("settings", "refused", "%s: %s is %s", setting, path,
            len < 0    ? "not readable"
            : len == 0 ? "empty"
                       : "too large");
        return -1;
    }
    *text = memory_grow(*text, (size_t) len);
    *out = (sellify_str_t){ *text, (size_t) len };
    return 0;
}

/* --- edits --- */

/* NULL when the document does not pass the strict check: the compiler then
 * names its faults. */
static cJSON *
parse(sellify_str_t policy)
{
    sellify_faults_t faults = { .count = 0 };

    if (sellify_json_check(policy, &faults) != 0) {
        return NULL;
    }
    cJSON *root = cJSON_ParseWithLength(policy.data, policy.len);
    if (root != NULL && !cJSON_IsObject(root)) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

static sellify_str_t
print(cJSON *root, char **memory)
{
    *memory = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (*memory == NULL) {
        abort();
    }
    return sellify_str_of(*memory);
}

static void
set_member(cJSON *object, const char *name, cJSON *value)
{
    if (cJSON_HasObjectItem(object, name)) {
        cJSON_ReplaceItemInObjectCaseSensitive(object, name, value);
    } else {
        cJSON_AddItemToObject(object, name, value);
    }
}

sellify_str_t
policy_seed_zoned(worker_t *w, sellify_str_t policy, char **memory)
{
    cJSON *root;

    *memory = NULL;
    if (w->settings.timezone[0] == '\0' || (root = parse(policy)) == NULL) {
        return policy;
    }
    if (cJSON_GetObjectItemCaseSensitive(root, "timezone") != NULL) {
        cJSON_Delete(root);
        return policy;
    }
    set_member(root, "timezone", cJSON_CreateString(w->settings.timezone));
    return print(root, memory);
}

sellify_str_t
policy_seed_public(sellify_str_t policy, char **memory)
{
    *memory = memory_get(policy.len + 1);
    return (
        sellify_str_t){ *memory, sellify_policy_published(policy, *memory) };
}

static void
mask_numbers(cJSON *numbers)
{
    cJSON *number;

    cJSON_ArrayForEach(number, numbers)
    {
        if (cJSON_IsString(number)) {
            char masked[TEXT_MASK_PHONE_MAX];

            text_mask_phone(
                sellify_str_of(number->valuestring), masked, sizeof(masked));
            cJSON_SetValuestring(number, masked);
        }
    }
}

sellify_str_t
policy_seed_masked(sellify_str_t policy, char **memory)
{
    cJSON *root = parse(policy);

    *memory = NULL;
    if (root == NULL) {
        return sellify_str("null");
    }
    mask_numbers(cJSON_GetObjectItemCaseSensitive(root, "alert_numbers"));
    mask_numbers(cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(root, "audience"), "numbers"));
    return print(root, memory);
}

/* --- the first documents --- */

/* The built-in policy as the settings want it: their zone, and with a real
 * driver nothing automatic until an operator says so. */
static sellify_str_t
built_in_policy(worker_t *w, char **memory)
{
    cJSON *root = parse(sellify_default_policy());

    if (root == NULL) {
        abort();
    }
    if (w->settings.timezone[0] != '\0') {
        set_member(root, "timezone", cJSON_CreateString(w->settings.timezone));
    }
    if (has_real_driver(w)) {
        set_member(root, "automation_enabled", cJSON_CreateFalse());
    }
    return print(root, memory);
}

static int
load_policy(worker_t *w, policy_seed_t *seed)
{
    const char *file = w->settings.policy_file;
    char *zoned;

    if (file[0] == '\0') {
        seed->policy = built_in_policy(w, &seed->policy_text);
        return 0;
    }
    if (read_file("SELLIFY_POLICY_FILE", file, POLICY_MAX, &seed->policy_text,
            &seed->policy) != 0) {
        return -1;
    }
    seed->policy = policy_seed_zoned(w, seed->policy, &zoned);
    if (zoned != NULL) {
        free(seed->policy_text);
        seed->policy_text = zoned;
    }
    return 0;
}

static int
load_products(worker_t *w, policy_seed_t *seed)
{
    const char *file = w->settings.products_file;

    if (file[0] != '\0') {
        return read_file("SELLIFY_PRODUCTS_FILE", file, PRODUCTS_MAX,
            &seed->products_text, &seed->products);
    }
    if (has_real_driver(w)) {
        log_error("settings", "refused",
            "SELLIFY_WHATSAPP_DRIVER=%s reaches real people: it needs a"
            " catalogue of your own in SELLIFY_PRODUCTS_FILE, not the"
            " demonstration one",
            w->settings.whatsapp_driver);
        return -1;
    }
    seed->products = sellify_default_products();
    return 0;
}

int
policy_seed_load(worker_t *w, policy_seed_t *seed)
{
    sellify_zone_t zone;
    const char *name = w->settings.timezone;

    memset(seed, 0, sizeof(*seed));
    snprintf(seed->where, sizeof(seed->where), "policy %s, products %s",
        w->settings.policy_file[0] ? w->settings.policy_file : "built in",
        w->settings.products_file[0] ? w->settings.products_file : "built in");
    if (name[0] != '\0' &&
        timezone_load(sellify_str_of(name), worker_seconds(w), &zone) != 0) {
        log_error("settings", "refused",
            "SELLIFY_TIMEZONE: no time zone \"%s\"", name);
        return -1;
    }
    return load_policy(w, seed) == 0 ? load_products(w, seed) : -1;
}

void
policy_seed_free(policy_seed_t *seed)
{
    free(seed->policy_text);
    free(seed->products_text);
    seed->policy_text = seed->products_text = NULL;
}

int
policy_seed_replace_demo(worker_t *w, sellify_str_t stored, policy_seed_t *seed)
{
    memset(seed, 0, sizeof(*seed));
    snprintf(seed->where, sizeof(seed->where), "stored policy, products %s",
        w->settings.products_file);
    if (!sellify_str_equal(stored, sellify_default_products()) ||
        (w->settings.products_file[0] == '\0' && !has_real_driver(w))) {
        return 0;
    }
    return load_products(w, seed);
}

sellify_str_t
policy_seed_lexicons(const sellify_ruleset_t *ruleset, char **memory)
{
    const sellify_policy_t *policy = sellify_ruleset_policy(ruleset);
    sellify_ruleset_source_t source = {
        .policy = SELLIFY_STR("{}"),
        .products = SELLIFY_STR("[]"),
    };
    size_t len;

    for (size_t i = 0; i < policy->language_count; i++) {
        sellify_lexicon_source_t *l = &source.lexicons[source.lexicon_count];

        snprintf(l->language, sizeof(l->language), "%.*s",
            (int) policy->languages[i].len, policy->languages[i].data);
        l->document = sellify_default_lexicon(l->language);
        source.lexicon_count += l->document.data != NULL;
    }
    len = sellify_ruleset_source_write(&source, NULL, 0);
    *memory = memory_get(len + 1);
    (void) sellify_ruleset_source_write(&source, *memory, len + 1);
    return (sellify_str_t){ *memory, len };
}
