/* Links, e-mail addresses, handles and phone numbers in a folded text. */
#include "contact.h"

#define PHONE_DIGITS_MIN 8
#define PHONE_DIGITS_MAX 15
#define SPELLED_MIN 5 /* words of a number that is told digit by digit */

/* Ends of host names that no French or English word equals: "fini.com" is a
 * link even without a scheme. */
static const char *const hosts[] = { "com", "fr", "net", "org", "eu", "io",
    "shop", "store", "info", "biz", "online", "site", "app", "dev", "link",
    "ch", "uk", "br", "pt", "xyz", "club", "ly", "gl", "gle", "tech",
    "boutique", "email", "cloud", "dz", "tn", "sn", "ru", "cn", "pl", "nl",
    "website", "space", "blog", "paris", "bzh", "edu", "gov", "lu", "bio",
    "page", "vip", "gg", "ee", "cc", "ws", "mobi", "asia" };

/* Ends that are words too ("fini.je reviens"): only these whole hosts, or with
 * a path, or behind www. */
static const char *const short_hosts[] = { "wa.me", "t.me", "m.me", "paypal.me",
    "youtu.be", "fb.me", "lydia.me", "revolut.me", "ig.me", "amzn.to",
    "vm.tiktok.com", "linktr.ee", "bit.ly", "goo.gl" };
static const char *const word_ends[] = { "me", "to", "be", "de", "es", "it",
    "ca", "co", "us", "tv", "pro", "top", "live", "ma", "ci", "is", "in", "ai",
    "la", "je", "so", "ac", "at", "re", "nc", "mg", "st" };

/* After "point" or "dot". */
static const char *const spoken_ends[] = { "com", "fr", "net", "org", "eu",
    "io", "shop", "store", "be", "ch", "ca", "co", "uk", "me", "info" };

static const char *const call_words[] = { "appelez", "appeler", "appelle",
    "telephone", "telephonez", "tel", "numero", "call", "phone", "number",
    "sms", "joindre", "joignez", "joignable", "contactez", "contacter",
    "whatsapp", "text", "texto", "composez", "rappeler", "fax" };
static const char *const call_fillers[] = { "au", "le", "nous", "est", "us",
    "at", "on", "the", "is", "me", "moi", "sur", "par", "ou", "a", "direct",
    "de", "service", "client", "notre", "our", "vite", "no" };

static const char *const at_words[] = { "arobase", "arobas", "arrobase",
    "arobaze" };
static const char *const dot_words[] = { "point", "dot", "pt", "punto",
    "ponto" };

static int
in_list(const char *data, size_t len, const char *const *list, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        if (list[i][0] == data[0] && strncmp(list[i], data, len) == 0 &&
            list[i][len] == '\0') {
            return 1;
        }
    }
    return 0;
}

#define IN_LIST(data, len, list)                                               \
    in_list(data, len, list, sizeof(list) / sizeof(list[0]))

static int
word_in(const sellify_folded_t *folded, size_t at, const char *const *list,
    size_t count)
{
    const sellify_word_t *word = &folded->words[at];

    return at < folded->word_count && in_list(folded->data + word->start,
                                          word->end - word->start, list, count);
}

#define WORD_IN(folded, at, list)                                              \
    word_in(folded, at, list, sizeof(list) / sizeof(list[0]))

static int
is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           (c & 0x80);
}

static int
is_local_byte(char c)
{
    return is_host_byte(c) || c == '.' || c == '_' || c == '+';
}

static int
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
set_plain(sellify_contact_t *contact, const char *data, size_t len)
{
    contact->plain_len = 0;
    if (len <= SELLIFY_CONTACT_BYTES_MAX) {
        memcpy(contact->plain, data, len);
        contact->plain_len = len;
    }
}

/* --- links and e-mail --- */

/* The host name that begins at `at`: labels joined by single dots, no dot at
 * the end.  Returns its length and where the last label begins. */
static size_t
host_length(const sellify_folded_t *folded, size_t at, size_t *last_label)
{
    const char *data = folded->data;
    size_t i = at, end = at, dots = 0;

    *last_label = 0;
    while (i < folded->len && is_host_byte(data[i])) {
        size_t label = i;
        while (i < folded->len && is_host_byte(data[i])) {
            i++;
        }
        while (i > label && data[i - 1] == '-') {
            i--;
        }
        end = i;
        if (dots > 0) {
            *last_label = label - at;
        }
        if (i + 1 >= folded->len || data[i] != '.') {
            break;
        }
        dots++;
        i++;
    }
    return end - at;
}

