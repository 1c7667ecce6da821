/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_index.c - tables of chunks: whatever the ids, a lookup finds what is
 * there and nothing else; a table that lies is not a table.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "repo/index.h"
#include "tests/unit/prng.h"

#define PACK_BYTES 1000000u

/* One pack, one frame, n chunks of 10 bytes with these ids. */
static void encode(const uint8_t (*ids)[CHUNK_ID_LEN], uint32_t n,
		   struct buf *out)
{
	struct index_pack pack = { .size = PACK_BYTES,
				   .type = OBJECT_PACK_DATA };
	struct index_frame frame = { .offset = 80,
				     .sealed_len = 5000,
				     .raw_len = 1u << 20,
				     .compressed = true };
	struct index_chunk *chunks = calloc(n + 1, sizeof(*chunks));
	uint32_t i;

	assert_non_null(chunks);
	prng_fill(77, pack.id, sizeof(pack.id));
	for (i = 0; i < n; i++) {
		memcpy(chunks[i].id, ids[i], CHUNK_ID_LEN);
		chunks[i].offset = i % 1000 * 10;
		chunks[i].len = 10;
	}
	assert_int_equal(table_encode(&pack, 1, &frame, 1, chunks, n, out), 0);
	free(chunks);
}

/* The id just before or after, as a number. */
static void step(uint8_t id[CHUNK_ID_LEN], bool up)
{
	int i;

	for (i = CHUNK_ID_LEN - 1; i >= 0; i--) {
		id[i] = (uint8_t)(id[i] + (up ? 1 : -1));
		if (id[i] != (up ? 0 : 0xff))
			break;
	}
}

static bool is_one_of(const uint8_t (*ids)[CHUNK_ID_LEN], uint32_t n,
		      const uint8_t *id)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (!memcmp(ids[i], id, CHUNK_ID_LEN))
			return true;
	return false;
}

/* Every id is found at its place; its neighbours are found if, and only if,
 * they are in the table themselves. */
static void check_ids(const uint8_t (*ids)[CHUNK_ID_LEN], uint32_t n)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(SIZE_MAX);
	uint8_t zeros[CHUNK_ID_LEN] = { 0 }, ones[CHUNK_ID_LEN];
	struct table t;
	uint32_t i;
	int up;

	encode(ids, n, &bytes);
	assert_int_equal(table_parse(SPAN_OF(&bytes), &t), 0);
	assert_int_equal(t.chunks, n);
	for (i = 0; i < n; i++) {
		int64_t at = table_find(&t, ids[i]);
		struct index_chunk c;

		assert_in_range(at, 0, n - 1);
		c = table_chunk(&t, (uint32_t)at);
		assert_memory_equal(c.id, ids[i], CHUNK_ID_LEN);
		assert_int_equal(c.offset, i % 1000 * 10);
		for (up = 0; up < 2 && n <= 1000; up++) {
			uint8_t near[CHUNK_ID_LEN];

			memcpy(near, ids[i], CHUNK_ID_LEN);
			step(near, up);
			assert_int_equal(table_find(&t, near) >= 0,
					 is_one_of(ids, n, near));
		}
	}
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(table_find(&t, zeros) >= 0, is_one_of(ids, n, zeros));
	assert_int_equal(table_find(&t, ones) >= 0, is_one_of(ids, n, ones));
}

static void test_random_ids(void **state)
{
	static const uint32_t sizes[] = { 0,  1,  2,   3,    15,
					  16, 17, 100, 1000, 60000 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		uint8_t(*ids)[CHUNK_ID_LEN] =
			calloc(sizes[i] + 1, CHUNK_ID_LEN);

		assert_non_null(ids);
		prng_fill(i, ids, (size_t)sizes[i] * CHUNK_ID_LEN);
		check_ids((const uint8_t(*)[CHUNK_ID_LEN])ids, sizes[i]);
		free(ids);
	}
}

/* The guess by interpolation is as wrong as it can be: all ids in one corner,
 * or in two, or apart only in their last bytes. */
static void test_adversarial_ids(void **state)
{
	enum { N = 1000 };
	static uint8_t ids[N][CHUNK_ID_LEN];
	uint32_t i, kind;

	(void)state;
	for (kind = 0; kind < 5; kind++) {
		memset(ids, kind == 1 ? 0xff : 0, sizeof(ids));
		for (i = 0; i < N; i++) {
			uint8_t *id = ids[i];

			if (kind == 2) /* half at each end */
				memset(id, i % 2 ? 0xff : 0, CHUNK_ID_LEN);
			if (kind == 3) /* the same eight bytes that count */
				memset(id, 0x80, CHUNK_ID_LEN);
			if (kind == 4 && i < N - 1) /* all but one above */
				memset(id, 0xfe, CHUNK_ID_LEN);
			id[CHUNK_ID_LEN - 2] = (uint8_t)(i >> 8);
			id[CHUNK_ID_LEN - 1] = (uint8_t)i;
		}
		check_ids((const uint8_t(*)[CHUNK_ID_LEN])ids, N);
	}
}

