/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_tree.c - every tree and content map that a snapshot reaches.
 *
 * A part of a tree is one job; the pool runs the newest first, so the walk
 * is depth first, near the order in which the parts were stored. A part's
 * bit is set when its job is made: over all snapshots it is read once. A
 * reference to something that is known to be unreadable is one more place
 * of that problem, and goes no further.
 */
#include "repo/check_private.h"

#include <errno.h>

#include "base/log.h"

struct tree_walk {
	struct check *c;
	struct repo_reader **readers; /* one per thread */
};

struct tree_job {
	struct pool_job job;
	struct tree_walk *walk;
	struct check_dir *at;
	unsigned int table;
	uint32_t pos;
	/* of a leaf: what the list of leaves says of it */
	bool leaf;
	uint64_t entries;
	uint8_t first_len;
	uint8_t first[];
};

/* What one job works with. */
struct visit {
	struct tree_walk *walk;
	struct check *c;
	struct repo_reader *reader;
	struct check_dir *at;
	char name[HEX_LEN(CHUNK_ID_LEN)]; /* of the part */
};

/* --- directories on the way --- */

static struct check_dir *dir_new(struct check_dir *parent, uint32_t snapshot,
				 struct span name)
{
	struct check_dir *d = malloc(sizeof(*d) + name.len);

	if (!d)
		return NULL;
	d->parent = parent;
	d->refs = 1;
	d->snapshot = snapshot;
	d->len = name.len;
	if (name.len)
		memcpy(d->name, name.p, name.len);
	if (parent)
		__atomic_fetch_add(&parent->refs, 1, __ATOMIC_RELAXED);
	return d;
}

static void dir_put(struct check_dir *d)
{
	while (d && __atomic_fetch_sub(&d->refs, 1, __ATOMIC_ACQ_REL) == 1) {
		struct check_dir *parent = d->parent;

		free(d);
		d = parent;
	}
}

/* --- references --- */

static const enum check_object object_of[CHUNK_KINDS] = {
	[CHUNK_DATA] = CHECK_CHUNK,
	[CHUNK_TREE] = CHECK_TREE,
	[CHUNK_MAP] = CHECK_MAP,
};

/* Find what is referred to; false: it is lost, and that is told. */
static bool resolve(struct visit *v, enum chunk_kind kind, const uint8_t *id,
		    struct span leaf, struct chunk_loc *loc)
{
	uint8_t type = kind == CHUNK_DATA ? OBJECT_PACK_DATA : OBJECT_PACK_TREE;
	char name[HEX_LEN(CHUNK_ID_LEN)];
	const struct check_table *t;

	if (!index_find(&v->c->index, id, loc)) {
		check_problem(v->c, object_of[kind],
			      hex_encode(name, id, CHUNK_ID_LEN), v->at, leaf,
			      "no index has it");
		return false;
	}
	if (loc->pack.type != type) {
		check_problem(v->c, object_of[kind],
			      hex_encode(name, id, CHUNK_ID_LEN), v->at, leaf,
			      "it is in a pack of another kind");
		return false;
	}
	t = &v->c->tables[loc->table];
	if (!v->c->packs[t->packs[loc->frame.pack]].missing &&
	    !check_bit(t->bad, loc->pos))
		return true;
	hex_encode(name, loc->pack.id, OBJECT_ID_LEN);
	check_problem(v->c, CHECK_PACK, name, v->at, leaf, "missing");
	return false;
}

/* Read it; what cannot be read is known as bad from now on. */
static int fetch(struct visit *v, enum chunk_kind kind,
		 const struct chunk_loc *loc, struct span leaf,
		 struct chunk_ref *ref)
{
	char name[HEX_LEN(CHUNK_ID_LEN)];
	int e = repo_chunk_get_at(v->reader, kind, loc, ref);

	if (e == -ENOMEM)
		check_fail(v->c, e);
	if (e < 0) {
		check_bit_set(v->c->tables[loc->table].bad, loc->pos);
		hex_encode(name, loc->pack.id, OBJECT_ID_LEN);
		check_problem(v->c, CHECK_PACK, name, v->at, leaf,
			      "frame %u: %s", loc->frame.number,
			      e == -ENOENT ? "the pack is gone"
					   : log_strerror(e));
	}
	return e;
}

/* --- content --- */

static uint64_t map_key(const struct chunk_loc *loc, int depth)
{
	return (uint64_t)(loc->table + 1) << 40 | (uint64_t)loc->pos << 8 |
	       (uint64_t)depth;
}

static struct check_map *map_slot(struct check_map *maps, uint64_t cap,
				  uint64_t key)
{
	uint64_t i = key * 0x9e3779b97f4a7c15u >> 20;

	while (maps[i & (cap - 1)].key && maps[i & (cap - 1)].key != key)
		i++;
	return &maps[i & (cap - 1)];
}

