/* The scan: words to ids, a walk down the trie, exceptions last. */
#include "matcher_internal.h"

#define PENDING_MAX 256
#define STAR_WORDS 3
#define EMOJI_SKIP 8 /* pictures in a row that a term reaches across */

typedef struct {
    const sellify_form_t *form;
    uint32_t first, last;
} pending_t;

typedef struct {
    const sellify_matcher_t *m;
    const sellify_folded_t *folded;
    sellify_hits_t *hits;
    uint32_t first; /* the word at which the walk began */
    size_t pending_count, exception_count;
    pending_t pending[PENDING_MAX], exceptions[PENDING_MAX];
} scan_t;

/* What the walk went through since `first`. */
#define PATH_COMMA 1u
#define PATH_GUARD 2u

static uint32_t
edge(const sellify_matcher_t *m, uint32_t node, uint32_t word)
{
    uint32_t at = sellify_edge_hash(node, word) & m->edge_mask;

    for (; m->edges[at].target != 0; at = (at + 1) & m->edge_mask) {
        if (m->edges[at].node == node && m->edges[at].word == word) {
            return m->edges[at].target;
        }
    }
    return 0;
}

static uint32_t
word_id(const sellify_matcher_t *m, const char *data, size_t len)
{
    int64_t id = sellify_words_find(&m->words, data, len);

    return id < 0 ? WORD_UNKNOWN : (uint32_t) id + WORD_FIRST;
}

/* Writes the word with each run of three or more equal letters cut to `keep`.
 * Returns the new length, 0 when there is no such run or it is too long. */
static size_t
squeeze(const char *data, size_t len, size_t keep, char *out)
{
    size_t i, j, used = 0;
    int found = 0;

    for (i = 0; i < len; i = j) {
        for (j = i + 1; j < len && data[j] == data[i]; j++) {
        }
        size_t count = j - i;
        if (count >= 3) {
            found = 1;
            count = keep;
        }
        if (used + count > SELLIFY_SKELETON_MAX) {
            return 0;
        }
        memset(out + used, data[i], count);
        used += count;
    }
    memset(out + used, 0, 16);
    return found ? used : 0;
}

static int
has_repeat(const char *data, size_t len, size_t count)
{
    size_t i, run = 1;

    for (i = 1; i < len; i++) {
        run = data[i] == data[i - 1] ? run + 1 : 1;
        if (run == count && !(data[i] & 0x80)) {
            return 1;
        }
    }
    return 0;
}

/* An unknown word: "merciiii" for all terms, "robbot" for guarded ones. */
static void
look_again(const sellify_matcher_t *m, const sellify_folded_t *folded,
    sellify_word_t *word)
{
    char buffer[SELLIFY_SKELETON_MAX + 16];
    const char *data = folded->data + word->start;
    size_t keep, letters, len = word->end - word->start;
    int64_t index;
    size_t min = 5;

    if (!(word->shape & SELLIFY_WORD_LETTERS) || !has_repeat(data, len, 2)) {
        return;
    }
    for (keep = 1; keep <= 2 && has_repeat(data, len, 3); keep++) {
        size_t squeezed = squeeze(data, len, keep, buffer);
        word->id = squeezed ? word_id(m, buffer, squeezed) : WORD_UNKNOWN;
        if (word->id != WORD_UNKNOWN) {
            return;
        }
        min = 3;
    }
    len = sellify_skeleton(data, len, buffer, &letters);
    index = len >= min ? sellify_words_find(&m->guard, buffer, len) : -1;
    if (index >= 0) {
        word->id = m->guard_ids[index];
        word->shape |= SELLIFY_WORD_GUARD;
    }
}

static void
resolve_words(const sellify_matcher_t *m, sellify_folded_t *folded)
{
    sellify_word_t *word = folded->words, *end = word + folded->word_count;

    for (; word < end; word++) {
        word->reserved = 0;
        word->id =
            word_id(m, folded->data + word->start, word->end - word->start);
        if (word->id == WORD_UNKNOWN) {
            look_again(m, folded, word);
        }
    }
}

/* "48h" as "#h", "30" as "#". */
static uint32_t
number_id(const sellify_matcher_t *m, const sellify_folded_t *folded,
    const sellify_word_t *word)
{
    const char *data = folded->data + word->start;
    size_t i = 0, len = word->end - word->start;
    char buffer[SELLIFY_SKELETON_MAX + 16];

    while (i < len && data[i] >= '0' && data[i] <= '9') {
        i++;
    }
    if (i == 0 || len - i > SELLIFY_SKELETON_MAX - 1) {
        return WORD_UNKNOWN;
    }
    buffer[0] = '#';
    memcpy(buffer + 1, data + i, len - i);
    memset(buffer + 1 + len - i, 0, 16);
    return word_id(m, buffer, 1 + len - i);
}

