/*
 * The strict JSON reader, the writer, faults and problem documents.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../core/json.h"
#include "../../core/problem.h"

#include <stdio.h>
#include <stdlib.h>

/* --- check --- */

static int
check(const char *text, sellify_faults_t *faults)
{
    faults->count = 0;
    return sellify_json_check(sellify_str_of(text), faults);
}

static void
accepts_what_rfc_8259_allows(void **state)
{
    static const char *const good[] = { "{}", "[]", "0", "-0", "\"\"", "true",
        "false", "null", " \t\r\n{ \"a\" : [ 1 , -2.5e+3 , { } ] } \n",
        "\"\\u00e9\\n\\\"\\\\\\/\\b\\f\\r\\t\"", "\"\\ud83d\\ude00\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "1.5E-10", "1e-999",
        "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", "[[],[],{}]", "\"\x7f\"" };
    sellify_faults_t faults;

    (void) state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (check(good[i], &faults) != 0) {
            fail_msg("refused: %s: %s", good[i], faults.items[0].detail);
        }
    }
}

static void
refuses_with_place_and_reason(void **state)
{
    static const struct {
        const char *text, *pointer, *detail;
    } bad[] = {
        { "", "", "line 1, column 1: the text ends too early" },
        { " ", "", "line 1, column 2: the text ends too early" },
        { "{", "", "line 1, column 2: a member name in quotes is missing" },
        { "{\"a\"", "/a",
            "line 1, column 5: a colon is missing after the "
            "member name" },
        { "{\"a\":", "/a", "line 1, column 6: the text ends too early" },
        { "{\"a\":1", "/a", "line 1, column 7: the text ends too early" },
        { "{\"a\":1,}", "",
            "line 1, column 8: a member name in quotes is "
            "missing" },
        { "[1,]", "/1", "line 1, column 4: a value is missing" },
        { "[1 2]", "/0",
            "line 1, column 4: a comma or the end of the list is "
            "missing" },
        { "{a:1}", "", "line 1, column 2: a member name in quotes is missing" },
        { "{} x", "", "line 1, column 4: something follows the end" },
        { "{}{}", "", "line 1, column 3: something follows the end" },
        { "nul", "", "line 1, column 1: a value is missing" },
        { "True", "", "line 1, column 1: a value is missing" },
        { "NaN", "", "line 1, column 1: a value is missing" },
        { "'a'", "", "line 1, column 1: a value is missing" },
        { "+1", "", "line 1, column 1: a value is missing" },
        { "01", "", "line 1, column 3: number with a leading zero" },
        { "-", "", "line 1, column 2: a digit is missing" },
        { "1.", "", "line 1, column 3: a digit is missing after the point" },
        { ".5", "", "line 1, column 1: a value is missing" },
        { "1e", "", "line 1, column 3: a digit is missing in the exponent" },
        { "1e999", "", "line 1, column 1: number that does not fit" },
        { "\"a", "", "line 1, column 3: string without an end" },
        { "\"\\", "", "line 1, column 2: string without an end" },
        { "\"\\x\"", "", "line 1, column 2: unknown escape" },
        { "\"\\u12g4\"", "",
            "line 1, column 2: \\u needs four hexadecimal "
            "digits" },
        { "\"\\u0000\"", "", "line 1, column 2: \\u0000 is not allowed" },
        { "\"\\ud800\"", "", "line 1, column 2: lone surrogate" },
        { "\"\\ud800\\u0041\"", "", "line 1, column 2: lone surrogate" },
        { "\"\\udc00\"", "", "line 1, column 2: lone surrogate" },
        { "\"a\nb\"", "", "line 1, column 3: control character in a string" },
        { "\"\x80\"", "", "line 1, column 2: invalid UTF-8" },
        { "\"\xc0\xaf\"", "", "line 1, column 2: invalid UTF-8" },
        { "\"\xed\xa0\x80\"", "", "line 1, column 2: invalid UTF-8" },
        { "\"\xf4\x90\x80\x80\"", "", "line 1, column 2: invalid UTF-8" },
        { "\"\xe2\x82\"", "", "line 1, column 2: invalid UTF-8" },
        { "\xef\xbb\xbf{}", "", "line 1, column 1: a value is missing" },
        { "{\n \"a\": {\"b\": [0, {\"c/d~e\": tru}]}}", "/a/b/1/c~1d~0e",
            "line 2, column 27: a value is missing" },
        { "{\"a\":1,\"a\":2}", "/a", "line 1, column 8: duplicate member" },
        { "{\"a\":1,\"\\u0061\":2}", "/a",
            "line 1, column 8: duplicate member" },
        { "{\"x\":[{\"b\":1,\"c\":2,\"b\":3}]}", "/x/0/b",
            "line 1, column 20: duplicate member" },
        { "{\"\":1,\"\":2}", "/", "line 1, column 7: duplicate member" },
    };
    sellify_faults_t faults;

    (void) state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (check(bad[i].text, &faults) == 0) {
            fail_msg("accepted: %s", bad[i].text);
        }
        assert_int_equal(faults.count, 1);
        assert_string_equal(faults.items[0].detail, bad[i].detail);
        assert_string_equal(faults.items[0].pointer, bad[i].pointer);
    }
}

