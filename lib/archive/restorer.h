/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restorer.h - a snapshot's tree back into a file system.
 *
 * Directories are walked top down on several threads, their files written
 * as they come, and each directory's own attributes set when nothing in it
 * is left to do. The walk has the archiver's order, so that files that
 * share a frame are restored near each other.
 *
 * Confinement: every object is reached by one name, without a slash, from a
 * directory that was opened from its parent in the same way, and no link is
 * ever followed. What stands in the way and is of another type is removed,
 * never written through. A directory with content is removed only with
 * delete_extra.
 *
 * Crashes: a small new file is created under its own name, written at once
 * and closed; everything else gets a temporary name first (".tidemark-*")
 * and its own when it is whole. One exception: a large file that exists and
 * has no second name is patched in place, block by block, which needs no
 * second copy's room. In each case a second run with if-changed finds what
 * is right, and does the rest; of a large file it takes up the temporary
 * one. Nothing is synced: what was restored is as durable as what cp wrote.
 *
 * Owners are set by number, as tar and rsync do with --numeric-ids: names
 * may mean others here, and a system being rebuilt has no names yet.
 *
 * With a scope (restore_scope.h) only what changed since the snapshot is
 * looked at; the result is the same. What delete_extra would remove and is
 * older than the snapshot stays: the backup has left it out.
 *
 * A directory that the backup could not read all of is named, and nothing is
 * removed in it: what its tree lacks may be there with good reason.
 *
 * What needs a privilege that the caller lacks, or that the file system
 * cannot keep, is counted by kind (restore_lost) and the rest is restored.
 *
 * Errors:  restorer_run() fails (negative errno, logged) when nothing more
 *          can be restored: the target is full or read-only. What goes wrong
 *          with one entry is told to on_error and counted.
 * Memory:  options are borrowed until restorer_free().
 * Threads: restorer_progress() from any, at any time. The process's umask
 *          is 0 during restorer_run().
 */
#ifndef ARCHIVE_RESTORER_H
#define ARCHIVE_RESTORER_H

#include "archive/archiver.h"
#include "archive/filter.h"
#include "archive/restore_scope.h"
#include "repo/repo.h"
#include "repo/tree.h"

enum restore_overwrite {
	RESTORE_REFUSE,	    /* what exists is an error */
	RESTORE_ALWAYS,	    /* written anew */
	RESTORE_IF_CHANGED, /* compared, and made right */
	RESTORE_IF_NEWER,   /* the same, if the snapshot's mtime is newer */
	RESTORE_NEVER,	    /* left alone */
};

enum restore_action {
	RESTORE_CREATED,
	RESTORE_UPDATED,
	RESTORE_UNCHANGED, /* content and type were right already */
	RESTORE_SKIPPED,   /* by the overwrite policy */
	RESTORE_DELETED,
};

/* What could not be kept for want of privilege or support. */
enum restore_lost {
	LOST_OWNER,
	LOST_XATTR,
	LOST_DEVICE,
	LOST_FLAGS,
	LOST_KINDS,
};

struct restore_progress {
	uint64_t files, dirs, others; /* restored or found right */
	uint64_t bytes;		      /* content of those files */
	uint64_t bytes_open;	      /* the same of files not yet finished */
	uint64_t bytes_written;
	uint64_t files_unchanged, skipped, deleted, verified;
	uint64_t left;	  /* with a scope: came since the snapshot, and stays */
	uint64_t partial; /* not captured cleanly when backed up */
	uint64_t errors;
	uint64_t lost[LOST_KINDS];
};

struct restorer_options {
	const struct filter *include, *exclude; /* may be NULL */
	enum restore_overwrite overwrite;
	bool delete_extra, dry_run, owner, xattrs;
	unsigned int threads; /* 0: one a processor */
	/* The snapshot's paths: the directories above them hold more than
	 * the snapshot does, so nothing is removed there. */
	char *const *sources;
	size_t n_sources;
	/* Never removed: the repository and its cache. */
	const struct archive_skip *skips;
	size_t n_skips;
	/* What has to be looked at; NULL: everything. Needs sources. Not with
	 * include. */
	const struct restore_scope *scope;
	/* path is borrowed, as in the snapshot; err a negative errno. Any
	 * thread. */
	void (*on_error)(void *arg, const char *path, int err,
			 const char *during);
	/* May be NULL. */
	void (*on_item)(void *arg, const char *path, enum restore_action what,
			uint64_t size);
	/* May be NULL. Asked often, by any thread: end the run soon? */
	bool (*is_stopped)(void);
	void *arg;
};

struct restore_what {
	uint8_t tree[CHUNK_ID_LEN]; /* a directory: its entries are restored */
	const char *prefix;	    /* its path in the snapshot; "" the root */
	const struct node *self;    /* its attributes; NULL: has none */
	struct span only;	    /* this entry alone, if not empty */
	int target; /* open directory, borrowed; -1 if absent in a dry run */
	bool target_is_new;
};

struct restorer;

MUST_CHECK int restorer_new(struct repo *repo,
			    const struct restorer_options *opt,
			    struct restorer **out);
void restorer_free(struct restorer *r);
/* -ECANCELED if it was stopped. */
MUST_CHECK int restorer_run(struct restorer *r,
			    const struct restore_what *what);
/* Read back what restorer_run() restored and compare it with the snapshot;
 * what differs is told to on_error. Files that were skipped are left out as
 * far as their mtime tells. */
MUST_CHECK int restorer_verify(struct restorer *r,
			       const struct restore_what *what);
void restorer_progress(struct restorer *r, struct restore_progress *out);

#endif /* ARCHIVE_RESTORER_H */
