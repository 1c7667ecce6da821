/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torture.c - change a tree in every way there is, at random.
 *
 * Usage: torture DIR SEED [btrfs|signs]. Each line on standard input is a
 * number: so many operations are done, then "done" is written. Mappings and
 * descriptors stay open from one line to the next, and so over the epochs of a
 * tracker. An operation that a file system refuses is none. The same seed and
 * the same numbers do the same. With btrfs there is what only that does, too;
 * with signs, nothing that leaves all times as they were, as no scan sees it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/btrfs.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "oddly.h"

#define XFS_SUPER_MAGIC 0x58465342
#define BIG_BYTES (16u << 20)
#define BIGS 2
#define PAGE 4096u
#define DIRS 12
#define NAMES 24
#define QUIETS 32
#define QUIET_BYTES (3u << 20)
#define PAIR_BYTES (2u << 20)
/* Files that are not mapped most of the time, in large folios. */
#define LAID (256u << 10)
#define FOLDS 2
#define FOLD_PLACES 6
#define FOLD_PAGES 32 /* of a place: some folios are as large */

static uint64_t seed;
static uint8_t *map[BIGS];
static uint8_t *held; /* a mapping of some fold, for a while */
static char big[BIGS][16];
static uint8_t *direct; /* aligned */
static struct io_uring ring;
static int has_ring, is_xfs, only_signs;

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return n ? (uint32_t)(seed >> 16) % n : 0;
}

static void fill(uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)rnd(256);
}

/* Few names, so that they meet. */
static const char *name(void)
{
	static char room[4][64];
	static int at;
	char *p = room[at++ & 3];
	uint32_t dir = rnd(DIRS);

	if (dir == 0)
		snprintf(p, 64, "f%u", rnd(NAMES));
	else
		snprintf(p, 64, "d%u/f%u", dir, rnd(NAMES));
	return p;
}

static const char *dir(void)
{
	static char room[2][64];
	static int at;
	char *p = room[at++ & 1];

	snprintf(p, 64, "d%u", 1 + rnd(DIRS - 1));
	return p;
}

static const char *any_big(void)
{
	return big[rnd(BIGS)];
}

/* Half of the time one of the large files. */
static const char *some_file(void)
{
	return rnd(2) ? any_big() : name();
}

static uint64_t page_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)PAGE)
		return 0;
	return rnd((uint32_t)(st.st_size / PAGE)) * (uint64_t)PAGE;
}

/* --- content --- */

static void op_create(void)
{
	uint8_t buf[65536];
	int fd = open(name(),
		      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK,
		      0644);
	uint32_t len = rnd(4) ? rnd(5000) : rnd(sizeof(buf));

	if (fd < 0)
		return;
	fill(buf, len);
	(void)!write(fd, buf, len);
	close(fd);
}

