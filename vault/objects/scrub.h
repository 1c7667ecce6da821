/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrub.h - looks whether the bytes are still those that came.
 *
 * A server reads every object again, slowly and in the order of their names,
 * and compares its hash: so the one that was looked at longest ago is always
 * the next. How far it has come is in the database, and a restart goes on from
 * there. A pass ends with what crashes have left: files without rows, and
 * directories of machines that never were, once they are ORPHAN_SECONDS old.
 *
 * An object whose bytes are lost or wrong is damaged: an alert and a line of
 * the audit log say so, it is not there any more for who asks whether it is,
 * and who puts it again heals it. Its bytes can still be read, if there are
 * any: most of a pack may be whole.
 *
 * Errors:  -ECANCELED: objects_interrupt(); others negative errno, logged.
 * Threads: any, beside whatever machines do.
 */
#ifndef VAULT_OBJECTS_SCRUB_H
#define VAULT_OBJECTS_SCRUB_H

#include "vault/objects/objects.h"

#define SCRUB_PASS_SECONDS (7 * 86400) /* from one begin to the next */
#define ORPHAN_SECONDS (7 * 86400)

struct scrubbed {
	uint64_t objects, bytes;  /* that were read */
	uint64_t damaged, healed; /* that were found so */
	uint64_t orphans;	  /* files and directories that went */
};

/* Read some objects, until they have max_bytes or so; adds to *out. Returns 1
 * if there is nothing to do until the next pass. */
MUST_CHECK int scrub_some(struct objects *o, uint64_t max_bytes,
			  struct scrubbed *out);
/* All of them now, whatever a server is doing about it. */
MUST_CHECK int scrub_all(struct objects *o, struct scrubbed *out);

struct scrub_state {
	int64_t began; /* the pass that goes on, or the last; 0: none */
	int64_t ended; /* 0: it goes on */
	int64_t objects, bytes; /* of it, so far */
	int64_t damaged;	/* objects, now */
};
MUST_CHECK int scrub_get(struct db *db, struct scrub_state *out);

struct damage {
	const char *machine, *name,
		*what; /* "missing", "wrong", "unreadable" */
	enum store_class cls;
	int64_t found;
};
typedef int damage_fn(void *arg, const struct damage *d);
MUST_CHECK int damage_list(struct db *db, damage_fn *fn, void *arg);

#endif /* VAULT_OBJECTS_SCRUB_H */
