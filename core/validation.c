/*
 * Validation: every rule in turn over one folded text.  Each check adds what it
 * finds; the list is kept sorted and cut at SELLIFY_VIOLATIONS_MAX.
 */
#include "decision.h"
#include "money.h"
#include "validator_internal.h"

#include <stdio.h>
#include <utf8proc.h>

#define HITS_MAX 256
#define SCRATCH_SLACK 64

const char *
sellify_violation_name(sellify_violation_rule_t rule)
{
    static const char *const names[SELLIFY_VIOLATION_RULES] = {
        "length",
        "encoding",
        "forbidden-word",
        "forbidden-topic",
        "promise",
        "price",
        "contact",
    };

    return names[rule];
}

size_t
sellify_scratch_size(size_t bytes)
{
    return sellify_fold_size(bytes) + SCRATCH_SLACK;
}

typedef struct {
    const sellify_validator_t *v;
    sellify_str_t text;
    const sellify_product_t *product;
    uint32_t product_index; /* or SELLIFY_ANY_PRODUCT */
    sellify_folded_t folded;
    sellify_verdict_t *verdict;
    const sellify_pattern_t *pattern; /* the one at work */
    size_t counted; /* bytes of the text whose characters are counted */
    uint32_t chars;
} check_t;

static int
comes_before(const sellify_violation_t *a, const sellify_violation_t *b)
{
    if (a->start != b->start) {
        return a->start < b->start;
    }
    return a->rule != b->rule ? a->rule < b->rule : a->end > b->end;
}

static void
add(check_t *check, sellify_violation_rule_t rule, sellify_str_t term,
    uint32_t start, uint32_t end)
{
    sellify_verdict_t *verdict = check->verdict;
    sellify_violation_t one = { rule, term, start, end };
    size_t at = verdict->violation_count;

    verdict->violations_found++;
    if (at == SELLIFY_VIOLATIONS_MAX) {
        if (!comes_before(&one, &verdict->violations[at - 1])) {
            return;
        }
        at--;
    } else {
        verdict->violation_count++;
    }
    for (; at > 0 && comes_before(&one, &verdict->violations[at - 1]); at--) {
        verdict->violations[at] = verdict->violations[at - 1];
    }
    verdict->violations[at] = one;
}

static sellify_str_t
piece(const check_t *check, size_t from, size_t to)
{
    return (sellify_str_t){ check->text.data + from, to - from };
}

/* Characters before a byte.  Checks go forward, so each byte is counted once a
 * check however many violations there are. */
static uint32_t
chars_before(check_t *check, size_t at)
{
    if (at < check->counted) {
        check->counted = 0;
        check->chars = 0;
    }
    check->chars += sellify_text_chars(check->text, check->counted, at);
    check->counted = at;
    return check->chars;
}

/* A violation at source bytes [from, to); no term: the piece itself. */
static void
add_source(check_t *check, sellify_violation_rule_t rule, sellify_str_t term,
    size_t from, size_t to)
{
    uint32_t start = chars_before(check, from);
    uint32_t end = start + sellify_text_chars(check->text, from, to);

    add(check, rule, term.data ? term : piece(check, from, to), start, end);
}

static void
add_folded(check_t *check, sellify_violation_rule_t rule, sellify_str_t term,
    uint32_t from, uint32_t to)
{
    size_t first = sellify_folded_source(&check->folded, from);
    size_t last = sellify_folded_source_end(&check->folded, to);

    add_source(check, rule, term, first, last);
}

static const sellify_str_t no_term = { NULL, 0 };

/* --- encoding and length --- */

/* Control characters, broken-off or doubly encoded text, and marks that turn
 * the order of what is read. */
