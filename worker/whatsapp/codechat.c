/* The `codechat` driver; see codechat.h. */

#include "codechat.h"
#include "../../core/json.h"
#include "../http/client.h"
#include "../log.h"
#include "../memory.h"

#include <cjson/cJSON.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 3000
#define TEXT_TIMEOUT_MS 30000
#define MEDIA_TIMEOUT_MS 90000 /* the server fetches and uploads the medium */
#define STATE_TIMEOUT_MS 5000
#define ANSWER_MAX (4u << 20) /* a thumbnail comes back as an array of bytes */
#define STATE_ANSWER_MAX 65536
#define URL_MAX 1024
#define KEY_MAX 4096
#define MESSAGE_ID_MAX 128

/* One send under way. */
typedef struct {
    worker_t *w;
    int64_t job_id;
    char instance[SELLIFY_INSTANCE_NAME_MAX + 1];
    send_done_fn done;

    send_outcome_t outcome; /* of an answer given without any call */
    const char *reason;
} sending_t;

/* --- what an answer means --- */

typedef enum {
    BODY_NONE = 1,      /* nothing, or null */
    BODY_KEY_ID = 2,    /* an object with keyId: the message's id */
    BODY_NO_KEY_ID = 4, /* an object without */
    BODY_ABSENT = 8,    /* error body: {"exists":false} */
    BODY_FIELDS = 16,   /* error body: the request broke the server's schema */
    BODY_INSTANCE = 32, /* error body: no such instance, said by a guard */
    BODY_MEDIA = 64,    /* error body: the medium could not be fetched */
    BODY_ERROR = 128,   /* any other error body */
    BODY_GARBLED = 256  /* not JSON */
} body_t;
#define BODY_ANY 511u

typedef enum {
    MEANS_SENT = SEND_SENT,
    MEANS_REFUSED = SEND_REFUSED,
    MEANS_RETRY = SEND_RETRY,
    MEANS_UNSURE = SEND_UNSURE,
    MEANS_ASK /* not on WhatsApp, or its socket is down: ask which */
} meaning_t;

/*
 * The first row that fits.  Refused and retry are claimed only where the
 * server's source shows that it answers so before it sends (version 1.3.7:
 * guards, schema, the look-up of the number, the preparation of the medium);
 * a 400 with any other text comes from the sending itself.
 */
static const struct {
    http_call_outcome_t transport;
    int from, to;  /* status */
    unsigned body; /* body_t, or-ed */
    meaning_t means;
    const char *reason;
} meanings[] = {
    { HTTP_CALL_NOT_SENT, 0, 999, BODY_ANY, MEANS_RETRY,
        "whatsapp-api not reached" },
    { HTTP_CALL_BROKEN, 0, 999, BODY_ANY, MEANS_UNSURE, "no whole answer" },
    { HTTP_CALL_ANSWERED, 200, 299, BODY_KEY_ID, MEANS_SENT, "sent" },
    { HTTP_CALL_ANSWERED, 201, 201, BODY_NONE | BODY_NO_KEY_ID, MEANS_REFUSED,
        "nothing was sent" },
    { HTTP_CALL_ANSWERED, 400, 400, BODY_ABSENT, MEANS_ASK, NULL },
    { HTTP_CALL_ANSWERED, 400, 400, BODY_FIELDS, MEANS_REFUSED,
        "request refused" },
    { HTTP_CALL_ANSWERED, 400, 400, BODY_INSTANCE, MEANS_RETRY,
        "unknown instance" },
    { HTTP_CALL_ANSWERED, 400, 400, BODY_MEDIA, MEANS_REFUSED,
        "media not available" },
    { HTTP_CALL_ANSWERED, 400, 400, BODY_ANY, MEANS_UNSURE,
        "error while sending" },
    { HTTP_CALL_ANSWERED, 401, 401, BODY_ANY, MEANS_RETRY, "bad key" },
    { HTTP_CALL_ANSWERED, 403, 403, BODY_ANY, MEANS_RETRY, "forbidden" },
    { HTTP_CALL_ANSWERED, 404, 404, BODY_ANY, MEANS_RETRY, "no such route" },
    { HTTP_CALL_ANSWERED, 413, 413, BODY_ANY, MEANS_REFUSED, "too large" },
    { HTTP_CALL_ANSWERED, 429, 429, BODY_ANY, MEANS_RETRY, "rate limited" },
    { HTTP_CALL_ANSWERED, 300, 399, BODY_ANY, MEANS_RETRY, "redirected" },
    { HTTP_CALL_ANSWERED, 500, 599, BODY_ANY, MEANS_UNSURE, "server error" },
    { HTTP_CALL_ANSWERED, 0, 999, BODY_ANY, MEANS_UNSURE, "unexpected answer" },
};
#define MEANINGS (sizeof(meanings) / sizeof(meanings[0]))

