/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate.h - how fast a store may be, by the hours of the week.
 *
 * Two rates: one for work hours, one for the rest of the week. Hours are those
 * that clocks on the wall show, so they follow daylight saving: an hour that
 * is left out does not come, one that comes twice counts twice.
 *
 * Units:   bytes per second; 0 is no limit.
 * Threads: any.
 */
#ifndef STORE_RATE_H
#define STORE_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

struct rate_plan {
	uint64_t rate;
	uint64_t work_rate;
	uint8_t work_days; /* bit 0 is Monday; 0: there are no work hours */
	uint16_t from, to; /* minutes of the day, 0..1440; if to is not behind
			     * from, it is of the next day */
};

/* "mon-fri 08:00-18:00 512K", "mon,wed,sat 22:00-06:00 2M", "daily ...": fills
 * in all but rate. -EINVAL (not logged): it is nothing of the kind; p is as
 * it was. */
MUST_CHECK int rate_plan_parse(const char *text, struct rate_plan *p);
/* At this time, in seconds since 1970. */
uint64_t rate_plan_at(const struct rate_plan *p, int64_t when);
/* Is there ever a limit? */
bool rate_plan_limits(const struct rate_plan *p);

#endif /* STORE_RATE_H */
