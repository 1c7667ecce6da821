/* SPDX-License-Identifier: Apache-2.0 */
/*
 * large.c - large files, in segments that threads work on side by side.
 *
 * A segment covers SEGMENT_DATA bytes of data, holes not counted; chunks
 * begin anew at its start. So one large file keeps every processor busy, at
 * the price of one chunk in 128 that does not move with an insertion before
 * it. Inside a segment chunks are cut by content.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>

#include "archive/large_private.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"

#define SEGMENT_DATA (128ull << 20)
#define WINDOW (2 * CDC_MAX)
#define STREAM_POLL_MS 200
#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80 /* Linux 6.14: leave the page cache as it was */
#endif

/* --- cutting --- */

struct piece *segment_piece(struct segment *s)
{
	if (s->n_pieces == s->cap_pieces) {
		size_t cap = s->cap_pieces ? 2 * s->cap_pieces : 64;
		void *p = realloc(s->pieces, cap * sizeof(*s->pieces));

		if (!p)
			return NULL;
		s->pieces = p;
		s->cap_pieces = cap;
	}
	memset(&s->pieces[s->n_pieces], 0, sizeof(*s->pieces));
	return &s->pieces[s->n_pieces++];
}

int segment_hole(struct segment *s, uint64_t len)
{
	struct piece *p;

	if (len == 0)
		return 0;
	p = segment_piece(s);
	if (!p)
		return -ENOMEM;
	p->hole = true;
	p->len = len;
	return 0;
}

bool large_is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

static int add_chunk(struct walker *w, struct segment *s, struct span data)
{
	struct lane *lane = walker_lane(w);
	struct piece *p;

	if (!lane)
		return -ECANCELED;
	if (s->file && s->file->zeros_are_holes &&
	    large_is_zero(data.p, data.len))
		return segment_hole(s, data.len);
	p = segment_piece(s);
	if (!p)
		return archiver_fail(w->a, -ENOMEM);
	p->len = data.len;
	if (lane_add(lane, CHUNK_DATA, data, p->id) < 0)
		return archiver_fail(w->a, -EIO);
	if (s->noted)
		resume_note(w->a, &s->resume, data.len, s->pieces, s->n_pieces,
			    false);
	return 0;
}

/* Read without leaving a large file in the page cache of a busy server, if
 * the kernel can. */
ssize_t large_read(const struct large_job *f, void *p, size_t len, uint64_t off)
{
	static int dontcache = RWF_DONTCACHE;
	int flags = __atomic_load_n(&dontcache, __ATOMIC_RELAXED);
	struct iovec iov = { p, len };
	ssize_t n;
	int fd = f->fd;

	if (f->read)
		return f->read(f->read_arg, p, len, off);
	n = preadv2(fd, &iov, 1, (off_t)off, flags);
	if (n < 0 && errno == EOPNOTSUPP && flags) {
		__atomic_store_n(&dontcache, 0, __ATOMIC_RELAXED);
		n = preadv2(fd, &iov, 1, (off_t)off, 0);
	}
	return n < 0 ? -errno : n;
}

/* Fill the window from off on, up to `left` bytes more. */
static int fill(struct walker *w, const struct large_job *f, uint64_t *off,
		uint64_t *left)
{
	while (w->window.len<WINDOW && * left> 0) {
		size_t want =
			(size_t)MIN((uint64_t)(WINDOW - w->window.len), *left);
		ssize_t n =
			large_read(f, w->window.p + w->window.len, want, *off);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		if (n == 0) { /* shorter than it was */
			*left = 0;
			return -ESTALE;
		}
		w->window.len += (size_t)n;
		*off += (uint64_t)n;
		*left -= (uint64_t)n;
		COUNT(w->a, bytes_read, (uint64_t)n);
	}
	return 0;
}

