/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_device_private.h - what backup_device.c and device_passes.c share.
 */
#ifndef TOOLS_BACKUP_DEVICE_PRIVATE_H
#define TOOLS_BACKUP_DEVICE_PRIVATE_H

#include "archive/device.h"
#include "crypto/crypto.h"
#include "tools/backup_device.h"
#include "track/dirty.h"
#include "track/disk.h"

#define DEVICE_MOUNTS_MAX 32

struct freeze;

struct device_token {
	uint8_t path[32]; /* its SHA-256 */
	uint8_t instance[16], id[16];
	uint64_t epoch;
};

struct device_mount {
	char *point;
	int fd;
	dev_t dev;
	struct freeze *freeze; /* NULL: it is not frozen */
};

struct device {
	struct archive_device *a; /* in backup_device.devices */
	struct disk disk;
	struct device_token token; /* for the next time, if is_tracked */
	bool is_tracked, is_trusted;
	struct dirty dirty; /* for the first pass */
	struct dirty later; /* for the one at hand */
	struct device_mount mounts[DEVICE_MOUNTS_MAX];
	size_t n_mounts;
	unsigned int passes, freezes;
	uint64_t left; /* bytes that the pass before found written */
	bool to_freeze;
	bool is_still; /* what was read is of one instant */
};

struct device_still {
	unsigned int passes; /* after the first of each device */
	uint64_t freeze_ns;  /* the longest time that writers waited */
	bool failed;	     /* a device is not of one instant */
	const char *why;     /* then: a sentence's end, static */
};

struct backup_device {
	struct backup_device_options opt;
	uint8_t consumer[SHA256_LEN];
	struct archive_devices devices;
	struct device *v; /* devices.n of them */
	int socket;	  /* -1: no daemon */
	bool index_complete;
	const char *why;
	char why_text[256];
	struct device_still still;
};

/* Turn the device's epoch, and have what was written since the token, which
 * is then the new one. later: of another pass of this backup. */
MUST_CHECK int device_ask(struct backup_device *b, struct device *d,
			  const struct device_token *since, bool later,
			  struct dirty *out);

/* device_passes.c */
/* Which file systems are on it. */
MUST_CHECK int device_find_mounts(struct device *d);
void device_sync(const struct device *d);
/* May they be frozen, and is there nothing else? -EBUSY, -EINVAL: no. */
MUST_CHECK int device_check_still(const struct backup_device *b,
				  const struct device *d);
int device_next(void *arg, struct archive_device *dev,
		const struct dirty **set);
int device_release(void *arg, struct archive_device *dev, bool ok);

#endif /* TOOLS_BACKUP_DEVICE_PRIVATE_H */
