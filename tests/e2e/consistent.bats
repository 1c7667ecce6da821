# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# backup --consistent: one instant of a file system that never rests. A
# writer keeps an order between many files (tests/lib/instant.c); a snapshot
# of one instant keeps it, any other does not.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_probes; }
teardown_file() { tracking_file_ends; }

setup() {
	own_setup
	requires mkfs.xfs
}

teardown() {
	local m
	for m in "$T/mnt" "$T/mnt2"; do
		fsfreeze -u "$m" 2>/dev/null || true
	done
	tracking_teardown
}

tracking() { # MOUNT...
	local m
	daemon_starts
	for m; do
		track add "$m" >/dev/null
	done
}

writer_starts() { # DIRECTORY
	mkdir -p "$1"
	nice "$BUILD/tests/lib/instant" run "$1" >"$T/writer" 2>&1 3>&- &
	WRITER=$!
	BACKGROUND+=("$WRITER")
	wait_until grep -q runs "$T/writer"
}

# consistent OPTION... PATH...: and it was; the output is left in $output.
consistent() {
	expect 0 tm backup --json --consistent --freeze-max 30000 "$@"
	[ "$(summary consistent)" = true ] || {
		echo "$output"
		return 1
	}
}

# The latest snapshot keeps the order; what does not is left in $output.
keeps_order() { # DIRECTORY
	rm -rf "$T/restored"
	tm restore --quiet "latest:$1" --target "$T/restored"
	run "$BUILD/tests/lib/instant" check "$T/restored"
	[ "$status" -eq 0 ] || {
		echo "$output"
		return 1
	}
}

one_instant_of() { # TYPE
	local i said
	disk "$1"
	tracking "$M"
	writer_starts "$M/src"
	for i in 1 2 3 4 5; do
		consistent "$M/src"
		said=$output
		keeps_order "$M/src"
		output=$said
		[ "$(summary passes)" -ge 2 ]
		[ "$(summary frozen_ms | cut -d. -f1)" -lt 30000 ]
	done
	# the writer is still at it, and the next one is told all it did
	kill -0 "$WRITER"
	kill "$WRITER"
	wait "$WRITER" || true
	expect 0 tm backup --json "$M/src"
	[ "$(summary change_source)" = tracker ]
	[ "$(summary consistent)" = null ]
	rm -rf "$T/restored"
	tm restore --quiet "latest:$M/src" --target "$T/restored"
	trees_equal "$M/src" "$T/restored"
}

@test "ext4: one instant, time and again" { one_instant_of ext4; }
@test "xfs: one instant, time and again" { one_instant_of xfs; }

# What the tests above would not notice, they would not prove.
@test "without --consistent the order is lost" {
	local i lost=
	disk ext4
	tracking "$M"
	writer_starts "$M/src"
	for i in 1 2 3 4 5; do
		run tm backup "$M/src"
		keeps_order "$M/src" || lost=yes
	done
	[ -n "$lost" ]
}

# The end of the chain lies on the other one.
@test "two file systems are frozen together" {
	local i
	disk ext4
	disk xfs "$T/mnt2"
	tracking "$M" "$T/mnt2"
	mkdir "$M/src"
	ln -s "$T/mnt2/big" "$M/src/big"
	writer_starts "$M/src"
	for i in 1 2 3; do
		consistent "$M/src" "$T/mnt2"
		rm -rf "$T/r"
		tm restore --quiet latest --target "$T/r"
		ln -sf "$T/r$T/mnt2/big" "$T/r$M/src/big"
		expect 0 "$BUILD/tests/lib/instant" check "$T/r$M/src"
	done
}

# One on top of a file of the other: frozen in the wrong order, neither would.
@test "a file system in a file of another is frozen first" {
	local loop
	disk ext4
	mkdir "$M/inner" "$M/src"
	loop=$(loop_device "$M/inner.img" 64M)
	mkfs.ext4 -q "$loop"
	mount "$loop" "$M/inner"
	losetup -d "$loop"
	tracking "$M" "$M/inner"
	echo y >"$M/inner/y"
	consistent --exclude inner.img "$M"
	expect 0 tm cat "latest:$M/inner/y"
	[ "$output" = y ]
	umount "$M/inner"
}

@test "the snapshot says that it is of one instant" {
	disk ext4
	tracking "$M"
	mkdir "$M/src"
	echo a >"$M/src/a"
	consistent "$M/src"
	expect 0 tm snapshots --json
	[ "$(jq -r 'select(.message_type == "snapshot").consistent' \
		<<<"$output")" = true ]
	expect 0 tm backup --consistent "$M/src"
	output_has "instant: one for all, frozen for"
}

