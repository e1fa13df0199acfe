/*
 * The API's JSON: what old clients send and read (compatibility), every member
 * of the answers, and what is refused.
 */
#include "core_fixture.h"

static sellify_ruleset_t *ruleset;
static char out[1 << 16], scratch[1 << 18];

static int
set_up(void **state)
{
    (void) state;
    ruleset = fixture_compile("{}", NULL);
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    sellify_ruleset_free(ruleset);
    return 0;
}

static const char *
ended(sellify_json_writer_t *w)
{
    assert_false(sellify_json_overflowed(w));
    out[w->len] = '\0';
    return out;
}

/* --- decision --- */

/* The answer as nginx gives it; what is absent is calm. */
static const char *
decision(const char *body)
{
    char arena[SELLIFY_BODY_MAX];
    sellify_faults_t faults = { .count = 0 };
    sellify_decision_request_t request;
    sellify_decision_t answer;
    sellify_json_writer_t w;

    if (sellify_api_read_decision(
            sellify_str_of(body), arena, &request, &faults) != 0) {
        fail_msg(
            "%s: %s %s", body, faults.items[0].pointer, faults.items[0].detail);
    }
    assert_int_equal(sellify_decide(ruleset, &request.input, scratch,
                         sizeof(scratch), &answer),
        0);
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_decision(&w, &answer);
    return ended(&w);
}

static void
old_clients_are_served(void **state)
{
    static const struct {
        const char *body, *start;
    } rows[] = {
        { "{\"incoming_message\":\"Je voudrais des informations\","
          "\"conversation_state\":\"Discovery\",\"quotas_available\":true,"
          "\"is_active_hours\":true,\"sentiment_detected\":null}",
            "{\"action\":\"RespondText\",\"details\":null," },
        { "{\"incoming_message\":\"Je voudrais des informations\","
          "\"conversation_state\":\"Discovery\",\"quotas_available\":true,"
          "\"is_active_hours\":false,\"sentiment_detected\":null}",
            "{\"action\":\"Ignore\",\"details\":null," },
        { "{\"incoming_message\":\"Je voudrais des informations\","
          "\"conversation_state\":\"Discovery\",\"quotas_available\":false,"
          "\"is_active_hours\":true,\"sentiment_detected\":null}",
            "{\"action\":\"Delay\",\"details\":\"3600 seconds\"," },
        { "{\"incoming_message\":\"Je voudrais des informations\","
          "\"conversation_state\":\"Discovery\",\"quotas_available\":true,"
          "\"is_active_hours\":true,\"sentiment_detected\":\"threat\"}",
            "{\"action\":\"AlertHuman\",\"details\":\"threat detected\"," },
        { "{\"incoming_message\":\"Je voudrais des informations\","
          "\"conversation_state\":\"Discovery\",\"quotas_available\":false,"
          "\"is_active_hours\":false,\"sentiment_detected\":\"anger\"}",
            "{\"action\":\"AlertHuman\",\"details\":\"anger detected\"," },
        { "{\"incoming_message\":\"\"}",
            "{\"action\":\"Ignore\",\"details\":null,"
            "\"rule\":\"not-understood\"," },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *answer = decision(rows[i].body);

        if (strncmp(answer, rows[i].start, strlen(rows[i].start)) != 0) {
            fail_msg("%s -> %s", rows[i].body, answer);
        }
    }
}

static void
a_decision_is_written_whole(void **state)
{
    (void) state;
    assert_string_equal(
        decision("{\"incoming_message\":\"Menacer ! \xf0\x9f\x98\x80 le "
                 "sac\",\"conversation_state\":\"Intent\"}"),
        "{\"action\":\"AlertHuman\",\"details\":\"threat detected\","
        "\"rule\":\"alert\",\"event\":\"ThreatDetected\","
        "\"new_state\":\"Escalated\",\"trigger\":\"threat\","
        "\"wants_media\":false,\"product_id\":\"bag\",\"media_id\":null,"
        "\"delay_seconds\":null,\"matched\":["
        "{\"term\":\"menacer\",\"kind\":\"threat\",\"start\":0,"
        "\"end\":7},{\"term\":\"sac\",\"kind\":\"product\",\"start\":15,"
        "\"end\":18}],\"ruleset_version\":7}");
    assert_non_null(strstr(decision("{\"incoming_message\":\"une photo du "
                                    "sac\",\"accepts_media\":true}"),
        "\"wants_media\":true,\"product_id\":\"bag\","
        "\"media_id\":\"bag-photo\",\"delay_seconds\":"));
}

