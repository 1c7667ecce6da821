/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_plan.h - which part of everything an audit looks at, and what that
 * says of the rest.
 *
 * Each inode has a point on a circle of 2^64, given by a hash with a seed of
 * this catalog. A run looks at an arc; the next one goes on where it ended.
 * So all is looked at once while the arcs go round, whatever is made, moved
 * or deleted meanwhile; and an arc is a random choice: what is found on it
 * holds for all.
 *
 * Rolling: the arc's end is due at a time. Runs that are late take more, so
 * that no inode waits longer than the period for its next look.
 *
 * Units:   seconds since 1970.
 * Threads: any.
 * Source:  Clopper, Pearson: The use of confidence or fiducial limits,
 *          Biometrika 26 (1934).
 */
#ifndef ARCHIVE_AUDIT_PLAN_H
#define ARCHIVE_AUDIT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "catalog/catalog.h"

/* What is kept from run to run. */
struct audit_plan {
	uint64_t seed;
	uint64_t at;	 /* where the next arc begins */
	int64_t at_time; /* all before `at` is proved as of this time */
};

struct audit_arc {
	uint64_t from, len;
	bool all; /* the whole circle; len is not used */
};

uint64_t audit_point(uint64_t seed, struct catalog_key key);
/* Is the point on the arc, and how far behind its beginning? */
bool audit_is_on(const struct audit_arc *arc, uint64_t point, uint64_t *behind);
/* A part of the circle: 0..1, more than 1 is all. */
struct audit_arc audit_arc_of(const struct audit_plan *p, double part);
/* The part that is due at `now`, if all is to be looked at within period. */
double audit_due(const struct audit_plan *p, int64_t now, int64_t period);
/* The arc was looked at up to `behind` its beginning (of an arc that is all:
 * not used, it was looked at to its end). */
void audit_advance(struct audit_plan *p, const struct audit_arc *arc,
		   uint64_t behind, int64_t now, int64_t period);
/* The i-th of n arcs that an arc consists of. */
struct audit_arc audit_arc_part(const struct audit_arc *arc, uint64_t i,
				uint64_t n);

/*
 * The upper bound, at 95 %, of the probability that one that was held to be
 * unchanged had changed, if that was so of `missed` of n that were chosen at
 * random: the p at which so few are found in 5 of 100 cases (one-sided
 * Clopper-Pearson). None of n: 1 - 0.05^(1/n), about 3/n (the rule of three).
 * 1 if n is 0.
 */
double audit_bound(uint64_t missed, uint64_t n);

#endif /* ARCHIVE_AUDIT_PLAN_H */
