#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# arm.bats - a vault as Azure Resource Manager, and as a Recovery Services
# vault.

# shellcheck disable=SC2030,SC2031 # each test has variables of its own
load ../lib/helpers
load ../lib/vault
load ../lib/registered
load ../lib/identity
load ../lib/arm

setup() {
	tm_setup
	requires curl
	requires openssl
	requires jq
}

# --- every request ---

@test "nobody gets in without a token, and the body is not looked at" {
	arm_starts
	asked 401 AuthenticationFailed ask "$RSV?api-version=2024-04-01"
	asked 401 AuthenticationFailed ask "$RSV?api-version=2024-04-01" \
		-X PUT -d '{'
	asked 401 AuthenticationFailed ask "/subscriptions?api-version=x"
	asked 400 BadRequest ask "/nonsense/../subscriptions?api-version=x"
}

@test "a request has an api-version, and any that is one will do" {
	arm_starts
	asked 400 MissingApiVersionParameter ask_by "$TOKEN" "$RSV"
	asked 400 MissingApiVersionParameter ask_by "$TOKEN" "$RSV?api-version="
	asked 400 InvalidApiVersionParameter ask_by "$TOKEN" \
		"$RSV?api-version=latest"
	asked 400 InvalidApiVersionParameter ask_by "$TOKEN" \
		"$RSV?api-version=2024-04-01%23x"
	asked 200 default ask_by "$TOKEN" "$RSV?api%2Dversion=2016-06-01"
	asked 200 default ask_by "$TOKEN" "$RSV?x=1&api-version=2099-01-01-preview"
}

@test "paths match in any case, with two slashes in front or one behind" {
	arm_starts
	arm_says 200 default GET \
		"${RSV/subscriptions/Subscriptions}"
	arm_says 200 default GET \
		"/$(sed 's/resourceGroups/RESOURCEGROUPS/; s/vaults/Vaults/;
			s/Microsoft/microsoft/; s/default/DEFAULT/' <<<"$RSV")"
	arm_has ".id == \"$RSV\" and .name == \"default\""
	arm_says 200 default GET "/$RSV/"
}

@test "what is not there is named in Azure's words" {
	arm_starts
	arm_says 404 ResourceNotFound GET "${RSV}x"
	arm_has '.error.message | startswith("The Resource '\''Microsoft.RecoveryServices/vaults/defaultx'\'' under resource group '\''tidemark'\''")'
	arm_says 404 ResourceGroupNotFound GET \
		"${RSV/tidemark/none}"
	arm_says 404 SubscriptionNotFound GET \
		"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/x/providers/Microsoft.RecoveryServices/vaults/x"
	arm_says 404 InvalidResourceType GET "$GROUP/providers/Microsoft.X/y/z"
	arm_says 405 MethodNotAllowed PUT "$RSV/usages" '{}'
	arm_says 400 InvalidRequestContent PUT "$RSV" '{'
	arm_says 400 InvalidRequestContent PUT "$RSV" '[]'
	arm_says 400 InvalidResourceId GET "$GROUP/providers/N/a//b"
}

@test "ids of requests come back" {
	arm_starts
	arm_raw GET "$RSV" '' -H 'x-ms-client-request-id: abc-1' \
		-H 'x-ms-correlation-request-id: c-2' -D "$T/head" >/dev/null
	grep -qi '^x-ms-client-request-id: abc-1' "$T/head"
	grep -qi '^x-ms-correlation-request-id: c-2' "$T/head"
	grep -qiE '^x-ms-request-id: [0-9a-f-]{36}' "$T/head"
	arm_raw GET "$RSV" '' -H 'x-ms-client-request-id: a;b' -D "$T/head" \
		>/dev/null
	expect 1 grep -qi 'a;b' "$T/head"
}

@test "who has no right learns nothing, and is noted" {
	arm_starts
	principal nobody
	local admin=$TOKEN
	TOKEN=$(token_of nobody)
	arm_says 403 AuthorizationFailed GET "$RSV"
	arm_says 403 AuthorizationFailed GET "${RSV}x"
	arm_says 403 AuthorizationFailed GET "${RSV/tidemark/none}"
	arm_says 403 AuthorizationFailed DELETE "$RSV"
	arm_has '.error.message | contains("Microsoft.RecoveryServices/vaults/delete")'
	arm_says 403 AuthorizationFailed PUT "$SUB/resourceGroups/x" \
		'{"location":"local"}'
	for path in /subscriptions "$SUB/resourceGroups" "$SUB/resources" \
		"$SUB/providers/Microsoft.RecoveryServices/vaults"; do
		arm_says 200 '"value":[]' GET "$path"
	done
	run vaultd audit "$VAULT"
	output_has "refused"
	output_has "vaults/delete"
	TOKEN=$admin
	arm_says 200 default GET "$RSV"
}

