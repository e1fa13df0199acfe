/*
 * The simulator.  A row of its outbox is a message that left: when it is durable
 * the send is answered, and after a crash the row tells whether it left.
 */
#include "simulator.h"

#include "../../core/clock.h"
#include "../http/http.h"
#include "../memory.h"
#include "../store/flow_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define OUTBOX_LIMIT 50
#define OUTBOX_LIMIT_MAX 200

/* A message between send() and its answer. */
typedef struct simulated simulated_t;

struct simulated {
    worker_t *worker;
    timer_entry_t timer;
    int64_t job_id;
    int kind, recorded;
    char *instance, *message_id, *address, *text, *media_url;
    send_done_fn done;
    simulated_t *next;
};

struct simulator {
    simulated_t *under_way;
};

static void
simulated_free(simulated_t *s)
{
    simulated_t **at = &s->worker->simulator->under_way;

    while (*at != NULL && *at != s) {
        at = &(*at)->next;
    }
    if (*at == s) {
        *at = s->next;
    }

    timers_cancel(s->worker->timers, &s->timer);
    free(s->instance);
    free(s->message_id);
    memory_wipe(s->address);
    memory_wipe(s->text);
    free(s->media_url);
    free(s);
}

static void
simulated_answer(simulated_t *s)
{
    worker_t *w = s->worker;
    send_done_fn done = s->done;
    int64_t job_id = s->job_id;
    char *id = memory_text(s->message_id);
    send_result_t result = { SEND_SENT, sellify_str_of(id), "simulated" };

    simulated_free(s);
    done(w, job_id, &result);
    free(id);
}

/* The row is durable, or must be written again. */
static void
simulated_effect(void *data, int committed)
{
    simulated_t *s = data;
    worker_t *w = s->worker;

    s->recorded = committed;
    timers_set(w->timers, &s->timer,
        worker_now(w) + (committed ? 0 : SELLIFY_SECOND * w->clock.rate));
}

static void
simulated_record(simulated_t *s)
{
    worker_t *w = s->worker;
    store_result_t result;
    flow_outbox_t row = { .job_id = s->job_id,
        .instance = sellify_str_of(s->instance),
        .message_id = sellify_str_of(s->message_id),
        .kind = s->kind,
        .at = worker_now(w),
        .address = sellify_str_of(s->address),
        .text = sellify_str_of(s->text),
        .media_url = sellify_str_of(s->media_url) };

    if (turn_step_begin(w->turn) != 0) {
        timers_set(w->timers, &s->timer,
            worker_now(w) + SELLIFY_SECOND * w->clock.rate);
        return;
    }

    turn_effect(w->turn, simulated_effect, s);
    result = flow_store_outbox_add(w->store, &row);
    (void) turn_step_end(w->turn, result != STORE_FAILED);
}

static void
simulated_timer(timer_entry_t *timer)
{
    simulated_t *s = timer->data;

    if (s->recorded) {
        simulated_answer(s);
    } else {
        simulated_record(s);
    }
}

static void
simulator_send(worker_t *w, const send_request_t *request, send_done_fn done)
{
    simulated_t *s = memory_get(sizeof(*s));

    s->worker = w;
    s->job_id = request->job_id;
    s->kind = (int) request->kind;
    s->instance = memory_copy(request->instance);
    s->message_id = memory_copy(request->message_id);
    s->address = memory_copy(request->address);
    s->text = memory_copy(request->text);
    s->media_url = memory_copy(request->media_url);
    s->done = done;
    s->timer.fn = simulated_timer;
    s->timer.data = s;
    s->next = w->simulator->under_way;
    w->simulator->under_way = s;

    timers_set(w->timers, &s->timer, worker_now(w));
}

static int
simulator_was_sent(worker_t *w, int64_t job_id)
{
    switch (flow_store_outbox_has(w->store, job_id)) {
    case STORE_OK:
        return 1;
    case STORE_NONE:
        return 0;
    default:
        return -1;
    }
}

/* --- GET /simulator/outbox --- */

typedef struct {
    flow_outbox_t rows[OUTBOX_LIMIT_MAX];
    size_t count;
    int more;
} outbox_page_t;

