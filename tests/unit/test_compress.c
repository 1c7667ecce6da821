/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_compress.c - lib/compress against its contract.
 *
 * Output of decompress_frame() ends at a page that may not be touched, and
 * begins after bytes that are looked at: a write past either end shows.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "compress/compress.h"
#include "tests/unit/prng.h"

#define KIB ((size_t)1024)
#define BEFORE 64
#define MARK 0xa5

struct fixture {
	struct compressor *c;
	struct decompressor *d;
	uint8_t *map; /* room, then one page without access */
	size_t room;
	size_t page;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->page = (size_t)sysconf(_SC_PAGESIZE);
	assert_int_equal(compressor_new(3, &f->c), 0);
	assert_int_equal(decompressor_new(&f->d), 0);
	f->room = 2048 * KIB;
	f->map = mmap(NULL, f->room + f->page, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(f->map != MAP_FAILED);
	assert_int_equal(mprotect(f->map + f->room, f->page, PROT_NONE), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	munmap(f->map, f->room + f->page);
	compressor_free(f->c);
	decompressor_free(f->d);
	free(f);
	return 0;
}

/* Decompress against the forbidden page; *out is where it went. */
static int open_guarded(struct fixture *f, struct span frame, size_t raw_len,
			uint8_t **out)
{
	uint8_t *p = f->map + f->room - raw_len;
	size_t i;
	int r;

	memset(p - BEFORE, MARK, BEFORE);
	r = decompress_frame(f->d, frame, p, raw_len);
	for (i = 1; i <= BEFORE; i++)
		assert_int_equal(*(p - i), MARK);
	if (out)
		*out = p;
	return r;
}

/* Words from a small list: compresses, but not to nothing. */
static void fill_text(uint64_t seed, uint8_t *out, size_t len)
{
	static const char *const words[] = { "struct", "return", "static",
					     "int",    "while",	 "buffer",
					     "length", "-EINVAL" };
	const char *w = "";
	size_t i;

	for (i = 0; i < len; i++) {
		if (*w == '\0') {
			w = words[prng_next(&seed) % ARRAY_LEN(words)];
			out[i] = ' ';
		} else {
			out[i] = (uint8_t)*w++;
		}
	}
}

static void assert_round_trip(struct fixture *f, struct compressor *c,
			      struct span raw)
{
	size_t room = compress_bound(raw.len);
	CLEANUP_FREE uint8_t *frame = malloc(room);
	uint8_t *out;
	size_t len;

	assert_non_null(frame);
	assert_int_equal(compress_frame(c, raw, frame, room, &len), 0);
	assert_true(len <= room);
	assert_int_equal(open_guarded(f, SPAN(frame, len), raw.len, &out), 0);
	assert_true(raw.len == 0 || memcmp(out, raw.p, raw.len) == 0);
}

static void test_round_trip_of_every_kind_and_size(void **state)
{
	const size_t sizes[] = { 0,	    1,	       2,
				 3,	    100,       4096,
				 64 * KIB,  128 * KIB, 512 * KIB + 7,
				 1536 * KIB };
	CLEANUP_FREE uint8_t *raw = malloc(1536 * KIB);
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		memset(raw, 0, sizes[i]);
		assert_round_trip(f, f->c, SPAN(raw, sizes[i]));
		fill_text(i, raw, sizes[i]);
		assert_round_trip(f, f->c, SPAN(raw, sizes[i]));
		prng_fill(i, raw, sizes[i]);
		assert_round_trip(f, f->c, SPAN(raw, sizes[i]));
	}
}

static void test_round_trip_at_every_level(void **state)
{
	CLEANUP_FREE uint8_t *raw = malloc(300 * KIB);
	struct fixture *f = *state;
	struct compressor *c;
	int level;

	fill_text(1, raw, 200 * KIB);
	prng_fill(2, raw + 200 * KIB, 100 * KIB);
	for (level = 1; level <= COMPRESS_LEVEL_MAX; level++) {
		assert_int_equal(compressor_new(level, &c), 0);
		assert_round_trip(f, c, SPAN(raw, 300 * KIB));
		assert_round_trip(f, c, SPAN(raw, 1000));
		compressor_free(c);
	}
}

static void test_other_levels_are_refused(void **state)
{
	struct compressor *c = NULL;

	(void)state;
	assert_int_equal(compressor_new(COMPRESS_OFF, &c), -EINVAL);
	assert_int_equal(compressor_new(-1, &c), -EINVAL);
	assert_int_equal(compressor_new(COMPRESS_LEVEL_MAX + 1, &c), -EINVAL);
	assert_null(c);
	compressor_free(NULL);
	decompressor_free(NULL);
}

/* RFC 8878, 3.1.1: magic; then bits 7-6 say how long the content size is,
 * bit 5 single segment, bit 2 checksum, bits 1-0 dictionary. */
static void test_frame_has_its_size_and_no_checksum(void **state)
{
	const size_t sizes[] = { 0, 1, 300, 70000, 512 * KIB };
	CLEANUP_FREE uint8_t *raw = calloc(1, 512 * KIB);
	struct fixture *f = *state;
	uint8_t frame[1024];
	size_t i, len;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(compress_frame(f->c, SPAN(raw, sizes[i]),
						f->map, f->room, &len),
				 0);
		assert_true(len <= sizeof(frame));
		memcpy(frame, f->map, len);
		assert_int_equal(get_le32(frame), 0xfd2fb528);
		assert_int_equal(frame[4] & 0x07, 0);
		assert_true((frame[4] & 0xe0) != 0);
	}
}

