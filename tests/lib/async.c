/* SPDX-License-Identifier: Apache-2.0 */
/*
 * async.c - a direct write that nobody waits for in the file system.
 *
 * Usage: async FILE OFFSET: 4 KiB, by io_uring; the call returns before the
 * write is complete, which a worker of the kernel's does. The program ends
 * when it has been told of it.
 */
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEN 4096

int main(int argc, char **argv)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	void *bytes;
	int fd, r;

	if (argc != 3 || posix_memalign(&bytes, LEN, LEN) != 0)
		return 2;
	memset(bytes, 'a', LEN);
	fd = open(argv[1], O_WRONLY | O_DIRECT);
	if (fd < 0 || io_uring_queue_init(2, &ring, 0) < 0) {
		perror(argv[1]);
		return 1;
	}
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_write(sqe, fd, bytes, LEN, strtoull(argv[2], NULL, 10));
	r = io_uring_submit_and_wait(&ring, 1);
	if (r == 1)
		r = io_uring_wait_cqe(&ring, &cqe);
	if (r == 0 && cqe->res != LEN)
		r = -1;
	close(fd);
	free(bytes);
	return r != 0;
}
