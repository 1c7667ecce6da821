/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the control socket: who may ask, and what is answered.
 *
 * Requests are objects with a member "op"; docs/control.md lists them, and
 * tables of operations (request.h) answer them. Root and the socket's group
 * may ask; what changes something, only root: each operation sees to that.
 *
 * Errors:  negative errno, logged.
 * Threads: each connection has its own; server_stop() waits for them.
 */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <stddef.h>

#include "daemon/request.h"

struct server;

struct server_options {
	const char *path; /* of the socket */
	const struct server_table *tables;
	size_t n_tables; /* at most SERVER_TABLES_MAX */
};

#define SERVER_TABLES_MAX 8

/* The tables are copied; what they point to is not. */
MUST_CHECK int server_start(const struct server_options *opt,
			    struct server **out);
/* NULL is allowed. */
void server_stop(struct server *s);

#endif /* DAEMON_SERVER_H */
