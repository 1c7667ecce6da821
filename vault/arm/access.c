/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.c - who asks Azure Resource Manager, and whether they may: nobody,
 * as long as there are no identities.
 */
#include "vault/arm/access.h"

#include <errno.h>

int access_caller(struct arm_request *r)
{
	return arm_done(arm_error(r, 401, "AuthenticationFailed",
				  "Authentication failed: this vault knows no "
				  "identities."));
}

void access_release(struct arm_request *r)
{
	r->caller = NULL;
}

const char *access_tenant(const struct arm_request *r)
{
	(void)r;
	return "00000000-0000-0000-0000-000000000000";
}

int access_sees(struct arm_request *r, const char *scope)
{
	(void)r;
	(void)scope;
	return 0;
}

int arm_allows(struct arm_request *r, const char *action, const char *resource)
{
	(void)r;
	(void)action;
	(void)resource;
	return 0;
}

int arm_require(struct arm_request *r, const char *action, const char *resource)
{
	return arm_done(arm_error(
		r, 403, "AuthorizationFailed",
		"There is no authorization to perform action '%s' over scope "
		"'%s'.",
		action, resource));
}