/* Moves what no later exception can touch, words before `before`, to the
 * caller's array. */
static void
settle(scan_t *s, uint32_t before)
{
    size_t i, j, kept = 0;

    for (i = 0; i < s->pending_count; i++) {
        const pending_t *p = &s->pending[i];
        const sellify_term_t *term = &s->m->terms[p->form->term];
        uint64_t bit = (uint64_t) 1 << term->class_id;
        sellify_hits_t *hits = s->hits;
        int cancelled = 0;

        if (p->last >= before) {
            s->pending[kept++] = *p;
            continue;
        }
        for (j = 0; j < s->exception_count; j++) {
            const pending_t *e = &s->exceptions[j];
            if (e->first <= p->last && e->last >= p->first &&
                (s->m->terms[e->form->term].cancels & bit) &&
                !(term->flags & SELLIFY_TERM_FIRM)) {
                cancelled = 1;
                break;
            }
        }
        if (cancelled) {
            hits->cancelled |= bit;
            continue;
        }
        hits->counts[term->class_id]++;
        hits->classes |= bit;
        if (term->flags & SELLIFY_TERM_COUNTED) {
            continue;
        }
        hits->found++;
        if (hits->count < hits->max) {
            sellify_hit_t *hit = &hits->items[hits->count++];
            hit->term = term;
            hit->name = (sellify_str_t){ p->form->name, p->form->name_len };
            hit->first = p->first;
            hit->last = p->last;
            hit->start = s->folded->words[p->first].start;
            hit->end = s->folded->words[p->last].end;
        }
    }
    s->pending_count = kept;
    for (i = kept = 0; i < s->exception_count; i++) {
        if (s->exceptions[i].last >= before) {
            s->exceptions[kept++] = s->exceptions[i];
        }
    }
    s->exception_count = kept;
}

/* One end of the same term from the same word: the longer one stays. */
static int
is_known(scan_t *s, const sellify_form_t *form, uint32_t last)
{
    size_t i;

    for (i = s->pending_count; i > 0; i--) {
        pending_t *p = &s->pending[i - 1];
        if (p->first != s->first) {
            break;
        }
        if (p->form->term == form->term) {
            if (last > p->last) {
                p->last = last;
                p->form = form;
            }
            return 1;
        }
    }
    return 0;
}

/* Keeps the longest of the hits that begin at one word in front. */
static void
add_pending(scan_t *s, const sellify_form_t *form, uint32_t last)
{
    size_t at;

    if (is_known(s, form, last)) {
        return;
    }
    if (s->pending_count == PENDING_MAX) {
        settle(s, s->first);
    }
    if (s->pending_count == PENDING_MAX) {
        s->hits->found++; /* the caller sees that not all are kept */
        return;
    }
    for (at = s->pending_count++; at > 0; at--) {
        const pending_t *before = &s->pending[at - 1];
        if (before->first != s->first || before->last >= last) {
            break;
        }
        s->pending[at] = *before;
    }
    s->pending[at] = (pending_t){ form, s->first, last };
}

/* Only pictures before the first or behind the last word, as the form asks. */
static int
is_anchored(const scan_t *s, unsigned anchors, uint32_t last)
{
    const sellify_word_t *words = s->folded->words;
    size_t i;

    for (i = s->first; (anchors & ANCHOR_START) && i > 0; i--) {
        if (!(words[i - 1].shape & SELLIFY_WORD_EMOJI)) {
            return 0;
        }
    }
    for (i = last + 1; (anchors & ANCHOR_END) && i < s->folded->word_count;
         i++) {
        if (!(words[i].shape & SELLIFY_WORD_EMOJI)) {
            return 0;
        }
    }
    return 1;
}

static void
arrive(scan_t *s, const sellify_node_t *node, uint32_t last, unsigned path)
{
    uint32_t i;

    for (i = 0; i < node->forms; i++) {
        const sellify_form_t *form = &s->m->ends[node->form + i];
        uint32_t flags = s->m->terms[form->term].flags;

        if (form->anchors && !is_anchored(s, form->anchors, last)) {
            continue;
        }
        if ((path & PATH_GUARD) && !(flags & SELLIFY_TERM_GUARDED)) {
            continue;
        }
        if (!(flags & SELLIFY_TERM_EXCEPTION)) {
            add_pending(s, form, last);
            continue;
        }
        if (path & PATH_COMMA) {
            continue;
        }
        if (s->exception_count == PENDING_MAX) {
            settle(s, s->first);
        }
        if (s->exception_count < PENDING_MAX) {
            s->exceptions[s->exception_count++] =
                (pending_t){ form, s->first, last };
        }
    }
}

