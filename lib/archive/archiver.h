/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archiver.h - files into the repository.
 *
 * Walks the sources, depth first and on several threads, compares each entry
 * with the catalog, reads what changed, and builds the trees from the leaves
 * up. A directory in which nothing changed costs its listing and one stat an
 * entry; its tree is referred to and not made again.
 *
 * Consistency: before anything is read, the file systems of the sources are
 * synced once. A page that was dirty then is clean and write-protected, so a
 * later store, through an old mapping too, moves the file's ctime. What has
 * a ctime after that moment is marked racy and read again next time.
 *
 * A file that changes while it is read is read again, up to three times;
 * then its last capture is kept, marked as partial, and named in the result.
 * A directory whose names went away before they were opened is listed again;
 * one of which not all could be read is marked as partial.
 *
 * Errors:  archiver_run() fails (negative errno, logged) when the repository
 *          does; what goes wrong with a source is told to on_error and
 *          counted, and the walk goes on.
 * Memory:  options are borrowed until archiver_run() returns.
 * Threads: archiver_progress() from any, at any time.
 */
#ifndef ARCHIVE_ARCHIVER_H
#define ARCHIVE_ARCHIVER_H

#include "archive/change.h"
#include "archive/filter.h"
#include "catalog/catalog.h"
#include "repo/writer.h"

/* Why an entry is as it is in the new snapshot. */
enum archive_action {
	ARCHIVE_NEW,	   /* not in the catalog */
	ARCHIVE_CHANGED,   /* read again */
	ARCHIVE_META,	   /* only its metadata changed */
	ARCHIVE_UNCHANGED, /* taken from the catalog */
};

struct archive_progress {
	uint64_t files, dirs, others;
	uint64_t bytes; /* content of the files seen so far */
	uint64_t files_new, files_changed, files_unchanged;
	uint64_t bytes_read;
	uint64_t errors;
};

struct kept_maps;

struct archive_skip { /* an inode that is never entered */
	uint64_t dev, ino;
};

/* The inode at path; false if there is none, or path is NULL. */
bool archive_skip_of(const char *path, struct archive_skip *out);

struct archiver_options {
	const char *const *paths; /* absolute or relative to the cwd */
	size_t n_paths;
	const struct filter *filter; /* may be NULL */
	bool one_file_system;
	bool reread;	      /* believe no record: read everything */
	bool ignore_inode;    /* compare size and mtime only */
	bool strict_ctime;    /* a changed ctime always means reading */
	unsigned int threads; /* 0: one a processor */
	const struct change_source *source;
	/* Content from a descriptor, as a file of this name in the root. */
	int stream_fd; /* -1: none */
	const char *stream_name;
	/* path is borrowed; err a negative errno. Any thread. */
	void (*on_error)(void *arg, const char *path, int err,
			 const char *during);
	/* May be NULL. Files and directories, as they are decided. */
	void (*on_item)(void *arg, const char *path, enum archive_action what,
			uint64_t size);
	/* Polled for each entry: true ends the walk. May be NULL. */
	bool (*stopped)(void);
	/* Called once, when nothing of the sources will be read any more: trees
	 * are made after it, on one thread. For few changes. May be NULL. */
	void (*all_read)(void *arg);
	/* Maps of large files that were made in another run of the same backup,
	 * and those of this one. May be NULL. */
	struct kept_maps *maps;
	/* The writer; called when it is first needed, from any thread, and
	 * may block. NULL: it could not be had (logged). */
	struct writer *(*writer)(void *arg);
	void *arg;
};

/* More directories than this with errors: not listed, ARCHIVER_AGAIN_MAX + 1
 * stands for them. */
#define ARCHIVER_AGAIN_MAX 2048

struct archiver;

MUST_CHECK int archiver_new(const struct archiver_options *opt,
			    struct archiver **out);
/* What is known only after the sources are: before archiver_run(). */
void archiver_use_catalog(struct archiver *a, struct catalog *catalog,
			  bool is_current);
void archiver_use_skips(struct archiver *a, const struct archive_skip *skips,
			size_t n);
/* Walk everything; tree gets the id of the snapshot's root. -ECANCELED if it
 * was stopped. -ENOENT: none of the sources could be read. */
MUST_CHECK int archiver_run(struct archiver *a, uint8_t tree[CHUNK_ID_LEN]);
void archiver_progress(struct archiver *a, struct archive_progress *out);
/* If the writer is used by another archiver after this one: what this one has
 * gathered is stored. Before archiver_free(). */
MUST_CHECK int archiver_flush(struct archiver *a);
void archiver_free(struct archiver *a);
/* After archiver_run(): directories in which something went wrong, to be
 * looked at again whatever a tracker says. Valid as long as a. */
const struct catalog_key *archiver_again(const struct archiver *a, size_t *n);
/* Before archiver_run(): what to look at; instead of opt.source. */
void archiver_use_source(struct archiver *a,
			 const struct change_source *source);
/* Before archiver_run(): what is scanned stands in for a tracker, which would
 * have seen any write. So a changed ctime means reading there. */
void archiver_scan_heals(struct archiver *a);
/* The number that catalog keys have for the file system of an open file; dev
 * as attr_dev() gives it. Before archiver_run(). */
uint64_t archiver_fs_number(struct archiver *a, int fd, uint64_t dev);
/* One without files of its own (proc), which is never entered; only after the
 * call above with dev. */
bool archiver_is_pseudo(const struct archiver *a, uint64_t dev);
/* The file system of this device was synced by the caller just now, after a
 * tracker began to mark what changes next. */
void archiver_is_synced(struct archiver *a, uint64_t dev);
/* The sources as absolute paths, sorted; valid as long as a. */
char **archiver_paths(const struct archiver *a, uint32_t *n);

#endif /* ARCHIVE_ARCHIVER_H */