static int
is_bad_character(int32_t codepoint, int32_t before)
{
    if (codepoint < 0x20 || (codepoint >= 0x7F && codepoint < 0xA0)) {
        return codepoint != '\t' && codepoint != '\n' && codepoint != '\r';
    }
    return codepoint == 0xFFFD ||
           (codepoint >= 0x202A && codepoint <= 0x202E) ||
           (codepoint >= 0x2066 && codepoint <= 0x2069) ||
           (codepoint & 0xFFFE) == 0xFFFE ||
           ((before == 0xC3 || before == 0xC2) && codepoint >= 0xA0 &&
               codepoint <= 0xBF) ||
           (before == 0xE2 && (codepoint == 0x20AC || codepoint == 0x201A));
}

/* Returns the characters of the text; each run of bad ones is a violation. */
static uint32_t
check_encoding(check_t *check)
{
    const uint8_t *data = (const uint8_t *) check->text.data;
    size_t at = 0, len = check->text.len, run = SIZE_MAX;
    int32_t codepoint = 0, before = 0;
    uint32_t count = 0;

    while (at < len) {
        size_t size = 1;
        codepoint = data[at];
        if (codepoint >= 0x80) {
            size = (size_t) utf8proc_iterate(
                data + at, (utf8proc_ssize_t) (len - at), &codepoint);
        }
        if (is_bad_character(codepoint, before)) {
            run = run == SIZE_MAX ? at : run;
        } else if (run != SIZE_MAX) {
            add_source(check, SELLIFY_VIOLATION_ENCODING, no_term, run, at);
            run = SIZE_MAX;
        }
        before = codepoint;
        at += size;
        count++;
    }
    if (run != SIZE_MAX) {
        add_source(check, SELLIFY_VIOLATION_ENCODING, no_term, run, len);
    }
    return count;
}

static void
check_length(
    check_t *check, sellify_str_t trimmed, uint32_t chars, uint32_t limit)
{
    size_t lead = trimmed.len ? (size_t) (trimmed.data - check->text.data)
                              : check->text.len;
    uint32_t first = sellify_text_chars(check->text, 0, lead);
    uint32_t count = sellify_text_chars(trimmed, 0, trimmed.len);

    if (count == 0) {
        add(check, SELLIFY_VIOLATION_LENGTH, sellify_str(""), 0, chars);
    } else if (count > limit) {
        add(check, SELLIFY_VIOLATION_LENGTH, sellify_str("max_length"),
            first + limit, first + count);
    }
}

/* --- words, topics, promises --- */

static int
is_inside(const sellify_hit_t *inner, const sellify_hit_t *outer)
{
    return inner->first >= outer->first && inner->last <= outer->last;
}

/* Of hits of one class that lie in each other, the outermost is told.  A FIRM
 * one is a safety net: it is told only when no other hit lies inside it. */
static int
is_told(const sellify_hits_t *hits, size_t index)
{
    const sellify_hit_t *hit = &hits->items[index];
    int firm = (hit->term->flags & SELLIFY_TERM_FIRM) != 0;
    size_t i;

    for (i = 0; i < hits->count; i++) {
        const sellify_hit_t *other = &hits->items[i];
        int other_firm = (other->term->flags & SELLIFY_TERM_FIRM) != 0;

        if (i == index || other->term->class_id != hit->term->class_id) {
            continue;
        }
        if (firm && !other_firm && is_inside(other, hit)) {
            return 0;
        }
        if (firm == other_firm && is_inside(hit, other) &&
            (!is_inside(other, hit) || i < index)) {
            return 0;
        }
    }
    return 1;
}

static void
check_words(check_t *check)
{
    static const sellify_violation_rule_t rules[] = {
        [SELLIFY_CHECK_WORD] = SELLIFY_VIOLATION_FORBIDDEN_WORD,
        [SELLIFY_CHECK_TOPIC] = SELLIFY_VIOLATION_FORBIDDEN_TOPIC,
        [SELLIFY_CHECK_PROMISE] = SELLIFY_VIOLATION_PROMISE,
    };
    sellify_hit_t items[HITS_MAX];
    sellify_hits_t hits = { .items = items, .max = HITS_MAX };
    size_t i;

    sellify_matcher_scan(check->v->matcher, &check->folded, &hits);
    for (i = 0; i < hits.count; i++) {
        const sellify_hit_t *hit = &items[i];

        if (hit->term->class_id > SELLIFY_CHECK_PROMISE || !is_told(&hits, i)) {
            continue;
        }
        if (hit->term->class_id == SELLIFY_CHECK_PROMISE &&
            sellify_claims_have(check->v,
                sellify_promise_key(&check->folded, hit),
                check->product_index)) {
            continue;
        }
        add_folded(
            check, rules[hit->term->class_id], hit->name, hit->start, hit->end);
    }
    if (hits.found > hits.count) { /* more than can be looked at */
        size_t from = hits.count ? items[hits.count - 1].start : 0;
        add_source(check, SELLIFY_VIOLATION_LENGTH, no_term,
            sellify_folded_source(&check->folded, from), check->text.len);
    }
}

