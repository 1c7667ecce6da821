/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv_item.c - machines as protected items, and as containers of these.
 */
#include "vault/arm/rsv_item.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "vault/arm/operations.h"
#include "vault/retention/policy.h"

#define CONTAINER_WORD "Windows;"
#define ITEM_WORD "FileFolder;"
/* A PIN is no part of Azure's request, which has no body; and it is a secret,
 * so no part of an address. */
#define PIN_HEADER "x-ms-security-pin"

/* --- finding --- */

#define ITEM_COLUMNS                                                           \
	"machine.id, machine.vault, machine.name, registered, head, removed,"  \
	" (SELECT COUNT(*) FROM point WHERE point.machine = machine.id),"      \
	" (SELECT MAX(arrived) FROM point WHERE point.machine = machine.id),"  \
	" (SELECT MIN(arrived) FROM point WHERE point.machine = machine.id),"  \
	" policy.name"
#define ITEM_TABLES " FROM machine JOIN policy ON policy.id = machine.policy"

static void take_item(struct rsv_item *i, const struct db_row *row)
{
	struct machine *m = &i->m;

	memset(i, 0, sizeof(*i));
	snprintf(m->id, sizeof(m->id), "%s", db_text(row, 0));
	snprintf(m->vault, sizeof(m->vault), "%s", db_text(row, 1));
	snprintf(m->name, sizeof(m->name), "%s", db_text(row, 2));
	m->registered = db_int(row, 3);
	m->head = db_int(row, 4);
	m->removed = db_int(row, 5);
	m->points = db_int(row, 6);
	m->newest = db_int(row, 7);
	i->oldest = db_int(row, 8);
	snprintf(i->policy, sizeof(i->policy), "%s", db_text(row, 9));
}

/* 1: it is one; 0: it has gone. */
static int complete(struct db *db, struct rsv_item *i)
{
	int e = protection_get(db, i->m.id, &i->protection);

	if (e == -ENOENT)
		return 0;
	if (e < 0)
		return e;
	return !i->m.removed || i->m.points > 0;
}

struct finding {
	struct db *db;
	struct rsv_item *out;
};

static int take_one(void *arg, const struct db_row *row)
{
	struct finding *f = arg;

	take_item(f->out, row);
	return complete(f->db, f->out);
}

static int no_item(struct arm_request *r)
{
	return arm_done(
		arm_error(r, 404, "BMSUserErrorItemNotFound",
			  "There is no item '%s' in the container '%s'.",
			  r->names[3], r->names[2]));
}

int rsv_item_find(struct arm_request *r, const struct rsv *v,
		  struct rsv_item *out)
{
	struct finding f = { r->v->db, out };
	const size_t c = strlen(CONTAINER_WORD), i = strlen(ITEM_WORD);
	int n;

	if (strncasecmp(r->names[2], CONTAINER_WORD, c) ||
	    strncasecmp(r->names[3], ITEM_WORD, i))
		return no_item(r);
	n = db_query(r->v->db, take_one, &f,
		     "SELECT " ITEM_COLUMNS ITEM_TABLES
		     " WHERE machine.id = ? AND machine.vault = ?"
		     " AND machine.name = ?",
		     "sss", r->names[3] + i, v->id, r->names[2] + c);
	if (n < 0)
		return n;
	return n == 0 ? no_item(r) : 0;
}

void rsv_item_path(const struct machine *m, char out[static ARM_ID_MAX])
{
	snprintf(out, ARM_ID_MAX,
		 "/backupFabrics/Azure/protectionContainers/" CONTAINER_WORD
		 "%s/protectedItems/" ITEM_WORD "%s",
		 m->name, m->id);
}

/* --- showing --- */

static void write_deferred(struct json_out *j, const struct protection *p)
{
	char left[32];

	json_bool(j, "isScheduledForDeferredDelete", protection_is_deferred(p));
	if (!protection_is_deferred(p))
		return;
	arm_time(j, "deferredDeleteTimeInUTC", p->since);
	json_str(j, "deferredDeleteTimeRemaining",
		 protection_remaining(p, clock_now(), left));
	json_i64(j, "deferredDeleteSyncTimeInUTC", p->purge_after);
}

