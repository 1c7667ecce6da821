#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# vaultd.bats - what a vault answers, also to those who mean it no good.

load ../lib/helpers
load ../lib/vault

setup() {
	tm_setup
	requires curl
	requires openssl
}

@test "a vault is made in a directory of its own, once" {
	vault_init
	[ "$(stat -c %a "$VAULT")" = 700 ]
	[ "$(stat -c %a "$VAULT/tls/ca.key")" = 600 ]
	expect 1 vaultd init "$VAULT"
	output_has "is not empty"
	expect 1 vaultd serve "$T"
	output_has "holds no vault"
}

@test "mistakes in its configuration are named by line" {
	vault_init
	printf '[vault]\nlisten = 127.0.0.1:0\nnmae = x\n[limits]\nconnections = 0\n' \
		>"$VAULT/vaultd.conf"
	expect 1 vaultd serve "$VAULT"
	output_has "vaultd.conf:3: there is no such key"
	output_has "vaultd.conf:5: a number"
}

@test "without a machine's certificate there is nothing" {
	vault_init
	vault_starts
	asked 200 ok ask /health
	asked 401 Unauthorized ask /v1/machine
	asked 401 Unauthorized ask /v1/objects/packs
	asked 401 Unauthorized ask /v1/objects/packs/00 -X DELETE
	asked 401 Unauthorized ask /v1/objects/packs/00 -T "$PASS"
	# nor with one that the vault has not signed
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/x.key" \
		-out "$T/x.crt" -subj /CN=x 2>/dev/null
	asked 401 Unauthorized ask_as x /v1/machine
}

@test "credentials work once, for ten days" {
	vault_init
	date -u +%Y-%m-%dT%H:%M:%SZ >"$T/clock"
	vault_starts --clock "$T/clock"
	register_request one
	asked 201 machine ask /v1/register --data-binary "@$T/one.json"
	id=$(jq -r .machine <<<"${lines[0]}")
	# who asks again with the same key has not heard the answer
	asked 201 "$id" ask /v1/register --data-binary "@$T/one.json"
	jq -r .certificate <<<"${lines[0]}" >"$T/one.crt"
	asked 200 "$id" ask_as one /v1/machine
	[ "$(vaultd machines "$VAULT" | wc -l)" -eq 1 ]
	cp "$T/one.json" "$T/same.json"
	jq '.name = "other"' same.json >one.json
	asked 403 InvalidCredentials ask /v1/register \
		--data-binary "@$T/one.json"
	register_request other
	jq --rawfile request "$T/other.csr" '.request = $request' same.json \
		>one.json
	asked 403 InvalidCredentials ask /v1/register \
		--data-binary "@$T/one.json"
	# nor when it is gone
	asked 204 "" ask_as one /v1/machine -X DELETE
	asked 403 InvalidCredentials ask /v1/register \
		--data-binary "@$T/same.json"
	register_request two
	date -u -d '+10 days +1 minute' +%Y-%m-%dT%H:%M:%SZ >"$T/clock"
	asked 403 InvalidCredentials ask /v1/register \
		--data-binary "@$T/two.json"
	run vaultd audit "$VAULT"
	output_has "refused"
	expect 0 vaultd audit-verify "$VAULT"
}

@test "two machines of one name are refused" {
	vault_init
	vault_starts
	machine_registers host
	register_request HOST
	asked 409 MachineExists ask /v1/register --data-binary "@$T/HOST.json"
	asked 204 "" ask_as host /v1/machine -X DELETE
	asked 201 machine ask /v1/register --data-binary "@$T/HOST.json"
	asked 401 "not known, revoked or over" ask_as host /v1/machine
}

@test "a certificate that is over lets nobody in" {
	vault_init
	date -u +%Y-%m-%dT%H:%M:%SZ >"$T/clock"
	vault_starts --clock "$T/clock"
	machine_registers host
	asked 200 '"name":"host"' ask_as host /v1/machine
	date -u -d '+91 days' +%Y-%m-%dT%H:%M:%SZ >"$T/clock"
	asked 401 Unauthorized ask_as host /v1/machine
}

