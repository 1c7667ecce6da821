/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty.c - a decorator in which the n-th call fails, for tests.
 *
 * A call that is to fail does not reach the store below.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/kind.h"

struct faulty_store {
	struct store base;
	struct store *inner;
	unsigned long n;
	int err;
	bool sticky;
	unsigned long calls; /* atomic */
	char ops[8];
};

struct faulty_writer {
	struct store_writer base;
	struct store_writer *inner;
};

/* 0, or the error this call of op must fail with. */
static int hit(struct faulty_store *f, char op, const char *what,
	       enum store_class cls, const char *name)
{
	unsigned long call;

	if (!strchr(f->ops, op) || f->n == 0)
		return 0;
	call = __atomic_add_fetch(&f->calls, 1, __ATOMIC_RELAXED);
	if (call < f->n || (call > f->n && !f->sticky))
		return 0;
	return store_answer(&f->base, f->err, what, cls, name);
}

static int faulty_create(struct store *s, enum store_class cls,
			 const char *name, struct store_writer **out)
{
	struct faulty_store *f = (struct faulty_store *)s;
	struct faulty_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	r = store_writer_begin(f->inner, cls, name, &w->inner);
	if (r < 0) {
		free(w);
		return r;
	}
	*out = &w->base;
	return 0;
}

static int faulty_append(struct store_writer *base, struct span data)
{
	struct faulty_writer *w = (struct faulty_writer *)base;

	return store_writer_append(w->inner, data);
}

static int faulty_commit(struct store_writer *base, const char *name)
{
	struct faulty_writer *w = (struct faulty_writer *)base;
	int r = hit((struct faulty_store *)base->store, 'p', "store", base->cls,
		    name);

	return r < 0 ? r : store_writer_commit(TAKE_PTR(w->inner), name);
}

static void faulty_discard(struct store_writer *base)
{
	struct faulty_writer *w = (struct faulty_writer *)base;

	store_writer_abort(w->inner);
	free(w);
}

static int faulty_get(struct store *s, enum store_class cls, const char *name,
		      struct buf *out)
{
	struct faulty_store *f = (struct faulty_store *)s;
	int r = hit(f, 'g', "read", cls, name);

	return r < 0 ? r : store_get(f->inner, cls, name, out);
}

static int faulty_get_range(struct store *s, enum store_class cls,
			    const char *name, uint64_t off, void *p, size_t len)
{
	struct faulty_store *f = (struct faulty_store *)s;
	int r = hit(f, 'g', "read a range of", cls, name);

	return r < 0 ? r : store_get_range(f->inner, cls, name, off, p, len);
}

static int faulty_stat(struct store *s, enum store_class cls, const char *name,
		       uint64_t *size)
{
	struct faulty_store *f = (struct faulty_store *)s;
	int r = hit(f, 's', "look up", cls, name);

	return r < 0 ? r : store_stat(f->inner, cls, name, size);
}

static int faulty_list(struct store *s, enum store_class cls, store_list_fn *fn,
		       void *arg)
{
	struct faulty_store *f = (struct faulty_store *)s;
	int r = hit(f, 'l', "list", cls, "*");

	return r < 0 ? r : store_list(f->inner, cls, fn, arg);
}

static int faulty_remove(struct store *s, enum store_class cls,
			 const char *name)
{
	struct faulty_store *f = (struct faulty_store *)s;
	int r = hit(f, 'd', "delete", cls, name);

	return r < 0 ? r : store_delete(f->inner, cls, name);
}

static int faulty_lease_begin(struct store *s, enum store_lease_kind kind,
			      struct store_lease **out)
{
	return store_lease_begin(((struct faulty_store *)s)->inner, kind, out);
}

static int faulty_lease_writers(struct store *s)
{
	return store_lease_writers(((struct faulty_store *)s)->inner);
}

static void faulty_free(struct store *s)
{
	struct faulty_store *f = (struct faulty_store *)s;

	store_free(f->inner);
	free(f);
}

/* No lease_end: a lease belongs to the store below. */
static const struct store_kind faulty_kind = {
	.free = faulty_free,
	.create = faulty_create,
	.append = faulty_append,
	.commit = faulty_commit,
	.discard = faulty_discard,
	.get = faulty_get,
	.get_range = faulty_get_range,
	.stat = faulty_stat,
	.list = faulty_list,
	.remove = faulty_remove,
	.lease_begin = faulty_lease_begin,
	.lease_writers = faulty_lease_writers,
};

int store_open_fault(struct store *inner, const char *ops, unsigned long n,
		     int err, bool sticky, struct store **out)
{
	struct faulty_store *f;

	if (strspn(ops, "pglds") != strlen(ops) ||
	    strlen(ops) >= sizeof(f->ops) || (n && err >= 0))
		return log_fail(-EINVAL, "fault of '%s' with %d", ops, err);
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->base.kind = &faulty_kind;
	f->base.location = store_location(inner);
	f->base.path = store_path(inner);
	f->base.scratch = store_scratch(inner);
	f->inner = inner;
	f->n = n;
	f->err = err;
	f->sticky = sticky;
	memcpy(f->ops, ops, strlen(ops) + 1);
	*out = &f->base;
	return 0;
}