static void
members_reach_the_input(void **state)
{
    char arena[1024];
    sellify_faults_t faults = { .count = 0 };
    sellify_decision_request_t r;

    (void) state;
    assert_int_equal(
        sellify_api_read_decision(
            sellify_str("{\"incoming_message\":\"a\\u00e9\","
                        "\"conversation_state\":\"Objection\",\"paused\":true,"
                        "\"opted_out\":true,\"misunderstandings\":2,"
                        "\"accepts_media\":true,\"conversation_id\":\"c1\","
                        "\"instance\":\"shop-1\",\"message_type\":\"image\","
                        "\"quotas_available\":false,"
                        "\"is_active_hours\":false,\"unknown\":[{}]}"),
            arena, &r, &faults),
        0);
    assert_true(sellify_str_equal(r.input.message, sellify_str("a\xc3\xa9")));
    assert_int_equal(r.input.state, SELLIFY_STATE_OBJECTION);
    assert_int_equal(r.input.message_type, SELLIFY_MESSAGE_IMAGE);
    assert_true(r.input.paused && r.input.opted_out && r.input.accepts_media);
    assert_int_equal(r.input.misunderstandings, 2);
    assert_int_equal(r.quotas_available, 0);
    assert_int_equal(r.is_active_hours, 0);
    assert_false(r.input.quotas_available || r.input.active_hours);
    assert_true(sellify_str_equal(r.instance, sellify_str("shop-1")));
    assert_true(sellify_str_equal(r.conversation_id, sellify_str("c1")));
    assert_false(r.input.sentiment_given);

    assert_int_equal(sellify_api_read_decision(
                         sellify_str("{\"incoming_message\":\"a\","
                                     "\"sentiment_detected\":\"joy\"}"),
                         arena, &r, &faults),
        0);
    assert_int_equal(r.quotas_available, -1);
    assert_int_equal(r.is_active_hours, -1);
    assert_int_equal(r.instance.len, 0);
    assert_true(r.input.sentiment_given);
    assert_int_equal(r.input.sentiment, SELLIFY_TRIGGER_NONE);
    assert_int_equal(r.input.license_ok, 1);
}

static void
the_same_message_has_the_same_seed(void **state)
{
    static const char *const bodies[] = {
        "{\"incoming_message\":\"a\"}",
        "{\"incoming_message\":\"b\"}",
        "{\"incoming_message\":\"a\",\"conversation_id\":\"1\"}",
        "{\"incoming_message\":\"a\",\"instance\":\"1\"}",
        /* one string in two pieces: parentheses say so to clang */
        ("{\"incoming_message\":\"a\",\"instance\":\"1\","
         "\"conversation_id\":\"1\"}"),
    };
    uint64_t seeds[5];
    char arena[256];
    sellify_faults_t faults = { .count = 0 };

    (void) state;
    for (int again = 0; again < 2; again++) {
        for (int i = 0; i < 5; i++) {
            sellify_decision_request_t r;

            assert_int_equal(sellify_api_read_decision(
                                 sellify_str_of(bodies[i]), arena, &r, &faults),
                0);
            assert_true(!again || seeds[i] == r.input.seed);
            seeds[i] = r.input.seed;
        }
    }
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < i; j++) {
            assert_true(seeds[i] != seeds[j]);
        }
    }
}

/* --- what is refused --- */

typedef struct {
    const char *body, *pointer, *detail;
} refusal_t;

typedef int (*reader_t)(
    sellify_str_t body, char *arena, sellify_faults_t *faults);

static void
expect_refusals(reader_t reader, const refusal_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char arena[SELLIFY_BODY_MAX];
        sellify_faults_t faults = { .count = 0 };

        if (reader(sellify_str_of(rows[i].body), arena, &faults) != 400) {
            fail_msg("accepted: %s", rows[i].body);
        }
        assert_string_equal(faults.items[0].pointer, rows[i].pointer);
        assert_string_equal(faults.items[0].detail, rows[i].detail);
    }
}

static int
read_decision(sellify_str_t body, char *arena, sellify_faults_t *faults)
{
    sellify_decision_request_t request;

    return sellify_api_read_decision(body, arena, &request, faults);
}

#define MESSAGE "\"incoming_message\":\"a\""

