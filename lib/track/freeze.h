/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze.h - a file system is held still for a moment, and let go in any case.
 *
 * A frozen file system (FIFREEZE) stops each process that wants to write to
 * it, so whoever freezes must be sure to thaw. A process of its own, the
 * watch, freezes and thaws: it locks its memory, has no file open but the
 * mount, belongs to no session, and thaws when it is told to, when the time
 * is over, or when the one who asked is gone, killed or not.
 *
 * Before that the file system is synced, so that the freeze itself, which
 * writes back what is dirty while writers wait, is short. That part cannot be
 * cut short: where it takes longer than the bound, the thaw follows at once.
 *
 * Between freeze_begin() and freeze_end() nothing that the caller needs may
 * wait for the file system: freeze_forbidden() tells beforehand.
 *
 * Errors:  negative errno, not logged: -EBUSY another has frozen it,
 *          -EOPNOTSUPP it cannot be frozen, -EPERM no CAP_SYS_ADMIN,
 *          -ETIMEDOUT it was held for the time allowed and thawed, -ESTALE
 *          another has thawed it, -EIO the watch was killed.
 * Memory:  freed by freeze_end().
 * Threads: one at a time for each freeze.
 * Source:  Linux fs/super.c, freeze_super().
 */
#ifndef TRACK_FREEZE_H
#define TRACK_FREEZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct freeze;

/* mount_fd: any open file or directory of it, not O_PATH. */
MUST_CHECK int freeze_begin(int mount_fd, unsigned int max_ms,
			    struct freeze **out);
/* Thaw. 0 only if nobody could write from freeze_begin() until now. *held_ns
 * (may be NULL) gets the time during which writers may have waited, also
 * with -ETIMEDOUT. */
MUST_CHECK int freeze_end(struct freeze *f, uint64_t *held_ns);

/*
 * Would a write to path wait while the file system of mount_fd is frozen? 1:
 * it would, for path lies on it, or on a loop device, partition, volume or
 * overlay whose bytes do; why gets it as half a sentence behind the path. 0:
 * no, as far as can be seen from here. A path that does not exist yet counts
 * as the directory it would be made in.
 */
MUST_CHECK int freeze_forbidden(int mount_fd, const char *path, char *why,
				size_t size);

#endif /* TRACK_FREEZE_H */