int segment_cut(struct walker *w, struct segment *s, uint64_t off, uint64_t end)
{
	struct chunk_state state = { 0 };
	uint64_t left = end - off;
	size_t at = 0;
	int e = 0, stale = 0;

	w->window.len = 0;
	while (e == 0 && !archiver_halted(w->a)) {
		size_t have = w->window.len - at, n;

		if (have < CDC_MAX && left > 0) {
			memmove(w->window.p, w->window.p + at, have);
			w->window.len = have;
			at = 0;
			e = fill(w, s->file, &off, &left);
			if (e == -ESTALE) { /* what there was is kept */
				stale = e;
				e = 0;
			}
			if (e < 0)
				break;
			have = w->window.len;
		}
		if (have == 0)
			break;
		n = chunk_cut(&w->a->cdc, &state, w->window.p + at, have,
			      left == 0);
		e = add_chunk(w, s, SPAN(w->window.p + at, n));
		at += n;
		memset(&state, 0, sizeof(state));
	}
	return e < 0 ? e : stale;
}

static uint64_t length_of(const struct segment *s)
{
	uint64_t sum = 0;
	size_t k;

	for (k = 0; k < s->n_pieces; k++)
		sum += s->pieces[k].len;
	return sum;
}

static int walk_segment(struct walker *w, struct segment *s)
{
	uint64_t at = s->from + length_of(s);
	int fd = s->file->fd, e = 0;

	while (e == 0 && at < s->to && !archiver_halted(w->a)) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			data = (off_t)s->to;
		else if (data < 0) /* no holes here */
			data = (off_t)at;
		if ((uint64_t)data >= s->to)
			return segment_hole(s, s->to - at);
		e = segment_hole(s, (uint64_t)data - at);
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > s->to)
			hole = (off_t)s->to;
		if (e == 0 && hole <= data)
			e = -ESTALE;
		if (e == 0)
			e = segment_cut(w, s, (uint64_t)data, (uint64_t)hole);
		at = (uint64_t)hole;
	}
	return e;
}

/* --- the file --- */

static int segment_add(struct large_job *f, uint64_t from, uint64_t to)
{
	struct segment *s;

	if (f->n_segments == f->cap_segments) {
		size_t cap = f->cap_segments ? 2 * f->cap_segments : 8;
		void *p = realloc(f->segments, cap * sizeof(*f->segments));

		if (!p)
			return -ENOMEM;
		f->segments = p;
		f->cap_segments = cap;
	}
	s = &f->segments[f->n_segments++];
	memset(s, 0, sizeof(*s));
	s->file = f;
	s->from = from;
	s->to = to;
	return 0;
}

/* Where segments end: after so much data, wherever the holes are. */
static int plan(struct large_job *f)
{
	uint64_t size = f->before.stx_size, from = 0, at = 0, data = 0;
	int e = 0;

	while (e == 0 && at < size) {
		off_t d = lseek(f->fd, (off_t)at, SEEK_DATA), h;

		if (d < 0 && errno == ENXIO)
			break;
		if (d < 0)
			d = (off_t)at;
		if ((uint64_t)d >= size) /* it has grown meanwhile */
			break;
		h = lseek(f->fd, d, SEEK_HOLE);
		if (h < 0 || (uint64_t)h > size)
			h = (off_t)size;
		at = (uint64_t)d;
		while (e == 0 && at < (uint64_t)h) {
			uint64_t n = MIN((uint64_t)h - at, SEGMENT_DATA - data);

			at += n;
			data += n;
			if (data < SEGMENT_DATA)
				continue;
			e = segment_add(f, from, at);
			from = at;
			data = 0;
		}
		if ((uint64_t)h <= (uint64_t)d && e == 0)
			e = -ESTALE;
	}
	if (e == 0 && from < size)
		e = segment_add(f, from, size);
	return e;
}

static void clear_segments(struct large_job *f)
{
	size_t i;

	for (i = 0; i < f->n_segments; i++)
		free(f->segments[i].pieces);
	f->n_segments = 0;
}

static void large_free(struct large_job *f)
{
	clear_segments(f);
	free(f->segments);
	free(f->extents);
	if (f->fd >= 0)
		close(f->fd);
	free(f);
}

