/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunkset.c - hash set of new chunks.
 */
#include "repo/chunkset.h"

#include <errno.h>

void chunkset_release(struct chunkset *s)
{
	free(s->chunks);
	free(s->slots);
	memset(s, 0, sizeof(*s));
}

static uint32_t *slot_of(const struct chunkset *s, const uint8_t *id)
{
	uint32_t i = (uint32_t)get_le64(id + 8) & s->mask;

	while (s->slots[i] &&
	       memcmp(s->chunks[s->slots[i] - 1].id, id, CHUNK_ID_LEN) != 0)
		i = (i + 1) & s->mask;
	return &s->slots[i];
}

bool chunkset_has(const struct chunkset *s, const uint8_t id[CHUNK_ID_LEN])
{
	return s->count && *slot_of(s, id);
}

static int rehash(struct chunkset *s, uint32_t n_slots)
{
	uint32_t *slots = calloc(n_slots, sizeof(*slots));
	uint32_t i;

	if (!slots)
		return -ENOMEM;
	free(s->slots);
	s->slots = slots;
	s->mask = n_slots - 1;
	for (i = 0; i < s->count; i++)
		*slot_of(s, s->chunks[i].id) = i + 1;
	return 0;
}

static int grow(struct chunkset *s)
{
	uint32_t cap = s->cap ? s->cap * 2 : 256;
	struct index_chunk *p;

	if (cap > INDEX_CHUNKS_MAX * 2)
		return -EMSGSIZE;
	p = realloc(s->chunks, (size_t)cap * sizeof(*p));
	if (!p)
		return -ENOMEM;
	s->chunks = p;
	s->cap = cap;
	return rehash(s, cap * 2);
}

int chunkset_add(struct chunkset *s, const struct index_chunk *c)
{
	uint32_t *slot;
	int e = s->count == s->cap ? grow(s) : 0;

	if (e < 0)
		return e;
	slot = slot_of(s, c->id);
	if (*slot)
		return 0;
	s->chunks[s->count++] = *c;
	*slot = s->count;
	return 1;
}

int chunkset_rebuild(struct chunkset *s, uint32_t kept)
{
	s->count = kept;
	return s->slots ? rehash(s, s->mask + 1) : 0;
}
