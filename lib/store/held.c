/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.c - files that live as long as the process that made them.
 *
 * Between the maker's open and its flock another process may take the file
 * for a dead one's, lock and remove it. The maker sees that (the lock is
 * taken, or the link count is 0) and makes another.
 */
#include "store/held.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 100

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t token;	 /* guarded by lock */
static uint64_t counter; /* guarded by lock */
static pid_t token_pid;	 /* guarded by lock: whose token it is */

static int own_token(uint64_t *out, uint64_t *number)
{
	int r = 0;

	pthread_mutex_lock(&lock);
	/* A forked child is another process with its own name. */
	if (token_pid != getpid()) {
		if (getrandom(&token, sizeof(token), 0) == sizeof(token))
			token_pid = getpid();
		else
			r = -errno;
	}
	*out = token;
	*number = counter++;
	pthread_mutex_unlock(&lock);
	return r;
}

/* The file's descriptor, -EAGAIN to try the next name, or an error. */
static int try_make(int dir, const char *name, bool must_lock)
{
	CLEANUP_CLOSE int fd =
		openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return errno == EEXIST ? -EAGAIN : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = -errno;

		if (r == -EWOULDBLOCK)
			return -EAGAIN;
		if (must_lock) {
			unlinkat(dir, name, 0);
			return r;
		}
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_nlink ? TAKE_FD(fd) : -EAGAIN;
}

int held_make(int dir, const char *prefix, bool must_lock,
	      char name[static HELD_NAME_MAX])
{
	uint64_t own, number;
	int i, r = -EAGAIN;

	for (i = 0; i < TRIES && r == -EAGAIN; i++) {
		r = own_token(&own, &number);
		if (r < 0)
			return r;
		snprintf(name, HELD_NAME_MAX, "%s-%016" PRIx64 "-%" PRIx64,
			 prefix, own, number);
		r = try_make(dir, name, must_lock);
	}
	return r;
}

bool held_has_prefix(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) == 0 && name[len] == '-';
}

bool held_is_own(const char *name, const char *prefix)
{
	char hex[17];
	uint64_t own, number;

	if (!held_has_prefix(name, prefix) || own_token(&own, &number) < 0)
		return false;
	snprintf(hex, sizeof(hex), "%016" PRIx64, own);
	return strncmp(name + strlen(prefix) + 1, hex, 16) == 0;
}

bool held_is_living(int dir, const char *name)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	CLEANUP_CLOSE int fd = openat(dir, name, O_RDWR | flags);

	/* NFS wants a writable descriptor for LOCK_EX; a read-only mount or
	 * another user's file allows none. */
	if (fd < 0 && errno != ENOENT)
		fd = openat(dir, name, O_RDONLY | flags);
	if (fd < 0)
		return errno != ENOENT;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return true;
	unlinkat(dir, name, 0);
	return false;
}
