/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quiet.c - one change to a file that nothing else touches.
 *
 * No other mark helps: a hook that is missing is missed.
 */
#include "tests/torture/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define QUIETS 32

int begin_quiet(void)
{
	char path[32];
	int i, fd;

	if (mkdir("quiet", 0755) < 0 && errno != EEXIST)
		return -1;
	for (i = 0; i < QUIETS; i++) {
		snprintf(path, sizeof(path), "quiet/q%d", i);
		fd = lay_file(path, QUIET_BYTES, 'q' + i);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return 0;
}

/* One thing to a file that nothing else touches: no other mark helps. */
void op_quiet(void)
{
	char path[32], value[8];
	uint32_t n = rnd(QUIETS);
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "quiet/q%u", n);
	snprintf(value, sizeof(value), "%u", rnd(1000));
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	switch (n % 8) {
	case 0:
		(void)!fsetxattr(fd, "user.quiet", value, strlen(value), 0);
		break;
	case 1:
		(void)!fchmod(fd, 0600 | rnd(0100));
		break;
	case 2: /* whole pages, so that none is written */
		if (fstat(fd, &st) == 0) {
			(void)!ftruncate(fd, PAGE * (off_t)(1 + rnd(300)));
			(void)!ftruncate(fd, st.st_size);
		}
		break;
	case 3:
		(void)!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 PAGE * (off_t)rnd(500), PAGE);
		break;
	case 4:
		(void)!fallocate(fd, FALLOC_FL_ZERO_RANGE,
				 PAGE * (off_t)rnd(500), PAGE);
		break;
	case 5:
		(void)!fallocate(fd,
				 rnd(2) ? FALLOC_FL_COLLAPSE_RANGE
					: FALLOC_FL_INSERT_RANGE,
				 PAGE * (off_t)rnd(200), PAGE);
		break;
	case 6:
		fill(direct, 64);
		close(fd);
		fd = open(path, O_RDWR | O_DIRECT);
		if (fd >= 0)
			(void)!pwrite(fd, direct, PAGE, PAGE * (off_t)rnd(500));
		break;
	default:
		(void)!fchown(fd, rnd(9), rnd(9));
	}
	if (fd >= 0)
		close(fd);
}
