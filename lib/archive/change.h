/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - where the archiver learns what to look at.
 *
 * A change source answers for directories that the catalog has a record of.
 * The scan knows nothing beforehand and answers LOOK each time: then stat
 * decides. A source that has watched the file system (tracked.h) can rule out
 * whole directories, single entries, and parts of a large file.
 *
 * A source may say too much; never too little. What it cannot vouch for is
 * LOOK.
 *
 * Threads: all calls from any thread.
 */
#ifndef ARCHIVE_CHANGE_H
#define ARCHIVE_CHANGE_H

#include <stdbool.h>

#include "catalog/catalog.h"
#include "track/dirty.h"

enum change {
	CHANGE_LOOK,	/* not known: list it, stat each entry, compare */
	CHANGE_LIST,	/* list it; only some of the entries may differ */
	CHANGE_ENTRIES, /* the same names; only some of them may differ */
	CHANGE_NONE,	/* as recorded, with everything below it */
};

struct change_source {
	const char *name; /* "scan"; for the result and for explain */
	enum change (*dir)(void *arg, struct catalog_key key);
	/* For entries of what is LIST or ENTRIES: may it, or something below
	 * it, differ? */
	bool (*entry)(void *arg, struct catalog_key key);
	/* What changed of an inode; NULL: nothing. *set gets the set that
	 * dirty_extents() wants. */
	const struct dirty_inode *(*inode)(void *arg, struct catalog_key key,
					   const struct dirty **set);
	void *arg;
};

/* Look at everything. */
extern const struct change_source change_scan;

#endif /* ARCHIVE_CHANGE_H */
