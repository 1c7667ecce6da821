/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c - packets of JSON over a UNIX socket.
 */
#include "control/control.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"

static int address(const char *path, struct sockaddr_un *sa)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(sa->sun_path))
		return -ENAMETOOLONG;
	memcpy(sa->sun_path, path, strlen(path));
	return 0;
}

int control_connect(const char *path, int *fd)
{
	CLEANUP_CLOSE int s = -1;
	struct sockaddr_un sa;
	int e = address(path, &sa);

	if (e < 0)
		return e;
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	*fd = TAKE_FD(s);
	return 0;
}

/* A daemon that died leaves its socket. */
static int clear_stale(const char *path)
{
	CLEANUP_CLOSE int probe = -1;
	int e = control_connect(path, &probe);

	if (e == 0)
		return -EADDRINUSE;
	if (e == -ECONNREFUSED && unlink(path) < 0)
		return -errno;
	return e == -ECONNREFUSED || e == -ENOENT ? 0 : e;
}

int control_listen(const char *path, gid_t gid, int *fd)
{
	CLEANUP_CLOSE int s = -1;
	struct sockaddr_un sa;
	mode_t mask;
	int e = address(path, &sa), r;

	if (e == 0)
		e = clear_stale(path);
	if (e < 0)
		return e;
	s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -errno;
	mask = umask(0177);
	r = bind(s, (struct sockaddr *)&sa, sizeof(sa));
	e = -errno;
	umask(mask);
	if (r < 0)
		return e;
	if (gid != (gid_t)-1 &&
	    (chown(path, (uid_t)-1, gid) < 0 || chmod(path, 0660) < 0))
		return -errno;
	if (listen(s, 16) < 0)
		return -errno;
	*fd = TAKE_FD(s);
	return 0;
}

int control_send(int fd, struct span packet, int pass)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = { 0 };
	struct iovec iov = { (void *)(uintptr_t)packet.p, packet.len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (packet.len > CONTROL_PACKET_MAX)
		return -EMSGSIZE;
	if (pass >= 0) {
		struct cmsghdr *h;

		m.msg_control = c.room;
		m.msg_controllen = sizeof(c.room);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &pass, sizeof(int));
	}
	while (sendmsg(fd, &m, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int control_recv(int fd, struct buf *in, int *passed)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = { 0 };
	struct iovec iov;
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = c.room,
			    .msg_controllen = sizeof(c.room) };
	struct cmsghdr *h;
	ssize_t n;
	int e;

	*passed = -1;
	in->len = 0;
	e = buf_reserve(in, CONTROL_PACKET_MAX);
	if (e < 0)
		return e;
	iov = (struct iovec){ in->p, CONTROL_PACKET_MAX };
	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	h = CMSG_FIRSTHDR(&m);
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
	    h->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(passed, CMSG_DATA(h), sizeof(int));
	if (n == 0 || m.msg_flags & MSG_TRUNC) {
		if (*passed >= 0)
			close(TAKE_FD(*passed));
		return n == 0 ? -ECONNRESET : -EMSGSIZE;
	}
	in->len = (size_t)n;
	return 0;
}

int control_call(int fd, struct span request, struct json **reply, int *passed)
{
	CLEANUP_BUF struct buf in = BUF_INIT(CONTROL_PACKET_MAX);
	const char *why;
	int e = control_send(fd, request, -1);

	*passed = -1;
	if (e == 0)
		e = control_recv(fd, &in, passed);
	if (e == 0)
		e = json_parse(SPAN_OF(&in), CONTROL_PACKET_MAX, reply);
	if (e < 0)
		return e;
	why = json_to_str(json_get(*reply, "error"));
	if (!why)
		return 0;
	log_error("tidemarkd: %s", why);
	json_free(TAKE_PTR(*reply));
	if (*passed >= 0)
		close(TAKE_FD(*passed));
	return -EPROTO;
}
