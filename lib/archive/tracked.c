/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracked.c - from changed inodes to the directories to look at.
 */
#include "archive/tracked.h"

#include <errno.h>

#include "archive/record.h"
#include "repo/tree.h"

enum mark {
	MARK_BELOW = 1, /* something below it differs */
	MARK_LIST = 2,	/* its own entries may differ */
};

struct slot {
	struct catalog_key key;
	uint8_t marks; /* 0: empty */
};

struct tracked {
	struct change_source source;
	struct catalog *catalog;
	struct tracked_fs *fs;
	size_t n_fs;
	struct slot *slots; /* open addressing */
	size_t n, mask;
	struct catalog_key *todo; /* whose parents are to be marked */
	size_t n_todo, cap_todo;
};

/* --- marks --- */

static size_t hash_of(struct catalog_key key)
{
	uint64_t h = (key.ino ^ key.fsid * 0xff51afd7ed558ccdull) *
		     0x9e3779b97f4a7c15ull;

	return (size_t)(h ^ h >> 29);
}

static struct slot *slot_of(const struct tracked *t, struct catalog_key key)
{
	size_t at = hash_of(key) & t->mask;

	while (t->slots[at].marks && (t->slots[at].key.ino != key.ino ||
				      t->slots[at].key.fsid != key.fsid))
		at = (at + 1) & t->mask;
	return &t->slots[at];
}

static unsigned int marks_of(const struct tracked *t, struct catalog_key key)
{
	return t->slots ? slot_of(t, key)->marks : 0;
}

static int grow(struct tracked *t)
{
	size_t n = t->slots ? 2 * (t->mask + 1) : 1024, i, old = t->mask + 1;
	struct slot *was = t->slots, *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	t->slots = slots;
	t->mask = n - 1;
	for (i = 0; was && i < old; i++)
		if (was[i].marks)
			*slot_of(t, was[i].key) = was[i];
	free(was);
	return 0;
}

static int push(struct tracked *t, struct catalog_key key)
{
	if (t->n_todo == t->cap_todo) {
		size_t cap = t->cap_todo ? 2 * t->cap_todo : 256;
		void *p = realloc(t->todo, cap * sizeof(*t->todo));

		if (!p)
			return -ENOMEM;
		t->todo = p;
		t->cap_todo = cap;
	}
	t->todo[t->n_todo++] = key;
	return 0;
}

static int mark(struct tracked *t, struct catalog_key key, enum mark what)
{
	struct slot *s;
	bool fresh;

	if (!t->slots || 2 * t->n > t->mask) {
		int e = grow(t);

		if (e < 0)
			return e;
	}
	s = slot_of(t, key);
	fresh = s->marks == 0;
	t->n += fresh;
	s->key = key;
	s->marks |= (uint8_t)what;
	return fresh ? push(t, key) : 0;
}

static int mark_parent(void *arg, struct catalog_key parent)
{
	return mark(arg, parent, MARK_BELOW);
}

static int mark_ways(struct tracked *t)
{
	int e = 0;

	while (e == 0 && t->n_todo > 0)
		e = catalog_parents(t->catalog, t->todo[--t->n_todo],
				    mark_parent, t);
	return e;
}

int tracked_add(struct tracked *t, const struct catalog_key *keys, size_t n)
{
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < n; i++)
		e = mark(t, keys[i], MARK_LIST);
	return e < 0 ? e : mark_ways(t);
}

static int mark_all(struct tracked *t, const struct catalog_key *again,
		    size_t n_again, const struct catalog_key *below,
		    size_t n_below)
{
	size_t i, k;
	int e = 0;

	for (i = 0; i < t->n_fs; i++)
		for (k = 0; e == 0 && k < t->fs[i].dirty->n_inodes; k++)
			e = mark(t,
				 (struct catalog_key){
					 t->fs[i].fsid,
					 t->fs[i].dirty->inodes[k].ino },
				 MARK_LIST);
	for (i = 0; e == 0 && i < n_again; i++)
		e = mark(t, again[i], MARK_LIST);
	for (i = 0; e == 0 && i < n_below; i++)
		e = mark(t, below[i], MARK_BELOW);
	return e < 0 ? e : mark_ways(t);
}

/* --- the source --- */

static const struct dirty *set_of(const struct tracked *t, uint64_t fsid)
{
	size_t i;

	for (i = 0; i < t->n_fs; i++)
		if (t->fs[i].fsid == fsid)
			return t->fs[i].dirty;
	return NULL;
}

static enum change tracked_dir(void *arg, struct catalog_key key)
{
	const struct tracked *t = arg;
	unsigned int marks;

	if (!set_of(t, key.fsid))
		return CHANGE_LOOK;
	marks = marks_of(t, key);
	if (marks & MARK_LIST)
		return CHANGE_LIST;
	return marks ? CHANGE_ENTRIES : CHANGE_NONE;
}

static bool tracked_entry(void *arg, struct catalog_key key)
{
	const struct tracked *t = arg;

	return !set_of(t, key.fsid) || marks_of(t, key) != 0;
}

static const struct dirty_inode *tracked_inode(void *arg,
					       struct catalog_key key,
					       const struct dirty **set)
{
	*set = set_of(arg, key.fsid);
	return *set ? dirty_find(*set, key.ino) : NULL;
}

int tracked_new(struct catalog *c, const struct tracked_fs *fs, size_t n_fs,
		const struct catalog_key *again, size_t n_again,
		const struct catalog_key *below, size_t n_below,
		struct tracked **out)
{
	struct tracked *t = calloc(1, sizeof(*t));
	int e;

	if (!t)
		return -ENOMEM;
	t->source = (struct change_source){ .name = "tracker",
					    .dir = tracked_dir,
					    .entry = tracked_entry,
					    .inode = tracked_inode,
					    .arg = t };
	t->catalog = c;
	t->fs = calloc(n_fs + 1, sizeof(*fs));
	e = t->fs ? 0 : -ENOMEM;
	if (e == 0) {
		memcpy(t->fs, fs, n_fs * sizeof(*fs));
		t->n_fs = n_fs;
		e = mark_all(t, again, n_again, below, n_below);
	}
	if (e < 0) {
		tracked_free(t);
		return e;
	}
	*out = t;
	return 0;
}

void tracked_free(struct tracked *t)
{
	if (!t)
		return;
	free(t->fs);
	free(t->slots);
	free(t->todo);
	free(t);
}

const struct change_source *tracked_source(const struct tracked *t)
{
	return &t->source;
}

int tracked_forget_unseen(const struct tracked *t)
{
	size_t i;
	int e = 0;

	for (i = 0; t->slots && e == 0 && i <= t->mask; i++)
		if (t->slots[i].marks)
			e = catalog_drop_unseen(t->catalog, t->slots[i].key);
	return e;
}

/* --- the index --- */

static int index_record(void *arg, struct catalog_key key, struct span record)
{
	CLEANUP_FREE struct catalog_key *children = NULL;
	struct record_iter it;
	size_t n = 0, cap = 0;

	for (record_open(&it, record); it.has; record_next(&it)) {
		if (n == cap) {
			void *p;

			cap = cap ? 2 * cap : 256;
			p = realloc(children, cap * sizeof(*children));
			if (!p)
				return -ENOMEM;
			children = p;
		}
		children[n++] = (struct catalog_key){
			it.node.flags & NODE_OTHER_FS ? it.node.fsid : key.fsid,
			it.node.ino
		};
	}
	return catalog_children(arg, key, children, n);
}

int tracked_index(struct catalog *c)
{
	return catalog_each(c, index_record, c);
}
