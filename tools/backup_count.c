/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_count.c - a count of the sources, beside the backup.
 */
#include "tools/backup_count.h"

#include <fts.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct count {
	char *const *paths;
	const struct filter *filter;
	int options;
	pthread_t thread;
	bool stop; /* atomic */
	bool done; /* atomic; then the totals are final */
	uint64_t files, bytes;
};

static void count_entry(struct count *c, FTS *fts, FTSENT *ent)
{
	if (ent->fts_level > 0 && filter_has_patterns(c->filter) &&
	    filter_match_path(c->filter, ent->fts_path, ent->fts_pathlen)) {
		fts_set(fts, ent, FTS_SKIP);
		return;
	}
	if (ent->fts_info != FTS_F || !S_ISREG(ent->fts_statp->st_mode) ||
	    filter_is_too_large(c->filter, (uint64_t)ent->fts_statp->st_size))
		return;
	c->files++;
	c->bytes += (uint64_t)ent->fts_statp->st_size;
}

static void *count_thread(void *arg)
{
	struct count *c = arg;
	FTS *fts = fts_open(c->paths, c->options, NULL);
	FTSENT *ent = NULL;

	while (fts && !__atomic_load_n(&c->stop, __ATOMIC_RELAXED) &&
	       (ent = fts_read(fts)))
		if (ent->fts_info != FTS_DP)
			count_entry(c, fts, ent);
	if (fts && !ent)
		__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	if (fts)
		fts_close(fts);
	return NULL;
}

struct count *count_start(char *const *paths, const struct filter *filter,
			  bool one_file_system)
{
	struct count *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->paths = paths;
	c->filter = filter;
	c->options = FTS_PHYSICAL | FTS_NOCHDIR |
		     (one_file_system ? FTS_XDEV : 0);
	if (pthread_create(&c->thread, NULL, count_thread, c) != 0) {
		free(c);
		return NULL;
	}
	return c;
}

bool count_get(const struct count *c, uint64_t *files, uint64_t *bytes)
{
	if (!c || !__atomic_load_n(&c->done, __ATOMIC_ACQUIRE))
		return false;
	*files = c->files;
	*bytes = c->bytes;
	return true;
}

void count_stop(struct count *c)
{
	if (!c)
		return;
	__atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
	pthread_join(c->thread, NULL);
	free(c);
}
