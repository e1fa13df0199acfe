/* Folding: what texts become, where words are, and where they came from. */
#include "../../core/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static sellify_folding_t folding;

typedef struct {
    void *scratch;
    sellify_folded_t folded;
} fold_t;

static int
fold(fold_t *f, sellify_str_t source, size_t *error_at)
{
    size_t size = sellify_fold_size(source.len);

    f->scratch = malloc(size);
    return sellify_fold(
        &folding, source, f->scratch, size, &f->folded, error_at);
}

static void
expect_fold(const char *source, const char *expected)
{
    fold_t f, again;
    size_t error_at;
    char *copy;

    assert_int_equal(fold(&f, sellify_str_of(source), &error_at), 0);
    copy = strndup(f.folded.data, f.folded.len);
    assert_string_equal(copy, expected);
    assert_int_equal(fold(&again, sellify_str_of(copy), &error_at), 0);
    assert_int_equal(again.folded.len, f.folded.len);
    assert_memory_equal(again.folded.data, f.folded.data, f.folded.len);
    assert_int_equal(again.folded.word_count, f.folded.word_count);
    free(copy);
    free(f.scratch);
    free(again.scratch);
}

static void
test_fold(void **state)
{
    (void) state;
    expect_fold("", "");
    expect_fold("Bonjour", "bonjour");
    expect_fold(
        "ÉTÉ Où ÇA œuf Æsir ß ﬁn ǆ ŉ", "ete ou ca oeuf aesir ss fin dz 'n");
    expect_fold("e\xCC\x81te\xCC\x81", "ete");
    expect_fold("Ｒｏｂｏｔ １２", "robot 12");
    expect_fold("𝐑𝐨𝐛𝐨𝐭 𝓻𝓸𝓫𝓸𝓽 Ⓡⓞⓑⓞⓣ 🅡🅾🅱🄾🅃", "robot robot robot robot");
    expect_fold("ʀᴏʙᴏᴛ", "robot");
    expect_fold("r\xE2\x80\x8Bo\xC2\xAD"
                "b\xEF\xBB\xBFo\xE2\x80\x8Dt",
        "robot");
    expect_fold("j’ai l‘eau", "j'ai l'eau");
    expect_fold("a–b—c‑d", "a-b-c-d");
    expect_fold("1 299,90 €", "1 299,90 €");
    expect_fold("«oui»… ½", "\"oui\"... 1/2");
    expect_fold("I·A•", "i.a.");
    expect_fold("👍🏽 ok", "👍 ok");
}

static void
test_alikes(void **state)
{
    (void) state;
    expect_fold("rоbоt", "robot");   /* two Cyrillic o */
    expect_fold("un ВОТ", "un bot"); /* all Cyrillic, in a Latin text */
    expect_fold("une ΙΑ", "une ia"); /* all Greek */
    expect_fold("он не робот", "он не робот");
    expect_fold("robot для", "robot для");
    expect_fold("И РОБОТ", "и робот");
    expect_fold("α", "α");
}

static void
expect_words(const char *source, const char *expected)
{
    fold_t f;
    size_t error_at, i;
    char out[512] = "";

    assert_int_equal(fold(&f, sellify_str_of(source), &error_at), 0);
    for (i = 0; i < f.folded.word_count; i++) {
        const sellify_word_t *word = &f.folded.words[i];
        uint32_t from, to;
        size_t used = strlen(out);
        sellify_folded_chars(&f.folded, word->start, word->end, &from, &to);
        snprintf(out + used, sizeof(out) - used, "%c%.*s{%u,%u}",
            " -,."[word->gap], (int) (word->end - word->start),
            f.folded.data + word->start, from, to);
    }
    assert_string_equal(out, expected);
    free(f.scratch);
}

static void
test_words(void **state)
{
    (void) state;
    expect_words("", "");
    expect_words("j'ai été", ".j{0,1}-ai{2,4}-ete{5,8}");
    expect_words("49,90€ ok!oui", ".49{0,2},90{3,5} €{5,6}-ok{7,9}.oui{10,13}");
    expect_words("10%", ".10{0,2} %{2,3}");
    expect_words("a. b, c", ".a{0,1}.b{3,4},c{6,7}");
    expect_words("🙂👍x", ".🙂{0,1} 👍{1,2} x{2,3}");
    expect_words("caf\x65\xCC\x81 noir", ".cafe{0,5}-noir{6,10}");
    expect_words("ﬁn", ".fin{0,2}");
}

