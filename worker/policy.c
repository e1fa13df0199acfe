/*
 * The ruleset in force and its versions.
 *
 * A change is compiled and stored inside its step; the swap is an effect.  The
 * old ruleset lives on until the next pass of the loop, because other effects
 * of the same turn may still look at it.
 */
#include "policy.h"

#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "policy_seed.h"
#include "publisher.h"
#include "quotas.h"
#include "store/policy_store.h"
#include "timezone.h"

#include <stdio.h>
#include <stdlib.h>

#define HOURS_DAYS 14
#define DAY_S 86400

struct policy {
    worker_t *worker;
    sellify_ruleset_t *ruleset;
    sellify_ruleset_t *retired;
    timer_entry_t retire;
    sellify_zone_t zone;
    sellify_state_hours_t hours;
};

/* --- what is in force --- */

const sellify_ruleset_t *
policy_ruleset(const worker_t *w)
{
    return w->policy->ruleset;
}

const sellify_policy_t *
policy_now(const worker_t *w)
{
    return sellify_ruleset_policy(w->policy->ruleset);
}

const sellify_zone_t *
policy_zone(const worker_t *w)
{
    return &w->policy->zone;
}

int
policy_is_active(const worker_t *w)
{
    const sellify_state_hours_t *h = &w->policy->hours;

    return sellify_hours_active(
               h->intervals, h->count, h->known_until, worker_seconds(w)) == 1;
}

int64_t
policy_next_active(const worker_t *w)
{
    const sellify_state_hours_t *h = &w->policy->hours;

    return sellify_hours_next(h->intervals, h->count, worker_seconds(w));
}

void
policy_refresh_hours(worker_t *w)
{
    struct policy *p = w->policy;
    const sellify_policy_t *policy = policy_now(w);
    int64_t from = worker_seconds(w) - DAY_S;

    /* The name was checked when the policy was accepted; if the zone database
     * has lost it since, the zone that was loaded last goes on. */
    sellify_zone_t zone;
    if (timezone_load(policy->timezone, worker_seconds(w), &zone) == 0) {
        p->zone = zone;
    } else {
        log_error("policy", "zone not loaded", "%.*s",
            (int) policy->timezone.len, policy->timezone.data);
    }
    memset(&p->hours, 0, sizeof(p->hours));
    p->hours.count =
        (uint32_t) sellify_hours_intervals(&policy->hours, &p->zone, from,
            HOURS_DAYS, p->hours.intervals, SELLIFY_HOURS_INTERVALS);
    p->hours.known_until = from + (int64_t) HOURS_DAYS * DAY_S;
    if (p->hours.count == SELLIFY_HOURS_INTERVALS) {
        p->hours.known_until = p->hours.intervals[p->hours.count - 1].to;
    }
    publisher_touch(w, PUBLISH_HOURS);
}

static void
use(worker_t *w, sellify_ruleset_t *ruleset)
{
    w->policy->ruleset = ruleset;
    policy_refresh_hours(w);
}

/* The pass after a swap: frees the old one, and publishes what depends on the
 * new one (an empty step makes the turn commit). */
static void
retire(timer_entry_t *timer)
{
    worker_t *w = timer->data;

    sellify_ruleset_free(w->policy->retired);
    w->policy->retired = NULL;
    quotas_touch_all(w);
    publisher_touch(w, PUBLISH_HOURS);
    if (turn_step_begin(w->turn) == 0) {
        (void) turn_step_end(w->turn, 1);
    }
}

typedef struct {
    worker_t *worker;
    sellify_ruleset_t *ruleset;
} swap_t;

static void
swap(void *data, int committed)
{
    swap_t *s = data;
    struct policy *p = s->worker->policy;

    if (!committed || sellify_ruleset_version(s->ruleset) <=
                          sellify_ruleset_version(p->ruleset)) {
        sellify_ruleset_free(s->ruleset);
    } else if (p->retired != NULL) {
        /* The second swap of one turn: what lies between was never seen. */
        sellify_ruleset_free(p->ruleset);
        use(s->worker, s->ruleset);
    } else {
        p->retired = p->ruleset;
        use(s->worker, s->ruleset);
        timers_set(s->worker->timers, &p->retire, worker_now(s->worker));
    }
    free(s);
}

/* --- documents and versions --- */

store_result_t
policy_documents(worker_t *w, policy_documents_t *out)
{
    ruleset_row_t row;
    store_result_t result;

    memset(out, 0, sizeof(*out));
    result = policy_store_latest(w->store, &row);
    if (result != STORE_OK) {
        return result;
    }
    out->version = row.version;
    out->created_at = row.created_at;
    snprintf(out->author, sizeof(out->author), "%s", row.author);
    if (policy_store_read(w->store, row.policy, &out->policy) != STORE_OK ||
        policy_store_read(w->store, row.products, &out->products) != STORE_OK ||
        policy_store_read(w->store, row.lexicons, &out->lexicons) != STORE_OK) {
        policy_documents_release(out);
        return STORE_FAILED;
    }
    return STORE_OK;
}

