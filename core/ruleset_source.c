/*
 * The documents a ruleset is made of: the built-in ones, the published form,
 * and the policy without what is not published.
 */
#include "json_scan.h"
#include "ruleset.h"

#include <stdio.h>

/* Generated into core/defaults.c from conf/ by scripts/embed. */
extern const unsigned char sellify_builtin_policy[];
extern const size_t sellify_builtin_policy_len;
extern const unsigned char sellify_builtin_products[];
extern const size_t sellify_builtin_products_len;
extern const unsigned char sellify_builtin_lexicon_fr[];
extern const size_t sellify_builtin_lexicon_fr_len;
extern const unsigned char sellify_builtin_lexicon_en[];
extern const size_t sellify_builtin_lexicon_en_len;

static const struct {
    const char *language;
    const unsigned char *document;
    const size_t *len;
} lexicons[] = {
    { "fr", sellify_builtin_lexicon_fr, &sellify_builtin_lexicon_fr_len },
    { "en", sellify_builtin_lexicon_en, &sellify_builtin_lexicon_en_len },
};

sellify_str_t
sellify_default_policy(void)
{
    return (sellify_str_t){ (const char *) sellify_builtin_policy,
        sellify_builtin_policy_len };
}

sellify_str_t
sellify_default_products(void)
{
    return (sellify_str_t){ (const char *) sellify_builtin_products,
        sellify_builtin_products_len };
}

sellify_str_t
sellify_default_lexicon(const char *language)
{
    for (size_t i = 0; i < sizeof(lexicons) / sizeof(*lexicons); i++) {
        if (strcmp(lexicons[i].language, language) == 0) {
            return (sellify_str_t){ (const char *) lexicons[i].document,
                *lexicons[i].len };
        }
    }
    return (sellify_str_t){ NULL, 0 };
}

/* --- the published form --- */

static int
read_version(sellify_str_t value, uint64_t *version)
{
    uint64_t number = 0;

    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || i >= 18) {
            return -1;
        }
        number = number * 10 + (uint64_t) (value.data[i] - '0');
    }
    *version = number;
    return value.len > 0 ? 0 : -1;
}

static int
read_lexicons(sellify_str_t value, sellify_ruleset_source_t *source,
    sellify_faults_t *faults)
{
    sellify_json_walk_t walk;

    if (value.data[0] != '{') {
        sellify_fault_add(faults, "ruleset", "/lexicons", "must be an object");
        return -1;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        sellify_lexicon_source_t *lexicon;

        if (source->lexicon_count == SELLIFY_LANGUAGES_MAX ||
            walk.key.len == 0 || walk.key.len >= sizeof(lexicon->language)) {
            sellify_fault_add(faults, "ruleset", "/lexicons",
                "must have at most %d languages of 1 to 7 letters",
                SELLIFY_LANGUAGES_MAX);
            return -1;
        }
        lexicon = &source->lexicons[source->lexicon_count++];
        memcpy(lexicon->language, walk.key.data, walk.key.len);
        lexicon->language[walk.key.len] = '\0';
        lexicon->document = walk.value;
    }
    return 0;
}

int
sellify_ruleset_source_read(sellify_str_t document,
    sellify_ruleset_source_t *source, sellify_faults_t *faults)
{
    const char *end = document.data + document.len;
    sellify_json_walk_t walk;
    int version = 0;

    *source = (sellify_ruleset_source_t){ 0 };
    if (sellify_json_check(document, faults) != 0) {
        return -1;
    }
    document.data = sellify_json_space(document.data, end);
    document.len =
        (size_t) (sellify_json_skip(document.data, end) - document.data);
    if (document.data[0] != '{') {
        sellify_fault_add(faults, "ruleset", "", "must be an object");
        return -1;
    }
    sellify_json_walk(&walk, document);
    while (sellify_json_walk_next(&walk)) {
        if (sellify_json_key_is(walk.key, "version")) {
            version = read_version(walk.value, &source->version) == 0;
        } else if (sellify_json_key_is(walk.key, "policy")) {
            source->policy = walk.value;
        } else if (sellify_json_key_is(walk.key, "products")) {
            source->products = walk.value;
        } else if (sellify_json_key_is(walk.key, "lexicons") &&
                   read_lexicons(walk.value, source, faults) != 0) {
            return -1;
        }
    }
    if (!version) {
        sellify_fault_add(
            faults, "ruleset", "/version", "must be a whole number");
        return -1;
    }
    return 0;
}

size_t
sellify_ruleset_source_write(
    const sellify_ruleset_source_t *source, char *out, size_t size)
{
    sellify_json_writer_t w;

    sellify_json_writer(&w, out, size);
    sellify_json_object(&w);
    sellify_json_key(&w, "version");
    sellify_json_int(&w, (int64_t) source->version);
    if (source->policy.len > 0) {
        sellify_json_key(&w, "policy");
        sellify_json_raw(&w, source->policy);
    }
    if (source->products.len > 0) {
        sellify_json_key(&w, "products");
        sellify_json_raw(&w, source->products);
    }
    if (source->lexicon_count > 0) {
        sellify_json_key(&w, "lexicons");
        sellify_json_object(&w);
        for (size_t i = 0; i < source->lexicon_count; i++) {
            sellify_json_key(&w, source->lexicons[i].language);
            sellify_json_raw(&w, source->lexicons[i].document);
        }
        sellify_json_object_end(&w);
    }
    sellify_json_object_end(&w);
    return w.len;
}

/* --- the policy without what is not published --- */

/* Copies an object without one of its members; `inner` is done likewise inside
 * the member `within`. */
static size_t
copy_without(sellify_str_t object, const char *member, const char *within,
    const char *inner, char *out)
{
    sellify_json_walk_t walk;
    size_t n = 0;

    out[n++] = '{';
    sellify_json_walk(&walk, object);
    while (sellify_json_walk_next(&walk)) {
        const char *key = walk.key.data - 1;

        if (sellify_json_key_is(walk.key, member)) {
            continue;
        }
        if (n > 1) {
            out[n++] = ',';
        }
        memcpy(out + n, key, (size_t) (walk.value.data - key));
        n += (size_t) (walk.value.data - key);
        if (within != NULL && sellify_json_key_is(walk.key, within) &&
            walk.value.data[0] == '{') {
            n += copy_without(walk.value, inner, NULL, NULL, out + n);
        } else {
            memcpy(out + n, walk.value.data, walk.value.len);
            n += walk.value.len;
        }
    }
    out[n++] = '}';
    return n;
}

size_t
sellify_policy_published(sellify_str_t policy, char *out)
{
    sellify_faults_t faults = { .count = 0 };
    const char *end = policy.data + policy.len;

    if (sellify_json_check(policy, &faults) != 0) {
        return 0;
    }
    policy.data = sellify_json_space(policy.data, end);
    policy.len = (size_t) (sellify_json_skip(policy.data, end) - policy.data);
    if (policy.data[0] != '{') {
        return 0;
    }
    return copy_without(policy, "alert_numbers", "audience", "numbers", out);
}
