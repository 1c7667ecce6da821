/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_scope.h - what of a snapshot a restore has to look at.
 *
 * A snapshot's entries know the inodes that they were. A change source that
 * has watched since the snapshot was made (archive/tracked.h) says which
 * inodes are not any more what they were, and below which directories such
 * lie. A restore with a scope takes the rest for right, unseen:
 *
 * - A directory is intact if the recorded inode still has its name, in an
 *   intact directory. In one that is not, everything is looked at.
 * - In an intact directory, an entry is right if its inode did not change and,
 *   should the directory's own names have changed, the name is still its.
 * - Content of a file of which only metadata changed is right; of a large one
 *   only the changed ranges are compared.
 *
 * Directories above the sources are passed through and left as they are.
 *
 * A hard link that is made anew where a directory is not intact belongs to
 * names elsewhere that nothing marks. Such inodes are added to the scope, and
 * a second walk joins their names.
 *
 * Threads: source and fsid from any; add from one, while no other is asked.
 */
#ifndef ARCHIVE_RESTORE_SCOPE_H
#define ARCHIVE_RESTORE_SCOPE_H

#include "archive/change.h"

struct restore_scope {
	const struct change_source *source;
	/* The number that the snapshot has for the file system of a device
	 * (attr_dev()); 0: it is none of the snapshot's. */
	uint64_t (*fsid)(void *arg, uint64_t dev);
	/* Have source answer for these inodes as if they had changed. */
	int (*add)(void *arg, const struct catalog_key *keys, size_t n);
	void *arg;
};

#endif /* ARCHIVE_RESTORE_SCOPE_H */
