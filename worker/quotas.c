/*
 * Durable quotas.
 *
 * The invariant: a counter is the number of units sent in its window plus the
 * live reservations that count in it.  Each reservation remembers the windows
 * it counts in, so that it is given back only where it still counts, and a
 * reset leaves exactly the live ones.
 */
#include "quotas.h"

#include "../core/rng.h"
#include "alerts.h"
#include "audit.h"
#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "policy.h"
#include "scheduler.h"
#include "store/quotas_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CATCH_UP_SLICE 64
#define PRESSURE_ALERT 800 /* of 1000: the policy's 80 % */
#define DAY_S 86400
#define SETTLED_KEPT_S (7 * DAY_S)
#define SETTLED_SLICE 500 /* forgotten per pass of the scheduler */

#define ROLLED_DAY 2u
#define ROLLED_WEEK 4u

static int64_t
window_end(const sellify_quota_windows_t *windows, sellify_quota_type_t type)
{
    switch (type) {
    case SELLIFY_QUOTA_HOUR:
        return windows->hour_end;
    case SELLIFY_QUOTA_DAY:
    case SELLIFY_QUOTA_IMAGES:
        return windows->day_end;
    default:
        return windows->week_end;
    }
}

/* What a unit of this kind costs of each counter. */
static void
cost_of(sellify_kind_t kind, uint32_t cost[SELLIFY_QUOTA_TYPES])
{
    sellify_quota_counters_t one = { .used = { 0 } };

    sellify_quota_add(&one, kind);
    memcpy(cost, one.used, sizeof(one.used));
}

/* Takes a reservation's units out of the windows in which they still count. */
static void
give_back(sellify_quota_counters_t *counters, const reservation_row_t *r)
{
    uint32_t cost[SELLIFY_QUOTA_TYPES];

    cost_of(r->kind, cost);
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        if (window_end(&r->windows, type) ==
                window_end(&counters->windows, type) &&
            counters->used[type] >= cost[type]) {
            counters->used[type] -= cost[type];
        }
    }
}

void
quotas_limits(
    worker_t *w, const instance_t *instance, sellify_quota_limits_t *limits)
{
    const sellify_policy_t *policy = policy_now(w);
    int64_t age = worker_seconds(w) - instance->first_seen;

    sellify_ruleset_limits(
        policy_ruleset(w), sellify_str_of(instance->name), limits);
    limits->max[SELLIFY_QUOTA_DAY] = sellify_quota_warmup_limit(policy->warmup,
        policy->warmup_count, age > 0 ? (uint32_t) (age / DAY_S) : 0,
        limits->max[SELLIFY_QUOTA_DAY]);
}

static store_result_t
save(worker_t *w, const instance_t *instance, const quota_row_t *row)
{
    const sellify_quota_windows_t *windows = &row->counters.windows;
    int64_t next = windows->hour_end;

    next = windows->day_end < next ? windows->day_end : next;
    next = windows->week_end < next ? windows->week_end : next;
    scheduler_wake(w, next);
    quotas_touch(w, instance->id);
    return quotas_store_save(w->store, instance->id, row);
}

typedef struct {
    worker_t *worker;
    const char *type;
    char instance[SELLIFY_INSTANCE_NAME_MAX + 1];
} reset_note_t;

static void
reset_is_durable(void *data, int committed)
{
    reset_note_t *note = data;

    if (committed) {
        log_info("quotas", "reset", "%s counters of instance %s", note->type,
            note->instance);
        metrics_add(note->worker, METRIC_QUOTA_RESETS, note->type, NULL, 1);
    }
    free(note);
}

static void
tell_reset(worker_t *w, const instance_t *instance, const char *type)
{
    reset_note_t *note = memory_get(sizeof(*note));

    note->worker = w;
    note->type = type;
    memcpy(note->instance, instance->name, sizeof(note->instance));
    turn_effect(w->turn, reset_is_durable, note);
}

