/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.h - which file system is where.
 *
 * Errors:  negative errno, not logged.
 * Memory:  mount_release() frees the strings.
 * Threads: any.
 * Source:  proc(5) mountinfo; statx(2), STATX_MNT_ID_UNIQUE (Linux 6.8).
 */
#ifndef DAEMON_MOUNTS_H
#define DAEMON_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"

struct mount {
	char *path;
	char *type;
	char *options; /* of the super block */
	dev_t dev;
	uint64_t id; /* never used again while the kernel runs; 0: not known */
};

void mount_release(struct mount *m);
/* The mount that path lies on. */
MUST_CHECK int mount_of(const char *path, struct mount *out);
/* What is mounted exactly there, by the kernel's list alone: the path is not
 * looked up, which would have an automounter mount it, or wait for a server
 * that is dead. The id is not set. -ENOENT: nothing, or an autofs that waits
 * for a look-up. */
MUST_CHECK int mount_listed(const char *path, struct mount *out);
/* Set the id of one that was listed. -ESTALE: it is not what the path leads
 * to, another mount lies over it. */
MUST_CHECK int mount_confirm(struct mount *m);
/* Is it still mounted there? Looks the path up only if it is listed. Keeps
 * nothing open, so that it never is in the way of an unmount. */
bool mount_is_there(const struct mount *m);
/* Open the mount's root; -ESTALE if another file system is there by now. */
MUST_CHECK int mount_open(const struct mount *m);

#endif /* DAEMON_MOUNTS_H */
