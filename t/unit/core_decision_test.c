/*
 * The rules of docs/api.md, row by row, and what is detected in a message.
 */
#include "core_fixture.h"

#include "../../core/decision.h"

static sellify_ruleset_t *ruleset;

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

static sellify_decision_input_t
calm(const char *message)
{
    return (sellify_decision_input_t){ .message = sellify_str_of(message),
        .license_ok = 1,
        .active_hours = 1,
        .quotas_available = 1,
        .media_quota_available = 1,
        .video_quota_available = 1,
        .seed = 42 };
}

static sellify_decision_t
decide_in(const sellify_ruleset_t *rules, const sellify_decision_input_t *input)
{
    static char scratch[1 << 20];
    sellify_decision_t decision;

    assert_int_equal(
        sellify_decide(rules, input, scratch, sizeof(scratch), &decision), 0);
    return decision;
}

static sellify_decision_t
decide(const sellify_decision_input_t *input)
{
    return decide_in(ruleset, input);
}

/* --- the table of rules --- */

/* An input that makes every rule from `first` on apply, and none before it. */
static sellify_decision_input_t
input_from(sellify_rule_t first)
{
    sellify_decision_input_t in = calm("stop je vais te tuer");

    in.license_ok = first > SELLIFY_RULE_LICENSE;
    in.state = first <= SELLIFY_RULE_TERMINAL_STATE ? SELLIFY_STATE_FROZEN
                                                    : SELLIFY_STATE_INTEREST;
    in.opted_out = first <= SELLIFY_RULE_OPTED_OUT;
    if (first > SELLIFY_RULE_OPTED_OUT) {
        in.message = sellify_str("je vais te tuer");
    }
    if (first > SELLIFY_RULE_ALERT) {
        in.message = sellify_str("une photo du sac lina");
    }
    in.paused = first <= SELLIFY_RULE_PAUSED;
    in.replies_last_hour = first <= SELLIFY_RULE_CHAT_LIMIT ? 10 : 9;
    in.active_hours = first > SELLIFY_RULE_OUTSIDE_HOURS;
    in.quotas_available = first > SELLIFY_RULE_QUOTA;
    if (first == SELLIFY_RULE_NOT_UNDERSTOOD) {
        in.message = sellify_str("\xf0\x9f\x91\x8d !!");
    }
    in.accepts_media = first <= SELLIFY_RULE_RESPOND_MEDIA;
    return in;
}

static void
first_rule_that_applies_wins(void **state)
{
    static const sellify_action_t actions[SELLIFY_RULES] = {
        SELLIFY_ACTION_STOP_AUTOMATION, /* license */
        SELLIFY_ACTION_STOP_AUTOMATION, /* automation-off */
        SELLIFY_ACTION_STOP_AUTOMATION, /* terminal-state */
        SELLIFY_ACTION_STOP_AUTOMATION, /* opted-out */
        SELLIFY_ACTION_ALERT_HUMAN,     /* alert */
        SELLIFY_ACTION_STOP_AUTOMATION, /* paused */
        SELLIFY_ACTION_ALERT_HUMAN,     /* chat-limit */
        SELLIFY_ACTION_IGNORE,          /* outside-hours */
        SELLIFY_ACTION_DELAY,           /* quota */
        SELLIFY_ACTION_IGNORE,          /* not-understood */
        SELLIFY_ACTION_RESPOND_WITH_MEDIA,
        SELLIFY_ACTION_RESPOND_TEXT,
    };
    sellify_ruleset_t *off =
        fixture_compile("{\"automation_enabled\":false}", NULL);

    (void) state;
    for (int rule = 0; rule < SELLIFY_RULES; rule++) {
        sellify_decision_input_t in = input_from(rule);
        sellify_decision_t d =
            decide_in(rule <= SELLIFY_RULE_AUTOMATION_OFF ? off : ruleset, &in);

        assert_string_equal(sellify_rule_name(d.rule), sellify_rule_name(rule));
        assert_string_equal(
            sellify_action_name(d.action), sellify_action_name(actions[rule]));
    }
    sellify_ruleset_free(off);
}

