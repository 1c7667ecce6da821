# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# Tracked file systems come and go: after an unmount, and after a reboot,
# tracking goes on if nothing was written in between, and else begins anew.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_probes; }
teardown_file() { tracking_file_ends; }

setup() { own_setup; }
teardown() { tracking_teardown; }

attach() { # its device goes to $DEVICE
	DEVICE=$(losetup -f --show "$T/disk.img")
}

# new_disk TYPE: attached, mounted, with files.
new_disk() {
	mkdir -p "$M"
	truncate -s 512M "$T/disk.img"
	case $1 in
	# nothing that goes on in the background
	ext4) mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 \
		"$T/disk.img" ;;
	xfs) mkfs.xfs -q -f "$T/disk.img" ;;
	esac
	attach
	mount "$DEVICE" "$M"
	mkdir "$M/dir"
	echo small >"$M/dir/small"
	head -c 2M /dev/urandom >"$M/big"
}

# A trusted backup, then a change that none has seen.
tracked_disk() { # TYPE
	new_disk "$1"
	daemon_starts
	track add "$M"
	backs_up scan
	backs_up tracker
	echo changed >"$M/dir/small"
}

is_kept() { [[ $(fs_status why) == "it is not mounted; what is recorded"* ]]; }
is_back() { [ "$(fs_status trusted)" = true ]; }
is_new() { [ "$(fs_status trusted)" = false ] &&
	[[ $(fs_status why) != "it is not mounted"* ]]; }

leave() {
	umount "$M"
	wait_until is_kept
}

# The kernel forgets all that was recorded.
reboot() {
	daemon_ends
	tidemarkd --stop-tracking
	rm -rf "$T/state"
	losetup -d "$DEVICE"
}

# After all: trusted, and what changed before, between and after is there.
goes_on() {
	wait_until is_back
	echo after >"$M/after"
	rm -f "$M/big"
	backs_up tracker
	[ "$(summary scan_reason)" = null ]
	is_captured
	backs_up tracker
}

begins_anew() { # REASON
	backs_up scan
	[[ $(summary scan_reason) == *"$1"* ]] || {
		echo "because $(summary scan_reason)"
		return 1
	}
	is_captured
	backs_up tracker
}

unmounted() {
	tracked_disk "$1"
	leave
	mount "$DEVICE" "$M"
	goes_on
	# and once more
	echo again >"$M/again"
	leave
	mount "$DEVICE" "$M"
	goes_on
}

@test "unmounted and mounted again, it is still trusted: ext4" {
	unmounted ext4
}

@test "unmounted and mounted again, it is still trusted: xfs" {
	unmounted xfs
}

rebooted() {
	tracked_disk "$1"
	leave
	reboot
	# another device number, and mounted before the daemon runs
	losetup -f --show "$T/pad.img" >"$T/pad"
	attach
	mount "$DEVICE" "$M"
	daemon_starts
	goes_on
	# mounted while the daemon runs
	echo again >"$M/again"
	leave
	reboot
	daemon_starts
	is_kept
	attach
	mount "$DEVICE" "$M"
	goes_on
}

@test "a reboot needs no scan: ext4" {
	truncate -s 1M "$T/pad.img"
	rebooted ext4
}

@test "a reboot needs no scan: xfs" {
	truncate -s 1M "$T/pad.img"
	rebooted xfs
}

# Whether the daemon comes to look between the two or not.
@test "unmounted and mounted again at once, nothing is lost" {
	local i
	tracked_disk ext4
	for i in 1 2 3 4 5 6; do
		umount "$M"
		mount "$DEVICE" "$M"
		echo "$i" >"$M/dir/small"
		expect 0 tm backup --json "$M"
		is_captured
		echo "$i" >>"$M/dir/small"
	done
}

# written_elsewhere TYPE: by a mount that the tracker does not see.
written_elsewhere() {
	tracked_disk "$1"
	leave
	losetup -d "$DEVICE"
	mkdir "$T/elsewhere"
	attach
	mount "$DEVICE" "$T/elsewhere"
	printf x | dd of="$T/elsewhere/big" bs=1 seek=5000 conv=notrunc \
		status=none
	umount "$T/elsewhere"
	losetup -d "$DEVICE"
	attach
	mount "$DEVICE" "$M"
	wait_until is_new
	begins_anew "it was written while nothing was recorded"
}