static void write_item(struct json_out *j, const struct rsv *v,
		       const struct rsv_item *i)
{
	char id[2 * ARM_ID_MAX], below[ARM_ID_MAX];
	const struct machine *m = &i->m;

	rsv_item_path(m, below);
	snprintf(id, sizeof(id), "%s%s", v->path, below);
	json_str(j, "id", id);
	json_str(j, "name", strrchr(below, '/') + 1);
	json_str(j, "type",
		 RSV_TYPE "/backupFabrics/protectionContainers/"
			  "protectedItems");
	json_object(j, "properties");
	json_str(j, "protectedItemType", "MabFileFolderProtectedItem");
	json_str(j, "backupManagementType", "MAB");
	json_str(j, "workloadType", "FileFolder");
	json_str(j, "friendlyName", m->name);
	json_str(j, "computerName", m->name);
	snprintf(id, sizeof(id), CONTAINER_WORD "%s", m->name);
	json_str(j, "containerName", id);
	snprintf(id, sizeof(id), "%s/backupPolicies/%s", v->path, i->policy);
	json_str(j, "policyId", id);
	json_str(j, "policyName", i->policy);
	json_str(j, "vaultId", v->path);
	json_str(j, "protectionState",
		 m->removed && i->protection.state == PROTECTED
			 ? protection_text(PROTECTION_STOPPED)
			 : protection_text(i->protection.state));
	if (m->newest) {
		json_str(j, "lastBackupStatus", "Completed");
		arm_time(j, "lastBackupTime", m->newest);
		arm_time(j, "lastRecoveryPoint", m->newest);
	}
	write_deferred(j, &i->protection);
	json_object(j, "extendedInfo");
	arm_time(j, "lastRefreshedAt", clock_now());
	if (i->oldest)
		arm_time(j, "oldestRecoveryPoint", i->oldest);
	json_i64(j, "recoveryPointCount", m->points);
	json_close(j);
	json_close(j);
}

static int get_item(struct arm_request *r)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct rsv_item i;
	int e = rsv_find(r, &v);

	arm_reply_init(&a);
	if (e == 0)
		e = rsv_item_find(r, &v, &i);
	if (e < 0)
		return e;
	write_item(&a.j, &v, &i);
	return arm_reply_send(r, &a, 200);
}

struct listing {
	struct arm_request *r;
	const struct rsv *v;
	struct arm_list *l;
	struct filter filter;
};

static bool passes(const struct filter *f, const struct rsv_item *i)
{
	char container[MACHINE_NAME_MAX + 16];

	snprintf(container, sizeof(container), CONTAINER_WORD "%s", i->m.name);
	return filter_passes(f, "backupManagementType", "MAB") &&
	       filter_passes(f, "itemType", "FileFolder") &&
	       filter_passes(f, "policyName", i->policy) &&
	       filter_passes(f, "friendlyName", i->m.name) &&
	       filter_passes(f, "containerName", container);
}

static int list_item(void *arg, const struct db_row *row)
{
	struct listing *x = arg;
	char key[ARM_KEY_MAX];
	struct rsv_item i;
	int e;

	take_item(&i, row);
	snprintf(key, sizeof(key), "%s %s", i.m.name, i.m.id);
	e = passes(&x->filter, &i) ? complete(x->r->v->db, &i) : 0;
	if (e <= 0 || !arm_list_wants(x->l, key))
		return MIN(e, 0);
	json_object(&x->l->reply.j, NULL);
	write_item(&x->l->reply.j, x->v, &i);
	json_close(&x->l->reply.j);
	return 0;
}

