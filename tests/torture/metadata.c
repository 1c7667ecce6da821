/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata.c - modes, owners, times, attributes and flags.
 */
#include "tests/torture/ops.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

void op_chmod(void)
{
	(void)!chmod(rnd(3) ? any_file() : any_dir(), 0700 | rnd(0100));
}

void op_chown(void)
{
	(void)!lchown(rnd(3) ? any_file() : any_dir(), rnd(5), rnd(5));
}

void op_times(void)
{
	struct timespec t[2] = { { rnd(1u << 30), rnd(999999999) },
				 { rnd(1u << 30), rnd(999999999) } };

	(void)!utimensat(AT_FDCWD, rnd(3) ? any_file() : any_dir(), t,
			 AT_SYMLINK_NOFOLLOW);
}

/* Same size, same mtime: who believes in mtime is deceived. */
void op_deceive(void)
{
	const char *path = any_file();
	struct stat st;
	struct timespec t[2];
	int fd;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return;
	fd = open(path, O_WRONLY | O_NONBLOCK);
	if (fd < 0)
		return;
	(void)!pwrite(fd, "!", 1, (off_t)rnd((uint32_t)st.st_size));
	t[0] = st.st_atim;
	t[1] = st.st_mtim;
	futimens(fd, t);
	if (rnd(2))
		fchmod(fd, 0700 | rnd(0100));
	close(fd);
}

void op_xattr(void)
{
	static const char *const names[] = { "user.a", "user.b", "trusted.c" };
	const char *path = rnd(3) ? any_file() : any_dir();
	char value[400];
	uint32_t n = rnd(3);

	memset(value, 'a' + (int)rnd(26), sizeof(value));
	if (rnd(3))
		(void)!lsetxattr(path, names[n], value, rnd(sizeof(value)), 0);
	else
		(void)!lremovexattr(path, names[n]);
}

/* Of nothing but an attribute: no other mark comes with it. */
void op_xattr_again(void)
{
	char value[8];

	snprintf(value, sizeof(value), "%u", rnd(1000));
	(void)!setxattr(any_big(), "user.big", value, strlen(value), 0);
}

void op_acl(void)
{
	static const uint8_t acl[] = {
		2, 0, 0,   0,	1,   0,	  7,  0, 255, 255, 255, 255, 2,	  0,  6,
		0, 3, 0,   0,	0,   4,	  0,  5, 0,   255, 255, 255, 255, 16, 0,
		7, 0, 255, 255, 255, 255, 32, 0, 4,   0,   255, 255, 255, 255
	};
	uint8_t copy[sizeof(acl)];

	memcpy(copy, acl, sizeof(acl));
	copy[14] = (uint8_t)rnd(8);
	(void)!setxattr(rnd(2) ? any_file() : any_dir(),
			"system.posix_acl_access", copy, sizeof(copy), 0);
}

void op_flags(void)
{
	int fd = open(any_file(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK), flags;

	if (fd < 0)
		return;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags ^= FS_NODUMP_FL;
		(void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	close(fd);
}
