/*
 * Building the matcher: terms are expanded to forms, forms cut into words,
 * words laid into a trie.  Everything grows in the scratch region and is copied
 * to the ruleset's region, exactly sized, at the end.
 */
#include "matcher_internal.h"

#include <utf8proc.h>

const char SELLIFY_NO_MEMORY[] = "no memory";

#define STAR_WORD UINT32_MAX
#define JOINED_MIN 8 /* "agenthumain": guarded words written as one */
#define FOLDED_MAX (SELLIFY_TERM_BYTES_MAX * 2 + 16)

/* A form that ends at a node, in a list per node. */
typedef struct {
    sellify_form_t form;
    uint32_t next_plus_1;
} end_t;

typedef struct {
    uint32_t star, ends_plus_1, edges;
} grown_node_t;

/* Strings with ids, growing. */
typedef struct {
    sellify_words_t words;
    uint32_t texts_room, pool_len, pool_room;
} grown_words_t;

struct sellify_matcher_builder {
    sellify_region_t *region, *scratch;
    sellify_folding_t folding;
    sellify_term_t *terms;
    uint32_t term_count, term_room;
    grown_words_t words, guard;
    uint32_t *guard_ids;
    uint32_t guard_room;
    grown_node_t *nodes;
    uint32_t node_count, node_room;
    sellify_edge_t *edges;
    uint32_t edge_count, edge_mask;
    end_t *ends;
    uint32_t end_count, end_room;
    int has_digits;

    /* The term at work. */
    char form[SELLIFY_TERM_BYTES_MAX + 16];
    uint32_t forms;
    const char *fault;
    uint32_t ids[SELLIFY_TERM_WORDS_MAX * 2];
    size_t id_count, word_count, star_count;
    unsigned anchors;
    char joined[SELLIFY_SKELETON_MAX + 16];
    size_t joined_len, joined_words;
    unsigned char fold_memory[16 + FOLDED_MAX * 24];
};

/* Room for one more element.  The old array is left to the region. */
static int
grow(sellify_region_t *region, void *array, uint32_t used, uint32_t *room,
    size_t size)
{
    void *old, *bigger;
    uint32_t more = *room ? *room * 2 : 64;

    if (used < *room) {
        return 0;
    }
    if (more < *room ||
        (bigger = sellify_region_array(region, more, size)) == NULL) {
        return -1;
    }
    memcpy(&old, array, sizeof(old)); /* the caller's pointer, of any type */
    if (used > 0) {
        memcpy(bigger, old, used * size);
    }
    memcpy(array, &bigger, sizeof(bigger));
    *room = more;
    return 0;
}

/* --- strings --- */

static void
words_insert(sellify_words_t *words, uint32_t hash, uint32_t id)
{
    uint32_t at = (hash >> 7) & words->mask, bit = hash & words->filter_mask;

    while (words->slots[at].id_plus_1 != 0) {
        at = (at + 1) & words->mask;
    }
    words->slots[at].hash = hash;
    words->slots[at].id_plus_1 = id + 1;
    words->filter[bit >> 3] |= (uint8_t) (1u << (bit & 7));
}

/* Tables for `room` strings, at most half full; 16 filter bits for each. */
static int
words_tables(sellify_region_t *region, sellify_words_t *words, uint32_t room)
{
    uint32_t size = 64, i;

    while (size < room * 2) {
        size *= 2;
    }
    words->slots = sellify_region_array(region, size, sizeof(*words->slots));
    words->filter = sellify_region_alloc(region, size);
    if (words->slots == NULL || words->filter == NULL) {
        return -1;
    }
    words->mask = size - 1;
    words->filter_mask = size * 8 - 1;
    for (i = 0; i < words->count; i++) {
        words_insert(words,
            sellify_word_hash(
                words->pool + words->texts[i].offset, words->texts[i].len),
            i);
    }
    return 0;
}

