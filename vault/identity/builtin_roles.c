/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builtin_roles.c - Azure's built-in roles that concern a vault, as Azure
 * lists them.
 */
#include "vault/identity/roles.h"

#include "base/macros.h"

static const char *const none[] = { NULL };

static const char *const owner_actions[] = {
	"*",
	NULL,
};

static const char *const contributor_actions[] = {
	"*",
	NULL,
};

static const char *const contributor_not[] = {
	"Microsoft.Authorization/*/Delete",
	"Microsoft.Authorization/*/Write",
	"Microsoft.Authorization/elevateAccess/Action",
	"Microsoft.Blueprint/blueprintAssignments/write",
	"Microsoft.Blueprint/blueprintAssignments/delete",
	"Microsoft.Compute/galleries/share/action",
	"Microsoft.Purview/consents/write",
	"Microsoft.Purview/consents/delete",
	"Microsoft.Resources/deploymentStacks/manageDenySetting/action",
	"Microsoft.Subscription/cancel/action",
	"Microsoft.Subscription/enable/action",
	NULL,
};

static const char *const reader_actions[] = {
	"*/read",
	NULL,
};

static const char *const user_access_administrator_actions[] = {
	"*/read",
	"Microsoft.Authorization/*",
	"Microsoft.Support/*",
	NULL,
};

static const char *const rbac_administrator_actions[] = {
	"Microsoft.Authorization/roleAssignments/write",
	"Microsoft.Authorization/roleAssignments/delete",
	"*/read",
	"Microsoft.Support/*",
	NULL,
};

