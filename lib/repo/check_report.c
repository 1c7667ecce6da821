/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_report.c - problems, one for each damaged object.
 *
 * A lost pack can be felt in a hundred thousand files: it is one problem
 * with a count. Problems are found by their name, linearly: there are at
 * most CHECK_PROBLEMS_MAX, and beyond that only a count.
 */
#include "repo/check_private.h"

#include <errno.h>
#include <stdarg.h>

const char *check_object_name(enum check_object object)
{
	static const char *const names[] = {
		[CHECK_KEY] = "key",	       [CHECK_HEAD] = "head",
		[CHECK_SNAPSHOT] = "snapshot", [CHECK_INDEX] = "index",
		[CHECK_PACK] = "pack",	       [CHECK_TREE] = "tree",
		[CHECK_MAP] = "map",	       [CHECK_CHUNK] = "chunk",
	};

	return names[object];
}

void check_report_release(struct check_report *rep)
{
	uint32_t i;
	unsigned int p;

	for (i = 0; i < rep->count; i++)
		for (p = 0; p < rep->problems[i].n_places; p++)
			free(rep->problems[i].places[p].path);
	free(rep->problems);
	idlist_release(&rep->hurt);
	memset(rep, 0, sizeof(*rep));
}

static struct check_problem *find(struct check_report *rep,
				  enum check_object object, const char *name)
{
	uint32_t i;

	for (i = rep->count; i-- > 0;) {
		struct check_problem *p = &rep->problems[i];

		if (p->object == object && strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

static struct check_problem *add(struct check_report *rep)
{
	if (rep->count == CHECK_PROBLEMS_MAX)
		return NULL;
	if (rep->count == rep->cap) {
		uint32_t cap = rep->cap ? 2 * rep->cap : 8;
		void *p = realloc(rep->problems, cap * sizeof(*rep->problems));

		if (!p)
			return NULL;
		rep->problems = p;
		rep->cap = cap;
	}
	memset(&rep->problems[rep->count], 0, sizeof(*rep->problems));
	return &rep->problems[rep->count++];
}

static size_t path_len(const struct check_dir *at, struct span leaf)
{
	size_t n = leaf.len ? leaf.len + 1 : 0;

	for (; at->parent; at = at->parent)
		n += at->len + 1;
	return n ? n : 1;
}

static void prepend(uint8_t *path, size_t *end, const void *name, size_t len)
{
	*end -= len;
	memcpy(path + *end, name, len);
	path[--*end] = '/';
}

/* Without memory the place is only counted. */
static void add_place(const struct check *c, struct check_problem *p,
		      const struct check_dir *at, struct span leaf)
{
	struct check_place *place = &p->places[p->n_places];
	size_t end = path_len(at, leaf);

	place->path = malloc(end);
	if (!place->path)
		return;
	place->len = end;
	memcpy(place->snapshot, repo_head(c->repo)->snapshots.ids[at->snapshot],
	       OBJECT_ID_LEN);
	p->n_places++;
	if (!leaf.len && !at->parent)
		place->path[0] = '/';
	if (leaf.len)
		prepend(place->path, &end, leaf.p, leaf.len);
	for (; at->parent; at = at->parent)
		prepend(place->path, &end, at->name, at->len);
}

void check_problem(struct check *c, enum check_object object, const char *name,
		   const struct check_dir *at, struct span leaf,
		   const char *fmt, ...)
{
	struct check_problem *p;
	va_list ap;

	pthread_mutex_lock(&c->lock);
	p = find(c->rep, object, name);
	if (!p) {
		p = add(c->rep);
		if (p) {
			p->object = object;
			snprintf(p->name, sizeof(p->name), "%s", name);
			va_start(ap, fmt);
			vsnprintf(p->what, sizeof(p->what), fmt, ap);
			va_end(ap);
		}
	}
	if (p) {
		p->times++;
		p->affected += at != NULL;
		if (at && p->n_places < CHECK_PLACES)
			add_place(c, p, at, leaf);
	} else {
		c->rep->more++;
	}
	pthread_mutex_unlock(&c->lock);
}

void check_fail(struct check *c, int err)
{
	int none = 0;

	__atomic_compare_exchange_n(&c->error, &none, err, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

bool check_stopped(struct check *c)
{
	if (c->opt->stop && c->opt->stop())
		check_fail(c, -ECANCELED);
	return __atomic_load_n(&c->error, __ATOMIC_RELAXED) != 0;
}
