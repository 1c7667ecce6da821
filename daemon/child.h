/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - run one command, and read what it says line by line.
 *
 * It has a process group of its own, an empty standard input, and gets
 * SIGTERM when the daemon dies. What it says after it has ended (by a
 * process that it left behind) is not waited for.
 *
 * Errors:  negative errno, not logged.
 * Threads: any; child_run() blocks its own. The child ends when the thread
 *          that called ends, so that must be one that stays.
 */
#ifndef DAEMON_CHILD_H
#define DAEMON_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

#define CHILD_LINE_MAX 4096

struct child {
	const char *const *argv;
	char *const *envp;
	unsigned int nice;
	const char *io_class; /* NULL: as it is */
	uint32_t limit_s;     /* 0: none */
	int cancel;	      /* a descriptor; readable: end it */
	/* A line without its newline, cut to CHILD_LINE_MAX; or NULL. */
	void (*line)(void *arg, bool is_error, const char *text);
	void *arg;
};

struct child_end {
	int code;   /* of exit(); -1 if a signal ended it */
	int signal; /* or 0 */
	bool was_cancelled, was_too_long;
};

/* -ENOENT, -EACCES...: it could not be started. */
MUST_CHECK int child_run(const struct child *c, struct child_end *end);
/* "exit status 1", "killed by signal 9", "took longer than 10 s". */
void child_end_words(const struct child_end *end, char out[static 64]);

#endif /* DAEMON_CHILD_H */