static void
a_trigger_is_named_whatever_rule_wins(void **state)
{
    (void) state;
    for (int rule = 0; rule <= SELLIFY_RULE_ALERT; rule++) {
        sellify_decision_input_t in = input_from(rule);
        sellify_decision_t d = decide(&in);

        assert_int_equal(d.trigger, SELLIFY_TRIGGER_THREAT);
        assert_int_equal(d.event, SELLIFY_EVENT_THREAT_DETECTED);
    }
}

static void
details_and_delays(void **state)
{
    sellify_decision_input_t in = calm("bonjour");
    sellify_decision_t d = decide(&in);

    (void) state;
    assert_string_equal(d.details, "");
    assert_true(d.delay_known);
    assert_in_range(d.delay_seconds, 1, 10);
    assert_int_equal(d.ruleset_version, 7);

    in.quotas_available = 0;
    d = decide(&in);
    assert_string_equal(d.details, "3600 seconds");
    assert_int_equal(d.delay_seconds, 3600);
    in.next_window_s = 77;
    d = decide(&in);
    assert_string_equal(d.details, "77 seconds");

    in.active_hours = 0;
    d = decide(&in);
    assert_false(d.delay_known);
    assert_int_equal(d.delay_seconds, 0);
}

static void
pressure_slows_down(void **state)
{
    sellify_decision_input_t in = calm("bonjour");
    uint32_t calm_delay = decide(&in).delay_seconds;

    (void) state;
    in.quota_pressure = 900;
    assert_true(decide(&in).delay_seconds > calm_delay);
}

/* --- triggers and events --- */

static void
detects_triggers_and_events(void **state)
{
    static const struct {
        const char *message;
        sellify_trigger_t trigger;
        sellify_event_t event;
    } rows[] = {
        { "bonjour", SELLIFY_TRIGGER_NONE, SELLIFY_EVENT_NONE },
        { "xyzzy plugh", SELLIFY_TRIGGER_NONE, SELLIFY_EVENT_NONE },
        { "123", SELLIFY_TRIGGER_NONE, SELLIFY_EVENT_NONE },
        { "C'est COMBIEN ?", SELLIFY_TRIGGER_NONE,
            SELLIFY_EVENT_PRICE_INTEREST },
        { "TU\xc3\x89R", SELLIFY_TRIGGER_THREAT,
            SELLIFY_EVENT_THREAT_DETECTED },
        { "constituer un dossier", SELLIFY_TRIGGER_NONE, SELLIFY_EVENT_NONE },
        { "police d'assurance", SELLIFY_TRIGGER_NONE, SELLIFY_EVENT_NONE },
        { "tuer le temps, combien ?", SELLIFY_TRIGGER_NONE,
            SELLIFY_EVENT_PRICE_INTEREST },
        /* the first of threat, legal, anger, sensitive is named, and no event
         * but a threat's goes with a trigger */
        { "arnaque ! mon avocat va vous tuer, combien", SELLIFY_TRIGGER_THREAT,
            SELLIFY_EVENT_THREAT_DETECTED },
        { "arnaque, plainte, combien", SELLIFY_TRIGGER_LEGAL,
            SELLIFY_EVENT_NONE },
        { "suicide ou arnaque", SELLIFY_TRIGGER_ANGER, SELLIFY_EVENT_NONE },
        { "suicide", SELLIFY_TRIGGER_SENSITIVE, SELLIFY_EVENT_NONE },
        /* events: purchase, refusal, objection, price, question */
        { "je le prends, non merci", SELLIFY_TRIGGER_NONE,
            SELLIFY_EVENT_PURCHASE_INTENT },
        { "non merci, trop cher", SELLIFY_TRIGGER_NONE,
            SELLIFY_EVENT_NEGATIVE_RESPONSE },
        { "le prix est trop cher", SELLIFY_TRIGGER_NONE,
            SELLIFY_EVENT_OBJECTION_RAISED },
        { "quelle taille et quel prix", SELLIFY_TRIGGER_NONE,
            SELLIFY_EVENT_PRICE_INTEREST },
        { "quelles tailles", SELLIFY_TRIGGER_NONE,
            SELLIFY_EVENT_PRODUCT_QUESTION },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_decision_input_t in = calm(rows[i].message);
        sellify_decision_t d = decide(&in);

        if (d.trigger != rows[i].trigger || d.event != rows[i].event) {
            fail_msg(
                "%s: trigger %d event %d", rows[i].message, d.trigger, d.event);
        }
        assert_int_equal(d.new_state,
            sellify_transition(SELLIFY_STATE_DISCOVERY, rows[i].event));
    }
}

