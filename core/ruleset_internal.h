/*
 * What a compiled ruleset is made of.  Only core/ includes this.
 */
#ifndef SELLIFY_RULESET_INTERNAL_H
#define SELLIFY_RULESET_INTERNAL_H

#include "document.h"
#include "matcher.h"
#include "product_index.h"
#include "ruleset.h"
#include "validator.h"

#define SELLIFY_PRODUCTS_MAX 10000
#define SELLIFY_TERMS_MAX 10000 /* of one list of one document */
#define SELLIFY_TERM_CHARS_MAX 200
#define SELLIFY_RULESET_BYTES_MAX ((size_t) 256 << 20)

/* Classes of the terms in the matcher of incoming messages.  Triggers come in
 * the order of sellify_trigger_t, events in that of sellify_event_t. */
typedef enum {
    SELLIFY_CLASS_THREAT,
    SELLIFY_CLASS_LEGAL,
    SELLIFY_CLASS_ANGER,
    SELLIFY_CLASS_SENSITIVE,
    SELLIFY_CLASS_MISUNDERSTANDING,
    SELLIFY_CLASS_PRODUCT_QUESTION,
    SELLIFY_CLASS_PRICE_INTEREST,
    SELLIFY_CLASS_PURCHASE_INTENT,
    SELLIFY_CLASS_OBJECTION_RAISED,
    SELLIFY_CLASS_NEGATIVE_RESPONSE,
    SELLIFY_CLASS_IMAGE,
    SELLIFY_CLASS_VIDEO,
    SELLIFY_CLASS_STOP,
    SELLIFY_CLASS_START,
    SELLIFY_CLASS_GREETING,
    SELLIFY_CLASS_PRODUCT,   /* value: a term of the product index */
    SELLIFY_CLASS_EXCEPTION, /* never a hit */
    SELLIFY_CLASS_FUNCTION   /* + index of the language; COUNTED */
} sellify_class_t;
#define SELLIFY_CLASSES (SELLIFY_CLASS_FUNCTION + SELLIFY_LANGUAGES_MAX)

typedef struct {
    sellify_str_t name;
    sellify_quota_limits_t limits;
} sellify_instance_limits_t;

typedef struct {
    sellify_str_t language, name, text;
} sellify_objective_t;

/* A policy document as read: what lives on in the ruleset, and the values that
 * later steps of the compile read (as written, inside the document). */
typedef struct {
    sellify_policy_t policy;
    sellify_instance_limits_t *instances; /* ascending by name */
    size_t instance_count;
    sellify_objective_t *objectives;
    size_t objective_count;

    sellify_str_t limits_instances, lexicons, opt_out;
    sellify_str_t forbidden_words, forbidden_topics, promises, patterns,
        allowed_contacts;
} sellify_policy_document_t;

struct sellify_ruleset {
    sellify_region_t *region; /* this struct lies in it too */
    uint64_t version;
    sellify_policy_t policy;
    const sellify_instance_limits_t *instances;
    size_t instance_count;
    const sellify_objective_t *objectives;
    size_t objective_count;

    const sellify_product_t *products; /* ascending by id */
    size_t product_count;

    const sellify_matcher_t *incoming;
    const sellify_product_index_t *index;
    sellify_validator_t *validator;
};

/* The compile with the test's memory; `memory` NULL is malloc and free. */
sellify_ruleset_t *sellify_ruleset_compile_in(const sellify_memory_t *memory,
    const sellify_ruleset_source_t *source,
    sellify_faults_t *faults) SELLIFY_MUST_CHECK;

/* policy_document.c: fills `out`, adds faults. */
void sellify_policy_read(sellify_document_t *doc, sellify_str_t root,
    sellify_policy_document_t *out);

/* catalogue_document.c: the products, ascending by id; adds faults. */
void sellify_catalogue_read(sellify_document_t *doc, sellify_str_t root,
    sellify_str_t currency, sellify_product_t **products, size_t *count);

/* lexicon_document.c: where the terms of a lexicon go. */
typedef struct {
    sellify_matcher_builder_t *incoming;
    sellify_validator_builder_t *validator;
    size_t language; /* index in the policy's languages */
} sellify_lexicon_target_t;

/* A whole lexicon at doc's pointer; `language` is what its member must say. */
void sellify_lexicon_read(sellify_document_t *doc, sellify_str_t value,
    sellify_str_t language, const sellify_lexicon_target_t *target);
/* A list of terms such as policy.validation.promises or opt_out.stop. */
void sellify_lexicon_terms(sellify_document_t *doc, sellify_str_t value,
    sellify_class_t class_id, const sellify_lexicon_target_t *target);
void sellify_lexicon_checks(sellify_document_t *doc, sellify_str_t value,
    sellify_check_class_t class_id, const sellify_lexicon_target_t *target);

#endif
