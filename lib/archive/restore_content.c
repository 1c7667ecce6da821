/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_content.c - the bytes of a file: written, patched or compared.
 *
 * A whole chunk that is already there is recognised by its id, which costs
 * no read of the repository.
 */
#include <errno.h>
#include <fcntl.h>

#include "archive/restorer_private.h"
#include "base/io.h"

#define BLOCK 4096u

static bool is_zero(const uint8_t *p, size_t len)
{
	return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

int restore_write(struct rworker *w, int fd, struct span data, uint64_t off)
{
	size_t from = 0, at = (size_t)(-off & (BLOCK - 1));
	int e = 0;

	RCOUNT(w->r, bytes_written, data.len);
	while (e == 0 && at + BLOCK <= data.len) {
		if (LIKELY(!is_zero(data.p + at, BLOCK))) {
			at += BLOCK;
			continue;
		}
		if (at > from)
			e = io_pwrite_all(fd, SPAN(data.p + from, at - from),
					  off + from);
		while (at + BLOCK <= data.len && is_zero(data.p + at, BLOCK))
			at += BLOCK;
		from = at;
	}
	if (e == 0 && from < data.len)
		e = io_pwrite_all(fd, SPAN(data.p + from, data.len - from),
				  off + from);
	return e;
}

/* --- holes --- */

/* Is there no data in the range? */
static bool is_hole(int fd, const struct rextent *x)
{
	off_t data = lseek(fd, (off_t)x->off, SEEK_DATA);

	return data < 0 ? errno == ENXIO : (uint64_t)data >= x->off + x->len;
}

static int read_have(struct rworker *w, int fd, uint64_t off, size_t len)
{
	ssize_t n;
	int e;

	w->have.len = 0;
	e = buf_reserve(&w->have, len);
	if (e < 0)
		return e;
	n = io_pread_full(fd, w->have.p, len, off);
	if (n < 0)
		return (int)n;
	w->have.len = (size_t)n;
	return (size_t)n == len;
}

/* 1 if something but zeros is there. */
static int compare_hole(struct rworker *w, int fd, const struct rextent *x)
{
	uint64_t at = x->off, end = x->off + x->len;

	while (at < end) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA);
		size_t len;
		int e;

		if (data < 0 && errno == ENXIO)
			return 0;
		if (data > 0 && (uint64_t)data > at)
			at = (uint64_t)data;
		if (at >= end)
			return 0;
		len = (size_t)MIN(end - at, (uint64_t)(1u << 20));
		e = read_have(w, fd, at, len);
		if (e < 0)
			return e;
		if (e == 0 || !is_zero(w->have.p, len))
			return 1;
		at += len;
	}
	return 0;
}

static int write_zeros(int fd, const struct rextent *x)
{
	static const uint8_t zeros[65536];
	uint64_t at = x->off, end = x->off + x->len;
	int e = 0;

	while (e == 0 && at < end) {
		size_t len = (size_t)MIN(end - at, (uint64_t)sizeof(zeros));

		e = io_pwrite_all(fd, SPAN(zeros, len), at);
		at += len;
	}
	return e;
}

static int patch_hole(struct rworker *w, int fd, const struct rextent *x)
{
	int e;

	if (is_hole(fd, x))
		return 0;
	/* Changed or not: what was a hole becomes one. */
	e = compare_hole(w, fd, x);
	if (e < 0)
		return e;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)x->off, (off_t)x->len) == 0)
		return e;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	return e == 0 ? 0 : write_zeros(fd, x) < 0 ? -EIO : 1;
}

/* --- chunks --- */

/* Is the chunk there, as its id proves? */
static bool have_by_id(struct rworker *w, const struct rextent *x)
{
	uint8_t id[CHUNK_ID_LEN];
	struct chunk_loc loc;

	if (x->kind != EXTENT_CHUNK || !repo_find(w->r->repo, x->id, &loc) ||
	    loc.chunk.len != x->len)
		return false;
	chunk_ids_of(&w->ids, CHUNK_DATA, SPAN_OF(&w->have), id);
	return memcmp(id, x->id, CHUNK_ID_LEN) == 0;
}

