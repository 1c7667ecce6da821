/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_devices.h - what the control socket answers about block devices.
 *
 * Errors:  negative errno, logged.
 * Threads: those of the server.
 */
#ifndef DAEMON_OPS_DEVICES_H
#define DAEMON_OPS_DEVICES_H

#include "daemon/devices.h"
#include "daemon/ops_marks.h"

struct ops_devices {
	struct devices *devices;
	struct marks_list list;
};

/* ops must live as long as the server. */
struct server_table ops_devices_table(struct ops_devices *ops);
/* Track what the list names; what cannot be tracked is logged. */
void ops_devices_listed(struct ops_devices *ops);

#endif /* DAEMON_OPS_DEVICES_H */
