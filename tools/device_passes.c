/* SPDX-License-Identifier: Apache-2.0 */
/*
 * device_passes.c - a device as of one instant.
 *
 * After the first pass each next one reads what was written since; when that
 * is little, the file systems on the device are frozen, the epoch is turned
 * once more, and the rest is read into memory. A freeze writes back what was
 * dirty and waits for it: when it holds, all writes are complete, and have
 * their marks. Without a file system the passes go on until one finds that
 * nothing was written.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "tools/backup_device_private.h"
#include "track/blocks.h"
#include "track/freeze.h"

#define LITTLE ((uint64_t)16 << 20) /* bytes, to be left for a freeze */
#define PASSES_MAX 12		    /* before it is frozen all the same */
#define FREEZES_MAX 3

/* --- what is mounted --- */

/* Is what is mounted from there a part of the device, or all of it? */
static bool is_on(const struct device *d, const char *source, dev_t dev)
{
	struct stat st;
	struct disk m;

	/* a number of its own (btrfs): what it was mounted from tells */
	if (major(dev) == 0) {
		if (stat(source, &st) < 0 || !S_ISBLK(st.st_mode))
			return false;
		dev = st.st_rdev;
	}
	if (disk_of_dev(dev, &m) < 0)
		return false;
	return m.disk == d->disk.disk &&
	       m.start < d->disk.start + d->disk.size &&
	       d->disk.start < m.start + m.size;
}

static int add_mount(struct device *d, const char *point)
{
	CLEANUP_CLOSE int fd = open(point, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	size_t i;

	if (fd < 0 || fstat(fd, &st) < 0) /* beneath another mount */
		return 0;
	for (i = 0; i < d->n_mounts; i++)
		if (d->mounts[i].dev == st.st_dev)
			return 0;
	if (d->n_mounts == DEVICE_MOUNTS_MAX)
		return log_fail(-E2BIG, "find what is mounted from %s",
				d->a->path);
	d->mounts[d->n_mounts].point = strdup(point);
	if (!d->mounts[d->n_mounts].point)
		return -ENOMEM;
	d->mounts[d->n_mounts].fd = TAKE_FD(fd);
	d->mounts[d->n_mounts].dev = st.st_dev;
	d->mounts[d->n_mounts++].freeze = NULL;
	return 0;
}

int device_find_mounts(struct device *d)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	struct stat st;
	int e = f ? 0 : -errno;

	while (e == 0 && (m = getmntent(f)))
		if (m->mnt_fsname[0] == '/' && stat(m->mnt_dir, &st) == 0 &&
		    is_on(d, m->mnt_fsname, st.st_dev))
			e = add_mount(d, m->mnt_dir);
	if (f)
		endmntent(f);
	return e;
}

/* So that little is left that is only in memory; no part of the proof. */
void device_sync(const struct device *d)
{
	size_t i;

	for (i = 0; i < d->n_mounts; i++)
		(void)!syncfs(d->mounts[i].fd);
	(void)!fsync(d->a->fd);
}

