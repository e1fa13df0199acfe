/*
 * Lexicon documents (conf/lexicons/, policy.lexicons): which list feeds which
 * class of which matcher.
 */
#include "ruleset_internal.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Terms of these classes are also found in leetspeak and spaced-out letters. */
#define GUARDED_CLASSES                                                        \
    (1u << SELLIFY_CLASS_THREAT | 1u << SELLIFY_CLASS_LEGAL |                  \
        1u << SELLIFY_CLASS_ANGER)

#define NO_CLASS 255

/* One list of terms: its group ("" at the top) and name, its class in one of
 * the two matchers. */
typedef struct {
    const char *group, *name;
    unsigned char incoming, check;
} list_t;

#define INCOMING(group, name, class_id)                                        \
    {                                                                          \
        group, name, SELLIFY_CLASS_##class_id, NO_CLASS                        \
    }
#define CHECK(group, name, class_id)                                           \
    {                                                                          \
        group, name, NO_CLASS, SELLIFY_CHECK_##class_id                        \
    }

static const list_t lists[] = {
    INCOMING("triggers", "threat", THREAT),
    INCOMING("triggers", "legal", LEGAL),
    INCOMING("triggers", "anger", ANGER),
    INCOMING("triggers", "sensitive", SENSITIVE),
    INCOMING("triggers", "misunderstanding", MISUNDERSTANDING),
    INCOMING("events", "ProductQuestion", PRODUCT_QUESTION),
    INCOMING("events", "PriceInterest", PRICE_INTEREST),
    INCOMING("events", "PurchaseIntent", PURCHASE_INTENT),
    INCOMING("events", "ObjectionRaised", OBJECTION_RAISED),
    INCOMING("events", "NegativeResponse", NEGATIVE_RESPONSE),
    INCOMING("media", "image", IMAGE),
    INCOMING("media", "video", VIDEO),
    INCOMING("opt_out", "stop", STOP),
    INCOMING("opt_out", "start", START),
    INCOMING("", "greeting", GREETING),
    CHECK("validation", "forbidden_words", WORD),
    CHECK("validation", "forbidden_topics", TOPIC),
    CHECK("validation", "promises", PROMISE),
};

/* --- terms --- */

typedef struct {
    sellify_str_t term, sense;
} written_term_t;

static const sellify_member_t term_members[] = {
    { "term", SELLIFY_MEMBER_STRING, offsetof(written_term_t, term), 1,
        SELLIFY_TERM_CHARS_MAX, 1, NULL },
    { "sense", SELLIFY_MEMBER_STRING, offsetof(written_term_t, sense), 0, 100,
        0, NULL },
};

/* A term is "..." or {"term", "sense"}. */
static int
read_term(sellify_document_t *doc, sellify_str_t value, written_term_t *term)
{
    size_t before = doc->faults->count;

    *term = (written_term_t){ .sense = { "", 0 } };
    if (value.data[0] == '{') {
        sellify_document_members(doc, value, term_members, COUNT(term_members),
            SELLIFY_MEMBERS_STRICT, term);
    } else {
        (void) sellify_document_string(
            doc, value, 1, SELLIFY_TERM_CHARS_MAX, &term->term);
    }
    return doc->faults->count == before ? 0 : -1;
}

static void
refused(sellify_document_t *doc, sellify_str_t value, const char *problem)
{
    if (problem == NULL) {
        return;
    }
    if (problem == SELLIFY_NO_MEMORY) {
        sellify_document_no_memory(doc);
        return;
    }
    sellify_fault_add(doc->faults, doc->name, doc->pointer, "%s: %.*s", problem,
        value.len < 100 ? (int) value.len : 100, value.data);
}

typedef struct {
    sellify_document_t *doc;
    const sellify_lexicon_target_t *target;
    unsigned class_id; /* of the matcher that add() fills */
    uint32_t flags;
    uint64_t cancels, check_cancels; /* of exceptions */
} adding_t;

