/*
 * Terms of the catalogue and near misses of their words; see product_index.h.
 */
#include "product_index.h"

#include "near_words.h"

#define KEY_WORDS_MAX 6 /* of a name; nobody types more of it */
#define KEY_BYTES_MAX 240
#define INFLECTED_WORDS 2
/* Words that count alone, by the letters they need in a name, a keyword. */
#define NAME_LETTERS_MIN 4
#define KEYWORD_LETTERS_MIN 5

struct sellify_product_index {
    sellify_product_term_t *terms;
    uint32_t count;
    sellify_near_words_t near;
};

/* --- collecting --- */

typedef struct {
    uint32_t product, weight, next; /* next: 1 + index, 0 is the end */
} reference_t;

typedef struct {
    sellify_str_t key;
    uint32_t hash, first, last, count;
    int single; /* one word of letters: takes part in near misses */
} entry_t;

typedef struct {
    sellify_region_t *region, *scratch;
    sellify_folding_t *folding;
    void *fold_scratch;
    size_t fold_size;

    entry_t *entries;
    reference_t *references;
    uint32_t *slots; /* 1 + index of an entry */
    uint32_t entry_count, reference_count, slot_mask;
} collector_t;

static uint32_t
hash_of(sellify_str_t key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ (unsigned char) key.data[i]) * 16777619u;
    }
    return hash ^ hash >> 15;
}

/* The entry of a key, made when it is new; NULL without memory. */
static entry_t *
entry_of(collector_t *c, sellify_str_t key, int single)
{
    uint32_t hash = hash_of(key), slot = hash & c->slot_mask;
    entry_t *entry;

    while (c->slots[slot] != 0) {
        entry = &c->entries[c->slots[slot] - 1];
        if (entry->hash == hash && sellify_str_equal(entry->key, key)) {
            return entry;
        }
        slot = (slot + 1) & c->slot_mask;
    }
    entry = &c->entries[c->entry_count];
    entry->key = sellify_region_copy(c->region, key);
    if (entry->key.data == NULL) {
        return NULL;
    }
    entry->hash = hash;
    entry->single = single;
    c->slots[slot] = ++c->entry_count;
    return entry;
}

/* Products come in ascending order, so a product's earlier reference to the
 * same key is the last one. */
static int
refer(collector_t *c, sellify_str_t key, int single, uint32_t product,
    uint32_t weight)
{
    entry_t *entry;
    reference_t *reference;

    if (key.len == 0) {
        return 0;
    }
    entry = entry_of(c, key, single);
    if (entry == NULL) {
        return -1;
    }
    if (entry->last != 0) {
        reference = &c->references[entry->last - 1];
        if (reference->product == product) {
            reference->weight =
                reference->weight > weight ? reference->weight : weight;
            return 0;
        }
        reference->next = c->reference_count + 1;
    } else {
        entry->first = c->reference_count + 1;
    }
    c->references[c->reference_count++] = (reference_t){ product, weight, 0 };
    entry->last = c->reference_count;
    entry->count++;
    return 0;
}

static int
is_plain(const sellify_folded_t *folded, const sellify_word_t *word)
{
    for (uint32_t i = word->start; i < word->end; i++) {
        if (folded->data[i] < 'a' || folded->data[i] > 'z') {
            return 0;
        }
    }
    return 1;
}

/* "sacs" and "sac" are one key.  A final x stays: "prix" is no plural. */
static size_t
singular_length(const char *word, size_t len)
{
    return len >= 4 && word[len - 1] == 's' ? len - 1 : len;
}

/* The folded words of a text joined by spaces; how many. */
static size_t
join_words(const sellify_folded_t *folded, char *key, size_t *len)
{
    size_t words = 0;

    *len = 0;
    for (size_t i = 0; i < folded->word_count && words < KEY_WORDS_MAX; i++) {
        const sellify_word_t *word = &folded->words[i];
        size_t n = word->end - word->start;

        if ((word->shape & SELLIFY_WORD_EMOJI) || n == 0) {
            continue; /* terms reach across emoji */
        }
        if (*len + n + 1 > KEY_BYTES_MAX) {
            break;
        }
        if (words++ > 0) {
            key[(*len)++] = ' ';
        }
        memcpy(key + *len, folded->data + word->start, n);
        if (words <= INFLECTED_WORDS) {
            n = singular_length(key + *len, n);
        }
        *len += n;
    }
    return words;
}

static int
fold(collector_t *c, sellify_str_t text, sellify_folded_t *folded)
{
    size_t error_at;

    return sellify_fold(
        c->folding, text, c->fold_scratch, c->fold_size, folded, &error_at);
}

static int
collect_phrase(
    collector_t *c, sellify_str_t text, uint32_t product, uint32_t weight)
{
    char key[KEY_BYTES_MAX];
    sellify_folded_t folded;
    size_t words, len;

    if (fold(c, text, &folded) != 0) {
        return 0; /* not UTF-8 cannot be: the document was checked */
    }
    words = join_words(&folded, key, &len);
    return refer(c, (sellify_str_t){ key, len },
        words == 1 && is_plain(&folded, &folded.words[0]), product,
        weight + (words > 1 ? 5 * (uint32_t) (words - 1) : 0));
}

