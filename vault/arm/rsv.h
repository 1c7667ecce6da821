/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsv.h - Microsoft.RecoveryServices/vaults: each vault of machines.h is one.
 *
 * What machines do with a vault is told here in the words of Azure Backup: a
 * machine is a container of the kind MAB (the agent of Windows servers is
 * called so) with one protected item, and a head that came with a snapshot is
 * a recovery point.
 *
 * Errors:  -ECANCELED: it is not there; that was answered. Others are logged.
 * Memory:  rsv_release().
 * Source:  azure-rest-api-specs, recoveryservices and recoveryservicesbackup,
 *          2024-04-01.
 */
#ifndef VAULT_ARM_RSV_H
#define VAULT_ARM_RSV_H

#include "vault/arm/arm.h"
#include "vault/machines/machines.h"

#define RSV_ETAG_MAX 64

struct rsv {
	char id[MACHINE_ID_LEN + 1]; /* of machines.h */
	char name[MACHINE_NAME_MAX + 1];
	char path[ARM_ID_MAX]; /* of the resource, as it was made */
	char principal[MACHINE_ID_LEN + 1]; /* managed identity; or "" */
	char location[91];
	char *tags; /* JSON */
	int64_t created, changed, version;
	uint8_t integrity[16];
};
#define CLEANUP_RSV CLEANUP(rsv_release)

/* The first vault that the request's id names. */
MUST_CHECK int rsv_find(struct arm_request *r, struct rsv *out);
void rsv_release(struct rsv *v);
void rsv_etag(const struct rsv *v, char out[static RSV_ETAG_MAX]);

extern const struct arm_table rsv_table;	/* the vault */
extern const struct arm_table rsv_parts_table;	/* what is one of each */
extern const struct arm_table rsv_policy_table; /* backupPolicies */
extern const struct arm_table rsv_item_table;	/* items and containers */
extern const struct arm_table rsv_point_table;	/* recovery points */
extern const struct arm_table rsv_job_table;	/* backupJobs */

/* What an administrator had done to a machine, as a job. Within db_write(). */
MUST_CHECK int rsv_job_add(struct db *db, const char *vault,
			   const char *machine, const char *entity,
			   const char *operation,
			   char id[static MACHINE_ID_LEN + 1]);

#endif /* VAULT_ARM_RSV_H */