static const char *
add_incoming(const adding_t *to, const written_term_t *written)
{
    sellify_term_t term = {
        .text = written->term,
        .sense = written->sense,
        .class_id = to->class_id,
        .flags = to->flags,
        .value = (uint32_t) to->target->language,
        .cancels = to->cancels,
    };

    return sellify_matcher_add(to->target->incoming, &term);
}

static const char *
add_check(const adding_t *to, const written_term_t *written)
{
    return sellify_validator_term(
        to->target->validator, to->class_id, written->term, written->sense, 0);
}

static const char *
add_exception(const adding_t *to, const written_term_t *written)
{
    const char *problem = NULL;

    if (to->cancels != 0) {
        problem = add_incoming(to, written);
    }
    if (problem == NULL && to->check_cancels != 0) {
        problem = sellify_validator_exception(
            to->target->validator, written->term, to->check_cancels);
    }
    return problem;
}

static void
read_terms(const adding_t *to, sellify_str_t value,
    const char *(*add)(const adding_t *, const written_term_t *) )
{
    sellify_json_walk_t walk;
    size_t n = 0;

    if (sellify_document_is(to->doc, value, '[') != 0 ||
        sellify_document_at_most(to->doc, value, SELLIFY_TERMS_MAX) != 0) {
        return;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter_index(to->doc, n++);
        written_term_t term;

        if (read_term(to->doc, walk.value, &term) == 0) {
            refused(to->doc, walk.value, add(to, &term));
        }
        sellify_document_leave(to->doc, depth);
    }
}

void
sellify_lexicon_terms(sellify_document_t *doc, sellify_str_t value,
    sellify_class_t class_id, const sellify_lexicon_target_t *target)
{
    adding_t to = {
        .doc = doc,
        .target = target,
        .class_id = class_id,
        .flags = class_id >= SELLIFY_CLASS_FUNCTION  ? SELLIFY_TERM_COUNTED
                 : (GUARDED_CLASSES >> class_id & 1) ? SELLIFY_TERM_GUARDED
                                                     : 0,
    };

    read_terms(&to, value, add_incoming);
}

void
sellify_lexicon_checks(sellify_document_t *doc, sellify_str_t value,
    sellify_check_class_t class_id, const sellify_lexicon_target_t *target)
{
    adding_t to = { .doc = doc, .target = target, .class_id = class_id };

    read_terms(&to, value, add_check);
}

static void
read_list(sellify_document_t *doc, sellify_str_t value, const list_t *list,
    const sellify_lexicon_target_t *target)
{
    if (list->incoming != NO_CLASS) {
        sellify_lexicon_terms(doc, value, list->incoming, target);
    } else {
        sellify_lexicon_checks(doc, value, list->check, target);
    }
}

/* --- what is no list of terms --- */

static void
read_numbers(sellify_document_t *doc, sellify_str_t value,
    const sellify_lexicon_target_t *target)
{
    sellify_json_walk_t walk;

    if (sellify_document_is(doc, value, '{') != 0 ||
        sellify_document_at_most(doc, value, SELLIFY_TERMS_MAX) != 0) {
        return;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter(doc, walk.key);
        sellify_str_t word = { NULL, walk.key.len };
        char *copy = sellify_region_alloc(doc->region, walk.key.len + 1);
        uint32_t number;

        if (copy == NULL) {
            sellify_document_no_memory(doc);
        } else if (sellify_document_uint(
                       doc, walk.value, 0, 1000000000, &number) == 0) {
            word.data = copy;
            word.len = sellify_json_unescape(walk.key, copy);
            refused(doc, walk.key,
                sellify_validator_term(target->validator, SELLIFY_CHECK_NUMBER,
                    word, sellify_str(""), number));
        }
        sellify_document_leave(doc, depth);
    }
}

/* What an exception list cancels: its class, or with "*" every trigger, event,
 * medium and check. */
static int
exception_classes(sellify_str_t key, adding_t *to)
{
    int found = 0, all = sellify_json_key_is(key, "*");

    for (size_t i = 0; i < COUNT(lists); i++) {
        int opt_out = lists[i].group[0] == 'o';

        if (!(all && !opt_out) && !sellify_json_key_is(key, lists[i].name)) {
            continue;
        }
        found = 1;
        if (lists[i].incoming != NO_CLASS) {
            to->cancels |= (uint64_t) 1 << lists[i].incoming;
        } else {
            to->check_cancels |= (uint64_t) 1 << lists[i].check;
        }
    }
    return found;
}

