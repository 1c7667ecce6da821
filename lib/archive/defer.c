/* SPDX-License-Identifier: Apache-2.0 */
/*
 * defer.c - reading first, trees later; and what passes leave each other.
 *
 * While a file system is frozen, only what must be read is done. A directory
 * whose last content was read is put aside and not finished, so its parent
 * waits for it, too. When no job is left everything has been read: the caller
 * is told, and the directories are finished, from the leaves up as always.
 */
#include "archive/archiver_private.h"
#include "archive/kept.h"

bool defer_dir(struct dir_job *dir)
{
	struct archiver *a = dir->a;
	bool later;

	if (!a->opt.all_read)
		return false;
	pthread_mutex_lock(&a->lock);
	later = !a->all_is_read;
	if (later) {
		dir->job.next = a->deferred;
		a->deferred = &dir->job;
	}
	pthread_mutex_unlock(&a->lock);
	return later;
}

void defer_end(struct archiver *a)
{
	struct pool_job *job = a->deferred;

	if (!a->opt.all_read)
		return;
	a->all_is_read = true;
	a->opt.all_read(a->opt.arg);
	while (job) {
		struct dir_job *dir = (struct dir_job *)job;

		job = job->next;
		/* what it waited for is done already */
		dir->pending = 1;
		dir_job_done(&a->walkers[0], dir);
	}
}

int walker_put(void *arg, enum chunk_kind kind, struct span bytes,
	       uint8_t id[CHUNK_ID_LEN])
{
	struct walker *w = arg;
	int e = lane_add(w->lane, kind, bytes, id);

	if (e == 0 && kind == CHUNK_MAP && w->a->opt.maps)
		kept_add(w->a->opt.maps, id, bytes);
	return e;
}

struct span kept_map(const struct archiver *a, const uint8_t id[CHUNK_ID_LEN])
{
	return a->opt.maps ? kept_get(a->opt.maps, id) : SPAN(NULL, 0);
}

int archiver_flush(struct archiver *a)
{
	unsigned int i;
	int e = 0;

	for (i = 0; e == 0 && i < a->n_walkers; i++)
		if (a->walkers[i].lane)
			e = lane_flush(a->walkers[i].lane);
	return e;
}
