/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patch.c - a large file of which only some parts changed.
 *
 * The old extents stay, cut to what is still theirs; between them come the
 * changed parts. Small ones are gathered: a chunk holds many, and extents
 * refer to parts of it. So a page that changed costs a page, and not the
 * megabyte of chunk around it.
 */
#include <errno.h>

#include "archive/large_private.h"
#include "base/log.h"

/* Of what is gathered into one chunk; longer parts are cut as usual. */
#define GATHER_MAX CDC_AVG
#define GATHER_PART_MAX CDC_MIN

struct patch {
	struct walker *w;
	struct segment *s;
	struct repo_reader *reader;
	const struct dirty_extent *next, *end; /* those to come */
	uint64_t at;   /* all before it has its pieces */
	uint64_t size; /* of the file as it is now */
	struct buf gathered;
	size_t first; /* piece of what is gathered; only parts without an id
		       * after it are of it */
};

/* --- changed parts --- */

static int gather_flush(struct patch *p)
{
	uint8_t id[CHUNK_ID_LEN];
	struct lane *lane = walker_lane(p->w);
	size_t i;
	int e;

	if (p->gathered.len == 0)
		return 0;
	if (!lane)
		return -ECANCELED;
	e = lane_add(lane, CHUNK_DATA, SPAN_OF(&p->gathered), id);
	if (e < 0)
		return archiver_fail(p->w->a, e);
	for (i = p->first; i < p->s->n_pieces; i++)
		if (p->s->pieces[i].gathered) {
			memcpy(p->s->pieces[i].id, id, CHUNK_ID_LEN);
			p->s->pieces[i].gathered = false;
		}
	p->first = p->s->n_pieces;
	p->gathered.len = 0;
	return 0;
}

static int gather(struct patch *p, uint64_t from, uint64_t to)
{
	size_t len = (size_t)(to - from), done = 0;
	struct piece *piece;
	int e = 0;

	if (p->gathered.len + len > GATHER_MAX)
		e = gather_flush(p);
	if (e == 0)
		e = buf_reserve(&p->gathered, len);
	while (e == 0 && done < len) {
		ssize_t n = large_read(p->s->file,
				       p->gathered.p + p->gathered.len + done,
				       len - done, from + done);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? (int)n : -ESTALE;
		done += (size_t)n;
		COUNT(p->w->a, bytes_read, (uint64_t)n);
	}
	if (e == 0 && p->s->file->zeros_are_holes &&
	    large_is_zero(p->gathered.p + p->gathered.len, len))
		return segment_hole(p->s, len);
	piece = e == 0 ? segment_piece(p->s) : NULL;
	if (!piece)
		return e < 0 ? e : archiver_fail(p->w->a, -ENOMEM);
	piece->len = len;
	piece->part = piece->gathered = true;
	piece->offset = (uint32_t)p->gathered.len;
	p->gathered.len += len;
	return 0;
}

/* One range of data: holes have been taken out. */
static int add_data(struct patch *p, uint64_t from, uint64_t to)
{
	if (to - from <= GATHER_PART_MAX)
		return gather(p, from, to);
	return segment_cut(p->w, p->s, from, to);
}

static int add_changed(struct patch *p, uint64_t from, uint64_t to)
{
	int fd = p->s->file->fd, e = 0;

	while (e == 0 && from < to && !archiver_halted(p->w->a)) {
		off_t data = lseek(fd, (off_t)from, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			data = (off_t)to;
		else if (data < 0)
			data = (off_t)from;
		data = MIN(data, (off_t)to);
		e = segment_hole(p->s, (uint64_t)data - from);
		if (e < 0 || (uint64_t)data == to)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > to)
			hole = (off_t)to;
		if (hole <= data)
			return -ESTALE;
		e = add_data(p, (uint64_t)data, (uint64_t)hole);
		from = (uint64_t)hole;
	}
	return e;
}

/* --- what was --- */

static int add_old(struct patch *p, const struct extent *x, uint64_t skip,
		   uint64_t len)
{
	struct piece *piece;

	if (x->kind == EXTENT_HOLE)
		return segment_hole(p->s, len);
	piece = segment_piece(p->s);
	if (!piece)
		return archiver_fail(p->w->a, -ENOMEM);
	piece->len = len;
	piece->part = x->kind == EXTENT_PART || skip > 0 || len < x->len;
	piece->offset = x->offset + (uint32_t)skip;
	memcpy(piece->id, x->id, CHUNK_ID_LEN);
	return 0;
}

