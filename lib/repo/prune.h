/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.h - freeing what no snapshot needs.
 *
 * The order: what is live in packs of which too much is dead is copied to
 * new packs; new index objects list live chunks and nothing else; a new head
 * names them, and dooms every object that is to go; only then are those
 * removed. Killed anywhere, the repository is whole, and the next prune
 * finishes. Backups and readers may run all the while.
 *
 * The index lists live chunks only, always: a writer that finds a tree there
 * takes it that all the tree refers to is there as well.
 *
 * Errors:  logged. -EBUSY: another maintenance runs (not logged), or others
 *          kept committing (logged); -EINTR: stopped; nothing is lost.
 * Source:  docs/commit.pml.
 */
#ifndef REPO_PRUNE_H
#define REPO_PRUNE_H

#include "repo/mark.h"
#include "repo/repo.h"

struct prune_options {
	bool dry_run;
	double max_unused;   /* share of the repository that may stay dead */
	uint64_t max_repack; /* bytes of packs to copy at most */
	int level;	     /* of what is compressed again */
	mark_stop_fn *stop;  /* polled; may be NULL */
	void *arg;
	/* Leave out these snapshots, as if they were forgotten (dry runs). */
	const struct idlist *without;
};

struct prune_stats {
	uint64_t packs, bytes;		       /* before */
	uint64_t packs_removed, bytes_removed; /* with nothing live */
	uint64_t packs_repacked, bytes_repacked;
	uint64_t packs_orphaned, bytes_orphaned; /* of dead sessions */
	uint64_t bytes_unused;			 /* dead bytes that stay */
	uint64_t bytes_stored;			 /* new packs */
	uint64_t bytes_freed; /* all removed but what was stored anew */
	uint64_t chunks_live, chunks_dead;
	uint64_t objects_deleted;
	bool busy_writers; /* so orphans were left alone */
	bool committed;
};

MUST_CHECK int repo_prune(struct repo *r, const struct prune_options *opt,
			  struct prune_stats *stats);

#endif /* REPO_PRUNE_H */
