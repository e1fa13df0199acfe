/* Zones for the tests, as tables; figures from the IANA database 2024a. */
#ifndef T_UNIT_ZONES_H
#define T_UNIT_ZONES_H

#include "../../core/zone.h"

#include <stdint.h>

/* Winter time from 2025-10-26, summer from 2026-03-29, and so on. */
static const sellify_zone_t paris __attribute__((unused)) = {
    { { INT64_MIN, 7200 }, { 1761440400, 3600 }, { 1774746000, 7200 },
        { 1792890000, 3600 }, { 1806195600, 7200 } },
    5,
};
#define PARIS_GAP 1774746000     /* 2026-03-29: 02:00 becomes 03:00 */
#define PARIS_OVERLAP 1792890000 /* 2026-10-25: 03:00 becomes 02:00 */

/* Half an hour of summer time: 2026-04-04T15:00Z and 2026-10-03T15:30Z. */
static const sellify_zone_t lord_howe __attribute__((unused)) = {
    { { INT64_MIN, 39600 }, { 1775314800, 37800 }, { 1791041400, 39600 } },
    3,
};

/* Newfoundland until 2011 changed at 00:01 local time: on 2010-11-07 the day
 * began, and a minute later it was the evening before again. */
static const sellify_zone_t st_johns __attribute__((unused)) = {
    { { INT64_MIN, -9000 }, { 1289097060, -12600 } },
    2,
};

/* Samoa left out 2011-12-30. */
static const sellify_zone_t apia __attribute__((unused)) = {
    { { INT64_MIN, -36000 }, { 1325239200, 50400 } },
    2,
};

/* Made up: twenty minutes forward in the middle of an hour. */
static const sellify_zone_t odd_zone __attribute__((unused)) = {
    { { INT64_MIN, 3600 }, { 1700001900, 4800 } },
    2,
};
#define ODD_STEP 1700001900

static const sellify_zone_t utc_zone
    __attribute__((unused)) = { { { 0, 0 } }, 0 };

#endif
