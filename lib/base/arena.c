/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.c - bump allocation in blocks that grow with use.
 */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#define BLOCK_FIRST 4096
#define BLOCK_LARGEST 262144

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(16) char bytes[];
};

static void *take(struct arena *a, size_t n)
{
	void *p;

	if (n > a->left) {
		size_t size = a->blocks ? a->blocks->size * 2 : BLOCK_FIRST;
		struct arena_block *b;

		size = MIN(size, (size_t)BLOCK_LARGEST);
		size = MAX(size, n + 16);
		b = malloc(sizeof(*b) + size);
		if (!b)
			return NULL;
		b->next = a->blocks;
		b->size = size;
		a->blocks = b;
		a->at = b->bytes;
		a->left = size;
	}
	p = a->at;
	a->at += n;
	a->left -= n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	size_t pad = -(uintptr_t)a->at & 15;
	char *p;

	if (pad <= a->left) {
		a->at += pad;
		a->left -= pad;
	}
	p = take(a, (n + 15) & ~(size_t)15);
	return p;
}

void *arena_copy(struct arena *a, const void *p, size_t n)
{
	void *to = take(a, n ? n : 1);

	if (to && n)
		memcpy(to, p, n);
	return to;
}

void arena_release(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	memset(a, 0, sizeof(*a));
}
