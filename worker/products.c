/* The catalogue over HTTP: read from the ruleset in force. */
#include "products.h"

#include "http/list.h"
#include "policy.h"

static void
member(sellify_json_writer_t *w, const char *name, sellify_str_t value)
{
    sellify_json_key(w, name);
    sellify_json_string(w, value);
}

static void
write_lists(sellify_json_writer_t *w, const sellify_product_t *p)
{
    sellify_json_key(w, "keywords");
    sellify_json_array(w);
    for (uint32_t i = 0; i < p->keyword_count; i++) {
        sellify_json_string(w, p->keywords[i]);
    }
    sellify_json_array_end(w);
    sellify_json_key(w, "objections");
    sellify_json_array(w);
    for (uint32_t i = 0; i < p->objection_count; i++) {
        sellify_json_object(w);
        member(w, "trigger", p->objections[i].trigger);
        member(w, "answer", p->objections[i].answer);
        sellify_json_object_end(w);
    }
    sellify_json_array_end(w);
    sellify_json_key(w, "media");
    sellify_json_array(w);
    for (uint32_t i = 0; i < p->media_count; i++) {
        sellify_json_object(w);
        member(w, "id", p->media[i].id);
        member(w, "media_type",
            p->media[i].type == SELLIFY_MEDIA_VIDEO ? sellify_str("Video")
                                                    : sellify_str("Image"));
        member(w, "url", p->media[i].url);
        sellify_json_object_end(w);
    }
    sellify_json_array_end(w);
}

static void
write_product(sellify_json_writer_t *w, const sellify_product_t *p)
{
    sellify_json_object(w);
    member(w, "id", p->id);
    member(w, "name", p->name);
    member(w, "short_description", p->short_description);
    member(w, "long_description", p->long_description);
    sellify_json_key(w, "price");
    sellify_json_raw(w, p->price); /* the exact digits, as a number */
    member(w, "currency", p->currency);
    write_lists(w, p);
    sellify_json_key(w, "media_policy");
    sellify_json_object(w);
    sellify_json_key(w, "allow_images");
    sellify_json_bool(w, p->allow_images);
    sellify_json_key(w, "allow_video");
    sellify_json_bool(w, p->allow_video);
    sellify_json_object_end(w);
    sellify_json_object_end(w);
}

typedef struct {
    const sellify_ruleset_t *ruleset;
    size_t from, to;
    int64_t next; /* cursor, 0 none */
} product_page_t;

static void
write_page(sellify_json_writer_t *w, void *data)
{
    const product_page_t *page = data;

    http_list_begin(w);
    for (size_t i = page->from; i < page->to; i++) {
        write_product(w, sellify_ruleset_product_at(page->ruleset, i));
    }
    http_list_end(w, page->next);
}

/* The first Sellify API answered a bare array. */
static void
write_bare(sellify_json_writer_t *w, void *data)
{
    const product_page_t *page = data;

    sellify_json_array(w);
    for (size_t i = page->from; i < page->to; i++) {
        write_product(w, sellify_ruleset_product_at(page->ruleset, i));
    }
    sellify_json_array_end(w);
}

/* The catalogue has no dates: it keeps its own order, and the cursor is the
 * number of products seen. */
static void
get_products(http_request_t *request)
{
    http_list_t list;
    product_page_t page = { .ruleset = policy_ruleset(request->worker) };
    size_t count = sellify_ruleset_product_count(page.ruleset);

    if (http_list_read(request, &list) != 0) {
        return;
    }
    page.to = count;
    if (!list.has_paging) {
        http_reply_built(request, 200, write_bare, &page);
        return;
    }
    if (list.before != INT64_MAX) {
        page.from =
            (uint64_t) list.before < count ? (size_t) list.before : count;
    }
    if (count - page.from > (size_t) list.limit) {
        page.to = page.from + (size_t) list.limit;
        page.next = (int64_t) page.to;
    }
    http_reply_built(request, 200, write_page, &page);
}

static void
write_one(sellify_json_writer_t *w, void *data)
{
    write_product(w, data);
}

static void
get_product(http_request_t *request)
{
    const sellify_product_t *product = sellify_ruleset_product(
        policy_ruleset(request->worker), http_param(request, 0));

    if (product == NULL) {
        http_problem(request, 404, "there is no such product", NULL);
        return;
    }
    http_reply_built(request, 200, write_one, (void *) (uintptr_t) product);
}

static const http_route_t routes[] = {
    { HTTP_GET, "/products", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_products },
    { HTTP_GET, "/products/{id}", HTTP_ACCESS_SCOPE, SELLIFY_SCOPE_READ, 0, 0,
        get_product },
    { 0, NULL, 0, 0, 0, 0, NULL },
};

int
products_setup(worker_t *w)
{
    http_routes_add(w->http, routes);
    return 0;
}

void
products_shutdown(worker_t *w)
{
    (void) w;
}
