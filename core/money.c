/* Amounts of money: numbers in digits or words beside a currency. */
#include "money.h"

#define DIGITS_MAX 12
#define CENTS (SELLIFY_MONEY_UNIT / 100)

typedef struct {
    const char *word, *code;
} currency_t;

/* Signs and words that mean one currency; the lexicons add slang. */
static const currency_t currencies[] = {
    { "\xE2\x82\xAC", "EUR" },
    { "eur", "EUR" },
    { "euro", "EUR" },
    { "euros", "EUR" },
    { "eurs", "EUR" },
    { "$", "USD" },
    { "usd", "USD" },
    { "dollar", "USD" },
    { "dollars", "USD" },
    { "\xC2\xA3", "GBP" },
    { "gbp", "GBP" },
    { "pounds", "GBP" },
    { "quid", "GBP" },
    { "chf", "CHF" },
    { "francs", "CHF" },
    { "fcfa", "XOF" },
    { "cfa", "XOF" },
    { "xof", "XOF" },
    { "xaf", "XAF" },
    { "dh", "MAD" },
    { "dhs", "MAD" },
    { "dirham", "MAD" },
    { "dirhams", "MAD" },
    { "reais", "BRL" },
    { "brl", "BRL" },
    { "dinars", "DZD" },
    { "yen", "JPY" },
    { "yens", "JPY" },
    { "\xC2\xA5", "JPY" },
    { "roubles", "RUB" },
    { "cad", "CAD" },
};

static const char *const cent_words[] = { "centime", "centimes", "cts", "cent",
    "cents", "ct" };

/* Behind a number: it measures something else than money. */
static const char *const units[] = { "%", "ml", "cl", "dl", "l", "litre",
    "litres", "mm", "cm", "m", "km", "cm2", "m2", "g", "gr", "kg", "mg",
    "gramme", "grammes", "h", "heure", "heures", "hours", "hour", "min", "mn",
    "minute", "minutes", "s", "jour", "jours", "day", "days", "semaine",
    "semaines", "week", "weeks", "mois", "month", "months", "an", "ans",
    "annee", "annees", "year", "years", "piece", "pieces", "pcs", "x", "fois",
    "times", "personnes", "people", "articles", "article", "produits",
    "produit", "modeles", "modele", "tailles", "couleurs", "colours", "colors",
    "sizes", "items", "points", "pour", "w", "v", "mah", "go", "gb", "poches",
    "pockets", "clients", "avis", "reviews", "etoiles", "stars" };

static const char *const price_words[] = { "prix", "coute", "coutent", "tarif",
    "tarifs", "vaut", "valent", "price", "priced", "cost", "costs", "cout" };

static const char *const fillers[] = { "est", "de", "a", "sont", "seulement",
    "que", "juste", "environ", "is", "at", "only", "just", "for", "the", "le",
    "la", "du", "c", "reste", "actuel", "total", "ttc", "about", "it", "s" };

static int
is_one_of(const sellify_folded_t *folded, const sellify_word_t *word,
    const char *const *list, size_t count)
{
    const char *data = folded->data + word->start;
    size_t i, len = word->end - word->start;

    for (i = 0; i < count; i++) {
        if (list[i][0] == data[0] && strncmp(list[i], data, len) == 0 &&
            list[i][len] == '\0') {
            return 1;
        }
    }
    return 0;
}

#define IS_ONE_OF(money, at, list)                                             \
    ((at) < (money)->folded->word_count &&                                     \
        is_one_of((money)->folded, &(money)->folded->words[at], list,          \
            sizeof(list) / sizeof(list[0])))

static const char *
currency_of(const char *data, size_t len)
{
    size_t i;

    for (i = 0; i < sizeof(currencies) / sizeof(currencies[0]); i++) {
        const char *word = currencies[i].word;

        if (word[0] == data[0] && strncmp(word, data, len) == 0 &&
            word[len] == '\0') {
            return currencies[i].code;
        }
    }
    return NULL;
}

/* The code of the currency that a word is, "" for the shop's, or NULL. */
static const char *
currency_at(const sellify_money_t *money, size_t at)
{
    const sellify_word_t *word;
    const char *code;
    uint32_t value;

    if (at >= money->folded->word_count) {
        return NULL;
    }
    word = &money->folded->words[at];
    code =
        currency_of(money->folded->data + word->start, word->end - word->start);
    if (code == NULL && sellify_matcher_value(money->matcher, word,
                            money->currency_class, &value)) {
        code = "";
    }
    return code;
}

static size_t
gap_before(const sellify_money_t *money, size_t at)
{
    const sellify_word_t *words = money->folded->words;

    return words[at].start - words[at - 1].end;
}

