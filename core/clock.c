/* The door to time: the clocks, the mapping of wall time, RFC 3339. */
#include "clock.h"
#include "zone.h"

#include <stdio.h>
#include <time.h>

#define DAY_S 86400

static int64_t
read_clock(clockid_t id)
{
    struct timespec ts;

    if (clock_gettime(id, &ts) != 0) {
        return 0;
    }
    return (int64_t) ts.tv_sec * SELLIFY_SECOND + ts.tv_nsec / 1000;
}

sellify_time_t
sellify_clock_real(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t
sellify_clock_monotonic(void)
{
    /* BOOTTIME, not MONOTONIC: a heartbeat must be seen to age while the
     * machine is suspended. */
    return read_clock(CLOCK_BOOTTIME);
}

static uint32_t
rate_of(const sellify_clock_t *clock)
{
    /* A zeroed struct is a clock that never moves; it is read as real time. */
    return clock->rate ? clock->rate : 1;
}

sellify_time_t
sellify_clock_map(const sellify_clock_t *clock, sellify_time_t real)
{
    int64_t elapsed, mapped;
    int past = real < clock->real_base;

    if (__builtin_sub_overflow(real, clock->real_base, &elapsed) ||
        __builtin_mul_overflow(elapsed, (int64_t) rate_of(clock), &elapsed) ||
        __builtin_add_overflow(clock->simulated_base, elapsed, &mapped)) {
        return past ? INT64_MIN : INT64_MAX;
    }
    return mapped;
}

sellify_time_t
sellify_clock_now(const sellify_clock_t *clock)
{
    return sellify_clock_map(clock, sellify_clock_real());
}

int64_t
sellify_clock_real_until(
    const sellify_clock_t *clock, sellify_time_t now, sellify_time_t when)
{
    int64_t left;
    int64_t rate = rate_of(clock);

    if (when <= now) {
        return 0;
    }
    if (__builtin_sub_overflow(when, now, &left)) {
        left = INT64_MAX;
    }
    /* Rounded up: waking early would only arm the same timer again. */
    return left / rate + (left % rate != 0);
}

sellify_clock_t
sellify_clock_at(sellify_time_t real, sellify_time_t simulated, uint32_t rate)
{
    if (rate == 0) {
        rate = 1;
    }
    if (rate > SELLIFY_CLOCK_RATE_MAX) {
        rate = SELLIFY_CLOCK_RATE_MAX;
    }
    return (sellify_clock_t){ real, simulated, rate, 0 };
}

int
sellify_time_format(sellify_time_t when, char *out)
{
    static const sellify_zone_t utc; /* no steps: UTC */
    sellify_civil_t c;
    /* 9999-12-31T23:59:59.999999Z */
    const sellify_time_t last = INT64_C(253402300799) * SELLIFY_SECOND + 999999;

    if (when < 0) {
        when = 0;
    }
    if (when > last) {
        when = last;
    }
    sellify_zone_civil(&utc, when / SELLIFY_SECOND, &c);
    if (when % SELLIFY_SECOND == 0) {
        return snprintf(out, SELLIFY_RFC3339_MAX,
            "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour,
            c.minute, c.second);
    }
    return snprintf(out, SELLIFY_RFC3339_MAX,
        "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour,
        c.minute, c.second, (int) (when % SELLIFY_SECOND / 1000));
}

/* A cursor over the text; a failed read makes every later one fail. */
typedef struct {
    const char *p, *end;
    int bad;
} scan_t;

static int
scan_digits(scan_t *s, int count, int max)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (s->bad || s->p == s->end || *s->p < '0' || *s->p > '9') {
            s->bad = 1;
            return 0;
        }
        value = value * 10 + (*s->p++ - '0');
    }
    if (value > max) {
        s->bad = 1;
    }
    return value;
}

static void
scan_char(scan_t *s, char upper, char lower)
{
    if (s->bad || s->p == s->end || (*s->p != upper && *s->p != lower)) {
        s->bad = 1;
        return;
    }
    s->p++;
}

/* Microseconds of ".123...", finer digits dropped. */
static int64_t
scan_fraction(scan_t *s)
{
    int64_t value = 0, unit = SELLIFY_SECOND;

    if (s->bad || s->p == s->end || *s->p != '.') {
        return 0;
    }
    s->p++;
    if (s->p == s->end || *s->p < '0' || *s->p > '9') {
        s->bad = 1;
        return 0;
    }
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
        unit /= 10;
        value += unit * (*s->p - '0');
    }
    return value;
}

/* Seconds east of UTC. */
static int
scan_offset(scan_t *s)
{
    int sign, hours, minutes;

    if (s->bad || s->p == s->end) {
        s->bad = 1;
        return 0;
    }
    if (*s->p == 'Z' || *s->p == 'z') {
        s->p++;
        return 0;
    }
    sign = *s->p == '-' ? -1 : 1;
    scan_char(s, '+', '-');
    hours = scan_digits(s, 2, 23);
    scan_char(s, ':', ':');
    minutes = scan_digits(s, 2, 59);
    return sign * (hours * 3600 + minutes * 60);
}

static int
days_in_month(int year, int month)
{
    static const signed char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
        30, 31 };
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

int
sellify_time_parse(const char *text, uint64_t len, sellify_time_t *when)
{
    scan_t s = { text, text + len, len > 64 };
    int year, month, day, hour, minute, second;
    int64_t fraction, utc;

    year = scan_digits(&s, 4, 9999);
    scan_char(&s, '-', '-');
    month = scan_digits(&s, 2, 12);
    scan_char(&s, '-', '-');
    day = scan_digits(&s, 2, 31);
    scan_char(&s, 'T', 't');
    hour = scan_digits(&s, 2, 23);
    scan_char(&s, ':', ':');
    minute = scan_digits(&s, 2, 59);
    scan_char(&s, ':', ':');
    second = scan_digits(&s, 2, 60);
    fraction = scan_fraction(&s);
    utc = -scan_offset(&s);

    if (s.bad || s.p != s.end || month == 0 || day == 0 ||
        day > days_in_month(year, month)) {
        return -1;
    }
    utc += sellify_days_from_civil(year, month, day) * DAY_S + hour * 3600 +
           minute * 60 + second;
    /* A leap second ends a UTC day; POSIX time shows it as the next one. */
    if (second == 60 && utc % DAY_S != 0) {
        return -1;
    }
    *when = utc * SELLIFY_SECOND + fraction;
    return 0;
}
