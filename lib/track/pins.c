/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pins.c - a directory of pins on a bpffs.
 */
#include "track/pins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "track/held.h"

#define BPFFS_MAGIC 0xcafe4a11

char *pin_path(const char *pins, const char *kind, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s_%s", pins, kind, name) < 0 ? NULL : path;
}

int pins_remove(const char *pins)
{
	DIR *d = opendir(pins);
	struct dirent *ent;
	int e = 0;

	if (!d)
		return log_fail(-errno, "open %s", pins);
	while ((ent = readdir(d)))
		if (strncmp(ent->d_name, "map_", 4) == 0 ||
		    strncmp(ent->d_name, "link_", 5) == 0)
			if (unlinkat(dirfd(d), ent->d_name, 0) < 0)
				e = log_fail(-errno, "remove pin %s/%s", pins,
					     ent->d_name);
	closedir(d);
	return e;
}

int pins_end(const char *pins)
{
	CLEANUP_CLOSE int lock = -1;
	int e;

	if (access(pins, F_OK) < 0 && errno == ENOENT)
		return 0;
	e = held_lock(pins, &lock);
	if (e == 0)
		e = pins_remove(pins);
	if (e == 0 && rmdir(pins) < 0 && errno != ENOENT)
		e = log_fail(-errno, "remove %s", pins);
	return e;
}

int pins_prepare(const char *pins)
{
	struct statfs fs;
	int e;

	if (mkdir(pins, 0700) < 0 && errno != EEXIST) {
		e = -errno;
		return log_fail(e,
				"make %s (is a bpffs mounted there? mount "
				"-t bpf bpf /sys/fs/bpf)",
				pins);
	}
	if (statfs(pins, &fs) < 0)
		return log_fail(-errno, "statfs %s", pins);
	if ((uint32_t)fs.f_type != BPFFS_MAGIC) {
		log_error("%s is not on a bpffs: mount one (mount -t bpf bpf "
			  "/sys/fs/bpf)",
			  pins);
		return -EOPNOTSUPP;
	}
	return 0;
}
