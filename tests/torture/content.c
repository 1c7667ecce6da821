/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c - what changes a file's bytes: write(2) and its kin.
 */
#include "tests/torture/ops.h"

#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static struct io_uring ring;
static int has_ring;

int begin_content(void)
{
	has_ring = io_uring_queue_init(8, &ring, 0) == 0;
	return 0;
}

void op_create(void)
{
	uint8_t buf[65536];
	int fd = open(any_name(),
		      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK,
		      0644);
	uint32_t len = rnd(4) ? rnd(5000) : rnd(sizeof(buf));

	if (fd < 0)
		return;
	fill(buf, len);
	(void)!write(fd, buf, len);
	close(fd);
}

void op_append(void)
{
	uint8_t buf[9000];
	int fd =
		open(any_file(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
	uint32_t len = 1 + rnd(sizeof(buf) - 1);

	if (fd < 0)
		return;
	fill(buf, len);
	(void)!write(fd, buf, len);
	close(fd);
}

void op_overwrite(void)
{
	uint8_t buf[6000];
	int fd = open(any_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
	uint32_t len = 1 + rnd(rnd(2) ? 8 : sizeof(buf) - 1);

	if (fd < 0)
		return;
	fill(buf, len);
	(void)!pwrite(fd, buf, len, (off_t)any_page(fd) + rnd(PAGE));
	close(fd);
}

void op_direct(void)
{
	int fd =
		open(any_file(), O_WRONLY | O_DIRECT | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return;
	fill(direct, PAGE);
	(void)!pwrite(fd, direct, PAGE * (1 + rnd(3)), (off_t)any_page(fd));
	close(fd);
}

void op_uring(void)
{
	int fd = open(any_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK |
					  (rnd(2) ? O_DIRECT : 0));
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;

	if (fd < 0 || !has_ring)
		goto out;
	fill(direct, 512);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_write(sqe, fd, direct, PAGE, any_page(fd));
	if (io_uring_submit_and_wait(&ring, 1) == 1 &&
	    io_uring_wait_cqe(&ring, &cqe) == 0)
		io_uring_cqe_seen(&ring, cqe);
out:
	if (fd >= 0)
		close(fd);
}

void op_truncate(void)
{
	const char *path = any_file();
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

void op_fallocate(void)
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
	    fd = open(any_file(), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
	uint64_t at, len;

	if (fd < 0)
		return;
	at = any_page(fd);
	len = PAGE * (1 + rnd(4));
	if (!(mode & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) &&
	    rnd(2))
		at += rnd(PAGE);
	(void)!fallocate(fd, mode, (off_t)at, (off_t)len);
	close(fd);
}

void op_copy(void)
{
	int from = open(any_file(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int to = open(any_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
	off_t a, b, len = (off_t)(1 + rnd(3 * PAGE));

	if (from >= 0 && to >= 0) {
		a = (off_t)any_page(from);
		b = (off_t)any_page(to);
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

void op_splice(void)
{
	int p[2], to = open(any_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
	uint8_t buf[3000];
	loff_t at;

	if (to < 0)
		return;
	if (pipe(p) == 0) {
		fill(buf, sizeof(buf));
		at = (loff_t)any_page(to);
		if (write(p[1], buf, sizeof(buf)) == sizeof(buf))
			(void)!splice(p[0], NULL, to, &at, sizeof(buf), 0);
		close(p[0]);
		close(p[1]);
	}
	close(to);
}

void op_clone(void)
{
	int from = open(any_file(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	int to = open(any_file(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
	struct file_clone_range r;

	if (from >= 0 && to >= 0) {
		r = (struct file_clone_range){ .src_fd = from,
					       .src_offset = any_page(from),
					       .src_length = PAGE,
					       .dest_offset = any_page(to) };
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
