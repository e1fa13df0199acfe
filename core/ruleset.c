/*
 * Compiling a ruleset: policy, then lexicons and catalogue into one matcher and
 * one validator, everything in one region.  Reading goes on after a fault, so
 * that all faults are told at once.
 */
#include "ruleset_internal.h"

#include "decision.h"
#include "validation.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    const sellify_ruleset_source_t *source;
    sellify_faults_t *faults;
    sellify_region_t *region, *scratch;
    sellify_ruleset_t *ruleset;
    sellify_policy_document_t policy;
    sellify_product_t *products;
    sellify_lexicon_target_t target;
} compile_t;

static void
no_memory(compile_t *c)
{
    sellify_fault_add(c->faults, "", "", "out of memory");
}

/* --- policy and catalogue --- */

static sellify_str_t
policy_text(const compile_t *c)
{
    return c->source->policy.len > 0 ? c->source->policy
                                     : sellify_default_policy();
}

/* A document of the policy, standing at its root. */
static int
open_policy(compile_t *c, sellify_document_t *doc, sellify_str_t *root)
{
    return sellify_document_open(
        doc, "policy", policy_text(c), c->region, c->faults, root);
}

static int
read_policy(compile_t *c)
{
    sellify_document_t doc;
    sellify_str_t root;
    sellify_ruleset_t *r = c->ruleset;

    if (open_policy(c, &doc, &root) != 0) {
        return -1;
    }
    sellify_policy_read(&doc, root, &c->policy);
    r->policy = c->policy.policy;
    r->instances = c->policy.instances;
    r->instance_count = c->policy.instance_count;
    r->objectives = c->policy.objectives;
    r->objective_count = c->policy.objective_count;
    return 0;
}

static void
read_catalogue(compile_t *c)
{
    sellify_document_t doc;
    sellify_str_t root;

    if (c->source->products.len == 0 ||
        sellify_document_open(&doc, "products", c->source->products, c->region,
            c->faults, &root) != 0) {
        return;
    }
    sellify_catalogue_read(&doc, root, c->ruleset->policy.currency,
        &c->products, &c->ruleset->product_count);
    c->ruleset->products = c->products;
}

/* --- lexicons --- */

/* The base lexicon of a language: the source's, else the built-in one. */
static sellify_str_t
base_lexicon(const compile_t *c, sellify_str_t language)
{
    char name[16];

    for (size_t i = 0; i < c->source->lexicon_count; i++) {
        const sellify_lexicon_source_t *lexicon = &c->source->lexicons[i];

        if (sellify_str_equal(language, sellify_str_of(lexicon->language))) {
            return lexicon->document;
        }
    }
    snprintf(name, sizeof(name), "%.*s", (int) language.len, language.data);
    return sellify_default_lexicon(name);
}

/* policy.lexicons.LANG, or nothing. */
static sellify_str_t
policy_lexicon(const compile_t *c, sellify_str_t language)
{
    sellify_json_walk_t walk;

    if (c->policy.lexicons.len > 0 && c->policy.lexicons.data[0] == '{') {
        sellify_json_walk(&walk, c->policy.lexicons);
        while (sellify_json_walk_next(&walk)) {
            if (sellify_str_equal(walk.key, language)) {
                return walk.value;
            }
        }
    }
    return (sellify_str_t){ NULL, 0 };
}

static void
read_base_lexicon(compile_t *c, sellify_str_t language, sellify_str_t text)
{
    char name[24];
    sellify_document_t doc;
    sellify_str_t root;

    snprintf(
        name, sizeof(name), "lexicon %.*s", (int) language.len, language.data);
    if (sellify_document_open(&doc, name, text, c->region, c->faults, &root) ==
        0) {
        sellify_lexicon_read(&doc, root, language, &c->target);
    }
}

static void
read_language(compile_t *c, sellify_document_t *policy, size_t i)
{
    sellify_str_t language = c->ruleset->policy.languages[i];
    sellify_str_t base = base_lexicon(c, language);
    sellify_str_t more = policy_lexicon(c, language);
    size_t depth;

    c->target.language = i;
    if (base.data != NULL) {
        read_base_lexicon(c, language, base);
    } else if (more.data == NULL) {
        depth = sellify_document_enter(policy, sellify_str("languages"));
        sellify_document_enter_index(policy, i);
        sellify_document_fault(policy, (sellify_str_t){ 0 },
            "there is no lexicon for \"%.*s\"", (int) language.len,
            language.data);
        sellify_document_leave(policy, depth);
    }
    if (more.data != NULL) {
        depth = sellify_document_enter(policy, sellify_str("lexicons"));
        sellify_document_enter(policy, language);
        sellify_lexicon_read(policy, more, language, &c->target);
        sellify_document_leave(policy, depth);
    }
}

