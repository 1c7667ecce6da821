#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# keeping.bats - what an administrator of a vault can delete, and what brings
# it back.

load ../lib/helpers
load ../lib/vault
load ../lib/registered

setup() {
	tm_setup
	requires curl
	requires openssl
}

# on DAY: the vault's clock.
on() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ >"$T/clock"; }

vd() { vaultd "$@" --clock "$T/clock"; }

# a_machine: $ID, registered as host, with a pack and a recovery point.
a_machine() {
	vault_init
	on 2026-03-02
	vault_starts --clock "$T/clock"
	machine_registers host --clock "$T/clock"
	ID=$(vd machines "$VAULT" --json | jq -r .machine)
	PACK=$(sha256sum "$PASS" | cut -d' ' -f1)
	asked 201 "" ask_as host "/v1/objects/packs/$PACK" -T "$PASS"
	asked 201 "" ask_as host "/v1/objects/snapshots/$PACK" -T "$PASS"
	asked 201 "" ask_as host /v1/objects/heads/0000000000000001 -T "$PASS"
}

@test "settings are shown and changed, and what is forever stays" {
	vault_init
	expect 0 vaultd settings "$VAULT"
	output_has "soft delete Enabled, 14 days; immutability Disabled; security features Enabled"
	expect 0 vaultd settings "$VAULT" --soft-delete alwayson \
		--soft-delete-days 30 --immutability unlocked
	output_has "soft delete AlwaysON, 30 days; immutability Unlocked"
	expect 1 vaultd settings "$VAULT" --soft-delete disabled
	output_has "cannot be undone"
	vaultd settings "$VAULT" --immutability locked
	expect 1 vaultd settings "$VAULT" --immutability unlocked
	output_has "Immutability is Locked"
	expect 1 vaultd settings "$VAULT" --soft-delete-days 20
	expect 1 vaultd settings "$VAULT" --soft-delete-days many
	output_has "no number of days"
	expect 1 vaultd settings "$VAULT" --immutability hard
	output_has "disabled, unlocked or locked"
	expect 1 vaultd policy "$VAULT" daily=7
	output_has "the vault is immutable"
	expect 0 vaultd settings "$VAULT" --json
	[ "$(jq -r .immutability <<<"$output")" = Locked ]
	[ "$(vaultd audit "$VAULT" --json |
		jq -r 'select(.outcome == "refused") | .action' | wc -l)" -eq 4 ]
	vaultd audit-verify "$VAULT"
}

@test "a machine whose protection is stopped restores and does not back up" {
	a_machine
	expect 0 vd stop "$VAULT" "$ID"
	output_has "kept"
	asked 409 ProtectionStopped ask_as host \
		"/v1/objects/packs/$PACK" -T "$PASS"
	asked 409 ProtectionStopped ask_as host \
		"/v1/objects/packs/$PACK" -X DELETE
	asked 409 ProtectionStopped ask_as host \
		'/v1/leases?kind=writer' -X POST
	asked 200 correct ask_as host "/v1/objects/packs/$PACK"
	asked 200 ProtectionStopped ask_as host /v1/machine
	expect 0 vd machines "$VAULT"
	output_has stopped
	expect 0 vd resume "$VAULT" "$ID"
	asked 409 ObjectExists ask_as host "/v1/objects/packs/$PACK" -T "$PASS"
	expect 1 vd resume "$VAULT" "$ID"
	expect 1 vd stop "$VAULT" 00000000-0000-0000-0000-000000000000
	output_has "no machine has the id"
}

@test "what is deleted comes back, until its time is over" {
	local pin
	a_machine
	expect 1 vd stop "$VAULT" "$ID" --delete-data
	output_has "takes a security PIN"
	pin=$(vd pin "$VAULT" 2>/dev/null)
	[[ $pin =~ ^[0-9]{6}$ ]]
	expect 1 vd stop "$VAULT" "$ID" --delete-data --pin "$((999999 - 10#$pin))"
	output_has "wrong, over, used"
	expect 0 vd stop "$VAULT" "$ID" --delete-data --pin "$pin"
	output_has "until 2026-03-16"
	asked 409 ItemSoftDeleted ask_as host "/v1/objects/packs/$PACK"
	asked 409 ItemSoftDeleted ask_as host /v1/objects/packs
	asked 409 ItemSoftDeleted ask_as host "/v1/objects/packs/$PACK" \
		-T "$PASS"
	expect 1 vd purge "$VAULT" "$ID"
	output_has "only when their time is over"
	on 2026-03-15T23:59
	vd collect "$VAULT"
	expect 0 vd undelete "$VAULT" "$ID"
	asked 200 correct ask_as host "/v1/objects/packs/$PACK"
	pin=$(vd pin "$VAULT" 2>/dev/null)
	vd stop "$VAULT" "$ID" --delete-data --pin "$pin"
	on 2026-03-30
	expect 0 vd collect "$VAULT"
	output_has "purged 1 machine"
	expect 1 vd undelete "$VAULT" "$ID"
	[ ! -e "$VAULT/repositories/$ID/packs/$PACK" ]
	asked 401 Unauthorized ask_as host /v1/machine
	[ -z "$(vd machines "$VAULT")" ]
	machine_registers host --clock "$T/clock"
	vaultd audit-verify "$VAULT"
}

