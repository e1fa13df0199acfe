/*
 * The policy document: every member, its range and its default, in tables.
 * docs/policy.md and conf/policy.schema.json say the same; a unit test compares
 * all three.
 */
#include "ruleset_internal.h"

#include "conversation.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define IN(member) offsetof(sellify_policy_document_t, member)

#define BOOLEAN(name, member)                                                  \
    {                                                                          \
        name, SELLIFY_MEMBER_BOOL, IN(member), 0, 0, 0, NULL                   \
    }
#define NUMBER(name, member, min, max)                                         \
    {                                                                          \
        name, SELLIFY_MEMBER_UINT, IN(member), min, max, 0, NULL               \
    }
#define TEXT(name, member, min, max)                                           \
    {                                                                          \
        name, SELLIFY_MEMBER_STRING, IN(member), min, max, 0, NULL             \
    }
#define AS_WRITTEN(name, member)                                               \
    {                                                                          \
        name, SELLIFY_MEMBER_RAW, IN(member), 0, 0, 0, NULL                    \
    }
#define READ(name, function)                                                   \
    {                                                                          \
        name, SELLIFY_MEMBER_READ, 0, 0, 0, 0, function                        \
    }

#define LIMIT_MAX 1000000
#define INSTANCES_MAX 1024
#define NUMBERS_MAX 10000
#define MONTH_S 2592000
#define WEEK_S 604800
#define DAY_S 86400

/* --- small values --- */

static int
all_in(sellify_str_t text, const char *allowed)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\0' || strchr(allowed, text.data[i]) == NULL) {
            return 0;
        }
    }
    return text.len > 0;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* "Europe/Paris": a name that is also safe as a path below the zone database,
 * whose presence only the worker can check. */
static void
read_timezone(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_document_t *pd = target;
    sellify_str_t name;

    if (sellify_document_string(doc, value, 1, 64, &name) != 0) {
        return;
    }
    if (!all_in(name, LOWER UPPER DIGITS "_+-/") || name.data[0] == '/' ||
        name.data[name.len - 1] == '/' || strstr(name.data, "//") != NULL) {
        sellify_document_fault(
            doc, value, "must be a time zone such as \"Europe/Paris\"");
        return;
    }
    pd->policy.timezone = name;
}

static void
read_currency(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_document_t *pd = target;
    sellify_str_t name;

    if (sellify_document_string(doc, value, 1, 8, &name) != 0) {
        return;
    }
    if (name.len != 3 || !all_in(name, UPPER)) {
        sellify_document_fault(
            doc, value, "must be a currency code such as \"EUR\"");
        return;
    }
    pd->policy.currency = name;
}

static void
read_languages(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_t *policy = &((sellify_policy_document_t *) target)->policy;
    const sellify_str_t *names;
    size_t count;

    if (sellify_document_strings(
            doc, value, SELLIFY_LANGUAGES_MAX, 2, 7, &names, &count) != 0) {
        return;
    }
    if (count == 0) {
        sellify_document_fault(doc, value, "must name a language");
    }
    policy->language_count = 0;
    for (size_t i = 0; i < count; i++) {
        size_t depth = sellify_document_enter_index(doc, i);

        if (!all_in(names[i], LOWER)) {
            sellify_document_fault(
                doc, names[i], "must be a language such as \"fr\"");
        }
        for (size_t j = 0; j < i; j++) {
            if (sellify_str_equal(names[i], names[j])) {
                sellify_document_fault(
                    doc, (sellify_str_t){ 0 }, "is listed twice");
            }
        }
        sellify_document_leave(doc, depth);
        policy->languages[policy->language_count++] = names[i];
    }
}

