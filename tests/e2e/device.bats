# SPDX-License-Identifier: Apache-2.0
# release only
#
# Images of block devices: what was written is recorded, a backup reads that
# and nothing else, and what it stored is the device, byte for byte. Each
# test has loop devices and a daemon of its own.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_probes; }
teardown_file() { tracking_file_ends; }

setup() {
	own_setup
	ZRAM=
	RANDOM=$((${SEED:-$$} % 32768))
	echo "SEED=${SEED:-$$}"
}

teardown() {
	tracking_teardown
	[ -z "${ZRAM:-}" ] || echo "${ZRAM#/dev/zram}" \
		>/sys/class/zram-control/hot_remove
}

# disk SIZE: a loop device, in $DISK, whose image is $DISK_IMAGE.
disk() {
	DISK_IMAGE=$T/disk-$RANDOM$RANDOM
	DISK=$(loop_device "$DISK_IMAGE" "$1")
}

# Tracked, and backed up once: the next backup is by the tracker.
tracked_disk() { # SIZE [OPTION of the daemon...]
	daemon_starts "${@:2}"
	disk "$1"
	track add "$DISK" 2>/dev/null
	backs_up "full read"
}

# backs_up SOURCE [DEVICE [OPTION...]]: and the summary says so; it is in
# $output.
backs_up() {
	expect 0 tm backup --json --device "${2:-$DISK}" "${@:3}"
	came_by "$1"
}

read_at_most() { # BYTES, in the last backup
	[ "$(summary bytes_read)" -le "$1" ] || {
		echo "read $(summary bytes_read), more than $1"
		return 1
	}
}

# The latest snapshot has what is there now.
is_captured() { # [DEVICE]
	local device=${1:-$DISK}
	tm cat "latest:$device" 2>"$T/cat.err" |
		cmp - <(dd if="$device" bs=1M iflag=direct status=none) ||
		tells_difference "$device"
}

# What a captured image has wrong, for whoever reads the log: which blocks,
# whether they differ still, and what was written where.
tells_difference() { # DEVICE
	local n
	cat "$T/cat.err" "$T/written" || true
	for n in first second; do
		echo "blocks of 4 KiB that differ, $n look:"
		tm cat "latest:$1" | cmp -l - \
			<(dd if="$1" bs=1M iflag=direct status=none) |
			awk '!seen[b = int(($1 - 1) / 4096)]++ { print b }' |
			head -n 40
	done
	return 1
}

# Some writes of every kind, at random places of the first MIB of a device. A
# subshell would have random numbers of its own, which no seed brings back.
writes_at_random() { # DEVICE MIB
	local i at count
	for i in 1 2 3 4 5 6; do
		at=$((RANDOM * 32768 % ($2 * 1048576) / 4096 * 4096))
		count=$((RANDOM % 400 + 1))
		set -- "$1" "$2" $((RANDOM % 6))
		echo "$1: way $3 at $at, $count" >>"$T/written"
		case $3 in
		0 | 1) dd if=/dev/urandom of="$1" bs=4k count=$((count % 20 + 1)) \
			seek=$((at / 4096)) oflag=direct status=none ;;
		2) dd if=/dev/urandom of="$1" bs=512 count=$((count % 9 + 1)) \
			seek=$((at / 512 + count % 8)) conv=fsync status=none ;;
		3) blkdiscard -f -o "$at" -l $((count * 4096)) "$1" ;;
		4) blkdiscard -f -z -o "$at" -l $((count * 4096)) "$1" ;;
		5) fallocate -z -o "$at" -l 65536 "$1" ;;
		esac
	done
	sync "$1"
}

device_status() { # MEMBER
	"$TIDEMARK" status --json |
		jq -r "select(.message_type == \"device\").$1"
}

@test "a device is added, listed, told and removed" {
	daemon_starts
	disk 16M
	expect 0 track add "$DISK"
	output_has "tracking $DISK"
	expect 0 track list
	grep -qx "$DISK" <<<"$output"
	[ "$(device_status size)" = 16777216 ]
	[ "$(device_status trusted)" = false ]
	dd if=/dev/urandom of="$DISK" bs=4k count=2 seek=3 oflag=direct \
		status=none
	expect 0 "$TIDEMARK" changes --json "$DISK"
	[ "$(jq -c .ranges <<<"$output")" = '[{"from":12288,"to":20480}]' ]
	expect 0 "$TIDEMARK" changes "$DISK"
	output_has '8.0 KiB written  12288-20480'
	expect 0 track remove "$DISK"
	expect 1 track remove "$DISK"
	output_has 'it is not tracked'
	# the programs go with the last device
	[ ! -e "$PINS-devices" ]
}

