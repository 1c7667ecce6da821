/* SPDX-License-Identifier: Apache-2.0 */
/*
 * private.h - what the files of this room share about struct repo.
 *
 * repo.c: open, head, commit. tables.c: index objects and their cache.
 * reader.c: frames and chunks. slots.c: passphrases.
 */
#ifndef REPO_PRIVATE_H
#define REPO_PRIVATE_H

#include <pthread.h>

#include "repo/repo.h"

struct frame_cache;

struct repo {
	struct store *store;
	struct config config;
	struct buf config_bytes;
	struct keyring *ring; /* secret_alloc() */
	char slot[STORE_NAME_MAX + 1];
	char *state_dir;       /* NULL: none */
	uint8_t cache_key[32]; /* MACs of cached tables */

	pthread_rwlock_t lock;
	struct head head;     /* guarded by lock */
	struct index index;   /* guarded by lock */
	bool index_loaded;    /* guarded by lock */
	unsigned int lookups; /* atomic: see let_go() in tables.c */
	unsigned int relying; /* guarded by lock: sessions that look up here */
	/* guarded by lock: tables that went away while a session relied on
	 * them and whose chunks are not all listed by the tables since */
	uint64_t losses;

	struct frame_cache *frames;
};

/* Fetch all tables of the head that are not there yet. lock: held, write. */
MUST_CHECK int tables_load(struct repo *r);
/* lock: held. */
bool table_is_loaded(const struct repo *r, const uint8_t id[OBJECT_ID_LEN]);
/* Make the tables those of the head, and note what was lost by that. lock:
 * held, write. */
MUST_CHECK int tables_follow(struct repo *r);

MUST_CHECK int frame_cache_new(struct frame_cache **out);
void frame_cache_free(struct frame_cache *c);

/* Try pass on every slot; ring and the slot's name are set. */
MUST_CHECK int slots_unlock(struct repo *r, struct span pass);

#endif /* REPO_PRIVATE_H */