@test "a role for one vault opens that one" {
	arm_starts
	arm PUT "${RSV/default/other}" \
		'{"location":"local","sku":{"name":"Standard"}}' >/dev/null
	principal reader
	vaultd role "$VAULT" assign reader "Backup Reader" --scope "$RSV"
	TOKEN=$(token_of reader)
	arm_says 200 default GET "$RSV"
	arm_says 403 AuthorizationFailed GET "${RSV/default/other}"
	arm_says 403 AuthorizationFailed PATCH "$RSV" '{"tags":{}}'
	arm_says 403 AuthorizationFailed POST "$RSV/backupSecurityPIN"
	arm_says 200 "" GET "$SUB/providers/Microsoft.RecoveryServices/vaults"
	arm_has '[.value[].name] == ["default"]'
	arm_says 200 "" GET /subscriptions
	arm_has '.value | length == 1'
}

# --- groups ---

@test "resource groups are made, and go when they are empty" {
	arm_starts
	arm_says 201 '"location":"west"' PUT "$SUB/resourceGroups/g1" \
		'{"location":"west","tags":{"a":"b"}}'
	arm_says 200 '"a":"b"' GET "$SUB/resourcegroups/G1"
	arm_has '.name == "g1" and .properties.provisioningState == "Succeeded"'
	arm_says 200 '"c":"d"' PATCH "$SUB/resourceGroups/g1" '{"tags":{"c":"d"}}'
	asked 204 "" ask_by "$TOKEN" \
		"$SUB/resourceGroups/g1?api-version=2021-04-01" -I
	arm_says 201 Succeeded PUT \
		"$SUB/resourceGroups/g1/providers/Microsoft.RecoveryServices/vaults/v1" \
		'{"location":"west","sku":{"name":"RS0","tier":"Standard"}}'
	arm_says 409 ResourceGroupDeletionBlocked DELETE "$SUB/resourceGroups/g1"
	arm DELETE \
		"$SUB/resourceGroups/g1/providers/Microsoft.RecoveryServices/vaults/v1"
	arm_says 200 "" DELETE "$SUB/resourceGroups/g1"
	arm_says 404 ResourceGroupNotFound GET "$SUB/resourceGroups/g1"
	asked 404 "" ask_by "$TOKEN" \
		"$SUB/resourceGroups/g1?api-version=2021-04-01" -I
	arm_says 400 InvalidResourceGroup PUT "$SUB/resourceGroups/g." \
		'{"location":"west"}'
	arm_says 400 LocationRequired PUT "$SUB/resourceGroups/g" '{}'
	arm_says 400 InvalidTags PUT "$SUB/resourceGroups/g" \
		'{"location":"x","tags":{"a":1}}'
}

@test "a list goes on where its page ended, whatever came or went" {
	arm_starts
	for n in 1 2 3 4 5; do
		arm PUT "$SUB/resourceGroups/p$n" '{"location":"x"}' >/dev/null
	done
	arm_says 200 nextLink GET "$SUB/resourceGroups?\$top=2"
	arm_has '[.value[].name] == ["p1", "p2"]'
	next=$(head -n -1 <<<"$output" | jq -r .nextLink)
	[[ $next == "$URL$SUB/resourceGroups?"* ]]
	arm DELETE "$SUB/resourceGroups/p2"
	arm PUT "$SUB/resourceGroups/p0" '{"location":"x"}' >/dev/null
	arm_says 200 "" GET "${next#"$URL"}"
	arm_has '[.value[].name] == ["p3", "p4"]'
	next=$(head -n -1 <<<"$output" | jq -r .nextLink)
	arm_says 200 "" GET "${next#"$URL"}"
	arm_has '[.value[].name] == ["p5", "tidemark"] and .nextLink == null'
	arm_says 400 InvalidSkipToken GET "$SUB/resourceGroups?\$skiptoken=%2F"
}

# --- vaults ---

