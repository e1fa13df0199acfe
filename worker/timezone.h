/*
 * The system's zone database (TZif, RFC 8536) as the plain zones of core/zone.h.
 * Nothing outside this file knows where time zones come from.
 */
#ifndef SELLIFY_WORKER_TIMEZONE_H
#define SELLIFY_WORKER_TIMEZONE_H

#include "../core/str.h"
#include "../core/zone.h"

/* Loads "Europe/Paris" with the offsets that hold around `around` (UTC seconds):
 * some years back and as many ahead as fit.  Returns 0, or -1 when there is no
 * such zone. */
int timezone_load(sellify_str_t name, int64_t around,
    sellify_zone_t *zone) SELLIFY_MUST_CHECK;

#endif
