/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epochs_private.h - what the files of epochs.h share.
 */
#ifndef DAEMON_EPOCHS_PRIVATE_H
#define DAEMON_EPOCHS_PRIVATE_H

#include <pthread.h>

#include "daemon/continuity.h"
#include "daemon/epochs.h"
#include "daemon/mounts.h"
#include "daemon/state.h"

#define CONSUMERS_MAX 64

#define WHY_UNMOUNTED "it was unmounted, or another file system is there now"
#define WHY_FULL "there were more changes than the tracker holds"

/* One that is tracked, or would be if it were mounted. */
struct fs {
	struct fs *next;
	struct mount mount; /* not armed: path, and what else is known */
	bool armed;	    /* mounted, and recorded in slot */
	uint32_t slot;
	uint64_t attachment; /* of its device */
	uint64_t seen;	     /* when it was there, ms of CLOCK_BOOTTIME */
	uint64_t gone;	     /* since when it is not there, or 0 */
	bool has_left;	     /* was tracked to its end, and is kept in dir */
	struct continuity left;
	const char *refused; /* why it is not tracked though it is there */
	uint8_t id[EPOCHS_ID_LEN];
	char *dir;
	uint64_t epoch; /* the open one */
	uint64_t floor; /* marks of it and before are not kept any more */
	struct state_chunk *chunks; /* ascending */
	size_t n_chunks;
	uint64_t next_number;
	struct state_consumer consumers[CONSUMERS_MAX];
	size_t n_consumers;
	uint64_t drained; /* entries counted when the set was last emptied */
	uint64_t resets;
	const char *last_why;
};

struct presence;

struct epochs {
	struct tracker *tracker;
	struct presence *presence;
	char *dir, *keep;
	uint32_t max_inodes;
	bool no_sync; /* for a test */
	pthread_mutex_t lock;
	struct fs *list; /* guarded by lock, as everything below it */
};

/* --- epochs.c; lock: held for all of them --- */

void fs_free(struct fs *fs);
MUST_CHECK int fs_save(const struct epochs *e, const struct fs *fs);
/* Nothing that was recorded before counts. */
MUST_CHECK int fs_new_id(const struct epochs *e, struct fs *fs);
/* The same for one that is recorded, which goes on; with the reason. */
int fs_reset(struct epochs *e, struct fs *fs, const char *why);
/* Why not all that changed since the token is known, or NULL. */
const char *fs_mistrust(const struct epochs *e, const struct fs *fs,
			const struct epochs_token *since);
/* Add the marks that are kept of epochs after this one. */
MUST_CHECK int fs_collect(struct fs *fs, uint64_t after, struct dirty *d);
/* What a loaded state tells. */
void fs_take_info(struct fs *fs, const struct state_info *info);
enum take {
	TAKE_SYNCED = 1, /* the file system was synced since the turn */
	TAKE_ENDED = 2,	 /* another super block on the device does not matter */
};
/* The idle set goes into a file of the epoch. *lost: it is not all. how: bits
 * of enum take. */
MUST_CHECK int fs_take_idle(struct epochs *e, struct fs *fs, unsigned int how,
			    bool *lost);
/* Not all of its marks are there: why. */
const char *fs_why_lost(const struct epochs *e, const struct fs *fs);
/* NULL: m can be tracked. Or why not. */
const char *fs_refuses(const struct epochs *e, const struct mount *m);
/* That is armed, on this device. */
struct fs *fs_find(struct epochs *e, dev_t dev);

/* --- presence.c --- */

/* One that is not tracked yet, by the path where it will be mounted; the one
 * that is there, if there is. NULL: no memory. lock: held. */
struct fs *presence_want(struct epochs *e, const char *path);
/* fs->mount is mounted now: record it. lock: held. */
MUST_CHECK int presence_arm(struct epochs *e, struct fs *fs);
/* Look who has come and who has gone. lock: held. True: some file system is
 * about to go, look again soon. */
bool presence_look(struct epochs *e);
/* A file system that was left, by its directory among those. lock: held. */
MUST_CHECK int presence_load(struct epochs *e, const char *name);
/* A thread that looks whenever mounts change. */
MUST_CHECK int presence_start(struct epochs *e);
void presence_stop(struct epochs *e);

#endif /* DAEMON_EPOCHS_PRIVATE_H */
