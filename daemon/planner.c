/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planner.c - history, queue and schedules, put together.
 *
 * The queue exists before the socket answers, and runs until after: a backup
 * by hand may come at any time between. Schedules make jobs in between.
 */
#include "daemon/planner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/io.h"
#include "base/log.h"
#include "base/clock.h"
#include "daemon/ops_jobs.h"
#include "daemon/run.h"

struct planner {
	struct ops_jobs ops;
	char *history, *state, *program;
	int lock; /* of the directory, -1 */
};

/* Two daemons would run the same schedules. */
static int lock_dir(struct planner *p, const char *dir)
{
	int e = io_mkdir_p(dir);

	if (e < 0)
		return log_fail(e, "make %s", dir);
	p->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->lock < 0)
		return log_fail(-errno, "open %s", dir);
	if (flock(p->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	e = -errno;
	log_error("another tidemarkd has its jobs in %s: end it first, or give "
		  "this one another --job-dir",
		  dir);
	return e;
}

static int open_parts(struct planner *p, const struct planner_options *opt,
		      struct config *config)
{
	struct scheduler_options sopt = { .state = p->state,
					  .places = opt->places };
	struct jobs_options jopt = { .program = p->program,
				     .socket = opt->socket,
				     .began = scheduler_began,
				     .ended = scheduler_ended };
	int e = history_open(p->history, config->s.history, clock_now(),
			     &p->ops.history);

	sopt.history = jopt.history = p->ops.history;
	if (e == 0)
		e = scheduler_new(&sopt, config, &p->ops.scheduler);
	jopt.arg = p->ops.scheduler;
	return e < 0 ? e : jobs_start(&jopt, &p->ops.jobs);
}

int planner_open(const struct planner_options *opt, struct config *config,
		 struct planner **out)
{
	struct planner *p = calloc(1, sizeof(*p));
	int e;

	if (!p)
		return -ENOMEM;
	if (asprintf(&p->history, "%s/jobs", opt->dir) < 0)
		p->history = NULL;
	if (asprintf(&p->state, "%s/schedules", opt->dir) < 0)
		p->state = NULL;
	p->lock = -1;
	e = p->history && p->state ? lock_dir(p, opt->dir) : -ENOMEM;
	if (e == 0)
		e = run_find_program(&p->program);
	if (e == -ENOENT)
		log_error("tidemark is not beside tidemarkd, nor in ../bin");
	if (e == 0)
		e = open_parts(p, opt, config);
	if (e < 0) {
		planner_free(p);
		return e;
	}
	*out = p;
	return 0;
}

struct server_table planner_table(struct planner *p)
{
	return ops_jobs_table(&p->ops);
}

int planner_start(struct planner *p)
{
	int e = scheduler_start(p->ops.scheduler, p->ops.jobs);

	return e < 0 ? log_fail(e, "start the scheduler") : 0;
}

int planner_use(struct planner *p, struct config *config)
{
	return scheduler_use(p->ops.scheduler, config);
}

void planner_stop(struct planner *p)
{
	if (!p)
		return;
	scheduler_stop(p->ops.scheduler);
	if (p->ops.jobs)
		jobs_end(p->ops.jobs);
}

void planner_free(struct planner *p)
{
	if (!p)
		return;
	jobs_free(p->ops.jobs);
	scheduler_free(p->ops.scheduler);
	history_close(p->ops.history);
	if (p->lock >= 0)
		close(p->lock);
	free(p->history);
	free(p->state);
	free(p->program);
	free(p);
}
