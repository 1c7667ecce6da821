/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_device.h - the verbs track, status and changes, for block devices.
 *
 * Errors:  negative errno, logged; functions that give a code give an exit
 *          code.
 * Threads: one.
 */
#ifndef TOOLS_TRACK_DEVICE_H
#define TOOLS_TRACK_DEVICE_H

#include "tools/cli.h"

/* Is it one, or (a device that is gone) could it have been? */
bool track_device_is(const char *path);
int track_device_change(const struct cli *cli, const char *path, bool add);
/* *n: how many there are. */
MUST_CHECK int track_device_status(const struct cli *cli, bool only_list,
				   size_t *n);
int track_device_changes(const struct cli *cli, const char *path);

#endif /* TOOLS_TRACK_DEVICE_H */
