# SPDX-License-Identifier: Apache-2.0
# not tsan
# slow
#
# What the second backup reads, and that it is right: after each kind of
# change the snapshot equals the source, and the bytes read are those that
# the change explains.
#
# The source is an ext4 image made once. Its inodes are old enough when the
# first backup sees them that their times prove something (archiver.h,
# "Consistency"); each test gets a copy of image, repository and catalog.

# shellcheck disable=SC2030,SC2031 # each test has background jobs of its own

load ../lib/helpers

setup_file() {
	requires_loop
	requires mkfs.ext4 debugfs jq
	export M=$BATS_FILE_TMPDIR/m BASE=$BATS_FILE_TMPDIR/base
	mkdir -p "$M" "$BASE"
	truncate -s 96M "$BASE/image"
	mkfs.ext4 -q -F "$BASE/image"
	mount -o loop "$BASE/image" "$M"
	make_source
	tm_setup
	tm_init >/dev/null
	wait_until is_settled
	tm backup "$M" >/dev/null
	cp -a "$REPO" "$T/cache" "$PASS" "$BASE/"
	umount "$M"
	tm_teardown
}

teardown_file() {
	umount "$M" 2>/dev/null || true
}

make_source() {
	mkdir -p "$M"/dir/below/deep "$M/other"
	head -c 3000 /dev/urandom >"$M/small"
	head -c 3000000 /dev/urandom >"$M/large"
	head -c 200000 /dev/urandom >"$M/dir/middle"
	head -c 70000 /dev/urandom >"$M/dir/below/file"
	head -c 1000 /dev/urandom >"$M/dir/below/deep/file"
	head -c 5000 /dev/urandom >"$M/linked"
	ln "$M/linked" "$M/other/linked-too"
	head -c 2000 /dev/urandom >"$M/alone"
	head -c 4096 /dev/urandom >"$M/sparse"
	dd if=/dev/urandom of="$M/sparse" bs=4096 seek=500 count=1 status=none
	: >"$M/empty"
	ln -s small "$M/symlink"
	mkfifo "$M/fifo"
	setfattr -n user.comment -v was "$M/dir/middle"
	setfattr -n user.comment -v was "$M/dir/below/file"
	setfattr -n trusted.comment -v was "$M/other"
	chattr +d "$M/dir/middle" "$M/other"
	touch "$M/now"
}

# Three seconds after the last change.
is_settled() {
	[ "$(date +%s)" -gt $(($(stat -c %Z "$M/now") + 3)) ]
}

setup() {
	tm_setup
	cp --sparse=always "$BASE/image" "$T/image"
	cp -a "$BASE/repo" "$BASE/cache" "$T/"
	mount -o loop "$T/image" "$M"
}

teardown() {
	unmount_below "$M"
	tm_teardown
}

# A backup of the source that must succeed; $SUMMARY is its last line.
backup() {
	expect 0 tm backup --json "$@" "$M"
	SUMMARY=$(grep '"summary"' <<<"$output")
}

figure() { jq -r ".$1" <<<"$SUMMARY"; }

is_same() {
	"$BUILD/tests/lib/samesnap" "$REPO" "$PASS" latest "$M"
}

# reads BYTES: what the next backup reads, and that its snapshot is right.
reads() {
	backup
	[ "$(figure bytes_read)" -eq "$1" ] || {
		echo "read $(figure bytes_read) bytes, not $1"
		return 1
	}
	is_same
}

