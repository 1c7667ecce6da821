/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.h - who asks Azure Resource Manager, and whether they may.
 *
 * The one place where its requests meet identities and roles.
 *
 * Errors:  -ECANCELED: refused, and answered. Others are logged.
 */
#ifndef VAULT_ARM_ACCESS_H
#define VAULT_ARM_ACCESS_H

#include "vault/arm/arm.h"

/* Set r's caller and actor; 401 is answered. */
MUST_CHECK int access_caller(struct arm_request *r);
void access_release(struct arm_request *r);
/* Of the caller. */
const char *access_tenant(const struct arm_request *r);
/* Has the caller any right on this scope, above, or below it? 1, 0, or
 * negative errno: what it may list. */
MUST_CHECK int access_sees(struct arm_request *r, const char *scope);

#endif /* VAULT_ARM_ACCESS_H */