/* Phone numbers: E.164 digits, a leading + is dropped. */
static void
read_numbers(sellify_document_t *doc, sellify_str_t value, size_t most,
    const sellify_str_t **out, size_t *count)
{
    const sellify_str_t *texts;
    sellify_str_t *numbers;

    if (sellify_document_strings(doc, value, most, 1, 20, &texts, count) != 0) {
        *count = 0;
        return;
    }
    numbers = sellify_region_array(doc->region, *count, sizeof(*numbers));
    if (numbers == NULL) {
        sellify_document_no_memory(doc);
        *count = 0;
        return;
    }
    for (size_t i = 0; i < *count; i++) {
        size_t depth = sellify_document_enter_index(doc, i);
        size_t plus = texts[i].len > 0 && texts[i].data[0] == '+';

        numbers[i].data = texts[i].data + plus;
        numbers[i].len = texts[i].len - plus;
        if (!all_in(numbers[i], DIGITS) || numbers[i].len < 6 ||
            numbers[i].len > 15) {
            sellify_document_fault(doc, (sellify_str_t){ 0 },
                "must be an international phone number of 6 to 15 digits");
        }
        sellify_document_leave(doc, depth);
    }
    *out = numbers;
}

static void
read_alert_numbers(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_t *policy = &((sellify_policy_document_t *) target)->policy;

    read_numbers(
        doc, value, 32, &policy->alert_numbers, &policy->alert_number_count);
}

/* --- active hours --- */

static int
two_digits(const char *p, int max)
{
    int n;

    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') {
        return -1;
    }
    n = (p[0] - '0') * 10 + (p[1] - '0');
    return n <= max ? n : -1;
}

/* "HH:MM", 00:00 to 24:00, in seconds; or -1. */
static int32_t
clock_time(const char *p)
{
    int hour = two_digits(p, 24), minute = two_digits(p + 3, 59);

    if (hour < 0 || minute < 0 || p[2] != ':' || (hour == 24 && minute > 0)) {
        return -1;
    }
    return hour * 3600 + minute * 60;
}

static void
read_day(sellify_document_t *doc, sellify_str_t value, sellify_hours_t *hours,
    int day)
{
    const sellify_str_t *texts;
    size_t count;

    if (sellify_document_strings(
            doc, value, SELLIFY_HOURS_RANGES, 1, 32, &texts, &count) != 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        sellify_hours_range_t range = { -1, -1 };
        size_t depth = sellify_document_enter_index(doc, i);

        if (texts[i].len == 11 && texts[i].data[5] == '-') {
            range.from = clock_time(texts[i].data);
            range.to = clock_time(texts[i].data + 6);
        }
        if (range.from < 0 || range.to < 0 || range.from == DAY_S) {
            sellify_document_fault(
                doc, texts[i], "must be a range such as \"08:00-20:00\"");
        }
        sellify_document_leave(doc, depth);
        hours->ranges[day][hours->count[day]++] = range;
    }
}

#define DAY_READER(name, day)                                                  \
    static void name(                                                          \
        sellify_document_t *doc, sellify_str_t value, void *target)            \
    {                                                                          \
        sellify_policy_document_t *pd = target;                                \
                                                                               \
        read_day(doc, value, &pd->policy.hours, day);                          \
    }

DAY_READER(read_monday, 0)
DAY_READER(read_tuesday, 1)
DAY_READER(read_wednesday, 2)
DAY_READER(read_thursday, 3)
DAY_READER(read_friday, 4)
DAY_READER(read_saturday, 5)
DAY_READER(read_sunday, 6)

/* "YYYY-MM-DD" -> day number; -1 when the calendar has no such day. */
static int64_t
calendar_day(sellify_str_t text)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
        31 };
    int high, year, month, day;

    if (text.len != 10 || text.data[4] != '-' || text.data[7] != '-') {
        return -1;
    }
    high = two_digits(text.data, 99);
    year = two_digits(text.data + 2, 99);
    month = two_digits(text.data + 5, 12);
    day = two_digits(text.data + 8, 31);
    if (high < 19 || year < 0 || month < 1 || day < 1) {
        return -1;
    }
    year += high * 100;
    if (year < 1970 ||
        day > days[month - 1] + (month == 2 && year % 4 == 0 &&
                                    (year % 100 != 0 || year % 400 == 0))) {
        return -1;
    }
    return sellify_days_from_civil(year, month, day);
}

