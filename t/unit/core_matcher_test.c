/* The matcher: which terms are found where, and what must not be. */
#include "../../core/matcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { WORD, THREAT, COUNT };

typedef struct {
    const char *text;
    uint32_t class_id, flags;
    uint64_t cancels;
} entry_t;

static const entry_t entries[] = {
    { "robot[s|]", WORD, SELLIFY_TERM_GUARDED, 0 },
    { "bot", WORD, SELLIFY_TERM_GUARDED, 0 },
    { "IA", WORD, SELLIFY_TERM_GUARDED, 0 },
    { "ai", WORD, SELLIFY_TERM_GUARDED, 0 },
    { "une ai!", WORD, SELLIFY_TERM_GUARDED, 0 },
    { "[j|n|vous l] ai", WORD, SELLIFY_TERM_EXCEPTION, 1u << WORD },
    { "ai je", WORD, SELLIFY_TERM_EXCEPTION, 1u << WORD },
    { "chatbot", WORD, SELLIFY_TERM_GUARDED, 0 },
    { "agent humain", WORD, SELLIFY_TERM_GUARDED, 0 },
    { "menac[e|es|er|é|ée]", THREAT, 0, 0 },
    { "vais * [tuer|buter]", THREAT, 0, 0 },
    { "police", THREAT, 0, 0 },
    { "appelle la police", THREAT, 0, 0 },
    { "police d'assurance", THREAT, SELLIFY_TERM_EXCEPTION, 1u << THREAT },
    { "remise de # %", THREAT, 0, 0 },
    { "livré en #h", THREAT, 0, 0 },
    { "s.a.v", THREAT, 0, 0 },
    { "merci", THREAT, 0, 0 },
    { "🔪", THREAT, 0, 0 },
    { "non merci", THREAT, 0, 0 },
    { "^ ok ^", THREAT, 0, 0 },
    { "^ hein", THREAT, 0, 0 },
    { "le", COUNT, SELLIFY_TERM_COUNTED, 0 },
};

typedef struct {
    sellify_region_t *region;
    const sellify_matcher_t *matcher;
} fixture_t;

static const char *
build(const sellify_memory_t *memory, fixture_t *f)
{
    sellify_region_t *scratch = sellify_region_new(memory, 1u << 22);
    sellify_matcher_builder_t *b;
    const char *why = SELLIFY_NO_MEMORY;
    size_t i;

    f->matcher = NULL;
    f->region = sellify_region_new(memory, 1u << 22);
    b = f->region && scratch ? sellify_matcher_begin(f->region, scratch) : NULL;
    for (i = 0; b != NULL && i < sizeof(entries) / sizeof(entries[0]); i++) {
        sellify_term_t term = { 0 };
        term.text = sellify_str_of(entries[i].text);
        term.sense = sellify_str_of("sense");
        term.class_id = entries[i].class_id;
        term.flags = entries[i].flags;
        term.cancels = entries[i].cancels;
        why = sellify_matcher_add(b, &term);
        if (why != NULL) {
            break;
        }
    }
    if (b != NULL && why == NULL) {
        f->matcher = sellify_matcher_finish(b);
        why = f->matcher ? NULL : SELLIFY_NO_MEMORY;
    }
    sellify_region_free(scratch);
    if (why != NULL) {
        sellify_region_free(f->region);
    }
    return why;
}

static int
set_up(void **state)
{
    static fixture_t fixture;

    *state = &fixture;
    return build(NULL, &fixture) == NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    sellify_region_free(((fixture_t *) *state)->region);
    return 0;
}

/* "name@start-end name@start-end", offsets in characters. */
static void
found(const fixture_t *f, const char *text, char *out, size_t out_size)
{
    sellify_str_t source = sellify_str_of(text);
    size_t size = sellify_fold_size(source.len), error_at, i;
    void *scratch = malloc(size);
    sellify_hit_t items[32];
    sellify_hits_t hits = { .items = items, .max = 32 };
    sellify_folded_t folded;

    assert_int_equal(sellify_fold(sellify_matcher_folding(f->matcher), source,
                         scratch, size, &folded, &error_at),
        0);
    sellify_matcher_scan(f->matcher, &folded, &hits);
    out[0] = '\0';
    for (i = 0; i < hits.count; i++) {
        uint32_t from, to;
        size_t used = strlen(out);
        sellify_folded_chars(&folded, items[i].start, items[i].end, &from, &to);
        snprintf(out + used, out_size - used, "%s%.*s@%u-%u", i ? " " : "",
            (int) items[i].name.len, items[i].name.data, from, to);
    }
    free(scratch);
}

