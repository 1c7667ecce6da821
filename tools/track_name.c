/* SPDX-License-Identifier: Apache-2.0 */
/*
 * track_name.c - the name of an inode, if the kernel knows one.
 */
#include "tools/track_name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"

/* enum fid_type; xfs has the second for numbers of more than 32 bits. */
#define FILEID_INO32_GEN 1
#define FILEID_INO64_GEN 0x81

union handle {
	struct file_handle h;
	char room[sizeof(struct file_handle) + 12];
};

static int open_inode(int at, uint64_t ino, uint32_t generation)
{
	union handle u = { .room = { 0 } };
	uint32_t low = (uint32_t)ino;
	bool is_long = ino > UINT32_MAX;
	size_t len = is_long ? sizeof(ino) : sizeof(low);

	u.h.handle_type = is_long ? FILEID_INO64_GEN : FILEID_INO32_GEN;
	u.h.handle_bytes = (unsigned int)(len + sizeof(generation));
	memcpy(u.h.f_handle, is_long ? (void *)&ino : (void *)&low, len);
	memcpy(u.h.f_handle + len, &generation, sizeof(generation));
	/* nothing is read, no device opened */
	return open_by_handle_at(at, &u.h, O_PATH | O_CLOEXEC);
}

/* What the kernel has cached may be no path at all, or one of another mount:
 * it counts only if it leads back. */
static char *path_of(int fd, const struct stat *st)
{
	char link[32], path[PATH_MAX];
	struct stat there;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return NULL;
	path[n] = '\0';
	if (lstat(path, &there) < 0 || there.st_ino != st->st_ino ||
	    there.st_dev != st->st_dev)
		return NULL;
	return strdup(path);
}

void track_name_find(int at, uint64_t ino, uint32_t generation,
		     struct track_name *out)
{
	CLEANUP_CLOSE int fd = open_inode(at, ino, generation);
	struct stat st;

	memset(out, 0, sizeof(*out));
	out->is_gone = fd < 0 && errno == ESTALE;
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	out->is_there = true;
	out->is_gone = st.st_nlink == 0;
	out->is_file = S_ISREG(st.st_mode);
	out->is_dir = S_ISDIR(st.st_mode);
	out->has_more = !out->is_dir && st.st_nlink > 1;
	out->changed = st.st_ctim;
	out->size = (uint64_t)st.st_size;
	if (!out->is_gone)
		out->path = path_of(fd, &st);
}
