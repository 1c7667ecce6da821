#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# recovery-services.bats - Azure's own clients and a Recovery Services vault.
# slow

# shellcheck disable=SC2030,SC2031,SC2154 # of each test; arm.bash sets RSV
load ../lib/helpers
load ../lib/vault
load ../lib/registered
load ../lib/identity
load ../lib/arm
load ../lib/clients

setup() {
	tm_setup
	requires jq
	arm_starts
	registered host
	tm_init >/dev/null
	mkdir -p "$T/src"
	echo one >"$T/src/file"
	tm backup -q "$T/src"
	ITEM=$(arm GET "$RSV/backupProtectedItems" | jq -r '.value[0].name')
}

@test "the JavaScript clients" {
	requires_node
	expect 0 client admin recovery-services.js "Windows;host" "$ITEM"
	[ "$(grep -c '^ok - ' <<<"$output")" = 9 ]
}

# az_is WORDS COMMAND...: what is said is that.
az_is() {
	local want=$1
	shift
	run az "$@" --only-show-errors
	[ "$status" = 0 ] && [ "$output" = "$want" ] && return
	echo "not $want: az $*"
	echo "$output"
	return 1
}

@test "az: groups and vaults" {
	az_registers admin >/dev/null
	az_is g2 group create -n g2 -l local --query name -o tsv
	az_is Succeeded backup vault create -g g2 -n azv -l local \
		--query properties.provisioningState -o tsv
	az_is "azv default" backup vault list -o tsv \
		--query "join(' ', [].name)"
	az_is SystemAssigned backup vault identity assign -g g2 -n azv \
		--system-assigned --query identity.type -o tsv
	az_is Enabled backup vault backup-properties set -g g2 -n azv \
		--soft-delete-feature-state Enable \
		--query properties.softDeleteFeatureState -o tsv
	az_is "" backup vault delete -g g2 -n azv -y
	az_is "" group delete -n g2 -y
	az_is false group exists -n g2
	run az backup vault delete -g tidemark -n default -y --only-show-errors
	[ "$status" -ne 0 ]
	output_has ServiceResourceNotEmpty
}

@test "az: policies, items, containers and jobs" {
	local v=(-g tidemark -v default) job
	az_registers admin >/dev/null
	az_is default backup policy list "${v[@]}" --query '[].name' -o tsv
	az_is "30" backup policy show "${v[@]}" -n default -o tsv \
		--query properties.retentionPolicy.dailySchedule.retentionDuration.count
	az_is "Windows;host" backup container list "${v[@]}" \
		--backup-management-type MAB --query '[].name' -o tsv
	az_is "$ITEM" backup item list "${v[@]}" --query '[].name' -o tsv
	az_is Protected backup item show "${v[@]}" -c "Windows;host" \
		-n "$ITEM" --backup-management-type MAB \
		--query properties.protectionState -o tsv
	job=$(az backup job list "${v[@]}" --operation Backup \
		--status Completed --query '[0].name' -o tsv --only-show-errors)
	az_is Completed backup job show "${v[@]}" -n "$job" \
		--query properties.status -o tsv
	az_is "" backup container unregister "${v[@]}" -c "Windows;host" \
		--backup-management-type MAB -y
	vaultd machines "$VAULT" | grep -q unregistered
}