/* --- prices --- */

static int
same_currency(
    const check_t *check, const sellify_amount_t *amount, const char *code)
{
    const char *wanted =
        amount->currency[0] ? amount->currency : check->v->currency;

    return strncmp(wanted, code, 4) == 0;
}

static int
is_price(const check_t *check, const sellify_amount_t *amount)
{
    const sellify_validator_t *v = check->v;
    size_t low = 0, high = v->price_count;

    if (check->product != NULL) {
        char code[4] = "";
        size_t len = check->product->currency.len;
        memcpy(code, check->product->currency.data, len > 3 ? 3 : len);
        return amount->minor == check->product->price_minor &&
               same_currency(check, amount, code);
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (v->prices[middle].minor < amount->minor) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < v->price_count && v->prices[low].minor == amount->minor;
         low++) {
        if (same_currency(check, amount, v->prices[low].currency)) {
            return 1;
        }
    }
    return 0;
}

static void
check_prices(check_t *check)
{
    sellify_money_t money;
    sellify_amount_t amount;

    sellify_money_start(&money, check->v->matcher, &check->folded,
        SELLIFY_CHECK_NUMBER, SELLIFY_CHECK_CURRENCY);
    while (sellify_money_next(&money, &amount)) {
        if (!is_price(check, &amount)) {
            add_folded(check, SELLIFY_VIOLATION_PRICE, no_term, amount.start,
                amount.end);
        }
    }
}

/* --- contacts and patterns --- */

static void
check_contacts(check_t *check)
{
    sellify_contact_finder_t finder;
    sellify_contact_t contact;

    sellify_contact_start(
        &finder, check->v->matcher, &check->folded, SELLIFY_CHECK_NUMBER);
    while (sellify_contact_next(&finder, &contact)) {
        uint64_t host_key, key = sellify_contact_key(&contact, &host_key);

        if ((key != 0 &&
                sellify_claims_have(check->v, key, check->product_index)) ||
            (host_key != 0 && sellify_claims_have(
                                  check->v, host_key, check->product_index))) {
            continue;
        }
        add_folded(check, SELLIFY_VIOLATION_CONTACT, no_term, contact.start,
            contact.end);
    }
}

static void
pattern_found(void *context, size_t start, size_t end)
{
    check_t *check = context;

    add_source(check, check->pattern->rule, check->pattern->name, start, end);
}

static void
check_patterns(check_t *check)
{
    size_t i;

    for (i = 0; i < check->v->pattern_count; i++) {
        check->pattern = &check->v->patterns[i];
        if (sellify_pattern_match(
                check->pattern, check->text, pattern_found, check) != 0) {
            add_source(check, check->pattern->rule, check->pattern->name, 0,
                check->text.len);
        }
    }
}

/* --- the verdict --- */

/* The longest start of `text` that ends between characters. */
static int
cut(sellify_str_t text, size_t max)
{
    size_t len = text.len < max ? text.len : max;

    while (len > 0 && len < text.len &&
           ((uint8_t) text.data[len] & 0xC0) == 0x80) {
        len--;
    }
    return (int) len;
}

