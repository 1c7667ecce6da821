/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_passes.h - a backup of one instant (--consistent).
 *
 * After the first pass the tracker says what changed meanwhile, and that is
 * read again, until a pass is so short that the next one can be done while
 * the file systems are frozen. That one sees a single instant. Only reading
 * is done then: trees are made, and everything is stored, after the thaw.
 *
 * If it cannot be had, the result is that of the last pass, as good as any
 * backup without the option, and says that it is not of one instant.
 *
 * What goes wrong in a pass is told only if no later pass puts it right. In
 * the frozen one nothing is written to standard output or error, which may
 * be files on what is frozen.
 *
 * Errors:  negative errno, logged. That it is not of one instant is none.
 * Memory:  freed by passes_free(); archiver and track are the caller's.
 */
#ifndef TOOLS_BACKUP_PASSES_H
#define TOOLS_BACKUP_PASSES_H

#include "archive/archiver.h"
#include "repo/head.h"
#include "tools/backup_track.h"

#define PASSES_FREEZE_MS_DEFAULT 2000

struct passes;

MUST_CHECK int passes_new(const struct archiver_options *base,
			  unsigned int freeze_max_ms, struct passes **out);
/* Tells what was not told yet. NULL is allowed. */
void passes_free(struct passes *p);
/* For the first archiver, instead of base. */
const struct archiver_options *passes_archiver(const struct passes *p);

/* Just before the first archiver_run(). needs: what the backup writes to,
 * and may not wait for. -EINVAL: it cannot be done here. */
MUST_CHECK int passes_check(struct passes *p, const struct track *t,
			    const char *const *needs, size_t n_needs);

struct passes_run { /* of the first pass; replaced by those of the last */
	struct archiver *archiver;
	struct track *track;
	uint8_t tree[CHUNK_ID_LEN];
	/* borrowed */
	struct catalog *catalog;
	const struct archive_skip *skips;
	size_t n_skips;
};

/* After the first archiver_run(). */
MUST_CHECK int passes_run(struct passes *p, struct passes_run *r);

struct passes_result {
	bool is_consistent;
	const char *why; /* if not: half a sentence; lives as long as p */
	unsigned int passes;
	uint64_t frozen_ns; /* the longest freeze; 0: there was none */
	/* of the passes before the last */
	uint64_t files_new, files_changed, bytes_read;
};

void passes_result(const struct passes *p, struct passes_result *out);

#endif /* TOOLS_BACKUP_PASSES_H */