static void test_fields_round_trip(void **state)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(SIZE_MAX);
	struct index_pack packs[2] = {
		{ .size = 1000, .type = OBJECT_PACK_TREE },
		{ .size = PACK_MAX, .type = OBJECT_PACK_DATA }
	};
	struct index_frame frames[2] = {
		{ .pack = 1,
		  .number = 9,
		  .offset = PACK_MAX - FRAME_SEALED_MAX,
		  .sealed_len = FRAME_SEALED_MAX,
		  .raw_len = FRAME_RAW_MAX,
		  .compressed = true },
		{ .pack = 0,
		  .number = 1,
		  .offset = 80,
		  .sealed_len = 100,
		  .raw_len = 84 },
	};
	struct index_chunk chunks[2] = {
		{ .frame = 0,
		  .offset = FRAME_RAW_MAX - CHUNK_MAX,
		  .len = CHUNK_MAX },
		{ .frame = 1, .offset = 84, .len = 0 },
	};
	struct index_frame f;
	struct table t;

	(void)state;
	chunks[0].id[0] = 2;
	chunks[1].id[0] = 1; /* out of order: sorted by the encoder */
	assert_int_equal(table_encode(packs, 2, frames, 2, chunks, 2, &bytes),
			 0);
	assert_int_equal(table_parse(SPAN_OF(&bytes), &t), 0);
	assert_int_equal(table_chunk(&t, 0).id[0], 1);
	assert_int_equal(table_chunk(&t, 1).len, CHUNK_MAX);
	assert_int_equal(table_pack(&t, 1).size, PACK_MAX);
	assert_int_equal(table_pack(&t, 0).type, OBJECT_PACK_TREE);
	f = table_frame(&t, 0);
	assert_int_equal(f.pack, 1);
	assert_int_equal(f.number, 9);
	assert_int_equal(f.raw_len, FRAME_RAW_MAX);
	assert_true(f.compressed);
	assert_false(table_frame(&t, 1).compressed);
}

/* --- tables that lie --- */

#define AT_PACK TABLE_HEADER_LEN
#define AT_FRAME (AT_PACK + TABLE_PACK_LEN)
#define AT_IDS (AT_FRAME + TABLE_FRAME_LEN)
#define AT_LOCS (AT_IDS + 3 * CHUNK_ID_LEN)

/* A sound table of three chunks with 4 (or 8) bytes replaced. */
static int parse_with(size_t at, uint64_t value, int width)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(SIZE_MAX);
	/* What follows the frames would do for one more frame. */
	static const uint8_t ids[3][CHUNK_ID_LEN] = {
		{ [0] = 1, [20] = 0xff, [21] = 0xff },
		{ [0] = 2 },
		{ [0] = 3 },
	};
	struct table t;

	encode(ids, 3, &bytes);
	if (width == 8)
		put_le64(bytes.p + at, value);
	else if (width == 4)
		put_le32(bytes.p + at, (uint32_t)value);
	else
		bytes.p[at] = (uint8_t)value;
	return table_parse(SPAN_OF(&bytes), &t);
}

