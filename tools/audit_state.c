/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_state.c - where the next audit goes on.
 *
 * A file beside the catalog, one for each set of sources. It can be thrown
 * away: the circle is then begun anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>

#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "tools/audit.h"

#define STATE_MAX 4096
#define DAY 86400

static int path_of(const struct audit *a, char **out)
{
	char set[HEX_LEN(16)];

	hex_encode(set, a->set, 16);
	return asprintf(out, "%s/audit-%s", a->dir, set) < 0 ? -ENOMEM : 0;
}

static int read_u64(const struct json *j, const char *key, uint64_t *out)
{
	uint8_t b[8];
	int e = json_to_hex(json_get(j, key), b, sizeof(b));

	if (e == 0)
		*out = get_le64(b);
	return e;
}

static int read_plan(const char *path, struct audit_plan *p)
{
	CLEANUP_BUF struct buf text = BUF_INIT(STATE_MAX);
	CLEANUP_JSON struct json *j = NULL;
	uint64_t at_time;
	int e = io_read_file(AT_FDCWD, path, &text);

	if (e == 0)
		e = json_parse(SPAN_OF(&text), STATE_MAX, &j);
	if (e == 0)
		e = read_u64(j, "seed", &p->seed);
	if (e == 0)
		e = read_u64(j, "at", &p->at);
	if (e == 0)
		e = json_to_u64(json_get(j, "at_time"), &at_time);
	if (e == 0)
		p->at_time = (int64_t)at_time;
	return e;
}

int audit_state_load(struct audit *a)
{
	CLEANUP_FREE char *path = NULL;
	int e = path_of(a, &path);

	if (e < 0)
		return e;
	e = read_plan(path, &a->plan);
	if (e == -ENOMEM)
		return e;
	if (e < 0 && e != -ENOENT)
		log_warn("%s is damaged: the audit begins anew", path);
	/* a clock that was set back must not stop the rounds */
	if (e == 0)
		a->plan.at_time = MIN(a->plan.at_time, a->now);
	if (e == 0)
		return 0;
	if (getrandom(&a->plan.seed, sizeof(a->plan.seed), 0) !=
	    sizeof(a->plan.seed))
		return log_fail(-EIO, "get random bytes");
	a->plan.at = 0;
	a->plan.at_time = a->now - DAY;
	return 0;
}

int audit_state_save(const struct audit *a, const struct audit_plan *p)
{
	CLEANUP_BUF struct buf text = BUF_INIT(STATE_MAX);
	struct json_out j = JSON_OUT(&text);
	CLEANUP_FREE char *path = NULL;
	uint8_t seed[8], at[8];
	int e = path_of(a, &path);

	put_le64(seed, p->seed);
	put_le64(at, p->at);
	json_object(&j, NULL);
	json_hex(&j, "seed", seed, sizeof(seed));
	json_hex(&j, "at", at, sizeof(at));
	json_i64(&j, "at_time", p->at_time);
	json_close(&j);
	if (e == 0)
		e = json_end(&j);
	if (e == 0)
		e = io_replace_file(AT_FDCWD, path, SPAN_OF(&text));
	return e < 0 ? log_fail(e, "write %s", path ? path : a->dir) : 0;
}