/* The old extent x, which lies at pos. */
static int take_extent(struct patch *p, const struct extent *x, uint64_t pos)
{
	uint64_t end = MIN(pos + x->len, p->size);
	int e = 0;

	if (x->kind != EXTENT_HOLE && x->len > CHUNK_MAX)
		return -EUCLEAN;
	while (e == 0 && p->at < end) {
		uint64_t stop = p->next < p->end ? MIN(p->next->from, end)
						 : end;

		if (stop > p->at) {
			e = add_old(p, x, p->at - pos, stop - p->at);
			p->at = stop;
		} else {
			e = add_changed(p, p->next->from, p->next->to);
			p->at = p->next->to;
			p->next++;
		}
	}
	return e;
}

static int take_map(struct patch *p, struct span content, uint64_t pos,
		    unsigned int level);

static int take_submap(struct patch *p, const uint8_t id[CHUNK_ID_LEN],
		       uint64_t pos, unsigned int level)
{
	struct span kept = kept_map(p->w->a, id);
	struct chunk_ref ref;
	int e;

	if (kept.p)
		return take_map(p, kept, pos, level);
	e = repo_chunk_get(p->reader, CHUNK_MAP, id, &ref);
	if (e < 0)
		return -EUCLEAN;
	e = take_map(p, ref.data, pos, level);
	repo_chunk_put(p->reader, &ref);
	return e;
}

static int take_map(struct patch *p, struct span content, uint64_t pos,
		    unsigned int level)
{
	struct content_iter it;
	struct extent x;
	int e = content_open(content, &it);

	if (e == 0 && it.depth != level && level != UINT8_MAX)
		e = -EUCLEAN;
	while (e == 0 && (e = content_next(&it, &x)) == 1) {
		e = 0;
		if (x.len > UINT64_MAX - pos)
			return -EUCLEAN;
		if (it.depth == 0) {
			e = take_extent(p, &x, pos);
		} else if (pos + x.len > p->at && pos < p->size) {
			e = take_submap(p, x.id, pos, it.depth - 1u);
		}
		pos += x.len;
		if (pos >= p->size)
			break;
	}
	return e < 0 ? e : 0;
}

static int take_pieces(struct patch *p, const struct segment *old, size_t n)
{
	uint64_t pos = 0;
	size_t i, k;
	int e = 0;

	for (i = 0; e == 0 && i < n; i++) {
		for (k = 0; e == 0 && k < old[i].n_pieces; k++) {
			const struct piece *o = &old[i].pieces[k];
			struct extent x = { o->hole   ? EXTENT_HOLE
					    : o->part ? EXTENT_PART
						      : EXTENT_CHUNK,
					    o->len, o->id, o->offset };

			e = take_extent(p, &x, pos);
			pos += o->len;
		}
	}
	return e;
}

/* The old content is in p; this is the rest. */
static int patch_rest(struct patch *p, int e)
{
	/* behind the old end */
	while (e == 0 && p->next < p->end && p->at < p->size) {
		if (p->next->from > p->at)
			return -EUCLEAN;
		e = add_changed(p, p->next->from, p->next->to);
		p->at = p->next->to;
		p->next++;
	}
	if (e == 0)
		e = gather_flush(p);
	if (e == 0 && p->at != p->size)
		e = -EUCLEAN;
	return e;
}

int patch_segment(struct walker *w, struct segment *s)
{
	const struct large_job *f = s->file;
	struct patch p = { .w = w,
			   .s = s,
			   .next = f->extents,
			   .end = f->extents + f->n_extents,
			   .size = s->to,
			   .gathered = BUF_INIT(CHUNK_MAX) };
	struct writer *writer = w->a->opt.writer(w->a->opt.arg);
	int e = writer ? repo_reader_new(writer_repo(writer), &p.reader)
		       : -ECANCELED;

	if (e == 0)
		e = patch_rest(&p, take_map(&p, f->old_content, 0, UINT8_MAX));
	repo_reader_free(p.reader);
	buf_release(&p.gathered);
	if (e == -EUCLEAN)
		log_warn("the record of a large file's old content does not "
			 "serve: reading it whole");
	return e;
}

int patch_pieces(struct walker *w, struct segment *s, const struct segment *old,
		 size_t n_old)
{
	const struct large_job *f = s->file;
	struct patch p = { .w = w,
			   .s = s,
			   .next = f->extents,
			   .end = f->extents + f->n_extents,
			   .size = s->to,
			   .gathered = BUF_INIT(CHUNK_MAX) };
	int e = patch_rest(&p, take_pieces(&p, old, n_old));

	buf_release(&p.gathered);
	return e;
}