static int
pool_add(sellify_region_t *scratch, grown_words_t *grown, const char *data,
    size_t len)
{
    sellify_words_t *words = &grown->words;

    if (grown->pool_len + len + 16 > grown->pool_room) {
        uint32_t room = (grown->pool_room + (uint32_t) len + 1024) * 2;
        char *pool = sellify_region_alloc(scratch, room);
        if (pool == NULL) {
            return -1;
        }
        if (grown->pool_len) {
            memcpy(pool, words->pool, grown->pool_len);
        }
        words->pool = pool;
        grown->pool_room = room;
    }
    memcpy(words->pool + grown->pool_len, data, len);
    words->texts[words->count].offset = grown->pool_len;
    words->texts[words->count].len = (uint32_t) len;
    grown->pool_len += (uint32_t) len;
    return 0;
}

/* The id of a string, which is added when it is new.  -1 without memory.
 * 16 bytes must be readable behind it. */
static int64_t
intern(sellify_region_t *scratch, grown_words_t *grown, const char *data,
    size_t len, int *is_new)
{
    sellify_words_t *words = &grown->words;
    int64_t id = words->slots ? sellify_words_find(words, data, len) : -1;

    *is_new = id < 0;
    if (id >= 0) {
        return id;
    }
    if (grow(scratch, &words->texts, words->count, &grown->texts_room,
            sizeof(*words->texts)) != 0 ||
        pool_add(scratch, grown, data, len) != 0) {
        return -1;
    }
    id = words->count++;
    if (words->slots == NULL || words->count * 2 > words->mask) {
        return words_tables(scratch, words, words->count * 2) == 0 ? id : -1;
    }
    words_insert(words, sellify_word_hash(data, len), (uint32_t) id);
    return id;
}

/* --- the trie --- */

static int
edges_resize(sellify_matcher_builder_t *b, uint32_t size)
{
    sellify_edge_t *old = b->edges, *bigger;
    uint32_t i, count = old ? b->edge_mask + 1 : 0;

    bigger = sellify_region_array(b->scratch, size, sizeof(*bigger));
    if (bigger == NULL) {
        return -1;
    }
    b->edges = bigger;
    b->edge_mask = size - 1;
    for (i = 0; i < count; i++) {
        uint32_t at;
        if (old[i].target == 0) {
            continue;
        }
        at = sellify_edge_hash(old[i].node, old[i].word) & b->edge_mask;
        while (bigger[at].target != 0) {
            at = (at + 1) & b->edge_mask;
        }
        bigger[at] = old[i];
    }
    return 0;
}

static uint32_t
new_node(sellify_matcher_builder_t *b)
{
    if (grow(b->scratch, &b->nodes, b->node_count, &b->node_room,
            sizeof(*b->nodes)) != 0) {
        return 0;
    }
    memset(&b->nodes[b->node_count], 0, sizeof(*b->nodes));
    return b->node_count++;
}

/* The node behind (node, word); made when missing.  0 without memory. */
static uint32_t
step(sellify_matcher_builder_t *b, uint32_t node, uint32_t word)
{
    uint32_t at, target;

    if (word == STAR_WORD) {
        if (b->nodes[node].star == 0) {
            target = new_node(b);
            b->nodes[node].star = target;
        }
        return b->nodes[node].star;
    }
    if (b->edge_count * 2 >= b->edge_mask &&
        edges_resize(b, (b->edge_mask + 1) * 2) != 0) {
        return 0;
    }
    at = sellify_edge_hash(node, word) & b->edge_mask;
    for (; b->edges[at].target != 0; at = (at + 1) & b->edge_mask) {
        if (b->edges[at].node == node && b->edges[at].word == word) {
            return b->edges[at].target;
        }
    }
    target = new_node(b);
    if (target != 0) {
        b->edges[at] = (sellify_edge_t){ node, word, target };
        b->edge_count++;
        b->nodes[node].edges++;
    }
    return target;
}

