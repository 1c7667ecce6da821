/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.c - who asks Azure Resource Manager, and whether they may.
 */
#include "vault/arm/access.h"

#include <errno.h>

#include "vault/identity/rbac.h"

int access_caller(struct arm_request *r)
{
	struct caller *c = calloc(1, sizeof(*c));
	int e;

	if (!c)
		return -ENOMEM;
	r->caller = c;
	e = caller_of(r->x, r->v, AUDIENCE_ARM, c);
	r->actor = c->actor;
	return e;
}

void access_release(struct arm_request *r)
{
	free((struct caller *)(uintptr_t)r->caller);
	r->caller = NULL;
}

const char *access_tenant(const struct arm_request *r)
{
	return r->caller->tenant;
}

static int touches(void *arg, const struct assignment *a)
{
	const char *scope = arg;

	return scope_contains(a->scope, scope) ||
	       scope_contains(scope, a->scope);
}

/* Whoever has a role somewhere below can find the way there. */
int access_sees(struct arm_request *r, const char *scope)
{
	char normal[SCOPE_MAX + 1];
	int e = scope_normal(scope, normal);

	return e < 0 ? e
		     : assignments_list(r->v->db, r->caller->object, touches,
					normal);
}

int arm_allows(struct arm_request *r, const char *action, const char *resource)
{
	return rbac_allows(r->v->db, r->caller, action, resource);
}

int arm_require(struct arm_request *r, const char *action, const char *resource)
{
	return rbac_authorize(r->x, r->v, r->caller, action, resource);
}
