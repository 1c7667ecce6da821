/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mountlinks.c - a count for each inode of several names.
 */
#include "tools/mountlinks.h"

#include <errno.h>

#include "tools/treewalk.h"

struct link_count {
	uint64_t fsid, ino;
	uint32_t names; /* 0: the slot is free */
};

struct mountlinks {
	struct link_count *slots;
	size_t count, mask;
};

static struct link_count *slot_of(const struct mountlinks *t, uint64_t fsid,
				  uint64_t ino)
{
	size_t i = (size_t)((ino ^ fsid << 7) * 0x9e3779b97f4a7c15ull >> 20) &
		   t->mask;

	while (t->slots[i].names &&
	       (t->slots[i].ino != ino || t->slots[i].fsid != fsid))
		i = (i + 1) & t->mask;
	return &t->slots[i];
}

static int grow(struct mountlinks *t)
{
	struct mountlinks more = { .mask = 2 * t->mask + 1, .count = t->count };
	size_t i;

	more.slots = calloc(more.mask + 1, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (i = 0; i <= t->mask; i++)
		if (t->slots[i].names)
			*slot_of(&more, t->slots[i].fsid, t->slots[i].ino) =
				t->slots[i];
	free(t->slots);
	*t = more;
	return 0;
}

static int add(struct mountlinks *t, const struct node *n)
{
	struct link_count *c;
	int e = 2 * t->count > t->mask ? grow(t) : 0;

	if (e < 0)
		return e;
	c = slot_of(t, n->fsid, n->ino);
	if (!c->names) {
		c->fsid = n->fsid;
		c->ino = n->ino;
		t->count++;
	}
	c->names++;
	return 0;
}

int mountlinks_new(struct repo_reader *rr, const uint8_t tree[CHUNK_ID_LEN],
		   struct mountlinks **out)
{
	CLEANUP_TREEWALK struct treewalk w = { 0 };
	struct mountlinks *t = calloc(1, sizeof(*t));
	struct node n;
	int e;

	if (!t)
		return -ENOMEM;
	t->mask = 255;
	t->slots = calloc(t->mask + 1, sizeof(*t->slots));
	e = t->slots ? treewalk_open(&w, rr, tree, SPAN("", 0)) : -ENOMEM;
	while (e == 0 && (e = treewalk_next(&w, &n)) == 1) {
		e = 0;
		if (n.type != NODE_DIR && (n.flags & NODE_HARDLINK))
			e = add(t, &n);
	}
	if (e < 0) {
		mountlinks_free(t);
		return e;
	}
	*out = t;
	return 0;
}

void mountlinks_free(struct mountlinks *t)
{
	if (!t)
		return;
	free(t->slots);
	free(t);
}

uint32_t mountlinks_count(const struct mountlinks *t, uint64_t fsid,
			  uint64_t ino)
{
	const struct link_count *c = slot_of(t, fsid, ino);

	return c->names ? c->names : 1;
}
