/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountfs.h - the repository as a tree of inodes, for `tidemark mount`.
 *
 *   /snapshots/2026-01-31T15:04:05Z/   a snapshot from its root on
 *   /ids/4fe1a07c, /latest, /snapshots/latest   symlinks to those
 *
 * An inode's number is a hash of its path in the mount, or, for files with
 * several names, of the snapshot and the recorded file system and inode, so
 * it is the same at any time and a table of them need not be kept: only the
 * inodes that the kernel knows are in memory.
 *
 * Errors:  -EIO where the repository is damaged; logged.
 * Memory:  mnodes are counted; see mountfs_lookup().
 * Threads: any; readers are lent, one to each call at a time.
 */
#ifndef TOOLS_MOUNTFS_H
#define TOOLS_MOUNTFS_H

#include <sys/stat.h>

#include "repo/snapref.h"
#include "tools/fileread.h"
#include "tools/treewalk.h"

struct mountfs;
struct mnode;

/* Borrows r, and takes over the list of snapshots. */
MUST_CHECK int mountfs_new(struct repo *r, struct snapshot *list, size_t n,
			   struct mountfs **out);
/* NULL is allowed. */
void mountfs_free(struct mountfs *fs);

struct mnode *mountfs_root(struct mountfs *fs);
struct chunkcache *mountfs_chunks(struct mountfs *fs);
/* NULL without memory. Give it back. */
struct repo_reader *mountfs_reader(struct mountfs *fs);
void mountfs_reader_put(struct mountfs *fs, struct repo_reader *rr);

/* An entry of dir; its count goes up by one. -ENOENT, -ENOTDIR. */
MUST_CHECK int mountfs_lookup(struct mountfs *fs, struct mnode *dir,
			      const char *name, struct mnode **out,
			      struct stat *st);
/* Take n off the count. */
void mountfs_forget(struct mountfs *fs, struct mnode *m, uint64_t n);
MUST_CHECK int mountfs_stat(struct mountfs *fs, struct mnode *m,
			    struct stat *st);
/* The caller frees *out. -EINVAL: no symlink. */
MUST_CHECK int mountfs_readlink(struct mountfs *fs, struct mnode *m,
				char **out);
/* -EISDIR, -EINVAL: no regular file. */
MUST_CHECK int mountfs_open(struct mountfs *fs, struct mnode *m,
			    struct fileread **out);
/* Append the names, a NUL after each. */
MUST_CHECK int mountfs_listxattr(struct mountfs *fs, struct mnode *m,
				 struct buf *out);
/* Append the value. -ENODATA. */
MUST_CHECK int mountfs_getxattr(struct mountfs *fs, struct mnode *m,
				const char *name, struct buf *out);

/* A directory being listed. */
struct mdir;
MUST_CHECK int mountfs_opendir(struct mountfs *fs, struct mnode *m,
			       struct mdir **out);
void mountfs_closedir(struct mdir *d);
/* Go to position pos: 0 is the first entry, not counting "." and "..". */
MUST_CHECK int mountfs_seekdir(struct mountfs *fs, struct mdir *d,
			       uint64_t pos);
/* The entry at the position, which stays: 1, or 0 at the end. st has number
 * and type at least. name is valid until the next. */
MUST_CHECK int mountfs_peek(struct mountfs *fs, struct mdir *d,
			    const char **name, struct stat *st);
/* The entry that was peeked at as an mnode, counted once more. st must be
 * what peeking gave; it is completed. */
MUST_CHECK int mountfs_take(struct mountfs *fs, struct mdir *d,
			    struct mnode **out, struct stat *st);
void mountfs_advance(struct mdir *d);

#endif /* TOOLS_MOUNTFS_H */
