// SPDX-License-Identifier: Apache-2.0
//
// authorization.js - role definitions and assignments by
// @azure/arm-authorization.
//
//	authorization.js PRINCIPAL: another principal's object id
"use strict";

const assert = require("node:assert");
const { randomUUID } = require("node:crypto");
const { AuthorizationManagementClient } = require("@azure/arm-authorization");
const vault = require("./vault.js");

const reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

async function definitions(client, scope) {
	const list = await vault.all(client.roleDefinitions.list(scope));
	assert.ok(list.length >= 16);
	const named = await vault.all(client.roleDefinitions.list(scope, {
		filter: "roleName eq 'Backup Contributor'",
	}));
	assert.strictEqual(named.length, 1);
	assert.strictEqual(named[0].roleType, "BuiltInRole");
	assert.ok(named[0].permissions[0].actions.includes(
		"Microsoft.RecoveryServices/Vaults/backupSecurityPIN/*"));
	const one = await client.roleDefinitions.get(scope, named[0].name);
	assert.deepStrictEqual(one.permissions, named[0].permissions);
	assert.deepStrictEqual(await client.roleDefinitions.getById(one.id), one);
	assert.strictEqual(await vault.refusal(
		client.roleDefinitions.get(scope, randomUUID())),
		"404 RoleDefinitionDoesNotExist");
	return one;
}

async function assignments(client, scope, principalId) {
	const name = randomUUID();
	const body = {
		roleDefinitionId: `${scope}/providers/Microsoft.Authorization/` +
			`roleDefinitions/${reader}`,
		principalId,
		principalType: "ServicePrincipal",
		description: "reads",
	};
	const made = await client.roleAssignments.create(scope, name, body);
	assert.strictEqual(made.name, name);
	assert.strictEqual(made.principalId, principalId);
	assert.strictEqual(made.scope, scope);
	assert.ok(made.createdOn instanceof Date);
	const again = await client.roleAssignments.create(scope, name, body);
	assert.strictEqual(again.id, made.id);
	assert.strictEqual(await vault.refusal(client.roleAssignments.create(
		scope, randomUUID(), body)), "409 RoleAssignmentExists");
	assert.strictEqual((await client.roleAssignments.getById(made.id)).name,
		name);
	const of = await vault.all(client.roleAssignments.listForScope(scope, {
		filter: `principalId eq '${principalId}'`,
	}));
	assert.deepStrictEqual(of.map((a) => a.name), [name]);
	const here = await vault.all(client.roleAssignments.listForSubscription({
		filter: "atScope()",
	}));
	assert.ok(here.some((a) => a.name === name));
	assert.ok(here.some((a) => a.scope === "/"));
	return made;
}

async function refusals(client, scope, principalId) {
	const role = `/providers/Microsoft.Authorization/roleDefinitions/${reader}`;
	const tries = [
		[randomUUID(), { roleDefinitionId: role, principalId: randomUUID() },
			"400 PrincipalNotFound"],
		[randomUUID(), { roleDefinitionId: role, principalId,
			principalType: "User" }, "400 UnmatchedPrincipalType"],
		[randomUUID(), { roleDefinitionId: role.replace(reader, randomUUID()),
			principalId }, "404 RoleDefinitionDoesNotExist"],
		["no-guid", { roleDefinitionId: role, principalId },
			"400 InvalidRoleAssignmentId"],
		[randomUUID(), { roleDefinitionId: role, principalId,
			condition: "@Resource[x] StringEquals 'y'",
			conditionVersion: "2.0" }, "400 ConditionNotSupported"],
	];
	for (const [name, body, want] of tries)
		assert.strictEqual(await vault.refusal(
			client.roleAssignments.create(scope, name, body)), want);
}

(async () => {
	const client = new AuthorizationManagementClient(vault.credential,
		vault.subscription, vault.options);
	const scope = `/subscriptions/${vault.subscription}`;
	const [principal] = process.argv.slice(2);
	await definitions(client, scope);
	await refusals(client, scope, principal);
	const made = await assignments(client, scope, principal);
	const mine = await vault.all(
		client.permissions.listForResourceGroup("tidemark"));
	assert.ok(mine.some((p) => p.actions.includes("*")));
	const gone = await client.roleAssignments.delete(scope, made.name);
	assert.strictEqual(gone.name, made.name);
	// once more is nothing
	await client.roleAssignments.delete(scope, made.name);
	assert.strictEqual(await vault.refusal(
		client.roleAssignments.getById(made.id)),
		"404 RoleAssignmentNotFound");
})().catch((e) => {
	console.error(e);
	process.exit(1);
});
