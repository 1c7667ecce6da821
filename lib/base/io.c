/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.c - whole reads and writes.
 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

int io_write_all(int fd, struct span data)
{
	while (data.len) {
		ssize_t n = write(fd, data.p, data.len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		data.p += n;
		data.len -= (size_t)n;
	}
	return 0;
}

int io_pwrite_all(int fd, struct span data, uint64_t off)
{
	while (data.len) {
		ssize_t n = pwrite(fd, data.p, data.len, (off_t)off);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		data.p += n;
		data.len -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

/* off: -1 to read on from where the descriptor is. */
static ssize_t read_full(int fd, uint8_t *p, size_t len, off_t off)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = off < 0 ? read(fd, p + done, len - done)
				    : pread(fd, p + done, len - done,
					    off + (off_t)done);

		if (n == 0)
			break;
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t io_read_full(int fd, void *p, size_t len)
{
	return read_full(fd, p, len, -1);
}

ssize_t io_pread_full(int fd, void *p, size_t len, uint64_t off)
{
	if (off > INT64_MAX)
		return -EINVAL;
	return read_full(fd, p, len, (off_t)off);
}

int io_read_file(int dirfd, const char *path, struct buf *out)
{
	CLEANUP_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	size_t start = out->len;

	if (fd < 0)
		return -errno;
	for (;;) {
		size_t room = MIN((size_t)65536, out->max - out->len);
		uint8_t probe;
		ssize_t n;
		int r;

		if (room == 0) {
			/* full: fine only if the file ends here */
			n = io_read_full(fd, &probe, 1);
			if (n > 0)
				n = -EMSGSIZE;
			if (n < 0)
				out->len = start;
			return (int)n;
		}
		r = buf_reserve(out, room);
		if (r < 0)
			return r;
		n = io_read_full(fd, out->p + out->len, room);
		if (n < 0) {
			out->len = start;
			return (int)n;
		}
		out->len += (size_t)n;
		if ((size_t)n < room)
			return 0;
	}
}

int io_replace_file(int dirfd, const char *path, struct span data)
{
	char tmp[PATH_MAX], dir[PATH_MAX];
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_CLOSE int dfd = -1;
	char *slash;
	int r;

	if (snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	/* What an earlier process left there may be a link or have another
	 * mode. */
	if (unlinkat(dirfd, tmp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = io_write_all(fd, data);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dirfd, tmp, dirfd, path) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, tmp, 0);
		return r;
	}
	dfd = openat(dirfd, slash ? dir : ".",
		     O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dfd < 0 || fsync(dfd) < 0)
		return -errno;
	return 0;
}

int io_mkdir_p(const char *path)
{
	char p[PATH_MAX];
	size_t i, len = strlen(path);

	if (len == 0 || len >= sizeof(p))
		return len ? -ENAMETOOLONG : -EINVAL;
	memcpy(p, path, len + 1);
	for (i = 1; i <= len; i++) {
		if (p[i] != '/' && p[i] != '\0')
			continue;
		p[i] = '\0';
		if (mkdir(p, 0700) < 0 && errno != EEXIST)
			return -errno;
		p[i] = path[i];
	}
	return 0;
}
