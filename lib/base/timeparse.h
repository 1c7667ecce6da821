/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timeparse.h - instants and spans of time as people write them.
 *
 * Units:   an instant is nanoseconds since 1970 UTC in an int64_t, which
 *          reaches from 1677 to 2262. Local time is that of TZ.
 * Errors:  -EINVAL for what cannot be read, -ERANGE for an instant that does
 *          not fit; not logged.
 * Threads: any, as long as nobody changes TZ.
 */
#ifndef BASE_TIMEPARSE_H
#define BASE_TIMEPARSE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/macros.h"

#define NSEC_PER_SEC 1000000000LL

/* Calendar units, so "1m" before 31 March is a matter of the calendar. */
struct timespan {
	unsigned int years, months, days, hours;
};

/*
 * "now"; "2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05" in local
 * time (a T may stand for the blank); and RFC 3339, "2006-01-02T15:04:05Z"
 * or "...05.999999999+02:00". An hour that occurs twice at the end of summer
 * time means the first; one that is skipped in spring is -EINVAL.
 */
MUST_CHECK int timeparse_instant(const char *text, int64_t now, int64_t *out);

/* "2y5m7d3h": numbers with a unit, each unit at most once, in any order. */
MUST_CHECK int timeparse_span(const char *text, struct timespan *out);

bool timespan_is_zero(const struct timespan *s);

/* The instant that lies s before t by the local calendar: years, months and
 * days first, where a day that the month lacks runs on into the next month
 * (31 October less one month is 1 October), then hours. */
int64_t timespan_before(int64_t t, const struct timespan *s);

/* t rounded down to a second, in local time. */
void time_local(int64_t t, struct tm *out);

#endif /* BASE_TIMEPARSE_H */