@test "what writes cannot all be seen to is not tracked, and read whole" {
	[ -w /sys/class/zram-control/hot_remove ] || skip "needs zram"
	daemon_starts
	ZRAM=/dev/zram$(cat /sys/class/zram-control/hot_add)
	echo 16M >"/sys/block/${ZRAM#/dev/}/disksize"
	expect 1 track add "$ZRAM"
	output_has 'memory can change'
	backs_up "full read" "$ZRAM"
	[ "$(summary scan_reason)" = 'tidemarkd does not track it' ]
}

@test "every kind of write to a device is seen, epoch after epoch" {
	local i
	tracked_disk 48M
	for i in 1 2 3 4 5 6; do
		writes_at_random "$DISK" 47
		backs_up tracker
		is_captured
	done
	backs_up tracker
	read_at_most 0
	[ "$(summary files_unmodified)" = 1 ]
}

@test "what is written beside a backup is in the next one" {
	local i pid
	tracked_disk 32M
	(trap 'exit 0' TERM
		RANDOM=$((${SEED:-$$} % 32768 + 1))
		while :; do writes_at_random "$DISK" 31; done) 3>&- &
	pid=$!
	BACKGROUND+=("$pid")
	for i in 1 2 3; do
		backs_up tracker
	done
	kill "$pid"
	wait "$pid" || true
	sync "$DISK"
	backs_up tracker
	is_captured
}

# files_change DIRECTORY: some, of all sizes; some through mappings.
files_change() {
	local i n
	for i in 1 2 3 4 5 6 7 8; do
		n=$((RANDOM % 20))
		head -c $((RANDOM * (RANDOM % 30 + 1))) /dev/urandom \
			>"$1/file-$n"
		mkdir -p "$1/dir-$n"
		mv "$1/file-$((RANDOM % 20))" "$1/dir-$n/" 2>/dev/null || true
		rm -rf "$1/dir-$((RANDOM % 20))"
		ln -f "$1/file-$n" "$1/link-$n" 2>/dev/null || true
	done
}

through_a_file_system() { # TYPE SIZE
	local i
	daemon_starts
	disk "$2"
	"mkfs.$1" -q "$DISK"
	track add "$DISK" 2>/dev/null
	backs_up "full read"
	mkdir "$T/mnt"
	for i in 1 2; do
		mount "$DISK" "$T/mnt"
		files_change "$T/mnt"
		[ "$i" != 2 ] || fstrim "$T/mnt"
		# mounted, and of no one instant: what follows is compared; the
		# second must not be read from what the first left in a cache
		backs_up tracker
		files_change "$T/mnt"
		backs_up tracker
		umount "$T/mnt"
		wait_until is_free "$DISK"
		backs_up tracker
		is_captured
	done
}

@test "what ext4 writes is seen" {
	through_a_file_system ext4 48M
}

@test "what xfs writes is seen" {
	requires mkfs.xfs
	through_a_file_system xfs 320M
}

# partitioned SIZE: a disk with two partitions, ${DISK}p1 and ${DISK}p2; the
# kernel is told of them without a table, of which it may know no kind.
partitioned() {
	DISK_IMAGE=$T/partitioned
	truncate -s "$1" "$DISK_IMAGE"
	DISK=$(losetup -P -f --show "$DISK_IMAGE")
	addpart "$DISK" 1 2048 20480
	addpart "$DISK" 2 22528 20480
	wait_until test -b "${DISK}p2"
}

