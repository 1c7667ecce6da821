/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_jobs.c - the operations of schedules and jobs.
 *
 * A backup by hand holds its place in the queue by its connection: whatever
 * ends that, ends the job.
 */
#include "daemon/ops_jobs.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/log.h"

#define LIST_MAX ((size_t)256 << 20)
#define ALL_JOBS 1000000
#define NEXT_MAX 10000
/* How often one that waits looks whether the wait is over. */
#define LOOK_MS 100

static struct ops_jobs *ops_of(const struct request *q)
{
	return q->arg;
}

static uint64_t number(const struct request *q, const char *key,
		       uint64_t fallback)
{
	uint64_t v;

	return json_to_u64(json_get(q->j, key), &v) < 0 ? fallback : v;
}

static const char *text(const struct request *q, const char *key)
{
	return json_to_str(json_get(q->j, key));
}

static int only_root(struct request *q)
{
	return request_refuse(q, "only root may start, pause and end jobs");
}

/* --- looking --- */

static int op_jobs(struct request *q)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LIST_MAX);
	struct ops_jobs *o = ops_of(q);
	uint64_t id = number(q, "id", 0);
	uint64_t last = number(q, "last", ALL_JOBS);
	int e = history_list(o->history, id ? ALL_JOBS : last, id, &b);

	if (e == 0)
		e = jobs_list(o->jobs, id, &b);
	if (e == 0)
		e = request_pass(q, SPAN_OF(&b));
	return e < 0 ? request_refuse_errno(q, "list jobs", e) : 0;
}

/* The array that a scheduler's function writes, in a file. */
static int pass_json(struct request *q, struct buf *b, struct json_out *j,
		     int e, const char *what)
{
	int end = json_end(j);

	if (e == -ENOENT)
		return request_refuse(q, "there is no such schedule");
	if (e == 0)
		e = end;
	if (e == 0)
		e = request_pass(q, SPAN_OF(b));
	return e < 0 ? request_refuse_errno(q, what, e) : 0;
}

static int op_schedules(struct request *q)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LIST_MAX);
	struct json_out j = JSON_OUT(&b);
	int e = scheduler_list(ops_of(q)->scheduler, &j);

	return pass_json(q, &b, &j, e, "list schedules");
}

static int op_next(struct request *q)
{
	CLEANUP_BUF struct buf b = BUF_INIT(LIST_MAX);
	struct json_out j = JSON_OUT(&b);
	uint64_t count = number(q, "count", 10);
	int e = scheduler_next(ops_of(q)->scheduler, text(q, "name"),
			       (unsigned int)MIN(count, (uint64_t)NEXT_MAX),
			       &j);

	return pass_json(q, &b, &j, e, "find the next runs");
}

/* --- schedules --- */

static int answer_schedule(struct request *q, int e)
{
	if (e == -ENOENT)
		return request_refuse(q, "there is no such schedule: tidemark "
					 "schedule list");
	if (e < 0)
		return request_refuse_errno(q, "change the schedule", e);
	json_bool(q->out, "done", true);
	return 0;
}

static int op_run(struct request *q)
{
	const char *name = text(q, "name");
	char words[128];
	uint64_t id = 0;
	int e;

	if (!q->is_root)
		return only_root(q);
	e = scheduler_request(ops_of(q)->scheduler, name, &id);
	if (e == -EBUSY && id) {
		snprintf(words, sizeof(words),
			 "it is job %llu, which waits or runs already",
			 (unsigned long long)id);
		return request_refuse(q, words);
	}
	if (e == 0)
		json_u64(q->out, "id", id);
	return answer_schedule(q, e);
}

static int op_pause(struct request *q)
{
	if (!q->is_root)
		return only_root(q);
	return answer_schedule(
		q, scheduler_pause(ops_of(q)->scheduler, text(q, "name"),
				   (int64_t)number(q, "until", 0)));
}

static int op_resume(struct request *q)
{
	if (!q->is_root)
		return only_root(q);
	return answer_schedule(q, scheduler_resume(ops_of(q)->scheduler,
						   text(q, "name")));
}

