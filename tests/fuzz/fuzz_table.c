/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_table.c - a table of the index.
 *
 * Of an accepted table every chunk is found by its id, every position it
 * leads to exists, and every frame is inside its pack. Encoded again it is
 * the same.
 */
#include <assert.h>

#include "repo/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_chunk(const struct table *t, uint32_t pos)
{
	struct index_chunk c = table_chunk(t, pos);
	struct index_frame f;
	struct index_pack p;

	assert(table_find(t, c.id) == pos);
	assert(c.frame < t->frames);
	f = table_frame(t, c.frame);
	assert(c.offset <= f.raw_len && c.len <= f.raw_len - c.offset);
	assert(f.raw_len <= FRAME_RAW_MAX && f.pack < t->packs);
	p = table_pack(t, f.pack);
	assert(f.sealed_len <= p.size && f.offset <= p.size - f.sealed_len);
	c.id[CHUNK_ID_LEN - 1] ^= 1;
	assert(table_find(t, c.id) != pos);
}

static void encode_again(const struct table *t)
{
	CLEANUP_BUF struct buf out = BUF_INIT(1u << 20);
	CLEANUP_FREE struct index_pack *packs =
		calloc(t->packs + 1u, sizeof(*packs));
	CLEANUP_FREE struct index_frame *frames =
		calloc(t->frames + 1u, sizeof(*frames));
	CLEANUP_FREE struct index_chunk *chunks =
		calloc(t->chunks + 1u, sizeof(*chunks));
	struct table same;
	uint32_t i;

	assert(packs && frames && chunks);
	for (i = 0; i < t->packs; i++)
		packs[i] = table_pack(t, i);
	for (i = 0; i < t->frames; i++)
		frames[i] = table_frame(t, i);
	for (i = 0; i < t->chunks; i++)
		chunks[i] = table_chunk(t, i);
	assert(table_encode(packs, t->packs, frames, t->frames, chunks,
			    t->chunks, &out) == 0);
	assert(out.len == t->len);
	assert(table_parse(SPAN_OF(&out), &same) == 0);
	assert(same.chunks == t->chunks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct table t;
	uint8_t id[CHUNK_ID_LEN] = { 0 };
	uint32_t i;

	if (table_parse(SPAN(data, size), &t) < 0)
		return 0;
	for (i = 0; i < t.chunks; i++)
		check_chunk(&t, i);
	for (i = 0; i < 256; i++) {
		id[0] = (uint8_t)i;
		assert(table_find(&t, id) < (int64_t)t.chunks);
	}
	encode_again(&t);
	return 0;
}
