/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem.c - a store in memory, for tests.
 *
 * Objects stand in one array, sorted by class and name. A listing works on a
 * copy of the names, so that its callback may call the store.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/kind.h"

#define OBJECT_MAX ((size_t)1 << 40)

struct mem_object {
	enum store_class cls;
	char name[STORE_NAME_MAX + 1];
	struct buf data;
};

struct mem_store {
	struct store base;
	pthread_mutex_t lock;	     /* guards all below */
	struct mem_object **objects; /* sorted */
	size_t count;
	size_t room;
	bool maintained; /* someone holds the maintenance lease */
};

struct mem_writer {
	struct store_writer base;
	struct buf data;
};

struct mem_lease {
	struct store_lease base;
	enum store_lease_kind kind;
};

static int order(const struct mem_object *o, enum store_class cls,
		 const char *name)
{
	if (o->cls != cls)
		return o->cls < cls ? -1 : 1;
	return strcmp(o->name, name);
}

/* The first object that is not before (cls, name). Lock held. */
static size_t lower_bound(const struct mem_store *m, enum store_class cls,
			  const char *name)
{
	size_t lo = 0, hi = m->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (order(m->objects[mid], cls, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Lock held. */
static struct mem_object *find(const struct mem_store *m, enum store_class cls,
			       const char *name)
{
	size_t i = lower_bound(m, cls, name);

	if (i < m->count && order(m->objects[i], cls, name) == 0)
		return m->objects[i];
	return NULL;
}

static void object_free(struct mem_object *o)
{
	buf_release(&o->data);
	free(o);
}

static int mem_create(struct store *s, enum store_class cls, const char *name,
		      struct store_writer **out)
{
	struct mem_writer *w = calloc(1, sizeof(*w));

	(void)s;
	(void)cls;
	(void)name;
	if (!w)
		return -ENOMEM;
	w->data = BUF_INIT(OBJECT_MAX);
	*out = &w->base;
	return 0;
}

static int mem_append(struct store_writer *base, struct span data)
{
	struct mem_writer *w = (struct mem_writer *)base;

	return buf_append(&w->data, data.p, data.len);
}

/* Takes the writer's bytes. Lock held. */
static int insert(struct mem_store *m, struct mem_writer *w, const char *name)
{
	size_t at = lower_bound(m, w->base.cls, name);
	struct mem_object *o;

	if (m->count == m->room) {
		size_t room = m->room ? 2 * m->room : 64;
		struct mem_object **p = realloc(m->objects, room * sizeof(*p));

		if (!p)
			return -ENOMEM;
		m->objects = p;
		m->room = room;
	}
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->cls = w->base.cls;
	memcpy(o->name, name, strlen(name) + 1);
	o->data = w->data;
	w->data = BUF_INIT(OBJECT_MAX);
	memmove(m->objects + at + 1, m->objects + at,
		(m->count - at) * sizeof(*m->objects));
	m->objects[at] = o;
	m->count++;
	return 0;
}

static int mem_commit(struct store_writer *base, const char *name)
{
	struct mem_store *m = (struct mem_store *)base->store;
	int r = -EEXIST;

	pthread_mutex_lock(&m->lock);
	if (!find(m, base->cls, name))
		r = insert(m, (struct mem_writer *)base, name);
	pthread_mutex_unlock(&m->lock);
	return r;
}

static void mem_discard(struct store_writer *base)
{
	struct mem_writer *w = (struct mem_writer *)base;

	buf_release(&w->data);
	free(w);
}

static int mem_get(struct store *s, enum store_class cls, const char *name,
		   struct buf *out)
{
	struct mem_store *m = (struct mem_store *)s;
	const struct mem_object *o;
	int r = -ENOENT;

	pthread_mutex_lock(&m->lock);
	o = find(m, cls, name);
	if (o)
		r = buf_append(out, o->data.p, o->data.len);
	pthread_mutex_unlock(&m->lock);
	return r < 0 ? store_answer(s, r, "read", cls, name) : 0;
}

static int copy_range(const struct mem_object *o, uint64_t off, void *p,
		      size_t len)
{
	if (len == 0)
		return 0;
	if (off > o->data.len || len > o->data.len - off)
		return -EUCLEAN;
	memcpy(p, o->data.p + off, len);
	return 0;
}

static int mem_get_range(struct store *s, enum store_class cls,
			 const char *name, uint64_t off, void *p, size_t len)
{
	struct mem_store *m = (struct mem_store *)s;
	const struct mem_object *o;
	int r;

	pthread_mutex_lock(&m->lock);
	o = find(m, cls, name);
	r = o ? copy_range(o, off, p, len) : -ENOENT;
	pthread_mutex_unlock(&m->lock);
	return r < 0 ? store_answer(s, r, "read a range of", cls, name) : 0;
}

static int mem_stat(struct store *s, enum store_class cls, const char *name,
		    uint64_t *size)
{
	struct mem_store *m = (struct mem_store *)s;
	const struct mem_object *o;

	pthread_mutex_lock(&m->lock);
	o = find(m, cls, name);
	if (o)
		*size = o->data.len;
	pthread_mutex_unlock(&m->lock);
	return o ? 0 : -ENOENT;
}

struct listed {
	char name[STORE_NAME_MAX + 1];
	uint64_t size;
};

/* Lock held. */
static int copy_names(const struct mem_store *m, enum store_class cls,
		      struct listed **out, size_t *count)
{
	size_t from = lower_bound(m, cls, ""), n = 0, i;
	struct listed *names;

	while (from + n < m->count && m->objects[from + n]->cls == cls)
		n++;
	names = calloc(n + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		memcpy(names[i].name, m->objects[from + i]->name,
		       sizeof(names[i].name));
		names[i].size = m->objects[from + i]->data.len;
	}
	*out = names;
	*count = n;
	return 0;
}

static int mem_list(struct store *s, enum store_class cls, store_list_fn *fn,
		    void *arg)
{
	struct mem_store *m = (struct mem_store *)s;
	CLEANUP_FREE struct listed *names = NULL;
	size_t i, n = 0;
	int r;

	pthread_mutex_lock(&m->lock);
	r = copy_names(m, cls, &names, &n);
	pthread_mutex_unlock(&m->lock);
	for (i = 0; i < n && r == 0; i++)
		r = fn(arg, names[i].name, names[i].size);
	return r;
}

static int mem_remove(struct store *s, enum store_class cls, const char *name)
{
	struct mem_store *m = (struct mem_store *)s;
	struct mem_object *o;

	pthread_mutex_lock(&m->lock);
	o = find(m, cls, name);
	if (o) {
		size_t at = lower_bound(m, cls, name);

		memmove(m->objects + at, m->objects + at + 1,
			(m->count - at - 1) * sizeof(*m->objects));
		m->count--;
		object_free(o);
	}
	pthread_mutex_unlock(&m->lock);
	return o ? 0 : -ENOENT;
}

static int mem_lease_begin(struct store *s, enum store_lease_kind kind,
			   struct store_lease **out)
{
	struct mem_store *m = (struct mem_store *)s;
	CLEANUP_FREE struct mem_lease *l = calloc(1, sizeof(*l));
	bool busy = false;

	if (!l)
		return -ENOMEM;
	l->base.store = s;
	l->kind = kind;
	if (kind == STORE_LEASE_MAINTENANCE) {
		pthread_mutex_lock(&m->lock);
		busy = m->maintained;
		m->maintained = true;
		pthread_mutex_unlock(&m->lock);
	}
	if (busy)
		return -EBUSY;
	*out = &TAKE_PTR(l)->base;
	return 0;
}

static void mem_lease_end(struct store_lease *base)
{
	struct mem_store *m = (struct mem_store *)base->store;
	struct mem_lease *l = (struct mem_lease *)base;

	if (l->kind == STORE_LEASE_MAINTENANCE) {
		pthread_mutex_lock(&m->lock);
		m->maintained = false;
		pthread_mutex_unlock(&m->lock);
	}
	free(l);
}

static int mem_lease_writers(struct store *s)
{
	(void)s; /* no other process sees this store */
	return 0;
}

static void mem_free(struct store *s)
{
	struct mem_store *m = (struct mem_store *)s;
	size_t i;

	for (i = 0; i < m->count; i++)
		object_free(m->objects[i]);
	free(m->objects);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static const struct store_kind mem_kind = {
	.free = mem_free,
	.create = mem_create,
	.append = mem_append,
	.commit = mem_commit,
	.discard = mem_discard,
	.get = mem_get,
	.get_range = mem_get_range,
	.stat = mem_stat,
	.list = mem_list,
	.remove = mem_remove,
	.lease_begin = mem_lease_begin,
	.lease_end = mem_lease_end,
	.lease_writers = mem_lease_writers,
};

int store_open_mem(struct store **out)
{
	struct mem_store *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->base.kind = &mem_kind;
	m->base.location = "memory";
	pthread_mutex_init(&m->lock, NULL);
	*out = &m->base;
	return 0;
}
