/*
 * Compiling rulesets: what is read, what is refused and how it is told, the
 * published form, memory that runs out.
 */
#include "core_fixture.h"

#include "../../core/ruleset_internal.h"

/* --- what is read --- */

static void
built_in_documents_compile(void **state)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_ruleset_source_t source = { .version = 1,
        .products = sellify_default_products() };
    sellify_ruleset_t *ruleset = sellify_ruleset_compile(&source, &faults);
    const sellify_policy_t *policy;

    (void) state;
    if (ruleset == NULL) {
        fail_msg("%s %s: %s", faults.items[0].document, faults.items[0].pointer,
            faults.items[0].detail);
    }
    policy = sellify_ruleset_policy(ruleset);
    assert_true(
        sellify_str_equal(policy->timezone, sellify_str("Europe/Paris")));
    assert_int_equal(policy->hours.count[0], 1);
    assert_int_equal(policy->hours.ranges[6][0].from, 10 * 3600);
    assert_int_equal(sellify_ruleset_product_count(ruleset), 3);
    assert_non_null(sellify_default_lexicon("fr").data);
    assert_non_null(sellify_default_lexicon("en").data);
    assert_null(sellify_default_lexicon("xx").data);
    sellify_ruleset_free(ruleset);
    sellify_ruleset_free(NULL);
}

static void
an_empty_policy_has_the_defaults(void **state)
{
    sellify_ruleset_t *ruleset = fixture_compile("{}", "[]");
    const sellify_policy_t *p = sellify_ruleset_policy(ruleset);

    (void) state;
    assert_true(sellify_str_equal(p->timezone, sellify_str("UTC")));
    assert_true(p->hours.always);
    assert_true(p->automation_enabled);
    assert_int_equal(p->limits.max[SELLIFY_QUOTA_HOUR], 30);
    assert_int_equal(p->limits.max[SELLIFY_QUOTA_VIDEOS], 20);
    assert_int_equal(p->delay.base_min, 2);
    assert_int_equal(p->delay.base_max, 8);
    assert_int_equal(p->misunderstanding_threshold, 3);
    assert_int_equal(p->chat_replies_per_hour, 10);
    assert_int_equal(p->takeover_pause_s, 43200);
    assert_int_equal(p->audience, SELLIFY_AUDIENCE_ALLOW_LIST);
    assert_int_equal(p->temperature_milli, 400);
    assert_int_equal(p->fallback_text.len, 0);
    assert_int_equal(sellify_ruleset_version(ruleset), 7);
    sellify_ruleset_free(ruleset);
}

static const char whole_policy[] =
    "{\"timezone\":\"America/Sao_Paulo\","
    "\"active_hours\":{\"monday\":[\"08:00-12:00\",\"14:00-24:00\"],"
    "\"friday\":[\"22:00-02:00\"],\"holidays\":[\"2028-02-29\"]},"
    "\"automation_enabled\":false,\"ai_enabled\":false,"
    "\"languages\":[\"en\",\"fr\"],"
    "\"limits\":{\"instances\":{\"b\":{\"day\":5},\"a.b-c_D\":{\"hour\":0}},"
    "\"hour\":9,\"day\":8,\"week\":7,\"images\":6,\"videos\":5,"
    "\"warm_up\":[{\"days\":3,\"limit\":20},{\"days\":4,\"limit\":50}]},"
    "\"delays\":{\"base_min_s\":1,\"base_max_s\":3,\"media_extra_s\":0,"
    "\"jitter_percent\":0,\"per_100_chars_ms\":0,\"max_s\":9,"
    "\"quiet_ms\":10,\"quiet_max_ms\":20},"
    "\"alert_numbers\":[\"+33612345678\",\"4915112345678\"],"
    "\"escalation\":{\"misunderstanding_threshold\":2,"
    "\"chat_replies_per_hour\":4},"
    "\"lexicons\":{\"fr\":{\"triggers\":{\"anger\":"
    "[{\"term\":\"nul[|s]\",\"sense\":\"insult\"}]}}},"
    "\"opt_out\":{\"stop\":[\"fini\"],\"start\":[\"encore\"]},"
    "\"audience\":{\"mode\":\"all\",\"numbers\":[\"+33612345678\"]},"
    "\"intake\":{\"max_age_s\":1,\"held_max_s\":60,\"release_spread_s\":0,"
    "\"repeat_window_s\":0},"
    "\"validation\":{\"max_length\":100,\"currency\":\"XOF\","
    "\"forbidden_words\":[\"concurrent\"],\"forbidden_topics\":[\"grossiste\"],"
    "\"promises\":[\"remise\"],\"patterns\":[{\"rule\":\"promise\","
    "\"name\":\"code\",\"pattern\":\"code [A-Z]+\"}],"
    "\"allowed_contacts\":[\"shop.example.com\"],"
    "\"media_hosts\":[\"media.example.com\"]},"
    "\"generation\":{\"tone\":\"calm\",\"temperature\":1.25,"
    "\"objectives\":{\"fr\":{\"greet\":\"Salue.\"},"
    "\"en\":{\"greet\":\"Greet.\",\"price\":\"Say it.\"}}},"
    "\"media\":{\"allow_images\":false,\"allow_video\":false},"
    "\"fallback_text\":\"Merci !\",\"takeover_pause_s\":0,"
    "\"retention\":{\"messages_days\":1,\"audit_days\":2,\"cache_days\":3}}";

