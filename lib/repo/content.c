/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c - a file's content as a list of extents.
 *
 * Up to INLINE_MAX extents stand in the directory entry itself. Longer lists
 * are cut into maps, chunks of their own; the cut depends on the last id
 * alone, so a change in the middle of a large file changes one map and not
 * all that follow it.
 */
#include "repo/tree.h"

#include <errno.h>

#define INLINE_MAX 64u
#define MAP_ITEMS_MIN 256u
#define MAP_ITEMS_MAX 4096u

int content_open(struct span encoded, struct content_iter *it)
{
	it->rd = reader_of(encoded);
	it->depth = rd_u8(&it->rd);
	it->left = rd_varint(&it->rd);
	if (it->rd.bad || it->depth > MAP_DEPTH_MAX ||
	    it->left > reader_left(&it->rd))
		return -EUCLEAN;
	return 0;
}

int content_next(struct content_iter *it, struct extent *e)
{
	struct span id = { NULL, 0 };
	uint64_t kind = EXTENT_CHUNK, offset = 0;

	if (it->left == 0)
		return reader_done(&it->rd) ? 0 : -EUCLEAN;
	if (it->depth == 0)
		kind = rd_varint(&it->rd);
	e->len = rd_varint(&it->rd);
	if (kind != EXTENT_HOLE)
		id = rd_take(&it->rd, CHUNK_ID_LEN);
	if (kind == EXTENT_PART)
		offset = rd_varint(&it->rd);
	if (it->rd.bad || kind > EXTENT_PART || e->len == 0 ||
	    offset > CHUNK_MAX ||
	    (it->depth == 0 && kind != EXTENT_HOLE && e->len > CHUNK_MAX))
		return -EUCLEAN;
	e->kind = (enum extent_kind)kind;
	e->id = id.p;
	e->offset = (uint32_t)offset;
	it->left--;
	return 1;
}

void content_builder_init(struct content_builder *b, tree_put_fn *put,
			  void *arg)
{
	int i;

	memset(b, 0, sizeof(*b));
	for (i = 0; i <= MAP_DEPTH_MAX; i++)
		b->items[i] = BUF_INIT(CHUNK_MAX);
	b->put = put;
	b->arg = arg;
}

void content_builder_release(struct content_builder *b)
{
	int i;

	for (i = 0; i <= MAP_DEPTH_MAX; i++)
		buf_release(&b->items[i]);
}

static int encode(uint8_t depth, uint64_t count, const struct buf *items,
		  struct buf *out)
{
	int r = buf_u8(out, depth);

	if (r == 0)
		r = buf_varint(out, count);
	return r < 0 ? r : buf_append(out, items->p, items->len);
}

static int put_ref(struct content_builder *b, unsigned int level, uint64_t len,
		   const uint8_t id[CHUNK_ID_LEN]);

/* Close the open map of a level and refer to it from the level above. */
static int map_close(struct content_builder *b, unsigned int level)
{
	CLEANUP_BUF struct buf map = BUF_INIT(CHUNK_MAX);
	uint8_t id[CHUNK_ID_LEN];
	uint64_t len = b->lens[level];
	int r = encode((uint8_t)level, b->counts[level], &b->items[level],
		       &map);

	if (r == 0)
		r = b->put(b->arg, CHUNK_MAP, SPAN_OF(&map), id);
	if (r < 0)
		return r;
	b->items[level].len = 0;
	b->counts[level] = 0;
	b->lens[level] = 0;
	if (level == MAP_DEPTH_MAX)
		return -EMSGSIZE;
	return put_ref(b, level + 1, len, id);
}

static int maybe_close(struct content_builder *b, unsigned int level,
		       const uint8_t *last_id)
{
	if (b->counts[level] >= MAP_ITEMS_MAX ||
	    (b->counts[level] >= MAP_ITEMS_MIN && last_id && last_id[0] == 0))
		return map_close(b, level);
	return 0;
}

static int put_ref(struct content_builder *b, unsigned int level, uint64_t len,
		   const uint8_t id[CHUNK_ID_LEN])
{
	int r = buf_varint(&b->items[level], len);

	if (r == 0)
		r = buf_append(&b->items[level], id, CHUNK_ID_LEN);
	if (r < 0)
		return r;
	if (b->depth < level)
		b->depth = (uint8_t)level;
	b->counts[level]++;
	b->lens[level] += len;
	return maybe_close(b, level, id);
}

static int put_item(struct content_builder *b, const struct extent *e)
{
	struct buf *items = &b->items[0];
	int r = buf_varint(items, e->kind);

	if (r == 0)
		r = buf_varint(items, e->len);
	if (r == 0 && e->kind != EXTENT_HOLE)
		r = buf_append(items, e->id, CHUNK_ID_LEN);
	if (r == 0 && e->kind == EXTENT_PART)
		r = buf_varint(items, e->offset);
	if (r < 0)
		return r;
	b->counts[0]++;
	b->lens[0] += e->len;
	return maybe_close(b, 0, e->kind == EXTENT_HOLE ? NULL : e->id);
}

static int flush_hole(struct content_builder *b)
{
	struct extent hole = { .kind = EXTENT_HOLE, .len = b->hole };

	if (b->hole == 0)
		return 0;
	b->hole = 0;
	return put_item(b, &hole);
}

int content_builder_add(struct content_builder *b, const struct extent *e)
{
	int r;

	if (e->len == 0)
		return 0;
	if (e->kind == EXTENT_HOLE) {
		b->hole += e->len;
		return 0;
	}
	r = flush_hole(b);
	return r < 0 ? r : put_item(b, e);
}

int content_builder_finish(struct content_builder *b, struct buf *out)
{
	unsigned int level, i;
	int r = flush_hole(b);

	/* Close open maps until what is left fits into the entry. */
	for (level = 0; r == 0; level++) {
		if (level == b->depth && b->counts[level] <= INLINE_MAX)
			break;
		if (b->counts[level] > 0)
			r = map_close(b, level);
	}
	if (r == 0)
		r = encode((uint8_t)level, b->counts[level], &b->items[level],
			   out);
	for (i = 0; i <= MAP_DEPTH_MAX; i++) {
		b->items[i].len = 0;
		b->counts[i] = 0;
		b->lens[i] = 0;
	}
	b->depth = 0;
	b->hole = 0;
	return r;
}
