/* SPDX-License-Identifier: Apache-2.0 */
/*
 * freeze.c - the watch over a frozen file system.
 *
 * The watch alone freezes and thaws, so that it knows at each moment what is
 * so, and never thaws what another has frozen. It is forked and not cloned
 * with the caller's memory: who runs out of memory is killed with all that
 * share it.
 *
 *   caller: fork -> wait for "frozen" | ... | "thaw" -> wait for "thawed"
 *   watch:  freeze -> "frozen" -> wait for "thaw", the end of the caller or
 *           the time -> thaw -> "thawed"
 */
#include "track/freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/io.h"

#define NS_PER_MS 1000000ull
#define STACK_BYTES 16384u
/* How much later than its time the watch may answer before it is killed. */
#define GRACE_MS 10000

struct report {
	int err;
	uint64_t held_ns;
};

struct freeze {
	pid_t watch;
	int sock, mount_fd;
	int64_t began_ns;
	unsigned int max_ms;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- the watch: system calls alone, and nothing that allocates --- */

/* The caller's other descriptors would be held open, its locks with them. */
static void keep_only(int a, int b)
{
	unsigned int lo = (unsigned int)MIN(a, b), hi = (unsigned int)MAX(a, b);

	if (lo > 0)
		(void)close_range(0, lo - 1, 0);
	if (hi > lo + 1)
		(void)close_range(lo + 1, hi - 1, 0);
	(void)close_range(hi + 1, ~0u, 0);
}

/* Memory that is there already needs none while writing back may wait for the
 * file system. Pages of the program are only read. */
static void settle_down(void)
{
	volatile uint8_t stack[STACK_BYTES];
	struct sched_param param = { .sched_priority = 1 };
	size_t i;

	for (i = 0; i < sizeof(stack); i += 1024)
		stack[i] = 0;
	(void)mlock((const void *)(uintptr_t)stack, sizeof(stack));
	(void)setsid();
	(void)prctl(PR_SET_NAME, "tidemark-thaw", 0, 0, 0);
	/* it is to be on time on a machine that is busy */
	(void)sched_setscheduler(0, SCHED_FIFO, &param);
}

/* Killed for memory, it could not thaw. */
static void spare_from_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!write(fd, "-1000", 5);
		close(fd);
	}
}

static void say(int sock, int err, int64_t began)
{
	struct report r = { err, (uint64_t)(now_ns() - began) };

	(void)!send(sock, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Until the order, or the end of who gives it: 0; -ETIMEDOUT. */
static int wait_for_order(int sock, int64_t until)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int64_t left;
	int n;

	do {
		left = until - now_ns();
		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)(left / (int64_t)NS_PER_MS) + 1);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return 0;
}

static _Noreturn void watch(int mount_fd, int sock, unsigned int max_ms)
{
	int64_t began, until;
	int e;

	keep_only(mount_fd, sock);
	spare_from_oom();
	settle_down();
	began = now_ns();
	until = began + (int64_t)(max_ms * NS_PER_MS);
	if (ioctl(mount_fd, FIFREEZE, 0) < 0) {
		say(sock, -errno, began);
		_exit(1);
	}
	e = now_ns() < until ? 0 : -ETIMEDOUT;
	if (e == 0) {
		say(sock, 0, began);
		e = wait_for_order(sock, until);
	}
	/* EINVAL: it is not frozen any more */
	if (ioctl(mount_fd, FITHAW, 0) < 0)
		e = errno == EINVAL ? -ESTALE : -errno;
	say(sock, e, began);
	_exit(0);
}

/* --- the caller --- */

/* -EIO: the watch is gone. */
static int hear(const struct freeze *f, int timeout_ms, struct report *r)
{
	struct pollfd p = { .fd = f->sock, .events = POLLIN };
	int64_t until = now_ns() + timeout_ms * (int64_t)NS_PER_MS;
	ssize_t n;
	int ready;

	do {
		int64_t left = (until - now_ns()) / (int64_t)NS_PER_MS;

		ready = poll(&p, 1, timeout_ms < 0 ? -1 : (int)MAX(left, 0));
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return -EIO;
	/* an order that the watch did not read comes back as a reset, once,
	 * before what it has said */
	do
		n = recv(f->sock, r, sizeof(*r), 0);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n == sizeof(*r) ? 0 : -EIO;
}

/* Without the watch nobody else thaws. */
static int give_up(struct freeze *f, int err)
{
	if (err == -EIO) {
		kill(f->watch, SIGKILL);
		(void)ioctl(f->mount_fd, FITHAW, 0);
	}
	while (waitpid(f->watch, NULL, 0) < 0 && errno == EINTR)
		;
	close(f->sock);
	close(f->mount_fd);
	free(f);
	return err;
}

static int start(struct freeze *f, int pair[2])
{
	sigset_t all, was;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &was);
	f->watch = fork();
	e = f->watch < 0 ? -errno : 0;
	if (f->watch == 0)
		watch(f->mount_fd, pair[1], f->max_ms);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	close(pair[1]);
	return e;
}

int freeze_begin(int mount_fd, unsigned int max_ms, struct freeze **out)
{
	struct freeze *f = calloc(1, sizeof(*f));
	struct report r = { 0 };
	int pair[2], e;

	if (!f)
		return -ENOMEM;
	f->max_ms = max_ms;
	f->mount_fd = fcntl(mount_fd, F_DUPFD_CLOEXEC, 3);
	e = f->mount_fd < 0 ? -errno : 0;
	if (e == 0 && syncfs(f->mount_fd) < 0)
		e = -errno;
	if (e == 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		e = -errno;
	if (e < 0) {
		if (f->mount_fd >= 0)
			close(f->mount_fd);
		free(f);
		return e;
	}
	f->sock = pair[0];
	f->began_ns = now_ns();
	e = start(f, pair);
	if (e < 0) {
		close(f->sock);
		close(f->mount_fd);
		free(f);
		return e;
	}
	e = hear(f, -1, &r);
	if (e == 0)
		e = r.err;
	if (e < 0)
		return give_up(f, e);
	*out = f;
	return 0;
}

int freeze_end(struct freeze *f, uint64_t *held_ns)
{
	struct report r = { 0 };
	int e;

	(void)!send(f->sock, "", 1, MSG_NOSIGNAL);
	e = hear(f, (int)f->max_ms + GRACE_MS, &r);
	if (held_ns)
		*held_ns = e == 0 ? r.held_ns
				  : (uint64_t)(now_ns() - f->began_ns);
	return give_up(f, e < 0 ? e : r.err);
}