/* One log line, one audit entry, one count per reset. */
static store_result_t
note_reset(worker_t *w, const instance_t *instance, int weekly,
    sellify_str_t actor, const sellify_quota_counters_t *before,
    const sellify_quota_counters_t *after)
{
    const char *type = weekly ? "weekly" : "daily";
    char details[48];
    audit_entry_t entry = {
        .kind = "reset",
        .actor = actor,
        .instance = sellify_str_of(instance->name),
        .state = -1,
        .new_state = -1,
        .quotas_before = before,
        .quotas_after = after,
    };
    int len =
        snprintf(details, sizeof(details), "{\"reset_type\":\"%s\"}", type);

    entry.details = (sellify_str_t){ details, (size_t) len };
    tell_reset(w, instance, type);
    return audit_write(w, &entry, NULL);
}

static store_result_t
roll(worker_t *w, const instance_t *instance, quota_row_t *row, int *changed)
{
    sellify_quota_counters_t before = row->counters;
    int64_t now = worker_seconds(w);
    unsigned ended = sellify_quota_roll(&row->counters, policy_zone(w), now);

    *changed |= memcmp(&before, &row->counters, sizeof(before)) != 0;
    if (ended & (ROLLED_DAY | ROLLED_WEEK)) {
        row->last_reset = now;
    }
    if ((ended & ROLLED_DAY) &&
        note_reset(w, instance, 0, sellify_str("scheduler"), &before,
            &row->counters) == STORE_FAILED) {
        return STORE_FAILED;
    }
    if ((ended & ROLLED_WEEK) &&
        note_reset(w, instance, 1, sellify_str("scheduler"), &before,
            &row->counters) == STORE_FAILED) {
        return STORE_FAILED;
    }
    return STORE_OK;
}

/* An API client's expired reservation returns its unit; the guard's counts as
 * sent, because nobody said that the send failed. */
static store_result_t
expire(worker_t *w, const instance_t *instance, quota_row_t *row, int *changed)
{
    int64_t now = worker_seconds(w);
    reservation_row_t r;
    store_result_t result;

    while ((result = quotas_store_due(w->store, instance->id, now, &r)) ==
           STORE_OK) {
        int status = RESERVATION_SENT;

        if (r.owner == QUOTA_OWNER_API) {
            give_back(&row->counters, &r);
            status = RESERVATION_EXPIRED;
            *changed = 1;
        }
        if (quotas_store_settle(w->store, r.id, status, now) == STORE_FAILED) {
            return STORE_FAILED;
        }
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

/* The counters as of now, stored when that changed them. */
static store_result_t
load(worker_t *w, const instance_t *instance, quota_row_t *row)
{
    int changed = 0;
    store_result_t result = quotas_store_load(w->store, instance->id, row);

    if (result == STORE_NONE) {
        memset(row, 0, sizeof(*row));
        row->last_reset = worker_seconds(w);
        sellify_quota_windows_at(
            policy_zone(w), worker_seconds(w), &row->counters.windows);
        return save(w, instance, row);
    }
    if (result != STORE_OK || roll(w, instance, row, &changed) != STORE_OK ||
        expire(w, instance, row, &changed) != STORE_OK) {
        return STORE_FAILED;
    }
    return changed ? save(w, instance, row) : STORE_OK;
}

/* A warning when a limit comes near, at the moment it does. */
static store_result_t
warn_when_near(worker_t *w, const instance_t *instance,
    const sellify_quota_counters_t *before,
    const sellify_quota_counters_t *after, const sellify_quota_limits_t *limits)
{
    int64_t now = worker_seconds(w);
    uint32_t is = sellify_quota_pressure(after, limits, now);
    char text[128];
    int len;

    if (is < PRESSURE_ALERT ||
        sellify_quota_pressure(before, limits, now) >= PRESSURE_ALERT) {
        return STORE_OK;
    }
    len = snprintf(text, sizeof(text),
        "instance %s has used %" PRIu32 " %% of its tightest quota",
        instance->name, is / 10);
    return alerts_raise(w, &(alert_t){ .severity = ALERT_WARNING,
                               .reason = "quota",
                               .instance_id = instance->id,
                               .text = { text, (size_t) len },
                               .group = "near-limit" });
}

static void
count_refusal(worker_t *w, unsigned exhausted)
{
    for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
        if (exhausted & (1u << type)) {
            /* At once: the refusal rolls its step back. */
            metrics_add(w, METRIC_QUOTA_LIMIT_REACHED,
                sellify_quota_type_name(type), NULL, 1);
        }
    }
}

static int
new_reservation_id(char id[40])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[16];

    if (sellify_rng_secret(raw, sizeof(raw)) != 0) {
        return -1;
    }
    memcpy(id, "rsv_", 4);
    for (size_t i = 0; i < sizeof(raw); i++) {
        id[4 + 2 * i] = digits[raw[i] >> 4];
        id[5 + 2 * i] = digits[raw[i] & 15];
    }
    id[36] = '\0';
    return 0;
}