static void
write_row(sellify_json_writer_t *j, const flow_outbox_t *row)
{
    char at[SELLIFY_RFC3339_MAX];

    sellify_time_format(row->at, at);

    sellify_json_object(j);
    sellify_json_key(j, "id");
    sellify_json_int(j, row->id);
    sellify_json_key(j, "job");
    sellify_json_int(j, row->job_id);
    sellify_json_key(j, "at");
    sellify_json_cstring(j, at);
    sellify_json_key(j, "instance");
    sellify_json_string(j, row->instance);
    sellify_json_key(j, "message_id");
    sellify_json_string(j, row->message_id);
    sellify_json_key(j, "to");
    sellify_json_string(j, row->address);
    sellify_json_key(j, "kind");
    sellify_json_cstring(j, sellify_kind_name((sellify_kind_t) row->kind));
    sellify_json_key(j, "text");
    sellify_json_string(j, row->text);
    sellify_json_key(j, "media_url");
    if (row->media_url.len > 0) {
        sellify_json_string(j, row->media_url);
    } else {
        sellify_json_null(j);
    }
    sellify_json_object_end(j);
}

static void
write_page(sellify_json_writer_t *j, void *data)
{
    const outbox_page_t *page = data;
    char cursor[24];
    size_t i;

    sellify_json_object(j);
    sellify_json_key(j, "items");
    sellify_json_array(j);
    for (i = 0; i < page->count; i++) {
        write_row(j, &page->rows[i]);
    }
    sellify_json_array_end(j);

    sellify_json_key(j, "next_cursor");
    if (page->more) {
        snprintf(
            cursor, sizeof(cursor), "%" PRId64, page->rows[page->count - 1].id);
        sellify_json_cstring(j, cursor);
    } else {
        sellify_json_null(j);
    }
    sellify_json_object_end(j);
}

/* A positive number in decimal; `absent` when not given; -1 when bad. */
static int64_t
query_number(const http_request_t *request, const char *name, int64_t absent,
    int64_t max)
{
    sellify_str_t text = http_query(request, name);
    int64_t value = 0;
    size_t i;

    if (text.data == NULL) {
        return absent;
    }

    if (text.len == 0 || text.len > 18) {
        return -1;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        value = value * 10 + (text.data[i] - '0');
    }

    return value >= 1 && value <= max ? value : -1;
}

static store_result_t
load_page(worker_t *w, outbox_page_t *page, int64_t before, size_t limit)
{
    store_result_t result = STORE_OK;
    flow_outbox_t row;

    while (result == STORE_OK) {
        result = flow_store_outbox_next(w->store, before, &row);
        if (result != STORE_OK) {
            break;
        }

        if (page->count == limit) {
            page->more = 1;
            flow_store_outbox_release(&row);
            break;
        }

        page->rows[page->count++] = row;
        before = row.id;
    }

    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static void
outbox_get(http_request_t *request)
{
    int64_t limit, before;
    outbox_page_t *page = memory_get(sizeof(*page));
    size_t i;

    limit = query_number(request, "limit", OUTBOX_LIMIT, OUTBOX_LIMIT_MAX);
    before = query_number(request, "cursor", 0, INT64_MAX);

    if (limit < 0 || before < 0) {
        http_problem(request, 400,
            limit < 0 ? "limit must be 1 to 200" : "unknown cursor", NULL);

    } else if (load_page(request->worker, page, before, (size_t) limit) ==
               STORE_FAILED) {
        http_problem_retry(request, 503, 1, "the outbox could not be read");

    } else {
        http_reply_built(request, 200, write_page, page);
    }

    for (i = 0; i < page->count; i++) {
        flow_store_outbox_release(&page->rows[i]);
    }
    free(page);
}

static const http_route_t simulator_routes[] = {
    { HTTP_GET, "/simulator/outbox", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_ADMIN, 0,
        0, outbox_get },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

static int
simulator_setup(worker_t *w)
{
    w->simulator = memory_get(sizeof(*w->simulator));
    http_routes_add(w->http, simulator_routes);

    return 0;
}

static void
simulator_shutdown(worker_t *w)
{
    if (w->simulator == NULL) {
        return;
    }

    while (w->simulator->under_way != NULL) {
        simulated_free(w->simulator->under_way);
    }
    free(w->simulator);
    w->simulator = NULL;
}

const whatsapp_driver_t simulator_driver = { "simulator", 0, simulator_send,
    simulator_was_sent, simulator_setup, simulator_shutdown };
