/*
 * Inside of the matcher: the automaton that matcher_build.c makes and that
 * matcher.c and matcher_guard.c read.
 */
#ifndef SELLIFY_MATCHER_INTERNAL_H
#define SELLIFY_MATCHER_INTERNAL_H

#include "matcher.h"

/* Ids of words.  0 is a word of no term. */
#define WORD_UNKNOWN 0u
#define WORD_BORDER 1u /* stands in the trie where a term has a hard border */
#define WORD_FIRST 2u

#define SELLIFY_SKELETON_MAX 32

/* A table of byte strings: open addressing, at most half full.  `slots` hold
 * id + 1. */
typedef struct {
    uint32_t hash, id_plus_1;
} sellify_slot_t;

typedef struct {
    sellify_slot_t *slots;
    uint32_t mask;
    uint32_t count;
    uint8_t *filter; /* a bit per hash: most words of a text are in no term */
    uint32_t filter_mask;
    struct {
        uint32_t offset, len;
    } * texts; /* by id */
    char *pool;
} sellify_words_t;

typedef struct {
    uint32_t node, word, target; /* target 0: free */
} sellify_edge_t;

typedef struct {
    uint32_t form, forms; /* what ends here: a range of matcher->ends */
    uint32_t star;        /* the node behind a *, or 0 */
    uint32_t edges;       /* whether any edge leaves */
} sellify_node_t;

typedef struct {
    uint32_t term;
    uint16_t name_len;
    uint16_t anchors;
    const char *name;
} sellify_form_t;

#define ANCHOR_START 1u
#define ANCHOR_END 2u

struct sellify_matcher {
    sellify_folding_t folding;
    const sellify_term_t *terms;
    uint32_t term_count;

    sellify_words_t words;
    uint32_t *first; /* by word id: the node it leads to from the root, or 0 */
    sellify_node_t *nodes;
    sellify_edge_t *edges;
    uint32_t edge_mask;
    sellify_form_t *ends;

    /* Skeletons of the words of guarded terms: text -> index in guard_ids. */
    sellify_words_t guard;
    uint32_t *guard_ids;
    int has_digits; /* some term has # */
};

/* At least SLACK (16) readable bytes must follow data[len]. */
static inline uint32_t
sellify_word_hash(const char *data, size_t len)
{
    uint64_t hash = len * 0x9E3779B97F4A7C15u, part;

    while (len > 8) {
        memcpy(&part, data, 8);
        hash = (hash ^ part) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
        data += 8;
        len -= 8;
    }
    memcpy(&part, data, 8);
    part &= len == 8 ? ~(uint64_t) 0 : ((uint64_t) 1 << (len * 8)) - 1;
    hash = (hash ^ part) * 0xD6E8FEB86659FD93u;
    return (uint32_t) (hash ^ (hash >> 32));
}

static inline uint32_t
sellify_edge_hash(uint32_t node, uint32_t word)
{
    uint64_t key = ((uint64_t) node << 32 | word) * 0x9E3779B97F4A7C15u;

    return (uint32_t) (key >> 32);
}

/* The id of a word, or -1. */
static inline int64_t
sellify_words_find(const sellify_words_t *words, const char *data, size_t len)
{
    uint32_t hash = sellify_word_hash(data, len), at;
    uint32_t bit = hash & words->filter_mask;

    if (!(words->filter[bit >> 3] & (1u << (bit & 7)))) {
        return -1;
    }
    for (at = (hash >> 7) & words->mask; words->slots[at].id_plus_1 != 0;
         at = (at + 1) & words->mask) {
        uint32_t id = words->slots[at].id_plus_1 - 1;
        if (words->slots[at].hash == hash && words->texts[id].len == len &&
            memcmp(words->pool + words->texts[id].offset, data, len) == 0) {
            return id;
        }
    }
    return -1;
}

/* The skeleton of folded bytes: what is left when leetspeak is undone, i and l
 * are one, borders are gone and repeated letters are single.  `out` holds
 * SKELETON_MAX bytes and 16 more.  Returns its length, 0 when too long;
 * *letters is how many bytes of the source were letters. */
size_t
sellify_skeleton(const char *data, size_t len, char *out, size_t *letters);

/* Gives ids to leetspeak and spaced-out letters of guarded words. */
void sellify_guard(const sellify_matcher_t *matcher, sellify_folded_t *folded);

#endif
