/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirlease.c - leases of the directory kind, as locked files.
 *
 * A writer holds a file of its own in leases/ (held.h). Maintenance is one
 * file, which is never removed: whoever removed it could leave two processes
 * with a lock each, on two files of one name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "base/log.h"
#include "store/dir.h"
#include "store/held.h"

#define WRITER_PREFIX "writer"
#define MAINTENANCE_NAME "maintenance"

struct dir_lease {
	struct store_lease base;
	int dir;
	int fd;
	char name[HELD_NAME_MAX]; /* empty: nothing to remove at the end */
};

static int lock_maintenance(int dir)
{
	CLEANUP_CLOSE int fd = openat(
		dir, MAINTENANCE_NAME,
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return TAKE_FD(fd);
}

int dir_lease_begin(struct store *s, enum store_lease_kind kind,
		    struct store_lease **out)
{
	CLEANUP_FREE struct dir_lease *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->base.store = s;
	l->dir = dir_fd((struct dir_store *)s, DIR_LEASES, true);
	if (l->dir < 0)
		l->fd = l->dir;
	else if (kind == STORE_LEASE_MAINTENANCE)
		l->fd = lock_maintenance(l->dir);
	else
		l->fd = held_make(l->dir, WRITER_PREFIX, true, l->name);
	if (l->fd == -EBUSY && kind == STORE_LEASE_MAINTENANCE)
		return -EBUSY;
	if (l->fd < 0)
		return log_fail(l->fd, "begin a lease in %s", s->location);
	*out = &TAKE_PTR(l)->base;
	return 0;
}

void dir_lease_end(struct store_lease *base)
{
	struct dir_lease *l = (struct dir_lease *)base;

	/* Name first: a file that can be locked is a dead process's. */
	if (l->name[0])
		unlinkat(l->dir, l->name, 0);
	close(l->fd);
	free(l);
}

static int count_living(int dir, DIR *dp)
{
	struct dirent *e;
	int n = 0;

	while (errno = 0, (e = readdir(dp)) != NULL)
		if (held_has_prefix(e->d_name, WRITER_PREFIX) &&
		    !held_is_own(e->d_name, WRITER_PREFIX) &&
		    held_is_living(dir, e->d_name))
			n++;
	return errno ? -errno : n;
}

int dir_lease_writers(struct store *s)
{
	CLEANUP_CLOSE int fd = -1;
	int dir = dir_fd((struct dir_store *)s, DIR_LEASES, false);
	DIR *dp = NULL;
	int r;

	if (dir == -ENOENT)
		return 0;
	if (dir >= 0)
		fd = openat(dir, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		dp = fdopendir(fd);
	if (!dp)
		return log_fail(dir < 0 ? dir : -errno, "list leases in %s",
				s->location);
	(void)TAKE_FD(fd);
	r = count_living(dir, dp);
	closedir(dp);
	if (r < 0)
		return log_fail(r, "list leases in %s", s->location);
	return r;
}
