/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - requests on the control socket.
 */
#include "daemon/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/io.h"
#include "base/log.h"
#include "control/control.h"

#define CONNECTIONS_MAX 32

struct server {
	struct server_table tables[SERVER_TABLES_MAX];
	size_t n_tables;
	const char *path;
	int listener, stop;
	pthread_t thread;
	bool runs;
	unsigned int connections; /* atomic */
};

int request_refuse(struct request *q, const char *text)
{
	json_str(q->out, "error", text);
	return 0;
}

int request_refuse_errno(struct request *q, const char *what, int err)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", what, log_strerror(err));
	return request_refuse(q, text);
}

int request_pass(struct request *q, struct span bytes)
{
	CLEANUP_CLOSE int m =
		memfd_create("reply", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int e = m < 0 ? -errno : io_write_all(m, bytes);

	if (e == 0 && fcntl(m, F_ADD_SEALS,
			    F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		e = -errno;
	if (e == 0)
		q->pass = TAKE_FD(m);
	return e;
}

/* --- connections --- */

struct connection {
	struct server *s;
	int fd;
	struct ucred who;
	request_closed_fn *closed;
	void *closed_arg;
};

/* The operation of this name; *arg is its table's. */
static const struct server_op *find_op(const struct server *s, const char *name,
				       void **arg)
{
	const struct server_op *op;
	size_t i;

	for (i = 0; name && i < s->n_tables; i++)
		for (op = s->tables[i].ops; op->name; op++)
			if (!strcmp(name, op->name)) {
				*arg = s->tables[i].arg;
				return op;
			}
	return NULL;
}

static int answer(struct connection *c, struct span packet)
{
	CLEANUP_BUF struct buf b = BUF_INIT(CONTROL_PACKET_MAX);
	CLEANUP_JSON struct json *j = NULL;
	struct json_out out = JSON_OUT(&b);
	struct request q = { .out = &out,
			     .is_root = c->who.uid == 0,
			     .pid = c->who.pid,
			     .pass = -1,
			     .fd = c->fd,
			     .stop = c->s->stop,
			     .closed = c->closed,
			     .closed_arg = c->closed_arg };
	const struct server_op *op;
	int e = json_parse(packet, CONTROL_PACKET_MAX, &j);

	if (e < 0)
		return e;
	q.j = j;
	op = find_op(c->s, json_to_str(json_get(j, "op")), &q.arg);
	json_object(&out, NULL);
	e = op ? op->run(&q) : request_refuse(&q, "no such operation");
	c->closed = q.closed;
	c->closed_arg = q.closed_arg;
	json_close(&out);
	if (e == 0)
		e = json_end(&out);
	if (e == 0)
		e = control_send(c->fd, SPAN_OF(&b), q.pass);
	if (q.pass >= 0)
		close(q.pass);
	return e;
}

static void *connection_thread(void *arg)
{
	struct connection *c = arg;
	CLEANUP_BUF struct buf in = BUF_INIT(CONTROL_PACKET_MAX);
	socklen_t len = sizeof(c->who);
	int passed, e = 0;

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &c->who, &len) < 0)
		e = -errno;
	while (e == 0) {
		struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN },
				       { .fd = c->s->stop, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[1].revents)
			break;
		if (!p[0].revents)
			continue;
		e = control_recv(c->fd, &in, &passed);
		if (e == 0 && passed >= 0) /* nobody asked for one */
			close(passed);
		if (e == 0)
			e = answer(c, SPAN_OF(&in));
	}
	close(c->fd);
	if (c->closed)
		c->closed(c->closed_arg);
	__atomic_sub_fetch(&c->s->connections, 1, __ATOMIC_RELEASE);
	free(c);
	return NULL;
}

static void take(struct server *s)
{
	struct connection *c;
	pthread_t thread;
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c || __atomic_add_fetch(&s->connections, 1, __ATOMIC_RELAXED) >
			  CONNECTIONS_MAX)
		goto busy;
	c->s = s;
	c->fd = fd;
	c->who.uid = (uid_t)-1;
	if (pthread_create(&thread, NULL, connection_thread, c) == 0) {
		pthread_detach(thread);
		return;
	}
busy:
	if (c)
		__atomic_sub_fetch(&s->connections, 1, __ATOMIC_RELAXED);
	free(c);
	close(fd);
}

static void *server_thread(void *arg)
{
	struct server *s = arg;

	for (;;) {
		struct pollfd p[2] = { { .fd = s->listener, .events = POLLIN },
				       { .fd = s->stop, .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		if (p[0].revents)
			take(s);
	}
}

int server_start(const struct server_options *opt, struct server **out)
{
	struct server *s = calloc(1, sizeof(*s));
	struct group *g = getgrnam("tidemark");
	int e;

	if (!s)
		return -ENOMEM;
	assert(opt->n_tables <= SERVER_TABLES_MAX);
	memcpy(s->tables, opt->tables, opt->n_tables * sizeof(*opt->tables));
	s->n_tables = opt->n_tables;
	s->path = opt->path;
	s->listener = -1;
	s->stop = eventfd(0, EFD_CLOEXEC);
	e = s->stop < 0 ? -errno
			: control_listen(opt->path, g ? g->gr_gid : (gid_t)-1,
					 &s->listener);
	if (e < 0)
		log_fail(e, "listen on %s", opt->path);
	else
		e = -pthread_create(&s->thread, NULL, server_thread, s);
	s->runs = e == 0;
	if (e < 0) {
		server_stop(s);
		return e;
	}
	*out = s;
	return 0;
}

void server_stop(struct server *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	if (s->runs) {
		if (write(s->stop, &one, sizeof(one)) == sizeof(one))
			pthread_join(s->thread, NULL);
		/* each ends with the request that it is at */
		while (__atomic_load_n(&s->connections, __ATOMIC_ACQUIRE) > 0)
			usleep(1000);
	}
	if (s->listener >= 0) {
		close(s->listener);
		unlink(s->path);
	}
	if (s->stop >= 0)
		close(s->stop);
	free(s);
}
