/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dirtag.h - files that mark a directory as not worth a backup: CACHEDIR.TAG
 * and whatever --exclude-if-present names.
 *
 * Used by filter.c, which others include instead.
 *
 * Errors:  -EINVAL is logged; -ENOMEM.
 * Threads: any, once nothing is added any more.
 */
#ifndef ARCHIVE_DIRTAG_H
#define ARCHIVE_DIRTAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define DIRTAGS_MAX 32

struct dirtag {
	char *name;
	size_t name_len;
	char *header; /* NULL: any entry of that name will do */
	size_t header_len;
};

struct dirtags {
	struct dirtag tags[DIRTAGS_MAX];
	size_t count;
};

/* Add "NAME" or "NAME:HEADER" to a zeroed or used struct. */
MUST_CHECK int dirtags_add(struct dirtags *ts, const char *spec);
void dirtags_release(struct dirtags *ts);

/* Which tags the open directory has: bit i for tag i. One that cannot be
 * read is a warning, which names path, and counts as absent. */
uint32_t dirtags_read(const struct dirtags *ts, int dirfd, const char *path,
		      size_t len);
/* Is name one of the tags found? */
bool dirtags_is_one(const struct dirtags *ts, uint32_t found, const char *name,
		    size_t len);

#endif /* ARCHIVE_DIRTAG_H */
