/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operations.c - what takes longer than a request, as Azure's clients poll
 * it.
 */
#include "vault/arm/operations.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

int operation_add(struct db *db, const struct arm_request *r, const char *job,
		  char id[static MACHINE_ID_LEN + 1])
{
	int64_t now = clock_now();
	int e;

	uuid_make(id);
	e = db_exec(db, "DELETE FROM operation WHERE ended < ?", "i",
		    now - OPERATION_SECONDS);
	if (e >= 0)
		e = db_exec(db,
			    "INSERT INTO operation(id, resource, status,"
			    " started, ended, job) VALUES (?, ?, 'Succeeded',"
			    " ?, ?, ?)",
			    "ssiis", id, r->path, now, now, job);
	return MIN(e, 0);
}

static int set_address(struct arm_request *r, const char *header,
		       const char *below, const char *kind, const char *id)
{
	char base[300], url[ARM_ID_MAX + 600];
	int e = arm_base_url(r, base, sizeof(base));

	if (e < 0)
		return e;
	snprintf(url, sizeof(url), "%s%s/%s/%s?api-version=%s", base, below,
		 kind, id, http_query(r->x, "api-version"));
	return http_set_header(r->x, header, url);
}

/* A path has blanks and other bytes that an address must not have. */
static int escape_path(const char *path, char *out, size_t room)
{
	size_t at = 0;

	for (; *path; path++) {
		bool plain = (unsigned char)*path > ' ' &&
			     (unsigned char)*path < 0x7f &&
			     !strchr("%?#\"<>\\^`{|}", *path);

		if (at + 4 > room)
			return -EMSGSIZE;
		at += (size_t)snprintf(out + at, room - at,
				       plain ? "%c" : "%%%02X",
				       (unsigned char)*path);
	}
	out[at] = '\0';
	return 0;
}

int operation_accept(struct arm_request *r, const char *below,
		     const char *status, const char *id)
{
	char path[ARM_ID_MAX];
	int e = escape_path(below, path, sizeof(path));

	if (e == 0)
		e = set_address(r, "Azure-AsyncOperation", path, status, id);
	if (e == 0)
		e = set_address(r, "Location", path, "operationResults", id);
	if (e == 0)
		e = http_set_header(r->x, "Retry-After", "1");
	return e < 0 ? e : arm_reply_empty(r, 202);
}

/* --- asking --- */

struct operation {
	char id[MACHINE_ID_LEN + 1], job[MACHINE_ID_LEN + 1];
	char resource[ARM_ID_MAX], status[16];
	int64_t started, ended;
};

static int take_operation(void *arg, const struct db_row *row)
{
	struct operation *o = arg;

	snprintf(o->id, sizeof(o->id), "%s", db_text(row, 0));
	snprintf(o->resource, sizeof(o->resource), "%s", db_text(row, 1));
	snprintf(o->status, sizeof(o->status), "%s", db_text(row, 2));
	o->started = db_int(row, 3);
	o->ended = db_int(row, 4);
	snprintf(o->job, sizeof(o->job), "%s", db_text(row, 5) ?: "");
	return 1;
}

/* The id of an operation is behind two segments: ".../operationStatus/ID". */
static void cut_last(char *path, unsigned int n)
{
	char *slash;

	while (n-- > 0 && (slash = strrchr(path, '/')))
		*slash = '\0';
}

static int find(struct arm_request *r, struct operation *out)
{
	char below[ARM_ID_MAX];
	unsigned int last = 0;
	int n;

	while (last + 1 < ARM_NAMES_MAX && r->names[last + 1])
		last++;
	n = db_query(r->v->db, take_operation, out,
		     "SELECT id, resource, status, started, ended, job"
		     " FROM operation WHERE id = ?",
		     "s", r->names[last]);
	if (n < 0)
		return n;
	snprintf(below, sizeof(below), "%s", r->path);
	cut_last(below, 2);
	if (n > 0 && arm_is_below(out->resource, below))
		return 0;
	return arm_done(arm_not_found(r));
}

int operation_check(struct arm_request *r)
{
	struct operation o;

	return find(r, &o);
}

int operation_status(struct arm_request *r)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	struct operation o;
	int e = find(r, &o);

	arm_reply_init(&a);
	if (e < 0)
		return e;
	json_str(&a.j, "id", o.id);
	json_str(&a.j, "name", o.id);
	json_str(&a.j, "status", o.status);
	arm_time(&a.j, "startTime", o.started);
	arm_time(&a.j, "endTime", o.ended);
	if (*o.job) {
		json_object(&a.j, "properties");
		json_str(&a.j, "objectType", "OperationStatusJobExtendedInfo");
		json_str(&a.j, "jobId", o.job);
		json_close(&a.j);
	}
	return arm_reply_send(r, &a, 200);
}
