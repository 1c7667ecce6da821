/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_btrfs.c - points of btrfs as they are kept, and words for what is
 * scanned. What needs a file system is in tests/e2e/btrfs.bats.
 */
#include "track/btrfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "track/kinds.h"

/* n witnesses, the newest first, `each` of a transaction. */
static void fill(struct btrfs_point *p, uint32_t n, uint32_t each)
{
	uint32_t i;

	memset(p, 0, sizeof(*p));
	memset(p->fs, 1, sizeof(p->fs));
	memset(p->subvol, 2, sizeof(p->subvol));
	memset(p->boot, 3, sizeof(p->boot));
	p->subvol_id = 256;
	p->otransid = 7;
	p->transid = 1000;
	p->before = 997;
	p->mount_id = 1ull << 40;
	p->since = 10;
	p->n_witnesses = n;
	for (i = 0; i < n; i++)
		p->witnesses[i] =
			(struct btrfs_witness){ .ino = 300 + i,
						.transid = 1000 - i / each,
						.ctime_ns = i * 1000000007ull };
}

static void test_a_point_comes_back(void **state)
{
	struct btrfs_point was, now;
	CLEANUP_BUF struct buf b = BUF_INIT(BTRFS_POINT_MAX);
	struct reader rd;
	size_t len;

	(void)state;
	fill(&was, BTRFS_WITNESSES, 5);
	assert_int_equal(btrfs_point_encode(&was, &b), 0);
	rd = reader_of(SPAN_OF(&b));
	assert_int_equal(btrfs_point_decode(&rd, &now), 0);
	assert_true(reader_done(&rd));
	assert_memory_equal(&was, &now, sizeof(was));
	for (len = 0; len < b.len; len += 13) {
		rd = reader_of(SPAN(b.p, len));
		assert_int_equal(btrfs_point_decode(&rd, &now), -EUCLEAN);
	}
}

static void test_too_many_witnesses_are_no_point(void **state)
{
	struct btrfs_point p;
	CLEANUP_BUF struct buf b = BUF_INIT(2 * BTRFS_POINT_MAX);
	struct reader rd;

	(void)state;
	fill(&p, 0, 1);
	p.n_witnesses = 0;
	assert_int_equal(btrfs_point_encode(&p, &b), 0);
	put_le32(b.p + b.len - 4, BTRFS_WITNESSES + 1);
	assert_int_equal(buf_fill(&b, 0, BTRFS_POINT_MAX), 0);
	rd = reader_of(SPAN_OF(&b));
	assert_int_equal(btrfs_point_decode(&rd, &p), -EUCLEAN);
}

/* All of a transaction or none: since is where they are complete from. */
static void test_trimmed_by_transactions(void **state)
{
	struct btrfs_point p;

	(void)state;
	fill(&p, 20, 5);
	btrfs_point_trim(&p, 20);
	assert_int_equal(p.n_witnesses, 20);
	assert_int_equal(p.since, 10);
	btrfs_point_trim(&p, 13);
	assert_int_equal(p.n_witnesses, 10);
	assert_int_equal(p.since, 998);
	btrfs_point_trim(&p, 4);
	assert_int_equal(p.n_witnesses, 0);
	assert_int_equal(p.since, 1000);
}

static void test_kinds_have_words(void **state)
{
	(void)state;
	assert_non_null(kind_why_not("tmpfs"));
	assert_non_null(kind_why_not("nfs4"));
	assert_non_null(kind_why_not("fuse.sshfs"));
	assert_non_null(kind_why_not("fuse"));
	assert_non_null(kind_why_not("btrfs"));
	assert_null(kind_why_not("ext4"));
	assert_null(kind_why_not("xfs"));
	assert_null(kind_why_not("fused"));
	assert_non_null(kind_why_scanned("/proc"));
	assert_non_null(kind_why_scanned("/nowhere/at/all"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_point_comes_back),
		cmocka_unit_test(test_too_many_witnesses_are_no_point),
		cmocka_unit_test(test_trimmed_by_transactions),
		cmocka_unit_test(test_kinds_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