static size_t
path_end(const sellify_folded_t *folded, size_t at)
{
    const char *data = folded->data;

    while (at < folded->len && !is_space(data[at]) && data[at] != '"' &&
           data[at] != ')' && data[at] != '>') {
        at++;
    }
    while (at > 0 && strchr(".,;:!?", data[at - 1]) != NULL) {
        at--;
    }
    return at;
}

static int
starts_with(const sellify_folded_t *folded, size_t at, const char *text)
{
    size_t len = strlen(text);

    return at + len <= folded->len && memcmp(folded->data + at, text, len) == 0;
}

/* Is the host a link by itself? */
static int
is_known_host(const char *host, size_t len, size_t last_label)
{
    return IN_LIST(host, len, short_hosts) ||
           (last_label > 0 &&
               IN_LIST(host + last_label, len - last_label, hosts) &&
               !(len == last_label + 2 && last_label < 3));
}

static void
set_link(const sellify_folded_t *folded, sellify_contact_t *contact,
    size_t start, size_t host, size_t host_len)
{
    size_t end = host + host_len;

    if (end < folded->len && strchr("/:?#", folded->data[end]) != NULL) {
        size_t path = path_end(folded, end);
        end = path > end ? path : end;
    }
    contact->kind = SELLIFY_CONTACT_LINK;
    contact->start = (uint32_t) start;
    contact->end = (uint32_t) end;
    while (end > host + host_len && folded->data[end - 1] == '/') {
        end--;
    }
    set_plain(contact, folded->data + host, end - host);
    contact->host_len = host_len;
}

static int
read_link(
    const sellify_folded_t *folded, size_t start, sellify_contact_t *contact)
{
    size_t at = start, len, last_label;
    int is_certain = 0;
    const char *data = folded->data;

    if (starts_with(folded, at, "https://")) {
        is_certain = 1;
        at += 8;
    } else if (starts_with(folded, at, "http://")) {
        is_certain = 1;
        at += 7;
    }
    if (starts_with(folded, at, "www.")) {
        is_certain = 1;
        at += 4;
    }
    len = host_length(folded, at, &last_label);
    if (len == 0) {
        return 0;
    }
    if (!is_certain) {
        is_certain =
            is_known_host(data + at, len, last_label) ||
            (last_label > 0 && at + len < folded->len &&
                data[at + len] == '/' &&
                IN_LIST(data + at + last_label, len - last_label, word_ends));
    }
    if (is_certain) {
        set_link(folded, contact, start, at, len);
    }
    return is_certain;
}

/* name@host.end, or @handle. */
static int
read_at_sign(
    const sellify_folded_t *folded, size_t at, sellify_contact_t *contact)
{
    const char *data = folded->data;
    size_t start = at, len, last_label;

    while (start > 0 && is_local_byte(data[start - 1])) {
        start--;
    }
    len = host_length(folded, at + 1, &last_label);
    contact->host_len = 0;
    contact->start = (uint32_t) start;
    contact->end = (uint32_t) (at + 1 + len);
    if (start < at && last_label > 0) {
        contact->kind = SELLIFY_CONTACT_EMAIL;
    } else if (start == at && len >= 3) {
        while (contact->end < folded->len &&
               is_local_byte(data[contact->end]) && data[contact->end] != '.') {
            contact->end++;
        }
        contact->kind = SELLIFY_CONTACT_HANDLE;
    } else {
        return 0;
    }
    set_plain(contact, data + start, contact->end - start);
    return 1;
}

static void
set_hidden(const sellify_folded_t *folded, sellify_contact_t *contact,
    sellify_contact_kind_t kind, size_t first, size_t last)
{
    contact->kind = kind;
    contact->start = folded->words[first].start;
    contact->end = folded->words[last].end;
    contact->plain_len = contact->host_len = 0;
}

