/* SPDX-License-Identifier: Apache-2.0 */
/*
 * continuity.h - was a file system written while nobody recorded it?
 *
 * When a tracked file system is unmounted, its facts are read from the
 * device; when it is mounted again, its own counters must say that this
 * session began where that one ended, and that nothing was written since it
 * was mounted. Then what was recorded before is all there is.
 *
 *   ext4  kilobytes written and number of mounts, as the superblock counts
 *         them (e2fsprogs counts its writes, too); and the journal has had no
 *         transaction since it was mounted.
 *   xfs   the head of the log: each session writes at least one record, so
 *         does xfs_repair.
 *
 * What writes to the device behind all this (dd, a foreign driver that keeps
 * no counters) is not seen.
 *
 * Errors:  negative errno, not logged: -EBUSY the file system is in use,
 *          -EOPNOTSUPP of this type or form nothing can be proved.
 * Threads: any.
 * Source:  Linux fs/ext4/{ext4.h,super.c,sysfs.c}, fs/jbd2/journal.c,
 *          fs/xfs/{xfs_log_recover.c,xfs_sysfs.c},
 *          fs/xfs/libxfs/{xfs_format.h,xfs_log_format.h}.
 */
#ifndef DAEMON_CONTINUITY_H
#define DAEMON_CONTINUITY_H

#include "daemon/mounts.h"

#define CONTINUITY_UUID_LEN 16
#define CONTINUITY_COUNTERS 3

struct continuity {
	uint8_t uuid[CONTINUITY_UUID_LEN];
	uint64_t counters[CONTINUITY_COUNTERS]; /* which: by type */
};

/* One of the device's attachment: another file behind a loop device, another
 * disk in the same slot have another one. 0: not known. */
uint64_t continuity_attachment(dev_t dev);

/* Is a file system of this type on dev in use, wherever it is mounted? */
bool continuity_in_use(const char *type, dev_t dev);

/* The facts of a file system that is not mounted, and was unmounted without
 * an error. -EBUSY: not yet. */
MUST_CHECK int continuity_left(const char *type, dev_t dev,
			       struct continuity *out);

/* NULL: m, which is mounted and has just been synced, is as it was left, and
 * was not written since it was mounted. Or why that is not known: a sentence's
 * end, static. */
const char *continuity_differs(const struct mount *m,
			       const struct continuity *left);

#endif /* DAEMON_CONTINUITY_H */