@test "a vault is made, changed, shown, and removed" {
	arm_starts
	v=${RSV/default/v-1}
	arm_says 400 LocationRequired PUT "$v" '{"sku":{"name":"Standard"}}'
	arm_says 400 InvalidSku PUT "$v" '{"location":"w"}'
	arm_says 400 InvalidResourceName PUT "${RSV/default/1v}" \
		'{"location":"w","sku":{"name":"Standard"}}'
	arm_says 201 Succeeded PUT "$v" '{"location":"w","sku":{"name":"Standard"},
		"tags":{"k":"v"},"properties":{"securitySettings":
		{"softDeleteSettings":{"softDeleteRetentionPeriodInDays":30}}}}'
	arm_has '.identity.type == "None" and .properties.securitySettings.softDeleteSettings.softDeleteRetentionPeriodInDays == 30'
	etag=$(head -n -1 <<<"$output" | jq -r .etag)
	arm_says 200 principalId PATCH "$v" '{"identity":{"type":"systemassigned"}}'
	principal=$(head -n -1 <<<"$output" | jq -r .identity.principalId)
	vaultd identity "$VAULT" list | grep -q "$principal"
	arm_says 412 PreconditionFailed PATCH "$v" '{"tags":{}}' \
		-H "If-Match: $etag"
	arm_says 200 '"type":"None"' PATCH "$v" '{"identity":{"type":"None"}}'
	[[ $(vaultd identity "$VAULT" list) != *"$principal"* ]]
	arm_says 409 InvalidResourceLocation PUT "$v" \
		'{"location":"e","sku":{"name":"Standard"}}'
	arm_says 200 '"k":"v"' GET "$SUB/resources?\$filter=resourceType eq 'Microsoft.RecoveryServices/vaults' and name eq 'v-1'"
	arm_has '.value | length == 1'
	location=$GROUP/providers/Microsoft.RecoveryServices/locations/w
	arm_says 200 AlreadyExists POST "$location/checkNameAvailability" \
		'{"type":"Microsoft.RecoveryServices/Vaults","name":"v-1"}'
	arm_says 200 '"nameAvailable":true' POST \
		"$location/checkNameAvailability" '{"name":"free"}'
	arm_says 200 "" DELETE "$v"
	arm_says 404 ResourceNotFound GET "$v"
	arm_says 204 "" DELETE "$v"
	expect 0 vaultd audit-verify "$VAULT"
}

@test "settings are those of the vault, and what is irreversible stays" {
	arm_starts
	soft() { echo "{\"properties\":{\"securitySettings\":{\"softDeleteSettings\":$1}}}"; }
	arm_says 200 AlwaysON PATCH "$RSV" "$(soft '{"softDeleteState":"AlwaysOn"}')"
	vaultd settings "$VAULT" | grep -qi alwayson
	arm_says 400 SoftDeleteAlwaysOn PATCH "$RSV" \
		"$(soft '{"softDeleteState":"Disabled"}')"
	arm_says 400 InvalidSoftDeleteDays PATCH "$RSV" \
		"$(soft '{"softDeleteRetentionPeriodInDays":13}')"
	arm_says 400 InvalidParameter PATCH "$RSV" \
		"$(soft '{"softDeleteState":"Sometimes"}')"
	arm_says 200 '"isSoftDeleteFeatureStateEditable":false' GET \
		"$RSV/backupconfig/vaultconfig"
	arm_says 400 SoftDeleteAlwaysOn PATCH "$RSV/backupconfig/vaultconfig" \
		'{"properties":{"softDeleteFeatureState":"Disabled"}}'
	lock() { echo "{\"properties\":{\"securitySettings\":{\"immutabilitySettings\":{\"state\":\"$1\"}}}}"; }
	arm_says 400 ImmutabilityNotUnlocked PATCH "$RSV" "$(lock Locked)"
	arm_says 200 '"state":"Unlocked"' PATCH "$RSV" "$(lock Unlocked)"
	arm_says 200 '"state":"Locked"' PATCH "$RSV" "$(lock locked)"
	arm_says 400 ImmutabilityLocked PATCH "$RSV" "$(lock Disabled)"
	arm_says 200 '"state":"Locked"' GET "$RSV"
	arm_says 400 810001 PUT "$RSV/backupPolicies/default" \
		'{"properties":{"backupManagementType":"MAB","retentionPolicy":
		{"dailySchedule":{"retentionDuration":
		{"count":8,"durationType":"Days"}}}}}'
	# a new one that is refused something is not made
	arm_says 400 InvalidSoftDeleteDays PUT "${RSV/default/half}" '{"location":"w",
		"sku":{"name":"Standard"},"properties":{"securitySettings":
		{"softDeleteSettings":{"softDeleteRetentionPeriodInDays":1}}}}'
	arm_says 404 ResourceNotFound GET "${RSV/default/half}"
}