/* All that is in a vault, or in one container (names[2]). */
static int list_items(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct listing x = { .r = r, .v = &v, .l = &l };
	const char *in = r->names[2] ? strchr(r->names[2], ';') : NULL;
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_list_init(r, &l);
	if (e == 0)
		e = arm_get_filter(r, &x.filter);
	if (e == 0)
		e = db_query(r->v->db, list_item, &x,
			     "SELECT " ITEM_COLUMNS ITEM_TABLES
			     " WHERE machine.vault = ? AND machine.name ="
			     " COALESCE(?, machine.name)"
			     " ORDER BY machine.name, machine.id",
			     "ss", v.id,
			     in		   ? in + 1
			     : r->names[2] ? ""
					   : NULL);
	filter_release(&x.filter);
	return e < 0 ? e : arm_list_send(r, &l);
}

/* --- containers --- */

#define CONTAINER_COLUMNS                                                      \
	"machine.name, MAX(removed IS NULL), COUNT(*), MIN(machine.id)"

static void write_container(struct json_out *j, const struct rsv *v,
			    const struct db_row *row)
{
	char id[ARM_ID_MAX + 400], number[16];

	snprintf(id, sizeof(id),
		 "%s/backupFabrics/Azure/protectionContainers/" CONTAINER_WORD
		 "%s",
		 v->path, db_text(row, 0));
	snprintf(number, sizeof(number), "%.8s", db_text(row, 3));
	json_str(j, "id", id);
	json_str(j, "name", strrchr(id, '/') + 1);
	json_str(j, "type", RSV_TYPE "/backupFabrics/protectionContainers");
	json_object(j, "properties");
	json_str(j, "containerType", "Windows");
	json_str(j, "backupManagementType", "MAB");
	json_str(j, "friendlyName", db_text(row, 0));
	json_str(j, "registrationStatus",
		 db_int(row, 1) ? "Registered" : "NotRegistered");
	json_str(j, "healthStatus", "Healthy");
	json_i64(j, "containerId", (int64_t)strtoul(number, NULL, 16));
	json_i64(j, "protectedItemCount", db_int(row, 2));
	json_bool(j, "canReRegister", db_int(row, 1) == 0);
	json_close(j);
}

static int list_container(void *arg, const struct db_row *row)
{
	struct listing *x = arg;
	const char *status = db_int(row, 1) ? "Registered" : "NotRegistered";

	if (!filter_passes(&x->filter, "backupManagementType", "MAB") ||
	    !filter_passes(&x->filter, "friendlyName", db_text(row, 0)) ||
	    !filter_passes(&x->filter, "status", status) ||
	    !arm_list_wants(x->l, db_text(row, 0)))
		return 0;
	json_object(&x->l->reply.j, NULL);
	write_container(&x->l->reply.j, x->v, row);
	json_close(&x->l->reply.j);
	return 0;
}

static int list_containers(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	struct listing x = { .r = r, .v = &v, .l = &l };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_list_init(r, &l);
	if (e == 0)
		e = arm_get_filter(r, &x.filter);
	if (e == 0)
		e = db_query(r->v->db, list_container, &x,
			     "SELECT " CONTAINER_COLUMNS " FROM machine"
			     " WHERE machine.vault = ? AND (removed IS NULL OR"
			     " EXISTS (SELECT 1 FROM point WHERE"
			     " point.machine = machine.id))"
			     " GROUP BY machine.name ORDER BY machine.name",
			     "s", v.id);
	filter_release(&x.filter);
	return e < 0 ? e : arm_list_send(r, &l);
}

struct showing {
	struct arm_request *r;
	const struct rsv *v;
};

static int show_container(void *arg, const struct db_row *row)
{
	struct showing *x = arg;
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	int e;

	arm_reply_init(&a);
	write_container(&a.j, x->v, row);
	e = arm_reply_send(x->r, &a, 200);
	return e < 0 ? e : 1;
}

