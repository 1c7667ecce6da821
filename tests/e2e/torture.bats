#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# torture.bats - random changes of every kind, backed up by the tracker.
#
# A few epochs with a new seed each time; tests/torture/run does more, and
# tests/torture/mutate shows that it has teeth. A seed that failed replays.
#
# slow
# release only

load ../lib/helpers

setup_file() { kernel_log_begins "$BATS_FILE_TMPDIR/kernel-log"; }
teardown_file() { kernel_log_is_clean "$BATS_FILE_TMPDIR/kernel-log"; }

teardown() { :; }
setup() {
	TOP=${TOP:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)}
}

torture() { # FS OPTION...
	local fs=$1 seed=$((RANDOM * 32768 + RANDOM))
	shift
	echo "seed $seed"
	timeout 250 "$TOP/tests/torture/run" -f "$fs" -s "$seed" "$@"
}

@test "ext4: what the tracker names is all that changed" {
	torture ext4 -e 12
}

@test "xfs: what the tracker names is all that changed" {
	torture xfs -e 12
}

@test "btrfs: what it names is all that changed" {
	torture btrfs -e 8
}

@test "ext4: a seed that once found a shrunk file kept" {
	timeout 250 "$TOP/tests/torture/run" -f ext4 -s 5 -e 4
}

@test "xfs: the same through a bind mount" {
	torture xfs -e 4 -m bind
}

@test "ext4: the same through an overlay" {
	torture ext4 -e 4 -m overlay
}

accidents() { # FS OPTION...
	local fs=$1 seed=$((RANDOM * 32768 + RANDOM))
	shift
	timeout 250 "$TOP/tests/torture/crash" -f "$fs" -s "$seed" "$@"
}

@test "ext4: after each accident a backup is what is there" {
	accidents ext4 -e 8
}

@test "xfs: the same with maps that are too small for anything" {
	accidents xfs -e 5 -o '--max-inodes 16 --max-ranges 16'
}
