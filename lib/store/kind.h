/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kind.h - what a kind of store implements; private to lib/store.
 *
 * store.c checks class and name before it calls, so a kind sees only valid
 * ones. A kind embeds struct store, struct store_writer and struct
 * store_lease as the first member of its own, and fills in what the
 * comments below do not give to store.c.
 *
 * Errors, memory, threads: as store.h says for the function of that name.
 */
#ifndef STORE_KIND_H
#define STORE_KIND_H

#include <errno.h>

#include "store/store.h"

struct store {
	const struct store_kind *kind;
	/* released by kind->free, if at all */
	const char *location;
	const char *path, *scratch; /* or NULL; see store.h */
};

struct store_writer {
	struct store *store;  /* set by store.c */
	enum store_class cls; /* set by store.c */
	int err;	      /* of store.c: the append that failed */
};

struct store_lease {
	struct store *store; /* the one that made it, under all decorators */
};

struct store_kind {
	void (*free)(struct store *s);
	/* name is NULL if it comes only with the commit; it serves messages. */
	int (*create)(struct store *s, enum store_class cls, const char *name,
		      struct store_writer **out);
	int (*append)(struct store_writer *w, struct span data);
	/* Not freed here: discard follows in every case. */
	int (*commit)(struct store_writer *w, const char *name);
	void (*discard)(struct store_writer *w);
	int (*get)(struct store *s, enum store_class cls, const char *name,
		   struct buf *out);
	/* off + len does not overflow an off_t. */
	int (*get_range)(struct store *s, enum store_class cls,
			 const char *name, uint64_t off, void *p, size_t len);
	int (*stat)(struct store *s, enum store_class cls, const char *name,
		    uint64_t *size);
	int (*list)(struct store *s, enum store_class cls, store_list_fn *fn,
		    void *arg);
	int (*remove)(struct store *s, enum store_class cls, const char *name);
	/* NULL: remove does */
	int (*remove_soon)(struct store *s, enum store_class cls,
			   const char *name);
	int (*lease_begin)(struct store *s, enum store_lease_kind kind,
			   struct store_lease **out);
	void (*lease_end)(struct store_lease *l);
	int (*lease_writers)(struct store *s);
};

bool store_name_is_valid(enum store_class cls, const char *name);

/* store_writer_open() for an object whose name is known (or NULL). */
MUST_CHECK int store_writer_begin(struct store *s, enum store_class cls,
				  const char *name, struct store_writer **out);

/* An object in a message: "packs/0123", "config", "packs/(new)". */
#define STORE_TEXT_MAX (STORE_NAME_MAX + 16)
const char *store_text(char out[static STORE_TEXT_MAX], enum store_class cls,
		       const char *name);
/* log_fail(err, "WHAT packs/0123 in LOCATION"). */
int store_fail(const struct store *s, int err, const char *what,
	       enum store_class cls, const char *name);
/* The same, but -ENOENT, -EEXIST and -ENOMEM are passed on in silence. */
int store_answer(const struct store *s, int err, const char *what,
		 enum store_class cls, const char *name);

#endif /* STORE_KIND_H */
