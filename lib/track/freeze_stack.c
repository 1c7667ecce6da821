/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze_stack.c - does one file system stand on another?
 *
 * From a path down: its file system, the device that one lies on, what the
 * device is made of (partition, volume, loop device), the file behind a loop
 * device, the file system of that, and so on; an overlay stands on its upper
 * directory's. File systems are told apart by the device number that
 * /proc/self/mountinfo has, not by st_dev: each subvolume has one of its own.
 */
#include "track/freeze.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"

/* Deeper is a ring. */
#define DEPTH_MAX 16

struct stack {
	dev_t target;
	unsigned int depth;
	char *why; /* by what it stands on the target, the nearest first */
	size_t size;
};

struct super {
	dev_t dev;
	char *line; /* holds these two */
	const char *source, *options;
};

static int stands_on(struct stack *s, const char *path);

/* In place: \040 and the like. */
static char *unescape(char *text)
{
	char *from = text, *to = text;

	for (; *from; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
		    from[2] && from[3]) {
			*to++ = (char)((from[1] - '0') * 64 +
				       (from[2] - '0') * 8 + (from[3] - '0'));
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return text;
}

/* "ID PARENT MAJ:MIN ROOT POINT ... - TYPE SOURCE OPTIONS" of the mount. */
static int parse_line(char *line, uint64_t id, struct super *out)
{
	char *tail = strstr(line, " - "), *save = NULL;
	unsigned long long have;
	unsigned int ma, mi;

	if (!tail || sscanf(line, "%llu %*u %u:%u", &have, &ma, &mi) != 3 ||
	    have != id)
		return 0;
	out->dev = makedev(ma, mi);
	(void)strtok_r(tail + 3, " \n", &save);
	out->source = strtok_r(NULL, " \n", &save);
	out->options = strtok_r(NULL, " \n", &save);
	return out->source && out->options;
}

static int super_of(int fd, const char *path, struct super *out)
{
	CLEANUP_FILE FILE *f = fopen("/proc/self/mountinfo", "re");
	CLEANUP_FREE char *line = NULL;
	struct statx st;
	size_t cap = 0;

	memset(out, 0, sizeof(*out));
	if (!f ||
	    statx(fd, path, path[0] ? 0 : AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return -errno;
	while (getline(&line, &cap, f) > 0)
		if (parse_line(line, st.stx_mnt_id, out)) {
			out->line = TAKE_PTR(line);
			return 0;
		}
	return -ENODEV; /* of the kernel's own: a pipe, a socket */
}

static void note(struct stack *s, const char *what)
{
	size_t len = strlen(s->why);

	if (s->size > len)
		snprintf(s->why + len, s->size - len, "%s%s",
			 len ? ", " : ", through ", what);
}

/* --- block devices --- */

static int read_dev(const char *dir, dev_t *out)
{
	CLEANUP_FREE char *path = NULL;
	CLEANUP_FILE FILE *f = NULL;
	unsigned int ma, mi;

	if (asprintf(&path, "%s/dev", dir) < 0)
		return -ENOMEM;
	f = fopen(path, "re");
	if (!f || fscanf(f, "%u:%u", &ma, &mi) != 2)
		return -ENODEV;
	*out = makedev(ma, mi);
	return 0;
}

/* The file behind a loop device; NULL if it is none. */
static char *backing_file(const char *dir)
{
	CLEANUP_FREE char *path = NULL;
	CLEANUP_FREE char *line = NULL;
	CLEANUP_FILE FILE *f = NULL;
	size_t cap = 0;

	if (asprintf(&path, "%s/loop/backing_file", dir) < 0)
		return NULL;
	f = fopen(path, "re");
	if (!f || getline(&line, &cap, f) <= 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return TAKE_PTR(line);
}

static int dev_stands_on(struct stack *s, dev_t dev);

/* The devices that it is made of. */
static int parts_stand_on(struct stack *s, const char *dir)
{
	CLEANUP_FREE char *path = NULL;
	struct dirent *ent;
	DIR *d;
	int r = 0;

	if (asprintf(&path, "%s/slaves", dir) < 0)
		return -ENOMEM;
	d = opendir(path);
	while (r == 0 && d && (ent = readdir(d))) {
		CLEANUP_FREE char *part = NULL;
		dev_t dev;

		if (ent->d_name[0] == '.')
			continue;
		if (asprintf(&part, "%s/%s", path, ent->d_name) < 0)
			r = -ENOMEM;
		else if (read_dev(part, &dev) == 0)
			r = dev_stands_on(s, dev);
	}
	if (d)
		closedir(d);
	return r;
}

static int dev_stands_on(struct stack *s, dev_t dev)
{
	CLEANUP_FREE char *link = NULL;
	CLEANUP_FREE char *dir = NULL;
	CLEANUP_FREE char *whole = NULL;
	CLEANUP_FREE char *file = NULL;
	int r;

	if (asprintf(&link, "/sys/dev/block/%u:%u", major(dev), minor(dev)) < 0)
		return -ENOMEM;
	dir = realpath(link, NULL);
	if (!dir || s->depth == DEPTH_MAX)
		return 0;
	s->depth++;
	if (asprintf(&whole, "%s/partition", dir) < 0)
		return -ENOMEM;
	/* a partition is a directory in its disk's */
	if (access(whole, F_OK) == 0)
		dirname(dir);
	file = backing_file(dir);
	r = file ? stands_on(s, file) : parts_stand_on(s, dir);
	if (r == 1)
		note(s, basename(dir));
	s->depth--;
	return r;
}

/* --- file systems --- */

/* Where an overlay writes. */
static int upper_stands_on(struct stack *s, const char *options)
{
	const char *at = strstr(options, "upperdir=");
	CLEANUP_FREE char *dir = NULL;
	int r;

	if (!at)
		return 0;
	at += strlen("upperdir=");
	dir = strndup(at, strcspn(at, ","));
	if (!dir)
		return -ENOMEM;
	r = stands_on(s, unescape(dir));
	if (r == 1)
		note(s, "an overlay");
	return r;
}

static int stands_on(struct stack *s, const char *path)
{
	struct super su;
	struct stat st;
	int r = super_of(AT_FDCWD, path, &su);

	if (r < 0 || s->depth == DEPTH_MAX)
		return r == -ENOMEM ? r : 0;
	s->depth++;
	if (su.dev == s->target)
		r = 1;
	else if (major(su.dev) != 0)
		r = dev_stands_on(s, su.dev);
	else if (su.source[0] == '/' && stat(su.source, &st) == 0 &&
		 S_ISBLK(st.st_mode))
		r = dev_stands_on(s, st.st_rdev);
	else
		r = upper_stands_on(s, su.options);
	s->depth--;
	free(su.line);
	return r;
}

/* The path itself, or the nearest directory above it that is there. */
static char *existing(const char *path)
{
	char *at = strdup(path), *slash;
	struct stat st;

	while (at && stat(at, &st) < 0) {
		slash = strrchr(at, '/');
		if (!slash || slash == at) {
			free(at);
			return strdup(slash ? "/" : ".");
		}
		*slash = '\0';
	}
	return at;
}

int freeze_forbidden(int mount_fd, const char *path, char *why, size_t size)
{
	CLEANUP_FREE char *at = existing(path);
	CLEANUP_FREE char *by = calloc(1, size + 1);
	struct stack s = { .why = by, .size = size };
	struct super su;
	int r = at && by ? super_of(mount_fd, "", &su) : -ENOMEM;

	if (r < 0)
		return r;
	s.target = su.dev;
	free(su.line);
	r = stands_on(&s, at);
	if (r == 1)
		snprintf(why, size, "lies on the file system%s", by);
	return r;
}