static void
bad_decision_bodies(void **state)
{
    static const refusal_t rows[] = {
        { "", "", "line 1, column 1: the text ends too early" },
        { "[]", "", "must be an object, not an array" },
        { "{}", "/incoming_message", "is required" },
        { "{\"incoming_message\":null}", "/incoming_message",
            "must be a string, not null" },
        { "{" MESSAGE ",\"conversation_state\":\"discovery\"}",
            "/conversation_state",
            "must be Discovery, Interest, Intent, Objection, Negative, "
            "Escalated or Frozen, not \"discovery\"" },
        { "{" MESSAGE ",\"message_type\":\"gif\"}", "/message_type",
            "must be text, image, video, audio, document, sticker, location, "
            "contact or unknown, not \"gif\"" },
        { "{" MESSAGE ",\"instance\":\"a b\"}", "/instance",
            "must be 1 to 64 of A-Z a-z 0-9 _ . -, not \"a b\"" },
        { "{" MESSAGE ",\"quotas_available\":\"yes\"}", "/quotas_available",
            "must be true or false, not a string" },
        { "{" MESSAGE ",\"is_active_hours\":1}", "/is_active_hours",
            "must be true or false, not a number" },
        { "{" MESSAGE ",\"sentiment_detected\":3}", "/sentiment_detected",
            "must be a string, not a number" },
        { "{" MESSAGE ",\"misunderstandings\":-1}", "/misunderstandings",
            "must be an integer without sign, fraction or exponent, not a "
            "number" },
        { "{" MESSAGE "," MESSAGE "}", "/incoming_message",
            "line 1, column 25: duplicate member" },
        { "{" MESSAGE "} ", "", NULL },
    };
    char *body = malloc(3 * SELLIFY_MESSAGE_CHARS_MAX);
    char arena[3 * SELLIFY_MESSAGE_CHARS_MAX];
    size_t n;

    (void) state;
    expect_refusals(read_decision, rows, sizeof(rows) / sizeof(*rows) - 1);

    for (size_t chars = SELLIFY_MESSAGE_CHARS_MAX;
         chars <= SELLIFY_MESSAGE_CHARS_MAX + 1; chars++) {
        sellify_faults_t faults = { .count = 0 };
        int status = chars > SELLIFY_MESSAGE_CHARS_MAX ? 400 : 0;

        n = (size_t) sprintf(body, "{\"incoming_message\":\"");
        for (size_t i = 0; i < chars; i++) {
            n += (size_t) sprintf(body + n, "\xc3\xa9");
        }
        n += (size_t) sprintf(body + n, "\"}");
        assert_int_equal(
            read_decision((sellify_str_t){ body, n }, arena, &faults), status);
    }
    free(body);
}

static int
read_validate(sellify_str_t body, char *arena, sellify_faults_t *faults)
{
    sellify_validate_request_t request;

    return sellify_api_read_validate(body, arena, &request, faults);
}

static void
bad_validate_bodies(void **state)
{
    static const refusal_t rows[] = {
        { "{}", "/text", "is required" },
        { "{\"text\":1}", "/text", "must be a string, not a number" },
        { "{\"text\":\"a\",\"max_length\":0}", "/max_length",
            "must be at least 1" },
        { "{\"text\":\"a\",\"max_length\":\"9\"}", "/max_length",
            "must be an integer, not a string" },
        { "{\"text\":\"a\",\"product_id\":\"\"}", "/product_id",
            "must not be empty" },
        { "{\"text\":\"a\",\"product_id\":7}", "/product_id",
            "must be a string, not a number" },
    };

    (void) state;
    expect_refusals(read_validate, rows, sizeof(rows) / sizeof(*rows));
}

static int
read_transition(sellify_str_t body, char *arena, sellify_faults_t *faults)
{
    sellify_transition_request_t request;

    return sellify_api_read_transition(body, arena, &request, faults);
}

static int
read_quota(sellify_str_t body, char *arena, sellify_faults_t *faults)
{
    sellify_quota_request_t request;

    return sellify_api_read_quota(body, arena, 0, &request, faults);
}

