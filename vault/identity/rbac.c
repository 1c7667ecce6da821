/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbac.c - may the caller do that, there?
 */
#include "vault/identity/rbac.h"

#include <errno.h>
#include <string.h>

#include "vault/audit.h"
#include "vault/vault.h"

struct question {
	const char *action;
	const struct role *role; /* that is to be assigned; NULL: nothing is */
	bool is_data, below;
	char scope[SCOPE_MAX + 1];
};

static bool may_assign(const struct role *by, const struct role *role)
{
	const char *const *id = role ? by->assignable : NULL;

	while (id && *id && strcmp(*id, role->id) != 0)
		id++;
	return !id || *id;
}

/* 1 ends the list: it is allowed. */
static int judge(void *arg, const struct assignment *a)
{
	const struct question *q = arg;
	const struct role *r = role_find(a->role);

	if (!scope_contains(a->scope, q->scope) &&
	    !(q->below && scope_contains(q->scope, a->scope)))
		return 0;
	return r && role_allows(r, q->action, q->is_data) &&
	       may_assign(r, q->role);
}

static int ask(struct db *db, const struct caller *c, const char *scope,
	       struct question *q)
{
	int e = scope_normal(scope, q->scope);

	return e < 0 ? e : assignments_list(db, c->object, judge, q);
}

int rbac_allows(struct db *db, const struct caller *c, const char *action,
		const char *scope)
{
	struct question q = { .action = action };

	return ask(db, c, scope, &q);
}

int rbac_allows_data(struct db *db, const struct caller *c, const char *action,
		     const char *scope)
{
	struct question q = { .action = action, .is_data = true };

	return ask(db, c, scope, &q);
}

int rbac_allows_below(struct db *db, const struct caller *c, const char *action,
		      const char *scope)
{
	struct question q = { .action = action, .below = true };

	return ask(db, c, scope, &q);
}

int rbac_may_assign(struct db *db, const struct caller *c, const char *scope,
		    const struct role *role, bool is_delete)
{
	struct question q = {
		.action = is_delete ? "Microsoft.Authorization/roleAssignments/"
				      "delete"
				    : "Microsoft.Authorization/roleAssignments/"
				      "write",
		.role = role
	};

	return ask(db, c, scope, &q);
}

int rbac_refuse(struct http_exchange *x, struct vault *v,
		const struct caller *c, const char *action, const char *scope)
{
	struct audit_line line = {
		0, 0, c->actor, action, scope, "refused", ""
	};
	int e = audit_note(v->db, &line);

	if (e == 0)
		e = http_set_header(x, "x-ms-failure-cause", "gateway");
	if (e == 0)
		e = http_reply_error(
			x, 403, "AuthorizationFailed",
			"The client '%s' with object id '%s' does not have "
			"authorization to perform action '%s' over scope '%s' "
			"or the scope is invalid. If access was recently "
			"granted, please refresh your credentials.",
			c->app, c->object, action, scope);
	return e < 0 ? e : -ECANCELED;
}

int rbac_authorize(struct http_exchange *x, struct vault *v,
		   const struct caller *c, const char *action,
		   const char *scope)
{
	int n = rbac_allows(v->db, c, action, scope);

	if (n == 1)
		return 0;
	if (n < 0 && n != -EINVAL)
		return n;
	return rbac_refuse(x, v, c, action, scope);
}