void
policy_documents_release(policy_documents_t *documents)
{
    store_release(&documents->policy);
    store_release(&documents->products);
    store_release(&documents->lexicons);
}

/* The lexicons are kept in the published form, with an empty policy. */
static int
source_of(const policy_documents_t *documents, sellify_ruleset_source_t *source,
    sellify_faults_t *faults)
{
    memset(source, 0, sizeof(*source));
    if (documents->lexicons.len != 0 &&
        sellify_ruleset_source_read(documents->lexicons, source, faults) != 0) {
        return -1;
    }
    source->version = (uint64_t) documents->version;
    source->policy = documents->policy;
    source->products = documents->products;
    return 0;
}

static sellify_ruleset_t *
compile(const policy_documents_t *documents, sellify_faults_t *faults)
{
    sellify_ruleset_source_t source;

    if (source_of(documents, &source, faults) != 0) {
        return NULL;
    }
    return sellify_ruleset_compile(&source, faults);
}

static int
zone_is_known(
    worker_t *w, const sellify_ruleset_t *ruleset, sellify_faults_t *faults)
{
    sellify_str_t name = sellify_ruleset_policy(ruleset)->timezone;
    sellify_zone_t zone;

    if (timezone_load(name, worker_seconds(w), &zone) == 0) {
        return 1;
    }
    sellify_fault_add(faults, "policy", "/timezone", "no time zone \"%.*s\"",
        (int) name.len, name.data);
    return 0;
}

static store_result_t
keep(worker_t *w, const policy_documents_t *documents, sellify_str_t author)
{
    ruleset_row_t row = {
        .version = documents->version,
        .created_at = worker_seconds(w),
    };

    snprintf(
        row.author, sizeof(row.author), "%.*s", (int) author.len, author.data);
    if (policy_store_keep(w->store, "policy", documents->policy, &row.policy) ==
            STORE_FAILED ||
        policy_store_keep(w->store, "products", documents->products,
            &row.products) == STORE_FAILED ||
        policy_store_keep(w->store, "lexicons", documents->lexicons,
            &row.lexicons) == STORE_FAILED) {
        return STORE_FAILED;
    }
    return policy_store_add(w->store, &row);
}

/* Compiles and stores a version from documents that the caller keeps.  The
 * lexicons of its languages are the built-in ones of this program, and stored,
 * so that a later program replays with these. */
static store_result_t
make_version(worker_t *w, policy_documents_t *documents, sellify_str_t author,
    sellify_ruleset_t **ruleset, sellify_faults_t *faults)
{
    policy_documents_t made = *documents;
    char *lexicons = NULL;
    store_result_t result = STORE_NONE;

    made.lexicons = (sellify_str_t){ NULL, 0 };
    *ruleset = compile(&made, faults);
    if (*ruleset != NULL && zone_is_known(w, *ruleset, faults)) {
        made.lexicons = policy_seed_lexicons(*ruleset, &lexicons);
        result = keep(w, &made, author);
        if (result == STORE_OK) {
            publisher_touch(w, PUBLISH_RULESET);
            free(lexicons);
            return STORE_OK;
        }
    }
    free(lexicons);
    sellify_ruleset_free(*ruleset);
    *ruleset = NULL;
    return result;
}

store_result_t
policy_change(worker_t *w, sellify_str_t policy, sellify_str_t products,
    sellify_str_t author, uint64_t *version, sellify_faults_t *faults)
{
    policy_documents_t present, next;
    char *zoned = NULL;
    sellify_ruleset_t *ruleset;
    store_result_t result = policy_documents(w, &present);

    if (result != STORE_OK) {
        return STORE_FAILED;
    }
    next = present;
    next.version++;
    if (policy.len != 0) {
        next.policy = policy_seed_zoned(w, policy, &zoned);
    }
    if (products.len != 0) {
        next.products = products;
    }
    result = make_version(w, &next, author, &ruleset, faults);
    if (result == STORE_OK) {
        swap_t *s = memory_get(sizeof(*s));

        s->worker = w;
        s->ruleset = ruleset;
        turn_effect(w->turn, swap, s);
        *version = (uint64_t) next.version;
    }
    free(zoned);
    policy_documents_release(&present);
    return result;
}

/* --- what nginx sees --- */

