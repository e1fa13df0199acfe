/* Validation: what is refused, why and where; what must pass. */
#include "../../core/validation.h"
#include "../../core/decision.h"
#include "../../core/text.h"
#include "../../core/validator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "validation_texts.h"

#define COUNT(array) (sizeof(array) / sizeof(array[0]))

/* --- counting what is allocated; sanitizers bring their own malloc --- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 1
#endif

static unsigned long allocations;

#if COUNTS_ALLOCATIONS
void *__libc_malloc(size_t size);
void *malloc(size_t size);

void *
malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}
#endif

/* --- fixture --- */

static const char policy[] =
    "{\"languages\":[\"fr\",\"en\"],\"validation\":{\"max_length\":300,"
    "\"forbidden_words\":[\"Zorglub\"],\"forbidden_topics\":[\"concurrent[s|]"
    "\"]"
    ",\"promises\":[\"croix de bois\"],"
    "\"patterns\":[{\"rule\":\"promise\",\"pattern\":\"ref[0-9]{4}\"},"
    "{\"rule\":\"promise\",\"name\":\"nested\",\"pattern\":\"(x+)+[yz]\"}],"
    "\"allowed_contacts\":[\"https://www.lina.fr\",\"bonjour@lina.fr\","
    "\"+33 6 11 22 33 44\",\"@lina_shop\"]}}";

static const char products[] =
    "[{\"id\":\"sac\",\"name\":\"Sac Lina\",\"short_description\":\"Sac en "
    "cuir.\",\"long_description\":\"Garantie 2 ans. Livré en 48h. Notice : "
    "https://media.example.com/sac.pdf\",\"price\":49.90,\"currency\":\"EUR\","
    "\"keywords\":[\"sac\"],\"objections\":[],\"media\":[]},"
    "{\"id\":\"tele\",\"name\":\"Grande table\",\"short_description\":\"Table."
    "\",\"long_description\":\"Table en bois.\",\"price\":1299,\"currency\":"
    "\"EUR\",\"keywords\":[\"table\"],\"objections\":[],\"media\":[]},"
    "{\"id\":\"dollar\",\"name\":\"Cap\",\"short_description\":\"Cap.\","
    "\"long_description\":\"A cap.\",\"price\":20,\"currency\":\"USD\","
    "\"keywords\":[\"cap\"],\"objections\":[],\"media\":[]}]";

static sellify_ruleset_t *ruleset, *demo;
static char scratch[1 << 19];

static sellify_ruleset_t *
compile(const char *policy_text, sellify_str_t catalogue)
{
    sellify_faults_t faults = { 0 };
    sellify_ruleset_source_t source = { .version = 7, .products = catalogue };
    sellify_ruleset_t *compiled;
    size_t i;

    if (policy_text != NULL) {
        source.policy = sellify_str_of(policy_text);
    }
    compiled = sellify_ruleset_compile(&source, &faults);
    for (i = 0; i < faults.count && i < SELLIFY_FAULTS_MAX; i++) {
        print_error("%s%s: %s\n", faults.items[i].document,
            faults.items[i].pointer, faults.items[i].detail);
    }
    return compiled;
}

static int
set_up(void **state)
{
    (void) state;
    ruleset = compile(policy, sellify_str_of(products));
    demo = compile(NULL, sellify_default_products());
    return ruleset != NULL && demo != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void) state;
    sellify_ruleset_free(ruleset);
    sellify_ruleset_free(demo);
    return 0;
}

