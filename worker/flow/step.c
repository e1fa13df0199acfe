/* The moves of a job; see step.h. */
#include "step.h"

#include "../log.h"

#include <stdio.h>
#include <stdlib.h>

#define TO(step) (1u << (step))
#define GIVEN_UP (TO(FLOW_CANCELLED) | TO(FLOW_STOPPED) | TO(FLOW_FAILED))
#define DECIDES                                                                \
    (TO(FLOW_HELD) | TO(FLOW_DECIDED) | TO(FLOW_IGNORED) | TO(FLOW_ALERTED) |  \
        TO(FLOW_STOPPED) | TO(FLOW_LATE) | TO(FLOW_CANCELLED) |                \
        TO(FLOW_JOINED))

static const struct {
    const char *name;
    unsigned to;
} steps[] = {
    [FLOW_COLLECTING] = { "collecting", DECIDES },
    [FLOW_HELD] = { "held", DECIDES },
    [FLOW_DECIDED] = { "decided",
        TO(FLOW_GENERATED) | TO(FLOW_HELD) | TO(FLOW_SILENT) | GIVEN_UP },
    [FLOW_GENERATED] = { "generated",
        TO(FLOW_RESERVED) | TO(FLOW_HELD) | GIVEN_UP },
    [FLOW_RESERVED] = { "reserved",
        TO(FLOW_SENDING) | TO(FLOW_HELD) | GIVEN_UP },
    /* Back to reserved or held only when the driver says: certainly not sent. */
    [FLOW_SENDING] = { "sending", TO(FLOW_SENT) | TO(FLOW_UNSURE) |
                                      TO(FLOW_FAILED) | TO(FLOW_HELD) |
                                      TO(FLOW_RESERVED) },
    [FLOW_SENT] = { "sent", 0 },
    [FLOW_UNSURE] = { "unsure", TO(FLOW_SENT) },
    [FLOW_FAILED] = { "failed", 0 },
    [FLOW_IGNORED] = { "ignored", 0 },
    [FLOW_ALERTED] = { "alerted", 0 },
    [FLOW_STOPPED] = { "stopped", 0 },
    [FLOW_LATE] = { "late", 0 },
    [FLOW_CANCELLED] = { "cancelled", 0 },
    [FLOW_SILENT] = { "silent", 0 },
    [FLOW_JOINED] = { "joined", 0 },
};

#define STEPS ((int) (sizeof(steps) / sizeof(steps[0])))

const char *
flow_step_name(int step)
{
    return step >= 0 && step < STEPS && steps[step].name != NULL
               ? steps[step].name
               : "unknown";
}

int
flow_step_allowed(int from, int to)
{
    return from >= 0 && from < STEPS && to >= 0 && to < STEPS &&
           (steps[from].to & TO(to)) != 0;
}

store_result_t
flow_move(store_t *store, flow_job_t *job, flow_step_t to, const char *reason,
    int64_t due_at)
{
    if (!flow_step_allowed(job->step, (int) to)) {
        log_error("flow", "impossible move", "job %lld from %s to %s (%s)",
            (long long) job->id, flow_step_name(job->step),
            flow_step_name((int) to), reason);
        abort();
    }

    job->step = (int) to;
    job->due_at = due_at;
    snprintf(job->reason, sizeof(job->reason), "%s", reason);

    return flow_store_save(store, job);
}
