/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - a tracked file system's state on disk.
 *
 * A directory with "info" and a file for each chunk of marks: on a tmpfs while
 * it is mounted, since what was recorded ends with the kernel; on a disk when
 * it was left (presence.c).
 *
 * What is loaded is what was saved, or an error: info has a sum, and names the
 * chunks there were. Those that were written after it count, too.
 *
 * Errors:  negative errno, logged; -EUCLEAN: damaged, not logged.
 * Memory:  as said at each.
 * Threads: one at a time for one directory.
 */
#ifndef DAEMON_STATE_H
#define DAEMON_STATE_H

#include <sys/types.h>

#include "daemon/continuity.h"
#include "track/dirty.h"

#define STATE_CONSUMER_LEN 65

struct state_chunk {
	uint64_t epoch;	 /* its last one */
	uint64_t number; /* of the file */
	uint64_t inodes;
};

struct state_consumer {
	char name[STATE_CONSUMER_LEN];
	uint64_t epoch; /* of its last recovery point */
};

struct state_info {
	char *path;
	uint8_t instance[16];
	dev_t dev;
	uint64_t mount_id;
	uint64_t epoch, floor, next_number;
	struct state_consumer *consumers;
	size_t n_consumers;
	/* It was unmounted, and all marks until then are here. */
	bool has_left;
	char type[16];
	struct continuity left;
	/* Borrowed, and not loaded: state_load() says which there are, and
	 * fails if one is missing. */
	const struct state_chunk *chunks;
	size_t n_chunks;
};

/* Be the only one who works in this directory, which is made, until *fd is
 * closed. -EBUSY: another daemon does. */
MUST_CHECK int state_lock(const char *dir, int *fd);

/* Frees path and consumers of an info that was loaded. */
void state_info_release(struct state_info *info);
MUST_CHECK int state_save(const char *dir, const struct state_info *info);
/* *chunks is malloc'd, in ascending order of epochs. */
MUST_CHECK int state_load(const char *dir, struct state_info *info,
			  struct state_chunk **chunks, size_t *n_chunks);

MUST_CHECK int state_chunk_write(const char *dir, const struct state_chunk *c,
				 const struct dirty *d);
/* Adds to d. */
MUST_CHECK int state_chunk_read(const char *dir, const struct state_chunk *c,
				struct dirty *d);
/* Both become to, whose inodes are counted. */
MUST_CHECK int state_chunk_join(const char *dir, const struct state_chunk *a,
				const struct state_chunk *b,
				struct state_chunk *to);
/* Gone for good with the next state_save(), which does not name it. */
void state_chunk_remove(const char *dir, const struct state_chunk *c);
/* The chunks' files into to, which is made; no info. */
MUST_CHECK int state_copy(const char *from, const char *to,
			  const struct state_chunk *chunks, size_t n);
/* The directory and all in it. */
void state_remove(const char *dir);

#endif /* DAEMON_STATE_H */
