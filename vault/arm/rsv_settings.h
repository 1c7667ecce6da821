/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv_settings.h - securitySettings of a vault: settings.h in Azure's words.
 *
 * Errors:  -ECANCELED: refused, and answered. Others are logged.
 */
#ifndef VAULT_ARM_RSV_SETTINGS_H
#define VAULT_ARM_RSV_SETTINGS_H

#include "vault/arm/arm.h"

/* "securitySettings", within "properties". */
MUST_CHECK int rsv_settings_write(struct json_out *j, struct db *db,
				  const char *vault);
/* Are they words that can be read, if there are any? */
MUST_CHECK int rsv_settings_check(struct arm_request *r);
/* What the request's body says of them. */
MUST_CHECK int rsv_settings_change(struct arm_request *r, const char *vault);

/* The same as backupconfig/vaultconfig has it. */
MUST_CHECK int rsv_config_write(struct json_out *j, struct db *db,
				const char *vault);
MUST_CHECK int rsv_config_change(struct arm_request *r, const char *vault);

#endif /* VAULT_ARM_RSV_SETTINGS_H */