static void
bad_transition_and_quota_bodies(void **state)
{
    static const refusal_t transitions[] = {
        { "{}", "/current_state", "is required" },
        { "{\"current_state\":\"Discovery\"}", "/event", "is required" },
        { "{\"current_state\":\"Limbo\",\"event\":\"Freeze\"}",
            "/current_state",
            "must be Discovery, Interest, Intent, Objection, Negative, "
            "Escalated or Frozen, not \"Limbo\"" },
        { "{\"current_state\":\"Frozen\",\"event\":\"Unfreeze\"}", "/event",
            "must be ProductQuestion, PriceInterest, PurchaseIntent, "
            "ObjectionRaised, NegativeResponse, ThreatDetected or Freeze, not "
            "\"Unfreeze\"" },
    };
    static const refusal_t quotas[] = {
        { "", "", "line 1, column 1: the text ends too early" },
        { "{\"message_type\":\"audio\"}", "/message_type",
            "must be text, image or video, not \"audio\"" },
        { "{\"message_type\":1}", "/message_type",
            "must be a string, not a number" },
        { "{\"instance\":\"\xc3\xa9\"}", "/instance",
            "must be 1 to 64 of A-Z a-z 0-9 _ . -, not \"\xc3\xa9\"" },
    };

    (void) state;
    expect_refusals(read_transition, transitions,
        sizeof(transitions) / sizeof(*transitions));
    expect_refusals(read_quota, quotas, sizeof(quotas) / sizeof(*quotas));
}

/* --- validate, transition, quota --- */

static void
a_verdict_is_written(void **state)
{
    sellify_verdict_t *v = calloc(1, sizeof(*v));
    sellify_json_writer_t w;

    (void) state;
    v->valid = 1;
    v->validated_text = sellify_str("Bonjour \"vous\"");
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_verdict(&w, v, sellify_str("Merci."));
    assert_string_equal(ended(&w),
        "{\"valid\":true,\"validated_text\":\"Bonjour \\\"vous\\\"\","
        "\"error\":null,\"violations\":[],\"fallback_text\":\"Merci.\"}");

    v->valid = 0;
    strcpy(v->error, "Generated text contains forbidden word: ai");
    v->violations[0] = (sellify_violation_t){ SELLIFY_VIOLATION_FORBIDDEN_WORD,
        sellify_str("ai"), 12, 14 };
    v->violation_count = v->violations_found = 1;
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_verdict(&w, v, (sellify_str_t){ NULL, 0 });
    assert_string_equal(ended(&w),
        "{\"valid\":false,\"validated_text\":null,\"error\":\"Generated text "
        "contains forbidden word: ai\",\"violations\":[{\"rule\":"
        "\"forbidden-word\",\"term\":\"ai\",\"start\":12,\"end\":14}],"
        "\"fallback_text\":null}");
    free(v);
}

static void
validate_bodies_are_read(void **state)
{
    char arena[256];
    sellify_faults_t faults = { .count = 0 };
    sellify_validate_request_t r;

    (void) state;
    assert_int_equal(sellify_api_read_validate(
                         sellify_str("{\"text\":\"\",\"product_id\":null,"
                                     "\"max_length\":null}"),
                         arena, &r, &faults),
        0);
    assert_int_equal(r.max_length, 0);
    assert_int_equal(r.product_id.len, 0);
    assert_int_equal(sellify_api_read_validate(
                         sellify_str("{\"text\":\"x\",\"product_id\":\"bag\","
                                     "\"max_length\":80}"),
                         arena, &r, &faults),
        0);
    assert_int_equal(r.max_length, 80);
    assert_true(sellify_str_equal(r.product_id, sellify_str("bag")));
}

static void
a_transition_is_read_and_written(void **state)
{
    char arena[256];
    sellify_faults_t faults = { .count = 0 };
    sellify_transition_request_t r;
    sellify_json_writer_t w;

    (void) state;
    assert_int_equal(sellify_api_read_transition(
                         sellify_str("{\"current_state\":\"Discovery\","
                                     "\"event\":\"ProductQuestion\"}"),
                         arena, &r, &faults),
        0);
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_transition(
        &w, sellify_transition(r.current_state, r.event));
    assert_string_equal(ended(&w), "{\"new_state\":\"Interest\"}");
}

static void
quota_bodies_are_read(void **state)
{
    char arena[256];
    sellify_faults_t faults = { .count = 0 };
    sellify_quota_request_t r;

    (void) state;
    assert_int_equal(sellify_api_read_quota(
                         (sellify_str_t){ NULL, 0 }, arena, 1, &r, &faults),
        0);
    assert_int_equal(r.kind, SELLIFY_KIND_TEXT);
    assert_false(r.kind_given);
    assert_int_equal(
        sellify_api_read_quota(sellify_str("{\"message_type\":\"video\","
                                           "\"instance\":\"a\","
                                           "\"reservation_id\":\"r\"}"),
            arena, 0, &r, &faults),
        0);
    assert_int_equal(r.kind, SELLIFY_KIND_VIDEO);
    assert_true(r.kind_given);
    assert_true(sellify_str_equal(r.instance, sellify_str("a")));
    assert_true(sellify_str_equal(r.reservation_id, sellify_str("r")));
}

