/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_dirty.c - a set of changes, as the daemon hands it over.
 *
 * The input is taken as such bytes, and as entries of which a set is made;
 * that one is encoded, decoded and encoded again, which must give
 * the same, with ranges that are ascending and within the file.
 */
#include <assert.h>

#include "track/dirty.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_extents(const struct dirty *d, const struct dirty_inode *in)
{
	const uint64_t file = in->min_size % (1u << 24);
	struct dirty_extent *x;
	uint64_t at = 0;
	size_t n, i;

	assert(dirty_extents(d, in, file / 2, file, &x, &n) == 0);
	for (i = 0; i < n; i++) {
		assert(x[i].from < x[i].to && x[i].to <= file);
		assert(i == 0 || x[i].from > at);
		at = x[i].to;
	}
	free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_BUF struct buf b = BUF_INIT(1u << 20);
	CLEANUP_BUF struct buf again = BUF_INIT(1u << 20);
	struct dirty plain = { 0 }, d;
	size_t i;

	/* as it comes, and as one that was made of the same entries */
	if (dirty_decode(SPAN(data, size), &d) == 0)
		dirty_release(&d);
	for (i = 0; i + sizeof(struct dirty_inode) <= size && i < 4096;
	     i += sizeof(struct dirty_inode)) {
		struct dirty_inode in;
		struct dirty_range r = { 0 };

		memcpy(&in, data + i, sizeof(in));
		in.ino %= 8;
		dirty_add_inode(&plain, &in);
		r.ino = in.ino;
		r.region = in.generation % 16;
		r.bits[0] = in.min_size;
		r.bits[3] = in.ino * in.flags;
		dirty_add_range(&plain, &r);
	}
	dirty_sort(&plain);
	assert(dirty_encode(&plain, &b) == 0);
	assert(dirty_decode(SPAN_OF(&b), &d) == 0);
	assert(dirty_encode(&d, &again) == 0);
	assert(again.len == b.len && memcmp(again.p, b.p, b.len) == 0);
	for (i = 0; i < d.n_inodes; i++) {
		assert(dirty_find(&d, d.inodes[i].ino) == &d.inodes[i]);
		check_extents(&d, &d.inodes[i]);
	}
	dirty_release(&d);
	dirty_release(&plain);
	return 0;
}
