/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - what a block device is, as the kernel has it now.
 *
 * A device is a range of a disk: all of it, or a partition. Names and device
 * numbers are given out again; what tells one disk from the next under the
 * same number is the disk sequence number, and, of a loop device, what it
 * shows.
 *
 * Errors:  -ENOTBLK: no block device. Not logged.
 * Threads: any.
 * Source:  Linux Documentation/ABI/stable/sysfs-block.
 */
#ifndef TRACK_DISK_H
#define TRACK_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"

#define DISK_NAME_LEN 64

struct disk {
	dev_t dev;	      /* of the device */
	dev_t disk;	      /* of the disk that it is, or is a part of */
	uint64_t start, size; /* bytes on the disk */
	uint64_t seq;	      /* of the disk; 0: this kernel tells none */
	/* A hash of all that must stay the same for marks to mean anything. */
	uint64_t identity;
	char name[DISK_NAME_LEN];      /* the kernel's: "sda1" */
	char disk_name[DISK_NAME_LEN]; /* "sda" */
	/* NULL, or why writes to it cannot all be seen: a sentence's end. */
	const char *refused;
};

/* -ENODEV: there is none with this number. */
MUST_CHECK int disk_of_dev(dev_t dev, struct disk *out);
MUST_CHECK int disk_of(const char *path, struct disk *out);

/* major << 20 | minor, as the kernel has it. */
uint32_t disk_kernel_dev(dev_t dev);

#endif /* TRACK_DISK_H */
