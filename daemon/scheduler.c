/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheduler.c - makes jobs of schedules when they are due.
 *
 * An entry goes from nothing due, to pending (delayed, held), to a job that
 * waits or runs, and back. Only then is it looked at again: what came due
 * meanwhile is one more run.
 */
#include "daemon/scheduler.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/log.h"
#include "base/timeparse.h"
#include "base/clock.h"
#include "daemon/scheduler_private.h"
#include "base/service.h"

#define TICK_MS 1000
#define FAKE_TICK_MS 20
#define SETTLE_S 120

static void wake(struct scheduler *s)
{
	uint64_t one = 1;

	(void)!write(s->wake, &one, sizeof(one));
}

/* "2026-01-31 06:00", local time. */
static const char *time_text(int64_t t, char out[static 24])
{
	struct tm tm;

	time_local(t * NSEC_PER_SEC, &tm);
	strftime(out, 24, "%Y-%m-%d %H:%M", &tm);
	return out;
}

/* --- one entry --- */

static void begin_record(const struct entry *e, struct record *r)
{
	*r = (struct record){ .origin = RECORD_SCHEDULED,
			      .exit_code = -1,
			      .attempt = 1 };
	RECORD_SET(r->schedule, e->sc->name);
	RECORD_SET(r->repository, e->sc->repository);
}

static void miss(struct scheduler *s, struct entry *e,
		 const struct schedule_look *l, int64_t now)
{
	char text[24];
	struct record r;

	begin_record(e, &r);
	r.id = history_new_id(s->opt.history);
	r.state = RECORD_ENDED;
	r.result = RECORD_MISSED;
	r.due = l->occurrence;
	r.skipped = l->skipped;
	r.queued = r.ended = now;
	RECORD_SET(r.reason, "the machine or tidemarkd was off, or the run "
			     "before it was not over; catch-up = no");
	history_put(s->opt.history, &r);
	log_warn("schedule %s: missed what was due at %s", e->sc->name,
		 time_text(l->occurrence, text));
	e->last = r;
	e->handled = l->occurrence;
	scheduler_save(s);
}

/* The daemon starts early; what a backup needs (a network, a mount) comes
 * later. What was missed waits until the machine has been up for a while. */
static int64_t not_before(int64_t now)
{
	struct timespec up;

	if (clock_is_fake() || clock_gettime(CLOCK_BOOTTIME, &up) < 0 ||
	    up.tv_sec >= SETTLE_S)
		return now;
	return now + SETTLE_S - up.tv_sec;
}

/* Is an occurrence pending from now on? */
static void look(struct scheduler *s, struct entry *e, int64_t now)
{
	struct schedule_look l;
	int64_t settled;

	/* nothing can have changed: the clock went on, and not far enough */
	if (e->looked <= now && now < e->next)
		return;
	schedule_look_at(&e->sc->rule, e->seed, now, &e->handled, &l);
	e->next = l.next;
	e->looked = now;
	if (l.set_back) {
		log_warn("schedule %s: the clock was set far back, it counts "
			 "from now on",
			 e->sc->name);
		scheduler_save(s);
	}
	if (!l.is_due)
		return;
	if (l.is_late && !e->sc->rule.catch_up) {
		miss(s, e, &l, now);
		return;
	}
	settled = not_before(now);
	e->pending = (struct pending){ .is_set = true,
				       .occurrence = l.occurrence,
				       .start = MAX(l.start, settled),
				       .skipped = l.skipped,
				       .attempt = 1,
				       .late = l.is_late };
}

/* Should it go on waiting? Says why, once for each reason that is new. */
static bool is_held(struct scheduler *s, struct entry *e, int64_t now)
{
	struct pending *p = &e->pending;
	uint32_t most = e->sc->hold_at_most_s;
	char why[128];

	if (!hold_is_wanted(&s->opt.places, e->sc, why))
		return false;
	/* a clock that was set back would hold it for longer */
	if (!p->held_since || p->held_since > now) {
		p->held_since = now;
		log_info("schedule %s is held: %s", e->sc->name, why);
	}
	RECORD_SET(p->held_why, why);
	return most == SETTINGS_FOREVER || now - p->held_since < most;
}

static int queue(struct scheduler *s, struct entry *e, struct record *r)
{
	int err = jobs_add(s->jobs, r, e->config, e->sc);

	if (err < 0)
		return err;
	e->job = r->id;
	e->job_runs = false;
	e->pending = (struct pending){ 0 };
	e->looked = INT64_MAX; /* look anew when it has ended */
	return 0;
}