static void
read_holidays(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_hours_t *hours =
        &((sellify_policy_document_t *) target)->policy.hours;
    const sellify_str_t *texts;
    size_t count;

    if (sellify_document_strings(
            doc, value, SELLIFY_HOURS_HOLIDAYS, 1, 32, &texts, &count) != 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t depth = sellify_document_enter_index(doc, i);
        int64_t day = calendar_day(texts[i]);

        if (day < 0) {
            sellify_document_fault(
                doc, texts[i], "must be a date such as \"2027-01-01\"");
        }
        sellify_document_leave(doc, depth);
        hours->holidays[hours->holiday_count++] = day;
    }
}

/* --- groups --- */

#define GROUP(function, members)                                               \
    static void function(                                                      \
        sellify_document_t *doc, sellify_str_t value, void *target)            \
    {                                                                          \
        sellify_document_members(doc, value, members, COUNT(members),          \
            SELLIFY_MEMBERS_STRICT, target);                                   \
    }

static const sellify_member_t hours_members[] = {
    READ("monday", read_monday),
    READ("tuesday", read_tuesday),
    READ("wednesday", read_wednesday),
    READ("thursday", read_thursday),
    READ("friday", read_friday),
    READ("saturday", read_saturday),
    READ("sunday", read_sunday),
    READ("holidays", read_holidays),
};

static void
read_active_hours(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_document_t *pd = target;

    pd->policy.hours.always = 0;
    sellify_document_members(doc, value, hours_members, COUNT(hours_members),
        SELLIFY_MEMBERS_STRICT, target);
}

/* Members of warm-up steps and of instances' limits have their own targets. */
static const sellify_member_t step_members[] = {
    { "days", SELLIFY_MEMBER_UINT, offsetof(sellify_warmup_step_t, days), 1,
        3650, 1, NULL },
    { "limit", SELLIFY_MEMBER_UINT, offsetof(sellify_warmup_step_t, limit), 0,
        LIMIT_MAX, 1, NULL },
};

static void
read_warm_up(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_t *policy = &((sellify_policy_document_t *) target)->policy;
    sellify_json_walk_t walk;

    if (sellify_document_is(doc, value, '[') != 0 ||
        sellify_document_at_most(doc, value, SELLIFY_WARMUP_STEPS) != 0) {
        return;
    }
    policy->warmup_count = 0;
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        size_t depth = sellify_document_enter_index(doc, policy->warmup_count);

        sellify_document_members(doc, walk.value, step_members,
            COUNT(step_members), SELLIFY_MEMBERS_STRICT,
            &policy->warmup[policy->warmup_count++]);
        sellify_document_leave(doc, depth);
    }
}

static const sellify_member_t limit_members[] = {
    NUMBER("hour", policy.limits.max[SELLIFY_QUOTA_HOUR], 0, LIMIT_MAX),
    NUMBER("day", policy.limits.max[SELLIFY_QUOTA_DAY], 0, LIMIT_MAX),
    NUMBER("week", policy.limits.max[SELLIFY_QUOTA_WEEK], 0, LIMIT_MAX),
    NUMBER("images", policy.limits.max[SELLIFY_QUOTA_IMAGES], 0, LIMIT_MAX),
    NUMBER("videos", policy.limits.max[SELLIFY_QUOTA_VIDEOS], 0, LIMIT_MAX),
    AS_WRITTEN("instances", limits_instances),
    READ("warm_up", read_warm_up),
};
GROUP(read_limits, limit_members)

