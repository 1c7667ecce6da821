/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epochs.h - what changed since when, for each tracked file system.
 *
 * A backup that begins turns the epoch: the marks so far are closed as epoch
 * N, what comes after belongs to N + 1. It gets all marks since the epoch
 * that its last recovery point began with, and keeps N with the new one. The
 * daemon remembers no backup; it only keeps marks until each one that asked
 * before has asked again with a later epoch. So a backup that dies has lost
 * nothing, and one that is killed leaves nothing to clean up.
 *
 * Marks that were taken out of the kernel are in files in the state
 * directory (a tmpfs) before the kernel forgets them: the daemon may be
 * killed at any point. Those of a file system that is not mounted are kept on
 * a disk until it comes back: presence.c.
 *
 * Errors:  negative errno, logged.
 * Threads: all calls from any.
 * Source:  docs/change-tracking.md.
 */
#ifndef DAEMON_EPOCHS_H
#define DAEMON_EPOCHS_H

#include "track/tracker.h"

#define EPOCHS_ID_LEN 16

struct epochs;

/* What a recovery point remembers of a file system. */
struct epochs_token {
	uint8_t instance[TRACKER_INSTANCE_LEN];
	uint8_t fs[EPOCHS_ID_LEN]; /* random: one unbroken time of tracking */
	uint64_t epoch;
};

struct epochs_answer {
	bool trusted;		   /* dirty holds all changes since the token */
	const char *why;	   /* if not: a sentence's end, static */
	struct epochs_token token; /* for the next time */
	struct dirty dirty;	   /* sorted; the caller's to release */
};

struct epochs_status {
	const char *path; /* where it is mounted */
	const char *type;
	dev_t dev;
	bool mounted; /* or recorded as soon as it is */
	uint64_t epoch;
	uint64_t kept_inodes; /* marks kept for those who have not asked */
	uint32_t consumers;
	bool trusted;	      /* by a backup that asked before */
	const char *why;      /* if not: a sentence's end, static */
	uint64_t resets;      /* times that trust was lost */
	const char *last_why; /* the last time, or NULL */
	struct tracker_slot slot;
};

struct epochs_options {
	struct tracker *tracker;
	const char *state_dir; /* on a tmpfs */
	const char *keep_dir;  /* on a disk: of what is not mounted */
	/* "sync" leaves out a step of the protocol, so that a test can see
	 * that it is needed. NULL: none. */
	const char *without;
};

MUST_CHECK int epochs_open(const struct epochs_options *opt,
			   struct epochs **out);
void epochs_close(struct epochs *e);

/* Track the file system that path lies on. *why (static) is set with
 * -EOPNOTSUPP, which is not logged. An added one is added again at the next
 * start by whoever starts the daemon. */
MUST_CHECK int epochs_add(struct epochs *e, const char *path, const char **why);
/* Track what is or will be mounted at path. What cannot be is logged. */
MUST_CHECK int epochs_want(struct epochs *e, const char *path);
/* By the path that status tells, which need not be a mount any more, or by any
 * other that lies there. *point is malloc'd: where it was mounted. -ENOENT
 * (not logged): it is not tracked. */
MUST_CHECK int epochs_remove(struct epochs *e, const char *path, char **point);

/* since: NULL, or what the last recovery point remembers. consumer: who asks
 * (a hash of repository and sources); "": nothing is kept for whoever this is,
 * who has asked as somebody before, or needs it but once. -ENODEV (not
 * logged): dev is not tracked. */
MUST_CHECK int epochs_begin(struct epochs *e, dev_t dev,
			    const struct epochs_token *since,
			    const char *consumer, struct epochs_answer *out);
/* The same as an audit asks: all marks since the token, up to now, without
 * turning anything; out->token is not set. -ENODEV (not logged). */
MUST_CHECK int epochs_since(struct epochs *e, dev_t dev,
			    const struct epochs_token *since,
			    struct epochs_answer *out);
/* Begin anew: marks were found to be missing. -ENODEV (not logged). */
MUST_CHECK int epochs_distrust(struct epochs *e, dev_t dev);
/* The marks of the open epoch, or with kept all that are kept, without turning
 * anything. -ENODEV (not logged): dev is not tracked. */
MUST_CHECK int epochs_peek(struct epochs *e, dev_t dev, bool kept,
			   struct dirty *out);

typedef int epochs_fn(void *arg, const struct epochs_status *s);
MUST_CHECK int epochs_each(struct epochs *e, epochs_fn *fn, void *arg);

/* To be called about once a second: takes marks out of the kernel before its
 * maps are full. */
void epochs_tick(struct epochs *e);

#endif /* DAEMON_EPOCHS_H */
