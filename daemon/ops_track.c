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
	listfile_each(ops->list, track_listed, (void *)(uintptr_t)ops);
}

/* --- operations --- */

static struct ops_track *ops_of(const struct request *q)
{
	return q->arg;
}

/* Track the mount that path lies on, or no longer; *point is its path. */
static int change_tracking(struct epochs *epochs, const char *path, bool add,
			   char **point, const char **why)
{
	struct mount m;
	int e;

	*why = NULL;
	if (!add)
		return epochs_remove(epochs, path, point);
	e = mount_of(path, &m);
	if (e < 0)
		return e;
	e = epochs_add(epochs, m.path, why);
	*point = TAKE_PTR(m.path);
	mount_release(&m);
	return e;
}

void ops_track_path(const struct ops_track *ops, const char *path)
{
	CLEANUP_FREE char *point = NULL;
	const char *why = NULL;
	int e = change_tracking(ops->epochs, path, true, &point, &why);

	if (e < 0)
		log_warn("%s is not tracked: %s", path,
			 why ? why : log_strerror(e));
}

static int op_track(struct request *q, bool add)
{
	const char *path = json_to_str(json_get(q->j, "path")), *why = NULL;
	CLEANUP_FREE char *point = NULL;
	int e;

	if (!q->is_root)
		return request_refuse(q,
				      "only root may change what is tracked");
	if (!path || path[0] != '/')
		return request_refuse(q, "an absolute path is needed");
	e = change_tracking(ops_of(q)->epochs, path, add, &point, &why);
	if (why)
		return request_refuse(q, why);
	if (e == -ENOENT && !add)
		return request_refuse(q, "it is not tracked");
	if (e < 0)
		return request_refuse_errno(q, path, e);
	pthread_mutex_lock(&ops_of(q)->lock);
	e = listfile_change(ops_of(q)->list, point, add);
	pthread_mutex_unlock(&ops_of(q)->lock);
	if (e < 0)
		return request_refuse_errno(q, "remember it for the next start",
					    e);
	json_bool(q->out, "done", true);
	json_name(q->out, "path", SPAN(point, strlen(point)));
	return 0;
}

static int op_track_add(struct request *q)
{
	return op_track(q, true);
}

static int op_track_remove(struct request *q)
{
	return op_track(q, false);
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

static int pass_dirty(struct request *q, const struct dirty *d)
{
	CLEANUP_BUF struct buf b = BUF_INIT(DIRTY_ENCODED_MAX);
	int e = dirty_encode(d, &b);

	return e < 0 ? e : request_pass(q, SPAN_OF(&b));
}

static int read_hex(const struct json *j, const char *key, uint8_t *out,
		    size_t n)
{
	const char *hex = json_to_str(json_get(j, key));

	return hex ? hex_decode(out, n, hex, strlen(hex)) : -EINVAL;
}

static bool read_token(const struct request *q, struct epochs_token *t)
{
	return read_hex(q->j, "instance", t->instance, sizeof(t->instance)) ==
		       0 &&
	       read_hex(q->j, "fs", t->fs, sizeof(t->fs)) == 0 &&
	       json_to_u64(json_get(q->j, "epoch"), &t->epoch) == 0;
}

static bool read_dev(const struct request *q, dev_t *dev)
{
	uint64_t ma, mi;

	if (json_to_u64(json_get(q->j, "major"), &ma) < 0 ||
	    json_to_u64(json_get(q->j, "minor"), &mi) < 0)
		return false;
	*dev = makedev((unsigned int)ma, (unsigned int)mi);
	return true;
}

static int op_begin(struct request *q)
{
	const char *consumer = json_to_str(json_get(q->j, "consumer"));
	struct epochs_answer a;
	struct epochs_token since;
	dev_t dev;
	bool has;
	int e;

	if (!read_dev(q, &dev) || !consumer || strlen(consumer) > 64)
		return request_refuse(q,
				      "begin needs major, minor and consumer");
	has = read_token(q, &since);
	e = epochs_begin(ops_of(q)->epochs, dev, has ? &since : NULL, consumer,
			 &a);
	json_bool(q->out, "tracked", e == 0);
	if (e == -ENODEV)
		return 0;
	if (e < 0)
		return request_refuse_errno(q, "turn the epoch", e);
	json_bool(q->out, "trusted", a.trusted);
	json_str(q->out, "why", a.why);
	json_hex(q->out, "instance", a.token.instance,
		 sizeof(a.token.instance));
	json_hex(q->out, "fs", a.token.fs, sizeof(a.token.fs));
	json_u64(q->out, "epoch", a.token.epoch);
	if (a.trusted)
		e = pass_dirty(q, &a.dirty);
	dirty_release(&a.dirty);
	return e < 0 ? request_refuse_errno(q, "hand over the marks", e) : 0;
}

static int op_changes(struct request *q)
{
	const char *path = json_to_str(json_get(q->j, "path"));
	struct dirty d = { 0 };
	struct stat st;
	bool kept;
	int e;

	if (json_to_bool(json_get(q->j, "kept"), &kept) < 0)
		kept = false;
	if (!path || stat(path, &st) < 0)
		return request_refuse(q, "a path is needed");
	e = epochs_peek(ops_of(q)->epochs, st.st_dev, kept, &d);
	json_bool(q->out, "tracked", e == 0);
	if (e == 0)
		e = pass_dirty(q, &d);
	dirty_release(&d);
	return e == 0 || e == -ENODEV
		       ? 0
		       : request_refuse_errno(q, "read marks", e);
}

static int op_since(struct request *q)
{
	struct epochs_answer a;
	struct epochs_token since;
	dev_t dev;
	int e;

	if (!read_dev(q, &dev))
		return request_refuse(q, "since needs major and minor");
	e = epochs_since(ops_of(q)->epochs, dev,
			 read_token(q, &since) ? &since : NULL, &a);
	json_bool(q->out, "tracked", e == 0);
	if (e == -ENODEV)
		return 0;
	if (e < 0)
		return request_refuse_errno(q, "read marks", e);
	json_bool(q->out, "trusted", a.trusted);
	json_str(q->out, "why", a.why);
	if (a.trusted)
		e = pass_dirty(q, &a.dirty);
	dirty_release(&a.dirty);
	return e < 0 ? request_refuse_errno(q, "hand over the marks", e) : 0;
}

static int op_distrust(struct request *q)
{
	dev_t dev;
	int e;

	if (!q->is_root)
		return request_refuse(q, "only root may end the trust in what "
					 "is recorded");
	if (!read_dev(q, &dev))
		return request_refuse(q, "distrust needs major and minor");
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
