/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - which paths a list of patterns selects.
 *
 * One filter says what a backup leaves out, another what a restore or find
 * takes. It knows paths and names, not what becomes of them.
 *
 * Patterns are restic's. A pattern is a row of components, each as in
 * nameglob.h, between slashes; `**` as a whole component is any number of
 * components, none included. With a slash in front the pattern begins at the
 * root, without one it may begin at any component. What matches a directory
 * matches everything below it. With `!` in front the pattern takes back what
 * earlier ones selected; of all that match a path the last one decides.
 * `.`, `..`, doubled and trailing slashes are resolved in the text. Variables
 * are not expanded.
 *
 * Names:   bytes; paths are absolute ("/a/b", "/"). A path without a slash in
 *          front is read as if it had one.
 * Cost:    a filter without patterns costs one branch per entry. With
 *          patterns, those whose last byte differs from the name's are never
 *          looked at. The worst pattern costs components of the pattern times
 *          components of the path, never more.
 * Errors:  -EINVAL for a bad pattern and any error of a pattern file are
 *          logged; -ENOMEM.
 * Memory:  strings given are copied; a filter_dir borrows its path.
 * Threads: a filter that nobody adds to may be used by any number.
 */
#ifndef ARCHIVE_FILTER_H
#define ARCHIVE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define FILTER_PATTERN_MAX 65536
#define FILTER_SAID_MAX ((size_t)64 << 20) /* of all patterns together */

enum {
	FILTER_FOLD = 1, /* case does not count */
};

struct filter;

/* What a filter knows of one directory; see filter_dir_init(). */
struct filter_dir {
	const char *path; /* not NUL-terminated */
	size_t len;
	uint32_t rank; /* 1 + the pattern that decided, 0 for none */
	uint32_t tags; /* bit i: tag i is there */
	bool idle;     /* nothing in here can ever be selected or left out */
};

MUST_CHECK int filter_new(struct filter **out);
void filter_free(struct filter *f);
static inline void cleanup_filter(struct filter **f)
{
	filter_free(*f);
}
#define CLEANUP_FILTER CLEANUP(cleanup_filter)

/* --exclude, --iexclude, --include. An empty pattern is ignored. */
MUST_CHECK int filter_add(struct filter *f, const char *pattern,
			  unsigned int flags);
/* A path and all below it, taken as it is written. */
MUST_CHECK int filter_add_path(struct filter *f, const char *path);
/* A pattern per line; white space around it, blank lines and lines that
 * begin with # are dropped. "-" is standard input. */
MUST_CHECK int filter_add_file(struct filter *f, const char *file,
			       unsigned int flags);
/* --exclude-if-present NAME[:HEADER]: a directory with an entry NAME, which
 * must be a regular file that begins with HEADER if one is given, keeps
 * nothing but that entry. */
MUST_CHECK int filter_add_tag(struct filter *f, const char *spec);
/* --exclude-caches: CACHEDIR.TAG with its signature. */
MUST_CHECK int filter_add_cachedir_tag(struct filter *f);
/* --exclude-larger-than: files of more than this many bytes. */
void filter_set_max_size(struct filter *f, uint64_t bytes);

/* "100", "64k", "10M", "2GiB", "1t": powers of 1024. -EINVAL, not logged. */
MUST_CHECK int filter_parse_size(const char *text, uint64_t *out);

/* Append what was added: filters that do the same on the same trees describe
 * themselves alike. f may be NULL. */
MUST_CHECK int filter_describe(const struct filter *f, struct buf *out);

/* No pattern, no tag and no size; NULL is such a filter. */
bool filter_is_empty(const struct filter *f);
bool filter_has_patterns(const struct filter *f);
bool filter_has_tags(const struct filter *f);
bool filter_has_max_size(const struct filter *f);

/* Begin with directory path (len bytes): what the patterns say of it and of
 * all above it is worked out once. f may be NULL. */
void filter_dir_init(struct filter_dir *d, const struct filter *f,
		     const char *path, size_t len);
/* The same for the directory name in parent, at the price of one entry.
 * path (len bytes) is its whole path. */
void filter_dir_child(struct filter_dir *d, const struct filter *f,
		      const struct filter_dir *parent, const char *name,
		      size_t name_len, const char *path, size_t len);
/* Look for the tags in the open directory. A tag that cannot be read is a
 * warning and counts as absent: the files are backed up. */
void filter_dir_read_tags(struct filter_dir *d, const struct filter *f,
			  int dirfd);

/* Do the patterns select the directory itself? */
bool filter_dir_is_matched(const struct filter_dir *d, const struct filter *f);
/* May anything below the directory be selected? For a restore: descend. */
bool filter_dir_may_contain(const struct filter_dir *d, const struct filter *f);

/* Do not call; see filter_match(). */
bool filter_match_slow(const struct filter *f, const struct filter_dir *d,
		       const char *name, size_t len);

/* Is the entry name of directory d selected: by a pattern, or because the
 * directory has a tag and this is not it? */
static inline bool filter_match(const struct filter *f,
				const struct filter_dir *d, const char *name,
				size_t len)
{
	return !d->idle && filter_match_slow(f, d, name, len);
}

/* Is a regular file of this size left out? */
bool filter_is_too_large(const struct filter *f, uint64_t size);

/* The same for a whole path, for callers that ask rarely. */
bool filter_match_path(const struct filter *f, const char *path, size_t len);

#endif /* ARCHIVE_FILTER_H */
