/* SPDX-License-Identifier: Apache-2.0 */
/*
 * repack.c - what is live in wasteful packs, copied to new ones.
 *
 * A frame of which all is live is decrypted and sealed again as it is; of
 * others the live chunks are gathered into new frames. Chunks are taken in
 * the order in which they lie, so what was near stays near.
 */
#include <errno.h>
#include <pthread.h>

#include "base/log.h"
#include "base/pool.h"
#include "repo/prune_private.h"
#include "repo/writer.h"

#define THREADS_MAX 8u
#define BATCH_CHUNKS (128u << 10)

/* A live chunk in a pack to be repacked; with its id, as the tables' pages
 * are let go. */
struct ref {
	uint32_t pack; /* position in p->packs */
	uint32_t number;
	uint32_t table;
	struct index_chunk chunk;
};

struct mover {
	struct pool_job job;
	struct repack *rp;
	struct repo_reader *rr;
	struct lane *lane;
	struct buf raw, sealed;
};

struct repack {
	struct prune *p;
	struct writer *writer;
	struct mover movers[THREADS_MAX];
	struct ref *refs;
	uint32_t n_refs;
	pthread_mutex_t lock;
	uint32_t next; /* guarded by lock: the first ref not taken */
	int error;     /* atomic */
};

static int by_place(const void *a, const void *b)
{
	const struct ref *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x->chunk.offset > y->chunk.offset) -
	       (x->chunk.offset < y->chunk.offset);
}

/* Take the refs of one frame. */
static uint32_t take(struct repack *rp, const struct ref **first)
{
	uint32_t n = 0;

	pthread_mutex_lock(&rp->lock);
	*first = rp->refs + rp->next;
	while (rp->next + n < rp->n_refs &&
	       (*first)[n].pack == (*first)->pack &&
	       (*first)[n].number == (*first)->number)
		n++;
	rp->next += n;
	pthread_mutex_unlock(&rp->lock);
	return n;
}

/* Is all of the frame live? */
static bool is_whole(const struct ref *refs, uint32_t n,
		     const struct index_frame *f)
{
	uint32_t i, at = 0;

	for (i = 0; i < n; i++) {
		if (refs[i].chunk.offset != at)
			return false;
		at += refs[i].chunk.len;
	}
	return at == f->raw_len;
}

static int move_whole(struct mover *m, const struct ref *refs, uint32_t n,
		      const struct index_pack *pack,
		      const struct index_frame *f)
{
	CLEANUP_FREE struct index_chunk *chunks = malloc(n * sizeof(*chunks));
	uint32_t i;

	if (!chunks)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		chunks[i] = refs[i].chunk;
	/* repo_frame_open() has left the decrypted bytes and their tag */
	m->sealed.len -= AEAD_TAG_LEN;
	return lane_put_frame(m->lane, (enum object_type)pack->type, &m->sealed,
			      f, chunks, n);
}

static int move_chunks(struct mover *m, const struct ref *refs, uint32_t n,
		       const struct index_pack *pack)
{
	uint32_t i;
	int e = 0;

	for (i = 0; e == 0 && i < n; i++) {
		const struct index_chunk c = refs[i].chunk;

		if (c.offset > m->raw.len || c.len > m->raw.len - c.offset)
			return -EUCLEAN;
		e = lane_put_chunk(m->lane, (enum object_type)pack->type, c.id,
				   SPAN(m->raw.p + c.offset, c.len));
	}
	return e;
}

static int move_frame(struct mover *m, const struct ref *refs, uint32_t n)
{
	const struct table *t = &m->rp->p->ix.tables[refs->table];
	struct index_frame f = table_frame(t, refs->chunk.frame);
	struct index_pack pack = table_pack(t, f.pack);
	int e = repo_frame_sealed(m->rr, &pack, &f, &m->sealed);

	/* decoded in either case: a frame that does not is not copied */
	if (e == 0)
		e = repo_frame_open(m->rr, &pack, &f, &m->sealed, &m->raw);
	if (e < 0)
		return e;
	if (is_whole(refs, n, &f))
		return move_whole(m, refs, n, &pack, &f);
	return move_chunks(m, refs, n, &pack);
}

