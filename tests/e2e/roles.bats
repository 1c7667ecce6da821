#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# roles.bats - what callers of a vault may do, and who says so.

# shellcheck disable=SC2030,SC2031 # each test has variables of its own
load ../lib/helpers
load ../lib/vault
load ../lib/identity

OWNER=8e3af657-a8ff-443c-a75c-2fe8c4bcb635
READER=acdd72a7-3385-48ef-bd42-f606fba81ae7
SECRETS_USER=4633458b-17de-408a-b874-0445c86b69e6
ROLES=/providers/Microsoft.Authorization

setup() {
	tm_setup
	requires curl
	requires jq
	vault_init
	vault_starts
	ADMIN=$(token_of admin)
	SUB=$(ask_by "$ADMIN" '/subscriptions?api-version=2022-12-01' |
		head -n -1 | jq -r '.value[0].id')
	GROUP=$SUB/resourceGroups/tidemark
	principal bob
	BOB=$(token_of bob)
}

# guid N
guid() { printf '00000000-0000-4000-8000-%012x' "$1"; }

# arm TOKEN METHOD PATH [BODY]
arm() {
	local and="?"
	[[ $3 != *\?* ]] || and='&'
	ask_by "$1" "$3${and}api-version=2022-04-01" -X "$2" \
		${4:+-H 'Content-Type: application/json' -d "$4"}
}

# grant ROLE PRINCIPAL [JQ]: the body that assigns it.
grant() {
	jq -nc --arg r "$ROLES/roleDefinitions/$1" --arg p "$2" \
		"{properties: {roleDefinitionId: \$r, principalId: \$p}} |
		${3:-.}"
}

bob() { sp bob objectId; }

@test "nothing is allowed to whom nothing was given, and that is noted" {
	asked 403 AuthorizationFailed arm "$BOB" GET "$GROUP"
	[[ $output == *"The client '$(sp bob appId)' with object id '$(bob)'"*"does not have authorization to perform action 'Microsoft.Resources/subscriptions/resourceGroups/read' over scope"* ]]
	asked 403 AuthorizationFailed arm "$BOB" GET "$GROUP$ROLES/roleAssignments"
	asked 403 AuthorizationFailed arm "$BOB" PUT \
		"$GROUP$ROLES/roleAssignments/$(guid 1)" \
		"$(grant "$OWNER" "$(bob)")"
	# nor is there a way to see what is there
	asked 403 AuthorizationFailed arm "$BOB" GET "$SUB/resourceGroups/none"
	run arm "$BOB" GET /subscriptions
	head -n -1 <<<"$output" | jq -e '.value == []'
	run vaultd audit "$VAULT"
	output_has "refused    Microsoft.Authorization/roleAssignments/write"
	output_has "by principal $(bob) (bob)"
	expect 0 vaultd audit-verify "$VAULT"
}

@test "a role is for a scope and what is below it, until it is taken" {
	local at
	at=$GROUP$ROLES/roleAssignments/$(guid 1)
	asked 201 '"principalType":"ServicePrincipal"' arm "$ADMIN" PUT "$at" \
		"$(grant "$READER" "$(bob)")"
	asked 200 tidemark arm "$BOB" GET "$GROUP"
	asked 403 AuthorizationFailed arm "$BOB" GET "$SUB"
	asked 403 AuthorizationFailed arm "$BOB" PUT "$GROUP" \
		'{"location":"local"}'
	# of another group whose name begins so
	asked 201 "" arm "$ADMIN" PUT "${GROUP}2" '{"location":"local"}'
	asked 403 AuthorizationFailed arm "$BOB" GET "${GROUP}2"
	# in any case of letters, and with two slashes before it
	asked 200 tidemark arm "$BOB" GET \
		"/${GROUP/resourceGroups/RESOURCEGROUPS}"
	asked 200 "$(guid 1)" arm "$ADMIN" DELETE "$at"
	asked 403 AuthorizationFailed arm "$BOB" GET "$GROUP"
	asked 204 "" arm "$ADMIN" DELETE "$at"
}

