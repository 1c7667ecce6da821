/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - one request on the control socket, and who answers it.
 *
 * An operation is a row in a table of some file; the server is given the
 * tables. It gets the request's object and adds members to the reply, which
 * is an open object. Replies are packets of at most CONTROL_PACKET_MAX: what
 * is longer goes into a file in memory, in pass.
 *
 * Errors:  an operation returns 0 when it has answered, also if it refused;
 *          a negative errno ends the connection.
 * Threads: each connection has its own; an operation that waits watches fd
 *          and stop, and gives up when either has something.
 */
#ifndef DAEMON_REQUEST_H
#define DAEMON_REQUEST_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"

/* Called once, by the connection's thread, when the connection has ended. */
typedef void request_closed_fn(void *arg);

struct request {
	const struct json *j;
	struct json_out *out;
	void *arg; /* of the table */
	bool is_root;
	pid_t pid; /* who asks */
	int pass;  /* goes with the reply; closed by the server */
	int fd, stop;
	/* what a connection that ends has to let go; may be set by an
	 * operation, and is kept until the end */
	request_closed_fn *closed;
	void *closed_arg;
};

struct server_op {
	const char *name; /* NULL ends the table */
	int (*run)(struct request *q);
};

struct server_table {
	const struct server_op *ops;
	void *arg; /* request.arg */
};

/* The reply says why not. Both return 0. */
int request_refuse(struct request *q, const char *text);
int request_refuse_errno(struct request *q, const char *what, int err);
/* Bytes that go with the reply, in a sealed file in memory. */
MUST_CHECK int request_pass(struct request *q, struct span bytes);

#endif /* DAEMON_REQUEST_H */
