/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - who works with a catalog.
 */
#include "catalog/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"

#define PAUSE_US 5000

static int take(int fd, int how)
{
	if (flock(fd, how | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

/* Does somebody have it alone? */
static bool is_alone(int fd)
{
	if (take(fd, LOCK_SH) < 0)
		return true;
	(void)flock(fd, LOCK_UN);
	return false;
}

int catalog_lock(const char *dir, enum catalog_lock how, bool (*stopped)(void),
		 int *out)
{
	CLEANUP_CLOSE int fd = -1;
	char path[4096];
	int e;

	snprintf(path, sizeof(path), "%s/catalog.lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return log_fail(-errno, "open %s", path);
	for (;;) {
		e = take(fd, how == CATALOG_LOCK_READ ? LOCK_SH : LOCK_EX);
		if (e != -EAGAIN)
			break;
		if (how == CATALOG_LOCK_BACKUP && is_alone(fd)) {
			log_error("another backup to this repository is "
				  "running on this machine (it holds %s)",
				  path);
			return -EBUSY;
		}
		if (stopped && stopped())
			return -EINTR;
		usleep(PAUSE_US);
	}
	if (e < 0)
		return log_fail(e, "lock %s", path);
	*out = TAKE_FD(fd);
	return 0;
}