@test "an assignment is found under its own scope only" {
	local id
	id=$(guid 1)
	vaultd role "$VAULT" assign bob "User Access Administrator" \
		--scope "$GROUP"
	asked 201 "" arm "$ADMIN" PUT "$SUB$ROLES/roleAssignments/$id" \
		"$(grant "$READER" "$(bob)")"
	# bob may take roles of the group; this one is the subscription's
	asked 404 RoleAssignmentNotFound arm "$BOB" GET \
		"$GROUP$ROLES/roleAssignments/$id"
	asked 204 "" arm "$BOB" DELETE "$GROUP$ROLES/roleAssignments/$id"
	asked 409 RoleAssignmentUpdateNotPermitted arm "$BOB" PUT \
		"$GROUP$ROLES/roleAssignments/$id" "$(grant "$OWNER" "$(bob)")"
	asked 403 AuthorizationFailed arm "$BOB" DELETE \
		"$SUB$ROLES/roleAssignments/$id"
	asked 200 "$id" arm "$ADMIN" GET "$SUB$ROLES/roleAssignments/$id"
	# the path of a resource that names another one's scope is no way up
	asked 403 AuthorizationFailed arm "$BOB" PUT \
		"$ROLES/roleAssignments/$(guid 2)" "$(grant "$OWNER" "$(bob)")"
	asked 400 "" arm "$BOB" PUT \
		"$GROUP/../..$ROLES/roleAssignments/$(guid 2)" \
		"$(grant "$OWNER" "$(bob)")"
	# what it may, it may
	asked 201 "" arm "$BOB" PUT "$GROUP$ROLES/roleAssignments/$(guid 3)" \
		"$(grant "$OWNER" "$(bob)")"
}

@test "who may assign some roles may assign no others" {
	vaultd role "$VAULT" assign bob "Key Vault Data Access Administrator" \
		--scope "$GROUP"
	asked 201 "" arm "$BOB" PUT "$GROUP$ROLES/roleAssignments/$(guid 1)" \
		"$(grant "$SECRETS_USER" "$(bob)")"
	asked 403 AuthorizationFailed arm "$BOB" PUT \
		"$GROUP$ROLES/roleAssignments/$(guid 2)" \
		"$(grant "$OWNER" "$(bob)")"
	asked 201 "" arm "$ADMIN" PUT "$GROUP$ROLES/roleAssignments/$(guid 2)" \
		"$(grant "$READER" "$(bob)")"
	asked 403 AuthorizationFailed arm "$BOB" DELETE \
		"$GROUP$ROLES/roleAssignments/$(guid 2)"
	asked 200 "" arm "$BOB" DELETE "$GROUP$ROLES/roleAssignments/$(guid 1)"
	# a Contributor may everything but this
	vaultd role "$VAULT" assign bob Contributor
	asked 403 AuthorizationFailed arm "$BOB" PUT \
		"$GROUP$ROLES/roleAssignments/$(guid 3)" \
		"$(grant "$OWNER" "$(bob)")"
	asked 403 AuthorizationFailed arm "$BOB" DELETE \
		"$GROUP$ROLES/roleAssignments/$(guid 2)"
}

@test "role assignments that are no good" {
	local at=$GROUP$ROLES/roleAssignments
	asked 400 PrincipalNotFound arm "$ADMIN" PUT "$at/$(guid 1)" \
		"$(grant "$READER" "$(guid 9)")"
	asked 400 PrincipalNotFound arm "$ADMIN" PUT "$at/$(guid 1)" \
		"$(grant "$READER" "' OR 1=1 --")"
	asked 404 RoleDefinitionDoesNotExist arm "$ADMIN" PUT "$at/$(guid 1)" \
		"$(grant "$(guid 9)" "$(bob)")"
	asked 404 RoleDefinitionDoesNotExist arm "$ADMIN" PUT "$at/$(guid 1)" \
		"$(grant Owner "$(bob)")"
	asked 400 UnmatchedPrincipalType arm "$ADMIN" PUT "$at/$(guid 1)" \
		"$(grant "$READER" "$(bob)" '.properties.principalType = "Group"')"
	asked 400 ConditionNotSupported arm "$ADMIN" PUT "$at/$(guid 1)" \
		"$(grant "$READER" "$(bob)" '.properties.condition = "x"')"
	asked 400 InvalidRoleAssignmentId arm "$ADMIN" PUT "$at/x" \
		"$(grant "$READER" "$(bob)")"
	asked 400 "" arm "$ADMIN" PUT "$at/$(guid 1)" '[]'
	asked 201 "" arm "$ADMIN" PUT "$at/$(guid 1)" \
		"$(grant "$READER" "$(bob)")"
	asked 200 "" arm "$ADMIN" PUT "$at/$(guid 1)" \
		"$(grant "${READER^^}" "$(bob | tr a-f A-F)")"
	asked 409 RoleAssignmentExists arm "$ADMIN" PUT "$at/$(guid 2)" \
		"$(grant "$READER" "$(bob)")"
	asked 403 "built-in" arm "$ADMIN" PUT \
		"$SUB$ROLES/roleDefinitions/$(guid 1)" '{"properties":{}}'
}

