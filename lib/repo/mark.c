/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark.c - the walk from the snapshots' trees to all that they need.
 *
 * Jobs are taken newest first, so the walk goes depth first and few wait. A
 * directory is one job; what its files refer to is looked up in the same.
 */
#include "repo/mark.h"

#include <errno.h>

#include "base/log.h"
#include "base/pool.h"
#include "repo/tree.h"

#define THREADS_MAX 8u

struct marker {
	struct repo *repo;
	struct live *live;
	struct pool *pool;
	struct repo_reader *readers[THREADS_MAX];
	mark_stop_fn *stop;
	void *arg;
	int error; /* the first one; atomic */
};

struct tree_job {
	struct pool_job job;
	struct marker *m;
	uint8_t id[CHUNK_ID_LEN];
};

int live_init(struct live *l, const struct index *ix)
{
	unsigned int i;

	l->ix = ix;
	l->bits = calloc(ix->count + 1, sizeof(*l->bits));
	if (!l->bits)
		return -ENOMEM;
	for (i = 0; i < ix->count; i++) {
		l->bits[i] =
			calloc(ix->tables[i].chunks / 64 + 1, sizeof(uint64_t));
		if (!l->bits[i])
			return -ENOMEM;
	}
	return 0;
}

void live_release(struct live *l)
{
	unsigned int i;

	for (i = 0; l->bits && i < l->ix->count; i++)
		free(l->bits[i]);
	free(l->bits);
	l->bits = NULL;
}

static void fail(struct marker *m, int e)
{
	int none = 0;

	__atomic_compare_exchange_n(&m->error, &none, e, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static int missing(const uint8_t id[CHUNK_ID_LEN])
{
	char hex[HEX_LEN(CHUNK_ID_LEN)];

	return log_fail(-ENOENT,
			"chunk %.16s, which a snapshot needs, is in no index",
			hex_encode(hex, id, CHUNK_ID_LEN));
}

/* 1: marked now, and loc is where it lies; 0: it was marked; or an error. */
static int claim(struct marker *m, const uint8_t id[CHUNK_ID_LEN],
		 struct chunk_loc *loc)
{
	uint64_t *word, bit;

	if (!index_find(m->live->ix, id, loc))
		return missing(id);
	word = &m->live->bits[loc->table][loc->pos / 64];
	bit = 1ull << loc->pos % 64;
	return !(__atomic_fetch_or(word, bit, __ATOMIC_RELAXED) & bit);
}

/* --- files --- */

static int mark_content(struct marker *m, struct repo_reader *rr,
			struct span content, int depth);

static int mark_map(struct marker *m, struct repo_reader *rr,
		    const uint8_t id[CHUNK_ID_LEN], int depth)
{
	struct chunk_ref ref;
	struct chunk_loc loc;
	int e = claim(m, id, &loc);

	if (e <= 0)
		return e;
	e = repo_chunk_get_at(rr, CHUNK_MAP, &loc, &ref);
	if (e < 0)
		return e;
	e = mark_content(m, rr, ref.data, depth);
	repo_chunk_put(rr, &ref);
	return e;
}

/* depth: what the map above says this one has; -1 in a directory entry. */
static int mark_content(struct marker *m, struct repo_reader *rr,
			struct span content, int depth)
{
	struct content_iter it;
	struct chunk_loc loc;
	struct extent x;
	int e = content_open(content, &it);

	if (e == 0 && depth >= 0 && it.depth != depth)
		e = -EUCLEAN;
	while (e == 0 && (e = content_next(&it, &x)) == 1) {
		if (it.depth > 0)
			e = mark_map(m, rr, x.id, it.depth - 1);
		else if (x.kind != EXTENT_HOLE)
			e = claim(m, x.id, &loc);
		else
			e = 0;
		if (e > 0)
			e = 0;
	}
	return e;
}

/* --- directories --- */

static void run_tree(struct pool_job *job, unsigned int worker);

static int push_tree(struct marker *m, const uint8_t id[CHUNK_ID_LEN])
{
	struct tree_job *j = malloc(sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->job.run = run_tree;
	j->m = m;
	memcpy(j->id, id, CHUNK_ID_LEN);
	pool_push(m->pool, &j->job);
	return 0;
}

/* A subdirectory, unless it was seen: most of a snapshot is that of the one
 * before. */
static int mark_subtree(struct marker *m, const uint8_t id[CHUNK_ID_LEN])
{
	struct chunk_loc loc;

	if (!index_find(m->live->ix, id, &loc))
		return missing(id);
	if (live_has(m->live, loc.table, loc.pos))
		return 0;
	return push_tree(m, id);
}

static int mark_part(struct marker *m, struct repo_reader *rr,
		     struct span bytes)
{
	struct tree_leaf_ref leaf;
	struct tree_part part;
	struct node n;
	int e = tree_part_open(bytes, &part);

	while (e == 0 && part.split && (e = tree_next_leaf(&part, &leaf)) == 1)
		e = mark_subtree(m, leaf.id);
	while (e == 0 && !part.split && (e = tree_next(&part, &n, NULL)) == 1) {
		e = 0;
		if (n.type == NODE_DIR)
			e = mark_subtree(m, n.tree);
		else if (n.type == NODE_FILE)
			e = mark_content(m, rr, n.content, -1);
	}
	return e;
}

static int mark_tree(struct marker *m, struct repo_reader *rr,
		     const uint8_t id[CHUNK_ID_LEN])
{
	char hex[HEX_LEN(CHUNK_ID_LEN)];
	struct chunk_ref ref;
	struct chunk_loc loc;
	int e = claim(m, id, &loc);

	if (e <= 0)
		return e;
	e = repo_chunk_get_at(rr, CHUNK_TREE, &loc, &ref);
	if (e < 0)
		return e;
	e = mark_part(m, rr, ref.data);
	repo_chunk_put(rr, &ref);
	if (e == -EUCLEAN)
		return log_fail(e, "tree %.16s",
				hex_encode(hex, id, CHUNK_ID_LEN));
	return e;
}

static void run_tree(struct pool_job *job, unsigned int worker)
{
	struct tree_job *j = (struct tree_job *)job;
	struct marker *m = j->m;
	int e = __atomic_load_n(&m->error, __ATOMIC_RELAXED);

	if (e == 0 && m->stop && m->stop(m->arg))
		e = -EINTR;
	if (e == 0)
		e = mark_tree(m, m->readers[worker], j->id);
	if (e < 0)
		fail(m, e);
	free(j);
}

int live_mark_trees(struct repo *r, struct live *l, const struct idlist *trees,
		    mark_stop_fn *stop, void *arg)
{
	struct marker m = { .repo = r, .live = l, .stop = stop, .arg = arg };
	unsigned int i, threads = MIN(pool_cpus(), THREADS_MAX);
	int e = 0;

	for (i = 0; e == 0 && i < threads; i++)
		e = repo_reader_new(r, &m.readers[i]);
	if (e == 0)
		e = pool_new(threads, &m.pool);
	for (i = 0; e == 0 && i < trees->count; i++)
		e = push_tree(&m, trees->ids[i]);
	pool_free(m.pool);
	for (i = 0; i < threads; i++)
		repo_reader_free(m.readers[i]);
	return e < 0 ? e : m.error;
}
