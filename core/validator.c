/* Compiles what validation needs of policy, lexicons and catalogue. */
#include "validator_internal.h"

#include <stdlib.h>

struct sellify_validator_builder {
    sellify_region_t *region, *scratch;
    sellify_matcher_builder_t *matcher;
    sellify_validator_t *validator;
    sellify_claim_t *claims; /* in scratch */
    size_t claim_count, claim_room;
    sellify_folding_t folding;
    void *fold_memory;
    size_t fold_size;
};

sellify_validator_builder_t *
sellify_validator_begin(sellify_region_t *region, sellify_region_t *scratch)
{
    sellify_validator_builder_t *b = sellify_region_alloc(scratch, sizeof(*b));

    if (b == NULL) {
        return NULL;
    }
    b->region = region;
    b->scratch = scratch;
    b->matcher = sellify_matcher_begin(region, scratch);
    b->validator = sellify_region_alloc(region, sizeof(*b->validator));
    if (b->matcher == NULL || b->validator == NULL) {
        return NULL;
    }
    sellify_folding_init(&b->folding);
    return b;
}

const char *
sellify_validator_term(sellify_validator_builder_t *b,
    sellify_check_class_t class_id, sellify_str_t text, sellify_str_t sense,
    uint32_t value)
{
    sellify_term_t term = { 0 };

    term.text = text;
    term.sense = sense;
    term.class_id = class_id;
    term.value = value;
    switch (class_id) {
    case SELLIFY_CHECK_WORD:
    case SELLIFY_CHECK_TOPIC:
        term.flags = SELLIFY_TERM_GUARDED;
        break;
    case SELLIFY_CHECK_NUMBER:
    case SELLIFY_CHECK_CURRENCY:
        term.flags = SELLIFY_TERM_COUNTED;
        break;
    default:
        break;
    }
    return sellify_matcher_add(b->matcher, &term);
}

const char *
sellify_validator_exception(
    sellify_validator_builder_t *b, sellify_str_t text, uint64_t cancels)
{
    sellify_term_t term = { 0 };

    term.text = text;
    term.flags = SELLIFY_TERM_EXCEPTION;
    term.class_id = SELLIFY_CHECK_CLASSES;
    term.cancels = cancels;
    return sellify_matcher_add(b->matcher, &term);
}

const char *
sellify_validator_pattern(sellify_validator_builder_t *b, int rule,
    sellify_str_t name, sellify_str_t pattern)
{
    sellify_validator_t *v = b->validator;
    sellify_pattern_t *p;
    const char *why;

    if (v->pattern_count == SELLIFY_PATTERNS_MAX) {
        return "more than 64 patterns";
    }
    if (rule < 0 || rule >= SELLIFY_VIOLATION_RULES) {
        return "no such rule";
    }
    p = &v->patterns[v->pattern_count];
    p->rule = (sellify_violation_rule_t) rule;
    p->name = sellify_region_copy(b->region, name.len ? name : pattern);
    if (p->name.data == NULL) {
        return SELLIFY_NO_MEMORY;
    }
    why = sellify_pattern_compile(p, pattern);
    v->pattern_count += why == NULL;
    return why;
}

/* --- claims --- */

static uint64_t
hash_bytes(uint64_t hash, const char *data, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char) data[i]) * 0x100000001B3u;
    }
    return (hash ^ 0xFF) * 0x100000001B3u; /* ends the piece */
}

#define HASH_START 0xCBF29CE484222325u

/* Which words of a promise are numbers tells 24 h from 48 h. */
uint64_t
sellify_promise_key(const sellify_folded_t *folded, const sellify_hit_t *hit)
{
    sellify_str_t sense =
        hit->term->sense.len ? hit->term->sense : hit->term->text;
    uint64_t hash = hash_bytes(HASH_START, "promise", 7);
    uint32_t i;

    hash = hash_bytes(hash, sense.data, sense.len);
    for (i = hit->first; i <= hit->last; i++) {
        const char *data = folded->data + folded->words[i].start;
        size_t len = 0, max = folded->words[i].end - folded->words[i].start;

        while (len < max && data[len] >= '0' && data[len] <= '9') {
            len++;
        }
        if (len > 0) {
            hash = hash_bytes(hash, data, len);
        }
    }
    return hash;
}

