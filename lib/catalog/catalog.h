/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h - what the last backup saw, on this machine.
 *
 * One record a directory, by file system and inode number: the id of its
 * tree, and the tree's parts as they are in the repository. A scan compares
 * the entries with what stat says now. It is a cache: without it a backup
 * reads everything once more and stores nothing twice.
 *
 * Trust: a catalog remembers the hash of the head that it was committed
 * with. While that head is the newest, every tree in it is in the
 * repository. In all other cases the user of a record must look up what it
 * refers to (catalog_is_current() is false).
 *
 * Each set of sources (host and paths) has records of its own.
 *
 * For a change tracker, which knows inodes and no names, a catalog can also
 * answer in which directories an inode has an entry. That index may name
 * directories that it has left; never too few.
 *
 * Errors:  negative errno, logged. A damaged catalog is removed and begun
 *          anew, with a warning.
 * Memory:  spans from catalog_get() are valid until catalog_close().
 * Threads: catalog_get() and catalog_put() from any; the rest from one.
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/buf.h"

#define CATALOG_KEY_LEN 16
#define CATALOG_HASH_LEN 32

struct catalog;

struct catalog_key {
	uint64_t fsid, ino;
};

/* set: what tells this set of sources from others. -EBUSY (logged): another
 * process works with this catalog. */
MUST_CHECK int catalog_open(const char *dir, struct span set,
			    struct catalog **out);
/* For an audit: waits while a backup works with it. Without amend it is a
 * view that no backup waits for. -ENOENT (not logged): there is no catalog, or
 * nothing of this set in it. -EINTR: stopped() ended the waiting. */
MUST_CHECK int catalog_open_audit(const char *dir, struct span set, bool amend,
				  bool (*stopped)(void), struct catalog **out);
/* NULL is allowed. What was put and not committed may or may not be kept. */
void catalog_close(struct catalog *c);

/* Was it committed with the head of this hash, and nothing put since? */
bool catalog_is_current(const struct catalog *c,
			const uint8_t head[static CATALOG_HASH_LEN]);

/* {NULL, 0}: no record. */
struct span catalog_get(struct catalog *c, struct catalog_key key);
/* The record's pages need not stay in memory. */
void catalog_done(struct span record);
/* Replace the record. Written in batches. */
MUST_CHECK int catalog_put(struct catalog *c, struct catalog_key key,
			   const uint8_t tree[32], struct span parts);
/* Called for each; a negative return ends it and is returned. */
typedef int catalog_each_fn(void *arg, struct catalog_key key,
			    struct span record);
typedef int catalog_parent_fn(void *arg, struct catalog_key parent);

/* From now on catalog_children() is called with each record that is put.
 * True: the index holds for all records; false: it must be made, with
 * catalog_each() and catalog_children(), before catalog_commit(). */
bool catalog_use_index(struct catalog *c);
/* Note that parent has entries for these inodes; nothing without
 * catalog_use_index(). */
MUST_CHECK int catalog_children(struct catalog *c, struct catalog_key parent,
				const struct catalog_key *children, size_t n);
/* Each record, with what was put. Not while others put. */
MUST_CHECK int catalog_each(struct catalog *c, catalog_each_fn *fn, void *arg);
/* Each directory that had an entry for the inode at the last commit. */
MUST_CHECK int catalog_parents(struct catalog *c, struct catalog_key child,
			       catalog_parent_fn *fn, void *arg);

/* What the tracker said when these records were made: opaque, at most
 * CATALOG_TOKEN_MAX bytes. Kept by catalog_commit(), gone with the first
 * record that is put after it. {NULL, 0}: none. */
#define CATALOG_TOKEN_MAX 65536
struct span catalog_token(const struct catalog *c);
MUST_CHECK int catalog_set_token(struct catalog *c, struct span token);
/* How the records were made, in the caller's numbers: for a message. 0: not
 * known. Kept by catalog_commit(), and after it until the next; no trust rests
 * on it. */
uint8_t catalog_note(const struct catalog *c);
void catalog_set_note(struct catalog *c, uint8_t note);

/* Write all that was put, for a run that may die. */
MUST_CHECK int catalog_flush(struct catalog *c);
/*
 * A run goes on with another pass, which compares with what this one has put:
 * write that, drop what was neither put nor kept unless catalog_keep_all() was
 * called, and begin anew to count what is put or kept. Later passes look at
 * less than everything: they keep all. Spans from before are not valid any
 * more.
 */
MUST_CHECK int catalog_renew(struct catalog *c);
/* Keep this record although it was not replaced. */
MUST_CHECK int catalog_keep(struct catalog *c, struct catalog_key key);

/* What was not looked at stays: no record is dropped at the commit. */
void catalog_keep_all(struct catalog *c);
/* But not this one, unless it was put or kept in this run: it changed where
 * nobody looked, and what is moved back one day must not be taken for what it
 * was. */
MUST_CHECK int catalog_drop_unseen(struct catalog *c, struct catalog_key key);

/* Write all that was put, drop what was neither put nor kept, and remember
 * the head and the token. -EIO: something could not be kept before, and
 * nothing is remembered. */
MUST_CHECK int catalog_commit(struct catalog *c,
			      const uint8_t head[static CATALOG_HASH_LEN]);

/* Write what an audit put; all else stays, the head, too. Without keep_token
 * the next backup trusts no tracker. After catalog_use_index(). */
MUST_CHECK int catalog_amend(struct catalog *c, bool keep_token);

#endif /* CATALOG_CATALOG_H */
