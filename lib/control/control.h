/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - how tidemark and tidemarkd talk.
 *
 * A UNIX socket of packets (SOCK_SEQPACKET): one packet is one JSON object,
 * one request has one reply. A reply may carry a file descriptor, for what is
 * too long for a packet. The kernel says who asks (SO_PEERCRED).
 *
 * Errors:  negative errno, not logged.
 * Memory:  a descriptor that comes out is the caller's to close.
 * Threads: a socket is one thread's.
 * Source:  unix(7).
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/json.h"

#define CONTROL_SOCKET "/run/tidemark/control"
#define CONTROL_PACKET_MAX ((size_t)60 << 10)

/* Replaces a socket that nobody listens on; -EADDRINUSE if somebody does.
 * mode 0660, group gid if that is not -1. */
MUST_CHECK int control_listen(const char *path, gid_t gid, int *fd);
/* -ENOENT, -ECONNREFUSED: no daemon. -EACCES. */
MUST_CHECK int control_connect(const char *path, int *fd);
/* pass: a descriptor that goes with it, or -1. */
MUST_CHECK int control_send(int fd, struct span packet, int pass);
/* The next packet; -ECONNRESET: the other side has gone. *passed is -1 or a
 * descriptor. in must allow CONTROL_PACKET_MAX. */
MUST_CHECK int control_recv(int fd, struct buf *in, int *passed);
/* Send what j has written, wait for the reply and parse it; -EPROTO: it says
 * that the request failed (logged in its words). */
MUST_CHECK int control_call(int fd, struct span request, struct json **reply,
			    int *passed);

#endif /* CONTROL_CONTROL_H */
