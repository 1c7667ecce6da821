/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_chunk.c - lib/chunk against its contract, and against a plain and
 * slow statement of the same rule.
 *
 * The keyed function here is a mixing step of splitmix64: the chunker only
 * needs a function, the real one is tested where it lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chunk/chunk.h"
#include "tests/unit/prng.h"

#define KIB ((size_t)1024)
#define CUTS_MAX 4096

struct cuts {
	size_t at[CUTS_MAX]; /* ends of chunks */
	size_t count;
};

struct keyed {
	uint64_t key;
	uint64_t calls;
};

static uint64_t mix(void *arg, uint64_t x)
{
	struct keyed *k = arg;
	uint64_t s = x ^ k->key;

	k->calls++;
	return prng_next(&s);
}

static void params_init(struct chunk_params *p, struct keyed *k, uint64_t seed)
{
	prng_fill(seed, p->gear, sizeof(p->gear));
	k->key = seed * 77;
	k->calls = 0;
	p->prf = mix;
	p->prf_arg = k;
	p->min = 16 * KIB;
	p->avg = 80 * KIB;
	p->max = 256 * KIB;
}

static uint8_t *random_data(uint64_t seed, size_t len)
{
	uint8_t *p = malloc(len);

	assert_non_null(p);
	prng_fill(seed, p, len);
	return p;
}

static void cut_all(const struct chunk_params *p, const uint8_t *data,
		    size_t len, struct cuts *out)
{
	size_t at = 0, n;

	for (out->count = 0; at < len; at += n) {
		struct chunk_state s = { 0, 0 };

		n = chunk_cut(p, &s, data + at, len - at, true);
		assert_true(n > 0 && n <= len - at);
		assert_true(out->count < CUTS_MAX);
		out->at[out->count++] = at + n;
	}
}

static void assert_same_cuts(const struct cuts *a, const struct cuts *b)
{
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->at, b->at, a->count * sizeof(a->at[0]));
}

/* The rule, word by word: the first length from min to max at which the hash
 * of the last 64 bytes has 12 zero high bits and the keyed function agrees. */
static size_t reference_cut(const struct chunk_params *p, const uint8_t *data,
			    size_t len)
{
	uint64_t one_of = (p->avg - p->min) / 4096;
	size_t n, i;

	for (n = p->min; n < p->max && n <= len; n++) {
		uint64_t h = 0;

		for (i = n < 64 ? 0 : n - 64; i < n; i++)
			h = (h << 1) + p->gear[data[i]];
		if (h >> 52 == 0 && p->prf(p->prf_arg, h) % one_of == 0)
			return n;
	}
	return MIN(len, (size_t)p->max);
}

static void test_cuts_where_the_rule_says(void **state)
{
	const uint32_t mins[] = { 1, 10, 63, 64, 65, 66, 4096, 16384 };
	const size_t len = 1536 * KIB;
	CLEANUP_FREE uint8_t *data = random_data(1, len);
	struct chunk_params p;
	struct keyed k;
	size_t at, i, n;

	(void)state;
	params_init(&p, &k, 2);
	for (i = 0; i < ARRAY_LEN(mins); i++) {
		p.min = mins[i];
		p.avg = p.min + 64 * KIB;
		for (at = 0; at < len; at += n) {
			struct chunk_state s = { 0, 0 };

			n = chunk_cut(&p, &s, data + at, len - at, true);
			assert_int_equal(n, reference_cut(&p, data + at,
							  len - at));
		}
	}
}

static void test_chunks_keep_their_bounds(void **state)
{
	const size_t len = 32768 * KIB;
	CLEANUP_FREE uint8_t *data = random_data(3, len);
	struct chunk_params p;
	size_t from = 0, at_max = 0, i;
	struct cuts cuts;
	struct keyed k;

	(void)state;
	params_init(&p, &k, 4);
	cut_all(&p, data, len, &cuts);
	for (i = 0; i < cuts.count; i++) {
		size_t n = cuts.at[i] - from;

		assert_true(n <= p.max);
		assert_true(n >= p.min || i + 1 == cuts.count);
		at_max += n == p.max;
		from = cuts.at[i];
	}
	assert_true(at_max > 0); /* else max was not tried */
}

/* 16 + 64 (1 - e^(-240/64)) = 78.5 KiB is expected, the maximum cutting off
 * the tail. 400 chunks have a standard error of 3 KiB. */
static void test_chunks_have_about_the_average(void **state)
{
	const size_t len = 32768 * KIB;
	CLEANUP_FREE uint8_t *data = random_data(5, len);
	struct chunk_params p;
	struct cuts cuts;
	struct keyed k;
	size_t mean;

	(void)state;
	params_init(&p, &k, 6);
	cut_all(&p, data, len, &cuts);
	mean = len / cuts.count;
	print_message("# mean %zu bytes, %zu chunks\n", mean, cuts.count);
	assert_in_range(mean, 70 * KIB, 87 * KIB);
	/* And the keyed function was asked about one byte in 4096 of those
	 * past min. */
	assert_in_range(k.calls, 5000, 8192);
}

static void test_cuts_do_not_depend_on_delivery(void **state)
{
	const size_t len = 4096 * KIB, pieces[] = { 7, 1000, 50000, 300000 };
	CLEANUP_FREE uint8_t *data = random_data(7, len);
	struct cuts whole, cuts;
	struct chunk_params p;
	uint64_t rng = 8;
	struct keyed k;
	size_t i;

	(void)state;
	params_init(&p, &k, 9);
	cut_all(&p, data, len, &whole);
	for (i = 0; i < ARRAY_LEN(pieces); i++) {
		size_t at = 0, have = 0, n;
		struct chunk_state s = { 0, 0 };

		cuts.count = 0;
		while (at < len) {
			n = chunk_cut(&p, &s, data + at, have - at,
				      have == len);
			if (n) {
				at += n;
				cuts.at[cuts.count++] = at;
				s = (struct chunk_state){ 0, 0 };
			} else {
				have += 1 + prng_next(&rng) % pieces[i];
				have = MIN(have, len);
			}
		}
		assert_same_cuts(&cuts, &whole);
	}
}