uint64_t
sellify_contact_key(const sellify_contact_t *contact, uint64_t *host_key)
{
    char kind = (char) ('0' + contact->kind);
    uint64_t hash = hash_bytes(HASH_START, &kind, 1);

    *host_key = 0;
    if (contact->plain_len == 0) {
        return 0;
    }
    if (contact->kind == SELLIFY_CONTACT_LINK) {
        *host_key = hash_bytes(hash, contact->plain, contact->host_len);
    }
    return hash_bytes(hash, contact->plain, contact->plain_len);
}

static const char *
add_claim(sellify_validator_builder_t *b, uint64_t key, uint32_t product)
{
    if (key == 0) {
        return NULL;
    }
    if (b->claim_count == b->claim_room) {
        size_t room = b->claim_room ? b->claim_room * 2 : 64;
        sellify_claim_t *bigger =
            sellify_region_array(b->scratch, room, sizeof(*bigger));
        if (bigger == NULL) {
            return SELLIFY_NO_MEMORY;
        }
        if (b->claim_count) {
            memcpy(bigger, b->claims, b->claim_count * sizeof(*bigger));
        }
        b->claims = bigger;
        b->claim_room = room;
    }
    b->claims[b->claim_count++] = (sellify_claim_t){ key, product };
    return NULL;
}

static int
fold_text(sellify_validator_builder_t *b, sellify_str_t text,
    sellify_folded_t *folded)
{
    size_t need = sellify_fold_size(text.len), error_at;

    if (need > b->fold_size) {
        b->fold_memory = sellify_region_alloc(b->scratch, need * 2);
        b->fold_size = b->fold_memory ? need * 2 : 0;
    }
    return sellify_fold(
        &b->folding, text, b->fold_memory, b->fold_size, folded, &error_at);
}

const char *
sellify_validator_contact(sellify_validator_builder_t *b, sellify_str_t text)
{
    sellify_folded_t folded;
    sellify_contact_finder_t finder;
    sellify_contact_t contact;
    uint64_t host_key, key;

    if (fold_text(b, text, &folded) != 0) {
        return "not UTF-8 or too long";
    }
    sellify_contact_start(&finder, NULL, &folded, 0);
    if (!sellify_contact_next(&finder, &contact) || contact.plain_len == 0) {
        return "not a link, host, e-mail address, handle or phone number";
    }
    key = sellify_contact_key(&contact, &host_key);
    return add_claim(b, key, SELLIFY_ANY_PRODUCT);
}

/* --- products --- */

static const char *
claim_text(sellify_validator_builder_t *b, sellify_str_t text, uint32_t product)
{
    const sellify_matcher_t *m = b->validator->matcher;
    sellify_hit_t items[32];
    sellify_hits_t hits = { .items = items, .max = 32 };
    sellify_folded_t folded;
    sellify_contact_finder_t finder;
    sellify_contact_t contact;
    uint64_t host_key, key;
    const char *why = NULL;
    size_t i;

    if (text.len == 0) {
        return NULL;
    }
    if (fold_text(b, text, &folded) != 0) {
        return b->fold_size ? NULL : SELLIFY_NO_MEMORY;
    }
    sellify_matcher_scan(m, &folded, &hits);
    for (i = 0; i < hits.count && why == NULL; i++) {
        if (items[i].term->class_id == SELLIFY_CHECK_PROMISE) {
            why =
                add_claim(b, sellify_promise_key(&folded, &items[i]), product);
        }
    }
    sellify_contact_start(&finder, m, &folded, SELLIFY_CHECK_NUMBER);
    while (why == NULL && sellify_contact_next(&finder, &contact)) {
        key = sellify_contact_key(&contact, &host_key);
        why = add_claim(b, key, product);
    }
    return why;
}

