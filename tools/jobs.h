/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobs.h - what the verbs jobs, schedule and status share.
 *
 * Threads: any.
 */
#ifndef TOOLS_JOBS_H
#define TOOLS_JOBS_H

#include "base/buf.h"
#include "base/json.h"
#include "tools/cli.h"

/* All of the file that came with a reply. Logs. */
MUST_CHECK int jobs_read_fd(int fd, struct buf *out);
/* In local time; "-" for 0. Returns out. */
char *jobs_time(char out[static 24], uint64_t seconds);
/* As docs/json.md has times; nothing for 0. */
void jobs_json_time(struct json_out *j, const char *key, uint64_t seconds);

/* A line for each schedule, for `tidemark status`: what is next, and what
 * came of the last run. Nothing if the daemon has none. Logs. */
MUST_CHECK int schedule_put_status(const struct cli *cli);

#endif /* TOOLS_JOBS_H */
