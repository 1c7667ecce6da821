/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.c - a set of 64-bit hashes.
 */
#include "catalog/seen.h"

#include <errno.h>
#include <stdlib.h>

/* Where the hash is, or would be. */
static size_t slot_of(const struct seen *s, uint64_t hash)
{
	size_t at = hash & s->mask;

	while (s->slots[at] && s->slots[at] != hash)
		at = (at + 1) & s->mask;
	return at;
}

static int grow(struct seen *s)
{
	size_t n = s->slots ? 2 * (s->mask + 1) : 1024, i, old = s->mask + 1;
	uint64_t *slots = calloc(n, sizeof(*slots)), *was = s->slots;

	if (!slots)
		return -ENOMEM;
	s->slots = slots;
	s->mask = n - 1;
	for (i = 0; was && i < old; i++)
		if (was[i])
			slots[slot_of(s, was[i])] = was[i];
	free(was);
	return 0;
}

bool seen_has(const struct seen *s, uint64_t hash)
{
	return s->slots && s->slots[slot_of(s, hash)] != 0;
}

int seen_add(struct seen *s, uint64_t hash)
{
	size_t at;

	if (seen_has(s, hash))
		return 0;
	if (!s->slots || 2 * s->n > s->mask) {
		int e = grow(s);

		if (e < 0)
			return e;
	}
	at = slot_of(s, hash);
	s->slots[at] = hash;
	s->n++;
	return 0;
}

void seen_release(struct seen *s)
{
	free(s->slots);
	*s = (struct seen){ 0 };
}
