/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fileread.h - any range of a file of a snapshot, read quickly again and
 * again: for the mount, whose reader asks for 128 KiB at a time.
 *
 * A chunk is proved when it is taken out of its pack, which costs its whole
 * length; so proved chunks are kept in a cache that all files share. Of a
 * file's list of extents only the part around the last read is kept.
 *
 * Errors:  -EIO for a chunk that is damaged or missing; logged once for each
 *          chunk. -EUCLEAN (logged) for a content that is authentic but
 *          wrong. -ENOMEM.
 * Threads: a chunkcache and a fileread may be used from many at once, each
 *          with a repo_reader of its own.
 */
#ifndef TOOLS_FILEREAD_H
#define TOOLS_FILEREAD_H

#include <pthread.h>

#include "repo/repo.h"
#include "repo/tree.h"

struct chunkcache;
struct cached_chunk;

/* Holds about max bytes. */
MUST_CHECK int chunkcache_new(size_t max, struct chunkcache **out);
/* NULL is allowed. */
void chunkcache_free(struct chunkcache *c);

struct file_extent {
	uint64_t at, len; /* in the file */
	enum extent_kind kind;
	uint32_t offset; /* in the chunk */
	uint8_t id[CHUNK_ID_LEN];
};

struct fileread {
	unsigned int users; /* atomic */
	uint64_t size;
	struct buf content; /* encoded */
	pthread_mutex_t lock;
	/* guarded by lock: the extents of [from, to) */
	uint64_t from, to;
	struct file_extent *run;
	size_t n, cap;
	uint64_t last_end; /* of the last read */
};

/* n is copied. */
MUST_CHECK int fileread_open(const struct node *n, struct fileread **out);
/* One more fileread_free() is needed then. */
void fileread_hold(struct fileread *f);
/* NULL is allowed. */
void fileread_free(struct fileread *f);

/* What a read gives: bytes of a cached chunk, or zeros of a hole. */
struct fileread_piece {
	const uint8_t *p; /* NULL: zeros */
	size_t len;
	struct cached_chunk *chunk; /* held until fileread_put() */
};

/* The bytes from off on that lie together, at most len; len 0 is the end of
 * the file. */
MUST_CHECK int fileread_get(struct fileread *f, struct chunkcache *c,
			    struct repo_reader *rr, uint64_t off, size_t len,
			    struct fileread_piece *out);
void fileread_put(struct chunkcache *c, struct fileread_piece *piece);
/* After a read that ended at end: if the file is read in order, have the
 * next chunk ready. */
void fileread_ahead(struct fileread *f, struct chunkcache *c,
		    struct repo_reader *rr, uint64_t end);
/* The next data, or hole, at or after off; -ENXIO: none. */
MUST_CHECK int64_t fileread_seek(struct fileread *f, struct repo_reader *rr,
				 uint64_t off, bool data);

#endif /* TOOLS_FILEREAD_H */
