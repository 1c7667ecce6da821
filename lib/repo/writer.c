/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.c - lanes, frames and packs of one writing session.
 *
 * The order that matters: a pack is durable (fsync, name, directory fsync)
 * before an index object names it; an index before the snapshot; the
 * snapshot before the head. commit.c does the last three.
 */
#include "repo/writer_private.h"

#include <assert.h>
#include <errno.h>

#include "base/fault.h"
#include "base/log.h"
#include "compress/compress.h"

/* A frame under construction. */
struct frame_builder {
	struct buf raw;
	struct frame_chunks chunks;
	uint32_t ordinal; /* in the session's frames; valid if raw.len > 0 */
};

struct lane {
	struct writer *w;
	struct chunk_ids ids;
	struct compressor *compressor;
	struct decompressor *decompressor;
	struct buf out, proof;
	struct frame_builder builders[PACK_KINDS];
	struct lane *next; /* guarded by w->lock */
};

static enum pack_kind pack_kind_of(enum chunk_kind kind)
{
	return kind == CHUNK_DATA ? PACK_KIND_DATA : PACK_KIND_TREE;
}

/* The first error stays; lanes see it at their next call. */
static int fail(struct writer *w, int e)
{
	pthread_mutex_lock(&w->lock);
	if (w->error == 0)
		__atomic_store_n(&w->error, e, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return e;
}

static int state(struct writer *w)
{
	return __atomic_load_n(&w->error, __ATOMIC_RELAXED);
}

/* --- packs --- */

/* A pack that nobody holds, or a new one. */
static int pack_acquire(struct writer *w, enum pack_kind kind,
			struct open_pack **out)
{
	static const enum object_type types[PACK_KINDS] = { OBJECT_PACK_DATA,
							    OBJECT_PACK_TREE };
	struct open_pack *p;
	int e;

	pthread_mutex_lock(&w->lock);
	p = w->idle[kind];
	if (p)
		w->idle[kind] = p->next;
	pthread_mutex_unlock(&w->lock);
	if (p) {
		*out = p;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->kind = kind;
	e = pack_writer_new(w->repo->store, w->repo->ring, types[kind], &p->pw);
	if (e < 0) {
		free(p);
		return e;
	}
	pthread_mutex_lock(&w->lock);
	e = session_add_pack(w, &p->pos);
	pthread_mutex_unlock(&w->lock);
	if (e < 0) {
		pack_writer_free(p->pw);
		free(p);
		return e;
	}
	*out = p;
	return 0;
}

/* Give a pack back, or hand it to the finisher if it is full. */
static void pack_release(struct writer *w, struct open_pack *p, bool finish)
{
	pthread_mutex_lock(&w->lock);
	if (finish) {
		/* a bounded queue: the store's pace is everybody's pace */
		while (w->finishing >= FINISH_QUEUE_MAX && w->error == 0)
			pthread_cond_wait(&w->changed, &w->lock);
		p->next = w->finish_queue;
		w->finish_queue = p;
		w->finishing++;
		pthread_cond_broadcast(&w->changed);
	} else {
		p->next = w->idle[p->kind];
		w->idle[p->kind] = p;
	}
	pthread_mutex_unlock(&w->lock);
}

static void finish_one(struct writer *w, struct open_pack *p)
{
	struct index_pack done = { .size = 0 };
	int e = state(w);

	if (e < 0)
		pack_writer_free(p->pw);
	else
		e = pack_writer_finish(p->pw, &done);
	pthread_mutex_lock(&w->lock);
	if (e == 0) {
		w->packs[p->pos].pack = done;
		w->packs[p->pos].done = true;
		w->stats.bytes_stored += done.size;
		e = idlist_add(&w->added, done.id);
	}
	if (e < 0 && w->error == 0)
		__atomic_store_n(&w->error, e, __ATOMIC_RELAXED);
	w->finishing--;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	free(p);
}

/* One thread syncs and names packs while the lanes go on. */
void *writer_finisher(void *arg)
{
	struct writer *w = arg;

	for (;;) {
		struct open_pack *p;

		pthread_mutex_lock(&w->lock);
		while (!w->finish_queue && !w->closing)
			pthread_cond_wait(&w->changed, &w->lock);
		p = w->finish_queue;
		if (p)
			w->finish_queue = p->next;
		pthread_mutex_unlock(&w->lock);
		if (!p)
			return NULL;
		finish_one(w, p);
		if (writer_should_spill(w) && writer_spill(w, false) < 0)
			continue; /* the error is kept in w */
	}
}

/* --- frames --- */

/* raw as it will lie in the pack, in l->out with room for a tag. */
static int frame_encode(struct lane *l, struct span raw, bool try_compress,
			struct index_frame *f)
{
	size_t n = 0;
	int e;

	l->out.len = 0;
	e = buf_reserve(&l->out, compress_bound(raw.len) + AEAD_TAG_LEN);
	if (e < 0)
		return e;
	f->raw_len = (uint32_t)raw.len;
	f->compressed = false;
	if (try_compress && l->w->opt.level != COMPRESS_OFF) {
		e = compress_frame(l->compressor, raw, l->out.p, l->out.cap,
				   &n);
		if (e < 0)
			return log_fail(e, "compress a frame");
		f->compressed = n < raw.len;
	}
	if (!f->compressed) {
		memcpy(l->out.p, raw.p, raw.len);
		l->out.len = raw.len;
		return 0;
	}
	l->out.len = n;
	/* Decode what was encoded: a compressor's bug must not become the
	 * truth (restic/restic#4523). */
	l->proof.len = 0;
	e = buf_reserve(&l->proof, raw.len);
	if (e == 0)
		e = decompress_frame(l->decompressor, SPAN_OF(&l->out),
				     l->proof.p, raw.len);
	if (e == 0 && memcmp(l->proof.p, raw.p, raw.len) != 0)
		e = -EUCLEAN;
	if (e < 0)
		return log_fail(e, "a compressed frame did not decode to what "
				   "went in");
	return 0;
}

/* Seal the encoded bytes, which have room for a tag, into a pack. */
static int frame_append(struct lane *l, enum pack_kind kind, struct buf *bytes,
			const struct frame_chunks *chunks, uint32_t ordinal,
			struct index_frame *f)
{
	struct writer *w = l->w;
	struct open_pack *p = NULL;
	int e = pack_acquire(w, kind, &p);

	if (e < 0)
		return fail(w, e);
	f->pack = p->pos;
	e = pack_writer_frame(p->pw, bytes->p, bytes->len, chunks, f);
	pthread_mutex_lock(&w->lock);
	if (e == 0)
		w->frames[ordinal] = *f;
	pthread_mutex_unlock(&w->lock);
	if (e < 0)
		fail(w, e);
	pack_release(w, p, e == 0 && pack_writer_is_full(p->pw));
	return e;
}

static int frame_write(struct lane *l, enum pack_kind kind, struct span raw,
		       const struct frame_chunks *chunks, bool try_compress,
		       uint32_t ordinal)
{
	struct index_frame f;
	int e = state(l->w);

	if (e == 0)
		e = frame_encode(l, raw, try_compress, &f);
	if (e < 0)
		return fail(l->w, e);
	return frame_append(l, kind, &l->out, chunks, ordinal, &f);
}

static int builder_flush(struct lane *l, enum pack_kind kind)
{
	struct frame_builder *b = &l->builders[kind];
	int e = 0;

	if (b->raw.len == 0)
		return 0;
	if (!l->w->opt.dry_run)
		e = frame_write(l, kind, SPAN_OF(&b->raw), &b->chunks, true,
				b->ordinal);
	b->raw.len = 0;
	b->chunks.list.len = 0;
	b->chunks.count = 0;
	return e;
}

static int frame_chunks_add(struct frame_chunks *c, const uint8_t *id,
			    size_t len)
{
	int e = buf_append(&c->list, id, CHUNK_ID_LEN);

	c->count++;
	return e < 0 ? e : buf_varint(&c->list, len);
}

/*
 * Reserve c in the session, in frame *ordinal (a new frame if *ordinal is
 * FRAME_PENDING). 1: it is ours to store; 0: it is known.
 */
static int session_claim(struct writer *w, struct index_chunk *c,
			 uint32_t *ordinal)
{
	int e;

	pthread_mutex_lock(&w->lock);
	e = w->error;
	if (e == 0 && chunkset_has(&w->set, c->id)) {
		__atomic_fetch_add(&w->stats.chunks_known, 1, __ATOMIC_RELAXED);
	} else if (e == 0) {
		if (*ordinal == FRAME_PENDING)
			e = session_add_frame(w, ordinal);
		c->frame = *ordinal;
		if (e == 0)
			e = chunkset_add(&w->set, c);
		if (e == 1) {
			w->stats.chunks_new++;
			w->stats.bytes_new += c->len;
		}
	}
	pthread_mutex_unlock(&w->lock);
	return e < 0 ? fail(w, e) : e;
}

/* A chunk as large as a frame is one. */
static int add_large(struct lane *l, enum pack_kind kind, struct span data,
		     struct index_chunk *c)
{
	struct frame_chunks one = { BUF_INIT(256), 0 };
	uint32_t ordinal = FRAME_PENDING;
	int e = session_claim(l->w, c, &ordinal);

	if (e <= 0 || l->w->opt.dry_run)
		return e < 0 ? e : 0;
	e = frame_chunks_add(&one, c->id, data.len);
	if (e == 0)
		e = frame_write(l, kind, data, &one,
				!compress_is_futile(l->compressor, data),
				ordinal);
	buf_release(&one.list);
	return e;
}

static int add_small(struct lane *l, enum pack_kind kind, struct span data,
		     struct index_chunk *c)
{
	struct frame_builder *b = &l->builders[kind];
	int e;

	if (b->raw.len == 0)
		b->ordinal = FRAME_PENDING;
	c->offset = (uint32_t)b->raw.len;
	e = session_claim(l->w, c, &b->ordinal);
	if (e <= 0)
		return e;
	e = buf_append(&b->raw, data.p, data.len);
	if (e == 0)
		e = frame_chunks_add(&b->chunks, c->id, data.len);
	if (e < 0)
		return fail(l->w, e);
	if (b->raw.len >= FRAME_RAW_TARGET)
		return builder_flush(l, kind);
	return 0;
}

bool writer_has(struct writer *w, const uint8_t id[CHUNK_ID_LEN])
{
	struct chunk_loc loc;
	bool found;
	int e = writer_ready(w);

	if (e < 0) {
		fail(w, e);
		return false;
	}
	pthread_mutex_lock(&w->lock);
	found = chunkset_has(&w->set, id) || index_has(&w->spilled, id);
	if (!found && index_has(&w->adopted, id))
		found = w->adopted_used = true;
	pthread_mutex_unlock(&w->lock);
	return found || repo_find(w->repo, id, &loc);
}

int lane_add(struct lane *l, enum chunk_kind kind, struct span data,
	     uint8_t id[CHUNK_ID_LEN])
{
	struct index_chunk c = { .len = (uint32_t)data.len };
	enum pack_kind pk = pack_kind_of(kind);

	assert(data.len > 0);
	if (data.len > CHUNK_MAX)
		return fail(l->w, log_fail(-EMSGSIZE, "a chunk of %zu bytes",
					   data.len));
	chunk_ids_of(&l->ids, kind, data, id);
	if (writer_has(l->w, id)) {
		__atomic_fetch_add(&l->w->stats.chunks_known, 1,
				   __ATOMIC_RELAXED);
		return state(l->w);
	}
	memcpy(c.id, id, CHUNK_ID_LEN);
	if (data.len >= FRAME_RAW_TARGET)
		return add_large(l, pk, data, &c);
	return add_small(l, pk, data, &c);
}

int lane_put_chunk(struct lane *l, enum object_type type,
		   const uint8_t id[CHUNK_ID_LEN], struct span data)
{
	struct index_chunk c = { .len = (uint32_t)data.len };
	enum pack_kind pk = type == OBJECT_PACK_DATA ? PACK_KIND_DATA
						     : PACK_KIND_TREE;

	memcpy(c.id, id, CHUNK_ID_LEN);
	if (data.len >= FRAME_RAW_TARGET)
		return add_large(l, pk, data, &c);
	return add_small(l, pk, data, &c);
}

int lane_put_frame(struct lane *l, enum object_type type, struct buf *bytes,
		   const struct index_frame *frame, struct index_chunk *chunks,
		   uint32_t n)
{
	enum pack_kind pk = type == OBJECT_PACK_DATA ? PACK_KIND_DATA
						     : PACK_KIND_TREE;
	struct frame_chunks list = { BUF_INIT(PACK_DIRECTORY_MAX), 0 };
	struct index_frame f = *frame;
	uint32_t ordinal = FRAME_PENDING, i;
	int e = 0, claimed = 0;

	for (i = 0; e == 0 && i < n; i++) {
		e = session_claim(l->w, &chunks[i], &ordinal);
		claimed += e > 0;
		if (e >= 0)
			e = frame_chunks_add(&list, chunks[i].id,
					     chunks[i].len);
	}
	if (e == 0 && claimed > 0)
		e = frame_append(l, pk, bytes, &list, ordinal, &f);
	buf_release(&list.list);
	return e;
}

int lane_flush(struct lane *l)
{
	int e = builder_flush(l, PACK_KIND_DATA);

	return e < 0 ? e : builder_flush(l, PACK_KIND_TREE);
}

int lane_new(struct writer *w, struct lane **out)
{
	struct lane *l;
	int i, e = writer_ready(w);

	if (e < 0)
		return e;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->w = w;
	l->out = BUF_INIT(FRAME_SEALED_MAX);
	l->proof = BUF_INIT(FRAME_RAW_MAX);
	for (i = 0; i < PACK_KINDS; i++) {
		l->builders[i].raw = BUF_INIT(FRAME_RAW_MAX);
		l->builders[i].chunks.list = BUF_INIT(PACK_DIRECTORY_MAX);
	}
	e = chunk_ids_init(&l->ids, w->repo);
	if (e == 0 && w->opt.level != COMPRESS_OFF)
		e = compressor_new(w->opt.level, &l->compressor);
	else if (e == 0)
		e = compressor_new(1, &l->compressor);
	if (e == 0)
		e = decompressor_new(&l->decompressor);
	pthread_mutex_lock(&w->lock);
	l->next = w->lanes;
	w->lanes = l;
	pthread_mutex_unlock(&w->lock);
	if (e < 0) {
		lane_free(l);
		return e;
	}
	*out = l;
	return 0;
}

void lane_free(struct lane *l)
{
	struct lane **at;
	int i;

	if (!l)
		return;
	pthread_mutex_lock(&l->w->lock);
	for (at = &l->w->lanes; *at != l; at = &(*at)->next)
		;
	*at = l->next;
	pthread_mutex_unlock(&l->w->lock);
	for (i = 0; i < PACK_KINDS; i++) {
		buf_release(&l->builders[i].raw);
		buf_release(&l->builders[i].chunks.list);
	}
	buf_release(&l->out);
	buf_release(&l->proof);
	chunk_ids_release(&l->ids);
	compressor_free(l->compressor);
	decompressor_free(l->decompressor);
	free(l);
}

int writer_flush(struct writer *w)
{
	struct lane *l;
	int kind, e = state(w);

	for (l = w->lanes; e == 0 && l; l = l->next)
		e = lane_flush(l);
	for (kind = 0; kind < PACK_KINDS; kind++) {
		struct open_pack *p;

		while ((p = w->idle[kind])) {
			w->idle[kind] = p->next;
			pack_release(w, p, true);
		}
	}
	pthread_mutex_lock(&w->lock);
	while (w->finishing > 0)
		pthread_cond_wait(&w->changed, &w->lock);
	e = w->error;
	pthread_mutex_unlock(&w->lock);
	return e;
}

struct repo *writer_repo(const struct writer *w)
{
	return w->repo;
}

void writer_get_stats(struct writer *w, struct writer_stats *st)
{
	pthread_mutex_lock(&w->lock);
	*st = w->stats;
	pthread_mutex_unlock(&w->lock);
}
