/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.h - one backup at a time, and who comes next.
 *
 * A queue. A job is a run of a schedule, which a thread of this module makes,
 * or a backup that somebody runs by hand: that one asks for its turn over the
 * socket, does its work itself, and says when it has ended, if only by the
 * end of its connection.
 *
 * Errors:  negative errno, not logged: -ENOENT: no such job waits or runs;
 *          -EBUSY: too many wait.
 * Threads: any. The events come from the module's own thread, without locks.
 */
#ifndef DAEMON_JOBS_H
#define DAEMON_JOBS_H

#include <sys/types.h>

#include "daemon/config.h"
#include "daemon/history.h"

#define JOBS_MAX 300
/* By hand: each holds a connection, and others must get one, too. */
#define JOBS_BY_HAND_MAX 16

struct jobs;

struct jobs_options {
	struct history *history;
	const char *program, *socket;
	/* of scheduled ones: began is called before anything is run, and
	 * after the record is on disk */
	void (*began)(void *arg, const struct record *r);
	void (*ended)(void *arg, const struct record *r);
	void *arg;
};

MUST_CHECK int jobs_start(const struct jobs_options *opt, struct jobs **out);
/* The running one is ended, and its record says that it died of that; none
 * is taken any more. */
void jobs_end(struct jobs *j);
void jobs_free(struct jobs *j); /* NULL is allowed */

/* Queue a run. The record has what is known; its id is set. The settings are
 * kept as long as they are needed. */
MUST_CHECK int jobs_add(struct jobs *j, struct record *rec,
			struct config *config,
			const struct settings_schedule *schedule);

/* Somebody wants to run one by hand: as above. *ahead is the job that runs
 * or waits before it, or 0. */
MUST_CHECK int jobs_enter(struct jobs *j, struct record *rec, pid_t pid,
			  uint64_t *ahead);
/* 1: it has the turn, or has ended; 0: it waits; -ENOENT: cancelled. */
MUST_CHECK int jobs_turn(struct jobs *j, uint64_t id);
/* Does it still wait or run? */
bool jobs_has(struct jobs *j, uint64_t id);
/* It is done: result, reason and summary are those of rec. */
void jobs_leave(struct jobs *j, uint64_t id, const struct record *rec);

/* why goes into its record. */
MUST_CHECK int jobs_cancel(struct jobs *j, uint64_t id, const char *why);
/* Those that wait, as lines of JSON (those that run are in the history);
 * id: only that one. */
MUST_CHECK int jobs_list(struct jobs *j, uint64_t id, struct buf *out);

#endif /* DAEMON_JOBS_H */
