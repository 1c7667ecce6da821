/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapref.h - which snapshot a person means.
 *
 *   latest        the newest; latest~1 the one before it, and so on
 *   4fe1a07c      the one whose id begins so (4 digits at least)
 *   2026-01-31    the last one that is not after this day, minute
 *   2026-01-31 15:04[:05]   or second, its end included (local time); also
 *                 RFC 3339 with a zone, which is exact
 *
 * A filter narrows `latest` and times; an id means what it says.
 *
 * Errors:  logged, one line. -ENOENT none, -ENOTUNIQ several begin so,
 *          -EINVAL not a reference; else what the repository said.
 * Memory:  a snapshot is the caller's, snapshot_release() it.
 */
#ifndef REPO_SNAPREF_H
#define REPO_SNAPREF_H

#include <stddef.h>

#include "repo/repo.h"

#define SNAPREF_ID_MIN 4

/* All that is given must hold; an empty list holds. */
struct snapref_filter {
	const char *const *hosts; /* any of them */
	size_t n_hosts;
	const char *const *tags; /* any of "a,b": all of its tags */
	size_t n_tags;
	const char *const *paths; /* every one is a path of the snapshot */
	size_t n_paths;
};

/* f may be NULL. */
bool snapref_matches(const struct snapref_filter *f, const struct snapshot *s);

/* f may be NULL. */
MUST_CHECK int snapref_resolve(struct repo *r, const char *text,
			       const struct snapref_filter *f,
			       struct snapshot *out);

/* All that f (may be NULL) lets through, oldest first; of one time in the
 * order in which they were stored. snapref_list_free() them. */
MUST_CHECK int snapref_list(struct repo *r, const struct snapref_filter *f,
			    struct snapshot **out, size_t *n);
void snapref_list_free(struct snapshot *list, size_t n);

/* SNAPSHOT[:PATH]: cut text in two at the colon before the path, which
 * begins with a slash (times have colons too). path is "" without one. The
 * caller frees *name; *path points into text. */
MUST_CHECK int snapref_split(const char *text, char **name, const char **path);

#endif /* REPO_SNAPREF_H */
