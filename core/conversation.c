/*
 * The conversation's states, events and transition table; see conversation.h.
 */
#include "conversation.h"

static const char *const state_names[SELLIFY_STATES] = {
    [SELLIFY_STATE_DISCOVERY] = "Discovery",
    [SELLIFY_STATE_INTEREST] = "Interest",
    [SELLIFY_STATE_INTENT] = "Intent",
    [SELLIFY_STATE_OBJECTION] = "Objection",
    [SELLIFY_STATE_NEGATIVE] = "Negative",
    [SELLIFY_STATE_ESCALATED] = "Escalated",
    [SELLIFY_STATE_FROZEN] = "Frozen",
};

static const char *const event_names[SELLIFY_EVENTS] = {
    [SELLIFY_EVENT_NONE] = NULL,
    [SELLIFY_EVENT_PRODUCT_QUESTION] = "ProductQuestion",
    [SELLIFY_EVENT_PRICE_INTEREST] = "PriceInterest",
    [SELLIFY_EVENT_PURCHASE_INTENT] = "PurchaseIntent",
    [SELLIFY_EVENT_OBJECTION_RAISED] = "ObjectionRaised",
    [SELLIFY_EVENT_NEGATIVE_RESPONSE] = "NegativeResponse",
    [SELLIFY_EVENT_THREAT_DETECTED] = "ThreatDetected",
    [SELLIFY_EVENT_FREEZE] = "Freeze",
};

/* One line per listed transition, in the order of docs/api.md. */
typedef struct {
    sellify_state_t from;
    sellify_event_t event;
    sellify_state_t to;
} transition_t;

#define T(from, event, to)                                                     \
    {                                                                          \
        SELLIFY_STATE_##from, SELLIFY_EVENT_##event, SELLIFY_STATE_##to        \
    }

static const transition_t transitions[] = {
    T(DISCOVERY, PRODUCT_QUESTION, INTEREST),
    T(DISCOVERY, PRICE_INTEREST, INTENT),
    T(DISCOVERY, PURCHASE_INTENT, INTENT),
    T(DISCOVERY, OBJECTION_RAISED, OBJECTION),
    T(DISCOVERY, NEGATIVE_RESPONSE, NEGATIVE),
    T(DISCOVERY, THREAT_DETECTED, ESCALATED),
    T(DISCOVERY, FREEZE, FROZEN),

    T(INTEREST, PRICE_INTEREST, INTENT),
    T(INTEREST, PURCHASE_INTENT, INTENT),
    T(INTEREST, OBJECTION_RAISED, OBJECTION),
    T(INTEREST, NEGATIVE_RESPONSE, NEGATIVE),
    T(INTEREST, THREAT_DETECTED, ESCALATED),
    T(INTEREST, FREEZE, FROZEN),

    T(INTENT, OBJECTION_RAISED, OBJECTION),
    T(INTENT, NEGATIVE_RESPONSE, NEGATIVE),
    T(INTENT, THREAT_DETECTED, ESCALATED),
    T(INTENT, FREEZE, FROZEN),

    T(OBJECTION, PRODUCT_QUESTION, INTEREST),
    T(OBJECTION, PRICE_INTEREST, INTENT),
    T(OBJECTION, PURCHASE_INTENT, INTENT),
    T(OBJECTION, NEGATIVE_RESPONSE, NEGATIVE),
    T(OBJECTION, THREAT_DETECTED, ESCALATED),
    T(OBJECTION, FREEZE, FROZEN),

    T(NEGATIVE, PRODUCT_QUESTION, INTEREST),
    T(NEGATIVE, THREAT_DETECTED, ESCALATED),
    T(NEGATIVE, FREEZE, FROZEN),

    T(ESCALATED, FREEZE, FROZEN),
};

#undef T

const char *
sellify_state_name(sellify_state_t state)
{
    if ((unsigned) state >= SELLIFY_STATES) {
        return NULL;
    }
    return state_names[state];
}

const char *
sellify_event_name(sellify_event_t event)
{
    if ((unsigned) event >= SELLIFY_EVENTS) {
        return NULL;
    }
    return event_names[event];
}

int
sellify_state_parse(sellify_str_t name)
{
    for (int i = 0; i < SELLIFY_STATES; i++) {
        if (sellify_str_equal(name, sellify_str_of(state_names[i]))) {
            return i;
        }
    }
    return -1;
}

int
sellify_event_parse(sellify_str_t name)
{
    for (int i = SELLIFY_EVENT_NONE + 1; i < SELLIFY_EVENTS; i++) {
        if (sellify_str_equal(name, sellify_str_of(event_names[i]))) {
            return i;
        }
    }
    return -1;
}

int
sellify_state_is_terminal(sellify_state_t state)
{
    return state == SELLIFY_STATE_ESCALATED || state == SELLIFY_STATE_FROZEN;
}

sellify_state_t
sellify_transition(sellify_state_t state, sellify_event_t event)
{
    for (size_t i = 0; i < sizeof(transitions) / sizeof(*transitions); i++) {
        if (transitions[i].from == state && transitions[i].event == event) {
            return transitions[i].to;
        }
    }
    return state;
}
