/*
 * Crashes at each step, drivers that change or say no: no message is lost, none
 * is sent twice.
 */
#include "flow_fixture.h"

/* --- crashes --- */

/* Restarts when the job is in a step, and sees it end as if nothing had
 * happened: one reply, one unit, one entry. */
static void
crash_in(worker_fixture_t *f, int step)
{
    int i;

    says(f, AWA, "IN1", "Bonjour");
    for (i = 0; i < 300 && depth(f, step) == 0; i++) {
        f->now += SELLIFY_SECOND / 2;
        turn_hold_time(f->w.turn, f->now);
        timers_run(f->w.timers, f->now);
        turn_finish(f->w.turn);
    }
    assert_int_equal(depth(f, step), 1);

    fixture_restart(f);
    pass(f, 200);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(used(f), 1);
    assert_int_equal(depth_of_all(f), 0);
    assert_int_equal(audited(f, "sent", NULL), 1);
    assert_int_equal(alerts(f, "unsure"), 0);
}

static void
test_crash_collecting(void **state)
{
    crash_in(*state, FLOW_COLLECTING);
}

static void
test_crash_reserved(void **state)
{
    crash_in(*state, FLOW_RESERVED);
}

static void
test_crash_sending(void **state)
{
    crash_in(*state, FLOW_SENDING);
}

static void
put_back(worker_t *w, void *data)
{
    flow_job_t job;
    int64_t id;

    assert_int_equal(flow_store_in_steps(w->store, 1, 0, 15, 0, &id), STORE_OK);
    assert_int_equal(flow_store_load(w->store, id, &job), STORE_OK);
    job.step = *(int *) data;
    job.due_at = 0;
    assert_int_not_equal(flow_store_save(w->store, &job), STORE_FAILED);
}

/* Steps that last no longer than a turn, as a crash between two turns could
 * leave them. */
static void
crash_as(worker_fixture_t *f, int step)
{
    says(f, AWA, "IN1", "Bonjour");
    pass(f, 5);
    assert_int_equal(depth(f, FLOW_RESERVED), 1);
    assert_true(fixture_step(f, 1, put_back, &step));
    fixture_restart(f);
    pass(f, 200);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(depth_of_all(f), 0);
}

static void
lose_chat(worker_t *w, void *data)
{
    flow_job_t job;
    int64_t id;

    (void) data;
    assert_int_equal(flow_store_in_steps(w->store, 1, 0, 15, 0, &id), STORE_OK);
    assert_int_equal(flow_store_load(w->store, id, &job), STORE_OK);
    job.conversation_id = 999;
    assert_int_not_equal(flow_store_save(w->store, &job), STORE_FAILED);
}

/* A job that cannot be worked on is put off; the others go on. */
static void
test_broken_job(void **state)
{
    worker_fixture_t *f = *state;

    log_setup(LOG_ERROR_ + 1);
    says(f, AWA, "IN1", "Bonjour");
    assert_true(fixture_step(f, 1, lose_chat, NULL));
    says(f, BEN, "IN2", "Bonjour");
    pass(f, 100);
    assert_int_equal(outbox_count(f), 1);
    assert_int_equal(depth(f, FLOW_COLLECTING), 1);
}

static void
test_crash_decided(void **state)
{
    crash_as(*state, FLOW_DECIDED);
}

static void
test_crash_generated(void **state)
{
    crash_as(*state, FLOW_GENERATED);
}

/* The driver is another one after the restart: what became of the send nobody
 * can tell. */
static void
crash_and_change_driver(worker_fixture_t *f, char text[1024])
{
    own_shop(
        f, "SELLIFY_INSTANCES=shop\n", "{\"audience\":{\"mode\":\"all\"}}");
    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    assert_true(fixture_step(f, 1, reply_of, text));
    fixture_stop(f);
    add_settings(f, CODECHAT);
    fixture_start(f);
    pass(f, 10);
    assert_int_equal(audited(f, "unsure", "unanswered"), 1);
    assert_int_equal(alerts(f, "unsure"), 1);
    assert_int_equal(used(f), 1);
}

