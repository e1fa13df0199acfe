/* API keys over HTTP: list, make, revoke. */
#include "keys.h"
#include "members.h"

#include "../core/api.h"
#include "../core/clock.h"
#include "audit.h"
#include "instances.h"
#include "keys_make.h"
#include "publisher.h"
#include "store/keys_store.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <stdio.h>

static const uint32_t scope_bits[] = { SELLIFY_SCOPE_READ,
    SELLIFY_SCOPE_PERSONAL, SELLIFY_SCOPE_DECIDE, SELLIFY_SCOPE_SEND,
    SELLIFY_SCOPE_WEBHOOK, SELLIFY_SCOPE_ADMIN };

/* A key that is limited to instances must not make one that is not. */
static int
may_manage(http_request_t *request)
{
    if (request->who.instance_count == 0) {
        return 1;
    }
    http_problem(request, 403,
        "a key that is limited to instances cannot manage keys", NULL);
    return 0;
}

/* --- writing --- */

static void
write_scopes(sellify_json_writer_t *w, uint32_t scopes)
{
    sellify_json_key(w, "scopes");
    sellify_json_array(w);
    for (size_t i = 0; i < sizeof(scope_bits) / sizeof(scope_bits[0]); i++) {
        if (scopes & scope_bits[i]) {
            sellify_json_cstring(w, sellify_scope_name(scope_bits[i]));
        }
    }
    sellify_json_array_end(w);
}

static void
write_instances(sellify_json_writer_t *w, const char *names)
{
    sellify_json_key(w, "instances");
    sellify_json_array(w);
    while (*names != '\0') {
        size_t len = strcspn(names, " ");

        sellify_json_string(w, (sellify_str_t){ names, len });
        names += len + (names[len] == ' ');
    }
    sellify_json_array_end(w);
}

/* `text` is the key itself, only when it was made just now. */
static void
write_key(sellify_json_writer_t *w, const key_row_t *row, const char *text)
{
    sellify_json_object(w);
    sellify_json_key(w, "id");
    sellify_json_cstring(w, row->public_id);
    if (text != NULL) {
        sellify_json_key(w, "key");
        sellify_json_cstring(w, text);
    }
    sellify_json_key(w, "name");
    sellify_json_cstring(w, row->name);
    write_scopes(w, row->scopes);
    write_instances(w, row->instances);
    member_time(w, "created_at", row->created_at);
    member_time(w, "expires_at", row->expires_at);
    member_time(w, "last_used_at", row->last_used_at);
    member_time(w, "revoked_at", row->revoked_at);
    sellify_json_object_end(w);
}

/* --- list --- */

typedef struct {
    key_row_t *rows;
    size_t count;
} key_list_t;

static void
write_list(sellify_json_writer_t *w, void *data)
{
    const key_list_t *list = data;

    sellify_json_object(w);
    sellify_json_key(w, "items");
    sellify_json_array(w);
    for (size_t i = 0; i < list->count; i++) {
        write_key(w, &list->rows[i], NULL);
    }
    sellify_json_array_end(w);
    sellify_json_key(w, "next_cursor");
    sellify_json_null(w);
    sellify_json_object_end(w);
}

/* Live ones: there are at most SELLIFY_STATE_KEYS, so one page is all. */
static void
get_keys(http_request_t *request)
{
    worker_t *w = request->worker;
    key_row_t row = { .id = 0 };
    key_list_t list = { .rows = NULL };
    uint32_t live;
    store_result_t result;

    if (!may_manage(request)) {
        return;
    }
    if (keys_store_count_live(w->store, 0, &live) != STORE_OK) {
        http_not_ready(request);
        return;
    }
    list.rows = http_alloc(request, (live + 1) * sizeof(*list.rows));
    while ((result = keys_store_next(w->store, row.id, &row)) == STORE_OK) {
        if (row.revoked_at == 0 && list.count < live) {
            list.rows[list.count++] = row;
        }
    }
    if (result == STORE_FAILED) {
        http_not_ready(request);
        return;
    }
    http_reply_built(request, 200, write_list, &list);
}

/* --- make --- */

typedef struct {
    sellify_str_t name, scopes, instances, expires_at;
} key_body_t;

