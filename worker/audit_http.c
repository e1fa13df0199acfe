/* The audit over HTTP: write, list, one. */
#include "audit.h"

#include "../core/api.h"
#include "http/list.h"
#include "instances.h"
#include "store/audit_store.h"
#include "text_mask.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SCAN_MAX 2000 /* rows looked at for one page */
#define ID_MAX 128
#define TEXT_MAX 16384 /* characters of a prompt or an answer */

/* --- write --- */

/* Names are those of the first Sellify API. */
typedef struct {
    sellify_str_t id, timestamp, conversation_id, instance, incoming_message;
    sellify_str_t state, chosen_action, action, ai_prompt, ai_response;
    sellify_str_t sent_message, quotas_before, quotas_after, details;
} audit_body_t;

#define AT(member) offsetof(audit_body_t, member)
#define TEXT(member, max)                                                      \
    {                                                                          \
#member, SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE, AT(member), max   \
    }
#define RAW(member)                                                            \
    {                                                                          \
#member, SELLIFY_JSON_RAW, SELLIFY_JSON_NULLABLE, AT(member), 0        \
    }
static const sellify_json_field_t audit_fields[] = {
    TEXT(id, ID_MAX),
    TEXT(timestamp, 40),
    TEXT(conversation_id, ID_MAX),
    TEXT(instance, SELLIFY_INSTANCE_NAME_MAX),
    TEXT(incoming_message, SELLIFY_MESSAGE_CHARS_MAX),
    TEXT(state, 32),
    TEXT(chosen_action, 32),
    TEXT(action, 32),
    TEXT(ai_prompt, TEXT_MAX),
    TEXT(ai_response, TEXT_MAX),
    TEXT(sent_message, TEXT_MAX),
    RAW(quotas_before),
    RAW(quotas_after),
    RAW(details),
};

static int
action_parse(sellify_str_t name)
{
    for (int action = 0; action < SELLIFY_ACTIONS; action++) {
        if (sellify_str_equal(
                name, sellify_str_of(sellify_action_name(action)))) {
            return action;
        }
    }
    return -1;
}

static void
check_object(sellify_str_t raw, const char *pointer, sellify_faults_t *faults)
{
    if (raw.data != NULL && raw.data[0] != '{') {
        sellify_fault_add(faults, "", pointer, "is not an object");
    }
}

/* Unknown names are refused, so that a typing error does not hide an entry from
 * every filter. */
static void
check_names(
    const audit_body_t *body, audit_record_t *record, sellify_faults_t *faults)
{
    sellify_str_t action =
        body->chosen_action.data ? body->chosen_action : body->action;
    sellify_time_t at;

    record->state = record->action = -1;
    if (body->state.data != NULL) {
        record->state = sellify_state_parse(body->state);
        if (record->state < 0) {
            sellify_fault_add(faults, "", "/state", "is no state");
        }
    }
    if (action.data != NULL) {
        record->action = action_parse(action);
        if (record->action < 0) {
            sellify_fault_add(faults, "",
                body->chosen_action.data ? "/chosen_action" : "/action",
                "is no action");
        }
    }
    if (body->timestamp.data != NULL && sellify_time_parse(body->timestamp.data,
                                            body->timestamp.len, &at) != 0) {
        sellify_fault_add(faults, "", "/timestamp", "is no RFC 3339 time");
    }
    if (body->instance.data != NULL &&
        !sellify_instance_name_valid(body->instance)) {
        sellify_fault_add(faults, "", "/instance", "is no instance name");
    }
}

static void
member(sellify_json_writer_t *w, const char *name, sellify_str_t value)
{
    sellify_json_key(w, name);
    if (value.data == NULL) {
        sellify_json_null(w);
    } else {
        sellify_json_string(w, value);
    }
}

static void
raw_member(sellify_json_writer_t *w, const char *name, sellify_str_t value)
{
    sellify_json_key(w, name);
    if (value.data == NULL) {
        sellify_json_null(w);
    } else {
        sellify_json_raw(w, value);
    }
}

/* The same members as an entry of the pipeline, where the caller has them. */
static void
write_payload(sellify_json_writer_t *w, const audit_body_t *body,
    const audit_record_t *record, const char *actor)
{
    sellify_json_object(w);
    member(w, "kind", sellify_str("api"));
    member(w, "id", body->id);
    member(w, "actor", sellify_str_of(actor));
    member(w, "timestamp", body->timestamp);
    member(w, "instance", record->instance);
    member(w, "conversation_id", body->conversation_id);
    member(w, "incoming_message", body->incoming_message);
    member(w, "state", body->state);
    member(w, "action",
        record->action < 0
            ? (sellify_str_t){ NULL, 0 }
            : sellify_str_of(sellify_action_name(record->action)));
    member(w, "ai_prompt", body->ai_prompt);
    member(w, "ai_response", body->ai_response);
    member(w, "sent_message", body->sent_message);
    raw_member(w, "quotas_before", body->quotas_before);
    raw_member(w, "quotas_after", body->quotas_after);
    raw_member(w, "details", body->details);
    sellify_json_object_end(w);
}