static void
test_crash_unsure(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));
    char text[1024];

    (void) state;
    crash_and_change_driver(f, text);
    fixture_restart(f);
    pass(f, 200);
    assert_int_equal(audited(f, "unsure", NULL), 1);
    assert_int_equal(audited(f, "sent", NULL), 0);
    assert_int_equal(used(f), 1);
    fixture_close(f);
    free(f);
}

/* The echo of an unsure send settles it. */
static void
test_echo_settles_unsure(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));
    char text[1024];

    (void) state;
    crash_and_change_driver(f, text);
    phone_says(f, AWA, "BAE5", text);
    assert_int_equal(audited(f, "sent", "echo-text"), 1);
    assert_int_equal(audited(f, "takeover", NULL), 0);
    assert_int_equal(used(f), 1);
    fixture_close(f);
    free(f);
}

/* A reply that waits is not sent by another driver than its own. */
static void
test_driver_changed(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));

    (void) state;
    own_shop(
        f, "SELLIFY_INSTANCES=shop\n", "{\"audience\":{\"mode\":\"all\"}}");
    says(f, AWA, "IN1", "Bonjour");
    pass(f, 5);
    assert_int_equal(depth(f, FLOW_RESERVED), 1);
    fixture_stop(f);
    add_settings(f, CODECHAT);
    fixture_start(f);
    pass(f, 60);
    assert_int_equal(audited(f, "cancelled", "driver-changed"), 1);
    assert_int_equal(used(f), 0);
    fixture_close(f);
    free(f);
}

/* --- the driver's answers --- */

typedef struct {
    send_outcome_t outcome;
    const char *reason;
} verdict_t;

static void
settle(worker_t *w, void *data)
{
    verdict_t *v = data;
    flow_context_t ctx;
    int64_t id;

    assert_int_equal(
        flow_store_in_steps(w->store, 1, FLOW_SENDING, FLOW_SENDING, 0, &id),
        STORE_OK);
    assert_int_equal(flow_load(w, id, &ctx), STORE_OK);
    assert_int_not_equal(
        flow_settle(&ctx, v->outcome, (sellify_str_t){ NULL, 0 }, v->reason),
        STORE_FAILED);
}

static void
test_refused(void **state)
{
    worker_fixture_t *f = *state;
    verdict_t v = { SEND_REFUSED, "not-on-whatsapp" };

    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    assert_true(fixture_step(f, 1, settle, &v));
    assert_int_equal(audited(f, "failed", "not-on-whatsapp"), 1);
    assert_int_equal(alerts(f, "send-refused"), 1);
    assert_int_equal(used(f), 0);
}

static void
test_retry(void **state)
{
    worker_fixture_t *f = *state;
    verdict_t v = { SEND_RETRY, "server-down" };

    says(f, AWA, "IN1", "Bonjour");
    until_sending(f);
    assert_true(fixture_step(f, 1, settle, &v));
    assert_int_equal(depth(f, FLOW_HELD), 1);
    assert_int_equal(used(f), 0);
    assert_int_equal(audited(f, "failed", NULL), 0);
}

static void
test_moves(void **state)
{
    int step;

    (void) state;
    assert_true(flow_step_allowed(FLOW_RESERVED, FLOW_SENDING));
    assert_true(flow_step_allowed(FLOW_UNSURE, FLOW_SENT));
    /* Nothing leads back into sending, and only a reservation leads there. */
    for (step = 0; step < 32; step++) {
        assert_int_equal(
            flow_step_allowed(step, FLOW_SENDING), step == FLOW_RESERVED);
        assert_false(flow_step_allowed(FLOW_SENT, step));
        assert_false(flow_step_allowed(FLOW_FAILED, step));
        assert_int_equal(
            flow_step_allowed(FLOW_UNSURE, step), step == FLOW_SENT);
    }
    assert_false(flow_step_allowed(-1, FLOW_SENT));
    assert_false(flow_step_allowed(FLOW_SENT, 99));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_crash_collecting),
        T(test_crash_reserved),
        T(test_crash_sending),
        T(test_broken_job),
        T(test_crash_decided),
        T(test_crash_generated),
        cmocka_unit_test(test_crash_unsure),
        cmocka_unit_test(test_echo_settles_unsure),
        cmocka_unit_test(test_driver_changed),
        T(test_refused),
        T(test_retry),
        cmocka_unit_test(test_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
