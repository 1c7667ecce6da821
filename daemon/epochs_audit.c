/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epochs_audit.c - what an audit asks, and what it tells.
 */
#include <errno.h>
#include <unistd.h>

#include "daemon/epochs_private.h"

#define WHY_MISSED "an audit found a change that was not recorded"

/* lock: held */
static int since_token(struct epochs *e, struct fs *fs,
		       const struct epochs_token *since,
		       struct epochs_answer *out)
{
	CLEANUP_CLOSE int fd = mount_open(&fs->mount);
	int r = 0;

	out->why = fd < 0 ? WHY_UNMOUNTED : fs_mistrust(e, fs, since);
	if (!out->why)
		r = fs_collect(fs, since->epoch, &out->dirty);
	if (!out->why && r == 0)
		r = tracker_peek(e->tracker, fs->slot, &out->dirty);
	if (!out->why && r == 0 && out->dirty.lost)
		out->why = fs_why_lost(e, fs);
	out->trusted = !out->why;
	return r;
}

int epochs_since(struct epochs *e, dev_t dev, const struct epochs_token *since,
		 struct epochs_answer *out)
{
	struct fs *fs;
	int r;

	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&e->lock);
	(void)presence_look(e);
	fs = fs_find(e, dev);
	r = fs ? since_token(e, fs, since, out) : -ENODEV;
	pthread_mutex_unlock(&e->lock);
	dirty_sort(&out->dirty);
	if (r < 0)
		dirty_release(&out->dirty);
	return r;
}

int epochs_distrust(struct epochs *e, dev_t dev)
{
	struct fs *fs;
	int r;

	pthread_mutex_lock(&e->lock);
	fs = fs_find(e, dev);
	r = fs ? fs_reset(e, fs, WHY_MISSED) : -ENODEV;
	pthread_mutex_unlock(&e->lock);
	return r;
}