static void test_a_frame_does_not_depend_on_the_one_before(void **state)
{
	CLEANUP_FREE uint8_t *raw = malloc(400 * KIB);
	CLEANUP_FREE uint8_t *first = malloc(compress_bound(400 * KIB));
	struct fixture *f = *state;
	size_t first_len, len;
	int i;

	fill_text(3, raw, 400 * KIB);
	assert_int_equal(compress_frame(f->c, SPAN(raw, 400 * KIB), first,
					compress_bound(400 * KIB), &first_len),
			 0);
	for (i = 0; i < 5; i++) {
		assert_int_equal(compress_frame(f->c,
						SPAN(raw, (size_t)i * 999),
						f->map, f->room, &len),
				 0);
		compress_is_futile(f->c, SPAN(raw, 400 * KIB));
		assert_int_equal(compress_frame(f->c, SPAN(raw, 400 * KIB),
						f->map, f->room, &len),
				 0);
		assert_int_equal(len, first_len);
		assert_memory_equal(f->map, first, len);
	}
}

static void test_too_little_room_is_an_error(void **state)
{
	uint8_t raw[1000], out[100];
	struct fixture *f = *state;
	size_t len = 77;

	prng_fill(4, raw, sizeof(raw));
	assert_int_equal(compress_frame(f->c, SPAN(raw, sizeof(raw)), out,
					sizeof(out), &len),
			 -EINVAL);
	assert_int_equal(len, 77);
	assert_round_trip(f, f->c, SPAN(raw, sizeof(raw)));
}

struct small {
	uint8_t raw[2000];
	uint8_t frame[2200];
	size_t len;
};

static void small_frame(struct fixture *f, struct small *s)
{
	fill_text(5, s->raw, 1500);
	prng_fill(6, s->raw + 1500, 500);
	assert_int_equal(compress_frame(f->c, SPAN(s->raw, sizeof(s->raw)),
					s->frame, sizeof(s->frame), &s->len),
			 0);
}

static void test_another_size_than_promised_is_refused(void **state)
{
	const size_t wrong[] = { 0, 1, 1999, 2001, 4000, 100000 };
	struct fixture *f = *state;
	struct small s;
	size_t i;

	small_frame(f, &s);
	for (i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(open_guarded(f, SPAN(s.frame, s.len), wrong[i],
					      NULL),
				 -EUCLEAN);
	assert_int_equal(
		open_guarded(f, SPAN(s.frame, s.len), sizeof(s.raw), NULL), 0);
}

static void test_a_truncated_frame_is_refused(void **state)
{
	struct fixture *f = *state;
	struct small s;
	size_t len;

	small_frame(f, &s);
	for (len = 0; len < s.len; len++) {
		/* Its own memory, so that asan sees a read past the end. */
		CLEANUP_FREE uint8_t *part = malloc(len + 1);

		memcpy(part + 1, s.frame, len);
		assert_int_equal(open_guarded(f, SPAN(part + 1, len),
					      sizeof(s.raw), NULL),
				 -EUCLEAN);
	}
}

/* A flipped literal is not zstd's to notice, so 0 is a fair answer too; but
 * nothing is written where it does not belong, and the context survives. */
static void test_a_flipped_bit_writes_nothing_outside(void **state)
{
	struct fixture *f = *state;
	CLEANUP_FREE uint8_t *copy = NULL;
	struct small s;
	size_t bit;
	uint8_t *out;
	int r;

	small_frame(f, &s);
	copy = malloc(s.len);
	for (bit = 0; bit < s.len * 8; bit++) {
		memcpy(copy, s.frame, s.len);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = open_guarded(f, SPAN(copy, s.len), sizeof(s.raw), NULL);
		assert_true(r == 0 || r == -EUCLEAN);
	}
	assert_int_equal(
		open_guarded(f, SPAN(s.frame, s.len), sizeof(s.raw), &out), 0);
	assert_memory_equal(out, s.raw, sizeof(s.raw));
}

static void test_only_one_plain_frame_is_a_frame(void **state)
{
	const uint8_t with_size[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x03,
				      0x19, 0x00, 0x00, 'a',  'b',  'c' };
	const uint8_t no_size[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00,
				    0x19, 0x00, 0x00, 'a',  'b',  'c' };
	const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0 };
	const uint8_t old_v07[] = { 0x27, 0xb5, 0x2f, 0xfd, 0x20, 0x03,
				    0x19, 0x00, 0x00, 'a',  'b',  'c' };
	uint8_t twice[sizeof(with_size) * 2 + 1] = { 0 };
	struct fixture *f = *state;
	uint8_t *out;

	assert_int_equal(open_guarded(f, SPAN(with_size, 12), 3, &out), 0);
	assert_memory_equal(out, "abc", 3);
	assert_int_equal(open_guarded(f, SPAN(no_size, 12), 3, NULL), -EUCLEAN);
	assert_int_equal(open_guarded(f, SPAN(skippable, 8), 0, NULL),
			 -EUCLEAN);
	assert_int_equal(open_guarded(f, SPAN(old_v07, 12), 3, NULL), -EUCLEAN);
	memcpy(twice, with_size, 12);
	assert_int_equal(open_guarded(f, SPAN(twice, 13), 3, NULL), -EUCLEAN);
	memcpy(twice + 12, with_size, 12);
	assert_int_equal(open_guarded(f, SPAN(twice, 24), 3, NULL), -EUCLEAN);
	assert_int_equal(open_guarded(f, SPAN(twice, 24), 6, NULL), -EUCLEAN);
	assert_int_equal(open_guarded(f, SPAN(NULL, 0), 0, NULL), -EUCLEAN);
}

