# SPDX-License-Identifier: Apache-2.0
# slow
# not tsan
#
# What one machine has stored in a vault is restored on another: with a right
# that the vault's administrator gives, the machine's name and its passphrase.
#
# shellcheck disable=SC2030,SC2031,SC2034 # each test has a REPO of its own

load ../lib/helpers
load ../lib/vault
load ../lib/registered

# Two machines, each with a snapshot: $ONE and $TWO are the vault's ids.
setup() {
	tm_setup
	vault_made
	machine one
	machine two
	ONE=$(id_of one)
	TWO=$(id_of two)
	REPO=vault:$T/right
}

machine() { # NAME
	registered "$1"
	mv registration "reg-$1"
	REPO=vault:$T/reg-$1
	tm_init -q
	make_tree "src-$1" 20
	echo "$1" >"src-$1/whose"
	tm backup -q "src-$1"
}

id_of() {
	vaultd machines "$VAULT" --json |
		jq -r --arg name "$1" 'select(.name == $name) | .machine'
}

right() { # FILE [OPTION...]
	credentials "$1" --restore "${@:2}"
}

use_right() { # FILE [DIRECTORY]
	"$TIDEMARK" register --vault-credentials "$1" --name bare \
		--directory "${2:-$T/right}"
}

from() { # MACHINE VERB...
	local of=$1 verb=$2
	shift 2
	"$TIDEMARK" "$verb" --repo "vault:$T/right#$of" \
		--passphrase-file "$PASS" "$@"
}

reader() { vaultd readers "$VAULT" --json | jq -r .reader; }

# as_reader PATH [curl option...]
as_reader() {
	cp "$T/right/cert.pem" "$T/reader.crt"
	cp "$T/right/key.pem" "$T/reader.key"
	ask_as reader "$@"
}

@test "a bare machine restores what a machine that is gone has stored" {
	requires_root
	right restore.json
	"$TIDEMARK" unregister -q --directory "$T/reg-one"
	mkdir out
	# nothing of this machine but the program, the file and the passphrase
	cat >bare.sh <<-END
		set -euo pipefail
		for d in /etc /var/cache /var/lib /root; do
			mount -t tmpfs none \$d
		done
		export HOME=/root
		unset TIDEMARK_CACHE_DIR XDG_{CACHE,CONFIG,STATE,RUNTIME}_DIR
		unset XDG_{CACHE,CONFIG,STATE}_HOME
		"$TIDEMARK" register --vault-credentials "$T/restore.json"
		"$TIDEMARK" machines
		"$TIDEMARK" -r vault:#one -p "$PASS" restore \
			"latest:$T/src-one" --target "$T/out/one"
		"$TIDEMARK" -r vault:#one -p "$PASS" check --read-data
		"$TIDEMARK" unregister
		[ ! -e /etc/tidemark/vault ]
	END
	expect 0 own_mounts bash bare.sh
	output_has "may restore from the vault"
	output_has "(unregistered)"
	output_has "no problem found"
	trees_equal src-one out/one
	expect 0 vaultd readers "$VAULT"
	output_has revoked
	vaultd audit-verify "$VAULT"
	expect 0 vaultd audit "$VAULT"
	for line in "restore/allow" "restore/register" "restore/begin" \
		"restore/revoke"; do
		output_has "$line"
	done
	[ "$(grep -c restore/begin <<<"$output")" -eq 1 ]
}

@test "a right to one machine's repository is none to another's" {
	right restore.json --machine one
	use_right restore.json
	expect 0 "$TIDEMARK" machines --directory "$T/right" --json
	[ "$(jq -r .machine <<<"$output")" = "$ONE" ]
	expect 0 tm ls "latest:$T/src-one" # there is but one
	expect 0 from one snapshots
	expect 0 from "$ONE" snapshots
	expect 10 from two snapshots
	output_has "no machine two whose repository may be read"
	# whatever the agent says
	asked 200 "" as_reader "/v1/objects/heads?machine=$ONE"
	asked 403 NotAllowed as_reader "/v1/objects/heads?machine=$TWO"
	asked 403 NotAllowed as_reader "/v1/objects/config/config?machine=$TWO"
	asked 403 NotAllowed as_reader /v1/objects/heads
	asked 403 NotAllowed as_reader "/v1/objects/heads?machine=../$ONE"
	expect 0 vaultd audit "$VAULT"
	grep -q "refused.*restore/begin.*$TWO" <<<"$output"
	# nor is a machine's certificate
	cp reg-one/cert.pem one.crt
	cp reg-one/key.pem one.key
	asked 200 "" ask_as one "/v1/objects/heads?machine=$ONE"
	asked 403 NotAllowed ask_as one "/v1/objects/heads?machine=$TWO"
	asked 200 "$ONE" ask_as one /v1/machines
	[[ $output != *"$TWO"* ]]
	expect 1 tm snapshots --repo "vault:$T/reg-one#two"
	output_has "is that of the machine one"
}

