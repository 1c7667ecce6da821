/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planner.h - history, queue and schedules, put together.
 *
 * Errors:  negative errno, logged.
 * Threads: one; what it starts has its own.
 */
#ifndef DAEMON_PLANNER_H
#define DAEMON_PLANNER_H

#include "daemon/config.h"
#include "daemon/hold.h"
#include "daemon/request.h"

struct planner;

struct planner_options {
	const char *dir; /* of the files "jobs" and "schedules" */
	const char *socket;
	struct hold_places places;
};

MUST_CHECK int planner_open(const struct planner_options *opt,
			    struct config *config, struct planner **out);
/* What the socket answers; valid until planner_free(). */
struct server_table planner_table(struct planner *p);
/* Jobs are made from now on: when the socket answers. */
MUST_CHECK int planner_start(struct planner *p);
/* The schedules are these now. */
MUST_CHECK int planner_use(struct planner *p, struct config *config);
/* Jobs are ended; what waits for one is told. NULL is allowed. */
void planner_stop(struct planner *p);
/* After the server has stopped. NULL is allowed. */
void planner_free(struct planner *p);

#endif /* DAEMON_PLANNER_H */