/* "rule:term@start-end ..." or "ok". */
static const char *
check(const char *product_id, const char *text)
{
    static sellify_verdict_t verdict;
    static char out[2048];
    const sellify_product_t *product =
        product_id
            ? sellify_ruleset_product(ruleset, sellify_str_of(product_id))
            : NULL;
    size_t i;

    sellify_validate(ruleset, sellify_str_of(text), product, 0, scratch,
        sizeof(scratch), &verdict);
    assert_int_equal(verdict.valid, verdict.violation_count == 0);
    assert_int_equal(verdict.valid, verdict.error[0] == '\0');
    snprintf(out, sizeof(out), "%s", verdict.valid ? "ok" : "");
    for (i = 0; i < verdict.violation_count; i++) {
        const sellify_violation_t *v = &verdict.violations[i];
        size_t used = strlen(out);
        snprintf(out + used, sizeof(out) - used, "%s%s:%.*s@%u-%u",
            i ? " " : "", sellify_violation_name(v->rule), (int) v->term.len,
            v->term.data, v->start, v->end);
    }
    return out;
}

static const char *
error_of(const char *text)
{
    static sellify_verdict_t verdict;

    sellify_validate(ruleset, sellify_str_of(text), NULL, 0, scratch,
        sizeof(scratch), &verdict);
    return verdict.error;
}

static void
test_contract(void **state)
{
    (void) state;
    assert_string_equal(error_of("Je suis une AI"),
        "Generated text contains forbidden word: ai");
    assert_string_equal(
        check(NULL, "Je suis une AI"), "forbidden-word:ai@12-14");
    assert_string_equal(error_of("Je suis un robot."),
        "Generated text contains forbidden word: robot");
    assert_string_equal(
        check(NULL, "Bonjour, comment puis-je vous aider ?"), "ok");
    assert_string_equal(check(NULL, "Je suis une IA, un robot"),
        "forbidden-word:ia@12-14 forbidden-word:robot@19-24");
}

