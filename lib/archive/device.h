/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device.h - block devices into the repository, each as one large file.
 *
 * Read by direct I/O: what a device's page cache holds need not be what a
 * mounted file system has written since. Chunks of zeros become holes.
 *
 * With a set of marks, and a record of the last time, only what is marked is
 * read; the rest is referred to. After a pass over a device the caller may
 * name what was written meanwhile, for another pass; the last one may be
 * read into memory while a file system is held still, and stored afterwards.
 *
 * Errors:  negative errno, logged.
 * Memory:  everything is borrowed until archiver_run() returns.
 */
#ifndef ARCHIVE_DEVICE_H
#define ARCHIVE_DEVICE_H

#include "archive/archiver.h"
#include "repo/tree.h"

/* The attribute that tells an image of a device from other files; its value
 * is the device's number, "MAJOR:MINOR". */
#define DEVICE_XATTR "user.tidemark.device"

/* Of an image its device's number, as text; false: it is none. */
bool device_of_image(const struct node *n, char out[static 32]);

struct archive_device {
	const char *path; /* as archiver_paths() has it */
	int fd;		  /* open for reading with O_DIRECT */
	uint64_t size;
	unsigned int align; /* of memory, offsets and lengths; 4096 or more */
	unsigned int major, minor;
	/* The marks since the record was made; NULL: read all. */
	const struct dirty *dirty;
	bool partial; /* set by next(): it is of no one instant */
	bool whole;   /* out: all of it was read */
};

enum device_pass {
	DEVICE_DONE,  /* nothing more to read */
	DEVICE_AGAIN, /* the marks are to be read, then ask again */
	DEVICE_STILL, /* the same, but nothing is written until release() */
};

struct archive_devices {
	struct archive_device *v;
	size_t n;
	/* The device was read: a pass, or a negative errno. *set gets marks,
	 * valid until the next call. May be NULL. */
	int (*next)(void *arg, struct archive_device *dev,
		    const struct dirty **set);
	/* After DEVICE_STILL, when the marked parts are in memory; ok: they
	 * all are. A negative errno: they are not of one instant, and are
	 * left out; next() is asked again. */
	int (*release)(void *arg, struct archive_device *dev, bool ok);
	void *arg;
};

/* More than this is not read into memory while a file system is held. */
#define DEVICE_STILL_MAX ((uint64_t)256 << 20)

/* Before archiver_run(), whose sources must be the devices' paths. */
void archiver_use_devices(struct archiver *a,
			  const struct archive_devices *devices);

#endif /* ARCHIVE_DEVICE_H */
