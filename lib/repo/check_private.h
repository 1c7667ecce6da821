/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_private.h - what the files of the check share.
 *
 * check.c: the driver; heads, keys, snapshots, indexes. check_pack.c: packs
 * and their content. check_tree.c: what snapshots reach. check_hurt.c: the
 * snapshots that are not whole. check_report.c: problems.
 */
#ifndef REPO_CHECK_PRIVATE_H
#define REPO_CHECK_PRIVATE_H

#include <pthread.h>

#include "base/pool.h"
#include "repo/check.h"
#include "repo/pack.h"
#include "repo/tree.h"

struct check_pack {
	struct index_pack pack;
	uint64_t expected; /* chunks that the index has in it */
	bool missing;
	bool read; /* chosen for read_data */
};

/* One table, and a bit for each of its chunks. */
struct check_table {
	uint64_t *seen;	 /* atomic: tree or map on its way or done */
	uint64_t *bad;	 /* atomic: known not to be readable */
	uint32_t *packs; /* positions in check.packs */
};

/* A content map that was found good. */
struct check_map {
	uint64_t key; /* table, position, depth; 0: free */
	uint64_t len; /* bytes of the file that it covers */
};

struct check {
	struct repo *repo;
	const struct check_options *opt;
	struct check_report *rep;
	struct index index; /* the tables that could be loaded */
	struct check_table *tables;
	struct check_pack *packs; /* sorted by id */
	uint32_t n_packs;
	uint8_t (*roots)[CHUNK_ID_LEN]; /* as head.snapshots; with has_root */
	bool *has_root;
	struct pool *pool;
	int error; /* atomic: the check itself failed */

	pthread_mutex_t lock;
	struct check_map *maps;	   /* guarded by lock */
	uint64_t n_maps, cap_maps; /* guarded by lock */
};

/* A directory on the way from a snapshot's root; the root has no name. */
struct check_dir {
	struct check_dir *parent;
	unsigned int refs; /* atomic */
	uint32_t snapshot; /* position in the head's list */
	size_t len;
	uint8_t name[];
};

/* Add to the problem of (object, name), or make it. at NULL: no place; leaf
 * is a name in at. Threads: any. */
void check_problem(struct check *c, enum check_object object, const char *name,
		   const struct check_dir *at, struct span leaf,
		   const char *fmt, ...) PRINTF_LIKE(6, 7);
#define CHECK_NOWHERE NULL, SPAN(NULL, 0)

/* Remember that the check itself failed. */
void check_fail(struct check *c, int err);
/* True when the work is to end. */
bool check_stopped(struct check *c);

static inline bool check_bit(const uint64_t *bits, uint32_t pos)
{
	return __atomic_load_n(&bits[pos / 64], __ATOMIC_RELAXED) >> pos % 64 &
	       1;
}

/* Set the bit; true if it was not set before. */
static inline bool check_bit_set(uint64_t *bits, uint32_t pos)
{
	uint64_t bit = 1ull << pos % 64;

	return !(__atomic_fetch_or(&bits[pos / 64], bit, __ATOMIC_RELAXED) &
		 bit);
}

static inline void check_count(uint64_t *n, uint64_t by)
{
	__atomic_fetch_add(n, by, __ATOMIC_RELAXED);
}

/* check_pack.c: existence and size of the packs; what is stray. */
MUST_CHECK int check_packs(struct check *c);
/* Read the chosen share of the packs; what is bad gets its bit. */
MUST_CHECK int check_data(struct check *c);

/* check_tree.c */
MUST_CHECK int check_trees(struct check *c);

/* check_hurt.c: after all others; which snapshots are not whole. */
MUST_CHECK int check_hurt(struct check *c);

#endif /* REPO_CHECK_PRIVATE_H */