@test "a partition and its disk see each other's writes" {
	local i
	daemon_starts
	partitioned 32M
	track add "$DISK" 2>/dev/null
	track add "${DISK}p2" 2>/dev/null
	backs_up "full read"
	backs_up "full read" "${DISK}p2"
	# to the partition
	dd if=/dev/urandom of="${DISK}p2" bs=4k count=5 seek=7 oflag=direct \
		status=none
	backs_up tracker
	[ "$(summary bytes_read)" -ge 20480 ]
	read_at_most 40960
	backs_up tracker "${DISK}p2"
	read_at_most 20480
	# to the disk, below the partition
	dd if=/dev/urandom of="$DISK" bs=4k count=3 seek=3000 oflag=direct \
		status=none
	backs_up tracker "${DISK}p2"
	[ "$(summary bytes_read)" = 12288 ]
	# to the other partition
	dd if=/dev/urandom of="${DISK}p1" bs=4k count=5 oflag=direct status=none
	backs_up tracker "${DISK}p2"
	read_at_most 0
	is_captured "${DISK}p2"
	backs_up tracker
	is_captured
	for i in 1 2; do
		writes_at_random "${DISK}p2" 9
		writes_at_random "${DISK}p1" 9
		# each has a page cache of its own
		backs_up tracker
		is_captured
		backs_up tracker "${DISK}p2"
		is_captured "${DISK}p2"
	done
}

@test "a partition that was moved is read whole" {
	daemon_starts
	partitioned 32M
	track add "${DISK}p2" 2>/dev/null
	backs_up "full read" "${DISK}p2"
	backs_up tracker "${DISK}p2"
	delpart "$DISK" 2
	addpart "$DISK" 2 24576 20480
	wait_until test -b "${DISK}p2"
	backs_up "full read" "${DISK}p2"
	is_captured "${DISK}p2"
}

@test "another file under the same loop device is read whole" {
	tracked_disk 16M
	backs_up tracker
	losetup -d "$DISK"
	dd if=/dev/urandom of="$DISK_IMAGE" bs=4k seek=100 count=9 conv=notrunc \
		status=none
	losetup "$DISK" "$DISK_IMAGE"
	[ "$(device_status trusted)" = false ]
	backs_up "full read"
	[[ $(summary scan_reason) == "another disk"* ]]
	is_captured
	backs_up tracker
}

@test "a device that has grown is read whole" {
	tracked_disk 16M
	truncate -s 24M "$DISK_IMAGE"
	losetup -c "$DISK"
	backs_up "full read"
	is_captured
	writes_at_random "$DISK" 23
	backs_up tracker
	is_captured
}

@test "a daemon that was killed goes on where it was" {
	tracked_disk 32M
	writes_at_random "$DISK" 31
	daemon_ends KILL
	writes_at_random "$DISK" 31
	daemon_starts
	backs_up tracker
	is_captured
	writes_at_random "$DISK" 31
	daemon_ends
	writes_at_random "$DISK" 31
	daemon_starts
	writes_at_random "$DISK" 31
	backs_up tracker
	is_captured
}

# The last pin of a program is all that holds it, unless somebody does.
@test "pins that are removed under the daemon take nothing away" {
	tracked_disk 32M
	rm "$PINS-devices"/link_* "$PINS-devices"/map_*
	writes_at_random "$DISK" 31
	backs_up tracker
	is_captured
	# the next daemon does not find them, and says so
	daemon_ends KILL
	writes_at_random "$DISK" 31
	daemon_starts
	backs_up "full read"
	is_captured
	# one of them gone is as bad as all
	daemon_ends KILL
	rm "$PINS-devices/link_rq_complete"
	writes_at_random "$DISK" 31
	daemon_starts
	backs_up "full read"
	is_captured
}

@test "the programs gone, or no daemon: all is read, and it is said" {
	tracked_disk 16M
	daemon_ends
	tidemarkd --stop-tracking
	writes_at_random "$DISK" 15
	daemon_starts
	backs_up "full read"
	[[ $(summary scan_reason) == "the tracker was started anew"* ]]
	is_captured
	daemon_ends
	writes_at_random "$DISK" 15
	backs_up "full read"
	[ "$(summary scan_reason)" = 'tidemarkd does not run' ]
	is_captured
}

@test "more writes than there is room for make a full read, and lose nothing" {
	local i
	tracked_disk 64M --max-ranges 16
	for i in $(seq 0 40); do
		dd if=/dev/urandom of="$DISK" bs=4k count=1 seek=$((i * 300)) \
			oflag=direct status=none
	done
	backs_up "full read"
	[[ $(summary scan_reason) == "there were more changes"* ]]
	is_captured
	backs_up tracker
	read_at_most 0
}