static void queue_pending(struct scheduler *s, struct entry *e, int64_t now)
{
	const struct pending *p = &e->pending;
	struct record r;

	begin_record(e, &r);
	r.due = p->occurrence;
	r.skipped = p->skipped;
	r.attempt = p->attempt;
	r.late = p->late;
	if (p->held_since) {
		r.held_s = now - p->held_since;
		RECORD_SET(r.held_why, p->held_why);
	}
	/* when the queue is full, the next tick tries again */
	(void)!queue(s, e, &r);
}

static void tick_one(struct scheduler *s, struct entry *e, int64_t now)
{
	struct pending *p = &e->pending;

	if (e->is_paused && e->paused_until && now >= e->paused_until) {
		log_info("schedule %s goes on", e->sc->name);
		e->is_paused = false;
		e->handled = e->paused_until;
		e->paused_until = 0;
		e->looked = INT64_MAX;
		scheduler_save(s);
	}
	if (e->job || e->is_paused || !e->sc->enabled)
		return;
	/* the clock was set back to before it was due */
	if (p->is_set && p->occurrence > now)
		*p = (struct pending){ 0 };
	if (!p->is_set)
		look(s, e, now);
	/* and if it was set back less, it waits no longer than it may */
	if (!p->is_set ||
	    (now < p->start && p->start - now <= (int64_t)e->sc->rule.delay_s))
		return;
	if (!is_held(s, e, now))
		queue_pending(s, e, now);
}

/* --- all of them --- */

static void tell_status(struct scheduler *s)
{
	const struct entry *running = NULL, *next = NULL;
	char text[sizeof(s->told)], when[24];
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct entry *e = &s->entries[i];

		if (e->job_runs)
			running = e;
		if (e->sc->enabled && !e->is_paused && e->next > 0 &&
		    e->next != SCHEDULE_NEVER &&
		    (!next || e->next < next->next))
			next = e;
	}
	if (running)
		snprintf(text, sizeof(text), "job %llu (%s) runs",
			 (unsigned long long)running->job, running->sc->name);
	else if (next)
		snprintf(text, sizeof(text), "next: %s at %s", next->sc->name,
			 time_text(next->next, when));
	else
		snprintf(text, sizeof(text), "nothing is scheduled");
	if (!strcmp(text, s->told))
		return;
	snprintf(s->told, sizeof(s->told), "%s", text);
	service_notify("STATUS=%s\n", text);
}

