/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_frame.c - a zstd frame that must decode to exactly so many bytes.
 *
 * The first two bytes are the length that the index promises. The room is
 * exactly that long, which asan watches. What is accepted decodes to the
 * same bytes again.
 */
#include <assert.h>
#include <stdlib.h>

#include "compress/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct decompressor *decoder;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE uint8_t *out = NULL, *again = NULL;
	struct span in;
	size_t len;

	if (size < 2)
		return 0;
	if (!decoder && decompressor_new(&decoder) < 0)
		return 0;
	len = get_le16(data);
	in = SPAN(data + 2, size - 2);
	out = malloc(len + !len);
	again = malloc(len + !len);
	assert(out && again);
	if (decompress_frame(decoder, in, out, len) < 0)
		return 0;
	assert(decompress_frame(decoder, in, again, len) == 0);
	assert(memcmp(out, again, len) == 0);
	if (len > 0)
		assert(decompress_frame(decoder, in, again, len - 1) < 0);
	return 0;
}