/* The form's text for people: small letters, single spaces, no anchors. */
static sellify_str_t
form_name(sellify_matcher_builder_t *b)
{
    const uint8_t *data = (const uint8_t *) b->form;
    size_t len = strlen(b->form), at = 0, used = 0;
    char *name = sellify_region_alloc(b->region, len * 2 + 4);
    int32_t codepoint;

    if (name == NULL) {
        return (sellify_str_t){ NULL, 0 };
    }
    while (at < len && used <= len * 2) {
        utf8proc_ssize_t size = utf8proc_iterate(
            data + at, (utf8proc_ssize_t) (len - at), &codepoint);
        if (size <= 0) {
            break;
        }
        at += (size_t) size;
        if (codepoint == '^' ||
            (codepoint <= ' ' && (used == 0 || name[used - 1] == ' '))) {
            continue;
        }
        codepoint = codepoint <= ' ' ? ' ' : utf8proc_tolower(codepoint);
        used +=
            (size_t) utf8proc_encode_char(codepoint, (uint8_t *) name + used);
    }
    while (used > 0 && name[used - 1] == ' ') {
        used--;
    }
    return (sellify_str_t){ name, used };
}

/* Lets the current term end behind `ids`. */
static const char *
lay_form(sellify_matcher_builder_t *b, const uint32_t *ids, size_t count)
{
    uint32_t node = 0, term = b->term_count - 1, i;
    sellify_str_t name;
    end_t *end;

    for (i = 0; i < count; i++) {
        node = step(b, node, ids[i]);
        if (node == 0) {
            return SELLIFY_NO_MEMORY;
        }
    }
    for (i = b->nodes[node].ends_plus_1; i; i = b->ends[i - 1].next_plus_1) {
        if (b->ends[i - 1].form.term == term) {
            return NULL; /* "é" and "e" are the same form */
        }
    }
    name = form_name(b);
    if (name.data == NULL || grow(b->scratch, &b->ends, b->end_count,
                                 &b->end_room, sizeof(*b->ends)) != 0) {
        return SELLIFY_NO_MEMORY;
    }
    end = &b->ends[b->end_count++];
    end->form = (sellify_form_t){ term, (uint16_t) name.len,
        (uint16_t) b->anchors, name.data };
    end->next_plus_1 = b->nodes[node].ends_plus_1;
    b->nodes[node].ends_plus_1 = b->end_count;
    return NULL;
}

/* --- words of a form --- */

static const char *
add_guard(
    sellify_matcher_builder_t *b, const char *data, size_t len, uint32_t id)
{
    char skeleton[SELLIFY_SKELETON_MAX + 16];
    size_t letters;
    int64_t index;
    int is_new;

    len = sellify_skeleton(data, len, skeleton, &letters);
    if (len < 2 || letters < 2) {
        return NULL;
    }
    index = intern(b->scratch, &b->guard, skeleton, len, &is_new);
    if (index < 0 ||
        (is_new && grow(b->scratch, &b->guard_ids, (uint32_t) index,
                       &b->guard_room, sizeof(*b->guard_ids)) != 0)) {
        return SELLIFY_NO_MEMORY;
    }
    if (is_new) {
        b->guard_ids[index] = id;
    }
    return NULL;
}

static const char *
push_id(sellify_matcher_builder_t *b, uint32_t id)
{
    if (b->id_count == sizeof(b->ids) / sizeof(b->ids[0])) {
        return "more than 12 words";
    }
    b->ids[b->id_count++] = id;
    return NULL;
}

