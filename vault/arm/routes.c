/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes.c - every room's part of Azure Resource Manager.
 */
#include "vault/arm/arm.h"
#include "vault/arm/groups.h"
#include "vault/arm/providers.h"
#include "vault/arm/rsv.h"
#include "vault/identity/authorization.h"

const struct arm_table *const arm_tables[] = {
	&group_table,	  &provider_table,   &rsv_table,
	&rsv_parts_table, &rsv_item_table,   &rsv_job_table,
	&rsv_point_table, &rsv_policy_table, &authorization_table,
};
const size_t n_arm_tables = ARRAY_LEN(arm_tables);
