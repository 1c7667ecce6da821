/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_xattr.c - extended attributes of an inode.
 *
 * Every name is one that setxattr can be given, and the walk ends.
 */
#include <assert.h>

#include "archive/attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader rd = reader_of(SPAN(data, size));
	uint64_t left = rd_varint(&rd), before = left;
	struct span name, value;
	int r;

	while ((r = attr_next_xattr(&rd, &left, &name, &value)) == 1) {
		assert(left == --before);
		assert(name.len >= 1 && name.len <= 255);
		assert(!memchr(name.p, '\0', name.len));
		assert(value.len <= 65536);
	}
	assert(r < 0 || (left == 0 && reader_done(&rd)));
	return 0;
}