/* Texts of the server by which an error is known; the whole beginning counts. */
static const struct {
    const char *begins, *contains;
    body_t body;
} known_errors[] = {
    { "The \"", "\" instance does not exist or is not connected",
        BODY_INSTANCE },
    { "Owned media must be a url", "", BODY_FIELDS },
    { "Request failed with status code ", "", BODY_MEDIA },
};
#define KNOWN_ERRORS (sizeof(known_errors) / sizeof(known_errors[0]))

/* Checked first: cJSON alone would take bad UTF-8 and trailing bytes. */
static cJSON *
parse_json(sellify_str_t text)
{
    sellify_faults_t faults = { .count = 0 };

    if (sellify_json_check(text, &faults) != 0) {
        return NULL;
    }
    return cJSON_ParseWithLength(text.data, text.len);
}

static body_t
body_of_text(const char *text)
{
    for (size_t i = 0; i < KNOWN_ERRORS; i++) {
        if (strncmp(text, known_errors[i].begins,
                strlen(known_errors[i].begins)) == 0 &&
            strstr(text, known_errors[i].contains) != NULL) {
            return known_errors[i].body;
        }
    }
    return BODY_ERROR;
}

/* {"status","error","message":[what]}: what the first entry says. */
static body_t
body_of_error(const cJSON *root)
{
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(root, "message");
    const cJSON *first = cJSON_GetArrayItem(message, 0);

    if (cJSON_IsString(first)) {
        return body_of_text(first->valuestring);
    }
    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(first, "exists"))) {
        return BODY_ABSENT;
    }
    if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(first, "property")) &&
        cJSON_IsString(cJSON_GetObjectItemCaseSensitive(first, "message"))) {
        return BODY_FIELDS;
    }
    return BODY_ERROR;
}

/* `id` holds MESSAGE_ID_MAX + 1 bytes. */
static body_t
body_of(int status, sellify_str_t text, char *id)
{
    cJSON *root;
    const cJSON *key;
    body_t body = BODY_NO_KEY_ID;

    if (text.len == 0) {
        return BODY_NONE;
    }
    root = parse_json(text);
    if (root == NULL) {
        return BODY_GARBLED;
    }
    key = cJSON_GetObjectItemCaseSensitive(root, "keyId");
    if (cJSON_IsNull(root)) {
        body = BODY_NONE;
    } else if (!cJSON_IsObject(root)) {
        body = BODY_GARBLED;
    } else if (status >= 400) {
        body = body_of_error(root);
    } else if (cJSON_IsString(key) && key->valuestring[0] != '\0') {
        /* An id that does not fit is no reason to doubt the send. */
        snprintf(id, MESSAGE_ID_MAX + 1, "%s", key->valuestring);
        body = BODY_KEY_ID;
    } else if (key != NULL) {
        body = BODY_GARBLED;
    }
    cJSON_Delete(root);
    return body;
}

/* --- answers to the caller --- */

static void
answer(sending_t *s, send_outcome_t outcome, const char *reason,
    const char *message_id)
{
    send_result_t result = { outcome, sellify_str_of(message_id), reason };

    if (outcome != SEND_SENT) {
        log_warn("codechat", outcome == SEND_UNSURE ? "unsure" : "not sent",
            "job %lld: %s", (long long) s->job_id, reason);
    }
    s->done(s->w, s->job_id, &result);
    free(s);
}

static void
on_later(evutil_socket_t fd, short what, void *data)
{
    sending_t *s = data;

    (void) fd;
    (void) what;
    answer(s, s->outcome, s->reason, NULL);
}