static void
nul_bytes_are_no_end(void **state)
{
    sellify_faults_t faults = { .count = 0 };

    (void) state;
    assert_int_equal(
        sellify_json_check((sellify_str_t){ "{}\0", 3 }, &faults), -1);
    assert_int_equal(
        sellify_json_check((sellify_str_t){ "\"\0\"", 3 }, &faults), -1);
    assert_int_equal(
        sellify_json_check((sellify_str_t){ NULL, 0 }, &faults), -1);
}

static void
nests_to_the_limit_only(void **state)
{
    char text[2 * SELLIFY_JSON_DEPTH + 3];
    sellify_faults_t faults;

    (void) state;
    for (int depth = SELLIFY_JSON_DEPTH; depth <= SELLIFY_JSON_DEPTH + 1;
         depth++) {
        memset(text, '[', (size_t) depth);
        memset(text + depth, ']', (size_t) depth);
        text[2 * depth] = '\0';
        assert_int_equal(
            check(text, &faults), depth > SELLIFY_JSON_DEPTH ? -1 : 0);
    }
    assert_non_null(strstr(faults.items[0].detail, "nested too deep"));
}

/* {"<prefix>0":0,...}: `count` members whose keys share a long prefix. */
static char *
many_members(size_t count, const char *prefix, size_t *len)
{
    size_t each = strlen(prefix) + 16;
    char *text = malloc(count * each + 3), *p = text;

    *p++ = '{';
    for (size_t i = 0; i < count; i++) {
        p += sprintf(p, "%s\"%s%zu\":0", i ? "," : "", prefix, i);
    }
    *p++ = '}';
    *len = (size_t) (p - text);
    return text;
}

static void
member_count_is_bounded(void **state)
{
    sellify_faults_t faults = { .count = 0 };
    size_t len;
    char *text = many_members(SELLIFY_JSON_MEMBERS, "k", &len);

    (void) state;
    assert_int_equal(
        sellify_json_check((sellify_str_t){ text, len }, &faults), 0);
    free(text);

    text = many_members(SELLIFY_JSON_MEMBERS + 1, "k", &len);
    assert_int_equal(
        sellify_json_check((sellify_str_t){ text, len }, &faults), -1);
    assert_non_null(strstr(faults.items[0].detail, "too many members"));
    free(text);
}

static void
late_duplicate_among_many_is_found(void **state)
{
    sellify_faults_t faults = { .count = 0 };
    size_t len;
    char *text = many_members(60000, "key", &len);
    char *last = strstr(text, "\"key59999\"");

    (void) state;
    memcpy(last, "\"key00007\"", 10); /* was unique: still unique */
    assert_int_equal(
        sellify_json_check((sellify_str_t){ text, len }, &faults), 0);
    memcpy(last, "\"key31415\"", 10);
    assert_int_equal(
        sellify_json_check((sellify_str_t){ text, len }, &faults), -1);
    assert_string_equal(faults.items[0].pointer, "/key31415");
    free(text);
}

/* --- read --- */

typedef struct {
    sellify_str_t text;
    sellify_str_t raw;
    signed char flag;
    uint32_t number;
} body_t;

static const sellify_json_field_t fields[] = {
    { "text", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED,
        offsetof(body_t, text), 5 },
    { "flag", SELLIFY_JSON_BOOL, SELLIFY_JSON_NULLABLE, offsetof(body_t, flag),
        0 },
    { "number", SELLIFY_JSON_UINT, 0, offsetof(body_t, number), 100 },
    { "raw", SELLIFY_JSON_RAW, 0, offsetof(body_t, raw), 0 },
};

static int
read_body(const char *text, body_t *body, char *arena, sellify_faults_t *faults)
{
    *body = (body_t){ .flag = -1, .number = 7 };
    faults->count = 0;
    return sellify_json_read(
        sellify_str_of(text), fields, 4, body, arena, faults);
}

