/* SPDX-License-Identifier: Apache-2.0 */
/*
 * large_private.h - what large.c and patch.c share.
 */
#ifndef ARCHIVE_LARGE_PRIVATE_H
#define ARCHIVE_LARGE_PRIVATE_H

#include "archive/archiver_private.h"
#include "archive/resume.h"

struct large_job;

struct segment {
	struct pool_job job;
	struct large_job *file;
	uint64_t from, to; /* file offsets */
	struct piece *pieces;
	size_t n_pieces, cap_pieces;
	bool noted; /* for a run after this one, in resume */
	struct resume resume;
};

struct large_job {
	struct pool_job job;
	struct dir_job *dir;
	struct entry *entry;
	struct node node; /* its xattrs lie in the directory's arena */
	struct statx before;
	bool had_old;
	int fd;
	int tries;
	struct segment *segments;
	size_t n_segments, cap_segments;
	unsigned int pending; /* atomic */
	int error;	      /* atomic: of the source */
	/* What the tracker says: only these parts differ from old_content.
	 * NULL: everything may. */
	struct dirty_extent *extents;
	size_t n_extents;
	struct span old_content; /* of the catalog's record */
	uint64_t old_size;
	/* Instead of reading fd (device.c). As pread(2), with -errno. */
	ssize_t (*read)(void *arg, void *p, size_t len, uint64_t off);
	void *read_arg;
	bool zeros_are_holes; /* chunks of nothing else */
};

/* A new piece at the end, zeroed; NULL without memory. */
struct piece *segment_piece(struct segment *s);
MUST_CHECK int segment_hole(struct segment *s, uint64_t len);
/* Cut the data range [off, end) into chunks. */
MUST_CHECK int segment_cut(struct walker *w, struct segment *s, uint64_t off,
			   uint64_t end);
/* Read without leaving the file in the page cache. */
ssize_t large_read(const struct large_job *f, void *p, size_t len,
		   uint64_t off);
/* The pieces of n segments become the content of node, in w->content. */
MUST_CHECK int large_content(struct walker *w, const struct segment *segments,
			     size_t n, struct node *node);
bool large_is_zero(const uint8_t *p, size_t n);

/*
 * The one segment of a file of which only f->extents differ from
 * f->old_content: the rest is referred to. -EUCLEAN: the old content cannot
 * be had, read it all.
 */
MUST_CHECK int patch_segment(struct walker *w, struct segment *s);
/* The same to the pieces of segments that are in no record yet. */
MUST_CHECK int patch_pieces(struct walker *w, struct segment *s,
			    const struct segment *old, size_t n_old);

#endif /* ARCHIVE_LARGE_PRIVATE_H */
