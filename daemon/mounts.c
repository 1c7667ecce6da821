/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.c - /proc/self/mountinfo and mount identities.
 */
#include "daemon/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000
#endif

void mount_release(struct mount *m)
{
	free(m->path);
	free(m->type);
	free(m->options);
	memset(m, 0, sizeof(*m));
}

/* In place: \040 and the like. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] &&
		    s[3]) {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
				       (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* ID PARENT MAJ:MIN ROOT POINT OPTIONS TAGS... - TYPE SOURCE SUPER-OPTIONS */
static bool parse(char *line, dev_t *dev, char **point, char **type,
		  char **options)
{
	char *tail = strstr(line, " - "), *save, *field;
	unsigned int ma, mi;
	int i;

	if (!tail)
		return false;
	*tail = '\0';
	field = strtok_r(line, " ", &save);
	for (i = 0; field && i < 4; i++) {
		if (i == 2 && sscanf(field, "%u:%u", &ma, &mi) != 2)
			return false;
		field = strtok_r(NULL, " ", &save);
	}
	*point = field;
	*type = strtok_r(tail + 3, " \n", &save);
	(void)strtok_r(NULL, " \n", &save);
	*options = strtok_r(NULL, " \n", &save);
	if (!*point || !*type || !*options)
		return false;
	unescape(*point);
	*dev = makedev(ma, mi);
	return true;
}

static bool is_on(const char *path, const char *point)
{
	size_t len = strlen(point);

	return !strcmp(point, "/") ||
	       (!strncmp(path, point, len) && (!path[len] || path[len] == '/'));
}

static uint64_t unique_id(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &st) < 0 ||
	    !(st.stx_mask & STATX_MNT_ID_UNIQUE))
		return 0;
	return st.stx_mnt_id;
}

static int keep(struct mount *out, dev_t dev, const char *point,
		const char *type, const char *options)
{
	mount_release(out);
	out->dev = dev;
	out->path = strdup(point);
	out->type = strdup(type);
	out->options = strdup(options);
	return out->path && out->type && out->options ? 0 : -ENOMEM;
}

int mount_of(const char *path, struct mount *out)
{
	CLEANUP_FREE char *real = realpath(path, NULL);
	CLEANUP_FREE char *line = NULL;
	CLEANUP_FILE FILE *f = fopen("/proc/self/mountinfo", "re");
	CLEANUP_CLOSE int fd = -1;
	size_t cap = 0, best = 0;
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (!real || !f || stat(real, &st) < 0)
		return -errno;
	while (getline(&line, &cap, f) > 0) {
		char *point, *type, *options;
		dev_t dev;

		if (!parse(line, &dev, &point, &type, &options) ||
		    dev != st.st_dev || !is_on(real, point) ||
		    strlen(point) < best)
			continue;
		best = strlen(point);
		if (keep(out, dev, point, type, options) < 0) {
			mount_release(out);
			return -ENOMEM;
		}
	}
	if (!best)
		return -ENODEV;
	fd = open(out->path, O_PATH | O_CLOEXEC);
	out->id = fd < 0 ? 0 : unique_id(fd);
	return 0;
}

/* only: NULL, or of this device. */
static int listed(const char *path, const dev_t *only, struct mount *out)
{
	CLEANUP_FREE char *line = NULL;
	CLEANUP_FILE FILE *f = fopen("/proc/self/mountinfo", "re");
	size_t cap = 0;
	bool found = false;

	memset(out, 0, sizeof(*out));
	if (!f)
		return -errno;
	/* the last one lies on top of the others */
	while (getline(&line, &cap, f) > 0) {
		char *point, *type, *options;
		dev_t dev;

		if (!parse(line, &dev, &point, &type, &options) ||
		    strcmp(point, path) != 0 || (only && *only != dev))
			continue;
		found = strcmp(type, "autofs") != 0;
		if (keep(out, dev, point, type, options) < 0) {
			mount_release(out);
			return -ENOMEM;
		}
	}
	if (found)
		return 0;
	mount_release(out);
	return -ENOENT;
}

int mount_listed(const char *path, struct mount *out)
{
	return listed(path, NULL, out);
}

int mount_confirm(struct mount *m)
{
	struct statx st;

	if (statx(AT_FDCWD, m->path, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW,
		  STATX_MNT_ID_UNIQUE, &st) < 0)
		return -errno;
	if (makedev(st.stx_dev_major, st.stx_dev_minor) != m->dev)
		return -ESTALE;
	m->id = st.stx_mask & STATX_MNT_ID_UNIQUE ? st.stx_mnt_id : 0;
	return 0;
}

bool mount_is_there(const struct mount *m)
{
	struct mount now;
	bool same;

	if (listed(m->path, &m->dev, &now) < 0)
		return false;
	same = mount_confirm(&now) == 0 && now.id == m->id;
	mount_release(&now);
	return same;
}

int mount_open(const struct mount *m)
{
	CLEANUP_CLOSE int fd =
		open(m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != m->dev || unique_id(fd) != m->id)
		return -ESTALE;
	return TAKE_FD(fd);
}