@test "credentials are made for register, and it can be undone" {
	arm_starts
	arm_says 200 AzureActiveDirectory PUT \
		"$RSV/certificates/default-vaultcredentials" \
		'{"properties":{"authType":"AAD","certificate":"TUlJ"}}'
	head -n -1 <<<"$output" | jq .properties.tidemark >"$T/credentials"
	chmod 600 "$T/credentials"
	"$TIDEMARK" register -q --vault-credentials "$T/credentials" \
		--name host --directory "$T/registration"
	arm_says 200 "Windows;host" GET \
		"$RSV/backupProtectionContainers?\$filter=backupManagementType eq 'MAB'"
	arm_has '.value[0].properties | .registrationStatus == "Registered" and .containerType == "Windows"'
	arm_says 200 '"value":[]' GET \
		"$RSV/backupProtectionContainers?\$filter=backupManagementType eq 'AzureIaasVM'"
	arm_says 200 "" GET "$RSV/usages"
	arm_has '[.value[] | select(.name.value == "ProtectedItemCount") | .currentValue] == [1]'
	arm_says 409 ServiceResourceNotEmpty DELETE "$RSV"
	arm_says 204 "" DELETE "$RSV/registeredIdentities/host"
	arm_says 404 ResourceNotFound DELETE "$RSV/registeredIdentities/host"
	vaultd machines "$VAULT" | grep -q unregistered
	arm_says 200 "" DELETE "$RSV"
}

@test "policies of the kind MAB, there and back" {
	arm_starts
	cat >"$T/policy" <<-'JSON'
	{"properties":{"backupManagementType":"MAB",
	"schedulePolicy":{"schedulePolicyType":"SimpleSchedulePolicy","scheduleRunFrequency":"Weekly","scheduleRunDays":["Monday","Friday"],"scheduleRunTimes":["2026-01-01T21:00:00Z","2026-01-01T05:30:00Z"],"scheduleWeeklyFrequency":1},
	"retentionPolicy":{"retentionPolicyType":"LongTermRetentionPolicy",
	"dailySchedule":{"retentionTimes":["2026-01-01T21:00:00Z"],"retentionDuration":{"count":40,"durationType":"Days"}},
	"weeklySchedule":{"daysOfTheWeek":["Sunday"],"retentionTimes":["2026-01-01T21:00:00Z"],"retentionDuration":{"count":20,"durationType":"Weeks"}},
	"monthlySchedule":{"retentionScheduleFormatType":"Weekly","retentionScheduleWeekly":{"daysOfTheWeek":["Sunday"],"weeksOfTheMonth":["First","Last"]},"retentionDuration":{"count":30,"durationType":"Months"}},
	"yearlySchedule":{"retentionScheduleFormatType":"Daily","monthsOfYear":["January","July"],"retentionScheduleDaily":{"daysOfTheMonth":[{"date":3,"isLast":false},{"date":0,"isLast":true}]},"retentionDuration":{"count":12,"durationType":"Years"}}}}}
	JSON
	arm_says 200 MAB PUT "$RSV/backupPolicies/p1" "$(<"$T/policy")"
	head -n -1 <<<"$output" >"$T/back"
	run vaultd policy "$VAULT"
	output_has "default/p1 daily=40,weekly=20:sun,monthly=30:first-sun+last-sun,yearly=12:jan+jul:3+last"
	# what was answered means the same
	arm_says 200 MAB PUT "$RSV/backupPolicies/p2" "$(<"$T/back")"
	head -n -1 <<<"$output" >"$T/again"
	diff <(jq -S .properties "$T/back") <(jq -S .properties "$T/again")
	jq -e '.properties.schedulePolicy | .scheduleRunFrequency == "Weekly" and
		(.scheduleRunTimes | length) == 2 and
		.scheduleRunDays == ["Monday", "Friday"]' "$T/back"
	arm_says 200 "" GET "$RSV/backupPolicies?\$filter=backupManagementType eq 'MAB'"
	arm_has '[.value[].name] == ["default", "p1", "p2"]'
	arm_says 400 RetentionTooShort PUT "$RSV/backupPolicies/p3" \
		"$(jq '.properties.retentionPolicy.dailySchedule.retentionDuration.count = 3' "$T/policy")"
	for bad in '.retentionPolicy.dailySchedule.retentionDuration.durationType = "Weeks"' \
		'.retentionPolicy.yearlySchedule.retentionScheduleDaily.daysOfTheMonth[0].date = 31' \
		'.retentionPolicy.weeklySchedule.retentionTimes = ["2026-01-01T22:00:00Z"]' \
		'.schedulePolicy.scheduleRunDays = ["Caturday"]' \
		'.schedulePolicy.scheduleRunDays = []' \
		'.backupManagementType = "AzureIaasVM"'; do
		arm_says 400 BMSUserErrorInvalid PUT "$RSV/backupPolicies/p3" \
			"$(jq ".properties |= ($bad)" "$T/policy")"
	done
	arm_says 404 BMSUserErrorPolicyNotFound GET "$RSV/backupPolicies/p3"
	arm_says 200 "" DELETE "$RSV/backupPolicies/p2"
	arm_says 204 "" DELETE "$RSV/backupPolicies/p2"
	arm_says 400 BMSUserErrorDefaultPolicy DELETE "$RSV/backupPolicies/default"
}