/* The unit is counted already: keeps the reservation that owns it. */
static quota_result_t
keep_reservation(worker_t *w, const instance_t *instance, sellify_kind_t kind,
    quota_owner_t owner, const sellify_quota_windows_t *windows,
    quota_reservation_t *out)
{
    reservation_row_t r = {
        .instance_id = instance->id,
        .owner = owner,
        .status = RESERVATION_LIVE,
        .expires_at = worker_seconds(w) + QUOTA_RESERVATION_TTL_S,
        .kind = kind,
        .windows = *windows,
    };

    if (new_reservation_id(r.public_id) != 0 ||
        quotas_store_add(w->store, &r) == STORE_FAILED) {
        return QUOTA_FAILED;
    }
    if (owner != QUOTA_OWNER_PIPELINE) {
        scheduler_wake(w, r.expires_at);
    }
    memcpy(out->id, r.public_id, sizeof(out->id));
    out->expires_at = r.expires_at;
    return QUOTA_OK;
}

quota_result_t
quotas_reserve(worker_t *w, const instance_t *instance, sellify_kind_t kind,
    quota_owner_t owner, uint32_t reply_chars, uint64_t seed,
    quota_reservation_t *out)
{
    quota_row_t row;
    sellify_quota_limits_t limits;
    sellify_quota_answer_t answer;
    sellify_quota_counters_t before;
    int64_t now = worker_seconds(w);

    memset(out, 0, sizeof(*out));
    if (load(w, instance, &row) != STORE_OK) {
        return QUOTA_FAILED;
    }
    quotas_limits(w, instance, &limits);
    sellify_quota_check(&row.counters, &limits, kind, now, &answer);
    if (!answer.can_send) {
        count_refusal(w, answer.exhausted);
        out->retry_at = answer.next_at;
        return QUOTA_EXHAUSTED;
    }
    before = row.counters;
    out->delay_ms = sellify_quota_delay_ms(&policy_now(w)->delay, kind,
        sellify_quota_pressure(&before, &limits, now), reply_chars, seed);
    sellify_quota_add(&row.counters, kind);
    if (save(w, instance, &row) == STORE_FAILED ||
        warn_when_near(w, instance, &before, &row.counters, &limits) ==
            STORE_FAILED) {
        return QUOTA_FAILED;
    }
    return keep_reservation(
        w, instance, kind, owner, &row.counters.windows, out);
}

/* A live reservation with its instance and its counters as of now.  Reading the
 * counters may expire the reservation, so it is read after them. */
static quota_result_t
find_live(worker_t *w, sellify_str_t id, reservation_row_t *r,
    instance_t *instance, quota_row_t *row)
{
    store_result_t result = quotas_store_find(w->store, id, r);

    if (result == STORE_OK) {
        result = instances_by_id(w, r->instance_id, instance);
    }
    if (result == STORE_OK) {
        result = load(w, instance, row);
    }
    if (result == STORE_OK) {
        result = quotas_store_find(w->store, id, r);
    }
    if (result == STORE_FAILED) {
        return QUOTA_FAILED;
    }
    return result == STORE_OK && r->status == RESERVATION_LIVE
               ? QUOTA_OK
               : QUOTA_NOT_FOUND;
}