static void
a_given_sentiment_replaces_the_detector(void **state)
{
    sellify_decision_input_t in = calm("je vais te tuer, combien");
    sellify_decision_t d;

    (void) state;
    in.sentiment_given = 1;
    in.sentiment = sellify_trigger_parse(sellify_str("neutral"));
    d = decide(&in);
    assert_int_equal(d.trigger, SELLIFY_TRIGGER_NONE);
    assert_int_equal(d.event, SELLIFY_EVENT_PRICE_INTEREST);
    assert_int_equal(d.action, SELLIFY_ACTION_RESPOND_TEXT);

    in = calm("bonjour");
    in.sentiment_given = 1;
    in.sentiment = sellify_trigger_parse(sellify_str("Anger"));
    d = decide(&in);
    assert_int_equal(d.action, SELLIFY_ACTION_ALERT_HUMAN);
    assert_string_equal(d.details, "anger detected");
    assert_int_equal(d.event, SELLIFY_EVENT_NONE);
}

static void
misunderstandings_add_up(void **state)
{
    static const struct {
        const char *message;
        uint32_t before;
        int counts, alert;
    } rows[] = {
        { "j'ai rien compris", 0, 1, 0 },
        { "j'ai rien compris", 1, 1, 0 },
        { "j'ai rien compris", 2, 1, 1 },
        { "?!", 1, 1, 0 },
        { "?!", 2, 1, 1 },
        { "combien", 2, 0, 0 },
        { "combien", 3, 0, 1 },
        { "combien", UINT32_MAX, 0, 1 },
        { "", UINT32_MAX, 1, 1 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_decision_input_t in = calm(rows[i].message);
        sellify_decision_t d;

        in.misunderstandings = rows[i].before;
        d = decide(&in);
        assert_int_equal(d.not_understood, rows[i].counts);
        assert_int_equal(d.action == SELLIFY_ACTION_ALERT_HUMAN, rows[i].alert);
        assert_int_equal(
            d.trigger == SELLIFY_TRIGGER_MISUNDERSTANDING, rows[i].alert);
    }
}

static void
nothing_to_answer_is_ignored(void **state)
{
    static const char *const messages[] = { "", " \t\n", "?!...",
        "\xf0\x9f\x98\x80\xf0\x9f\x91\x8d", "\xe2\x80\x8b",
        "\xe2\x9d\xa4\xef\xb8\x8f" };

    (void) state;
    for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
        sellify_decision_input_t in = calm(messages[i]);

        assert_int_equal(decide(&in).rule, SELLIFY_RULE_NOT_UNDERSTOOD);
    }
    /* a medium is its caption */
    for (int type = 0; type <= SELLIFY_MESSAGE_UNKNOWN; type++) {
        sellify_decision_input_t in = calm("combien");

        in.message_type = type;
        assert_int_equal(decide(&in).rule, SELLIFY_RULE_RESPOND_TEXT);
        in.message = (sellify_str_t){ NULL, 0 };
        assert_int_equal(decide(&in).rule, SELLIFY_RULE_NOT_UNDERSTOOD);
    }
}

/* --- opt-out --- */

