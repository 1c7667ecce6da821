/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - one run of a schedule: before, backup, forget, audit, after.
 *
 * Each step is a command of its own. `before` failing, the backup is not
 * made; `after` is run whatever happened, and learns the result from
 * TIDEMARK_JOB_RESULT. Hooks are given to /bin/sh; the backup is not. The
 * passphrase is never seen here: its file's name, or the command that prints
 * it, goes to the child in its environment.
 *
 * Threads: blocks its own, which must stay until the daemon ends (child.h).
 */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include "daemon/record.h"
#include "settings/settings.h"

struct run {
	const struct settings_schedule *schedule;
	const char *program; /* tidemark */
	const char *socket;
	int cancel; /* readable: end it */
};

/* Fills in the result; rec has the rest already. */
void run_schedule(const struct run *r, struct record *rec);
/* Where `tidemark` is: beside this program, or in ../bin. *out is
 * the caller's; -ENOENT. */
MUST_CHECK int run_find_program(char **out);

#endif /* DAEMON_RUN_H */
