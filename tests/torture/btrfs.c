/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btrfs.c - what only btrfs does: nodatacow, defragment, dedupe, clones.
 */
#include "tests/torture/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOCOWS 4
#define NOCOW_BYTES (2u << 20)
#define CLONES 4

static uint8_t *nocow_map;

/* Written in place: no extent is new. */
void op_nocow(void)
{
	uint32_t n = rnd(NOCOWS), page = rnd(NOCOW_BYTES / PAGE);
	uint8_t byte = (uint8_t)rnd(256);
	struct timespec t[2];
	struct stat st;
	char path[32];
	int fd;

	if (n == 0) { /* kept mapped, and never touched otherwise */
		nocow_map[page * PAGE + rnd(PAGE)] = byte;
		return;
	}
	snprintf(path, sizeof(path), "nocow/n%u", n);
	fd = open(path, O_WRONLY | (n == 1 ? O_DIRECT : 0));
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	memset(direct, byte, PAGE);
	(void)!pwrite(fd, direct, n == 1 ? PAGE : 1 + rnd(PAGE - 1),
		      (off_t)page * (off_t)PAGE);
	if (n == 2) { /* the times say that only the mode changed */
		t[0] = st.st_atim;
		t[1] = st.st_mtim;
		futimens(fd, t);
		fchmod(fd, 0600 | rnd(0100));
	}
	close(fd);
}

void op_defragment(void)
{
	struct btrfs_ioctl_defrag_range_args r = {
		.len = UINT64_MAX,
		.flags = rnd(2) ? BTRFS_DEFRAG_RANGE_COMPRESS : 0,
		.extent_thresh = 1 << 20,
	};
	int fd = open(any_file(), O_RDWR | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return;
	(void)!ioctl(fd, BTRFS_IOC_DEFRAG_RANGE, &r);
	close(fd);
}

void op_dedupe(void)
{
	union {
		struct file_dedupe_range r;
		uint8_t room[sizeof(struct file_dedupe_range) +
			     sizeof(struct file_dedupe_range_info)];
	} a = { .room = { 0 } };
	int from = open(any_file(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int to = open(any_file(), O_RDWR | O_NOFOLLOW | O_NONBLOCK);

	if (from >= 0 && to >= 0) {
		a.r.src_length = PAGE;
		a.r.src_offset = any_page(from);
		a.r.dest_count = 1;
		a.r.info[0].dest_fd = to;
		a.r.info[0].dest_offset = rnd(2) ? a.r.src_offset
						 : any_page(to);
		(void)!ioctl(from, FIDEDUPERANGE, &a.r);
	}
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
}

/* Old extents come to a file that nothing else touches, whose mtime stays. */
void op_clone_quiet(void)
{
	struct file_clone_range r = { .src_length = PAGE };
	struct timespec t[2];
	struct stat st;
	char path[32];
	int from, to;

	snprintf(path, sizeof(path), "clones/c%u", rnd(CLONES));
	from = open(any_big(), O_RDONLY);
	to = open(path, O_WRONLY);
	if (from >= 0 && to >= 0 && fstat(to, &st) == 0) {
		r.src_fd = from;
		r.src_offset = any_page(from);
		r.dest_offset = any_page(to);
		(void)!ioctl(to, FICLONERANGE, &r);
		t[0] = st.st_atim;
		t[1] = st.st_mtim;
		if (rnd(2))
			futimens(to, t);
	}
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
}

int begin_btrfs(void)
{
	int flags = FS_NOCOW_FL, dir, fd, i;
	char path[32];

	if ((mkdir("nocow", 0755) < 0 && errno != EEXIST) ||
	    (mkdir("clones", 0755) < 0 && errno != EEXIST))
		return -1;
	dir = open("nocow", O_RDONLY);
	if (dir < 0 || ioctl(dir, FS_IOC_SETFLAGS, &flags) < 0)
		return -1;
	close(dir);
	for (i = 0; i < NOCOWS; i++) {
		snprintf(path, sizeof(path), "nocow/n%d", i);
		fd = make_file(path, NOCOW_BYTES, 'n');
		if (fd < 0)
			return -1;
		if (i == 0)
			nocow_map = mmap(NULL, NOCOW_BYTES,
					 PROT_READ | PROT_WRITE, MAP_SHARED, fd,
					 0);
		close(fd);
	}
	for (i = 0; i < CLONES; i++) {
		snprintf(path, sizeof(path), "clones/c%d", i);
		fd = make_file(path, QUIET_BYTES, 'c');
		if (fd < 0)
			return -1;
		close(fd);
	}
	return nocow_map == MAP_FAILED ? -1 : 0;
}