quota_result_t
quotas_release(worker_t *w, sellify_str_t reservation_id)
{
    reservation_row_t r;
    instance_t instance;
    quota_row_t row;
    quota_result_t found = find_live(w, reservation_id, &r, &instance, &row);

    if (found != QUOTA_OK) {
        return found;
    }
    give_back(&row.counters, &r);
    if (save(w, &instance, &row) == STORE_FAILED ||
        quotas_store_settle(w->store, r.id, RESERVATION_RELEASED,
            worker_seconds(w)) == STORE_FAILED) {
        return QUOTA_FAILED;
    }
    return QUOTA_OK;
}

quota_result_t
quotas_renew(worker_t *w, sellify_str_t reservation_id)
{
    reservation_row_t r;
    instance_t instance;
    quota_row_t row;
    sellify_quota_limits_t limits;
    sellify_quota_answer_t answer;
    quota_result_t found = find_live(w, reservation_id, &r, &instance, &row);

    if (found != QUOTA_OK) {
        return found;
    }
    if (memcmp(&r.windows, &row.counters.windows, sizeof(r.windows)) == 0) {
        return QUOTA_OK;
    }
    give_back(&row.counters, &r);
    quotas_limits(w, &instance, &limits);
    sellify_quota_check(
        &row.counters, &limits, r.kind, worker_seconds(w), &answer);
    if (!answer.can_send) {
        count_refusal(w, answer.exhausted);
        return QUOTA_EXHAUSTED;
    }
    sellify_quota_add(&row.counters, r.kind);
    r.windows = row.counters.windows;
    if (save(w, &instance, &row) == STORE_FAILED ||
        quotas_store_renew(w->store, &r) == STORE_FAILED) {
        return QUOTA_FAILED;
    }
    return QUOTA_OK;
}

/* What a reservation says about a message that was sent: 1 counted already, 0
 * not, -1 failure.  A live one is settled, its units given back: they are
 * counted anew in the windows of now. */
static int
settle_for_record(worker_t *w, const instance_t *instance, sellify_str_t id,
    sellify_kind_t *kind, quota_row_t *row)
{
    reservation_row_t r;
    store_result_t result;

    if (id.len == 0) {
        return 0;
    }
    result = quotas_store_find(w->store, id, &r);
    if (result != STORE_OK) {
        return result == STORE_FAILED ? -1 : 0;
    }
    if (r.instance_id != instance->id || r.status == RESERVATION_RELEASED ||
        r.status == RESERVATION_EXPIRED) {
        return 0;
    }
    if (r.status == RESERVATION_SENT) {
        return 1;
    }
    give_back(&row->counters, &r);
    if (*kind == SELLIFY_KIND_TEXT) {
        *kind = r.kind;
    }
    return quotas_store_settle(w->store, r.id, RESERVATION_SENT,
               worker_seconds(w)) == STORE_FAILED
               ? -1
               : 0;
}

quota_result_t
quotas_record(worker_t *w, const instance_t *instance, sellify_kind_t kind,
    sellify_str_t reservation_id)
{
    quota_row_t row;
    sellify_quota_limits_t limits;
    sellify_quota_counters_t before;
    int counted;

    if (load(w, instance, &row) != STORE_OK) {
        return QUOTA_FAILED;
    }
    before = row.counters;
    counted = settle_for_record(w, instance, reservation_id, &kind, &row);
    if (counted != 0) {
        return counted > 0 ? QUOTA_OK : QUOTA_FAILED;
    }
    sellify_quota_add(&row.counters, kind);
    quotas_limits(w, instance, &limits);
    if (save(w, instance, &row) == STORE_FAILED ||
        warn_when_near(w, instance, &before, &row.counters, &limits) ==
            STORE_FAILED) {
        return QUOTA_FAILED;
    }
    return QUOTA_OK;
}

quota_result_t
quotas_read(worker_t *w, const instance_t *instance,
    sellify_quota_counters_t *counters, sellify_quota_limits_t *limits)
{
    quota_row_t row;

    if (load(w, instance, &row) != STORE_OK) {
        return QUOTA_FAILED;
    }
    *counters = row.counters;
    quotas_limits(w, instance, limits);
    return QUOTA_OK;
}

