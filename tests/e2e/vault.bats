# SPDX-License-Identifier: Apache-2.0
# slow
# not tsan
#
# A repository in a vault: who may use it, what comes back, and what becomes of
# a backup when the vault or the agent dies.
#
# shellcheck disable=SC2030,SC2031 # each test has a REPO of its own

load ../lib/helpers
load ../lib/vault
load ../lib/registered

setup() {
	tm_setup
	vault_made
}

random_file() { # FILE MIB
	mkdir -p "$(dirname "$1")"
	head -c "${2}M" /dev/urandom >"$1"
}

head_of() { sed -n 's/.*saved (head \([0-9]*\)).*/\1/p' <<<"$1"; }

register() { # NAME DIRECTORY
	"$TIDEMARK" register --vault-credentials "$T/credentials" \
		--name "$1" --directory "$T/$2"
}

@test "what is backed up to a vault comes back" {
	registered
	make_tree src 60
	random_file src/large 9
	expect 0 tm_init
	output_has "made repository the vault https://localhost:"
	expect 1 tm_init
	output_has "is a repository already"
	expect 0 tm backup src
	expect 0 tm backup src
	output_has "files:   0 new"
	expect 0 tm check --read-data
	output_has "no problem found"
	expect 0 tm restore "latest:$T/src" --target out
	trees_equal src out
	# a machine that has nothing but the registration
	rm -rf cache
	expect 0 tm snapshots
	output_has "2 snapshots"
	# and the vault's own books
	run vaultd machines "$T/vault"
	output_has "fileserver"
	output_has "2 points"
}

@test "a directory without a registration is no repository" {
	expect 10 tm snapshots --repo "vault:$T/nothing"
	output_has "holds no registration with a vault: tidemark register"
	[ "${#lines[@]}" -eq 1 ]
}

@test "before init there is no repository in the vault" {
	registered
	expect 10 tm snapshots
	output_has "there is no repository at vault:"
}

@test "credentials work once" {
	registered
	expect 1 register second other
	output_has "used already"
	[ ! -e "$T/other" ]
	credentials "$T/credentials"
	expect 1 register fileserver other
	output_has "A machine fileserver is registered in this vault"
	expect 1 register second registration
	output_has "holds a registration already"
	expect 0 register second other
}

@test "a registration keeps its key to itself" {
	registered
	[ "$(stat -c %a "$T/registration")" = 700 ]
	[ "$(stat -c %a "$T/registration/key.pem")" = 600 ]
	run vaultd audit "$T/vault"
	output_has "machine/register"
}

@test "credentials that are too old or damaged are refused" {
	date -u -d '11 days ago' +%FT%TZ >clock
	credentials "$T/credentials" --clock "$T/clock"
	expect 1 register fileserver registration
	output_has "are too old"
	[ "${#lines[@]}" -eq 1 ]
	echo '{"type":"something else"}' >credentials
	expect 1 register fileserver registration
	output_has "is no file of credentials for a vault (it is another kind"
	head -c 300000 /dev/zero >credentials
	expect 1 register fileserver registration
	output_has "it is too long"
	credentials "$T/good"
	for edit in .url=\"http://localhost\" .url=\"https://a@b\" \
		.secret=\"00\" .authority=\"-\" .version=2 'del(.expires)'; do
		jq "$edit" good >credentials
		expect 1 register fileserver registration
		output_has "is no file of credentials for a vault"
		[ "${#lines[@]}" -eq 1 ]
	done
	expect 1 register 'file server' registration
	output_has "is no name for a machine"
	[ ! -e registration ]
}

@test "a vault of another authority is refused, and nothing is sent to it" {
	registered
	tm_init
	cp vault/tls/ca.crt right.pem
	vaultd init "$T/other" --listen 127.0.0.1:0 >/dev/null
	cp other/tls/ca.crt registration/authority.pem
	expect 1 tm snapshots
	output_has "is not the vault that is known in"
	cp right.pem registration/authority.pem
	expect 0 tm snapshots
	# the right vault, by a name that it does not have
	sed -i 's/localhost/127.0.0.1/' registration/registration.json
	expect 1 tm snapshots
	output_has "is not for the host"
}

