# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# The steps of the protocol between tracker, daemon and backup, one by one.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_begins; }
teardown_file() { tracking_file_ends; }
setup() { tracking_setup; }
teardown() { tracking_teardown; }

# --- what changes while a backup runs -------------------------------------

# A backup that waits before the first file that it reads.
backup_stops() { # [OPTION...]
	TIDEMARK_FAULT=archive.file:1:stop \
		in_background backup --json "$@" "$M"
	wait_until is_stopped "$PID"
}

backup_goes_on() {
	kill -CONT "$PID"
	wait "$PID"
	output=$(cat "$T/background.out")
}

meanwhile() { # FILES DIRECTORIES: that many, says the summary
	local n
	n="$(summary files_changed_meanwhile) $(summary dirs_changed_meanwhile)"
	[ "$n" = "$1 $2" ] || {
		echo "$n, not $1 $2"
		return 1
	}
}

@test "what changes while a backup runs is counted, and the next one has it" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		tracked $fs
		meanwhile 0 0
		echo changed >"$M/dir/small"
		backup_stops
		echo changed meanwhile >"$M/dir/other"
		chmod 600 "$M/big"
		mv "$M/dir/deep/er/below" "$M/moved"
		echo new >"$M/dir/new"
		# reading changes nothing
		sync -f "$M"
		cat "$M/dir/small" >/dev/null
		backup_goes_on
		# moved, new; and the directories of both
		meanwhile 4 3
		[ "$("$TIDEMARK" jobs --json --last 1 |
			jq .files_changed_meanwhile)" = 4 ]
		backs_up tracker
		meanwhile 0 0
		is_captured
	done
}

@test "what a backup leaves out is not counted, nor its own files" {
	tracked ext4
	mkdir "$M/out" "$M/src" "$M/src/kept" "$M/src/left"
	echo 1 >"$M/src/f"
	REPO=$M/src/repo
	export TIDEMARK_CACHE_DIR=$M/src/cache
	tm_init >/dev/null
	M=$M/src backs_up any --exclude left
	M=$M/src
	meanwhile 0 0
	# by a scan, too
	echo 2 >"$M/f"
	backup_stops --exclude left --scan
	echo 3 >"$M/../out/f"
	echo 3 >"$M/left/f"
	echo 3 >"$M/kept/f"
	ln "$M/f" "$M/../out/g"
	backup_goes_on
	# f has another name; kept/f, and its directory
	meanwhile 2 1
	expect 0 tm backup --exclude left "$M"
	output_lacks meanwhile
	M=${M%/src}
}

# --- the daemon's turn ----------------------------------------------------

# Stops at, or meets an error at, or dies at that point of its N-th turn.
faulty_daemon() { # POINT:N:ACTION [OPTION...]
	local fault=$1
	shift
	TIDEMARK_FAULT=$fault own_daemon "$@"
}

faulty_daemon_ends() {
	daemon_ends
	tidemarkd --stop-tracking
	umount "$M" "$T/bpf"
	rmdir "$T/bpf"
	rm "$T/var/list"
}

# mapping OPENS FILE | stores OFFSET BYTE | closes: one that stays open.
mapping_opens() {
	mkfifo "$T/to" "$T/from"
	"$BUILD/tests/lib/mapped" "$1" <"$T/to" >"$T/from" 3>&- &
	BACKGROUND+=("$!")
	exec 8>"$T/to" 9<"$T/from"
}

stores() {
	local answer
	echo "$1 $2" >&8
	read -r answer <&9
	[ "$answer" = ok ]
}

mapping_closes() {
	exec 8>&- 9<&-
	wait "${BACKGROUND[-1]}"
	rm "$T/to" "$T/from"
}

# What it stores into a page that is dirty already makes no mark: so the page
# must be cleaned after the turn, and before anything is read.
@test "a page that was made dirty just before the turn" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		faulty_daemon turn.synced:3:stop
		tracked $fs
		mapping_opens "$M/big"
		in_background backup --json "$M"
		wait_until is_stopped "$DAEMON"
		stores 5000 1
		kill -CONT "$DAEMON"
		wait "$PID"
		stores 5001 2
		backs_up tracker
		is_captured
		mapping_closes
		faulty_daemon_ends
	done
}