@test "an agent says why its backup is refused" {
	local name
	vault_made
	registered
	tm_init
	mkdir data
	echo one >data/file
	tm backup data
	name=$(vaultd machines "$VAULT" --json | jq -r .name)
	expect 1 vaultd stop "$VAULT" "$name-2"
	output_has "there is no machine $name-2 here: tidemark-vaultd machines"
	vaultd stop "$VAULT" "$name"
	run tm backup data
	[ "$status" -ne 0 ]
	output_has "has stopped the protection of this machine"
	tm restore latest --target out
	grep -rq one out
	vaultd resume "$VAULT" "$name"
	tm backup data
}

@test "a vault has one server, and its administrator's commands beside it" {
	a_machine
	expect 1 vaultd serve "$VAULT"
	output_has "another tidemark-vaultd serves $VAULT already"
	expect 0 vd machines "$VAULT"
	expect 0 vd collect "$VAULT"
	vault_ends KILL
	vault_starts --clock "$T/clock"
	asked 200 correct ask_as host "/v1/objects/packs/$PACK"
}

# pack TEXT: its name is printed.
pack() {
	echo "$1" >"$T/object"
	local hash
	hash=$(sha256sum "$T/object" | cut -d' ' -f1)
	asked 201 "" ask_as host "/v1/objects/packs/$hash" -T "$T/object"
	echo "$hash"
}

@test "what is damaged on the disk is found, told of, and healed" {
	local dir lost
	a_machine
	dir=$VAULT/repositories/$ID
	lost=$(pack lost)
	expect 0 vd scrub "$VAULT"
	output_has "looked at 4 objects of"
	chmod u+w "$dir/packs/$PACK"
	echo "wrong horse battery staple  " >"$dir/packs/$PACK"
	rm "$dir/packs/$lost"
	expect 1 vd scrub "$VAULT"
	output_has "2 more are damaged"
	output_has "missing of machine $ID: packs/$lost"
	expect 1 vd status "$VAULT" --json
	[ "$(jq -r 'select(.what == "wrong").name' <<<"$output")" = "$PACK" ]
	run vd alerts "$VAULT"
	output_has "2 objects that a machine has stored are damaged"
	# it is not there for who asks; what is left can be read
	asked 404 "" ask_as host "/v1/objects/packs/$PACK" -I
	asked 200 wrong ask_as host "/v1/objects/packs/$PACK"
	asked 404 ObjectNotFound ask_as host "/v1/objects/packs/$lost"
	run ask_as host /v1/objects/packs
	[ "${lines[*]}" = 200 ]
	# other bytes do not heal it
	asked 422 HashMismatch ask_as host "/v1/objects/packs/$PACK" \
		-T "$T/clock"
	asked 201 "" ask_as host "/v1/objects/packs/$PACK" -T "$PASS"
	asked 200 correct ask_as host "/v1/objects/packs/$PACK"
	pack lost
	asked 200 lost ask_as host "/v1/objects/packs/$lost"
	expect 0 vd scrub "$VAULT"
	expect 0 vd status "$VAULT"
	output_has "0 objects are damaged"
	[ "$(vd alerts "$VAULT" --json | jq 'select(.kind == "damage").is_over')" = true ]
	vaultd audit-verify "$VAULT"
}

@test "what a crash has left goes, when it is old" {
	local dir old new
	a_machine
	dir=$VAULT/repositories
	old=$(printf old | sha256sum | cut -d' ' -f1)
	new=$(printf new | sha256sum | cut -d' ' -f1)
	printf old >"$dir/$ID/packs/$old"
	printf new >"$dir/$ID/packs/$new"
	mkdir -p "$dir/00000000-0000-4000-8000-000000000001/packs"
	cp -r "$dir/$ID" "$dir/00000000-0000-4000-8000-000000000002"
	touch -d 2026-02-20 "$dir/$ID/packs/$old" "$dir"/0*
	touch -d 2026-03-02 "$dir/$ID/packs/$new"
	expect 0 vd scrub "$VAULT"
	output_has "removed 2 files and directories"
	output_has "belongs to no machine of this vault"
	[ ! -e "$dir/$ID/packs/$old" ]
	[ -e "$dir/$ID/packs/$new" ]
	[ ! -e "$dir/00000000-0000-4000-8000-000000000001" ]
	[ -e "$dir/00000000-0000-4000-8000-000000000002/packs/$PACK" ]
	asked 200 correct ask_as host "/v1/objects/packs/$PACK"
}

has_scrubbed() { vd status "$VAULT" | grep -q "all 3 objects"; }

@test "a server scrubs by itself, at its rate, and once a week" {
	a_machine
	vault_ends
	on 2026-03-10
	vault_starts --clock "$T/clock"
	wait_until has_scrubbed
	echo 'scrub-bytes = 1' >"$T/limits"
	sed "1i[limits]" "$T/limits" >>"$VAULT/vaultd.conf"
	on 2026-03-18
	vault_ends
	vault_starts --clock "$T/clock"
	wait_until is_under_way
	vault_ends KILL
	is_under_way
	expect 0 vd scrub "$VAULT"
}

is_under_way() { vd status "$VAULT" | grep -q "since 2026-03-18.* [12] objects"; }
