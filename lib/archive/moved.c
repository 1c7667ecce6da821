/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moved.c - what a file was under another name.
 *
 * A name that is new in its directory is often an old file: moved, or with
 * one more link. The tracker says that its content did not change, and the
 * catalog's index in which directories it was. Their records are gone through
 * once, and what is marked is kept by inode: so a directory of which all
 * files were moved costs one pass and not one for each file.
 */
#include <errno.h>

#include "archive/archiver_private.h"

/* A bound for memory; what finds no room is read. */
#define FILES_MAX ((size_t)256 << 10)
#define PARENTS_MAX 16

struct file {
	struct catalog_key key; /* ino 0: empty */
	uint64_t size;
	struct node_time mtime, btime;
	struct span content; /* in the catalog */
	uint8_t flags;
};

struct moved {
	pthread_mutex_t lock;
	struct file *files; /* guarded by lock: open addressing */
	size_t n_files, mask;
	struct catalog_key *seen; /* guarded by lock: directories, likewise */
	size_t n_seen, seen_mask;
};

struct parents {
	struct catalog_key keys[PARENTS_MAX];
	size_t n;
};

static size_t hash_of(struct catalog_key key)
{
	uint64_t h = (key.ino ^ key.fsid * 0xff51afd7ed558ccdull) *
		     0x9e3779b97f4a7c15ull;

	return (size_t)(h ^ h >> 29);
}

static bool same(struct catalog_key a, struct catalog_key b)
{
	return a.ino == b.ino && a.fsid == b.fsid;
}

int moved_new(struct moved **out)
{
	struct moved *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	*out = m;
	return 0;
}

void moved_free(struct moved *m)
{
	if (!m)
		return;
	pthread_mutex_destroy(&m->lock);
	free(m->files);
	free(m->seen);
	free(m);
}

/* --- files --- */

static struct file *file_slot(const struct moved *m, struct catalog_key key)
{
	size_t at = hash_of(key) & m->mask;

	while (m->files[at].key.ino && !same(m->files[at].key, key))
		at = (at + 1) & m->mask;
	return &m->files[at];
}

static bool files_grow(struct moved *m)
{
	size_t n = m->files ? 2 * (m->mask + 1) : 1024, i, old = m->mask + 1;
	struct file *was = m->files, *files = calloc(n, sizeof(*files));

	if (!files)
		return false;
	m->files = files;
	m->mask = n - 1;
	for (i = 0; was && i < old; i++)
		if (was[i].key.ino)
			*file_slot(m, was[i].key) = was[i];
	free(was);
	return true;
}

static void file_add(struct moved *m, const struct node *n)
{
	struct file f = { .key = { n->fsid, n->ino },
			  .size = n->size,
			  .mtime = n->mtime,
			  .btime = n->btime,
			  .content = n->content,
			  .flags = n->flags };
	struct file *slot;

	if (n->ino == 0 || m->n_files >= FILES_MAX ||
	    ((!m->files || 2 * m->n_files > m->mask) && !files_grow(m)))
		return;
	slot = file_slot(m, f.key);
	m->n_files += slot->key.ino == 0;
	*slot = f;
}

/* --- directories --- */

static struct catalog_key *seen_slot(const struct moved *m,
				     struct catalog_key key)
{
	size_t at = hash_of(key) & m->seen_mask;

	while (m->seen[at].ino && !same(m->seen[at], key))
		at = (at + 1) & m->seen_mask;
	return &m->seen[at];
}

/* True: it was not there. */
static bool seen_add(struct moved *m, struct catalog_key key)
{
	struct catalog_key *was = m->seen, *slot;
	size_t n = was ? 2 * (m->seen_mask + 1) : 256, i;

	if (!was || 2 * m->n_seen > m->seen_mask) {
		m->seen = calloc(n, sizeof(*m->seen));
		if (!m->seen) {
			m->seen = was;
			return false;
		}
		m->seen_mask = n - 1;
		for (i = 0; was && i < n / 2; i++)
			if (was[i].ino)
				*seen_slot(m, was[i]) = was[i];
		free(was);
	}
	slot = seen_slot(m, key);
	if (slot->ino)
		return false;
	*slot = key;
	m->n_seen++;
	return true;
}

/* lock: held */
static void add_all(struct moved *m, const struct archiver *a,
		    struct catalog_key dir)
{
	const struct change_source *src = a->opt.source;
	struct span record = catalog_get(a->catalog, dir);
	const struct dirty *set;
	struct record_iter it;

	if (!record.p)
		return;
	for (record_open(&it, record); it.has; record_next(&it)) {
		struct catalog_key key = { dir.fsid, it.node.ino };

		if (it.node.type == NODE_FILE &&
		    !(it.node.flags & (NODE_OTHER_FS | NODE_PARTIAL)) &&
		    src->inode(src->arg, key, &set))
			file_add(m, &it.node);
	}
}

static int add_parent(void *arg, struct catalog_key parent)
{
	struct parents *p = arg;

	if (p->n < PARENTS_MAX)
		p->keys[p->n++] = parent;
	return 0;
}

bool moved_find(struct moved *m, const struct archiver *a,
		const struct node *now, struct node *out)
{
	struct catalog_key key = { now->fsid, now->ino };
	struct parents parents = { .n = 0 };
	const struct file *f;
	bool found = false;
	size_t i;

	/* else nobody knows whether what it refers to is there */
	if (!m || !a->catalog || !a->catalog_is_current || now->ino == 0 ||
	    catalog_parents(a->catalog, key, add_parent, &parents) < 0)
		return false;
	pthread_mutex_lock(&m->lock);
	for (i = 0; i < parents.n; i++)
		if (parents.keys[i].ino && seen_add(m, parents.keys[i]))
			add_all(m, a, parents.keys[i]);
	f = m->files ? file_slot(m, key) : NULL;
	if (f && f->key.ino) {
		*out = (struct node){ .type = NODE_FILE,
				      .fsid = f->key.fsid,
				      .ino = f->key.ino,
				      .size = f->size,
				      .mtime = f->mtime,
				      .btime = f->btime,
				      .content = f->content,
				      .flags = f->flags };
		found = true;
	}
	pthread_mutex_unlock(&m->lock);
	return found && attr_is_same_file(out, now) &&
	       attr_content_is_same(out, now);
}