static void test_hostile_tables(void **state)
{
	static const struct {
		size_t at;
		uint64_t value;
		int width;
		int want;
	} cases[] = {
		/* counts */
		{ 0, 0, 4, -EUCLEAN },
		{ 0, 2, 4, -EUCLEAN },
		{ 0, UINT32_MAX, 4, -EUCLEAN },
		{ 4, UINT32_MAX, 4, -EUCLEAN },
		{ 8, 2, 4, -EUCLEAN },
		{ 8, INDEX_CHUNKS_MAX + 1, 4, -EUCLEAN },
		{ 8, UINT32_MAX, 4, -EUCLEAN },
		{ 12, 1, 4, -EUCLEAN },
		/* packs: too large, of no kind, too small for its frame */
		{ AT_PACK + 32, PACK_MAX, 8, 0 },
		{ AT_PACK + 32, PACK_MAX + 1, 8, -EUCLEAN },
		{ AT_PACK + 40, OBJECT_PACK_TREE, 1, 0 },
		{ AT_PACK + 40, OBJECT_HEAD, 1, -EUCLEAN },
		{ AT_PACK + 40, 0, 1, -EUCLEAN },
		{ AT_PACK + 32, 5080, 8, 0 },
		{ AT_PACK + 32, 5079, 8, -EUCLEAN },
		/* frames: of no pack, beyond it, larger than may be */
		{ AT_FRAME, 1, 4, -EUCLEAN },
		{ AT_FRAME + 8, PACK_BYTES - 5000, 8, 0 },
		{ AT_FRAME + 8, PACK_BYTES - 4999, 8, -EUCLEAN },
		{ AT_FRAME + 8, UINT64_MAX, 8, -EUCLEAN },
		{ AT_FRAME + 8, UINT64_MAX - 2000, 8, -EUCLEAN },
		{ AT_FRAME + 16, FRAME_SEALED_MAX + 1, 4, -EUCLEAN },
		{ AT_FRAME + 20, FRAME_RAW_MAX, 4, 0 },
		{ AT_FRAME + 20, FRAME_RAW_MAX + 1, 4, -EUCLEAN },
		{ AT_FRAME + 20, 29, 4, -EUCLEAN },
		{ AT_FRAME + 20, 30, 4, 0 },
		/* ids: the same twice, out of order */
		{ AT_IDS, 2, 1, -EUCLEAN },
		{ AT_IDS, 3, 1, -EUCLEAN },
		{ AT_IDS + 2 * CHUNK_ID_LEN, 1, 1, -EUCLEAN },
		{ AT_IDS + 2 * CHUNK_ID_LEN, 0xff, 1, 0 },
		/* places: of no frame, beyond it, larger than may be */
		{ AT_LOCS, 1, 4, -EUCLEAN },
		{ AT_LOCS, UINT32_MAX, 4, -EUCLEAN },
		{ AT_LOCS + 4, (1u << 20) - 10, 4, 0 },
		{ AT_LOCS + 4, (1u << 20) - 9, 4, -EUCLEAN },
		{ AT_LOCS + 4, UINT32_MAX, 4, -EUCLEAN },
		{ AT_LOCS + 8, 1u << 20, 4, 0 },
		{ AT_LOCS + 8, (1u << 20) + 1, 4, -EUCLEAN },
		{ AT_LOCS + 8, UINT32_MAX, 4, -EUCLEAN },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		int r = parse_with(cases[i].at, cases[i].value, cases[i].width);

		if (r != cases[i].want)
			print_error("case %zu\n", i);
		assert_int_equal(r, cases[i].want);
	}
}

static void test_every_length_is_refused(void **state)
{
	CLEANUP_BUF struct buf bytes = BUF_INIT(SIZE_MAX);
	static const uint8_t ids[3][CHUNK_ID_LEN] = { { 1 }, { 2 }, { 3 } };
	struct table t;
	size_t len;

	(void)state;
	encode(ids, 3, &bytes);
	for (len = 0; len < bytes.len; len++) {
		/* a copy of its own length, so that asan sees the end */
		uint8_t *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, bytes.p, len);
		assert_int_equal(table_parse(SPAN(copy, len), &t), -EUCLEAN);
		free(copy);
	}
	assert_int_equal(buf_u8(&bytes, 0), 0);
	assert_int_equal(table_parse(SPAN_OF(&bytes), &t), -EUCLEAN);
}

/* --- several tables --- */

static void test_index_of_tables(void **state)
{
	struct index ix = { 0 };
	uint8_t id[CHUNK_ID_LEN];
	struct chunk_loc loc;
	uint64_t i;

	(void)state;
	prng_fill(1, id, sizeof(id));
	assert_false(index_has(&ix, id));
	for (i = 0; i < 20; i++) {
		struct buf bytes = BUF_INIT(SIZE_MAX);
		uint8_t ids[2][CHUNK_ID_LEN];
		struct table t;

		prng_fill(2 * i, ids[0], CHUNK_ID_LEN);
		prng_fill(2 * i + 1, ids[1], CHUNK_ID_LEN);
		encode((const uint8_t(*)[CHUNK_ID_LEN])ids, 2, &bytes);
		assert_int_equal(table_parse(SPAN_OF(&bytes), &t), 0);
		assert_int_equal(index_add(&ix, t), 0); /* owns bytes now */
	}
	for (i = 0; i < 40; i++) {
		prng_fill(i, id, sizeof(id));
		assert_true(index_has(&ix, id));
		assert_true(index_find(&ix, id, &loc));
		assert_int_equal(loc.table, i / 2);
		assert_memory_equal(loc.chunk.id, id, sizeof(id));
		assert_int_equal(loc.chunk.offset, i % 2 * 10);
		assert_int_equal(loc.frame.sealed_len, 5000);
		assert_int_equal(loc.pack.size, PACK_BYTES);
	}
	prng_fill(40, id, sizeof(id));
	assert_false(index_find(&ix, id, &loc));
	index_release(&ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_ids),
		cmocka_unit_test(test_adversarial_ids),
		cmocka_unit_test(test_fields_round_trip),
		cmocka_unit_test(test_hostile_tables),
		cmocka_unit_test(test_every_length_is_refused),
		cmocka_unit_test(test_index_of_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
