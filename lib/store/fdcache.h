/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdcache.h - the descriptors of the objects read last.
 *
 * A restore reads thousands of ranges of one pack; the cache spares the open
 * and close around each. An object that was dropped is never found again,
 * also if another thread opened it before it was removed and adds it after
 * (the ticket).
 *
 * Errors:  none; what does not fit is not kept.
 * Memory:  a descriptor that was added belongs to the cache; it stays open
 *          until the last fdcache_done().
 * Threads: any; fdcache_release() comes last.
 */
#ifndef STORE_FDCACHE_H
#define STORE_FDCACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

#define FDCACHE_SLOTS 32

struct fdcache_slot {
	int fd;		    /* -1: free */
	unsigned int users; /* reading just now */
	bool dropped;	    /* close it when the last user is done */
	enum store_class cls;
	uint64_t used; /* clock of the last use */
	char name[STORE_NAME_MAX + 1];
};

struct fdcache {
	pthread_mutex_t lock; /* guards all below */
	uint64_t clock;
	uint64_t drops;
	struct fdcache_slot slots[FDCACHE_SLOTS];
};

void fdcache_init(struct fdcache *c);
void fdcache_release(struct fdcache *c);

/* The object's slot, in use until fdcache_done(), or NULL and a ticket for
 * fdcache_add(): take it before the object is opened. */
struct fdcache_slot *fdcache_find(struct fdcache *c, enum store_class cls,
				  const char *name, uint64_t *ticket);
/* Keep fd. The slot, in use; or NULL if it was not kept and fd is still the
 * caller's. */
struct fdcache_slot *fdcache_add(struct fdcache *c, enum store_class cls,
				 const char *name, uint64_t ticket, int fd);
void fdcache_done(struct fdcache *c, struct fdcache_slot *slot);
/* Forget the object; call it after it was removed. */
void fdcache_drop(struct fdcache *c, enum store_class cls, const char *name);

#endif /* STORE_FDCACHE_H */
