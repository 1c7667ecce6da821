/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountlinks.h - how many names each inode of a snapshot has.
 *
 * A tree's entry only says that there was more than one. tar, for one,
 * forgets an inode when it has met as many names as there should be, so the
 * number must be that of the names in the snapshot.
 *
 * Threads: a table does not change once it is made.
 */
#ifndef TOOLS_MOUNTLINKS_H
#define TOOLS_MOUNTLINKS_H

#include "repo/repo.h"

struct mountlinks;

/* Read all of the tree. Costs 24 bytes for each inode of several names. */
MUST_CHECK int mountlinks_new(struct repo_reader *rr,
			      const uint8_t tree[CHUNK_ID_LEN],
			      struct mountlinks **out);
/* NULL is allowed. */
void mountlinks_free(struct mountlinks *t);
/* At least 1. */
uint32_t mountlinks_count(const struct mountlinks *t, uint64_t fsid,
			  uint64_t ino);

#endif /* TOOLS_MOUNTLINKS_H */
