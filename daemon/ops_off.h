/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_off.h - what is answered about tracking when there is none.
 *
 * Threads: those of the server.
 */
#ifndef DAEMON_OPS_OFF_H
#define DAEMON_OPS_OFF_H

#include "daemon/request.h"

struct server_table ops_off_table(void);

#endif /* DAEMON_OPS_OFF_H */
