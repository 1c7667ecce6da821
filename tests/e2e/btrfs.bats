#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# btrfs is asked itself what changed: without a daemon, over unmounting, and
# not when it was set back.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers

setup() {
	tm_setup
	requires_loop
	requires jq btrfs mkfs.btrfs
	export TIDEMARK_SOCKET=
	M=$T/mnt
	mkdir "$M"
	truncate -s 300M "$T/image"
	mkfs.btrfs -q "$T/image" >/dev/null 2>&1
	mount -o loop "$T/image" "$M"
	tm_init >/dev/null
}

# backs_up SOURCE [OPTION...]: and the summary says so; it is in $output.
backs_up() {
	local want=$1
	shift
	expect 0 tm backup --json "$@" "$M"
	[ "$(summary change_source)" = "$want" ] || {
		echo "by $(summary change_source), not by $want:"
		echo "$output"
		return 1
	}
}

asks_btrfs() { backs_up 'btrfs generations' "$@"; }

summary() {
	jq -r "select(.message_type == \"summary\").$1" <<<"$output"
}

is_captured() {
	rm -rf "$T/restored"
	tm restore --quiet "latest:$M" --target "$T/restored" || [ $? -eq 3 ]
	trees_equal "$M" "$T/restored"
}

# Its times are proof again: two seconds before a backup they are not.
is_old() { [ $(($(date +%s) - $(stat -c %Z "$1"))) -gt 3 ]; }

remount() {
	umount "$M"
	mount -o loop "$T/image" "$M"
}

@test "a backup asks btrfs, without a daemon and over unmounting" {
	mkdir -p "$M/a/b"
	echo one >"$M/a/b/file"
	head -c 3M /dev/urandom >"$M/a/large"
	backs_up scan
	[ "$(summary scan_reason)" = "this is the first backup of it" ]
	wait_until is_old "$M/a/large"
	asks_btrfs
	asks_btrfs
	[ "$(summary bytes_read)" = 0 ]
	[ "$(summary scan_reason)" = null ]
	echo two >"$M/a/b/file"
	mv "$M/a/b" "$M/c"
	touch "$M/new"
	asks_btrfs
	[ "$(summary bytes_read)" = 4 ]
	is_captured
	remount
	echo three >"$M/c/file"
	asks_btrfs
	is_captured
	expect 0 tm backup "$M"
	output_has "by btrfs generations"
	# and also after one that looked at everything
	echo four >"$M/c/file"
	backs_up scan --scan
	[ "$(summary scan_reason)" = null ]
	asks_btrfs
	is_captured
}

# Each of it in a file of its own, of which nothing else changes.
@test "what leaves no new extent is found" {
	local f
	mkdir "$M/nocow" "$M/sub"
	chattr +C "$M/nocow"
	for f in punch zero collapse cut clone dedupe prealloc nocow/dd \
		nocow/map xattr acl mode inline link defrag; do
		head -c 2M /dev/urandom >"$M/$f"
	done
	head -c 100 /dev/urandom >"$M/inline"
	fallocate -o 2M -l 1M "$M/prealloc"
	ln -s nowhere "$M/symlink"
	backs_up scan
	wait_until is_old "$M/symlink"
	asks_btrfs
	asks_btrfs
	times_stay() { # FILE COMMAND...: and the mode changes
		local was
		was=$(stat -c %y "$1")
		"${@:2}"
		touch -d "$was" "$1"
		chmod 611 "$1"
	}
	fallocate -p -o 1M -l 64K "$M/punch"
	fallocate -z -o 1M -l 64K "$M/zero"
	fallocate -p -o 1M -l 64K "$M/collapse"
	truncate -s 1M "$M/cut"
	truncate -s 2M "$M/cut"
	xfs_io -c "reflink $M/punch 0 0 1m" "$M/clone" >/dev/null
	dd if="$M/punch" of="$M/prealloc" bs=64K seek=35 count=1 conv=notrunc \
		status=none
	times_stay "$M/nocow/dd" dd if="$M/punch" of="$M/nocow/dd" bs=4K \
		seek=9 count=1 conv=notrunc status=none
	times_stay "$M/nocow/map" xfs_io -c 'mmap 0 1m' \
		-c 'mwrite -S 0x77 8192 4096' "$M/nocow/map"
	setfattr -n user.x -v y "$M/xattr"
	setfattr -h -n trusted.x -v y "$M/symlink"
	setfacl -m u:1:rx "$M/acl"
	chmod 600 "$M/mode"
	times_stay "$M/inline" dd if="$M/punch" of="$M/inline" bs=10 count=1 \
		conv=notrunc status=none
	ln "$M/link" "$M/sub/link"
	btrfs -q filesystem defragment -czstd "$M/defrag"
	asks_btrfs
	is_captured
	btrfs -q balance start --full-balance "$M" >/dev/null
	wait_until is_old "$M/xattr"
	asks_btrfs
	asks_btrfs
	is_captured
	# what was moved about is no change
	[ "$(summary bytes_read)" = 0 ]
}