@test "who is unregistered is refused" {
	registered
	tm_init
	cp -r registration copy
	expect 0 "$TIDEMARK" unregister --directory "$T/registration"
	[ ! -e registration ]
	expect 1 tm snapshots --repo "vault:$T/copy"
	output_has "register it anew"
	# what is left is removed all the same
	expect 0 "$TIDEMARK" unregister --directory "$T/copy"
	[ ! -e copy ]
	# the name is free, and what was stored is not handed to who takes it
	registered
	expect 10 tm snapshots
}

@test "a certificate renews itself" {
	vault_ends
	rm -rf vault
	date -u -d '70 days ago' +%FT%TZ >clock
	vault_made --clock "$T/clock"
	registered
	before=$(sha256sum <registration/cert.pem)
	vault_ends
	vault_starts
	expect 0 tm_init
	[ "$(sha256sum <registration/cert.pem)" != "$before" ]
	before=$(sha256sum <registration/cert.pem)
	expect 0 tm snapshots
	[ "$(sha256sum <registration/cert.pem)" = "$before" ]
}

@test "what was forgotten and pruned is there as of an older head" {
	registered
	tm_init
	random_file src/first 5
	cp -a src first
	expect 0 tm backup src
	head=$(head_of "$output")
	id=$(tm snapshots --json | jq -r 'select(.id) | .id' | head -n 1)
	rm src/first
	random_file src/second 3
	tm backup -q src
	tm forget -q --keep-last 1 --prune
	tm snapshots >now
	expect 1 tm restore "$id:$T/src" --target out
	rm -rf out
	past=$REPO@$head
	as_it_was() { tm "$1" --repo "$past" "${@:2}"; }
	expect 0 as_it_was check --read-data
	expect 0 as_it_was restore "$id:$T/src" --target out
	trees_equal first out
	for verb in "backup src" "forget $id" prune; do
		# shellcheck disable=SC2086
		expect 1 as_it_was $verb
		output_has "can only be read"
	done
	expect 0 tm snapshots
	diff now <(echo "$output")
}

backup_stops() { # POINT: a backup in the background, stopped there
	TIDEMARK_FAULT=$1:stop in_background backup src
	wait_until is_stopped "$PID"
}

@test "a backup survives the vault's death" {
	registered
	tm_init
	random_file src/a 60
	backup_stops store.publish
	vault_ends KILL
	kill -CONT "$PID"
	wait_until grep -q "trying again" background.err
	vault_starts
	wait "$PID"
	grep -q "answers again" background.err
	expect 0 tm check --read-data
	expect 0 tm restore "latest:$T/src" --target out
	trees_equal src out
}

@test "a vault that stays away ends the backup, and what is stored counts" {
	registered
	tm_init
	random_file src/a 40
	TIDEMARK_VAULT_RETRY_SECONDS=1 backup_stops store.published
	vault_ends KILL
	kill -CONT "$PID"
	status=0
	wait "$PID" || status=$?
	[ "$status" -eq 1 ]
	grep -q "given up" background.err
	vault_starts
	expect 0 tm snapshots
	output_has "0 snapshots"
	expect 0 tm backup src
	expect 0 tm check --read-data
}

@test "a backup that was killed is made again, and sends less" {
	registered
	tm_init
	random_file src/a 80
	run tm_fault store.published:3 backup src
	[ "$status" -eq 137 ]
	tm backup --json src >said
	sent=$(jq 'select(.message_type == "summary") | .data_added' said)
	[ "$sent" -lt 80000000 ]
	expect 0 tm check --read-data
	expect 0 tm restore "latest:$T/src" --target out
	trees_equal src out
}

@test "a vault whose disk is full says so, and goes on with room" {
	requires_root
	vault_ends
	rm -rf vault vault.log
	mount_tmpfs "$T/vault" 24M
	vault_made
	registered
	tm_init
	random_file src/a 60
	expect 1 tm backup src
	output_has "it answers 507"
	output_has "make room there"
	expect 0 tm snapshots
	mount -o remount,size=200M "$T/vault"
	expect 0 tm backup src
	expect 0 tm check --read-data
}

@test "two machines do not see each other's repositories" {
	registered one
	tm_init
	make_tree src 5
	tm backup -q src
	rm -rf "$T/registration"
	registered two
	expect 10 tm snapshots
	tm_init
	expect 0 tm snapshots
	output_has "0 snapshots"
}
