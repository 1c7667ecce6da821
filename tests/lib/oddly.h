/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oddly.h - operations on extents that the C library's headers do not have.
 *
 * Errors:  -1 with errno.
 * Source:  Linux fs/xfs/libxfs/xfs_fs.h, xfs_format.h.
 */
#ifndef TESTS_LIB_ODDLY_H
#define TESTS_LIB_ODDLY_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct oddly_bstime {
	long tv_sec;
	int32_t tv_nsec;
};

struct oddly_bstat {
	uint64_t ino;
	uint16_t mode, nlink;
	uint32_t uid, gid, rdev;
	int32_t blksize;
	int64_t size;
	struct oddly_bstime atime, mtime, ctime;
	int64_t blocks;
	uint32_t xflags;
	int32_t extsize, extents;
	uint32_t gen;
	uint16_t projid_lo, forkoff, projid_hi, sick, checked;
	uint8_t pad[2];
	uint32_t cowextsize, dmevmask;
	uint16_t dmstate, aextents;
};

struct oddly_swapext {
	int64_t version, fdtarget, fdtmp, offset, length;
	char pad[16];
	struct oddly_bstat stat;
};

/* Two files of the same length on xfs exchange all content. */
static inline int oddly_swapext(int a, int b)
{
	struct oddly_swapext sx = { .fdtarget = a, .fdtmp = b };
	struct stat st;

	if (fstat(a, &st) < 0)
		return -1;
	sx.length = st.st_size;
	sx.stat.ino = st.st_ino;
	sx.stat.size = st.st_size;
	sx.stat.mtime.tv_sec = st.st_mtim.tv_sec;
	sx.stat.mtime.tv_nsec = (int32_t)st.st_mtim.tv_nsec;
	sx.stat.ctime.tv_sec = st.st_ctim.tv_sec;
	sx.stat.ctime.tv_nsec = (int32_t)st.st_ctim.tv_nsec;
	return ioctl(a, _IOWR('X', 109, struct oddly_swapext), &sx);
}

struct oddly_exchange {
	int32_t fd;
	uint32_t pad;
	uint64_t offset, to, length, flags;
};

/* The same, atomic, since Linux 6.10; the file system must allow it. */
static inline int oddly_exchange(int a, int b)
{
	struct oddly_exchange x = { .fd = b };
	struct stat st;

	if (fstat(a, &st) < 0)
		return -1;
	x.length = (uint64_t)st.st_size;
	return ioctl(a, _IOW('X', 129, struct oddly_exchange), &x);
}

static inline uint32_t oddly_crc32c(const uint8_t *p, size_t len)
{
	uint32_t crc = ~0u;
	int i;

	while (len-- > 0) {
		crc ^= *p++;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* Set the feature in the superblock of an unmounted image of xfs. */
static inline int oddly_allow_exchange(int fd)
{
	uint8_t sb[512];
	uint32_t crc;
	int i;

	if (pread(fd, sb, sizeof(sb), 0) != (ssize_t)sizeof(sb))
		return -1;
	if (memcmp(sb, "XFSB", 4) != 0) {
		errno = EINVAL;
		return -1;
	}
	sb[216 + 3] |= 0x40; /* features_incompat */
	memset(sb + 224, 0, 4);
	crc = oddly_crc32c(sb, sizeof(sb));
	for (i = 0; i < 4; i++)
		sb[224 + i] = (uint8_t)(crc >> 8 * i);
	return pwrite(fd, sb, sizeof(sb), 0) < 0 ? -1 : 0;
}

#endif /* TESTS_LIB_ODDLY_H */