static char
gap_byte(const sellify_money_t *money, size_t at)
{
    return money->folded->data[money->folded->words[at].start - 1];
}

/* Nothing, spaces, or one hyphen between: 49-euros. */
static int
is_close(const sellify_money_t *money, size_t at)
{
    size_t gap = gap_before(money, at);
    const sellify_word_t *word = &money->folded->words[at];

    return gap == 0 || (gap <= 3 && (word->gap == SELLIFY_GAP_SOFT ||
                                        word->gap == SELLIFY_GAP_NONE));
}

static int
is_digits(const sellify_word_t *word)
{
    return (word->shape & (SELLIFY_WORD_DIGITS | SELLIFY_WORD_LETTERS)) ==
           SELLIFY_WORD_DIGITS;
}

static size_t
leading_digits(const sellify_money_t *money, size_t at)
{
    const sellify_word_t *word = &money->folded->words[at];
    const char *data = money->folded->data + word->start;
    size_t i, len = word->end - word->start;

    for (i = 0; i < len && data[i] >= '0' && data[i] <= '9'; i++) {
    }
    return i;
}

/* --- numbers in digits --- */

typedef struct {
    size_t first, last; /* words */
    int64_t minor;
} number_t;

/* Does the group of digits at `at` go on with the number before it? */
static int
continues(const sellify_money_t *money, size_t at, size_t first)
{
    size_t digits = leading_digits(money, at);
    const sellify_word_t *before = &money->folded->words[at - 1];
    char gap;

    if (digits == 0 || gap_before(money, at) != 1 || !is_digits(before)) {
        return 0;
    }
    gap = gap_byte(money, at);
    if (gap == ',' || gap == '.') {
        return 1;
    }
    return (gap == ' ' || gap == '\'') && digits == 3 &&
           leading_digits(money, first) <= 3;
}

static int64_t
digits_value(const char *data, size_t count)
{
    int64_t value = 0;
    size_t i;

    if (count > DIGITS_MAX) {
        return -1;
    }
    for (i = 0; i < count; i++) {
        value = value * 10 + (data[i] - '0');
    }
    return value;
}

/* "1 299,90", "1.299", "1,299.90": the last mark is decimal when one or two
 * digits follow it, or when it differs from a mark before it. */
static int64_t
number_value(const sellify_money_t *money, size_t first, size_t last)
{
    const sellify_folded_t *folded = money->folded;
    size_t at, total = 0, decimals = 0, count;
    int64_t value = 0, part = 0, scale = SELLIFY_MONEY_UNIT;
    char mark = 0;

    if (last > first) {
        mark = gap_byte(money, last);
        count = leading_digits(money, last);
        if ((mark == ',' || mark == '.') &&
            (count != 3 || folded->data[folded->words[first].start] == '0')) {
            decimals = count;
        }
    }
    for (at = first; at <= last; at++) {
        count = leading_digits(money, at);
        total += count;
        part = digits_value(folded->data + folded->words[at].start, count);
        if (total > DIGITS_MAX || part < 0 || decimals > 4) {
            return -1;
        }
        if (at == last && decimals) {
            break;
        }
        if (at > first && count != 3) {
            return -1; /* 1.29.90 */
        }
        value = value * (at > first ? 1000 : 1) + part;
    }
    value *= SELLIFY_MONEY_UNIT;
    if (decimals) {
        while (decimals-- > 0) {
            scale /= 10;
        }
        value += part * scale;
    }
    return value;
}

static int
read_number(const sellify_money_t *money, size_t at, number_t *number)
{
    size_t last = at;

    if (leading_digits(money, at) == 0) {
        return 0;
    }
    while (last + 1 < money->folded->word_count &&
           continues(money, last + 1, at)) {
        last++;
    }
    number->first = at;
    number->last = last;
    number->minor = number_value(money, at, last);
    return 1;
}

/* --- numbers in words --- */

static int
word_value(const sellify_money_t *money, size_t at, uint32_t *value)
{
    return at < money->folded->word_count &&
           sellify_matcher_value(money->matcher, &money->folded->words[at],
               money->number_class, value);
}

static int
is_word(const sellify_money_t *money, size_t at, const char *text)
{
    const sellify_word_t *word = &money->folded->words[at];

    return at < money->folded->word_count &&
           strlen(text) == word->end - word->start &&
           memcmp(text, money->folded->data + word->start, strlen(text)) == 0;
}

