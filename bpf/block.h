/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * block.h - what the programs for block devices and lib/track share.
 *
 * Recorded is which blocks of a tracked device were written, by their place
 * on the whole disk: so it is all one whether a write came through a file
 * system, a partition or the disk. A slot is a device: a range of a disk. As
 * in track.h each slot has two sets of marks in the same maps.
 *
 * Nothing is lost silently: what cannot be recorded makes the slot lost.
 */
#ifndef BPF_BLOCK_H
#define BPF_BLOCK_H

#include <linux/types.h>

#define BLOCK_SLOTS 64
#define BLOCK_SLOTS_PER_DISK 8

/* At level 0 a bit is 4 KiB and an entry 1 MiB; at level 1, for long ranges
 * such as discards, a bit is 1 MiB and an entry 256 MiB. */
#define BLOCK_SHIFT_0 12
#define BLOCK_SHIFT_1 20
#define BLOCK_ENTRY_BITS 256

/* Raised with every change of the maps. */
#define BLOCK_LAYOUT 1

struct block_disk { /* by the disk's device number */
	__u32 n;
	__u32 slots[BLOCK_SLOTS_PER_DISK];
};

struct block_slot {
	__u64 seq;	  /* of the disk; marks of another one are refused */
	__u64 start, end; /* bytes on the disk */
	__u32 disk;	  /* major << 20 | minor; 0: the slot is free */
	__u32 dev;	  /* of the device itself, which may be a partition */
	__u32 lost;	  /* a mark could not be recorded; sticky */
	__u32 replaced;	  /* marks came from another disk; sticky */
	__u32 foreign;	  /* a command went past the block layer; sticky */
	__u32 zero;
	__u64 missed; /* runs that the kernel had left out before */
};

struct block_key {
	__u32 where; /* slot << 1 | set */
	__u32 level;
	__u64 entry; /* offset in the slot's range, in entries of the level */
};

struct block_bits {
	__u64 bits[BLOCK_ENTRY_BITS / 64];
};

/* A write of a driver without requests, from its begin to its end. */
struct block_flight {
	__u32 disk;
	__u32 zero;
	__u64 from, to; /* bytes on the disk */
	__u64 seq;
};

struct block_count { /* one a slot and a processor */
	__u64 events, entries;
};

struct block_meta {
	__u32 layout; /* BLOCK_LAYOUT */
	__u32 zero;
	__u8 instance[16];
};

#endif /* BPF_BLOCK_H */
