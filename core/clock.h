/*
 * The one door to time.  No other file of core/, worker/ or the module may read
 * a clock.  Wall time passes through a mapping (real base, simulated base,
 * rate), so that a demo or a simulation may run elsewhere in time or faster;
 * the state file publishes the mapping and nginx follows it.
 */
#ifndef SELLIFY_CLOCK_H
#define SELLIFY_CLOCK_H

#include <stdint.h>

/* Microseconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX). */
typedef int64_t sellify_time_t;

#define SELLIFY_SECOND ((sellify_time_t) 1000000)
#define SELLIFY_CLOCK_RATE_MAX 86400u

typedef struct {
    sellify_time_t real_base;
    sellify_time_t simulated_base;
    uint32_t rate; /* simulated seconds per real second, 1..RATE_MAX */
    uint32_t reserved;
} sellify_clock_t;

/* The identity mapping: simulated time is real time. */
#define SELLIFY_CLOCK_REAL ((sellify_clock_t){ 0, 0, 1, 0 })

/* Real wall time (CLOCK_REALTIME), never mapped. */
sellify_time_t sellify_clock_real(void);

/* Monotonic time of this boot (CLOCK_BOOTTIME), microseconds, never mapped.
 * Comparable between processes of one machine: heartbeats use it. */
int64_t sellify_clock_monotonic(void);

/* Wall time through the mapping. */
sellify_time_t sellify_clock_now(const sellify_clock_t *clock);

/* The same for a given real time; pure. */
sellify_time_t
sellify_clock_map(const sellify_clock_t *clock, sellify_time_t real);

/* Real microseconds until the mapped clock shows `when`; 0 if it has. */
int64_t sellify_clock_real_until(
    const sellify_clock_t *clock, sellify_time_t now, sellify_time_t when);

/* A mapping under which it is `simulated` at the real time `real`. */
sellify_clock_t
sellify_clock_at(sellify_time_t real, sellify_time_t simulated, uint32_t rate);

/* "2026-11-22T15:51:19Z" (or with .mmm when not on a whole second).
 * `out` holds at least SELLIFY_RFC3339_MAX bytes, NUL included.
 * Years 1970..9999. Returns the length. */
#define SELLIFY_RFC3339_MAX 32
int sellify_time_format(sellify_time_t when, char *out);

/* RFC 3339 with Z or a numeric offset, optional fraction.
 * Returns 0, or -1 if the text is anything else. */
int sellify_time_parse(const char *text, uint64_t len, sellify_time_t *when);

#endif