/* A key for one instance writes about that one. -1 after having answered. */
static int
find_instance(
    http_request_t *request, const audit_body_t *body, audit_record_t *record)
{
    record->instance = body->instance;
    if (record->instance.len == 0 && request->who.instance_count == 1) {
        record->instance = sellify_str_of(request->who.instances[0]);
    }
    if (request->who.instance_count != 0 &&
        !http_identity_may_use(&request->who, record->instance)) {
        http_problem(request, 403, "the key is not for this instance", NULL);
        return -1;
    }
    return 0;
}

static int
read_body(http_request_t *request, audit_body_t *body, audit_record_t *record)
{
    sellify_faults_t faults = { .count = 0 };
    char *arena = http_alloc(request, request->body.len + 1);

    memset(body, 0, sizeof(*body));
    memset(record, 0, sizeof(*record));
    if (sellify_json_read(request->body, audit_fields,
            sizeof(audit_fields) / sizeof(audit_fields[0]), body, arena,
            &faults) == 0) {
        check_names(body, record, &faults);
        check_object(body->quotas_before, "/quotas_before", &faults);
        check_object(body->quotas_after, "/quotas_after", &faults);
        check_object(body->details, "/details", &faults);
        if (body->id.data != NULL && body->id.len == 0) {
            sellify_fault_add(&faults, "", "/id", "is empty");
        }
    }
    if (faults.count != 0) {
        http_problem(request, 400, NULL, &faults);
        return -1;
    }
    record->kind = "api";
    record->id = body->id;
    record->conversation_id = body->conversation_id;
    return find_instance(request, body, record);
}

/* 0 when the entry stands, new or from before; else it has been answered. */
static int
append_body(http_request_t *request, const audit_body_t *body,
    audit_record_t *record, int64_t *sequence, sellify_time_t *at)
{
    /* Escapes grow a byte to six at most. */
    size_t size = request->body.len * 6 + 1024;
    char *text = http_alloc(request, size);
    sellify_json_writer_t json;

    sellify_json_writer(&json, text, size);
    write_payload(&json, body, record, request->who.key_id);
    record->payload = (sellify_str_t){ text, json.len };
    if (sellify_json_overflowed(&json)) {
        http_problem(request, 413, NULL, NULL);
        return -1;
    }
    switch (audit_append(request->worker, record, sequence, at)) {
    case AUDIT_ADDED:
    case AUDIT_REPEATED:
        return 0;
    case AUDIT_CONFLICT:
        http_problem(request, 409,
            "an entry with this id and another content exists", NULL);
        return -1;
    default:
        http_not_ready(request);
        return -1;
    }
}

typedef struct {
    char id[ID_MAX * 4 + 1];
    int64_t sequence;
    char at[SELLIFY_RFC3339_MAX];
} written_t;

static void
write_written(sellify_json_writer_t *w, void *data)
{
    const written_t *written = data;

    sellify_json_object(w);
    sellify_json_key(w, "id");
    sellify_json_cstring(w, written->id);
    sellify_json_key(w, "sequence");
    sellify_json_int(w, written->sequence);
    sellify_json_key(w, "recorded_at");
    sellify_json_cstring(w, written->at);
    sellify_json_object_end(w);
}

static int
write_entry(http_request_t *request, written_t *out)
{
    audit_body_t body;
    audit_record_t record;
    sellify_time_t at;

    if (read_body(request, &body, &record) != 0 ||
        append_body(request, &body, &record, &out->sequence, &at) != 0) {
        return -1;
    }
    sellify_time_format(at, out->at);
    if (body.id.len != 0) {
        snprintf(
            out->id, sizeof(out->id), "%.*s", (int) body.id.len, body.id.data);
    } else {
        snprintf(out->id, sizeof(out->id), "%" PRId64, out->sequence);
    }
    return 0;
}

static void
post_audit(http_request_t *request)
{
    written_t written;

    if (write_entry(request, &written) == 0) {
        http_reply_built(request, 201, write_written, &written);
    }
}

static void
post_audit_log(http_request_t *request)
{
    written_t written;

    if (write_entry(request, &written) == 0) {
        http_reply_empty(request, 201);
    }
}

/* --- read --- */