static void
test_texts(const char *const *texts, size_t count, int valid)
{
    size_t i, wrong = 0;

    for (i = 0; i < count; i++) {
        sellify_verdict_t verdict;
        sellify_validate(demo, sellify_str_of(texts[i]), NULL, 0, scratch,
            sizeof(scratch), &verdict);
        if (verdict.valid != valid) {
            print_error("%s: %s (%s)\n", valid ? "refused" : "passed", texts[i],
                verdict.error);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void
test_french_texts(void **state)
{
    (void) state;
    test_texts(french_bad, COUNT(french_bad), 0);
    test_texts(french_good, COUNT(french_good), 1);
}

static void
test_english_texts(void **state)
{
    (void) state;
    test_texts(english_bad, COUNT(english_bad), 0);
    test_texts(english_good, COUNT(english_good), 1);
}

static void
test_ai_the_verb(void **state)
{
    static const char *const texts[] = { "J'ai reçu votre message.", "j’ai vu",
        "J'AI NOTÉ", "Que n'ai-je pas dit ?", "Ai-je bien compris ?",
        "Je l'ai en noir.", "Je vous l'ai mis de côté.", "Je n'en ai plus.",
        "Ai bien reçu votre message.", "Il y a un délai, c'est vrai.",
        "jai compris", "Je t'ai répondu", "je lui ai dit",
        "C'est ce que j'ai de mieux", "la baie, le mai, un bail" };
    static const char *const names[] = { "une AI vous répond", "je suis AI",
        "L'AI vous répond", "a.i.", "A-I", "j'ai une AI", "cette ai je l'aime",
        "Une AI, j'ai dit", "AI powered", "an AI" };
    size_t i;

    (void) state;
    for (i = 0; i < COUNT(texts); i++) {
        if (strcmp(check(NULL, texts[i]), "ok") != 0) {
            fail_msg("%s: %s", texts[i], check(NULL, texts[i]));
        }
    }
    for (i = 0; i < COUNT(names); i++) {
        if (strstr(check(NULL, names[i]), "forbidden-word") == NULL) {
            fail_msg("passed: %s", names[i]);
        }
    }
}

static void
test_prices(void **state)
{
    static const char *const good[] = { "49,90 €", "49.90€", "EUR 49.90",
        "49€90", "49 € 90", "€49.90", "49,90 euros", "49 euros 90",
        "49 euros et 90 centimes", "49,90€.", "1 299 €", "1\u00A0299\u202F€",
        "1.299 €", "1,299 €", "1299€", "1 299,00 €", "1 299 euros",
        "mille deux cent quatre-vingt-dix-neuf euros",
        "quarante-neuf euros quatre-vingt-dix", "forty-nine euros ninety",
        "one thousand two hundred and ninety-nine euros", "49euros90", "20 $",
        "$20", "20 dollars", "Prix : 49,90", "49,90EUR", "du 36 au 41",
        "28 x 20 x 10 cm", "50 ml", "ouvert de 9 h à 18 h", "95 % coton",
        "version 2.0", "le 25 décembre 2026", "12 mois", "2 poches",
        "taille 38", "il coûte 49,90 €", "à 49 €90 le sac", "４９,９０ €",
        "le prix pour 2 sacs", "la table à 1 299 € 00" };
    static const char *const bad[] = { "45 €", "49,90 $", "49,91 €", "49 €",
        "0 €", "quarante euros", "forty euros", "49 euros 50", "4 9,90 €",
        "20 €", "prix : 45", "il coûte 45", "1 300 €", "299 €", "49€95",
        "99 centimes", "30 balles", "£49.90", "deux cents euros",
        "entre 40 et 50 €", "45€", "EUR 45", "49,9000001 €",
        "999999999999999999999 €", "quatre-vingt-dix euros", "1.299.90 €",
        "5 000 FCFA", "49,90 dollars" };
    size_t i;

    (void) state;
    for (i = 0; i < COUNT(good); i++) {
        if (strcmp(check(NULL, good[i]), "ok") != 0) {
            fail_msg("%s: %s", good[i], check(NULL, good[i]));
        }
    }
    for (i = 0; i < COUNT(bad); i++) {
        if (strstr(check(NULL, bad[i]), "price:") == NULL) {
            fail_msg("passed: %s", bad[i]);
        }
    }
}

static void
test_price_of_the_product(void **state)
{
    (void) state;
    assert_string_equal(check("sac", "49,90 €"), "ok");
    assert_string_equal(check("sac", "C'est 1 299 €."), "price:1 299 €@6-13");
    assert_string_equal(check("tele", "1299 euros"), "ok");
    assert_string_equal(check("dollar", "20 dollars"), "ok");
    assert_string_equal(check("dollar", "20 euros"), "price:20 euros@0-8");
}

static void
test_promises_of_the_product(void **state)
{
    (void) state;
    assert_string_equal(check("sac", "Il est livré en 48h."), "ok");
    assert_string_equal(
        check("sac", "Il est livré en 24h."), "promise:livré * #h@7-19");
    assert_true(
        strncmp(check("tele", "Elle est livrée en 48h."), "promise:", 8) == 0);
    assert_string_equal(check("sac", "La garantie est de 2 ans."), "ok");
    assert_string_equal(
        check("tele", "La garantie est là."), "promise:garantie@3-11");
    assert_string_equal(check(NULL, "La garantie est là."), "ok");
    assert_string_equal(
        check("sac", "croix de bois"), "promise:croix de bois@0-13");
}

static void
test_contacts(void **state)
{
    static const char *const good[] = { "https://www.lina.fr",
        "lina.fr/sacs?x=1", "Voir www.lina.fr.", "bonjour@lina.fr",
        "06 11 22 33 44", "+33611223344", "0033 6 11 22 33 44", "@lina_shop",
        "Merci.Je reviens", "le 22/11/2026", "36 37 38 39 40 41",
        "28 20 10 30 40", "https://media.example.com/sac.pdf", "code 12345",
        "à 9h30", "c'est un bon point pour vous", "24h/24" };
    static const char *const bad[] = { "autre.fr", "lina.fr.evil.com",
        "www.lina", "http://x", "a@lina.fr", "moi@autre.com", "06 11 22 33 45",
        "0611223345", "01.23.45.67.89", "+44 20 7946 0958", "(555) 123-4567",
        "0 6 1 2 3 4 5 6 7 8", "lina point fr", "contact arobase lina point fr",
        "lina [dot] com", "@autre", "c'est fini.com", "wa.me/336", "t.me/lina",
        "bit.ly/x", "lina . com",
        "zéro six douze trente-quatre cinquante-six soixante-dix-huit",
        "appelez le 3949", "exemple.ca/page", "ｌｉｎａ．ｃｏｍ",
        "https://media.example.com/autre.pdf" };
    size_t i;

    (void) state;
    for (i = 0; i < COUNT(good); i++) {
        if (strcmp(check(NULL, good[i]), "ok") != 0) {
            fail_msg("%s: %s", good[i], check(NULL, good[i]));
        }
    }
    for (i = 0; i < COUNT(bad); i++) {
        if (strstr(check(NULL, bad[i]), "contact:") == NULL) {
            fail_msg("passed: %s", bad[i]);
        }
    }
    assert_string_equal(check("tele", "https://media.example.com/sac.pdf"),
        "contact:https://media.example.com/sac.pdf@0-33");
    assert_string_equal(
        check(NULL, "Écrivez à moi@autre.com."), "contact:moi@autre.com@10-23");
}

static void
test_policy_terms(void **state)
{
    (void) state;
    assert_string_equal(check(NULL, "ZORGLUB !"), "forbidden-word:zorglub@0-7");
    assert_string_equal(check(NULL, "z0rglub"), "forbidden-word:zorglub@0-7");
    assert_string_equal(
        check(NULL, "nos concurrents"), "forbidden-topic:concurrents@4-15");
    assert_true(strstr(check(NULL, "é REF1234"), "ref[0-9]{4}@2-9") != NULL);
}

/* A pattern that would take forever makes the text invalid. */
static void
test_pattern_limit(void **state)
{
    (void) state;
    assert_true(strstr(check(NULL, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxw"),
                    "promise:nested@0-41") != NULL);
    assert_string_equal(check(NULL, "xxxw"), "ok");
}

static void
test_length(void **state)
{
    char text[1024];
    sellify_verdict_t verdict;

    (void) state;
    assert_string_equal(check(NULL, ""), "length:@0-0");
    assert_string_equal(check(NULL, " \n\xE2\x80\x8B "), "length:@0-4");
    assert_string_equal(error_of(" "), "Generated text is empty");
    memset(text, 'a', sizeof(text));
    text[300] = '\0';
    assert_string_equal(check(NULL, text), "ok");
    text[300] = 'a';
    text[310] = '\0';
    assert_string_equal(check(NULL, text), "length:max_length@300-310");
    assert_string_equal(
        error_of(text), "Generated text is longer than 300 characters");
    sellify_validate(ruleset, sellify_str("ééééé"), NULL, 5, scratch,
        sizeof(scratch), &verdict);
    assert_true(verdict.valid);
    sellify_validate(ruleset, sellify_str(" éééééé "), NULL, 5, scratch,
        sizeof(scratch), &verdict);
    assert_false(verdict.valid);
    assert_int_equal(verdict.violations[0].start, 6);
    assert_int_equal(verdict.violations[0].end, 7);
}

static void
test_encoding(void **state)
{
    (void) state;
    assert_string_equal(check(NULL, "ok \xC3("), "encoding:not UTF-8@3-4");
    assert_string_equal(error_of("\xFF"), "Generated text is not valid UTF-8");
    assert_true(strncmp(check(NULL, "a\x01z"), "encoding:", 9) == 0);
    assert_true(strncmp(check(NULL, "\xEF\xBF\xBD"), "encoding:", 9) == 0);
    assert_true(strncmp(check(NULL, "Ã©tÃ©"), "encoding:", 9) == 0);
    assert_true(strncmp(check(NULL, "a\xE2\x80\xAE"
                                    "b"),
                    "encoding:", 9) == 0);
    assert_string_equal(check(NULL, "Une ligne\net deux\tmots"), "ok");
}

static void
test_valid_text(void **state)
{
    sellify_verdict_t verdict;

    (void) state;
    sellify_validate(ruleset, sellify_str("  e\xCC\x81te\xCC\x81 \n"), NULL, 0,
        scratch, sizeof(scratch), &verdict);
    assert_true(verdict.valid);
    assert_int_equal(verdict.validated_text.len, 5);
    assert_memory_equal(verdict.validated_text.data, "été", 5);
}

/* Too small a scratch and too many violations: invalid, never valid. */
static void
test_limits(void **state)
{
    char text[4096] = "";
    sellify_verdict_t verdict;
    size_t size;

    (void) state;
    for (size = 0; size < sellify_scratch_size(7); size += 17) {
        sellify_validate(
            ruleset, sellify_str("Bonjour"), NULL, 0, scratch, size, &verdict);
        if (verdict.valid) {
            assert_true(size >= sellify_fold_size(7));
        }
    }
    sellify_validate(ruleset, sellify_str("Bonjour"), NULL, 0, scratch,
        sellify_scratch_size(7), &verdict);
    assert_true(verdict.valid);
    while (strlen(text) < 4000) {
        strcat(text, "robot ");
    }
    sellify_validate(ruleset, sellify_str_of(text), NULL, 0, scratch,
        sizeof(scratch), &verdict);
    assert_false(verdict.valid);
    assert_int_equal(verdict.violation_count, SELLIFY_VIOLATIONS_MAX);
    assert_true(verdict.violations_found > 64);
    for (size = 1; size < verdict.violation_count; size++) {
        assert_true(verdict.violations[size - 1].start <=
                    verdict.violations[size].start);
    }
    assert_string_equal(
        verdict.error, "Generated text contains forbidden word: robot");
}

/* Linear time: what is worst for each check, in a text of the largest body.
 * Quadratic work would be 10^9 steps and more. */
static void
test_worst_texts(void **state)
{
    static const char *const units[] = { "1€ ", "a ", "r o b o t ", "j'ai ",
        "a@a ", "x.fr ", "je vous ", "é\x01", "aaab ", "b-", "0 6 ", "un ",
        "livré ", "🙂", "a1-", "@", ".a", "vous recontacte " };
    static char text[60001], big[60000 * 40];
    static sellify_verdict_t verdict;
    size_t i, len, unit;

    (void) state;
    assert_true(sizeof(big) >= sellify_scratch_size(sizeof(text)));
    for (i = 0; i < COUNT(units); i++) {
        unit = strlen(units[i]);
        for (len = 0; len + unit < sizeof(text); len += unit) {
            memcpy(text + len, units[i], unit + 1);
        }
        sellify_validate(
            ruleset, sellify_str_of(text), NULL, 0, big, sizeof(big), &verdict);
        assert_false(verdict.valid);
    }
}

/* Case, accents and invisible characters change nothing. */
static void
test_disguises(void **state)
{
    static const char *const texts[] = { "UNE AI", "une Ai", "uNe aI",
        "une a\xE2\x80\x8Bi", "une \xEF\xBC\xA1\xEF\xBC\xA9", "une ａｉ",
        "une 𝐀𝐈", "une ΑΙ", "un rob\xC2\xADot", "un r0bot", "un rob0t",
        "un ch@tbot", "un r.o.b.o.t", "un r-o-b-o-t", "un r_o_b_o_t",
        "un r o b o t", "un rooobot", "une i.a", "une I/A", "une i-a",
        "l'intelligence artificiêlle", "INTELLIGENCE  ARTIFICIELLE",
        "intelligence\nartificielle", "un 🤖 robot", "*robot*", "_bot_",
        "un con-seiller un con.seiller et un conseiller", "rоbоt", "ROBÔT" };
    size_t i;

    (void) state;
    for (i = 0; i < COUNT(texts); i++) {
        if (strstr(check(NULL, texts[i]), "forbidden-") == NULL) {
            fail_msg("passed: %s", texts[i]);
        }
    }
}

/* --- every allocation of a validator's build fails once --- */

typedef struct {
    int left, live;
} failing_t;

static void *
failing_alloc(void *context, size_t size)
{
    failing_t *f = context;

    if (f->left-- <= 0) {
        return NULL;
    }
    f->live++;
    return malloc(size);
}

static void
failing_release(void *context, void *block)
{
    ((failing_t *) context)->live--;
    free(block);
}

/* 1 when it could be built. */
static int
build_validator(sellify_region_t *region, sellify_region_t *side)
{
    const sellify_product_t *product = sellify_ruleset_product_at(ruleset, 0);
    sellify_validator_builder_t *b = sellify_validator_begin(region, side);
    sellify_validator_t *v = NULL;
    const char *why = NULL;
    int i;

    if (b == NULL) {
        return 0;
    }
    for (i = 0; i < 3000 && why == NULL; i++) {
        char term[32];
        snprintf(term, sizeof(term), "mot%d suite%d", i, i % 7);
        why = sellify_validator_term(b, SELLIFY_CHECK_PROMISE,
            sellify_str_of(term), sellify_str("x"), 0);
    }
    why = why ? why
              : sellify_validator_pattern(b, SELLIFY_VIOLATION_PROMISE,
                    sellify_str(""), sellify_str("abc"));
    why = why ? why : sellify_validator_contact(b, sellify_str("lina.fr"));
    if (why == NULL) {
        v = sellify_validator_finish(b, product, 1, sellify_str("EUR"));
    } else {
        assert_ptr_equal(why, SELLIFY_NO_MEMORY);
    }
    if (v == NULL) {
        sellify_validator_abandon(b);
    }
    sellify_validator_free(v);
    return v != NULL;
}

static void
test_memory_fails(void **state)
{
    int n, built = 0;

    (void) state;
    for (n = 0; n < 1000 && !built; n++) {
        failing_t failing = { n, 0 };
        sellify_memory_t memory = { failing_alloc, failing_release, &failing };
        sellify_region_t *region = sellify_region_new(&memory, 1u << 24);
        sellify_region_t *side = sellify_region_new(&memory, 1u << 24);

        built = region && side && build_validator(region, side);
        sellify_region_free(region);
        sellify_region_free(side);
        assert_int_equal(failing.live, 0);
    }
    assert_true(built && n > 10);
}

static void
test_no_allocation(void **state)
{
    static sellify_verdict_t verdict;
    unsigned long before = allocations;
    size_t i;

    (void) state;
    for (i = 0; i < COUNT(french_bad); i++) {
        sellify_validate(ruleset, sellify_str_of(french_bad[i]), NULL, 0,
            scratch, sizeof(scratch), &verdict);
    }
    for (i = 0; i < COUNT(french_good); i++) {
        sellify_validate(ruleset, sellify_str_of(french_good[i]), NULL, 0,
            scratch, sizeof(scratch), &verdict);
    }
    assert_int_equal(allocations, before);
    assert_true(!COUNTS_ALLOCATIONS || before > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract),
        cmocka_unit_test(test_french_texts),
        cmocka_unit_test(test_english_texts),
        cmocka_unit_test(test_ai_the_verb),
        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_price_of_the_product),
        cmocka_unit_test(test_promises_of_the_product),
        cmocka_unit_test(test_contacts),
        cmocka_unit_test(test_policy_terms),
        cmocka_unit_test(test_pattern_limit),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_valid_text),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_worst_texts),
        cmocka_unit_test(test_disguises),
        cmocka_unit_test(test_memory_fails),
        cmocka_unit_test(test_no_allocation),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