/* No call is made: still answered in a later turn. */
static void
answer_later(sending_t *s, send_outcome_t outcome, const char *reason)
{
    const struct timeval now = { 0, 0 };

    s->outcome = outcome;
    s->reason = reason;
    if (event_base_once(s->w->base, -1, EV_TIMEOUT, on_later, s, &now) != 0) {
        abort(); /* out of memory, as in memory.h */
    }
}

/* --- the connection's state --- */

static int
start_call(sending_t *s, http_call_request_t *request, const char *path,
    http_call_done_fn done)
{
    const settings_t *settings = &s->w->settings;
    size_t base = strlen(settings->whatsapp_url);
    char url[URL_MAX], key[KEY_MAX];
    int n;

    while (base > 0 && settings->whatsapp_url[base - 1] == '/') {
        base--;
    }
    n = snprintf(url, sizeof(url), "%.*s/%s/%s", (int) base,
        settings->whatsapp_url, path, s->instance);
    if (n < 0 || (size_t) n >= sizeof(url)) {
        return -1;
    }
    /* The token of one instance is a JWT, the global one is not. */
    n = snprintf(key, sizeof(key), "%s: %s%s",
        strncmp(settings->whatsapp_key, "eyJ", 3) == 0 ? "Authorization"
                                                       : "apikey",
        strncmp(settings->whatsapp_key, "eyJ", 3) == 0 ? "Bearer " : "",
        settings->whatsapp_key);
    if (n < 0 || (size_t) n >= sizeof(key)) {
        return -1;
    }
    request->url = url;
    request->headers[0] = key;
    request->headers[1] = "Accept: application/json";
    request->headers[2] =
        request->body.data ? "Content-Type: application/json" : NULL;
    request->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    http_client_call(s->w->http_client, request, done, free, s);
    explicit_bzero(key, sizeof(key));
    return 0;
}

static void
on_state(void *data, const http_call_result_t *result)
{
    sending_t *s = data;
    cJSON *root = NULL;
    const char *state = NULL;
    int is_open;

    if (result->outcome == HTTP_CALL_ANSWERED && result->status == 200) {
        root = parse_json(result->body);
        state = cJSON_GetStringValue(
            cJSON_GetObjectItemCaseSensitive(root, "state"));
    }
    is_open = state && strcmp(state, "open") == 0;
    cJSON_Delete(root);
    if (is_open) {
        answer(s, SEND_REFUSED, "not on whatsapp", NULL);
    } else {
        answer(s, SEND_RETRY,
            state ? "whatsapp not connected" : "connection state unknown",
            NULL);
    }
}

static void
ask_state(sending_t *s)
{
    http_call_request_t request = {
        .method = "GET",
        .timeout_ms = STATE_TIMEOUT_MS,
        .response_max = STATE_ANSWER_MAX,
    };

    if (start_call(s, &request, "instance/connectionState", on_state) != 0) {
        answer(s, SEND_RETRY, "connection state unknown", NULL);
    }
}

/* --- the send --- */

static void
on_sent(void *data, const http_call_result_t *result)
{
    sending_t *s = data;
    char id[MESSAGE_ID_MAX + 1] = "";
    body_t body = body_of(result->status, result->body, id);

    for (size_t i = 0; i < MEANINGS; i++) {
        if (meanings[i].transport != result->outcome ||
            result->status < meanings[i].from ||
            result->status > meanings[i].to || !(meanings[i].body & body)) {
            continue;
        }
        if (meanings[i].means == MEANS_ASK) {
            ask_state(s);
        } else {
            answer(
                s, (send_outcome_t) meanings[i].means, meanings[i].reason, id);
        }
        return;
    }
    answer(s, SEND_UNSURE, "unexpected answer", NULL);
}

/* "33612345678@s.whatsapp.net" or "22990123456789@lid".  The server takes
 * anything else for a number and mends it, to somebody else's. */
