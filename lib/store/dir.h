/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir.h - the directory kind, private to dir.c, dirwrite.c and dirlease.c.
 */
#ifndef STORE_DIR_H
#define STORE_DIR_H

#include <pthread.h>

#include "store/fdcache.h"
#include "store/kind.h"

/* Beside the classes there is one more directory. */
#define DIR_LEASES ((enum store_class)STORE_CLASSES)

/* No object's name, as it holds a dot. */
#define DIR_TEMP_PREFIX ".tmp"

struct dir_store {
	struct store base;
	char *path;
	int root;
	bool no_tmpfile; /* atomic: unnamed files do not work here */
	pthread_mutex_t lock;
	int dirs[STORE_CLASSES + 1]; /* guarded by lock; -1: not yet open */
	struct fdcache cache;
};

/* The descriptor of the class's directory (or DIR_LEASES), which stays the
 * store's; with make, the directory is made if it is missing. Not logged. */
MUST_CHECK int dir_fd(struct dir_store *d, enum store_class cls, bool make);

/* Make the names in the directory durable. Not logged. */
MUST_CHECK int dir_sync(int dir);

/* dirwrite.c */
int dir_create(struct store *s, enum store_class cls, const char *name,
	       struct store_writer **out);
int dir_append(struct store_writer *w, struct span data);
int dir_commit(struct store_writer *w, const char *name);
void dir_discard(struct store_writer *w);

/* dirlease.c */
int dir_lease_begin(struct store *s, enum store_lease_kind kind,
		    struct store_lease **out);
void dir_lease_end(struct store_lease *l);
int dir_lease_writers(struct store *s);

#endif /* STORE_DIR_H */
