/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.c - one backup at a time, and who comes next.
 *
 * The first of the list is the one that runs, or is about to. Only the
 * worker's thread takes a job that has begun off the list.
 */
#include "daemon/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "base/clock.h"
#include "daemon/run.h"

struct job {
	struct job *next;
	struct record rec;
	struct config *config; /* NULL: by hand */
	const struct settings_schedule *schedule;
	pid_t pid;	    /* of one by hand */
	int cancel;	    /* eventfd */
	char cancelled[64]; /* why */
	bool has_begun, has_turn, has_left;
};

struct jobs {
	struct jobs_options opt;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	struct job *first;
	bool stop;
};

/* --- the list; under the lock --- */

static struct job *find(struct jobs *js, uint64_t id)
{
	struct job *j = js->first;

	while (j && j->rec.id != id)
		j = j->next;
	return j;
}

static void job_free(struct job *j)
{
	if (j->cancel >= 0)
		close(j->cancel);
	config_put(j->config);
	free(j);
}

static void take_off(struct jobs *js, struct job *j)
{
	struct job **at = &js->first;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	pthread_cond_broadcast(&js->changed);
}

static int put_on(struct jobs *js, struct job *j, uint64_t *ahead)
{
	struct job **at = &js->first;
	size_t n = 0, by_hand = 0;

	*ahead = 0;
	for (; *at; at = &(*at)->next, n++) {
		*ahead = (*at)->rec.id;
		by_hand += !(*at)->config;
	}
	if (n >= JOBS_MAX || js->stop ||
	    (!j->config && by_hand >= JOBS_BY_HAND_MAX))
		return -EBUSY;
	*at = j;
	pthread_cond_broadcast(&js->changed);
	return 0;
}

static int add(struct jobs *js, struct record *rec, struct job *model,
	       uint64_t *ahead)
{
	struct job *j = malloc(sizeof(*j));
	int e;

	if (!j)
		return -ENOMEM;
	*j = *model;
	j->rec = *rec;
	j->rec.id = history_new_id(js->opt.history);
	j->rec.state = RECORD_WAITING;
	j->rec.queued = clock_now();
	j->rec.exit_code = -1;
	if (j->config)
		config_get(j->config);
	j->cancel = eventfd(0, EFD_CLOEXEC);
	if (j->cancel < 0) {
		e = -errno;
		job_free(j);
		return e;
	}
	rec->id = j->rec.id;
	pthread_mutex_lock(&js->lock);
	e = put_on(js, j, ahead);
	pthread_mutex_unlock(&js->lock);
	if (e < 0)
		job_free(j);
	return e;
}

int jobs_add(struct jobs *js, struct record *rec, struct config *config,
	     const struct settings_schedule *schedule)
{
	struct job model = { .config = config, .schedule = schedule };
	uint64_t ahead;

	return add(js, rec, &model, &ahead);
}

int jobs_enter(struct jobs *js, struct record *rec, pid_t pid, uint64_t *ahead)
{
	struct job model = { .pid = pid };

	rec->origin = RECORD_MANUAL;
	return add(js, rec, &model, ahead);
}

int jobs_turn(struct jobs *js, uint64_t id)
{
	struct job *j;
	int r;

	pthread_mutex_lock(&js->lock);
	j = find(js, id);
	r = !j ? -ENOENT : j->has_turn;
	pthread_mutex_unlock(&js->lock);
	return r;
}

bool jobs_has(struct jobs *js, uint64_t id)
{
	bool has;

	pthread_mutex_lock(&js->lock);
	has = find(js, id) != NULL;
	pthread_mutex_unlock(&js->lock);
	return has;
}

/* One that waits has made nothing, and leaves no record. */
void jobs_leave(struct jobs *js, uint64_t id, const struct record *rec)
{
	struct job *j;

	pthread_mutex_lock(&js->lock);
	j = find(js, id);
	if (j && !j->has_begun) {
		take_off(js, j);
		job_free(j);
	} else if (j && !j->config && !j->has_left) {
		struct record was = j->rec;

		j->rec = *rec;
		j->rec.id = was.id;
		j->rec.origin = was.origin;
		memcpy(j->rec.what, was.what, sizeof(was.what));
		memcpy(j->rec.repository, was.repository,
		       sizeof(was.repository));
		j->rec.queued = was.queued;
		j->rec.started = was.started;
		j->has_left = true;
		pthread_cond_broadcast(&js->changed);
	}
	pthread_mutex_unlock(&js->lock);
}

static void wake(const struct job *j)
{
	uint64_t one = 1;

	(void)!write(j->cancel, &one, sizeof(one));
}

/* Not begun and of a schedule: the scheduler has to hear of it, and that is
 * the worker's to tell; so it stays on the list, and will not be run. */
int jobs_cancel(struct jobs *js, uint64_t id, const char *why)
{
	struct job *j;
	int e = 0;

	pthread_mutex_lock(&js->lock);
	j = find(js, id);
	if (!j) {
		e = -ENOENT;
	} else {
		RECORD_SET(j->cancelled, why);
		wake(j);
		if (!j->config && j->has_turn) {
			kill(j->pid, SIGTERM);
		} else if (!j->config && !j->has_begun) {
			take_off(js, j);
			job_free(j);
		}
	}
	pthread_mutex_unlock(&js->lock);
	return e;
}