static int
is_full_jid(sellify_str_t address)
{
    static const sellify_str_t hosts[] = { SELLIFY_STR("@s.whatsapp.net"),
        SELLIFY_STR("@lid") };
    size_t digits = 0;

    while (digits < address.len && address.data[digits] >= '0' &&
           address.data[digits] <= '9') {
        digits++;
    }
    for (size_t i = 0; digits > 0 && i < 2; i++) {
        sellify_str_t rest = { address.data + digits, address.len - digits };

        if (sellify_str_equal(rest, hosts[i])) {
            return 1;
        }
    }
    return 0;
}

/* A path segment of its own: no slash, no dot segment. */
static int
is_instance_name(sellify_str_t name)
{
    if (name.len == 0 || name.len > SELLIFY_INSTANCE_NAME_MAX ||
        sellify_str_equal(name, sellify_str(".")) ||
        sellify_str_equal(name, sellify_str(".."))) {
        return 0;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-')) {
            return 0;
        }
    }
    return 1;
}

static void
write_body(sellify_json_writer_t *w, const send_request_t *request)
{
    sellify_json_object(w);
    sellify_json_key(w, "number");
    sellify_json_string(w, request->address);
    sellify_json_key(w, "options");
    sellify_json_object(w);
    if (request->message_id.len > 0) {
        sellify_json_key(w, "messageId");
        sellify_json_string(w, request->message_id);
    }
    sellify_json_object_end(w);
    if (request->kind == SELLIFY_KIND_TEXT) {
        sellify_json_key(w, "textMessage");
        sellify_json_object(w);
        sellify_json_key(w, "text");
        sellify_json_string(w, request->text);
    } else {
        sellify_json_key(w, "mediaMessage");
        sellify_json_object(w);
        sellify_json_key(w, "mediatype");
        sellify_json_cstring(w, sellify_kind_name(request->kind));
        sellify_json_key(w, "media");
        sellify_json_string(w, request->media_url);
        if (request->text.len > 0) { /* the server refuses an empty caption */
            sellify_json_key(w, "caption");
            sellify_json_string(w, request->text);
        }
    }
    sellify_json_object_end(w);
    sellify_json_object_end(w);
}

/* Allocated; holds the customer's address: wipe it. */
static char *
make_body(const send_request_t *request)
{
    sellify_json_writer_t w;
    char *body;

    sellify_json_writer(&w, NULL, 0);
    write_body(&w, request);
    body = memory_get(w.len + 1);
    sellify_json_writer(&w, body, w.len + 1);
    write_body(&w, request);
    body[w.len] = '\0';
    return body;
}

static const char *
refusal_of(const send_request_t *request)
{
    if (!is_full_jid(request->address)) {
        return "address is not a full jid";
    }
    if (request->kind == SELLIFY_KIND_TEXT) {
        return request->text.len > 0 ? NULL : "empty text";
    }
    return request->media_url.len > 0 ? NULL : "no media url";
}

static void
codechat_send(worker_t *w, const send_request_t *request, send_done_fn done)
{
    sending_t *s = memory_get(sizeof(*s));
    http_call_request_t call = { .method = "POST", .once = 1 };
    const char *refusal = refusal_of(request);
    char *body;

    s->w = w;
    s->job_id = request->job_id;
    s->done = done;
    if (!is_instance_name(request->instance)) {
        refusal = "bad instance name";
    }
    if (refusal) {
        answer_later(s, SEND_REFUSED, refusal);
        return;
    }
    memcpy(s->instance, request->instance.data, request->instance.len);
    body = make_body(request);
    call.body = sellify_str_of(body);
    call.response_max = ANSWER_MAX;
    call.timeout_ms =
        request->kind == SELLIFY_KIND_TEXT ? TEXT_TIMEOUT_MS : MEDIA_TIMEOUT_MS;
    if (start_call(s, &call,
            request->kind == SELLIFY_KIND_TEXT ? "message/sendText"
                                               : "message/sendMedia",
            on_sent) != 0) {
        answer_later(s, SEND_RETRY, "url or key too long");
    }
    memory_wipe(body);
}

/* The server does not tell: its list of messages may be switched off. */
static int
codechat_was_sent(worker_t *w, int64_t job_id)
{
    (void) w;
    (void) job_id;
    return -1;
}

const whatsapp_driver_t codechat_driver = {
    .name = "codechat",
    .real = 1,
    .send = codechat_send,
    .was_sent = codechat_was_sent,
};