/* "sellify point fr", "sellify (dot) com", "sellify . com": the word `at`. */
static int
read_spoken(
    const sellify_folded_t *folded, size_t at, sellify_contact_t *contact)
{
    const sellify_word_t *words = folded->words;

    if (at == 0) {
        return 0;
    }
    if (WORD_IN(folded, at, dot_words) && words[at].gap != SELLIFY_GAP_HARD &&
        WORD_IN(folded, at + 1, spoken_ends)) {
        set_hidden(folded, contact, SELLIFY_CONTACT_LINK, at - 1, at + 1);
        return 1;
    }
    if (WORD_IN(folded, at, at_words) && at + 1 < folded->word_count) {
        set_hidden(folded, contact, SELLIFY_CONTACT_EMAIL, at - 1, at + 1);
        return 1;
    }
    if (words[at].start >= 2 && words[at].gap == SELLIFY_GAP_HARD &&
        words[at].start - words[at - 1].end <= 3 &&
        memchr(folded->data + words[at - 1].end, '.',
            words[at].start - words[at - 1].end) != NULL &&
        (starts_with(folded, words[at].start, "com") ||
            starts_with(folded, words[at].start, "fr")) &&
        words[at].end - words[at].start ==
            (folded->data[words[at].start] == 'c' ? 3u : 2u)) {
        set_hidden(folded, contact, SELLIFY_CONTACT_LINK, at - 1, at);
        return 1;
    }
    return 0;
}

/* --- phones --- */

/* National and international forms of one number are equal: the last nine
 * digits decide, which no two subscribers of one shop share. */
static void
set_phone(sellify_contact_t *contact, const char *digits, size_t count)
{
    size_t skip = count > 9 ? count - 9 : 0;

    contact->kind = SELLIFY_CONTACT_PHONE;
    contact->host_len = 0;
    set_plain(contact, digits + skip, count - skip);
}

typedef struct {
    char digits[SELLIFY_CONTACT_BYTES_MAX];
    size_t count;
    size_t groups, group_len[16];
    size_t last; /* word */
    int plus, slashes;
} digits_t;

static int
only_digits(const sellify_word_t *word)
{
    return (word->shape & (SELLIFY_WORD_DIGITS | SELLIFY_WORD_LETTERS)) ==
           SELLIFY_WORD_DIGITS;
}

/* The gap before `at` may stand inside a phone number. */
static int
phone_gap(const sellify_folded_t *folded, size_t at, int *slashes)
{
    size_t i, end = folded->words[at].start;

    i = folded->words[at - 1].end;
    if (end - i > 3) {
        return 0;
    }
    for (; i < end; i++) {
        char c = folded->data[i];
        if (strchr(" .-()/_", c) == NULL) {
            return 0;
        }
        *slashes += c == '/';
    }
    return 1;
}

static void
read_digits(const sellify_folded_t *folded, size_t at, digits_t *d)
{
    memset(d, 0, sizeof(*d));
    d->last = at;
    d->plus = folded->words[at].start > 0 &&
              (folded->data[folded->words[at].start - 1] == '+' ||
                  (folded->words[at].start > 1 &&
                      memcmp(folded->data + folded->words[at].start - 2, "+(",
                          2) == 0));
    while (at < folded->word_count && only_digits(&folded->words[at])) {
        const sellify_word_t *word = &folded->words[at];
        size_t len = word->end - word->start;

        if (d->groups > 0 && !phone_gap(folded, at, &d->slashes)) {
            break;
        }
        if (d->groups == 16 || d->count + len > sizeof(d->digits)) {
            break;
        }
        memcpy(d->digits + d->count, folded->data + word->start, len);
        d->count += len;
        d->group_len[d->groups++] = len;
        d->last = at++;
    }
}

static int
is_date(const digits_t *d)
{
    return d->groups == 3 &&
           ((d->group_len[0] <= 2 && d->group_len[1] <= 2 &&
                (d->group_len[2] == 4 || d->group_len[2] == 2)) ||
               (d->group_len[0] == 4 && d->group_len[1] == 2 &&
                   d->group_len[2] == 2));
}

static int
are_pairs(const digits_t *d, size_t from)
{
    size_t i;

    for (i = from; i < d->groups; i++) {
        if (d->group_len[i] != 2) {
            return 0;
        }
    }
    return d->groups > from;
}

/* How phone numbers look; lists of sizes ("36 37 38 39") do not. */
static int
looks_like_phone(const digits_t *d)
{
    if (is_date(d) || d->count > PHONE_DIGITS_MAX) {
        return 0;
    }
    if (d->plus) {
        return d->count >= PHONE_DIGITS_MIN;
    }
    if (d->digits[0] == '0' && d->count >= 9) {
        return 1;
    }
    if (d->count == 9 && d->group_len[0] == 1 && are_pairs(d, 1)) {
        return 1;
    }
    if (d->count == 11 && d->groups >= 5 && memcmp(d->digits, "33", 2) == 0) {
        return 1;
    }
    if ((d->count == 10 || d->count == 11) && d->groups >= 3 &&
        d->group_len[d->groups - 1] == 4 && d->group_len[d->groups - 2] == 3) {
        return 1;
    }
    return d->groups == 1 && (d->count == 10 || d->count == 11) &&
           d->digits[0] != '1';
}

