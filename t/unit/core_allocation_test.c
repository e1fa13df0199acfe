/*
 * No allocation in decide and validate: the test brings its own malloc, which
 * counts.  Sanitizers bring theirs, so under them there is nothing to count.
 */
#include "core_fixture.h"

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS 0
#endif
#endif
#ifndef COUNTS
#define COUNTS 1
#endif

static size_t allocations;

#if COUNTS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

void *
malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *
realloc(void *block, size_t size)
{
    allocations++;
    return __libc_realloc(block, size);
}
#endif

static const char *const texts[] = {
    "",
    "Bonjour, c'est combien le sac Lina ?",
    "je vais te tuer, arnaque, mon avocat portera plainte",
    "une vid\xc3\xa9o, baskett en c\xcc\xa7uir, r o b o t, 49,90 \xe2\x82\xac",
    "\xf0\x9f\x98\x80 STOP merciiii www.example.com 06 12 34 56 78",
    "remise de 20 % sur https://x.example/a?b code ABC",
};

static char scratch[1 << 20], answer[1 << 18];

static void
decide_and_validate_allocate_nothing(void **state)
{
    sellify_ruleset_t *ruleset =
        fixture_compile("{\"validation\":{\"patterns\":[{\"rule\":\"promise\","
                        "\"pattern\":\"code [a-z]+\"}]}}",
            NULL);
    void *volatile block; /* so that the compiler keeps the call */
    size_t before;

    (void) state;
    if (!COUNTS) {
        sellify_ruleset_free(ruleset);
        skip();
    }
    before = allocations;
    block = malloc(1);
    free(block);
    assert_true(allocations > before); /* it does count */

    before = allocations;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        sellify_decision_input_t in = { .message = sellify_str_of(texts[i]),
            .license_ok = 1,
            .active_hours = 1,
            .quotas_available = 1,
            .accepts_media = 1 };
        static sellify_decision_t decision;
        static sellify_verdict_t verdict;
        sellify_json_writer_t w;

        assert_int_equal(
            sellify_decide(ruleset, &in, scratch, sizeof(scratch), &decision),
            0);
        sellify_validate(
            ruleset, in.message, NULL, 0, scratch, sizeof(scratch), &verdict);
        sellify_json_writer(&w, answer, sizeof(answer));
        sellify_api_write_decision(&w, &decision);
        sellify_api_write_verdict(&w, &verdict, sellify_str(""));
        if (allocations != before) {
            fail_msg("%zu allocations for: %s", allocations - before, texts[i]);
        }
    }
    sellify_ruleset_free(ruleset);
}

static void
reading_a_body_allocates_nothing(void **state)
{
    static const char body[] =
        "{\"incoming_message\":\"caf\\u00e9\",\"instance\":\"a\","
        "\"a\":{\"b\":[1,{\"c\":null}]}}";
    char arena[sizeof(body)];
    static sellify_faults_t faults;
    static sellify_decision_request_t request;
    size_t before;

    (void) state;
    if (!COUNTS) {
        skip();
    }
    before = allocations;
    assert_int_equal(
        sellify_api_read_decision(sellify_str(body), arena, &request, &faults),
        0);
    assert_int_equal(sellify_json_check(sellify_str(body), &faults), 0);
    assert_int_equal(allocations, before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decide_and_validate_allocate_nothing),
        cmocka_unit_test(reading_a_body_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
