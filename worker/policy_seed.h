/*
 * Where the first policy and catalogue come from, and the small edits of policy
 * documents: the time zone of the settings, the form without phone numbers.
 */
#ifndef SELLIFY_WORKER_POLICY_SEED_H
#define SELLIFY_WORKER_POLICY_SEED_H

#include "../core/ruleset.h"
#include "worker.h"

typedef struct {
    sellify_str_t policy, products;
    char *policy_text, *products_text; /* to free */
    char where[512];                   /* for error messages */
} policy_seed_t;

/* From SELLIFY_POLICY_FILE and SELLIFY_PRODUCTS_FILE, else the built-in ones.
 * -1 after a log line that names the setting. Free the seed in any case. */
int policy_seed_load(worker_t *w, policy_seed_t *seed);
void policy_seed_free(policy_seed_t *seed);

/* Reads SELLIFY_PRODUCTS_FILE when the stored catalogue is the demonstration
 * one. -1 when a real driver would sell the demonstration catalogue. */
int policy_seed_replace_demo(
    worker_t *w, sellify_str_t stored, policy_seed_t *seed);

/* The built-in lexicons of the policy's languages in the published form. */
sellify_str_t
policy_seed_lexicons(const sellify_ruleset_t *ruleset, char **memory);
/* A policy without a time zone takes SELLIFY_TIMEZONE. `*memory` is NULL when
 * nothing was changed. */
sellify_str_t
policy_seed_zoned(worker_t *w, sellify_str_t policy, char **memory);
/* Without the phone numbers, which only the worker needs. */
sellify_str_t policy_seed_public(sellify_str_t policy, char **memory);
/* Phone numbers masked, for readers without the scope `personal`. */
sellify_str_t policy_seed_masked(sellify_str_t policy, char **memory);

#endif
