/*
 * Alerts: what a human must look at.  Stored, audited, shown by the API, and
 * sent to the policy's alert numbers and to SELLIFY_ALERT_URL.
 */
#ifndef SELLIFY_WORKER_ALERTS_H
#define SELLIFY_WORKER_ALERTS_H

#include "store/store.h"
#include "worker.h"

typedef enum { ALERT_INFO, ALERT_WARNING, ALERT_CRITICAL } alert_severity_t;

typedef struct {
    alert_severity_t severity;
    const char      *reason; /* "threat", "legal", "unsure", "late", "breaker" */
    int64_t          instance_id;     /* 0 none */
    int64_t          conversation_id; /* 0 none */
    sellify_str_t    text;            /* sealed: last message, state */
    const char      *group; /* same reason, chat and group within an hour: one */
} alert_t;

store_result_t alerts_raise(worker_t *w, const alert_t *alert);

#endif
