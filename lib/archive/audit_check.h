/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_check.h - is a thing still what was recorded of it?
 *
 * Metadata, xattrs, flags, a symlink's target, a directory's names, and the
 * content of a file: each recorded extent is read and its keyed hash compared
 * with the chunk's id. Only where that is not enough (an extent that is part
 * of a chunk) the chunk is fetched. Nothing is stored.
 *
 * Errors:  negative errno, not logged: it cannot be read or compared.
 * Threads: one per checker.
 */
#ifndef ARCHIVE_AUDIT_CHECK_H
#define ARCHIVE_AUDIT_CHECK_H

#include "archive/archiver.h"
#include "archive/audit_pick.h"
#include "repo/repo.h"

enum audit_differs {
	AUDIT_GONE = 1,	   /* not there, or another inode */
	AUDIT_STAT = 2,	   /* what stat shows */
	AUDIT_ATTRS = 4,   /* xattrs, ACLs, flags, a symlink's target */
	AUDIT_CONTENT = 8, /* bytes of a file */
	AUDIT_NAMES = 16,  /* of a directory */
};

struct audit_found {
	unsigned int differs; /* enum audit_differs; 0: as recorded */
	/* It is not held to be unchanged any more: by its times, or it changed
	 * while it was looked at. differs says nothing. */
	bool has_moved;
	uint64_t bytes; /* read */
};

struct audit_check {
	struct repo_reader *reader;
	struct chunk_ids ids;
	const struct filter *filter; /* may be NULL */
	const struct archive_skip *skips;
	size_t n_skips;
	bool (*stopped)(void); /* may be NULL; -EINTR */
	struct buf bytes, attrs;
	uint8_t *dents;
};

/* The rest is set by the caller. */
MUST_CHECK int audit_check_init(struct audit_check *c, const struct repo *r,
				struct repo_reader *reader);
void audit_check_release(struct audit_check *c);

MUST_CHECK int audit_check_unit(struct audit_check *c,
				const struct audit_unit *u,
				struct audit_found *out);
/* Wait until no change is under way whose mark is yet to come. */
void audit_check_wait(const struct audit_unit *u);

#endif /* ARCHIVE_AUDIT_CHECK_H */