static void walk(scan_t *s, uint32_t node_id, uint32_t at, unsigned path);

/* Follows the edges of one node over the word `at`. */
static void
follow(scan_t *s, uint32_t node_id, uint32_t at, unsigned path)
{
    const sellify_folded_t *folded = s->folded;
    const sellify_word_t *word;
    uint32_t next, skipped = 0;

    for (; at < folded->word_count; at++) {
        word = &folded->words[at];
        if (word->gap == SELLIFY_GAP_HARD) {
            node_id = edge(s->m, node_id, WORD_BORDER);
            if (node_id == 0) {
                return;
            }
        }
        path |= word->gap == SELLIFY_GAP_COMMA ? PATH_COMMA : 0;
        next = word->id ? edge(s->m, node_id, word->id) : 0;
        if (next) {
            walk(s, next, at,
                path | (word->shape & SELLIFY_WORD_GUARD ? PATH_GUARD : 0));
        }
        if ((word->shape & SELLIFY_WORD_DIGITS) && s->m->has_digits) {
            uint32_t number = number_id(s->m, folded, word);
            next = number ? edge(s->m, node_id, number) : 0;
            if (next) {
                walk(s, next, at, path);
            }
        }
        if (!(word->shape & SELLIFY_WORD_EMOJI) || ++skipped > EMOJI_SKIP) {
            return;
        }
    }
}

/* At a node, the word `at` read last.  Bounded by the depth of the trie: at
 * most SELLIFY_TERM_WORDS_MAX, and STAR_WORDS + 1 ways for each star. */
static void
walk(scan_t *s, uint32_t node_id, uint32_t at, unsigned path)
{
    const sellify_node_t *node = &s->m->nodes[node_id];
    uint32_t skip;

    if (node->forms) {
        arrive(s, node, at, path);
    }
    if (node->edges) {
        follow(s, node_id, at + 1, path);
    }
    if (node->star == 0) {
        return;
    }
    for (skip = 0; skip <= STAR_WORDS; skip++) {
        follow(s, node->star, at + 1 + skip, path);
        if (at + 1 + skip >= s->folded->word_count ||
            s->folded->words[at + 1 + skip].gap == SELLIFY_GAP_HARD) {
            break;
        }
    }
}

static void
start(scan_t *s, uint32_t id, unsigned path)
{
    uint32_t node = id ? s->m->first[id] : 0;

    if (node) {
        walk(s, node, s->first, path);
    }
}

void
sellify_matcher_scan(
    const sellify_matcher_t *m, sellify_folded_t *folded, sellify_hits_t *hits)
{
    scan_t s;
    uint32_t i;

    hits->count = hits->found = 0;
    hits->classes = hits->cancelled = 0;
    memset(hits->counts, 0, sizeof(hits->counts));
    s.m = m;
    s.folded = folded;
    s.hits = hits;
    s.pending_count = s.exception_count = 0;

    resolve_words(m, folded);
    if (m->guard.count && folded->word_count > 0) {
        sellify_guard(m, folded);
    }
    for (i = 0; i < folded->word_count; i++) {
        const sellify_word_t *word = &folded->words[i];

        s.first = i;
        start(&s, word->id, word->shape & SELLIFY_WORD_GUARD ? PATH_GUARD : 0);
        if ((word->shape & SELLIFY_WORD_DIGITS) && m->has_digits) {
            start(&s, number_id(m, folded, word), 0);
        }
    }
    settle(&s, UINT32_MAX);
}

int
sellify_matcher_value(const sellify_matcher_t *m, const sellify_word_t *word,
    uint32_t class_id, uint32_t *value)
{
    const sellify_node_t *node;
    uint32_t i;

    if (word->id == WORD_UNKNOWN || m->first[word->id] == 0) {
        return 0;
    }
    node = &m->nodes[m->first[word->id]];
    for (i = 0; i < node->forms; i++) {
        const sellify_term_t *term = &m->terms[m->ends[node->form + i].term];
        if (term->class_id == class_id &&
            !(term->flags & SELLIFY_TERM_EXCEPTION)) {
            *value = term->value;
            return 1;
        }
    }
    return 0;
}
