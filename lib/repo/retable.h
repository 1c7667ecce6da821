/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retable.h - index tables made anew from parts of others.
 *
 * Chunks are added table by table; whenever INDEX_CHUNKS_TARGET of them have
 * come together, an index object is stored. A chunk that was added twice is
 * listed once in each object.
 *
 * Errors:  as repo_store_table(); -ENOMEM.
 * Memory:  a table is borrowed from retable_begin() to the next one or the
 *          end; some 60 bytes a chunk of one object.
 * Threads: one.
 */
#ifndef REPO_RETABLE_H
#define REPO_RETABLE_H

#include "repo/repo.h"

struct retable {
	struct repo *repo;
	struct idlist *out; /* the objects stored */
	struct index_pack *packs;
	struct index_frame *frames;
	struct index_chunk *chunks;
	uint32_t n_packs, n_frames, n_chunks;
	uint32_t cap_packs, cap_frames, cap_chunks;
	/* the table at hand, and where its frames and packs are here */
	const struct table *table;
	uint32_t *frame_of, *pack_of;
};

/* out gets the ids of what is stored. */
void retable_init(struct retable *rt, struct repo *r, struct idlist *out);
void retable_release(struct retable *rt);
MUST_CHECK int retable_begin(struct retable *rt, const struct table *t);
/* Add the chunk at pos of the table at hand. */
MUST_CHECK int retable_add(struct retable *rt, uint32_t pos);
/* Store what has come together. */
MUST_CHECK int retable_flush(struct retable *rt);

#endif /* REPO_RETABLE_H */
