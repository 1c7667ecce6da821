/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retention.h - which points of a machine are kept: by its policy, and by what
 * its policy was until lately.
 *
 * A policy that keeps less than before is a way to delete. So what it was
 * before is kept beside it for as long as a deletion would be undone
 * (settings_kept_until()), and changing it back in that time brings all back.
 * Where a vault is immutable, nothing is lowered.
 *
 * Errors:  -EPERM: the vault is immutable; -EBUSY: it was lowered in
 *          RETENTION_HELD_MAX ways that are still held; -ENOENT: no such
 *          machine. Not logged.
 * Threads: any.
 */
#ifndef VAULT_RETENTION_RETENTION_H
#define VAULT_RETENTION_RETENTION_H

#include <stddef.h>

#include "vault/db.h"
#include "vault/retention/gfs.h"

#define RETENTION_HELD_MAX 16

struct retention {
	struct gfs v[1 + RETENTION_HELD_MAX]; /* the first is the policy */
	size_t n;
	int64_t generation; /* of the vault: vault_next_generation() */
};

MUST_CHECK int retention_get(struct db *db, const char *machine,
			     struct retention *out);
/* As gfs_apply(); what only former policies keep is KEEP_HELD. */
MUST_CHECK int retention_apply(const struct retention *r, const int64_t *times,
			       size_t n, int64_t now, unsigned int *reasons);
/* When the last of a machine's points may go by what is in force now; 0: it
 * has none. */
MUST_CHECK int retention_end(struct db *db, const char *machine, int64_t *out);
/* Is it still what was read? Only within db_write(); -EAGAIN: no. */
MUST_CHECK int retention_check(struct db *db, const char *machine,
			       int64_t generation);

/* From now on `to` holds instead of `from`: for all machines that follow the
 * policy with this id, or for this machine. Only within db_write(), before the
 * change. */
MUST_CHECK int retention_change_policy(struct db *db, const char *vault,
				       const char *policy,
				       const struct gfs *from,
				       const struct gfs *to);
MUST_CHECK int retention_change_machine(struct db *db, const char *vault,
					const char *machine,
					const struct gfs *from,
					const struct gfs *to);
/* What need not be held any more. Only within db_write(). */
MUST_CHECK int retention_forget(struct db *db);

#endif /* VAULT_RETENTION_RETENTION_H */
