/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - what all kinds of store share: names, checks, dispatch.
 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "store/kind.h"

static const char *const class_names[STORE_CLASSES] = {
	[STORE_CONFIG] = "config",	[STORE_KEY] = "keys",
	[STORE_PACK] = "packs",		[STORE_INDEX] = "index",
	[STORE_SNAPSHOT] = "snapshots", [STORE_HEAD] = "heads",
};

const char *store_class_name(enum store_class cls)
{
	assert((unsigned int)cls < STORE_CLASSES);
	return class_names[cls];
}

bool store_name_is_valid(enum store_class cls, const char *name)
{
	size_t len;

	if (cls == STORE_CONFIG)
		return strcmp(name, "config") == 0;
	len = strspn(name, "0123456789abcdef");
	return len >= 1 && len <= STORE_NAME_MAX && name[len] == '\0';
}

static int check_name(const struct store *s, enum store_class cls,
		      const char *name)
{
	assert((unsigned int)cls < STORE_CLASSES);
	if (store_name_is_valid(cls, name))
		return 0;
	return log_fail(-EINVAL, "object name '%.80s' in %s of %s", name,
			class_names[cls], s->location);
}

const char *store_text(char out[static STORE_TEXT_MAX], enum store_class cls,
		       const char *name)
{
	if (cls == STORE_CONFIG)
		return class_names[cls];
	snprintf(out, STORE_TEXT_MAX, "%s/%s", store_class_name(cls),
		 name ? name : "(new)");
	return out;
}

int store_fail(const struct store *s, int err, const char *what,
	       enum store_class cls, const char *name)
{
	char text[STORE_TEXT_MAX];

	return log_fail(err, "%s %s in %s", what, store_text(text, cls, name),
			s->location);
}

int store_answer(const struct store *s, int err, const char *what,
		 enum store_class cls, const char *name)
{
	if (err == -ENOENT || err == -EEXIST || err == -ENOMEM)
		return err;
	return store_fail(s, err, what, cls, name);
}

void store_free(struct store *s)
{
	if (s)
		s->kind->free(s);
}

const char *store_location(const struct store *s)
{
	return s->location;
}

const char *store_path(const struct store *s)
{
	return s->path;
}

const char *store_scratch(const struct store *s)
{
	return s->scratch;
}

int store_put(struct store *s, enum store_class cls, const char *name,
	      struct span data)
{
	struct store_writer *w;
	int r = check_name(s, cls, name);

	if (r == 0)
		r = store_writer_begin(s, cls, name, &w);
	if (r < 0)
		return r;
	r = store_writer_append(w, data);
	if (r < 0) {
		store_writer_abort(w);
		return r;
	}
	return store_writer_commit(w, name);
}

int store_writer_begin(struct store *s, enum store_class cls, const char *name,
		       struct store_writer **out)
{
	struct store_writer *w;
	int r;

	assert((unsigned int)cls < STORE_CLASSES);
	r = s->kind->create(s, cls, name, &w);
	if (r < 0)
		return r;
	w->store = s;
	w->cls = cls;
	w->err = 0;
	*out = w;
	return 0;
}

int store_writer_open(struct store *s, enum store_class cls,
		      struct store_writer **out)
{
	return store_writer_begin(s, cls, NULL, out);
}

int store_writer_append(struct store_writer *w, struct span data)
{
	if (w->err == 0)
		w->err = w->store->kind->append(w, data);
	return w->err;
}

int store_writer_commit(struct store_writer *w, const char *name)
{
	int r = w->err;

	/* An object with a hole where an append failed never gets a name,
	 * whatever the caller made of that error. */
	if (r == 0)
		r = check_name(w->store, w->cls, name);
	if (r == 0)
		r = w->store->kind->commit(w, name);
	w->store->kind->discard(w);
	return r;
}

void store_writer_abort(struct store_writer *w)
{
	if (w)
		w->store->kind->discard(w);
}

int store_get(struct store *s, enum store_class cls, const char *name,
	      struct buf *out)
{
	int r = check_name(s, cls, name);

	return r < 0 ? r : s->kind->get(s, cls, name, out);
}

int store_get_range(struct store *s, enum store_class cls, const char *name,
		    uint64_t off, void *p, size_t len)
{
	int r = check_name(s, cls, name);

	if (r < 0)
		return r;
	/* Offsets come from an index: no object reaches that far. */
	if (len > INT64_MAX || off > INT64_MAX - len)
		return store_fail(s, -EUCLEAN, "read a range of", cls, name);
	return s->kind->get_range(s, cls, name, off, p, len);
}

int store_stat(struct store *s, enum store_class cls, const char *name,
	       uint64_t *size)
{
	int r = check_name(s, cls, name);

	return r < 0 ? r : s->kind->stat(s, cls, name, size);
}

int store_list(struct store *s, enum store_class cls, store_list_fn *fn,
	       void *arg)
{
	assert((unsigned int)cls < STORE_CLASSES);
	return s->kind->list(s, cls, fn, arg);
}

int store_delete(struct store *s, enum store_class cls, const char *name)
{
	int r = check_name(s, cls, name);

	return r < 0 ? r : s->kind->remove(s, cls, name);
}

int store_delete_soon(struct store *s, enum store_class cls, const char *name)
{
	int r = check_name(s, cls, name);

	if (r < 0)
		return r;
	return s->kind->remove_soon ? s->kind->remove_soon(s, cls, name)
				    : s->kind->remove(s, cls, name);
}

int store_lease_begin(struct store *s, enum store_lease_kind kind,
		      struct store_lease **out)
{
	return s->kind->lease_begin(s, kind, out);
}

void store_lease_end(struct store_lease *l)
{
	if (l)
		l->store->kind->lease_end(l);
}

int store_lease_writers(struct store *s)
{
	return s->kind->lease_writers(s);
}