/* Is the map known to be good, and to cover len bytes? */
static bool map_is_known(struct check *c, uint64_t key, uint64_t len)
{
	struct check_map *m;
	bool known = false;

	pthread_mutex_lock(&c->lock);
	if (c->cap_maps) {
		m = map_slot(c->maps, c->cap_maps, key);
		known = m->key == key && m->len == len;
	}
	pthread_mutex_unlock(&c->lock);
	return known;
}

static bool maps_grow(struct check *c)
{
	uint64_t cap = c->cap_maps ? 2 * c->cap_maps : 256, i;
	struct check_map *maps = calloc(cap, sizeof(*maps));

	if (!maps)
		return false;
	for (i = 0; i < c->cap_maps; i++)
		if (c->maps[i].key)
			*map_slot(maps, cap, c->maps[i].key) = c->maps[i];
	free(c->maps);
	c->maps = maps;
	c->cap_maps = cap;
	return true;
}

/* Without memory it is only looked at again. */
static void map_remember(struct check *c, uint64_t key, uint64_t len)
{
	struct check_map *m;

	pthread_mutex_lock(&c->lock);
	if (2 * c->n_maps < c->cap_maps || maps_grow(c)) {
		m = map_slot(c->maps, c->cap_maps, key);
		c->n_maps += m->key == 0;
		*m = (struct check_map){ key, len };
	}
	pthread_mutex_unlock(&c->lock);
}

static bool content_is_good(struct visit *v, struct span content, int depth,
			    uint64_t size, struct span leaf);

static bool map_is_good(struct visit *v, const struct extent *x, int depth,
			struct span leaf)
{
	char name[HEX_LEN(CHUNK_ID_LEN)];
	struct chunk_ref ref;
	struct chunk_loc loc;
	bool good;

	if (!resolve(v, CHUNK_MAP, x->id, leaf, &loc))
		return true; /* it was told: do not call the file damaged too */
	if (map_is_known(v->c, map_key(&loc, depth), x->len))
		return true;
	if (fetch(v, CHUNK_MAP, &loc, leaf, &ref) < 0)
		return true;
	check_count(&v->c->rep->maps, 1);
	good = content_is_good(v, ref.data, depth, x->len, leaf);
	repo_chunk_put(v->reader, &ref);
	if (good)
		map_remember(v->c, map_key(&loc, depth), x->len);
	else
		check_problem(v->c, CHECK_MAP,
			      hex_encode(name, x->id, CHUNK_ID_LEN), v->at,
			      leaf, "%s", log_strerror(-EUCLEAN));
	return good;
}

static void check_extent(struct visit *v, const struct extent *x,
			 struct span leaf)
{
	char name[HEX_LEN(CHUNK_ID_LEN)];
	struct chunk_loc loc;

	if (x->kind == EXTENT_HOLE)
		return;
	check_count(&v->c->rep->chunks, 1);
	if (!resolve(v, CHUNK_DATA, x->id, leaf, &loc))
		return;
	if (x->offset > loc.chunk.len || x->len > loc.chunk.len - x->offset)
		check_problem(v->c, CHECK_CHUNK,
			      hex_encode(name, x->id, CHUNK_ID_LEN), v->at,
			      leaf, "it is shorter than a file needs");
}

/* False: the structure is wrong. depth -1: any, at the root. */
static bool content_is_good(struct visit *v, struct span content, int depth,
			    uint64_t size, struct span leaf)
{
	struct content_iter it;
	struct extent x;
	uint64_t sum = 0;
	int e = content_open(content, &it);

	if (e < 0 || (depth >= 0 && it.depth != depth))
		return false;
	while ((e = content_next(&it, &x)) == 1) {
		if (x.len > size - sum)
			return false;
		sum += x.len;
		if (it.depth == 0)
			check_extent(v, &x, leaf);
		else if (!map_is_good(v, &x, it.depth - 1, leaf))
			return false;
	}
	return e == 0 && sum == size;
}

/* --- trees --- */

static void tree_run(struct pool_job *job, unsigned int worker);

/* Make a job of the part id, unless it had one. at is borrowed. leaf NULL:
 * the root of a directory. */
static void push_part(struct visit *v, const uint8_t *id, struct check_dir *at,
		      const struct tree_leaf_ref *leaf)
{
	size_t first = leaf ? leaf->first.len : 0;
	struct visit there = { v->walk, v->c, v->reader, at, "" };
	struct tree_job *j;
	struct chunk_loc loc;

	if (!resolve(&there, CHUNK_TREE, id, SPAN(NULL, 0), &loc) ||
	    !check_bit_set(v->c->tables[loc.table].seen, loc.pos))
		return;
	j = malloc(sizeof(*j) + first);
	if (!j) {
		check_fail(v->c, -ENOMEM);
		return;
	}
	j->job.run = tree_run;
	j->walk = v->walk;
	j->at = at;
	j->table = loc.table;
	j->pos = loc.pos;
	j->leaf = leaf != NULL;
	j->entries = leaf ? leaf->entries : 0;
	j->first_len = (uint8_t)first;
	if (first)
		memcpy(j->first, leaf->first.p, first);
	__atomic_fetch_add(&at->refs, 1, __ATOMIC_RELAXED);
	pool_push(v->c->pool, &j->job);
}

