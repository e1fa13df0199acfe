/*
 * The gateway with a provider that a test plays: order, validation, another try,
 * later answers, the deadline, and the pipeline behind a provider that waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "worker_fixture.h"

#include "../../worker/ai/provider.h"
#include "../../worker/flow/step.h"

#include <cjson/cJSON.h>

/* --- the played provider --- */

static struct {
    const char *texts[4]; /* of one try after the other; NULL: keeps waiting */
    unsigned asked, cancelled;
    ai_generation_t *waiting;
    ai_answer_fn answer;
    char violations[512]; /* seen at the second try */
} play;

static void
play_answer(ai_generation_t *g, ai_answer_fn answer, const char *text)
{
    ai_answer_t out = { .ok = text[0] != '\0',
        .text = sellify_str_of(text),
        .prompt = sellify_str("played"),
        .reason = "played" };

    answer(g, &out);
}

static void
play_generate(ai_generation_t *g, unsigned try, ai_answer_fn answer)
{
    play.asked++;
    if (try == 1) {
        snprintf(play.violations, sizeof(play.violations), "%s", g->violations);
    }
    if (play.texts[try] == NULL) {
        play.waiting = g;
        play.answer = answer;
        return;
    }
    play_answer(g, answer, play.texts[try]);
}

static void
play_cancel(ai_generation_t *g)
{
    assert_ptr_equal(g, play.waiting);
    play.waiting = NULL;
    play.cancelled++;
}

static const ai_provider_t played = { "played", 2, play_generate, play_cancel };

/* In a later turn, outside any step, as a provider answers. */
static void
answer_later(worker_fixture_t *f, const char *text)
{
    ai_generation_t *g = play.waiting;

    assert_non_null(g);
    play.waiting = NULL;
    play_answer(g, play.answer, text);
    turn_finish(f->w.turn);
}

/* --- what the gateway said --- */

static struct {
    int calls, ok;
    char text[1024], provider[32];
} said;

static void
done(worker_t *w, void *data, const ai_result_t *result)
{
    (void) w;
    assert_ptr_equal(data, &said);
    said.calls++;
    said.ok = result->ok;
    snprintf(said.text, sizeof(said.text), "%.*s", (int) result->text.len,
        result->text.data != NULL ? result->text.data : "");
    snprintf(said.provider, sizeof(said.provider), "%s", result->provider);
}

static void
generate(worker_t *w, void *data)
{
    sellify_decision_t decision = { .action = SELLIFY_ACTION_RESPOND_TEXT };
    ai_request_t request = { .message = sellify_str("Bonjour"),
        .decision = &decision,
        .language = sellify_str("fr"),
        .seed = 7 };

    (void) data;
    memset(&said, 0, sizeof(said));
    ai_generate(w, &request, done, &said);
}

