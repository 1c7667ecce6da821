/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_seal.c - objects as they come from the store, before any key.
 *
 * The input is given as each type of object. None of it can be authentic:
 * the header's commitment is a MAC that chance does not find. Then one byte
 * of a genuine object is changed, as the input says, and nothing but the
 * genuine object may open.
 */
#include <assert.h>

#include "repo/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not the keys of the corpus. */
static const struct keyring ring = { .count = 2, .master = { { 1 }, { 2 } } };

static void open_as(enum object_type type, struct span object)
{
	CLEANUP_BUF struct buf body = BUF_INIT(1u << 20);
	struct span clear;

	assert(seal_open_object(&ring, type, object, &clear, &body) < 0);
	assert(body.len == 0);
}

static void change_one(const uint8_t *data, size_t size)
{
	CLEANUP_BUF struct buf object = BUF_INIT(1u << 20);
	CLEANUP_BUF struct buf body = BUF_INIT(1u << 20);
	size_t at;

	assert(seal_object(&ring, OBJECT_SNAPSHOT, SPAN(data, size / 2),
			   SPAN(data + size / 2, size - size / 2),
			   &object) == 0);
	at = (data[0] | (size_t)data[1] << 8) % object.len;
	object.p[at] ^= data[2];
	if (data[2])
		open_as(OBJECT_SNAPSHOT, SPAN_OF(&object));
	else
		assert(seal_open_object(&ring, OBJECT_SNAPSHOT,
					SPAN_OF(&object), NULL, &body) == 0 &&
		       body.len == size - size / 2 &&
		       memcmp(body.p, data + size / 2, body.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int type;

	for (type = OBJECT_CONFIG; type <= OBJECT_HEAD; type++)
		open_as((enum object_type)type, SPAN(data, size));
	if (size >= 3)
		change_one(data, size);
	return 0;
}