static const char *const backup_contributor_actions[] = {
	"Microsoft.Authorization/*/read",
	"Microsoft.Network/virtualNetworks/read",
	"Microsoft.RecoveryServices/locations/*",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/operationResults/*",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"*",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/refreshContainers/"
	"action",
	"Microsoft.RecoveryServices/Vaults/backupJobs/*",
	"Microsoft.RecoveryServices/Vaults/backupJobsExport/action",
	"Microsoft.RecoveryServices/Vaults/backupOperationResults/*",
	"Microsoft.RecoveryServices/Vaults/backupPolicies/*",
	"Microsoft.RecoveryServices/Vaults/backupProtectableItems/*",
	"Microsoft.RecoveryServices/Vaults/backupProtectedItems/*",
	"Microsoft.RecoveryServices/Vaults/backupProtectionContainers/*",
	"Microsoft.RecoveryServices/Vaults/backupSecurityPIN/*",
	"Microsoft.RecoveryServices/Vaults/backupUsageSummaries/read",
	"Microsoft.RecoveryServices/Vaults/certificates/*",
	"Microsoft.RecoveryServices/Vaults/extendedInformation/*",
	"Microsoft.RecoveryServices/Vaults/monitoringAlerts/read",
	"Microsoft.RecoveryServices/Vaults/monitoringConfigurations/*",
	"Microsoft.RecoveryServices/Vaults/read",
	"Microsoft.RecoveryServices/Vaults/registeredIdentities/*",
	"Microsoft.RecoveryServices/Vaults/usages/*",
	"Microsoft.Resources/deployments/*",
	"Microsoft.Resources/subscriptions/resourceGroups/read",
	"Microsoft.Storage/storageAccounts/read",
	"Microsoft.RecoveryServices/Vaults/backupstorageconfig/*",
	"Microsoft.RecoveryServices/Vaults/backupconfig/*",
	"Microsoft.RecoveryServices/Vaults/backupValidateOperation/action",
	"Microsoft.RecoveryServices/Vaults/write",
	"Microsoft.RecoveryServices/Vaults/backupOperations/read",
	"Microsoft.RecoveryServices/Vaults/backupEngines/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/"
	"backupProtectionIntent/*",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectableContainers/"
	"read",
	"Microsoft.RecoveryServices/vaults/operationStatus/read",
	"Microsoft.RecoveryServices/vaults/operationResults/read",
	"Microsoft.RecoveryServices/locations/backupStatus/action",
	"Microsoft.RecoveryServices/locations/backupPreValidateProtection/"
	"action",
	"Microsoft.RecoveryServices/locations/backupValidateFeatures/action",
	"Microsoft.RecoveryServices/Vaults/monitoringAlerts/write",
	"Microsoft.RecoveryServices/operations/read",
	"Microsoft.RecoveryServices/locations/operationStatus/read",
	"Microsoft.RecoveryServices/Vaults/backupProtectionIntents/read",
	"Microsoft.Support/*",
	"Microsoft.DataProtection/locations/getBackupStatus/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/write",
	"Microsoft.DataProtection/backupVaults/backupInstances/delete",
	"Microsoft.DataProtection/backupVaults/backupInstances/read",
	"Microsoft.DataProtection/backupVaults/deletedBackupInstances/read",
	"Microsoft.DataProtection/backupVaults/deletedBackupInstances/undelete/"
	"action",
	"Microsoft.DataProtection/backupVaults/backupInstances/backup/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/validateRestore/"
	"action",
	"Microsoft.DataProtection/backupVaults/backupInstances/restore/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/crossRegionRestore/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/validateCrossRegionRestore/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchCrossRegionRestoreJobs/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchCrossRegionRestoreJob/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchSecondaryRecoveryPoints/action",
	"Microsoft.DataProtection/backupVaults/backupPolicies/write",
	"Microsoft.DataProtection/backupVaults/backupPolicies/delete",
	"Microsoft.DataProtection/backupVaults/backupPolicies/read",
	"Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/"
	"read",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"findRestorableTimeRanges/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"operationResults/read",
	"Microsoft.DataProtection/backupVaults/write",
	"Microsoft.DataProtection/backupVaults/read",
	"Microsoft.DataProtection/backupVaults/operationResults/read",
	"Microsoft.DataProtection/backupVaults/operationStatus/read",
	"Microsoft.DataProtection/locations/checkNameAvailability/action",
	"Microsoft.DataProtection/locations/checkFeatureSupport/action",
	"Microsoft.DataProtection/locations/operationStatus/read",
	"Microsoft.DataProtection/locations/operationResults/read",
	"Microsoft.DataProtection/backupVaults/validateForBackup/action",
	"Microsoft.DataProtection/operations/read",
	"Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/delete",
	"Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/read",
	"Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/"
	"unlockDelete/action",
	"Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/write",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/read",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"write",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"delete",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"unlockDelete/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"validateForModifyBackup/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/SuspendBackups/"
	"action",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"resumeProtection/action",
	NULL,
};

static const char *const backup_operator_actions[] = {
	"Microsoft.Authorization/*/read",
	"Microsoft.Network/virtualNetworks/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/operationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"operationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/backup/action",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/operationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/operationsStatus/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/recoveryPoints/provisionInstantItemRecovery/action",
	"Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/"
	"protectedItems/recoveryPoints/accessToken/action",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/recoveryPoints/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/recoveryPoints/restore/action",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/recoveryPoints/revokeInstantItemRecovery/action",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/write",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/refreshContainers/"
	"action",
	"Microsoft.RecoveryServices/Vaults/backupJobs/*",
	"Microsoft.RecoveryServices/Vaults/backupJobsExport/action",
	"Microsoft.RecoveryServices/Vaults/backupOperationResults/*",
	"Microsoft.RecoveryServices/Vaults/backupPolicies/operationResults/"
	"read",
	"Microsoft.RecoveryServices/Vaults/backupPolicies/read",
	"Microsoft.RecoveryServices/Vaults/backupProtectableItems/*",
	"Microsoft.RecoveryServices/Vaults/backupProtectedItems/read",
	"Microsoft.RecoveryServices/Vaults/backupProtectionContainers/read",
	"Microsoft.RecoveryServices/Vaults/backupUsageSummaries/read",
	"Microsoft.RecoveryServices/Vaults/certificates/write",
	"Microsoft.RecoveryServices/Vaults/extendedInformation/read",
	"Microsoft.RecoveryServices/Vaults/extendedInformation/write",
	"Microsoft.RecoveryServices/Vaults/monitoringAlerts/read",
	"Microsoft.RecoveryServices/Vaults/monitoringConfigurations/*",
	"Microsoft.RecoveryServices/Vaults/read",
	"Microsoft.RecoveryServices/Vaults/registeredIdentities/"
	"operationResults/read",
	"Microsoft.RecoveryServices/Vaults/registeredIdentities/read",
	"Microsoft.RecoveryServices/Vaults/registeredIdentities/write",
	"Microsoft.RecoveryServices/Vaults/usages/read",
	"Microsoft.Resources/deployments/*",
	"Microsoft.Resources/subscriptions/resourceGroups/read",
	"Microsoft.Storage/storageAccounts/read",
	"Microsoft.RecoveryServices/Vaults/backupstorageconfig/*",
	"Microsoft.RecoveryServices/Vaults/backupValidateOperation/action",
	"Microsoft.RecoveryServices/Vaults/backupTriggerValidateOperation/"
	"action",
	"Microsoft.RecoveryServices/Vaults/backupValidateOperationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupValidateOperationsStatuses/"
	"read",
	"Microsoft.RecoveryServices/Vaults/backupOperations/read",
	"Microsoft.RecoveryServices/Vaults/backupPolicies/operations/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"write",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"inquire/action",
	"Microsoft.RecoveryServices/Vaults/backupEngines/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/"
	"backupProtectionIntent/write",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/"
	"backupProtectionIntent/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectableContainers/"
	"read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"items/read",
	"Microsoft.RecoveryServices/locations/backupStatus/action",
	"Microsoft.RecoveryServices/locations/backupPreValidateProtection/"
	"action",
	"Microsoft.RecoveryServices/locations/backupValidateFeatures/action",
	"Microsoft.RecoveryServices/locations/backupAadProperties/read",
	"Microsoft.RecoveryServices/locations/backupCrrJobs/action",
	"Microsoft.RecoveryServices/locations/backupCrrJob/action",
	"Microsoft.RecoveryServices/locations/backupCrossRegionRestore/action",
	"Microsoft.RecoveryServices/locations/backupCrrOperationResults/read",
	"Microsoft.RecoveryServices/locations/backupCrrOperationsStatus/read",
	"Microsoft.RecoveryServices/Vaults/monitoringAlerts/write",
	"Microsoft.RecoveryServices/operations/read",
	"Microsoft.RecoveryServices/locations/operationStatus/read",
	"Microsoft.RecoveryServices/Vaults/backupProtectionIntents/read",
	"Microsoft.Support/*",
	"Microsoft.DataProtection/backupVaults/backupInstances/read",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"operationResults/read",
	"Microsoft.DataProtection/backupVaults/backupInstances/write",
	"Microsoft.DataProtection/backupVaults/deletedBackupInstances/read",
	"Microsoft.DataProtection/backupVaults/backupPolicies/read",
	"Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/"
	"read",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"findRestorableTimeRanges/action",
	"Microsoft.DataProtection/backupVaults/read",
	"Microsoft.DataProtection/backupVaults/operationResults/read",
	"Microsoft.DataProtection/backupVaults/operationStatus/read",
	"Microsoft.DataProtection/locations/operationStatus/read",
	"Microsoft.DataProtection/locations/operationResults/read",
	"Microsoft.DataProtection/operations/read",
	"Microsoft.DataProtection/backupVaults/validateForBackup/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/backup/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/validateRestore/"
	"action",
	"Microsoft.DataProtection/backupVaults/backupInstances/restore/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/crossRegionRestore/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/validateCrossRegionRestore/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchCrossRegionRestoreJobs/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchCrossRegionRestoreJob/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchSecondaryRecoveryPoints/action",
	"Microsoft.DataProtection/locations/checkFeatureSupport/action",
	"Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/delete",
	"Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/read",
	"Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/"
	"unlockDelete/action",
	"Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/write",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/read",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"write",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"delete",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"unlockDelete/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"validateForModifyBackup/action",
	NULL,
};

