/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_hurt.c - which snapshots are hurt by what was found.
 *
 * The walk of check_tree.c reads what snapshots share once, so it tells of a
 * damage in one of them. When there is any, the trees are walked again, each
 * part after those below it: a part is hurt if something below it is, and a
 * snapshot if its root is.
 */
#include "repo/check_private.h"

#include <errno.h>

struct part_ref {
	unsigned int table;
	uint32_t pos;
};

/* A part whose children are being looked at. */
struct level {
	struct part_ref at;
	struct part_ref *children;
	uint32_t n, cap, next;
	bool hurt;
};

struct hurt_walk {
	struct check *c;
	struct repo_reader *reader;
	/* a bit for each chunk of each table */
	uint64_t **done, **hurt;
	struct level *levels;
	uint32_t depth, cap;
};

static bool is_lost(const struct check *c, enum chunk_kind kind,
		    const uint8_t *id, struct chunk_loc *loc)
{
	uint8_t type = kind == CHUNK_DATA ? OBJECT_PACK_DATA : OBJECT_PACK_TREE;
	const struct check_table *t;

	if (!index_find(&c->index, id, loc) || loc->pack.type != type)
		return true;
	t = &c->tables[loc->table];
	return c->packs[t->packs[loc->frame.pack]].missing ||
	       check_bit(t->bad, loc->pos);
}

static bool content_is_hurt(struct hurt_walk *w, struct span content)
{
	struct content_iter it;
	struct chunk_loc loc;
	struct chunk_ref ref;
	struct extent x;
	int e = content_open(content, &it);
	bool hurt = false;

	if (e < 0)
		return true;
	while (!hurt && (e = content_next(&it, &x)) == 1) {
		if (x.kind == EXTENT_HOLE)
			continue;
		hurt = is_lost(w->c, it.depth ? CHUNK_MAP : CHUNK_DATA, x.id,
			       &loc);
		if (!hurt && it.depth == 0)
			hurt = x.offset > loc.chunk.len ||
			       x.len > loc.chunk.len - x.offset;
		if (hurt || it.depth == 0)
			continue;
		if (repo_chunk_get_at(w->reader, CHUNK_MAP, &loc, &ref) < 0)
			return true;
		hurt = content_is_hurt(w, ref.data);
		repo_chunk_put(w->reader, &ref);
	}
	return hurt || e < 0;
}

static int add_child(struct hurt_walk *w, struct level *l, const uint8_t *id)
{
	struct chunk_loc loc;

	if (is_lost(w->c, CHUNK_TREE, id, &loc)) {
		l->hurt = true;
		return 0;
	}
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 16;
		void *p = realloc(l->children, cap * sizeof(*l->children));

		if (!p)
			return -ENOMEM;
		l->children = p;
		l->cap = cap;
	}
	l->children[l->n++] = (struct part_ref){ loc.table, loc.pos };
	return 0;
}

static int look_inside(struct hurt_walk *w, struct level *l, struct span bytes)
{
	struct tree_leaf_ref leaf;
	struct tree_part part;
	struct node n;
	int e = tree_part_open(bytes, &part), r = 0;

	if (e == 0 && part.split)
		while (r == 0 && (e = tree_next_leaf(&part, &leaf)) == 1)
			r = add_child(w, l, leaf.id);
	else if (e == 0)
		while (r == 0 && (e = tree_next(&part, &n, NULL)) == 1) {
			if (n.type == NODE_DIR)
				r = add_child(w, l, n.tree);
			else if (n.type == NODE_FILE && !l->hurt)
				l->hurt = content_is_hurt(w, n.content);
		}
	l->hurt |= e < 0;
	return r;
}

