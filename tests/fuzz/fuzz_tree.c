/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tree.c - a part of a directory.
 *
 * An accepted entry has a name that can be one, comes after the one before
 * it, and encodes to the same bytes: one tree has one encoding, or ids would
 * not tell what is equal.
 */
#include <assert.h>

#include "repo/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_node(const struct tree_part *p, const struct node *n,
		       struct span raw)
{
	CLEANUP_BUF struct buf again = BUF_INIT(CHUNK_MAX);

	assert(n->name.len >= 1 && n->name.len <= NAME_BYTES_MAX);
	assert(!memchr(n->name.p, '/', n->name.len));
	assert(!memchr(n->name.p, '\0', n->name.len));
	assert(n->mode <= 07777 && n->mtime.nsec < 1000000000);
	assert(n->type >= NODE_FILE && n->type <= NODE_BLOCK);
	assert(n->target.len <= SYMLINK_BYTES_MAX);
	(void)tree_owner_name(p, false, n->uid);
	(void)tree_owner_name(p, true, n->gid);
	assert(tree_entry_encode(n, &again) == 0);
	assert(again.len == raw.len && !memcmp(again.p, raw.p, raw.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tree_leaf_ref leaf;
	struct tree_part p;
	struct span raw;
	struct node n;

	if (tree_part_open(SPAN(data, size), &p) < 0)
		return 0;
	if (p.split) {
		assert(tree_next(&p, &n, &raw) < 0);
		while (tree_next_leaf(&p, &leaf) == 1)
			assert(leaf.id && leaf.first.len <= NAME_BYTES_MAX);
		return 0;
	}
	assert(tree_next_leaf(&p, &leaf) < 0);
	while (tree_next(&p, &n, &raw) == 1)
		check_node(&p, &n, raw);
	return 0;
}
