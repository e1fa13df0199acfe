/* The generator: known answers, evenness, ids. */
#include "../../core/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void
splitmix64_known_answers(void **state)
{
    /* first outputs of Vigna's splitmix64.c for these seeds */
    static const uint64_t of_1234567[] = { 6457827717110365317ull,
        3203168211198807973ull, 9817491932198370423ull, 4593380528125082431ull,
        16408922859458223821ull };
    static const uint64_t of_0[] = { 0xe220a8397b1dcdafull,
        0x6e789e6aa1b965f4ull, 0x06c45d188009454full };
    sellify_rng_t rng = sellify_rng(1234567), copy;

    (void) state;
    for (int i = 0; i < 5; i++) {
        assert_true(sellify_rng_next(&rng) == of_1234567[i]);
    }
    copy = rng;
    assert_true(sellify_rng_next(&copy) == sellify_rng_next(&rng));
    rng = sellify_rng(0);
    for (int i = 0; i < 3; i++) {
        assert_true(sellify_rng_next(&rng) == of_0[i]);
    }
}

static void
seed_is_the_start_of_sha256(void **state)
{
    (void) state;
    /* SHA-256("abc") = ba7816bf 8f01cfea ...; of nothing e3b0c442 98fc1c14 */
    assert_true(
        sellify_rng_seed_of(sellify_str("abc")) == 0xeacf018fbf1678baull);
    assert_true(sellify_rng_seed_of((sellify_str_t){ NULL, 0 }) ==
                0x141cfc9842c4b0e3ull);
}

static void
between_keeps_its_bounds_and_is_even(void **state)
{
    sellify_rng_t rng = sellify_rng(7);
    unsigned seen[6] = { 0 };
    double chi = 0;

    (void) state;
    for (int i = 0; i < 60000; i++) {
        uint64_t v = sellify_rng_between(&rng, 10, 15);

        assert_in_range(v, 10, 15);
        seen[v - 10]++;
    }
    for (int i = 0; i < 6; i++) {
        chi += (seen[i] - 10000.0) * (seen[i] - 10000.0) / 10000.0;
    }
    assert_true(chi < 20.5); /* 5 degrees of freedom, p = 0.001 */
    assert_true(sellify_rng_between(&rng, 3, 3) == 3);
    assert_true(sellify_rng_between(&rng, 9, 3) == 9);
}

static void
between_has_no_modulo_bias(void **state)
{
    /* A range of 3/4 of 2^64: a plain modulo gives its lower third twice as
     * often as the rest. */
    sellify_rng_t rng = sellify_rng(11), all;
    uint64_t high = 3ull << 62, low_third = 0;

    (void) state;
    for (int i = 0; i < 30000; i++) {
        uint64_t v = sellify_rng_between(&rng, 0, high);

        assert_true(v <= high);
        low_third += v < 1ull << 62;
    }
    assert_in_range(low_third, 9700, 10300);
    rng = sellify_rng(5);
    all = rng;
    assert_true(
        sellify_rng_between(&rng, 0, UINT64_MAX) == sellify_rng_next(&all));
}

static void
request_ids_are_hex_and_differ(void **state)
{
    sellify_rng_t rng = sellify_rng(0);
    char a[33], b[33];

    (void) state;
    sellify_rng_request_id(&rng, a);
    sellify_rng_request_id(&rng, b);
    assert_string_equal(a, "e220a8397b1dcdaf6e789e6aa1b965f4");
    assert_int_equal(strspn(b, "0123456789abcdef"), SELLIFY_REQUEST_ID_LEN);
    assert_string_not_equal(a, b);
}

static void
secrets_differ(void **state)
{
    unsigned char a[32] = { 0 }, b[32] = { 0 };

    (void) state;
    assert_int_equal(sellify_rng_secret(a, sizeof(a)), 0);
    assert_int_equal(sellify_rng_secret(b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(sellify_rng_secret(a, (size_t) 1 << 40), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitmix64_known_answers),
        cmocka_unit_test(seed_is_the_start_of_sha256),
        cmocka_unit_test(between_keeps_its_bounds_and_is_even),
        cmocka_unit_test(between_has_no_modulo_bias),
        cmocka_unit_test(request_ids_are_hex_and_differ),
        cmocka_unit_test(secrets_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
