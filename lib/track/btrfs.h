/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btrfs.h - what btrfs itself says has changed.
 *
 * Each block of a btrfs tree, each inode and each extent bears the number of
 * the transaction that wrote it. So nobody needs to watch: who remembers a
 * transaction asks later what is newer. A point is that memory, of one
 * subvolume. It lasts over unmounting and restarts, for as long as it can be
 * shown that the file system was not set back meanwhile.
 *
 * btrfs_point_take() first writes back what is dirty. What is read after it
 * is as old as the point or newer; whatever changes then has a later number.
 *
 * Errors:  negative errno. -EPERM (not logged): only root may ask. -ESTALE
 *          (not logged) from btrfs_changes(): the point says nothing of what
 *          is there, *why tells.
 * Memory:  points are plain data; a set is the caller's.
 * Threads: any.
 * Tests:   TIDEMARK_BTRFS_WITHOUT names a step that is left out, so that a test
 *          can see that it is needed: sync, committed, nocow, doubt, history.
 * Source:  linux/btrfs.h, linux/btrfs_tree.h; docs/change-tracking.md.
 */
#ifndef TRACK_BTRFS_H
#define TRACK_BTRFS_H

#include "track/dirty.h"

/* An inode that changed shortly before a point: is the history the same? */
struct btrfs_witness {
	uint64_t ino, transid;
	uint64_t ctime_ns;
};

#define BTRFS_WITNESSES 256

struct btrfs_point {
	uint8_t fs[16], subvol[16]; /* UUIDs */
	uint64_t subvol_id, otransid;
	uint64_t transid; /* committed: what is newer was not read */
	uint64_t before;  /* what is newer may have been changing meanwhile */
	uint8_t boot[16];
	uint64_t mount_id; /* unique while the machine runs; 0: not known */
	/* All inodes that changed after since, up to transid. */
	uint64_t since;
	uint32_t n_witnesses;
	struct btrfs_witness witnesses[BTRFS_WITNESSES];
};

/* Is the open file or directory on btrfs? */
bool btrfs_is(int fd);
/* Write back, and fill in all but the witnesses, which btrfs_changes() or
 * btrfs_point_witness() adds. */
MUST_CHECK int btrfs_point_take(int fd, struct btrfs_point *out);
/* Add to d what changed in the subvolume of fd since was taken; now, taken
 * before the call, gets its witnesses. d is sorted afterwards, and may be
 * lost. */
MUST_CHECK int btrfs_changes(int fd, const struct btrfs_point *since,
			     struct btrfs_point *now, struct dirty *d,
			     const char **why);

/* Instead of btrfs_changes(), if nothing is known of before. */
MUST_CHECK int btrfs_point_witness(int fd, struct btrfs_point *now);

/* Subvolumes whose names are in the one of fd, in directories below that of
 * inode top (of any depth, but not in other subvolumes): the inode of the
 * directory, the path from top, the subvolume's number. path is NULL if it
 * does not lie below top. A negative return ends it and is returned. */
typedef int btrfs_nested_fn(void *arg, uint64_t dir, const char *path,
			    uint64_t id);
MUST_CHECK int btrfs_nested(int fd, uint64_t top, btrfs_nested_fn *fn,
			    void *arg);

/* Fewer witnesses: the newest ones. */
void btrfs_point_trim(struct btrfs_point *p, uint32_t max);

/* For the catalog: at most BTRFS_POINT_MAX bytes. -EUCLEAN. */
#define BTRFS_POINT_MAX (128 + 24 * BTRFS_WITNESSES)
MUST_CHECK int btrfs_point_encode(const struct btrfs_point *p, struct buf *out);
MUST_CHECK int btrfs_point_decode(struct reader *rd, struct btrfs_point *out);

#endif /* TRACK_BTRFS_H */
