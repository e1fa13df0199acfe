/*
 * The ruleset: policy, catalogue and lexicons compiled together into one
 * immutable object with one version number.  Compiled by nginx and the worker
 * from the same documents; read by any number of threads at once.
 *
 * Documents are JSON: conf/policy.schema.json and docs/policy.md describe the
 * policy, docs/api.md the product, conf/lexicons/ the lexicons.
 */
#ifndef SELLIFY_RULESET_H
#define SELLIFY_RULESET_H

#include "fault.h"
#include "hours.h"
#include "quota.h"
#include "str.h"

#include <stdint.h>

#define SELLIFY_LANGUAGES_MAX 8
#define SELLIFY_INSTANCE_NAME_MAX 64 /* bytes; [A-Za-z0-9_.-] */

typedef struct sellify_ruleset sellify_ruleset_t;

typedef struct {
    char language[8]; /* "fr" */
    sellify_str_t document;
} sellify_lexicon_source_t;

typedef struct {
    uint64_t version;
    sellify_str_t policy;   /* empty: the built-in default */
    sellify_str_t products; /* a JSON array; empty: no product */
    sellify_lexicon_source_t lexicons[SELLIFY_LANGUAGES_MAX];
    size_t lexicon_count; /* a language without one takes the built-in one */
} sellify_ruleset_source_t;

/* Compiles.  NULL with at least one fault when a document is refused (whole) or
 * memory is short; `faults` is emptied first.  Nothing of `source` is referred
 * to afterwards.  Blocking, CPU only; any thread. */
sellify_ruleset_t *
sellify_ruleset_compile(const sellify_ruleset_source_t *source,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;
void sellify_ruleset_free(sellify_ruleset_t *ruleset); /* NULL is fine */

/* The published form: one JSON object {"version","policy","products",
 * "lexicons":{"fr":{}}} with the members' text byte for byte.
 * Reading checks the frame only; the strings point into `document`. */
int sellify_ruleset_source_read(sellify_str_t document,
    sellify_ruleset_source_t *source,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;
/* Returns the length needed; `out` is whole only when `size` suffices. */
size_t sellify_ruleset_source_write(
    const sellify_ruleset_source_t *source, char *out, size_t size);

/* The policy as it may be published: without alert_numbers and
 * audience.numbers, everything else byte for byte.  `out` holds policy.len
 * bytes.  Returns the length, 0 when the text is no JSON object. */
size_t sellify_policy_published(sellify_str_t policy, char *out);

/* The documents that are built in (generated from conf/ by scripts/embed). */
sellify_str_t sellify_default_policy(void);
sellify_str_t sellify_default_products(void); /* the demonstration catalogue */
/* data NULL when there is no such language. */
sellify_str_t sellify_default_lexicon(const char *language);

/* What the policy says, defaults filled in.  Lives as long as the ruleset. */
typedef struct {
    sellify_str_t timezone; /* "Europe/Paris"; "UTC" */
    int automation_enabled;
    int ai_enabled;
    sellify_str_t languages[SELLIFY_LANGUAGES_MAX];
    size_t language_count;

    sellify_hours_t hours;
    sellify_quota_limits_t limits;
    sellify_warmup_step_t warmup[SELLIFY_WARMUP_STEPS];
    size_t warmup_count;
    sellify_delay_policy_t delay;
    uint32_t quiet_ms, quiet_max_ms; /* joining of bursts: 4000, 15000 */

    uint32_t misunderstanding_threshold; /* 3 */
    uint32_t chat_replies_per_hour;      /* 10: above it, an alert */
    uint32_t max_age_s;                  /* 600: older on receipt is late */
    uint32_t held_max_s;                 /* 86400 */
    uint32_t release_spread_s;           /* 1800 */
    uint32_t takeover_pause_s;           /* 43200 */
    uint32_t repeat_window_s;            /* 86400: never the same text twice */

    enum {
        SELLIFY_AUDIENCE_ALLOW_LIST,
        SELLIFY_AUDIENCE_NEW_CHATS,
        SELLIFY_AUDIENCE_ALL
    } audience;

    uint32_t validation_max_length; /* characters */
    sellify_str_t currency;         /* "EUR" */
    sellify_str_t fallback_text;    /* empty: silence */
    sellify_str_t tone;
    uint32_t temperature_milli;    /* 400: 0.4, for the AI providers */
    int allow_images, allow_video; /* above each product's own */

    uint32_t retention_messages_days, retention_audit_days,
        retention_cache_days;

    /* Only for the worker; the published ruleset file has them removed. */
    const sellify_str_t *alert_numbers; /* E.164 digits without + */
    size_t alert_number_count;
    const sellify_str_t *audience_numbers;
    size_t audience_number_count;
    const sellify_str_t *media_hosts; /* hosts from which media may come */
    size_t media_host_count;
} sellify_policy_t;

const sellify_policy_t *sellify_ruleset_policy(const sellify_ruleset_t *r);
uint64_t sellify_ruleset_version(const sellify_ruleset_t *r);

/* Limits of one instance: the policy's, overridden per instance. */
void sellify_ruleset_limits(const sellify_ruleset_t *ruleset,
    sellify_str_t instance, sellify_quota_limits_t *limits);

/* The text of an objective ("greet", "price", ...) in a language, from
 * policy.generation.objectives; data NULL when there is none. */
sellify_str_t sellify_ruleset_objective(const sellify_ruleset_t *ruleset,
    sellify_str_t language, sellify_str_t objective);

typedef struct {
    sellify_str_t trigger, answer;
} sellify_objection_t;

typedef enum { SELLIFY_MEDIA_IMAGE, SELLIFY_MEDIA_VIDEO } sellify_media_type_t;

typedef struct {
    sellify_str_t id, url;
    sellify_media_type_t type;
} sellify_media_t;

typedef struct {
    sellify_str_t id, name, short_description, long_description;
    sellify_str_t price;    /* exact decimal as written: "49.90" */
    int64_t price_minor;    /* in 1/10000 of the currency's unit */
    sellify_str_t currency; /* "EUR" */

    const sellify_str_t *keywords;
    const sellify_objection_t *objections;
    const sellify_media_t *media;
    uint32_t keyword_count, objection_count, media_count;
    int allow_images, allow_video;
} sellify_product_t;

size_t sellify_ruleset_product_count(const sellify_ruleset_t *r);
const sellify_product_t *
sellify_ruleset_product_at(const sellify_ruleset_t *r, size_t index);
const sellify_product_t *sellify_ruleset_product(
    const sellify_ruleset_t *r, sellify_str_t id); /* or NULL */

#endif