#define AT(member) offsetof(key_body_t, member)
static const sellify_json_field_t key_fields[] = {
    { "name", SELLIFY_JSON_STRING, SELLIFY_JSON_REQUIRED, AT(name),
        KEYS_NAME_MAX },
    { "scopes", SELLIFY_JSON_RAW, SELLIFY_JSON_REQUIRED, AT(scopes), 0 },
    { "instances", SELLIFY_JSON_RAW, SELLIFY_JSON_NULLABLE, AT(instances), 0 },
    { "expires_at", SELLIFY_JSON_STRING, SELLIFY_JSON_NULLABLE, AT(expires_at),
        40 },
};

typedef struct {
    key_row_t row;
    sellify_faults_t faults;
    size_t instances_len;
} key_making_t;

static void
add_scope(key_making_t *m, const cJSON *item, const char *pointer)
{
    uint32_t bit = 0;

    if (cJSON_IsString(item)) {
        bit = sellify_scope_parse(sellify_str_of(item->valuestring));
    }
    if (bit == 0) {
        sellify_fault_add(&m->faults, "", pointer,
            "is not one of read, personal, decide, send, webhook, admin");
    }
    m->row.scopes |= bit;
}

static void
add_instance(key_making_t *m, const cJSON *item, const char *pointer)
{
    sellify_str_t name = { NULL, 0 };

    if (cJSON_IsString(item)) {
        name = sellify_str_of(item->valuestring);
    }
    if (!sellify_instance_name_valid(name)) {
        sellify_fault_add(&m->faults, "", pointer, "is no instance name");
        return;
    }
    m->instances_len += (size_t) snprintf(m->row.instances + m->instances_len,
        sizeof(m->row.instances) - m->instances_len, "%s%s",
        m->instances_len ? " " : "", name.data);
}

static void
read_list(key_making_t *m, sellify_str_t raw, const char *member, int max,
    void (*add)(key_making_t *, const cJSON *, const char *))
{
    cJSON *list = cJSON_ParseWithLength(raw.data, raw.len);
    const cJSON *item;
    char pointer[64];
    int index = 0;

    snprintf(pointer, sizeof(pointer), "/%s", member);
    if (!cJSON_IsArray(list)) {
        sellify_fault_add(&m->faults, "", pointer, "is not an array");
    } else if (cJSON_GetArraySize(list) > max) {
        sellify_fault_add(
            &m->faults, "", pointer, "has more than %d entries", max);
    } else {
        cJSON_ArrayForEach(item, list)
        {
            snprintf(pointer, sizeof(pointer), "/%s/%d", member, index++);
            add(m, item, pointer);
        }
    }
    cJSON_Delete(list);
}

static void
read_expiry(key_making_t *m, sellify_str_t text, int64_t now)
{
    sellify_time_t at;

    if (text.data == NULL) {
        return;
    }
    if (sellify_time_parse(text.data, text.len, &at) != 0) {
        sellify_fault_add(&m->faults, "", "/expires_at", "is no RFC 3339 time");
        return;
    }
    m->row.expires_at = at / SELLIFY_SECOND;
    if (m->row.expires_at <= now) {
        sellify_fault_add(&m->faults, "", "/expires_at", "is in the past");
    }
}

/* 0, or -1 after having answered 400. */
static int
read_key(http_request_t *request, key_making_t *m)
{
    key_body_t body;
    char *arena = http_alloc(request, request->body.len + 1);

    memset(&body, 0, sizeof(body));
    memset(m, 0, sizeof(*m));
    if (sellify_json_read(request->body, key_fields,
            sizeof(key_fields) / sizeof(key_fields[0]), &body, arena,
            &m->faults) == 0) {
        if (body.name.len == 0) {
            sellify_fault_add(&m->faults, "", "/name", "is empty");
        }
        snprintf(m->row.name, sizeof(m->row.name), "%.*s", (int) body.name.len,
            body.name.data ? body.name.data : "");
        read_list(m, body.scopes, "scopes", 6, add_scope);
        if (m->row.scopes == 0 && m->faults.count == 0) {
            sellify_fault_add(&m->faults, "", "/scopes", "is empty");
        }
        if (body.instances.data != NULL) {
            read_list(m, body.instances, "instances", SELLIFY_KEY_INSTANCES,
                add_instance);
        }
        read_expiry(m, body.expires_at, worker_seconds(request->worker));
    }
    if (m->faults.count != 0) {
        http_problem(request, 400, NULL, &m->faults);
        return -1;
    }
    return 0;
}