static void op_append(void)
{
	uint8_t buf[9000];
	int fd = open(some_file(),
		      O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
	uint32_t len = 1 + rnd(sizeof(buf) - 1);

	if (fd < 0)
		return;
	fill(buf, len);
	(void)!write(fd, buf, len);
	close(fd);
}

static void op_overwrite(void)
{
	uint8_t buf[6000];
	int fd = open(some_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
	uint32_t len = 1 + rnd(rnd(2) ? 8 : sizeof(buf) - 1);

	if (fd < 0)
		return;
	fill(buf, len);
	(void)!pwrite(fd, buf, len, (off_t)page_of(fd) + rnd(PAGE));
	close(fd);
}

/* The same page again and again: dirty pages meet turns of the epoch. */
static void op_hot_page(void)
{
	uint8_t byte = (uint8_t)rnd(256);
	int fd = open(any_big(), O_WRONLY);

	if (fd < 0)
		return;
	(void)!pwrite(fd, &byte, 1, 8 * PAGE + rnd(64));
	close(fd);
}

static void op_hot_map(void)
{
	struct stat st;

	/* beyond the end is a bus error */
	if (stat(big[1], &st) == 0 && st.st_size > 6 * (off_t)PAGE)
		map[1][5 * PAGE + rnd(16)] = (uint8_t)rnd(256);
}

static void op_store(void)
{
	uint32_t i = rnd(BIGS), page = rnd(BIG_BYTES / PAGE);
	struct stat st;

	if (stat(big[i], &st) < 0 ||
	    st.st_size < (off_t)(page + 1) * (off_t)PAGE)
		return;
	map[i][page * PAGE + rnd(PAGE)] = (uint8_t)rnd(256);
	if (rnd(8) == 0)
		msync(map[i] + page * PAGE, PAGE, MS_SYNC);
}

static void op_direct(void)
{
	int fd = open(some_file(),
		      O_WRONLY | O_DIRECT | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return;
	fill(direct, PAGE);
	(void)!pwrite(fd, direct, PAGE * (1 + rnd(3)), (off_t)page_of(fd));
	close(fd);
}

static void op_uring(void)
{
	int fd = open(some_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK |
					   (rnd(2) ? O_DIRECT : 0));
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;

	if (fd < 0 || !has_ring)
		goto out;
	fill(direct, 512);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_write(sqe, fd, direct, PAGE, page_of(fd));
	if (io_uring_submit_and_wait(&ring, 1) == 1 &&
	    io_uring_wait_cqe(&ring, &cqe) == 0)
		io_uring_cqe_seen(&ring, cqe);
out:
	if (fd >= 0)
		close(fd);
}

static void op_truncate(void)
{
	const char *path = some_file();
	struct stat st;
	off_t was;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	was = st.st_size;
	if (truncate(path, (off_t)rnd((uint32_t)was + 1)) < 0)
		return;
	/* what was cut off comes back as zeros, with no page written */
	if (rnd(3))
		(void)!truncate(path, was);
}

static void op_fallocate(void)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE,
		FALLOC_FL_KEEP_SIZE,
		0,
	};
	int mode = modes[rnd(6)],
	    fd = open(some_file(), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
	uint64_t at, len;

	if (fd < 0)
		return;
	at = page_of(fd);
	len = PAGE * (1 + rnd(4));
	if (!(mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) &&
	    rnd(2))
		at += rnd(PAGE);
	(void)!fallocate(fd, mode, (off_t)at, (off_t)len);
	close(fd);
}

static void op_copy(void)
{
	int from = open(some_file(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int to = open(some_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
	off_t a, b, len = (off_t)(1 + rnd(3 * PAGE));

	if (from >= 0 && to >= 0) {
		a = (off_t)page_of(from);
		b = (off_t)page_of(to);
		if (rnd(2)) {
			(void)!copy_file_range(from, &a, to, &b, (size_t)len,
					       0);
		} else if (lseek(to, b, SEEK_SET) == b) {
			(void)!sendfile(to, from, &a, (size_t)len);
		}
	}
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
}

static void op_splice(void)
{
	int p[2], to = open(some_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
	uint8_t buf[3000];
	loff_t at;

	if (to < 0)
		return;
	if (pipe(p) == 0) {
		fill(buf, sizeof(buf));
		at = (loff_t)page_of(to);
		if (write(p[1], buf, sizeof(buf)) == sizeof(buf))
			(void)!splice(p[0], NULL, to, &at, sizeof(buf), 0);
		close(p[0]);
		close(p[1]);
	}
	close(to);
}

static void op_clone(void)
{
	int from = open(some_file(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int to = open(some_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
	struct file_clone_range r;

	if (from >= 0 && to >= 0) {
		r = (struct file_clone_range){ .src_fd = from,
					       .src_offset = page_of(from),
					       .src_length = PAGE,
					       .dest_offset = page_of(to) };
		if (rnd(4) == 0)
			(void)!ioctl(to, FICLONE, from);
		else
			(void)!ioctl(to, FICLONERANGE, &r);
	}
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
}

/* --- write(2) and stores that meet in one folio --- */

static uint32_t fold_page(uint32_t place)
{
	return place * 2 * FOLD_PAGES + rnd(FOLD_PAGES);
}

static void fold_write(int fd, uint32_t place)
{
	uint64_t at = fold_page(place) * (uint64_t)PAGE;

	fill(direct, 64);
	if (rnd(2))
		(void)!pwrite(fd, direct, PAGE * (1 + rnd(3)), (off_t)at);
	else
		(void)!pwrite(fd, direct, 1 + rnd(64),
			      (off_t)at + rnd(PAGE - 64));
}

static void fold_store(uint8_t *p, uint32_t place)
{
	volatile uint8_t *q = p + fold_page(place) * (size_t)PAGE;

	if (rnd(2)) /* first mapped for reading, with what lies around it */
		(void)q[0];
	if (rnd(4) == 0) /* the kernel stores */
		(void)!syscall(SYS_getrandom, (void *)(uintptr_t)q, 9, 0);
	else
		q[rnd(PAGE)] = (uint8_t)rnd(256);
}

/* Direct I/O from elsewhere into a mapping. */
static void fold_pinned(uint8_t *p, uint32_t place)
{
	int fd = open("quiet/q0", O_RDONLY | O_DIRECT);

	if (fd < 0)
		return;
	(void)!pread(fd, p + fold_page(place) * (size_t)PAGE, PAGE,
		     PAGE * (off_t)rnd(16));
	close(fd);
}

static void fold_map(int fd, uint32_t place)
{
	uint8_t *p = mmap(NULL, QUIET_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);

	if (p == MAP_FAILED)
		return;
	if (rnd(4) == 0)
		fold_pinned(p, place);
	else
		fold_store(p, place);
	if (held || rnd(3)) {
		munmap(p, QUIET_BYTES);
		return;
	}
	held = p;
}

static void fold_held(uint32_t place)
{
	if (!held)
		return;
	fold_store(held, place);
	if (rnd(2) == 0) {
		munmap(held, QUIET_BYTES);
		held = NULL;
	}
}

/* Out of the page cache and back, in what folios readahead makes. */
static void fold_reload(int fd)
{
	uint8_t buf[65536];
	off_t at = 0;
	ssize_t n;

	fdatasync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	while (rnd(200) && (n = pread(fd, buf, sizeof(buf), at)) > 0)
		at += n;
}

static void op_fold(void)
{
	uint32_t place = rnd(FOLD_PLACES), i;
	char path[16];
	int fd;

	snprintf(path, sizeof(path), "fold%u", rnd(FOLDS));
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	for (i = 1 + rnd(6); i > 0; i--) {
		switch (rnd(10)) {
		case 0:
			fold_reload(fd);
			break;
		case 1:
		case 2:
			fold_map(fd, place);
			break;
		case 3:
			fold_held(place);
			break;
		default:
			fold_write(fd, place);
		}
	}
	close(fd);
}

/* Large files that were cut grow again, so that there is something to map. */
static void op_regrow(void)
{
	uint32_t i = rnd(BIGS);
	struct stat st;

	if (stat(big[i], &st) == 0 && st.st_size < (off_t)BIG_BYTES / 2)
		(void)!truncate(big[i], BIG_BYTES);
}

/* --- names --- */

static void op_rename(void)
{
	const char *from = rnd(4) ? name() : dir();
	const char *to = rnd(4) ? name() : dir();

	(void)!renameat2(AT_FDCWD, from, AT_FDCWD, to, rnd(4) ? 0 : 2);
}

static void op_move_dir(void)
{
	char to[64];

	snprintf(to, sizeof(to), "d%u/sub%u", 1 + rnd(DIRS - 1), rnd(4));
	if (rnd(2))
		(void)!rename(dir(), to);
	else
		(void)!rename(to, dir());
}

static void op_link(void)
{
	(void)!link(name(), name());
}

static void op_unlink(void)
{
	unlink(name());
}

/* The inode number comes back at once, as something else. */
static void op_reuse(void)
{
	const char *was = name();
	int fd;

	if (unlink(was) < 0)
		return;
	fd = open(rnd(2) ? was : name(), O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return;
	(void)!write(fd, "anew", 4);
	close(fd);
}

static void op_symlink(void)
{
	char target[32];

	snprintf(target, sizeof(target), "target%u", rnd(1000));
	(void)!symlink(target, name());
}

static void op_mkdir(void)
{
	(void)!mkdir(dir(), 0755);
}

static void op_rmdir(void)
{
	rmdir(dir());
}

static void op_fifo(void)
{
	(void)!mknod(name(), S_IFIFO | 0600, 0);
}

static void op_storm(void)
{
	const char *d = dir();
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

/* --- metadata --- */

static void op_chmod(void)
{
	(void)!chmod(rnd(3) ? some_file() : dir(), 0700 | rnd(0100));
}

static void op_chown(void)
{
	(void)!lchown(rnd(3) ? some_file() : dir(), rnd(5), rnd(5));
}

static void op_times(void)
{
	struct timespec t[2] = { { rnd(1u << 30), rnd(999999999) },
				 { rnd(1u << 30), rnd(999999999) } };

	(void)!utimensat(AT_FDCWD, rnd(3) ? some_file() : dir(), t,
			 AT_SYMLINK_NOFOLLOW);
}

/* Same size, same mtime: who believes in mtime is deceived. */
static void op_deceive(void)
{
	const char *path = some_file();
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

static void op_xattr(void)
{
	static const char *const names[] = { "user.a", "user.b", "trusted.c" };
	const char *path = rnd(3) ? some_file() : dir();
	char value[400];
	uint32_t n = rnd(3);

	memset(value, 'a' + (int)rnd(26), sizeof(value));
	if (rnd(3))
		(void)!lsetxattr(path, names[n], value, rnd(sizeof(value)), 0);
	else
		(void)!lremovexattr(path, names[n]);
}

/* Of nothing but an attribute: no other mark comes with it. */
static void op_xattr_again(void)
{
	char value[8];

	snprintf(value, sizeof(value), "%u", rnd(1000));
	(void)!setxattr(any_big(), "user.big", value, strlen(value), 0);
}

static void op_acl(void)
{
	static const uint8_t acl[] = {
		2, 0, 0,   0,	1,   0,	  7,  0, 255, 255, 255, 255, 2,	  0,  6,
		0, 3, 0,   0,	0,   4,	  0,  5, 0,   255, 255, 255, 255, 16, 0,
		7, 0, 255, 255, 255, 255, 32, 0, 4,   0,   255, 255, 255, 255
	};
	uint8_t copy[sizeof(acl)];

	memcpy(copy, acl, sizeof(acl));
	copy[14] = (uint8_t)rnd(8);
	(void)!setxattr(rnd(2) ? some_file() : dir(), "system.posix_acl_access",
			copy, sizeof(copy), 0);
}

static void op_flags(void)
{
	int fd = open(some_file(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK), flags;

	if (fd < 0)
		return;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags ^= FS_NODUMP_FL;
		(void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	close(fd);
}

/* One thing to a file that nothing else touches: no other mark helps. */
static void op_quiet(void)
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

/* --- btrfs --- */

#define NOCOWS 4
#define NOCOW_BYTES (2u << 20)
#define CLONES 4

static uint8_t *nocow_map;

/* Written in place: no extent is new. */
static void op_nocow(void)
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

static void op_defragment(void)
{
	struct btrfs_ioctl_defrag_range_args r = {
		.len = UINT64_MAX,
		.flags = rnd(2) ? BTRFS_DEFRAG_RANGE_COMPRESS : 0,
		.extent_thresh = 1 << 20,
	};
	int fd = open(some_file(), O_RDWR | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return;
	(void)!ioctl(fd, BTRFS_IOC_DEFRAG_RANGE, &r);
	close(fd);
}

static void op_dedupe(void)
{
	struct {
		struct file_dedupe_range r;
		struct file_dedupe_range_info to;
	} a = { 0 };
	int from = open(some_file(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int to = open(some_file(), O_RDWR | O_NOFOLLOW | O_NONBLOCK);

	if (from >= 0 && to >= 0) {
		a.r.src_length = PAGE;
		a.r.src_offset = page_of(from);
		a.r.dest_count = 1;
		a.to.dest_fd = to;
		a.to.dest_offset = rnd(2) ? a.r.src_offset : page_of(to);
		(void)!ioctl(from, FIDEDUPERANGE, &a.r);
	}
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
}

/* Old extents come to a file that nothing else touches, whose mtime stays. */
static void op_clone_quiet(void)
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
		r.src_offset = page_of(from);
		r.dest_offset = page_of(to);
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

static int make_file(const char *path, size_t len, int byte)
{
	uint8_t *buf = malloc(len);
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	if (!buf || fd < 0)
		return -1;
	memset(buf, byte, len);
	if (write(fd, buf, len) != (ssize_t)len)
		return -1;
	free(buf);
	return fd;
}

static int begin_btrfs(void)
{
	int flags = FS_NOCOW_FL, dir, fd, i;
	char path[32];

	if (mkdir("nocow", 0755) < 0 || mkdir("clones", 0755) < 0)
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

/* --- xfs --- */

/* Two files that are as long as each other for ever. */
static void op_exchange(void)
{
	int a = open("pair0", O_RDWR), b = open("pair1", O_RDWR);
	uint8_t byte = (uint8_t)rnd(256);

	if (a >= 0 && b >= 0) {
		if (rnd(3) == 0)
			(void)!pwrite(a, &byte, 1, rnd(PAIR_BYTES));
		else if (rnd(2) && !only_signs)
			(void)!oddly_swapext(a, b);
		else
			(void)!oddly_exchange(a, b);
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
}

/* --- the table --- */

struct op {
	void (*run)(void);
	uint32_t weight;
};

static const struct op btrfs_ops[] = {
	{ op_nocow, 8 },
	{ op_defragment, 2 },
	{ op_dedupe, 4 },
	{ op_clone_quiet, 8 },
};

static const struct op xfs_ops[] = {
	{ op_exchange, 1 },
};

static const struct op ops[] = {
	{ op_create, 12 },   { op_append, 8 },	{ op_overwrite, 12 },
	{ op_hot_page, 6 },  { op_hot_map, 6 }, { op_store, 12 },
	{ op_direct, 8 },    { op_uring, 6 },	{ op_truncate, 6 },
	{ op_fallocate, 8 }, { op_copy, 6 },	{ op_splice, 4 },
	{ op_clone, 6 },     { op_regrow, 3 },	{ op_rename, 8 },
	{ op_move_dir, 4 },  { op_link, 6 },	{ op_unlink, 8 },
	{ op_reuse, 6 },     { op_symlink, 3 }, { op_mkdir, 4 },
	{ op_rmdir, 2 },     { op_fifo, 2 },	{ op_storm, 2 },
	{ op_chmod, 4 },     { op_chown, 4 },	{ op_times, 4 },
	{ op_deceive, 5 },   { op_xattr, 6 },	{ op_xattr_again, 4 },
	{ op_acl, 3 },	     { op_flags, 3 },	{ op_quiet, 16 },
	{ op_fold, 16 },
};

static void run_one(const struct op *table, size_t n)
{
	uint32_t sum = 0, at;
	size_t i;

	for (i = 0; i < n; i++)
		sum += table[i].weight;
	at = rnd(sum);
	for (i = 0; at >= table[i].weight; i++)
		at -= table[i].weight;
	table[i].run();
}

static void run(unsigned long n)
{
	while (n-- > 0) {
		if (nocow_map && rnd(8) == 0)
			run_one(btrfs_ops, sizeof(btrfs_ops) / sizeof(ops[0]));
		else if (is_xfs && rnd(40) == 0)
			run_one(xfs_ops, sizeof(xfs_ops) / sizeof(ops[0]));
		else
			run_one(ops, sizeof(ops) / sizeof(ops[0]));
	}
}

/* In pieces: folios become as large as these. */
static int lay(int fd, const uint8_t *buf, size_t len)
{
	size_t at;

	for (at = 0; at < len; at += LAID)
		if (write(fd, buf + at, LAID) != (ssize_t)LAID)
			return -1;
	return 0;
}

/* Files of which a part is written now and then. */
static int begin_quiet(void)
{
	int i;

	for (i = 0; i < QUIETS + FOLDS; i++) {
		uint8_t *buf = malloc(QUIET_BYTES);
		char q[32];
		int fd;

		if (i < QUIETS)
			snprintf(q, sizeof(q), "quiet/q%d", i);
		else
			snprintf(q, sizeof(q), "fold%d", i - QUIETS);
		fd = open(q, O_RDWR | O_CREAT, 0644);
		if (!buf || fd < 0)
			return -1;
		memset(buf, 'q' + i, QUIET_BYTES);
		if (lay(fd, buf, QUIET_BYTES) < 0)
			return -1;
		free(buf);
		close(fd);
	}
	return 0;
}

/* Files that stay mapped. */
static int begin_big(void)
{
	int i;

	for (i = 0; i < BIGS; i++) {
		uint8_t *buf = malloc(BIG_BYTES);
		int fd;

		snprintf(big[i], sizeof(big[i]), "big%d", i);
		fd = open(big[i], O_RDWR | O_CREAT, 0644);
		if (!buf || fd < 0)
			return -1;
		fill(buf, BIG_BYTES);
		if (lay(fd, buf, BIG_BYTES) < 0)
			return -1;
		free(buf);
		map[i] = mmap(NULL, BIG_BYTES, PROT_READ | PROT_WRITE,
			      MAP_SHARED, fd, 0);
		if (map[i] == MAP_FAILED)
			return -1;
		close(fd); /* the mapping stays */
	}
	return 0;
}

static int begin(const char *path)
{
	struct statfs fs;
	int i;

	if (chdir(path) < 0 ||
	    posix_memalign((void **)&direct, PAGE, 4 * PAGE) != 0)
		return -1;
	memset(direct, 7, 4 * PAGE);
	has_ring = io_uring_queue_init(8, &ring, 0) == 0;
	for (i = 1; i < DIRS; i++) {
		char d[16];

		snprintf(d, sizeof(d), "d%d", i);
		if (mkdir(d, 0755) < 0 && errno != EEXIST)
			return -1;
	}
	if (mkdir("quiet", 0755) < 0 && errno != EEXIST)
		return -1;
	is_xfs = statfs(".", &fs) == 0 && fs.f_type == XFS_SUPER_MAGIC;
	if (is_xfs && (make_file("pair0", PAIR_BYTES, 'p') < 0 ||
		       make_file("pair1", PAIR_BYTES, 'q') < 0))
		return -1;
	return begin_quiet() < 0 ? -1 : begin_big();
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc != 3 && argc != 4)
		return 2;
	only_signs = argc == 4 && !strcmp(argv[3], "signs");
	seed = strtoull(argv[2], NULL, 10) * 2654435761u + 88172645463325252u;
	if (begin(argv[1]) < 0 ||
	    (argc == 4 && !only_signs && begin_btrfs() < 0)) {
		perror(argv[1]);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		run(strtoul(line, NULL, 10));
		puts("done");
		fflush(stdout);
	}
	return 0;
}