typedef struct {
    audit_row_t row;
    sellify_str_t payload; /* as stored; data NULL when erased */
    char *shown;           /* masked and printed, to free */
} audit_view_t;

static const char *const texts[] = { "incoming_message", "ai_prompt",
    "ai_response", "sent_message" };

/* Callers of the API may name a conversation by its phone number. */
static void
mask_conversation(cJSON *root)
{
    cJSON *id = cJSON_GetObjectItemCaseSensitive(root, "conversation_id");
    char masked[TEXT_MASK_PHONE_MAX];

    if (cJSON_IsString(id) && strncmp(id->valuestring, "cnv_", 4) != 0) {
        text_mask_phone(
            sellify_str_of(id->valuestring), masked, sizeof(masked));
        cJSON_SetValuestring(id, masked);
    }
}

static void
mask(cJSON *root)
{
    cJSON *kind = cJSON_GetObjectItemCaseSensitive(root, "kind");

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cJSON *item = cJSON_GetObjectItemCaseSensitive(root, texts[i]);

        if (cJSON_IsString(item) && item->valuestring[0] != '\0') {
            cJSON_ReplaceItemInObjectCaseSensitive(
                root, texts[i], cJSON_CreateString(TEXT_MASKED));
        }
    }
    mask_conversation(root);
    /* What a caller puts into details is not known. */
    if (cJSON_IsString(kind) && strcmp(kind->valuestring, "api") == 0 &&
        cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(root, "details"))) {
        cJSON_ReplaceItemInObjectCaseSensitive(
            root, "details", cJSON_CreateString(TEXT_MASKED));
    }
}

/* {"sequence","recorded_at"} and the payload's members. */
static int
show(audit_view_t *v, int personal)
{
    char at[SELLIFY_RFC3339_MAX];
    cJSON *root = v->payload.data
                      ? cJSON_ParseWithLength(v->payload.data, v->payload.len)
                      : cJSON_CreateObject();

    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        return -1;
    }
    if (v->payload.data == NULL) {
        cJSON_AddStringToObject(root, "kind", v->row.kind);
        cJSON_AddTrueToObject(root, "erased");
    } else if (!personal) {
        mask(root);
    }
    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(root, "id"))) {
        char id[24];

        snprintf(id, sizeof(id), "%" PRId64, v->row.seq);
        cJSON_DeleteItemFromObjectCaseSensitive(root, "id");
        cJSON_AddStringToObject(root, "id", id);
    }
    sellify_time_format(v->row.at, at);
    cJSON_AddNumberToObject(root, "sequence", (double) v->row.seq);
    cJSON_AddStringToObject(root, "recorded_at", at);
    v->shown = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return v->shown == NULL ? -1 : 0;
}

static store_result_t
load_view(http_request_t *request, int64_t seq, audit_view_t *v)
{
    int personal = http_is_personal(request);
    store_result_t result =
        audit_store_get(request->worker->store, seq, &v->row, &v->payload);

    if (result == STORE_OK && show(v, personal) != 0) {
        result = STORE_FAILED;
    }
    store_release(&v->payload);
    return result;
}

/* --- list --- */

typedef struct {
    const http_request_t *request;
    const http_list_t *list;
    int state, action;
    const uint8_t *conversation_hash;
    int64_t found[HTTP_LIST_MAX];
    int count, seen;
    int64_t last; /* last row seen */
    int more;     /* the page is full before the rows are */
} audit_search_t;

static int
see_row(void *data, const audit_row_t *row)
{
    audit_search_t *s = data;
    const http_identity_t *who = &s->request->who;
    sellify_str_t instance = sellify_str_of(row->instance);

    if (s->count == s->list->limit) {
        s->more = 1;
        return 0;
    }
    s->seen++;
    s->last = row->seq;
    if (row->at < s->list->from || row->at >= s->list->to ||
        (s->state >= 0 && row->state != s->state) ||
        (s->action >= 0 && row->action != s->action) ||
        (s->list->instance.len != 0 &&
            !sellify_str_equal(s->list->instance, instance)) ||
        (who->instance_count != 0 && !http_identity_may_use(who, instance))) {
        return 1;
    }
    s->found[s->count++] = row->seq;
    return 1;
}

static int
read_filter(http_request_t *request, const char *name, const char *pointer,
    int (*parse)(sellify_str_t), int *value)
{
    sellify_str_t text = http_query(request, name);
    sellify_faults_t faults = { .count = 0 };

    *value = -1;
    if (text.data == NULL) {
        return 0;
    }
    *value = parse(text);
    if (*value >= 0) {
        return 0;
    }
    sellify_fault_add(&faults, "", pointer, "is no %s", name);
    http_problem(request, 400, NULL, &faults);
    return -1;
}

