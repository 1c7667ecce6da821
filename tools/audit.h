/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - what the audit's files share.
 *
 * audit.c: the verb, its options and its report. audit_run.c: rounds of
 * choosing, comparing and judging. audit_state.c: what is kept until the next
 * run.
 *
 * Errors:  negative errno, logged; -EINTR: interrupted, not logged.
 */
#ifndef TOOLS_AUDIT_H
#define TOOLS_AUDIT_H

#include "archive/audit_check.h"
#include "archive/audit_plan.h"
#include "tools/backup_options.h"
#include "tools/backup_track.h"
#include "tools/opened.h"

/* More than these are not looked for: the next backup scans in any case. */
#define AUDIT_MISSES_MAX 1000

struct audit_miss {
	struct audit_unit unit;
	unsigned int differs; /* enum audit_differs */
};

struct audit {
	/* given */
	const struct cli *cli;
	struct opened o;
	struct backup_inputs in;
	struct archiver *archiver;
	char *dir; /* of the catalog */
	uint8_t set[SHA256_LEN];
	int64_t began;	     /* output_clock() */
	int64_t now, period; /* seconds */
	uint64_t bytes_max;  /* UINT64_MAX: no bound */
	struct audit_source *sources;
	size_t n_sources;
	struct audit_plan plan; /* as it was when the run began */
	/* at work */
	struct audit_check check;
	struct catalog *catalog; /* a view */
	struct track *track;
	struct audit_picked picked;
	bool gave_up; /* AUDIT_MISSES_MAX */
	/* the result */
	uint64_t held, held_bytes, changed;
	uint64_t looked_at, files, by_tracker, bytes;
	uint64_t moved, unreadable;
	struct arena arena; /* of the misses */
	struct audit_miss *misses;
	size_t n_misses, cap_misses, tracker_misses;
	bool healed, distrusted;
};

/* audit_run.c */
/* Count what is held. -ENOENT (not logged): there is no catalog of it. */
MUST_CHECK int audit_count(struct audit *a);
/* Look at what lies on the arc; saves the plan as it goes on. */
MUST_CHECK int audit_arc_run(struct audit *a, const struct audit_arc *arc);
/* Have what was missed read by the next backup, and trust ended. */
MUST_CHECK int audit_heal(struct audit *a);
void audit_close_view(struct audit *a);

/* audit_state.c */
/* A new plan, with a day's part due, if there is none. */
MUST_CHECK int audit_state_load(struct audit *a);
MUST_CHECK int audit_state_save(const struct audit *a,
				const struct audit_plan *p);

#endif /* TOOLS_AUDIT_H */
