/*
 * The current ruleset and its versions.  A change is compiled first, stored,
 * and after COMMIT published for nginx and swapped in.
 */
#ifndef SELLIFY_WORKER_POLICY_H
#define SELLIFY_WORKER_POLICY_H

#include "../core/ruleset.h"
#include "../core/zone.h"
#include "store/store.h"
#include "worker.h"

/* The ruleset in force; never NULL after set-up. Valid until the end of the
 * turn: do not keep it across turns. */
const sellify_ruleset_t *policy_ruleset(const worker_t *w);
const sellify_policy_t *policy_now(const worker_t *w);
/* The policy's time zone, loaded from the system's zone database. */
const sellify_zone_t *policy_zone(const worker_t *w);
/* Active now? And the start of the next active interval (0: none known). */
int policy_is_active(const worker_t *w);
int64_t policy_next_active(const worker_t *w);

/* Inside a step: a new version from these documents (empty: keep the present
 * one). STORE_NONE when they are refused, with the faults. */
store_result_t
policy_change(worker_t *w, sellify_str_t policy, sellify_str_t products,
    sellify_str_t author, uint64_t *version, sellify_faults_t *faults);

/* The documents of the version in force, as stored. Inside a step. */
typedef struct {
    int64_t version, created_at; /* UTC seconds */
    char author[64];
    sellify_str_t policy, products, lexicons;
} policy_documents_t;
store_result_t policy_documents(worker_t *w, policy_documents_t *out);
void policy_documents_release(policy_documents_t *documents);

/* Lays out the active hours of the coming days again; the scheduler does so
 * every day. */
void policy_refresh_hours(worker_t *w);

/* Registers the routes of policy_http.c. */
void policy_routes_add(worker_t *w);

/* Set-up loads the ruleset in force, or makes the first one from the settings
 * or the built-in documents. */
int policy_setup(worker_t *w) SELLIFY_MUST_CHECK;
void policy_shutdown(worker_t *w);

#endif
