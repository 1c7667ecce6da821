/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollback.h - restore --changed-only: what changed since the snapshot.
 *
 * It is known of one snapshot for each set of sources: the one that was made
 * here last. Everything else is refused, in one line that says why, and what
 * does the same without a tracker.
 *
 * Errors:  negative errno, logged. -ESTALE: refused.
 * Memory:  freed by rollback_end(), after the restorer that has the scope.
 */
#ifndef TOOLS_ROLLBACK_H
#define TOOLS_ROLLBACK_H

#include "archive/restore_scope.h"
#include "tools/opened.h"

struct rollback;

struct rollback_options {
	const struct cli *cli;
	const struct opened *opened;
	const struct snapshot *snapshot;
	const struct filter *exclude; /* of the restore */
	bool deletes;
};

MUST_CHECK int rollback_begin(const struct rollback_options *opt,
			      struct rollback **out);
const struct restore_scope *rollback_scope(const struct rollback *rb);
/* Who told what changed: "tracker", "btrfs generations", or both. */
const char *rollback_source(const struct rollback *rb);
/* NULL is allowed. */
void rollback_end(struct rollback *rb);

#endif /* TOOLS_ROLLBACK_H */
