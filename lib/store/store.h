/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - where a repository keeps its objects.
 *
 * A store maps (class, name) to bytes that never change. It knows nothing
 * of chunks, packs or keys: what it stores is already encrypted, and it may
 * be a directory, a vault or a test double.
 *
 * Names:   1..STORE_NAME_MAX bytes of [0-9a-f]; anything else is -EINVAL, so
 *          a name from the network cannot leave the root. STORE_CONFIG has
 *          the one name "config".
 * Errors:  0, or a negative errno. -ENOENT and -EEXIST are answers and not
 *          logged; every other error is logged where it is detected, with
 *          the object's name.
 * Memory:  spans are borrowed for the call; bufs are the caller's.
 * Threads: any, at once, on one store; a store_writer belongs to one thread;
 *          store_free() comes last.
 * Source:  docs/repository-format.md, "Objects".
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/macros.h"

#define STORE_NAME_MAX 64

enum store_class {
	STORE_CONFIG,
	STORE_KEY,
	STORE_PACK,
	STORE_INDEX,
	STORE_SNAPSHOT,
	STORE_HEAD,
	STORE_CLASSES
};

/* "config", "keys", "packs", "index", "snapshots", "heads". */
const char *store_class_name(enum store_class cls);

struct store;
struct store_writer;

/* Open the directory at path. -ENOENT or -ENOTDIR (not logged) if there is
 * none. */
MUST_CHECK int store_open_dir(const char *path, struct store **out);
/* Make the directory (mode 0700) and its classes' directories, or complete
 * them. -EEXIST (not logged) if path is a directory that is not empty and
 * holds anything but those (a file system's own lost+found aside), so also
 * if it holds a config. */
MUST_CHECK int store_create_dir(const char *path, struct store **out);
/* A store in memory, for tests. */
MUST_CHECK int store_open_mem(struct store **out);
/* Decorator: the n-th call (from 1) of the operations in `ops` (letters:
 * p put, g get, l list, d delete, s stat) fails with err (negative), once, or
 * from then on if sticky; n = 0 never fails. A writer is one put, counted at
 * its commit; leases are not counted. Owns and frees inner, on success. */
MUST_CHECK int store_open_fault(struct store *inner, const char *ops,
				unsigned long n, int err, bool sticky,
				struct store **out);
/* Decorator: at most bytes_per_second (not 0: -EINVAL) in either direction,
 * on average, of all threads together; after a pause at most 1/4 s of it at
 * once. Owns inner, on success. */
MUST_CHECK int store_open_limit(struct store *inner, uint64_t bytes_per_second,
				struct store **out);
/* The same by the hours of the week (rate.h), as clock_now() tells them; what
 * is under way keeps to each new hour. -EINVAL: there is never a limit. */
struct rate_plan;
MUST_CHECK int store_open_limit_plan(struct store *inner,
				     const struct rate_plan *plan,
				     struct store **out);
/* NULL is allowed. */
void store_free(struct store *s);
/* For messages: "/srv/backup". Valid as long as the store. */
const char *store_location(const struct store *s);
/* The directory that it is, or NULL if it is none. As long as the store. */
const char *store_path(const struct store *s);
/* A directory of this machine in which it writes, its own or another, or NULL:
 * it must not be frozen while the store is used. As long as the store. */
const char *store_scratch(const struct store *s);

/* Store data under name, create only. On 0 and on -EEXIST the object is on
 * stable storage under that name; -EEXIST changed nothing. */
MUST_CHECK int store_put(struct store *s, enum store_class cls,
			 const char *name, struct span data);

/* What the put of an object means that is named by the hash of its bytes: one
 * that is there already is this one. An earlier try may have stored it, whose
 * answer was lost on the network. */
static inline int store_put_by_hash(int e)
{
	return e == -EEXIST ? 0 : e;
}

/* The same in pieces, for an object whose name is known only at its end.
 * Until the commit there is no object and no name to clean up. */
MUST_CHECK int store_writer_open(struct store *s, enum store_class cls,
				 struct store_writer **out);
/* After a failure every further call on w gives the same error. */
MUST_CHECK int store_writer_append(struct store_writer *w, struct span data);
/* Durable under name on 0 and -EEXIST, as store_put(). The writer is freed
 * in every case. */
MUST_CHECK int store_writer_commit(struct store_writer *w, const char *name);
/* Forget what was written. NULL is allowed. */
void store_writer_abort(struct store_writer *w);

/* Append the whole object to out, or leave out as it was. -EMSGSIZE if it
 * does not fit. */
MUST_CHECK int store_get(struct store *s, enum store_class cls,
			 const char *name, struct buf *out);
/* Exactly len bytes from off into p; -EUCLEAN (logged) if the object is too
 * short for that. */
MUST_CHECK int store_get_range(struct store *s, enum store_class cls,
			       const char *name, uint64_t off, void *p,
			       size_t len);
MUST_CHECK int store_stat(struct store *s, enum store_class cls,
			  const char *name, uint64_t *size);

/* Call fn for each object, in no order. A non-zero return of fn ends the
 * listing and is returned. Names that are no object names are skipped. */
typedef int store_list_fn(void *arg, const char *name, uint64_t size);
MUST_CHECK int store_list(struct store *s, enum store_class cls,
			  store_list_fn *fn, void *arg);

/* -ENOENT if there was none. Durable on 0. */
MUST_CHECK int store_delete(struct store *s, enum store_class cls,
			    const char *name);

/* The same for whoever deletes many and finds what is left another day: after
 * a crash the object may be back, if the store is a directory. */
MUST_CHECK int store_delete_soon(struct store *s, enum store_class cls,
				 const char *name);

/*
 * Leases. They only spare work (prune leaves the packs of a living writer
 * alone) or order maintenance; no promise about data rests on them.
 * A lease ends with store_lease_end() or with the process, however it dies.
 */
enum store_lease_kind {
	STORE_LEASE_WRITER,	/* any number at once */
	STORE_LEASE_MAINTENANCE /* one at once: -EBUSY (not logged) */
};
struct store_lease;
MUST_CHECK int store_lease_begin(struct store *s, enum store_lease_kind kind,
				 struct store_lease **out);
/* NULL is allowed. */
void store_lease_end(struct store_lease *l);
/* The number of living writers other than this process, or -errno. */
MUST_CHECK int store_lease_writers(struct store *s);

#endif /* STORE_STORE_H */