int large_content(struct walker *w, const struct segment *segments, size_t n,
		  struct node *node)
{
	struct content_builder b;
	size_t i, k;
	int e = 0;

	if (!walker_lane(w))
		return -ECANCELED;
	content_builder_init(&b, walker_put, w);
	for (i = 0; e == 0 && i < n; i++) {
		for (k = 0; e == 0 && k < segments[i].n_pieces; k++) {
			const struct piece *p = &segments[i].pieces[k];
			struct extent x = { p->hole   ? EXTENT_HOLE
					    : p->part ? EXTENT_PART
						      : EXTENT_CHUNK,
					    p->len, p->id, p->offset };

			e = content_builder_add(&b, &x);
		}
	}
	w->content.len = 0;
	if (e == 0)
		e = content_builder_finish(&b, &w->content);
	content_builder_release(&b);
	node->content = SPAN_OF(&w->content);
	return e < 0 ? archiver_fail(w->a, e) : 0;
}

static void large_done(struct walker *w, struct large_job *f, int e)
{
	struct dir_job *dir = f->dir;
	struct archiver *a = w->a;

	relist_if_replaced(dir, f->entry, f->node.ino);
	if (e == 0)
		e = large_content(w, f->segments, f->n_segments, &f->node);
	if (e == 0) {
		if (capture_is_racy(a, &f->node))
			f->node.flags |= NODE_RACY;
		if (f->node.flags & NODE_HARDLINK)
			(void)!links_put(a, &f->node);
		if (f->node.flags & NODE_PARTIAL)
			archiver_error(a, dir, f->entry->name, -EAGAIN,
				       "changed while it was read:");
		if (f->had_old)
			COUNT(a, files_changed, 1);
		else
			COUNT(a, files_new, 1);
		archiver_item(a, dir, f->entry->name,
			      f->had_old ? ARCHIVE_CHANGED : ARCHIVE_NEW,
			      f->node.size);
		entry_set(w, dir, f->entry, &f->node);
	} else {
		f->entry->state = ENTRY_GONE;
		__atomic_store_n(&dir->changed, true, __ATOMIC_RELAXED);
		if (e == -ENOENT)
			entry_vanished(dir, f->entry);
		else if (e != -ECANCELED && !archiver_halted(a))
			entry_failed(w, dir, f->entry, e, "read");
	}
	large_free(f);
	dir_fd_put(w, dir);
	dir_job_done(w, dir);
}

/*
 * After a change a segment may have ended early. What could not be read
 * becomes a hole, so that everything behind it stays where it was; nothing is
 * added at the end, and the size is that of what there is.
 */
static int settle(struct large_job *f)
{
	size_t i, n = f->n_segments;
	int e = 0;

	while (n > 0 && f->segments[n - 1].n_pieces == 0)
		n--;
	f->node.size = 0;
	for (i = 0; e == 0 && i < n; i++) {
		struct segment *s = &f->segments[i];

		if (i + 1 < n)
			e = segment_hole(s, s->to - s->from - length_of(s));
		f->node.size += length_of(s);
	}
	f->node.flags |= NODE_PARTIAL;
	return e;
}

struct taker {
	struct walker *w;
	struct segment *s;
};

/* A chunk that was cut here, but whose pack was not yet stored. */
static int read_piece(struct walker *w, struct segment *s, uint64_t len)
{
	uint64_t off = s->from + length_of(s), left = len;
	int e = 0;

	w->window.len = 0;
	while (e == 0 && left > 0)
		e = fill(w, s->file, &off, &left);
	return e < 0 ? e : add_chunk(w, s, SPAN_OF(&w->window));
}

static int take_piece(void *arg, const struct piece *p, bool stored)
{
	struct taker *t = arg;
	struct piece *own;

	if (archiver_halted(t->w->a))
		return -ECANCELED;
	if (p->len > t->s->to - t->s->from - length_of(t->s))
		return -EUCLEAN;
	if (!stored)
		return p->len > CDC_MAX ? -EUCLEAN
					: read_piece(t->w, t->s, p->len);
	own = segment_piece(t->s);
	if (!own)
		return archiver_fail(t->w->a, -ENOMEM);
	*own = *p;
	return 0;
}

