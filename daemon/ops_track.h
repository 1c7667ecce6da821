/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_track.h - what the control socket answers about change tracking.
 *
 * Errors:  negative errno, logged.
 * Threads: those of the server.
 */
#ifndef DAEMON_OPS_TRACK_H
#define DAEMON_OPS_TRACK_H

#include "daemon/epochs.h"
#include "daemon/ops_marks.h"

struct ops_track {
	struct epochs *epochs;
	struct tracker *tracker;
	struct marks_list list;
};

/* ops must live as long as the server. */
struct server_table ops_track_table(struct ops_track *ops);
/* Track what the list names; what cannot be tracked is logged. */
void ops_track_listed(const struct ops_track *ops);
/* Track the file systems that these paths lie on, without a note in the list,
 * and those that are neither theirs nor in the list no longer: the
 * configuration named them before. What cannot be tracked is logged. */
void ops_track_configured(struct ops_track *ops, char *const *paths, size_t n);

#endif /* DAEMON_OPS_TRACK_H */
