/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.c - sorted tables of chunks.
 *
 * Chunk ids are MACs, so they are uniform: an interpolation guess lands
 * within a few hundred entries of a million, two more within a few, and a
 * gallop from there ends in a binary search inside one page.
 */
#include "repo/index.h"

#include <endian.h>
#include <errno.h>
#include <sys/mman.h>

static const uint8_t *packs_at(const struct table *t)
{
	return t->base + TABLE_HEADER_LEN;
}

static const uint8_t *frames_at(const struct table *t)
{
	return packs_at(t) + (size_t)t->packs * TABLE_PACK_LEN;
}

static const uint8_t *ids_at(const struct table *t)
{
	return frames_at(t) + (size_t)t->frames * TABLE_FRAME_LEN;
}

static const uint8_t *locs_at(const struct table *t)
{
	return ids_at(t) + (size_t)t->chunks * CHUNK_ID_LEN;
}

struct index_pack table_pack(const struct table *t, uint32_t pos)
{
	const uint8_t *p = packs_at(t) + (size_t)pos * TABLE_PACK_LEN;
	struct index_pack pack;

	memcpy(pack.id, p, OBJECT_ID_LEN);
	pack.size = get_le64(p + 32);
	pack.type = p[40];
	return pack;
}

struct index_frame table_frame(const struct table *t, uint32_t pos)
{
	const uint8_t *p = frames_at(t) + (size_t)pos * TABLE_FRAME_LEN;
	uint32_t raw = get_le32(p + 20);

	return (struct index_frame){
		.pack = get_le32(p),
		.number = get_le32(p + 4),
		.offset = get_le64(p + 8),
		.sealed_len = get_le32(p + 16),
		.raw_len = raw & 0x7fffffff,
		.compressed = raw >> 31,
	};
}

struct index_chunk table_chunk(const struct table *t, uint32_t pos)
{
	const uint8_t *p = locs_at(t) + (size_t)pos * TABLE_LOC_LEN;
	struct index_chunk c;

	memcpy(c.id, ids_at(t) + (size_t)pos * CHUNK_ID_LEN, CHUNK_ID_LEN);
	c.frame = get_le32(p);
	c.offset = get_le32(p + 4);
	c.len = get_le32(p + 8);
	return c;
}

static bool frame_is_sane(const struct table *t, uint32_t pos)
{
	struct index_frame f = table_frame(t, pos);
	struct index_pack p;

	if (f.pack >= t->packs || f.raw_len > FRAME_RAW_MAX ||
	    f.sealed_len > FRAME_SEALED_MAX)
		return false;
	p = table_pack(t, f.pack);
	return f.offset <= p.size && f.sealed_len <= p.size - f.offset;
}

static bool chunk_is_sane(const struct table *t, uint32_t pos)
{
	const uint8_t *id = ids_at(t) + (size_t)pos * CHUNK_ID_LEN;
	struct index_chunk c = table_chunk(t, pos);
	struct index_frame f;

	if (pos > 0 && memcmp(id - CHUNK_ID_LEN, id, CHUNK_ID_LEN) >= 0)
		return false;
	if (c.frame >= t->frames || c.len > CHUNK_MAX)
		return false;
	f = table_frame(t, c.frame);
	return c.offset <= f.raw_len && c.len <= f.raw_len - c.offset;
}

int table_parse(struct span bytes, struct table *t)
{
	struct reader rd = reader_of(bytes);
	uint32_t i, zero;

	memset(t, 0, sizeof(*t));
	t->base = bytes.p;
	t->len = bytes.len;
	t->packs = rd_le32(&rd);
	t->frames = rd_le32(&rd);
	t->chunks = rd_le32(&rd);
	zero = rd_le32(&rd);
	if (rd.bad || zero != 0 || t->chunks > INDEX_CHUNKS_MAX ||
	    bytes.len !=
		    TABLE_HEADER_LEN + (size_t)t->packs * TABLE_PACK_LEN +
			    (size_t)t->frames * TABLE_FRAME_LEN +
			    (size_t)t->chunks * (CHUNK_ID_LEN + TABLE_LOC_LEN))
		return -EUCLEAN;
	for (i = 0; i < t->packs; i++) {
		struct index_pack p = table_pack(t, i);

		if (p.size > PACK_MAX ||
		    (p.type != OBJECT_PACK_DATA && p.type != OBJECT_PACK_TREE))
			return -EUCLEAN;
	}
	for (i = 0; i < t->frames; i++)
		if (!frame_is_sane(t, i))
			return -EUCLEAN;
	for (i = 0; i < t->chunks; i++)
		if (!chunk_is_sane(t, i))
			return -EUCLEAN;
	return 0;
}

static uint64_t id_prefix(const uint8_t *id)
{
	return be64toh(get_le64(id));
}