/* The words of a name or keyword, each for itself.  make_room() counts on their
 * number: folding may make more words of a text than it has bytes / 4. */
static int
collect_words(
    collector_t *c, sellify_str_t text, size_t letters, uint32_t product)
{
    sellify_folded_t folded;
    size_t most = 1 + text.len / 4;

    if (fold(c, text, &folded) != 0) {
        return 0;
    }
    for (size_t i = 0; i < folded.word_count && i < most; i++) {
        const sellify_word_t *word = &folded.words[i];
        sellify_str_t key = { folded.data + word->start,
            word->end - word->start };

        if (!(word->shape & SELLIFY_WORD_LETTERS) || key.len < letters ||
            key.len > KEY_BYTES_MAX) {
            continue;
        }
        key.len = singular_length(key.data, key.len);
        if (refer(c, key, is_plain(&folded, word), product,
                SELLIFY_WEIGHT_WORD) != 0) {
            return -1;
        }
    }
    return 0;
}

static int
collect(collector_t *c, const sellify_product_t *products, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const sellify_product_t *product = &products[i];
        uint32_t number = (uint32_t) i;

        if (collect_phrase(c, product->name, number, SELLIFY_WEIGHT_NAME) !=
                0 ||
            collect_words(c, product->name, NAME_LETTERS_MIN, number) != 0) {
            return -1;
        }
        for (uint32_t k = 0; k < product->keyword_count; k++) {
            sellify_str_t keyword = product->keywords[k];

            if (collect_phrase(c, keyword, number, SELLIFY_WEIGHT_KEYWORD) !=
                    0 ||
                collect_words(c, keyword, KEYWORD_LETTERS_MIN, number) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* --- terms --- */

static int
plural_end(sellify_str_t word)
{
    char last = word.data[word.len - 1];

    return last == 's' || last == 'x';
}

/* The word without a final s or x, when enough is left. */
static sellify_str_t
stem_of(sellify_str_t word)
{
    if (word.len >= 4 && plural_end(word)) {
        word.len--;
    }
    return word;
}

/* One word of a term, singular and plural: "sac[|s]", "gateau[|s|x]". */
static size_t
inflect(sellify_str_t word, char *out)
{
    sellify_str_t stem = stem_of(word);
    int letters = 1;
    const char *ends = "";

    for (size_t i = 0; i < word.len; i++) {
        letters &= word.data[i] >= 'a' && word.data[i] <= 'z';
    }
    if (letters && word.len >= 3 &&
        (stem.len < word.len || !plural_end(word))) {
        ends = stem.data[stem.len - 1] == 'u' || word.data[word.len - 1] == 'x'
                   ? "[|s|x]"
                   : "[|s]";
        word = stem;
    }
    memcpy(out, word.data, word.len);
    memcpy(out + word.len, ends, strlen(ends));
    return word.len + strlen(ends);
}

static size_t
write_term(sellify_str_t key, char *out)
{
    size_t n = 0, words = 0;

    while (key.len > 0) {
        const char *space = memchr(key.data, ' ', key.len);
        sellify_str_t word = { key.data,
            space ? (size_t) (space - key.data) : key.len };

        if (words > 0) {
            out[n++] = ' ';
        }
        if (words++ < INFLECTED_WORDS) {
            n += inflect(word, out + n);
        } else {
            memcpy(out + n, word.data, word.len);
            n += word.len;
        }
        key.data += word.len + (space != NULL);
        key.len -= word.len + (space != NULL);
    }
    return n;
}

static int
keep_references(
    const collector_t *c, const entry_t *entry, sellify_product_term_t *term)
{
    uint32_t *products, *weights, n = 0;

    products = sellify_region_array(c->region, entry->count, sizeof(*products));
    weights = sellify_region_array(c->region, entry->count, sizeof(*weights));
    if (products == NULL || weights == NULL) {
        return -1;
    }
    for (uint32_t r = entry->first; r != 0; r = c->references[r - 1].next) {
        products[n] = c->references[r - 1].product;
        weights[n++] = c->references[r - 1].weight;
    }
    *term = (sellify_product_term_t){ entry->key, products, weights, n };
    return 0;
}

static int
keep_terms(const collector_t *c, sellify_product_index_t *index,
    uint32_t class_id, sellify_matcher_builder_t *builder)
{
    index->terms =
        sellify_region_array(c->region, c->entry_count, sizeof(*index->terms));
    if (index->terms == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < c->entry_count; i++) {
        char text[KEY_BYTES_MAX + 8 * INFLECTED_WORDS];
        sellify_term_t term = { .class_id = class_id, .value = i };
        const char *problem;

        if (keep_references(c, &c->entries[i], &index->terms[i]) != 0) {
            return -1;
        }
        term.text =
            (sellify_str_t){ text, write_term(c->entries[i].key, text) };
        term.sense = sellify_str("");
        problem = sellify_matcher_add(builder, &term);
        if (problem == SELLIFY_NO_MEMORY) {
            return -1;
        }
    }
    index->count = c->entry_count;
    return 0;
}

/* --- near misses --- */

/* The words of the catalogue that near misses are compared with. */
static int
keep_near_words(const collector_t *c, sellify_near_words_t *near)
{
    sellify_near_word_t *words =
        sellify_region_array(c->scratch, c->entry_count, sizeof(*words));
    size_t n = 0;

    if (words == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < c->entry_count; i++) {
        if (c->entries[i].single) {
            words[n++] = (sellify_near_word_t){ stem_of(c->entries[i].key), i };
        }
    }
    return sellify_near_words_build(near, words, n, c->region);
}

const sellify_product_term_t *
sellify_product_index_near(const sellify_product_index_t *index,
    sellify_str_t word, unsigned *edits, uint32_t *work)
{
    int64_t term;

    if (word.len < SELLIFY_NEAR_LETTERS_MIN) {
        return NULL; /* before the plural's s is taken off */
    }
    term = sellify_near_words_find(&index->near, stem_of(word), edits, work);
    return term < 0 ? NULL : &index->terms[term];
}

/* --- build --- */

static int
make_room(collector_t *c, const sellify_product_t *products, size_t count)
{
    size_t most = 0, longest = 0, slots = 64;

    for (size_t i = 0; i < count; i++) {
        most += 2 + products[i].name.len / 4;
        longest =
            products[i].name.len > longest ? products[i].name.len : longest;
        for (uint32_t k = 0; k < products[i].keyword_count; k++) {
            most += 2 + products[i].keywords[k].len / 4;
            longest = products[i].keywords[k].len > longest
                          ? products[i].keywords[k].len
                          : longest;
        }
    }
    while (slots < 2 * most) {
        slots *= 2;
    }
    c->slot_mask = (uint32_t) (slots - 1);
    c->fold_size = sellify_fold_size(longest);
    c->folding = sellify_region_alloc(c->scratch, sizeof(*c->folding));
    c->fold_scratch = sellify_region_alloc(c->scratch, c->fold_size);
    c->entries = sellify_region_array(c->scratch, most, sizeof(*c->entries));
    c->references =
        sellify_region_array(c->scratch, most, sizeof(*c->references));
    c->slots = sellify_region_array(c->scratch, slots, sizeof(*c->slots));
    if (!c->folding || !c->fold_scratch || !c->entries || !c->references ||
        !c->slots) {
        return -1;
    }
    sellify_folding_init(c->folding);
    return 0;
}

sellify_product_index_t *
sellify_product_index_build(const sellify_product_t *products, size_t count,
    uint32_t class_id, sellify_matcher_builder_t *builder,
    sellify_region_t *region, sellify_region_t *scratch)
{
    collector_t c = { .region = region, .scratch = scratch };
    sellify_product_index_t *index;

    index = sellify_region_alloc(region, sizeof(*index));
    if (index == NULL || make_room(&c, products, count) != 0 ||
        collect(&c, products, count) != 0 ||
        keep_terms(&c, index, class_id, builder) != 0 ||
        keep_near_words(&c, &index->near) != 0) {
        return NULL;
    }
    return index;
}

/* Does a lexicon know this word, as a function word or as a term? */
static int
is_ordinary(const sellify_matcher_t *matcher, uint32_t class_id,
    sellify_str_t word, void *fold_scratch, size_t fold_size)
{
    sellify_hit_t items[8];
    sellify_hits_t hits = { .items = items, .max = 8 };
    sellify_folded_t folded;
    size_t error_at;

    if (sellify_fold(sellify_matcher_folding(matcher), word, fold_scratch,
            fold_size, &folded, &error_at) != 0) {
        return 0;
    }
    sellify_matcher_scan(matcher, &folded, &hits);
    for (uint32_t i = 0; i < SELLIFY_CLASSES_MAX; i++) {
        if (i != class_id && hits.counts[i] > 0) {
            return 1;
        }
    }
    return 0;
}

static int
has_word_weight(const sellify_product_term_t *term)
{
    for (uint32_t i = 0; i < term->count; i++) {
        if (term->weights[i] == SELLIFY_WEIGHT_WORD) {
            return 1;
        }
    }
    return 0;
}

int
sellify_product_index_settle(sellify_product_index_t *index,
    const sellify_matcher_t *matcher, uint32_t class_id,
    sellify_region_t *scratch)
{
    size_t size = sellify_fold_size(KEY_BYTES_MAX);
    void *room = sellify_region_alloc(scratch, size);

    if (room == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < index->count; i++) {
        sellify_product_term_t *term = &index->terms[i];
        uint32_t *weights = (uint32_t *) term->weights;

        if (!has_word_weight(term) ||
            !is_ordinary(matcher, class_id, term->text, room, size)) {
            continue;
        }
        for (uint32_t k = 0; k < term->count; k++) {
            if (weights[k] == SELLIFY_WEIGHT_WORD) {
                weights[k] = 0;
            }
        }
    }
    return 0;
}

const sellify_product_term_t *
sellify_product_index_term(
    const sellify_product_index_t *index, uint32_t number)
{
    return number < index->count ? &index->terms[number] : NULL;
}
