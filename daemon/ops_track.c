/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_track.c - the operations of change tracking.
 */
#include "daemon/ops_track.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "daemon/listfile.h"
#include "daemon/mounts.h"

/* --- the list of tracked paths --- */

static void track_listed(void *arg, const char *path)
{
	const struct ops_track *ops = arg;

	if (epochs_want(ops->epochs, path) < 0)
		log_warn("%s is not tracked", path);
}

void ops_track_listed(const struct ops_track *ops)
{
	listfile_each(ops->list.file, track_listed, (void *)(uintptr_t)ops);
}

/* --- the configuration --- */

struct configured {
	const struct ops_track *ops;
	char *const *paths;
	dev_t *devs; /* on which they lie; 0: not known */
	bool *away;  /* what they lie on is not mounted */
	size_t n;
	/* what is not wanted any more */
	char **gone;
	size_t n_gone;
};

static bool is_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return !strcmp(top, "/") ||
	       (!strncmp(path, top, len) && (!path[len] || path[len] == '/'));
}

/* In doubt, it is. Where something is not mounted, its path lies on another
 * file system, and leads to it nevertheless. */
static bool is_wanted(const struct configured *c, const struct epochs_status *s)
{
	bool listed = true;
	size_t i;

	if (listfile_has(c->ops->list.file, s->path, &listed) < 0 || listed)
		return true;
	for (i = 0; i < c->n; i++) {
		if (s->mounted && s->dev == c->devs[i])
			return true;
		if ((!s->mounted || !c->devs[i]) &&
		    is_below(c->paths[i], s->path))
			return true;
	}
	return false;
}

/* That is not mounted: what its paths lie on meanwhile was not asked for. */
static int note_away(void *arg, const struct epochs_status *s)
{
	struct configured *c = arg;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (!s->mounted && is_below(c->paths[i], s->path))
			c->away[i] = true;
	return 0;
}

static int note_gone(void *arg, const struct epochs_status *s)
{
	struct configured *c = arg;
	void *p;

	if (is_wanted(c, s))
		return 0;
	p = realloc(c->gone, (c->n_gone + 1) * sizeof(*c->gone));
	if (!p)
		return -ENOMEM;
	c->gone = p;
	c->gone[c->n_gone] = strdup(s->path);
	return c->gone[c->n_gone++] ? 0 : -ENOMEM;
}

static void leave(const struct ops_track *ops, const char *path)
{
	CLEANUP_FREE char *point = NULL;

	log_info("%s is not in the configuration any more", path);
	if (epochs_remove(ops->epochs, path, &point) < 0)
		log_warn("%s is still tracked", path);
}

/* The device it lies on, or 0. */
static dev_t add_configured(const struct ops_track *ops, const char *path)
{
	const char *why = NULL;
	struct mount m;
	dev_t dev = 0;
	int e = mount_of(path, &m);

	if (e == 0) {
		dev = m.dev;
		e = epochs_add(ops->epochs, m.path, &why);
		mount_release(&m);
	}
	if (e < 0)
		log_warn("%s is not tracked: %s", path,
			 why ? why : log_strerror(e));
	return dev;
}

static void use(struct ops_track *ops, struct configured *c)
{
	size_t i;

	/* what is added by hand meanwhile is not in the list yet */
	pthread_mutex_lock(&ops->list.lock);
	if (epochs_each(ops->epochs, note_away, c) < 0)
		log_warn("it is not known which file systems are tracked");
	for (i = 0; i < c->n; i++)
		if (!c->away[i])
			c->devs[i] = add_configured(ops, c->paths[i]);
	if (epochs_each(ops->epochs, note_gone, c) == 0)
		for (i = 0; i < c->n_gone; i++)
			leave(ops, c->gone[i]);
	pthread_mutex_unlock(&ops->list.lock);
}

void ops_track_configured(struct ops_track *ops, char *const *paths, size_t n)
{
	struct configured c = { .ops = ops, .paths = paths, .n = n };
	size_t i;

	c.devs = calloc(n + 1, sizeof(*c.devs));
	c.away = calloc(n + 1, sizeof(*c.away));
	if (c.devs && c.away)
		use(ops, &c);
	for (i = 0; i < c.n_gone; i++)
		free(c.gone[i]);
	free(c.gone);
	free(c.devs);
	free(c.away);
}

/* --- operations --- */

static struct ops_track *ops_of(const struct request *q)
{
	return q->arg;
}

