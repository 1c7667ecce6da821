/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history.h - the runs of the past, on disk.
 *
 * A file of lines, each a record as JSON. A record is added by a line that is
 * synced; a later line with the same id replaces the earlier. A line that
 * was torn by a crash is passed over. The file is written anew, atomically,
 * when it has grown to twice what is kept.
 *
 * Errors:  negative errno, logged. What cannot be written is kept in memory,
 *          and the run goes on.
 * Threads: any; it has a lock.
 */
#ifndef DAEMON_HISTORY_H
#define DAEMON_HISTORY_H

#include <stddef.h>

#include "daemon/record.h"

struct history;

/* Keep max records of the file path. What had not ended died with whoever
 * wrote it: its record says so from now on, and that it ended now. */
MUST_CHECK int history_open(const char *path, size_t max, int64_t now,
			    struct history **out);
void history_close(struct history *h); /* NULL is allowed */
/* An id that was never given. */
uint64_t history_new_id(struct history *h);
void history_put(struct history *h, const struct record *r);
/* The last that belongs to the schedule; -ENOENT (not logged). */
MUST_CHECK int history_last(struct history *h, const char *schedule,
			    struct record *out);
/* The newest n as lines of JSON, the oldest first; id: only that one. */
MUST_CHECK int history_list(struct history *h, size_t n, uint64_t id,
			    struct buf *out);

#endif /* DAEMON_HISTORY_H */
