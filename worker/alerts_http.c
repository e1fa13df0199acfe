/* Alerts over HTTP: list, acknowledge. */
#include "alerts.h"
#include "members.h"

#include "audit.h"
#include "conversations.h"
#include "http/list.h"
#include "instances.h"
#include "store/alerts_store.h"
#include "text_mask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SCAN_MAX 1000 /* rows looked at for one page */

typedef struct {
    alert_row_t row;
    sellify_str_t text;
    char instance[SELLIFY_INSTANCE_NAME_MAX + 1];
    char conversation[40];
} alert_view_t;

typedef struct {
    alert_view_t *views;
    int count, personal;
    int64_t last;
} alert_page_t;

static void
write_alert(sellify_json_writer_t *w, const alert_view_t *v, int personal)
{
    char id[32];

    snprintf(id, sizeof(id), "alr_%" PRId64, v->row.id);
    sellify_json_object(w);
    member_name(w, "id", id);
    member_name(w, "severity",
        alerts_severity_name((alert_severity_t) v->row.severity));
    member_name(w, "reason", v->row.reason);
    member_name(w, "state", v->row.state);
    member_name(w, "instance", v->instance);
    member_name(w, "conversation_id", v->conversation);
    sellify_json_key(w, "occurrences");
    sellify_json_int(w, v->row.occurrences);
    sellify_json_key(w, "text");
    text_mask_write(w, v->text, personal);
    member_time(w, "created_at", v->row.created_at);
    member_time(w, "last_at", v->row.last_at);
    member_time(w, "acknowledged_at", v->row.acked_at);
    member_name(w, "acknowledged_by", v->row.acked_by);
    sellify_json_object_end(w);
}

static void
write_page(sellify_json_writer_t *w, void *data)
{
    const alert_page_t *page = data;

    http_list_begin(w);
    for (int i = 0; i < page->count; i++) {
        write_alert(w, &page->views[i], page->personal);
    }
    http_list_end(w, page->last);
}

/* The names behind the numbers. STORE_NONE: not for this key. */
static store_result_t
complete(http_request_t *request, alert_view_t *v)
{
    worker_t *w = request->worker;
    instance_t instance = { .id = 0 };
    conversation_t chat;
    store_result_t result = STORE_OK;

    if (v->row.instance_id != 0) {
        result = instances_by_id(w, v->row.instance_id, &instance);
        snprintf(v->instance, sizeof(v->instance), "%s", instance.name);
    }
    if (result != STORE_FAILED && v->row.conversation_id != 0) {
        result = conversations_by_id(w, v->row.conversation_id, &chat);
        if (result == STORE_OK) {
            memcpy(v->conversation, chat.public_id, sizeof(v->conversation));
        }
    }
    if (result == STORE_FAILED) {
        return STORE_FAILED;
    }
    return request->who.instance_count == 0 ||
                   http_identity_may_use(
                       &request->who, sellify_str_of(v->instance))
               ? STORE_OK
               : STORE_NONE;
}

static int
wanted(const http_list_t *list, const alert_view_t *v)
{
    sellify_time_t at = v->row.created_at * SELLIFY_SECOND;

    return at >= list->from && at < list->to &&
           (list->instance.len == 0 ||
               sellify_str_equal(list->instance, sellify_str_of(v->instance)));
}

static store_result_t
collect(http_request_t *request, const http_list_t *list, alert_page_t *page)
{
    worker_t *w = request->worker;
    int64_t before = list->before;
    sellify_str_t state = http_query(request, "state");

    for (int seen = 0; seen < SCAN_MAX && page->count < list->limit; seen++) {
        alert_view_t *v = &page->views[page->count];
        store_result_t result, open;

        memset(v, 0, sizeof(*v));
        result =
            alerts_store_before(w->store, before, state, &v->row, &v->text);
        if (result != STORE_OK) {
            page->last = 0;
            return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
        }
        page->last = before = v->row.id;
        open = complete(request, v);
        if (open == STORE_OK && wanted(list, v)) {
            page->count++;
            continue;
        }
        store_release(&v->text);
        if (open == STORE_FAILED) {
            return STORE_FAILED;
        }
    }
    return STORE_OK;
}

