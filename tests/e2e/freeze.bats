# SPDX-License-Identifier: Apache-2.0
#
# A file system that is held still is let go in any case: when it is told to,
# when its time is over, when who holds it is killed (lib/track/freeze.h).

# shellcheck disable=SC2034,SC2154

load ../lib/helpers

setup() {
	tm_setup
	requires_loop
	requires mkfs.xfs
	M=$T/mnt
	FREEZER=$BUILD/tests/lib/freezer
}

teardown() {
	# of a test that failed: nothing that is frozen can be unmounted
	[ -z "${M:-}" ] || fsfreeze -u "$M" 2>/dev/null || true
	tm_teardown
}

disk() { # TYPE
	mkdir -p "$M"
	truncate -s 320M "$M.img"
	case $1 in
	ext4) mkfs.ext4 -q -F "$M.img" ;;
	xfs) mkfs.xfs -q -f "$M.img" ;;
	esac
	mount -o loop "$M.img" "$M"
}

# A writer in the background; it waits while the file system is frozen.
writes() {
	(echo written >"$M/by-writer") 3>&- &
	WRITER=$!
	BACKGROUND+=("$WRITER")
}
is_waiting() { [ "$(process_state "$WRITER")" = D ]; }

# The background's standard input is a pipe, where orders are written.
freezes() { # MILLISECONDS
	mkfifo "$T/orders"
	"$FREEZER" "$M" "$1" <>"$T/orders" >"$T/said" 3>&- &
	FREEZE_PID=$!
	BACKGROUND+=("$FREEZE_PID")
	wait_until grep -q frozen "$T/said"
}

# Its answer is left in $REPLY.
thaws() {
	echo >"$T/orders"
	wait "$FREEZE_PID" || true
	REPLY=$(tail -n 1 "$T/said")
}

holds_and_lets_go() { # TYPE
	disk "$1"
	freezes 60000
	writes
	wait_until is_waiting
	thaws
	[[ $REPLY == "ok "* ]]
	wait "$WRITER"
	[ "$(cat "$M/by-writer")" = written ]
	umount "$M"
}

@test "ext4 is held still, and let go" { holds_and_lets_go ext4; }
@test "xfs is held still, and let go" { holds_and_lets_go xfs; }

@test "the time it was held is what a writer waited" {
	local before held
	disk ext4
	before=$(date +%s%3N)
	freezes 60000
	held=$(date +%s%3N)
	writes
	wait_until is_waiting
	wait_until not_before $((held + 300))
	thaws
	[ "${REPLY#ok }" -ge 300 ]
	[ "${REPLY#ok }" -le $(($(date +%s%3N) - before)) ]
	wait "$WRITER"
}
not_before() { [ "$(date +%s%3N)" -ge "$1" ]; }

thaws_in_time() { # TYPE
	disk "$1"
	freezes 300
	writes
	# nobody tells it to
	wait "$WRITER"
	thaws
	[[ $REPLY == "ETIMEDOUT "* ]]
	[ "${REPLY#* }" -ge 300 ]
	umount "$M"
}

@test "ext4: the time over, it is thawed" { thaws_in_time ext4; }
@test "xfs: the time over, it is thawed" { thaws_in_time xfs; }

thaws_without_its_parent() { # TYPE SIGNAL
	disk "$1"
	freezes 600000
	writes
	wait_until is_waiting
	kill "-$2" "$FREEZE_PID"
	wait "$WRITER"
	wait_until umount "$M"
}

@test "ext4: killed, the holder lets go" { thaws_without_its_parent ext4 KILL; }
@test "xfs: killed, the holder lets go" { thaws_without_its_parent xfs KILL; }

@test "the whole process group killed, it is thawed" {
	disk ext4
	setsid -w "$FREEZER" "$M" 600000 <"$T/.tick" >"$T/said" 3>&- &
	BACKGROUND+=("$!")
	wait_until grep -q frozen "$T/said"
	writes
	wait_until is_waiting
	kill -KILL -- "-$(pgrep -x freezer)"
	wait "$WRITER"
}

@test "the watch killed, the holder thaws, and does not call it good" {
	disk ext4
	freezes 600000
	writes
	wait_until is_waiting
	kill -KILL "$(pgrep -P "$FREEZE_PID")"
	thaws
	[[ $REPLY == "EIO "* ]]
	wait "$WRITER"
}

@test "a stopped holder cannot hold on" {
	disk ext4
	freezes 300
	kill -STOP "$FREEZE_PID"
	writes
	wait "$WRITER"
	kill -CONT "$FREEZE_PID"
	thaws
	[[ $REPLY == "ETIMEDOUT "* ]]
}

@test "what another has frozen is not touched" {
	disk ext4
	fsfreeze -f "$M"
	expect 1 "$FREEZER" "$M" 100 </dev/null
	[ "$output" = EBUSY ]
	writes
	wait_until is_waiting
	fsfreeze -u "$M"
	wait "$WRITER"
}

@test "what another has thawed is not called held" {
	disk ext4
	freezes 60000
	fsfreeze -u "$M"
	thaws
	[[ $REPLY == "ESTALE "* ]]
}

@test "what cannot be frozen says so" {
	mount_tmpfs "$M" 1M
	expect 1 "$FREEZER" "$M" 100 </dev/null
	[ "$output" = EOPNOTSUPP ]
}

@test "what a write would wait for is found through loop devices and overlays" {
	local loop
	disk ext4
	expect 0 "$FREEZER" -f "$M" "$T/elsewhere"
	expect 1 "$FREEZER" -f "$M" "$M/not/yet/there"
	[ "$output" = "$M/not/yet/there lies on the file system" ]
	# a file system in a file on it, with a partition table
	mkdir "$T/inner"
	loop=$(loop_device "$M/inner.img" 64M)
	mkfs.ext4 -q "$loop"
	mount "$loop" "$T/inner"
	losetup -d "$loop"
	expect 1 "$FREEZER" -f "$M" "$T/inner/repo"
	output_has "lies on the file system, through ${loop#/dev/}"
	# and not the other way round
	expect 0 "$FREEZER" -f "$T/inner" "$M"
	mkdir -p "$M/up per" "$M/work" "$T/lower" "$T/over"
	mount -t overlay overlay "$T/over" \
		-o "lowerdir=$T/lower,upperdir=$M/up per,workdir=$M/work"
	expect 1 "$FREEZER" -f "$M" "$T/over"
	output_has "through an overlay"
	umount "$T/over"
	mkdir "$T/bound"
	mount --bind "$M/work" "$T/bound"
	expect 1 "$FREEZER" -f "$M" "$T/bound/x"
	umount "$T/inner"
}
