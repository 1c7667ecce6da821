/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - who works with a catalog.
 *
 * One backup at a time. Audits look in for moments: a backup waits until they
 * have opened it, they wait until the backup is done.
 *
 * Errors:  negative errno, logged; -EINTR (not logged): stopped() said so.
 * Threads: any.
 */
#ifndef CATALOG_LOCK_H
#define CATALOG_LOCK_H

#include <stdbool.h>

#include "base/macros.h"

enum catalog_lock {
	CATALOG_LOCK_BACKUP, /* alone; -EBUSY if another backup has it */
	CATALOG_LOCK_READ,   /* beside others that read; waits */
	CATALOG_LOCK_AMEND,  /* alone; waits */
};

/* The lock of the catalog in dir, held as long as *fd is open. stopped ends
 * the waiting; it may be NULL. */
MUST_CHECK int catalog_lock(const char *dir, enum catalog_lock how,
			    bool (*stopped)(void), int *fd);

#endif /* CATALOG_LOCK_H */