/* What a run that died has stored of the segment is not read again; not if
 * the file may have changed since within the grain of its times. */
static int resume_segment(struct walker *w, struct segment *s)
{
	const struct node *n = &s->file->node;
	struct taker t = { w, s };
	int e;

	s->noted = !capture_is_racy(w->a, n);
	if (!s->noted)
		return 0;
	resume_init(&s->resume, n, s->from, s->to);
	e = resume_load(w->a, &s->resume, take_piece, &t);
	if (e == -EUCLEAN) { /* a record of something else */
		s->n_pieces = 0;
		e = 0;
	}
	return e;
}

static void segment_run(struct pool_job *job, unsigned int worker)
{
	struct segment *s = (struct segment *)job;
	struct large_job *f = s->file;
	struct archiver *a = f->dir->a;
	struct walker *w = &a->walkers[worker];
	int e = 0;

	w->window.len = 0;
	/* the lane comes with the keys that cuts depend on */
	if (!walker_lane(w))
		e = -ECANCELED;
	else if (buf_reserve(&w->window, WINDOW) < 0)
		e = archiver_fail(a, -ENOMEM);
	if (e == 0 && f->extents) {
		e = patch_segment(w, s);
	} else {
		if (e == 0)
			e = resume_segment(w, s);
		if (e == 0)
			e = walk_segment(w, s);
	}
	/* a file of one segment is soon in its directory's record */
	if (e == 0 && s->noted && f->n_segments > 1)
		resume_note(a, &s->resume, 0, s->pieces, s->n_pieces, true);
	if (e < 0)
		__atomic_store_n(&f->error, e, __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&f->pending, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	e = __atomic_load_n(&f->error, __ATOMIC_RELAXED);
	if (e == -EUCLEAN && f->extents) {
		free(TAKE_PTR(f->extents));
		f->error = 0;
		clear_segments(f);
		pool_push(a->pool, &f->job);
		return;
	}
	if (archiver_halted(a)) {
		large_done(w, f, -ECANCELED);
	} else if (e < 0 && e != -ESTALE) {
		large_done(w, f, e);
	} else if (e == 0 && capture_stayed(f->fd, &f->before)) {
		large_done(w, f, 0);
	} else if (++f->tries < CAPTURE_TRIES) {
		f->error = 0;
		clear_segments(f);
		pool_push(a->pool, &f->job);
	} else {
		large_done(w, f, settle(f));
	}
}

/* Metadata as of the descriptor, and the attributes with it. */
static int begin(struct walker *w, struct large_job *f)
{
	struct node fresh = { 0 };
	int e;

	if (f->fd < 0)
		f->fd = capture_open(f->dir->fd,
				     (const char *)f->entry->name.p);
	if (f->fd < 0)
		return f->fd;
	e = FAULT("archive.file");
	if (e == 0)
		e = capture_statx(f->fd, "", &f->before);
	if (e < 0)
		return e;
	attr_from_statx(&f->before, &fresh);
	fresh.fsid = f->node.fsid;
	fresh.name = f->entry->name;
	f->node = fresh;
	if (fresh.type != NODE_FILE)
		return -ESTALE;
	e = capture_attrs(w, f->fd, &f->node);
	if (e < 0 || f->node.xattrs.len == 0)
		return e;
	/* other files pass through w->xattrs before this one is done */
	f->node.xattrs.p =
		dir_copy(f->dir, f->node.xattrs.p, f->node.xattrs.len);
	return f->node.xattrs.p ? 0 : -ENOMEM;
}

/* Which parts the tracker has seen change, if that is less than all. */
static int plan_patch(struct archiver *a, struct large_job *f)
{
	uint64_t size = f->before.stx_size;
	const struct dirty_inode *in;
	const struct dirty *set;
	int e;

	in = look_inode(a, f->entry, &f->node, &set);
	/* without a mark nobody knows why it is looked at: read it all */
	if (!in || size == 0 || in->flags & (DIRTY_WHOLE | DIRTY_DOUBT))
		return 0;
	e = dirty_extents(set, in, f->old_size, size, &f->extents,
			  &f->n_extents);
	return e < 0 ? archiver_fail(a, e) : 0;
}

static void large_run(struct pool_job *job, unsigned int worker)
{
	struct large_job *f = (struct large_job *)job;
	struct archiver *a = f->dir->a;
	struct walker *w = &a->walkers[worker];
	size_t i;
	int e = archiver_halted(a) ? -ECANCELED : begin(w, f);

	if (e == 0)
		e = f->old_content.p && !f->extents && f->tries == 0
			    ? plan_patch(a, f)
			    : 0;
	if (e == 0)
		e = f->extents ? segment_add(f, 0, f->before.stx_size)
			       : plan(f);
	if (e < 0 || f->n_segments == 0) {
		large_done(w, f, e);
		return;
	}
	f->pending = (unsigned int)f->n_segments;
	for (i = f->n_segments; i-- > 0;) {
		f->segments[i].job.run = segment_run;
		pool_push(a->pool, &f->segments[i].job);
	}
}

void large_push(struct walker *w, struct dir_job *dir, struct entry *entry,
		const struct node *n, bool had_old, const struct node *old)
{
	struct large_job *f = calloc(1, sizeof(*f));

	if (!f) {
		archiver_fail(w->a, -ENOMEM);
		return;
	}
	f->job.run = large_run;
	f->dir = dir;
	f->entry = entry;
	f->node = *n;
	f->had_old = had_old;
	if (old && entry->tracked && dir->record_live &&
	    old->type == NODE_FILE && attr_is_same_file(old, n) &&
	    !(old->flags & NODE_PARTIAL)) {
		f->old_content = old->content;
		f->old_size = old->size;
	}
	f->fd = -1;
	entry->state = ENTRY_PENDING;
	__atomic_fetch_add(&dir->pending, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&dir->fd_users, 1, __ATOMIC_RELAXED);
	pool_push(w->a->pool, &f->job);
}

/* Like io_read_full(), but a silent pipe does not keep the walk from being
 * stopped: poll() is never restarted, and a signal that comes just before it
 * is seen after STREAM_POLL_MS. */
static ssize_t read_stream(struct walker *w, int fd, uint8_t *p, size_t len)
{
	struct pollfd poll_for = { .fd = fd, .events = POLLIN };
	size_t done = 0;

	while (done < len) {
		ssize_t n = poll(&poll_for, 1, STREAM_POLL_MS);

		if (archiver_halted(w->a))
			return -ECANCELED;
		if (n == 0 || (n < 0 && errno == EINTR))
			continue;
		n = read(fd, p + done, len - done);
		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
	return (ssize_t)done;
}

int large_stream(struct walker *w, int fd, struct node *n, uint64_t *bytes)
{
	struct segment s = { 0 };
	struct chunk_state state;
	size_t at = 0;
	bool eof = false;
	int e = buf_reserve(&w->window, WINDOW);

	w->window.len = 0;
	while (e == 0 && !archiver_halted(w->a)) {
		size_t have = w->window.len - at, len;

		if (have < CDC_MAX && !eof) {
			ssize_t got;

			memmove(w->window.p, w->window.p + at, have);
			at = 0;
			got = read_stream(w, fd, w->window.p + have,
					  WINDOW - have);
			if (got < 0) {
				e = (int)got;
				break;
			}
			eof = (size_t)got < WINDOW - have;
			w->window.len = have += (size_t)got;
			*bytes += (uint64_t)got;
			COUNT(w->a, bytes_read, (uint64_t)got);
		}
		if (have == 0)
			break;
		memset(&state, 0, sizeof(state));
		len = chunk_cut(&w->a->cdc, &state, w->window.p + at, have,
				eof);
		e = add_chunk(w, &s, SPAN(w->window.p + at, len));
		at += len;
	}
	if (e == 0)
		e = large_content(w, &s, 1, n);
	free(s.pieces);
	return e;
}
