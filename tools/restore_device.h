/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore_device.h - restore --to-device: an image to a block device.
 *
 * The device is opened for this process alone, which the kernel refuses if it
 * is mounted or a part of another one. Written by direct I/O and synced;
 * zeros are made zeros.
 *
 * Threads: one.
 */
#ifndef TOOLS_RESTORE_DEVICE_H
#define TOOLS_RESTORE_DEVICE_H

#include "tools/cli.h"

/* An exit code. */
int restore_device(struct cli *cli);

#endif /* TOOLS_RESTORE_DEVICE_H */
