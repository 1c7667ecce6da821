/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv_policy.c - backupPolicies of a vault.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "vault/arm/mab.h"
#include "vault/arm/operations.h"
#include "vault/arm/rsv.h"
#include "vault/retention/policy.h"

#define TYPE RSV_TYPE "/backupPolicies"

/* --- showing --- */

struct shown {
	struct arm_request *r;
	const struct rsv *v;
	const char *name; /* of the one that is wanted; NULL: all */
	struct arm_list *l;
	char found[MACHINE_NAME_MAX + 1];
	struct mab_policy p;
	int64_t items;
};

static int take_schedule(void *arg, const struct db_row *row)
{
	struct shown *x = arg;
	struct mab_schedule *s = &x->p.schedule;

	x->items = db_int(row, 0);
	if (!db_text(row, 3))
		return 1;
	s->weekly = db_int(row, 1) != 0;
	s->days = (uint8_t)db_int(row, 2);
	mab_times_parse(db_text(row, 3), s);
	s->every = (unsigned int)db_int(row, 4);
	return 1;
}

static int get_schedule(struct shown *x)
{
	int n;

	memset(&x->p.schedule, 0, sizeof(x->p.schedule));
	n = db_query(x->r->v->db, take_schedule, x,
		     "SELECT (SELECT COUNT(*) FROM machine WHERE"
		     " machine.policy = policy.id AND removed IS NULL),"
		     " weekly, policy_schedule.days, times, every FROM policy"
		     " LEFT JOIN policy_schedule ON policy_schedule.policy ="
		     " policy.id WHERE vault = ? AND name = ?",
		     "ss", x->v->id, x->found);
	return MIN(n, 0);
}

static void write_policy(struct json_out *j, const struct shown *x)
{
	char id[ARM_ID_MAX + 300];

	snprintf(id, sizeof(id), "%s/backupPolicies/%s", x->v->path, x->found);
	json_str(j, "id", id);
	json_str(j, "name", x->found);
	json_str(j, "type", TYPE);
	json_object(j, "properties");
	json_str(j, "backupManagementType", "MAB");
	json_i64(j, "protectedItemsCount", x->items);
	mab_write(j, &x->p);
	json_close(j);
}

static int take_policy(void *arg, const struct policy_entry *p)
{
	struct shown *x = arg;
	int e;

	if (strcasecmp(p->vault, x->v->name) ||
	    (x->name && strcasecmp(p->name, x->name)))
		return 0;
	snprintf(x->found, sizeof(x->found), "%s", p->name);
	x->p.keep = p->g;
	e = get_schedule(x);
	if (e < 0 || x->name)
		return e < 0 ? e : 1;
	if (!arm_list_wants(x->l, p->name))
		return 0;
	json_object(&x->l->reply.j, NULL);
	write_policy(&x->l->reply.j, x);
	json_close(&x->l->reply.j);
	return 0;
}

static int list_policies(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	struct filter f = { .n = 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct shown x = { .r = r, .v = &v, .l = &l };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_list_init(r, &l);
	if (e == 0)
		e = arm_get_filter(r, &f);
	if (e == 0 && filter_passes(&f, "backupManagementType", "MAB"))
		e = policies_list(r->v->db, take_policy, &x);
	filter_release(&f);
	return e < 0 ? e : arm_list_send(r, &l);
}

/* 1: x has it; 0: it is not there. */
static int find_policy(struct shown *x)
{
	x->name = x->r->names[1];
	return policies_list(x->r->v->db, take_policy, x);
}

static int no_policy(struct arm_request *r)
{
	return arm_error(r, 404, "BMSUserErrorPolicyNotFound",
			 "There is no policy '%s' in the vault.", r->names[1]);
}

static int get_policy(struct arm_request *r)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct shown x = { .r = r, .v = &v };
	int e = rsv_find(r, &v);

	arm_reply_init(&a);
	if (e == 0)
		e = find_policy(&x);
	if (e < 0)
		return e;
	if (e == 0)
		return no_policy(r);
	write_policy(&a.j, &x);
	return arm_reply_send(r, &a, 200);
}

/* --- changing --- */

struct change {
	struct arm_request *r;
	const struct rsv *v;
	const char *name;
	const struct mab_policy *p;
	bool is_new;
};

static int set_schedule(struct db *db, const struct change *c)
{
	const struct mab_schedule *s = &c->p->schedule;
	char times[MAB_TIMES_TEXT];
	int e;

	mab_times_text(s, times);
	e = db_exec(db,
		    "INSERT OR REPLACE INTO policy_schedule(policy, weekly,"
		    " days, times, every) SELECT id, ?, ?, ?, ? FROM policy"
		    " WHERE vault = ? AND name = ?",
		    "iisiss", (int64_t)s->weekly, (int64_t)s->days, times,
		    (int64_t)s->every, c->v->id, c->name);
	return MIN(e, 0);
}

static int write_schedule(struct db *db, void *arg)
{
	const struct change *c = arg;
	int e = set_schedule(db, c);

	return e < 0 ? e : arm_audit(db, c->r, c->name);
}