static void
read_exceptions(sellify_document_t *doc, sellify_str_t value,
    const sellify_lexicon_target_t *target)
{
    sellify_json_walk_t walk;

    if (sellify_document_is(doc, value, '{') != 0) {
        return;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter(doc, walk.key);
        adding_t to = { .doc = doc,
            .target = target,
            .class_id = SELLIFY_CLASS_EXCEPTION,
            .flags = SELLIFY_TERM_EXCEPTION };

        if (exception_classes(walk.key, &to)) {
            read_terms(&to, walk.value, add_exception);
        } else {
            sellify_document_fault(doc, (sellify_str_t){ 0 },
                "unknown member: exceptions are named after a list");
        }
        sellify_document_leave(doc, depth);
    }
}

/* --- a lexicon --- */

static void
check_language(
    sellify_document_t *doc, sellify_str_t value, sellify_str_t language)
{
    sellify_str_t said;

    if (sellify_document_string(doc, value, 1, 16, &said) == 0 &&
        !sellify_str_equal(said, language)) {
        sellify_document_fault(
            doc, value, "must be \"%.*s\"", (int) language.len, language.data);
    }
}

/* The lists of a group such as "triggers". */
static void
read_group(sellify_document_t *doc, sellify_str_t group, sellify_str_t value,
    const sellify_lexicon_target_t *target)
{
    sellify_json_walk_t walk;

    if (sellify_document_is(doc, value, '{') != 0) {
        return;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter(doc, walk.key), i = 0;

        while (i < COUNT(lists) &&
               !(sellify_json_key_is(group, lists[i].group) &&
                   sellify_json_key_is(walk.key, lists[i].name))) {
            i++;
        }
        if (i < COUNT(lists)) {
            read_list(doc, walk.value, &lists[i], target);
        } else {
            sellify_document_fault(doc, (sellify_str_t){ 0 }, "unknown member");
        }
        sellify_document_leave(doc, depth);
    }
}

static int
is_group(sellify_str_t key)
{
    for (size_t i = 0; i < COUNT(lists); i++) {
        if (lists[i].group[0] != '\0' &&
            sellify_json_key_is(key, lists[i].group)) {
            return 1;
        }
    }
    return 0;
}

static void
read_member(sellify_document_t *doc, const sellify_json_walk_t *member,
    sellify_str_t language, const sellify_lexicon_target_t *target)
{
    if (is_group(member->key)) {
        read_group(doc, member->key, member->value, target);
    } else if (sellify_json_key_is(member->key, "greeting")) {
        sellify_lexicon_terms(
            doc, member->value, SELLIFY_CLASS_GREETING, target);
    } else if (sellify_json_key_is(member->key, "function_words")) {
        sellify_lexicon_terms(doc, member->value,
            SELLIFY_CLASS_FUNCTION + target->language, target);
    } else if (sellify_json_key_is(member->key, "currency_words")) {
        sellify_lexicon_checks(
            doc, member->value, SELLIFY_CHECK_CURRENCY, target);
    } else if (sellify_json_key_is(member->key, "numbers")) {
        read_numbers(doc, member->value, target);
    } else if (sellify_json_key_is(member->key, "exceptions")) {
        read_exceptions(doc, member->value, target);
    } else if (sellify_json_key_is(member->key, "language")) {
        check_language(doc, member->value, language);
    } else {
        sellify_document_fault(doc, (sellify_str_t){ 0 }, "unknown member");
    }
}

void
sellify_lexicon_read(sellify_document_t *doc, sellify_str_t value,
    sellify_str_t language, const sellify_lexicon_target_t *target)
{
    sellify_json_walk_t walk;

    if (sellify_document_is(doc, value, '{') != 0) {
        return;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter(doc, walk.key);

        read_member(doc, &walk, language, target);
        sellify_document_leave(doc, depth);
    }
}
