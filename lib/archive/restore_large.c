/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_large.c - files that are written by several threads.
 *
 * One job walks the file's content and hands out segments; when enough of
 * them wait it works on one itself, so memory does not follow the file's
 * size. Whoever finishes the last one sets the attributes and gives the file
 * its name.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "archive/restorer_private.h"
#include "base/fault.h"

#define SEGMENT_BYTES (8u << 20)
#define SEGMENT_EXTENTS 64
#define SEGMENTS_WAITING 8

struct large {
	struct pool_job job;
	struct restorer *r;
	struct rdir *dir;
	struct node *n;
	struct rlink *link;
	int fd;
	bool temp;  /* it has its temporary name */
	bool fresh; /* nothing has its own name yet */
	bool resized;
	enum rcontent_mode mode;
	struct statx st; /* when it was opened */
	/* What alone can have changed, if it is known. */
	struct dirty_extent *ranges;
	size_t n_ranges, range; /* of the walk: the first not yet passed */
	unsigned int pending;	/* atomic: the walk and its segments */
	int error;		/* atomic */
	bool changed;		/* atomic */
	uint64_t done;		/* atomic: bytes, for the progress */
	struct segment *open;	/* of the walk */
	struct rworker *walker;
};

struct segment {
	struct pool_job job;
	struct large *l;
	unsigned int n;
	uint64_t bytes;
	struct rextent x[SEGMENT_EXTENTS];
};