static void
a_quota_check_is_written(void **state)
{
    sellify_quota_answer_t answer = { .can_send = 1, .remaining = 12 };
    sellify_json_writer_t w;

    (void) state;
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_quota_check(&w, &answer, 1000, 4);
    assert_string_equal(
        ended(&w), "{\"can_send\":true,\"delay_seconds\":4,\"remaining\":12}");

    answer = (sellify_quota_answer_t){ .next_at = 1060 };
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_quota_check(&w, &answer, 1000, 4);
    assert_string_equal(
        ended(&w), "{\"can_send\":false,\"delay_seconds\":60,\"remaining\":0}");

    answer.next_at = 0;
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_quota_check(&w, &answer, 1000, 4);
    assert_string_equal(ended(&w),
        "{\"can_send\":false,\"delay_seconds\":null,\"remaining\":0}");
}

static void
a_quota_status_is_written(void **state)
{
    sellify_state_instance_t instance = {
        .name = "shop",
        .counters = { { 1, 2, 3, 4, 5 },
            { 1800003600, 1800050400, 1800500000 } },
        .limits = { { 30, 200, 1000, 50, 20 } },
        .last_reset = 1800000000,
        .next_day = 1800050400,
        .next_week = 1800500000,
    };
    sellify_json_writer_t w;

    (void) state;
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_quota_status(&w, &instance, 1800000000);
    assert_string_equal(ended(&w),
        "{\"instance\":\"shop\",\"messages_this_hour\":1,\"messages_today\":2,"
        "\"messages_this_week\":3,\"images_today\":4,\"videos_this_week\":5,"
        "\"limits\":{\"hour\":30,\"day\":200,\"week\":1000,\"images\":50,"
        "\"videos\":20},\"remaining\":{\"hour\":29,\"day\":198,\"week\":997,"
        "\"images\":46,\"videos\":15},"
        "\"last_reset\":\"2027-01-15T08:00:00Z\","
        "\"next_daily_reset\":\"2027-01-15T22:00:00Z\","
        "\"next_weekly_reset\":\"2027-01-21T02:53:20Z\","
        "\"needs_daily_reset\":false,\"needs_weekly_reset\":false}");

    instance.last_reset = 0;
    sellify_json_writer(&w, out, sizeof(out));
    sellify_api_write_quota_status(&w, &instance, 1800050400);
    assert_non_null(strstr(ended(&w),
        "\"messages_today\":0,\"messages_this_week\":3,\"images_today\":0,"
        "\"videos_this_week\":5,"));
    assert_non_null(strstr(out, "\"last_reset\":null,"));
    assert_non_null(strstr(
        out, "\"needs_daily_reset\":true,\"needs_weekly_reset\":false}"));
}

static void
instance_names(void **state)
{
    char longest[SELLIFY_INSTANCE_NAME_MAX + 1];

    (void) state;
    memset(longest, 'a', sizeof(longest));
    assert_true(sellify_instance_name_valid(sellify_str("a.B_9-")));
    assert_true(sellify_instance_name_valid(
        (sellify_str_t){ longest, SELLIFY_INSTANCE_NAME_MAX }));
    assert_false(sellify_instance_name_valid(
        (sellify_str_t){ longest, SELLIFY_INSTANCE_NAME_MAX + 1 }));
    assert_false(sellify_instance_name_valid(sellify_str("")));
    assert_false(sellify_instance_name_valid(sellify_str("a/b")));
    assert_false(sellify_instance_name_valid((sellify_str_t){ "a\0b", 3 }));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_clients_are_served),
        cmocka_unit_test(a_decision_is_written_whole),
        cmocka_unit_test(members_reach_the_input),
        cmocka_unit_test(the_same_message_has_the_same_seed),
        cmocka_unit_test(bad_decision_bodies),
        cmocka_unit_test(bad_validate_bodies),
        cmocka_unit_test(bad_transition_and_quota_bodies),
        cmocka_unit_test(a_verdict_is_written),
        cmocka_unit_test(validate_bodies_are_read),
        cmocka_unit_test(a_transition_is_read_and_written),
        cmocka_unit_test(quota_bodies_are_read),
        cmocka_unit_test(a_quota_check_is_written),
        cmocka_unit_test(a_quota_status_is_written),
        cmocka_unit_test(instance_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