static void push_dir(struct visit *v, const struct node *n)
{
	struct check_dir *d = dir_new(v->at, v->at->snapshot, n->name);

	if (!d) {
		check_fail(v->c, -ENOMEM);
		return;
	}
	push_part(v, n->tree, d, NULL);
	dir_put(d);
}

static void damaged(struct visit *v, struct span leaf, const char *what)
{
	check_problem(v->c, CHECK_TREE, v->name, v->at, leaf, "%s", what);
}

static void check_entries(struct visit *v, const struct tree_job *j,
			  struct tree_part *part)
{
	uint64_t files = 0;
	struct node n;
	int e;

	if (j->leaf && part->count != j->entries)
		damaged(v, SPAN(NULL, 0), "not as long as its list says");
	while ((e = tree_next(part, &n, NULL)) == 1) {
		if (j->leaf && part->seen == 1 &&
		    (n.name.len != j->first_len ||
		     memcmp(n.name.p, j->first, n.name.len) != 0))
			damaged(v, SPAN(NULL, 0),
				"it does not begin as its list says");
		if (n.type == NODE_DIR)
			push_dir(v, &n);
		files += n.type == NODE_FILE;
		if (n.type == NODE_FILE &&
		    !content_is_good(v, n.content, -1, n.size, n.name))
			damaged(v, n.name, "a file's content does not add up");
	}
	check_count(&v->c->rep->files, files);
	if (e < 0)
		damaged(v, SPAN(NULL, 0), log_strerror(e));
}

static void check_leaves(struct visit *v, struct tree_part *part)
{
	struct tree_leaf_ref leaf;
	int e;

	while ((e = tree_next_leaf(part, &leaf)) == 1)
		push_part(v, leaf.id, v->at, &leaf);
	if (e < 0)
		damaged(v, SPAN(NULL, 0), log_strerror(e));
}

static void check_part(struct visit *v, const struct tree_job *j,
		       const struct chunk_loc *loc)
{
	struct tree_part part;
	struct chunk_ref ref;

	if (fetch(v, CHUNK_TREE, loc, SPAN(NULL, 0), &ref) < 0)
		return;
	check_count(&v->c->rep->trees, 1);
	if (tree_part_open(ref.data, &part) < 0 || (j->leaf && part.split))
		damaged(v, SPAN(NULL, 0), log_strerror(-EUCLEAN));
	else if (part.split)
		check_leaves(v, &part);
	else
		check_entries(v, j, &part);
	repo_chunk_put(v->reader, &ref);
}

static void tree_run(struct pool_job *job, unsigned int worker)
{
	struct tree_job *j = (struct tree_job *)job;
	struct tree_walk *w = j->walk;
	struct visit v = { w, w->c, w->readers[worker], j->at, "" };
	const struct table *t = &w->c->index.tables[j->table];
	struct chunk_loc loc = { .table = j->table, .pos = j->pos };

	if (!check_stopped(w->c)) {
		loc.chunk = table_chunk(t, j->pos);
		loc.frame = table_frame(t, loc.chunk.frame);
		loc.pack = table_pack(t, loc.frame.pack);
		hex_encode(v.name, loc.chunk.id, CHUNK_ID_LEN);
		check_part(&v, j, &loc);
	}
	dir_put(j->at);
	free(j);
}

/* The newest snapshot is pushed last, and so is walked first. */
static void push_roots(struct tree_walk *w)
{
	const struct idlist *ids = &repo_head(w->c->repo)->snapshots;
	struct visit v = { .walk = w, .c = w->c };
	uint32_t i;

	for (i = 0; i < ids->count; i++) {
		struct check_dir *root;

		if (!w->c->has_root[i])
			continue;
		root = dir_new(NULL, i, SPAN(NULL, 0));
		if (root)
			push_part(&v, w->c->roots[i], root, NULL);
		else
			check_fail(w->c, -ENOMEM);
		dir_put(root);
	}
}

int check_trees(struct check *c)
{
	unsigned int n = MAX(c->opt->threads, 1u), i;
	struct tree_walk w = { .c = c };
	int e = 0;

	w.readers = calloc(n, sizeof(struct repo_reader *));
	if (!w.readers)
		return -ENOMEM;
	for (i = 0; e == 0 && i < n; i++)
		e = repo_reader_new(c->repo, &w.readers[i]);
	if (e == 0)
		e = pool_new(n, &c->pool);
	if (e == 0) {
		push_roots(&w);
		pool_free(c->pool);
	}
	for (i = 0; i < n; i++)
		repo_reader_free(w.readers[i]);
	free(w.readers);
	return e;
}
