/*
 * What others see of the quotas, after COMMIT: the instances in the state file
 * and the gauges.
 */
#include "quotas.h"

#include "log.h"
#include "memory.h"
#include "metrics.h"
#include "policy.h"
#include "publisher.h"
#include "store/quotas_store.h"

#include <stdio.h>
#include <stdlib.h>

struct quotas {
    int64_t dirty[SELLIFY_STATE_INSTANCES];
    size_t dirty_count;
    int all_dirty;
};

void
quotas_touch(worker_t *w, int64_t instance_id)
{
    struct quotas *q = w->quotas;

    if (q == NULL || q->all_dirty) {
        return;
    }
    publisher_touch(w, PUBLISH_INSTANCES);
    for (size_t i = 0; i < q->dirty_count; i++) {
        if (q->dirty[i] == instance_id) {
            return;
        }
    }
    if (q->dirty_count == SELLIFY_STATE_INSTANCES) {
        q->all_dirty = 1;
        return;
    }
    q->dirty[q->dirty_count++] = instance_id;
}

void
quotas_touch_all(worker_t *w)
{
    w->quotas->all_dirty = 1;
    publisher_touch(w, PUBLISH_INSTANCES);
}

store_result_t
quotas_snapshot(
    worker_t *w, const instance_t *instance, sellify_state_instance_t *out)
{
    quota_row_t row;
    store_result_t result = quotas_store_load(w->store, instance->id, &row);

    if (result == STORE_FAILED) {
        return STORE_FAILED;
    }
    if (result == STORE_NONE) {
        memset(&row, 0, sizeof(row));
        row.last_reset = instance->first_seen;
        sellify_quota_windows_at(
            policy_zone(w), worker_seconds(w), &row.counters.windows);
    }
    memset(out, 0, sizeof(*out));
    snprintf(out->name, sizeof(out->name), "%s", instance->name);
    out->counters = row.counters;
    quotas_limits(w, instance, &out->limits);
    out->last_reset = row.last_reset;
    out->next_day = row.counters.windows.day_end;
    out->next_week = row.counters.windows.week_end;
    out->breaker_open = (uint32_t) instance->breaker_open;
    out->automated = (uint32_t) instance->automated;
    return STORE_OK;
}

static int
publish_one(
    worker_t *w, const instance_t *instance, sellify_state_writer_t *writer)
{
    sellify_state_instance_t block;

    if (quotas_snapshot(w, instance, &block) == STORE_FAILED) {
        return -1;
    }
    return sellify_state_write_instance(writer, instance->slot, &block);
}

static int
publish_all(worker_t *w, sellify_state_writer_t *writer)
{
    instance_t instance = { .id = 0 };
    store_result_t result;

    while ((result = instances_next(w, instance.id, &instance)) == STORE_OK) {
        if (publish_one(w, &instance, writer) != 0) {
            return -1;
        }
    }
    return result == STORE_FAILED ? -1 : 0;
}

/* An instance whose step was rolled back is simply not there. */
static int
publish_dirty(worker_t *w, sellify_state_writer_t *writer)
{
    instance_t instance;
    store_result_t result;

    for (size_t i = 0; i < w->quotas->dirty_count; i++) {
        result = instances_by_id(w, w->quotas->dirty[i], &instance);
        if (result == STORE_FAILED ||
            (result == STORE_OK && publish_one(w, &instance, writer) != 0)) {
            return -1;
        }
    }
    return 0;
}

static int
quotas_publish(worker_t *w, sellify_state_writer_t *writer)
{
    struct quotas *q = w->quotas;
    uint32_t count;
    /* A writer that has no instance yet is new: it needs all of them. */
    int all = q->all_dirty || writer->header.instance_count == 0;

    if (instances_count(w, &count) != STORE_OK ||
        (all ? publish_all(w, writer) : publish_dirty(w, writer)) != 0) {
        return -1;
    }
    writer->header.instance_count = count;
    q->dirty_count = 0;
    q->all_dirty = 0;
    return 0;
}

/* Every scrape shows what is committed. */
static void
quotas_scrape(worker_t *w)
{
    instance_t instance = { .id = 0 };
    sellify_state_instance_t s;
    int64_t now = worker_seconds(w);
    uint32_t sums[SELLIFY_QUOTA_TYPES] = { 0 };

    while (instances_next(w, instance.id, &instance) == STORE_OK &&
           quotas_snapshot(w, &instance, &s) == STORE_OK) {
        for (int type = 0; type < SELLIFY_QUOTA_TYPES; type++) {
            const char *name = sellify_quota_type_name(type);
            uint32_t used = sellify_quota_used(&s.counters, type, now);

            sums[type] += used;
            metrics_set(w, METRIC_QUOTA_USAGE, instance.name, name, used);
            metrics_set(
                w, METRIC_QUOTA_LIMIT, instance.name, name, s.limits.max[type]);
        }
    }
    metrics_set(w, METRIC_QUOTA_TODAY, NULL, NULL, sums[SELLIFY_QUOTA_DAY]);
    metrics_set(w, METRIC_QUOTA_WEEK, NULL, NULL, sums[SELLIFY_QUOTA_WEEK]);
    metrics_set(w, METRIC_QUOTA_IMAGES, NULL, NULL, sums[SELLIFY_QUOTA_IMAGES]);
    metrics_set(w, METRIC_QUOTA_VIDEOS, NULL, NULL, sums[SELLIFY_QUOTA_VIDEOS]);
}

/* Instances named by the settings exist from the start, or "default": a client
 * may ask for its quota before it ever sends. */
static int
add_named_instances(worker_t *w)
{
    const settings_list_t *list = &w->settings.instances;
    instance_t instance;
    store_result_t result = STORE_OK;

    for (size_t i = 0; i < list->count && result == STORE_OK; i++) {
        result = instances_ensure(w, sellify_str_of(list->items[i]), &instance);
        if (result == STORE_NONE) {
            log_error("settings", "refused",
                "SELLIFY_INSTANCES: \"%s\" is no instance name",
                list->items[i]);
        }
    }
    if (result == STORE_OK && list->count == 0) {
        result = instances_default(w, &instance);
    }
    return result == STORE_OK ? 0 : -1;
}

int
quotas_setup(worker_t *w)
{
    w->quotas = memory_get(sizeof(*w->quotas));
    w->quotas->all_dirty = 1;
    publisher_provide(w, PUBLISH_INSTANCES, quotas_publish);
    publisher_touch(w, PUBLISH_INSTANCES);
    metrics_on_scrape(w, quotas_scrape);
    quotas_routes_add(w);
    return add_named_instances(w);
}

void
quotas_shutdown(worker_t *w)
{
    free(w->quotas);
    w->quotas = NULL;
}
