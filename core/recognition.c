/*
 * Which product a message talks about.  Every name, keyword, word of a name and
 * near miss adds its weight to its products; the heaviest wins, and of two as
 * heavy the one that was talked about before, else none: better no product than
 * the wrong one.
 */
#include "detection.h"

#define EVIDENCE_MAX 32
#define CANDIDATES_MAX 64
#define COMMON_TERM 32 /* a term of more products proposes none */

typedef struct {
    const sellify_product_term_t *term;
    uint32_t penalty;
} evidence_t;

typedef struct {
    evidence_t items[EVIDENCE_MAX];
    size_t count;
} evidence_list_t;

static void
add_evidence(
    evidence_list_t *list, const sellify_product_term_t *term, uint32_t penalty)
{
    if (term == NULL || list->count == EVIDENCE_MAX) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].term == term) {
            return; /* said twice is no stronger */
        }
    }
    list->items[list->count++] = (evidence_t){ term, penalty };
}

static uint32_t
weight_for(const evidence_t *evidence, uint32_t product)
{
    const sellify_product_term_t *term = evidence->term;
    uint32_t low = 0, high = term->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (term->products[middle] < product) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == term->count || term->products[low] != product ||
        term->weights[low] <= evidence->penalty) {
        return 0;
    }
    return term->weights[low] - evidence->penalty;
}

static uint32_t
total_for(const evidence_list_t *list, uint32_t product)
{
    uint32_t total = 0;

    for (size_t i = 0; i < list->count; i++) {
        total += weight_for(&list->items[i], product);
    }
    return total;
}

/* Products of the terms that few share, each once. */
static size_t
candidates(const evidence_list_t *list, uint32_t *out)
{
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++) {
        const sellify_product_term_t *term = list->items[i].term;

        if (term->count > COMMON_TERM) {
            continue;
        }
        for (uint32_t k = 0; k < term->count && n < CANDIDATES_MAX; k++) {
            size_t at = 0;

            while (at < n && out[at] != term->products[k]) {
                at++;
            }
            if (at == n) {
                out[n++] = term->products[k];
            }
        }
    }
    return n;
}

/* Words that are in no term at all may be misspelled ones. */
static void
look_for_misses(const sellify_ruleset_t *ruleset, sellify_detection_t *d,
    evidence_list_t *list)
{
    uint32_t work = SELLIFY_NEAR_WORK;

    for (size_t i = 0; i < d->folded.word_count; i++) {
        const sellify_word_t *word = &d->folded.words[i];
        sellify_str_t text = { d->folded.data + word->start,
            word->end - word->start };
        const sellify_product_term_t *term;
        unsigned edits;

        if (word->id != 0 || d->near_count == SELLIFY_NEAR_MAX) {
            continue;
        }
        term = sellify_product_index_near(ruleset->index, text, &edits, &work);
        if (term != NULL) {
            add_evidence(list, term, edits * SELLIFY_WEIGHT_EDIT);
            d->near[d->near_count++] =
                (sellify_near_t){ term, word->start, word->end, edits };
        }
    }
}

static const sellify_product_t *
heaviest(const sellify_ruleset_t *ruleset, const evidence_list_t *list,
    const sellify_product_t *context)
{
    uint32_t products[CANDIDATES_MAX], best = 0;
    size_t count = candidates(list, products);
    const sellify_product_t *found = NULL;

    for (size_t i = 0; i < count; i++) {
        const sellify_product_t *product = &ruleset->products[products[i]];
        uint32_t total = total_for(list, products[i]);

        if (total > best) {
            best = total;
            found = product;
        } else if (total == best && total > 0) {
            found = product == context || found == context ? context : NULL;
        }
    }
    return found;
}

void
sellify_recognise(const sellify_ruleset_t *ruleset, sellify_str_t context_id,
    sellify_detection_t *d)
{
    evidence_list_t list = { .count = 0 };
    const sellify_product_t *context =
        context_id.len > 0 ? sellify_ruleset_product(ruleset, context_id)
                           : NULL;

    for (size_t i = 0; i < d->hits.count; i++) {
        const sellify_term_t *term = d->hits.items[i].term;

        if (term->class_id == SELLIFY_CLASS_PRODUCT) {
            add_evidence(&list,
                sellify_product_index_term(ruleset->index, term->value), 0);
        }
    }
    look_for_misses(ruleset, d, &list);

    d->product = heaviest(ruleset, &list, context);
    if (d->product == NULL) {
        d->product = context;
    }
    if (d->product == NULL && list.count == 0 && ruleset->product_count == 1 &&
        (d->event != SELLIFY_EVENT_NONE || d->wants_image || d->wants_video)) {
        d->product = &ruleset->products[0]; /* there is no other */
    }
}