static int get_container(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct showing x = { r, &v };
	const size_t c = strlen(CONTAINER_WORD);
	int n = rsv_find(r, &v);

	if (n < 0)
		return n;
	if (strncasecmp(r->names[2], CONTAINER_WORD, c) == 0)
		n = db_query(r->v->db, show_container, &x,
			     "SELECT " CONTAINER_COLUMNS " FROM machine"
			     " WHERE machine.vault = ? AND machine.name = ?"
			     " GROUP BY machine.name",
			     "ss", v.id, r->names[2] + c);
	if (n == 0)
		return arm_error(r, 404, "BMSUserErrorContainerObjectNotFound",
				 "There is no container '%s' in the vault.",
				 r->names[2]);
	return MIN(n, 0);
}

/* --- protecting, stopping, deleting --- */

struct change {
	struct arm_request *r;
	const struct rsv *v;
	const struct rsv_item *i;
	const char *operation;
	char op[MACHINE_ID_LEN + 1];
};

static int note_operation(struct db *db, void *arg)
{
	struct change *c = arg;
	char job[MACHINE_ID_LEN + 1];
	int e = rsv_job_add(db, c->v->id, c->i->m.id, c->i->m.name,
			    c->operation, job);

	if (e == 0)
		e = operation_add(db, c->r, job, c->op);
	return e < 0 ? e : arm_audit(db, c->r, c->operation);
}

static int accept(struct arm_request *r, struct change *c)
{
	int e = db_write(r->v->db, note_operation, c);

	return e < 0 ? e
		     : operation_accept(r, r->path, "operationsStatus", c->op);
}

/* The name of a policy of this vault: the last part of its id. */
static int policy_name(struct arm_request *r, const struct rsv *v,
		       const char *text, char out[static MACHINE_NAME_MAX + 1])
{
	char path[ARM_ID_MAX];
	struct arm_id id;
	struct uri uri;
	int e = arm_id_of_text(text, &uri, &id);

	if (e == 0) {
		e = arm_path(uri.segments, uri.n_segments, path);
		if (e == 0 && (id.n_parts != 2 || !id.parts[1].name ||
			       strcasecmp(id.parts[1].type, "backupPolicies") ||
			       !arm_is_below(path, v->path)))
			e = -EINVAL;
		if (e == 0 && snprintf(out, MACHINE_NAME_MAX + 1, "%s",
				       id.parts[1].name) > MACHINE_NAME_MAX)
			e = -EINVAL;
		uri_release(&uri);
	}
	if (e == -ENOMEM)
		return e;
	return e == 0 ? 0
		      : arm_done(arm_error(r, 400, "BMSUserErrorInvalidPolicy",
					   "The policyId is not that of a "
					   "policy of this vault."));
}

static int set_policy(struct arm_request *r, const struct rsv *v,
		      const struct rsv_item *i, const char *id)
{
	char name[MACHINE_NAME_MAX + 1];
	struct refusal why;
	int e = policy_name(r, v, id, name);

	if (e == 0 && !strcasecmp(name, i->policy))
		return 0;
	if (e == 0)
		e = policy_assign(r->v->db, i->m.id, name, r->actor);
	if (e == -ENOENT)
		return arm_done(arm_error(r, 400, "BMSUserErrorPolicyNotFound",
					  "There is no policy '%s' in the "
					  "vault.",
					  name));
	if (policy_refusal(e, NULL, &why))
		return arm_done(arm_error(r, 400, why.code, "%s", why.text));
	return e;
}

static int refused(struct arm_request *r, int e, const struct refusal *why)
{
	if (e == -ENOENT)
		return arm_done(arm_not_found(r));
	if (e == -EPERM)
		return arm_done(arm_error(r, 400, why->code, "%s", why->text));
	return e;
}

