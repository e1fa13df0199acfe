/*
 * The catalogue document: an array of products.  Unknown members are ignored,
 * because catalogues come from other systems; a member that is known and of
 * the wrong type or size is a fault.
 */
#include "ruleset_internal.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define KEYWORDS_MAX 64
#define OBJECTIONS_MAX 64
#define MEDIA_MAX 32
#define PRICE_MAX ((int64_t) 1000000000 * 10000) /* in 1/10000 */

/* --- lists inside a product --- */

static void
read_keywords(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_product_t *product = target;
    size_t count = 0;

    if (sellify_document_strings(doc, value, KEYWORDS_MAX, 1, 100,
            &product->keywords, &count) == 0) {
        product->keyword_count = (uint32_t) count;
    }
}

static const sellify_member_t objection_members[] = {
    { "trigger", SELLIFY_MEMBER_STRING, offsetof(sellify_objection_t, trigger),
        1, 200, 1, NULL },
    { "answer", SELLIFY_MEMBER_STRING, offsetof(sellify_objection_t, answer), 1,
        2000, 1, NULL },
};

/* Room for the objects of a list, read one by one by table. */
static void *
read_list(sellify_document_t *doc, sellify_str_t value, size_t most,
    const sellify_member_t *members, size_t member_count, size_t item_size,
    uint32_t *count)
{
    sellify_json_walk_t walk;
    char *items;

    if (sellify_document_is(doc, value, '[') != 0 ||
        sellify_document_at_most(doc, value, most) != 0) {
        return NULL;
    }
    items = sellify_region_array(
        doc->region, sellify_document_count(value), item_size);
    if (items == NULL) {
        sellify_document_no_memory(doc);
        return NULL;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter_index(doc, *count);

        sellify_document_members(doc, walk.value, members, member_count,
            SELLIFY_MEMBERS_NULLS, items + *count * item_size);
        *count += 1;
        sellify_document_leave(doc, depth);
    }
    return items;
}

static void
read_objections(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_product_t *product = target;

    product->objections = read_list(doc, value, OBJECTIONS_MAX,
        objection_members, COUNT(objection_members),
        sizeof(sellify_objection_t), &product->objection_count);
}

static void
read_media_type(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_media_t *media = target;
    sellify_str_t name;

    if (sellify_document_string(doc, value, 1, 16, &name) != 0) {
        return;
    }
    if (sellify_str_equal(name, sellify_str("Image"))) {
        media->type = SELLIFY_MEDIA_IMAGE;
    } else if (sellify_str_equal(name, sellify_str("Video"))) {
        media->type = SELLIFY_MEDIA_VIDEO;
    } else {
        sellify_document_fault(doc, value, "must be \"Image\" or \"Video\"");
    }
}

/* https only, with a host, and nothing that a header or a log could trip on. */
static void
read_url(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_media_t *media = target;
    sellify_str_t url;

    if (sellify_document_string(doc, value, 1, 2048, &url) != 0) {
        return;
    }
    if (url.len < 9 || memcmp(url.data, "https://", 8) != 0 ||
        strchr("/?#:@", url.data[8]) != NULL) {
        sellify_document_fault(doc, value, "must be an https URL");
        return;
    }
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char) url.data[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL) {
            sellify_document_fault(doc, value, "must be an https URL");
            return;
        }
    }
    media->url = url;
}

static const sellify_member_t media_members[] = {
    { "id", SELLIFY_MEMBER_STRING, offsetof(sellify_media_t, id), 1, 64, 1,
        NULL },
    { "media_type", SELLIFY_MEMBER_READ, 0, 0, 0, 1, read_media_type },
    { "url", SELLIFY_MEMBER_READ, 0, 0, 0, 1, read_url },
};

static void
read_media(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_product_t *product = target;

    product->media = read_list(doc, value, MEDIA_MAX, media_members,
        COUNT(media_members), sizeof(sellify_media_t), &product->media_count);
}

static const sellify_member_t media_policy_members[] = {
    { "allow_images", SELLIFY_MEMBER_BOOL,
        offsetof(sellify_product_t, allow_images), 0, 0, 0, NULL },
    { "allow_video", SELLIFY_MEMBER_BOOL,
        offsetof(sellify_product_t, allow_video), 0, 0, 0, NULL },
};