/* A language in policy.lexicons that the policy does not speak is a typo. */
static void
check_lexicon_names(compile_t *c, sellify_document_t *doc)
{
    const sellify_policy_t *policy = &c->ruleset->policy;
    sellify_json_walk_t walk;
    size_t depth;

    if (c->policy.lexicons.len == 0) {
        return;
    }
    depth = sellify_document_enter(doc, sellify_str("lexicons"));
    if (sellify_document_is(doc, c->policy.lexicons, '{') == 0) {
        sellify_json_walk(&walk, c->policy.lexicons);
        while (sellify_json_walk_next(&walk)) {
            size_t inner = sellify_document_enter(doc, walk.key), i = 0;

            while (i < policy->language_count &&
                   !sellify_str_equal(walk.key, policy->languages[i])) {
                i++;
            }
            if (i == policy->language_count) {
                sellify_document_fault(doc, (sellify_str_t){ 0 },
                    "is not one of the policy's languages");
            }
            sellify_document_leave(doc, inner);
        }
    }
    sellify_document_leave(doc, depth);
}

/* --- what the policy adds --- */

static void
refused(sellify_document_t *doc, const char *problem)
{
    if (problem == SELLIFY_NO_MEMORY) {
        sellify_document_no_memory(doc);
    } else if (problem != NULL) {
        sellify_document_fault(doc, (sellify_str_t){ 0 }, "%s", problem);
    }
}

static void
read_checks(compile_t *c, sellify_document_t *doc, const char *name,
    sellify_str_t value, sellify_check_class_t class_id)
{
    size_t depth;

    if (value.len == 0) {
        return;
    }
    depth = sellify_document_enter(doc, sellify_str_of(name));
    sellify_lexicon_checks(doc, value, class_id, &c->target);
    sellify_document_leave(doc, depth);
}

static void
read_contacts(compile_t *c, sellify_document_t *doc)
{
    const sellify_str_t *contacts;
    size_t count, depth;

    if (c->policy.allowed_contacts.len == 0) {
        return;
    }
    depth = sellify_document_enter(doc, sellify_str("allowed_contacts"));
    if (sellify_document_strings(doc, c->policy.allowed_contacts, 1000, 1, 300,
            &contacts, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            size_t inner = sellify_document_enter_index(doc, i);

            refused(doc,
                sellify_validator_contact(c->target.validator, contacts[i]));
            sellify_document_leave(doc, inner);
        }
    }
    sellify_document_leave(doc, depth);
}

typedef struct {
    sellify_str_t rule, name, pattern;
} written_pattern_t;

#define PATTERN_MEMBER(member, required)                                       \
    {                                                                          \
#member, SELLIFY_MEMBER_STRING, offsetof(written_pattern_t, member),   \
            1, 1000, required, NULL                                            \
    }
static const sellify_member_t pattern_members[] = {
    PATTERN_MEMBER(rule, 1),
    PATTERN_MEMBER(name, 0),
    PATTERN_MEMBER(pattern, 1),
};

static int
violation_parse(sellify_str_t name)
{
    for (int i = 0; i < SELLIFY_VIOLATION_RULES; i++) {
        if (sellify_str_equal(
                name, sellify_str_of(sellify_violation_name(i)))) {
            return i;
        }
    }
    return -1;
}

static void
read_pattern(compile_t *c, sellify_document_t *doc, sellify_str_t value)
{
    size_t before = c->faults->count;
    written_pattern_t written = { .name = { "", 0 } };
    size_t depth;
    int rule;

    sellify_document_members(doc, value, pattern_members,
        sizeof(pattern_members) / sizeof(*pattern_members),
        SELLIFY_MEMBERS_STRICT, &written);
    if (c->faults->count > before) {
        return;
    }
    rule = violation_parse(written.rule);
    if (rule < 0) {
        depth = sellify_document_enter(doc, sellify_str("rule"));
        sellify_document_fault(
            doc, written.rule, "must be a rule such as \"promise\"");
        sellify_document_leave(doc, depth);
        return;
    }
    depth = sellify_document_enter(doc, sellify_str("pattern"));
    refused(doc, sellify_validator_pattern(
                     c->target.validator, rule, written.name, written.pattern));
    sellify_document_leave(doc, depth);
}

