/* Simulated time; see simulation.h. */

#include "simulation.h"
#include "http/http.h"
#include "log.h"
#include "memory.h"
#include "publisher.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SIMULATION_NO_RATE UINT32_MAX
#define SIMULATION_META "clock"
/* The farthest that one request may move the clock. */
#define SIMULATION_STEP_MAX (370 * 86400 * SELLIFY_SECOND)

/* "real_base simulated_base rate start_setting" */
static store_result_t
simulation_save(worker_t *w, const sellify_clock_t *clock)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %u %.40s",
        clock->real_base, clock->simulated_base, clock->rate,
        w->settings.clock_start);
    return store_meta_set(
        w->store, SIMULATION_META, (sellify_str_t){ text, (size_t) n });
}

/* STORE_NONE when time was never simulated here. */
static store_result_t
simulation_load(worker_t *w, sellify_clock_t *clock, char start[48])
{
    sellify_str_t text;
    store_result_t result = store_meta_get(w->store, SIMULATION_META, &text);
    if (result != STORE_OK) {
        return result;
    }
    *clock = SELLIFY_CLOCK_REAL;
    start[0] = '\0';
    int n = sscanf(text.data, "%" SCNd64 " %" SCNd64 " %u %47s",
        &clock->real_base, &clock->simulated_base, &clock->rate, start);
    store_release(&text);
    if (n < 3 || clock->rate < 1 || clock->rate > SELLIFY_CLOCK_RATE_MAX) {
        log_error("clock", "refused", "the stored mapping is damaged");
        return STORE_FAILED;
    }
    return STORE_OK;
}

/* After a simulation real time may only take over once it is ahead. */
static int
simulation_leave(const sellify_clock_t *stored, sellify_time_t real)
{
    char last[SELLIFY_RFC3339_MAX];
    sellify_time_t was = sellify_clock_map(stored, real);
    if (was <= real) {
        return 0;
    }
    sellify_time_format(was, last);
    log_error("clock", "refused",
        "this database lives in simulated time, now %s: set "
        "SELLIFY_CLOCK_START, or use another database",
        last);
    return -1;
}

static sellify_clock_t
simulation_begin(const worker_t *w, store_result_t known,
    const sellify_clock_t *stored, const char *stored_start,
    sellify_time_t real)
{
    sellify_time_t start = 0;
    const char *setting = w->settings.clock_start;
    if (sellify_time_parse(setting, strlen(setting), &start) != 0) {
        start = real; /* checked by settings.c */
    }
    if (known == STORE_NONE) {
        return sellify_clock_at(real, start, w->settings.clock_rate);
    }
    sellify_time_t at = sellify_clock_map(stored, real);
    if (real < stored->real_base) {
        at = stored->simulated_base; /* the machine's clock went back */
    }
    if (strcmp(stored_start, setting) == 0) {
        /* The same simulation goes on, with the rate that it had. */
        return sellify_clock_at(real, at, stored->rate);
    }
    if (start > at) {
        at = start;
    } else {
        log_warn("clock", "goes on",
            "SELLIFY_CLOCK_START is behind the database's time");
    }
    return sellify_clock_at(real, at, w->settings.clock_rate);
}

static void
simulation_use(worker_t *w, const sellify_clock_t *clock)
{
    w->clock = *clock;
    turn_refresh_time(w->turn);
    publisher_touch(w, PUBLISH_HEADER);
}

/* --- POST /clock --- */

typedef struct {
    sellify_str_t advance_to;
    uint32_t rate;
} simulation_order_t;

static const sellify_json_field_t simulation_fields[] = {
    { "advance_to", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE,
        offsetof(simulation_order_t, advance_to), 40 },
    { "rate", SELLIFY_JSON_UINT, SELLIFY_JSON_NULLABLE,
        offsetof(simulation_order_t, rate), SELLIFY_CLOCK_RATE_MAX },
};

typedef struct {
    worker_t *worker;
    sellify_clock_t clock;
} simulation_change_t;

/* The new mapping holds for everybody once it is durable. */
static void
simulation_changed(void *data, int committed)
{
    simulation_change_t *change = data;
    if (committed) {
        simulation_use(change->worker, &change->clock);
        log_info("clock", "changed", "rate %u", change->clock.rate);
    }
    free(change);
}