static void
test_shapes(void **state)
{
    fold_t f;
    size_t error_at;
    static const unsigned shapes[] = {
        SELLIFY_WORD_LETTERS | SELLIFY_WORD_UPPER,
        SELLIFY_WORD_LETTERS,
        SELLIFY_WORD_DIGITS,
        SELLIFY_WORD_LETTERS | SELLIFY_WORD_DIGITS,
        SELLIFY_WORD_SYMBOL,
        SELLIFY_WORD_EMOJI,
        SELLIFY_WORD_LETTERS | SELLIFY_WORD_UPPER,
        SELLIFY_WORD_LETTERS,
    };
    size_t i;

    (void) state;
    assert_int_equal(
        fold(&f, sellify_str_of("ABC Abc 12 b2 € 🙂 ÉÀ они"),
            &error_at),
        0);
    assert_int_equal(f.folded.word_count, 8);
    assert_int_equal(f.folded.plain_count, 6);
    for (i = 0; i < 8; i++) {
        assert_int_equal(f.folded.words[i].shape, shapes[i]);
    }
    free(f.scratch);
}

static void
test_not_utf8(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, at;
    } bad[] = {
        { "a\x80", 2, 1 },
        { "ab\xC3", 3, 2 },
        { "\xC0\xAF", 2, 0 },
        { "\xE0\x80\xAF", 3, 0 },
        { "ok \xED\xA0\x80", 6, 3 },
        { "\xF4\x90\x80\x80", 4, 0 },
        { "\xFF", 1, 0 },
        { "a\0b", 3, 1 },
        { "é\xE2\x82", 4, 2 },
    };
    size_t i, error_at;

    (void) state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fold_t f;
        sellify_str_t source = { bad[i].bytes, bad[i].len };
        sellify_str_t result;

        assert_int_equal(fold(&f, source, &error_at), -1);
        assert_int_equal(error_at, bad[i].at);
        if (memchr(bad[i].bytes, 0, bad[i].len) == NULL) {
            assert_int_equal(sellify_text_normalize(source, f.scratch,
                                 sellify_fold_size(source.len), &result),
                -1);
        }
        free(f.scratch);
    }
}

static void
test_small_scratch(void **state)
{
    char scratch[64];
    sellify_folded_t folded;
    size_t error_at;

    (void) state;
    assert_int_equal(sellify_fold(&folding, sellify_str("bonjour"), scratch,
                         sizeof(scratch), &folded, &error_at),
        -1);
    assert_int_equal(error_at, 7);
}

static void
expect_normal(const char *source, const char *expected)
{
    sellify_str_t text = sellify_str_of(source), result;
    size_t size = sellify_fold_size(text.len);
    void *scratch = malloc(size);

    assert_int_equal(sellify_text_normalize(text, scratch, size, &result), 0);
    assert_int_equal(result.len, strlen(expected));
    assert_memory_equal(result.data, expected, result.len);
    free(scratch);
}

static void
test_normalize(void **state)
{
    (void) state;
    expect_normal("", "");
    expect_normal(" \t\n ", "");
    expect_normal("  Bonjour \n", "Bonjour");
    expect_normal("e\xCC\x81te\xCC\x81 ", "été");
    expect_normal("\xC2\xA0\xE2\x80\xAFOui\xE2\x80\x8B", "Oui");
    expect_normal("été €", "été €");
    expect_normal("👩‍👧 é", "👩‍👧 é");
}

/* Any bytes at all: folding ends, stays inside its memory (sanitizers) and says
 * something consistent; what is UTF-8 folds to itself the second time. */
static void
test_any_bytes(void **state)
{
    static const char *const pieces[] = { "é", "a", "I", ".", " ",
        "\xE2\x80\x8B", "½", "⑽", "ﷺ", "𝐀", "о", "Ω", "€", "\xCC\x81", "한",
        "\xC3", "ı", "9", "İ", "🙂", "℃", "ŀ", "ǰ", "ϓ", "Å", "™", "®" };
    uint64_t seed = 42;
    int round;

    (void) state;
    for (round = 0; round < 3000; round++) {
        char text[256] = "";
        fold_t f, again;
        size_t error_at, i, count;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        count = seed >> 60;
        for (i = 0; i < count; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            strcat(text, pieces[(seed >> 33) % 27]);
        }
        if (fold(&f, sellify_str_of(text), &error_at) == 0) {
            sellify_str_t once = { f.folded.data, f.folded.len };
            assert_true(f.folded.len <= strlen(text) * 2);
            assert_int_equal(fold(&again, once, &error_at), 0);
            if (again.folded.len != once.len ||
                memcmp(again.folded.data, once.data, once.len) != 0) {
                print_error("%s -> %.*s -> %.*s\n", text, (int) once.len,
                    once.data, (int) again.folded.len, again.folded.data);
                fail();
            }
            free(again.scratch);
        } else {
            assert_true(error_at < strlen(text));
        }
        free(f.scratch);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_alikes),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_small_scratch),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_any_bytes),
    };

    sellify_folding_init(&folding);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
