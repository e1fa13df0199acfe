/* What runs, what is wrong, and what to do about it. */
#include "status.h"
#include "members.h"

#include "../core/version.h"
#include "alerts.h"
#include "http/http.h"
#include "instances.h"
#include "keys.h"
#include "license.h"
#include "policy.h"
#include "quotas.h"

#include <stdlib.h>

#define PROBLEMS_MAX 16
#define SHOWN_INSTANCES 64

typedef struct {
    const char *what, *todo;
} problem_t;

typedef struct {
    const http_request_t *request;
    worker_t *worker;
    sellify_state_instance_t *instances;
    size_t instance_count, automated, broken;
    int alert_pending;
    problem_t problems[PROBLEMS_MAX];
    size_t problem_count;
} status_t;

static void
add_problem(status_t *s, const char *what, const char *todo)
{
    if (s->problem_count < PROBLEMS_MAX) {
        s->problems[s->problem_count++] = (problem_t){ what, todo };
    }
}

/* --- collecting --- */

static int
collect_instances(status_t *s)
{
    worker_t *w = s->worker;
    instance_t instance = { .id = 0 };
    store_result_t result;

    while ((result = instances_next(w, instance.id, &instance)) == STORE_OK) {
        if (!http_identity_may_use(
                &s->request->who, sellify_str_of(instance.name))) {
            continue;
        }
        s->automated += (size_t) instance.automated;
        s->broken += (size_t) instance.breaker_open;
        if (s->instance_count < SHOWN_INSTANCES &&
            quotas_snapshot(w, &instance, &s->instances[s->instance_count++]) ==
                STORE_FAILED) {
            return -1;
        }
    }
    return result == STORE_FAILED ? -1 : 0;
}

static int
collect_alerts(status_t *s)
{
    alert_pending_t alert;
    store_result_t result = alerts_next_pending(s->worker, 0, &alert);

    s->alert_pending = result == STORE_OK;
    store_release(&alert.text);
    return result == STORE_FAILED ? -1 : 0;
}

static void
find_problems(status_t *s)
{
    worker_t *w = s->worker;
    int64_t expires_at;

    if (!sellify_license_allows(license_state(w, &expires_at))) {
        add_problem(s, "the licence does not allow automation",
            "put a valid licence into SELLIFY_LICENSE_FILE and restart");
    }
    if (!policy_now(w)->automation_enabled) {
        add_problem(s, "automation is switched off by the policy",
            "set automation_enabled to true in the policy");
    }
    if (keys_count(w) == 0) {
        add_problem(s, "there is no API key",
            "sellify key add --name admin --scopes admin");
    }
    if (s->automated == 0) {
        add_problem(s, "no instance may be automated",
            "name the instances in SELLIFY_INSTANCES");
    }
    if (s->broken != 0) {
        add_problem(s, "an instance has lost its connection to WhatsApp",
            "look at whatsapp-api and pair the number again");
    }
    if (s->alert_pending && policy_now(w)->alert_number_count == 0 &&
        w->settings.alert_url[0] == '\0') {
        add_problem(s, "alerts reach nobody",
            "set alert_numbers in the policy, or SELLIFY_ALERT_URL");
    }
}

/* --- writing --- */

static void
text_member(sellify_json_writer_t *w, const char *name, const char *value)
{
    sellify_json_key(w, name);
    sellify_json_cstring(w, value);
}

static void
write_instance(
    sellify_json_writer_t *w, const sellify_state_instance_t *i, int64_t now)
{
    sellify_json_object(w);
    text_member(w, "name", i->name);
    member_flag(w, "automated", (int) i->automated);
    member_flag(w, "connection_lost", (int) i->breaker_open);
    member_number(w, "messages_today",
        sellify_quota_used(&i->counters, SELLIFY_QUOTA_DAY, now));
    member_number(w, "messages_left_today",
        sellify_quota_remaining(
            &i->counters, &i->limits, SELLIFY_QUOTA_DAY, now));
    sellify_json_object_end(w);
}

static void
write_lists(sellify_json_writer_t *w, const status_t *s)
{
    sellify_json_key(w, "instances");
    sellify_json_array(w);
    for (size_t i = 0; i < s->instance_count; i++) {
        write_instance(w, &s->instances[i], worker_seconds(s->worker));
    }
    sellify_json_array_end(w);
    sellify_json_key(w, "problems");
    sellify_json_array(w);
    for (size_t i = 0; i < s->problem_count; i++) {
        sellify_json_object(w);
        text_member(w, "what", s->problems[i].what);
        text_member(w, "do", s->problems[i].todo);
        sellify_json_object_end(w);
    }
    sellify_json_array_end(w);
}

static void
write_status(sellify_json_writer_t *w, void *data)
{
    const status_t *s = data;
    const worker_t *worker = s->worker;
    int64_t expires_at;
    sellify_license_state_t license = license_state(worker, &expires_at);

    sellify_json_object(w);
    text_member(w, "service", "sellify-worker");
    text_member(w, "version", SELLIFY_VERSION);
    member_time(w, "now", worker_seconds(worker));
    member_number(w, "clock_rate", worker->clock.rate);
    text_member(w, "whatsapp_driver", worker->settings.whatsapp_driver);
    text_member(w, "license", sellify_license_name(license));
    member_time(w, "license_expires_at", expires_at);
    member_number(w, "ruleset_version",
        (int64_t) sellify_ruleset_version(policy_ruleset(worker)));
    member_number(w, "products",
        (int64_t) sellify_ruleset_product_count(policy_ruleset(worker)));
    member_flag(
        w, "automation_enabled", policy_now(worker)->automation_enabled);
    member_flag(w, "is_active_hours", policy_is_active(worker));
    member_time(w, "next_active", policy_next_active(worker));
    member_flag(w, "draining", worker->draining);
    write_lists(w, s);
    sellify_json_object_end(w);
}

static void
get_status(http_request_t *request)
{
    status_t status = { .request = request, .worker = request->worker };

    status.instances =
        http_alloc(request, SHOWN_INSTANCES * sizeof(*status.instances));
    if (collect_instances(&status) != 0 || collect_alerts(&status) != 0) {
        http_not_ready(request);
        return;
    }
    find_problems(&status);
    http_reply_built(request, 200, write_status, &status);
}

static const http_route_t routes[] = {
    { HTTP_GET, "/status", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_status },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

int
status_setup(worker_t *w)
{
    http_routes_add(w->http, routes);
    return 0;
}

void
status_shutdown(worker_t *w)
{
    (void) w;
}