@test "a certificate is followed by the next" {
	vault_init
	vault_starts
	machine_registers host
	jq '{request}' "$T/host.json" >"$T/renew.json"
	asked 201 certificate ask_as host /v1/machine/certificate \
		--data-binary "@$T/renew.json"
	mv "$T/host.crt" "$T/old.crt"
	cp "$T/host.key" "$T/old.key"
	head -n -1 <<<"$output" | jq -r .certificate >"$T/host.crt"
	asked 200 host ask_as host /v1/machine
	asked 200 host ask_as old /v1/machine
	vaultd unregister "$VAULT" "$(vaultd machines "$VAULT" --json |
		jq -r .machine)"
	asked 401 Unauthorized ask_as host /v1/machine
	asked 401 Unauthorized ask_as old /v1/machine
}

@test "requests for certificates that are no good" {
	vault_init
	vault_starts
	register_request host
	jq '.request = "nonsense"' "$T/host.json" >"$T/bad.json"
	asked 400 BadCertificateRequest ask /v1/register \
		--data-binary "@$T/bad.json"
	openssl req -new -newkey rsa:1024 -nodes -keyout "$T/weak.key" \
		-subj /CN=x -out "$T/weak.csr" 2>/dev/null
	jq --rawfile r "$T/weak.csr" '.request = $r' "$T/host.json" \
		>"$T/bad.json"
	asked 400 BadCertificateRequest ask /v1/register \
		--data-binary "@$T/bad.json"
	jq '.name = "../../etc"' "$T/host.json" >"$T/bad.json"
	asked 400 BadRequest ask /v1/register --data-binary "@$T/bad.json"
	# the credentials were not used up by any of it
	asked 201 machine ask /v1/register --data-binary "@$T/host.json"
}

@test "a machine reaches its own objects and no others" {
	vault_init
	vault_starts
	machine_registers one
	machine_registers two
	local hash
	hash=$(sha256sum "$PASS" | cut -d' ' -f1)
	asked 201 "" ask_as one "/v1/objects/packs/$hash" -T "$PASS"
	asked 409 ObjectExists ask_as one "/v1/objects/packs/$hash" -T "$PASS"
	asked 200 correct ask_as one "/v1/objects/packs/$hash"
	asked 206 orrect ask_as one "/v1/objects/packs/$hash" -r 1-
	asked 416 InvalidRange ask_as one "/v1/objects/packs/$hash" -r 100-
	asked 404 ObjectNotFound ask_as two "/v1/objects/packs/$hash"
	asked 404 ObjectNotFound ask_as two "/v1/objects/packs/$hash" -X DELETE
	run ask_as two /v1/objects/packs
	[ "$output" = 200 ] || [ "${lines[*]}" = 200 ]
	asked 200 "$hash" ask_as one /v1/objects/packs
}

@test "names and bytes that do not belong together" {
	vault_init
	vault_starts
	machine_registers host
	local hash
	hash=$(echo other | sha256sum | cut -d' ' -f1)
	asked 422 HashMismatch ask_as host "/v1/objects/packs/$hash" -T "$PASS"
	asked 404 ObjectNotFound ask_as host "/v1/objects/packs/$hash"
	asked 400 InvalidName ask_as host /v1/objects/packs/XY -T "$PASS"
	asked 400 InvalidName ask_as host /v1/objects/files/00 -T "$PASS"
	asked 409 HeadNotNext ask_as host \
		/v1/objects/heads/0000000000000002 -T "$PASS"
	asked 400 InvalidName ask_as host /v1/objects/heads/2 -T "$PASS"
	head -c 100K /dev/zero >"$T/long"
	asked 413 RequestTooLarge ask_as host /v1/objects/config/config \
		-T "$T/long"
	asked 404 ObjectNotFound ask_as host /v1/objects/config/config
}