/* One folded word of the term; `data` may begin with the # of "#h". */
static const char *
push_word(sellify_matcher_builder_t *b, const char *data, size_t len)
{
    int is_guarded = b->terms[b->term_count - 1].flags & SELLIFY_TERM_GUARDED;
    const char *why;
    int64_t id;
    int is_new;

    if (++b->word_count > SELLIFY_TERM_WORDS_MAX) {
        return "more than 12 words";
    }
    id = intern(b->scratch, &b->words, data, len, &is_new);
    if (id < 0) {
        return SELLIFY_NO_MEMORY;
    }
    if (data[0] == '#') {
        b->has_digits = 1;
        b->joined_words = 99;
    }
    b->joined_words++;
    if (b->joined_len + len <= SELLIFY_SKELETON_MAX) {
        memcpy(b->joined + b->joined_len, data, len);
        b->joined_len += len;
    } else {
        b->joined_words = 99;
    }
    if (is_guarded) {
        why = add_guard(b, data, len, (uint32_t) id + WORD_FIRST);
        if (why != NULL) {
            return why;
        }
    }
    return push_id(b, (uint32_t) id + WORD_FIRST);
}

/* ^ as the first or the last piece. */
static const char *
push_anchor(sellify_matcher_builder_t *b)
{
    b->joined_words = 99;
    b->anchors |= b->id_count == 0 ? ANCHOR_START : ANCHOR_END;
    return NULL;
}

static const char *
push_star(sellify_matcher_builder_t *b)
{
    b->joined_words = 99;
    if (b->id_count == 0 || b->ids[b->id_count - 1] == STAR_WORD) {
        return "* must stand between words";
    }
    if (++b->star_count > SELLIFY_TERM_STARS_MAX) {
        return "more than 2 *";
    }
    return push_id(b, STAR_WORD);
}

/* A piece of the form without white space: folded, perhaps several words. */
static const char *
push_piece(sellify_matcher_builder_t *b, const char *piece, size_t len)
{
    char number[SELLIFY_TERM_BYTES_MAX + 32];
    sellify_folded_t folded;
    const char *why = NULL;
    size_t error_at, i, from = piece[0] == '#';

    if (b->anchors & ANCHOR_END) {
        return "nothing may follow the last ^";
    }
    if (len == 1 && piece[0] == '^') {
        return push_anchor(b);
    }
    if (len == 1 && piece[0] == '*') {
        return push_star(b);
    }
    if (sellify_fold(&b->folding, (sellify_str_t){ piece + from, len - from },
            b->fold_memory, sizeof(b->fold_memory), &folded, &error_at) != 0) {
        return "not UTF-8";
    }
    if (from) {
        number[0] = '#';
        i = folded.word_count ? folded.words[0].end : 0;
        if (folded.word_count > 1 || i > SELLIFY_SKELETON_MAX - 1) {
            return "# must be alone or before one word";
        }
        memcpy(number + 1, folded.data, i);
        memset(number + 1 + i, 0, 16);
        return push_word(b, number, i + 1);
    }
    for (i = 0; i < folded.word_count && why == NULL; i++) {
        const sellify_word_t *word = &folded.words[i];
        if (i > 0 && word->gap == SELLIFY_GAP_HARD) {
            why = push_id(b, WORD_BORDER);
        }
        if (why == NULL) {
            why = push_word(
                b, folded.data + word->start, word->end - word->start);
        }
    }
    return why;
}

static const char *
add_joined(sellify_matcher_builder_t *b)
{
    int64_t id;
    int is_new;
    uint32_t one;
    const char *why;

    memset(b->joined + b->joined_len, 0, 16);
    id = intern(b->scratch, &b->words, b->joined, b->joined_len, &is_new);
    if (id < 0) {
        return SELLIFY_NO_MEMORY;
    }
    one = (uint32_t) id + WORD_FIRST;
    why = add_guard(b, b->joined, b->joined_len, one);
    return why ? why : lay_form(b, &one, 1);
}

