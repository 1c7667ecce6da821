/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retable.c - gathering chunks of several tables into new ones.
 */
#include "repo/retable.h"

#include <errno.h>

#define NOT_HERE UINT32_MAX

void retable_init(struct retable *rt, struct repo *r, struct idlist *out)
{
	memset(rt, 0, sizeof(*rt));
	rt->repo = r;
	rt->out = out;
}

void retable_release(struct retable *rt)
{
	free(rt->packs);
	free(rt->frames);
	free(rt->chunks);
	free(rt->frame_of);
	free(rt->pack_of);
	memset(rt, 0, sizeof(*rt));
}

static int room(void *array, uint32_t n, uint32_t *cap, size_t size)
{
	void **p = array, *grown;
	uint32_t want = *cap ? 2 * *cap : 256;

	if (n < *cap)
		return 0;
	grown = realloc(*p, want * size);
	if (!grown)
		return -ENOMEM;
	*p = grown;
	*cap = want;
	return 0;
}

static void forget_places(struct retable *rt)
{
	if (!rt->table)
		return;
	memset(rt->frame_of, 0xff, rt->table->frames * sizeof(uint32_t));
	memset(rt->pack_of, 0xff, rt->table->packs * sizeof(uint32_t));
}

int retable_begin(struct retable *rt, const struct table *t)
{
	free(rt->frame_of);
	free(rt->pack_of);
	rt->frame_of = malloc((t->frames + 1) * sizeof(uint32_t));
	rt->pack_of = malloc((t->packs + 1) * sizeof(uint32_t));
	if (!rt->frame_of || !rt->pack_of)
		return -ENOMEM;
	rt->table = t;
	forget_places(rt);
	return 0;
}

static int place_pack(struct retable *rt, uint32_t pos)
{
	struct index_pack p = table_pack(rt->table, pos);
	uint32_t i;
	int e;

	for (i = 0; i < rt->n_packs; i++)
		if (!memcmp(rt->packs[i].id, p.id, OBJECT_ID_LEN))
			break;
	if (i == rt->n_packs) {
		e = room(&rt->packs, i, &rt->cap_packs, sizeof(p));
		if (e < 0)
			return e;
		rt->packs[rt->n_packs++] = p;
	}
	rt->pack_of[pos] = i;
	return 0;
}

static int place_frame(struct retable *rt, uint32_t pos)
{
	struct index_frame f = table_frame(rt->table, pos);
	int e = 0;

	if (rt->pack_of[f.pack] == NOT_HERE)
		e = place_pack(rt, f.pack);
	if (e == 0)
		e = room(&rt->frames, rt->n_frames, &rt->cap_frames, sizeof(f));
	if (e < 0)
		return e;
	f.pack = rt->pack_of[f.pack];
	rt->frame_of[pos] = rt->n_frames;
	rt->frames[rt->n_frames++] = f;
	return 0;
}

int retable_add(struct retable *rt, uint32_t pos)
{
	struct index_chunk c = table_chunk(rt->table, pos);
	int e = 0;

	if (rt->n_chunks >= INDEX_CHUNKS_TARGET)
		e = retable_flush(rt);
	if (e == 0 && rt->frame_of[c.frame] == NOT_HERE)
		e = place_frame(rt, c.frame);
	if (e == 0)
		e = room(&rt->chunks, rt->n_chunks, &rt->cap_chunks, sizeof(c));
	if (e < 0)
		return e;
	c.frame = rt->frame_of[c.frame];
	rt->chunks[rt->n_chunks++] = c;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct index_chunk *x = a, *y = b;

	return memcmp(x->id, y->id, CHUNK_ID_LEN);
}

/* A table lists a chunk once. */
static void unique(struct retable *rt)
{
	uint32_t i, n = 0;

	qsort(rt->chunks, rt->n_chunks, sizeof(*rt->chunks), by_id);
	for (i = 0; i < rt->n_chunks; i++)
		if (n == 0 || by_id(&rt->chunks[n - 1], &rt->chunks[i]) != 0)
			rt->chunks[n++] = rt->chunks[i];
	rt->n_chunks = n;
}

int retable_flush(struct retable *rt)
{
	CLEANUP_BUF struct buf table = BUF_INIT(INDEX_RAW_MAX);
	uint8_t id[OBJECT_ID_LEN];
	int e;

	if (rt->n_chunks == 0)
		return 0;
	unique(rt);
	e = table_encode(rt->packs, rt->n_packs, rt->frames, rt->n_frames,
			 rt->chunks, rt->n_chunks, &table);
	if (e == 0)
		e = repo_store_table(rt->repo, SPAN_OF(&table), id);
	if (e == 0)
		e = idlist_add(rt->out, id);
	rt->n_packs = rt->n_frames = rt->n_chunks = 0;
	forget_places(rt);
	return e;
}