/* Behind "appelez le", "tel :": four digits are enough. */
static int
has_call_word(const sellify_folded_t *folded, size_t at)
{
    size_t back;

    for (back = 1; back <= 5 && back <= at; back++) {
        if (WORD_IN(folded, at - back, call_words)) {
            return 1;
        }
        if (!WORD_IN(folded, at - back, call_fillers)) {
            return 0;
        }
    }
    return 0;
}

static int
read_phone(
    const sellify_folded_t *folded, size_t at, sellify_contact_t *contact)
{
    digits_t d;

    if (at > 0 && folded->words[at].gap == SELLIFY_GAP_NONE) {
        return 0;
    }
    read_digits(folded, at, &d);
    if (!looks_like_phone(&d) &&
        !(d.count >= 4 && d.count <= PHONE_DIGITS_MAX && !is_date(&d) &&
            has_call_word(folded, at))) {
        return 0;
    }
    contact->start = folded->words[at].start - (d.plus ? 1 : 0);
    contact->end = folded->words[d.last].end;
    set_phone(contact, d.digits, d.count);
    return 1;
}

/* "zero six douze trente-quatre ...": words of numbers from a zero on. */
static int
read_spelled_phone(const sellify_contact_finder_t *finder, size_t at,
    sellify_contact_t *contact)
{
    const sellify_folded_t *folded = finder->folded;
    size_t last = at, count = 0;
    uint32_t value;

    if (finder->matcher == NULL ||
        !(sellify_matcher_value(finder->matcher, &folded->words[at],
              finder->number_class, &value) &&
            value == 0)) {
        return 0;
    }
    while (last < folded->word_count &&
           (only_digits(&folded->words[last]) ||
               sellify_matcher_value(finder->matcher, &folded->words[last],
                   finder->number_class, &value))) {
        count++;
        last++;
    }
    if (count < SPELLED_MIN) {
        return 0;
    }
    set_hidden(folded, contact, SELLIFY_CONTACT_PHONE, at, last - 1);
    return 1;
}

/* --- all --- */

void
sellify_contact_start(sellify_contact_finder_t *finder,
    const sellify_matcher_t *matcher, const sellify_folded_t *folded,
    uint32_t number_class)
{
    finder->matcher = matcher;
    finder->folded = folded;
    finder->number_class = number_class;
    finder->at = 0;
}

/* A word that nothing before it is glued to: where links begin. */
static int
begins(const sellify_folded_t *folded, size_t at)
{
    size_t start = folded->words[at].start;

    return start == 0 || (!is_local_byte(folded->data[start - 1]) &&
                             folded->data[start - 1] != '@');
}

static int
contact_at(const sellify_contact_finder_t *finder, size_t at,
    sellify_contact_t *contact)
{
    const sellify_folded_t *folded = finder->folded;
    const sellify_word_t *word = &folded->words[at];

    if (begins(folded, at)) {
        size_t sign = word->start;
        while (sign < folded->len && is_local_byte(folded->data[sign])) {
            sign++;
        }
        if (sign < folded->len && folded->data[sign] == '@' &&
            read_at_sign(folded, sign, contact)) {
            return 1;
        }
        if (read_link(folded, word->start, contact)) {
            return 1;
        }
    } else if (word->start > 0 && folded->data[word->start - 1] == '@' &&
               (word->start == 1 ||
                   !is_local_byte(folded->data[word->start - 2])) &&
               read_at_sign(folded, word->start - 1, contact)) {
        return 1;
    }
    return (only_digits(word) && read_phone(folded, at, contact)) ||
           read_spelled_phone(finder, at, contact) ||
           read_spoken(folded, at, contact);
}

int
sellify_contact_next(
    sellify_contact_finder_t *finder, sellify_contact_t *contact)
{
    const sellify_folded_t *folded = finder->folded;

    for (; finder->at < folded->word_count; finder->at++) {
        if (!contact_at(finder, finder->at, contact)) {
            continue;
        }
        do {
            finder->at++;
        } while (finder->at < folded->word_count &&
                 folded->words[finder->at].start < contact->end);
        return 1;
    }
    return 0;
}
