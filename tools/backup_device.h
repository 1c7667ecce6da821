/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_device.h - what backup --device reads of each device, and why.
 *
 * If tidemarkd tracks a device, and the catalog's token and the daemon agree
 * that nothing can have been missed, only what was written is read. Else all
 * of it is, and why is told.
 *
 * Errors:  negative errno, logged; that there is no daemon is none.
 * Memory:  freed by backup_device_end(), before the catalog is closed.
 * Threads: one.
 */
#ifndef TOOLS_BACKUP_DEVICE_H
#define TOOLS_BACKUP_DEVICE_H

#include "archive/archiver.h"

struct backup_device;

struct backup_device_options {
	struct archiver *archiver; /* its sources are the devices */
	struct catalog *catalog;   /* NULL: read all */
	const uint8_t *consumer;   /* SHA256_LEN: repository and sources */
	bool read_all;		   /* believe no mark */
	/* Each device as of one instant: file systems on it are frozen for at
	 * most freeze_ms. keep_off: paths that must not lie on them. */
	bool consistent;
	unsigned int freeze_ms;
	const char *keep_off[2];
};

/* Before archiver_run(). */
MUST_CHECK int backup_device_begin(const struct backup_device_options *opt,
				   struct backup_device **out);
/* After it: give the catalog the token for the next time, just before
 * catalog_commit(). */
void backup_device_commit(struct backup_device *b);
/* NULL is allowed, here and below. */
void backup_device_end(struct backup_device *b);
/* "tracker", "tracker and full read", "full read". */
const char *backup_device_source(const struct backup_device *b);
/* Why a device was read whole, or NULL. */
const char *backup_device_why(const struct backup_device *b);

struct backup_device_still {
	unsigned int passes; /* over all devices */
	uint64_t freeze_ns;  /* the longest time that writers waited */
	bool failed;	     /* a device is not of one instant */
	const char *why;     /* then: a sentence */
};
void backup_device_get_still(const struct backup_device *b,
			     struct backup_device_still *out);

#endif /* TOOLS_BACKUP_DEVICE_H */
