/*
 * The transition table of docs/api.md, all 56 pairs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../core/conversation.h"

/* Rows are states, columns events (none first), as docs/api.md has them;
 * D Discovery, I Interest, N Intent, O Objection, G Negative, E Escalated,
 * F Frozen. */
static const char *const table[SELLIFY_STATES] = {
    "DINNOGEF", /* Discovery */
    "IINNOGEF", /* Interest */
    "NNNNOGEF", /* Intent */
    "OINNOGEF", /* Objection */
    "GIGGGGEF", /* Negative */
    "EEEEEEEF", /* Escalated */
    "FFFFFFFF", /* Frozen */
};

static void
transition_follows_the_table(void **state)
{
    (void) state;
    for (int s = 0; s < SELLIFY_STATES; s++) {
        for (int e = 0; e < SELLIFY_EVENTS; e++) {
            char got = "DINOGEF"[sellify_transition(s, e)];
            assert_int_equal(got, table[s][e]);
        }
    }
}

static void
terminal_states_only_freeze(void **state)
{
    (void) state;
    for (int s = 0; s < SELLIFY_STATES; s++) {
        assert_int_equal(sellify_state_is_terminal(s),
            s == SELLIFY_STATE_ESCALATED || s == SELLIFY_STATE_FROZEN);
    }
}

static void
names_round_trip(void **state)
{
    (void) state;
    for (int s = 0; s < SELLIFY_STATES; s++) {
        assert_int_equal(
            sellify_state_parse(sellify_str_of(sellify_state_name(s))), s);
    }
    for (int e = 1; e < SELLIFY_EVENTS; e++) {
        assert_int_equal(
            sellify_event_parse(sellify_str_of(sellify_event_name(e))), e);
    }
    assert_null(sellify_event_name(SELLIFY_EVENT_NONE));
    assert_null(sellify_state_name(99));
    assert_int_equal(sellify_state_parse(sellify_str("discovery")), -1);
    assert_int_equal(sellify_event_parse(sellify_str("")), -1);
    assert_int_equal(sellify_event_parse((sellify_str_t){ NULL, 0 }), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transition_follows_the_table),
        cmocka_unit_test(terminal_states_only_freeze),
        cmocka_unit_test(names_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
