/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect.h - lets go of recovery points that no policy keeps, and of what
 * only they needed.
 *
 * What is deleted softly is not touched, and purged when its time is over; of a
 * machine whose protection was stopped no point is let go (protection.h).
 *
 * By the vault's clock alone. If that has jumped ahead since the last time
 * (by more than COLLECT_JUMP_DAYS), nothing is let go until somebody says that
 * the time is right: a wrong clock would cost all that is old.
 *
 * Errors:  -ETIME (logged): the clock has jumped; others negative errno,
 *          logged. What was let go before an error stays so.
 *          -ECANCELED: objects_interrupt().
 * Threads: one at a time; beside whatever machines do.
 * Source:  docs/vault-protocol.md, "Dropping is not deleting".
 */
#ifndef VAULT_RETENTION_COLLECT_H
#define VAULT_RETENTION_COLLECT_H

#include "vault/vault.h"

#define COLLECT_JUMP_DAYS 35

struct collected {
	uint64_t points, objects, bytes;
	uint64_t purged; /* machines */
};

MUST_CHECK int collect(struct vault *v, bool clock_is_right,
		       struct collected *out);

struct point {
	int64_t head, arrived, bytes;
	unsigned int reasons; /* of gfs.h: why it is kept now */
};
typedef int point_fn(void *arg, const struct point *p);
/* Of a machine, oldest first. */
MUST_CHECK int points_list(struct db *db, const char *machine, point_fn *fn,
			   void *arg);

#endif /* VAULT_RETENTION_COLLECT_H */
