/* SPDX-License-Identifier: Apache-2.0 */
/*
 * treewalk.c - a stack of open directories.
 */
#include "tools/treewalk.h"

#include <errno.h>

#include "base/log.h"

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
	e = tree_dir_open(w->rr, id, &w->levels[w->depth]);
	if (e < 0)
		tree_dir_close(&w->levels[w->depth]);
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
		struct tree_dir *top = &w->levels[w->depth - 1];
		size_t len = w->lens[w->depth - 1];

		e = tree_dir_next(top, n, NULL);
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
		tree_dir_close(top);
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
		tree_dir_close(&w->levels[--w->depth]);
	free(w->levels);
	free(w->lens);
	buf_release(&w->path);
	memset(w, 0, sizeof(*w));
}