/* What a PUT asks for: to stop, to bring back, to follow a policy. */
static int apply(struct arm_request *r, struct change *c)
{
	const struct json *p = arm_get(r->body, "properties");
	const char *state = arm_get_text(p, "protectionState");
	const char *policy = arm_get_text(p, "policyId");
	const struct rsv_item *i = c->i;
	struct refusal why = { NULL, NULL };
	bool back = false;
	int e = 0;

	if (arm_get(p, "isRehydrate") &&
	    json_to_bool(arm_get(p, "isRehydrate"), &back) < 0)
		back = false;
	if (back && protection_is_deferred(&i->protection)) {
		c->operation = "Undelete";
		return refused(r,
			       protection_undelete(r->v->db, i->m.id, r->actor,
						   &why),
			       &why);
	}
	if (state && !strcasecmp(state, "ProtectionStopped")) {
		c->operation = "DisableBackup";
		if (i->protection.state != PROTECTION_STOPPED)
			e = protection_stop(r->v->db, i->m.id, r->actor, &why);
		return refused(r, e, &why);
	}
	c->operation = "ConfigureBackup";
	if (!policy || !*policy)
		return arm_done(
			arm_error(r, 400, "BMSUserErrorInvalidInput",
				  "The item's policyId, or protectionState "
				  "ProtectionStopped, is missing."));
	e = set_policy(r, c->v, i, policy);
	if (e == 0 && i->protection.state != PROTECTED)
		e = refused(
			r, protection_resume(r->v->db, i->m.id, r->actor, &why),
			&why);
	return e;
}

static int put_item(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct rsv_item i;
	struct change c = { .r = r, .v = &v, .i = &i };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_need_body(r);
	if (e == 0)
		e = rsv_item_find(r, &v, &i);
	if (e == 0)
		e = apply(r, &c);
	return e < 0 ? e : accept(r, &c);
}

static int delete_item(struct arm_request *r)
{
	CLEANUP_RSV struct rsv v = { 0 };
	struct rsv_item i;
	struct change c = {
		.r = r, .v = &v, .i = &i, .operation = "DeleteBackupData"
	};
	struct refusal why = { NULL, NULL };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = rsv_item_find(r, &v, &i);
	if (e == 0 && i.protection.state < PROTECTION_DELETED)
		e = refused(r,
			    protection_delete(r->v->db, i.m.id,
					      http_header(r->x, PIN_HEADER),
					      r->actor, &why),
			    &why);
	return e < 0 ? e : accept(r, &c);
}

static int item_result(struct arm_request *r)
{
	int e = operation_check(r);

	return e < 0 ? e : get_item(r);
}

/* --- what there is none of --- */

static int list_nothing(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	CLEANUP_RSV struct rsv v = { 0 };
	int e = rsv_find(r, &v);

	if (e == 0)
		e = arm_list_init(r, &l);
	return e < 0 ? e : arm_list_send(r, &l);
}

#define ROUTE(method, path, handler)                                           \
	{                                                                      \
		method, ARM_AT_GROUP, RSV_TYPE "/{}" path, handler, NULL       \
	}

static const struct arm_route routes[] = {
	ROUTE("GET", "/backupProtectedItems", list_items),
	ROUTE("GET", RSV_CONTAINER "/items", list_items),
	ROUTE("GET", RSV_ITEM, get_item),
	ROUTE("PUT", RSV_ITEM, put_item),
	ROUTE("DELETE", RSV_ITEM, delete_item),
	ROUTE("GET", RSV_ITEM "/operationsStatus/{}", operation_status),
	ROUTE("GET", RSV_ITEM "/operationResults/{}", item_result),
	ROUTE("GET", "/backupProtectionContainers", list_containers),
	ROUTE("GET", RSV_CONTAINER, get_container),
	ROUTE("GET", "/backupDeletedProtectionContainers", list_nothing),
	ROUTE("GET", "/backupProtectableItems", list_nothing),
	ROUTE("GET", "/backupEngines", list_nothing),
	ROUTE("GET", "/backupProtectionIntents", list_nothing),
	ROUTE("GET", "/backupResourceGuardProxies", list_nothing),
	ROUTE("GET", RSV_FABRIC "/protectableContainers", list_nothing),
};

const struct arm_table rsv_item_table = { routes, ARRAY_LEN(routes) };
