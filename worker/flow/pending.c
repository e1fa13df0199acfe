/* What is under way in a chat. */
#include "pending.h"
#include "../members.h"

#include "internal.h"

static store_result_t
complete(worker_t *w, flow_pending_t *p)
{
    flow_record_t record;
    store_result_t result = flow_record_load(w, p->job.id, &record);

    if (result == STORE_OK) {
        p->rule = sellify_rule_name(record.decision.rule);
        p->action = sellify_action_name(record.decision.action);
    }
    flow_record_free(&record);

    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

store_result_t
flow_pending(worker_t *w, int64_t conversation_id, flow_pending_t *out, int max,
    int *count)
{
    store_result_t result = STORE_OK;
    flow_pending_t *p;
    int64_t id = 0;

    for (*count = 0; *count < max; ++*count) {
        result = flow_store_open(w->store, conversation_id, id, &id);
        if (result != STORE_OK) {
            break;
        }

        p = &out[*count];
        p->rule = p->action = NULL;
        if (flow_store_load(w->store, id, &p->job) != STORE_OK ||
            complete(w, p) == STORE_FAILED) {
            return STORE_FAILED;
        }
    }

    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static void
time_member(sellify_json_writer_t *j, const char *name, int64_t when)
{
    char text[SELLIFY_RFC3339_MAX] = "";

    if (when != 0) {
        sellify_time_format(when, text);
    }
    member_name(j, name, text);
}

void
flow_pending_write(sellify_json_writer_t *j, const flow_pending_t *p)
{
    sellify_json_object(j);
    sellify_json_key(j, "job");
    sellify_json_int(j, p->job.id);
    member_name(j, "step", flow_step_name(p->job.step));
    member_name(j, "reason", p->job.reason);
    member_name(j, "rule", p->rule);
    member_name(j, "action", p->action);
    time_member(j, "received_at", p->job.first_at);
    time_member(j, "due_at", p->job.due_at);
    sellify_json_object_end(j);
}