static int get_data(struct rworker *w, const struct rextent *x,
		    struct chunk_ref *ref, struct span *data)
{
	int e = repo_chunk_get(w->rr, CHUNK_DATA, x->id, ref);

	if (e < 0)
		return e;
	if (x->chunk_off > ref->data.len ||
	    x->len > ref->data.len - x->chunk_off) {
		repo_chunk_put(w->rr, ref);
		return -EUCLEAN;
	}
	*data = SPAN(ref->data.p + x->chunk_off, (size_t)x->len);
	return 0;
}

/* Write data where blocks are not what they should be, and so keep the zeros
 * of holes apart: a block of zeros over other bytes must be written. */
static int patch_data(struct rworker *w, int fd, struct span data, uint64_t off,
		      bool have)
{
	size_t at = 0;
	int e = 0;

	if (!have || w->have.len != data.len) {
		RCOUNT(w->r, bytes_written, data.len);
		return io_pwrite_all(fd, data, off);
	}
	while (e == 0 && at < data.len) {
		size_t len = MIN(data.len - at, (size_t)65536);

		if (memcmp(w->have.p + at, data.p + at, len) != 0) {
			RCOUNT(w->r, bytes_written, len);
			e = io_pwrite_all(fd, SPAN(data.p + at, len), off + at);
		}
		at += len;
	}
	return e;
}

static int extent_data(struct rworker *w, int fd, const struct rextent *x,
		       enum rcontent_mode mode)
{
	struct chunk_ref ref = { 0 };
	struct span data = { NULL, 0 };
	int e, have = 0;

	if (x->len > CHUNK_MAX)
		return -EUCLEAN;
	if (mode != CONTENT_WRITE) {
		have = read_have(w, fd, x->off, (size_t)x->len);
		if (have < 0)
			return have;
		if (have && have_by_id(w, x))
			return 0;
	}
	e = get_data(w, x, &ref, &data);
	if (e < 0)
		return e;
	if (mode == CONTENT_WRITE)
		e = restore_write(w, fd, data, x->off);
	else if (have && !memcmp(w->have.p, data.p, data.len))
		e = 0;
	else if (mode == CONTENT_COMPARE)
		e = 1;
	else
		e = patch_data(w, fd, data, x->off, have);
	if (e == 0 && mode == CONTENT_PATCH)
		e = !have || memcmp(w->have.p, data.p, data.len) != 0;
	repo_chunk_put(w->rr, &ref);
	return e;
}

int restore_extent(struct rworker *w, int fd, const struct rextent *x,
		   enum rcontent_mode mode)
{
	if (x->kind != EXTENT_HOLE)
		return extent_data(w, fd, x, mode);
	if (mode == CONTENT_WRITE)
		return 0;
	return mode == CONTENT_PATCH ? patch_hole(w, fd, x)
				     : compare_hole(w, fd, x);
}

struct content_run {
	struct rworker *w;
	int fd;
	enum rcontent_mode mode;
	bool changed;
};

static int run_extent(void *arg, uint64_t off, const struct extent *x)
{
	struct content_run *c = arg;
	struct rextent mine = { .off = off,
				.len = x->len,
				.chunk_off = x->offset,
				.kind = x->kind };
	int e;

	if (x->kind != EXTENT_HOLE)
		memcpy(mine.id, x->id, CHUNK_ID_LEN);
	if (restorer_halted(c->w->r))
		return -ECANCELED;
	e = restore_extent(c->w, c->fd, &mine, c->mode);
	if (e == 1)
		c->changed = true;
	/* a comparison ends at the first difference */
	return e == 1 && c->mode != CONTENT_COMPARE ? 0 : e;
}

int restore_content(struct rworker *w, const struct node *n, int fd,
		    enum rcontent_mode mode)
{
	struct content_run c = { w, fd, mode, false };
	int e = content_walk(w->rr, n->content, n->size, run_extent, &c);

	return e < 0 ? e : c.changed;
}
