# SPDX-License-Identifier: Apache-2.0
# slow
# not tsan
#
# A vault that does not tell the truth: what it was before, what belongs
# elsewhere, or less than there is.
#
# shellcheck disable=SC2030,SC2031,SC2034 # each test has a REPO of its own

load ../lib/helpers
load ../lib/vault
load ../lib/registered

# Three snapshots; the vault as it was after the second is kept aside.
setup() {
	tm_setup
	vault_made
	registered
	tm_init -q
	make_tree src 10
	tm backup -q src
	echo two >src/two
	tm backup -q src
	vault_ends
	cp -a vault before
	vault_starts
	echo three >src/three
	tm backup -q src
	ID=$(vaultd machines "$VAULT" --json | jq -r .machine)
	HEAD=$(vaultd machines "$VAULT" --json | jq -r .head)
}

# As from a snapshot of its disk.
vault_goes_back() {
	vault_ends
	cp vault/vaultd.conf before/
	rm -rf vault
	cp -a before vault
	vault_starts
}

# sql STATEMENT: while the vault is down.
sql() {
	python3 - "$VAULT/vault.db" "$1" <<-'END'
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		n = db.execute(sys.argv[2]).rowcount
		db.commit()
		sys.exit(n < 1)
	END
}

# vault_lies STATEMENT: from now on.
vault_lies() {
	vault_ends
	sql "$1"
	vault_starts
}

objects() { # CLASS: their files
	find "$VAULT/repositories/$ID/$1" -type f | sort
}

@test "a vault that was put back is noticed by the machine" {
	vault_goes_back
	expect 1 tm snapshots
	output_has "was rolled back: it shows head $((HEAD - 1)), but head $HEAD"
	expect 1 tm backup src
	output_has "--accept-rollback"
	expect 1 tm restore "latest:$T/src" --target out
	expect 0 tm snapshots --accept-rollback
	output_has "2 snapshots"
	expect 0 tm backup src
	expect 0 tm check --read-data
}

@test "a fresh machine that is told the last head notices it" {
	credentials restore.json --restore
	"$TIDEMARK" register -q --vault-credentials restore.json --name bare \
		--directory "$T/right"
	REPO="vault:$T/right#fileserver"
	rm -rf cache
	expect 0 tm restore "latest:$T/src" --target out --expect-head "$HEAD"
	trees_equal src out
	vault_goes_back
	"$TIDEMARK" unregister -q --directory "$T/right" || true
	rm -rf cache right
	credentials restore.json --restore
	"$TIDEMARK" register -q --vault-credentials restore.json --name bare \
		--directory "$T/right"
	expect 1 tm restore "latest:$T/src" --target lies --expect-head "$HEAD"
	output_has "shows head $((HEAD - 1)), but head $HEAD is expected"
	[ ! -e lies/src ]
	expect 0 tm snapshots --expect-head "$((HEAD - 1))"
	# what it saw with the right head it remembers
	expect 0 tm snapshots
}

@test "an old list of heads is an old vault" {
	vault_lies "DELETE FROM object WHERE class = 5 AND name LIKE '%$HEAD'"
	expect 1 tm snapshots
	output_has "was rolled back"
	# and no head can be made in place of what is hidden
	rm -rf cache
	expect 1 tm backup src
	output_has "says that there is a head $HEAD, and shows none after"
}

@test "a snapshot that is kept from us is missed" {
	vault_lies "DELETE FROM object WHERE class = 4"
	expect 1 tm snapshots
	expect 1 tm check
	output_has "not whole: 3 of 3 snapshots"
	expect 1 tm restore "latest:$T/src" --target out
}

@test "an object in the place of another is refused" {
	local class files
	for class in snapshots packs index; do
		mapfile -t files < <(objects "$class")
		[ "${#files[@]}" -ge 2 ]
		cp -a "${files[0]}" aside
		chmod u+w "${files[0]}"
		cat "${files[1]}" >"${files[0]}"
		vault_lies "UPDATE object SET size =
			(SELECT size FROM object WHERE name =
			'$(basename "${files[1]}")') WHERE name =
			'$(basename "${files[0]}")'"
		rm -rf cache
		run tm check --read-data
		[ "$status" -ne 0 ]
		grep -q "$(basename "${files[0]}" | cut -c 1-8)" <<<"$output"
		cat aside >"${files[0]}"
		vault_lies "UPDATE object SET size =
			$(stat -c %s aside) WHERE name =
			'$(basename "${files[0]}")'"
	done
	expect 0 tm check --read-data
}

@test "an older head under the newest one's name is refused" {
	local heads=$VAULT/repositories/$ID/heads old new
	new=$(printf %016x "$HEAD")
	old=$(printf %016x "$((HEAD - 1))")
	chmod u+w "$heads/$new"
	cat "$heads/$old" >"$heads/$new"
	vault_lies "UPDATE object SET size = $(stat -c %s "$heads/$old")
		WHERE class = 5 AND name = '$new'"
	expect 1 tm snapshots
	output_has "head $new: authentication failed"
	rm -rf cache
	expect 1 tm snapshots
	output_has "head $new: authentication failed"
	expect 1 tm backup src
}