@test "subvolumes in subvolumes are asked, too, and are not mixed up" {
	mkdir "$M/dir"
	btrfs -q subvolume create "$M/dir/one"
	btrfs -q subvolume create "$M/dir/one/two"
	echo 1 >"$M/dir/one/file"
	echo 2 >"$M/dir/one/two/file"
	backs_up scan
	asks_btrfs
	echo changed >"$M/dir/one/two/file"
	asks_btrfs
	is_captured
	# another one at its place, with the same inode numbers
	btrfs -q subvolume snapshot "$M/dir/one" "$M/copy"
	# what stands for the inner one there has the time of the day
	rmdir "$M/copy/two"
	echo new >"$M/dir/one/file"
	backs_up 'btrfs generations and scan'
	is_captured
	mv "$M/dir/one" "$M/old"
	mv "$M/copy" "$M/dir/one"
	asks_btrfs
	is_captured
	btrfs -q subvolume create "$M/dir/three"
	echo 3 >"$M/dir/three/file"
	backs_up 'btrfs generations and scan'
	is_captured
	backs_up scan --one-file-system
	asks_btrfs --one-file-system
}

# set_back IMAGE [COMMITS]: to a copy, and on from there
set_back() {
	local i
	umount "$M"
	cp --sparse=always "$1" "$T/image"
	mount -o loop "$T/image" "$M"
	[ "${2:-0}" -gt 0 ] || return 0
	for ((i = 0; i < $2; i++)); do
		echo "$i" >"$M/other"
		sync -f "$M"
	done
	# the numbers under which the backups knew it are passed
	echo young >"$M/young"
}

copy_image() {
	umount "$M"
	cp --sparse=always "$T/image" "$1"
	mount -o loop "$T/image" "$M"
}

@test "a file system that was set back is not believed" {
	copy_image "$T/first"
	echo 1 >"$M/kept"
	echo 1 >"$M/changed"
	backs_up scan
	echo 2 >"$M/kept"
	asks_btrfs
	copy_image "$T/second"
	echo 3 >"$M/changed"
	asks_btrfs
	# younger than what the backup has
	set_back "$T/first"
	backs_up scan --dry-run
	[[ $(summary scan_reason) == "the file system is older than"* ]]
	# something is as it was known: what is not is read again
	set_back "$T/second" 40
	asks_btrfs
	[ "$(cat "$M/changed")" = 1 ]
	is_captured
	# nothing is
	set_back "$T/first" 120
	backs_up scan
	[[ $(summary scan_reason) == *"nothing proves that it was not set"* ]]
	is_captured
	asks_btrfs
}

@test "track add has nothing to do" {
	expect 0 "$TIDEMARK" track add "$M"
	output_has "nothing has to be added"
	expect 0 "$TIDEMARK" track add --json "$M"
	[ "$(jq -r .by <<<"$output")" = "btrfs generations" ]
}

@test "only root may ask, and is told so" {
	requires setpriv
	chmod 777 "$T" "$M" "$T/passphrase"
	as_nobody() {
		HOME=$T/n setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$TIDEMARK" "$@" --repo "$T/n/repo" \
			--cache-dir "$T/n/cache" \
			--passphrase-file "$T/n/pass"
	}
	mkdir -m 777 "$T/n"
	cp "$PASS" "$T/n/pass"
	chown -R 65534 "$T/n"
	expect 0 as_nobody init
	expect 0 as_nobody backup "$M"
	output_has "by scan"
	output_has "only root may ask btrfs what changed"
}
