/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listfile.h - a file of paths, one in each line: what is tracked after a
 * restart.
 *
 * Errors:  negative errno, logged; -EINVAL: a path with a newline.
 * Threads: one at a time for one file.
 */
#ifndef DAEMON_LISTFILE_H
#define DAEMON_LISTFILE_H

#include <stdbool.h>

#include "base/macros.h"

/* Rewrite it without path, and with it at its end if add. */
MUST_CHECK int listfile_change(const char *file, const char *path, bool add);
/* No file is an empty one. */
MUST_CHECK int listfile_has(const char *file, const char *path, bool *out);
/* What cannot be read is logged; no file is an empty one. */
void listfile_each(const char *file, void (*fn)(void *arg, const char *path),
		   void *arg);

#endif /* DAEMON_LISTFILE_H */
