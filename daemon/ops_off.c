/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_off.c - what is answered about tracking when there is none.
 */
#include "daemon/ops_off.h"

#define WHY                                                                    \
	"tracking is off (--no-tracking, or tracking = no in tidemarkd.conf)"

static int op_status(struct request *q)
{
	json_str(q->out, "hook_set", "none");
	json_str(q->out, "hook_set_why", WHY);
	json_array(q->out, "file_systems");
	json_close(q->out);
	return 0;
}

static int op_devices(struct request *q)
{
	json_array(q->out, "devices");
	json_close(q->out);
	return 0;
}

static int op_not_tracked(struct request *q)
{
	json_bool(q->out, "tracked", false);
	return 0;
}

static int op_refused(struct request *q)
{
	return request_refuse(q, WHY);
}

static const struct server_op operations[] = {
	{ "status", op_status },
	{ "begin", op_not_tracked },
	{ "changes", op_not_tracked },
	{ "since", op_not_tracked },
	{ "distrust", op_not_tracked },
	{ "track-add", op_refused },
	{ "track-remove", op_refused },
	{ "device-status", op_devices },
	{ "device-begin", op_not_tracked },
	{ "device-changes", op_not_tracked },
	{ "device-add", op_refused },
	{ "device-remove", op_refused },
	{ NULL, NULL },
};

struct server_table ops_off_table(void)
{
	return (struct server_table){ operations, NULL };
}