static void
write_error(check_t *check, uint32_t limit)
{
    static const char *const sentences[SELLIFY_VIOLATION_RULES] = {
        [SELLIFY_VIOLATION_ENCODING] = "contains characters that cannot be "
                                       "sent",
        [SELLIFY_VIOLATION_FORBIDDEN_WORD] = "contains forbidden word",
        [SELLIFY_VIOLATION_FORBIDDEN_TOPIC] = "contains forbidden topic",
        [SELLIFY_VIOLATION_PROMISE] = "makes a promise that the catalogue does "
                                      "not",
        [SELLIFY_VIOLATION_PRICE] = "names a price that is not in the "
                                    "catalogue",
        [SELLIFY_VIOLATION_CONTACT] = "contains a contact that the policy does "
                                      "not list",
    };
    sellify_verdict_t *verdict = check->verdict;
    const sellify_violation_t *first = &verdict->violations[0];
    char *out = verdict->error;
    size_t size = sizeof(verdict->error);

    if (first->rule == SELLIFY_VIOLATION_LENGTH) {
        if (first->term.len == 0) {
            snprintf(out, size, "Generated text is empty");
        } else {
            snprintf(out, size, "Generated text is longer than %u characters",
                limit);
        }
    } else if (first->rule == SELLIFY_VIOLATION_ENCODING) {
        snprintf(out, size, "Generated text %s", sentences[first->rule]);
    } else if (first->rule == SELLIFY_VIOLATION_PRICE &&
               check->product != NULL) {
        snprintf(out, size,
            "Generated text names a price that is not the product's: %.*s",
            cut(first->term, 96), first->term.data);
    } else {
        snprintf(out, size, "Generated text %s: %.*s", sentences[first->rule],
            cut(first->term, 96), first->term.data);
    }
}

/* What could not even be folded: not UTF-8, or no room for it. */
static void
refuse(check_t *check, size_t error_at)
{
    sellify_verdict_t *verdict = check->verdict;
    size_t len = check->text.len;

    if (error_at < len) {
        uint32_t start = sellify_text_chars(check->text, 0, error_at);
        add(check, SELLIFY_VIOLATION_ENCODING,
            (sellify_str_t){ "not UTF-8", 9 }, start, start + 1);
        snprintf(verdict->error, sizeof(verdict->error),
            "Generated text is not valid UTF-8");
    } else {
        add(check, SELLIFY_VIOLATION_LENGTH, sellify_str("scratch"), 0, 0);
        snprintf(verdict->error, sizeof(verdict->error),
            "Generated text is too long to be checked");
    }
}

static uint32_t
product_index(const sellify_validator_t *v, const sellify_product_t *product)
{
    if (product == NULL) {
        return SELLIFY_ANY_PRODUCT;
    }
    return (uint32_t) (product - v->products);
}

void
sellify_validate(const sellify_ruleset_t *ruleset, sellify_str_t text,
    const sellify_product_t *product, uint32_t max_length, void *scratch,
    size_t scratch_size, sellify_verdict_t *verdict)
{
    uint32_t limit = sellify_ruleset_policy(ruleset)->validation_max_length;
    check_t check = { .v = sellify_ruleset_validator(ruleset),
        .text = text,
        .product = product,
        .verdict = verdict };
    sellify_str_t trimmed;
    size_t error_at;

    memset(verdict, 0, offsetof(sellify_verdict_t, violations));
    verdict->violation_count = verdict->violations_found = 0;
    limit = max_length != 0 && max_length < limit ? max_length : limit;
    check.product_index = product_index(check.v, product);
    if (sellify_fold(sellify_matcher_folding(check.v->matcher), text, scratch,
            scratch_size, &check.folded, &error_at) != 0) {
        refuse(&check, error_at);
        return;
    }
    trimmed = sellify_text_trim(text);
    check_length(&check, trimmed, check_encoding(&check), limit);
    check_words(&check);
    check_prices(&check);
    check_contacts(&check);
    check_patterns(&check);
    if (verdict->violations_found > 0) {
        write_error(&check, limit);
        return;
    }
    if (sellify_text_normalize(
            text, scratch, scratch_size, &verdict->validated_text) != 0) {
        refuse(&check, text.len);
        return;
    }
    verdict->valid = 1;
}
