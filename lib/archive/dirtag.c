/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirtag.c - files that mark a directory as not worth a backup.
 */
#include "archive/dirtag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#define TAG_HEADER_MAX 4096

void dirtags_release(struct dirtags *ts)
{
	size_t i;

	for (i = 0; i < ts->count; i++) {
		free(ts->tags[i].name);
		free(ts->tags[i].header);
	}
	*ts = (struct dirtags){ 0 };
}

int dirtags_add(struct dirtags *ts, const char *spec)
{
	const char *colon = strchrnul(spec, ':');
	size_t len = (size_t)(colon - spec);
	struct dirtag *t = &ts->tags[ts->count];

	if (len == 0 || len > 255 || memchr(spec, '/', len) ||
	    (len <= 2 && len == strspn(spec, "."))) {
		log_error("tag '%s': not a file name", spec);
		return -EINVAL;
	}
	if (strlen(colon) > TAG_HEADER_MAX) {
		log_error("tag '%s': header too long", spec);
		return -EINVAL;
	}
	if (ts->count == DIRTAGS_MAX) {
		log_error("more than %d tags", DIRTAGS_MAX);
		return -EINVAL;
	}
	t->name = strndup(spec, len);
	t->name_len = len;
	if (!t->name)
		return -ENOMEM;
	if (*colon && colon[1]) {
		t->header_len = strlen(colon + 1);
		t->header = strdup(colon + 1);
		if (!t->header) {
			free(TAKE_PTR(t->name));
			return -ENOMEM;
		}
	}
	ts->count++;
	return 0;
}

/* 1 if the tag is there, 0 if not. A link does not count where a header is
 * asked for (the CACHEDIR.TAG specification says so), and O_NONBLOCK keeps
 * a fifo of that name from holding up the backup. */
static int tag_present(const struct dirtag *t, int dirfd)
{
	CLEANUP_CLOSE int fd = -1;
	char head[TAG_HEADER_MAX];
	struct stat st;
	ssize_t n;

	if (!t->header) {
		if (fstatat(dirfd, t->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : -errno;
		return 1;
	}
	fd = openat(dirfd, t->name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	n = io_pread_full(fd, head, t->header_len, 0);
	if (n < 0)
		return (int)n;
	return (size_t)n == t->header_len &&
	       memcmp(head, t->header, t->header_len) == 0;
}

uint32_t dirtags_read(const struct dirtags *ts, int dirfd, const char *path,
		      size_t len)
{
	uint32_t found = 0;
	size_t i;
	int r;

	for (i = 0; i < ts->count; i++) {
		r = tag_present(&ts->tags[i], dirfd);
		if (r < 0)
			log_warn("tag file %.*s/%s: %s", (int)len, path,
				 ts->tags[i].name, log_strerror(r));
		if (r > 0)
			found |= 1u << i;
	}
	return found;
}

bool dirtags_is_one(const struct dirtags *ts, uint32_t found, const char *name,
		    size_t len)
{
	size_t i;

	for (i = 0; i < ts->count; i++) {
		if (found & 1u << i && len == ts->tags[i].name_len &&
		    memcmp(name, ts->tags[i].name, len) == 0)
			return true;
	}
	return false;
}
