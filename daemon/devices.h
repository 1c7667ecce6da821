/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices.h - what was written since when, for each tracked block device.
 *
 * As epochs.h for file systems, with the same answers; marks are of one
 * inode, BLOCKS_INO, that is as long as the device. Nothing is synced: a mark
 * is made when a write is complete, so what is still in memory makes its mark
 * later. The programs are loaded with the first device and removed with the
 * last.
 *
 * Errors:  negative errno, logged.
 * Threads: all calls from any.
 * Source:  docs/change-tracking.md, "Block devices".
 */
#ifndef DAEMON_DEVICES_H
#define DAEMON_DEVICES_H

#include "daemon/epochs.h"
#include "track/blocks.h"

struct devices;

struct devices_options {
	struct blocks_options blocks;
	const char *state_dir;
	/* For tests: "kinds" tracks any kind of device; NULL. */
	const char *without;
};

struct devices_status {
	const char *path;
	struct disk disk;
	uint64_t epoch;
	uint32_t consumers;
	bool trusted;
	const char *why; /* if not: a sentence's end, static */
	uint64_t resets;
	const char *last_why;
	struct blocks_slot slot;
};

/* Options are borrowed until devices_close(). */
MUST_CHECK int devices_open(const struct devices_options *opt,
			    struct devices **out);
/* NULL is allowed. The programs stay. */
void devices_close(struct devices *d);

/* *why (static) is set with -EOPNOTSUPP, which is not logged. -ENOTBLK and
 * -ENOENT: not logged. */
MUST_CHECK int devices_add(struct devices *d, const char *path,
			   const char **why);
/* After a start, when all have been added: programs that nobody needs go. */
void devices_trim(struct devices *d);
/* By the path that it was added with, or by its number if path is a device.
 * -ENOENT (not logged). *was is malloc'd: the path it was added with. */
MUST_CHECK int devices_remove(struct devices *d, const char *path, char **was);

/* As epochs_begin(). -ENODEV (not logged): dev is not tracked. */
MUST_CHECK int devices_begin(struct devices *d, dev_t dev,
			     const struct epochs_token *since,
			     const char *consumer, struct epochs_answer *out);
/* As epochs_peek(). */
MUST_CHECK int devices_peek(struct devices *d, dev_t dev, bool kept,
			    struct dirty *out);

typedef int devices_fn(void *arg, const struct devices_status *s);
MUST_CHECK int devices_each(struct devices *d, devices_fn *fn, void *arg);
/* Entries in use, and room; 0 and 0 if no programs are loaded. */
void devices_fill(struct devices *d, uint32_t *used, uint32_t *max);

/* To be called about once a second, as epochs_tick(). */
void devices_tick(struct devices *d);

#endif /* DAEMON_DEVICES_H */