static void
reads_members(void **state)
{
    sellify_faults_t faults;
    char arena[256];
    body_t body;

    (void) state;
    assert_int_equal(read_body(" {\"text\":\"h\xc3\xa9llo\",\"flag\":true,"
                               "\"number\":42,\"raw\":[1, {\"a\":2}],"
                               "\"other\":{\"text\":3}} ",
                         &body, arena, &faults),
        0);
    assert_true(sellify_str_equal(body.text, sellify_str("h\xc3\xa9llo")));
    assert_int_equal(body.flag, 1);
    assert_int_equal(body.number, 42);
    assert_true(sellify_str_equal(body.raw, sellify_str("[1, {\"a\":2}]")));
}

static void
absent_members_keep_what_the_caller_set(void **state)
{
    sellify_faults_t faults;
    char arena[256];
    body_t body;

    (void) state;
    assert_int_equal(
        read_body("{\"text\":\"\",\"flag\":null}", &body, arena, &faults), 0);
    assert_int_equal(body.flag, -1);
    assert_int_equal(body.number, 7);
    assert_int_equal(body.text.len, 0);
}

static void
unescapes_into_the_arena(void **state)
{
    sellify_faults_t faults;
    char arena[256];
    body_t body;

    (void) state;
    assert_int_equal(read_body("{\"te\\u0078t\":\"\\u00e9\\n\\ud83d\\ude00\"}",
                         &body, arena, &faults),
        0);
    assert_true(sellify_str_equal(
        body.text, sellify_str("\xc3\xa9\n\xf0\x9f\x98\x80")));
    assert_ptr_equal(body.text.data, arena);
}

static void
lists_every_fault(void **state)
{
    static const struct {
        const char *text, *pointer, *detail;
    } bad[] = {
        { "{}", "/text", "is required" },
        { "[]", "", "must be an object, not an array" },
        { "\"x\"", "", "must be an object, not a string" },
        { "{\"text\":null}", "/text", "must be a string, not null" },
        { "{\"text\":3}", "/text", "must be a string, not a number" },
        { "{\"text\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}",
            "/text", "must have at most 5 characters" },
        { "{\"text\":\"\",\"flag\":1}", "/flag",
            "must be true or false, not a number" },
        { "{\"text\":\"\",\"number\":101}", "/number", "must be at most 100" },
        { "{\"text\":\"\",\"number\":99999999999999999999}", "/number",
            "must be at most 100" },
        { "{\"text\":\"\",\"number\":-1}", "/number",
            "must be an integer without sign, fraction or exponent, not a "
            "number" },
        { "{\"text\":\"\",\"number\":1.0}", "/number",
            "must be an integer without sign, fraction or exponent, not a "
            "number" },
        { "{\"text\":\"\",\"number\":\"1\"}", "/number",
            "must be an integer, not a string" },
        { "{\"text\":\"\",\"raw\":1,\"x\":{\"a\":1,\"a\":1}}", "/x/a",
            "line 1, column 31: duplicate member" },
    };
    sellify_faults_t faults;
    char arena[256];
    body_t body;

    (void) state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(read_body(bad[i].text, &body, arena, &faults), -1);
        assert_int_equal(faults.count, 1);
        assert_string_equal(faults.items[0].pointer, bad[i].pointer);
        assert_string_equal(faults.items[0].detail, bad[i].detail);
    }
    assert_int_equal(
        read_body("{\"flag\":0,\"number\":true}", &body, arena, &faults), -1);
    assert_int_equal(faults.count, 3);
}

static void
hostile_bodies_stay_cheap(void **state)
{
    sellify_faults_t faults = { .count = 0 };
    size_t len;
    char prefix[481], *text, *arena;
    body_t body;

    (void) state;
    memset(prefix, 'p', 480);
    prefix[480] = '\0';
    /* 29 MB of common prefixes: anything quadratic would not end. */
    text = many_members(60000, prefix, &len);
    arena = malloc(len);
    assert_int_equal(
        sellify_json_check((sellify_str_t){ text, len }, &faults), 0);
    assert_int_equal(sellify_json_read((sellify_str_t){ text, len }, fields, 4,
                         &body, arena, &faults),
        -1);
    assert_non_null(strstr(faults.items[0].detail, "too many members"));
    free(text);
    free(arena);
}

/* --- write --- */

