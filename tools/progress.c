/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.c - the bar on a terminal, the status lines of --json.
 *
 * The width of the terminal is asked for at each drawing, so that no signal
 * is needed when it changes. The rate is that of the last seconds (smoothed
 * with a time constant of RATE_SECONDS), and so is the time left.
 */
#include "tools/output.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "tools/output_priv.h"

#define BAR_PERIOD_NS (125 * 1000000ll) /* 8 a second */
#define STATUS_PERIOD_NS NSEC_PER_SEC
#define RATE_SECONDS 5.0
#define BAR_CELLS 20

struct progress {
	progress_fn *sample;
	void *arg;
	int64_t period_ns;
	int64_t start_ns;

	/* of the drawing thread alone */
	int64_t last_ns;
	uint64_t last_bytes;
	double rate; /* bytes a second */

	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop; /* guarded by lock */
};

/* Smooth over the time that passed, whatever it was. */
static void update_rate(struct progress *p, const struct progress_sample *s)
{
	int64_t now = output_clock();
	double dt = (double)(now - p->last_ns) / NSEC_PER_SEC;
	double weight, recent;

	if (dt <= 0)
		return;
	recent = s->bytes_done > p->last_bytes
			 ? (double)(s->bytes_done - p->last_bytes) / dt
			 : 0;
	/* The first moments count as if they had been the rule. */
	weight = dt /
		 MIN(RATE_SECONDS, (double)(now - p->start_ns) / NSEC_PER_SEC);
	p->rate += MIN(weight, 1.0) * (recent - p->rate);
	p->last_ns = now;
	p->last_bytes = s->bytes_done;
}

/* Of the whole, 0..1; negative if the whole is not known. */
static double fraction(const struct progress_sample *s)
{
	if (s->bytes_total > 0)
		return MIN((double)s->bytes_done / (double)s->bytes_total, 1.0);
	if (s->files_total > 0)
		return MIN((double)s->files_done / (double)s->files_total, 1.0);
	return -1;
}

/* Seconds, negative if nobody can tell. */
static double time_left(const struct progress *p,
			const struct progress_sample *s)
{
	if (s->bytes_total <= s->bytes_done || p->rate < 1)
		return -1;
	return (double)(s->bytes_total - s->bytes_done) / p->rate;
}

static size_t bar_text(const struct progress *p,
		       const struct progress_sample *s, char *out, size_t size)
{
	double part = fraction(s), left = time_left(p, s);
	char done[16], total[16], rate[16], elapsed[24], rest[24];
	size_t n = 0;
	int i, cells = (int)(part * BAR_CELLS);

#define ADD(...)                                                               \
	(n += (size_t)snprintf(out + n, size - MIN(n, size), __VA_ARGS__))

	output_elapsed(elapsed,
		       (double)(output_clock() - p->start_ns) / NSEC_PER_SEC);
	output_size(done, s->bytes_done);
	output_size(total, s->bytes_total);
	output_size(rate, (uint64_t)p->rate);
	ADD("[%s] ", elapsed);
	for (i = 0; part >= 0 && i < BAR_CELLS; i++)
		ADD("%c", i < cells ? '#' : '.');
	if (part >= 0)
		ADD(" %5.1f%%  ", part * 100);
	/* what has no number yet would look as if it stood still */
	if (s->bytes_done || s->bytes_total)
		ADD("%s%s%s  ", done, s->bytes_total ? " / " : "",
		    s->bytes_total ? total : "");
	if (s->files_done || s->files_total)
		ADD("%" PRIu64, s->files_done);
	if (s->files_total)
		ADD(" / %" PRIu64, s->files_total);
	if (s->files_done || s->files_total)
		ADD(" files  ");
	if (s->bytes_done)
		ADD("%s/s", rate);
	if (left >= 0)
		ADD("  %s left", output_elapsed(rest, left));
	if (s->errors)
		ADD("  %" PRIu64 " errors", s->errors);
#undef ADD
	return MIN(n, size - 1);
}

static void draw_bar(struct progress *p, const struct progress_sample *s)
{
	struct winsize ws = { 0 };
	char text[256];
	size_t n = bar_text(p, s, text, sizeof(text));

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		n = MIN(n, (size_t)ws.ws_col - 1);
	pthread_mutex_lock(&output_lock);
	fprintf(stderr, "\r%.*s\033[K", (int)n, text);
	fflush(stderr);
	output_bar_shown = true;
	pthread_mutex_unlock(&output_lock);
}

static void put_status(struct progress *p, const struct progress_sample *s)
{
	double elapsed = (double)(output_clock() - p->start_ns) / NSEC_PER_SEC;
	double part = fraction(s), left = time_left(p, s);
	struct output_line line;

	output_begin(&line, "status");
	json_double(&line.json, "seconds_elapsed", elapsed);
	if (left >= 0)
		json_double(&line.json, "seconds_remaining", left);
	if (part >= 0)
		json_double(&line.json, "percent_done", part);
	json_u64(&line.json, "files_done", s->files_done);
	json_u64(&line.json, "bytes_done", s->bytes_done);
	if (s->files_total)
		json_u64(&line.json, "total_files", s->files_total);
	if (s->bytes_total)
		json_u64(&line.json, "total_bytes", s->bytes_total);
	json_double(&line.json, "bytes_per_second", p->rate);
	json_u64(&line.json, "error_count", s->errors);
	output_end(&line);
	/* A script that watches must not wait for a full buffer. */
	fflush(stdout);
}

static void *draw_thread(void *arg)
{
	struct progress *p = arg;
	int64_t next = p->start_ns;
	struct timespec ts;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct progress_sample s = { 0 };

		next = MAX(next + p->period_ns, output_clock());
		ts.tv_sec = next / NSEC_PER_SEC;
		ts.tv_nsec = next % NSEC_PER_SEC;
		while (!p->stop &&
		       pthread_cond_timedwait(&p->wake, &p->lock, &ts) == 0)
			;
		if (p->stop)
			break;
		pthread_mutex_unlock(&p->lock);
		p->sample(p->arg, &s);
		update_rate(p, &s);
		if (output_is_json())
			put_status(p, &s);
		else
			draw_bar(p, &s);
		pthread_mutex_lock(&p->lock);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

bool progress_is_wanted(void)
{
	const char *term = getenv("TERM");

	if (output_is_quiet())
		return false;
	if (output_is_json())
		return true;
	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

struct progress *progress_start(progress_fn *sample, void *arg)
{
	pthread_condattr_t attr;
	struct progress *p;
	sigset_t all, old;
	int r;

	if (!progress_is_wanted())
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->sample = sample;
	p->arg = arg;
	p->period_ns = output_is_json() ? STATUS_PERIOD_NS : BAR_PERIOD_NS;
	p->start_ns = p->last_ns = output_clock();
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are for the thread that works. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&p->thread, NULL, draw_thread, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		return p;
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
	return NULL;
}

void progress_stop(struct progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_mutex_lock(&output_lock);
	output_bar_clear();
	pthread_mutex_unlock(&output_lock);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
