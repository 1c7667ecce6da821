/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upkeep.c - what a server does by itself beside serving.
 */
#include "vault/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/file.h>
#include <time.h>

#include "base/log.h"
#include "vault/retention/collect.h"
#include "vault/objects/scrub.h"

/* Retention needs no exact hour; an hour is short beside a day. */
#define COLLECT_SECONDS 3600
#define IDLE_SECONDS 60

struct upkeep {
	struct vault *v;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ends; /* guarded by lock */
	time_t collected;
};

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

static void collect_at_times(struct upkeep *u)
{
	struct collected c;

	if (u->collected && now() - u->collected < COLLECT_SECONDS)
		return;
	u->collected = now();
	if (collect(u->v, false, &c) == 0 &&
	    c.points + c.objects + c.purged > 0)
		log_info("let go of %" PRIu64 " recovery points and %" PRIu64
			 " objects of %" PRIu64 " bytes, purged %" PRIu64
			 " machines",
			 c.points, c.objects, c.bytes, c.purged);
}

/* A second's worth. How long to wait then. */
static int scrub_a_little(struct upkeep *u)
{
	struct scrubbed done = { 0 };
	uint64_t bytes = u->v->config.scrub_bytes;
	int e;

	if (bytes == 0)
		return IDLE_SECONDS;
	e = scrub_some(u->v->objects, bytes, &done);
	if (done.orphans > 0)
		log_info("removed %" PRIu64 " files and directories that a "
			 "crash had left",
			 done.orphans);
	if (e != 0)
		return IDLE_SECONDS;
	/* one object may be much more than a second's worth */
	return 1 + (int)MIN(done.bytes / bytes, 600u);
}

static void *work(void *arg)
{
	struct upkeep *u = arg;
	struct timespec until;

	pthread_mutex_lock(&u->lock);
	while (!u->ends) {
		pthread_mutex_unlock(&u->lock);
		collect_at_times(u);
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += scrub_a_little(u);
		pthread_mutex_lock(&u->lock);
		while (!u->ends && pthread_cond_timedwait(&u->changed, &u->lock,
							  &until) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

int upkeep_start(struct vault *v, struct upkeep **out)
{
	struct upkeep *u = calloc(1, sizeof(*u));
	pthread_condattr_t attr;
	int r;

	*out = NULL;
	if (!u)
		return -ENOMEM;
	u->v = v;
	pthread_mutex_init(&u->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&u->changed, &attr);
	pthread_condattr_destroy(&attr);
	r = pthread_create(&u->thread, NULL, work, u);
	if (r == 0) {
		*out = u;
		return 0;
	}
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
	free(u);
	return log_fail(-r, "start a thread");
}

void upkeep_stop(struct upkeep *u)
{
	if (!u)
		return;
	objects_interrupt(u->v->objects);
	pthread_mutex_lock(&u->lock);
	u->ends = true;
	pthread_cond_signal(&u->changed);
	pthread_mutex_unlock(&u->lock);
	pthread_join(u->thread, NULL);
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

int upkeep_lock(const char *dir, int *fd)
{
	CLEANUP_FREE char *path = NULL;
	int r;

	if (asprintf(&path, "%s/serve.lock", dir) < 0)
		return -ENOMEM;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return log_fail(-errno, "open %s", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	r = errno;
	close(*fd);
	*fd = -1;
	if (r != EWOULDBLOCK)
		return log_fail(-r, "lock %s", path);
	log_error("another tidemark-vaultd serves %s already: a vault has one "
		  "server (its administrator's commands work beside it)",
		  dir);
	return -EBUSY;
}
