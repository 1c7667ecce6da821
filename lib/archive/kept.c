/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.c - a hash of content maps. Ids are hashes: their first bytes serve.
 */
#include "archive/kept.h"

#include <errno.h>
#include <pthread.h>

#define SLOTS 4096u

struct kept {
	struct kept *next;
	uint8_t id[CHUNK_ID_LEN];
	size_t len;
	uint8_t bytes[];
};

struct kept_maps {
	pthread_mutex_t lock;
	size_t bytes;		   /* guarded by lock */
	struct kept *slots[SLOTS]; /* guarded by lock */
};

int kept_new(struct kept_maps **out)
{
	struct kept_maps *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	pthread_mutex_init(&k->lock, NULL);
	*out = k;
	return 0;
}

void kept_free(struct kept_maps *k)
{
	size_t i;

	if (!k)
		return;
	for (i = 0; i < SLOTS; i++)
		while (k->slots[i]) {
			struct kept *m = k->slots[i];

			k->slots[i] = m->next;
			free(m);
		}
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* lock: held */
static struct kept *find(struct kept_maps *k, const uint8_t id[CHUNK_ID_LEN])
{
	struct kept *m = k->slots[get_le32(id) % SLOTS];

	while (m && memcmp(m->id, id, CHUNK_ID_LEN) != 0)
		m = m->next;
	return m;
}

void kept_add(struct kept_maps *k, const uint8_t id[CHUNK_ID_LEN],
	      struct span bytes)
{
	struct kept **slot = &k->slots[get_le32(id) % SLOTS], *m;

	pthread_mutex_lock(&k->lock);
	m = find(k, id) || k->bytes + bytes.len > KEPT_MAPS_BYTES
		    ? NULL
		    : malloc(sizeof(*m) + bytes.len);
	if (m) {
		memcpy(m->id, id, CHUNK_ID_LEN);
		m->len = bytes.len;
		memcpy(m->bytes, bytes.p, bytes.len);
		m->next = *slot;
		*slot = m;
		k->bytes += bytes.len;
	}
	pthread_mutex_unlock(&k->lock);
}

struct span kept_get(struct kept_maps *k, const uint8_t id[CHUNK_ID_LEN])
{
	const struct kept *m;

	pthread_mutex_lock(&k->lock);
	m = find(k, id);
	pthread_mutex_unlock(&k->lock);
	return m ? SPAN(m->bytes, m->len) : SPAN(NULL, 0);
}
