/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv_job.c - recovery points, and backupJobs.
 *
 * A job is what an administrator had done, which has a row, or a backup,
 * which is its recovery point: when it arrived is all that the vault knows.
 * Such a job has the first 24 letters of its machine's id and, in 12 digits,
 * its head's number.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "vault/arm/operations.h"
#include "vault/arm/rsv_item.h"
#include "vault/retention/collect.h"

/* --- times in filters --- */

/* "2026-11-22 01:00:00 PM", as Azure's clients write them, or RFC 3339. */
static bool read_time(const char *text, int64_t *out)
{
	struct tm t = { 0 };
	char half[3] = "";
	int n = sscanf(text, "%4d-%2d-%2d%*1[ T]%2d:%2d:%2d %2[APMapm]",
		       &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
		       &t.tm_sec, half);

	if (n < 3)
		return false;
	if (!strcasecmp(half, "PM") && t.tm_hour < 12)
		t.tm_hour += 12;
	if (!strcasecmp(half, "AM") && t.tm_hour == 12)
		t.tm_hour = 0;
	t.tm_year -= 1900;
	t.tm_mon--;
	*out = timegm(&t);
	return true;
}

/* Terms begin and end, both included. */
static bool is_within(const struct filter *f, const char *begin,
		      const char *end, int64_t t)
{
	const struct filter_term *from = filter_find(f, begin);
	const struct filter_term *to = filter_find(f, end);
	int64_t limit;

	if (from && from->value && read_time(from->value, &limit) && t < limit)
		return false;
	return !(to && to->value && read_time(to->value, &limit) && t > limit);
}

/* --- recovery points --- */

struct points {
	struct arm_request *r;
	const struct rsv *v;
	const struct rsv_item *i;
	struct arm_list *l;
	struct filter filter;
	int64_t head; /* the one that is wanted; 0: all */
};

static void write_point(struct json_out *j, const struct points *x,
			const struct point *p)
{
	char id[3 * ARM_ID_MAX], below[ARM_ID_MAX], name[24];

	rsv_item_path(&x->i->m, below);
	snprintf(name, sizeof(name), "%" PRId64, p->head);
	snprintf(id, sizeof(id), "%s%s/recoveryPoints/%s", x->v->path, below,
		 name);
	json_str(j, "id", id);
	json_str(j, "name", name);
	json_str(j, "type",
		 RSV_TYPE "/backupFabrics/protectionContainers/protectedItems/"
			  "recoveryPoints");
	json_object(j, "properties");
	json_str(j, "objectType", "GenericRecoveryPoint");
	json_str(j, "friendlyName", x->i->m.name);
	json_str(j, "recoveryPointType", "Incremental");
	arm_time(j, "recoveryPointTime", p->arrived);
	snprintf(id, sizeof(id), "%" PRId64 " bytes came with it", p->bytes);
	json_str(j, "recoveryPointAdditionalInfo", id);
	json_close(j);
}

static int list_point(void *arg, const struct point *p)
{
	struct points *x = arg;
	char key[32];

	snprintf(key, sizeof(key), "%019" PRId64, p->head);
	if (!is_within(&x->filter, "startDate", "endDate", p->arrived) ||
	    !arm_list_wants(x->l, key))
		return 0;
	json_object(&x->l->reply.j, NULL);
	write_point(&x->l->reply.j, x, p);
	json_close(&x->l->reply.j);
	return 0;
}

static int list_points(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct rsv_item i;
	struct points x = { .r = r, .v = &v, .i = &i, .l = &l };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = rsv_item_find(r, &v, &i);
	if (e == 0)
		e = arm_list_init(r, &l);
	if (e == 0)
		e = arm_get_filter(r, &x.filter);
	if (e == 0)
		e = points_list(r->v->db, i.m.id, list_point, &x);
	filter_release(&x.filter);
	return e < 0 ? e : arm_list_send(r, &l);
}

static int show_point(void *arg, const struct point *p)
{
	struct points *x = arg;
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	int e;

	if (p->head != x->head)
		return 0;
	arm_reply_init(&a);
	write_point(&a.j, x, p);
	e = arm_reply_send(x->r, &a, 200);
	return e < 0 ? e : 1;
}

static int get_point(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct rsv_item i;
	struct points x = { .r = r, .v = &v, .i = &i };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = rsv_item_find(r, &v, &i);
	x.head = strtoll(r->names[4], NULL, 10);
	if (e == 0)
		e = points_list(r->v->db, i.m.id, show_point, &x);
	return e == 0 ? arm_not_found(r) : MIN(e, 0);
}

/* --- jobs --- */

int rsv_job_add(struct db *db, const char *vault, const char *machine,
		const char *entity, const char *operation,
		char id[static MACHINE_ID_LEN + 1])
{
	int64_t now = clock_now();
	int e;

	uuid_make(id);
	e = db_exec(db,
		    "INSERT INTO job(id, vault, machine, entity, operation,"
		    " status, started, ended) VALUES (?, ?, ?, ?, ?,"
		    " 'Completed', ?, ?)",
		    "sssssii", id, vault, machine, entity, operation, now, now);
	return MIN(e, 0);
}

struct job {
	const char *id, *entity, *operation, *status;
	int64_t started, ended;
};

static struct job take_job(const struct db_row *row)
{
	return (struct job){ db_text(row, 0), db_text(row, 1), db_text(row, 2),
			     db_text(row, 3), db_int(row, 4),  db_int(row, 5) };
}

