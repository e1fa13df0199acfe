/* WhatsApp instances that the worker knows. */
#include "instances.h"

#include "../core/api.h"
#include "log.h"
#include "publisher.h"
#include "quotas.h"
#include "store/instances_store.h"

#include <stdio.h>

/* With the simulator nobody is reached, so every instance may be automated
 * unless the setting names some. */
static int
is_automated(const worker_t *w, const char *name)
{
    const settings_list_t *list = &w->settings.instances;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], name) == 0) {
            return 1;
        }
    }
    return list->count == 0 &&
           strcmp(w->settings.whatsapp_driver, "simulator") == 0;
}

static store_result_t
fill(const worker_t *w, store_result_t result, const instance_row_t *row,
    instance_t *out)
{
    if (result == STORE_OK) {
        memset(out, 0, sizeof(*out));
        out->id = row->id;
        out->slot = row->slot;
        snprintf(out->name, sizeof(out->name), "%s", row->name);
        out->automated = is_automated(w, row->name);
        out->breaker_open = row->breaker_open;
        out->first_seen = row->first_seen;
    }
    return result;
}

store_result_t
instances_find(worker_t *w, sellify_str_t name, instance_t *out)
{
    instance_row_t row;

    if (!sellify_instance_name_valid(name)) {
        return STORE_NONE;
    }
    return fill(w, instances_store_by_name(w->store, name, &row), &row, out);
}

store_result_t
instances_by_id(worker_t *w, int64_t id, instance_t *out)
{
    instance_row_t row;

    return fill(w, instances_store_by_id(w->store, id, &row), &row, out);
}

store_result_t
instances_next(worker_t *w, int64_t after_id, instance_t *out)
{
    instance_row_t row;

    return fill(w, instances_store_next(w->store, after_id, &row), &row, out);
}

store_result_t
instances_count(worker_t *w, uint32_t *count)
{
    return instances_store_count(w->store, count);
}

store_result_t
instances_ensure(worker_t *w, sellify_str_t name, instance_t *out)
{
    instance_row_t row;
    uint32_t count;
    store_result_t result = instances_find(w, name, out);

    if (result != STORE_NONE) {
        return result;
    }
    if (!sellify_instance_name_valid(name)) {
        return STORE_NONE;
    }
    if (instances_count(w, &count) != STORE_OK) {
        return STORE_FAILED;
    }
    if (count >= SELLIFY_STATE_INSTANCES) {
        log_warn(
            "instances", "refused", "%u instances are known already", count);
        return STORE_NONE;
    }
    memset(&row, 0, sizeof(row));
    snprintf(row.name, sizeof(row.name), "%.*s", (int) name.len, name.data);
    row.first_seen = worker_seconds(w);
    result = fill(w, instances_store_add(w->store, &row), &row, out);
    if (result == STORE_OK) {
        quotas_touch(w, out->id);
    }
    return result;
}

store_result_t
instances_default(worker_t *w, instance_t *out)
{
    instance_t second;
    store_result_t result = instances_next(w, 0, out);

    if (result == STORE_OK) {
        result = instances_next(w, out->id, &second);
        if (result == STORE_NONE) {
            return STORE_OK;
        }
    }
    if (result == STORE_FAILED) {
        return STORE_FAILED;
    }
    return instances_ensure(w, sellify_str("default"), out);
}

store_result_t
instances_set_breaker(worker_t *w, int64_t id, int open, const char *reason)
{
    store_result_t result = instances_store_breaker(w->store, id, open != 0,
        open ? sellify_str_of(reason) : (sellify_str_t){ NULL, 0 });

    if (result != STORE_FAILED) {
        quotas_touch(w, id);
    }
    return result;
}