#define OVERRIDE(name, type)                                                   \
    {                                                                          \
        name, SELLIFY_MEMBER_UINT,                                             \
            offsetof(sellify_quota_limits_t, max[SELLIFY_QUOTA_##type]), 0,    \
            LIMIT_MAX, 0, NULL                                                 \
    }
static const sellify_member_t override_members[] = {
    OVERRIDE("hour", HOUR),
    OVERRIDE("day", DAY),
    OVERRIDE("week", WEEK),
    OVERRIDE("images", IMAGES),
    OVERRIDE("videos", VIDEOS),
};

static const sellify_member_t delay_members[] = {
    NUMBER("base_min_s", policy.delay.base_min, 0, 3600),
    NUMBER("base_max_s", policy.delay.base_max, 0, 3600),
    NUMBER("media_extra_s", policy.delay.media_extra, 0, 3600),
    NUMBER("jitter_percent", policy.delay.jitter_percent, 0, 100),
    NUMBER("per_100_chars_ms", policy.delay.per_100_chars_ms, 0, 60000),
    NUMBER("max_s", policy.delay.max, 1, DAY_S),
    NUMBER("quiet_ms", policy.quiet_ms, 0, 60000),
    NUMBER("quiet_max_ms", policy.quiet_max_ms, 0, 600000),
};
GROUP(read_delays, delay_members)

static const sellify_member_t escalation_members[] = {
    NUMBER("misunderstanding_threshold", policy.misunderstanding_threshold, 1,
        100),
    NUMBER("chat_replies_per_hour", policy.chat_replies_per_hour, 1, 1000),
};
GROUP(read_escalation, escalation_members)

static void
read_audience_mode(sellify_document_t *doc, sellify_str_t value, void *target)
{
    static const char *const modes[] = { "allow_list", "new_chats", "all" };
    sellify_policy_document_t *pd = target;
    sellify_str_t name;

    if (sellify_document_string(doc, value, 1, 16, &name) != 0) {
        return;
    }
    for (size_t i = 0; i < COUNT(modes); i++) {
        if (sellify_str_equal(name, sellify_str_of(modes[i]))) {
            pd->policy.audience = i;
            return;
        }
    }
    sellify_document_fault(
        doc, value, "must be \"allow_list\", \"new_chats\" or \"all\"");
}

static void
read_audience_numbers(
    sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_t *policy = &((sellify_policy_document_t *) target)->policy;

    read_numbers(doc, value, NUMBERS_MAX, &policy->audience_numbers,
        &policy->audience_number_count);
}

static const sellify_member_t audience_members[] = {
    READ("mode", read_audience_mode),
    READ("numbers", read_audience_numbers),
};
GROUP(read_audience, audience_members)

static const sellify_member_t intake_members[] = {
    NUMBER("max_age_s", policy.max_age_s, 1, WEEK_S),
    NUMBER("held_max_s", policy.held_max_s, 60, WEEK_S),
    NUMBER("release_spread_s", policy.release_spread_s, 0, DAY_S),
    NUMBER("repeat_window_s", policy.repeat_window_s, 0, MONTH_S),
};
GROUP(read_intake, intake_members)

static void
read_media_hosts(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_t *policy = &((sellify_policy_document_t *) target)->policy;

    if (sellify_document_strings(doc, value, 64, 1, 253, &policy->media_hosts,
            &policy->media_host_count) != 0) {
        return;
    }
    for (size_t i = 0; i < policy->media_host_count; i++) {
        size_t depth = sellify_document_enter_index(doc, i);

        if (!all_in(policy->media_hosts[i], LOWER DIGITS ".-")) {
            sellify_document_fault(doc, policy->media_hosts[i],
                "must be a host name in lower case");
        }
        sellify_document_leave(doc, depth);
    }
}

static const sellify_member_t validation_members[] = {
    NUMBER("max_length", policy.validation_max_length, 1, 4096),
    READ("currency", read_currency),
    AS_WRITTEN("forbidden_words", forbidden_words),
    AS_WRITTEN("forbidden_topics", forbidden_topics),
    AS_WRITTEN("promises", promises),
    AS_WRITTEN("patterns", patterns),
    AS_WRITTEN("allowed_contacts", allowed_contacts),
    READ("media_hosts", read_media_hosts),
};
GROUP(read_validation, validation_members)

/* --- generation --- */

static void
read_temperature(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_document_t *pd = target;
    int64_t number;

    if (sellify_document_decimal(doc, value, 0, 0, 20000, &number, NULL) == 0) {
        pd->policy.temperature_milli = (uint32_t) (number / 10);
    }
}

/* {"fr": {"greet": "..."}}: counted first, because the array lies in a region
 * that cannot grow it. */
static void
read_objectives(sellify_document_t *doc, sellify_str_t value, void *target)
{
    sellify_policy_document_t *pd = target;
    sellify_json_walk_t languages, texts;
    size_t count = 0;

    if (sellify_document_is(doc, value, '{') != 0) {
        return;
    }
    sellify_json_walk(&languages, value);
    while (sellify_json_walk_next(&languages)) {
        if (languages.value.data[0] == '{') {
            count += sellify_document_count(languages.value);
        }
    }
    pd->objectives =
        sellify_region_array(doc->region, count, sizeof(*pd->objectives));
    if (pd->objectives == NULL) {
        sellify_document_no_memory(doc);
        return;
    }
    sellify_json_walk(&languages, value);
    while (sellify_json_walk_next(&languages)) {
        size_t depth = sellify_document_enter(doc, languages.key);

        if (sellify_document_is(doc, languages.value, '{') == 0) {
            sellify_json_walk(&texts, languages.value);
            while (sellify_json_walk_next(&texts)) {
                sellify_objective_t *o = &pd->objectives[pd->objective_count++];
                size_t inner = sellify_document_enter(doc, texts.key);

                o->language = sellify_region_copy(doc->region, languages.key);
                o->name = sellify_region_copy(doc->region, texts.key);
                (void) sellify_document_string(
                    doc, texts.value, 1, 2000, &o->text);
                sellify_document_leave(doc, inner);
            }
        }
        sellify_document_leave(doc, depth);
    }
}

static const sellify_member_t generation_members[] = {
    TEXT("tone", policy.tone, 0, 500),
    READ("temperature", read_temperature),
    READ("objectives", read_objectives),
};
GROUP(read_generation, generation_members)

static const sellify_member_t media_members[] = {
    BOOLEAN("allow_images", policy.allow_images),
    BOOLEAN("allow_video", policy.allow_video),
};
GROUP(read_media, media_members)

static const sellify_member_t retention_members[] = {
    NUMBER("messages_days", policy.retention_messages_days, 1, 36500),
    NUMBER("audit_days", policy.retention_audit_days, 1, 36500),
    NUMBER("cache_days", policy.retention_cache_days, 1, 36500),
};
GROUP(read_retention, retention_members)

static const sellify_member_t policy_members[] = {
    READ("timezone", read_timezone),
    READ("active_hours", read_active_hours),
    BOOLEAN("automation_enabled", policy.automation_enabled),
    BOOLEAN("ai_enabled", policy.ai_enabled),
    READ("languages", read_languages),
    READ("limits", read_limits),
    READ("delays", read_delays),
    READ("alert_numbers", read_alert_numbers),
    READ("escalation", read_escalation),
    AS_WRITTEN("lexicons", lexicons),
    AS_WRITTEN("opt_out", opt_out),
    READ("audience", read_audience),
    READ("intake", read_intake),
    READ("validation", read_validation),
    READ("generation", read_generation),
    READ("media", read_media),
    TEXT("fallback_text", policy.fallback_text, 0, 1000),
    NUMBER("takeover_pause_s", policy.takeover_pause_s, 0, MONTH_S),
    READ("retention", read_retention),
};

/* --- defaults and what spans members --- */

static void
set_defaults(sellify_policy_document_t *pd)
{
    *pd = (sellify_policy_document_t){
        .policy = {
            .timezone = SELLIFY_STR("UTC"),
            .automation_enabled = 1,
            .ai_enabled = 1,
            .languages = { SELLIFY_STR("fr"), SELLIFY_STR("en") },
            .language_count = 2,
            .hours = { .always = 1 },
            .limits = { { 30, 200, 1000, 50, 20 } },
            .delay = { .base_min = 2, .base_max = 8, .media_extra = 4,
                .jitter_percent = 20, .per_100_chars_ms = 1500, .max = 60 },
            .quiet_ms = 4000,
            .quiet_max_ms = 15000,
            .misunderstanding_threshold = 3,
            .chat_replies_per_hour = 10,
            .max_age_s = 600,
            .held_max_s = DAY_S,
            .release_spread_s = 1800,
            .takeover_pause_s = 43200,
            .repeat_window_s = DAY_S,
            .audience = SELLIFY_AUDIENCE_ALLOW_LIST,
            .validation_max_length = 600,
            .currency = SELLIFY_STR("EUR"),
            .temperature_milli = 400,
            .allow_images = 1,
            .allow_video = 1,
            .retention_messages_days = 365,
            .retention_audit_days = 1095,
            .retention_cache_days = 30,
        },
    };
}

static int
compare_instances(const void *a, const void *b)
{
    const sellify_instance_limits_t *x = a, *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.data, y->name.data, len);

    return order ? order
                 : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

/* After limits itself: what an instance does not say is the policy's. */
static void
read_instances(sellify_document_t *doc, sellify_policy_document_t *pd)
{
    sellify_json_walk_t walk;
    sellify_str_t value = pd->limits_instances;

    if (sellify_document_is(doc, value, '{') != 0 ||
        sellify_document_at_most(doc, value, INSTANCES_MAX) != 0) {
        return;
    }
    pd->instances = sellify_region_array(
        doc->region, sellify_document_count(value), sizeof(*pd->instances));
    if (pd->instances == NULL) {
        sellify_document_no_memory(doc);
        return;
    }
    sellify_json_walk(&walk, value);
    while (sellify_json_walk_next(&walk)) {
        sellify_instance_limits_t *i = &pd->instances[pd->instance_count++];
        size_t depth = sellify_document_enter(doc, walk.key);

        if (walk.key.len > SELLIFY_INSTANCE_NAME_MAX ||
            !all_in(walk.key, LOWER UPPER DIGITS "_.-")) {
            sellify_document_fault(doc, (sellify_str_t){ 0 },
                "must be an instance name: 1 to 64 of A-Z a-z 0-9 _ . -");
        }
        i->name = sellify_region_copy(doc->region, walk.key);
        i->limits = pd->policy.limits;
        sellify_document_members(doc, walk.value, override_members,
            COUNT(override_members), SELLIFY_MEMBERS_STRICT, &i->limits);
        if (i->name.data == NULL) {
            sellify_document_no_memory(doc);
        }
        sellify_document_leave(doc, depth);
    }
    qsort(pd->instances, pd->instance_count, sizeof(*pd->instances),
        compare_instances);
}

static void
at(sellify_document_t *doc, const char *group, const char *member,
    const char *what)
{
    size_t depth = sellify_document_enter(doc, sellify_str_of(group));

    sellify_document_enter(doc, sellify_str_of(member));
    sellify_document_fault(doc, (sellify_str_t){ 0 }, "%s", what);
    sellify_document_leave(doc, depth);
}

static void
check_whole(sellify_document_t *doc, const sellify_policy_t *policy)
{
    if (policy->delay.base_max < policy->delay.base_min) {
        at(doc, "delays", "base_max_s", "must not be less than base_min_s");
    }
    if (policy->quiet_max_ms < policy->quiet_ms) {
        at(doc, "delays", "quiet_max_ms", "must not be less than quiet_ms");
    }
}

void
sellify_policy_read(
    sellify_document_t *doc, sellify_str_t root, sellify_policy_document_t *out)
{
    set_defaults(out);
    sellify_document_members(doc, root, policy_members, COUNT(policy_members),
        SELLIFY_MEMBERS_STRICT, out);
    if (out->limits_instances.len > 0) {
        size_t depth = sellify_document_enter(doc, sellify_str("limits"));

        sellify_document_enter(doc, sellify_str("instances"));
        read_instances(doc, out);
        sellify_document_leave(doc, depth);
    }
    check_whole(doc, &out->policy);
}
