// SPDX-License-Identifier: Apache-2.0
//
// recovery-services.js - a Recovery Services vault by
// @azure/arm-recoveryservices and @azure/arm-recoveryservicesbackup.
//
//	recovery-services.js CONTAINER ITEM: of a machine with one backup
"use strict";

const assert = require("node:assert");
const { RecoveryServicesClient } = require("@azure/arm-recoveryservices");
const { RecoveryServicesBackupClient } =
	require("@azure/arm-recoveryservicesbackup");
const vault = require("./vault.js");

const vaults = new RecoveryServicesClient(
	vault.credential, vault.subscription, vault.options);
const backup = new RecoveryServicesBackupClient(
	vault.credential, vault.subscription, vault.options);
const group = "tidemark";
const [container, item] = process.argv.slice(2);
const all = vault.all;

async function fails(status, code, promise) {
	assert.strictEqual(await vault.refusal(promise), `${status} ${code}`);
}

const steps = {
	async "a vault is created and changed"() {
		let v = await vaults.vaults.beginCreateOrUpdateAndWait(group, "js", {
			location: "local",
			sku: { name: "Standard" },
			identity: { type: "SystemAssigned" },
			tags: { a: "b" },
			properties: {},
		});
		assert.strictEqual(v.properties.provisioningState, "Succeeded");
		assert.match(v.identity.principalId, /^[0-9a-f-]{36}$/);
		assert.deepStrictEqual(v.tags, { a: "b" });
		v = await vaults.vaults.beginUpdateAndWait(group, "js", {
			identity: { type: "None" },
			properties: { securitySettings: { softDeleteSettings: {
				softDeleteRetentionPeriodInDays: 60 } } },
		});
		assert.strictEqual(v.identity.type, "None");
		assert.strictEqual(v.properties.securitySettings.softDeleteSettings
			.softDeleteRetentionPeriodInDays, 60);
		assert.ok(v.properties.securitySettings.immutabilitySettings.state);
		v = await vaults.vaults.get(group, "js");
		assert.strictEqual(v.name, "js");
	},
	async "vaults are listed"() {
		const names = (list) => list.map((v) => v.name);

		assert.deepStrictEqual(names(await all(
			vaults.vaults.listByResourceGroup(group))),
			["default", "js"]);
		assert.deepStrictEqual(names(await all(
			vaults.vaults.listBySubscriptionId())),
			["default", "js"]);
	},
	async "names, usages and extended information"() {
		const r = await vaults.recoveryServices.checkNameAvailability(
			group, "local", {
				type: "Microsoft.RecoveryServices/Vaults",
				name: "js" });

		assert.strictEqual(r.nameAvailable, false);
		const usages = await all(vaults.usages.listByVaults(group, "default"));
		assert.ok(usages.some((u) => u.name.value === "ProtectedItemCount" &&
			u.currentValue === 1));
		await all(vaults.replicationUsages.list(group, "default"));
		const x = await vaults.vaultExtendedInfo.get(group, "default");
		assert.ok(x.integrityKey);
	},
	async "credentials"() {
		const c = await vaults.vaultCertificates.create(
			group, "default", "default-js-vaultcredentials", {
				properties: { authType: "AAD",
					certificate: new Uint8Array([1, 2, 3]) } });

		assert.strictEqual(c.properties.authType, "AzureActiveDirectory");
		assert.ok(c.properties.validTo > new Date());
		await fails(404, "ResourceNotFound",
			vaults.registeredIdentities.delete(group, "default", "none"));
	},
	async "configuration"() {
		let c = await backup.backupResourceVaultConfigs.get("default", group);

		assert.strictEqual(c.properties.softDeleteFeatureState, "Enabled");
		c = await backup.backupResourceVaultConfigs.update("default", group, {
			properties: { enhancedSecurityState: "Enabled" } });
		assert.strictEqual(c.properties.enhancedSecurityState, "Enabled");
		const s = await backup.backupResourceStorageConfigsNonCRR
			.get("default", group);
		assert.ok(s.properties.storageModelType);
		assert.deepStrictEqual(await all(backup.resourceGuardProxies
			.list("default", group)), []);
		const n = await all(backup.backupUsageSummaries.list(
			"default", group,
			{ filter: "type eq 'BackupProtectedItemCountSummary'" }));
		assert.strictEqual(n[0].currentValue, 1);
	},
	async "policies"() {
		const day = new Date("2026-01-01T21:00:00Z");
		const policy = {
			backupManagementType: "MAB",
			schedulePolicy: {
				schedulePolicyType: "SimpleSchedulePolicy",
				scheduleRunFrequency: "Daily",
				scheduleRunTimes: [day],
			},
			retentionPolicy: {
				retentionPolicyType: "LongTermRetentionPolicy",
				dailySchedule: { retentionTimes: [day],
					retentionDuration: { count: 99,
						durationType: "Days" } },
				monthlySchedule: {
					retentionScheduleFormatType: "Daily",
					retentionScheduleDaily: { daysOfTheMonth: [
						{ date: 1, isLast: false }] },
					retentionTimes: [day],
					retentionDuration: { count: 6,
						durationType: "Months" } },
			},
		};
		let p = await backup.protectionPolicies.createOrUpdate(
			"default", group, "js", { properties: policy });

		assert.strictEqual(p.properties.retentionPolicy.dailySchedule
			.retentionDuration.count, 99);
		assert.strictEqual(p.properties.schedulePolicy.scheduleRunTimes[0]
			.getUTCHours(), 21);
		p = await backup.protectionPolicies.get("default", group, "js");
		assert.strictEqual(p.properties.retentionPolicy.monthlySchedule
			.retentionScheduleDaily.daysOfTheMonth[0].date, 1);
		const names = (await all(backup.backupPolicies.list("default", group,
			{ filter: "backupManagementType eq 'MAB'" })))
			.map((one) => one.name);
		assert.deepStrictEqual(names, ["default", "js"]);
		await backup.protectionPolicies.beginDeleteAndWait(
			"default", group, "js");
		await fails(404, "BMSUserErrorPolicyNotFound",
			backup.protectionPolicies.get("default", group, "js"));
		policy.retentionPolicy.dailySchedule.retentionDuration.count = 1;
		await fails(400, "RetentionTooShort",
			backup.protectionPolicies.createOrUpdate(
				"default", group, "js", { properties: policy }));
	},
	async "containers, items, points and jobs"() {
		const mab = { filter: "backupManagementType eq 'MAB'" };
		const [c] = await all(backup.backupProtectionContainers
			.list("default", group, mab));

		assert.strictEqual(c.name, container);
		assert.strictEqual(c.properties.containerType, "Windows");
		assert.strictEqual((await backup.protectionContainers.get(
			"default", group, "Azure", container)).name, container);
		const [i] = await all(backup.backupProtectedItems
			.list("default", group, mab));
		assert.strictEqual(i.name, item);
		assert.strictEqual(i.properties.protectedItemType,
			"MabFileFolderProtectedItem");
		assert.ok(i.properties.lastBackupTime instanceof Date);
		const one = await backup.protectedItems.get(
			"default", group, "Azure", container, item);
		assert.strictEqual(one.properties.extendedInfo.recoveryPointCount, 1);
		const points = await all(backup.recoveryPoints.list(
			"default", group, "Azure", container, item));
		assert.strictEqual(points.length, 1);
		assert.strictEqual(points[0].properties.objectType,
			"GenericRecoveryPoint");
		await backup.recoveryPoints.get("default", group, "Azure",
			container, item, points[0].name);
		const [job] = await all(backup.backupJobs.list("default", group,
			{ filter: "operation eq 'Backup'" }));
		assert.strictEqual(job.properties.jobType, "MabJob");
		assert.strictEqual((await backup.jobDetails.get("default", group,
			job.name)).properties.status, "Completed");
	},
	async "an item is stopped, deleted with a PIN, and comes back"() {
		const where = ["default", group, "Azure", container, item];
		const put = (properties) => backup.protectedItems.createOrUpdate(
			...where, { properties: {
				protectedItemType: "MabFileFolderProtectedItem",
				...properties } });
		const get = async () =>
			(await backup.protectedItems.get(...where)).properties;

		await put({ protectionState: "ProtectionStopped" });
		assert.strictEqual((await get()).protectionState, "ProtectionStopped");
		const pin = await backup.securityPINs.get("default", group);
		assert.match(pin.securityPIN, /^[0-9]{6}$/);
		let head;
		await backup.protectedItems.delete(...where, {
			requestOptions: { customHeaders: {
				"x-ms-security-pin": pin.securityPIN } },
			onResponse: (r) => { head = r.headers; } });
		const id = new URL(head.get("azure-asyncoperation")).pathname
			.split("/").pop();
		assert.strictEqual((await backup.backupOperationStatuses.get(
			"default", group, id)).status, "Succeeded");
		assert.strictEqual((await backup.protectedItemOperationStatuses.get(
			...where, id)).status, "Succeeded");
		assert.strictEqual((await get()).isScheduledForDeferredDelete, true);
		await put({ isRehydrate: true });
		assert.strictEqual((await get()).isScheduledForDeferredDelete, false);
	},
	async "a vault that holds something stays, an empty one goes"() {
		await fails(409, "ServiceResourceNotEmptyWithContainerDetails",
			vaults.vaults.beginDeleteAndWait(group, "default"));
		await vaults.vaults.beginDeleteAndWait(group, "js");
		await fails(404, "ResourceNotFound",
			vaults.vaults.get(group, "js"));
	},
};

(async () => {
	for (const [name, step] of Object.entries(steps)) {
		await step();
		console.log(`ok - ${name}`);
	}
})();