static void
every_member_is_read(void **state)
{
    sellify_ruleset_t *ruleset = fixture_compile(whole_policy, NULL);
    const sellify_policy_t *p = sellify_ruleset_policy(ruleset);

    (void) state;
    assert_string_equal(p->timezone.data, "America/Sao_Paulo");
    assert_false(p->hours.always);
    assert_int_equal(p->hours.count[0], 2);
    assert_int_equal(p->hours.count[1], 0);
    assert_int_equal(p->hours.ranges[0][1].to, 86400);
    assert_int_equal(p->hours.ranges[4][0].to, 7200);
    assert_int_equal(p->hours.holidays[0], 21243);
    assert_false(p->automation_enabled);
    assert_false(p->ai_enabled);
    assert_string_equal(p->languages[0].data, "en");
    assert_int_equal(p->limits.max[SELLIFY_QUOTA_IMAGES], 6);
    assert_int_equal(p->warmup_count, 2);
    assert_int_equal(p->warmup[1].limit, 50);
    assert_int_equal(p->delay.max, 9);
    assert_int_equal(p->quiet_max_ms, 20);
    assert_int_equal(p->alert_number_count, 2);
    assert_string_equal(p->alert_numbers[0].data, "33612345678");
    assert_int_equal(p->misunderstanding_threshold, 2);
    assert_int_equal(p->audience, SELLIFY_AUDIENCE_ALL);
    assert_int_equal(p->audience_number_count, 1);
    assert_int_equal(p->max_age_s, 1);
    assert_int_equal(p->validation_max_length, 100);
    assert_string_equal(p->currency.data, "XOF");
    assert_string_equal(p->media_hosts[0].data, "media.example.com");
    assert_string_equal(p->tone.data, "calm");
    assert_int_equal(p->temperature_milli, 1250);
    assert_false(p->allow_images);
    assert_string_equal(p->fallback_text.data, "Merci !");
    assert_int_equal(p->retention_audit_days, 2);
    sellify_ruleset_free(ruleset);
}

static void
limits_and_objectives_are_looked_up(void **state)
{
    sellify_ruleset_t *ruleset = fixture_compile(whole_policy, NULL);
    sellify_quota_limits_t limits;

    (void) state;
    sellify_ruleset_limits(ruleset, sellify_str("b"), &limits);
    assert_int_equal(limits.max[SELLIFY_QUOTA_DAY], 5);
    assert_int_equal(limits.max[SELLIFY_QUOTA_HOUR], 9);
    sellify_ruleset_limits(ruleset, sellify_str("a.b-c_D"), &limits);
    assert_int_equal(limits.max[SELLIFY_QUOTA_HOUR], 0);
    sellify_ruleset_limits(ruleset, sellify_str("other"), &limits);
    assert_int_equal(limits.max[SELLIFY_QUOTA_DAY], 8);

    assert_string_equal(sellify_ruleset_objective(
                            ruleset, sellify_str("en"), sellify_str("price"))
                            .data,
        "Say it.");
    assert_null(sellify_ruleset_objective(
        ruleset, sellify_str("fr"), sellify_str("price"))
                    .data);
    sellify_ruleset_free(ruleset);
}

