/* SPDX-License-Identifier: Apache-2.0 */
/*
 * orphans.h - what crashes have left on the disk: files without rows, and
 * directories of machines that never were, or are purged.
 *
 * Only what is ORPHAN_SECONDS old goes: whoever has put back an older copy of
 * the database has that long to notice. A directory of an unknown machine that
 * has files is never touched, for the same reason, but told of.
 *
 * Errors:  as scrub.h.
 * Threads: as scrub.h.
 */
#ifndef VAULT_OBJECTS_ORPHANS_H
#define VAULT_OBJECTS_ORPHANS_H

#include "vault/objects/objects.h"

/* Adds to *n what went. */
MUST_CHECK int orphans_remove(struct objects *o, uint64_t *n);

#endif /* VAULT_OBJECTS_ORPHANS_H */