/* The mount that path lies on; *point is its path. */
static int change(void *arg, const char *path, bool add, char **point,
		  const char **why)
{
	struct mount m;
	int e;

	if (!add)
		return epochs_remove(arg, path, point);
	e = mount_of(path, &m);
	if (e < 0)
		return e;
	e = epochs_add(arg, m.path, why);
	*point = TAKE_PTR(m.path);
	mount_release(&m);
	return e;
}

static int op_track_add(struct request *q)
{
	struct ops_track *ops = ops_of(q);

	return marks_change(q, true, &ops->list, change, ops->epochs);
}

static int op_track_remove(struct request *q)
{
	struct ops_track *ops = ops_of(q);

	return marks_change(q, false, &ops->list, change, ops->epochs);
}

static int tell_fs(void *arg, const struct epochs_status *s)
{
	struct json_out *out = arg;

	json_object(out, NULL);
	json_name(out, "path", SPAN(s->path, strlen(s->path)));
	json_str(out, "type", s->type);
	json_u64(out, "major", major(s->dev));
	json_u64(out, "minor", minor(s->dev));
	json_u64(out, "epoch", s->epoch);
	json_u64(out, "kept_inodes", s->kept_inodes);
	json_u64(out, "backups", s->consumers);
	json_bool(out, "trusted", s->trusted);
	json_str(out, "why", s->why);
	json_u64(out, "resets", s->resets);
	json_str(out, "last_reset", s->last_why);
	json_bool(out, "lost", s->slot.lost || s->slot.replaced);
	json_u64(out, "marks", s->slot.events);
	json_u64(out, "inode_entries", s->slot.inodes);
	json_u64(out, "range_entries", s->slot.ranges);
	json_u64(out, "whole_file_falls", s->slot.whole);
	json_close(out);
	return 0;
}

static int op_status(struct request *q)
{
	struct tracker *t = ops_of(q)->tracker;
	uint32_t used = 0, max = 0;
	int e = tracker_fill(t, &used, &max);

	if (e < 0)
		return request_refuse_errno(q, "read the tracker's maps", e);
	json_str(q->out, "hook_set", tracker_hook_set(t));
	json_str(q->out, "hook_set_why", tracker_hook_set_why(t));
	json_hex(q->out, "instance", tracker_instance(t), TRACKER_INSTANCE_LEN);
	json_u64(q->out, "map_entries", used);
	json_u64(q->out, "map_entries_max", max);
	json_array(q->out, "file_systems");
	e = epochs_each(ops_of(q)->epochs, tell_fs, q->out);
	json_close(q->out);
	return e;
}

static int begin(void *arg, dev_t dev, const struct epochs_token *since,
		 const char *consumer, struct epochs_answer *out)
{
	return epochs_begin(arg, dev, since, consumer, out);
}

static int op_begin(struct request *q)
{
	return marks_begin(q, "fs", begin, ops_of(q)->epochs);
}

static int op_changes(struct request *q)
{
	const char *path = json_to_str(json_get(q->j, "path"));
	struct dirty d = { 0 };
	struct stat st;
	int e;

	if (!path || stat(path, &st) < 0)
		return request_refuse(q, "a path is needed");
	e = epochs_peek(ops_of(q)->epochs, st.st_dev, marks_kept(q), &d);
	return marks_peeked(q, e, &d);
}

static int op_since(struct request *q)
{
	struct epochs_answer a;
	struct epochs_token since;
	dev_t dev;
	int e;

	if (marks_dev(q, &dev) < 0)
		return request_refuse(q, "it needs major and minor");
	e = epochs_since(ops_of(q)->epochs, dev,
			 marks_token(q, "fs", &since) ? &since : NULL, &a);
	return marks_answer(q, e, NULL, &a);
}

static int op_distrust(struct request *q)
{
	dev_t dev;
	int e;

	if (!q->is_root)
		return request_refuse(q, "only root may end the trust in what "
					 "is recorded");
	if (marks_dev(q, &dev) < 0)
		return request_refuse(q, "it needs major and minor");
	e = epochs_distrust(ops_of(q)->epochs, dev);
	json_bool(q->out, "tracked", e == 0);
	return e == 0 || e == -ENODEV
		       ? 0
		       : request_refuse_errno(q, "begin anew", e);
}

static const struct server_op operations[] = {
	{ "status", op_status },
	{ "track-add", op_track_add },
	{ "track-remove", op_track_remove },
	{ "begin", op_begin },
	{ "changes", op_changes },
	{ "since", op_since },
	{ "distrust", op_distrust },
	{ NULL, NULL },
};

struct server_table ops_track_table(struct ops_track *ops)
{
	return (struct server_table){ operations, ops };
}