# What was marked since the turn is forgotten then: so it turns once more.
@test "a page that is dirty when tracking begins anew" {
	faulty_daemon turn.dropped:3:stop
	tracked ext4
	mapping_opens "$M/big"
	stores 5000 1
	in_background backup --json "$M"
	wait_until is_stopped "$DAEMON"
	for file in "$STATE"/*/*.*; do
		echo torn >"$file"
	done
	stores 5001 2
	kill -CONT "$DAEMON"
	wait "$PID"
	output=$(cat "$T/background.out")
	[ "$(summary scan_reason)" = "the marks that were kept cannot be read" ]
	stores 5002 3
	backs_up tracker
	is_captured
	mapping_closes
}

# The kernel needs a moment until no program runs that saw the old set.
@test "a turn waits for the programs that run" {
	requires strace
	local pid
	tracked ext4
	pid=$(cat "$BATS_FILE_TMPDIR/pid")
	strace -f -e trace=bpf,syncfs -o "$T/calls" -p "$pid" 2>"$T/attached" 3>&- &
	BACKGROUND+=("$!")
	wait_until grep -q attached "$T/attached"
	backs_up tracker
	kill "${BACKGROUND[-1]}"
	wait_until is_gone "${BACKGROUND[-1]}"
	# sync, turn, wait, sync, and only then are marks read
	sed -n 's/.* syncfs(.*/sync/p; s/.*bpf(BPF_MAP_UPDATE_ELEM.*/update/p
		s/.*bpf(BPF_MAP_LOOKUP_BATCH.*/read/p' "$T/calls" | uniq -c |
		awk '{ printf "%s%s ", $2, $2 == "update" ? $1 : "" }' \
			>"$T/order"
	grep -q '^sync update2 sync read' "$T/order" || {
		cat "$T/order" "$T/calls"
		return 1
	}
}

@test "the daemon dies at any point of a turn: nothing is lost" {
	local at
	for at in synced turned kept dropped saved; do
		M=$T/$at
		faulty_daemon turn.$at:3:kill
		tracked ext4
		echo before >"$M/dir/small"
		mkdir "$M/dir/new"
		backs_up scan
		[ "$(summary scan_reason)" = "the tracker could not be asked" ]
		is_captured
		wait "$DAEMON" || [ $? -eq 137 ]
		echo while it is away >"$M/dir/new/file"
		daemon_starts
		echo after >"$M/dir/other"
		# the scan has asked nobody
		backs_up scan
		is_captured
		echo later >"$M/dir/other"
		backs_up tracker
		is_captured
		faulty_daemon_ends
	done
}

# The backup dies with it: the next one asks for all that both did not have.
@test "the daemon and the backup die in a turn: the next backup has it all" {
	local at
	for at in synced turned kept dropped saved; do
		M=$T/$at
		faulty_daemon turn.$at:3:stop
		tracked ext4
		echo before >"$M/dir/small"
		mkdir "$M/dir/new"
		in_background backup --json "$M"
		wait_until is_stopped "$DAEMON"
		kill -KILL "$PID"
		wait "$PID" || true
		echo meanwhile >"$M/dir/new/file"
		daemon_ends KILL
		echo away >"$M/dir/other"
		daemon_starts
		backs_up tracker
		is_captured
		faulty_daemon_ends
	done
}

@test "the sync fails in a turn: a scan, and nothing is lost" {
	faulty_daemon turn.turned:3:EIO
	tracked ext4
	echo before >"$M/dir/small"
	backs_up scan
	[ "$(summary scan_reason)" = "it could not be synced" ]
	is_captured
	echo after >"$M/dir/small"
	backs_up tracker
	is_captured
}

# --- what is kept, and for whom -------------------------------------------

@test "a backup that fails leaves its changes to the next one" {
	local point
	tracked ext4
	for point in archive.file head.write; do
		echo "$point" >"$M/dir/small"
		mv "$M/dir/other" "$M/dir/moved"
		TIDEMARK_FAULT=$point expect 137 tm backup "$M"
		mv "$M/dir/moved" "$M/dir/other"
		chmod 640 "$M/dir/other"
		# two turns since the last one that was finished
		TIDEMARK_FAULT=$point expect 137 tm backup "$M"
		backs_up tracker
		is_captured
	done
}

@test "what could not be read is looked at again, mark or not" {
	tracked ext4
	echo changed >"$M/dir/small"
	TIDEMARK_FAULT=archive.file:1:EIO expect 3 tm backup "$M"
	backs_up tracker
	is_captured
	backs_up tracker
	[ "$(summary bytes_read)" = 0 ]
}

# It asks for marks that were dropped since.
@test "an older catalog is put back" {
	tracked ext4
	cp -a "$T/cache" "$T/older"
	echo one >"$M/dir/small"
	backs_up tracker
	echo two >"$M/dir/other"
	backs_up tracker
	rm -r "$T/cache"
	mv "$T/older" "$T/cache"
	backs_up scan
	is_captured
	backs_up tracker
}

# Its epochs have numbers that were used before.
@test "older state of the daemon is put back" {
	own_daemon
	tracked ext4
	cp -a "$STATE" "$T/older"
	echo one >"$M/dir/small"
	backs_up tracker
	echo two >"$M/dir/other"
	backs_up tracker
	echo three >"$M/dir/small"
	daemon_ends KILL
	rm -r "$STATE"
	mv "$T/older" "$STATE"
	daemon_starts
	backs_up scan
	is_captured
	backs_up tracker
}

# --- marks and what is done with them -------------------------------------

waits_for_the_lock() { # PID: in lseek, of x86 or arm64; or it is over
	is_gone "$1" || grep -q '^\(8\|62\) ' "/proc/$1"/task/*/syscall
}

# Some marks come before their change; both under the inode's lock.
@test "a marked file is not read while its inode is locked" {
	tracked ext4
	mkfifo "$T/go" "$T/held"
	"$BUILD/tests/lib/oddly" hold "$M/dir/small" <"$T/go" >"$T/held" 3>&- &
	BACKGROUND+=("$!")
	exec 8>"$T/go" 9<"$T/held"
	read -r held <&9
	[ "$held" = held ]
	in_background backup --json "$M"
	wait_until waits_for_the_lock "$PID"
	[ "$(process_state "$PID")" != Z ]
	echo >&8
	wait "$PID"
	exec 8>&- 9<&-
	is_captured
}

# Each processor keeps what it has marked last, and must not after a turn.
@test "one processor writes to one file, epoch after epoch" {
	local fs i
	for fs in ext4 xfs; do
		M=$T/$fs
		tracked $fs
		for i in 1 2 3 4; do
			head -c 4096 /dev/urandom | taskset -c 0 dd bs=4096 \
				of="$M/big" seek=$((i * 7)) conv=notrunc \
				iflag=fullblock oflag=direct status=none
			backs_up tracker
			[ "$(summary bytes_read)" -ge 4096 ]
		done
		is_captured
	done
}

@test "a file is cut and grows again" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		tracked $fs
		truncate -s 1M "$M/big"
		truncate -s 4M "$M/big"
		backs_up tracker
		is_captured
	done
}

@test "a range that is longer than one mark can tell" {
	disk ext4
	track add "$M"
	truncate -s 80M "$M/sparse"
	printf far | dd of="$M/sparse" bs=1 seek=81000000 conv=notrunc status=none
	printf near | dd of="$M/sparse" bs=1 seek=9000 conv=notrunc status=none
	backs_up scan
	fallocate --collapse-range -o 4096 -l 4096 "$M/sparse"
	backs_up tracker
	is_captured
}

@test "more blocks than there is room for" {
	own_daemon --max-ranges 16
	disk ext4
	track add "$M"
	head -c 40M /dev/zero | tr '\0' x >"$M/big"
	backs_up scan
	backs_up tracker
	for i in {1..39}; do
		printf news | dd of="$M/big" bs=4k seek=$((i * 256)) \
			conv=notrunc status=none
	done
	backs_up tracker
	is_captured
}

@test "what is below a directory that was new" {
	tracked ext4
	mkdir -p "$M/new/er/est"
	echo one >"$M/new/er/est/f"
	backs_up tracker
	# reading has marked the directories
	backs_up tracker
	backs_up tracker
	echo two, longer >"$M/new/er/est/f"
	backs_up tracker
	is_captured
}

# With the times put back and a reason for the time of change to have moved.
@test "a change of content behind a move or a chmod" {
	tracked ext4
	head -c 200K /dev/urandom >"$M/dir/a"
	head -c 200K /dev/urandom >"$M/dir/b"
	touch -r "$M/dir/a" "$T/then" "$M/dir/b"
	backs_up tracker
	printf news | dd of="$M/dir/a" conv=notrunc status=none
	printf news | dd of="$M/dir/b" conv=notrunc status=none
	touch -r "$T/then" "$M/dir/a"
	touch -r "$T/then" "$M/dir/b"
	mv "$M/dir/a" "$M/moved"
	chmod 640 "$M/dir/b"
	backs_up tracker
	is_captured
}

@test "the name of a changed file is not that of what covers it" {
	tracked ext4
	echo changed >"$M/dir/small"
	mount_tmpfs "$M/dir" 1M
	echo another >"$M/dir/small"
	expect 0 "$TIDEMARK" changes "$M"
	output_lacks "$M/dir/small"
	umount "$M/dir"
	expect 0 "$TIDEMARK" changes "$M"
	output_has "$M/dir/small"
}
