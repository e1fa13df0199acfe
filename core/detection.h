/*
 * What a message says, before any rule is asked: triggers, the event, media
 * wishes, opt-out words, the product, the language.  Internal to core/.
 */
#ifndef SELLIFY_DETECTION_H
#define SELLIFY_DETECTION_H

#include "decision.h"
#include "near_words.h"
#include "ruleset_internal.h"

#define SELLIFY_HITS_MAX 128
#define SELLIFY_NEAR_MAX 4

/* A product word that was recognised although misspelled. */
typedef struct {
    const sellify_product_term_t *term;
    uint32_t start, end; /* folded bytes */
    unsigned edits;
} sellify_near_t;

typedef struct {
    sellify_folded_t folded; /* in the caller's scratch */
    sellify_hit_t items[SELLIFY_HITS_MAX];
    sellify_hits_t hits;
    sellify_near_t near[SELLIFY_NEAR_MAX];
    size_t near_count;

    sellify_trigger_t trigger; /* of the lexicons, MISUNDERSTANDING too */
    sellify_event_t event;     /* never THREAT_DETECTED or FREEZE */
    int wants_image, wants_video;
    int opt_out;  /* 1 STOP, -1 START */
    int wordless; /* nothing to read: empty, emoji, punctuation */
    int foreign;  /* words enough to tell, and of no language we know */
    const sellify_product_t *product; /* or NULL */
    sellify_str_t language;           /* of the policy; empty: unknown */
} sellify_detection_t;

/* Returns 0, or -1 when the message is no UTF-8 or the scratch too small. */
int sellify_detect(const sellify_ruleset_t *ruleset,
    const sellify_decision_input_t *input, void *scratch, size_t scratch_size,
    sellify_detection_t *detection) SELLIFY_MUST_CHECK;

/* recognition.c: fills near and product. */
void sellify_recognise(const sellify_ruleset_t *ruleset,
    sellify_str_t context_id, sellify_detection_t *detection);

#endif