/* The state file names instances by their place, so they must exist. */
static store_result_t
ensure_instances(worker_t *w, const char *names)
{
    instance_t instance;
    store_result_t result = STORE_OK;

    while (*names != '\0' && result == STORE_OK) {
        size_t len = strcspn(names, " ");

        result = instances_ensure(w, (sellify_str_t){ names, len }, &instance);
        names += len + (names[len] == ' ');
    }
    return result;
}

static store_result_t
note(http_request_t *request, const char *operation, const char *key_id)
{
    char details[128];
    int len = snprintf(details, sizeof(details),
        "{\"operation\":\"%s\",\"key\":\"%s\"}", operation, key_id);
    audit_entry_t entry = {
        .kind = "operator",
        .actor = sellify_str_of(request->who.key_id),
        .state = -1,
        .new_state = -1,
        .details = { details, (size_t) len },
    };

    return audit_write(request->worker, &entry, NULL);
}

static store_result_t
make(http_request_t *request, key_row_t *row, char text[KEYS_TEXT_MAX])
{
    worker_t *w = request->worker;

    if (keys_new_text(text) != 0 || keys_new_id(row->public_id) != 0 ||
        keys_hash(sellify_str_of(text), row->sha256) != 0) {
        return STORE_FAILED;
    }
    row->created_at = worker_seconds(w);
    if (ensure_instances(w, row->instances) != STORE_OK ||
        keys_store_add(w->store, row) == STORE_FAILED) {
        return STORE_FAILED;
    }
    publisher_touch(w, PUBLISH_KEYS);
    return note(request, "key-make", row->public_id);
}

typedef struct {
    const key_row_t *row;
    char text[KEYS_TEXT_MAX];
} made_key_t;

static void
write_made(sellify_json_writer_t *w, void *data)
{
    const made_key_t *made = data;

    write_key(w, made->row, made->text);
}

static void
post_keys(http_request_t *request)
{
    key_making_t *m = http_alloc(request, sizeof(*m));
    made_key_t made = { .row = &m->row };
    uint32_t live;

    if (!may_manage(request) || read_key(request, m) != 0) {
        return;
    }
    if (keys_store_count_live(request->worker->store, 0, &live) != STORE_OK) {
        http_not_ready(request);
        return;
    }
    if (live >= SELLIFY_STATE_KEYS) {
        http_problem(request, 409, "there are 1024 keys already", NULL);
        return;
    }
    if (make(request, &m->row, made.text) == STORE_FAILED) {
        http_not_ready(request);
    } else {
        http_reply_header(request, "Cache-Control", "no-store");
        http_reply_built(request, 201, write_made, &made);
    }
    OPENSSL_cleanse(made.text, sizeof(made.text));
}

/* --- revoke --- */

static void
delete_key(http_request_t *request)
{
    worker_t *w = request->worker;
    key_row_t row;
    store_result_t result;

    if (!may_manage(request)) {
        return;
    }
    result = keys_store_by_public_id(w->store, http_param(request, 0), &row);
    if (result == STORE_NONE) {
        http_problem(request, 404, "there is no such key", NULL);
        return;
    }
    if (result == STORE_OK && row.revoked_at == 0) {
        result = keys_store_revoke(w->store, row.id, worker_seconds(w));
        if (result != STORE_FAILED) {
            result = note(request, "key-revoke", row.public_id);
        }
        publisher_touch(w, PUBLISH_KEYS);
    }
    if (result == STORE_FAILED) {
        http_not_ready(request);
        return;
    }
    http_reply_empty(request, 204);
}

static const http_route_t routes[] = {
    { HTTP_GET, "/keys", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_ADMIN, 0, 0,
        get_keys },
    { HTTP_POST, "/keys", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_ADMIN, 0, 0,
        post_keys },
    { HTTP_DELETE, "/keys/{id}", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_ADMIN, 0, 0,
        delete_key },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

void
keys_routes_add(worker_t *w)
{
    http_routes_add(w->http, routes);
}