@test "written elsewhere meanwhile, it is scanned: ext4" {
	written_elsewhere ext4
}

@test "written elsewhere meanwhile, it is scanned: xfs" {
	written_elsewhere xfs
}

written_before() {
	tracked_disk "$1"
	leave
	reboot
	attach
	mount "$DEVICE" "$M"
	echo early >"$M/dir/small"
	daemon_starts
	begins_anew "it was written while nothing was recorded"
}

@test "written after the reboot before the daemon runs: ext4" {
	written_before ext4
}

@test "written after the reboot before the daemon runs: xfs" {
	written_before xfs
}

@test "a write of one byte in place is noticed" {
	local type
	for type in ext4 xfs; do
		tracked_disk "$type"
		leave
		reboot
		attach
		mount "$DEVICE" "$M"
		printf x | dd of="$M/big" bs=1 seek=5000 conv=notrunc \
			status=none
		daemon_starts
		begins_anew "it was written while nothing was recorded"
		track remove "$M"
		daemon_ends
		umount "$M"
		losetup -d "$DEVICE"
		rm "$T/disk.img"
	done
}

@test "debugfs, a repair or an older image is noticed" {
	requires debugfs
	local mounts
	tracked_disk ext4
	leave
	cp --sparse=always "$T/disk.img" "$T/older.img"
	# neither the number of mounts nor what is free tells of this
	mounts=$(dumpe2fs -h "$T/disk.img" 2>/dev/null |
		sed -n 's/^Mount count: *//p')
	mkdir "$T/elsewhere"
	mount -o loop "$T/disk.img" "$T/elsewhere"
	head -c 64K /dev/urandom |
		dd of="$T/elsewhere/big" conv=notrunc status=none
	umount "$T/elsewhere"
	tune2fs -C "$mounts" "$T/disk.img" >/dev/null
	mount "$DEVICE" "$M"
	wait_until is_new
	begins_anew "it was written while nothing was recorded"
	leave
	debugfs -w -R "rm dir/small" "$T/disk.img" 2>/dev/null
	mount "$DEVICE" "$M"
	wait_until is_new
	begins_anew "it was written while nothing was recorded"
	echo more >"$M/more"
	leave
	# the file system of before the last session
	cat "$T/older.img" >"$T/disk.img"
	mount "$DEVICE" "$M"
	wait_until is_new
	begins_anew "it was written while nothing was recorded"
}

@test "xfs: a repair, another file system of the same type" {
	tracked_disk xfs
	leave
	xfs_repair -L "$DEVICE" >/dev/null 2>&1
	mount "$DEVICE" "$M"
	wait_until is_new
	begins_anew "it was written while nothing was recorded"
	leave
	mkfs.xfs -q -f "$DEVICE"
	mount "$DEVICE" "$M"
	wait_until is_new
	[ "$(fs_status last_reset)" = "another file system is there now" ]
	begins_anew ""
}

@test "a crash needs a scan" {
	tracked_disk ext4
	sync -f "$M"
	# the disk as it is when the power goes
	cp --sparse=always "$T/disk.img" "$T/crashed.img"
	leave
	reboot
	mv "$T/crashed.img" "$T/disk.img"
	attach
	mount "$DEVICE" "$M"
	daemon_starts
	begins_anew ""
}

# What was read from memory may not be on the disk.
@test "one that had errors when it was unmounted needs a scan" {
	local type
	for type in ext4 xfs; do
		tracked_disk "$type"
		xfs_io -x -c shutdown "$M"
		umount "$M"
		# any question has the daemon look at it
		"$TIDEMARK" track add /proc || true
		mount "$DEVICE" "$M"
		begins_anew ""
		track remove "$M"
		daemon_ends
		umount "$M"
		losetup -d "$DEVICE"
		rm "$T/disk.img"
	done
}