static int push(struct hurt_walk *w, struct part_ref at)
{
	const struct table *t = &w->c->index.tables[at.table];
	struct chunk_loc loc = { .table = at.table, .pos = at.pos };
	struct chunk_ref ref;
	struct level *l;
	int e;

	if (w->depth == w->cap) {
		uint32_t cap = w->cap ? 2 * w->cap : 64;
		void *p = realloc(w->levels, cap * sizeof(*w->levels));

		if (!p)
			return -ENOMEM;
		w->levels = p;
		w->cap = cap;
	}
	l = &w->levels[w->depth++];
	*l = (struct level){ .at = at };
	loc.chunk = table_chunk(t, at.pos);
	loc.frame = table_frame(t, loc.chunk.frame);
	loc.pack = table_pack(t, loc.frame.pack);
	if (repo_chunk_get_at(w->reader, CHUNK_TREE, &loc, &ref) < 0) {
		l->hurt = true;
		return 0;
	}
	e = look_inside(w, l, ref.data);
	repo_chunk_put(w->reader, &ref);
	return e;
}

static void pop(struct hurt_walk *w)
{
	struct level *l = &w->levels[--w->depth];

	check_bit_set(w->done[l->at.table], l->at.pos);
	if (l->hurt) {
		check_bit_set(w->hurt[l->at.table], l->at.pos);
		if (w->depth)
			w->levels[w->depth - 1].hurt = true;
	}
	free(l->children);
}

/* 1 if the tree at root is hurt. */
static int walk(struct hurt_walk *w, struct part_ref root)
{
	int e = 0;

	if (!check_bit(w->done[root.table], root.pos))
		e = push(w, root);
	while (e == 0 && w->depth > 0 && !check_stopped(w->c)) {
		struct level *l = &w->levels[w->depth - 1];
		struct part_ref child;

		if (l->next == l->n) {
			pop(w);
			continue;
		}
		child = l->children[l->next++];
		if (!check_bit(w->done[child.table], child.pos))
			e = push(w, child);
		else if (check_bit(w->hurt[child.table], child.pos))
			l->hurt = true;
	}
	while (w->depth > 0)
		pop(w);
	return e < 0 ? e : check_bit(w->hurt[root.table], root.pos);
}

static int walk_init(struct hurt_walk *w)
{
	unsigned int n = w->c->index.count, i;

	w->done = calloc(n + 1u, sizeof(uint64_t *));
	w->hurt = calloc(n + 1u, sizeof(uint64_t *));
	if (!w->done || !w->hurt)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		size_t words = w->c->index.tables[i].chunks / 64 + 1;

		w->done[i] = calloc(words, sizeof(uint64_t));
		w->hurt[i] = calloc(words, sizeof(uint64_t));
		if (!w->done[i] || !w->hurt[i])
			return -ENOMEM;
	}
	return repo_reader_new(w->c->repo, &w->reader);
}

static void walk_release(struct hurt_walk *w)
{
	unsigned int i;

	for (i = 0; i < w->c->index.count; i++) {
		if (w->done)
			free(w->done[i]);
		if (w->hurt)
			free(w->hurt[i]);
	}
	free(w->done);
	free(w->hurt);
	free(w->levels);
	repo_reader_free(w->reader);
}

static bool is_needed(const struct check *c)
{
	const struct idlist *ids = &repo_head(c->repo)->snapshots;
	bool needed = c->rep->more > 0;
	uint32_t i;

	for (i = 0; i < c->rep->count; i++)
		needed |= c->rep->problems[i].affected > 0;
	for (i = 0; i < ids->count; i++)
		needed |= !c->has_root[i];
	return needed;
}

int check_hurt(struct check *c)
{
	const struct idlist *ids = &repo_head(c->repo)->snapshots;
	struct hurt_walk w = { .c = c };
	uint32_t i;
	int e;

	if (!is_needed(c))
		return 0;
	e = walk_init(&w);
	for (i = 0; e == 0 && i < ids->count && !check_stopped(c); i++) {
		struct chunk_loc loc;
		int hurt = !c->has_root[i] ||
			   is_lost(c, CHUNK_TREE, c->roots[i], &loc);

		if (!hurt)
			hurt = walk(&w,
				    (struct part_ref){ loc.table, loc.pos });
		if (hurt < 0)
			e = hurt;
		else if (hurt)
			e = idlist_add(&c->rep->hurt, ids->ids[i]);
	}
	walk_release(&w);
	return e;
}