static void
get_alerts(http_request_t *request)
{
    http_list_t list;
    alert_page_t page = { .personal = http_is_personal(request) };

    if (http_list_read(request, &list) != 0) {
        return;
    }
    page.views =
        http_alloc(request, ((size_t) list.limit + 1) * sizeof(*page.views));
    if (collect(request, &list, &page) == STORE_OK) {
        http_reply_built(request, 200, write_page, &page);
    } else {
        http_not_ready(request);
    }
    for (int i = 0; i < page.count; i++) {
        store_release(&page.views[i].text);
    }
}

/* --- acknowledge --- */

/* "alr_12"; 0 when it is none. */
static int64_t
parse_id(sellify_str_t text)
{
    int64_t id = 0;

    if (text.len < 5 || text.len > 20 || memcmp(text.data, "alr_", 4) != 0) {
        return 0;
    }
    for (size_t i = 4; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        id = id * 10 + (text.data[i] - '0');
    }
    return id;
}

static store_result_t
note(http_request_t *request, const alert_view_t *v)
{
    char details[96];
    int len = snprintf(details, sizeof(details),
        "{\"operation\":\"alert-ack\",\"alert\":\"alr_%" PRId64 "\"}",
        v->row.id);
    audit_entry_t entry = {
        .kind = "operator",
        .actor = sellify_str_of(request->who.key_id),
        .instance = sellify_str_of(v->instance),
        .conversation_id = sellify_str_of(v->conversation),
        .state = -1,
        .new_state = -1,
        .details = { details, (size_t) len },
    };

    return audit_write(request->worker, &entry, NULL);
}

typedef struct {
    const alert_view_t *view;
    int personal;
} alert_one_t;

static void
write_one(sellify_json_writer_t *w, void *data)
{
    const alert_one_t *one = data;

    write_alert(w, one->view, one->personal);
}

static store_result_t
acknowledge(http_request_t *request, alert_view_t *v)
{
    worker_t *w = request->worker;
    sellify_str_t by = sellify_str_of(request->who.key_id);

    if (v->row.acked_at != 0) {
        return STORE_OK; /* the first one stands */
    }
    if (alerts_store_ack(w->store, v->row.id, worker_seconds(w), by) ==
        STORE_FAILED) {
        return STORE_FAILED;
    }
    v->row.acked_at = worker_seconds(w);
    snprintf(v->row.state, sizeof(v->row.state), "acknowledged");
    snprintf(
        v->row.acked_by, sizeof(v->row.acked_by), "%s", request->who.key_id);
    return note(request, v);
}

static void
post_ack(http_request_t *request)
{
    worker_t *w = request->worker;
    alert_view_t v = { .text = { NULL, 0 } };
    alert_one_t one = { &v, http_is_personal(request) };
    int64_t id = parse_id(http_param(request, 0));
    store_result_t result =
        id == 0 ? STORE_NONE : alerts_store_get(w->store, id, &v.row, &v.text);

    if (result == STORE_OK) {
        result = complete(request, &v);
    }
    if (result == STORE_OK) {
        result = acknowledge(request, &v);
    }
    if (result == STORE_FAILED) {
        http_not_ready(request);
    } else if (result == STORE_NONE) {
        http_problem(request, 404, "there is no such alert", NULL);
    } else {
        http_reply_built(request, 200, write_one, &one);
    }
    store_release(&v.text);
}

static const http_route_t routes[] = {
    { HTTP_GET, "/alerts", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_alerts },
    { HTTP_POST, "/alerts/{id}/ack", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_ADMIN, 0,
        HTTP_ROUTE_BODY_OPTIONAL, post_ack },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

void
alerts_routes_add(worker_t *w)
{
    http_routes_add(w->http, routes);
}