static const char *
claim_product(
    sellify_validator_builder_t *b, const sellify_product_t *p, uint32_t index)
{
    const char *why;
    uint32_t i;

    why = claim_text(b, p->name, index);
    why = why ? why : claim_text(b, p->short_description, index);
    why = why ? why : claim_text(b, p->long_description, index);
    for (i = 0; i < p->keyword_count && why == NULL; i++) {
        why = claim_text(b, p->keywords[i], index);
    }
    for (i = 0; i < p->objection_count && why == NULL; i++) {
        why = claim_text(b, p->objections[i].answer, index);
    }
    for (i = 0; i < p->media_count && why == NULL; i++) {
        why = claim_text(b, p->media[i].url, index);
    }
    return why;
}

static int
compare_claims(const void *a, const void *b)
{
    const sellify_claim_t *x = a, *y = b;

    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->product < y->product ? -1 : x->product > y->product;
}

static int
compare_prices(const void *a, const void *b)
{
    const sellify_price_t *x = a, *y = b;

    if (x->minor != y->minor) {
        return x->minor < y->minor ? -1 : 1;
    }
    return memcmp(x->currency, y->currency, sizeof(x->currency));
}

int
sellify_claims_have(
    const sellify_validator_t *v, uint64_t key, uint32_t product)
{
    size_t low = 0, high = v->claim_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (v->claims[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < v->claim_count && v->claims[low].key == key; low++) {
        if (product == SELLIFY_ANY_PRODUCT ||
            v->claims[low].product == product ||
            v->claims[low].product == SELLIFY_ANY_PRODUCT) {
            return 1;
        }
    }
    return 0;
}

static void
set_currency(char to[4], sellify_str_t from)
{
    memset(to, 0, 4);
    memcpy(to, from.data, from.len > 3 ? 3 : from.len);
}

/* Sorted tables of exactly the size that is needed. */
static int
copy_tables(sellify_validator_builder_t *b)
{
    sellify_validator_t *v = b->validator;
    size_t i;

    v->claims =
        sellify_region_array(b->region, b->claim_count, sizeof(*v->claims));
    v->prices =
        sellify_region_array(b->region, v->product_count, sizeof(*v->prices));
    if (v->claims == NULL || v->prices == NULL) {
        return -1;
    }
    if (b->claim_count > 0) {
        memcpy(v->claims, b->claims, b->claim_count * sizeof(*v->claims));
    }
    v->claim_count = b->claim_count;
    qsort(v->claims, v->claim_count, sizeof(*v->claims), compare_claims);
    for (i = 0; i < v->product_count; i++) {
        v->prices[i].minor = v->products[i].price_minor;
        set_currency(v->prices[i].currency, v->products[i].currency);
    }
    v->price_count = v->product_count;
    qsort(v->prices, v->price_count, sizeof(*v->prices), compare_prices);
    return 0;
}

sellify_validator_t *
sellify_validator_finish(sellify_validator_builder_t *b,
    const sellify_product_t *products, size_t product_count,
    sellify_str_t currency)
{
    sellify_validator_t *v = b->validator;
    size_t i;

    v->matcher = sellify_matcher_finish(b->matcher);
    v->products = products;
    v->product_count = product_count;
    set_currency(v->currency, currency);
    if (v->matcher == NULL) {
        return NULL;
    }
    for (i = 0; i < product_count; i++) {
        if (claim_product(b, &products[i], (uint32_t) i) != NULL) {
            return NULL;
        }
    }
    return copy_tables(b) == 0 ? v : NULL;
}

void
sellify_validator_free(sellify_validator_t *v)
{
    if (v == NULL) {
        return;
    }
    while (v->pattern_count > 0) {
        sellify_pattern_free(&v->patterns[--v->pattern_count]);
    }
}

void
sellify_validator_abandon(sellify_validator_builder_t *b)
{
    if (b != NULL) {
        sellify_validator_free(b->validator);
    }
}
