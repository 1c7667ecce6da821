/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks.h - the programs in the kernel that record writes to block devices.
 *
 * As tracker.h for files: loaded once, pinned, taken over; slots with two
 * sets of marks; turn, drain, drop. Loaded only when a device is tracked,
 * since they run at each write of each disk.
 *
 * The marks of a device come as a set with one inode, BLOCKS_INO, that is as
 * long as the device.
 *
 * The kernel leaves out a run of a program that interrupts another run of it
 * on the same processor, and counts it. Then no slot can be trusted any more:
 * blocks_slot() says so.
 *
 * Errors:  negative errno, logged, as in tracker.h.
 * Memory:  freed by blocks_close(); what is pinned stays.
 * Threads: one at a time.
 */
#ifndef TRACK_BLOCKS_H
#define TRACK_BLOCKS_H

#include "track/dirty.h"
#include "track/disk.h"

#define BLOCKS_INSTANCE_LEN 16
#define BLOCKS_ENTRIES_DEFAULT (256u << 10)
#define BLOCKS_INO 1

struct blocks;

struct blocks_options {
	const char *pins;     /* a directory on a bpffs, made if need be */
	uint32_t max_entries; /* of 1 MiB each; 0: the default */
	/* For tests: names of programs that are left out, with commas between
	 * them. NULL: none. */
	const char *without;
};

struct blocks_slot {
	dev_t dev;
	uint64_t seq, start, size;
	bool lost;		  /* a mark could not be recorded */
	bool replaced;		  /* another disk came to this number */
	bool foreign;		  /* a command went past the block layer */
	bool missed;		  /* the kernel left out runs of the programs */
	uint64_t events, entries; /* counted since loading */
};

/* load false: only take over; -ENOENT (not logged) if nothing is pinned. */
MUST_CHECK int blocks_open(const struct blocks_options *opt, bool load,
			   struct blocks **out);
/* NULL is allowed. The programs stay, until pins_end(). */
void blocks_close(struct blocks *b);
const uint8_t *blocks_instance(const struct blocks *b);
/* Entries in use of those there are. */
int blocks_fill(struct blocks *b, uint32_t *used, uint32_t *max);

/* -EEXIST (not logged): the device is recorded already, *slot tells where. */
MUST_CHECK int blocks_add(struct blocks *b, const struct disk *d,
			  uint32_t *slot);
int blocks_remove(struct blocks *b, uint32_t slot);
MUST_CHECK int blocks_slot(struct blocks *b, uint32_t slot,
			   struct blocks_slot *out);

MUST_CHECK int blocks_turn(struct blocks *b, uint32_t slot);
/* Add the old set to d. */
MUST_CHECK int blocks_drain(struct blocks *b, uint32_t slot, struct dirty *d);
/* Add both sets to d, and change nothing. */
MUST_CHECK int blocks_peek(struct blocks *b, uint32_t slot, struct dirty *d);
MUST_CHECK int blocks_drop(struct blocks *b, uint32_t slot);

#endif /* TRACK_BLOCKS_H */