/* --- jobs --- */

static int op_cancel(struct request *q)
{
	int e;

	if (!q->is_root)
		return only_root(q);
	e = jobs_cancel(ops_of(q)->jobs, number(q, "id", 0),
			"by tidemark jobs cancel");
	if (e < 0)
		return request_refuse(q, "no such job waits or runs");
	json_bool(q->out, "done", true);
	return 0;
}

/* What a connection holds. */
struct place {
	struct ops_jobs *ops;
	uint64_t id;
};

static void leave_place(void *arg)
{
	struct place *p = arg;
	struct record r = { .result = RECORD_DIED, .exit_code = -1 };

	RECORD_SET(r.reason, "it ended without a word");
	jobs_leave(p->ops->jobs, p->id, &r);
	free(p);
}

static int op_start(struct request *q)
{
	struct ops_jobs *o = ops_of(q);
	struct record r = { .exit_code = -1 };
	struct place *p;
	uint64_t ahead = 0;
	int e;

	if (!q->is_root)
		return only_root(q);
	if (q->closed)
		return request_refuse(q, "this connection has a job already");
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	RECORD_SET(r.what, text(q, "what") ?: "");
	RECORD_SET(r.repository, text(q, "repository") ?: "");
	e = jobs_enter(o->jobs, &r, q->pid, &ahead);
	if (e < 0) {
		free(p);
		return e == -EBUSY ? request_refuse(q, "too many jobs wait")
				   : request_refuse_errno(q, "queue it", e);
	}
	*p = (struct place){ o, r.id };
	q->closed = leave_place;
	q->closed_arg = p;
	json_u64(q->out, "id", r.id);
	json_u64(q->out, "ahead", ahead);
	return 0;
}

static bool is_over(struct ops_jobs *o, uint64_t id, bool turn, int *r)
{
	*r = turn ? jobs_turn(o->jobs, id) : !jobs_has(o->jobs, id);
	return *r != 0;
}

static int op_wait(struct request *q)
{
	struct ops_jobs *o = ops_of(q);
	uint64_t id = number(q, "id", 0);
	bool turn = !strcmp(text(q, "for") ?: "", "turn");
	struct pollfd p[2] = { { .fd = q->fd, .events = POLLIN },
			       { .fd = q->stop, .events = POLLIN } };
	int r;

	while (!is_over(o, id, turn, &r))
		/* who asks has gone, or the daemon goes */
		if (poll(p, 2, LOOK_MS) > 0)
			return -ECANCELED;
	if (r < 0)
		return request_refuse(q, "the job was cancelled");
	json_bool(q->out, "done", true);
	return 0;
}

static int op_end(struct request *q)
{
	struct place *p = q->closed_arg;
	struct record r = { .exit_code = (int)number(q, "exit_code", 1) };

	if (q->closed != leave_place)
		return request_refuse(q, "this connection has no job");
	r.result = r.exit_code == 0	? RECORD_OK
		   : r.exit_code == 3	? RECORD_PARTIAL
		   : r.exit_code == 130 ? RECORD_CANCELLED
					: RECORD_FAILED;
	RECORD_SET(r.reason, text(q, "reason") ?: "");
	if (text(q, "change_source"))
		record_read_summary(&r, q->j);
	jobs_leave(p->ops->jobs, p->id, &r);
	free(p);
	q->closed = NULL;
	q->closed_arg = NULL;
	json_bool(q->out, "done", true);
	return 0;
}

static const struct server_op operations[] = {
	{ "jobs", op_jobs },
	{ "job-start", op_start },
	{ "job-wait", op_wait },
	{ "job-end", op_end },
	{ "job-cancel", op_cancel },
	{ "schedules", op_schedules },
	{ "schedule-next", op_next },
	{ "schedule-run", op_run },
	{ "schedule-pause", op_pause },
	{ "schedule-resume", op_resume },
	{ NULL, NULL },
};

struct server_table ops_jobs_table(struct ops_jobs *ops)
{
	return (struct server_table){ operations, ops };
}
