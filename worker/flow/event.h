/*
 * One inbound event in neutral terms.  Each dialect of whatsapp-api has a
 * parser that fills it; nothing behind the parsers knows a dialect.  Strings
 * point into the parsed body and live as long as it.
 */
#ifndef SELLIFY_FLOW_EVENT_H
#define SELLIFY_FLOW_EVENT_H

#include "../../core/decision.h"
#include "../../core/str.h"

#include <cjson/cJSON.h>

typedef enum {
    FLOW_EVENT_MESSAGE, /* a message in a chat, theirs or ours */
    FLOW_EVENT_HISTORY, /* a message older than the connection: never answered
                         */
    FLOW_EVENT_RECEIPT, /* what became of a message of ours */
    FLOW_EVENT_CONNECTION, /* the instance's link to WhatsApp */
    FLOW_EVENT_UNKNOWN     /* acknowledged, counted, nothing else */
} flow_event_kind_t;

/* What a message carries, as far as the pipeline must tell apart. */
typedef enum {
    FLOW_CONTENT_MESSAGE,
    FLOW_CONTENT_REACTION,
    FLOW_CONTENT_PROTOCOL /* revoke, edit, key distribution, poll vote ... */
} flow_content_t;

typedef struct {
    flow_event_kind_t kind;
    sellify_str_t name;     /* as the server calls it: "messages.upsert" */
    sellify_str_t instance; /* name */

    /* MESSAGE, HISTORY and RECEIPT */
    sellify_str_t message_id;
    sellify_str_t jid, lid; /* of the chat; either may be empty */
    int from_me, is_group, is_broadcast;

    /* MESSAGE */
    sellify_str_t push_name;
    flow_content_t content;
    sellify_message_type_t type;
    sellify_str_t text; /* a caption is text; valid UTF-8 */
    int64_t at;         /* sender's time, UTC seconds; 0 not told */

    /* RECEIPT: the send failed (1), reached the server or further (0), or
     * neither is told (-1) */
    int failed;

    /* CONNECTION */
    int open;            /* 1 open, 0 not */
    sellify_str_t state; /* "open", "close", "connecting", "refused" ... */
} flow_event_t;

/* Longest message id and address that are taken, bytes. */
#define FLOW_ID_MAX 127

/* Called once per event; returns 0, or -1 to stop at once (store failed). */
typedef int (*flow_emit_fn)(void *data, const flow_event_t *event);

typedef struct {
    const char *name;    /* of the dialect */
    const char *drivers; /* " codechat simulator ": who speaks it */
    /* Takes one body.  `hint` is the event's name from the URL path, or empty.
     * Returns 0; -1 when emit stopped; or -2 with `fault` set (a static text)
     * and `pointer` of the member when the body is no event. */
    int (*parse)(const cJSON *body, sellify_str_t hint, flow_emit_fn emit,
        void *data, const char **pointer, const char **fault);
} flow_dialect_t;

/* The dialect that a driver's server speaks, or NULL. */
const flow_dialect_t *flow_dialect(const char *driver);

/* CodeChat whatsapp-api 1.3.x. */
int codechat_webhook_parse(const cJSON *body, sellify_str_t hint,
    flow_emit_fn emit, void *data, const char **pointer, const char **fault);

#endif
