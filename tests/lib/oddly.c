/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oddly.c - change a file on ways that hardly anybody uses.
 *
 * Usage: oddly HOW FILE [OTHER]. See the table at the end. Exit 0: done, 1:
 * it failed, 3: this kernel or file system cannot.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oddly.h"

#define PAGE 4096u
#define AT (5 * PAGE) /* where a file is changed */

static int fail(const char *what)
{
	perror(what);
	return errno == EOPNOTSUPP || errno == ENOTTY || errno == ENOSYS ? 3
									 : 1;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static const char *news(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "news of %d", (int)getpid());
	return text;
}

/* --- extents --- */

static int swapext(const char *path, const char *other)
{
	int a = open_file(path), b = open_file(other);

	return oddly_swapext(a, b) < 0 ? fail("XFS_IOC_SWAPEXT") : 0;
}

static int exchange(const char *path, const char *other)
{
	int a = open_file(path), b = open_file(other);

	return oddly_exchange(a, b) < 0 ? fail("XFS_IOC_EXCHANGE_RANGE") : 0;
}

static int swap_boot(const char *path, const char *other)
{
	(void)other;
	return ioctl(open_file(path), _IO('f', 17)) < 0
		       ? fail("EXT4_IOC_SWAP_BOOT")
		       : 0;
}

static int move_ext(const char *path, const char *other)
{
	struct {
		uint32_t reserved, donor_fd;
		uint64_t orig_start, donor_start, len, moved_len;
	} move = { .donor_fd = (uint32_t)open_file(other), .len = 64 };

	return ioctl(open_file(path), _IOWR('f', 15, move), &move) < 0
		       ? fail("EXT4_IOC_MOVE_EXT")
		       : 0;
}

/* --- memory --- */

/* A child that has the file mapped; its address is in *p, the same here. */
static pid_t child_with(const char *path, void **p)
{
	int fd = open_file(path);
	pid_t pid;

	*p = mmap(NULL, AT + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*p == MAP_FAILED)
		return -1;
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static int end_child(pid_t pid, int result)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return result;
}

static int process_vm(const char *path, const char *other)
{
	void *p;
	pid_t pid = child_with(path, &p);
	struct iovec from = { (void *)(uintptr_t)news(), strlen(news()) };
	struct iovec to = { (char *)p + AT, strlen(news()) };
	ssize_t n = process_vm_writev(pid, &from, 1, &to, 1, 0);

	(void)other;
	return end_child(pid, n < 0 ? fail("process_vm_writev") : 0);
}

static int proc_mem(const char *path, const char *other)
{
	char mem[64];
	void *p;
	pid_t pid = child_with(path, &p);
	ssize_t n;

	(void)other;
	snprintf(mem, sizeof(mem), "/proc/%d/mem", (int)pid);
	n = pwrite(open_file(mem), news(), strlen(news()),
		   (off_t)(uintptr_t)p + AT);
	return end_child(pid, n < 0 ? fail(mem) : 0);
}

static int poke(const char *path, const char *other)
{
	void *p;
	pid_t pid = child_with(path, &p);
	long word;
	int r = 0;

	(void)other;
	memcpy(&word, news() + 6, sizeof(word)); /* with the number */
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 ||
	    waitpid(pid, NULL, 0) < 0 ||
	    ptrace(PTRACE_POKEDATA, pid, (char *)p + AT, word) < 0)
		r = fail("ptrace");
	return end_child(pid, r);
}

/* The kernel writes to the mapping what it reads from the other file. */
static int read_into(const char *path, const char *other)
{
	uint8_t *p = mmap(NULL, AT + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  open_file(path), 0);
	int fd = open(other, O_RDONLY | O_DIRECT);

	if (p == MAP_FAILED || fd < 0)
		return fail(other);
	return read(fd, p + AT, PAGE) < 0 ? fail("read") : 0;
}

/* Stores, and the end without a word. */
static int store(const char *path, const char *other)
{
	uint8_t *p = mmap(NULL, AT + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  open_file(path), 0);

	(void)other;
	if (p == MAP_FAILED)
		return fail("mmap");
	memcpy(p + AT, news(), strlen(news()));
	_exit(0);
}

