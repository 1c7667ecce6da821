/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.c - run one command, and read what it says line by line.
 */
#include "daemon/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/* Between SIGTERM and SIGKILL. */
#define PATIENCE_S 30

struct stream {
	int fd;
	bool is_error;
	size_t len;
	char text[CHILD_LINE_MAX + 1];
};

struct running {
	const struct child *c;
	pid_t pid;
	int pidfd;
	struct stream streams[2];
	int64_t deadline; /* INT64_MAX: none */
	int64_t kill_at;  /* after SIGTERM */
	bool told_to_end;
	struct child_end *end;
};

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- starting --- */

static void set_priority(const struct child *c)
{
	int class = 0;

	if (c->nice > 0)
		(void)setpriority(PRIO_PROCESS, 0, (int)c->nice);
	if (c->io_class)
		class = !strcmp(c->io_class, "idle") ? 3 : 2;
	/* ioprio_set(2): who 1 is a process; class, and 7 is the lowest */
	if (class)
		(void)syscall(SYS_ioprio_set, 1, 0, class << 13 | 7);
}

/* In the child: only what is safe after fork() in a process with threads. */
static void become(const struct child *c, int out, int err, int tell)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;
	int e;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	set_priority(c);
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(out, 1) >= 0 &&
	    dup2(err, 2) >= 0)
		execve(c->argv[0], (char *const *)(uintptr_t)c->argv, c->envp);
	e = errno;
	(void)!write(tell, &e, sizeof(e));
	_exit(127);
}

static int make_pipe(int *from, int *to)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	*from = p[0];
	*to = p[1];
	return 0;
}

/* Did execve() work? The pipe closes by itself if it did. */
static int started(int tell, pid_t pid)
{
	int e = 0;
	ssize_t n;

	do
		n = read(tell, &e, sizeof(e));
	while (n < 0 && errno == EINTR);
	if (n != sizeof(e))
		return 0;
	waitpid(pid, NULL, 0);
	return -e;
}

static int start(struct running *r)
{
	CLEANUP_CLOSE int out = -1, err = -1, tell = -1, told = -1;
	int e = make_pipe(&r->streams[0].fd, &out);

	if (e == 0)
		e = make_pipe(&r->streams[1].fd, &err);
	if (e == 0)
		e = make_pipe(&told, &tell);
	if (e < 0)
		return e;
	r->pid = fork();
	if (r->pid < 0)
		return -errno;
	if (r->pid == 0)
		become(r->c, out, err, tell);
	/* here too: whoever is first, it is so before a signal is sent */
	setpgid(r->pid, r->pid);
	close(TAKE_FD(tell));
	e = started(told, r->pid);
	if (e < 0)
		return e;
	r->pidfd = pidfd_open(r->pid, 0);
	if (r->pidfd < 0) {
		e = -errno;
		kill(-r->pid, SIGKILL);
		waitpid(r->pid, NULL, 0);
	}
	return e;
}

/* --- reading --- */

static void give_line(const struct running *r, struct stream *s)
{
	s->text[s->len] = '\0';
	if (s->len > 0 && r->c->line)
		r->c->line(r->c->arg, s->is_error, s->text);
	s->len = 0;
}

/* What there is now; false at its end. */
static bool drain(struct running *r, struct stream *s)
{
	char buf[4096];
	ssize_t n, i;

	for (;;) {
		n = read(s->fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		for (i = 0; i < n; i++) {
			if (buf[i] == '\n')
				give_line(r, s);
			else if (s->len < CHILD_LINE_MAX)
				s->text[s->len++] = buf[i];
		}
	}
}

static void tell_to_end(struct running *r)
{
	if (r->told_to_end)
		return;
	r->told_to_end = true;
	r->deadline = INT64_MAX;
	r->kill_at = monotonic_ms() + PATIENCE_S * 1000;
	kill(-r->pid, SIGTERM);
	/* one that is stopped would not see it */
	kill(-r->pid, SIGCONT);
}

static int time_left(const struct running *r)
{
	int64_t until = MIN(r->deadline, r->kill_at), left;

	if (until == INT64_MAX)
		return -1;
	left = until - monotonic_ms();
	return left < 0 ? 0 : (int)MIN(left, (int64_t)3600 * 1000);
}

static void look(struct running *r)
{
	struct pollfd p[4] = { { .fd = r->pidfd, .events = POLLIN },
			       { .fd = r->told_to_end ? -1 : r->c->cancel,
				 .events = POLLIN },
			       { .fd = r->streams[0].fd, .events = POLLIN },
			       { .fd = r->streams[1].fd, .events = POLLIN } };
	int64_t now;
	int i;

	(void)poll(p, 4, time_left(r));
	for (i = 0; i < 2; i++)
		if (p[2 + i].revents && !drain(r, &r->streams[i]))
			close(TAKE_FD(r->streams[i].fd));
	if (p[1].revents) {
		r->end->was_cancelled = true;
		tell_to_end(r);
	}
	now = monotonic_ms();
	if (now >= r->deadline) {
		r->end->was_too_long = true;
		tell_to_end(r);
	}
	if (now >= r->kill_at) {
		kill(-r->pid, SIGKILL);
		r->kill_at = INT64_MAX;
	}
}

static bool has_ended(const struct running *r)
{
	struct pollfd p = { .fd = r->pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

int child_run(const struct child *c, struct child_end *end)
{
	struct running r = { .c = c,
			     .pidfd = -1,
			     .streams = { { .fd = -1 },
					  { .fd = -1, .is_error = true } },
			     .deadline = INT64_MAX,
			     .kill_at = INT64_MAX,
			     .end = end };
	int e, i, status = 0;

	*end = (struct child_end){ .code = -1 };
	e = start(&r);
	for (i = 0; i < 2 && e == 0; i++)
		if (fcntl(r.streams[i].fd, F_SETFL, O_NONBLOCK) < 0)
			e = 0; /* it is a pipe: this does not fail */
	if (c->limit_s > 0)
		r.deadline = monotonic_ms() + (int64_t)c->limit_s * 1000;
	while (e == 0 && !has_ended(&r))
		look(&r);
	for (i = 0; i < 2; i++) {
		if (e == 0 && r.streams[i].fd >= 0) {
			drain(&r, &r.streams[i]);
			give_line(&r, &r.streams[i]);
		}
		if (r.streams[i].fd >= 0)
			close(r.streams[i].fd);
	}
	if (r.pidfd >= 0) {
		waitpid(r.pid, &status, 0);
		close(r.pidfd);
	}
	if (e == 0 && WIFEXITED(status))
		end->code = WEXITSTATUS(status);
	else if (e == 0)
		end->signal = WTERMSIG(status);
	return e;
}

void child_end_words(const struct child_end *end, char out[static 64])
{
	if (end->was_too_long)
		snprintf(out, 64, "took too long, and was ended");
	else if (end->signal)
		snprintf(out, 64, "killed by signal %d", end->signal);
	else
		snprintf(out, 64, "exit status %d", end->code);
}
