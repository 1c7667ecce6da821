/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mark.h - which chunks the snapshots need.
 *
 * A walk over trees, content maps and files' extents, each chunk once, by
 * several threads. One bit for each chunk of the index; a chunk that several
 * tables list is marked where index_find() finds it, and there alone.
 *
 * Errors:  logged; -ENOENT: a chunk or its pack is missing, logged unless it
 *          is the pack; -EUCLEAN: a tree is wrong; -EINTR: stopped.
 * Memory:  ix is borrowed until live_release().
 * Threads: live_has() and live_mark() from any.
 */
#ifndef REPO_MARK_H
#define REPO_MARK_H

#include "repo/repo.h"

struct live {
	const struct index *ix;
	uint64_t **bits; /* by table */
};

MUST_CHECK int live_init(struct live *l, const struct index *ix);
void live_release(struct live *l);

static inline bool live_has(const struct live *l, unsigned int table,
			    uint32_t pos)
{
	return l->bits[table][pos / 64] >> pos % 64 & 1;
}

/* Polled now and then: true ends the walk. */
typedef bool mark_stop_fn(void *arg);

/* Mark all that the trees ids refer to, themselves included. */
MUST_CHECK int live_mark_trees(struct repo *r, struct live *l,
			       const struct idlist *trees, mark_stop_fn *stop,
			       void *arg);

#endif /* REPO_MARK_H */