static int
publish_ruleset(worker_t *w, sellify_state_writer_t *writer)
{
    policy_documents_t documents;
    sellify_ruleset_source_t source;
    sellify_faults_t faults = { .count = 0 };
    char *public = NULL, *text = NULL;
    size_t len = 0;
    int result = -1;

    (void) writer;
    if (policy_documents(w, &documents) != STORE_OK) {
        return -1;
    }
    if (source_of(&documents, &source, &faults) == 0) {
        source.policy = policy_seed_public(documents.policy, &public);
        len = sellify_ruleset_source_write(&source, NULL, 0);
        text = memory_get(len + 1);
        (void) sellify_ruleset_source_write(&source, text, len + 1);
        result = publisher_put_ruleset(
            w, source.version, (sellify_str_t){ text, len });
    }
    free(text);
    free(public);
    policy_documents_release(&documents);
    return result;
}

static int
publish_hours(worker_t *w, sellify_state_writer_t *writer)
{
    sellify_state_hours_t hours = w->policy->hours;

    return sellify_state_write_hours(writer, &hours);
}

/* --- set-up --- */

static void
scrape(worker_t *w)
{
    metrics_set(w, METRIC_RULESET_VERSION, NULL, NULL,
        (double) sellify_ruleset_version(policy_ruleset(w)));
}

static void
log_faults(const sellify_faults_t *faults, const char *where)
{
    for (size_t i = 0; i < faults->count && i < SELLIFY_FAULTS_MAX; i++) {
        const sellify_fault_t *f = &faults->items[i];

        log_error("policy", "refused", "%s: %s%s%s: %s", where, f->document,
            f->document[0] ? " " : "", f->pointer, f->detail);
    }
}

static store_result_t
first_version(worker_t *w, sellify_ruleset_t **ruleset)
{
    policy_seed_t seed;
    policy_documents_t first = { .version = 1 };
    sellify_faults_t faults = { .count = 0 };
    store_result_t result = STORE_FAILED;

    if (policy_seed_load(w, &seed) == 0) {
        first.policy = seed.policy;
        first.products = seed.products;
        result = make_version(
            w, &first, sellify_str("first start"), ruleset, &faults);
    }
    log_faults(&faults, seed.where);
    policy_seed_free(&seed);
    return result;
}

/* A catalogue given after the demonstration one replaces it; new built-in
 * lexicons make a version of their own. */
static store_result_t
present_version(
    worker_t *w, policy_documents_t *present, sellify_ruleset_t **ruleset)
{
    policy_seed_t seed = { .where = "stored ruleset" };
    policy_documents_t next = *present;
    sellify_faults_t faults = { .count = 0 };
    store_result_t result = STORE_OK;
    char *lexicons = NULL;
    sellify_str_t built_in;

    *ruleset = compile(present, &faults);
    if (*ruleset == NULL) {
        log_faults(&faults, seed.where);
        return STORE_FAILED;
    }
    if (policy_seed_replace_demo(w, present->products, &seed) != 0) {
        return STORE_FAILED;
    }
    built_in = policy_seed_lexicons(*ruleset, &lexicons);
    if (seed.products.len != 0 ||
        !sellify_str_equal(built_in, present->lexicons)) {
        sellify_ruleset_free(*ruleset);
        next.version++;
        next.products = seed.products.len ? seed.products : present->products;
        result = make_version(w, &next, sellify_str("start"), ruleset, &faults);
        log_faults(&faults, seed.where);
    }
    free(lexicons);
    policy_seed_free(&seed);
    return result;
}

static int
load_or_make(worker_t *w)
{
    policy_documents_t present;
    sellify_ruleset_t *ruleset = NULL;
    store_result_t result = policy_documents(w, &present);

    if (result == STORE_NONE) {
        result = first_version(w, &ruleset);
    } else if (result == STORE_OK) {
        result = present_version(w, &present, &ruleset);
        policy_documents_release(&present);
    }
    if (result != STORE_OK) {
        sellify_ruleset_free(ruleset);
        return -1;
    }
    use(w, ruleset);
    return 0;
}

int
policy_setup(worker_t *w)
{
    w->policy = memory_get(sizeof(*w->policy));
    w->policy->worker = w;
    w->policy->retire = (timer_entry_t){ .fn = retire, .data = w };
    publisher_provide(w, PUBLISH_RULESET, publish_ruleset);
    publisher_provide(w, PUBLISH_HOURS, publish_hours);
    if (load_or_make(w) != 0) {
        return -1;
    }
    publisher_touch(w, PUBLISH_RULESET | PUBLISH_HOURS);
    metrics_on_scrape(w, scrape);
    policy_routes_add(w);
    return 0;
}

void
policy_shutdown(worker_t *w)
{
    if (w->policy != NULL) {
        timers_cancel(w->timers, &w->policy->retire);
        sellify_ruleset_free(w->policy->retired);
        sellify_ruleset_free(w->policy->ruleset);
        free(w->policy);
        w->policy = NULL;
    }
}