static void
policy_lexicons_and_words_extend(void **state)
{
    sellify_ruleset_t *ruleset = fixture_compile(whole_policy, NULL);
    static const struct {
        const char *message;
        sellify_trigger_t trigger;
        int opt_out;
    } rows[] = {
        { "vous \xc3\xaates nuls", SELLIFY_TRIGGER_ANGER, 0 },
        { "arnaque", SELLIFY_TRIGGER_ANGER, 0 },
        { "fini", SELLIFY_TRIGGER_NONE, 1 },
        { "stop", SELLIFY_TRIGGER_NONE, 1 },
        { "encore", SELLIFY_TRIGGER_NONE, -1 },
    };
    char scratch[1 << 16];

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_decision_input_t in = {
            .message = sellify_str_of(rows[i].message), .license_ok = 1
        };
        sellify_decision_t d;

        assert_int_equal(
            sellify_decide(ruleset, &in, scratch, sizeof(scratch), &d), 0);
        assert_int_equal(d.trigger, rows[i].trigger);
        assert_int_equal(d.opt_out, rows[i].opt_out);
    }
    sellify_ruleset_free(ruleset);
}

static void
products_are_read_exactly(void **state)
{
    static const struct {
        const char *price, *digits;
        int64_t minor;
    } rows[] = {
        { "49.90", "49.90", 499000 },
        { "\"49.90\"", "49.90", 499000 },
        { "65", "65", 650000 },
        { "0.0001", "0.0001", 1 },
        { "1000000000", "1000000000", 10000000000000 },
        { "0.10", "0.10", 1000 },
        { "123456789.1234", "123456789.1234", 1234567891234 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[200];
        sellify_ruleset_t *ruleset;
        const sellify_product_t *product;

        snprintf(text, sizeof(text),
            "[{\"id\":\"a\",\"name\":\"A\",\"price\":%s,\"colour\":[1],"
            "\"currency\":null}]",
            rows[i].price);
        ruleset = fixture_compile("{}", text);
        product = sellify_ruleset_product(ruleset, sellify_str("a"));
        assert_string_equal(product->price.data, rows[i].digits);
        assert_int_equal(product->price_minor, rows[i].minor);
        assert_string_equal(product->currency.data, "EUR");
        assert_true(product->allow_images);
        assert_false(product->allow_video);
        sellify_ruleset_free(ruleset);
    }
}

static void
products_are_found_by_id(void **state)
{
    sellify_ruleset_t *ruleset = fixture_compile("{}", NULL);

    (void) state;
    assert_string_equal(
        sellify_ruleset_product(ruleset, sellify_str("cream"))->name.data,
        "Cr\xc3\xa8me Argan");
    assert_null(sellify_ruleset_product(ruleset, sellify_str("crea")));
    assert_null(sellify_ruleset_product(ruleset, sellify_str("creams")));
    assert_null(sellify_ruleset_product(ruleset, sellify_str("")));
    assert_string_equal(sellify_ruleset_product_at(ruleset, 0)->id.data, "bag");
    assert_null(sellify_ruleset_product_at(ruleset, 3));
    sellify_ruleset_free(ruleset);
}

/* --- what is refused --- */

typedef struct {
    const char *text, *pointer, *detail;
} refusal_t;

static void
expect_refusal(const sellify_ruleset_source_t *source, const char *document,
    const refusal_t *row)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_ruleset_t *ruleset = sellify_ruleset_compile(source, &faults);

    if (ruleset != NULL) {
        fail_msg("accepted: %s", row->text);
    }
    if (faults.count != 1 || strcmp(faults.items[0].document, document) != 0 ||
        strcmp(faults.items[0].pointer, row->pointer) != 0 ||
        strcmp(faults.items[0].detail, row->detail) != 0) {
        fail_msg("%s: %zu faults, %s %s: %s", row->text, faults.count,
            faults.items[0].document, faults.items[0].pointer,
            faults.items[0].detail);
    }
}

