/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp.c - a catalog that was left whole need not be walked again.
 */
#include "catalog/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/io.h"

#define TEXT_MAX 512
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static void stamp_path(const char *path, char *out, size_t size)
{
	snprintf(out, size, "%s-whole", path);
}

/* What tells the file as it is now from any other. */
static int describe(const char *path, struct buf *out)
{
	char text[TEXT_MAX];
	struct stat st;
	int e = io_read_file(AT_FDCWD, BOOT_ID, out);

	if (e < 0)
		return e;
	if (stat(path, &st) < 0)
		return -errno;
	snprintf(text, sizeof(text), "%llx %llx %llx %lld.%09ld %lld.%09ld\n",
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		 (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec,
		 st.st_ctim.tv_nsec);
	return buf_append(out, text, strlen(text));
}

bool stamp_holds(const char *path)
{
	CLEANUP_BUF struct buf now = BUF_INIT(TEXT_MAX);
	CLEANUP_BUF struct buf was = BUF_INIT(TEXT_MAX);
	char name[4096 + 16];

	stamp_path(path, name, sizeof(name));
	return io_read_file(AT_FDCWD, name, &was) == 0 &&
	       describe(path, &now) == 0 && now.len == was.len &&
	       !memcmp(now.p, was.p, now.len);
}

void stamp_put(const char *path)
{
	CLEANUP_BUF struct buf now = BUF_INIT(TEXT_MAX);
	CLEANUP_CLOSE int fd = -1;
	char name[4096 + 16];

	stamp_path(path, name, sizeof(name));
	if (describe(path, &now) < 0)
		return;
	/* not synced: it says nothing after a crash */
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || io_write_all(fd, SPAN_OF(&now)) < 0)
		unlink(name);
}
