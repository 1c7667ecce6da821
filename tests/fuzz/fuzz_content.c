/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_content.c - a file's list of extents.
 *
 * No extent is empty or, where it is a chunk, longer than one; what is
 * accepted goes through the builder and is as long as before.
 */
#include <assert.h>

#include "repo/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int put(void *arg, enum chunk_kind kind, struct span bytes,
	       uint8_t id[CHUNK_ID_LEN])
{
	(void)arg;
	assert(kind == CHUNK_MAP && bytes.len > 0);
	memset(id, 1, CHUNK_ID_LEN);
	return 0;
}

static uint64_t total(struct span content, struct content_builder *b)
{
	struct content_iter it;
	struct extent e;
	uint64_t sum = 0;

	if (content_open(content, &it) < 0)
		return 0;
	assert(it.depth <= MAP_DEPTH_MAX);
	while (content_next(&it, &e) == 1) {
		assert(e.len > 0 && e.kind <= EXTENT_PART);
		assert(e.kind == EXTENT_HOLE || e.id);
		if (it.depth == 0 && e.kind != EXTENT_HOLE)
			assert(e.len <= CHUNK_MAX && e.offset <= CHUNK_MAX);
		sum += e.len;
		if (b && it.depth == 0)
			assert(content_builder_add(b, &e) == 0);
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_BUF struct buf again = BUF_INIT(CHUNK_MAX);
	struct content_builder b;
	uint64_t sum;

	content_builder_init(&b, put, NULL);
	sum = total(SPAN(data, size), &b);
	assert(content_builder_finish(&b, &again) == 0);
	if (size > 0 && data[0] == 0)
		assert(total(SPAN_OF(&again), NULL) == sum);
	content_builder_release(&b);
	return 0;
}