typedef struct {
    audit_view_t *views;
    int count;
    int64_t last;
} audit_page_t;

static void
write_page(sellify_json_writer_t *w, void *data)
{
    const audit_page_t *page = data;

    http_list_begin(w);
    for (int i = 0; i < page->count; i++) {
        sellify_json_raw(w, sellify_str_of(page->views[i].shown));
    }
    http_list_end(w, page->last);
}

static void
answer_page(http_request_t *request, const audit_search_t *search)
{
    audit_page_t page = { .count = 0 };
    store_result_t result = STORE_OK;

    if (search->more || search->seen == SCAN_MAX) {
        page.last = search->last;
    }
    page.views =
        http_alloc(request, ((size_t) search->count + 1) * sizeof(*page.views));
    memset(page.views, 0, ((size_t) search->count + 1) * sizeof(*page.views));
    for (; page.count < search->count && result == STORE_OK; page.count++) {
        result = load_view(
            request, search->found[page.count], &page.views[page.count]);
    }
    if (result == STORE_OK) {
        http_reply_built(request, 200, write_page, &page);
    } else {
        http_not_ready(request);
    }
    for (int i = 0; i < page.count; i++) {
        free(page.views[i].shown);
    }
}

static void
get_audit(http_request_t *request)
{
    worker_t *w = request->worker;
    http_list_t list;
    audit_search_t search = { .request = request, .list = &list };
    sellify_str_t conversation = http_query(request, "conversation_id");
    uint8_t hash[STORE_HASH_LEN];

    if (http_list_read(request, &list) != 0 ||
        read_filter(request, "state", "/state", sellify_state_parse,
            &search.state) != 0 ||
        read_filter(
            request, "action", "/action", action_parse, &search.action) != 0) {
        return;
    }
    if (conversation.data != NULL) {
        store_hash(w->store, "audit-conversation", conversation, hash);
        search.conversation_hash = hash;
    }
    if (audit_store_scan(w->store, list.before, search.conversation_hash,
            list.instance, SCAN_MAX, see_row, &search) == STORE_FAILED) {
        http_not_ready(request);
        return;
    }
    answer_page(request, &search);
}

/* --- one --- */

/* By the caller's own id first, then by sequence number. */
static store_result_t
find_entry(http_request_t *request, sellify_str_t id, int64_t *seq)
{
    worker_t *w = request->worker;
    uint8_t hash[STORE_HASH_LEN];
    audit_row_t row;
    store_result_t result;

    store_hash(w->store, "audit-id", id, hash);
    result = audit_store_by_id(w->store, hash, &row);
    if (result == STORE_OK) {
        *seq = row.seq;
    }
    if (result != STORE_NONE || id.len == 0 || id.len > 18) {
        return result;
    }
    *seq = 0;
    for (size_t i = 0; i < id.len; i++) {
        if (id.data[i] < '0' || id.data[i] > '9') {
            return STORE_NONE;
        }
        *seq = *seq * 10 + (id.data[i] - '0');
    }
    return STORE_OK;
}

static void
write_one(sellify_json_writer_t *w, void *data)
{
    const audit_view_t *view = data;

    sellify_json_raw(w, sellify_str_of(view->shown));
}

static void
get_one(http_request_t *request)
{
    audit_view_t view = { .shown = NULL };
    int64_t seq;
    store_result_t result = find_entry(request, http_param(request, 0), &seq);

    if (result == STORE_OK) {
        result = load_view(request, seq, &view);
    }
    if (result == STORE_OK && request->who.instance_count != 0 &&
        !http_identity_may_use(
            &request->who, sellify_str_of(view.row.instance))) {
        result = STORE_NONE;
    }
    if (result == STORE_FAILED) {
        http_not_ready(request);
    } else if (result == STORE_NONE) {
        http_problem(request, 404, "there is no such entry", NULL);
    } else {
        http_reply_built(request, 200, write_one, &view);
    }
    free(view.shown);
}

static const http_route_t routes[] = {
    { HTTP_POST, "/audit", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_DECIDE, 0,
        HTTP_ROUTE_BARE | HTTP_ROUTE_IDEMPOTENT, post_audit },
    { HTTP_POST, "/audit/log", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_DECIDE, 0,
        HTTP_ROUTE_IDEMPOTENT, post_audit_log },
    { HTTP_GET, "/audit", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0,
        HTTP_ROUTE_BARE, get_audit },
    { HTTP_GET, "/audit/{id}", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_one },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

void
audit_routes_add(worker_t *w)
{
    http_routes_add(w->http, routes);
}