@test "who may restore changes nothing" {
	local path
	right restore.json
	use_right restore.json
	expect 1 tm snapshots
	output_has "say which, as vault:$T/right#NAME"
	expect 1 from one backup src-two
	output_has "can only be read: it is another machine's"
	expect 1 from one forget --keep-last 1 --prune latest
	path="/v1/objects/packs/$(sha256sum "$PASS" | cut -d' ' -f1)"
	for path in "$path" "$path?machine=$ONE"; do
		asked 403 ReadOnly as_reader "$path" -T "$PASS"
		asked 403 ReadOnly as_reader "$path" -X DELETE
	done
	asked 403 ReadOnly as_reader "/v1/leases?kind=writer" -X POST
	asked 403 ReadOnly as_reader /v1/machine/certificate -X POST -d '{}'
	asked 403 ReadOnly as_reader /v1/machine
	expect 0 from one check
}

@test "what was forgotten is there as of an older head" {
	local head id
	head=$(vaultd machines "$VAULT" --json |
		jq "select(.name == \"one\") | .head")
	id=$(tm snapshots --repo "vault:$T/reg-one" --json |
		jq -r 'select(.id) | .id')
	cp -a src-one first
	rm -r src-one/d01
	tm backup -q src-one --repo "vault:$T/reg-one"
	tm forget -q --keep-last 1 --prune --repo "vault:$T/reg-one"
	right restore.json
	use_right restore.json
	expect 1 from one restore "$id:$T/src-one" --target out
	rm -rf out
	expect 0 from "one@$head" restore "$id:$T/src-one" --target out
	trees_equal first out
}

@test "a right is over in time, by the vault's clock and by ours" {
	date -u -d '3 days ago' +%FT%TZ >clock
	right old.json --clock "$T/clock"
	expect 1 use_right old.json
	output_has "are too old"
	[ ! -e right ]
	right restore.json --days 1
	use_right restore.json
	expect 0 from one snapshots
	vault_ends
	date -u -d '25 hours' +%FT%TZ >clock
	vault_starts --clock "$T/clock"
	expect 1 from one snapshots
	output_has "The right to restore is revoked or over"
	jq '.restore_until = 1' right/registration.json >edited
	cp edited right/registration.json
	expect 1 from one snapshots
	output_has "the right to restore in $T/right is over"
	expect 2 vaultd credentials "$VAULT" --restore --days 11
	expect 2 vaultd credentials "$VAULT" --days 1
	expect 1 vaultd credentials "$VAULT" --restore --machine three
	output_has "there is no machine three here"
}

@test "a right is one machine's, once" {
	right restore.json
	use_right restore.json
	expect 1 use_right restore.json "$T/other"
	output_has "used already"
	[ ! -e other ]
	# whose answer was lost asks again, with the same key
	rm right/registration.json
	expect 0 use_right restore.json
	expect 0 from one snapshots
	[ "$(vaultd readers "$VAULT" | wc -l)" -eq 1 ]
}

@test "a right that is revoked ends a restore that is under way" {
	head -c 20M /dev/urandom >src-one/large
	tm backup -q src-one --repo "vault:$T/reg-one"
	right restore.json
	use_right restore.json
	REPO="vault:$T/right#one"
	TIDEMARK_FAULT=store.read:8:stop in_background restore \
		"latest:$T/src-one" --target out
	wait_until is_stopped "$PID"
	vaultd revoke "$VAULT" "$(reader)"
	expect 1 vaultd revoke "$VAULT" "$(reader)"
	kill -CONT "$PID"
	status=0
	wait "$PID" || status=$?
	[ "$status" -ne 0 ]
	grep -q "ask the vault's administrator for new credentials" \
		background.err
	expect 1 use_right restore.json "$T/other"
}

@test "of two machines of one name the one with recovery points is meant" {
	"$TIDEMARK" unregister -q --directory "$T/reg-one"
	registered one # new, and empty
	right restore.json
	use_right restore.json
	expect 0 from one snapshots
	output_has "1 snapshot"
	right again.json --machine one
	expect 0 jq -e .restore again.json
	# both have some
	rm -rf cache
	REPO=vault:$T/registration
	tm_init -q
	tm backup -q src-two
	expect 1 from one snapshots
	output_has "several machines"
	expect 0 from "$ONE" snapshots
	expect 1 right again.json --machine one
	output_has "several machines are called one"
}