static const char *const backup_reader_actions[] = {
	"Microsoft.Authorization/*/read",
	"Microsoft.RecoveryServices/locations/allocatedStamp/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/operationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/operationsStatus/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"operationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/operationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/operationsStatus/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"protectedItems/recoveryPoints/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"read",
	"Microsoft.RecoveryServices/Vaults/backupJobs/operationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupJobs/read",
	"Microsoft.RecoveryServices/Vaults/backupJobsExport/action",
	"Microsoft.RecoveryServices/Vaults/backupOperationResults/read",
	"Microsoft.RecoveryServices/Vaults/backupPolicies/operationResults/"
	"read",
	"Microsoft.RecoveryServices/Vaults/backupPolicies/read",
	"Microsoft.RecoveryServices/Vaults/backupProtectedItems/read",
	"Microsoft.RecoveryServices/Vaults/backupProtectionContainers/read",
	"Microsoft.RecoveryServices/Vaults/backupUsageSummaries/read",
	"Microsoft.RecoveryServices/Vaults/extendedInformation/read",
	"Microsoft.RecoveryServices/Vaults/monitoringAlerts/read",
	"Microsoft.RecoveryServices/Vaults/read",
	"Microsoft.RecoveryServices/Vaults/registeredIdentities/"
	"operationResults/read",
	"Microsoft.RecoveryServices/Vaults/registeredIdentities/read",
	"Microsoft.RecoveryServices/Vaults/backupstorageconfig/read",
	"Microsoft.RecoveryServices/Vaults/backupconfig/read",
	"Microsoft.RecoveryServices/Vaults/backupOperations/read",
	"Microsoft.RecoveryServices/Vaults/backupPolicies/operations/read",
	"Microsoft.RecoveryServices/Vaults/backupEngines/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/"
	"backupProtectionIntent/read",
	"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/"
	"items/read",
	"Microsoft.RecoveryServices/locations/backupStatus/action",
	"Microsoft.RecoveryServices/Vaults/monitoringConfigurations/*",
	"Microsoft.RecoveryServices/Vaults/monitoringAlerts/write",
	"Microsoft.RecoveryServices/operations/read",
	"Microsoft.RecoveryServices/locations/operationStatus/read",
	"Microsoft.RecoveryServices/Vaults/backupProtectionIntents/read",
	"Microsoft.RecoveryServices/Vaults/usages/read",
	"Microsoft.RecoveryServices/locations/backupValidateFeatures/action",
	"Microsoft.RecoveryServices/locations/backupCrrJobs/action",
	"Microsoft.RecoveryServices/locations/backupCrrJob/action",
	"Microsoft.RecoveryServices/locations/backupCrrOperationResults/read",
	"Microsoft.RecoveryServices/locations/backupCrrOperationsStatus/read",
	"Microsoft.DataProtection/locations/getBackupStatus/action",
	"Microsoft.DataProtection/backupVaults/backupInstances/read",
	"Microsoft.DataProtection/backupVaults/deletedBackupInstances/read",
	"Microsoft.DataProtection/backupVaults/backupPolicies/read",
	"Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints/"
	"read",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"operationResults/read",
	"Microsoft.DataProtection/backupVaults/backupInstances/"
	"findRestorableTimeRanges/action",
	"Microsoft.DataProtection/backupVaults/read",
	"Microsoft.DataProtection/backupVaults/operationResults/read",
	"Microsoft.DataProtection/backupVaults/operationStatus/read",
	"Microsoft.DataProtection/locations/operationStatus/read",
	"Microsoft.DataProtection/locations/operationResults/read",
	"Microsoft.DataProtection/operations/read",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchCrossRegionRestoreJobs/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchCrossRegionRestoreJob/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/fetchSecondaryRecoveryPoints/action",
	"Microsoft.DataProtection/locations/checkFeatureSupport/action",
	NULL,
};