static int
simulation_target(http_request_t *r, const simulation_order_t *order,
    sellify_time_t now, sellify_time_t *target, sellify_faults_t *faults)
{
    *target = now;
    if (order->advance_to.data == NULL) {
        return 0;
    }
    if (sellify_time_parse(
            order->advance_to.data, order->advance_to.len, target) != 0) {
        sellify_fault_add(faults, "", "/advance_to", "is no RFC 3339 time");
        http_problem(r, 400, NULL, faults);
        return -1;
    }
    if (*target < now) {
        http_problem(r, 409, "time never goes back", NULL);
        return -1;
    }
    if (*target - now > SIMULATION_STEP_MAX) {
        sellify_fault_add(
            faults, "", "/advance_to", "is more than 370 days ahead");
        http_problem(r, 400, NULL, faults);
        return -1;
    }
    return 0;
}

static void
simulation_answer(
    http_request_t *r, const sellify_clock_t *clock, sellify_time_t now)
{
    char data[256], text[SELLIFY_RFC3339_MAX];
    sellify_json_writer_t w;
    sellify_time_format(now, text);
    sellify_json_writer(&w, data, sizeof(data));
    sellify_json_object(&w);
    sellify_json_key(&w, "now");
    sellify_json_cstring(&w, text);
    sellify_json_key(&w, "rate");
    sellify_json_int(&w, clock->rate);
    sellify_json_key(&w, "simulated");
    sellify_json_bool(&w, r->worker->settings.clock_start[0] != '\0');
    sellify_json_object_end(&w);
    http_reply_json(r, 200, &w);
}

static void
simulation_post(http_request_t *r)
{
    worker_t *w = r->worker;
    simulation_order_t order = { { NULL, 0 }, SIMULATION_NO_RATE };
    sellify_faults_t faults = { .count = 0 };
    char *arena = http_alloc(r, r->body.len + 1);
    if (w->settings.clock_start[0] == '\0') {
        http_problem(
            r, 409, "time is real: SELLIFY_CLOCK_START is not set", NULL);
        return;
    }
    if (sellify_json_read(
            r->body, simulation_fields, 2, &order, arena, &faults) != 0) {
        http_problem(r, 400, NULL, &faults);
        return;
    }
    if (order.rate == 0) {
        sellify_fault_add(&faults, "", "/rate", "is 0: time must go on");
    } else if (order.rate == SIMULATION_NO_RATE &&
               order.advance_to.data == NULL) {
        sellify_fault_add(&faults, "", "", "neither advance_to nor rate");
    }
    if (faults.count > 0) {
        http_problem(r, 400, NULL, &faults);
        return;
    }
    sellify_time_t real = sellify_clock_real();
    sellify_time_t now = sellify_clock_map(&w->clock, real), target;
    if (simulation_target(r, &order, now, &target, &faults) != 0) {
        return;
    }
    simulation_change_t *change = memory_get(sizeof(*change));
    change->worker = w;
    change->clock = sellify_clock_at(real, target,
        order.rate != SIMULATION_NO_RATE ? order.rate : w->clock.rate);
    turn_effect(w->turn, simulation_changed, change);
    if (simulation_save(w, &change->clock) != STORE_OK) {
        http_not_ready(r);
        return;
    }
    simulation_answer(r, &change->clock, target);
}

static void
simulation_get(http_request_t *r)
{
    simulation_answer(r, &r->worker->clock, worker_now(r->worker));
}

static const http_route_t simulation_routes[] = {
    { HTTP_POST, "/clock", HTTP_ACCESS_INTERNAL, 0, 1024, 0, simulation_post },
    { HTTP_GET, "/clock", HTTP_ACCESS_INTERNAL, 0, 0, 0, simulation_get },
    { 0, NULL, HTTP_ACCESS_INTERNAL, 0, 0, 0, NULL },
};

/* --- set-up --- */

int
simulation_setup(worker_t *w)
{
    sellify_clock_t stored;
    char start[48];
    sellify_time_t real = sellify_clock_real();
    store_result_t known = simulation_load(w, &stored, start);

    http_routes_add(w->http, simulation_routes);
    if (known == STORE_FAILED) {
        return -1;
    }
    if (w->settings.clock_start[0] == '\0') {
        return known == STORE_OK ? simulation_leave(&stored, real) : 0;
    }
    sellify_clock_t clock = simulation_begin(w, known, &stored, start, real);
    if (simulation_save(w, &clock) != STORE_OK) {
        return -1;
    }
    simulation_use(w, &clock);
    return 0;
}

void
simulation_shutdown(worker_t *w)
{
    (void) w;
}