@test "paths, methods and bodies that are no good" {
	vault_init
	vault_starts
	machine_registers host
	local path
	for path in /v1/objects/../../etc/passwd /v1/objects/%2e%2e/x \
		/v1/objects/packs%2f00 /v1/%00 /%; do
		asked 400 BadRequest ask_as host "$path"
	done
	asked 404 NotFound ask_as host /nothing
	asked 404 NotFound ask_as host /v1/objects/packs/
	asked 405 MethodNotAllowed ask_as host /v1/objects/packs/00 -X PATCH
	head -c 2M /dev/zero >"$T/long"
	asked 413 RequestTooLarge ask /v1/register --data-binary "@$T/long"
	asked 414 UriTooLong ask "/$(head -c 9000 /dev/zero | tr '\0' a)"
	asked 400 "no JSON" ask /v1/register -d '{"name":'
	asked 400 as-of ask_as host '/v1/objects/packs?as-of=x'
	asked 200 ok ask /health
}

@test "leases: any number of writers, one that maintains" {
	vault_init
	vault_starts
	machine_registers host
	local id
	asked 201 lease ask_as host '/v1/leases?kind=writer' -X POST
	asked 201 lease ask_as host '/v1/leases?kind=writer' -X POST
	asked 201 lease ask_as host '/v1/leases?kind=maintenance' -X POST
	id=$(jq -r .lease <<<"${lines[0]}")
	asked 409 LeaseHeld ask_as host '/v1/leases?kind=maintenance' -X POST
	asked 200 '"writers":2' ask_as host /v1/machine
	asked 204 "" ask_as host "/v1/leases/$id" -X PUT
	asked 204 "" ask_as host "/v1/leases/$id" -X DELETE
	asked 404 LeaseNotFound ask_as host "/v1/leases/$id" -X PUT
	asked 201 lease ask_as host '/v1/leases?kind=maintenance' -X POST
	asked 400 InvalidParameter ask_as host /v1/leases -X POST
}

@test "an upload that breaks off leaves nothing" {
	vault_init
	vault_starts
	machine_registers host
	local hash
	head -c 1M /dev/urandom >"$T/object"
	hash=$(sha256sum "$T/object" | cut -d' ' -f1)
	mkfifo "$T/slow"
	curl -sS --cacert "$VAULT/tls/ca.crt" --cert "$T/host.crt" \
		--key "$T/host.key" -T "$T/slow" -o "$T/answer" \
		"$URL/v1/objects/packs/$hash" 3>&- &
	local pid=$!
	exec 7>"$T/slow"
	head -c 500k "$T/object" >&7
	kill -KILL "$pid"
	exec 7>&-
	asked 404 ObjectNotFound ask_as host "/v1/objects/packs/$hash"
	asked 201 "" ask_as host "/v1/objects/packs/$hash" -T "$T/object"
}

@test "killed and started again, it knows what it answered" {
	vault_init
	vault_starts
	machine_registers host
	local i hash
	for i in {1..20}; do
		echo "$i" >"$T/object"
		hash=$(sha256sum "$T/object" | cut -d' ' -f1)
		asked 201 "" ask_as host "/v1/objects/packs/$hash" -T "$T/object"
		[ $((i % 5)) -ne 0 ] || {
			vault_ends KILL
			vault_starts
		}
	done
	run ask_as host /v1/objects/packs
	[ "${#lines[@]}" -eq 21 ]
}

@test "told to end, it finishes what is under way" {
	vault_init
	vault_starts
	machine_registers host
	local hash
	hash=$(sha256sum "$PASS" | cut -d' ' -f1)
	mkfifo "$T/slow"
	curl -sS --cacert "$VAULT/tls/ca.crt" --cert "$T/host.crt" \
		--key "$T/host.key" -T "$T/slow" -o "$T/answer" \
		-w '%{http_code}' "$URL/v1/objects/packs/$hash" \
		>"$T/status" 3>&- &
	local pid=$!
	exec 7>"$T/slow"
	head -c 5 "$PASS" >&7
	wait_until has_upload
	kill -TERM "$VAULTD"
	tail -c +6 "$PASS" >&7
	exec 7>&-
	wait "$pid"
	[ "$(cat "$T/status")" = 201 ]
	wait "$VAULTD"
}

