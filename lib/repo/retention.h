/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.h - which snapshots a policy keeps.
 *
 * A pure function over an array: it reads no repository and no clock and
 * deletes nothing. The rules are restic's:
 *
 *   - Snapshots are divided into groups; each group is judged alone.
 *   - "daily 7" keeps the newest snapshot of each of the last 7 days that
 *     have one; hours, ISO weeks, months and years alike. Days are those of
 *     local time (TZ). The hour that occurs twice at the end of summer time
 *     is two hours.
 *   - "within 1y5m" keeps all that is younger than that, counted from the
 *     newest snapshot of the group, never from the clock: a machine that was
 *     off for a year keeps its last snapshots. "within daily" keeps the
 *     newest of each day in that span.
 *   - A snapshot that has all tags of one of the tag lists stays.
 *   - With keep_oldest the oldest snapshot of a group stays as long as a
 *     rule by number could have kept more than there are.
 *   - What several rules keep has several reasons.
 *   - A policy that says nothing keeps everything.
 *
 * Errors:  -ENOMEM.
 * Memory:  all that structs point to is borrowed for the call.
 * Threads: any.
 */
#ifndef REPO_RETENTION_H
#define REPO_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "base/timeparse.h"

#define RETENTION_UNLIMITED (-1)

enum retention_unit {
	RETENTION_LAST, /* every snapshot is a unit of its own */
	RETENTION_HOURLY,
	RETENTION_DAILY,
	RETENTION_WEEKLY,
	RETENTION_MONTHLY,
	RETENTION_YEARLY,
	RETENTION_UNITS
};

/* Bit u of the reasons: rule by number u; bit 8 + u: within u, where
 * RETENTION_LAST is "within" alone. */
#define RETENTION_REASON_KEEP(u) (1u << (u))
#define RETENTION_REASON_WITHIN(u) (1u << (8 + (u)))
#define RETENTION_REASON_OLDEST (1u << 16)
#define RETENTION_REASON_TAG (1u << 17)
#define RETENTION_REASON_NO_POLICY (1u << 18)
#define RETENTION_REASONS 19

enum retention_group {
	RETENTION_BY_HOST = 1,
	RETENTION_BY_PATHS = 2,
	RETENTION_BY_TAGS = 4,
};

struct retention_tags {
	const char *const *tags; /* one tag "" is "has no tags" */
	size_t count;
};

struct retention_policy {
	int keep[RETENTION_UNITS];		 /* 0: no such rule */
	struct timespan within[RETENTION_UNITS]; /* zero: no such rule */
	const struct retention_tags *tags;
	size_t tags_count;
	bool keep_oldest;
};

struct retention_snapshot {
	int64_t time_ns; /* UTC */
	const char *host;
	const char *const *paths; /* in any order */
	size_t path_count;
	const char *const *tags;
	size_t tag_count;
};

struct retention_verdict {
	uint32_t reasons; /* 0: goes */
	uint32_t group;	  /* from 0, in the order of host, paths, tags */
};

struct retention_summary {
	size_t groups;
	size_t kept;
	size_t removed;
	/* Groups of which nothing would stay. The caller refuses these. */
	size_t emptied;
};

bool retention_is_empty(const struct retention_policy *p);

/* Judge the n snapshots, which may come in any order; verdicts[i] is that on
 * snaps[i]. by is a set of retention_group; 0 is one group for all. Of equal
 * times the later one in the array is the newer. sum may be NULL. */
MUST_CHECK int retention_apply(const struct retention_policy *p,
			       unsigned int by,
			       const struct retention_snapshot *snaps, size_t n,
			       struct retention_verdict *verdicts,
			       struct retention_summary *sum);

/* Of one reason bit: "daily", "within weekly", "oldest", "tag", "no policy";
 * NULL for a bit that means nothing. */
const char *retention_reason_name(unsigned int bit);

/* A comma-separated set of "host", "paths" (or "path"), "tags" (or "tag");
 * "" is none. -EINVAL, not logged. */
MUST_CHECK int retention_parse_group(const char *text, unsigned int *out);
/* A number from 1, or "unlimited" or "-1"; 0 switches the rule off. -EINVAL,
 * not logged. */
MUST_CHECK int retention_parse_keep(const char *text, int *out);

#endif /* REPO_RETENTION_H */
