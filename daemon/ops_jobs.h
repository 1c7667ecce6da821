/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_jobs.h - what the control socket answers about schedules and jobs.
 *
 * Threads: those of the server.
 */
#ifndef DAEMON_OPS_JOBS_H
#define DAEMON_OPS_JOBS_H

#include "daemon/jobs.h"
#include "daemon/request.h"
#include "daemon/scheduler.h"

struct ops_jobs {
	struct history *history;
	struct jobs *jobs;
	struct scheduler *scheduler;
};

/* ops must live as long as the server. */
struct server_table ops_jobs_table(struct ops_jobs *ops);

#endif /* DAEMON_OPS_JOBS_H */