/* Byte by byte, over the places where a mistake by one would hide. */
static void test_cuts_do_not_depend_on_single_bytes(void **state)
{
	const size_t len = 1024 * KIB;
	CLEANUP_FREE uint8_t *data = random_data(10, len);
	size_t at = 0, have, want, n;
	struct chunk_params p;
	struct keyed k;

	(void)state;
	params_init(&p, &k, 11);
	for (; at + p.max <= len; at += want) {
		struct chunk_state s = { 0, 0 };
		struct chunk_state t = { 0, 0 };

		want = chunk_cut(&p, &s, data + at, len - at, true);
		for (have = 0; have < want; have++) {
			n = chunk_cut(&p, &t, data + at, have, false);
			assert_int_equal(n, 0);
		}
		assert_int_equal(chunk_cut(&p, &t, data + at, want, false),
				 want);
	}
}

static size_t common(const struct cuts *a, const struct cuts *b, size_t shift)
{
	size_t i = 0, j = 0, n = 0;

	while (i < a->count && j < b->count) {
		if (a->at[i] + shift == b->at[j]) {
			n++;
			i++;
			j++;
		} else if (a->at[i] + shift < b->at[j]) {
			i++;
		} else {
			j++;
		}
	}
	return n;
}

/* The end of the data is common to all; else next to nothing may be. */
static void test_another_key_cuts_elsewhere(void **state)
{
	const size_t len = 16384 * KIB;
	CLEANUP_FREE uint8_t *data = random_data(12, len);
	struct cuts one, two, again;
	struct chunk_params p, q;
	struct keyed k, l;

	(void)state;
	params_init(&p, &k, 13);
	cut_all(&p, data, len, &one);
	cut_all(&p, data, len, &again);
	assert_same_cuts(&one, &again);
	params_init(&q, &l, 14);
	cut_all(&q, data, len, &two); /* table and function differ */
	assert_true(common(&one, &two, 0) <= 3);
	q = p;
	q.prf_arg = &l;
	cut_all(&q, data, len, &two); /* the function alone */
	assert_true(common(&one, &two, 0) < one.count / 4);
	params_init(&q, &l, 14);
	q.prf_arg = &k;
	cut_all(&q, data, len, &two); /* the table alone */
	assert_true(common(&one, &two, 0) <= 3);
}

static void test_cuts_return_after_an_insertion(void **state)
{
	const size_t len = 8192 * KIB, room = 100;
	CLEANUP_FREE uint8_t *data = random_data(15, len + room);
	struct cuts before, after;
	struct chunk_params p;
	struct keyed k;
	size_t n, same;

	(void)state;
	params_init(&p, &k, 16);
	cut_all(&p, data + room, len, &before);
	for (n = 1; n <= room; n += 11) {
		cut_all(&p, data + room - n, len + n, &after);
		same = common(&before, &after, n);
		assert_true(same + 12 >= before.count);
		assert_int_equal(before.at[before.count - 2] + n,
				 after.at[after.count - 2]);
	}
}

static void test_a_short_stream_is_one_chunk(void **state)
{
	const size_t sizes[] = { 1, 63, 64, 16383 };
	CLEANUP_FREE uint8_t *data = random_data(17, 16384);
	struct chunk_params p;
	struct keyed k;
	size_t i;

	(void)state;
	params_init(&p, &k, 18);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		struct chunk_state s = { 0, 0 };

		assert_int_equal(chunk_cut(&p, &s, data, sizes[i], false), 0);
		assert_int_equal(chunk_cut(&p, &s, data, sizes[i], true),
				 sizes[i]);
	}
	assert_int_equal(
		chunk_cut(&p, &(struct chunk_state){ 0, 0 }, data, 0, true), 0);
}

/* One byte repeated: one hash everywhere, so either each position is a cut
 * or none is. */
static void test_repeated_bytes_give_min_or_max(void **state)
{
	const size_t len = 1024 * KIB;
	CLEANUP_FREE uint8_t *data = malloc(len);
	struct chunk_params p;
	struct keyed k;
	size_t n;
	int byte;

	(void)state;
	params_init(&p, &k, 19);
	for (byte = 0; byte < 256; byte += 5) {
		struct chunk_state s = { 0, 0 };

		memset(data, byte, len);
		n = chunk_cut(&p, &s, data, len, false);
		assert_true(n == p.min || n == p.max);
	}
	/* Words of 0 hash to 0, which is nominated everywhere. */
	memset(p.gear, 0, sizeof(p.gear));
	for (k.key = 0; k.key < 200; k.key++) {
		struct chunk_state s = { 0, 0 };

		n = chunk_cut(&p, &s, data, len, false);
		assert_int_equal(n, mix(&k, 0) % 16 ? p.max : p.min);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts_where_the_rule_says),
		cmocka_unit_test(test_chunks_keep_their_bounds),
		cmocka_unit_test(test_chunks_have_about_the_average),
		cmocka_unit_test(test_cuts_do_not_depend_on_delivery),
		cmocka_unit_test(test_cuts_do_not_depend_on_single_bytes),
		cmocka_unit_test(test_another_key_cuts_elsewhere),
		cmocka_unit_test(test_cuts_return_after_an_insertion),
		cmocka_unit_test(test_a_short_stream_is_one_chunk),
		cmocka_unit_test(test_repeated_bytes_give_min_or_max),
	};

	return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