static int
setup(void **state)
{
    worker_fixture_t *f = calloc(1, sizeof(*f));

    fixture_open(f, "");
    memset(&play, 0, sizeof(play));
    f->w.ai->order[1] = f->w.ai->order[0];
    f->w.ai->order[0] = &played;
    f->w.ai->count = 2;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

#define VALID "Bonjour, que souhaitez-vous savoir ?"
#define INVALID "Ce sac est à 12 € aujourd'hui"

static void
test_first_provider(void **state)
{
    play.texts[0] = VALID;
    assert_true(fixture_step(*state, 1, generate, NULL));
    assert_int_equal(said.calls, 1);
    assert_string_equal(said.text, VALID);
    assert_string_equal(said.provider, "played");
    assert_int_equal(play.asked, 1);
}

/* An invalid text is told its violations and tried once more. */
static void
test_second_try(void **state)
{
    play.texts[0] = INVALID;
    play.texts[1] = VALID;
    assert_true(fixture_step(*state, 1, generate, NULL));
    assert_int_equal(play.asked, 2);
    assert_string_equal(said.text, VALID);
    assert_non_null(strstr(play.violations, "price"));
}

static void
test_next_provider(void **state)
{
    play.texts[0] = INVALID;
    play.texts[1] = INVALID;
    assert_true(fixture_step(*state, 1, generate, NULL));
    assert_int_equal(play.asked, 2);
    assert_int_equal(said.calls, 1);
    assert_int_equal(said.ok, 1);
    assert_string_equal(said.provider, "catalogue");
}

/* No text is no reason to ask the same provider again. */
static void
test_no_text(void **state)
{
    play.texts[0] = "";
    assert_true(fixture_step(*state, 1, generate, NULL));
    assert_int_equal(play.asked, 1);
    assert_string_equal(said.provider, "catalogue");
}

static void
test_fallback(void **state)
{
    worker_fixture_t *f = *state;

    /* Without the catalogue, as when it has nothing to say. */
    f->w.ai->count = 1;
    play.texts[0] = "";
    assert_true(fixture_step(f, 1, generate, NULL));
    assert_int_equal(said.ok, 1);
    assert_string_equal(said.provider, "fallback");
    assert_true(strlen(said.text) > 10);
}

static void
test_later(void **state)
{
    worker_fixture_t *f = *state;

    assert_true(fixture_step(f, 1, generate, NULL));
    assert_int_equal(said.calls, 0);
    fixture_advance(f, 5);
    assert_int_equal(said.calls, 0);
    answer_later(f, VALID);
    assert_int_equal(said.calls, 1);
    assert_string_equal(said.text, VALID);
    fixture_advance(f, 60);
    assert_int_equal(said.calls, 1);
    assert_int_equal(play.cancelled, 0);
}

/* A later answer that is invalid goes on to the second try. */
static void
test_later_invalid(void **state)
{
    worker_fixture_t *f = *state;

    play.texts[1] = VALID;
    assert_true(fixture_step(f, 1, generate, NULL));
    answer_later(f, INVALID);
    assert_int_equal(play.asked, 2);
    assert_string_equal(said.text, VALID);
}

static void
test_deadline(void **state)
{
    worker_fixture_t *f = *state;

    assert_true(fixture_step(f, 1, generate, NULL));
    fixture_advance_us(
        f, (int64_t) f->w.settings.ai_deadline_ms * 1000 - SELLIFY_SECOND);
    assert_int_equal(said.calls, 0);
    fixture_advance(f, 2);
    assert_int_equal(said.calls, 1);
    assert_int_equal(play.cancelled, 1);
    assert_string_equal(said.provider, "catalogue");
}

/* ai_enabled=false leaves the catalogue alone; so does a shutdown meanwhile. */
static void
test_shutdown_while_waiting(void **state)
{
    worker_fixture_t *f = *state;

    assert_true(fixture_step(f, 1, generate, NULL));
    fixture_restart(f);
    assert_int_equal(said.calls, 0);
    assert_int_equal(play.cancelled, 1);
}

/* --- the pipeline behind a provider that waits --- */

static void
says(worker_fixture_t *f, const char *id, int from_me, const char *text)
{
    char body[1024];

    snprintf(body, sizeof(body),
        "{\"event\":\"messages.upsert\",\"instance\":\"shop\",\"data\":{"
        "\"keyId\":\"%s\",\"keyFromMe\":%s,\"keyRemoteJid\":"
        "\"33612345678@s.whatsapp.net\",\"messageType\":\"conversation\","
        "\"content\":{\"text\":\"%s\"}}}",
        id, from_me ? "true" : "false", text);
    fixture_ask(
        f, FIXTURE_ADMIN, "POST", "/api/v1/webhook/whatsapp", NULL, body);
    assert_int_equal(f->status, 200);
}

static int
outbox(worker_fixture_t *f)
{
    cJSON *list;
    int count;

    fixture_ask(
        f, FIXTURE_ADMIN, "GET", "/api/v1/simulator/outbox", NULL, NULL);
    list = cJSON_Parse(f->body);
    count = cJSON_GetArraySize(cJSON_GetObjectItem(list, "items"));
    cJSON_Delete(list);
    return count;
}

static void
pass(worker_fixture_t *f, int count)
{
    while (count-- > 0) {
        fixture_advance(f, 1);
    }
}

static void
test_pipeline_waits(void **state)
{
    worker_fixture_t *f = *state;

    says(f, "IN1", 0, "Bonjour");
    pass(f, 10);
    assert_non_null(play.waiting);
    assert_int_equal(outbox(f), 0);
    answer_later(f, VALID);
    pass(f, 60);
    assert_int_equal(outbox(f), 1);
    assert_non_null(strstr(f->body, VALID));
}

/* A human answers while the text is being written: it is thrown away. */
static void
test_pipeline_takeover(void **state)
{
    worker_fixture_t *f = *state;

    says(f, "IN1", 0, "Bonjour");
    pass(f, 10);
    says(f, "OWN1", 1, "Je suis la");
    answer_later(f, VALID);
    pass(f, 60);
    assert_int_equal(outbox(f), 0);
}

/* A text that was said already is asked for again, also later. */
static void
test_pipeline_repetition(void **state)
{
    worker_fixture_t *f = *state;

    says(f, "IN1", 0, "Bonjour");
    pass(f, 10);
    answer_later(f, VALID);
    pass(f, 60);
    says(f, "IN2", 0, "Bonjour");
    pass(f, 10);
    answer_later(f, VALID);
    assert_non_null(play.waiting);
    answer_later(f, "Rebonjour, que souhaitez-vous savoir ?");
    pass(f, 60);
    assert_int_equal(outbox(f), 2);
}

/* A crash while the text is being written: it is asked for again. */
static void
test_pipeline_crash(void **state)
{
    worker_fixture_t *f = *state;

    says(f, "IN1", 0, "Bonjour");
    pass(f, 10);
    assert_non_null(play.waiting);
    fixture_restart(f); /* with the catalogue alone */
    pass(f, 60);
    assert_int_equal(outbox(f), 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_first_provider),
        T(test_second_try),
        T(test_next_provider),
        T(test_no_text),
        T(test_fallback),
        T(test_later),
        T(test_later_invalid),
        T(test_deadline),
        T(test_shutdown_while_waiting),
        T(test_pipeline_waits),
        T(test_pipeline_takeover),
        T(test_pipeline_repetition),
        T(test_pipeline_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
