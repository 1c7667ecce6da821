/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_pick.h - what the next backup would leave unread, from the catalog.
 *
 * Walks the records down from the sources' directories, counts what is held
 * to be unchanged, and takes from it what lies on an arc (audit_plan.h).
 *
 * Errors:  negative errno, logged. What a record does not tell (a directory
 *          without one) the next backup reads: it is not held.
 * Memory:  units are valid until audit_picked_release(); the catalog may be
 *          closed before.
 * Threads: one at a time.
 */
#ifndef ARCHIVE_AUDIT_PICK_H
#define ARCHIVE_AUDIT_PICK_H

#include "archive/audit_plan.h"
#include "base/arena.h"
#include "repo/tree.h"

/* A directory on the way to a unit. */
struct audit_dir {
	const struct audit_dir *up; /* NULL: a source */
	struct catalog_key key;
};

struct audit_unit {
	uint64_t behind;	    /* the arc's beginning */
	const char *path;	    /* absolute */
	const struct audit_dir *in; /* the directory that has it */
	struct catalog_key key;	    /* its own */
	bool is_source;	 /* only its names are held: nothing is recorded of
			   the directory itself */
	bool is_tracked; /* held by a tracker; else by its times */
	struct node node;
	struct span record; /* of a directory */
};

enum audit_hold {
	AUDIT_CHANGED,	 /* known to have changed, or to be read anyway */
	AUDIT_BY_TIMES,	 /* held to be unchanged if stat says so */
	AUDIT_BY_TRACKER /* held to be unchanged */
};

/* n: as recorded. */
typedef enum audit_hold audit_hold_fn(void *arg, struct catalog_key key,
				      const struct node *n);

struct audit_source {
	const char *path;
	struct catalog_key key; /* of the directory there now */
};

struct audit_pick {
	struct catalog *catalog;
	const struct audit_source *sources;
	size_t n_sources;
	uint64_t seed;
	const struct audit_arc *arc; /* NULL: only count */
	audit_hold_fn *hold;
	void *arg;
};

struct audit_picked {
	struct arena arena;
	struct audit_unit *units; /* in the arc's order */
	size_t n, cap;
	uint64_t held, held_bytes; /* of all there are */
	uint64_t changed;
};

MUST_CHECK int audit_pick(const struct audit_pick *opt,
			  struct audit_picked *out);
void audit_picked_release(struct audit_picked *p);

/* Have the next scan read these entries again, whatever stat says, unless a
 * backup has done so meanwhile. The catalog is open to be amended; units is
 * put in another order. */
MUST_CHECK int audit_doubt(struct catalog *c, const struct audit_unit **units,
			   size_t n);

#endif /* ARCHIVE_AUDIT_PICK_H */