/* --- through pipes and rings --- */

static int vm_splice(const char *path, const char *other)
{
	struct iovec v = { (void *)(uintptr_t)news(), strlen(news()) };
	loff_t at = AT;
	int p[2];

	(void)other;
	if (pipe(p) < 0 || vmsplice(p[1], &v, 1, 0) < 0 ||
	    splice(p[0], NULL, open_file(path), &at, v.iov_len, SPLICE_F_MOVE) <
		    0)
		return fail("splice");
	return 0;
}

static int ring(const char *path, const char *other)
{
	struct io_uring r;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int e = io_uring_queue_init(4, &r, 0);

	(void)other;
	if (e < 0) {
		errno = -e;
		return errno == EPERM ? 3 : fail("io_uring");
	}
	sqe = io_uring_get_sqe(&r);
	io_uring_prep_write(sqe, open_file(path), news(),
			    (unsigned int)strlen(news()), AT);
	if (io_uring_submit_and_wait(&r, 1) != 1 ||
	    io_uring_wait_cqe(&r, &cqe) < 0 || cqe->res < 0)
		return fail("io_uring");
	return 0;
}

static int direct(const char *path, const char *other)
{
	int fd = open(path, O_WRONLY | O_DIRECT);
	void *p;

	(void)other;
	if (fd < 0 || posix_memalign(&p, PAGE, PAGE) != 0)
		return fail(path);
	memset(p, (int)getpid(), PAGE);
	return pwrite(fd, p, PAGE, AT) < 0 ? fail("pwrite") : 0;
}

/* --- a write that stops half way --- */

struct held {
	const char *path;
	void *page;
	ssize_t written;
};

static void *write_page(void *arg)
{
	struct held *h = arg;

	h->written = pwrite(open_file(h->path), h->page, PAGE, 0);
	return NULL;
}

/* A write from memory that is not there yet holds the inode's lock: says
 * "held", and ends when a line is read. */
static int hold(const char *path, const char *other)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = { .mode = 0 };
	struct held h = { .path = path };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffd_msg msg;
	pthread_t thread;

	(void)other;
	h.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	area.range.start = zero.range.start = (uintptr_t)h.page;
	area.range.len = zero.range.len = PAGE;
	if (fd < 0 || h.page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) < 0 ||
	    ioctl(fd, UFFDIO_REGISTER, &area) < 0)
		return fail("userfaultfd");
	if (pthread_create(&thread, NULL, write_page, &h) != 0 ||
	    read(fd, &msg, sizeof(msg)) != sizeof(msg))
		return fail("wait for the write");
	puts("held");
	fflush(stdout);
	(void)getchar();
	if (ioctl(fd, UFFDIO_ZEROPAGE, &zero) < 0)
		return fail("UFFDIO_ZEROPAGE");
	pthread_join(thread, NULL);
	return h.written == PAGE ? 0 : fail("pwrite");
}

/* --- a file system's image --- */

static int exchrange(const char *path, const char *other)
{
	(void)other;
	return oddly_allow_exchange(open_file(path)) < 0 ? fail(path) : 0;
}

static const struct {
	const char *name;
	int (*run)(const char *path, const char *other);
	int argc;
} ways[] = {
	{ "swapext", swapext, 4 },
	{ "exchange", exchange, 4 },
	{ "swap-boot", swap_boot, 3 },
	{ "move-ext", move_ext, 4 },
	{ "process-vm", process_vm, 3 },
	{ "proc-mem", proc_mem, 3 },
	{ "poke", poke, 3 },
	{ "read-into", read_into, 4 },
	{ "store", store, 3 },
	{ "vmsplice", vm_splice, 3 },
	{ "ring", ring, 3 },
	{ "direct", direct, 3 },
	{ "hold", hold, 3 },
	/* an image of xfs: files may be exchanged, which mkfs may not know */
	{ "allow-exchange", exchrange, 3 },
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name) && argc == ways[i].argc)
			return ways[i].run(argv[2], argv[3]);
	return 2;
}
