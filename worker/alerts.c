/* Alerts: stored, audited, grouped; sending them is the flow's part. */
#include "alerts.h"

#include "audit.h"
#include "instances.h"
#include "log.h"
#include "metrics.h"
#include "store/alerts_store.h"

#include <inttypes.h>
#include <stdio.h>

#define GROUP_S 3600

static const char *const severities[] = { "info", "warning", "critical" };

const char *
alerts_severity_name(alert_severity_t severity)
{
    return severities[severity];
}

static store_result_t
note(worker_t *w, const alert_t *alert, int64_t id)
{
    instance_t instance = { .id = 0 };
    char details[128];
    int len = snprintf(details, sizeof(details),
        "{\"alert\":\"alr_%" PRId64 "\",\"severity\":\"%s\"}", id,
        severities[alert->severity]);
    audit_entry_t entry = {
        .kind = "alert",
        .actor = sellify_str("worker"),
        .state = -1,
        .new_state = -1,
        .outcome = "alert",
        .reason = sellify_str_of(alert->reason),
        .details = { details, (size_t) len },
    };

    if (alert->instance_id != 0 &&
        instances_by_id(w, alert->instance_id, &instance) == STORE_FAILED) {
        return STORE_FAILED;
    }
    entry.instance = sellify_str_of(instance.name);
    return audit_write(w, &entry, NULL);
}

store_result_t
alerts_raise(worker_t *w, const alert_t *alert)
{
    int64_t now = worker_seconds(w);
    alert_row_t earlier, row = {
        .severity = alert->severity,
        .instance_id = alert->instance_id,
        .conversation_id = alert->conversation_id,
        .created_at = now,
    };
    store_result_t result;

    snprintf(row.reason, sizeof(row.reason), "%s", alert->reason);
    snprintf(
        row.group, sizeof(row.group), "%s", alert->group ? alert->group : "");
    result = alerts_store_same(w->store, &row, now - GROUP_S, &earlier);
    if (result == STORE_OK) {
        return alerts_store_again(w->store, earlier.id, now, alert->text);
    }
    if (result == STORE_FAILED ||
        alerts_store_add(w->store, &row, alert->text) == STORE_FAILED) {
        return STORE_FAILED;
    }
    metrics_committed(w, METRIC_ALERTS, severities[alert->severity], NULL);
    return note(w, alert, row.id);
}

store_result_t
alerts_next_pending(worker_t *w, int64_t after_id, alert_pending_t *out)
{
    alert_row_t row;
    store_result_t result;

    memset(out, 0, sizeof(*out));
    result = alerts_store_next_pending(w->store, after_id, &row, &out->text);
    if (result == STORE_OK) {
        out->id = row.id;
        out->severity = (alert_severity_t) row.severity;
        memcpy(out->reason, row.reason, sizeof(out->reason));
        out->instance_id = row.instance_id;
        out->conversation_id = row.conversation_id;
        out->at = row.last_at;
        out->count = row.occurrences;
    }
    return result;
}

store_result_t
alerts_mark(worker_t *w, int64_t id, int sent)
{
    return alerts_store_set_state(w->store, id, sent ? "sent" : "failed");
}

int
alerts_setup(worker_t *w)
{
    alerts_routes_add(w);
    return 0;
}

void
alerts_shutdown(worker_t *w)
{
    (void) w;
}
