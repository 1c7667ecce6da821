#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# clients.bats - Azure's own clients get tokens of a vault, and give roles.
# slow
# release only

# shellcheck disable=SC2030,SC2031 # each test has variables of its own
load ../lib/helpers
load ../lib/vault
load ../lib/identity
load ../lib/clients

setup() {
	tm_setup
	requires jq
	vault_init
	vault_starts
}

@test "ClientSecretCredential" {
	requires_node
	client_env admin
	asked 200 administrator ask_by "$(client admin token.js secret)" \
		/v1/caller
	vaultd identity "$VAULT" secret-remove \
		"$(vaultd identity "$VAULT" secrets administrator --json | jq -r .id)"
	expect 1 node "$TOP/tests/clients/token.js" secret
	output_has invalid_client
	output_has 7000215
}

@test "ClientCertificateCredential" {
	requires_node
	principal bob
	rsa_key bob
	openssl req -x509 -key "$T/bob.pem" -subj /CN=bob -days 2 \
		-out "$T/bob.crt" 2>/dev/null
	cat "$T/bob.pem" "$T/bob.crt" >"$T/both.pem"
	client_env bob
	expect 1 client bob token.js certificate "$T/both.pem"
	output_has 700027
	vaultd identity "$VAULT" secret bob --key "$T/bob.crt"
	asked 200 bob ask_by \
		"$(client bob token.js certificate "$T/both.pem")" /v1/caller
}

@test "@azure/arm-authorization" {
	requires_node
	principal bob
	client admin authorization.js "$(sp bob objectId)"
	# who may not, may not; and that has a line
	expect 1 client bob authorization.js "$(sp bob objectId)"
	output_has AuthorizationFailed
	run vaultd audit "$VAULT"
	output_has "refused    Microsoft.Authorization/roleDefinitions/read"
	output_has "done       Microsoft.Authorization/roleAssignments/delete"
	vaultd audit-verify "$VAULT"
}

@test "az: login, roles, and what a removed role leaves" {
	az_registers admin
	principal bob
	az account list -o json --only-show-errors |
		jq -e --arg s "$AZURE_SUBSCRIPTION_ID" '.[0].id == $s'
	az role definition list --name 'Backup Reader' -o json \
		--only-show-errors | jq -e '.[0].roleName == "Backup Reader"'
	local scope=/subscriptions/$AZURE_SUBSCRIPTION_ID of
	of=(--assignee-object-id "$(sp bob objectId)" --scope "$scope"
		--only-show-errors)
	az role assignment create "${of[@]}" --role Reader \
		--assignee-principal-type ServicePrincipal -o json |
		jq -e --arg s "$scope" '.scope == $s'
	local token
	token=$(token_of bob)
	asked 200 tidemark ask_by "$token" \
		"$scope/resourceGroups/tidemark?api-version=2022-09-01"
	az role assignment list --scope "$scope" --only-show-errors -o json \
		--fill-principal-name false --fill-role-definition-name true |
		jq -e --arg p "$(sp bob objectId)" \
		'map(select(.principalId == $p)) | length == 1 and
		.[0].roleDefinitionName == "Reader"'
	az role assignment delete --only-show-errors --ids "$(vaultd role \
		"$VAULT" list bob --json | jq -r '.scope +
		"/providers/Microsoft.Authorization/roleAssignments/" + .id')"
	# the token lives, the right does not
	asked 200 bob ask_by "$token" /v1/caller
	asked 403 AuthorizationFailed ask_by "$token" \
		"$scope/resourceGroups/tidemark?api-version=2022-09-01"
	az role assignment list --scope "$scope" --only-show-errors -o json \
		--fill-principal-name false | jq -e \
		--arg p "$(sp bob objectId)" 'all(.principalId != $p)'
}

@test "ManagedIdentityCredential: a vault's own identity" {
	requires_node
	client_env admin
	local token rsv name
	token=$(token_of admin)
	rsv=/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/tidemark
	rsv+=/providers/Microsoft.RecoveryServices/vaults/default
	asked 200 principalId ask_by "$token" "$rsv?api-version=2024-04-01" \
		-X PATCH -H 'Content-Type: application/json' \
		-d '{"identity":{"type":"SystemAssigned"}}'
	name=$(head -n 1 <<<"$output" | jq -r .identity.principalId)
	export IDENTITY_ENDPOINT=$URL/metadata/identity/oauth2/token
	IDENTITY_HEADER=$(vaultd identity "$VAULT" secret "$name" --header)
	export IDENTITY_HEADER
	token=$(client admin token.js managed)
	asked 200 "$name" ask_by "$token" /v1/caller
	claims_of "$token" | jq -e --arg r "$rsv" \
		'.xms_mirid | ascii_downcase == ($r | ascii_downcase)'
	# what is of a secret is of no header
	expect 1 vaultd identity "$VAULT" secret "$name"
	output_has "only applications"
	export IDENTITY_HEADER=${IDENTITY_HEADER::-1}x
	expect 1 client admin token.js managed
	output_has "X-IDENTITY-HEADER"
}
