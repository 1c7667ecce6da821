/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resume.h - how far a large file was stored when a run died.
 *
 * While a segment of a large file is cut, the catalog is told from time to
 * time which extents are done. The next run takes those whose chunk is in the
 * repository, or in a dead session's packs, reads the others as they were
 * cut, and goes on behind them. Chunks are cut anew after each boundary, so
 * they come out the same.
 *
 * A record is good for the file as it was: size and times are part of it.
 *
 * Threads: any; a segment belongs to one.
 */
#ifndef ARCHIVE_RESUME_H
#define ARCHIVE_RESUME_H

#include "archive/archiver_private.h"

struct piece { /* an extent of a segment */
	uint64_t len;
	bool hole;
	bool part;     /* of the chunk, from offset; never in a resume record */
	bool gathered; /* its chunk is not complete yet (patch.c) */
	uint32_t offset;
	uint8_t id[CHUNK_ID_LEN];
};

/* The segment [from, to) of a file, as it is now. */
struct resume {
	struct catalog_key key;
	uint8_t state[SHA256_LEN];
	uint64_t unsaved; /* bytes of content */
};

void resume_init(struct resume *r, const struct node *n, uint64_t from,
		 uint64_t to);
/* Call add for each extent that was noted, in order; without stored it must
 * be read again, as it was cut. 0, or what add returned if that is not 0. */
typedef int resume_fn(void *arg, const struct piece *p, bool stored);
MUST_CHECK int resume_load(struct archiver *a, const struct resume *r,
			   resume_fn *add, void *arg);
/* len more bytes are done; pieces are all extents of the segment so far, or
 * for good if it is the end. What cannot be noted is read again, if it comes to that. */
void resume_note(struct archiver *a, struct resume *r, uint64_t len,
		 const struct piece *pieces, size_t n, bool end);

#endif /* ARCHIVE_RESUME_H */
