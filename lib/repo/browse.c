/* SPDX-License-Identifier: Apache-2.0 */
/*
 * browse.c - listing directories, finding paths, walking contents.
 */
#include "repo/browse.h"

#include <errno.h>

#include "base/log.h"

static int damaged(const struct tree_dir *d)
{
	char hex[HEX_LEN(CHUNK_ID_LEN)];

	return log_fail(-EUCLEAN, "tree %.16s",
			hex_encode(hex, d->id, CHUNK_ID_LEN));
}

/* A copy: who walks a tree has many open at once. */
static int load_part(struct tree_dir *d, const uint8_t id[CHUNK_ID_LEN],
		     struct buf *bytes, struct tree_part *part)
{
	struct chunk_ref ref;
	int e = repo_chunk_get(d->rr, CHUNK_TREE, id, &ref);

	if (e < 0)
		return e;
	bytes->len = 0;
	e = buf_append(bytes, ref.data.p, ref.data.len);
	repo_chunk_put(d->rr, &ref);
	if (e < 0)
		return e;
	return tree_part_open(SPAN_OF(bytes), part) < 0 ? damaged(d) : 0;
}

int tree_dir_open(struct repo_reader *rr, const uint8_t id[CHUNK_ID_LEN],
		  struct tree_dir *d)
{
	int e;

	memset(d, 0, sizeof(*d));
	d->rr = rr;
	memcpy(d->id, id, CHUNK_ID_LEN);
	d->root_bytes = BUF_INIT(CHUNK_MAX);
	d->leaf_bytes = BUF_INIT(CHUNK_MAX);
	e = load_part(d, id, &d->root_bytes, &d->root);
	if (e == 0 && !d->root.split) {
		d->part = d->root;
		d->in_leaf = true;
	}
	return e;
}

static int open_leaf(struct tree_dir *d, const struct tree_leaf_ref *leaf)
{
	int e;

	d->in_leaf = false;
	e = load_part(d, leaf->id, &d->leaf_bytes, &d->part);
	if (e == 0 && d->part.split)
		e = damaged(d);
	d->in_leaf = e == 0;
	return e;
}

int tree_dir_next(struct tree_dir *d, struct node *n, struct span *raw)
{
	struct tree_leaf_ref leaf;
	int e;

	for (;;) {
		if (d->in_leaf) {
			e = tree_next(&d->part, n, raw);
			if (e == 1)
				return 1;
			if (e < 0)
				return damaged(d);
			if (!d->root.split)
				return 0;
		}
		e = tree_next_leaf(&d->root, &leaf);
		if (e == 0)
			return 0;
		if (e < 0)
			return damaged(d);
		e = open_leaf(d, &leaf);
		if (e < 0)
			return e;
	}
}

static int span_order(struct span a, struct span b)
{
	int c = memcmp(a.p, b.p, MIN(a.len, b.len));

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

int tree_dir_find(struct tree_dir *d, struct span name, struct node *n)
{
	struct tree_leaf_ref leaf, last = { .id = NULL };
	int e = 1;

	while (d->root.split && (e = tree_next_leaf(&d->root, &leaf)) == 1) {
		if (span_order(leaf.first, name) > 0)
			break;
		last = leaf;
	}
	if (e < 0)
		return damaged(d);
	if (d->root.split) {
		if (!last.id)
			return 0;
		e = open_leaf(d, &last);
		if (e < 0)
			return e;
	}
	while ((e = tree_next(&d->part, n, NULL)) == 1) {
		int c = span_order(n->name, name);

		if (c >= 0)
			return c == 0;
	}
	return e < 0 ? damaged(d) : 0;
}

void tree_dir_close(struct tree_dir *d)
{
	if (!d->rr)
		return;
	buf_release(&d->root_bytes);
	buf_release(&d->leaf_bytes);
	d->rr = NULL;
}

/* The next component of path, or an empty one. */
static struct span next_component(struct span *path)
{
	const uint8_t *slash;
	struct span c;

	while (path->len && *path->p == '/') {
		path->p++;
		path->len--;
	}
	slash = path->len ? memchr(path->p, '/', path->len) : NULL;
	c = SPAN(path->p, slash ? (size_t)(slash - path->p) : path->len);
	path->p += c.len;
	path->len -= c.len;
	return c;
}

int tree_lookup(struct repo_reader *rr, const uint8_t id[CHUNK_ID_LEN],
		struct span path, struct tree_dir *d, struct node *n)
{
	struct span name = next_component(&path), next;
	uint8_t at[CHUNK_ID_LEN];
	int e;

	memset(d, 0, sizeof(*d));
	memcpy(at, id, CHUNK_ID_LEN);
	if (name.len == 0)
		return -ENOENT;
	for (;;) {
		e = tree_dir_open(rr, at, d);
		if (e == 0)
			e = tree_dir_find(d, name, n);
		if (e < 0)
			return e;
		if (e == 0)
			return -ENOENT;
		next = next_component(&path);
		if (next.len == 0)
			return 0;
		if (n->type != NODE_DIR)
			return -ENOTDIR;
		memcpy(at, n->tree, CHUNK_ID_LEN);
		tree_dir_close(d);
		name = next;
	}
}

struct walk {
	struct repo_reader *rr;
	content_map_fn *map;
	content_fn *fn;
	void *arg;
	uint64_t offset;
};

static int walk_content(struct walk *w, struct span content, int depth,
			uint64_t size);

static int walk_map(struct walk *w, const struct extent *x, int depth)
{
	struct chunk_ref ref;
	int e = w->map ? w->map(w->arg, x->id) : 0;

	if (e != 0)
		return e;
	e = repo_chunk_get(w->rr, CHUNK_MAP, x->id, &ref);
	if (e < 0)
		return e;
	e = walk_content(w, ref.data, depth, x->len);
	repo_chunk_put(w->rr, &ref);
	return e;
}

/* depth: what the map above says this one has; -1 at the root. */
static int walk_content(struct walk *w, struct span content, int depth,
			uint64_t size)
{
	uint64_t end = w->offset + size;
	struct content_iter it;
	struct extent x;
	int e = content_open(content, &it);

	if (e == 0 && depth >= 0 && it.depth != depth)
		e = -EUCLEAN;
	while (e == 0 && (e = content_next(&it, &x)) == 1) {
		if (x.len > end - w->offset) {
			e = -EUCLEAN;
		} else if (it.depth > 0) {
			e = walk_map(w, &x, it.depth - 1);
		} else {
			e = w->fn ? w->fn(w->arg, w->offset, &x) : 0;
			w->offset += x.len;
		}
	}
	if (e == 0 && w->offset != end)
		e = -EUCLEAN;
	return e;
}

int content_walk_maps(struct repo_reader *rr, struct span content,
		      uint64_t size, content_map_fn *map, content_fn *fn,
		      void *arg)
{
	struct walk w = { rr, map, fn, arg, 0 };

	return walk_content(&w, content, -1, size);
}

int content_walk(struct repo_reader *rr, struct span content, uint64_t size,
		 content_fn *fn, void *arg)
{
	return content_walk_maps(rr, content, size, NULL, fn, arg);
}