@test "a backup that is not kept leaves the writes to the next one" {
	tracked_disk 32M
	writes_at_random "$DISK" 31
	backs_up tracker "$DISK" --dry-run
	[ "$(summary bytes_read)" -gt 0 ]
	backs_up tracker "$DISK" --dry-run
	run tm_fault commit.before_head backup --device "$DISK"
	backs_up tracker
	is_captured
}

@test "two repositories are told each its own writes" {
	tracked_disk 32M
	"$TIDEMARK" init --repo "$T/other" -p "$PASS"
	writes_at_random "$DISK" 31
	REPO=$T/other backs_up "full read"
	writes_at_random "$DISK" 31
	backs_up tracker
	is_captured
	writes_at_random "$DISK" 31
	REPO=$T/other backs_up tracker
	REPO=$T/other is_captured
	backs_up tracker
	is_captured
}

# A program that is left out must be noticed.
@test "without the mark of a request a write is missed" {
	tracked_disk 16M --without rq_complete
	dd if=/dev/urandom of="$DISK" bs=4k count=1 oflag=direct status=none
	backs_up tracker
	run is_captured
	[ "$status" -ne 0 ]
}

zram_with() { # LEFT OUT
	[ -w /sys/class/zram-control/hot_remove ] || skip "needs zram"
	daemon_starts --without "kinds,$1"
	ZRAM=/dev/zram$(cat /sys/class/zram-control/hot_add)
	echo 16M >"/sys/block/${ZRAM#/dev/}/disksize"
	track add "$ZRAM" 2>/dev/null
	backs_up "full read" "$ZRAM"
	dd if=/dev/urandom of="$ZRAM" bs=4k seek=9 count=3 oflag=direct \
		status=none
}

@test "a driver without requests is seen by its bios" {
	local i
	zram_with nothing
	backs_up tracker "$ZRAM"
	[ "$(summary bytes_read)" = 12288 ]
	for i in 1 2 3; do
		writes_at_random "$ZRAM" 15
		backs_up tracker "$ZRAM"
		is_captured "$ZRAM"
	done
}

@test "without the end of a bio a write is missed" {
	zram_with bio_complete
	backs_up tracker "$ZRAM"
	run is_captured "$ZRAM"
	[ "$status" -ne 0 ]
}

@test "without the begin of a bio nothing is trusted" {
	zram_with bio_queue
	backs_up "full read" "$ZRAM"
	is_captured "$ZRAM"
}

@test "an image goes to a file or to a device, zeros and all" {
	local image=$T/restored other
	daemon_starts
	disk 24M
	writes_at_random "$DISK" 23
	backs_up "full read"
	expect 0 tm ls -l latest /dev
	output_has "$DISK (image of device $(stat -c '%Hr:%Lr' "$DISK"))"
	tm restore -q latest --target "$image"
	cmp "$image$DISK" "$DISK"
	[ "$(getfattr --only-values -n user.tidemark.device "$image$DISK")" = \
		"$(stat -c '%Hr:%Lr' "$DISK")" ]
	other=$(loop_device "$T/other.img" 32M)
	dd if=/dev/urandom of="$other" bs=1M oflag=direct status=none || true
	dd if="$other" of="$T/garbage" bs=1M iflag=direct status=none
	expect 0 tm restore --json "latest:$DISK" --to-device "$other" --verify
	[ "$(summary bytes_verified)" = $((24 << 20)) ]
	[ "$(summary bytes_zeroed)" -gt 0 ]
	cmp -n $((24 << 20)) "$DISK" "$other"
	# what lies behind the image stays
	cmp -i $((24 << 20)) "$T/garbage" "$other"
}

@test "a device that is in use, too small, or none is not written to" {
	local small other
	daemon_starts
	disk 24M
	backs_up "full read"
	small=$(loop_device "$T/small.img" 23M)
	expect 1 tm restore "latest:$DISK" --to-device "$small"
	output_has 'is too small'
	other=$(loop_device "$T/other.img" 32M)
	mkfs.ext4 -q "$other"
	mkdir "$T/mnt"
	mount "$other" "$T/mnt"
	expect 1 tm restore "latest:$DISK" --to-device "$other"
	output_has "$other is mounted at $T/mnt: unmount it first"
	umount "$T/mnt"
	expect 0 tm restore --dry-run "latest:$DISK" --to-device "$other"
	e2fsck -fn "$other" >/dev/null 2>&1
	: >"$T/file"
	expect 1 tm restore "latest:$DISK" --to-device "$T/file"
	output_has 'is no block device'
	expect 1 tm restore latest --to-device "$other"
	output_has 'needs the path of an image'
	expect 1 tm restore latest:/dev --to-device "$other"
	output_has 'no image of a device'
	expect 1 tm backup --device "$T/file"
	output_has "$T/file"
	expect 1 tm backup --device "$DISK" "$T/mnt"
}