int jobs_list(struct jobs *js, uint64_t id, struct buf *out)
{
	struct job *j;
	int e = 0;

	pthread_mutex_lock(&js->lock);
	for (j = js->first; e == 0 && j; j = j->next) {
		struct json_out json = JSON_OUT(out);

		if (j->has_begun || (id && j->rec.id != id))
			continue;
		record_write(&j->rec, &json);
		e = json_end(&json);
		if (e == 0)
			e = buf_u8(out, '\n');
	}
	pthread_mutex_unlock(&js->lock);
	return e;
}

/* --- running --- */

static const char *name_of(const struct record *r)
{
	return r->schedule[0] ? r->schedule : "by hand";
}

static void tell_end(const struct record *r)
{
	unsigned long long id = r->id;

	if (r->result == RECORD_OK)
		log_info("job %llu (%s): ok", id, name_of(r));
	else if (r->result == RECORD_PARTIAL)
		log_warn("job %llu (%s): partial: %s", id, name_of(r),
			 r->reason[0]	   ? r->reason
			 : r->n_errors > 0 ? r->errors[r->n_errors - 1]
					   : "some sources could not be read");
	else
		log_error("job %llu (%s): %s%s%s", id, name_of(r),
			  record_result_word(r->result),
			  r->reason[0] ? ": " : "", r->reason);
}

/* The worker's; j is the first, and stays. */
static void run_one(struct jobs *js, struct job *j, struct record rec)
{
	struct run run = { .schedule = j->schedule,
			   .program = js->opt.program,
			   .socket = js->opt.socket,
			   .cancel = j->cancel };

	history_put(js->opt.history, &rec);
	js->opt.began(js->opt.arg, &rec);
	log_info("job %llu (%s): begins", (unsigned long long)rec.id,
		 name_of(&rec));
	run_schedule(&run, &rec);
	pthread_mutex_lock(&js->lock);
	j->rec = rec;
}

/* By hand: until it has left. */
static void attend(struct jobs *js, struct job *j, const struct record *rec)
{
	history_put(js->opt.history, rec);
	pthread_mutex_lock(&js->lock);
	j->has_turn = true;
	while (!j->has_left && !js->stop)
		pthread_cond_wait(&js->changed, &js->lock);
	if (!j->has_left) {
		j->rec.result = RECORD_DIED;
		RECORD_SET(j->rec.reason, "tidemarkd was stopped; what became "
					  "of it is not known");
	}
}

/* Entered and left with the lock, which is let go while the job runs. */
static void work_on(struct jobs *js, struct job *j)
{
	bool is_cancelled = j->cancelled[0];
	struct record rec;

	j->has_begun = true;
	j->rec.state = RECORD_RUNNING;
	j->rec.started = clock_now();
	j->rec.result = RECORD_CANCELLED;
	rec = j->rec;
	pthread_mutex_unlock(&js->lock);
	if (j->config && !is_cancelled)
		run_one(js, j, rec);
	else if (!j->config)
		attend(js, j, &rec);
	else
		pthread_mutex_lock(&js->lock);
	if (j->config && j->rec.result == RECORD_CANCELLED) {
		if (js->stop)
			j->rec.result = RECORD_DIED;
		RECORD_SET(j->rec.reason,
			   js->stop ? "tidemarkd was stopped" : j->cancelled);
	} else if (!j->config && j->cancelled[0] &&
		   j->rec.result != RECORD_OK) {
		j->rec.result = RECORD_CANCELLED;
		RECORD_SET(j->rec.reason, j->cancelled);
	}
	j->rec.state = RECORD_ENDED;
	j->rec.ended = clock_now();
	rec = j->rec;
	/* on disk before anybody is told that it has ended */
	pthread_mutex_unlock(&js->lock);
	history_put(js->opt.history, &rec);
	tell_end(&rec);
	/* whoever waits for its end may run the schedule again at once */
	if (j->config)
		js->opt.ended(js->opt.arg, &rec);
	pthread_mutex_lock(&js->lock);
	take_off(js, j);
	job_free(j);
}

static void *worker(void *arg)
{
	struct jobs *js = arg;

	pthread_mutex_lock(&js->lock);
	for (;;) {
		while (!js->first && !js->stop)
			pthread_cond_wait(&js->changed, &js->lock);
		if (js->stop)
			break;
		work_on(js, js->first);
	}
	pthread_mutex_unlock(&js->lock);
	return NULL;
}

int jobs_start(const struct jobs_options *opt, struct jobs **out)
{
	struct jobs *js = calloc(1, sizeof(*js));
	int e;

	if (!js)
		return -ENOMEM;
	js->opt = *opt;
	pthread_mutex_init(&js->lock, NULL);
	pthread_cond_init(&js->changed, NULL);
	e = -pthread_create(&js->thread, NULL, worker, js);
	js->runs = e == 0;
	if (e < 0) {
		jobs_free(js);
		return e;
	}
	*out = js;
	return 0;
}

void jobs_end(struct jobs *js)
{
	pthread_mutex_lock(&js->lock);
	js->stop = true;
	if (js->first)
		wake(js->first);
	pthread_cond_broadcast(&js->changed);
	pthread_mutex_unlock(&js->lock);
	if (js->runs)
		pthread_join(js->thread, NULL);
	js->runs = false;
}

void jobs_free(struct jobs *js)
{
	if (!js)
		return;
	jobs_end(js);
	while (js->first) {
		struct job *j = js->first;

		js->first = j->next;
		job_free(j);
	}
	pthread_cond_destroy(&js->changed);
	pthread_mutex_destroy(&js->lock);
	free(js);
}