static const refusal_t bad_policies[] = {
    { " ", "", "line 1, column 2: the text ends too early" },
    { "[]", "", "must be an object, not []" },
    { "{\"limts\":{}}", "/limts", "unknown member" },
    { "{\"limits\":{\"hours\":3}}", "/limits/hours", "unknown member" },
    { "{\"limits\":{\"hour\":-1}}", "/limits/hour",
        "must be a whole number from 0 to 1000000, not -1" },
    { "{\"limits\":{\"hour\":1.5}}", "/limits/hour",
        "must be a whole number from 0 to 1000000, not 1.5" },
    { "{\"limits\":{\"hour\":\"x\"}}", "/limits/hour",
        "must be a whole number from 0 to 1000000, not \"x\"" },
    { "{\"limits\":{\"hour\":99999999999}}", "/limits/hour",
        "must be a whole number from 0 to 1000000, not 99999999999" },
    { "{\"limits\":{\"instances\":{\"a b\":{}}}}", "/limits/instances/a b",
        "must be an instance name: 1 to 64 of A-Z a-z 0-9 _ . -" },
    { "{\"limits\":{\"instances\":{\"a\":{\"hour\":true}}}}",
        "/limits/instances/a/hour",
        "must be a whole number from 0 to 1000000, not true" },
    { "{\"limits\":{\"warm_up\":[{\"days\":1}]}}", "/limits/warm_up/0/limit",
        "is required" },
    { "{\"limits\":null}", "/limits", "must be an object, not null" },
    { "{\"automation_enabled\":1}", "/automation_enabled",
        "must be true or false, not 1" },
    { "{\"timezone\":\"../etc\"}", "/timezone",
        "must be a time zone such as \"Europe/Paris\", not \"../etc\"" },
    { "{\"timezone\":\"/a\"}", "/timezone",
        "must be a time zone such as \"Europe/Paris\", not \"/a\"" },
    { "{\"active_hours\":{\"monday\":[\"8-20\"]}}", "/active_hours/monday/0",
        "must be a range such as \"08:00-20:00\", not 8-20" },
    { "{\"active_hours\":{\"monday\":[\"08:60-20:00\"]}}",
        "/active_hours/monday/0",
        "must be a range such as \"08:00-20:00\", not 08:60-20:00" },
    { "{\"active_hours\":{\"monday\":[\"24:00-02:00\"]}}",
        "/active_hours/monday/0",
        "must be a range such as \"08:00-20:00\", not 24:00-02:00" },
    { "{\"active_hours\":{\"lundi\":[]}}", "/active_hours/lundi",
        "unknown member" },
    { "{\"active_hours\":{\"holidays\":[\"2026-02-29\"]}}",
        "/active_hours/holidays/0",
        "must be a date such as \"2027-01-01\", not 2026-02-29" },
    { "{\"languages\":[]}", "/languages", "must name a language, not []" },
    { "{\"languages\":[\"fr\",\"fr\"]}", "/languages/1", "is listed twice" },
    { "{\"languages\":[\"fr\",\"xx\"]}", "/languages/1",
        "there is no lexicon for \"xx\"" },
    { "{\"lexicons\":{\"es\":{}}}", "/lexicons/es",
        "is not one of the policy's languages" },
    { "{\"lexicons\":{\"fr\":{\"trigers\":{}}}}", "/lexicons/fr/trigers",
        "unknown member" },
    { "{\"lexicons\":{\"fr\":{\"triggers\":{\"treat\":[]}}}}",
        "/lexicons/fr/triggers/treat", "unknown member" },
    { "{\"lexicons\":{\"fr\":{\"events\":{\"PriceInterest\":[3]}}}}",
        "/lexicons/fr/events/PriceInterest/0", "must be a string, not 3" },
    { "{\"lexicons\":{\"fr\":{\"greeting\":[{\"term\":\"a\","
      "\"sens\":\"b\"}]}}}",
        "/lexicons/fr/greeting/0/sens", "unknown member" },
    { "{\"lexicons\":{\"fr\":{\"greeting\":[{}]}}}",
        "/lexicons/fr/greeting/0/term", "is required" },
    { "{\"lexicons\":{\"fr\":{\"exceptions\":{\"threats\":[]}}}}",
        "/lexicons/fr/exceptions/threats",
        "unknown member: exceptions are named after a list" },
    { "{\"lexicons\":{\"fr\":{\"language\":\"en\"}}}", "/lexicons/fr/language",
        "must be \"fr\", not \"en\"" },
    { "{\"lexicons\":{\"fr\":{\"greeting\":[\"a[b\"]}}}",
        "/lexicons/fr/greeting/0", "brackets do not match: \"a[b\"" },
    { "{\"opt_out\":{\"stopp\":[]}}", "/opt_out/stopp", "unknown member" },
    { "{\"delays\":{\"base_min_s\":9}}", "/delays/base_max_s",
        "must not be less than base_min_s" },
    { "{\"delays\":{\"quiet_ms\":20000}}", "/delays/quiet_max_ms",
        "must not be less than quiet_ms" },
    { "{\"alert_numbers\":[\"+33 6\"]}", "/alert_numbers/0",
        "must be an international phone number of 6 to 15 digits" },
    { "{\"audience\":{\"mode\":\"everyone\"}}", "/audience/mode",
        "must be \"allow_list\", \"new_chats\" or \"all\", not "
        "\"everyone\"" },
    { "{\"validation\":{\"max_length\":0}}", "/validation/max_length",
        "must be a whole number from 1 to 4096, not 0" },
    { "{\"validation\":{\"currency\":\"euro\"}}", "/validation/currency",
        "must be a currency code such as \"EUR\", not \"euro\"" },
    { "{\"validation\":{\"patterns\":[{\"rule\":\"x\","
      "\"pattern\":\"a\"}]}}",
        "/validation/patterns/0/rule",
        "must be a rule such as \"promise\", not x" },
    { "{\"validation\":{\"media_hosts\":[\"A.example\"]}}",
        "/validation/media_hosts/0",
        "must be a host name in lower case, not A.example" },
    { "{\"generation\":{\"temperature\":2.1}}", "/generation/temperature",
        "must be a number from 0.0000 to 2 with at most four decimals, "
        "not 2.1" },
    { "{\"generation\":{\"objectives\":{\"fr\":{\"greet\":1}}}}",
        "/generation/objectives/fr/greet", "must be a string, not 1" },
    { "{\"takeover_pause_s\":2592001}", "/takeover_pause_s",
        "must be a whole number from 0 to 2592000, not 2592001" },
    { "{\"timezone\":\"UTC\",\"timezone\":\"UTC\"}", "/timezone",
        "line 1, column 19: duplicate member" },
};

