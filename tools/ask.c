/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.c - one question to tidemarkd.
 */
#include "tools/ask.h"

#include <errno.h>

#include "base/log.h"

static int no_daemon(const char *path, int err)
{
	if (err == -EACCES || err == -EPERM)
		log_error("only root and the group tidemark may ask tidemarkd "
			  "(%s)",
			  path);
	else if (err == -ENOENT || err == -ECONNREFUSED)
		log_error("tidemarkd does not run (%s): systemctl start "
			  "tidemarkd, or tidemarkd itself, starts it",
			  path);
	else
		log_fail(err, "connect to tidemarkd at %s", path);
	return err;
}

void ask_begin(struct ask *a, const char *op)
{
	a->buf = BUF_INIT(CONTROL_PACKET_MAX);
	a->json = JSON_OUT(&a->buf);
	json_object(&a->json, NULL);
	json_str(&a->json, "op", op);
}

int ask_send(struct ask *a, const struct cli *cli, struct json **reply, int *fd)
{
	CLEANUP_CLOSE int s = -1;
	const char *at = cli_str(cli, "socket") ?: CONTROL_SOCKET;
	int e = control_connect(at, &s);

	*fd = -1;
	if (e < 0)
		return no_daemon(at, e);
	json_close(&a->json);
	e = json_end(&a->json);
	if (e < 0)
		return e;
	e = control_call(s, SPAN_OF(&a->buf), reply, fd);
	return e < 0 && e != -EPROTO ? log_fail(e, "ask tidemarkd at %s", at)
				     : e;
}

void ask_release(struct ask *a)
{
	buf_release(&a->buf);
}

uint64_t ask_u64(const struct json *j, const char *key)
{
	uint64_t v;

	return json_to_u64(json_get(j, key), &v) < 0 ? 0 : v;
}

bool ask_true(const struct json *j, const char *key)
{
	bool v;

	return json_to_bool(json_get(j, key), &v) == 0 && v;
}

const char *ask_str(const struct json *j, const char *key)
{
	return json_to_str(json_get(j, key));
}

const char *ask_text(const struct json *j, const char *key)
{
	return ask_str(j, key) ?: "?";
}