static void
read_media_policy(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_document_members(doc, value, media_policy_members,
        COUNT(media_policy_members), SELLIFY_MEMBERS_NULLS, target);
}

/* --- a product --- */

static void
read_price(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_product_t *product = target;

    (void) sellify_document_decimal(
        doc, value, 1, 1, PRICE_MAX, &product->price_minor, &product->price);
}

static void
read_currency(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_product_t *product = target;

    if (sellify_document_string(doc, value, 3, 3, &product->currency) != 0) {
        return;
    }
    for (size_t i = 0; i < product->currency.len; i++) {
        if (product->currency.data[i] < 'A' ||
            product->currency.data[i] > 'Z') {
            sellify_document_fault(
                doc, value, "must be a currency code such as \"EUR\"");
            return;
        }
    }
}

/* An id is part of paths and of answers: no control characters, no slash. */
static void
read_id(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_product_t *product = target;

    if (sellify_document_string(doc, value, 1, 64, &product->id) != 0) {
        return;
    }
    for (size_t i = 0; i < product->id.len; i++) {
        unsigned char c = (unsigned char) product->id.data[i];

        if (c <= 0x20 || c == '/' || c == '?' || c == '#' || c == 0x7f) {
            sellify_document_fault(
                doc, value, "must be an id without spaces, slashes, ? and #");
            return;
        }
    }
}

#define TEXT(name, min, max, required)                                         \
    {                                                                          \
#name, SELLIFY_MEMBER_STRING, offsetof(sellify_product_t, name), min,  \
            max, required, NULL                                                \
    }
#define READ(name, function, required)                                         \
    {                                                                          \
        name, SELLIFY_MEMBER_READ, 0, 0, 0, required, function                 \
    }

static const sellify_member_t product_members[] = {
    READ("id", read_id, 1),
    TEXT(name, 1, 200, 1),
    TEXT(short_description, 0, 1000, 0),
    TEXT(long_description, 0, 8000, 0),
    READ("price", read_price, 1),
    READ("currency", read_currency, 0),
    READ("keywords", read_keywords, 0),
    READ("objections", read_objections, 0),
    READ("media", read_media, 0),
    READ("media_policy", read_media_policy, 0),
};

/* --- the catalogue --- */

static int
compare(sellify_str_t a, sellify_str_t b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int
compare_products(const void *a, const void *b)
{
    return compare(((const sellify_product_t *) a)->id,
        ((const sellify_product_t *) b)->id);
}

static void
check_ids(
    sellify_document_t *doc, const sellify_product_t *products, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (products[i].id.len > 0 &&
            compare(products[i - 1].id, products[i].id) == 0) {
            sellify_document_fault(doc, (sellify_str_t){ 0 },
                "the id \"%.*s\" is used twice", (int) products[i].id.len,
                products[i].id.data);
        }
    }
}

void
sellify_catalogue_read(sellify_document_t *doc, sellify_str_t root,
    sellify_str_t currency, sellify_product_t **products, size_t *count)
{
    sellify_json_walk_t walk;
    sellify_product_t *list;

    *products = NULL;
    *count = 0;
    if (sellify_document_is(doc, root, '[') != 0 ||
        sellify_document_at_most(doc, root, SELLIFY_PRODUCTS_MAX) != 0) {
        return;
    }
    list = sellify_region_array(
        doc->region, sellify_document_count(root), sizeof(*list));
    if (list == NULL) {
        sellify_document_no_memory(doc);
        return;
    }
    sellify_json_walk(&walk, root);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter_index(doc, *count);
        sellify_product_t *product = &list[(*count)++];

        product->currency = currency;
        product->allow_images = 1;
        sellify_document_members(doc, walk.value, product_members,
            COUNT(product_members), SELLIFY_MEMBERS_NULLS, product);
        sellify_document_leave(doc, depth);
    }
    qsort(list, *count, sizeof(*list), compare_products);
    check_ids(doc, list, *count);
    *products = list;
}
