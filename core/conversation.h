/*
 * The conversation: seven states, seven events and one transition table.
 * Source: the table "States" of docs/api.md.  Pure; any thread.
 */
#ifndef SELLIFY_CONVERSATION_H
#define SELLIFY_CONVERSATION_H

#include "str.h"

/* The numbers are stored in the database and never change. */
typedef enum {
    SELLIFY_STATE_DISCOVERY = 0,
    SELLIFY_STATE_INTEREST = 1,
    SELLIFY_STATE_INTENT = 2,
    SELLIFY_STATE_OBJECTION = 3,
    SELLIFY_STATE_NEGATIVE = 4,
    SELLIFY_STATE_ESCALATED = 5,
    SELLIFY_STATE_FROZEN = 6
} sellify_state_t;
#define SELLIFY_STATES 7

typedef enum {
    SELLIFY_EVENT_NONE = 0,
    SELLIFY_EVENT_PRODUCT_QUESTION = 1,
    SELLIFY_EVENT_PRICE_INTEREST = 2,
    SELLIFY_EVENT_PURCHASE_INTENT = 3,
    SELLIFY_EVENT_OBJECTION_RAISED = 4,
    SELLIFY_EVENT_NEGATIVE_RESPONSE = 5,
    SELLIFY_EVENT_THREAT_DETECTED = 6,
    SELLIFY_EVENT_FREEZE = 7
} sellify_event_t;
#define SELLIFY_EVENTS 8

/* Names as in the API ("Discovery", "PriceInterest").  The _name functions
 * return a static string, NULL for EVENT_NONE; the _parse functions return the
 * value or -1 for an unknown name. */
const char *sellify_state_name(sellify_state_t state);
const char *sellify_event_name(sellify_event_t event);
int sellify_state_parse(sellify_str_t name);
int sellify_event_parse(sellify_str_t name);

/* Escalated and Frozen: only an operator's resume leaves them. */
int sellify_state_is_terminal(sellify_state_t state);

/* The next state; what the table does not list stays. */
sellify_state_t
sellify_transition(sellify_state_t state, sellify_event_t event);

#endif
