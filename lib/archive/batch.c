/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.c - reads of small files, many at once through io_uring.
 *
 * A file that is not what stat said by the time its bytes are there goes the
 * slow way, alone and with its retries (capture_small_file()).
 */
#include "archive/batch.h"

#include <errno.h>
#include <liburing.h>

#include "base/io.h"

struct item {
	struct entry *entry;
	struct node node;
	struct statx before;
	bool had_old;
	int fd;
	uint8_t *bytes;
	ssize_t got; /* bytes read, or a negative errno */
};

struct batch {
	struct io_uring ring;
	bool has_ring;
	size_t count, used;
	struct item items[BATCH_FILES];
	uint8_t bytes[BATCH_BYTES];
};

struct batch *batch_of(struct walker *w)
{
	struct batch *b;

	if (w->batch)
		return w->batch;
	b = malloc(sizeof(*b));
	if (!b)
		return NULL;
	b->count = b->used = 0;
#ifdef __SANITIZE_THREAD__
	/* liburing maps its rings by system calls that tsan does not see, so
	 * tsan takes their memory for what lay there before. */
	b->has_ring = false;
#else
	/* not there, forbidden, or no locked memory left: read() will do */
	b->has_ring = io_uring_queue_init(BATCH_FILES, &b->ring, 0) == 0;
#endif
	w->batch = b;
	return b;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	if (b->has_ring)
		io_uring_queue_exit(&b->ring);
	free(b);
}

static void read_one(struct item *it)
{
	it->got = io_pread_full(it->fd, it->bytes, it->node.size + 1, 0);
}

static void submit(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->count; i++) {
		struct item *it = &b->items[i];
		struct io_uring_sqe *sqe = io_uring_get_sqe(&b->ring);

		/* one byte more than there should be: did it grow? */
		io_uring_prep_read(sqe, it->fd, it->bytes,
				   (unsigned int)it->node.size + 1, 0);
		io_uring_sqe_set_data64(sqe, i);
		it->got = -EINPROGRESS;
	}
}

/* Every read that was handed over must come back before its buffer may be
 * used again. */
static void read_ring(struct batch *b)
{
	size_t done = 0;

	submit(b);
	while (done < b->count) {
		struct io_uring_cqe *cqe;
		int e = io_uring_submit_and_wait(&b->ring, 1);

		if (e < 0 && e != -EINTR && e != -EAGAIN && e != -EBUSY)
			break;
		while (io_uring_peek_cqe(&b->ring, &cqe) == 0) {
			b->items[cqe->user_data].got = cqe->res;
			io_uring_cqe_seen(&b->ring, cqe);
			done++;
		}
	}
	if (done == b->count)
		return;
	/* The ring broke. Its end waits for what is in flight. */
	io_uring_queue_exit(&b->ring);
	b->has_ring = false;
}

static void capture_one(struct walker *w, struct dir_job *dir, struct item *it)
{
	size_t size = it->node.size;
	int e = 0;

	if (it->got != (ssize_t)size)
		read_one(it); /* short reads and errors, once more */
	COUNT(w->a, bytes_read, it->got > 0 ? (uint64_t)it->got : 0);
	if (it->got != (ssize_t)size ||
	    !capture_is_as_seen(it->fd, &it->before)) {
		capture_small_file(w, dir, it->entry, &it->node, it->had_old,
				   it->fd);
		return;
	}
	e = capture_attrs(w, it->fd, &it->node);
	if (e == 0)
		e = capture_content(w, SPAN(it->bytes, size), &it->node);
	capture_done(w, dir, it->entry, &it->node, it->had_old, e);
}

void batch_flush(struct walker *w, struct dir_job *dir)
{
	struct batch *b = w->batch;
	size_t i;

	if (!b || b->count == 0)
		return;
	if (b->has_ring && b->count > 1)
		read_ring(b);
	else
		for (i = 0; i < b->count; i++)
			read_one(&b->items[i]);
	for (i = 0; i < b->count; i++) {
		if (!archiver_halted(w->a))
			capture_one(w, dir, &b->items[i]);
		close(b->items[i].fd);
	}
	b->count = b->used = 0;
}

void batch_add(struct walker *w, struct dir_job *dir, struct entry *entry,
	       const struct node *n, const struct statx *st, bool had_old,
	       int fd)
{
	struct batch *b = w->batch;
	struct item *it;

	if (b->count == BATCH_FILES || b->used + n->size + 1 > BATCH_BYTES)
		batch_flush(w, dir);
	it = &b->items[b->count++];
	it->entry = entry;
	it->node = *n;
	it->before = *st;
	it->had_old = had_old;
	it->fd = fd;
	it->bytes = b->bytes + b->used;
	b->used += n->size + 1;
}