/* "quatre-vingt-dix-neuf", "one hundred and five".  Joins with "et"/"and". */
static int
read_spelled(const sellify_money_t *money, size_t at, number_t *number)
{
    int64_t total = 0, current = 0;
    uint32_t value;
    size_t start = at, last = at;

    if (!word_value(money, at, &value)) {
        return 0;
    }
    while (at < money->folded->word_count && at - start < 12) {
        if (at > start && money->folded->words[at].gap > SELLIFY_GAP_SOFT) {
            break;
        }
        if (!word_value(money, at, &value)) {
            if (at > start &&
                (is_word(money, at, "et") || is_word(money, at, "and")) &&
                word_value(money, at + 1, &value)) {
                at++;
                continue;
            }
            break;
        }
        if (value == 1000) {
            total += (current ? current : 1) * 1000;
            current = 0;
        } else if (value == 100) {
            current = (current ? current : 1) * 100;
        } else if (value == 20 && current % 100 == 4) {
            current += 76; /* quatre-vingt */
        } else {
            current += value;
        }
        last = at++;
    }
    number->first = start;
    number->last = last;
    number->minor = (total + current) * SELLIFY_MONEY_UNIT;
    return total + current < 100000000;
}

/* --- amounts --- */

static void
set_amount(const sellify_money_t *money, sellify_amount_t *amount, size_t first,
    size_t last, int64_t minor, const char *code)
{
    amount->start = money->folded->words[first].start;
    amount->end = money->folded->words[last].end;
    amount->minor = minor;
    memset(amount->currency, 0, sizeof(amount->currency));
    if (code != NULL && code[0] != '\0') {
        memcpy(amount->currency, code, 3);
    }
}

/* What stands behind the currency: "90", " 90", "et 90 centimes", or "quatre-
 * vingt-dix" when the euros were spelled too.  Moves *last. */
static int64_t
read_cents(const sellify_money_t *money, size_t *last, int spelled)
{
    const sellify_folded_t *folded = money->folded;
    size_t at = *last + 1, joined = 0;
    number_t cents;

    if (at < folded->word_count &&
        (is_word(money, at, "et") || is_word(money, at, "and"))) {
        joined = 1;
        at++;
    }
    if (at >= folded->word_count || folded->words[at].gap > SELLIFY_GAP_SOFT) {
        return 0;
    }
    if (is_digits(&folded->words[at]) && leading_digits(money, at) <= 2) {
        int64_t value = digits_value(
            folded->data + folded->words[at].start, leading_digits(money, at));
        if (IS_ONE_OF(money, at + 1, cent_words)) {
            *last = at + 1;
            return value * CENTS;
        }
        if (joined || leading_digits(money, at) != 2 ||
            (gap_before(money, at) > 0 &&
                (IS_ONE_OF(money, at + 1, units) ||
                    (at + 1 < folded->word_count &&
                        continues(money, at + 1, at)) ||
                    currency_at(money, at + 1) != NULL))) {
            return 0;
        }
        *last = at;
        return value * CENTS;
    }
    if (spelled && read_spelled(money, at, &cents) &&
        cents.minor < 100 * SELLIFY_MONEY_UNIT) {
        if (IS_ONE_OF(money, cents.last + 1, cent_words)) {
            *last = cents.last + 1;
            return cents.minor / 100;
        }
        if (!joined && cents.minor >= 10 * SELLIFY_MONEY_UNIT) {
            *last = cents.last;
            return cents.minor / 100;
        }
    }
    return 0;
}

/* "49euros", "49eur90": one word.  *code and *cents, or 0. */
static int
read_glued(
    const sellify_money_t *money, size_t at, const char **code, int64_t *cents)
{
    const sellify_word_t *word = &money->folded->words[at];
    const char *data = money->folded->data + word->start;
    size_t len = word->end - word->start, from = leading_digits(money, at);
    size_t to = from;

    while (to < len && !(data[to] >= '0' && data[to] <= '9')) {
        to++;
    }
    if (from == 0 || to == from || len - to > 2) {
        return 0;
    }
    *code = currency_of(data + from, to - from);
    *cents = len - to == 2 ? digits_value(data + to, 2) * CENTS : 0;
    return *code != NULL;
}

/* Behind "prix", "coute", with nothing but small words between. */
static int
has_price_word(const sellify_money_t *money, size_t at)
{
    size_t back;

    for (back = 1; back <= 4 && back <= at; back++) {
        if (IS_ONE_OF(money, at - back, price_words)) {
            return 1;
        }
        if (!IS_ONE_OF(money, at - back, fillers)) {
            return 0;
        }
    }
    return 0;
}

static int
has_decimals(const sellify_money_t *money, const number_t *number)
{
    char mark =
        number->last > number->first ? gap_byte(money, number->last) : 0;

    return (mark == ',' || mark == '.') &&
           leading_digits(money, number->last) != 3;
}