/* Retention first: it may be refused. */
static int put_rows(struct change *c)
{
	struct db *db = c->r->v->db;
	struct refusal why;
	int e;

	if (c->is_new)
		e = policy_add(db, c->v->id, c->name, &c->p->keep, c->r->actor);
	else
		e = policy_change(db, c->v->id, c->name, &c->p->keep,
				  c->r->actor);
	if (policy_refusal(e, &c->p->keep, &why))
		return arm_done(arm_error(c->r, 400, why.code, "%s", why.text));
	return e < 0 ? e : db_write(db, write_schedule, c);
}

static int read_policy(struct arm_request *r, struct mab_policy *p)
{
	const char *kind =
		arm_get_text(r->body, "properties.backupManagementType");
	const char *why;
	int e = arm_need_body(r);

	if (e < 0)
		return e;
	if (!machine_name_is_valid(r->names[1]) || strlen(r->names[1]) > 150)
		return arm_done(arm_error(
			r, 400, "BMSUserErrorInvalidPolicyName",
			"The name '%s' is none of a policy: letters, digits, "
			"dots, underscores and hyphens.",
			r->names[1]));
	if (!kind || strcasecmp(kind, "MAB"))
		return arm_done(arm_error(
			r, 400, "BMSUserErrorInvalidBackupManagementType",
			"The backupManagementType of a policy is MAB: this "
			"vault keeps files of machines, and no others."));
	e = mab_read(arm_get(r->body, "properties"), p, &why);
	if (e == -EINVAL)
		return arm_done(arm_error(r, 400,
					  "BMSUserErrorInvalidPolicyInput",
					  "The policy is not valid: %s.", why));
	return e;
}

static int put_policy(struct arm_request *r)
{
	struct mab_policy p;
	CLEANUP_RSV struct rsv v = { 0 };
	struct shown x = { .r = r, .v = &v };
	struct change c = { .r = r, .v = &v, .p = &p };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = read_policy(r, &p);
	if (e == 0)
		e = find_policy(&x);
	if (e < 0)
		return e;
	c.is_new = e == 0;
	c.name = c.is_new ? r->names[1] : x.found;
	e = put_rows(&c);
	return e < 0 ? e : get_policy(r);
}

static int remove_policy(struct db *db, void *arg)
{
	const struct change *c = arg;
	int64_t n;
	int e = db_number(db, &n,
			  "SELECT COUNT(*) FROM machine JOIN policy ON"
			  " policy.id = machine.policy WHERE"
			  " policy.vault = ? AND policy.name = ?",
			  "ss", c->v->id, c->name);

	if (e == 0 && n > 0)
		return -ENOTEMPTY;
	if (e == 0)
		e = db_exec(db,
			    "DELETE FROM policy WHERE vault = ? AND name = ?",
			    "ss", c->v->id, c->name);
	if (e == 0)
		return -ENOENT;
	return e < 0 ? e : arm_audit(db, c->r, "");
}

static int delete_policy(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct change c = { .r = r, .v = &v, .name = r->names[1] };
	int e = rsv_find(r, &v);

	if (e == 0 && !strcasecmp(c.name, POLICY_DEFAULT))
		return arm_error(r, 400, "BMSUserErrorDefaultPolicy",
				 "The policy '%s' is that of machines which "
				 "come: it can be changed, not deleted.",
				 c.name);
	if (e == 0)
		e = db_write(r->v->db, remove_policy, &c);
	if (e == -ENOENT)
		return arm_reply_empty(r, 204);
	if (e == -ENOTEMPTY)
		return arm_error(r, 400, "BMSUserErrorPolicyInUse",
				 "The policy '%s' is that of machines: give "
				 "them another one first.",
				 c.name);
	return e < 0 ? e : arm_reply_empty(r, 200);
}

/* --- operations --- */

static int policy_result(struct arm_request *r)
{
	int e = operation_check(r);

	return e < 0 ? e : get_policy(r);
}

static const struct arm_route routes[] = {
	{ "GET", ARM_AT_GROUP, RSV_TYPE "/{}/backupPolicies", list_policies,
	  NULL },
	{ "GET", ARM_AT_GROUP, RSV_TYPE "/{}/backupPolicies/{}", get_policy,
	  NULL },
	{ "PUT", ARM_AT_GROUP, RSV_TYPE "/{}/backupPolicies/{}", put_policy,
	  NULL },
	{ "DELETE", ARM_AT_GROUP, RSV_TYPE "/{}/backupPolicies/{}",
	  delete_policy, NULL },
	{ "GET", ARM_AT_GROUP, RSV_TYPE "/{}/backupPolicies/{}/operations/{}",
	  operation_status, NULL },
	{ "GET", ARM_AT_GROUP,
	  RSV_TYPE "/{}/backupPolicies/{}/operationResults/{}", policy_result,
	  NULL },
};

const struct arm_table rsv_policy_table = { routes, ARRAY_LEN(routes) };
