#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# vault-monitor.bats - what a vault tells of itself, and to whom.
# shellcheck disable=SC2030,SC2031 # each test is a subshell of its own

load ../lib/helpers
load ../lib/vault

setup() {
	tm_setup
	requires curl
	requires openssl
}

# on DAY: the vault's clock.
on() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ >"$T/clock"; }

# with_token PATH: as whoever may look.
with_token() { ask "$1" -H "Authorization: Bearer $TOKEN"; }

# point N BYTES [curl option...]: a pack, a snapshot and a head.
point() {
	local n=$1 bytes=$2 class
	shift 2
	for class in packs snapshots; do
		head -c "$bytes" /dev/urandom >"$T/object"
		asked 201 "" ask_as host "/v1/objects/$class/$(sha256sum \
			"$T/object" | cut -d' ' -f1)" -T "$T/object"
		bytes=10
	done
	asked 201 "" ask_as host "/v1/objects/heads/$(printf %016x "$n")" \
		-T "$T/object" "$@"
}

alerts() { vaultd alerts "$VAULT" --clock "$T/clock" "$@"; }

@test "metrics are for those who have a token" {
	vault_init
	vault_starts
	machine_registers host
	asked 401 Unauthorized ask /metrics
	asked 401 Unauthorized ask_as host /metrics
	asked 401 Unauthorized ask /metrics -H "Authorization: Bearer $(
		printf '0%.0s' {1..64})"
	TOKEN=$(vaultd monitor-token "$VAULT" prometheus)
	[ "${#TOKEN}" -eq 64 ]
	asked 200 'tidemark_vault_machine_bytes{machine="' with_token /metrics
	output_has 'name="host"} 0'
	output_has 'tidemark_vault_http_requests_total{method="GET",path="/metrics",code="4xx"} 3'
	output_has 'le="+Inf"'
	# its form: no line but names, labels and a number; types come first
	grep -v '^[0-9]*$' <<<"$output" | awk '
		/^# TYPE / { type[$3] = 1; next }
		/^# HELP / || /^$/ { next }
		!/^[a-z_]+({[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*})? [-0-9.e+]+$/ {
			print "bad:", $0; bad = 1 }
		{ name = $0; sub(/[{ ].*/, "", name)
		  sub(/_(bucket|sum|count)$/, "", name)
		  if (!type[name]) { print "no type:", $0; bad = 1 } }
		END { exit bad }'
	expect 1 vaultd monitor-token "$VAULT" prometheus
	output_has "there is a token prometheus"
	vaultd monitor-token "$VAULT" prometheus --revoke
	asked 401 Unauthorized with_token /metrics
	expect 1 vaultd monitor-token "$VAULT" prometheus --revoke
	run vaultd audit "$VAULT"
	output_has monitor-token/add
	output_lacks "$TOKEN"
	! grep -rqF "$TOKEN" "$VAULT" || false
}

@test "alive, and ready, are two questions" {
	vault_init
	on 2026-03-02
	vault_starts --clock "$T/clock"
	asked 200 '{"status":"ok"}' ask /health
	asked 200 '{"status":"ready"}' ask /health/ready
	output_lacks database
	TOKEN=$(vaultd monitor-token "$VAULT" me)
	asked 200 '"clock":"ok"' with_token /health/ready
	alerts
	on 2026-02-01
	asked 503 "behind what it was" with_token /health/ready
	asked 503 '{"status":"not ready"}' ask /health/ready
	asked 200 ok ask /health
}

@test "a disk that is nearly full takes nothing, and says so" {
	requires_root
	vault_init
	mkdir "$T/small"
	mount -t tmpfs -o size=20M tmpfs "$T/small"
	cp -r "$VAULT/." "$T/small"
	VAULT=$T/small
	chmod 700 "$VAULT"
	vault_starts
	machine_registers host
	TOKEN=$(vaultd monitor-token "$VAULT" me)
	asked 201 "" ask_as host "/v1/objects/packs/$(sha256sum "$PASS" |
		cut -d' ' -f1)" -T "$PASS"
	head -c "$(($(df --output=avail -B1 "$T/small" | tail -n 1) - 500000))" \
		/dev/zero >"$T/small/filler"
	echo more >"$T/object"
	asked 507 InsufficientStorage ask_as host "/v1/objects/packs/$(
		sha256sum "$T/object" | cut -d' ' -f1)" -T "$T/object"
	expect 0 vaultd alerts "$VAULT"
	output_has "severity 1"
	output_has "make room"
	asked 200 correct ask_as host "/v1/objects/packs/$(sha256sum "$PASS" |
		cut -d' ' -f1)"
	rm "$T/small/filler"
	expect 0 vaultd alerts "$VAULT"
	output_has over
	asked 201 "" ask_as host "/v1/objects/packs/$(sha256sum "$T/object" |
		cut -d' ' -f1)" -T "$T/object"
	vault_ends
}