static void
bad_policies_are_refused(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(bad_policies) / sizeof(*bad_policies); i++) {
        sellify_ruleset_source_t source =
            fixture_source(bad_policies[i].text, "[]");

        expect_refusal(&source, "policy", &bad_policies[i]);
    }
}

static void
bad_patterns_and_contacts_are_refused(void **state)
{
    static const char *const rows[][2] = {
        { "{\"validation\":{\"patterns\":[{\"rule\":\"price\","
          "\"pattern\":\"(\"}]}}",
            "/validation/patterns/0/pattern" },
        { "{\"validation\":{\"allowed_contacts\":[\"\"]}}",
            "/validation/allowed_contacts/0" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_faults_t faults = { .count = 0 };
        sellify_ruleset_source_t source = fixture_source(rows[i][0], "[]");

        assert_null(sellify_ruleset_compile(&source, &faults));
        assert_string_equal(faults.items[0].pointer, rows[i][1]);
        assert_true(strlen(faults.items[0].detail) > 0);
    }
}

static void
the_fallback_text_must_be_valid(void **state)
{
    static const char *const rows[] = {
        "{\"fallback_text\":\"Je suis un robot\"}",
        "{\"fallback_text\":\"Merci beaucoup\","
        "\"validation\":{\"max_length\":5}}",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_faults_t faults = { .count = 0 };
        sellify_ruleset_source_t source = fixture_source(rows[i], "[]");

        assert_null(sellify_ruleset_compile(&source, &faults));
        assert_string_equal(faults.items[0].pointer, "/fallback_text");
        assert_non_null(
            strstr(faults.items[0].detail, "does not pass validation"));
    }
}

#define PRODUCT(more) "[{\"id\":\"a\",\"name\":\"A\",\"price\":1" more "}]"

static void
bad_products_are_refused(void **state)
{
    static const refusal_t rows[] = {
        { "{}", "", "must be an array, not {}" },
        { "[3]", "/0", "must be an object, not 3" },
        { "[{\"name\":\"A\",\"price\":1}]", "/0/id", "is required" },
        { "[{\"id\":\"a\",\"price\":1}]", "/0/name", "is required" },
        { "[{\"id\":\"a\",\"name\":\"A\"}]", "/0/price", "is required" },
        { "[{\"id\":\"a\",\"name\":\"A\",\"price\":null}]", "/0/price",
            "is required" },
        { "[{\"id\":\"a/b\",\"name\":\"A\",\"price\":1}]", "/0/id",
            "must be an id without spaces, slashes, ? and #, not \"a/b\"" },
        { PRODUCT(",\"keywords\":\"x\""), "/0/keywords",
            "must be an array, not \"x\"" },
        { PRODUCT(",\"keywords\":[1]"), "/0/keywords/0",
            "must be a string, not 1" },
        { PRODUCT(",\"keywords\":[\"\"]"), "/0/keywords/0",
            "must have 1 to 100 characters, not \"\"" },
        { PRODUCT(",\"currency\":\"eur\""), "/0/currency",
            "must be a currency code such as \"EUR\", not \"eur\"" },
        { PRODUCT(",\"objections\":[{\"trigger\":\"x\"}]"),
            "/0/objections/0/answer", "is required" },
        { PRODUCT(",\"media\":[{\"id\":\"m\",\"media_type\":\"image\","
                  "\"url\":\"https://a\"}]"),
            "/0/media/0/media_type",
            "must be \"Image\" or \"Video\", not \"image\"" },
        { PRODUCT(",\"media\":[{\"id\":\"m\",\"media_type\":\"Image\","
                  "\"url\":\"http://a\"}]"),
            "/0/media/0/url", "must be an https URL, not \"http://a\"" },
        { PRODUCT(",\"media_policy\":{\"allow_images\":\"yes\"}"),
            "/0/media_policy/allow_images",
            "must be true or false, not \"yes\"" },
        { "[{\"id\":\"a\",\"name\":\"A\",\"price\":1},"
          "{\"id\":\"a\",\"name\":\"B\",\"price\":1}]",
            "", "the id \"a\" is used twice" },
    };
    static const char *const prices[] = { "0", "0.00", "-1", "1e2", "1.23456",
        "\"49,90\"", "\"\"", "\" 1\"", "\"1.\"", "\"01\"", "1000000001", "true",
        "[]", "99999999999999999999999999" };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_ruleset_source_t source = fixture_source("{}", rows[i].text);

        expect_refusal(&source, "products", &rows[i]);
    }
    for (size_t i = 0; i < sizeof(prices) / sizeof(*prices); i++) {
        char text[128], detail[200];
        refusal_t row = { text, "/0/price", detail };
        sellify_ruleset_source_t source;

        snprintf(text, sizeof(text),
            "[{\"id\":\"a\",\"name\":\"A\",\"price\":%s}]", prices[i]);
        snprintf(detail, sizeof(detail),
            "must be a number from 0.0001 to 1000000000 with at most four "
            "decimals, not %s",
            prices[i]);
        source = fixture_source("{}", text);
        expect_refusal(&source, "products", &row);
    }
}

