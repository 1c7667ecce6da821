/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.h - many small allocations that are freed together.
 *
 * Threads: one at a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/macros.h"

struct arena_block;

struct arena {
	struct arena_block *blocks;
	char *at;
	size_t left;
};

/* n bytes aligned for anything, not zeroed; NULL without memory. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy of n bytes, not aligned. */
void *arena_copy(struct arena *a, const void *p, size_t n);
void arena_release(struct arena *a);

#endif /* BASE_ARENA_H */