static void
opt_out_words(void **state)
{
    static const struct {
        const char *message;
        int opted_out, opt_out, silent;
    } rows[] = {
        { "STOP", 0, 1, 1 },
        { "stop svp merci", 0, 1, 1 },
        { "le bus ne stop pas ici", 0, 0, 0 },
        { "je veux me d\xc3\xa9sabonner de votre liste", 0, 1, 1 },
        { "s'il vous plait ne m'\xc3\xa9"
          "crivez plus du tout",
            0, 1, 1 },
        { "bonjour", 1, 0, 1 },
        { "START", 1, -1, 0 },
        { "START", 0, -1, 0 },
        { "stop start", 1, 1, 1 },
        { "on va bien start la semaine alors", 1, 0, 1 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_decision_input_t in = calm(rows[i].message);
        sellify_decision_t d;

        in.opted_out = rows[i].opted_out;
        d = decide(&in);
        if (d.opt_out != rows[i].opt_out ||
            (d.rule == SELLIFY_RULE_OPTED_OUT) != rows[i].silent) {
            fail_msg("%s: %d %s", rows[i].message, d.opt_out,
                sellify_rule_name(d.rule));
        }
    }
}

/* --- products and media --- */

static void
recognises_products(void **state)
{
    static const struct {
        const char *message, *context, *product;
    } rows[] = {
        { "le Sac Lina", "", "bag" },
        { "des sacs", "", "bag" },
        { "la lina", "", "bag" },
        { "CREME argan", "", "cream" },
        { "les cr\xc3\xa8mes", "", "cream" },
        { "baskets", "", "shoes" },
        { "une basket", "", "shoes" },
        { "les baskett", "", "shoes" },   /* one edit in six letters */
        { "les bsaket", "", "shoes" },    /* a swap is one */
        { "les bosquet", "", NULL },      /* two are too many */
        { "mes chossures", "", "shoes" }, /* two edits in nine letters */
        { "mes chausures", "", "shoes" },
        { "mes hausurs", "", NULL }, /* three */
        { "la creem", "", "cream" },
        { "la crme", "", NULL },         /* too short */
        { "en cuir", "", NULL },         /* two products: none */
        { "en cuir", "cream", "cream" }, /* but the one talked about */
        { "en cuir", "shoes", "shoes" },
        { "le sac en cuir", "cream", "bag" },
        { "combien", "", NULL },
        { "combien", "shoes", "shoes" },
        { "combien", "gone", NULL },
        { "le sac lina ou la cr\xc3\xa8me argan", "", NULL },
        { "constituer", "", NULL },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_decision_input_t in = calm(rows[i].message);
        sellify_decision_t d;

        in.product_id = sellify_str_of(rows[i].context);
        d = decide(&in);
        if ((d.product == NULL) != (rows[i].product == NULL) ||
            (d.product != NULL &&
                strcmp(d.product->id.data, rows[i].product) != 0)) {
            fail_msg("%s (%s): %s", rows[i].message, rows[i].context,
                d.product ? d.product->id.data : "none");
        }
    }
}

static void
the_only_product_is_meant(void **state)
{
    sellify_ruleset_t *one = fixture_compile(
        "{}", "[{\"id\":\"x\",\"name\":\"Lampe\",\"price\":1}]");
    sellify_decision_input_t in = calm("c'est combien ?");

    (void) state;
    assert_non_null(decide_in(one, &in).product);
    in.message = sellify_str("bonjour");
    assert_null(decide_in(one, &in).product);
    sellify_ruleset_free(one);
}

static void
ordinary_words_of_names_do_not_count(void **state)
{
    sellify_ruleset_t *rules = fixture_compile("{}",
        "[{\"id\":\"x\",\"name\":\"Huile pour combien\",\"price\":1},"
        "{\"id\":\"y\",\"name\":\"Lampe\",\"price\":1}]");
    sellify_decision_input_t in = calm("combien pour le tout");

    (void) state;
    assert_null(decide_in(rules, &in).product);
    in.message = sellify_str("une huile");
    assert_non_null(decide_in(rules, &in).product);
    sellify_ruleset_free(rules);
}

static void
media_follow_wish_policy_and_quota(void **state)
{
    static const struct {
        const char *message;
        int accepts, images_left, videos_left;
        const char *media;
        int wants;
    } rows[] = {
        { "une photo du sac", 1, 1, 1, "bag-photo", 1 },
        { "une vid\xc3\xa9o du sac", 1, 1, 1, "bag-film", 1 },
        { "une vid\xc3\xa9o du sac", 1, 1, 0, "bag-photo", 1 },
        { "une photo du sac", 1, 0, 1, NULL, 1 },
        { "une photo du sac", 0, 1, 1, NULL, 1 },
        { "une photo de la cr\xc3\xa8me", 1, 1, 1, NULL, 1 },
        { "une photo des chaussures", 1, 1, 1, NULL, 1 },
        { "une photo", 1, 1, 1, NULL, 1 },
        { "le sac", 1, 1, 1, NULL, 0 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_decision_input_t in = calm(rows[i].message);
        sellify_decision_t d;

        in.accepts_media = rows[i].accepts;
        in.media_quota_available = rows[i].images_left;
        in.video_quota_available = rows[i].videos_left;
        d = decide(&in);
        assert_int_equal(d.wants_media, rows[i].wants);
        assert_int_equal(d.rule, rows[i].media ? SELLIFY_RULE_RESPOND_MEDIA
                                               : SELLIFY_RULE_RESPOND_TEXT);
        assert_int_equal(d.media != NULL, rows[i].media != NULL);
        if (rows[i].media != NULL) {
            assert_string_equal(d.media->id.data, rows[i].media);
        }
    }
}

static void
the_policy_forbids_media_above_products(void **state)
{
    sellify_ruleset_t *rules = fixture_compile(
        "{\"media\":{\"allow_images\":false,\"allow_video\":false}}", NULL);
    sellify_decision_input_t in = calm("une photo du sac");

    (void) state;
    in.accepts_media = 1;
    assert_int_equal(decide_in(rules, &in).action, SELLIFY_ACTION_RESPOND_TEXT);
    sellify_ruleset_free(rules);
}

/* --- explanation --- */

static void
matches_point_into_the_message(void **state)
{
    sellify_decision_input_t in =
        calm("\xc3\x80 COMBIEN la cr\xc3\xa8me, le bascket ?");
    sellify_decision_t d = decide(&in);

    (void) state;
    assert_int_equal(d.match_count, 3);
    assert_string_equal(d.matches[0].kind, "PriceInterest");
    assert_true(sellify_str_equal(d.matches[0].term, sellify_str("combien")));
    assert_int_equal(d.matches[0].start, 2);
    assert_int_equal(d.matches[0].end, 9);
    assert_string_equal(d.matches[1].kind, "product");
    assert_int_equal(d.matches[1].start, 13);
    assert_int_equal(d.matches[1].end, 18);
    assert_string_equal(d.matches[2].kind, "product");
    assert_int_equal(d.matches[2].start, 23);
    assert_int_equal(d.matches[2].end, 30);
}

static void
language_is_guessed(void **state)
{
    static const struct {
        const char *message, *language;
    } rows[] = { { "c'est pour le sac", "fr" }, { "is it the one", "en" },
        { "hello", "en" }, { "bonjour", "fr" }, { "xyzzy", "" }, { "", "" } };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_decision_input_t in = calm(rows[i].message);

        assert_string_equal(decide(&in).language, rows[i].language);
    }
}

static void
same_input_same_decision(void **state)
{
    sellify_decision_input_t in = calm("une photo du sac, combien ?");
    sellify_decision_t a, b;

    (void) state;
    in.accepts_media = 1;
    for (uint64_t seed = 0; seed < 50; seed++) {
        in.seed = seed;
        a = decide(&in);
        b = decide(&in);
        assert_int_equal(a.delay_seconds, b.delay_seconds);
        assert_int_equal(a.match_count, b.match_count);
        assert_int_equal(a.rule, b.rule);
    }
}

/* --- limits --- */

static void
refuses_what_cannot_be_read(void **state)
{
    static char text[4 * SELLIFY_MESSAGE_CHARS_MAX + 8], scratch[1 << 20];
    sellify_decision_input_t in = calm("x");
    sellify_decision_t d;

    (void) state;
    in.message = sellify_str("caf\xc3");
    assert_int_equal(
        sellify_decide(ruleset, &in, scratch, sizeof(scratch), &d), -1);
    in.message = sellify_str("combien");
    assert_int_equal(sellify_decide(ruleset, &in, scratch, 16, &d), -1);

    memset(text, 'a', sizeof(text));
    in.message = (sellify_str_t){ text, SELLIFY_MESSAGE_CHARS_MAX };
    assert_int_equal(
        sellify_decide(ruleset, &in, scratch, sizeof(scratch), &d), 0);
    in.message.len++;
    assert_int_equal(
        sellify_decide(ruleset, &in, scratch, sizeof(scratch), &d), -1);
}

static void
a_full_list_keeps_the_earliest_matches(void **state)
{
    char text[2048] = "";
    sellify_decision_input_t in;
    sellify_decision_t d;

    (void) state;
    for (int i = 0; i < 200; i++) {
        strcat(text, "sac tuer ");
    }
    in = calm(text);
    d = decide(&in);
    assert_int_equal(d.match_count, SELLIFY_MATCHES_MAX);
    for (size_t i = 1; i < d.match_count; i++) {
        assert_true(d.matches[i].start > d.matches[i - 1].start);
    }
    assert_int_equal(d.matches[0].start, 0);
    assert_int_equal(d.trigger, SELLIFY_TRIGGER_THREAT);
}

static void
names_round_trip(void **state)
{
    (void) state;
    for (int t = 1; t <= SELLIFY_TRIGGER_MISUNDERSTANDING; t++) {
        assert_int_equal(
            sellify_trigger_parse(sellify_str_of(sellify_trigger_name(t))), t);
    }
    for (int t = 0; t <= SELLIFY_MESSAGE_UNKNOWN; t++) {
        assert_int_equal(sellify_message_type_parse(
                             sellify_str_of(sellify_message_type_name(t))),
            t);
    }
    assert_null(sellify_trigger_name(SELLIFY_TRIGGER_NONE));
    assert_int_equal(sellify_message_type_parse(sellify_str("Text")), -1);
    assert_int_equal(
        sellify_trigger_parse(sellify_str("joy")), SELLIFY_TRIGGER_NONE);
    assert_null(sellify_action_name(SELLIFY_ACTIONS));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_rule_that_applies_wins),
        cmocka_unit_test(a_trigger_is_named_whatever_rule_wins),
        cmocka_unit_test(details_and_delays),
        cmocka_unit_test(pressure_slows_down),
        cmocka_unit_test(detects_triggers_and_events),
        cmocka_unit_test(a_given_sentiment_replaces_the_detector),
        cmocka_unit_test(misunderstandings_add_up),
        cmocka_unit_test(nothing_to_answer_is_ignored),
        cmocka_unit_test(opt_out_words),
        cmocka_unit_test(recognises_products),
        cmocka_unit_test(the_only_product_is_meant),
        cmocka_unit_test(ordinary_words_of_names_do_not_count),
        cmocka_unit_test(media_follow_wish_policy_and_quota),
        cmocka_unit_test(the_policy_forbids_media_above_products),
        cmocka_unit_test(matches_point_into_the_message),
        cmocka_unit_test(language_is_guessed),
        cmocka_unit_test(same_input_same_decision),
        cmocka_unit_test(refuses_what_cannot_be_read),
        cmocka_unit_test(a_full_list_keeps_the_earliest_matches),
        cmocka_unit_test(names_round_trip),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
