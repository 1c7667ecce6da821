/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_job.h - a backup by hand takes its turn in tidemarkd's queue.
 *
 * One backup runs at a time. If there is no daemon, or it does not answer,
 * nothing changes; nor for other users than root, nor in a job that the daemon
 * itself runs (TIDEMARK_JOB), which has its turn already.
 *
 * Errors:  -EBUSY: --no-wait, and another backup runs; -EINTR: interrupted;
 *          -ECANCELED: the job was cancelled. Logged.
 * Threads: one.
 */
#ifndef TOOLS_BACKUP_JOB_H
#define TOOLS_BACKUP_JOB_H

#include "repo/head.h"
#include "tools/backup_track.h"
#include "tools/cli.h"

struct backup_job {
	int fd; /* the connection is the place in the queue; -1: none */
	/* of the summary, for the history */
	struct snapshot_stats stats;
	uint64_t stored;
	char snapshot[HEX_LEN(OBJECT_ID_LEN)];
	char change_source[32], scan_reason[256];
	uint64_t meanwhile; /* files */
	bool has_meanwhile;
};

#define BACKUP_JOB_INIT ((struct backup_job){ .fd = -1 })

/* Wait for the turn. */
MUST_CHECK int backup_job_begin(struct backup_job *j, const struct cli *cli);
/* What was backed up; id NULL: no snapshot. why and meanwhile may be NULL. */
void backup_job_report(struct backup_job *j, const struct snapshot_stats *stats,
		       uint64_t stored, const char *id, const char *source,
		       const char *why,
		       const struct track_meanwhile *meanwhile);
/* The backup has ended with this exit code. */
void backup_job_end(struct backup_job *j, int code);

#endif /* TOOLS_BACKUP_JOB_H */
