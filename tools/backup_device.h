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
#include "base/json.h"

#define DEVICE_FREEZE_MS_DEFAULT 2000

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

/* With --consistent: is all of one instant? */
bool backup_device_is_still(const struct backup_device *b);
/* What became of it: for people, and as members of the summary. Nothing
 * without --consistent. */
void backup_device_tell(const struct backup_device *b);
void backup_device_json(const struct backup_device *b, struct json_out *j);

#endif /* TOOLS_BACKUP_DEVICE_H */
