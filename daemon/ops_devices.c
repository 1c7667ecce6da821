/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_devices.c - the operations of block devices.
 */
#include "daemon/ops_devices.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "daemon/listfile.h"

static struct ops_devices *ops_of(const struct request *q)
{
	return q->arg;
}

static void add_listed(void *arg, const char *path)
{
	struct ops_devices *ops = arg;
	const char *why;
	int e = devices_add(ops->devices, path, &why);

	if (e < 0)
		log_warn("%s is not tracked: %s", path,
			 why ? why : log_strerror(e));
}

void ops_devices_listed(struct ops_devices *ops)
{
	listfile_each(ops->list, add_listed, ops);
	devices_trim(ops->devices);
}

static int change(struct request *q, bool add)
{
	const char *path = json_to_str(json_get(q->j, "path")), *why = NULL;
	struct ops_devices *ops = ops_of(q);
	CLEANUP_FREE char *was = NULL;
	int e;

	if (!q->is_root)
		return request_refuse(q,
				      "only root may change what is tracked");
	if (!path || path[0] != '/')
		return request_refuse(q, "an absolute path is needed");
	if (add)
		e = devices_add(ops->devices, path, &why);
	else
		e = devices_remove(ops->devices, path, &was);
	if (why)
		return request_refuse(q, why);
	if (e == -ENOENT && !add)
		return request_refuse(q, "it is not tracked");
	if (e < 0)
		return request_refuse_errno(q, path, e);
	pthread_mutex_lock(&ops->lock);
	e = listfile_change(ops->list, add ? path : was, add);
	pthread_mutex_unlock(&ops->lock);
	if (e < 0)
		return request_refuse_errno(q, "remember it for the next start",
					    e);
	json_bool(q->out, "done", true);
	json_name(q->out, "path",
		  add ? SPAN(path, strlen(path)) : SPAN(was, strlen(was)));
	return 0;
}

static int op_add(struct request *q)
{
	return change(q, true);
}

static int op_remove(struct request *q)
{
	return change(q, false);
}

static int tell(void *arg, const struct devices_status *s)
{
	struct json_out *out = arg;

	json_object(out, NULL);
	json_name(out, "path", SPAN(s->path, strlen(s->path)));
	json_str(out, "disk", s->disk.disk_name);
	json_u64(out, "major", major(s->disk.dev));
	json_u64(out, "minor", minor(s->disk.dev));
	json_u64(out, "size", s->disk.size);
	json_u64(out, "epoch", s->epoch);
	json_u64(out, "backups", s->consumers);
	json_bool(out, "trusted", s->trusted);
	json_str(out, "why", s->why);
	json_u64(out, "resets", s->resets);
	json_str(out, "last_reset", s->last_why);
	json_u64(out, "marks", s->slot.events);
	json_u64(out, "range_entries", s->slot.entries);
	json_close(out);
	return 0;
}

static int op_status(struct request *q)
{
	struct devices *d = ops_of(q)->devices;
	uint32_t used, max;
	int e;

	devices_fill(d, &used, &max);
	json_u64(q->out, "map_entries", used);
	json_u64(q->out, "map_entries_max", max);
	json_array(q->out, "devices");
	e = devices_each(d, tell, q->out);
	json_close(q->out);
	return e;
}

static int pass_marks(struct request *q, const struct dirty *d)
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

static int read_dev(const struct json *j, dev_t *out)
{
	uint64_t ma, mi;

	if (json_to_u64(json_get(j, "major"), &ma) < 0 ||
	    json_to_u64(json_get(j, "minor"), &mi) < 0)
		return -EINVAL;
	*out = makedev((unsigned int)ma, (unsigned int)mi);
	return 0;
}

static int op_begin(struct request *q)
{
	const char *consumer = json_to_str(json_get(q->j, "consumer"));
	struct epochs_token since;
	struct epochs_answer a;
	bool has;
	dev_t dev;
	int e;

	if (read_dev(q->j, &dev) < 0 || !consumer || strlen(consumer) > 64)
		return request_refuse(q, "device-begin needs major, minor and "
					 "consumer");
	has = read_hex(q->j, "instance", since.instance,
		       sizeof(since.instance)) == 0 &&
	      read_hex(q->j, "device", since.fs, sizeof(since.fs)) == 0 &&
	      json_to_u64(json_get(q->j, "epoch"), &since.epoch) == 0;
	e = devices_begin(ops_of(q)->devices, dev, has ? &since : NULL,
			  consumer, &a);
	json_bool(q->out, "tracked", e == 0);
	if (e == -ENODEV)
		return 0;
	if (e < 0)
		return request_refuse_errno(q, "turn the epoch", e);
	json_bool(q->out, "trusted", a.trusted);
	json_str(q->out, "why", a.why);
	json_hex(q->out, "instance", a.token.instance,
		 sizeof(a.token.instance));
	json_hex(q->out, "device", a.token.fs, sizeof(a.token.fs));
	json_u64(q->out, "epoch", a.token.epoch);
	if (a.trusted)
		e = pass_marks(q, &a.dirty);
	dirty_release(&a.dirty);
	return e < 0 ? request_refuse_errno(q, "hand over the marks", e) : 0;
}

static int op_changes(struct request *q)
{
	struct dirty d = { 0 };
	bool kept;
	dev_t dev;
	int e;

	if (json_to_bool(json_get(q->j, "kept"), &kept) < 0)
		kept = false;
	if (read_dev(q->j, &dev) < 0)
		return request_refuse(q, "device-changes needs major and "
					 "minor");
	e = devices_peek(ops_of(q)->devices, dev, kept, &d);
	json_bool(q->out, "tracked", e == 0);
	if (e == 0)
		e = pass_marks(q, &d);
	dirty_release(&d);
	return e == 0 || e == -ENODEV
		       ? 0
		       : request_refuse_errno(q, "read marks", e);
}

static const struct server_op operations[] = {
	{ "device-status", op_status },	  { "device-add", op_add },
	{ "device-remove", op_remove },	  { "device-begin", op_begin },
	{ "device-changes", op_changes }, { NULL, NULL },
};

struct server_table ops_devices_table(struct ops_devices *ops)
{
	return (struct server_table){ operations, ops };
}
