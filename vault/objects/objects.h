/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects.h - the repositories of machines: bytes that the vault cannot read.
 *
 * Objects are created only, and kept in a directory store for each machine;
 * what is known of them stands in the database. An agent may put, read, list
 * and drop. To drop is not to delete: an object is part of the repository as
 * of each head from the first that came after it up to the one before it was
 * dropped, and stays as long as a recovery point among these is kept. So
 * whatever an agent does, the repository can be had as it was.
 *
 *	since  the number of the head that came next after the object
 *	until  the number of the head that came next after it was dropped
 *	as of  the object is seen if since <= as of < until; "now" is behind
 *	       all: what was not dropped
 *
 * Hashes are checked on arrival: of keys, packs, indexes and snapshots they
 * are the name. Heads come one after another, without gaps. On success
 * everything is on stable storage, bytes and row.
 *
 * Errors:  -ENOENT, -EEXIST: answers. -EBADMSG: the bytes are not those of
 *          the name. -ESTALE: a head that is not the next. -EDQUOT: the
 *          machine has no room left; not of what is there already. -EROFS: its
 *          protection was stopped (protection.h): nothing is put or dropped.
 *          -EAGAIN: another process has just deleted
 *          what was put again. Others are logged.
 * Threads: any; a writer belongs to one.
 * Source:  docs/vault-protocol.md.
 */
#ifndef VAULT_OBJECTS_OBJECTS_H
#define VAULT_OBJECTS_OBJECTS_H

#include "store/store.h"
#include "vault/db.h"
#include "vault/objects/quota.h"

#define OBJECT_MAX (256u << 20)	      /* bytes; packs are of 32 MiB at most */
#define CONFIG_OBJECT_MAX (64u << 10) /* a config is of 4 KiB at most */
#define AS_OF_NOW INT64_MAX

struct objects;
struct object_writer;

/* Repositories are directories below root. */
MUST_CHECK int objects_open(struct db *db, const char *root,
			    struct objects **out);
void objects_close(struct objects *o); /* NULL is allowed */
/* Of machines that have no quota of their own; and what is left free of the
 * disk. Before any thread. */
void objects_limit(struct objects *o, const struct quota *quota,
		   uint64_t disk_reserve);
/* Would size bytes more fit? -EDQUOT; -ENOSPC: not on the disk. */
MUST_CHECK int objects_room(struct objects *o, const char *machine,
			    uint64_t size);
/* The machine's repository, empty. */
MUST_CHECK int objects_add_machine(struct objects *o, const char *machine);

MUST_CHECK int object_writer_open(struct objects *o, const char *machine,
				  enum store_class cls,
				  struct object_writer **out);
/* -EMSGSIZE: more than an object of its class may have. */
MUST_CHECK int object_writer_append(struct object_writer *w, struct span data);
/* Of a head that makes a recovery point: how many bytes the machine says it
 * has read for it. */
void object_writer_state_read(struct object_writer *w, int64_t bytes);
/* name: what it must be; or empty, for a class of objects that are named by
 * their hash: then it is filled in. Frees w in every case. -EEXIST: it was
 * there already, whole and durable. */
MUST_CHECK int object_writer_commit(struct object_writer *w,
				    char name[static STORE_NAME_MAX + 1]);
void object_writer_abort(struct object_writer *w); /* NULL is allowed */

MUST_CHECK int objects_stat(struct objects *o, const char *machine,
			    enum store_class cls, const char *name,
			    int64_t as_of, uint64_t *size);
/* len bytes from off, of what objects_stat() has found. */
MUST_CHECK int objects_read(struct objects *o, const char *machine,
			    enum store_class cls, const char *name,
			    uint64_t off, void *p, size_t len);
/* At most max names behind `after` ("" is before all), in order. */
MUST_CHECK int objects_list(struct objects *o, const char *machine,
			    enum store_class cls, int64_t as_of,
			    const char *after, unsigned int max,
			    store_list_fn *fn, void *arg);
/* 1: the scrub has found it damaged. Lists then leave it out, but for heads
 * and configs, which nobody puts again: who wants it puts it again. What is
 * there of its bytes can be read. */
MUST_CHECK int objects_damage(struct objects *o, const char *machine,
			      enum store_class cls, const char *name,
			      bool *is_missing);
MUST_CHECK int objects_drop(struct objects *o, const char *machine,
			    enum store_class cls, const char *name);

/* Delete what was dropped and no recovery point needs; adds to *n and *bytes
 * what went. Puts of this machine wait meanwhile, for moments. Nothing of a
 * machine that is neither protected nor stopped (protection.h). */
MUST_CHECK int objects_collect(struct objects *o, const char *machine,
			       uint64_t *n, uint64_t *bytes);
/* Delete all, points too, of a machine that is PURGING. */
MUST_CHECK int objects_purge(struct objects *o, const char *machine,
			     uint64_t *n, uint64_t *bytes);
/* What runs for long (all above and in scrub.h) ends soon with -ECANCELED,
 * from now on. */
void objects_interrupt(struct objects *o);
MUST_CHECK int objects_check_interrupt(struct objects *o);

#endif /* VAULT_OBJECTS_OBJECTS_H */