@test "too short a time: a snapshot, a warning, status 3" {
	disk ext4
	tracking "$M"
	writer_starts "$M/src"
	expect 3 tm backup --consistent --freeze-max 1 "$M/src"
	output_has "not of one instant, as --consistent asks"
	output_has "saved"
	kill "$WRITER"
	wait "$WRITER" || true
	expect 0 tm snapshots --json
	[ "$(jq -r 'select(.message_type == "snapshot").consistent' \
		<<<"$output")" = false ]
	# the marks that its last pass began with are those of the next one
	expect 0 tm backup --json "$M/src"
	[ "$(summary change_source)" = tracker ]
	rm -rf "$T/restored"
	tm restore --quiet "latest:$M/src" --target "$T/restored"
	trees_equal "$M/src" "$T/restored"
}

@test "frozen by another: a snapshot, and who stands in the way" {
	disk ext4
	tracking "$M"
	mkdir "$M/src"
	echo a >"$M/src/a"
	tm backup --quiet "$M/src"
	fsfreeze -f "$M"
	expect 3 tm backup --consistent "$M/src"
	fsfreeze -u "$M"
	output_has "another program has frozen it"
	output_has "saved"
}

@test "killed while it is frozen, the file system is thawed" {
	disk ext4
	tracking "$M"
	mkdir "$M/src"
	echo a >"$M/src/a"
	tm backup --quiet "$M/src"
	echo b >"$M/src/a"
	TIDEMARK_FAULT=backup.frozen expect 137 tm backup --consistent \
		--freeze-max 60000 "$M/src"
	echo c >"$M/src/a"
	expect 0 tm backup "$M/src"
	expect 0 tm cat "latest:$M/src/a"
	[ "$output" = c ]
}

@test "stopped while it is frozen, nobody waits for long, and it tries again" {
	disk ext4
	tracking "$M"
	mkdir "$M/src"
	echo a >"$M/src/a"
	export TIDEMARK_FAULT=backup.frozen:1:stop
	in_background backup --json --consistent --freeze-max 1000 "$M/src"
	unset TIDEMARK_FAULT
	wait_until is_stopped "$PID"
	echo b >"$M/src/a"
	kill -CONT "$PID"
	wait "$PID"
	output=$(cat "$T/background.out")
	[ "$(summary consistent)" = true ]
	[ "$(summary passes)" -ge 3 ]
	expect 0 tm cat "latest:$M/src/a"
	[ "$output" = b ]
}

# Its record of the first pass must not be believed when it comes back.
@test "what leaves the sources between two passes, and comes back later" {
	disk ext4
	tracking "$M"
	mkdir -p "$M/src/a" "$M/src/z" "$M/out"
	echo first >"$M/src/z/file"
	echo first >"$M/src/a/file"
	# the newest job comes first: a is read when z has been
	export TIDEMARK_FAULT=archive.file:2:stop
	in_background backup --json --consistent --read-concurrency 1 \
		--freeze-max 30000 "$M/src"
	unset TIDEMARK_FAULT
	wait_until is_stopped "$PID"
	mv "$M/src/z" "$M/out"
	echo changed >"$M/out/z/file"
	kill -CONT "$PID"
	wait "$PID"
	mv "$M/out/z" "$M/src"
	expect 0 tm backup --json "$M/src"
	[ "$(summary change_source)" = tracker ]
	expect 0 tm cat "latest:$M/src/z/file"
	[ "$output" = changed ]
}

@test "the repository must not lie on what is frozen" {
	disk ext4
	tracking "$M"
	mkdir "$M/src"
	REPO=$M/repo
	tm_init >/dev/null
	expect 1 tm backup --consistent "$M/src"
	output_has "$M/repo, which the backup writes to, lies on the file system"
	REPO=$T/repo
	expect 1 tm backup --consistent --cache-dir "$M/cache" "$M/src"
	output_has "$M/cache"
}

@test "without a tracker it is refused" {
	disk ext4
	mkdir "$M/src"
	expect 1 tm backup --consistent "$M/src"
	output_has "needs tidemarkd"
	daemon_starts
	expect 1 tm backup --consistent "$M/src"
	output_has "does not track the file system of"
	expect 1 tm backup --consistent --scan "$M/src"
	output_has "scan"
}
