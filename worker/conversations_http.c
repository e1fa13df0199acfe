/* Conversations over HTTP: list, one with its messages. */
#include "conversations.h"
#include "members.h"

#include "flow/pending.h"
#include "http/list.h"
#include "store/conversations_store.h"
#include "text_mask.h"

#include <stdio.h>

#define MESSAGES_MAX 200 /* the newest ones; older ones by cursor */
#define PENDING_MAX 8    /* flows of a chat; more than three are a fault */
#define SCAN_MAX 2000    /* rows looked at for one page */

typedef struct {
    chat_row_t row;
    chat_person_t person;
    char instance[SELLIFY_INSTANCE_NAME_MAX + 1];
} chat_view_t;

/* --- writing --- */

/* "33612345678" of "33612345678@s.whatsapp.net"; null for a LID, which is no
 * phone number. */
static void
phone_member(sellify_json_writer_t *w, sellify_str_t jid, int personal)
{
    const char *at = jid.data ? memchr(jid.data, '@', jid.len) : NULL;
    char masked[TEXT_MASK_PHONE_MAX];

    sellify_json_key(w, "phone");
    if (at == NULL) {
        sellify_json_null(w);
        return;
    }
    jid.len = (size_t) (at - jid.data);
    if (personal) {
        sellify_json_string(w, jid);
        return;
    }
    text_mask_phone(jid, masked, sizeof(masked));
    sellify_json_cstring(w, masked);
}

static void
write_members(sellify_json_writer_t *w, const chat_view_t *v, int personal)
{
    const chat_row_t *row = &v->row;

    member_name(w, "id", row->public_id);
    member_name(w, "instance", v->instance);
    phone_member(w, v->person.jid, personal);
    sellify_json_key(w, "name");
    text_mask_write(w, v->person.name, personal);
    member_name(w, "state", sellify_state_name((sellify_state_t) row->state));
    sellify_json_key(w, "opted_out");
    sellify_json_bool(w, row->opted_out);
    member_time(w, "paused_until", row->paused_until);
    member_name(w, "pause_reason", row->pause_reason);
    sellify_json_key(w, "misunderstandings");
    sellify_json_int(w, row->misunderstandings);
    member_name(w, "product_id", row->product_id);
    member_name(w, "language", row->language);
    member_time(w, "created_at", row->created_at);
    member_time(w, "last_in_at", row->last_in_at);
    member_time(w, "last_out_at", row->last_out_at);
    member_time(w, "last_alert_at", row->last_alert_at);
}

/* --- loading --- */

/* STORE_NONE: not for this key. */
static store_result_t
complete(http_request_t *request, chat_view_t *v)
{
    worker_t *w = request->worker;
    instance_t instance;
    store_result_t result = instances_by_id(w, v->row.instance_id, &instance);

    if (result != STORE_OK) {
        return STORE_FAILED;
    }
    if (!http_identity_may_use(&request->who, sellify_str_of(instance.name))) {
        return STORE_NONE;
    }
    snprintf(v->instance, sizeof(v->instance), "%s", instance.name);
    return chats_store_person(w->store, v->row.id, &v->person);
}

/* --- list --- */

typedef struct {
    chat_view_t *views;
    int count, limit, personal, more, seen;
    int64_t last;
    const http_list_t *list;
} chat_page_t;

static void
write_page(sellify_json_writer_t *w, void *data)
{
    const chat_page_t *page = data;

    http_list_begin(w);
    for (int i = 0; i < page->count; i++) {
        sellify_json_object(w);
        write_members(w, &page->views[i], page->personal);
        sellify_json_object_end(w);
    }
    http_list_end(w, page->more ? page->last : 0);
}

static int
see_chat(void *data, const chat_row_t *row)
{
    chat_page_t *page = data;
    sellify_time_t at = row->created_at * SELLIFY_SECOND;

    if (page->count == page->limit) {
        page->more = 1;
        return 0;
    }
    page->last = row->id;
    page->more = ++page->seen == SCAN_MAX;
    if (at >= page->list->from && at < page->list->to) {
        page->views[page->count++].row = *row;
    }
    return 1;
}

/* 0, or -1 after having answered. */
static int
read_query(
    http_request_t *request, const http_list_t *list, chat_query_t *query)
{
    sellify_str_t state = http_query(request, "state");
    sellify_faults_t faults = { .count = 0 };
    instance_t instance = { .id = 0 };
    store_result_t result;

    *query = (chat_query_t){ .before = list->before, .state = -1 };
    if (state.data != NULL) {
        query->state = sellify_state_parse(state);
        if (query->state < 0) {
            sellify_fault_add(&faults, "", "/state", "is no state");
            http_problem(request, 400, NULL, &faults);
            return -1;
        }
    }
    if (list->instance.len != 0) {
        result = instances_find(request->worker, list->instance, &instance);
        if (result == STORE_FAILED) {
            http_not_ready(request);
            return -1;
        }
        query->instance_id = result == STORE_OK ? instance.id : -1;
    }
    return 0;
}

