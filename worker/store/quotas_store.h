/* Counters and reservations; both are sealed. */
#ifndef SELLIFY_STORE_QUOTAS_H
#define SELLIFY_STORE_QUOTAS_H

#include "../../core/quota.h"
#include "store.h"

typedef struct {
    sellify_quota_counters_t counters;
    int64_t last_reset; /* UTC seconds */
} quota_row_t;

store_result_t
quotas_store_load(store_t *store, int64_t instance_id, quota_row_t *row);
store_result_t
quotas_store_save(store_t *store, int64_t instance_id, const quota_row_t *row);

/* The numbers are stored. */
typedef enum {
    RESERVATION_LIVE = 0,
    RESERVATION_SENT = 1,
    RESERVATION_RELEASED = 2,
    RESERVATION_EXPIRED = 3
} reservation_status_t;

typedef struct {
    int64_t id; /* filled by add */
    char public_id[40];
    int64_t instance_id;
    int owner;
    int status;
    int64_t expires_at;
    sellify_kind_t kind;
    sellify_quota_windows_t windows; /* those it counts in */
} reservation_row_t;

store_result_t quotas_store_add(store_t *store, reservation_row_t *row);
store_result_t quotas_store_find(
    store_t *store, sellify_str_t public_id, reservation_row_t *row);
store_result_t
quotas_store_settle(store_t *store, int64_t id, int status, int64_t now);
/* New windows of a live one. */
store_result_t quotas_store_renew(store_t *store, const reservation_row_t *row);
/* The first live one of the instance, not the pipeline's, that expired by
 * `now`. */
store_result_t quotas_store_due(
    store_t *store, int64_t instance_id, int64_t now, reservation_row_t *row);
/* The first live one of the instance with an id above `after_id`. */
store_result_t quotas_store_next_live(store_t *store, int64_t instance_id,
    int64_t after_id, reservation_row_t *row);
/* When the next live one expires, over all instances. */
store_result_t quotas_store_next_expiry(store_t *store, int64_t *at);
/* Forgets at most `limit` that were settled before `before`. */
store_result_t quotas_store_purge(store_t *store, int64_t before, int limit);

#endif
