#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# Of a folio of several pages only the blocks that are written back changed.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_begins; }
teardown_file() { tracking_file_ends; }
setup() { tracking_setup; }
teardown() { tracking_teardown; }

MIB=32

# A file in the page cache in folios as large as the kernel makes them, clean
# and backed up.
large_file() { # FS
	disk "$1"
	track add "$M"
	dd if=/dev/urandom of="$M/large" bs=4M count=$((MIB / 4)) status=none
	backs_up scan
	backs_up tracker
}

# One block in each MiB.
scatter() {
	local i
	for ((i = 0; i < MIB; i++)); do
		dd if=/dev/urandom of="$M/large" bs=4k count=1 conv=notrunc \
			seek=$((256 * i + i)) status=none
	done
}

@test "of large folios what was written is read, and no more" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		large_file $fs
		scatter
		backs_up tracker
		[ "$(summary bytes_read)" -eq $((MIB * 4096)) ]
		is_captured
		backs_up tracker
		[ "$(summary bytes_read)" -eq 0 ]
	done
}

@test "written by a mapping, directly, and again" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		large_file $fs
		"$BUILD/tests/lib/oddly" store "$M/large"
		dd if=/dev/urandom of="$M/large" bs=64k count=1 conv=notrunc \
			seek=33 oflag=direct status=none
		scatter
		sync -f "$M"
		scatter
		backs_up tracker
		is_captured
		backs_up tracker
		is_captured
	done
}

# Stops at that point of its N-th turn.
stopping_daemon() { # POINT:N
	TIDEMARK_FAULT=$1:stop own_daemon
}

@test "what is written back by the turn itself" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		stopping_daemon turn.synced:3
		large_file $fs
		in_background backup --json "$M"
		wait_until is_stopped "$DAEMON"
		scatter
		kill -CONT "$DAEMON"
		wait "$PID"
		is_captured
		backs_up tracker
		is_captured
		daemon_ends
		tidemarkd --stop-tracking
		umount "$M" "$T/bpf"
		rmdir "$T/bpf"
		rm "$T/var/list"
	done
}

@test "no room to say what was written back" {
	own_daemon --max-ranges $((MIB + MIB / 4))
	large_file ext4
	scatter
	backs_up tracker
	is_captured
	scatter
	backs_up tracker
	is_captured
}

are_taken() { [ "$(fs_status kept_inodes)" -ge 40 ]; }

# Marks are taken from a map that fills, between two backups.
@test "folios that nobody has synced when their marks are taken" {
	own_daemon --max-inodes 90
	large_file ext4
	scatter
	touch "$M"/file{1..40}
	wait_until are_taken
	backs_up tracker
	is_captured
}
