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
	listfile_each(ops->list.file, add_listed, ops);
	devices_trim(ops->devices);
}

static int change(void *arg, const char *path, bool add, char **listed,
		  const char **why)
{
	int e;

	if (!add)
		return devices_remove(arg, path, listed);
	e = devices_add(arg, path, why);
	if (e < 0)
		return e;
	*listed = strdup(path);
	return *listed ? 0 : -ENOMEM;
}

static int op_add(struct request *q)
{
	struct ops_devices *ops = ops_of(q);

	return marks_change(q, true, &ops->list, change, ops->devices);
}

static int op_remove(struct request *q)
{
	struct ops_devices *ops = ops_of(q);

	return marks_change(q, false, &ops->list, change, ops->devices);
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

static int begin(void *arg, dev_t dev, const struct epochs_token *since,
		 const char *consumer, struct epochs_answer *out)
{
	return devices_begin(arg, dev, since, consumer, out);
}

static int op_begin(struct request *q)
{
	return marks_begin(q, "device", begin, ops_of(q)->devices);
}

static int op_changes(struct request *q)
{
	struct dirty d = { 0 };
	dev_t dev;
	int e;

	if (marks_dev(q, &dev) < 0)
		return request_refuse(q, "it needs major and minor");
	e = devices_peek(ops_of(q)->devices, dev, marks_kept(q), &d);
	return marks_peeked(q, e, &d);
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
