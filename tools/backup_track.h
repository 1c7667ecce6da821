/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_track.h - a backup asks what changed.
 *
 * For each file system of the sources that tidemarkd tracks, the epoch is
 * turned; if the catalog's token and the daemon agree that nothing can have
 * been missed, the walk looks only at what the tracker names. btrfs is asked
 * itself, without the daemon. What nobody vouches for is scanned, and the
 * result says why.
 *
 * Errors:  negative errno, logged; that there is no daemon is none.
 * Memory:  freed by track_end(), before the catalog is closed.
 */
#ifndef TOOLS_BACKUP_TRACK_H
#define TOOLS_BACKUP_TRACK_H

#include "archive/archiver.h"

struct track;

struct track_options {
	struct archiver *archiver;
	struct catalog *catalog;
	const struct filter *filter;
	bool one_file_system;
	bool differs; /* an option that a record does not tell is given */
	bool scan;    /* look at everything, but remember where it began */
	const uint8_t *consumer; /* SHA256_LEN: repository and sources */
};

/* Before archiver_run(). */
MUST_CHECK int track_begin(const struct track_options *opt, struct track **out);
/* After archiver_run(), if there is to be another one: what it found is what
 * the next compares with. */
MUST_CHECK int track_settle(struct track *t);
/*
 * The same backup looks once more, at what changed since last was begun: *out
 * is for archiver, and what is committed in the end. last stays as it is; its
 * archiver and it may be freed then. -ESTALE: it cannot be told what changed,
 * why gets why not.
 */
MUST_CHECK int track_again(struct track *last, struct archiver *archiver,
			   struct track **out, char *why, size_t size);
typedef int track_place_fn(void *arg, const char *path, bool is_tracked);
/* Each file system of the sources, by a path on it, and whether the daemon
 * tracks it; ends with a result that is not 0, and returns it. t may be NULL. */
int track_places(const struct track *t, track_place_fn *fn, void *arg);
/* After it: give the catalog the token for the next time, just before
 * catalog_commit(). tree: the snapshot's. */
void track_commit(struct track *t, const uint8_t tree[CHUNK_ID_LEN]);
/* NULL is allowed. */
void track_end(struct track *t);
/* "tracker", "btrfs generations", "scan", or several of them in words. t may
 * be NULL. */
const char *track_source(struct track *t);
/* Nothing of the sources is scanned. t may be NULL. */
bool track_is_whole(const struct track *t);
/* Why there was a scan, or NULL. */
const char *track_why(const struct track *t);

struct track_meanwhile {
	uint64_t files; /* and all else that is no directory */
	uint64_t dirs;
	bool is_more; /* there are more: not all were looked at */
};

/* What of the sources changed since t was begun, on the file systems that the
 * daemon tracks: the next backup has it. skips: what is never entered. False:
 * it cannot be told. t may be NULL. */
bool track_meanwhile(const struct track *t, const struct archive_skip *skips,
		     size_t n_skips, struct track_meanwhile *out);

/* --- for an audit --- */

/* What changed since the catalog's last recovery point, up to now; nothing is
 * turned. opt->consumer is not used. */
MUST_CHECK int track_peek(const struct track_options *opt, struct track **out);
/* Patterns, options or mounts are not those of the last backup. */
bool track_is_stale(const struct track *t);
/* Marks of a file system whose tracking is trusted; NULL: it is not. */
const struct dirty *track_marks(const struct track *t, uint64_t fsid);
/* Will the next backup list this directory whatever the marks say? */
bool track_is_again(const struct track *t, struct catalog_key key);
/* Sync the file systems whose tracking is trusted. */
MUST_CHECK int track_sync(const struct track *t);
/* Have the daemon begin anew with this file system. Root only. */
MUST_CHECK int track_distrust(const struct track *t, uint64_t fsid);

/* --- for a restore of what changed (track_rollback.c) --- */

/* The tree of the snapshot that the catalog's token was made with. -ENOENT: it
 * has no token; why gets how that came. */
MUST_CHECK int track_token_tree(struct catalog *c, uint8_t tree[CHUNK_ID_LEN],
				char *why, size_t size);
/* What changed since that snapshot, up to now, whatever patterns and options it
 * was made with: of opt, archiver and catalog are used, and filter for
 * track_is_stale(). Nothing is turned. -ESTALE (not logged): it cannot be
 * told, why gets why not. */
MUST_CHECK int track_rollback(const struct track_options *opt,
			      struct track **out, char *why, size_t size);
/* The marks, with the ways to them. */
struct tracked *track_tracked(const struct track *t);
/* The number of a file system of the sources by its device; 0: none. */
uint64_t track_fsid(const struct track *t, uint64_t dev);

#endif /* TOOLS_BACKUP_TRACK_H */