# Change the inode's ctime to that of the moment before, as if both changes
# had fallen into one tick of the clock.
forge_ctime() { # NAME SECONDS.NANOSECONDS
	local sec=${2%.*} nsec=$((10#${2#*.}))
	umount "$M"
	debugfs -w -R "set_inode_field /$1 ctime @$sec" "$T/image" 2>/dev/null
	# the upper 30 bits are the nanoseconds
	debugfs -w -R "set_inode_field /$1 ctime_extra $((nsec * 4))" \
		"$T/image" 2>/dev/null
	mount -o loop "$T/image" "$M"
	[ "$(stat -c %.9Z "$M/$1")" = "$2" ]
}

overwrite() { # FILE [OFFSET [BYTES]]: in place
	head -c "${3:-16}" /dev/urandom |
		dd of="$1" bs=64k oflag=seek_bytes seek="${2:-0}" \
			conv=notrunc status=none
}

@test "nothing changed: nothing is read, and the tree is the same" {
	reads 0
	[ "$(figure files_unmodified)" -eq 11 ]
	# the directories above the source may have changed
	[ "$(figure data_added)" -lt 20000 ]
	expect 0 tm diff latest~1 latest
	output_lacks "$M/"
}

@test "content of the same size, mtime reset" {
	cp -p "$M/small" "$T/was"
	overwrite "$M/small" 1000
	touch -r "$T/was" "$M/small"
	reads 3000
}

@test "large content of the same size, mtime reset" {
	cp -p "$M/large" "$T/was"
	overwrite "$M/large" 1500000
	touch -r "$T/was" "$M/large"
	reads 3000000
}

@test "mode alone: no content is read" {
	chmod 600 "$M/small"
	chmod 4755 "$M/large"
	chmod 700 "$M/dir"
	reads 0
}

@test "owner alone" {
	chown 12345:54321 "$M/small" "$M/large" "$M/dir"
	chown -h 7:8 "$M/symlink" "$M/fifo"
	reads 0
}

@test "extended attributes alone" {
	setfattr -n user.comment -v one "$M/small"
	setfattr -n trusted.comment -v two "$M/dir"
	setfattr -h -n trusted.comment -v three "$M/symlink"
	setfattr -n user.comment -v now "$M/dir/middle"
	setfattr -x user.comment "$M/dir/below/file"
	setfattr -x trusted.comment "$M/other"
	reads 0
}

@test "ACLs alone" {
	setfacl -m u:12345:rw "$M/large" "$M/dir"
	setfacl -m d:u:12345:r "$M/other"
	reads 0
}

@test "inode flags alone" {
	chattr +d "$M/small"
	chattr +A "$M/dir"
	chattr -d "$M/dir/middle" "$M/other"
	reads 0
}

@test "a second name" {
	ln "$M/alone" "$M/other/alone-too"
	reads 0
}

@test "a name less" {
	rm "$M/other/linked-too"
	reads 0
}

@test "a third name" {
	ln "$M/linked" "$M/dir/linked-also"
	# nothing in a tree tells two names from three
	backup --read-concurrency 1
	[ "$(figure bytes_read)" -le 5000 ]
	is_same
}

@test "a file renamed" {
	mv "$M/dir/below/file" "$M/dir/below/another"
	reads 70000
	[ "$(figure data_added)" -lt 70000 ]
}

@test "a directory renamed: nothing below is read again" {
	mv "$M/dir" "$M/renamed"
	reads 0
}

@test "a directory moved into another" {
	mv "$M/dir/below" "$M/other/below"
	reads 0
}

@test "replaced by another kind" {
	rm "$M/small" "$M/symlink" "$M/fifo" "$M/empty"
	mkdir "$M/small" "$M/small/sub"
	echo file >"$M/symlink"
	ln -s nowhere "$M/fifo"
	mknod "$M/empty" c 1 3
	mv "$M/dir" "$M/other/dir"
	echo file >"$M/dir"
	reads 10
}

@test "mtime set back" {
	touch -d '1999-01-01 00:00:00.5' "$M/small"
	# it may have been written and touched
	reads 3000
}

@test "replaced by rename, same size and mtime" {
	head -c 3000 /dev/urandom >"$M/new"
	touch -r "$M/small" "$M/new"
	mv "$M/new" "$M/small"
	reads 3000
}

@test "swapped names, same size and mtime" {
	cp -p "$M/small" "$M/twin"
	overwrite "$M/twin"
	touch -r "$M/small" "$M/twin"
	backup
	mv "$M/small" "$M/x"
	mv "$M/twin" "$M/small"
	mv "$M/x" "$M/twin"
	backup
	is_same
}

@test "truncated, appended, emptied" {
	truncate -s 1000 "$M/small"
	echo more >>"$M/dir/middle"
	: >"$M/alone"
	reads $((1000 + 200005))
}

@test "large becomes small, small becomes large" {
	truncate -s 100 "$M/large"
	head -c 900000 /dev/urandom >"$M/small"
	reads 900100
}

@test "a hole punched, mtime reset" {
	cp -p "$M/large" "$T/was"
	fallocate -p -o 1048576 -l 65536 "$M/large"
	touch -r "$T/was" "$M/large"
	reads $((3000000 - 65536))
}

@test "a hole filled with zeros" {
	dd if=/dev/zero of="$M/sparse" bs=4096 seek=10 count=1 conv=notrunc \
		status=none
	backup
	is_same
}

@test "a symlink's target, same length" {
	ln -sfn smell "$M/symlink"
	reads 0
	expect 0 tm ls -l latest "$M/symlink"
	output_has smell
}

@test "removed files and directories" {
	rm -r "$M/dir" "$M/small" "$M/symlink"
	reads 0
}

@test "a directory emptied" {
	rm -r "$M"/dir/below/*
	reads 0
}

@test "stores through a mapping that stays open" {
	mkfifo "$T/orders" "$T/answers"
	"$BUILD/tests/lib/mapped" "$M/large" <"$T/orders" >"$T/answers" 3>&- &
	BACKGROUND+=($!)
	exec {orders}>"$T/orders" {answers}<"$T/answers"
	store() {
		echo "$1 $2" >&"$orders"
		read -r -t 30 -u "$answers"
	}
	store 1000000 1
	touch -d '2020-01-01' "$M/large"
	backup
	is_same
	for byte in 2 3 4; do
		# the same page, by the same mapping: no system call of the
		# program tells the file system of this one
		store 1000000 $byte
		touch -d '2020-01-01' "$M/large"
		backup
		[ "$(figure bytes_read)" -eq 3000000 ]
		is_same
		store 1000001 $byte
		backup
		is_same
	done
	exec {orders}>&- {answers}<&-
}

@test "stores through a mapping on a file system mounted below" {
	truncate -s 16M "$T/other.img"
	mkfs.ext4 -q -F "$T/other.img"
	mount -o loop "$T/other.img" "$M/other"
	head -c 100000 /dev/urandom >"$M/other/file"
	sync -f "$M/other/file"
	mkfifo "$T/orders" "$T/answers"
	"$BUILD/tests/lib/mapped" "$M/other/file" <"$T/orders" \
		>"$T/answers" 3>&- &
	BACKGROUND+=($!)
	exec {orders}>"$T/orders" {answers}<"$T/answers"
	for byte in 1 2 3; do
		echo "5000 $byte" >&"$orders"
		read -r -t 30 -u "$answers"
		# dirty and writable from here on, and long ago
		touch -d '2020-01-01' "$M/other/file" "$M/now"
		wait_until is_settled
		backup
		echo "5001 $byte" >&"$orders"
		read -r -t 30 -u "$answers"
		backup
		is_same
	done
	exec {orders}>&- {answers}<&-
}

@test "two changes in one tick of the clock: a file" {
	local ctime
	overwrite "$M/small"
	touch -d '2020-01-01' "$M/small"
	ctime=$(stat -c %.9Z "$M/small")
	backup
	overwrite "$M/small"
	touch -d '2020-01-01' "$M/small"
	forge_ctime small "$ctime"
	backup
	is_same
}

@test "two changes in one tick of the clock: a large file" {
	local ctime
	overwrite "$M/large"
	touch -d '2020-01-01' "$M/large"
	ctime=$(stat -c %.9Z "$M/large")
	backup
	overwrite "$M/large"
	touch -d '2020-01-01' "$M/large"
	forge_ctime large "$ctime"
	backup
	is_same
}

@test "two changes in one tick of the clock: a hard linked file" {
	local ctime
	overwrite "$M/linked"
	touch -d '2020-01-01' "$M/linked"
	ctime=$(stat -c %.9Z "$M/linked")
	backup
	overwrite "$M/linked"
	touch -d '2020-01-01' "$M/linked"
	forge_ctime linked "$ctime"
	backup
	is_same
}

@test "two changes in one tick of the clock: a directory's attributes" {
	local ctime
	setfattr -n user.comment -v one "$M/dir"
	ctime=$(stat -c %.9Z "$M/dir")
	backup
	setfattr -n user.comment -v two "$M/dir"
	forge_ctime dir "$ctime"
	backup
	is_same
}

@test "two changes in one tick of the clock: mode, then content" {
	local ctime
	chmod 600 "$M/small"
	ctime=$(stat -c %.9Z "$M/small")
	cp -p "$M/small" "$T/was"
	backup
	overwrite "$M/small"
	touch -r "$T/was" "$M/small"
	forge_ctime small "$ctime"
	backup
	is_same
}

@test "what was young is read once more and then no longer" {
	overwrite "$M/small"
	touch "$M/now"
	reads 3000
	wait_until is_settled
	reads 3000
	reads 0
}

@test "--force reads everything, --strict-ctime what ctime names" {
	backup --force
	[ "$(figure bytes_read)" -eq $((3000 + 3000000 + 200000 + 70000 + \
		1000 + 5000 + 2000 + 8192)) ]
	is_same
	chmod 600 "$M/dir/middle"
	backup --strict-ctime
	[ "$(figure bytes_read)" -eq 200000 ]
	is_same
}

@test "--ignore-inode: a new inode number and ctime alone are no change" {
	cp -p "$M/small" "$M/copy"
	mv "$M/copy" "$M/small"
	backup --ignore-inode
	[ "$(figure bytes_read)" -eq 0 ]
	is_same
}

@test "the catalog deleted" {
	rm -r "$T/cache"
	overwrite "$M/small" 5
	backup
	[ "$(figure data_added)" -lt 100000 ]
	is_same
	reads 3000
}

@test "the catalog damaged at any place" {
	local catalog size at
	catalog=$(find "$T/cache" -name catalog)
	cp -a "$T/cache" "$T/cache.sound"
	size=$(stat -c %s "$catalog")
	for ((at = 0; at < size; at += 4096)); do
		rm -r "$T/cache"
		cp -a "$T/cache.sound" "$T/cache"
		head -c 4096 /dev/urandom | dd of="$catalog" bs=4096 \
			seek=$((at / 4096)) conv=notrunc status=none
		chmod $((600 + at / 4096 % 8)) "$M/small"
		touch "$M/dir/below/deep"
		echo "page $((at / 4096))"
		backup
		is_same
	done
	expect 0 tm check --read-data
}

@test "one bit of the catalog flipped" {
	local catalog at
	catalog=$(find "$T/cache" -name catalog)
	cp -a "$T/cache" "$T/cache.sound"
	for at in $(seq 8200 811 $(($(stat -c %s "$catalog") - 1))); do
		rm -r "$T/cache"
		cp -a "$T/cache.sound" "$T/cache"
		perl -e 'open(my $f, "+<", $ARGV[0]) or die;
			seek($f, $ARGV[1], 0);
			read($f, my $c, 1);
			seek($f, $ARGV[1], 0);
			print $f chr(ord($c) ^ 16);' "$catalog" "$at"
		chmod $((600 + at % 8)) "$M/small" "$M/dir/below/file"
		touch "$M/dir/below/deep" "$M/other"
		echo "byte $at"
		backup
		is_same
	done
	expect 0 tm check --read-data
}

@test "the catalog cut short" {
	local catalog size
	catalog=$(find "$T/cache" -name catalog)
	for size in 0 1 4096 8192 12288 16384; do
		truncate -s $size "$catalog"
		touch "$M/dir/below/deep"
		backup
		is_same
	done
	expect 0 tm check --read-data
}

@test "the catalog of another repository" {
	mv "$REPO" "$T/old"
	tm_init
	mv "$T/cache" "$T/cache.old"
	backup
	# as if the file had been carried over
	cp "$T"/cache.old/*/catalog "$(find "$T/cache" -name catalog)"
	backup
	is_same
	expect 0 tm check --read-data
}

@test "the catalog of a snapshot that is forgotten and pruned" {
	expect 0 tm forget latest
	expect 0 tm prune
	backup
	is_same
	expect 0 tm check --read-data
}

@test "the catalog after a backup from another machine, and a prune" {
	mkdir "$T/elsewhere"
	echo foreign >"$T/elsewhere/file"
	expect 0 tm backup --host other --cache-dir "$T/cache2" "$T/elsewhere"
	expect 0 tm forget --cache-dir "$T/cache2" latest~1
	expect 0 tm prune --cache-dir "$T/cache2"
	overwrite "$M/small"
	backup
	is_same
	expect 0 tm check --read-data
}

@test "killed before the catalog's commit: the next one is right" {
	overwrite "$M/small"
	expect 137 tm_fault head.written backup "$M"
	overwrite "$M/large"
	backup
	is_same
	reads 3003000
}