static void *scheduler_thread(void *arg)
{
	struct scheduler *s = arg;
	struct pollfd p = { .fd = s->wake, .events = POLLIN };
	uint64_t n;
	size_t i;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		int64_t now = clock_now();

		for (i = 0; i < s->n; i++)
			tick_one(s, &s->entries[i], now);
		tell_status(s);
		pthread_mutex_unlock(&s->lock);
		if (poll(&p, 1, clock_is_fake() ? FAKE_TICK_MS : TICK_MS) > 0)
			(void)!read(s->wake, &n, sizeof(n));
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* --- what jobs tell --- */

void scheduler_began(void *arg, const struct record *r)
{
	struct scheduler *s = arg;
	int64_t upto;
	struct entry *e;

	pthread_mutex_lock(&s->lock);
	e = scheduler_find(s, r->schedule);
	if (e) {
		e->job_runs = true;
		/* not now: what came due since it began is not in it */
		upto = schedule_upto(&e->sc->rule, r->started, e->handled);
		if (upto != INT64_MIN)
			e->handled = upto;
		/* the clock may have been set back since it was queued */
		if (r->origin == RECORD_SCHEDULED && r->due > e->handled)
			e->handled = r->due;
		scheduler_save(s);
	}
	pthread_mutex_unlock(&s->lock);
	wake(s);
}

void scheduler_ended(void *arg, const struct record *r)
{
	struct scheduler *s = arg;
	struct entry *e;

	pthread_mutex_lock(&s->lock);
	e = scheduler_find(s, r->schedule);
	if (e) {
		/* one that was cancelled before it began is dealt with, too */
		if (!e->job_runs && r->due > e->handled) {
			e->handled = r->due;
			scheduler_save(s);
		}
		e->job = 0;
		e->job_runs = false;
		e->last = *r;
	}
	pthread_mutex_unlock(&s->lock);
	wake(s);
}

/* --- what is asked for --- */

int scheduler_request(struct scheduler *s, const char *name, uint64_t *id)
{
	struct entry *e;
	struct record r;
	int err = 0;

	pthread_mutex_lock(&s->lock);
	e = scheduler_find(s, name);
	if (!e) {
		err = -ENOENT;
	} else if (e->job) {
		err = -EBUSY;
	} else {
		begin_record(e, &r);
		r.origin = RECORD_REQUESTED;
		r.due = clock_now();
		err = queue(s, e, &r);
	}
	*id = e ? e->job : 0;
	pthread_mutex_unlock(&s->lock);
	return err;
}

int scheduler_pause(struct scheduler *s, const char *name, int64_t until)
{
	struct entry *e;

	pthread_mutex_lock(&s->lock);
	e = scheduler_find(s, name);
	if (e) {
		e->is_paused = true;
		e->paused_until = until;
		e->pending = (struct pending){ 0 };
		scheduler_save(s);
	}
	pthread_mutex_unlock(&s->lock);
	wake(s);
	return e ? 0 : -ENOENT;
}

int scheduler_resume(struct scheduler *s, const char *name)
{
	struct entry *e;

	pthread_mutex_lock(&s->lock);
	e = scheduler_find(s, name);
	if (e && e->is_paused) {
		e->is_paused = false;
		e->paused_until = 0;
		e->handled = clock_now();
		e->looked = INT64_MAX;
		scheduler_save(s);
	}
	pthread_mutex_unlock(&s->lock);
	wake(s);
	return e ? 0 : -ENOENT;
}

/* --- life --- */

/* A run that died with the daemon is pending again, once. */
static void take_up(struct scheduler *s, struct entry *e, int64_t now)
{
	if (history_last(s->opt.history, e->sc->name, &e->last) < 0) {
		e->last.id = 0;
		return;
	}
	if (e->last.result != RECORD_DIED || e->last.attempt > 1 ||
	    !e->sc->rule.catch_up || e->is_paused)
		return;
	e->pending = (struct pending){
		.is_set = true,
		.occurrence = MIN(e->last.due, now),
		.start = now +
			 schedule_delay(&e->sc->rule, e->seed, e->last.due),
		.attempt = 2,
		.late = true,
	};
}

static int make_entries(struct config *config, struct entry **out, size_t *n)
{
	size_t i;

	*n = config->s.n_schedules;
	*out = calloc(*n + 1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (i = 0; i < *n; i++) {
		struct entry *e = &(*out)[i];

		e->config = config_get(config);
		e->sc = &config->s.schedules[i];
		e->seed = scheduler_seed(e->sc->name);
		e->looked = INT64_MAX;
	}
	return 0;
}

static void free_entries(struct entry *e, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		config_put(e[i].config);
	free(e);
}

int scheduler_new(const struct scheduler_options *opt, struct config *config,
		  struct scheduler **out)
{
	struct scheduler *s = calloc(1, sizeof(*s));
	int64_t now = clock_now();
	size_t i;
	int e;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	pthread_mutex_init(&s->lock, NULL);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e = s->wake < 0 ? -errno : make_entries(config, &s->entries, &s->n);
	if (e == 0)
		e = scheduler_load(s, now);
	if (e < 0) {
		scheduler_free(s);
		return e;
	}
	for (i = 0; i < s->n; i++)
		take_up(s, &s->entries[i], now);
	if (s->n > 0)
		scheduler_save(s);
	*out = s;
	return 0;
}

int scheduler_start(struct scheduler *s, struct jobs *jobs)
{
	int e;

	s->jobs = jobs;
	e = -pthread_create(&s->thread, NULL, scheduler_thread, s);
	s->runs = e == 0;
	return e;
}

void scheduler_stop(struct scheduler *s)
{
	if (!s || !s->runs)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_mutex_unlock(&s->lock);
	wake(s);
	pthread_join(s->thread, NULL);
	s->runs = false;
}

void scheduler_free(struct scheduler *s)
{
	if (!s)
		return;
	scheduler_stop(s);
	free_entries(s->entries, s->n);
	if (s->wake >= 0)
		close(s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* Of a schedule that was there before, everything but its settings stays. */
static void carry_over(struct scheduler *s, struct entry *e)
{
	const struct entry *was = scheduler_find(s, e->sc->name);
	struct entry fresh = *e;

	if (!was)
		return;
	*e = *was;
	e->config = fresh.config;
	e->sc = fresh.sc;
	e->looked = INT64_MAX;
}

int scheduler_use(struct scheduler *s, struct config *config)
{
	struct entry *fresh, *was;
	size_t n, was_n, i;
	int e = make_entries(config, &fresh, &n);

	if (e < 0)
		return e;
	pthread_mutex_lock(&s->lock);
	for (i = 0; i < n; i++) {
		fresh[i].handled = clock_now();
		if (!scheduler_find(s, fresh[i].sc->name) &&
		    history_last(s->opt.history, fresh[i].sc->name,
				 &fresh[i].last) < 0)
			fresh[i].last.id = 0;
		carry_over(s, &fresh[i]);
	}
	was = s->entries;
	was_n = s->n;
	s->entries = fresh;
	s->n = n;
	scheduler_save(s);
	pthread_mutex_unlock(&s->lock);
	free_entries(was, was_n);
	wake(s);
	return 0;
}
