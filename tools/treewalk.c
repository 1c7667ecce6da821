/* SPDX-License-Identifier: Apache-2.0 */
/*
 * treewalk.c - directories from copies of their leaves; a stack of them.
 */
#include "tools/treewalk.h"

#include <errno.h>

#include "base/log.h"

/* --- one directory --- */

static int damaged(const struct dirscan *d)
{
	char hex[HEX_LEN(CHUNK_ID_LEN)];

	return log_fail(-EUCLEAN, "tree %.16s",
			hex_encode(hex, d->id, CHUNK_ID_LEN));
}

static int load(struct dirscan *d, const uint8_t id[CHUNK_ID_LEN],
		struct buf *to, struct tree_part *part)
{
	struct chunk_ref ref = { { NULL, 0 }, NULL };
	int e = repo_chunk_get(d->rr, CHUNK_TREE, id, &ref);

	if (e < 0)
		return e;
	to->len = 0;
	e = buf_append(to, ref.data.p, ref.data.len);
	repo_chunk_put(d->rr, &ref);
	if (e < 0)
		return e;
	return tree_part_open(SPAN_OF(to), part) < 0 ? damaged(d) : 0;
}

int dirscan_open(struct repo_reader *rr, const uint8_t id[CHUNK_ID_LEN],
		 struct dirscan *d)
{
	int e;

	memset(d, 0, sizeof(*d));
	d->rr = rr;
	memcpy(d->id, id, CHUNK_ID_LEN);
	d->list = BUF_INIT(CHUNK_MAX);
	d->leaf = BUF_INIT(CHUNK_MAX);
	e = load(d, id, &d->list, &d->root);
	if (e == 0 && !d->root.split) {
		d->part = d->root;
		d->in_leaf = true;
	}
	return e;
}

int dirscan_next(struct dirscan *d, struct node *n)
{
	struct tree_leaf_ref leaf;
	int e;

	for (;;) {
		if (d->in_leaf) {
			e = tree_next(&d->part, n, NULL);
			if (e == 1)
				return 1;
			if (e < 0)
				return damaged(d);
			if (!d->root.split)
				return 0;
		}
		e = tree_next_leaf(&d->root, &leaf);
		if (e <= 0)
			return e < 0 ? damaged(d) : 0;
		d->in_leaf = false;
		e = load(d, leaf.id, &d->leaf, &d->part);
		if (e == 0 && d->part.split)
			e = damaged(d);
		if (e < 0)
			return e;
		d->in_leaf = true;
	}
}

void dirscan_close(struct dirscan *d)
{
	buf_release(&d->list);
	buf_release(&d->leaf);
	d->in_leaf = false;
}

/* --- paths --- */

int treewalk_join(struct buf *path, size_t len, struct span name)
{
	int e;

	path->len = len;
	e = buf_u8(path, '/');
	return e < 0 ? e : buf_append(path, name.p, name.len);
}

int treewalk_clean(struct span text, struct buf *path)
{
	size_t i = 0, start;
	int e = 0;

	path->len = 0;
	while (e == 0 && i < text.len) {
		while (i < text.len && text.p[i] == '/')
			i++;
		for (start = i; i < text.len && text.p[i] != '/'; i++)
			;
		if (i > start)
			e = treewalk_join(path, path->len,
					  SPAN(text.p + start, i - start));
	}
	return e;
}

/* --- the stack --- */

static int push(struct treewalk *w, const uint8_t id[CHUNK_ID_LEN])
{
	int e;

	if (w->depth == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 16;
		void *levels = realloc(w->levels, cap * sizeof(*w->levels));
		void *lens;

		if (!levels)
			return -ENOMEM;
		w->levels = levels;
		lens = realloc(w->lens, cap * sizeof(*w->lens));
		if (!lens)
			return -ENOMEM;
		w->lens = lens;
		w->cap = cap;
	}
	w->lens[w->depth] = w->path.len;
	e = dirscan_open(w->rr, id, &w->levels[w->depth]);
	if (e < 0)
		dirscan_close(&w->levels[w->depth]);
	else
		w->depth++;
	return e;
}

int treewalk_open(struct treewalk *w, struct repo_reader *rr,
		  const uint8_t id[CHUNK_ID_LEN], struct span path)
{
	int e;

	memset(w, 0, sizeof(*w));
	w->rr = rr;
	w->path = BUF_INIT(SIZE_MAX);
	e = treewalk_clean(path, &w->path);
	return e < 0 ? e : push(w, id);
}

static void complain(struct treewalk *w, int e)
{
	char name[512];

	w->damaged++;
	log_fail(e, "list %s",
		 log_printable(name, sizeof(name), w->path.p, w->path.len));
}

int treewalk_next(struct treewalk *w, struct node *n)
{
	int e;

	if (w->enter) {
		w->enter = false;
		e = push(w, w->tree);
		if (e == -ENOMEM)
			return e;
		if (e < 0)
			complain(w, e);
	}
	while (w->depth > 0) {
		struct dirscan *top = &w->levels[w->depth - 1];
		size_t len = w->lens[w->depth - 1];

		e = dirscan_next(top, n);
		if (e == 1) {
			w->enter = n->type == NODE_DIR;
			memcpy(w->tree, n->tree, CHUNK_ID_LEN);
			e = treewalk_join(&w->path, len, n->name);
			return e < 0 ? e : 1;
		}
		w->path.len = len;
		if (e == -ENOMEM)
			return e;
		if (e < 0)
			complain(w, e);
		dirscan_close(top);
		w->depth--;
	}
	return 0;
}

void treewalk_skip(struct treewalk *w)
{
	w->enter = false;
}

const struct tree_part *treewalk_part(const struct treewalk *w)
{
	return &w->levels[w->depth - 1].part;
}

void treewalk_close(struct treewalk *w)
{
	while (w->depth > 0)
		dirscan_close(&w->levels[--w->depth]);
	free(w->levels);
	free(w->lens);
	buf_release(&w->path);
	memset(w, 0, sizeof(*w));
}
