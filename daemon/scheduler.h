/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler.h - makes jobs of schedules when they are due.
 *
 * A schedule is data (struct settings_schedule, in a struct config): it comes
 * from the configuration file, and may come from elsewhere. What is
 * remembered of each beyond a restart: the last occurrence that was dealt
 * with, and whether it is paused. That is on disk before its run begins.
 *
 * A run stands for everything that came due before it began. A run that died
 * with the daemon or the machine is made once more, if its schedule catches
 * up.
 *
 * Errors:  negative errno; -ENOENT (no such schedule) and -EBUSY are answers.
 * Threads: any.
 */
#ifndef DAEMON_SCHEDULER_H
#define DAEMON_SCHEDULER_H

#include "daemon/config.h"
#include "daemon/history.h"
#include "daemon/hold.h"
#include "daemon/jobs.h"

struct scheduler;

struct scheduler_options {
	const char *state; /* a file */
	struct hold_places places;
	struct history *history;
};

MUST_CHECK int scheduler_new(const struct scheduler_options *opt,
			     struct config *config, struct scheduler **out);
/* From now on jobs are made. */
MUST_CHECK int scheduler_start(struct scheduler *s, struct jobs *jobs);
/* No more jobs are made. */
void scheduler_stop(struct scheduler *s);
void scheduler_free(struct scheduler *s); /* NULL is allowed */
/* These are the schedules now. */
MUST_CHECK int scheduler_use(struct scheduler *s, struct config *config);

/* struct jobs_options.began and .ended; arg is the scheduler. */
void scheduler_began(void *arg, const struct record *r);
void scheduler_ended(void *arg, const struct record *r);

/* An array of objects: docs/control.md, "schedules". */
MUST_CHECK int scheduler_list(struct scheduler *s, struct json_out *j);
/* The next count occurrences of the schedule, or of all of them together:
 * an array of objects with name and due, ascending. */
MUST_CHECK int scheduler_next(struct scheduler *s, const char *name,
			      unsigned int count, struct json_out *j);
/* Run it now; *id is the job. -EBUSY: it waits or runs already, *id. */
MUST_CHECK int scheduler_request(struct scheduler *s, const char *name,
				 uint64_t *id);
/* until 0: until it is resumed. What comes due meanwhile is not caught up. */
MUST_CHECK int scheduler_pause(struct scheduler *s, const char *name,
			       int64_t until);
MUST_CHECK int scheduler_resume(struct scheduler *s, const char *name);

#endif /* DAEMON_SCHEDULER_H */