@test "written elsewhere and mounted again before the daemon looks" {
	tracked_disk ext4
	kill -STOP "$DAEMON"
	umount "$M"
	mkdir "$T/elsewhere"
	mount -o loop "$T/disk.img" "$T/elsewhere"
	echo elsewhere >"$T/elsewhere/dir/other"
	umount "$T/elsewhere"
	mount "$DEVICE" "$M"
	kill -CONT "$DAEMON"
	begins_anew ""
}

@test "with lazytime the counters are no proof" {
	tracked_disk ext4
	leave
	mount -o lazytime "$DEVICE" "$M"
	wait_until is_new
	begins_anew "with lazytime"
}

@test "a daemon that did not see it go trusts nothing" {
	tracked_disk ext4
	daemon_ends
	umount "$M"
	daemon_starts
	mount "$DEVICE" "$M"
	wait_until is_new
	begins_anew ""
}

@test "what was left is used once, and a damaged one never" {
	tracked_disk ext4
	leave
	[ "$(find "$T/var/list.left" -name info | wc -l)" = 1 ]
	cp -r "$T/var/list.left" "$T/var/copy"
	reboot
	# the epoch that the next backup needs, and what describes them all
	for f in "$T"/var/copy/*/3.* "$T"/var/copy/*/info; do
		rm -rf "$T/var/list.left"
		cp -r "$T/var/copy" "$T/var/list.left"
		head -c "$(($(stat -c %s "$f") - 3))" "$f" \
			>"$T/var/list.left/${f#"$T/var/copy/"}"
		attach
		mount "$DEVICE" "$M"
		daemon_starts
		begins_anew ""
		[ -z "$(ls "$T/var/list.left")" ]
		track remove "$M"
		daemon_ends
		umount "$M"
		losetup -d "$DEVICE"
		echo "$M" >"$T/var/list"
	done
}

# An automounter's directory, $T/auto, in which looking a name up asks for its
# mount; whoever asks waits. It is made, with the disk in it, by a process group
# that may do so; that of the test may not.
automounter_begins() {
	exec {TRIGGERS}<>"$T/triggers"
	# shellcheck disable=SC2016
	setsid bash -c '
		mount -t autofs -o "fd=$1,pgrp=$$,minproto=5,maxproto=5,indirect" \
			automounter "$2/auto" || exit
		mkdir "$2/auto/disk" && mount "$3" "$2/auto/disk" || exit
		echo >"$2/mounted"
		read -r _
		umount "$2/auto/disk" && rmdir "$2/auto/disk" || exit
		echo >"$2/expired"
		read -r _
		mkdir "$2/auto/disk" && mount "$3" "$2/auto/disk"
		echo >"$2/mounted-again"
		read -r _' \
		automounter "$TRIGGERS" "$T" "$DEVICE" <"$T/orders" 3>&- &
	BACKGROUND+=("$!")
	exec {ORDERS}>"$T/orders"
	wait_until test -e "$T/mounted"
}

@test "what an automounter took away is not looked up" {
	local other=$T/other
	grep -q autofs /proc/filesystems || modprobe autofs4 ||
		skip "needs autofs"
	truncate -s 64M "$T/disk.img"
	mkfs.ext4 -q -F "$T/disk.img"
	attach
	mkdir "$T/auto"
	mkfifo "$T/triggers" "$T/orders"
	automounter_begins
	M=$T/auto/disk
	echo small >"$M/small"
	daemon_starts
	track add "$M"
	backs_up scan
	backs_up tracker
	echo changed >"$M/small"
	echo >&"$ORDERS"
	wait_until test -e "$T/expired"
	wait_until is_kept
	# it looks at all, and this waits for it
	mount_disk "$other" 16M
	expect 0 timeout -s KILL 20 "$TIDEMARK" track add "$other"
	is_kept
	run read -r -t 0 -u "$TRIGGERS"
	[ "$status" -ne 0 ]
	echo >&"$ORDERS"
	wait_until test -e "$T/mounted-again"
	wait_until is_back
	backs_up tracker
	is_captured
	run read -r -t 0 -u "$TRIGGERS"
	[ "$status" -ne 0 ]
}
