/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_pack_dir.c - the directory of a pack.
 *
 * Frames lie one after the other, and the chunks of each are as long as the
 * frame: what an index is made from must not point outside.
 */
#include <assert.h>

#include "repo/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const struct pack_frame *f)
{
	struct reader list = reader_of(f->list);
	uint64_t sum = 0, count = 0;
	const uint8_t *id;
	uint32_t len;
	int r;

	assert(f->frame.raw_len <= FRAME_RAW_MAX);
	assert(f->frame.sealed_len <= FRAME_SEALED_MAX);
	while ((r = pack_chunk_next(&list, &id, &len)) == 1) {
		assert(len <= CHUNK_MAX);
		sum += len;
		count++;
	}
	assert(r == 0 && sum == f->frame.raw_len && count == f->chunks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t offset = SEAL_HEADER_LEN;
	struct pack_dir_iter it;
	struct pack_frame f;
	uint32_t number = 0;

	if (pack_dir_open(SPAN(data, size), &it) < 0)
		return 0;
	while (pack_dir_next(&it, &f) == 1) {
		assert(f.frame.number == number++);
		assert(f.frame.offset == offset);
		offset += f.frame.sealed_len;
		check_frame(&f);
	}
	return 0;
}
