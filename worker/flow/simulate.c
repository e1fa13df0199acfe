/*
 * POST /simulate/message: a message through the pipeline as if a phone had sent
 * it.  Only with the simulator: with a real driver the answer would reach
 * somebody who never wrote.
 */
#include "internal.h"

#include "../../core/api.h"
#include "../../core/rng.h"

#include <stdio.h>

#define SIMULATE_FROM "33600000000"

typedef struct {
    sellify_str_t text, from, instance;
} simulate_t;

static const sellify_json_field_t simulate_fields[] = {
    { "text", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        offsetof(simulate_t, text), SELLIFY_MESSAGE_CHARS_MAX },
    { "from", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        offsetof(simulate_t, from), 16 },
    { "instance", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        offsetof(simulate_t, instance), SELLIFY_INSTANCE_NAME_MAX },
};

/* Digits of E.164, a leading + allowed. */
static int
number_valid(sellify_str_t *number)
{
    size_t i;

    if (number->len > 0 && number->data[0] == '+') {
        number->data++;
        number->len--;
    }

    for (i = 0; i < number->len; i++) {
        if (number->data[i] < '0' || number->data[i] > '9') {
            return 0;
        }
    }

    return number->len >= 6 && number->len <= 15;
}

static int
read_body(http_request_t *request, simulate_t *body)
{
    sellify_faults_t faults = { 0 };

    if (sellify_json_read(request->body, simulate_fields,
            sizeof(simulate_fields) / sizeof(simulate_fields[0]), body,
            http_alloc(request, request->body.len + 1), &faults) == 0) {
        if (body->from.len == 0) {
            body->from = sellify_str(SIMULATE_FROM);
        }
        if (!number_valid(&body->from)) {
            sellify_fault_add(&faults, "", "/from",
                "must be 6 to 15 digits, country code first");
        }
        if (body->instance.len > 0 &&
            !sellify_instance_name_valid(body->instance)) {
            sellify_fault_add(&faults, "", "/instance",
                "must be 1 to 64 of A-Z a-z 0-9 _ . -");
        }
    }

    if (faults.count > 0) {
        http_problem(request, 400, NULL, &faults);
        return -1;
    }

    return 0;
}

/* The only known instance, or "default". */
static store_result_t
take_instance(worker_t *w, sellify_str_t name, instance_t *instance)
{
    return name.len > 0 ? instances_ensure(w, name, instance)
                        : instances_default(w, instance);
}

static void
write_accepted(sellify_json_writer_t *j, void *data)
{
    const flow_event_t *event = data;

    sellify_json_object(j);
    sellify_json_key(j, "message_id");
    sellify_json_string(j, event->message_id);
    sellify_json_key(j, "instance");
    sellify_json_string(j, event->instance);
    sellify_json_object_end(j);
}

static void
simulate_post(http_request_t *request)
{
    worker_t *w = request->worker;
    simulate_t body = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    flow_counts_t counts = { 0 };
    instance_t instance;
    flow_event_t event = { .kind = FLOW_EVENT_MESSAGE,
        .name = sellify_str("messages.upsert"),
        .type = SELLIFY_MESSAGE_TEXT };
    uint8_t id[10];
    char message_id[32], jid[48];
    size_t i;

    if (whatsapp_driver(w)->real) {
        http_problem(request, 409, "only with the driver simulator", NULL);
        return;
    }

    if (read_body(request, &body) != 0) {
        return;
    }

    if (sellify_rng_secret(id, sizeof(id)) != 0 ||
        take_instance(w, body.instance, &instance) != STORE_OK) {
        http_problem_retry(request, 503, 1, "the message could not be stored");
        return;
    }

    snprintf(message_id, sizeof(message_id), "SIM");
    for (i = 0; i < sizeof(id); i++) {
        snprintf(message_id + 3 + 2 * i, 3, "%02X", id[i]);
    }
    snprintf(jid, sizeof(jid), "%.*s@s.whatsapp.net", (int) body.from.len,
        body.from.data);

    event.instance = sellify_str_of(instance.name);
    event.message_id = sellify_str_of(message_id);
    event.jid = sellify_str_of(jid);
    event.text = body.text;
    event.at = worker_seconds(w);

    if (flow_intake(w, &event, &counts) == STORE_FAILED) {
        http_problem_retry(request, 503, 1, "the message could not be stored");
        return;
    }

    http_reply_built(request, 202, write_accepted, &event);
}

const http_route_t flow_simulate_routes[] = {
    { HTTP_POST, "/simulate/message", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_ADMIN, 0,
        0, simulate_post },
    { 0, NULL, 0, 0, 0, 0, NULL },
};