static void run_mover(struct pool_job *job, unsigned int worker)
{
	struct mover *m = (struct mover *)job;
	const struct prune_options *opt = m->rp->p->opt;
	const struct ref *refs;
	uint32_t n;
	int e = 0, none = 0;

	(void)worker;
	while (e == 0 && (n = take(m->rp, &refs)) > 0) {
		e = __atomic_load_n(&m->rp->error, __ATOMIC_RELAXED);
		if (e == 0 && opt->stop && opt->stop(opt->arg))
			e = -EINTR;
		if (e == 0)
			e = move_frame(m, refs, n);
	}
	if (e < 0)
		__atomic_compare_exchange_n(&m->rp->error, &none, e, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static int run_batch(struct repack *rp, unsigned int threads)
{
	struct pool *pool = NULL;
	unsigned int i;
	int e = pool_new(threads, &pool);

	if (e < 0)
		return e;
	qsort(rp->refs, rp->n_refs, sizeof(*rp->refs), by_place);
	rp->next = 0;
	for (i = 0; i < threads; i++)
		pool_push(pool, &rp->movers[i].job);
	pool_free(pool);
	return rp->error;
}

/* All live chunks of the packs [from, to) that are to be repacked. */
static void gather(struct repack *rp, uint32_t from, uint32_t to)
{
	struct prune *p = rp->p;
	unsigned int t;
	uint32_t i;

	rp->n_refs = 0;
	for (t = 0; t < p->ix.count; t++)
		for (i = 0; i < p->ix.tables[t].chunks; i++) {
			uint32_t k;
			struct index_chunk c;

			if (!live_has(&p->live, t, i))
				continue;
			k = prune_pack_of(p, t, i);
			if (k < from || k >= to ||
			    p->packs[k].fate != PACK_REPACK)
				continue;
			c = table_chunk(&p->ix.tables[t], i);
			rp->refs[rp->n_refs++] = (struct ref){
				.pack = k,
				.number = table_frame(&p->ix.tables[t], c.frame)
						  .number,
				.table = t,
				.chunk = c,
			};
		}
}

static int run_batches(struct repack *rp, unsigned int threads)
{
	struct prune *p = rp->p;
	uint32_t from, to;
	int e = 0;

	for (from = 0; e == 0 && from < p->n_packs; from = to) {
		uint32_t n = 0;

		for (to = from; to < p->n_packs; to++) {
			if (p->packs[to].fate != PACK_REPACK)
				continue;
			if (n > 0 &&
			    n + p->packs[to].live_chunks > BATCH_CHUNKS)
				break;
			n += p->packs[to].live_chunks;
		}
		if (n == 0)
			break;
		free(rp->refs);
		rp->refs = malloc(n * sizeof(*rp->refs));
		if (!rp->refs)
			return -ENOMEM;
		gather(rp, from, to);
		index_unload(&p->ix);
		e = run_batch(rp, threads);
	}
	return e;
}

static int open_movers(struct repack *rp, unsigned int threads)
{
	unsigned int i;
	int e = 0;

	for (i = 0; e == 0 && i < threads; i++) {
		struct mover *m = &rp->movers[i];

		m->job.run = run_mover;
		m->rp = rp;
		m->raw = BUF_INIT(FRAME_RAW_MAX);
		m->sealed = BUF_INIT(FRAME_SEALED_MAX);
		e = repo_reader_new(rp->p->repo, &m->rr);
		if (e == 0)
			e = lane_new(rp->writer, &m->lane);
	}
	return e;
}

static void close_movers(struct repack *rp)
{
	unsigned int i;

	for (i = 0; i < THREADS_MAX; i++) {
		repo_reader_free(rp->movers[i].rr);
		buf_release(&rp->movers[i].raw);
		buf_release(&rp->movers[i].sealed);
	}
	writer_free(rp->writer); /* and its lanes */
	free(rp->refs);
	pthread_mutex_destroy(&rp->lock);
}

int prune_repack(struct prune *p)
{
	const struct writer_options wopt = { .level = p->opt->level,
					     .repack = true };
	unsigned int threads = MIN(pool_cpus(), THREADS_MAX);
	struct repack rp = { .p = p };
	struct writer_stats ws;
	struct idlist made = { 0 };
	uint32_t i;
	int e;

	pthread_mutex_init(&rp.lock, NULL);
	repo_frames_drop(p->repo);
	e = writer_new(p->repo, &wopt, &rp.writer);
	if (e == 0)
		e = open_movers(&rp, threads);
	if (e == 0)
		e = run_batches(&rp, threads);
	if (e == 0)
		e = writer_store_index(rp.writer, &made);
	for (i = 0; e == 0 && i < made.count; i++) {
		e = idlist_add(&p->own, made.ids[i]);
		if (e == 0)
			e = idlist_add(&p->indexes, made.ids[i]);
	}
	if (rp.writer) {
		writer_get_stats(rp.writer, &ws);
		p->stats->bytes_stored += ws.bytes_stored;
	}
	idlist_release(&made);
	close_movers(&rp);
	return e;
}