static const char *const backup_mua_admin_actions[] = {
	"Microsoft.DataProtection/*/read",
	"Microsoft.DataProtection/*/resourceGuards/write",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"resourceGuards/write",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"resourceGuards/delete",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"resourceGuards/read",
	"Microsoft.DataProtection/locations/operationResults/read",
	"Microsoft.DataProtection/locations/operationStatus/read",
	"Microsoft.DataProtection/locations/getBackupStatus/action",
	"Microsoft.DataProtection/locations/checkFeatureSupport/action",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"locations/operationStatus/read",
	"Microsoft.Authorization/*/read",
	"Microsoft.Features/features/read",
	"Microsoft.Features/providers/features/read",
	"Microsoft.ResourceHealth/availabilityStatuses/read",
	"Microsoft.Resources/deployments/operations/read",
	"Microsoft.Resources/subscriptions/operationresults/read",
	"Microsoft.Resources/subscriptions/read",
	"Microsoft.Resources/subscriptions/resourcegroups/deployments/*",
	"Microsoft.Resources/subscriptions/resourceGroups/read",
	"Microsoft.Resources/deployments/*",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/read",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"write",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"delete",
	"Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/"
	"unlockDelete/action",
	"Microsoft.DataProtection/subscriptions/providers/resourceGuards/read",
	"Microsoft.DataProtection/subscriptions/resourceGroups/providers/"
	"resourceGuards/{operationName}/read",
	NULL,
};

static const char *const backup_mua_operator_actions[] = {
	"Microsoft.DataProtection/*/action",
	"Microsoft.DataProtection/*/read",
	"Microsoft.Authorization/*/read",
	NULL,
};

