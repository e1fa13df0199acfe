/*
 * The worker's Prometheus metrics: GET /metrics.  Series appear when they are
 * first used.  A family that nginx counts too carries program="worker".
 *
 * Worker thread only.  At most METRICS_SERIES_MAX series; more are dropped and
 * counted, so that a label can never eat the memory.
 */
#ifndef SELLIFY_WORKER_METRICS_H
#define SELLIFY_WORKER_METRICS_H

#include "worker.h"

#define METRICS_SERIES_MAX 4096
#define METRICS_LABEL_MAX 64 /* bytes; longer values are cut */

/* In brackets the labels, in the order of the arguments a, b; NULL when the
 * family has fewer. */
typedef enum {
    METRIC_DECISIONS,          /* {action} counter */
    METRIC_CONVERSATION_STATE, /* {state} gauge */
    METRIC_QUOTA_USAGE,        /* {instance,type} gauge */
    METRIC_QUOTA_LIMIT,        /* {instance,type} gauge */
    METRIC_QUOTA_TODAY,        /* sum over the instances, gauge */
    METRIC_QUOTA_WEEK,
    METRIC_QUOTA_IMAGES,
    METRIC_QUOTA_VIDEOS,
    METRIC_QUOTA_RESETS,          /* {reset_type} counter */
    METRIC_QUOTA_LIMIT_REACHED,   /* {quota_type} counter */
    METRIC_AI_DURATION,           /* {provider} histogram */
    METRIC_AI_REQUESTS,           /* {provider,status} counter */
    METRIC_AI_CACHE,              /* {result} counter */
    METRIC_AI_CIRCUIT,            /* {provider} gauge */
    METRIC_VALIDATION_RESULTS,    /* {result} counter */
    METRIC_VALIDATION_VIOLATIONS, /* {rule} counter */
    METRIC_HTTP_REQUESTS,         /* {endpoint,status} counter */
    METRIC_HTTP_DURATION,         /* {endpoint} histogram */
    METRIC_AUDIT_LOGS,            /* counter */
    METRIC_ALERTS,                /* {severity} counter */
    METRIC_MESSAGES,              /* {direction,outcome} counter */
    METRIC_PIPELINE_DEPTH,        /* {step} gauge */
    METRIC_COMMIT_DURATION,       /* histogram */
    METRIC_RULESET_VERSION,       /* gauge */
    METRIC_LICENSE_STATE,         /* {state} gauge */
    METRIC_LICENSE_EXPIRY,        /* gauge, seconds */
    METRIC_BUILD_INFO,            /* {version} gauge */
    METRIC_SERIES_DROPPED,        /* counter */
    METRICS_FAMILIES
} metric_t;

/* At once; safe anywhere, also before set-up (then it does nothing). */
void metrics_add(
    worker_t *w, metric_t family, const char *a, const char *b, uint64_t count);
void metrics_set(
    worker_t *w, metric_t family, const char *a, const char *b, double value);
void
metrics_observe(worker_t *w, metric_t family, const char *a, double seconds);
/* Inside a step: adds one when the step is durable. */
void
metrics_committed(worker_t *w, metric_t family, const char *a, const char *b);

/* Called inside the step of every scrape, to set gauges. At most 16. */
void metrics_on_scrape(worker_t *w, void (*fn)(worker_t *w));
/* Forgets the series of a gauge whose labels come and go. */
void metrics_clear(worker_t *w, metric_t family);

/* The whole text, to free; inside a step, because the gauges are read. */
char *metrics_text(worker_t *w, size_t *len);

int metrics_setup(worker_t *w) SELLIFY_MUST_CHECK;
void metrics_shutdown(worker_t *w);

#endif