/* Drops those that are not for this key. */
static store_result_t
complete_page(http_request_t *request, chat_page_t *page)
{
    int kept = 0;
    store_result_t result = STORE_OK;

    for (int i = 0; i < page->count && result != STORE_FAILED; i++) {
        chat_view_t view = page->views[i];

        result = complete(request, &view);
        if (result == STORE_OK) {
            page->views[kept++] = view;
        }
    }
    page->count = kept;
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static void
get_list(http_request_t *request)
{
    http_list_t list;
    chat_query_t query;
    chat_page_t page = { .personal = http_is_personal(request), .list = &list };
    store_result_t result;

    if (http_list_read(request, &list) != 0 ||
        read_query(request, &list, &query) != 0) {
        return;
    }
    page.limit = list.limit;
    page.views = http_alloc(request, (size_t) list.limit * sizeof(*page.views));
    memset(page.views, 0, (size_t) list.limit * sizeof(*page.views));
    result = chats_store_scan(
        request->worker->store, &query, SCAN_MAX, see_chat, &page);
    if (result != STORE_FAILED) {
        result = complete_page(request, &page);
    }
    if (result == STORE_FAILED) {
        http_not_ready(request);
    } else {
        http_reply_built(request, 200, write_page, &page);
    }
    for (int i = 0; i < page.count; i++) {
        chat_person_release(&page.views[i].person);
    }
}

/* --- one --- */

typedef struct {
    chat_view_t view;
    chat_message_t *messages;
    int count, personal;
    flow_pending_t pending[PENDING_MAX];
    int pending_count;
} chat_detail_t;

static void
write_detail(sellify_json_writer_t *w, void *data)
{
    const chat_detail_t *d = data;

    sellify_json_object(w);
    write_members(w, &d->view, d->personal);
    sellify_json_key(w, "messages");
    sellify_json_array(w);
    /* Collected from the newest; a person reads them from the oldest. */
    for (int i = d->count - 1; i >= 0; i--) {
        const chat_message_t *m = &d->messages[i];

        sellify_json_object(w);
        member_time(w, "at", m->at);
        member_name(w, "message_id", m->id_read);
        sellify_json_key(w, "from_me");
        sellify_json_bool(w, m->from_me);
        member_name(w, "origin", m->origin);
        member_name(w, "type", m->type);
        sellify_json_key(w, "text");
        text_mask_write(w, m->text, d->personal);
        sellify_json_object_end(w);
    }
    sellify_json_array_end(w);
    sellify_json_key(w, "pending");
    sellify_json_array(w);
    for (int i = 0; i < d->pending_count; i++) {
        flow_pending_write(w, &d->pending[i]);
    }
    sellify_json_array_end(w);
    sellify_json_object_end(w);
}

static store_result_t
load_messages(http_request_t *request, chat_detail_t *d, int limit)
{
    int64_t before = INT64_MAX;
    store_result_t result = STORE_OK;

    d->messages = http_alloc(request, (size_t) limit * sizeof(*d->messages));
    while (d->count < limit) {
        chat_message_t *m = &d->messages[d->count];

        result = messages_store_before(
            request->worker->store, d->view.row.id, before, m);
        if (result != STORE_OK) {
            break;
        }
        before = m->id;
        d->count++;
    }
    return result == STORE_FAILED ? STORE_FAILED : STORE_OK;
}

static store_result_t
find_chat(http_request_t *request, chat_view_t *v)
{
    worker_t *w = request->worker;
    store_result_t result =
        chats_store_by_public_id(w->store, http_param(request, 0), &v->row);

    if (result == STORE_OK && v->row.merged_into != 0) {
        result = chats_store_by_id(w->store, v->row.merged_into, &v->row);
    }
    return result == STORE_OK ? complete(request, v) : result;
}

static void
get_one(http_request_t *request)
{
    http_list_t list;
    chat_detail_t detail = { .personal = http_is_personal(request) };
    store_result_t result;

    if (http_list_read(request, &list) != 0) {
        return;
    }
    result = find_chat(request, &detail.view);
    if (result == STORE_OK) {
        result = load_messages(
            request, &detail, list.has_paging ? list.limit : MESSAGES_MAX);
    }
    if (result == STORE_OK) {
        result = flow_pending(request->worker, detail.view.row.id,
            detail.pending, PENDING_MAX, &detail.pending_count);
    }
    if (result == STORE_FAILED) {
        http_not_ready(request);
    } else if (result == STORE_NONE) {
        http_problem(request, 404, "there is no such conversation", NULL);
    } else {
        http_reply_built(request, 200, write_detail, &detail);
    }
    for (int i = 0; i < detail.count; i++) {
        store_release(&detail.messages[i].text);
    }
    chat_person_release(&detail.view.person);
}

static const http_route_t routes[] = {
    { HTTP_GET, "/conversations", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_list },
    { HTTP_GET, "/conversations/{id}", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0,
        0, get_one },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

void
conversations_routes_add(worker_t *w)
{
    http_routes_add(w->http, routes);
}