/* First position in [lo, hi) whose id is not below id, or hi. */
static uint32_t lower_bound(const uint8_t *ids, uint32_t lo, uint32_t hi,
			    const uint8_t *id)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (memcmp(ids + (size_t)mid * CHUNK_ID_LEN, id, CHUNK_ID_LEN) <
		    0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Where an id with this prefix should be. Each further look at what is there
 * brings the guess from some distance to about its square root: a probe of
 * its own is cheaper than the cache misses of a search over that distance. */
static uint32_t interpolate(const uint8_t *ids, uint32_t n, uint64_t want)
{
	uint32_t guess = (uint32_t)(((unsigned __int128)want * n) >> 64);
	int i;

	for (i = 0; i < 2; i++) {
		uint64_t have = id_prefix(ids + (size_t)guess * CHUNK_ID_LEN);
		uint64_t apart = want > have ? want - have : have - want;
		uint32_t off = (uint32_t)(((unsigned __int128)apart * n) >> 64);

		if (want > have)
			guess = off < n - 1 - guess ? guess + off : n - 1;
		else
			guess = off < guess ? guess - off : 0;
	}
	return guess;
}

int64_t table_find(const struct table *t, const uint8_t id[CHUNK_ID_LEN])
{
	const uint8_t *ids = ids_at(t);
	uint32_t n = t->chunks, guess, lo, hi, step = 4;

	if (n == 0)
		return -1;
	lo = hi = guess = interpolate(ids, n, id_prefix(id));
	if (memcmp(ids + (size_t)guess * CHUNK_ID_LEN, id, CHUNK_ID_LEN) < 0) {
		while (hi < n && memcmp(ids + (size_t)hi * CHUNK_ID_LEN, id,
					CHUNK_ID_LEN) < 0) {
			lo = hi;
			hi = n - hi > step ? hi + step : n;
			step *= 2;
		}
	} else {
		hi++;
		while (lo > 0 && memcmp(ids + (size_t)lo * CHUNK_ID_LEN, id,
					CHUNK_ID_LEN) >= 0) {
			hi = lo + 1;
			lo = lo > step ? lo - step : 0;
			step *= 2;
		}
	}
	if (hi < n)
		hi++;
	lo = lower_bound(ids, lo, hi, id);
	if (lo < n &&
	    memcmp(ids + (size_t)lo * CHUNK_ID_LEN, id, CHUNK_ID_LEN) == 0)
		return lo;
	return -1;
}

static int chunk_order(const void *a, const void *b)
{
	const struct index_chunk *x = a, *y = b;

	return memcmp(x->id, y->id, CHUNK_ID_LEN);
}

int table_encode(const struct index_pack *packs, uint32_t n_packs,
		 const struct index_frame *frames, uint32_t n_frames,
		 struct index_chunk *chunks, uint32_t n_chunks, struct buf *out)
{
	size_t need = TABLE_HEADER_LEN + (size_t)n_packs * TABLE_PACK_LEN +
		      (size_t)n_frames * TABLE_FRAME_LEN +
		      (size_t)n_chunks * (CHUNK_ID_LEN + TABLE_LOC_LEN);
	uint8_t *p;
	uint32_t i;
	int r = buf_reserve(out, need);

	if (r < 0)
		return r;
	qsort(chunks, n_chunks, sizeof(*chunks), chunk_order);
	p = out->p + out->len;
	memset(p, 0, TABLE_HEADER_LEN + (size_t)n_packs * TABLE_PACK_LEN);
	put_le32(p, n_packs);
	put_le32(p + 4, n_frames);
	put_le32(p + 8, n_chunks);
	p += TABLE_HEADER_LEN;
	for (i = 0; i < n_packs; i++, p += TABLE_PACK_LEN) {
		memcpy(p, packs[i].id, OBJECT_ID_LEN);
		put_le64(p + 32, packs[i].size);
		p[40] = packs[i].type;
	}
	for (i = 0; i < n_frames; i++, p += TABLE_FRAME_LEN) {
		put_le32(p, frames[i].pack);
		put_le32(p + 4, frames[i].number);
		put_le64(p + 8, frames[i].offset);
		put_le32(p + 16, frames[i].sealed_len);
		put_le32(p + 20, frames[i].raw_len |
					 (uint32_t)frames[i].compressed << 31);
	}
	for (i = 0; i < n_chunks; i++, p += CHUNK_ID_LEN)
		memcpy(p, chunks[i].id, CHUNK_ID_LEN);
	for (i = 0; i < n_chunks; i++, p += TABLE_LOC_LEN) {
		put_le32(p, chunks[i].frame);
		put_le32(p + 4, chunks[i].offset);
		put_le32(p + 8, chunks[i].len);
	}
	out->len += need;
	return 0;
}

static void table_release(struct table *t)
{
	if (t->mapped)
		munmap((void *)(uintptr_t)t->base, t->len);
	else
		free((void *)(uintptr_t)t->base);
}

void index_release(struct index *ix)
{
	unsigned int i;

	for (i = 0; i < ix->count; i++)
		table_release(&ix->tables[i]);
	free(ix->tables);
	memset(ix, 0, sizeof(*ix));
}

void index_unload(const struct index *ix)
{
	unsigned int i;

	for (i = 0; i < ix->count; i++)
		if (ix->tables[i].mapped)
			madvise((void *)(uintptr_t)ix->tables[i].base,
				ix->tables[i].len, MADV_DONTNEED);
}

int index_add(struct index *ix, struct table t)
{
	if (ix->count == ix->cap) {
		unsigned int cap = ix->cap ? 2 * ix->cap : 8;
		struct table *p = realloc(ix->tables, cap * sizeof(*p));

		if (!p) {
			table_release(&t);
			return -ENOMEM;
		}
		ix->tables = p;
		ix->cap = cap;
	}
	ix->tables[ix->count++] = t;
	return 0;
}

bool index_has(const struct index *ix, const uint8_t id[CHUNK_ID_LEN])
{
	unsigned int i;

	for (i = ix->count; i-- > 0;)
		if (table_find(&ix->tables[i], id) >= 0)
			return true;
	return false;
}

bool index_find(const struct index *ix, const uint8_t id[CHUNK_ID_LEN],
		struct chunk_loc *loc)
{
	unsigned int i;

	for (i = ix->count; i-- > 0;) {
		const struct table *t = &ix->tables[i];
		int64_t pos = table_find(t, id);

		if (pos < 0)
			continue;
		loc->table = i;
		loc->pos = (uint32_t)pos;
		loc->chunk = table_chunk(t, loc->pos);
		loc->frame = table_frame(t, loc->chunk.frame);
		loc->pack = table_pack(t, loc->frame.pack);
		return true;
	}
	return false;
}
