/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorization.c - Microsoft.Authorization.
 */
#include "vault/identity/authorization.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "vault/identity/rbac.h"

#define TYPE "Microsoft.Authorization/"
#define WORD_MAX 255

/* --- $filter --- */

/* Terms with "and" between: atScope(), assignedTo('x'), NAME eq 'x'. */
struct terms {
	bool at_scope, below;
	char principal[WORD_MAX + 1], role[WORD_MAX + 1], type[WORD_MAX + 1];
};

/* 'x' and what closes it; p is behind that. Two quotes are one. */
static bool take_quoted(const char **p, char out[static WORD_MAX + 1])
{
	size_t n = 0;

	if (*(*p)++ != '\'')
		return false;
	for (; **p && n < WORD_MAX; (*p)++) {
		if (**p == '\'' && *++(*p) != '\'')
			break;
		out[n++] = **p;
	}
	out[n] = '\0';
	return (*p)[-1] == '\'';
}

static bool take_word(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncasecmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

static bool take_term(const char **p, struct terms *t)
{
	if (take_word(p, "atScopeAndBelow()"))
		return t->below = true;
	if (take_word(p, "atScope()"))
		return t->at_scope = true;
	if (take_word(p, "assignedTo("))
		return take_quoted(p, t->principal) && take_word(p, ")");
	if (take_word(p, "principalId eq "))
		return take_quoted(p, t->principal);
	if (take_word(p, "roleName eq "))
		return take_quoted(p, t->role);
	return take_word(p, "type eq ") && take_quoted(p, t->type);
}

static int get_terms(struct arm_request *r, struct terms *t)
{
	const char *p = http_query(r->x, "$filter");
	bool good = true;

	memset(t, 0, sizeof(*t));
	while (good && p && *p) {
		good = take_term(&p, t) && (!*p || take_word(&p, " and "));
	}
	if (good)
		return 0;
	return arm_done(arm_error(r, 400, "InvalidFilter",
				  "The $filter is not understood: atScope(), "
				  "assignedTo('ID'), principalId eq 'ID', "
				  "roleName eq 'NAME', type eq 'TYPE', with "
				  "and between."));
}

/* --- ids --- */

static int lower_guid(const char *text, char out[static MACHINE_ID_LEN + 1])
{
	size_t i;

	if (strlen(text) != MACHINE_ID_LEN)
		return -EINVAL;
	for (i = 0; i < MACHINE_ID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return -EINVAL;
		out[i] = (char)tolower((unsigned char)text[i]);
	}
	out[i] = '\0';
	return 0;
}

/* Role definitions are every subscription's; only the GUID counts. */
static void definition_id(const char *scope, const char *role,
			  char out[static ARM_ID_MAX])
{
	static const char prefix[] = "/subscriptions/";
	size_t n = sizeof(prefix) - 1;

	if (strncasecmp(scope, prefix, n) != 0)
		n = 0;
	else
		n += strcspn(scope + n, "/");
	snprintf(out, ARM_ID_MAX, "%.*s/providers/" TYPE "roleDefinitions/%s",
		 (int)n, scope, role);
}

/* --- role definitions --- */

static void write_patterns(struct json_out *j, const char *key,
			   const char *const *list)
{
	json_array(j, key);
	for (; *list; list++)
		json_str(j, NULL, *list);
	json_close(j);
}

static void write_permissions(struct json_out *j, const struct role *role)
{
	write_patterns(j, "actions", role->actions);
	write_patterns(j, "notActions", role->not_actions);
	write_patterns(j, "dataActions", role->data_actions);
	write_patterns(j, "notDataActions", role->not_data_actions);
	if (role->condition) {
		json_str(j, "condition", role->condition);
		json_str(j, "conditionVersion", "2.0");
	}
}

static void write_definition(struct json_out *j, const char *scope,
			     const struct role *role)
{
	char id[ARM_ID_MAX];

	definition_id(scope, role->id, id);
	json_object(j, "properties");
	json_str(j, "roleName", role->name);
	json_str(j, "type", "BuiltInRole");
	json_str(j, "description", role->description);
	json_array(j, "assignableScopes");
	json_str(j, NULL, "/");
	json_close(j);
	json_array(j, "permissions");
	json_object(j, NULL);
	write_permissions(j, role);
	json_close(j);
	json_close(j);
	json_str(j, "createdOn", role->created);
	json_str(j, "updatedOn", role->updated);
	json_str(j, "createdBy", NULL);
	json_str(j, "updatedBy", NULL);
	json_close(j);
	json_str(j, "id", id);
	json_str(j, "type", TYPE "roleDefinitions");
	json_str(j, "name", role->id);
}

/* The one that comes after that id; NULL: none. */
static const struct role *next_role(const char *id)
{
	const struct role *best = NULL;
	size_t i;

	for (i = 0; i < n_builtin_roles; i++)
		if (strcmp(builtin_roles[i].id, id) > 0 &&
		    (!best || strcmp(builtin_roles[i].id, best->id) < 0))
			best = &builtin_roles[i];
	return best;
}

static int list_definitions(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	const struct role *role;
	struct terms t;
	int e = arm_list_init(r, &l);

	if (e == 0)
		e = get_terms(r, &t);
	if (e < 0)
		return e;
	for (role = next_role(""); role; role = next_role(role->id)) {
		if ((*t.role && strcasecmp(t.role, role->name) != 0) ||
		    (*t.type && strcasecmp(t.type, "BuiltInRole") != 0) ||
		    !arm_list_wants(&l, role->id))
			continue;
		json_object(&l.reply.j, NULL);
		write_definition(&l.reply.j, r->scope, role);
		json_close(&l.reply.j);
	}
	return arm_list_send(r, &l);
}

static const struct role *role_by_guid(const char *guid)
{
	char id[MACHINE_ID_LEN + 1];

	return lower_guid(guid, id) == 0 ? role_find(id) : NULL;
}

static int get_definition(struct arm_request *r)
{
	CLEANUP_ARM_REPLY struct arm_reply a = { 0 };
	const struct role *role = role_by_guid(r->names[0]);

	arm_reply_init(&a);
	if (!role)
		return arm_error(r, 404, "RoleDefinitionDoesNotExist",
				 "The specified role definition with ID '%s' "
				 "does not exist.",
				 r->names[0]);
	write_definition(&a.j, r->scope, role);
	return arm_reply_send(r, &a, 200);
}

static int put_definition(struct arm_request *r)
{
	return arm_error(r, 403, "RoleDefinitionLimitExceeded",
			 "This vault has the built-in roles only.");
}

/* --- what the caller may --- */

struct permissions {
	struct arm_request *r;
	struct arm_list *l;
};

static int write_permission(void *arg, const struct assignment *a)
{
	const struct permissions *p = arg;
	const struct role *role = role_find(a->role);

	if (!role || !scope_contains(a->scope, p->r->scope) ||
	    !arm_list_wants(p->l, a->id))
		return 0;
	json_object(&p->l->reply.j, NULL);
	write_permissions(&p->l->reply.j, role);
	json_close(&p->l->reply.j);
	return 0;
}

static int list_permissions(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	struct permissions p = { r, &l };
	int e = arm_list_init(r, &l);

	if (e == 0)
		e = assignments_list(r->v->db, r->caller->object,
				     write_permission, &p);
	return e < 0 ? e : arm_list_send(r, &l);
}

/* --- role assignments --- */

static void write_assignment(struct json_out *j, const struct assignment *a)
{
	char id[ARM_ID_MAX + 128], definition[ARM_ID_MAX];
	bool local = !strcmp(a->created_by, "local root");

	definition_id(a->scope, a->role, definition);
	snprintf(id, sizeof(id), "%s/providers/" TYPE "roleAssignments/%s",
		 strcmp(a->scope, "/") ? a->scope : "", a->id);
	json_object(j, "properties");
	json_str(j, "roleDefinitionId", definition);
	json_str(j, "principalId", a->principal);
	json_str(j, "principalType", a->type);
	json_str(j, "scope", a->scope);
	json_str(j, "condition", NULL);
	json_str(j, "conditionVersion", NULL);
	arm_time(j, "createdOn", a->created);
	arm_time(j, "updatedOn", a->updated);
	json_str(j, "createdBy", local ? NULL : a->created_by);
	local = !strcmp(a->updated_by, "local root");
	json_str(j, "updatedBy", local ? NULL : a->updated_by);
	json_str(j, "delegatedManagedIdentityResourceId", NULL);
	json_str(j, "description", *a->description ? a->description : NULL);
	json_close(j);
	json_str(j, "id", id);
	json_str(j, "type", TYPE "roleAssignments");
	json_str(j, "name", a->id);
}

static int send_assignment(struct arm_request *r, const struct assignment *a,
			   unsigned int status)
{
	CLEANUP_ARM_REPLY struct arm_reply reply = { 0 };

	arm_reply_init(&reply);
	write_assignment(&reply.j, a);
	return arm_reply_send(r, &reply, status);
}

struct listing {
	struct arm_request *r;
	struct arm_list *l;
	struct terms t;
};

static int list_one(void *arg, const struct assignment *a)
{
	const struct listing *x = arg;
	bool above = scope_contains(a->scope, x->r->scope);
	bool below = scope_contains(x->r->scope, a->scope);

	if (!(above || (below && !x->t.at_scope)) ||
	    !arm_list_wants(x->l, a->id))
		return 0;
	json_object(&x->l->reply.j, NULL);
	write_assignment(&x->l->reply.j, a);
	json_close(&x->l->reply.j);
	return 0;
}

static int list_assignments(struct arm_request *r)
{
	CLEANUP_ARM_LIST struct arm_list l = { 0 };
	struct listing x = { .r = r, .l = &l };
	int e = arm_list_init(r, &l);

	if (e == 0)
		e = get_terms(r, &x.t);
	if (e == 0)
		e = assignments_list(r->v->db,
				     *x.t.principal ? x.t.principal : NULL,
				     list_one, &x);
	return e < 0 ? e : arm_list_send(r, &l);
}

/* -ENOENT: none of that id, or it is of another scope. */
static int find_assignment(struct arm_request *r, struct assignment *out)
{
	char id[MACHINE_ID_LEN + 1];
	int e = lower_guid(r->names[0], id);

	if (e == 0)
		e = assignment_get(r->v->db, id, out);
	if (e == 0 && strcasecmp(out->scope, r->scope) != 0)
		e = -ENOENT;
	return e == -EINVAL ? -ENOENT : e;
}

static int get_assignment(struct arm_request *r)
{
	struct assignment a;
	int e = find_assignment(r, &a);

	if (e == -ENOENT)
		return arm_error(r, 404, "RoleAssignmentNotFound",
				 "The role assignment '%s' is not found.",
				 r->names[0]);
	return e < 0 ? e : send_assignment(r, &a, 200);
}

static int must_be_assignable(struct arm_request *r, const char *role,
			      bool is_delete)
{
	int n = rbac_may_assign(r->v->db, r->caller, r->scope, role_find(role),
				is_delete);

	if (n != 0)
		return MIN(n, 0);
	return rbac_refuse(r->x, r->v, r->caller, r->action, r->path);
}

static int delete_assignment(struct arm_request *r)
{
	struct assignment a;
	int e = find_assignment(r, &a);

	if (e == 0)
		e = must_be_assignable(r, a.role, true);
	if (e == 0)
		e = assignment_remove(r->v->db, a.id, r->actor, &a);
	if (e == -ENOENT)
		return arm_reply_empty(r, 204);
	return e < 0 ? e : send_assignment(r, &a, 200);
}

static int bad(struct arm_request *r, const char *code, const char *text)
{
	return arm_done(arm_error(r, 400, code, "%s", text));
}

static int take_role(struct arm_request *r, struct assignment *a)
{
	const char *id = arm_get_text(r->body, "properties.roleDefinitionId")
				 ?: "";
	const char *guid = strrchr(id, '/');
	const struct role *role = role_by_guid(guid ? guid + 1 : id);

	if (!role)
		return arm_done(arm_error(r, 404, "RoleDefinitionDoesNotExist",
					  "The specified role definition with "
					  "ID '%.200s' does not exist.",
					  id));
	snprintf(a->role, sizeof(a->role), "%s", role->id);
	return 0;
}

static int take_principal(struct arm_request *r, struct assignment *a)
{
	const char *id = arm_get_text(r->body, "properties.principalId") ?: "";
	const char *type = arm_get_text(r->body, "properties.principalType");
	struct principal p;
	int e = lower_guid(id, a->principal);

	if (e == 0)
		e = principal_get(r->v->db, a->principal, &p);
	if (e == -ENOENT || e == -EINVAL)
		return arm_done(arm_error(
			r, 400, "PrincipalNotFound",
			"Principal %.64s does not exist in the directory %s. "
			"Check that you have the correct principal ID.",
			id, r->caller->tenant));
	if (e < 0)
		return e;
	if (type && strcasecmp(type, "ServicePrincipal") != 0 &&
	    !(p.kind == PRINCIPAL_OUTSIDE && !strcasecmp(type, "User")))
		return arm_done(arm_error(
			r, 400, "UnmatchedPrincipalType",
			"The PrincipalId '%s' has type 'ServicePrincipal', "
			"which is different from specified PrincipalType "
			"'%.32s'.",
			p.id, type));
	snprintf(a->type, sizeof(a->type), "%s",
		 type && !strcasecmp(type, "User") ? "User"
						   : "ServicePrincipal");
	return 0;
}

static int take_assignment(struct arm_request *r, struct assignment *a)
{
	const char *text = arm_get_text(r->body, "properties.description");
	int e;

	if (lower_guid(r->names[0], a->id) < 0)
		return bad(r, "InvalidRoleAssignmentId",
			   "The role assignment ID is not valid. It must be a "
			   "GUID.");
	if (scope_normal(r->scope, a->scope) < 0)
		return bad(r, "InvalidScope", "The scope is not valid.");
	if (arm_get_text(r->body, "properties.condition"))
		return bad(r, "ConditionNotSupported",
			   "This vault knows no conditions on role "
			   "assignments, and would not keep to one.");
	if (text && strlen(text) > DESCRIPTION_MAX)
		return bad(r, "InvalidDescription",
			   "The description is too long.");
	snprintf(a->description, sizeof(a->description), "%s", text ?: "");
	e = take_role(r, a);
	return e < 0 ? e : take_principal(r, a);
}

static int put_assignment(struct arm_request *r)
{
	struct assignment a = { .by = r->caller->object, .actor = r->actor };
	int e = arm_need_body(r);

	if (e == 0)
		e = take_assignment(r, &a);
	if (e == 0)
		e = must_be_assignable(r, a.role, false);
	if (e == 0)
		e = assignment_add(r->v->db, &a);
	if (e == -EEXIST)
		return arm_error(r, 409, "RoleAssignmentExists",
				 "The role assignment already exists.");
	if (e == -EPERM)
		return arm_error(r, 409, "RoleAssignmentUpdateNotPermitted",
				 "Tenant ID, application ID, principal ID, and "
				 "scope are not allowed to be updated.");
	return e < 0 ? e : send_assignment(r, &a, e == 1 ? 201 : 200);
}

static const struct arm_route routes[] = {
	{ "GET", ARM_ANYWHERE, TYPE "roleDefinitions", list_definitions, NULL },
	{ "GET", ARM_ANYWHERE, TYPE "roleDefinitions/{}", get_definition,
	  NULL },
	{ "PUT", ARM_ANYWHERE, TYPE "roleDefinitions/{}", put_definition,
	  NULL },
	{ "GET", ARM_ANYWHERE | ARM_PUBLIC, TYPE "permissions",
	  list_permissions, NULL },
	{ "GET", ARM_ANYWHERE, TYPE "roleAssignments", list_assignments, NULL },
	{ "GET", ARM_ANYWHERE, TYPE "roleAssignments/{}", get_assignment,
	  NULL },
	{ "PUT", ARM_ANYWHERE, TYPE "roleAssignments/{}", put_assignment,
	  NULL },
	{ "DELETE", ARM_ANYWHERE, TYPE "roleAssignments/{}", delete_assignment,
	  NULL },
};

const struct arm_table authorization_table = { routes, ARRAY_LEN(routes) };