# --- items, points, jobs ---

# A machine "host" with a backup; $ITEM is its item's path, escaped.
arm_item() {
	arm_starts
	sed -i "s/^listen = .*/listen = 127.0.0.1:${URL##*:}/" \
		"$VAULT/vaultd.conf"
	registered host
	tm_init >/dev/null
	mkdir -p "$T/src"
	echo one >"$T/src/file"
	tm backup -q "$T/src"
	arm_says 200 "" GET "$RSV/backupProtectedItems?\$filter=backupManagementType eq 'MAB'"
	ITEM=$(head -n -1 <<<"$output" | jq -r '.value[0].id')
	ITEM=${ITEM//;/%3B}
}

# accepted METHOD PATH [BODY] [curl option...]: 202, and both of its addresses
# answer.
accepted() {
	arm_says 202 "" "$@" -D "$T/head" || return
	local where
	where=$(sed -n 's/^azure-asyncoperation: *//Ip' "$T/head" | tr -d '\r')
	arm_says 200 '"status":"Succeeded"' GET "${where#"$URL"}" || return
	OPERATION=$(head -n -1 <<<"$output" | jq -r .name)
	JOB=$(head -n -1 <<<"$output" | jq -r .properties.jobId)
	where=$(sed -n 's/^location: *//Ip' "$T/head" | tr -d '\r')
	arm_says 200 "" GET "${where#"$URL"}"
}

@test "a machine is an item with recovery points and jobs" {
	arm_item
	arm_says 200 MabFileFolderProtectedItem GET "$ITEM"
	arm_has '.properties | .friendlyName == "host" and .protectionState == "Protected" and .lastBackupStatus == "Completed" and .extendedInfo.recoveryPointCount == 1 and .policyName == "default"'
	arm_says 200 GenericRecoveryPoint GET "$ITEM/recoveryPoints"
	point=$(head -n -1 <<<"$output" | jq -r '.value[0].name')
	arm_says 200 GenericRecoveryPoint GET "$ITEM/recoveryPoints/$point"
	arm_says 404 ResourceNotFound GET "$ITEM/recoveryPoints/999"
	arm_says 200 '"value":[]' GET "$ITEM/recoveryPoints?\$filter=startDate eq '2001-01-01 01:00:00 AM' and endDate eq '2002-01-01 01:00:00 PM'"
	arm_says 200 '"operation":"Backup"' GET "$RSV/backupJobs?\$filter=operation eq 'Backup' and backupManagementType eq 'MAB'"
	job=$(head -n -1 <<<"$output" | jq -r '.value[0].name')
	arm_says 200 MabJob GET "$RSV/backupJobs/$job"
	arm_has '.properties | .status == "Completed" and .extendedInfo.tasksList[0].taskId == "Backup"'
	arm_says 404 BMSUserErrorJobNotFound GET "$RSV/backupJobs/x"
	# one of another vault is not reached through this one
	arm PUT "${RSV/default/other}" \
		'{"location":"local","sku":{"name":"Standard"}}' >/dev/null
	arm_says 404 BMSUserErrorItemNotFound GET "${ITEM/default/other}"
	arm_says 404 BMSUserErrorItemNotFound DELETE "${ITEM/default/other}"
	arm_says 404 BMSUserErrorJobNotFound GET "${RSV/default/other}/backupJobs/$job"
	arm_says 404 BMSUserErrorItemNotFound GET "${ITEM/host/x}"
}

@test "an item follows another policy, is stopped, and goes on" {
	arm_item
	arm PUT "$RSV/backupPolicies/p1" '{"properties":{"backupManagementType":
		"MAB","retentionPolicy":{"dailySchedule":{"retentionDuration":
		{"count":9,"durationType":"Days"}}}}}' >/dev/null
	item() { echo "{\"properties\":{\"protectedItemType\":\"MabFileFolderProtectedItem\",$1}}"; }
	accepted PUT "$ITEM" "$(item "\"policyId\":\"$RSV/backupPolicies/p1\"")"
	arm_has '.properties.policyName == "p1"'
	arm_says 400 BMSUserErrorPolicyInUse DELETE "$RSV/backupPolicies/p1"
	arm_says 400 BMSUserErrorInvalidPolicy PUT "$ITEM" \
		"$(item "\"policyId\":\"${RSV/default/x}/backupPolicies/p1\"")"
	arm_says 400 BMSUserErrorPolicyNotFound PUT "$ITEM" \
		"$(item "\"policyId\":\"$RSV/backupPolicies/none\"")"
	arm_says 400 BMSUserErrorInvalidInput PUT "$ITEM" '{"properties":{}}'
	accepted PUT "$ITEM" "$(item '"protectionState":"ProtectionStopped"')"
	arm_has '.properties.protectionState == "ProtectionStopped"'
	arm_says 200 '"operation":"DisableBackup"' GET "$RSV/backupJobs/$JOB"
	arm_says 200 Succeeded GET "$RSV/backupOperations/$OPERATION"
	arm_says 404 ResourceNotFound GET "${RSV/default/x}/backupOperations/$OPERATION"
	echo two >"$T/src/file"
	run tm backup -q "$T/src"
	[ "$status" -ne 0 ]
	accepted PUT "$ITEM" "$(item "\"policyId\":\"$RSV/backupPolicies/p1\"")"
	arm_has '.properties.protectionState == "Protected"'
	tm backup -q "$T/src"
}

