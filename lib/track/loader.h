/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader.h - the programs: found pinned, or a hook set chosen and loaded.
 *
 * Of the hook sets the first is taken that the kernel lets us load and that
 * is complete. What is found pinned is taken over, whichever set it is: to
 * change it would cost a scan. It is taken over only whole. A set of which a program that is needed cannot
 * be loaded or attached is not used at all.
 *
 * Errors:  negative errno, logged, but for -EOPNOTSUPP and -EPERM: no hook set
 *          can be used, and loaded.meta.why says in a line what stands in the
 *          way of each.
 * Memory:  loader_release() closes; what is pinned stays.
 * Threads: one at a time.
 */
#ifndef TRACK_LOADER_H
#define TRACK_LOADER_H

#include "track/held.h"
#include "track/hooks.h"
#include "track/tracker.h"

#include "bpf/track.h"

enum map {
	SLOT_OF,
	SLOTS,
	ACTIVE,
	COUNTS,
	INODES,
	RANGES,
	OVERRAN,
	FOLIOS,
	META,
	MAPS
};

struct loaded {
	int maps[MAPS];
	int lock; /* the directory of the pins */
	struct held held;
	bool was_pinned;
	const struct hook_set *set; /* NULL: none */
	struct track_meta meta;
	const char *missing[NEEDS]; /* by need: a place there is none of */
};

MUST_CHECK int loader_open(const struct tracker_options *opt,
			   struct loaded *out);
void loader_release(struct loaded *l);

/* meta is what it is from now on. */
MUST_CHECK int loader_write_meta(struct loaded *l);

#endif /* TRACK_LOADER_H */
