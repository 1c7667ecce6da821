/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracked.h - a change source that knows which inodes changed.
 *
 * The tracker names inodes. The catalog's index says in which directories
 * they had entries, and those directories in which, up to the sources: what
 * is not on one of these ways is as it was recorded.
 *
 * A directory that changed itself is listed again: that finds what was
 * created, deleted, renamed or linked, whose inodes are in the set, too.
 *
 * Errors:  -ENOMEM, or what reading the catalog said (logged).
 * Memory:  the sets and the catalog are borrowed until tracked_free().
 * Threads: the source's calls from any thread; the rest from one.
 */
#ifndef ARCHIVE_TRACKED_H
#define ARCHIVE_TRACKED_H

#include "archive/change.h"

struct tracked;

struct tracked_fs {
	uint64_t fsid;
	const struct dirty *dirty; /* sorted, not lost */
};

/* again: directories to be listed whatever the sets say (what went wrong in
 * the last run). below: directories that hold something of another file
 * system. */
MUST_CHECK int tracked_new(struct catalog *c, const struct tracked_fs *fs,
			   size_t n_fs, const struct catalog_key *again,
			   size_t n_again, const struct catalog_key *below,
			   size_t n_below, struct tracked **out);
/* As if these had changed, too. Nobody may ask meanwhile. */
MUST_CHECK int tracked_add(struct tracked *t, const struct catalog_key *keys,
			   size_t n);
/* NULL is allowed. */
void tracked_free(struct tracked *t);
const struct change_source *tracked_source(const struct tracked *t);
/* After the walk: what changed and was not come to (it was moved out of the
 * sources, or is excluded) has no record any more. */
MUST_CHECK int tracked_forget_unseen(const struct tracked *t);

/* Make the catalog's index from all its records. */
MUST_CHECK int tracked_index(struct catalog *c);

#endif /* ARCHIVE_TRACKED_H */