static void
expect(void **state, const char *text, const char *expected)
{
    char out[1024];

    found(*state, text, out, sizeof(out));
    if (strcmp(out, expected) != 0) {
        print_error("text: %s\n", text);
    }
    assert_string_equal(out, expected);
}

static void
test_whole_words(void **state)
{
    expect(state, "Je suis un robot.", "robot@11-16");
    expect(state, "des ROBOTS", "robots@4-10");
    expect(state, "robotique", "");
    expect(state, "Il me menacé !", "menace@6-12");
    expect(state, "menacent", "");
    expect(state, "robot\xC3\xA9", "");
}

static void
test_several_words(void **state)
{
    expect(state,
        "j\xE2\x80\x99"
        "appelle  la\n police",
        "appelle la police@2-21 police@15-21");
    expect(state, "je vais tous vous tuer", "vais * tuer@3-22");
    expect(state, "je vais vous. tuer", "");
    expect(state, "je vais a b c d tuer", "");
    expect(state, "non, merci", "non merci@0-10 merci@5-10");
    expect(state, "non. merci", "merci@5-10");
    expect(state, "une remise de 10 %", "remise de # %@4-18");
    expect(state, "une remise de 10%", "remise de # %@4-17");
    expect(state, "livré en 48h", "livré en #h@0-12");
    expect(state, "le S.A.V", "s.a.v@3-8");
    expect(state, "non 🙂 merci", "non merci@0-11 merci@6-11");
    expect(state, "🔪", "🔪@0-1");
    expect(state, "OK !", "ok@0-2");
    expect(state, "👍 ok 👍", "ok@2-4");
    expect(state, "ok je", "");
    expect(state, "hein quoi", "hein@0-4");
    expect(state, "oui hein", "");
}

static void
test_exceptions(void **state)
{
    expect(state, "j'appelle la police d'assurance", "");
    expect(state, "ma police d'assurance et la police", "police@28-34");
    expect(state, "j'ai une AI", "une ai@5-11 ai@9-11");
    expect(state, "J’AI vu", "");
    expect(state, "Que puis-je, ai-je dit", "");
    expect(state, "je vous l'ai dit", "");
    expect(state, "je suis une AI je réponds", "une ai@8-14");
    expect(state, "je suis une AI, je réponds", "une ai@8-14 ai@12-14");
}

static void
test_guard(void **state)
{
    expect(state, "un r0b0t", "robot@3-8");
    expect(state, "un r o b o t ici", "robot@3-12");
    expect(state, "un r.o.b.o.t", "robot@3-12");
    expect(state, "I.A.", "ia@0-3");
    expect(state, "une i.a ici", "ia@4-7");
    expect(state, "un ch@tb0t", "chatbot@3-10");
    expect(state, "un ro-bot", "robot@3-9");
    expect(state, "rooobooot robbot", "robot@0-9 robot@10-16");
    expect(state, "a g e n t   h u m a i n", "agent humain@0-23");
    expect(state, "agenthumain", "agent humain@0-11");
    expect(state, "j e s u i s u n r o b o t", "robot@16-25");
    expect(state, "merciiii", "merci@0-8");
    expect(state,
        "ｒｏｂｏｔ 𝐛𝐨𝐭 r\xE2\x80\x8B"
        "obot",
        "robot@0-5 bot@6-9 robot@10-16");
    expect(state, "un rоbоt", "robot@3-8");
}

static void
test_guard_lets_pass(void **state)
{
    static const char *const texts[] = { "il y a", "1 a", "j'ai", "ai-je",
        "vrai délai", "niveau A1", "80t", "une boot", "des boots", "i a",
        "Marie, i a", "la A", "b0nne", "2 a 3", "IAN", "1A", "c'est à lui",
        "y a-t-il", "A-t-il", "s a b o t" };
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        expect(state, texts[i], "");
    }
}