static int rename_new(int dirfd, const char *from, const char *to)
{
	if (syscall(SYS_renameat2, dirfd, from, dirfd, to, RENAME_NOREPLACE) ==
	    0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	return renameat(dirfd, from, dirfd, to) < 0 ? -errno : 0;
}

/* Attributes, and its name. */
static int complete(struct rworker *w, struct large *l, struct robj *o)
{
	const char *name = (const char *)l->n->name.p;
	char temp[TEMP_NAME_LEN];
	int dirfd = rdir_fd(l->dir), e;

	*o = (struct robj){ .fd = l->fd };
	/* a hole that is made where zeros were is no change, and moves times */
	e = restorer_statx(l->fd, "", &l->st);
	if (e < 0)
		return e;
	robj_existing(o, &l->st);
	o->written = l->temp || l->changed || l->resized;
	o->flags_last = true; /* with them it could not be renamed */
	e = restore_attrs(w, l->n, o);
	if (e == 0 && l->temp) {
		e = FAULT("restore.file");
		restore_temp_name(temp, l->n->name);
		if (e == 0 && l->fresh)
			e = rename_new(dirfd, temp, name);
		else if (e == 0 && renameat(dirfd, temp, dirfd, name) < 0)
			e = -errno;
	}
	if (e == 0 && !l->link && l->n->iflags)
		e = restore_flags(w, l->n, l->fd, true);
	return e;
}

static enum restore_action action_of(const struct large *l)
{
	if (l->temp)
		return l->fresh ? RESTORE_CREATED : RESTORE_UPDATED;
	return l->changed || l->resized ? RESTORE_UPDATED : RESTORE_UNCHANGED;
}

static void large_done(struct rworker *w, struct large *l)
{
	struct robj o = { .fd = -1 };
	char temp[TEMP_NAME_LEN];
	int e;

	if (__atomic_sub_fetch(&l->pending, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	e = l->error;
	if (e == 0)
		e = restorer_halted(l->r) ? -ECANCELED : complete(w, l, &o);
	/* when interrupted it stays, for the next run to take up */
	if (e < 0 && e != -ECANCELED && l->temp)
		(void)!unlinkat(rdir_fd(l->dir),
				restore_temp_name(temp, l->n->name), 0);
	restore_settle(w, l->dir, l->n, l->link, e, action_of(l), &o);
	RCOUNT(l->r, bytes_open, -l->done);
	close(l->fd);
	rdir_done(w, l->dir);
	free(l->ranges);
	free(l->n);
	free(l);
}

/* --- segments --- */

static void large_fail(struct large *l, int e)
{
	int none = 0;

	__atomic_compare_exchange_n(&l->error, &none, e, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void run_segment(struct pool_job *job, unsigned int worker)
{
	struct segment *s = (struct segment *)job;
	struct large *l = s->l;
	struct rworker *w = &l->r->workers[worker];
	unsigned int i;

	for (i = 0; i < s->n; i++) {
		int e;

		if (restorer_halted(l->r))
			large_fail(l, -ECANCELED);
		if (__atomic_load_n(&l->error, __ATOMIC_RELAXED) < 0)
			break;
		e = restore_extent(w, l->fd, &s->x[i], l->mode);
		if (e < 0)
			large_fail(l, e);
		if (e == 1)
			__atomic_store_n(&l->changed, true, __ATOMIC_RELAXED);
		RCOUNT(l->r, bytes_open, s->x[i].len);
		__atomic_fetch_add(&l->done, s->x[i].len, __ATOMIC_RELAXED);
	}
	free(s);
	large_done(w, l);
}

static void flush(struct large *l)
{
	struct segment *s = TAKE_PTR(l->open);

	if (!s)
		return;
	if (__atomic_fetch_add(&l->pending, 1, __ATOMIC_RELAXED) >
	    SEGMENTS_WAITING)
		run_segment(&s->job, (unsigned int)(l->walker - l->r->workers));
	else
		pool_push(l->r->pool, &s->job);
}

/* Can the extent have changed? Extents ascend, and so do ranges. */
static bool is_in_range(struct large *l, uint64_t off, uint64_t len)
{
	if (!l->ranges)
		return true;
	while (l->range < l->n_ranges && l->ranges[l->range].to <= off)
		l->range++;
	return l->range < l->n_ranges && l->ranges[l->range].from < off + len;
}

static int add_extent(void *arg, uint64_t off, const struct extent *x)
{
	struct large *l = arg;
	struct rextent *to;

	if (__atomic_load_n(&l->error, __ATOMIC_RELAXED) < 0 ||
	    restorer_halted(l->r))
		return -ECANCELED;
	if ((x->kind == EXTENT_HOLE && l->mode == CONTENT_WRITE) ||
	    !is_in_range(l, off, x->len))
		return 0;
	if (!l->open) {
		l->open = calloc(1, sizeof(*l->open));
		if (!l->open)
			return -ENOMEM;
		l->open->job.run = run_segment;
		l->open->l = l;
	}
	to = &l->open->x[l->open->n++];
	to->off = off;
	to->len = x->len;
	to->kind = x->kind;
	to->chunk_off = x->offset;
	if (x->kind != EXTENT_HOLE)
		memcpy(to->id, x->id, CHUNK_ID_LEN);
	l->open->bytes += x->kind == EXTENT_HOLE ? 0 : x->len;
	if (l->open->n == SEGMENT_EXTENTS || l->open->bytes >= SEGMENT_BYTES)
		flush(l);
	return 0;
}

static void run_large(struct pool_job *job, unsigned int worker)
{
	struct large *l = (struct large *)job;
	struct rworker *w = &l->r->workers[worker];
	int e = 0;

	l->walker = w;
	if (l->st.stx_size != l->n->size) {
		l->resized = true;
		if (ftruncate(l->fd, (off_t)l->n->size) < 0)
			e = -errno;
	}
	if (e == 0)
		e = content_walk(w->rr, l->n->content, l->n->size, add_extent,
				 l);
	if (e < 0)
		large_fail(l, e);
	flush(l);
	large_done(w, l);
}

void restore_large(struct rworker *w, struct rdir *dir, const struct node *n,
		   struct rlink *link, int fd, bool temp, bool fresh,
		   const struct statx *st)
{
	struct large *l = calloc(1, sizeof(*l));

	if (l)
		l->n = restorer_node_copy(n);
	if (!l || !l->n) {
		free(l);
		close(fd);
		restore_settle(w, dir, n, link, -ENOMEM, 0, NULL);
		return;
	}
	l->job.run = run_large;
	l->r = w->r;
	l->dir = dir;
	l->link = link;
	l->fd = fd;
	l->temp = temp;
	l->fresh = fresh;
	l->st = *st;
	l->mode = st->stx_size == 0 ? CONTENT_WRITE : CONTENT_PATCH;
	if (!temp && l->mode == CONTENT_PATCH &&
	    !restore_scope_ranges(w->r, n, st, &l->ranges, &l->n_ranges))
		l->ranges = NULL;
	l->pending = 1;
	__atomic_fetch_add(&dir->pending, 1, __ATOMIC_RELAXED);
	pool_push(w->r->pool, &l->job);
}