static const char *const key_vault_administrator_actions[] = {
	"Microsoft.Authorization/*/read",
	"Microsoft.Insights/alertRules/*",
	"Microsoft.Resources/deployments/*",
	"Microsoft.Resources/subscriptions/resourceGroups/read",
	"Microsoft.Support/*",
	"Microsoft.KeyVault/checkNameAvailability/read",
	"Microsoft.KeyVault/deletedVaults/read",
	"Microsoft.KeyVault/locations/*/read",
	"Microsoft.KeyVault/vaults/*/read",
	"Microsoft.KeyVault/operations/read",
	NULL,
};

static const char *const key_vault_administrator_data[] = {
	"Microsoft.KeyVault/vaults/*",
	NULL,
};

static const char *const key_vault_contributor_actions[] = {
	"Microsoft.Authorization/*/read",
	"Microsoft.Insights/alertRules/*",
	"Microsoft.KeyVault/*",
	"Microsoft.Resources/deployments/*",
	"Microsoft.Resources/subscriptions/resourceGroups/read",
	"Microsoft.Support/*",
	NULL,
};

static const char *const key_vault_contributor_not[] = {
	"Microsoft.KeyVault/locations/deletedVaults/purge/action",
	"Microsoft.KeyVault/hsmPools/*",
	"Microsoft.KeyVault/managedHsms/*",
	NULL,
};

static const char *const key_vault_data_access_administrator_actions[] = {
	"Microsoft.Authorization/roleAssignments/write",
	"Microsoft.Authorization/roleAssignments/delete",
	"Microsoft.Authorization/*/read",
	"Microsoft.Resources/deployments/*",
	"Microsoft.Resources/subscriptions/resourceGroups/read",
	"Microsoft.Resources/subscriptions/read",
	"Microsoft.Management/managementGroups/read",
	"Microsoft.Support/*",
	"Microsoft.KeyVault/vaults/*/read",
	NULL,
};

static const char *const key_vault_data_access_administrator_assignable[] = {
	"00482a5a-887f-4fb3-b363-3b7fe8e74483",
	"a4417e6f-fecd-4de8-b567-7b0420556985",
	"14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
	"e147488a-f6f5-4113-8e2d-b22465e65bf6",
	"12338af0-0e69-4776-bea7-57ae8d297424",
	"21090545-7ca7-4776-b22c-e363652d74d2",
	"b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
	"4633458b-17de-408a-b874-0445c86b69e6",
	NULL,
};

static const char *const key_vault_reader_actions[] = {
	"Microsoft.Authorization/*/read",
	"Microsoft.Insights/alertRules/*",
	"Microsoft.Resources/subscriptions/resourceGroups/read",
	"Microsoft.Support/*",
	"Microsoft.KeyVault/checkNameAvailability/read",
	"Microsoft.KeyVault/deletedVaults/read",
	"Microsoft.KeyVault/locations/*/read",
	"Microsoft.KeyVault/vaults/*/read",
	"Microsoft.KeyVault/operations/read",
	NULL,
};

static const char *const key_vault_reader_data[] = {
	"Microsoft.KeyVault/vaults/*/read",
	"Microsoft.KeyVault/vaults/secrets/readMetadata/action",
	NULL,
};

static const char *const key_vault_secrets_officer_actions[] = {
	"Microsoft.Authorization/*/read",
	"Microsoft.Insights/alertRules/*",
	"Microsoft.Resources/deployments/*",
	"Microsoft.Resources/subscriptions/resourceGroups/read",
	"Microsoft.Support/*",
	"Microsoft.KeyVault/checkNameAvailability/read",
	"Microsoft.KeyVault/deletedVaults/read",
	"Microsoft.KeyVault/locations/*/read",
	"Microsoft.KeyVault/vaults/*/read",
	"Microsoft.KeyVault/operations/read",
	NULL,
};

static const char *const key_vault_secrets_officer_data[] = {
	"Microsoft.KeyVault/vaults/secrets/*",
	NULL,
};

static const char *const key_vault_secrets_user_data[] = {
	"Microsoft.KeyVault/vaults/secrets/getSecret/action",
	"Microsoft.KeyVault/vaults/secrets/readMetadata/action",
	NULL,
};