static int
is_prefix_currency(const sellify_money_t *money, size_t at)
{
    const sellify_word_t *word = &money->folded->words[at];

    return currency_at(money, at) != NULL &&
           ((word->shape & SELLIFY_WORD_SYMBOL) ||
               word->end - word->start == 3);
}

/* The number at `at`, a currency behind or before it, or a word for price. */
static int
amount_in_digits(
    sellify_money_t *money, const number_t *number, sellify_amount_t *amount)
{
    size_t count = money->folded->word_count, last = number->last;
    const char *code = NULL;
    int64_t cents = 0, minor = number->minor;
    int is_cents = 0, found = 0, spaced;

    if (!is_digits(&money->folded->words[last])) {
        found = read_glued(money, last, &code, &cents);
    } else if (last + 1 < count && is_close(money, last + 1)) {
        is_cents = IS_ONE_OF(money, last + 1, cent_words);
        code = is_cents ? "" : currency_at(money, last + 1);
        found = code != NULL;
        last += (size_t) found;
        if (found && !is_cents && !has_decimals(money, number)) {
            cents = read_cents(money, &last, 0);
        }
    }
    if (!found && number->first > 0 && is_close(money, number->first) &&
        is_prefix_currency(money, number->first - 1)) {
        code = currency_at(money, number->first - 1);
        set_amount(money, amount, number->first - 1, number->last, minor, code);
        money->at = number->last + 1;
        return 1;
    }
    spaced = last + 1 < count && !IS_ONE_OF(money, last + 1, units);
    if (!found && is_digits(&money->folded->words[last]) &&
        (spaced || last + 1 >= count) && has_price_word(money, number->first)) {
        found = 1;
    }
    if (!found) {
        return 0;
    }
    if (minor >= 0) {
        minor = is_cents ? minor / 100 : minor + cents;
    }
    set_amount(money, amount, number->first, last, minor, code);
    money->at = last + 1;
    return 1;
}

static int
amount_spelled(
    sellify_money_t *money, const number_t *number, sellify_amount_t *amount)
{
    size_t last = number->last + 1;
    const char *code;
    int64_t minor = number->minor;

    if (last < money->folded->word_count &&
        money->folded->words[last].gap <= SELLIFY_GAP_SOFT) {
        if (IS_ONE_OF(money, last, cent_words)) {
            set_amount(money, amount, number->first, last, minor / 100, "");
            money->at = last + 1;
            return 1;
        }
        code = currency_at(money, last);
        if (code != NULL) {
            minor += read_cents(money, &last, 1);
            set_amount(money, amount, number->first, last, minor, code);
            money->at = last + 1;
            return 1;
        }
    }
    return 0;
}

/* "40-50 E", "entre 40 et 50 E": the first number is money as the second is. */
static int
amount_in_range(
    sellify_money_t *money, const number_t *number, sellify_amount_t *amount)
{
    size_t next = number->last + 1, count = money->folded->word_count;
    number_t second;

    if (next >= count || !is_digits(&money->folded->words[number->last])) {
        return 0;
    }
    if (number->first > 0 &&
        (is_word(money, number->first - 1, "entre") ||
            is_word(money, number->first - 1, "between")) &&
        next + 1 < count) {
        next++;
    } else if (gap_byte(money, next) != '-' || gap_before(money, next) > 3) {
        return 0;
    }
    if (!read_number(money, next, &second) || second.last + 1 >= count ||
        !is_close(money, second.last + 1) ||
        currency_at(money, second.last + 1) == NULL) {
        return 0;
    }
    set_amount(money, amount, number->first, number->last, number->minor,
        currency_at(money, second.last + 1));
    money->at = number->last + 1;
    return 1;
}

void
sellify_money_start(sellify_money_t *money, const sellify_matcher_t *matcher,
    const sellify_folded_t *folded, uint32_t number_class,
    uint32_t currency_class)
{
    money->matcher = matcher;
    money->folded = folded;
    money->number_class = number_class;
    money->currency_class = currency_class;
    money->at = 0;
}

int
sellify_money_next(sellify_money_t *money, sellify_amount_t *amount)
{
    number_t number;

    while (money->at < money->folded->word_count) {
        size_t at = money->at;

        if (read_number(money, at, &number)) {
            if (amount_in_digits(money, &number, amount) ||
                amount_in_range(money, &number, amount)) {
                return 1;
            }
            money->at = number.last + 1;
        } else if (read_spelled(money, at, &number)) {
            if (amount_spelled(money, &number, amount)) {
                return 1;
            }
            money->at = number.last + 1;
        } else {
            money->at++;
        }
    }
    return 0;
}
