#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# vault-limits.bats - quotas, rates, and what an administrator is told.

load ../lib/helpers
load ../lib/vault

setup() {
	tm_setup
	requires curl
	requires openssl
}

# limits LINE...: of the configuration.
limits() { printf '%s\n' '[limits]' "$@" >>"$VAULT/vaultd.conf"; }

machine_id() { vaultd machines "$VAULT" --json | jq -r .machine; }

# put TEXT [CLASS]: by its hash; for asked.
put() {
	echo "$1" >"$T/object"
	ask_as host "/v1/objects/${2:-packs}/$(sha256sum "$T/object" |
		cut -d' ' -f1)" -T "$T/object"
}

@test "a machine has room for so many bytes and objects" {
	vault_init
	limits 'quota-bytes = 100'
	vault_starts
	machine_registers host
	asked 201 "" put "$(printf %60s one)"
	asked 507 QuotaExceeded put "$(printf %60s two)"
	# what is there takes no more room
	asked 409 ObjectExists put "$(printf %60s one)"
	asked 201 "" put "$(printf %38s fits)"
	asked 507 QuotaExceeded put x
	asked 409 ObjectExists put "$(printf %38s fits)"
	# nor unknown lengths and names
	asked 507 QuotaExceeded ask_as host /v1/objects/packs -X POST \
		-H 'Transfer-Encoding: chunked' --data-binary "@$T/clock"
	vaultd quota "$VAULT" "$(machine_id)" --bytes none --objects 3
	asked 201 "" put "$(printf %900s long)"
	asked 507 QuotaExceeded put y
	expect 0 vaultd quota "$VAULT"
	output_has "bytes (no limit), 3 objects (of 3)"
	vaultd quota "$VAULT" "$(machine_id)" --default
	asked 507 QuotaExceeded put y
	expect 1 vaultd quota "$VAULT" "$(machine_id)" --bytes 0
	output_has "a number above 0"
	expect 1 vaultd quota "$VAULT" none --bytes 1G
	output_has "there is no machine none here"
	run vaultd audit "$VAULT"
	output_has "quota/set"
	vaultd audit-verify "$VAULT"
}

@test "what comes at once does not get past the quota" {
	local i
	vault_init
	limits 'quota-objects = 5'
	vault_starts
	machine_registers host
	for i in {1..20}; do
		echo "$i" >"$T/o$i"
		curl -sS --cacert "$VAULT/tls/ca.crt" --cert "$T/host.crt" \
			--key "$T/host.key" -T "$T/o$i" -o /dev/null \
			-w '%{http_code}\n' \
			"$URL/v1/objects/packs/$(sha256sum "$T/o$i" |
				cut -d' ' -f1)" >>"$T/codes" 3>&- &
		BACKGROUND+=("$!")
		PIDS+=("$!")
	done
	wait "${PIDS[@]}"
	[ "$(grep -c 201 "$T/codes")" -eq 5 ]
	[ "$(grep -c 507 "$T/codes")" -eq 15 ]
	# and nothing is left of what did not
	[ "$(find "$VAULT/repositories" -path '*/packs/*' -type f | wc -l)" -eq 5 ]
}

@test "a machine that asks too often waits, others do not" {
	vault_init
	limits 'machine-requests = 1'
	vault_starts
	machine_registers host
	machine_registers other
	local i
	for i in {1..30}; do
		run ask_as host /v1/machine -D "$T/headers"
		[ "${lines[-1]}" = 200 ] || break
	done
	[ "$i" -ge 10 ]
	[ "${lines[-1]}" = 429 ]
	output_has TooManyRequests
	grep -qi '^retry-after: [1-9]' "$T/headers"
	asked 200 other ask_as other /v1/machine
}

@test "bytes are counted in both directions" {
	vault_init
	limits 'machine-bytes = 1000'
	vault_starts
	machine_registers host
	local hash
	head -c 30000 /dev/urandom >"$T/object"
	hash=$(sha256sum "$T/object" | cut -d' ' -f1)
	asked 201 "" ask_as host "/v1/objects/packs/$hash" -T "$T/object"
	asked 429 TooManyRequests ask_as host /v1/machine -D "$T/headers"
	[ "$(tr -d '\r' <"$T/headers" |
		sed -n 's/^[Rr]etry-[Aa]fter: //p')" -gt 10 ]
}

