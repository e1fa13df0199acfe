/* Alerts. */
#ifndef SELLIFY_STORE_ALERTS_H
#define SELLIFY_STORE_ALERTS_H

#include "store.h"

typedef struct {
    int64_t id; /* filled by add */
    int severity;
    char reason[32], group[64];
    int64_t instance_id, conversation_id; /* 0 none */
    uint32_t occurrences;
    int64_t created_at, last_at, acked_at; /* UTC seconds */
    char state[16]; /* pending, sent, failed, acknowledged */
    char acked_by[40];
} alert_row_t;

/* Where `text` is taken, NULL means not wanted; release it otherwise. */
store_result_t
alerts_store_add(store_t *store, alert_row_t *row, sellify_str_t text);
/* The newest of the same reason, chat and group made after `since`. */
store_result_t alerts_store_same(
    store_t *store, const alert_row_t *like, int64_t since, alert_row_t *row);
/* One more of a kind: counted, its text is the latest. */
store_result_t
alerts_store_again(store_t *store, int64_t id, int64_t now, sellify_str_t text);
store_result_t alerts_store_get(
    store_t *store, int64_t id, alert_row_t *row, sellify_str_t *text);
store_result_t alerts_store_next_pending(
    store_t *store, int64_t after_id, alert_row_t *row, sellify_str_t *text);
store_result_t
alerts_store_set_state(store_t *store, int64_t id, const char *state);
store_result_t
alerts_store_ack(store_t *store, int64_t id, int64_t now, sellify_str_t by);
/* The newest below `before`; `state` empty: any. */
store_result_t alerts_store_before(store_t *store, int64_t before,
    sellify_str_t state, alert_row_t *row, sellify_str_t *text);

#endif
