/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.c - every room's part of Azure Resource Manager.
 */
#include "vault/arm/arm.h"
#include "vault/arm/groups.h"
#include "vault/identity/authorization.h"

const struct arm_table *const arm_tables[] = { &group_table,
					       &authorization_table };
const size_t n_arm_tables = ARRAY_LEN(arm_tables);
