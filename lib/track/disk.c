/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c - block devices in sysfs.
 */
#include "track/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/io.h"

#define SECTOR 512

uint32_t disk_kernel_dev(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}

/* --- sysfs --- */

static bool has(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", dir, name) <
		       (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static int read_text(const char *dir, const char *name, char *out, size_t size)
{
	char path[PATH_MAX];
	CLEANUP_CLOSE int fd = -1;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = io_read_full(fd, out, size - 1);
	if (n < 0)
		return (int)n;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

static int read_number(const char *dir, const char *name, uint64_t *out)
{
	char text[32], *end;
	int e = read_text(dir, name, text, sizeof(text));

	if (e < 0)
		return e;
	*out = strtoull(text, &end, 10);
	return *text && !*end ? 0 : -EUCLEAN;
}

static int read_dev(const char *dir, dev_t *out)
{
	unsigned int ma, mi;
	char text[32];
	int e = read_text(dir, "dev", text, sizeof(text));

	if (e < 0)
		return e;
	if (sscanf(text, "%u:%u", &ma, &mi) != 2)
		return -EUCLEAN;
	*out = makedev(ma, mi);
	return 0;
}

/* --- what cannot be tracked --- */

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/*
 * Tracked are disks whose every change is a request of this machine's block
 * layer. In doubt, no.
 */
static const char *refuse(const char *dir, const struct disk *d)
{
	uint64_t dax = 0;
	char zoned[32] = "none";

	(void)read_text(dir, "queue/zoned", zoned, sizeof(zoned));
	(void)read_number(dir, "queue/dax", &dax);
	if (d->seq == 0)
		return "this kernel gives disks no sequence number (Linux "
		       "5.15 does)";
	if (has(dir, "dm"))
		return "the table of a device mapper device can change without "
		       "a write: track what lies below it";
	if (has(dir, "md"))
		return "an array can be put together anew without a write: "
		       "track what lies below it";
	if (begins(d->disk_name, "zram") || begins(d->disk_name, "ram") ||
	    begins(d->disk_name, "pmem") || dax)
		return "memory can change without a write that is seen";
	if (begins(d->disk_name, "nbd") || begins(d->disk_name, "rbd") ||
	    begins(d->disk_name, "drbd") || begins(d->disk_name, "ublk") ||
	    begins(d->disk_name, "bcache"))
		return "its content comes from elsewhere and can change there";
	if (strcmp(zoned, "none") != 0)
		return "zoned disks are not tracked";
	if (!has(dir, "mq") && !begins(d->disk_name, "nvme"))
		return "its driver is not known to show all writes";
	return NULL;
}

/* --- identity --- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* A loop device may get another offset, or file, while it stays the same
 * disk. */
static uint64_t loop_identity(const char *dir, uint64_t h)
{
	char text[PATH_MAX];
	uint64_t n;
	size_t i;

	if (!has(dir, "loop"))
		return h;
	if (read_number(dir, "loop/offset", &n) == 0)
		h = mix(h, n);
	if (read_number(dir, "loop/sizelimit", &n) == 0)
		h = mix(h, n);
	if (read_text(dir, "loop/backing_file", text, sizeof(text)) == 0)
		for (i = 0; text[i]; i++)
			h = mix(h, (uint8_t)text[i]);
	return h;
}

static void set_identity(const char *dir, struct disk *d)
{
	uint64_t h = mix(0x7469646d61726bull, d->seq);

	h = mix(h, disk_kernel_dev(d->disk));
	h = mix(h, d->start);
	h = mix(h, d->size);
	d->identity = loop_identity(dir, h);
}

/* --- */

int disk_of_dev(dev_t dev, struct disk *out)
{
	char link[64], dir[PATH_MAX], *slash;
	uint64_t n;
	int e;

	memset(out, 0, sizeof(*out));
	out->dev = out->disk = dev;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(dev),
		 minor(dev));
	if (!realpath(link, dir))
		return errno == ENOENT ? -ENODEV : -errno;
	slash = strrchr(dir, '/');
	snprintf(out->name, sizeof(out->name), "%s", slash + 1);
	e = read_number(dir, "size", &n);
	out->size = n * SECTOR;
	if (e == 0 && has(dir, "partition")) {
		e = read_number(dir, "start", &n);
		out->start = n * SECTOR;
		*slash = '\0';
		if (e == 0)
			e = read_dev(dir, &out->disk);
	}
	if (e < 0)
		return e;
	if (read_number(dir, "diskseq", &out->seq) < 0)
		out->seq = 0;
	snprintf(out->disk_name, sizeof(out->disk_name), "%s",
		 strrchr(dir, '/') + 1);
	out->refused = refuse(dir, out);
	set_identity(dir, out);
	return 0;
}

int disk_of(const char *path, struct disk *out)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	return S_ISBLK(st.st_mode) ? disk_of_dev(st.st_rdev, out) : -ENOTBLK;
}