# listed FILTER: names of assignments at the group, sorted.
listed() {
	run arm "$ADMIN" GET "$GROUP$ROLES/roleAssignments?\$filter=$1"
	head -n -1 <<<"$output" | jq -r '.value[].properties.scope' | sort |
		sed "s|$SUB|S|" | paste -sd' '
}

@test "lists are of a scope, and may be narrowed" {
	local rsv=$GROUP/providers/Microsoft.RecoveryServices/vaults/default
	vaultd role "$VAULT" assign bob Reader --scope "$SUB" >/dev/null
	vaultd role "$VAULT" assign bob Reader --scope "$rsv" >/dev/null
	vaultd role "$VAULT" assign bob Reader --scope "${GROUP}2" >/dev/null
	[ "$(listed '')" = "/ S S/${rsv#"$SUB"/}" ]
	[ "$(listed 'atScope()')" = "/ S" ]
	[ "$(listed "principalId%20eq%20'$(bob)'")" = "S S/${rsv#"$SUB"/}" ]
	[ "$(listed "atScope()%20and%20assignedTo('$(bob)')")" = S ]
	asked 400 InvalidFilter arm "$ADMIN" GET \
		"$GROUP$ROLES/roleAssignments?\$filter=x%20or%20y"
	asked 400 InvalidFilter arm "$ADMIN" GET \
		"$GROUP$ROLES/roleAssignments?\$filter=principalId%20eq%20'x"
	# by pages
	run arm "$ADMIN" GET "$GROUP$ROLES/roleDefinitions?\$top=5"
	head -n -1 <<<"$output" | jq -e '(.value | length) == 5 and
		(.nextLink | startswith("https://"))'
	run arm "$BOB" GET "$GROUP$ROLES/permissions"
	head -n -1 <<<"$output" | jq -e '.value[0].actions == ["*/read"]'
	run arm "$BOB" GET "$ROLES/permissions"
	head -n -1 <<<"$output" | jq -e '.value == []'
}

@test "what was given on a resource goes with it" {
	local rsv=${GROUP}3/providers/Microsoft.RecoveryServices/vaults/v-1
	local body='{"location":"local","sku":{"name":"Standard"},"properties":{}}'
	asked 201 "" arm "$ADMIN" PUT "${GROUP}3" '{"location":"local"}'
	asked 201 "" arm "$ADMIN" PUT "$rsv" "$body"
	vaultd role "$VAULT" assign bob Reader --scope "$rsv"
	vaultd role "$VAULT" assign bob Reader --scope "${rsv^^}/x"
	vaultd role "$VAULT" assign bob Reader --scope "${rsv}2"
	vaultd role "$VAULT" assign bob Reader --scope "${GROUP}3"
	vaultd role "$VAULT" assign bob Reader --scope "${GROUP}33"
	asked 200 "" arm "$ADMIN" DELETE "$rsv"
	[ "$(vaultd role "$VAULT" list bob | wc -l)" = 3 ]
	asked 200 "" arm "$ADMIN" DELETE "${GROUP}3"
	[ "$(vaultd role "$VAULT" list bob --json | jq -r .scope)" = "${GROUP}33" ]
	asked 201 "" arm "$ADMIN" PUT "${GROUP}3" '{"location":"local"}'
	asked 403 AuthorizationFailed arm "$BOB" GET "${GROUP}3"
}