const struct role builtin_roles[] = {
	{
		.id = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
		.name = "Owner",
		.description =
			"Grants full access to manage all resources, including "
			"the ability to assign roles in Azure RBAC.",
		.created = "2015-02-02T21:55:09Z",
		.updated = "2021-11-11T20:13:45Z",
		.actions = owner_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "b24988ac-6180-42a0-ab88-20f7382dd24c",
		.name = "Contributor",
		.description = "Grants full access to manage all resources, "
			       "but does not allow you to assign roles in "
			       "Azure RBAC, manage assignments in Azure "
			       "Blueprints, or share image galleries.",
		.created = "2015-02-02T21:55:09Z",
		.updated = "2024-11-19T20:03:30Z",
		.actions = contributor_actions,
		.not_actions = contributor_not,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "acdd72a7-3385-48ef-bd42-f606fba81ae7",
		.name = "Reader",
		.description = "View all resources, but does not allow you to "
			       "make any changes.",
		.created = "2015-02-02T21:55:09Z",
		.updated = "2021-11-11T20:13:47Z",
		.actions = reader_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
		.name = "User Access Administrator",
		.description =
			"Lets you manage user access to Azure resources.",
		.created = "2015-02-02T21:55:09Z",
		.updated = "2021-11-11T20:13:57Z",
		.actions = user_access_administrator_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
		.name = "Role Based Access Control Administrator",
		.description =
			"Manage access to Azure resources by assigning roles "
			"using Azure RBAC. This role does not allow you to "
			"manage access using other ways, such as Azure Policy.",
		.created = "2022-09-07T00:28:32Z",
		.updated = "2023-11-08T20:50:17Z",
		.actions = rbac_administrator_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "5e467623-bb1f-42f4-a55d-6e525e11384b",
		.name = "Backup Contributor",
		.description = "Lets you manage backups, but can't delete "
			       "vaults and give access to others",
		.created = "2017-01-03T13:12:15Z",
		.updated = "2025-10-28T15:14:12Z",
		.actions = backup_contributor_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "00c29273-979b-4161-815c-10b084fb9324",
		.name = "Backup Operator",
		.description =
			"Lets you manage backup services, except removal of "
			"backup, vault creation and giving access to others",
		.created = "2017-01-03T13:21:11Z",
		.updated = "2025-01-27T16:01:21Z",
		.actions = backup_operator_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "a795c7a0-d4a2-40c1-ae25-d81f01202912",
		.name = "Backup Reader",
		.description =
			"Can view backup services, but can't make changes",
		.created = "2017-01-03T13:18:41Z",
		.updated = "2026-04-30T05:53:34Z",
		.actions = backup_reader_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "c2a970b4-16a7-4a51-8c84-8a8ea6ee0bb8",
		.name = "Backup MUA Admin",
		.description = "Backup MultiUser-Authorization. Can "
			       "create/delete ResourceGuard ",
		.created = "2024-03-08T09:37:14Z",
		.updated = "2024-03-08T09:37:14Z",
		.actions = backup_mua_admin_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "f54b6d04-23c6-443e-b462-9c16ab7b4a52",
		.name = "Backup MUA Operator",
		.description =
			"Backup MultiUser-Authorization. Allows user to "
			"perform critical operation protected by resourceguard",
		.created = "2024-03-08T09:37:14Z",
		.updated = "2024-03-08T09:37:14Z",
		.actions = backup_mua_operator_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "00482a5a-887f-4fb3-b363-3b7fe8e74483",
		.name = "Key Vault Administrator",
		.description =
			"Perform all data plane operations on a key vault and "
			"all objects in it, including certificates, keys, and "
			"secrets. Cannot manage key vault resources or manage "
			"role assignments. Only works for key vaults that use "
			"the 'Azure role-based access control' permission "
			"model.",
		.created = "2020-05-19T17:52:46Z",
		.updated = "2021-11-11T20:14:30Z",
		.actions = key_vault_administrator_actions,
		.not_actions = none,
		.data_actions = key_vault_administrator_data,
		.not_data_actions = none,
	},
	{
		.id = "f25e0fa2-a7c8-4377-a976-54943a77a395",
		.name = "Key Vault Contributor",
		.description =
			"Lets you manage key vaults, but not access to them.",
		.created = "2016-02-25T17:08:28Z",
		.updated = "2021-11-11T20:13:36Z",
		.actions = key_vault_contributor_actions,
		.not_actions = key_vault_contributor_not,
		.data_actions = none,
		.not_data_actions = none,
	},
	{
		.id = "8b54135c-b56d-4d72-a534-26097cfdc8d8",
		.name = "Key Vault Data Access Administrator",
		.description =
			"Manage access to Azure Key Vault by adding or "
			"removing role assignments for the Key Vault "
			"Administrator, Key Vault Certificates Officer, Key "
			"Vault Crypto Officer, Key Vault Crypto Service "
			"Encryption User, Key Vault Crypto User, Key Vault "
			"Reader, Key Vault Secrets Officer, or Key Vault "
			"Secrets User roles. Includes an ABAC condition to "
			"constrain role assignments.",
		.created = "2023-06-20T22:26:01Z",
		.updated = "2023-12-07T01:33:05Z",
		.actions = key_vault_data_access_administrator_actions,
		.not_actions = none,
		.data_actions = none,
		.not_data_actions = none,
		.assignable = key_vault_data_access_administrator_assignable,
		.condition =
			"((!(ActionMatches{'Microsoft.Authorization/"
			"roleAssignments/write'})) OR "
			"(@Request[Microsoft.Authorization/"
			"roleAssignments:RoleDefinitionId] "
			"ForAnyOfAnyValues:GuidEquals{00482a5a-887f-4fb3-b363-"
			"3b7fe8e74483, a4417e6f-fecd-4de8-b567-7b0420556985, "
			"14b46e9e-c2b7-41b4-b07b-48a6ebf60603, "
			"e147488a-f6f5-4113-8e2d-b22465e65bf6, "
			"12338af0-0e69-4776-bea7-57ae8d297424, "
			"21090545-7ca7-4776-b22c-e363652d74d2, "
			"b86a8fe4-44ce-4948-aee5-eccb2c155cd7, "
			"4633458b-17de-408a-b874-0445c86b69e6})) AND "
			"((!(ActionMatches{'Microsoft.Authorization/"
			"roleAssignments/delete'})) OR "
			"(@Resource[Microsoft.Authorization/"
			"roleAssignments:RoleDefinitionId] "
			"ForAnyOfAnyValues:GuidEquals{00482a5a-887f-4fb3-b363-"
			"3b7fe8e74483, a4417e6f-fecd-4de8-b567-7b0420556985, "
			"14b46e9e-c2b7-41b4-b07b-48a6ebf60603, "
			"e147488a-f6f5-4113-8e2d-b22465e65bf6, "
			"12338af0-0e69-4776-bea7-57ae8d297424, "
			"21090545-7ca7-4776-b22c-e363652d74d2, "
			"b86a8fe4-44ce-4948-aee5-eccb2c155cd7, "
			"4633458b-17de-408a-b874-0445c86b69e6}))",
	},
	{
		.id = "21090545-7ca7-4776-b22c-e363652d74d2",
		.name = "Key Vault Reader",
		.description =
			"Read metadata of key vaults and its certificates, "
			"keys, and secrets. Cannot read sensitive values such "
			"as secret contents or key material. Only works for "
			"key vaults that use the 'Azure role-based access "
			"control' permission model.",
		.created = "2020-05-19T17:52:47Z",
		.updated = "2026-04-20T15:12:18Z",
		.actions = key_vault_reader_actions,
		.not_actions = none,
		.data_actions = key_vault_reader_data,
		.not_data_actions = none,
	},
	{
		.id = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
		.name = "Key Vault Secrets Officer",
		.description = "Perform any action on the secrets of a key "
			       "vault, except manage permissions. Only works "
			       "for key vaults that use the 'Azure role-based "
			       "access control' permission model.",
		.created = "2020-05-19T17:52:47Z",
		.updated = "2021-11-11T20:14:30Z",
		.actions = key_vault_secrets_officer_actions,
		.not_actions = none,
		.data_actions = key_vault_secrets_officer_data,
		.not_data_actions = none,
	},
	{
		.id = "4633458b-17de-408a-b874-0445c86b69e6",
		.name = "Key Vault Secrets User",
		.description = "Read secret contents. Only works for key "
			       "vaults that use the 'Azure role-based access "
			       "control' permission model.",
		.created = "2020-05-19T17:52:47Z",
		.updated = "2021-11-11T20:14:30Z",
		.actions = none,
		.not_actions = none,
		.data_actions = key_vault_secrets_user_data,
		.not_data_actions = none,
	},
};
const size_t n_builtin_roles = ARRAY_LEN(builtin_roles);
