/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler_private.h - between scheduler.c and scheduler_state.c.
 *
 * Threads: everything here is under the scheduler's lock.
 */
#ifndef DAEMON_SCHEDULER_PRIVATE_H
#define DAEMON_SCHEDULER_PRIVATE_H

#include <pthread.h>

#include "daemon/scheduler.h"

/* A run that has come due and was not queued yet. */
struct pending {
	bool is_set;
	int64_t occurrence, start;
	unsigned int skipped, attempt;
	bool late;
	int64_t held_since; /* 0: not held */
	char held_why[128];
};

struct entry {
	struct config *config;
	const struct settings_schedule *sc;
	uint64_t seed;
	/* remembered on disk */
	int64_t handled;
	bool is_paused;
	int64_t paused_until; /* 0: for good */

	struct pending pending;
	uint64_t job; /* that waits or runs; 0: none */
	bool job_runs;
	struct record last; /* id 0: none */
	int64_t next;	    /* the next occurrence */
	int64_t looked;	    /* when next was found */
};

struct scheduler {
	struct scheduler_options opt;
	struct jobs *jobs;
	pthread_t thread;
	bool runs;
	int wake;	      /* eventfd */
	pthread_mutex_t lock; /* of all below */
	struct entry *entries;
	size_t n;
	bool stop;
	char told[256]; /* to the service manager */
};

struct entry *scheduler_find(struct scheduler *s, const char *name);
/* Read what is remembered into the entries; what is new counts from now. */
MUST_CHECK int scheduler_load(struct scheduler *s, int64_t now);
/* Write it; a failure is logged, and costs a run that is made again. */
void scheduler_save(struct scheduler *s);
/* The machine's and the schedule's. */
uint64_t scheduler_seed(const char *name);

#endif /* DAEMON_SCHEDULER_PRIVATE_H */
