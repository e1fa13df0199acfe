/*
 * Webhook bodies of CodeChat whatsapp-api 1.3.x -> neutral events.  The shapes
 * are those of its whatsapp.service.ts (sendDataWebhook and its callers): JSON
 * that went through protobuf, so that 64-bit integers may be numbers, strings
 * or {low,high}, and undefined members are missing.
 */
#include "event.h"

#include <limits.h>
#include <stdlib.h>

#define CODECHAT_WRAPS_MAX 5

typedef struct {
    const char *name;
    flow_content_t content;
    sellify_message_type_t type;
    const char *text; /* member that holds the text, or NULL */
} codechat_type_t;

/* Content types of WAProto, by their member name. */
static const codechat_type_t codechat_types[] = {
    { "conversation", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT, "text" },
    { "extendedTextMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT,
        "text" },
    { "imageMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_IMAGE, "caption" },
    { "videoMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_VIDEO, "caption" },
    { "ptvMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_VIDEO, "caption" },
    { "documentMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_DOCUMENT,
        "caption" },
    { "audioMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_AUDIO, NULL },
    { "stickerMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_STICKER, NULL },
    { "lottieStickerMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_STICKER,
        NULL },
    { "locationMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_LOCATION, NULL },
    { "liveLocationMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_LOCATION,
        "caption" },
    { "contactMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_CONTACT, NULL },
    { "contactsArrayMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_CONTACT,
        NULL },
    { "buttonsResponseMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT,
        "selectedDisplayText" },
    { "templateButtonReplyMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT,
        "selectedDisplayText" },
    { "listResponseMessage", FLOW_CONTENT_MESSAGE, SELLIFY_MESSAGE_TEXT,
        "title" },
    { "reactionMessage", FLOW_CONTENT_REACTION, SELLIFY_MESSAGE_UNKNOWN, NULL },
    { "encReactionMessage", FLOW_CONTENT_REACTION, SELLIFY_MESSAGE_UNKNOWN,
        NULL },
    { "protocolMessage", FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN, NULL },
    { "editedMessage", FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN, NULL },
    { "senderKeyDistributionMessage", FLOW_CONTENT_PROTOCOL,
        SELLIFY_MESSAGE_UNKNOWN, NULL },
    { "messageContextInfo", FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN,
        NULL },
    { "pollUpdateMessage", FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN,
        NULL },
    { "keepInChatMessage", FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN,
        NULL },
    { "pinInChatMessage", FLOW_CONTENT_PROTOCOL, SELLIFY_MESSAGE_UNKNOWN,
        NULL },
};

/* Envelopes: the message proper is under "message" inside. */
static const char *const codechat_wraps[] = { "ephemeralMessage",
    "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension",
    "documentWithCaptionMessage", "groupMentionedMessage",
    "deviceSentMessage" };

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static sellify_str_t
codechat_string(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) ? sellify_str_of(item->valuestring)
                                : (sellify_str_t){ NULL, 0 };
}

static int
codechat_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* A 64-bit integer as a number, a string or protobuf's {low,high}; else 0. */
static int64_t
codechat_integer(const cJSON *item)
{
    const cJSON *low;
    char *end;
    long long value;

    if (cJSON_IsNumber(item)) {
        return item->valuedouble > 0 && item->valuedouble < 9e15
                   ? (int64_t) item->valuedouble
                   : 0;
    }

    if (cJSON_IsString(item)) {
        value = strtoll(item->valuestring, &end, 10);
        return *end == '\0' && value > 0 && value != LLONG_MAX ? value : 0;
    }

    low = cJSON_GetObjectItemCaseSensitive(item, "low");
    return low != NULL && cJSON_IsNumber(low) && low->valuedouble > 0
               ? (int64_t) low->valuedouble
               : 0;
}

static int
ends_with(sellify_str_t text, const char *end)
{
    size_t len = strlen(end);

    return text.len >= len && memcmp(text.data + text.len - len, end, len) == 0;
}

/* Sorts an address into jid or lid, and knows groups and broadcasts. */
static void
codechat_address(flow_event_t *event, sellify_str_t address)
{
    if (address.len == 0 || address.len > FLOW_ID_MAX) {
        return;
    }

    if (ends_with(address, "@g.us")) {
        event->is_group = 1;

    } else if (ends_with(address, "@broadcast") ||
               ends_with(address, "@newsletter")) {
        event->is_broadcast = 1;

    } else if (ends_with(address, "@lid")) {
        event->lid = address;

    } else if (ends_with(address, "@s.whatsapp.net") ||
               ends_with(address, "@c.us")) {
        event->jid = address;
    }
}

static const codechat_type_t *
codechat_type(const char *name)
{
    size_t i;

    for (i = 0; name != NULL && i < COUNT(codechat_types); i++) {
        if (strcmp(codechat_types[i].name, name) == 0) {
            return &codechat_types[i];
        }
    }

    return NULL;
}

static int
codechat_is_wrap(const char *name)
{
    size_t i;

    for (i = 0; name != NULL && i < COUNT(codechat_wraps); i++) {
        if (strcmp(codechat_wraps[i], name) == 0) {
            return 1;
        }
    }

    return 0;
}

/* The member of a WAProto message that carries it: not the bookkeeping that
 * travels beside it. */
static const cJSON *
codechat_carrier(const cJSON *message)
{
    const cJSON *item, *fallback = NULL;

    cJSON_ArrayForEach(item, message)
    {
        if (cJSON_IsNull(item)) {
            continue;
        }

        if (strcmp(item->string, "messageContextInfo") == 0 ||
            strcmp(item->string, "senderKeyDistributionMessage") == 0) {
            fallback = fallback == NULL ? item : fallback;
            continue;
        }

        return item;
    }

    return fallback;
}

/* Unwraps and reads the content of one message. */
static void
codechat_content(flow_event_t *event, const char *name, const cJSON *content)
{
    const codechat_type_t *type;
    const cJSON *inner;
    unsigned depth;

    for (depth = 0; codechat_is_wrap(name) && depth < CODECHAT_WRAPS_MAX;
         depth++) {
        inner = cJSON_GetObjectItemCaseSensitive(content, "message");
        content = cJSON_IsObject(inner) ? codechat_carrier(inner) : NULL;
        name = content != NULL ? content->string : NULL;
    }

    type = codechat_type(name);
    if (type == NULL) {
        event->content = FLOW_CONTENT_MESSAGE;
        event->type = SELLIFY_MESSAGE_UNKNOWN;
        return;
    }

    event->content = type->content;
    event->type = type->type;

    if (type->text == NULL) {
        return;
    }

    event->text = cJSON_IsString(content)
                      ? sellify_str_of(content->valuestring)
                      : codechat_string(content, type->text);
}

/* Fills what every message shape has.  -1 when it has no usable id. */
static int
codechat_key(flow_event_t *event, const cJSON *data)
{
    event->message_id = codechat_string(data, "keyId");
    event->from_me = codechat_true(data, "keyFromMe");
    event->is_group = codechat_true(data, "isGroup");

    codechat_address(event, codechat_string(data, "keyLid"));
    codechat_address(event, codechat_string(data, "keyRemoteJid"));

    return event->message_id.len > 0 && event->message_id.len <= FLOW_ID_MAX
               ? 0
               : -1;
}

static const char *
codechat_message(flow_event_t *event, const cJSON *data, const char **pointer)
{
    const cJSON *content;
    sellify_str_t type = codechat_string(data, "messageType");

    if (codechat_key(event, data) != 0) {
        *pointer = "/data/keyId";
        return "must be a string of 1 to 127 bytes";
    }

    content = cJSON_GetObjectItemCaseSensitive(data, "content");
    event->push_name = codechat_string(data, "pushName");
    event->at = codechat_integer(
        cJSON_GetObjectItemCaseSensitive(data, "messageTimestamp"));
    codechat_content(event, type.data, content);

    return NULL;
}

static const char *
codechat_receipt(flow_event_t *event, const cJSON *data, const char **pointer)
{
    sellify_str_t status = codechat_string(data, "status");

    (void) pointer;

    event->kind = FLOW_EVENT_RECEIPT;
    event->message_id = codechat_string(data, "id");
    event->from_me = codechat_true(data, "fromMe");
    event->failed = -1;
    codechat_address(event, codechat_string(data, "remoteJid"));

    if (sellify_str_equal(status, sellify_str("ERROR"))) {
        event->failed = 1;

    } else if (status.len > 0 &&
               !sellify_str_equal(status, sellify_str("PENDING"))) {
        event->failed = 0;
    }

    /* Updates without an id or a status say nothing to us (edits do so). */
    if (event->message_id.len == 0 || event->message_id.len > FLOW_ID_MAX) {
        event->kind = FLOW_EVENT_UNKNOWN;
    }

    return NULL;
}

static const char *
codechat_connection(
    flow_event_t *event, const cJSON *data, const char **pointer)
{
    event->kind = FLOW_EVENT_CONNECTION;
    event->state = codechat_string(data, "state");

    if (event->state.len == 0) {
        *pointer = "/data/state";
        return "must be a string";
    }

    event->open = sellify_str_equal(event->state, sellify_str("open"));
    return NULL;
}

/* "removed" ends the link; "loaded" and the like say nothing about it. */
static const char *
codechat_status(flow_event_t *event, const cJSON *data, const char **pointer)
{
    (void) pointer;

    event->state = codechat_string(data, "status");

    if (sellify_str_equal(event->state, sellify_str("removed"))) {
        event->kind = FLOW_EVENT_CONNECTION;
        event->open = 0;
    } else {
        event->kind = FLOW_EVENT_UNKNOWN;
    }

    return NULL;
}

static const char *
codechat_upsert(flow_event_t *event, const cJSON *data, const char **pointer)
{
    event->kind = FLOW_EVENT_MESSAGE;
    return codechat_message(event, data, pointer);
}

static const char *
codechat_history(flow_event_t *event, const cJSON *data, const char **pointer)
{
    event->kind = FLOW_EVENT_HISTORY;
    return codechat_message(event, data, pointer);
}

typedef const char *(*codechat_read_fn)(
    flow_event_t *event, const cJSON *data, const char **pointer);

static const struct {
    const char *name;
    codechat_read_fn read;
} codechat_events[] = {
    { "messages.upsert", codechat_upsert },
    { "send.message", codechat_upsert },
    { "messages.set", codechat_history },
    { "messages.update", codechat_receipt },
    { "connection.update", codechat_connection },
    { "status.instance", codechat_status },
};

/* "messages-upsert", as a URL has it, is "messages.upsert". */
static int
codechat_named(sellify_str_t given, const char *name)
{
    size_t i, len = strlen(name);

    if (given.len != len) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (given.data[i] != name[i] &&
            !(name[i] == '.' && given.data[i] == '-')) {
            return 0;
        }
    }

    return 1;
}

static codechat_read_fn
codechat_reader(sellify_str_t name)
{
    size_t i;

    for (i = 0; i < COUNT(codechat_events); i++) {
        if (codechat_named(name, codechat_events[i].name)) {
            return codechat_events[i].read;
        }
    }

    return NULL;
}

/* {"name":"shop", ...}, or the name alone. */
static sellify_str_t
codechat_instance(const cJSON *body)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, "instance");

    if (cJSON_IsString(item)) {
        return sellify_str_of(item->valuestring);
    }

    return codechat_string(item, "name");
}

typedef struct {
    flow_emit_fn emit;
    void *data;
    const char **pointer, **fault;
    flow_event_t frame; /* name and instance, for each event of the body */
    codechat_read_fn read;
} codechat_parse_t;

static int
codechat_one(codechat_parse_t *parse, const cJSON *data)
{
    flow_event_t event = parse->frame;

    if (!cJSON_IsObject(data)) {
        *parse->pointer = "/data";
        *parse->fault = "must be an object";
        return -2;
    }

    *parse->fault = parse->read(&event, data, parse->pointer);
    if (*parse->fault != NULL) {
        return -2;
    }

    return parse->emit(parse->data, &event) == 0 ? 0 : -1;
}

/* One bad event among several must not lose the others: the server does not
 * send a refused body again. */
static int
codechat_skip(codechat_parse_t *parse)
{
    flow_event_t event = parse->frame;

    event.kind = FLOW_EVENT_UNKNOWN;
    *parse->fault = NULL;

    return parse->emit(parse->data, &event) == 0 ? 0 : -1;
}

static int
codechat_body(codechat_parse_t *parse, const cJSON *body, sellify_str_t hint)
{
    const cJSON *data, *item;
    sellify_str_t name;
    int rc;

    memset(&parse->frame, 0, sizeof(parse->frame));

    if (!cJSON_IsObject(body)) {
        *parse->pointer = "";
        *parse->fault = "must be an object";
        return -2;
    }

    name = codechat_string(body, "event");
    parse->frame.name = name.len > 0 ? name : hint;
    parse->frame.instance = codechat_instance(body);
    parse->frame.kind = FLOW_EVENT_UNKNOWN;

    if (parse->frame.name.len == 0) {
        *parse->pointer = "/event";
        *parse->fault = "must be a string";
        return -2;
    }

    parse->read = codechat_reader(parse->frame.name);
    if (parse->read == NULL) {
        return parse->emit(parse->data, &parse->frame) == 0 ? 0 : -1;
    }

    data = cJSON_GetObjectItemCaseSensitive(body, "data");
    if (!cJSON_IsArray(data)) {
        return codechat_one(parse, data);
    }

    cJSON_ArrayForEach(item, data)
    {
        rc = codechat_one(parse, item);
        if (rc == -2) {
            rc = codechat_skip(parse);
        }
        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}

int
codechat_webhook_parse(const cJSON *body, sellify_str_t hint, flow_emit_fn emit,
    void *data, const char **pointer, const char **fault)
{
    codechat_parse_t parse = {
        .emit = emit, .data = data, .pointer = pointer, .fault = fault
    };
    const cJSON *item;
    int rc;

    if (!cJSON_IsArray(body)) {
        return codechat_body(&parse, body, hint);
    }

    cJSON_ArrayForEach(item, body)
    {
        rc = codechat_body(&parse, item, hint);
        if (rc == -2) {
            rc = codechat_skip(&parse);
        }
        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}