/* Units of the live reservations that count in the running windows. */
static store_result_t
count_live(worker_t *w, const instance_t *instance,
    const sellify_quota_windows_t *windows, uint32_t live[SELLIFY_QUOTA_TYPES])
{
    reservation_row_t r;
    int64_t after = 0;
    store_result_t result;

    memset(live, 0, SELLIFY_QUOTA_TYPES * sizeof(live[0]));
    while ((result = quotas_store_next_live(
                w->store, instance->id, after, &r)) == STORE_OK) {
        uint32_t cost[SELLIFY_QUOTA_TYPES];

        after = r.id;
        cost_of(r.kind, cost);
        for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
            if (window_end(&r.windows, type) == window_end(windows, type)) {
                live[type] += cost[type];
            }
        }
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

quota_result_t
quotas_reset(
    worker_t *w, const instance_t *instance, int weekly, sellify_str_t actor)
{
    quota_row_t row;
    sellify_quota_counters_t before;
    uint32_t live[SELLIFY_QUOTA_TYPES];
    int messages = weekly ? SELLIFY_QUOTA_WEEK : SELLIFY_QUOTA_DAY;
    int media = weekly ? SELLIFY_QUOTA_VIDEOS : SELLIFY_QUOTA_IMAGES;

    if (load(w, instance, &row) != STORE_OK ||
        count_live(w, instance, &row.counters.windows, live) != STORE_OK) {
        return QUOTA_FAILED;
    }
    before = row.counters;
    row.counters.used[messages] = live[messages];
    row.counters.used[media] = live[media];
    row.last_reset = worker_seconds(w);
    if (save(w, instance, &row) == STORE_FAILED ||
        note_reset(w, instance, weekly, actor, &before, &row.counters) ==
            STORE_FAILED) {
        return QUOTA_FAILED;
    }
    return QUOTA_OK;
}

uint32_t
quotas_delay_seconds(
    worker_t *w, const sellify_state_instance_t *instance, sellify_kind_t kind)
{
    int64_t now = worker_seconds(w);
    char key[96];
    int len = snprintf(key, sizeof(key), "%s/%" PRId64, instance->name, now);
    uint32_t pressure =
        sellify_quota_pressure(&instance->counters, &instance->limits, now);

    return (sellify_quota_delay_ms(&policy_now(w)->delay, kind, pressure, 0,
                sellify_rng_seed_of((sellify_str_t){ key, (size_t) len })) +
               999) /
           1000;
}

store_result_t
quotas_reservation_instance(
    worker_t *w, sellify_str_t reservation_id, instance_t *out)
{
    reservation_row_t r;
    store_result_t result = quotas_store_find(w->store, reservation_id, &r);

    return result == STORE_OK ? instances_by_id(w, r.instance_id, out) : result;
}

/* A client repeats a record within minutes; a week is plenty. */
static store_result_t
forget_settled(worker_t *w)
{
    return quotas_store_purge(w->store, worker_seconds(w) - SETTLED_KEPT_S,
               SETTLED_SLICE) == STORE_FAILED
               ? STORE_FAILED
               : STORE_OK;
}

store_result_t
quotas_catch_up(worker_t *w, int64_t *after_id, int64_t *next)
{
    instance_t instance;
    quota_row_t row;
    int64_t expiry;
    store_result_t result;

    for (int i = 0; i < CATCH_UP_SLICE; i++) {
        const sellify_quota_windows_t *windows = &row.counters.windows;

        result = instances_next(w, *after_id, &instance);
        if (result == STORE_FAILED) {
            return STORE_FAILED;
        }
        if (result == STORE_NONE) {
            result = quotas_store_next_expiry(w->store, &expiry);
            if (result == STORE_OK && expiry < *next) {
                *next = expiry;
            }
            if (result == STORE_FAILED || forget_settled(w) != STORE_OK) {
                return STORE_FAILED;
            }
            return STORE_NONE;
        }
        *after_id = instance.id;
        if (load(w, &instance, &row) != STORE_OK) {
            return STORE_FAILED;
        }
        *next = windows->hour_end < *next ? windows->hour_end : *next;
        *next = windows->day_end < *next ? windows->day_end : *next;
        *next = windows->week_end < *next ? windows->week_end : *next;
    }
    return STORE_OK;
}
