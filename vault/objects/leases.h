/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leases.h - who works on a repository just now.
 *
 * They only spare work or order maintenance, as store.h says of leases; so
 * they are kept in memory, and a restart ends them. One that is not renewed
 * within LEASE_SECONDS is over.
 *
 * Errors:  -EBUSY: another maintains it; -ENOENT: no such lease (any more);
 *          -ENOSPC: LEASES_MAX of that machine. Not logged.
 * Threads: any.
 */
#ifndef VAULT_OBJECTS_LEASES_H
#define VAULT_OBJECTS_LEASES_H

#include "store/store.h"

#define LEASE_SECONDS 45
#define LEASES_MAX 64
#define LEASE_ID_LEN 32 /* hex digits */

struct leases;

MUST_CHECK int leases_new(struct leases **out);
void leases_free(struct leases *l); /* NULL is allowed */
MUST_CHECK int lease_begin(struct leases *l, const char *machine,
			   enum store_lease_kind kind,
			   char id[static LEASE_ID_LEN + 1]);
MUST_CHECK int lease_renew(struct leases *l, const char *machine,
			   const char *id);
MUST_CHECK int lease_end(struct leases *l, const char *machine, const char *id);
unsigned int lease_writers(struct leases *l, const char *machine);

#endif /* VAULT_OBJECTS_LEASES_H */