/* One form: the term with one choice made in each bracket. */
static const char *
add_form(sellify_matcher_builder_t *b)
{
    const char *at = b->form, *why = NULL;
    int is_guarded = b->terms[b->term_count - 1].flags & SELLIFY_TERM_GUARDED;

    b->id_count = b->word_count = b->star_count = 0;
    b->joined_len = b->joined_words = 0;
    b->anchors = 0;
    if (++b->forms > SELLIFY_TERM_FORMS_MAX) {
        return "brackets expand to more than 1024 forms";
    }
    while (*at != '\0' && why == NULL) {
        size_t len = strcspn(at, " \t\r\n");
        if (len > 0) {
            why = push_piece(b, at, len);
        }
        at += len + (at[len] != '\0');
    }
    if (why != NULL) {
        return why;
    }
    if (b->word_count == 0) {
        return "empty after folding";
    }
    if (b->ids[b->id_count - 1] == STAR_WORD) {
        return "* must stand between words";
    }
    why = lay_form(b, b->ids, b->id_count);
    if (why == NULL && is_guarded && b->joined_words >= 2 &&
        b->joined_words <= 3 && b->joined_len >= JOINED_MIN) {
        why = add_joined(b);
    }
    return why;
}

/* Expands the brackets from `at` on; `used` bytes of the form stand. */
static const char *
expand(sellify_matcher_builder_t *b, const char *at, size_t used)
{
    size_t len = strcspn(at, "[]");
    const char *close, *choice, *why;

    memcpy(b->form + used, at, len);
    used += len;
    at += len;
    if (*at == '\0') {
        b->form[used] = '\0';
        return add_form(b);
    }
    close = *at == '[' ? strpbrk(at + 1, "[]") : NULL;
    if (close == NULL || *close != ']') {
        return "brackets do not match";
    }
    for (choice = at + 1; choice <= close; choice += len + 1) {
        len = strcspn(choice, "|]");
        memcpy(b->form + used, choice, len);
        why = expand(b, close + 1, used + len);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

/* --- public --- */

sellify_matcher_builder_t *
sellify_matcher_begin(sellify_region_t *region, sellify_region_t *scratch)
{
    sellify_matcher_builder_t *b = sellify_region_alloc(scratch, sizeof(*b));

    if (b == NULL) {
        return NULL;
    }
    b->region = region;
    b->scratch = scratch;
    sellify_folding_init(&b->folding);
    if (words_tables(scratch, &b->words.words, 64) != 0 ||
        words_tables(scratch, &b->guard.words, 64) != 0 ||
        edges_resize(b, 256) != 0 ||
        grow(scratch, &b->nodes, 0, &b->node_room, sizeof(*b->nodes)) != 0) {
        return NULL;
    }
    b->node_count = 1; /* the root */
    return b;
}

const char *
sellify_matcher_add(sellify_matcher_builder_t *b, const sellify_term_t *term)
{
    char text[SELLIFY_TERM_BYTES_MAX + 1];
    sellify_term_t *copy;

    if (term->text.len > SELLIFY_TERM_BYTES_MAX) {
        return "longer than 512 bytes";
    }
    if (term->text.len > 0 && memchr(term->text.data, 0, term->text.len)) {
        return "not UTF-8";
    }
    if (term->class_id >= SELLIFY_CLASSES_MAX) {
        return "no such class";
    }
    if (grow(b->scratch, &b->terms, b->term_count, &b->term_room,
            sizeof(*b->terms)) != 0) {
        return SELLIFY_NO_MEMORY;
    }
    copy = &b->terms[b->term_count];
    *copy = *term;
    if (term->text.len > 1 && term->text.data[term->text.len - 1] == '!') {
        copy->flags |= SELLIFY_TERM_FIRM;
        copy->text.len--;
    }
    copy->text = sellify_region_copy(b->region, copy->text);
    copy->sense = sellify_region_copy(b->region, term->sense);
    if (copy->text.data == NULL || copy->sense.data == NULL) {
        return SELLIFY_NO_MEMORY;
    }
    b->term_count++;
    b->forms = 0;
    memcpy(text, copy->text.data, copy->text.len + 1);
    return expand(b, text, 0);
}

static int
copy_words(
    sellify_region_t *region, sellify_words_t *to, const grown_words_t *from)
{
    const sellify_words_t *words = &from->words;

    *to = *words;
    to->texts =
        sellify_region_array(region, words->count + 1, sizeof(*to->texts));
    to->pool = sellify_region_alloc(region, from->pool_len + 16);
    if (to->texts == NULL || to->pool == NULL) {
        return -1;
    }
    if (words->count > 0) {
        memcpy(to->texts, words->texts, words->count * sizeof(*to->texts));
        memcpy(to->pool, words->pool, from->pool_len);
    }
    return words_tables(region, to, words->count + 1);
}

/* The ends of each node in a row, in the order in which they were added. */
static void
copy_ends(const sellify_matcher_builder_t *b, sellify_matcher_t *m)
{
    uint32_t node, used = 0;

    for (node = 0; node < b->node_count; node++) {
        uint32_t i = b->nodes[node].ends_plus_1, count = 0, at;

        m->nodes[node].star = b->nodes[node].star;
        m->nodes[node].edges = b->nodes[node].edges;
        m->nodes[node].form = used;
        for (at = i; at; at = b->ends[at - 1].next_plus_1) {
            count++;
        }
        m->nodes[node].forms = count;
        used += count;
        for (at = used; i; i = b->ends[i - 1].next_plus_1) {
            m->ends[--at] = b->ends[i - 1].form;
        }
    }
}

static int
copy_trie(const sellify_matcher_builder_t *b, sellify_matcher_t *m)
{
    uint32_t i, words = b->words.words.count + WORD_FIRST;
    sellify_region_t *region = b->region;

    m->nodes = sellify_region_array(region, b->node_count, sizeof(*m->nodes));
    m->edges =
        sellify_region_array(region, b->edge_mask + 1, sizeof(*m->edges));
    m->ends = sellify_region_array(region, b->end_count, sizeof(*m->ends));
    m->first = sellify_region_array(region, words, sizeof(*m->first));
    if (m->nodes == NULL || m->edges == NULL || m->ends == NULL ||
        m->first == NULL) {
        return -1;
    }
    m->edge_mask = b->edge_mask;
    memcpy(m->edges, b->edges, (b->edge_mask + 1) * sizeof(*m->edges));
    for (i = 0; i <= b->edge_mask; i++) {
        if (b->edges[i].target != 0 && b->edges[i].node == 0) {
            m->first[b->edges[i].word] = b->edges[i].target;
        }
    }
    copy_ends(b, m);
    return 0;
}

const sellify_matcher_t *
sellify_matcher_finish(sellify_matcher_builder_t *b)
{
    sellify_matcher_t *m = sellify_region_alloc(b->region, sizeof(*m));
    sellify_term_t *terms =
        sellify_region_array(b->region, b->term_count, sizeof(*terms));
    uint32_t *ids =
        sellify_region_array(b->region, b->guard.words.count, sizeof(*ids));

    if (m == NULL || terms == NULL || ids == NULL ||
        copy_words(b->region, &m->words, &b->words) != 0 ||
        copy_words(b->region, &m->guard, &b->guard) != 0 ||
        copy_trie(b, m) != 0) {
        return NULL;
    }
    if (b->term_count > 0) {
        memcpy(terms, b->terms, b->term_count * sizeof(*terms));
    }
    if (b->guard.words.count > 0) {
        memcpy(ids, b->guard_ids, b->guard.words.count * sizeof(*ids));
    }
    m->folding = b->folding;
    m->terms = terms;
    m->term_count = b->term_count;
    m->guard_ids = ids;
    m->has_digits = b->has_digits;
    return m;
}

const sellify_folding_t *
sellify_matcher_folding(const sellify_matcher_t *m)
{
    return &m->folding;
}

size_t
sellify_matcher_terms(const sellify_matcher_t *m)
{
    return m->term_count;
}
