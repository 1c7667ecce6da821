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
/* Write all that was put, for a run that may die. */
MUST_CHECK int catalog_flush(struct catalog *c);
/* Keep this record although it was not replaced. */
MUST_CHECK int catalog_keep(struct catalog *c, struct catalog_key key);

/* Write all that was put, drop what was neither put nor kept, and remember
 * the head. */
MUST_CHECK int catalog_commit(struct catalog *c,
			      const uint8_t head[static CATALOG_HASH_LEN]);

#endif /* CATALOG_CATALOG_H */
