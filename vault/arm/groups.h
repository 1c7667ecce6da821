/* SPDX-License-Identifier: Apache-2.0 */
/*
 * groups.h - subscriptions and resource groups: where resources are.
 *
 * A vault's database has one subscription, and one resource group in it that
 * holds the vault that is made with it. Groups can be added, and removed when
 * they hold nothing.
 *
 * Errors:  -ENOENT: not there. Others are logged.
 * Threads: any.
 */
#ifndef VAULT_ARM_GROUPS_H
#define VAULT_ARM_GROUPS_H

#include "vault/arm/arm.h"
#include "vault/machines/machines.h"

#define GROUP_NAME_MAX 90

extern const struct arm_table group_table;

/* Those of the request's id. -ECANCELED: not there; that was answered. */
MUST_CHECK int subscription_check(struct arm_request *r);
MUST_CHECK int group_check(struct arm_request *r);
/* The group's name as it was made. */
MUST_CHECK int group_find(struct db *db, const char *subscription,
			  const char *name,
			  char out[static GROUP_NAME_MAX + 1]);

#endif /* VAULT_ARM_GROUPS_H */
