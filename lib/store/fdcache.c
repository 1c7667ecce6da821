/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fdcache.c - the descriptors of the objects read last, least recently used
 * out first.
 */
#include "store/fdcache.h"

#include <string.h>
#include <unistd.h>

void fdcache_init(struct fdcache *c)
{
	int i;

	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
	for (i = 0; i < FDCACHE_SLOTS; i++)
		c->slots[i].fd = -1;
}

static void slot_close(struct fdcache_slot *slot)
{
	close(slot->fd);
	slot->fd = -1;
	slot->dropped = false;
}

void fdcache_release(struct fdcache *c)
{
	int i;

	for (i = 0; i < FDCACHE_SLOTS; i++)
		if (c->slots[i].fd >= 0)
			slot_close(&c->slots[i]);
	pthread_mutex_destroy(&c->lock);
}

static struct fdcache_slot *lookup(struct fdcache *c, enum store_class cls,
				   const char *name)
{
	int i;

	for (i = 0; i < FDCACHE_SLOTS; i++) {
		struct fdcache_slot *slot = &c->slots[i];

		if (slot->fd >= 0 && !slot->dropped && slot->cls == cls &&
		    strcmp(slot->name, name) == 0)
			return slot;
	}
	return NULL;
}

static struct fdcache_slot *use(struct fdcache *c, struct fdcache_slot *slot)
{
	slot->users++;
	slot->used = ++c->clock;
	return slot;
}

struct fdcache_slot *fdcache_find(struct fdcache *c, enum store_class cls,
				  const char *name, uint64_t *ticket)
{
	struct fdcache_slot *slot;

	pthread_mutex_lock(&c->lock);
	slot = lookup(c, cls, name);
	if (slot)
		use(c, slot);
	*ticket = c->drops;
	pthread_mutex_unlock(&c->lock);
	return slot;
}

/* A free slot, or the one unused for longest, or NULL if all are in use. */
static struct fdcache_slot *victim(struct fdcache *c)
{
	struct fdcache_slot *best = NULL;
	int i;

	for (i = 0; i < FDCACHE_SLOTS; i++) {
		struct fdcache_slot *slot = &c->slots[i];

		if (slot->fd < 0)
			return slot;
		if (slot->users == 0 && (!best || slot->used < best->used))
			best = slot;
	}
	if (best)
		slot_close(best);
	return best;
}

struct fdcache_slot *fdcache_add(struct fdcache *c, enum store_class cls,
				 const char *name, uint64_t ticket, int fd)
{
	struct fdcache_slot *slot = NULL;

	pthread_mutex_lock(&c->lock);
	if (ticket == c->drops && !lookup(c, cls, name))
		slot = victim(c);
	if (slot) {
		slot->fd = fd;
		slot->cls = cls;
		memcpy(slot->name, name, strlen(name) + 1);
		use(c, slot);
	}
	pthread_mutex_unlock(&c->lock);
	return slot;
}

void fdcache_done(struct fdcache *c, struct fdcache_slot *slot)
{
	pthread_mutex_lock(&c->lock);
	if (--slot->users == 0 && slot->dropped)
		slot_close(slot);
	pthread_mutex_unlock(&c->lock);
}

void fdcache_drop(struct fdcache *c, enum store_class cls, const char *name)
{
	struct fdcache_slot *slot;

	pthread_mutex_lock(&c->lock);
	c->drops++;
	slot = lookup(c, cls, name);
	if (slot && slot->users)
		slot->dropped = true;
	else if (slot)
		slot_close(slot);
	pthread_mutex_unlock(&c->lock);
}
