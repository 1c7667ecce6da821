/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunkset.h - the chunks a session has added and not yet put in a table.
 *
 * Open addressing over a dense array; ids are MACs, so any eight of their
 * bytes are a hash. Frames are numbered by the session when they are begun
 * and filled in when they are in a pack.
 *
 * Threads: none of its own; the writer's lock guards it.
 */
#ifndef REPO_CHUNKSET_H
#define REPO_CHUNKSET_H

#include "repo/index.h"

#define FRAME_PENDING UINT32_MAX /* index_frame.pack before it is in one */

struct chunkset {
	struct index_chunk *chunks;
	uint32_t count, cap;
	uint32_t *slots; /* position + 1, or 0 */
	uint32_t mask;
};

void chunkset_release(struct chunkset *s);
bool chunkset_has(const struct chunkset *s, const uint8_t id[CHUNK_ID_LEN]);
/* 1 if it was added, 0 if it was there. */
MUST_CHECK int chunkset_add(struct chunkset *s, const struct index_chunk *c);
/* The caller has moved the first `kept` chunks to where they stay. */
MUST_CHECK int chunkset_rebuild(struct chunkset *s, uint32_t kept);

#endif /* REPO_CHUNKSET_H */
