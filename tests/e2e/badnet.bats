# SPDX-License-Identifier: Apache-2.0
# slow
# not tsan
#
# A network between agent and vault that cuts, loses answers and damages bytes:
# what was acknowledged is there, and nothing is done twice.
#
# shellcheck disable=SC2030,SC2031,SC2034 # each test has a REPO of its own

load ../lib/helpers
load ../lib/vault
load ../lib/registered

setup() {
	tm_setup
	requires python3
	vault_made
	: >plan
	"$TOP/tests/lib/badnet.py" "${URL##*:}" "$T/plan" >badnet 2>badnet.err \
		3>&- &
	BACKGROUND+=("$!")
	wait_until test -s badnet
	vaultd credentials "$VAULT" --output credentials \
		--url "https://localhost:$(cat badnet)"
	REPO=vault:$T/registration
}

register() {
	"$TIDEMARK" register --vault-credentials credentials \
		--name fileserver --directory "$T/registration"
}

@test "an answer to a registration that is lost is asked for again" {
	# the handshake goes through, and what comes then does not
	printf 'mute 1600\n%.0s' 1 2 >plan
	expect 0 register
	[ "$(vaultd machines "$VAULT" | wc -l)" -eq 1 ]
	[ "$(vaultd audit "$VAULT" | grep -c "done.*machine/register")" -eq 1 ]
	expect 0 tm_init
}

@test "a backup over a network that cuts and damages is whole" {
	expect 0 register
	tm_init -q
	make_tree src 40
	head -c 40M /dev/urandom >src/large
	# each connection of the next program: from its beginning on
	kill "${BACKGROUND[-1]}"
	: >badnet
	# (a length that is damaged near the end of what is sent is only seen
	# after two minutes of silence: so within a pack)
	printf '%s\n' 'cut 3000' 'cut 70000' 'mute 2500' 'garble 2000000' \
		'cut 9000000' 'mute 1700' 'cut 20000000' 'mute 4000' >plan
	"$TOP/tests/lib/badnet.py" "${URL##*:}" "$T/plan" >badnet 3>&- &
	BACKGROUND+=("$!")
	wait_until test -s badnet
	sed -i "s/localhost:[0-9]*/localhost:$(cat badnet)/" \
		registration/registration.json
	expect 0 tm backup src
	expect 0 tm snapshots
	output_has "1 snapshot"
	[ "$(vaultd machines "$VAULT" --json | jq .points)" -eq 1 ]
	expect 0 tm check --read-data
	expect 0 tm restore "latest:$T/src" --target out
	trees_equal src out
}

@test "a network that never carries a pack ends the backup in words" {
	expect 0 register
	tm_init -q
	head -c 40M /dev/urandom >large
	yes 'cut 2000000' | head -n 1000 >plan
	TIDEMARK_VAULT_RETRY_SECONDS=3 run tm backup large
	[ "$status" -eq 1 ]
	output_has "given up"
	: >plan
	expect 0 tm snapshots
	output_has "0 snapshots"
	expect 0 tm backup large
	expect 0 tm check --read-data
}
