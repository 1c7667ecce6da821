/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_head.c - heads and snapshots.
 *
 * Both are authenticated, so the input is sealed first, as one who has the
 * key could: what is looked for is in the decoder behind. The first byte
 * chooses between the two. What is accepted is encoded and decoded again and
 * must be the same.
 */
#include <assert.h>

#include "repo/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct keyring ring = { .count = 1 };

static void head(struct span body)
{
	CLEANUP_BUF struct buf object = BUF_INIT(HEAD_MAX);
	CLEANUP_BUF struct buf again = BUF_INIT(HEAD_MAX);
	struct head h, same;

	assert(seal_object(&ring, OBJECT_HEAD, SPAN(NULL, 0), body, &object) ==
	       0);
	if (head_decode(&ring, SPAN_OF(&object), 1, &h) < 0)
		return;
	assert(h.counter == 1);
	assert(head_encode(&ring, &h, &again) == 0);
	assert(again.len == object.len);
	assert(head_decode(&ring, SPAN_OF(&again), 1, &same) == 0);
	assert(same.snapshots.count == h.snapshots.count);
	assert(same.indexes.count == h.indexes.count);
	assert(same.doomed.count == h.doomed.count);
	head_release(&same);
	head_release(&h);
}

static void snapshot(struct span body)
{
	CLEANUP_BUF struct buf object = BUF_INIT(SNAPSHOT_MAX);
	CLEANUP_BUF struct buf again = BUF_INIT(SNAPSHOT_MAX);
	struct idlist none = { 0 };
	struct snapshot s, same;

	assert(seal_object(&ring, OBJECT_SNAPSHOT, SPAN(NULL, 0), body,
			   &object) == 0);
	if (snapshot_decode(&ring, SPAN_OF(&object), &s) < 0)
		return;
	assert(snapshot_encode(&ring, &s, &none, &again) == 0);
	assert(snapshot_decode(&ring, SPAN_OF(&again), &same) == 0);
	assert(same.n_paths == s.n_paths && same.n_tags == s.n_tags);
	assert(strcmp(same.host, s.host) == 0);
	assert(memcmp(&same.stats, &s.stats, sizeof(s.stats)) == 0);
	snapshot_release(&same);
	snapshot_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		snapshot(SPAN(data + 1, size - 1));
	else
		head(SPAN(data + 1, size - 1));
	return 0;
}