static void
read_patterns(compile_t *c, sellify_document_t *doc)
{
    sellify_json_walk_t walk;
    size_t depth, n = 0;

    if (c->policy.patterns.len == 0) {
        return;
    }
    depth = sellify_document_enter(doc, sellify_str("patterns"));
    if (sellify_document_is(doc, c->policy.patterns, '[') == 0 &&
        sellify_document_at_most(doc, c->policy.patterns, 64) == 0) {
        sellify_json_walk(&walk, c->policy.patterns);
        while (sellify_json_walk_next(&walk)) {
            size_t inner = sellify_document_enter_index(doc, n++);

            read_pattern(c, doc, walk.value);
            sellify_document_leave(doc, inner);
        }
    }
    sellify_document_leave(doc, depth);
}

static void
read_opt_out(compile_t *c, sellify_document_t *doc)
{
    static const struct {
        const char *name;
        sellify_class_t class_id;
    } lists[] = {
        { "stop", SELLIFY_CLASS_STOP },
        { "start", SELLIFY_CLASS_START },
    };
    sellify_json_walk_t walk;
    size_t depth;

    if (c->policy.opt_out.len == 0) {
        return;
    }
    depth = sellify_document_enter(doc, sellify_str("opt_out"));
    if (sellify_document_is(doc, c->policy.opt_out, '{') == 0) {
        sellify_json_walk(&walk, c->policy.opt_out);
        while (sellify_json_walk_next(&walk)) {
            size_t inner = sellify_document_enter(doc, walk.key);
            int i = sellify_json_key_is(walk.key, lists[0].name)   ? 0
                    : sellify_json_key_is(walk.key, lists[1].name) ? 1
                                                                   : -1;

            if (i < 0) {
                sellify_document_fault(
                    doc, (sellify_str_t){ 0 }, "unknown member");
            } else {
                sellify_lexicon_terms(
                    doc, walk.value, lists[i].class_id, &c->target);
            }
            sellify_document_leave(doc, inner);
        }
    }
    sellify_document_leave(doc, depth);
}

static void
read_policy_terms(compile_t *c, sellify_document_t *doc)
{
    const sellify_policy_document_t *p = &c->policy;
    size_t depth;

    read_opt_out(c, doc);
    depth = sellify_document_enter(doc, sellify_str("validation"));
    read_checks(
        c, doc, "forbidden_words", p->forbidden_words, SELLIFY_CHECK_WORD);
    read_checks(
        c, doc, "forbidden_topics", p->forbidden_topics, SELLIFY_CHECK_TOPIC);
    read_checks(c, doc, "promises", p->promises, SELLIFY_CHECK_PROMISE);
    read_patterns(c, doc);
    read_contacts(c, doc);
    sellify_document_leave(doc, depth);
}

static void
read_terms(compile_t *c)
{
    sellify_document_t doc;
    sellify_str_t root;

    if (open_policy(c, &doc, &root) != 0) {
        return;
    }
    check_lexicon_names(c, &doc);
    for (size_t i = 0; i < c->ruleset->policy.language_count; i++) {
        read_language(c, &doc, i);
    }
    read_policy_terms(c, &doc);
}

/* --- putting it together --- */

/* Ends both builders.  The validator is ended even after faults, because it
 * may hold patterns that only its free gives back. */
static void
finish(compile_t *c)
{
    sellify_ruleset_t *r = c->ruleset;
    sellify_product_index_t *index =
        sellify_product_index_build(r->products, r->product_count,
            SELLIFY_CLASS_PRODUCT, c->target.incoming, c->region, c->scratch);

    r->incoming =
        index != NULL ? sellify_matcher_finish(c->target.incoming) : NULL;
    r->validator = sellify_validator_finish(
        c->target.validator, r->products, r->product_count, r->policy.currency);
    if (r->validator == NULL) {
        sellify_validator_abandon(c->target.validator);
    }
    if (r->incoming == NULL || r->validator == NULL ||
        sellify_product_index_settle(
            index, r->incoming, SELLIFY_CLASS_PRODUCT, c->scratch) != 0) {
        no_memory(c);
        return;
    }
    r->index = index;
}

/* The text that is sent when everything else failed must pass itself. */
static void
check_fallback(compile_t *c)
{
    sellify_str_t text = c->ruleset->policy.fallback_text;
    size_t size = sellify_scratch_size(text.len);
    sellify_verdict_t *verdict;
    void *scratch;

    if (text.len == 0) {
        return;
    }
    verdict = sellify_region_alloc(c->scratch, sizeof(*verdict));
    scratch = sellify_region_alloc(c->scratch, size);
    if (verdict == NULL || scratch == NULL) {
        no_memory(c);
        return;
    }
    sellify_validate(c->ruleset, text, NULL, 0, scratch, size, verdict);
    if (!verdict->valid) {
        sellify_fault_add(c->faults, "policy", "/fallback_text",
            "does not pass validation: %s", verdict->error);
    }
}