static void
faults_of_lexicons_name_them(void **state)
{
    sellify_ruleset_source_t source = fixture_source("{}", "[]");

    (void) state;
    source.lexicons[1].document = sellify_str("{\"numbers\":{\"one\":-1}}");
    expect_refusal(&source, "lexicon en",
        &(refusal_t){ "en", "/numbers/one",
            "must be a whole number from 0 to 1000000000, not -1" });
    source.lexicons[1].document = sellify_str("{\"a\":");
    expect_refusal(&source, "lexicon en",
        &(refusal_t){ "en", "/a",
            "line 1, column 6: the text ends too "
            "early" });
}

static void
every_fault_is_told(void **state)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_ruleset_source_t source =
        fixture_source("{\"a\":1,\"b\":2,\"limits\":{\"hour\":-1,\"day\":-1}}",
            "[{\"id\":\"a\"},{\"price\":0}]");

    (void) state;
    source.lexicons[0].document = sellify_str("{\"nope\":1}");
    assert_null(sellify_ruleset_compile(&source, &faults));
    assert_int_equal(faults.count, 4 + 1 + 2 + 3);
}

/* --- sizes --- */

static char *
many_products(size_t count, size_t *len)
{
    char *text = malloc(count * 200 + 3), *p = text;

    *p++ = '[';
    for (size_t i = 0; i < count; i++) {
        p += sprintf(p,
            "%s{\"id\":\"p%zu\",\"name\":\"Robe modele%zu\",\"price\":%zu.50,"
            "\"keywords\":[\"robe\",\"mot%zu\",\"rouge %zu\"]}",
            i ? "," : "", i, i, i + 1, i, i);
    }
    *p++ = ']';
    *len = (size_t) (p - text);
    return text;
}