static void
writes_values(void **state)
{
    sellify_json_writer_t w;
    char out[512];

    (void) state;
    sellify_json_writer(&w, out, sizeof(out));
    sellify_json_object(&w);
    sellify_json_key(&w, "a");
    sellify_json_array(&w);
    sellify_json_int(&w, 0);
    sellify_json_int(&w, INT64_MIN);
    sellify_json_object(&w);
    sellify_json_object_end(&w);
    sellify_json_array(&w);
    sellify_json_array_end(&w);
    sellify_json_raw(&w, sellify_str("49.90"));
    sellify_json_array_end(&w);
    sellify_json_key(&w, "b");
    sellify_json_bool(&w, 1);
    sellify_json_key(&w, "c");
    sellify_json_null(&w);
    sellify_json_key(&w, "d\"");
    sellify_json_string(&w, sellify_str("\x01\n\r\t\"\\/\x7f\xc3\xa9\xff\xc3"));
    sellify_json_object_end(&w);
    assert_false(sellify_json_overflowed(&w));
    out[w.len] = '\0';
    assert_string_equal(out,
        "{\"a\":[0,-9223372036854775808,{},[],49.90],\"b\":true,\"c\":null,"
        "\"d\\\"\":\"\\u0001\\n\\r\\t\\\"\\\\/\x7f\xc3\xa9\xef\xbf\xbd"
        "\xef\xbf\xbd\"}");
}

static void
counts_past_the_end(void **state)
{
    sellify_json_writer_t w;
    char out[8] = "xxxxxxx";

    (void) state;
    sellify_json_writer(&w, out, 4);
    sellify_json_cstring(&w, "abcdef");
    assert_true(sellify_json_overflowed(&w));
    assert_int_equal(w.len, 8);
    assert_memory_equal(out, "\"abcxxx", 7);

    sellify_json_writer(&w, NULL, 0);
    sellify_json_cstring(&w, "abcdef");
    assert_int_equal(w.len, 8);
}

/* --- faults and problems --- */

static void
faults_are_cut_and_cleaned(void **state)
{
    sellify_faults_t faults = { .count = 0 };
    char longer[400];

    (void) state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    longer[222] = '\xc3'; /* a character that the cut would split */
    longer[223] = '\xa9';
    sellify_fault_add(&faults, longer, longer, "%s", longer);
    sellify_fault_add(&faults, NULL, NULL, "a\nb\x7f");
    assert_int_equal(strlen(faults.items[0].document), 31);
    assert_int_equal(strlen(faults.items[0].detail), 222);
    assert_string_equal(faults.items[1].detail, "a?b?");
    for (int i = 0; i < 20; i++) {
        sellify_fault_add(&faults, "", "", "more");
    }
    assert_int_equal(faults.count, 22);
}

static void
problem_documents(void **state)
{
    sellify_faults_t faults = { .count = 0 };
    sellify_json_writer_t w;
    char out[1024];

    (void) state;
    sellify_fault_add(&faults, "", "/text", "is required");
    sellify_fault_add(&faults, "policy", "/limits/hour", "must be a number");
    sellify_json_writer(&w, out, sizeof(out));
    sellify_problem_write(&w, 400, NULL, &faults);
    out[w.len] = '\0';
    assert_string_equal(out,
        "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
        "\"detail\":\"is required\",\"errors\":[{\"pointer\":\"/text\","
        "\"detail\":\"is required\"},{\"document\":\"policy\",\"pointer\":"
        "\"/limits/hour\",\"detail\":\"must be a number\"}]}");

    sellify_json_writer(&w, out, sizeof(out));
    sellify_problem_write(&w, 599, NULL, NULL);
    out[w.len] = '\0';
    assert_string_equal(out, "{\"type\":\"about:blank\",\"title\":\"Error\","
                             "\"status\":599,\"detail\":\"Error\",\"errors\":"
                             "[]}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_rfc_8259_allows),
        cmocka_unit_test(refuses_with_place_and_reason),
        cmocka_unit_test(nul_bytes_are_no_end),
        cmocka_unit_test(nests_to_the_limit_only),
        cmocka_unit_test(member_count_is_bounded),
        cmocka_unit_test(late_duplicate_among_many_is_found),
        cmocka_unit_test(reads_members),
        cmocka_unit_test(absent_members_keep_what_the_caller_set),
        cmocka_unit_test(unescapes_into_the_arena),
        cmocka_unit_test(lists_every_fault),
        cmocka_unit_test(hostile_bodies_stay_cheap),
        cmocka_unit_test(writes_values),
        cmocka_unit_test(counts_past_the_end),
        cmocka_unit_test(faults_are_cut_and_cleaned),
        cmocka_unit_test(problem_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
