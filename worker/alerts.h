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
    const char *reason;  /* "threat", "legal", "unsure", "late", "breaker" */
    int64_t instance_id; /* 0 none */
    int64_t conversation_id; /* 0 none */
    sellify_str_t text;      /* sealed: last message, state */
    const char *group; /* same reason, chat and group within an hour: one */
} alert_t;

store_result_t alerts_raise(worker_t *w, const alert_t *alert);

/* For the flow, which sends them to the policy's alert numbers: the oldest alert
 * still `pending` after `after_id` (0: from the start); STORE_NONE when none.
 * Release `text` with store_release(). */
typedef struct {
    int64_t id;
    alert_severity_t severity;
    char reason[32];
    int64_t instance_id, conversation_id;
    int64_t at;     /* UTC seconds, of the latest occurrence */
    uint32_t count; /* occurrences joined in this one */
    sellify_str_t text;
} alert_pending_t;
store_result_t
alerts_next_pending(worker_t *w, int64_t after_id, alert_pending_t *out);
/* After the attempt: "sent" or "failed". */
store_result_t alerts_mark(worker_t *w, int64_t id, int sent);

const char *alerts_severity_name(alert_severity_t severity); /* "info" ... */

/* Registers the routes of alerts_http.c. */
void alerts_routes_add(worker_t *w);

int alerts_setup(worker_t *w) SELLIFY_MUST_CHECK;
void alerts_shutdown(worker_t *w);

#endif
