/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fileslist.h - lists of paths to back up, read from files.
 *
 * --files-from           a pattern per line, as in nameglob.h; white space
 *                        around it, blank lines and # lines are dropped
 * --files-from-verbatim  a path per line, as it stands; empty lines dropped
 * --files-from-raw       paths that each end in a NUL
 *
 * "-" in place of a file's name is standard input. Patterns are expanded
 * here, in the order of names; one that finds nothing is a warning, so the
 * caller must look whether the whole list is empty. There is no `**` here.
 *
 * Errors:  logged with the list's name: -EINVAL (a bad pattern, an empty
 *          name or a missing NUL in a raw list, a NUL in one by lines),
 *          -EMSGSIZE (more than FILESLIST_MAX bytes), what reading said;
 *          -ENOMEM.
 * Memory:  the list owns its paths.
 * Threads: one at a time.
 */
#ifndef ARCHIVE_FILESLIST_H
#define ARCHIVE_FILESLIST_H

#include <stddef.h>

#include "base/macros.h"

#define FILESLIST_MAX (1u << 30)

struct fileslist {
	char **paths;
	size_t count;
	size_t cap;
};

/* Each appends to a zeroed or used list. */
MUST_CHECK int fileslist_add_patterns(struct fileslist *l, const char *file);
MUST_CHECK int fileslist_add_verbatim(struct fileslist *l, const char *file);
MUST_CHECK int fileslist_add_raw(struct fileslist *l, const char *file);
MUST_CHECK int fileslist_add(struct fileslist *l, const char *path);
void fileslist_release(struct fileslist *l);
#define CLEANUP_FILESLIST CLEANUP(fileslist_release)

#endif /* ARCHIVE_FILESLIST_H */