static void
ten_thousand_products_and_no_more(void **state)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_ruleset_source_t source = fixture_source("{}", "[]");
    sellify_ruleset_t *ruleset;
    sellify_decision_input_t in = { .message = sellify_str("robe mot777"),
        .license_ok = 1 };
    sellify_decision_t d;
    char scratch[1 << 16], *text;
    size_t len;

    (void) state;
    text = many_products(SELLIFY_PRODUCTS_MAX, &len);
    source.products = (sellify_str_t){ text, len };
    ruleset = sellify_ruleset_compile(&source, &faults);
    assert_non_null(ruleset);
    assert_int_equal(
        sellify_decide(ruleset, &in, scratch, sizeof(scratch), &d), 0);
    assert_string_equal(d.product->id.data, "p777");
    in.message = sellify_str("une robe");
    assert_int_equal(
        sellify_decide(ruleset, &in, scratch, sizeof(scratch), &d), 0);
    assert_null(d.product);
    sellify_ruleset_free(ruleset);
    free(text);

    text = many_products(SELLIFY_PRODUCTS_MAX + 1, &len);
    source.products = (sellify_str_t){ text, len };
    assert_null(sellify_ruleset_compile(&source, &faults));
    assert_string_equal(
        faults.items[0].detail, "must have at most 10000 entries, not 10001");
    free(text);
}

/* --- memory that runs out --- */

typedef struct {
    size_t allocations, fail_at, live;
} counting_t;

static void *
counting_alloc(void *context, size_t size)
{
    counting_t *c = context;

    if (++c->allocations == c->fail_at) {
        return NULL;
    }
    c->live++;
    return malloc(size);
}

static void
counting_release(void *context, void *block)
{
    counting_t *c = context;

    c->live -= block != NULL;
    free(block);
}

static void
every_allocation_may_fail(void **state)
{
    sellify_ruleset_source_t source =
        fixture_source(whole_policy, fixture_products);
    counting_t c = { 0 };
    sellify_memory_t memory = { counting_alloc, counting_release, &c };
    size_t needed = 0;

    (void) state;
    for (size_t fail_at = 0; fail_at == 0 || fail_at <= needed; fail_at++) {
        sellify_faults_t faults = { .count = 0 };
        sellify_ruleset_t *ruleset;

        c = (counting_t){ .fail_at = fail_at };
        ruleset = sellify_ruleset_compile_in(&memory, &source, &faults);
        if (fail_at == 0) {
            assert_non_null(ruleset);
            needed = c.allocations;
        } else {
            assert_null(ruleset);
            assert_true(faults.count > 0);
            assert_string_equal(faults.items[0].detail, "out of memory");
        }
        sellify_ruleset_free(ruleset);
        assert_int_equal(c.live, 0);
    }
    assert_true(needed >= 3);
}

