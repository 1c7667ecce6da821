/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h - small files of one directory, read together.
 *
 * Reading a file that is not in memory takes milliseconds, and one thread
 * that waits for each in turn leaves the disk idle. A batch opens up to
 * BATCH_FILES files and hands all their reads to the kernel at once
 * (io_uring), so the device sees them together; where io_uring is not to be
 * had, the reads follow each other.
 *
 * Threads: one per batch.
 */
#ifndef ARCHIVE_BATCH_H
#define ARCHIVE_BATCH_H

#include "archive/archiver_private.h"

#define BATCH_FILES 64
#define BATCH_BYTES (2u << 20)
#define BATCH_FILE_MAX (128u << 10)

/* The walker's batch, made when it is first needed; NULL without memory. */
struct batch *batch_of(struct walker *w);
void batch_free(struct batch *b);

/* Take fd, which is read, captured and closed at the latest by
 * batch_flush(). st is what the path's stat said; n its node. */
void batch_add(struct walker *w, struct dir_job *dir, struct entry *entry,
	       const struct node *n, const struct statx *st, bool had_old,
	       int fd);
/* Finish everything that was added: before dir's job ends. */
void batch_flush(struct walker *w, struct dir_job *dir);

#endif /* ARCHIVE_BATCH_H */
