/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the control socket: who may ask, and what is answered.
 *
 * Requests are objects with a member "op"; docs/control.md lists them. Root
 * and the socket's group may ask; what changes something, only root.
 *
 * Errors:  negative errno, logged.
 * Threads: each connection has its own; server_stop() waits for them.
 */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include "daemon/epochs.h"

struct server;

struct server_options {
	const char *path; /* of the socket */
	struct epochs *epochs;
	struct tracker *tracker;
	/* Paths that are tracked again after a restart. */
	const char *list;
};

MUST_CHECK int server_start(const struct server_options *opt,
			    struct server **out);
/* NULL is allowed. */
void server_stop(struct server *s);
/* Track what the list names; what cannot be tracked is logged. */
void server_track_listed(const struct server_options *opt);

#endif /* DAEMON_SERVER_H */