static void test_random_data_is_futile(void **state)
{
	const size_t sizes[] = { 128 * KIB, 512 * KIB, 1024 * KIB };
	CLEANUP_FREE uint8_t *raw = malloc(1024 * KIB);
	struct fixture *f = *state;
	uint64_t seed;
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		for (seed = 0; seed < 50; seed++) {
			prng_fill(seed, raw, sizes[i]);
			assert_true(
				compress_is_futile(f->c, SPAN(raw, sizes[i])));
		}
	}
}

static void test_what_compresses_is_not_futile(void **state)
{
	CLEANUP_FREE uint8_t *raw = malloc(512 * KIB);
	struct fixture *f = *state;
	size_t i;

	memset(raw, 0, 512 * KIB);
	assert_false(compress_is_futile(f->c, SPAN(raw, 512 * KIB)));
	fill_text(7, raw, 512 * KIB);
	assert_false(compress_is_futile(f->c, SPAN(raw, 512 * KIB)));
	/* Random, but base64's alphabet: a quarter can be saved. */
	prng_fill(8, raw, 512 * KIB);
	for (i = 0; i < 512 * KIB; i++)
		raw[i] = (uint8_t)(' ' + raw[i] % 64);
	assert_false(compress_is_futile(f->c, SPAN(raw, 512 * KIB)));
	/* Half text, half random, either way round. */
	prng_fill(9, raw, 256 * KIB);
	assert_false(compress_is_futile(f->c, SPAN(raw, 512 * KIB)));
	fill_text(9, raw, 256 * KIB);
	prng_fill(9, raw + 256 * KIB, 256 * KIB);
	assert_false(compress_is_futile(f->c, SPAN(raw, 512 * KIB)));
}

/* A compressed file's header compresses; its body does not. */
static void test_a_compressible_header_does_not_mislead(void **state)
{
	CLEANUP_FREE uint8_t *raw = malloc(512 * KIB);
	struct fixture *f = *state;

	prng_fill(10, raw, 512 * KIB);
	memset(raw, 0, 8 * KIB);
	assert_true(compress_is_futile(f->c, SPAN(raw, 512 * KIB)));
}

static void test_short_input_is_just_tried(void **state)
{
	struct fixture *f = *state;
	uint8_t raw[5000];

	prng_fill(11, raw, sizeof(raw));
	assert_false(compress_is_futile(f->c, SPAN(raw, sizeof(raw))));
	assert_false(compress_is_futile(f->c, SPAN(NULL, 0)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip_of_every_kind_and_size),
		TEST(test_round_trip_at_every_level),
		TEST(test_other_levels_are_refused),
		TEST(test_frame_has_its_size_and_no_checksum),
		TEST(test_a_frame_does_not_depend_on_the_one_before),
		TEST(test_too_little_room_is_an_error),
		TEST(test_another_size_than_promised_is_refused),
		TEST(test_a_truncated_frame_is_refused),
		TEST(test_a_flipped_bit_writes_nothing_outside),
		TEST(test_only_one_plain_frame_is_a_frame),
		TEST(test_random_data_is_futile),
		TEST(test_what_compresses_is_not_futile),
		TEST(test_a_compressible_header_does_not_mislead),
		TEST(test_short_input_is_just_tried),
	};

	return cmocka_run_group_tests_name("compress", tests, NULL, NULL);
}
