/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirty.h - a set of changed inodes, and of changed blocks of large files.
 *
 * Of one file system, by inode number. A set may hold too much, never too
 * little: where something could not be kept, it is lost, and whoever uses it
 * must look at everything. Grows by adding in any order; dirty_sort() makes
 * it one that can be searched.
 *
 * Errors:  -ENOMEM; -EUCLEAN: bytes that are no set.
 * Memory:  owned by the set until dirty_release(). At most
 *          DIRTY_INODES_MAX and DIRTY_RANGES_MAX entries; what would be more
 *          makes the set lost.
 * Threads: one at a time; a sorted set may be searched by many.
 */
#ifndef TRACK_DIRTY_H
#define TRACK_DIRTY_H

#include "base/buf.h"

#define DIRTY_INODES_MAX (2u << 20)
#define DIRTY_RANGES_MAX (1u << 20)

enum dirty_flag { /* the kernel side's, bpf/track.h */
		  DIRTY_META = 1,
		  DIRTY_DATA = 2,
		  DIRTY_WHOLE = 4,
		  /* Of a file, without the two before: nobody saw whether its
		   * content changed. Its times decide, as in a scan. */
		  DIRTY_DOUBT = 8,
};

struct dirty_inode {
	uint64_t ino;
	uint64_t min_size; /* bytes: content from here on is changed */
	uint32_t generation;
	uint32_t flags; /* enum dirty_flag */
};

#define DIRTY_BLOCK 4096u
#define DIRTY_REGION_BLOCKS 256u

struct dirty_range {
	uint64_t ino;
	uint32_t region; /* offset / (DIRTY_BLOCK * DIRTY_REGION_BLOCKS) */
	uint32_t zero;
	uint64_t bits[DIRTY_REGION_BLOCKS / 64];
};

struct dirty {
	struct dirty_inode *inodes;
	struct dirty_range *ranges;
	size_t n_inodes, cap_inodes;
	size_t n_ranges, cap_ranges;
	bool lost;
	bool sorted;
};

/* Bytes of a file, from (inclusive) up to to. */
struct dirty_extent {
	uint64_t from, to;
};

void dirty_release(struct dirty *d);

/* Full or without memory: the set is lost, which is no error. */
void dirty_add_inode(struct dirty *d, const struct dirty_inode *in);
void dirty_add_range(struct dirty *d, const struct dirty_range *r);
/* Add everything of from. */
void dirty_merge(struct dirty *d, const struct dirty *from);
/* Of the ranges, leave only blocks that are in with, too. Both get sorted. */
void dirty_meet(struct dirty *d, struct dirty *with);
/* One entry for what was added more than once, in ascending order. */
void dirty_sort(struct dirty *d);

/* NULL: not changed. d is sorted and not lost. */
const struct dirty_inode *dirty_find(const struct dirty *d, uint64_t ino);
/* The changed parts of a file that was old_size bytes long when it was last
 * captured and is size bytes long now: ascending, disjoint, not adjacent,
 * below size. *out is malloc'd, and not NULL
 * even if *n is 0. */
MUST_CHECK int dirty_extents(const struct dirty *d,
			     const struct dirty_inode *in, uint64_t old_size,
			     uint64_t size, struct dirty_extent **out,
			     size_t *n);
/* Bytes that are marked, for a status; 0 for what is marked as a whole. */
uint64_t dirty_bytes(const struct dirty *d);

/* For another process on this machine, or a later one. */
MUST_CHECK int dirty_encode(const struct dirty *d, struct buf *out);
MUST_CHECK int dirty_decode(struct span bytes, struct dirty *out);
/* The same from a file, as the daemon hands it over. */
MUST_CHECK int dirty_read(int fd, struct dirty *out);
#define DIRTY_ENCODED_MAX ((size_t)256 << 20)

#endif /* TRACK_DIRTY_H */
