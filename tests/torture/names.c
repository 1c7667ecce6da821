/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - names of files and directories, and inode numbers that return.
 */
#include "tests/torture/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int begin_names(void)
{
	char path[16];
	int i;

	for (i = 1; i < DIRS; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -1;
	}
	return 0;
}

void op_rename(void)
{
	const char *from = rnd(4) ? any_name() : any_dir();
	const char *to = rnd(4) ? any_name() : any_dir();

	(void)!renameat2(AT_FDCWD, from, AT_FDCWD, to, rnd(4) ? 0 : 2);
}

void op_move_dir(void)
{
	char to[64];

	snprintf(to, sizeof(to), "d%u/sub%u", 1 + rnd(DIRS - 1), rnd(4));
	if (rnd(2))
		(void)!rename(any_dir(), to);
	else
		(void)!rename(to, any_dir());
}

void op_link(void)
{
	(void)!link(any_name(), any_name());
}

void op_unlink(void)
{
	unlink(any_name());
}

/* The inode number comes back at once, as something else. */
void op_reuse(void)
{
	const char *was = any_name();
	int fd;

	if (unlink(was) < 0)
		return;
	fd = open(rnd(2) ? was : any_name(), O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return;
	(void)!write(fd, "anew", 4);
	close(fd);
}

void op_symlink(void)
{
	char target[32];

	snprintf(target, sizeof(target), "target%u", rnd(1000));
	(void)!symlink(target, any_name());
}

void op_mkdir(void)
{
	(void)!mkdir(any_dir(), 0755);
}

void op_rmdir(void)
{
	rmdir(any_dir());
}

void op_fifo(void)
{
	(void)!mknod(any_name(), S_IFIFO | 0600, 0);
}

void op_storm(void)
{
	const char *d = any_dir();
	char a[80], b[80];
	uint32_t i, n = 5 + rnd(20);

	for (i = 0; i < n; i++) {
		snprintf(a, sizeof(a), "%s/s%u", d, rnd(6));
		snprintf(b, sizeof(b), "%s/s%u", d, rnd(6));
		if (rnd(3) == 0)
			(void)!mknod(a, S_IFREG | 0644, 0);
		else
			(void)!rename(a, b);
	}
}