static void
compile(compile_t *c)
{
    if (read_policy(c) != 0) {
        return;
    }
    c->target.incoming = sellify_matcher_begin(c->region, c->scratch);
    if (c->target.incoming == NULL) {
        no_memory(c);
        return;
    }
    c->target.validator = sellify_validator_begin(c->region, c->scratch);
    if (c->target.validator == NULL) {
        no_memory(c);
        return;
    }
    read_terms(c);
    read_catalogue(c);
    if (c->faults->count > 0) {
        sellify_validator_abandon(c->target.validator);
        return;
    }
    finish(c);
    if (c->faults->count == 0) {
        check_fallback(c);
    }
}

sellify_ruleset_t *
sellify_ruleset_compile_in(const sellify_memory_t *memory,
    const sellify_ruleset_source_t *source, sellify_faults_t *faults)
{
    compile_t c = { .source = source, .faults = faults };

    faults->count = 0;
    c.region = sellify_region_new(memory, SELLIFY_RULESET_BYTES_MAX);
    c.scratch = sellify_region_new(memory, SELLIFY_RULESET_BYTES_MAX);
    if (c.region != NULL && c.scratch != NULL) {
        c.ruleset = sellify_region_alloc(c.region, sizeof(*c.ruleset));
    }
    if (c.ruleset == NULL) {
        no_memory(&c);
        sellify_region_free(c.region);
    } else {
        c.ruleset->region = c.region;
        c.ruleset->version = source->version;
        compile(&c);
    }
    sellify_region_free(c.scratch);
    if (c.ruleset != NULL && faults->count > 0) {
        sellify_ruleset_free(c.ruleset);
        c.ruleset = NULL;
    }
    return c.ruleset;
}

sellify_ruleset_t *
sellify_ruleset_compile(
    const sellify_ruleset_source_t *source, sellify_faults_t *faults)
{
    return sellify_ruleset_compile_in(NULL, source, faults);
}

void
sellify_ruleset_free(sellify_ruleset_t *ruleset)
{
    if (ruleset == NULL) {
        return;
    }
    sellify_validator_free(ruleset->validator);
    sellify_region_free(ruleset->region);
}

/* --- reading it --- */

const sellify_policy_t *
sellify_ruleset_policy(const sellify_ruleset_t *ruleset)
{
    return &ruleset->policy;
}

uint64_t
sellify_ruleset_version(const sellify_ruleset_t *ruleset)
{
    return ruleset->version;
}

const sellify_validator_t *
sellify_ruleset_validator(const sellify_ruleset_t *ruleset)
{
    return ruleset->validator;
}

static int
compare(sellify_str_t a, sellify_str_t b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

void
sellify_ruleset_limits(const sellify_ruleset_t *ruleset, sellify_str_t instance,
    sellify_quota_limits_t *limits)
{
    size_t low = 0, high = ruleset->instance_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(instance, ruleset->instances[middle].name);

        if (order == 0) {
            *limits = ruleset->instances[middle].limits;
            return;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    *limits = ruleset->policy.limits;
}

sellify_str_t
sellify_ruleset_objective(const sellify_ruleset_t *ruleset,
    sellify_str_t language, sellify_str_t objective)
{
    for (size_t i = 0; i < ruleset->objective_count; i++) {
        const sellify_objective_t *o = &ruleset->objectives[i];

        if (sellify_str_equal(o->language, language) &&
            sellify_str_equal(o->name, objective)) {
            return o->text;
        }
    }
    return (sellify_str_t){ NULL, 0 };
}

size_t
sellify_ruleset_product_count(const sellify_ruleset_t *ruleset)
{
    return ruleset->product_count;
}

const sellify_product_t *
sellify_ruleset_product_at(const sellify_ruleset_t *ruleset, size_t index)
{
    return index < ruleset->product_count ? &ruleset->products[index] : NULL;
}

const sellify_product_t *
sellify_ruleset_product(const sellify_ruleset_t *ruleset, sellify_str_t id)
{
    size_t low = 0, high = ruleset->product_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(id, ruleset->products[middle].id);

        if (order == 0) {
            return &ruleset->products[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