@test "a machine that does not come as it used to is missed" {
	vault_init
	on 2026-03-02
	vault_starts --clock "$T/clock"
	machine_registers host --clock "$T/clock"
	local day
	on 2026-03-04
	[ -z "$(alerts --json | jq 'select(.kind == "missed-backup")')" ]
	on 2026-03-06
	alerts | grep -q 'missed-backup  host'
	alerts | grep -q 'never been backed up'
	for day in {7..12}; do
		on "2026-03-$day"
		point "$((day - 6))" 100
	done
	alerts | grep 'missed-backup' | grep -q over
	vaultd acknowledge "$VAULT" "$(alerts --json |
		jq 'select(.kind == "missed-backup").alert')"
	on '2026-03-13 10:00'
	! alerts | grep missed || false
	on '2026-03-13 14:00'
	alerts | grep -A1 'missed-backup  host' | grep -q 'for 38 hours'
	[ "$(alerts --json | jq -r 'select(.kind == "missed-backup").severity')" \
		= 1 ]
	point 7 100
	alerts | grep 'missed-backup' | grep -q over
}

@test "far more than usual, or far less compressible, is told" {
	vault_init
	vault_starts
	machine_registers host
	local n
	point 1 4M
	for n in {2..10}; do
		point "$n" "$((n % 3 + 1))00K" -H 'Tidemark-Read: 1500000'
	done
	[ -z "$(vaultd alerts "$VAULT")" ]
	# as many bytes as ever, of hardly more that was read
	point 11 1400K -H 'Tidemark-Read: 1500000'
	vaultd alerts "$VAULT" | grep -A1 'severity 0.*unusual-change  host' |
		grep -q 'compresses to 95 %, where 13 % are usual'
	vaultd acknowledge "$VAULT" 1
	point 12 80M
	expect 0 vaultd alerts "$VAULT"
	output_has "brought 80 MiB, where 0 MiB are usual"
	# once for each point
	expect 0 vaultd alerts "$VAULT"
	output_lacks times
}

@test "a clock that is moved is told" {
	vault_init
	on 2026-03-02
	alerts
	[ -z "$(alerts)" ]
	on '2026-03-02 01:00'
	alerts | grep -q 'moved ahead by 3[56]'
	vaultd acknowledge "$VAULT" 1 --clock "$T/clock"
	on 2026-02-02
	alerts | grep -q 'moved back by'
}

@test "a quota that is nearly used up is told" {
	vault_init
	vault_starts
	machine_registers host
	vaultd quota "$VAULT" "$(vaultd machines "$VAULT" --json |
		jq -r .machine)" --bytes 1000
	head -c 950 /dev/urandom >"$T/object"
	asked 201 "" ask_as host "/v1/objects/packs/$(sha256sum "$T/object" |
		cut -d' ' -f1)" -T "$T/object"
	vaultd alerts "$VAULT" | grep -q 'quota  host'
}
