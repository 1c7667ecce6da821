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

void ops_track_path(const struct ops_track *ops, const char *path)
{
	CLEANUP_FREE char *point = NULL;
	const char *why = NULL;
	int e = change(ops->epochs, path, true, &point, &why);

	if (e < 0)
		log_warn("%s is not tracked: %s", path,
			 why ? why : log_strerror(e));
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
