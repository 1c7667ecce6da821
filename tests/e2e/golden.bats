# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# A repository of format 1 as it was when the format was settled. Whatever
# becomes of the program, it reads this (scripts/make-golden made it).

load ../lib/helpers

SOURCE=/tmp/tidemark-golden # where it was backed up; nothing is there now

setup() {
	tm_setup
	GOLDEN=$TOP/tests/golden/v1
	tar -xzf "$GOLDEN/repository.tar.gz"
	# shellcheck disable=SC2034 # tm uses it
	REPO=$T/v1
	PASS=$T/first SECOND=$T/second
	# git keeps no modes
	cp "$GOLDEN/passphrase" "$PASS"
	cp "$GOLDEN/second-passphrase" "$SECOND"
	chmod 600 "$PASS" "$SECOND"
}

@test "it is whole" {
	expect 0 tm check --read-data
	expect 0 tm check --json
	output_has '"problems":0'
	output_has '"snapshots":2'
}

@test "both passphrases open it, another one does not" {
	expect 0 tm key list
	[ "${#lines[@]}" -eq 3 ] # and a heading
	output_has scrypt
	output_has argon2id
	PASS=$SECOND expect 0 tm key list
	echo 'a passphrase of somebody else' >wrong
	chmod 600 wrong
	PASS=$T/wrong expect 12 tm key list
}

@test "its snapshots are those that were made" {
	expect 0 tm snapshots --json
	output_lacks forgotten
	output_has '"first"'
	output_has '"second"'
	output_has '"hostname":"golden"'
	expect 0 tm snapshots
	output_has "2026-01-02 00:00:00"
	output_has "2026-01-03 00:00:00"
}

@test "cat gives every file as it was" {
	# bash would take the broken UTF-8 and the newline for one
	local LC_ALL=C sum path have
	while read -r sum path; do
		have=$(tm cat latest "$SOURCE/${path#./}" | sha256sum)
		[ "${have%% *}" = "$sum" ] || {
			echo "$path: ${have%% *}, not $sum"
			return 1
		}
	done <"$GOLDEN/sha256"
	[ "$(tm cat latest~1 "$SOURCE/hello")" = hello ]
	expect 0 tm cat latest~1 "$SOURCE/dir/empty"
	[ -z "$output" ]
}

@test "a restore has the same content, kinds, times and modes" {
	requires_root # the owner is root, and setuid goes with another one
	expect 0 tm restore latest --target to
	cd "to$SOURCE"
	sha256sum --quiet -c "$GOLDEN/sha256"
	diff "$GOLDEN/listing" <(LC_ALL=C find . ! -path './many/*' \
		\( -type d -printf '%y %m %T@ %p\n' -o \
		-printf '%y %m %T@ %s %n %l %p\n' \) | LC_ALL=C sort)
	[ "$(find many -type f | wc -l)" -eq 700 ]
	[ hello -ef dir/hard-link ]
	# 300 pieces of 4 KiB, and not the 19 MiB between them
	[ "$(du -k maps | cut -f 1)" -le 4096 ]
	[ "$(getfattr --only-values -n user.golden hello)" = value ]
}

@test "it can be written to" {
	make_tree source 5
	expect 0 tm backup source
	expect 0 tm forget --keep-last 1 --group-by '' --prune
	expect 0 tm check --read-data
	expect 0 tm restore latest --target to
	trees_equal source "to$T/source"
}
