/*
 * The system's zone database: TZif files (RFC 8536, version 2 or later) and,
 * past their last transition, the POSIX rule of their footer.
 */
#include "timezone.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ZONE_NAME_MAX 64
#define TZIF_MAX 65536
#define HEADER 44
#define YEAR_S ((int64_t) 31556952)
#define YEARS_BACK 4
#define RULE_OFFSET_MAX (168 * 3600)

typedef struct {
    const uint8_t *data;
    size_t len;
} bytes_t;

/* The parts of the 64-bit block. */
typedef struct {
    const uint8_t *times, *indexes, *types;
    uint32_t time_count, type_count;
    const char *footer;
    size_t footer_len;
} tzif_t;

/* "M3.5.0/2": month, week (5 last), weekday (0 Sunday), seconds of the day. */
typedef struct {
    int month, week, weekday;
    int32_t second;
} rule_date_t;

typedef struct {
    int32_t standard, daylight; /* seconds east */
    int has_daylight;
    rule_date_t start, end;
} rule_t;

static int
name_is_safe(sellify_str_t name)
{
    if (name.len == 0 || name.len > ZONE_NAME_MAX || name.data[0] == '/' ||
        name.data[0] == '.') {
        return 0;
    }
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char) name.data[i];

        if (!isalnum(c) && (c == 0 || strchr("_+-/", c) == NULL)) {
            return 0;
        }
    }
    return 1;
}

static ssize_t
read_file(sellify_str_t name, uint8_t *buffer, size_t size)
{
    char path[sizeof(ZONE_FOLDER) + ZONE_NAME_MAX + 1];
    struct stat st;
    ssize_t len = -1;
    int fd;

    snprintf(
        path, sizeof(path), ZONE_FOLDER "/%.*s", (int) name.len, name.data);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (size_t) st.st_size <= size) {
        len = read(fd, buffer, size);
    }
    close(fd);
    return len;
}

static int64_t
big_endian(const uint8_t *p, int bytes)
{
    uint64_t value = p[0] & 0x80 ? ~(uint64_t) 0 : 0;

    for (int i = 0; i < bytes; i++) {
        value = value << 8 | p[i];
    }
    return (int64_t) value;
}

/* Length of a data block after its header; -1 when the header is not one. */
static int64_t
block_length(bytes_t file, size_t at, int time_size)
{
    const uint8_t *h = file.data + at;
    int64_t utc, std, leap, times, types, chars;

    if (at + HEADER > file.len || memcmp(h, "TZif", 4) != 0) {
        return -1;
    }
    utc = (uint32_t) big_endian(h + 20, 4);
    std = (uint32_t) big_endian(h + 24, 4);
    leap = (uint32_t) big_endian(h + 28, 4);
    times = (uint32_t) big_endian(h + 32, 4);
    types = (uint32_t) big_endian(h + 36, 4);
    chars = (uint32_t) big_endian(h + 40, 4);
    return times * (time_size + 1) + types * 6 + chars +
           leap * (time_size + 4) + std + utc;
}

static int
parse_tzif(bytes_t file, tzif_t *z)
{
    int64_t first = block_length(file, 0, 4), second;
    size_t at;
    const uint8_t *end;

    if (first < 0 || file.data[4] < '2' ||
        first > (int64_t) file.len - 2 * HEADER) {
        return -1;
    }
    at = HEADER + (size_t) first;
    second = block_length(file, at, 8);
    if (second < 0 || second > (int64_t) (file.len - at - HEADER)) {
        return -1;
    }
    z->time_count = (uint32_t) big_endian(file.data + at + 32, 4);
    z->type_count = (uint32_t) big_endian(file.data + at + 36, 4);
    z->times = file.data + at + HEADER;
    z->indexes = z->times + (size_t) z->time_count * 8;
    z->types = z->indexes + z->time_count;
    z->footer = (const char *) file.data + at + HEADER + (size_t) second;
    z->footer_len = 0;
    end = file.data + file.len;
    if ((const uint8_t *) z->footer < end && *z->footer == '\n') {
        z->footer++;
        while ((const uint8_t *) z->footer + z->footer_len < end &&
               z->footer[z->footer_len] != '\n') {
            z->footer_len++;
        }
    }
    return z->type_count > 0 ? 0 : -1;
}

static int
type_offset(const tzif_t *z, uint32_t type, int32_t *offset)
{
    if (type >= z->type_count) {
        return -1;
    }
    *offset = (int32_t) big_endian(z->types + (size_t) type * 6, 4);
    return *offset >= -86400 && *offset <= 86400 ? 0 : -1;
}

/* --- the footer: a POSIX TZ string --- */

/* "CET" or "<+0330>". */
static const char *
skip_name(const char *p)
{
    const char *start = p;

    if (*p == '<') {
        p = strchr(p, '>');
        return p == NULL ? NULL : p + 1;
    }
    while (isalpha((unsigned char) *p)) {
        p++;
    }
    return p - start >= 3 ? p : NULL;
}

/* [+-]hh[:mm[:ss]] */
static const char *
parse_time(const char *p, int32_t *seconds)
{
    int sign = 1;
    long value = 0, unit = 3600;

    if (*p == '+' || *p == '-') {
        sign = *p++ == '-' ? -1 : 1;
    }
    if (!isdigit((unsigned char) *p)) {
        return NULL;
    }
    for (;;) {
        char *end;
        long part = strtol(p, &end, 10);

        if (part < 0 || part > 167 || end == p) {
            return NULL;
        }
        value += part * unit;
        unit /= 60;
        p = end;
        if (*p != ':' || unit == 0 || !isdigit((unsigned char) p[1])) {
            break;
        }
        p++;
    }
    *seconds = (int32_t) (sign * value);
    return labs(value) <= RULE_OFFSET_MAX ? p : NULL;
}