@test "an address that asks too often waits" {
	vault_init
	limits 'address-requests = 1'
	vault_starts
	local i
	for i in {1..30}; do
		run ask /health
		[ "${lines[-1]}" = 200 ] || break
	done
	[ "$i" -ge 10 ]
	[ "${lines[-1]}" = 429 ]
}

@test "strangers are refused without a look, and machines beside them not" {
	vault_init
	limits 'address-refusals = 5'
	vault_starts
	machine_registers host
	local i
	register_request two
	jq '.secret = ("0" * 64)' "$T/two.json" >"$T/bad.json"
	for i in {1..30}; do
		run ask /v1/register --data-binary "@$T/bad.json"
		[ "${lines[-1]}" = 403 ] || break
	done
	[ "$i" -gt 5 ]
	asked 429 TooManyRequests ask /v1/register --data-binary "@$T/bad.json"
	asked 429 TooManyRequests ask /v1/machine
	asked 200 host ask_as host /v1/machine
	[ "$(vaultd audit "$VAULT" | grep -c refused)" -eq 3 ]
	vault_ends
	run vaultd audit "$VAULT"
	output_has "$((i - 4)) more times"
	vaultd audit-verify "$VAULT"
}

@test "many refusals raise an alert, which is seen to" {
	vault_init
	vault_starts
	local i id
	register_request two
	jq '.secret = ("0" * 64)' "$T/two.json" >"$T/bad.json"
	for i in {1..12}; do
		asked 403 InvalidCredentials ask /v1/register \
			--data-binary "@$T/bad.json"
	done
	expect 0 vaultd alerts "$VAULT"
	output_has "registration-refused"
	output_has "127.0.0.1"
	id=$(vaultd alerts "$VAULT" --json | jq -r .alert)
	vaultd acknowledge "$VAULT" "$id"
	expect 0 vaultd alerts "$VAULT"
	[ -z "$output" ]
	expect 0 vaultd alerts "$VAULT" --all
	output_has acknowledged
	expect 1 vaultd acknowledge "$VAULT" "$id"
	output_has "no alert $id waits"
}

@test "what takes protection away raises an alert" {
	vault_init
	vaultd policy "$VAULT" daily=60,weekly=12:sun
	expect 0 vaultd alerts "$VAULT"
	output_has policy-shortened # monthly and yearly went
	vaultd acknowledge "$VAULT" 1
	vaultd policy "$VAULT" daily=90,weekly=12:sun
	[ -z "$(vaultd alerts "$VAULT")" ]
	vaultd policy "$VAULT" daily=30,weekly=12:sun
	[ "$(vaultd alerts "$VAULT" --json | jq -r '"\(.kind) \(.severity)"')" = \
		"policy-shortened 0" ]
	vault_starts
	machine_registers host
	asked 204 "" ask_as host /v1/machine -X DELETE
	expect 0 vaultd alerts "$VAULT"
	output_has "unregistered  host"
}

@test "a machine that goes back, or leaves a gap, raises an alert" {
	vault_init
	vault_starts
	machine_registers host
	local n
	echo a >"$T/object"
	for n in 1 2 3; do
		asked 201 "" ask_as host "/v1/objects/heads/000000000000000$n" \
			-T "$T/object"
	done
	# the same again, and a race for the newest, are none
	asked 409 ObjectExists ask_as host \
		/v1/objects/heads/0000000000000002 -T "$T/object"
	asked 409 ObjectExists ask_as host \
		/v1/objects/heads/0000000000000003 -T "$PASS"
	[ -z "$(vaultd alerts "$VAULT")" ]
	asked 409 ObjectExists ask_as host \
		/v1/objects/heads/0000000000000002 -T "$PASS"
	expect 0 vaultd alerts "$VAULT"
	output_has "head 0000000000000002, but 0000000000000003"
	asked 409 HeadNotNext ask_as host \
		/v1/objects/heads/0000000000000009 -T "$PASS"
	expect 0 vaultd alerts "$VAULT"
	output_has "(2 times"
}

@test "a request with two lengths is refused, and its connection ends" {
	vault_init
	vault_starts
	machine_registers host
	asked 400 "twice how long" ask_as host /v1/machine -H 'Content-Length: 0' \
		-H 'Content-Length: 5'
	asked 400 "twice how long" ask_as host /v1/objects/packs -X POST \
		-H 'Transfer-Encoding: chunked' -H 'Content-Length: 5' \
		--data-binary "@$PASS"
}
