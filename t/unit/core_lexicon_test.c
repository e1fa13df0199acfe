/* The built-in lexicons on messages of customers, French and English. */
#include "../../core/decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lexicon_messages.h"

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static sellify_ruleset_t *ruleset;
static char scratch[1 << 16];

static int
set_up(void **state)
{
    sellify_faults_t faults = { 0 };
    sellify_ruleset_source_t source = { .version = 1,
        .products = sellify_default_products() };
    size_t i;

    (void) state;
    ruleset = sellify_ruleset_compile(&source, &faults);
    for (i = 0; i < faults.count && i < SELLIFY_FAULTS_MAX; i++) {
        print_error("%s%s: %s\n", faults.items[i].document,
            faults.items[i].pointer, faults.items[i].detail);
    }
    return ruleset != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void) state;
    sellify_ruleset_free(ruleset);
    return 0;
}

static void
decide(const char *text, sellify_decision_t *decision)
{
    sellify_decision_input_t input = { .message = sellify_str_of(text),
        .license_ok = 1,
        .active_hours = 1,
        .quotas_available = 1,
        .media_quota_available = 1,
        .known_languages_only = 1,
        .video_quota_available = 1 };

    assert_int_equal(
        sellify_decide(ruleset, &input, scratch, sizeof(scratch), decision), 0);
}

static void
word(char *out, size_t size, const char *name)
{
    size_t used = strlen(out);

    if (name != NULL) {
        snprintf(out + used, size - used, "%s%s", used ? " " : "", name);
    }
}

static void
describe(const sellify_decision_t *d, char *out, size_t size)
{
    out[0] = '\0';
    word(out, size, sellify_trigger_name(d->trigger));
    if (d->event != SELLIFY_EVENT_THREAT_DETECTED) {
        word(out, size, sellify_event_name(d->event));
    }
    word(out, size, d->not_understood ? "misunderstanding" : NULL);
    word(out, size, d->wants_media ? "media" : NULL);
    word(out, size, d->opt_out > 0 ? "stop" : d->opt_out < 0 ? "start" : NULL);
}

static void
test_messages(void **state)
{
    size_t i, wrong = 0;

    (void) state;
    for (i = 0; i < COUNT(messages); i++) {
        sellify_decision_t decision;
        char found[128];

        decide(messages[i].text, &decision);
        describe(&decision, found, sizeof(found));
        if (strcmp(found, messages[i].found) != 0) {
            print_error("%s: found \"%s\", not \"%s\"\n", messages[i].text,
                found, messages[i].found);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* In none of the policy's languages: silence and a human, in the pipeline. */
static void
test_foreign(void **state)
{
    static const char *const foreign[] = {
        "Wie viel kostet die Tasche bitte",
        "Ile kosztuje czarna torebka",
        "\xd9\x83\xd9\x85 \xd8\xa7\xd9\x84\xd8\xb3\xd8\xb9\xd8\xb1",
        "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82",
        "Naka def mbaa sa wa k\xc3\xabr jamm",
    };
    static const char *const ours[] = { "Lina", "Karim Benali", "taille 40",
        "prod-001 ?", "ok", "Sac Lina noir taille unique" };
    sellify_decision_t decision;

    (void) state;
    for (size_t i = 0; i < COUNT(foreign); i++) {
        decide(foreign[i], &decision);
        if (decision.rule != SELLIFY_RULE_NOT_UNDERSTOOD) {
            print_error(
                "%s: %s\n", foreign[i], sellify_rule_name(decision.rule));
        }
        assert_int_equal(decision.rule, SELLIFY_RULE_NOT_UNDERSTOOD);
        assert_true(decision.not_understood);
    }
    for (size_t i = 0; i < COUNT(ours); i++) {
        decide(ours[i], &decision);
        if (decision.rule != SELLIFY_RULE_RESPOND_TEXT) {
            print_error("%s: %s\n", ours[i], sellify_rule_name(decision.rule));
        }
        assert_int_equal(decision.rule, SELLIFY_RULE_RESPOND_TEXT);
    }
}

/* Capitals change nothing. */
static void
test_capitals(void **state)
{
    size_t i;

    (void) state;
    for (i = 0; i < COUNT(messages); i++) {
        sellify_decision_t decision;
        char text[256], found[128];
        size_t k;

        snprintf(text, sizeof(text), "%s", messages[i].text);
        for (k = 0; text[k] != '\0'; k++) {
            if (text[k] >= 'a' && text[k] <= 'z') {
                text[k] = (char) (text[k] - 32);
            }
        }
        decide(text, &decision);
        describe(&decision, found, sizeof(found));
        assert_string_equal(found, messages[i].found);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_capitals),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