@test "what is deleted takes a PIN, waits, and comes back" {
	arm_item
	arm_says 400 "" DELETE "$ITEM"
	arm_says 400 "" DELETE "$ITEM" '' -H 'x-ms-security-pin: 000000'
	arm_says 200 securityPIN POST "$RSV/backupSecurityPIN"
	arm_has '.securityPIN == .token and (.securityPIN | test("^[0-9]{6}$")) and .expiryTimeInUtcTicks > 638000000000000000'
	pin=$(head -n -1 <<<"$output" | jq -r .securityPIN)
	accepted DELETE "$ITEM" '' -H "x-ms-security-pin: $pin"
	arm_has '.properties | .isScheduledForDeferredDelete and (.deferredDeleteTimeRemaining | test("^1[34][.]"))'
	arm_says 409 ServiceResourceNotEmpty DELETE "$RSV"
	accepted PUT "$ITEM" '{"properties":{"isRehydrate":true,"protectedItemType":"MabFileFolderProtectedItem"}}'
	arm_has '.properties | .protectionState == "ProtectionStopped" and (.isScheduledForDeferredDelete | not)'
	# the operator may stop a machine, and not delete what it has
	principal operator
	vaultd role "$VAULT" assign operator "Backup Operator" --scope "$GROUP"
	TOKEN=$(token_of operator)
	arm_says 403 AuthorizationFailed DELETE "$ITEM"
	arm_says 403 AuthorizationFailed POST "$RSV/backupSecurityPIN"
	arm_says 403 AuthorizationFailed PATCH "$RSV/backupconfig/vaultconfig" '{}'
	arm_says 202 "" PUT "$ITEM" '{"properties":{"protectionState":"ProtectionStopped"}}'
	run vaultd audit "$VAULT"
	output_has "protectedItems/delete"
}

@test "an operation outlives a restart" {
	arm_item
	arm_says 202 "" PUT "$ITEM" \
		'{"properties":{"protectionState":"ProtectionStopped"}}' -D "$T/head"
	where=$(sed -n 's/^azure-asyncoperation: *//Ip' "$T/head" | tr -d '\r')
	vault_ends KILL
	vault_starts
	arm_says 200 Succeeded GET "${where#"$URL"}"
}

@test "filters that are not understood are refused" {
	arm_item
	for path in backupProtectedItems backupProtectionContainers backupJobs \
		backupPolicies; do
		arm_says 400 InvalidFilter GET "$RSV/$path?\$filter=a eq"
		arm_says 200 '"value":[]' GET \
			"$RSV/$path?\$filter=backupManagementType eq 'DPM'"
	done
}
