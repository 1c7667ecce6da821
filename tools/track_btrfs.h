/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_btrfs.h - the verbs track and status, for btrfs: nothing is added to
 * tidemarkd, for a backup asks the file system itself.
 *
 * Errors:  negative errno, logged.
 * Threads: one.
 */
#ifndef TOOLS_TRACK_BTRFS_H
#define TOOLS_TRACK_BTRFS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

/* Does path lie on one? */
bool track_btrfs_is(const char *path);
/* Say that there is nothing to do; returns an exit code. */
int track_btrfs_add(const char *path);
/* Each that is mounted; *n: how many. */
MUST_CHECK int track_btrfs_status(bool only_list, size_t *n);

#endif /* TOOLS_TRACK_BTRFS_H */
