/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gfs.h - which recovery points a policy keeps: arithmetic alone.
 *
 * As Azure Backup's long-term retention: every point for some days; of the
 * dates that a rule names, one point for weeks, months or years. A point
 * stands for the latest such date before it, if it is the first one since: so
 * where a backup was missed, the next one is kept in its place. The newest
 * point is always kept.
 *
 * Units:   seconds since 1970; dates are UTC's.
 * Threads: any.
 * Source:  OpenAPI of Microsoft.RecoveryServices, LongTermRetentionPolicy.
 */
#ifndef VAULT_RETENTION_GFS_H
#define VAULT_RETENTION_GFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define GFS_POINTS_MAX 9999

enum gfs_unit { BY_WEEK, BY_MONTH, BY_YEAR };

/* A date fits if it is one of days, or, if there are none, one of weekdays in
 * one of weeks; and in one of months. */
struct gfs_rule {
	unsigned int count; /* weeks, months or years to keep; 0: no rule */
	uint32_t days;	    /* of a month: bit 1 to 28; bit 0: the last one */
	uint8_t weekdays;   /* bit 0: Sunday */
	uint8_t weeks; /* of a month: bit 0 to 3; bit 4: the last one; 0: any */
	uint16_t months; /* bit 0: January; 0: any */
};

struct gfs {
	unsigned int days;	  /* that every point is kept */
	struct gfs_rule rules[3]; /* by enum gfs_unit */
};

enum gfs_reason {
	KEEP_DAILY = 1,
	KEEP_WEEKLY = 2,
	KEEP_MONTHLY = 4,
	KEEP_YEARLY = 8,
	KEEP_NEWEST = 16,
	KEEP_HELD = 32 /* not by this policy: retention.h */
};

/* Of n points, oldest first: why each is kept now, or 0: it is not. */
void gfs_apply(const struct gfs *r, const int64_t *times, size_t n, int64_t now,
	       unsigned int *reasons);

/* When the last reason to keep a point that came at this time, and stands for
 * all dates that it can, ends. */
int64_t gfs_end(const struct gfs *r, int64_t time);

/* NULL: it may be. Otherwise what is wrong with it. */
const char *gfs_mistake(const struct gfs *r);
/* NULL, or what is below the least that Azure keeps with its security features
 * on. */
const char *gfs_too_short(const struct gfs *r);
/* Is there a point that `from` keeps, at some time, and `to` does not? True
 * also where that is hard to tell: a rule for other dates. */
bool gfs_lowers(const struct gfs *from, const struct gfs *to);

#endif /* VAULT_RETENTION_GFS_H */
