/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - the tables of a writing session, and its life.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/log.h"
#include "repo/writer_private.h"

int session_add_frame(struct writer *w, uint32_t *ordinal)
{
	if (w->n_frames == w->cap_frames) {
		uint32_t cap = w->cap_frames ? 2 * w->cap_frames : 64;
		void *p = realloc(w->frames, cap * sizeof(*w->frames));

		if (!p)
			return -ENOMEM;
		w->frames = p;
		w->cap_frames = cap;
	}
	w->frames[w->n_frames].pack = FRAME_PENDING;
	*ordinal = w->n_frames++;
	return 0;
}

int session_add_pack(struct writer *w, uint32_t *pos)
{
	if (w->n_packs == w->cap_packs) {
		uint32_t cap = w->cap_packs ? 2 * w->cap_packs : 16;
		void *p = realloc(w->packs, cap * sizeof(*w->packs));

		if (!p)
			return -ENOMEM;
		w->packs = p;
		w->cap_packs = cap;
	}
	memset(&w->packs[w->n_packs], 0, sizeof(*w->packs));
	*pos = w->n_packs++;
	return 0;
}

static bool is_durable(const struct writer *w, const struct index_chunk *c)
{
	uint32_t pack = w->frames[c->frame].pack;

	return pack != FRAME_PENDING && w->packs[pack].done;
}

bool writer_should_spill(struct writer *w)
{
	bool yes;

	pthread_mutex_lock(&w->lock);
	yes = w->error == 0 && w->set.count >= INDEX_CHUNKS_TARGET;
	pthread_mutex_unlock(&w->lock);
	return yes;
}

/* Move the durable chunks of the set to its end; returns how many are not. */
static uint32_t partition(struct writer *w)
{
	struct index_chunk *c = w->set.chunks, t;
	uint32_t lo = 0, hi = w->set.count;

	while (lo < hi) {
		if (!is_durable(w, &c[lo])) {
			lo++;
			continue;
		}
		t = c[--hi];
		c[hi] = c[lo];
		c[lo] = t;
	}
	return lo;
}

/* What a table needs of the session's frames and packs, renumbered. */
struct remap {
	uint32_t *frame_of, *pack_of;
	struct index_frame *frames;
	struct index_pack *packs;
	uint32_t n_frames, n_packs;
};

static void remap_release(struct remap *m)
{
	free(m->frame_of);
	free(m->pack_of);
	free(m->frames);
	free(m->packs);
}

static int remap_build(const struct writer *w, struct index_chunk *chunks,
		       uint32_t n, struct remap *m)
{
	uint32_t i;

	m->frame_of = malloc((w->n_frames + 1) * sizeof(*m->frame_of));
	m->pack_of = malloc((w->n_packs + 1) * sizeof(*m->pack_of));
	m->frames = malloc((w->n_frames + 1) * sizeof(*m->frames));
	m->packs = malloc((w->n_packs + 1) * sizeof(*m->packs));
	if (!m->frame_of || !m->pack_of || !m->frames || !m->packs)
		return -ENOMEM;
	memset(m->frame_of, 0xff, w->n_frames * sizeof(*m->frame_of));
	memset(m->pack_of, 0xff, w->n_packs * sizeof(*m->pack_of));
	for (i = 0; i < n; i++) {
		uint32_t f = chunks[i].frame, p = w->frames[f].pack;

		if (m->pack_of[p] == UINT32_MAX) {
			m->pack_of[p] = m->n_packs;
			m->packs[m->n_packs++] = w->packs[p].pack;
		}
		if (m->frame_of[f] == UINT32_MAX) {
			m->frame_of[f] = m->n_frames;
			m->frames[m->n_frames] = w->frames[f];
			m->frames[m->n_frames++].pack = m->pack_of[p];
		}
	}
	return 0;
}

/* Encode the n chunks at the end of the set. lock: held. */
static int encode_tail(struct writer *w, uint32_t from, struct buf *table)
{
	struct remap m = { 0 };
	uint32_t i, n = w->set.count - from;
	struct index_chunk *chunks = w->set.chunks + from, *copy;
	int e = remap_build(w, chunks, n, &m);

	copy = e == 0 ? malloc((size_t)n * sizeof(*copy) + 1) : NULL;
	if (e == 0 && !copy)
		e = -ENOMEM;
	for (i = 0; e == 0 && i < n; i++) {
		copy[i] = chunks[i];
		copy[i].frame = m.frame_of[chunks[i].frame];
	}
	if (e == 0)
		e = table_encode(m.packs, m.n_packs, m.frames, m.n_frames, copy,
				 n, table);
	free(copy);
	remap_release(&m);
	return e;
}