static const char *
parse_date(const char *p, rule_date_t *date)
{
    int used = 0;

    if (sscanf(p, ",M%2d.%1d.%1d%n", &date->month, &date->week, &date->weekday,
            &used) != 3 ||
        used == 0 || date->month < 1 || date->month > 12 || date->week < 1 ||
        date->week > 5 || date->weekday < 0 || date->weekday > 6) {
        return NULL;
    }
    p += used;
    date->second = 7200;
    return *p == '/' ? parse_time(p + 1, &date->second) : p;
}

static int
parse_rule(const char *p, rule_t *rule)
{
    int32_t west;

    memset(rule, 0, sizeof(*rule));
    p = skip_name(p);
    if (p == NULL || (p = parse_time(p, &west)) == NULL) {
        return -1;
    }
    rule->standard = -west;
    if (*p == '\0') {
        return 0;
    }
    p = skip_name(p);
    if (p == NULL) {
        return -1;
    }
    rule->daylight = rule->standard + 3600;
    if (*p != ',') {
        p = parse_time(p, &west);
        if (p == NULL) {
            return -1;
        }
        rule->daylight = -west;
    }
    rule->has_daylight = 1;
    p = parse_date(p, &rule->start);
    if (p == NULL) {
        return -1;
    }
    p = parse_date(p, &rule->end);
    return p != NULL && *p == '\0' ? 0 : -1;
}

/* The instant of a rule date in a year, `offset` being in force before it. */
static int64_t
rule_instant(const rule_date_t *date, int year, int32_t offset)
{
    int64_t first = sellify_days_from_civil(year, date->month, 1);
    int next_month = date->month == 12 ? 1 : date->month + 1;
    int64_t after =
        sellify_days_from_civil(year + (date->month == 12), next_month, 1);
    int first_weekday = (int) ((first % 7 + 11) % 7); /* 0 Sunday */
    int64_t day = first + (date->weekday - first_weekday + 7) % 7;

    day += (int64_t) 7 * (date->week - 1);
    while (day >= after) {
        day -= 7;
    }
    return day * 86400 + date->second - offset;
}

/* --- filling the zone --- */

/* Keeps the latest step that begins by `from` as the first one. */
static void
add_step(sellify_zone_t *zone, int64_t from, int64_t at, int32_t offset)
{
    if (at <= from) {
        zone->steps[0] = (sellify_zone_step_t){ at, offset };
        zone->count = 1;
        return;
    }
    if (zone->count > 0 && zone->steps[zone->count - 1].offset == offset) {
        return;
    }
    if (zone->count < SELLIFY_ZONE_STEPS) {
        zone->steps[zone->count++] = (sellify_zone_step_t){ at, offset };
    }
}

static void
add_rule_years(
    const rule_t *rule, int64_t from, int64_t last, sellify_zone_t *zone)
{
    int first_year = 1970 + (int) (from / YEAR_S) - 1;
    int year;

    for (year = first_year;
         year < first_year + 100 && zone->count < SELLIFY_ZONE_STEPS; year++) {
        int64_t start = rule_instant(&rule->start, year, rule->standard);
        int64_t end = rule_instant(&rule->end, year, rule->daylight);
        int south = end < start;
        int64_t at[2] = { south ? end : start, south ? start : end };
        int32_t offset[2] = { south ? rule->standard : rule->daylight,
            south ? rule->daylight : rule->standard };

        for (int i = 0; i < 2; i++) {
            if (at[i] > last) {
                add_step(zone, from, at[i], offset[i]);
            }
        }
    }
}

static int
fill(const tzif_t *z, int64_t around, sellify_zone_t *zone)
{
    int64_t from = around - YEARS_BACK * YEAR_S, last = INT64_MIN;
    char footer[128];
    int32_t offset;
    rule_t rule;

    zone->count = 0;
    if (type_offset(z, 0, &offset) != 0) {
        return -1;
    }
    add_step(zone, from, INT64_MIN, offset);
    for (uint32_t i = 0; i < z->time_count; i++) {
        int64_t at = big_endian(z->times + (size_t) i * 8, 8);

        if (type_offset(z, z->indexes[i], &offset) != 0) {
            return -1;
        }
        add_step(zone, from, at, offset);
        last = at;
    }
    if (z->footer_len > 0 && z->footer_len < sizeof(footer)) {
        memcpy(footer, z->footer, z->footer_len);
        footer[z->footer_len] = '\0';
        if (parse_rule(footer, &rule) != 0) {
            return -1;
        }
        if (rule.has_daylight) {
            add_rule_years(&rule, from, last, zone);
        }
    }
    return 0;
}

int
timezone_load(sellify_str_t name, int64_t around, sellify_zone_t *zone)
{
    static uint8_t buffer[TZIF_MAX]; /* worker thread only */
    tzif_t z;
    ssize_t len;

    zone->count = 0;
    if (sellify_str_equal(name, sellify_str("UTC"))) {
        return 0;
    }
    if (!name_is_safe(name)) {
        return -1;
    }
    len = read_file(name, buffer, sizeof(buffer));
    if (len < HEADER ||
        parse_tzif((bytes_t){ buffer, (size_t) len }, &z) != 0 ||
        fill(&z, around, zone) != 0) {
        zone->count = 0;
        return -1;
    }
    return 0;
}
