/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracker.h - the programs in the kernel that record changes.
 *
 * Loaded once and pinned: they go on recording while no process of ours
 * runs. Who opens the tracker takes the pinned programs over, or loads them.
 * An instance number tells one load from another: a record that was made
 * under another instance says nothing.
 *
 * Each tracked file system has a slot with two sets of marks. tracker_turn()
 * makes the other set the active one and returns when no program can still
 * mark in the old one; tracker_drain() reads the old one; tracker_drop()
 * forgets what was read, once the caller has it safe.
 *
 * Errors:  negative errno, logged: -EPERM no right to load programs,
 *          -EOPNOTSUPP this kernel cannot (the log says why), -EEXIST a pin
 *          that is not ours, -ENOSPC no free slot.
 * Memory:  freed by tracker_close(); what is pinned stays.
 * Threads: one at a time.
 * Source:  Linux Documentation/bpf/; docs/change-tracking.md.
 */
#ifndef TRACK_TRACKER_H
#define TRACK_TRACKER_H

#include <sys/types.h>

#include "track/dirty.h"

#define TRACKER_INSTANCE_LEN 16
#define TRACKER_INODES_DEFAULT (256u << 10)
#define TRACKER_RANGES_DEFAULT (256u << 10)

struct tracker;

struct tracker_options {
	const char *pins; /* a directory on a bpffs, made if need be */
	uint32_t max_inodes, max_ranges; /* entries; 0: the defaults */
	/* A hook set that it must be. NULL: the best that can be had, or a
	 * tracker that refuses every file system and says why. */
	const char *hooks;
	/* For tests: programs that are left out, by name, separated by
	 * commas. NULL: none. */
	const char *without;
};

struct tracker_slot {
	dev_t dev; /* as stat gives it */
	/* Why marks since tracker_add() are missing, a sentence's end, static;
	 * NULL: none are. */
	const char *lost;
	bool replaced; /* unmounted, or another one came to the number */
	uint64_t events, inodes, ranges, whole; /* counted since loading */
};

MUST_CHECK int tracker_open(const struct tracker_options *opt,
			    struct tracker **out);
/* NULL is allowed. The programs stay, until pins_end(). */
void tracker_close(struct tracker *t);

const uint8_t *tracker_instance(const struct tracker *t);
/* Were they there already? */
bool tracker_was_pinned(const struct tracker *t);
/* "vfs", "tracepoint" or "none", for a status; and why: a line. */
const char *tracker_hook_set(const struct tracker *t);
const char *tracker_hook_set_why(const struct tracker *t);
/* Does a slot say "replaced" as soon as its file system is unmounted? Others
 * need to be told one mount from the next. */
bool tracker_sees_unmount(const struct tracker *t);
/* NULL: file systems of this type ("ext4") can be tracked; or why not, until
 * the next call. */
const char *tracker_refuses(struct tracker *t, const char *type);
/* Entries in use of those there are; of both sets of all slots. */
int tracker_fill(struct tracker *t, uint32_t *inodes, uint32_t *max_inodes);

/* Record the changes of the file system with this device number. -EEXIST (not
 * logged): it is recorded already, *slot tells where. */
MUST_CHECK int tracker_add(struct tracker *t, dev_t dev, uint32_t *slot);
int tracker_remove(struct tracker *t, uint32_t slot);
MUST_CHECK int tracker_slot(struct tracker *t, uint32_t slot,
			    struct tracker_slot *out);

MUST_CHECK int tracker_turn(struct tracker *t, uint32_t slot);
/* Add the old set to d. Whether its marks are all of one file system, the
 * slot tells ("replaced"), afterwards. synced: the file system was synced since
 * the turn; so of dirty folios only what was written back changed. */
MUST_CHECK int tracker_drain(struct tracker *t, uint32_t slot, bool synced,
			     struct dirty *d);
/* Add both sets to d, and change nothing. */
MUST_CHECK int tracker_peek(struct tracker *t, uint32_t slot, struct dirty *d);
MUST_CHECK int tracker_drop(struct tracker *t, uint32_t slot);

#endif /* TRACK_TRACKER_H */
