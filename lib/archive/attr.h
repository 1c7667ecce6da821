/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attr.h - what the file system says of an inode, as a tree's node has it.
 *
 * Extended attributes are encoded as count:varint { name:bytes value:bytes }*,
 * in ascending order of their names. POSIX ACLs and file capabilities are
 * extended attributes (system.posix_acl_*, security.capability).
 *
 * Errors:  negative errno, not logged.
 * Threads: any.
 */
#ifndef ARCHIVE_ATTR_H
#define ARCHIVE_ATTR_H

#include <sys/stat.h>

#include "repo/tree.h"

/* The inode flags (chattr) that are kept: those that a user sets. */
#define ATTR_IFLAGS_KEPT 0x2283c4ffu

#define ATTR_STATX_MASK (STATX_BASIC_STATS | STATX_BTIME)

static inline uint64_t attr_dev(const struct statx *st)
{
	return (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
}

/* All but name, xattrs, iflags, content, target and tree. fsid is set to the
 * device number: the caller translates it. */
void attr_from_statx(const struct statx *st, struct node *n);
/* Same inode, same times, same everything that stat shows? */
bool attr_is_same(const struct node *old, const struct node *now);
/* The same inode, and not one that was made after it was deleted? */
bool attr_is_same_file(const struct node *old, const struct node *now);
/* The content cannot have changed, if nothing but what ctime alone tells
 * says otherwise: same inode, birth, size and mtime. */
bool attr_content_is_same(const struct node *old, const struct node *now);

/* Append the encoded xattrs; 0 and nothing appended if there are none. */
MUST_CHECK int attr_read_xattrs(int fd, struct buf *out);
/* The same without following path's last component. */
MUST_CHECK int attr_read_xattrs_at(int dirfd, const char *name,
				   struct buf *out);
/* FS_IOC_GETFLAGS, only those kept; 0 where there are none. */
uint32_t attr_read_iflags(int fd);

/* Walk encoded xattrs. 1, 0 at the end, -EUCLEAN. */
MUST_CHECK int attr_next_xattr(struct reader *rd, uint64_t *left,
			       struct span *name, struct span *value);

/* Names of users and groups, asked for once each. */
const char *attr_owner_name(bool group, uint32_t id);

#endif /* ARCHIVE_ATTR_H */