/* --- the published form --- */

static void
published_form_round_trips(void **state)
{
    sellify_ruleset_source_t source = fixture_source(
                                 "{ \"timezone\" : \"UTC\" }", "[ ]"),
                             back;
    sellify_faults_t faults = { .count = 0 };
    char text[8192];
    size_t len;

    (void) state;
    source.version = 123456789012345678;
    len = sellify_ruleset_source_write(&source, text, sizeof(text));
    assert_true(len < sizeof(text));
    assert_int_equal(sellify_ruleset_source_write(&source, NULL, 0), len);
    assert_int_equal(sellify_ruleset_source_read(
                         (sellify_str_t){ text, len }, &back, &faults),
        0);
    assert_int_equal(back.version, 123456789012345678);
    assert_true(sellify_str_equal(back.policy, source.policy));
    assert_true(sellify_str_equal(back.products, source.products));
    assert_int_equal(back.lexicon_count, 2);
    assert_string_equal(back.lexicons[1].language, "en");
    assert_true(sellify_str_equal(
        back.lexicons[0].document, source.lexicons[0].document));
}

static void
bad_published_forms_are_refused(void **state)
{
    static const char *const rows[] = { "", "[]", "{}", "{\"version\":-1}",
        "{\"version\":\"1\"}", "{\"version\":1.0}",
        "{\"version\":1,\"lexicons\":[]}",
        "{\"version\":1,\"lexicons\":{\"muchtoolong\":{}}}",
        "{\"version\":1234567890123456789}", "{\"version\":1}x" };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        sellify_faults_t faults = { .count = 0 };
        sellify_ruleset_source_t source;

        assert_int_equal(sellify_ruleset_source_read(
                             sellify_str_of(rows[i]), &source, &faults),
            -1);
        assert_true(faults.count > 0);
    }
}

static void
numbers_are_not_published(void **state)
{
    static const struct {
        const char *policy, *published;
    } rows[] = {
        { "{}", "{}" },
        { " { \"alert_numbers\" : [\"33612345678\"] } ", "{}" },
        { "{\"a\": 1, \"alert_numbers\":[],\"b\":{\"alert_numbers\":[]}}",
            "{\"a\": 1,\"b\":{\"alert_numbers\":[]}}" },
        { "{\"audience\":{\"numbers\":[\"33612345678\"],\"mode\":\"all\"},"
          "\"x\":[1, 2]}",
            "{\"audience\":{\"mode\":\"all\"},\"x\":[1, 2]}" },
        { "{\"\\u0061lert_numbers\":[\"33612345678\"]}", "{}" },
        { "{\"audience\":3}", "{\"audience\":3}" },
        { "[1]", "" },
        { "{", "" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char out[256];
        size_t len =
            sellify_policy_published(sellify_str_of(rows[i].policy), out);

        assert_int_equal(len, strlen(rows[i].published));
        assert_memory_equal(out, rows[i].published, len);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_documents_compile),
        cmocka_unit_test(an_empty_policy_has_the_defaults),
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(limits_and_objectives_are_looked_up),
        cmocka_unit_test(policy_lexicons_and_words_extend),
        cmocka_unit_test(products_are_read_exactly),
        cmocka_unit_test(products_are_found_by_id),
        cmocka_unit_test(bad_policies_are_refused),
        cmocka_unit_test(bad_patterns_and_contacts_are_refused),
        cmocka_unit_test(the_fallback_text_must_be_valid),
        cmocka_unit_test(bad_products_are_refused),
        cmocka_unit_test(faults_of_lexicons_name_them),
        cmocka_unit_test(every_fault_is_told),
        cmocka_unit_test(ten_thousand_products_and_no_more),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(published_form_round_trips),
        cmocka_unit_test(bad_published_forms_are_refused),
        cmocka_unit_test(numbers_are_not_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