static void
test_bad_terms(void **state)
{
    static const struct {
        const char *term, *why;
    } bad[] = {
        { "", "empty after folding" },
        { " ... ", "empty after folding" },
        { "menac[e", "brackets do not match" },
        { "menace]", "brackets do not match" },
        { "a[b[c]]", "brackets do not match" },
        { "a b c d e f g h i j k l m", "more than 12 words" },
        { "* a", "* must stand between words" },
        { "a *", "* must stand between words" },
        { "a * * b", "* must stand between words" },
        { "a * b * c * d", "more than 2 *" },
        { "^", "empty after folding" },
        { "a ^ b", "nothing may follow the last ^" },
        { "\xC3(", "not UTF-8" },
    };
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sellify_region_t *region = sellify_region_new(NULL, 1u << 22);
        sellify_matcher_builder_t *b = sellify_matcher_begin(region, region);
        sellify_term_t term = { .text = sellify_str_of(bad[i].term) };
        assert_string_equal(sellify_matcher_add(b, &term), bad[i].why);
        sellify_region_free(region);
    }
}

/* --- memory that fails at the nth request --- */

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

static void
test_memory_fails(void **state)
{
    int n, failures = 0;

    (void) state;
    for (n = 0; n < 1000; n++) {
        failing_t failing = { n, 0 };
        sellify_memory_t memory = { failing_alloc, failing_release, &failing };
        fixture_t f;
        const char *why = build(&memory, &f);

        if (why == NULL) {
            sellify_region_free(f.region);
        } else {
            assert_ptr_equal(why, SELLIFY_NO_MEMORY);
            failures++;
        }
        assert_int_equal(failing.live, 0);
        if (why == NULL) {
            break;
        }
    }
    assert_true(n < 1000 && failures > 4);
}

static void
test_small_limit(void **state)
{
    size_t limit;
    int done = 0;

    (void) state;
    for (limit = 0; limit < 200000 && !done; limit += 997) {
        sellify_region_t *region = sellify_region_new(NULL, limit);
        size_t i;
        for (i = 0; region != NULL && i < 100; i++) {
            if (sellify_region_alloc(region, 1000) == NULL) {
                break;
            }
            assert_true(sellify_region_size(region) <= limit);
        }
        done = i == 100;
        sellify_region_free(region);
    }
    assert_true(done);
}

/* Many terms and a text that starts every one of them stay linear. */
static void
test_many_hits(void **state)
{
    char text[20000] = "";
    sellify_hit_t items[4];
    sellify_hits_t hits = { .items = items, .max = 4 };
    sellify_folded_t folded;
    const fixture_t *f = *state;
    size_t i, error_at, size = sellify_fold_size(sizeof(text));
    void *scratch = malloc(size);

    for (i = 0; i + 6 < sizeof(text); i += 5) {
        memcpy(text + i, "j'ai ", 6);
    }
    assert_int_equal(
        sellify_fold(sellify_matcher_folding(f->matcher), sellify_str_of(text),
            scratch, size, &folded, &error_at),
        0);
    sellify_matcher_scan(f->matcher, &folded, &hits);
    assert_int_equal(hits.found, 0);
    memset(text, 0, sizeof(text));
    for (i = 0; i + 7 < sizeof(text); i += 6) {
        memcpy(text + i, "robot ", 7);
    }
    assert_int_equal(
        sellify_fold(sellify_matcher_folding(f->matcher), sellify_str_of(text),
            scratch, size, &folded, &error_at),
        0);
    sellify_matcher_scan(f->matcher, &folded, &hits);
    assert_int_equal(hits.count, 4);
    assert_int_equal(hits.found, i / 6);
    assert_int_equal(hits.counts[WORD], i / 6);
    free(scratch);
}

static void
test_counted(void **state)
{
    const fixture_t *f = *state;
    char scratch[4096];
    sellify_hits_t hits = { 0 };
    sellify_folded_t folded;
    size_t error_at;

    assert_int_equal(sellify_fold(sellify_matcher_folding(f->matcher),
                         sellify_str("le chat et Le chien"), scratch,
                         sizeof(scratch), &folded, &error_at),
        0);
    sellify_matcher_scan(f->matcher, &folded, &hits);
    assert_int_equal(hits.counts[COUNT], 2);
    assert_int_equal(hits.found, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_words),
        cmocka_unit_test(test_several_words),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_guard),
        cmocka_unit_test(test_guard_lets_pass),
        cmocka_unit_test(test_bad_terms),
        cmocka_unit_test(test_memory_fails),
        cmocka_unit_test(test_small_limit),
        cmocka_unit_test(test_many_hits),
        cmocka_unit_test(test_counted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
