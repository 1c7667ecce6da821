/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_pick.c - what the next backup would leave unread, from the catalog.
 */
#include "archive/audit_pick.h"

#include <errno.h>
#include <stdlib.h>

#include "archive/record.h"

/* One directory that the walk is in. */
struct level {
	struct record_iter it;
	struct audit_dir dir;
	const struct audit_dir *kept; /* the same, once a unit needs it */
	size_t path_len;
};

struct walk {
	const struct audit_pick *opt;
	struct audit_picked *out;
	struct level *levels;
	size_t depth, cap;
	struct buf path;
};

/* --- taking one --- */

static bool copy_span(struct arena *a, struct span *s)
{
	void *p = s->len ? arena_copy(a, s->p, s->len) : NULL;

	if (s->len && !p)
		return false;
	*s = SPAN(p, s->len);
	return true;
}

/* The directories on the way, as far as no unit has them yet. */
static const struct audit_dir *keep_dirs(struct walk *w, size_t depth)
{
	struct level *l;
	struct audit_dir *d;
	size_t i;

	for (i = 0; i < depth; i++) {
		l = &w->levels[i];
		if (l->kept)
			continue;
		d = arena_alloc(&w->out->arena, sizeof(*d));
		if (!d)
			return NULL;
		*d = l->dir;
		d->up = i > 0 ? w->levels[i - 1].kept : NULL;
		l->kept = d;
	}
	return w->levels[depth - 1].kept;
}

static int add(struct walk *w, const struct audit_unit *unit)
{
	struct audit_picked *out = w->out;
	struct audit_unit *u;
	struct span path = SPAN_OF(&w->path);

	if (out->n == out->cap) {
		size_t cap = out->cap ? 2 * out->cap : 1024;
		void *p = realloc(out->units, cap * sizeof(*out->units));

		if (!p)
			return -ENOMEM;
		out->units = p;
		out->cap = cap;
	}
	u = &out->units[out->n];
	*u = *unit;
	if (!unit->is_source) {
		u->in = keep_dirs(w, w->depth);
		if (!u->in)
			return -ENOMEM;
	}
	u->path = arena_copy(&out->arena, path.p, path.len + 1);
	if (!u->path || !copy_span(&out->arena, &u->node.name) ||
	    !copy_span(&out->arena, &u->node.xattrs) ||
	    !copy_span(&out->arena, &u->node.target) ||
	    !copy_span(&out->arena, &u->node.content) ||
	    !copy_span(&out->arena, &u->record))
		return -ENOMEM;
	out->n++;
	return 0;
}

/* --- the walk --- */

/* Replace what follows the first len bytes by "/name" and a NUL that is not
 * counted. */
static int set_path(struct buf *path, size_t len, struct span name)
{
	int e;

	path->len = len;
	e = buf_u8(path, '/');
	if (e == 0)
		e = buf_append(path, name.p, name.len);
	if (e == 0)
		e = buf_u8(path, '\0');
	if (e == 0)
		path->len--;
	return e;
}

static int enter(struct walk *w, struct catalog_key key, struct span record)
{
	struct level *l;

	if (w->depth == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 64;
		void *p = realloc(w->levels, cap * sizeof(*w->levels));

		if (!p)
			return -ENOMEM;
		w->levels = p;
		w->cap = cap;
	}
	l = &w->levels[w->depth++];
	memset(l, 0, sizeof(*l));
	l->dir.key = key;
	/* the root directory's path is "/", of which nothing is kept */
	l->path_len = w->path.len == 1 ? 0 : w->path.len;
	record_open(&l->it, record);
	return 0;
}

/* The record that a directory's entry was made with. */
static struct span record_of(struct walk *w, struct catalog_key key,
			     const struct node *n)
{
	struct span r = catalog_get(w->opt->catalog, key);

	if (!r.p || r.len < CHUNK_ID_LEN ||
	    (n && memcmp(r.p, n->tree, CHUNK_ID_LEN) != 0))
		return SPAN(NULL, 0);
	return r;
}

static int consider(struct walk *w, struct audit_unit *u)
{
	enum audit_hold hold = w->opt->hold(w->opt->arg, u->key, &u->node);
	const struct audit_arc *arc = w->opt->arc;
	uint64_t point = audit_point(w->opt->seed, u->key);

	if (hold == AUDIT_CHANGED ||
	    (u->node.type == NODE_DIR && !u->record.p)) {
		w->out->changed++;
		return 0;
	}
	w->out->held++;
	if (u->node.type == NODE_FILE)
		w->out->held_bytes += u->node.size;
	if (!arc || !audit_is_on(arc, point, &u->behind))
		return 0;
	u->is_tracked = hold == AUDIT_BY_TRACKER;
	return add(w, u);
}

