# SPDX-License-Identifier: Apache-2.0
# release only
#
# Passphrases: added, changed, removed; and a new master key.

load ../lib/helpers

NEW_PASS=new-passphrase

setup() {
	tm_setup
	make_tree source 8
	tm_init --label first >/dev/null
	echo 'another battery, another horse' >"$NEW_PASS"
	chmod 600 "$NEW_PASS"
}

# with FILE VERB...: like tm, with another passphrase.
with() {
	local pass=$1 verb=$2
	shift 2
	"$TIDEMARK" "$verb" --repo "$REPO" --passphrase-file "$pass" "$@"
}

slots() { ls "$REPO/keys"; }
slot_count() { slots | wc -l; }

# slot_labelled LABEL: the id.
slot_labelled() {
	tm key list --json | perl -ne \
		'print "$1\n" if /"id":"([0-9a-f]+)".*"label":"'"$1"'"/'
}

add_key() {
	tm key add --new-passphrase-file "$NEW_PASS" --label second "$@"
}

@test "list marks the key in use" {
	add_key --kdf scrypt
	expect 0 tm key list
	[ "${#lines[@]}" -eq 3 ]
	[ "$(grep -c '^\* ' <<<"$output")" -eq 1 ]
	grep '^\* ' <<<"$output" | grep -q first
	expect 0 with "$NEW_PASS" key list
	grep '^\* ' <<<"$output" | grep -q second
	expect 0 tm key list --json
	[ "$(grep -c '"current":true' <<<"$output")" -eq 1 ]
	output_has '"kdf":"scrypt"'
}

@test "how much memory a guess takes can be chosen, within bounds" {
	add_key --kdf-memory 80
	expect 0 with "$NEW_PASS" check
	expect 1 add_key --kdf-memory 18
	output_has "kdf-memory"
	expect 1 add_key --kdf scrypt --kdf-memory 80
}

@test "an added passphrase opens what the first one stored" {
	tm backup source
	add_key
	expect 0 with "$NEW_PASS" check --read-data
	expect 0 tm check
}

@test "a new passphrase that is too short is refused" {
	echo short >"$NEW_PASS"
	expect 1 add_key
	[ "$(slot_count)" -eq 1 ]
}

@test "passwd: the old passphrase is refused, the data stays" {
	tm backup source
	expect 0 tm key passwd --new-passphrase-file "$NEW_PASS"
	[ "$(slot_count)" -eq 1 ]
	expect 12 tm check
	output_has "wrong passphrase"
	expect 0 with "$NEW_PASS" check --read-data
	expect 0 with "$NEW_PASS" backup source
}

@test "passwd leaves the other keys alone" {
	add_key
	echo 'a third one, sixteen and more' >third
	expect 0 tm key passwd --new-passphrase-file third
	expect 12 tm key list
	expect 0 with third key list
	expect 0 with "$NEW_PASS" key list
	[ "$(slot_count)" -eq 2 ]
}

@test "remove: another key by a prefix, never the one in use" {
	add_key
	second=$(slot_labelled second)
	first=$(slot_labelled first)
	expect 1 tm key remove "$first"
	output_has "in use"
	expect 1 tm key remove ""
	expect 1 tm key remove 0123456789abcdefff
	output_has "no key"
	[ "$(slot_count)" -eq 2 ]
	expect 0 tm key remove "${second:0:10}"
	[ "$(slots)" = "$first" ]
	expect 12 with "$NEW_PASS" key list
	expect 1 tm key remove "$first"
	[ "$(slots)" = "$first" ]
}

@test "a damaged key does not keep others out, and can be removed" {
	add_key
	second=$(slot_labelled second)
	chmod u+w "$REPO/keys/$second"
	truncate -s 100 "$REPO/keys/$second"
	expect 0 tm backup source
	expect 1 tm check
	output_has "key $second"
	expect 0 tm key remove "$second"
	expect 0 tm check
}

@test "rekey: old data is readable, new backups work, other keys are gone" {
	tm backup source
	add_key
	expect 0 tm key rekey
	[ "$(slot_count)" -eq 1 ]
	expect 12 with "$NEW_PASS" key list
	expect 0 tm check --read-data
	make_tree source 20
	expect 0 tm backup source
	expect 0 tm check --read-data
	expect 0 tm key rekey
	echo more >source/more
	expect 0 tm backup source
	expect 0 tm check --read-data
}

@test "rekey: what is stored after it is sealed under the new master key" {
	tm backup source
	old=$(ls "$REPO/packs" "$REPO"/packs/* 2>/dev/null)
	expect 0 tm key rekey
	make_tree source 20
	expect 0 tm backup source
	# byte 11 of an object's header is the generation
	while read -r object; do
		generation=$(od -An -tu1 -j11 -N1 "$object" | tr -d ' ')
		if grep -qF "$(basename "$object")" <<<"$old"; then
			[ "$generation" -eq 0 ]
		else
			[ "$generation" -eq 1 ]
			touch new-seen
		fi
	done < <(find "$REPO/packs" -type f)
	[ -e new-seen ]
}

@test "a master key of before does not come back with an old slot" {
	tm backup source
	cp -a "$REPO/keys" old-keys
	tm key rekey
	make_tree source 20
	tm backup source
	rm -f "$REPO"/keys/*
	cp -a old-keys/. "$REPO/keys/"
	# it opens the slot, but not what was sealed since
	run tm check
	[ "$status" -ne 0 ]
}
