/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_count.h - how much there is to do, for the progress bar.
 *
 * A thread counts files and bytes of the sources beside a backup that scans,
 * and which so looks at each of them anyway. What it finds is for display: it follows the patterns and the bounds of file
 * systems, and knows nothing of tags or of what changes meanwhile.
 *
 * Threads: count_get() from any.
 */
#ifndef TOOLS_BACKUP_COUNT_H
#define TOOLS_BACKUP_COUNT_H

#include <stdint.h>

#include "archive/filter.h"

struct count;

/* Paths and filter are borrowed until count_stop(). NULL without memory. */
struct count *count_start(char *const *paths, const struct filter *filter,
			  bool one_file_system);
/* True, and the totals, once everything was counted. c may be NULL. */
bool count_get(const struct count *c, uint64_t *files, uint64_t *bytes);
/* NULL is allowed. */
void count_stop(struct count *c);

#endif /* TOOLS_BACKUP_COUNT_H */
