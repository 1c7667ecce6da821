#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# guest.bats - Debian's own kernel in QEMU: what this machine's kernel lacks.
#
# slow
# release only

# shellcheck disable=SC2154

load ../lib/helpers

setup() {
	tm_setup
	requires qemu-system-x86_64
	"$TOP/tests/guest/kernel" >"$T/kernel" 2>"$T/refused" ||
		skip "$(tail -n 1 "$T/refused")"
}

guest() { "$TOP/tests/guest/run" "$@"; }

@test "a guest runs a command and hands its status out" {
	expect 7 guest -t 120 bash -c 'uname -r; echo x >/written; exit 7'
	output_has "$(cat "$(cat "$T/kernel")/version")"
	[ ! -e /written ]
}

@test "a guest whose kernel complains has failed" {
	expect 99 guest -t 120 bash -c 'echo "WARNING: CPU: 0" >/dev/kmsg'
	output_has "the kernel complained"
}

@test "the hook set vfs sees each change" {
	guest -t 280 "$TOP/tests/guest/hooks"
}

# The verifier of 6.13, and of 6.12's later releases, wants to see that what
# the events of modules hand over is not NULL.
@test "a newer kernel, with ext4 and xfs as modules, loads both hook sets" {
	local newer=linux-image-amd64/bookworm-backports
	"$TOP/tests/guest/kernel" $newer >"$T/kernel" 2>"$T/refused" ||
		skip "$(tail -n 1 "$T/refused")"
	expect 0 guest -k $newer -t 280 "$TOP/tests/guest/sets"
}

@test "ext4 by the hook set vfs: what it names is all that changed" {
	guest -t 290 "$TOP/tests/torture/run" -f ext4 -e 2 -n 70 \
		-s $((RANDOM * 32768 + RANDOM)) -o "--hooks vfs"
}

@test "xfs by the hook set vfs: what it names is all that changed" {
	guest -t 290 "$TOP/tests/torture/run" -f xfs -e 2 -n 70 \
		-s $((RANDOM * 32768 + RANDOM)) -o "--hooks vfs"
}