/* lock: held. Lanes wait; storing 256 Ki entries takes some 50 ms. */
static int spill_locked(struct writer *w, bool all)
{
	CLEANUP_BUF struct buf table = BUF_INIT(INDEX_RAW_MAX);
	uint8_t id[OBJECT_ID_LEN];
	uint32_t kept = partition(w);
	struct table t;
	int e;

	if (all && kept > 0)
		return log_fail(-EUCLEAN, "%u chunks are in no pack", kept);
	if (kept == w->set.count)
		return chunkset_rebuild(&w->set, kept);
	e = encode_tail(w, kept, &table);
	if (e == 0)
		e = repo_store_table(w->repo, SPAN_OF(&table), id);
	if (e == 0)
		e = idlist_add(&w->indexes, id);
	if (e == 0)
		e = repo_load_table(w->repo, id, &t);
	if (e == 0)
		e = index_add(&w->spilled, t);
	return e < 0 ? e : chunkset_rebuild(&w->set, kept);
}

int writer_spill(struct writer *w, bool all)
{
	int e;

	pthread_mutex_lock(&w->lock);
	e = w->error;
	if (e == 0) {
		e = spill_locked(w, all);
		__atomic_store_n(&w->error, e, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&w->lock);
	return e;
}

/* From now on the tables that go away are looked at (tables_follow()). */
static void begin_relying(struct writer *w)
{
	struct repo *r = w->repo;

	pthread_rwlock_wrlock(&r->lock);
	r->relying++;
	w->relying = true;
	w->base_losses = r->losses;
	w->seen_head = r->head.counter;
	pthread_rwlock_unlock(&r->lock);
}

int writer_ready(struct writer *w)
{
	const struct index *ix;
	int e = 0;

	if (__atomic_load_n(&w->ready, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&w->ready_lock);
	if (!w->ready) {
		/* Fail here rather than store everything again for want of
		 * it. */
		e = w->opt.repack ? 0 : repo_index(w->repo, &ix);
		if (e == 0 && !w->opt.dry_run && !w->opt.repack)
			e = writer_adopt(w);
		__atomic_store_n(&w->ready, e == 0, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&w->ready_lock);
	return e;
}

int writer_new(struct repo *r, const struct writer_options *opt,
	       struct writer **out)
{
	struct writer *w = calloc(1, sizeof(*w));
	int e = 0;

	if (!w)
		return -ENOMEM;
	w->repo = r;
	w->opt = *opt;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	pthread_mutex_init(&w->ready_lock, NULL);
	begin_relying(w);
	if (!opt->dry_run)
		e = store_lease_begin(r->store, STORE_LEASE_WRITER, &w->lease);
	if (e == 0) {
		e = -pthread_create(&w->finisher, NULL, writer_finisher, w);
		w->finisher_runs = e == 0;
	}
	if (e < 0) {
		writer_free(w);
		return e;
	}
	*out = w;
	return 0;
}

int writer_store_index(struct writer *w, struct idlist *ids)
{
	uint32_t i;
	int e = writer_flush(w);

	if (e == 0 && w->set.count > 0)
		e = writer_spill(w, true);
	for (i = 0; e == 0 && i < w->indexes.count; i++)
		e = idlist_add(ids, w->indexes.ids[i]);
	return e;
}

static void free_packs(struct open_pack *p)
{
	while (p) {
		struct open_pack *next = p->next;

		pack_writer_free(p->pw);
		free(p);
		p = next;
	}
}

void writer_free(struct writer *w)
{
	int kind;

	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->closing = true;
	/* what is queued is not worth a sync */
	if (w->error == 0)
		__atomic_store_n(&w->error, -ECANCELED, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	if (w->finisher_runs)
		pthread_join(w->finisher, NULL);
	for (kind = 0; kind < PACK_KINDS; kind++)
		free_packs(w->idle[kind]);
	while (w->lanes)
		lane_free(w->lanes);
	store_lease_end(w->lease);
	if (w->relying) {
		pthread_rwlock_wrlock(&w->repo->lock);
		w->repo->relying--;
		pthread_rwlock_unlock(&w->repo->lock);
	}
	chunkset_release(&w->set);
	free(w->frames);
	free(w->packs);
	idlist_release(&w->added);
	idlist_release(&w->indexes);
	index_release(&w->spilled);
	index_release(&w->adopted);
	pthread_mutex_destroy(&w->ready_lock);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->changed);
	free(w);
}
