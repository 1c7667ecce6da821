/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - where the archiver learns what to look at.
 *
 * A change source answers for directories and files that the catalog knows.
 * The scan knows nothing beforehand and answers LOOK each time: then stat
 * decides. A source that has watched the file system can rule out whole
 * directories, or name the ranges of a file that may differ.
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

enum change {
	CHANGE_LOOK, /* not known: list it, stat it, compare */
	CHANGE_NONE, /* as recorded, with everything below it */
};

struct change_source {
	const char *name; /* "scan"; for the result and for explain */
	enum change (*dir)(void *arg, struct catalog_key key);
	void *arg;
};

/* Look at everything. */
extern const struct change_source change_scan;

#endif /* ARCHIVE_CHANGE_H */
