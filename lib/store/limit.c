/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit.c - a decorator that keeps to a rate.
 *
 * The token bucket is kept as a time: `next` is when the line is free again.
 * A piece of n bytes moves it on by n / rate and then waits for it, so each
 * thread sleeps until its own turn and nobody polls. An idle line is never
 * more than BURST_NS ahead of the clock: that is the bucket's size. The rate
 * is looked up for each piece, and a piece is small, so a new hour is kept to
 * at once.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/kind.h"
#include "store/rate.h"

#define NS 1000000000ull
#define BURST_NS (NS / 4)
/* One sleep and one piece: what an interrupted program waits for at most. */
#define PIECE_NS (NS / 20)
#define PIECE_MAX (1u << 20)

struct bucket {
	pthread_mutex_t lock;
	uint64_t next; /* guarded by lock */
};

struct limit_store {
	struct store base;
	struct store *inner;
	struct rate_plan plan;
	struct bucket up, down;
};

struct limit_writer {
	struct store_writer base;
	struct store_writer *inner;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static void wait_until(uint64_t when)
{
	uint64_t now;

	while ((now = now_ns()) < when) {
		struct timespec t = {
			.tv_nsec = (long)MIN(when - now, (uint64_t)PIECE_NS),
		};

		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	}
}

/* Wait until some of the n bytes, a piece at most, have their time on the line;
 * returns how many. */
static size_t take(const struct limit_store *l, struct bucket *b, size_t n)
{
	uint64_t rate = rate_plan_at(&l->plan, clock_now());
	uint64_t piece, cost, now, when;

	if (rate == 0)
		return MIN(n, (size_t)PIECE_MAX);
	piece = MAX(rate / (NS / PIECE_NS), (uint64_t)1);
	piece = MIN(piece, (uint64_t)PIECE_MAX);
	n = MIN(n, (size_t)piece);
	/* n <= PIECE_MAX keeps this far from overflow. */
	cost = (n * NS + rate - 1) / rate;
	now = now_ns();

	pthread_mutex_lock(&b->lock);
	if (b->next + BURST_NS < now)
		b->next = now - BURST_NS;
	b->next += cost;
	when = b->next;
	pthread_mutex_unlock(&b->lock);
	wait_until(when);
	return n;
}

static int limit_create(struct store *s, enum store_class cls, const char *name,
			struct store_writer **out)
{
	struct limit_store *l = (struct limit_store *)s;
	struct limit_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	r = store_writer_begin(l->inner, cls, name, &w->inner);
	if (r < 0) {
		free(w);
		return r;
	}
	*out = &w->base;
	return 0;
}

static int limit_append(struct store_writer *base, struct span data)
{
	struct limit_store *l = (struct limit_store *)base->store;
	struct limit_writer *w = (struct limit_writer *)base;
	int r = 0;

	while (data.len && r == 0) {
		size_t n = take(l, &l->up, data.len);

		r = store_writer_append(w->inner, SPAN(data.p, n));
		data.p += n;
		data.len -= n;
	}
	return r;
}

static int limit_commit(struct store_writer *base, const char *name)
{
	struct limit_writer *w = (struct limit_writer *)base;

	return store_writer_commit(TAKE_PTR(w->inner), name);
}

static void limit_discard(struct store_writer *base)
{
	struct limit_writer *w = (struct limit_writer *)base;

	store_writer_abort(w->inner);
	free(w);
}

static int limit_get_range(struct store *s, enum store_class cls,
			   const char *name, uint64_t off, void *p, size_t len)
{
	struct limit_store *l = (struct limit_store *)s;
	uint8_t *at = p;
	int r;

	do {
		size_t n = len ? take(l, &l->down, len) : 0;

		r = store_get_range(l->inner, cls, name, off, at, n);
		off += n;
		at += n;
		len -= n;
	} while (len && r == 0);
	return r;
}

static int limit_get(struct store *s, enum store_class cls, const char *name,
		     struct buf *out)
{
	struct limit_store *l = (struct limit_store *)s;
	uint64_t size;
	int r = store_stat(l->inner, cls, name, &size);

	if (r < 0)
		return r;
	r = buf_reserve(out, (size_t)size);
	if (r < 0)
		return store_answer(s, r, "read", cls, name);
	if (size)
		r = limit_get_range(s, cls, name, 0, out->p + out->len,
				    (size_t)size);
	if (r == 0)
		out->len += (size_t)size;
	return r;
}

static int limit_stat(struct store *s, enum store_class cls, const char *name,
		      uint64_t *size)
{
	return store_stat(((struct limit_store *)s)->inner, cls, name, size);
}

static int limit_list(struct store *s, enum store_class cls, store_list_fn *fn,
		      void *arg)
{
	return store_list(((struct limit_store *)s)->inner, cls, fn, arg);
}

static int limit_remove(struct store *s, enum store_class cls, const char *name)
{
	return store_delete(((struct limit_store *)s)->inner, cls, name);
}

static int limit_lease_begin(struct store *s, enum store_lease_kind kind,
			     struct store_lease **out)
{
	return store_lease_begin(((struct limit_store *)s)->inner, kind, out);
}

static int limit_lease_writers(struct store *s)
{
	return store_lease_writers(((struct limit_store *)s)->inner);
}

static void limit_free(struct store *s)
{
	struct limit_store *l = (struct limit_store *)s;

	store_free(l->inner);
	pthread_mutex_destroy(&l->up.lock);
	pthread_mutex_destroy(&l->down.lock);
	free(l);
}

/* No lease_end: a lease belongs to the store below. */
static const struct store_kind limit_kind = {
	.free = limit_free,
	.create = limit_create,
	.append = limit_append,
	.commit = limit_commit,
	.discard = limit_discard,
	.get = limit_get,
	.get_range = limit_get_range,
	.stat = limit_stat,
	.list = limit_list,
	.remove = limit_remove,
	.lease_begin = limit_lease_begin,
	.lease_writers = limit_lease_writers,
};

int store_open_limit_plan(struct store *inner, const struct rate_plan *plan,
			  struct store **out)
{
	struct limit_store *l;

	if (!rate_plan_limits(plan))
		return log_fail(-EINVAL, "rate limit of 0 for %s",
				store_location(inner));
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->base.kind = &limit_kind;
	l->base.location = store_location(inner);
	l->base.path = store_path(inner);
	l->base.scratch = store_scratch(inner);
	l->inner = inner;
	l->plan = *plan;
	pthread_mutex_init(&l->up.lock, NULL);
	pthread_mutex_init(&l->down.lock, NULL);
	*out = &l->base;
	return 0;
}

int store_open_limit(struct store *inner, uint64_t bytes_per_second,
		     struct store **out)
{
	const struct rate_plan plan = { .rate = bytes_per_second };

	return store_open_limit_plan(inner, &plan, out);
}
