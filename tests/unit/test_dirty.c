/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_dirty.c - sets of changed inodes and blocks.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "track/dirty.h"

#define MIB (1024u * 1024u)

static void add_block(struct dirty *d, uint64_t ino, uint64_t block)
{
	struct dirty_range r = {
		.ino = ino, .region = (uint32_t)(block / DIRTY_REGION_BLOCKS)
	};
	uint64_t bit = block % DIRTY_REGION_BLOCKS;

	r.bits[bit / 64] = 1ull << bit % 64;
	dirty_add_range(d, &r);
}

static void expect(const struct dirty *d, uint64_t ino, uint64_t old_size,
		   uint64_t size, const struct dirty_extent *want, size_t n)
{
	const struct dirty_inode *in = dirty_find(d, ino);
	struct dirty_extent *have;
	size_t got, i;

	assert_non_null(in);
	assert_int_equal(dirty_extents(d, in, old_size, size, &have, &got), 0);
	assert_int_equal(got, n);
	for (i = 0; i < n; i++) {
		assert_int_equal(have[i].from, want[i].from);
		assert_int_equal(have[i].to, want[i].to);
	}
	free(have);
}

static void test_marks_of_one_inode_become_one(void **state)
{
	struct dirty d = { 0 };

	(void)state;
	dirty_add_inode(&d, &(struct dirty_inode){ 7, 100, 1, DIRTY_META });
	dirty_add_inode(&d, &(struct dirty_inode){ 3, 5, 1, DIRTY_DATA });
	dirty_add_inode(&d, &(struct dirty_inode){ 7, 50, 1, DIRTY_DATA });
	dirty_sort(&d);
	assert_int_equal(d.n_inodes, 2);
	assert_int_equal(dirty_find(&d, 7)->min_size, 50);
	assert_int_equal(dirty_find(&d, 7)->flags, DIRTY_META | DIRTY_DATA);
	assert_null(dirty_find(&d, 4));
	dirty_release(&d);
}

static void test_another_generation_is_another_file(void **state)
{
	struct dirty d = { 0 };

	(void)state;
	dirty_add_inode(&d, &(struct dirty_inode){ 7, 100, 1, DIRTY_META });
	dirty_add_inode(&d, &(struct dirty_inode){ 7, 100, 2, DIRTY_META });
	dirty_sort(&d);
	assert_true(dirty_find(&d, 7)->flags & DIRTY_WHOLE);
	dirty_release(&d);
}

static void test_neighbours_are_one_extent(void **state)
{
	struct dirty_extent want[] = { { 4096, 12288 },
				       { MIB - 4096, MIB + 4096 } };
	struct dirty d = { 0 };

	(void)state;
	dirty_add_inode(&d, &(struct dirty_inode){ 7, 4 * MIB, 1, DIRTY_DATA });
	add_block(&d, 7, 2);
	add_block(&d, 7, 1);
	add_block(&d, 7, 255);
	add_block(&d, 7, 256);
	add_block(&d, 8, 0);
	dirty_sort(&d);
	expect(&d, 7, 4 * MIB, 4 * MIB, want, 2);
	dirty_release(&d);
}

static void test_what_is_behind_the_smallest_size_is_changed(void **state)
{
	struct dirty_extent cut[] = { { 4096, 8192 }, { 2 * MIB, 4 * MIB } };
	struct dirty_extent grown[] = { { 4096, 8192 }, { MIB, 4 * MIB } };
	struct dirty_extent shorter[] = { { 4096, 6000 } };
	struct dirty d = { 0 };

	(void)state;
	dirty_add_inode(&d, &(struct dirty_inode){ 7, 2 * MIB, 1, DIRTY_DATA });
	add_block(&d, 7, 1);
	dirty_sort(&d);
	expect(&d, 7, 4 * MIB, 4 * MIB, cut, 2);
	expect(&d, 7, MIB, 4 * MIB, grown, 2);
	expect(&d, 7, 4 * MIB, 6000, shorter, 1);
	dirty_release(&d);
}

static void test_a_whole_file_is_one_extent(void **state)
{
	struct dirty_extent want[] = { { 0, 3000 } };
	struct dirty d = { 0 };

	(void)state;
	dirty_add_inode(&d, &(struct dirty_inode){ 7, 9000, 1, DIRTY_WHOLE });
	add_block(&d, 7, 0);
	dirty_sort(&d);
	expect(&d, 7, 9000, 3000, want, 1);
	expect(&d, 7, 9000, 0, NULL, 0);
	dirty_release(&d);
}

static void test_bytes_of_a_set_are_the_set(void **state)
{
	CLEANUP_BUF struct buf b = BUF_INIT(MIB);
	struct dirty d = { 0 }, same;
	size_t i;

	(void)state;
	dirty_add_inode(&d, &(struct dirty_inode){ 7, 9, 1, DIRTY_DATA });
	add_block(&d, 7, 77);
	dirty_sort(&d);
	assert_int_equal(dirty_encode(&d, &b), 0);
	assert_int_equal(dirty_decode(SPAN_OF(&b), &same), 0);
	assert_int_equal(same.n_inodes, 1);
	assert_int_equal(same.n_ranges, 1);
	assert_false(same.lost);
	dirty_release(&same);
	for (i = 0; i < b.len; i++) { /* any torn byte */
		b.p[i] ^= 0x10;
		assert_int_equal(dirty_decode(SPAN_OF(&b), &same), -EUCLEAN);
		b.p[i] ^= 0x10;
	}
	assert_int_equal(dirty_decode(SPAN(b.p, b.len - 1), &same), -EUCLEAN);
	dirty_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks_of_one_inode_become_one),
		cmocka_unit_test(test_another_generation_is_another_file),
		cmocka_unit_test(test_neighbours_are_one_extent),
		cmocka_unit_test(
			test_what_is_behind_the_smallest_size_is_changed),
		cmocka_unit_test(test_a_whole_file_is_one_extent),
		cmocka_unit_test(test_bytes_of_a_set_are_the_set),
	};

	return cmocka_run_group_tests_name("dirty", tests, NULL, NULL);
}
