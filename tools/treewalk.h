/* SPDX-License-Identifier: Apache-2.0 */
/*
 * treewalk.h - all entries below a directory of a snapshot, one by one.
 *
 * A walk has no recursion and no limit on the length of a path; what it
 * holds is one leaf of each directory that it is in.
 *
 * Errors:  as repo_chunk_get(), logged; -EUCLEAN (logged) for a structure
 *          that is authentic but wrong.
 * Memory:  a node is valid until the next call for the same walk.
 * Threads: one per repo_reader.
 */
#ifndef TOOLS_TREEWALK_H
#define TOOLS_TREEWALK_H

#include "repo/browse.h"

struct treewalk {
	struct repo_reader *rr;
	struct tree_dir *levels;
	size_t *lens; /* of the path of each level's directory */
	size_t depth, cap;
	struct buf path; /* of the entry at hand: "/a/b" */
	bool enter;	 /* it is a directory, to be entered next */
	uint8_t tree[CHUNK_ID_LEN];
	unsigned int damaged; /* directories that could not be read */
};

#define CLEANUP_TREEWALK CLEANUP(treewalk_close)

/* path: of the directory id, with or without slashes around it; "" is the
 * root. Close w in every case. */
MUST_CHECK int treewalk_open(struct treewalk *w, struct repo_reader *rr,
			     const uint8_t id[CHUNK_ID_LEN], struct span path);
/* 1 and the next entry, a directory before what is in it; 0 at the end. A
 * directory below the first that cannot be read is logged, counted in
 * w->damaged and passed over. */
MUST_CHECK int treewalk_next(struct treewalk *w, struct node *n);
/* Do not enter the directory that treewalk_next() gave. */
void treewalk_skip(struct treewalk *w);
/* The part that the entry at hand stands in: for tree_owner_name(). */
const struct tree_part *treewalk_part(const struct treewalk *w);
/* w may be all zeros. */
void treewalk_close(struct treewalk *w);

/* Replace what follows the first len bytes of path by "/name". */
MUST_CHECK int treewalk_join(struct buf *path, size_t len, struct span name);
/* "/a//b/" as "/a/b", "/" and "" as "". */
MUST_CHECK int treewalk_clean(struct span text, struct buf *path);

#endif /* TOOLS_TREEWALK_H */
