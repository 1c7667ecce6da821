/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * track.h - what the tracker's programs and lib/track share.
 *
 * The kernel side records which inodes changed, and for large files which
 * blocks, in maps: never as a stream of events, which could overrun. Only
 * tracked file systems are recorded; each has a slot. A slot has two sets:
 * the active one takes the marks, the other is drained. Both live in the same
 * maps; the set's number is part of the key.
 *
 * Nothing is lost silently: where a block cannot be recorded its inode falls
 * back to TRACK_WHOLE; where an inode cannot be recorded its slot is lost,
 * and must be scanned.
 */
#ifndef BPF_TRACK_H
#define BPF_TRACK_H

#include <linux/types.h>

#define TRACK_SLOTS 64

/* Blocks of 4 KiB, 256 of them (1 MiB) to an entry. */
#define TRACK_BLOCK_SHIFT 12
#define TRACK_REGION_SHIFT 20
#define TRACK_REGION_WORDS 4

/* Raised with every change of the maps: pins of another layout are not
 * taken over. */
#define TRACK_LAYOUT 8

enum track_flag {
	TRACK_META = 1, /* the inode; of a directory, its entries, too */
	TRACK_DATA = 2, /* content: the blocks that are marked */
	/* All content. Also set with TRACK_DATA where blocks are not worth
	 * an entry: the file was at most 1 MiB long. */
	TRACK_WHOLE = 4,
};

enum track_hook_set {
	TRACK_TRACEPOINT,
	TRACK_VFS,
};

/* What the blocks of an entry of "ranges" are; a part of its "where". */
enum track_kind {
	/* They changed. */
	TRACK_EXACT = 0,
	/* They lie in a folio of several pages that became dirty; of these only
	 * those changed that were written back since. */
	TRACK_FOLIO = 1 << 8,
	/* They were written back, where there is an entry of the kind above. */
	TRACK_WRITTEN = 2 << 8,
};

#define TRACK_SLOT_OF(where) ((where) >> 1 & 0x7f)

/* Neighbours are kept together: what is made at one time has numbers that
 * follow one another, so most of its marks find their entry in a cache. */
#define TRACK_GROUP_SHIFT 3
#define TRACK_GROUP (1 << TRACK_GROUP_SHIFT)

struct track_inode_key {
	__u64 group; /* inode >> TRACK_GROUP_SHIFT */
	__u32 where; /* slot << 1 | set */
	__u32 zero;
};

/* All zero: not marked. */
struct track_inode {
	/* ~ the smallest size seen, in bytes: all content from there on is to
	 * be taken for changed. */
	__u64 not_min_size;
	/* Written at once, and after the size. */
	__u64 said; /* generation << 32 | enum track_flag */
};

struct track_group {
	struct track_inode of[TRACK_GROUP];
};

struct track_range_key {
	__u64 ino;
	__u32 where;  /* enum track_kind | slot << 1 | set */
	__u32 region; /* offset >> TRACK_REGION_SHIFT */
};

struct track_range {
	__u64 bits[TRACK_REGION_WORDS]; /* block n: bit n % 64 of n / 64 */
};

/* Why marks are missing. Bits; of two that are set at one time by two
 * processors one may be left out. */
enum track_lost {
	TRACK_LOST_FULL = 1,   /* no room */
	TRACK_LOST_OTHER = 2,  /* of an inode that no hook is told */
	TRACK_LOST_MISSED = 4, /* the kernel told no program */
};

struct track_slot {
	__u64 sb;  /* address of the super block: marks of another one
			 * with the same device number are refused */
	__u32 dev; /* major << 20 | minor; 0: the slot is free */
	__u32 zero;
	__u32 lost;	/* enum track_lost: marks are missing; sticky */
	__u32 replaced; /* marks came from another super block; sticky */
};

/* Which set takes the marks stands in a map of its own, "active": it is
 * written from outside while programs write to the slot. It is the number of
 * turns so far, of which the last bit is the set: no two epochs have the same,
 * also when a slot is given to another file system. */

/* One a slot and a processor. */
struct track_count {
	__u64 events;	      /* marks, also those that changed nothing */
	__u64 inodes, ranges; /* entries made */
	__u64 whole;	      /* falls from blocks to the whole file */
	__u64 lost;	      /* marks that could not be recorded */
};

struct track_meta {
	__u32 layout;	   /* TRACK_LAYOUT */
	__u32 hook_set;	   /* enum track_hook_set */
	__u8 instance[16]; /* random: made when the programs were loaded */
	__u64 misses;	   /* events the kernel told no program of, so far */
	char why[224];	   /* why this hook set: a line */
};

#endif /* BPF_TRACK_H */