# A number goes into one file, then into another; files come and go.
pairs_change() { # DIRECTORY, until it is killed
	exec perl -e '
		use Fcntl;
		chdir $ARGV[0] or die;
		sysopen(my $a, "a", O_RDWR | O_CREAT) or die;
		sysopen(my $b, "b", O_RDWR | O_CREAT) or die;
		for (my $n = 0;; $n++) {
			for my $f ($a, $b) {
				sysseek($f, 0, 0);
				syswrite($f, sprintf("%08d", $n)) == 8 or die;
			}
			my $x = $n % 50;
			open(my $c, ">", "file-$x") or die;
			print $c "x" x (($n * 977) % 20000);
			close($c);
			rename("file-$x", "renamed-$x") if $n % 3;
		}' "$1" 3>&-
}

# The image that was restored to $2 holds one instant, and is sound.
is_one_instant() { # TYPE DEVICE
	local a b
	case $1 in
	ext4) e2fsck -fn "$2" >"$T/fsck" 2>&1 ;;
	xfs)
		# its log is replayed by a mount, as after any freeze
		mount -o nouuid "$2" "$T/copy"
		umount "$T/copy"
		xfs_repair -n "$2" >"$T/fsck" 2>&1
		;;
	esac || {
		cat "$T/fsck"
		return 1
	}
	mount -o "ro$([ "$1" = ext4 ] || echo ,nouuid)" "$2" "$T/copy"
	a=$(cat "$T/copy/a") b=$(cat "$T/copy/b")
	umount "$T/copy"
	echo "a is $a, b is $b"
	[ -n "$a" ]
	[ $((10#$a - 10#$b)) -ge 0 ]
	[ $((10#$a - 10#$b)) -le 1 ]
}

holds_still() { # TYPE SIZE
	local other i
	daemon_starts
	disk "$2"
	"mkfs.$1" -q "$DISK"
	other=$(loop_device "$T/other.img" "$2")
	mkdir "$T/mnt" "$T/copy"
	mount "$DISK" "$T/mnt"
	track add "$DISK" 2>/dev/null
	pairs_change "$T/mnt" &
	BACKGROUND+=("$!")
	wait_until test -s "$T/mnt/b"
	backs_up "full read" "$DISK" --consistent --freeze-max 60000
	[ "$(summary consistent)" = true ]
	for i in 1 2; do
		tm restore -q "latest:$DISK" --to-device "$other"
		is_one_instant "$1" "$other"
		backs_up tracker "$DISK" --consistent --freeze-max 60000
		[ "$(summary consistent)" = true ]
		[ "$(summary frozen_ms)" != 0 ]
	done
}

@test "--consistent makes an image of ext4 one instant" {
	holds_still ext4 48M
}

@test "--consistent makes an image of xfs one instant" {
	requires mkfs.xfs
	holds_still xfs 320M
}

@test "what cannot be held still is not called consistent" {
	daemon_starts
	disk 32M
	mkfs.ext4 -q "$DISK"
	mkdir "$T/mnt"
	expect 1 tm backup --consistent --device "$DISK"
	output_has 'needs to know what is written'
	track add "$DISK" 2>/dev/null
	# nothing is mounted, and nothing written
	backs_up "full read" "$DISK" --consistent
	[ "$(summary consistent)" = true ]
	is_captured
	mount "$DISK" "$T/mnt"
	"$TIDEMARK" init --repo "$T/mnt/repo" -p "$PASS"
	expect 1 tm backup --consistent --device "$DISK" --repo "$T/mnt/repo"
	output_has 'cannot be frozen for --consistent'
	# another has frozen it
	fsfreeze -f "$T/mnt"
	run tm backup --json --consistent --device "$DISK"
	fsfreeze -u "$T/mnt"
	[ "$status" -eq 3 ]
	[ "$(summary consistent)" = false ]
	expect 0 tm backup --device "$DISK"
	output_has 'is of no one instant'
}