static int step(struct walk *w)
{
	struct level *l = &w->levels[w->depth - 1];
	struct audit_unit u = { 0 };
	int e;

	if (!l->it.has) {
		w->depth--;
		return 0;
	}
	u.node = l->it.node;
	u.key.fsid = u.node.flags & NODE_OTHER_FS ? u.node.fsid
						  : l->dir.key.fsid;
	u.key.ino = u.node.ino;
	if (u.node.type == NODE_DIR)
		u.record = record_of(w, u.key, &u.node);
	e = set_path(&w->path, l->path_len, u.node.name);
	if (e == 0)
		e = consider(w, &u);
	/* it borrows from the record, which lives as long as the catalog */
	record_next(&l->it);
	if (e == 0 && u.record.p)
		e = enter(w, u.key, u.record);
	return e;
}

static int walk_source(struct walk *w, const struct audit_source *s)
{
	struct audit_unit u = { .is_source = true, .key = s->key };
	int e;

	u.record = record_of(w, s->key, NULL);
	if (!u.record.p)
		return 0;
	u.node.type = NODE_DIR;
	u.node.ino = s->key.ino;
	u.node.fsid = s->key.fsid;
	w->path.len = 0;
	e = buf_append(&w->path, s->path, strlen(s->path) + 1);
	if (e == 0) {
		w->path.len--;
		e = consider(w, &u);
	}
	if (e == 0)
		e = enter(w, s->key, u.record);
	while (e == 0 && w->depth > 0)
		e = step(w);
	w->depth = 0;
	return e;
}

static int arc_order(const void *a, const void *b)
{
	const struct audit_unit *x = a, *y = b;

	if (x->behind != y->behind)
		return x->behind > y->behind ? 1 : -1;
	return strcmp(x->path, y->path);
}

int audit_pick(const struct audit_pick *opt, struct audit_picked *out)
{
	struct walk w = { .opt = opt, .out = out, .path = BUF_INIT(SIZE_MAX) };
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < opt->n_sources; i++)
		e = walk_source(&w, &opt->sources[i]);
	if (out->n > 1)
		qsort(out->units, out->n, sizeof(*out->units), arc_order);
	free(w.levels);
	buf_release(&w.path);
	return e;
}

void audit_picked_release(struct audit_picked *p)
{
	arena_release(&p->arena);
	free(p->units);
	memset(p, 0, sizeof(*p));
}

/* --- doubt --- */

/* Set NODE_PARTIAL in an encoded entry: length:varint type:u8 flags:varint,
 * and all flags fit into one byte. */
static bool set_partial(uint8_t *raw, size_t len)
{
	struct reader rd = reader_of(SPAN(raw, len));
	uint8_t *flags;

	(void)rd_varint(&rd);
	(void)rd_u8(&rd);
	if (rd.bad || reader_left(&rd) == 0)
		return false;
	flags = raw + (len - reader_left(&rd));
	*flags |= NODE_PARTIAL;
	return *flags <= NODE_FLAGS_ALL;
}

/* Is the entry at hand the one that the unit was taken from? */
static bool is_unit(const struct node *n, const struct audit_unit *u)
{
	return n->name.len == u->node.name.len &&
	       !memcmp(n->name.p, u->node.name.p, n->name.len) &&
	       n->ino == u->node.ino && n->ctime.sec == u->node.ctime.sec &&
	       n->ctime.nsec == u->node.ctime.nsec;
}

static int dir_order(const void *a, const void *b)
{
	const struct audit_unit *x = *(struct audit_unit *const *)a;
	const struct audit_unit *y = *(struct audit_unit *const *)b;

	if (x->in->key.fsid != y->in->key.fsid)
		return x->in->key.fsid > y->in->key.fsid ? 1 : -1;
	return (x->in->key.ino > y->in->key.ino) -
	       (x->in->key.ino < y->in->key.ino);
}

/* Units of one directory. */
static int doubt_in(struct catalog *c, const struct audit_unit **units,
		    size_t n)
{
	CLEANUP_BUF struct buf copy = BUF_INIT(SIZE_MAX);
	struct span record = catalog_get(c, units[0]->in->key);
	struct record_iter it;
	int e = record.p ? buf_append(&copy, record.p, record.len) : 0;
	size_t i;

	if (e < 0 || !record.p)
		return e;
	for (record_open(&it, record); it.has; record_next(&it))
		for (i = 0; i < n; i++)
			if (is_unit(&it.node, units[i]) &&
			    !set_partial(copy.p + (it.raw.p - record.p),
					 it.raw.len))
				return -EUCLEAN;
	return catalog_put(c, units[0]->in->key, copy.p,
			   SPAN(copy.p + CHUNK_ID_LEN,
				copy.len - CHUNK_ID_LEN));
}

int audit_doubt(struct catalog *c, const struct audit_unit **units, size_t n)
{
	size_t i, k;
	int e = 0;

	/* what is in a source's own list every scan reads again */
	for (i = k = 0; i < n; i++)
		if (units[i]->in)
			units[k++] = units[i];
	n = k;
	if (n > 1)
		qsort(units, n, sizeof(*units), dir_order);
	for (i = 0; e == 0 && i < n; i = k) {
		for (k = i + 1; k < n && !dir_order(&units[i], &units[k]);)
			k++;
		e = doubt_in(c, units + i, k - i);
	}
	return e;
}