/* Another device is made of it: which, or false. */
static bool has_holder(const char *sysfs, char *name, size_t size)
{
	DIR *dir = opendir(sysfs);
	struct dirent *ent;
	bool found = false;

	while (dir && !found && (ent = readdir(dir))) {
		if (ent->d_name[0] == '.')
			continue;
		snprintf(name, size, "%s", ent->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Of it, or of one of its partitions. */
static int check_holders(const struct device *d)
{
	char base[64], sysfs[512], name[256];
	bool found;
	struct dirent *ent;
	DIR *dir;

	snprintf(base, sizeof(base), "/sys/dev/block/%u:%u", major(d->disk.dev),
		 minor(d->disk.dev));
	snprintf(sysfs, sizeof(sysfs), "%s/holders", base);
	found = has_holder(sysfs, name, sizeof(name));
	dir = opendir(base);
	while (dir && !found && (ent = readdir(dir))) {
		snprintf(sysfs, sizeof(sysfs), "%s/%s/holders", base,
			 ent->d_name);
		found = ent->d_name[0] != '.' &&
			has_holder(sysfs, name, sizeof(name));
	}
	if (dir)
		closedir(dir);
	if (!found)
		return 0;
	log_error("%s is a part of %s, which --consistent cannot hold still",
		  d->a->path, name);
	return -EBUSY;
}

int device_check_still(const struct backup_device *b, const struct device *d)
{
	size_t i, k;

	if (!d->is_tracked) {
		log_error("--consistent needs to know what is written to %s "
			  "while it is read, but %s: tidemark track add %s",
			  d->a->path,
			  b->why ? b->why : "tidemarkd does not track it",
			  d->a->path);
		return -EINVAL;
	}
	for (i = 0; i < d->n_mounts; i++) {
		for (k = 0; k < ARRAY_LEN(b->opt.keep_off); k++) {
			const char *path = b->opt.keep_off[k];
			char why[512];

			if (!path || freeze_forbidden(d->mounts[i].fd, path,
						      why, sizeof(why)) <= 0)
				continue;
			log_error("%s cannot be frozen for --consistent: %s "
				  "%s",
				  d->mounts[i].point, path, why);
			return -EINVAL;
		}
	}
	return check_holders(d);
}

/* --- passes --- */

static struct device *device_of(struct backup_device *b,
				const struct archive_device *dev)
{
	return &b->v[dev - b->devices.v];
}

static uint64_t bytes_of(const struct dirty *set)
{
	return set->lost ? UINT64_MAX : dirty_bytes(set);
}

static int give_up(struct backup_device *b, struct device *d, const char *why)
{
	log_warn("%s: %s; its image is not of one instant", d->a->path, why);
	b->still.failed = true;
	b->still.why = why;
	d->a->partial = true;
	return DEVICE_DONE;
}

/* All or none; the time begins with the first. */
static int freeze_all(struct backup_device *b, struct device *d)
{
	size_t i;
	int e = 0;

	for (i = 0; e == 0 && i < d->n_mounts; i++)
		e = freeze_begin(d->mounts[i].fd, b->opt.freeze_ms,
				 &d->mounts[i].freeze);
	return e;
}

/* 0: all were held all the time. */
static int thaw_all(struct backup_device *b, struct device *d)
{
	uint64_t held;
	size_t i;
	int e = 0;

	for (i = d->n_mounts; i-- > 0;) {
		int r;

		if (!d->mounts[i].freeze)
			continue;
		held = 0;
		r = freeze_end(TAKE_PTR(d->mounts[i].freeze), &held);
		b->still.freeze_ns = MAX(b->still.freeze_ns, held);
		if (r < 0)
			e = r;
	}
	return e;
}

/* What was written since the last turn, which this one ends. */
static int turn(struct backup_device *b, struct device *d)
{
	struct device_token since = d->token;
	int e = device_ask(b, d, &since, true, &d->later);

	b->still.passes++;
	d->passes++;
	return e == 0 && !d->is_trusted ? -ESTALE : e;
}

static int freeze_pass(struct backup_device *b, struct device *d)
{
	int e = freeze_all(b, d);

	if (e < 0) {
		(void)thaw_all(b, d);
		return give_up(b, d,
			       e == -EBUSY
				       ? "another has frozen its file "
					 "system"
				       : "its file system cannot be frozen");
	}
	e = turn(b, d);
	d->freezes++;
	if (e == 0)
		return DEVICE_STILL;
	(void)thaw_all(b, d);
	return give_up(b, d, "the tracker lost sight of it");
}

/*
 * Without a file system on it: nothing written between two turns means that
 * all that was read before is as it was at the first of them.
 */
int device_next(void *arg, struct archive_device *dev, const struct dirty **set)
{
	struct backup_device *b = arg;
	struct device *d = device_of(b, dev);
	uint64_t bytes;

	*set = &d->later;
	if (d->is_still)
		return DEVICE_DONE;
	if (d->freezes == FREEZES_MAX)
		return give_up(b, d,
			       "what was written last could not be read "
			       "within --freeze-max");
	if (d->to_freeze)
		return freeze_pass(b, d);
	device_sync(d);
	if (turn(b, d) < 0)
		return give_up(b, d, "the tracker lost sight of it");
	bytes = bytes_of(&d->later);
	if (bytes == 0 && d->n_mounts == 0) {
		d->is_still = true;
		return DEVICE_DONE;
	}
	if (d->n_mounts == 0 && d->passes >= PASSES_MAX)
		return give_up(b, d,
			       "it is written to all the time, and no "
			       "file system is mounted that could be "
			       "frozen");
	d->to_freeze = d->n_mounts > 0 &&
		       (bytes <= LITTLE || d->passes >= PASSES_MAX ||
			(d->passes > 2 && bytes >= d->left));
	d->left = bytes;
	return DEVICE_AGAIN;
}

int device_release(void *arg, struct archive_device *dev, bool ok)
{
	struct backup_device *b = arg;
	struct device *d = device_of(b, dev);
	int e = thaw_all(b, d);

	if (e == 0 && !ok)
		e = -EFBIG;
	d->is_still = e == 0;
	d->to_freeze = false;
	return e;
}