# An object without a name is open in the vault.
has_upload() {
	find "/proc/$VAULTD/fd" -lname "*/packs/#* (deleted)" 2>/dev/null |
		grep -q .
}

@test "a policy is told in words, and its mistakes" {
	vault_init
	expect 0 vaultd policy "$VAULT"
	output_has "default/default daily=30,weekly=12:sun,monthly=24:1,yearly=10:jan:1"
	vaultd policy "$VAULT" daily=7,weekly=4:mon+fri,monthly=3:first-sun+last-sat
	expect 0 vaultd policy "$VAULT"
	output_has "daily=7,weekly=4:mon+fri,monthly=3:first-sun"
	local words
	for words in daily=6 weekly=4:sun daily=30,weekly=3:sun \
		daily=30,monthly=3:29 daily=30,yearly=1:1 daily=x nonsense \
		daily=30,weekly=4:1 daily=30,weekly=4:sun,weekly=5:mon; do
		expect 1 vaultd policy "$VAULT" "$words"
		output_has "$words:"
	done
	expect 1 vaultd policy "$VAULT" daily=9 --policy none
	output_has "there is no policy none"
	vaultd audit-verify "$VAULT"
}

# on DAY: the vault's clock.
on() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ >"$T/clock"; }

# point N: a snapshot and a head.
point() {
	local hash
	echo "snapshot $1" >"$T/object"
	hash=$(sha256sum "$T/object" | cut -d' ' -f1)
	asked 201 "" ask_as host "/v1/objects/snapshots/$hash" -T "$T/object"
	asked 201 "" ask_as host \
		"/v1/objects/heads/$(printf %016x "$1")" -T "$T/object"
}

@test "points are let go by the vault's clock, and what they needed" {
	local id pack i
	vault_init
	vaultd policy "$VAULT" daily=7,weekly=4:sun
	on 2026-03-02 # a Monday
	vault_starts --clock "$T/clock"
	machine_registers host --clock "$T/clock"
	pack=$(sha256sum "$PASS" | cut -d' ' -f1)
	asked 201 "" ask_as host "/v1/objects/packs/$pack" -T "$PASS"
	for i in {1..8}; do
		on "2026-03-0$((i + 1))"
		point "$i"
		[ "$i" -ne 3 ] ||
			asked 204 "" ask_as host "/v1/objects/packs/$pack" \
				-X DELETE
	done
	id=$(vaultd machines "$VAULT" --json | jq -r .machine)
	on 2026-03-09T01:00
	# the first point stands for the Sunday before; the pack was needed up
	# to the third
	expect 0 vaultd collect "$VAULT" --clock "$T/clock"
	output_has "0 recovery points and 0 objects"
	on 2026-03-11T01:00
	expect 0 vaultd collect "$VAULT" --clock "$T/clock"
	output_has "2 recovery points and 0 objects"
	[ -e "$VAULT/repositories/$id/packs/$pack" ]
	[ "$(vaultd points "$VAULT" "$id" --clock "$T/clock" | wc -l)" -eq 6 ]
	on 2026-03-30
	expect 0 vaultd collect "$VAULT" --clock "$T/clock"
	output_has "4 recovery points and 1 objects"
	[ ! -e "$VAULT/repositories/$id/packs/$pack" ]
	# one for the second Sunday and the newest
	run vaultd points "$VAULT" "$id" --clock "$T/clock"
	[ "${#lines[@]}" -eq 2 ]
	output_has "weekly"
	output_has "newest"
	vaultd audit-verify "$VAULT"
}

@test "a clock that jumps ahead lets nothing go" {
	vault_init
	on 2026-03-02
	vaultd collect "$VAULT" --clock "$T/clock"
	on 2026-05-02
	expect 1 vaultd collect "$VAULT" --clock "$T/clock"
	output_has "61 days ahead"
	expect 0 vaultd collect "$VAULT" --clock "$T/clock" --clock-is-right
	expect 0 vaultd collect "$VAULT" --clock "$T/clock"
}
