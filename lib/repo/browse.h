/* SPDX-License-Identifier: Apache-2.0 */
/*
 * browse.h - directories and file contents, read from the repository.
 *
 * Errors:  as repo_chunk_get(), logged; -EUCLEAN (logged) for a structure
 *          that is authentic but wrong.
 * Memory:  what tree_dir_next() yields is valid until the next call or
 *          tree_dir_close(). A tree_dir holds copies, not frames of the
 *          reader's cache, which has few: any number may be open.
 * Threads: one per repo_reader.
 */
#ifndef REPO_BROWSE_H
#define REPO_BROWSE_H

#include "repo/repo.h"
#include "repo/tree.h"

/* A directory being listed: its leaves, one after the other. */
struct tree_dir {
	struct repo_reader *rr;
	uint8_t id[CHUNK_ID_LEN];
	struct buf root_bytes, leaf_bytes;
	struct tree_part root; /* split directories */
	struct tree_part part; /* the leaf at hand: for tree_owner_name() */
	bool in_leaf;
};

/* Begin at the first entry; close d in every case. */
MUST_CHECK int tree_dir_open(struct repo_reader *rr,
			     const uint8_t id[CHUNK_ID_LEN],
			     struct tree_dir *d);
/* 1 and the next entry (raw may be NULL), 0 at the end. */
MUST_CHECK int tree_dir_next(struct tree_dir *d, struct node *n,
			     struct span *raw);
/* Go to the entry name: 1, or 0 if there is none. d must be fresh. */
MUST_CHECK int tree_dir_find(struct tree_dir *d, struct span name,
			     struct node *n);
void tree_dir_close(struct tree_dir *d);

/* The node at path ("a/b", no leading slash needed; "" is not a node) below
 * the tree id. d is left open at its directory, for its part and memory;
 * close it in every case. 0, or -ENOENT or -ENOTDIR (not logged). */
MUST_CHECK int tree_lookup(struct repo_reader *rr,
			   const uint8_t id[CHUNK_ID_LEN], struct span path,
			   struct tree_dir *d, struct node *n);

/* Called for each extent of a file in order, with its offset in the file.
 * A non-zero return ends the walk and is returned. */
typedef int content_fn(void *arg, uint64_t offset, const struct extent *e);
/* Walk content, through its maps. The extents add up to size or the result
 * is -EUCLEAN. */
MUST_CHECK int content_walk(struct repo_reader *rr, struct span content,
			    uint64_t size, content_fn *fn, void *arg);
/* Called for each map of a content, before what is in it. */
typedef int content_map_fn(void *arg, const uint8_t id[CHUNK_ID_LEN]);
MUST_CHECK int content_walk_maps(struct repo_reader *rr, struct span content,
				 uint64_t size, content_map_fn *map,
				 content_fn *fn, void *arg);

#endif /* REPO_BROWSE_H */