/* Clients look for steps, of one that they show alone. */
static void write_steps(struct json_out *j, const struct job *job)
{
	json_object(j, "extendedInfo");
	json_array(j, "tasksList");
	json_object(j, NULL);
	json_str(j, "taskId", job->operation);
	json_str(j, "status", job->status);
	json_close(j);
	json_close(j);
	json_object(j, "propertyBag");
	json_close(j);
	json_close(j);
}

static void write_job(struct json_out *j, const struct rsv *v,
		      const struct job *job, bool alone)
{
	char text[ARM_ID_MAX + 100];

	snprintf(text, sizeof(text), "%s/backupJobs/%s", v->path, job->id);
	json_str(j, "id", text);
	json_str(j, "name", job->id);
	json_str(j, "type", RSV_TYPE "/backupJobs");
	json_object(j, "properties");
	json_str(j, "jobType", "MabJob");
	json_str(j, "backupManagementType", "MAB");
	json_str(j, "workloadType", "FileFolder");
	json_str(j, "entityFriendlyName", job->entity);
	json_str(j, "mabServerName", job->entity);
	json_str(j, "mabServerType", "Windows");
	json_str(j, "operation", job->operation);
	json_str(j, "status", job->status);
	arm_time(j, "startTime", job->started);
	arm_time(j, "endTime", job->ended);
	snprintf(text, sizeof(text), "PT%" PRId64 "S",
		 job->ended - job->started);
	json_str(j, "duration", text);
	json_str(j, "activityId", job->id);
	if (alone)
		write_steps(j, job);
	json_close(j);
}

#define POINT_JOB                                                              \
	"SELECT substr(machine.id, 1, 24) || printf('%012x', point.head),"     \
	" machine.name, 'Backup', 'Completed', point.arrived, point.arrived"   \
	" FROM point JOIN machine ON machine.id = point.machine"               \
	" WHERE machine.vault = ?1"
#define OTHER_JOB                                                              \
	"SELECT id, entity, operation, status, started, ended FROM job"        \
	" WHERE vault = ?1"

struct jobs {
	struct arm_request *r;
	const struct rsv *v;
	struct arm_list *l;
	struct filter filter;
};

/* The newest first: so keys count down. */
static int list_job(void *arg, const struct db_row *row)
{
	struct jobs *x = arg;
	struct job j = take_job(row);
	char key[80];

	snprintf(key, sizeof(key), "%013" PRId64 " %s",
		 (int64_t)9999999999999 - j.started, j.id);
	if (!filter_passes(&x->filter, "operation", j.operation) ||
	    !filter_passes(&x->filter, "status", j.status) ||
	    !filter_passes(&x->filter, "jobId", j.id) ||
	    !filter_passes(&x->filter, "entityFriendlyName", j.entity) ||
	    !is_within(&x->filter, "startTime", "endTime", j.started) ||
	    !arm_list_wants(x->l, key))
		return 0;
	json_object(&x->l->reply.j, NULL);
	write_job(&x->l->reply.j, x->v, &j, false);
	json_close(&x->l->reply.j);
	return 0;
}

static int list_jobs(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct jobs x = { .r = r, .v = &v, .l = &l };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_list_init(r, &l);
	if (e == 0)
		e = arm_get_filter(r, &x.filter);
	if (e == 0 && filter_passes(&x.filter, "backupManagementType", "MAB"))
		e = db_query(r->v->db, list_job, &x,
			     OTHER_JOB " UNION ALL " POINT_JOB
				       " ORDER BY 5 DESC, 1",
			     "s", v.id);
	filter_release(&x.filter);
	return e < 0 ? e : arm_list_send(r, &l);
}

static int show_job(void *arg, const struct db_row *row)
{
	struct jobs *x = arg;
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	struct job j = take_job(row);
	int e;

	arm_reply_init(&a);
	write_job(&a.j, x->v, &j, true);
	e = arm_reply_send(x->r, &a, 200);
	return e < 0 ? e : 1;
}

static int get_job(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct jobs x = { .r = r, .v = &v };
	const char *id = r->names[1];
	int n = rsv_find(r, &v);

	if (n < 0)
		return n;
	n = db_query(r->v->db, show_job, &x, OTHER_JOB " AND id = ?2", "ss",
		     v.id, id);
	if (n == 0 && strlen(id) == MACHINE_ID_LEN)
		n = db_query(r->v->db, show_job, &x,
			     POINT_JOB " AND point.head = ?2 AND"
				       " substr(machine.id, 1, 24) ="
				       " substr(?3, 1, 24)",
			     "sis", v.id, (int64_t)strtoull(id + 24, NULL, 16),
			     id);
	if (n == 0)
		return arm_error(r, 404, "BMSUserErrorJobNotFound",
				 "There is no job '%s' in the vault.", id);
	return MIN(n, 0);
}

static int job_result(struct arm_request *r)
{
	int e = operation_check(r);

	return e < 0 ? e : get_job(r);
}

#define ROUTE(path, handler)                                                   \
	{                                                                      \
		"GET", ARM_AT_GROUP, RSV_TYPE "/{}" path, handler, NULL        \
	}

static const struct arm_route point_routes[] = {
	ROUTE(RSV_ITEM "/recoveryPoints", list_points),
	ROUTE(RSV_ITEM "/recoveryPoints/{}", get_point),
};
static const struct arm_route job_routes[] = {
	ROUTE("/backupJobs", list_jobs),
	ROUTE("/backupJobs/{}", get_job),
	ROUTE("/backupJobs/{}/operationResults/{}", job_result),
};

const struct arm_table rsv_point_table = { point_routes,
					   ARRAY_LEN(point_routes) };
const struct arm_table rsv_job_table = { job_routes, ARRAY_LEN(job_routes) };
