#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# restore --changed-only: what changed since the last snapshot is put back,
# everything else is not looked at.
#
# slow

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_begins; }
teardown_file() { tracking_file_ends; }
setup() {
	tracking_setup
	SOURCE=$M/src
}
teardown() { tracking_teardown; }

# backed_up FS [OPTION of backup...]: $SOURCE, and $T/was as it was then.
backed_up() {
	local fs=$1
	shift
	if [ "$fs" = btrfs ]; then
		requires mkfs.btrfs
		mkdir -p "$M"
		truncate -s 400M "$T/btrfs.img"
		mkfs.btrfs -q "$T/btrfs.img" >/dev/null 2>&1
		mount -o loop "$T/btrfs.img" "$M"
	else
		if [ "$fs" = ext4 ]; then
			disk ext4 "$M" -b 4096
		else
			disk "$fs"
		fi
		track add "$M" >/dev/null
	fi
	mkdir "$SOURCE"
	make_tree "$SOURCE/tree" 350
	nasty_metadata "$SOURCE/nasty/metadata"
	[ -z "${NASTY:-}" ] || {
		nasty_names "$SOURCE/nasty/names"
		nasty_contents "$SOURCE/nasty/contents"
	}
	mkdir -p "$SOURCE/nasty"/{kinds/sub,flags,names,empty}
	mkfifo "$SOURCE/nasty/kinds/fifo"
	mknod "$SOURCE/nasty/kinds/null" c 1 3
	echo i >"$SOURCE/nasty/flags/immutable"
	chattr +i "$SOURCE/nasty/flags/immutable"
	echo n >"$SOURCE/nasty/flags/nodump"
	mkdir -p "$SOURCE/tree/d05/sub/sub"
	echo deep >"$SOURCE/tree/d05/sub/sub/file"
	ln "$SOURCE/tree/d00/file0" "$SOURCE/tree/d06/linked"
	ln "$SOURCE/tree/d05/file5" "$SOURCE/tree/d06/apart"
	ln -s nowhere "$SOURCE/tree/symlink"
	head -c 6M /dev/urandom >"$SOURCE/large"
	# what is read, or written back late, is marked: it would be looked at
	# without need, and hide what is missed
	mount -o remount,noatime "$M"
	sync -f "$M"
	backs_up scan "$@"
	note_state
}

note_state() {
	rm -rf "$T/was"
	# inode flags are not for every file system
	tm restore --quiet "latest:$SOURCE" --target "$T/was" || [ $? -eq 3 ]
	inode_flags "$SOURCE" >"$T/flags"
}

is_as_it_was() {
	trees_equal "$T/was" "$SOURCE"
	diff "$T/flags" <(inode_flags "$SOURCE")
}

rolls_back() { # [OPTION...]
	expect 0 tm restore --json --in-place --changed-only "$@" latest
}

# refused WHY [OPTION...]: and nothing is touched.
refused() {
	local why=$1
	shift
	touch "$T/before"
	expect 1 tm restore --in-place --changed-only "${@:-latest}"
	output_has "$why"
	output_has "restore --in-place --overwrite if-changed"
	[ -z "$(find "$SOURCE" -newercc "$T/before" | head)" ]
}

# What came with a mail: some are written over under another name, some are
# gone, notes lie about. And what people do besides.
ransom() {
	local d f was
	for d in d01 d02; do
		for f in "$SOURCE/tree/$d"/*; do
			head -c 3000 /dev/urandom | dd of="$f" conv=notrunc \
				status=none
			mv "$f" "$f.locked"
		done
		echo pay >"$SOURCE/tree/$d/READ_ME.txt"
	done
	rm -r "$SOURCE/tree/d03"
	chmod -R go= "$SOURCE/tree/d04"
	mv "$SOURCE/tree/d05" "$SOURCE/away"
	mkdir -p "$SOURCE/tree/d05/sub/sub"
	echo new >"$SOURCE/tree/d05/file5"
	rm "$SOURCE/tree/d00/file0"
	echo another >"$SOURCE/tree/d00/file0"
	rm "$SOURCE/tree/d00/file7" "$SOURCE/tree/d00/file14"
	mkdir -p "$SOURCE/tree/d00/file7/sub"
	echo x >"$SOURCE/tree/d00/file7/sub/x"
	ln -s file21 "$SOURCE/tree/d00/file14"
	rm -r "$SOURCE/nasty/names"
	echo no directory >"$SOURCE/nasty/names"
	rm "$SOURCE/tree/symlink"
	echo no symlink >"$SOURCE/tree/symlink"
	truncate -s 100 "$SOURCE/tree/d06/file6"
	touch -d '2001-01-01' "$SOURCE/tree/d06/file13"
	ln "$SOURCE/tree/d06/file20" "$SOURCE/tree/d06/once-more"
	setfattr -n user.comment -v ours "$SOURCE/nasty/metadata/xattr-user"
	setfacl -b "$SOURCE/nasty/metadata/acl"
	chattr -i "$SOURCE/nasty/flags/immutable"
	chattr +d "$SOURCE/nasty/flags/nodump"
	chown 7:8 "$SOURCE/nasty/kinds/null"
	mv "$SOURCE/nasty/kinds/fifo" "$SOURCE/nasty/kinds/sub"
	# nothing shows it but the marks
	was=$(stat -c %y "$SOURCE/tree/d06/file34")
	printf x | dd of="$SOURCE/tree/d06/file34" conv=notrunc status=none
	touch -d "$was" "$SOURCE/tree/d06/file34"
	chmod 600 "$SOURCE/tree/d06/file34"
	printf x | dd of="$SOURCE/large" bs=1 seek=3000000 conv=notrunc \
		status=none
}

undone() { # FS
	local source=tracker
	[ "$1" != btrfs ] || source='btrfs generations'
	NASTY=1 backed_up "$1"
	ransom
	rolls_back --delete
	[ "$(summary change_source)" = "$source" ]
	[ "$(summary files_deleted)" -gt 100 ]
	is_as_it_was
	# what was put back is seen by the next backup, and nothing else is read
	backs_up "$source"
	is_captured
	rolls_back --delete
	is_as_it_was
	# one changed (btrfs has doubts of what changed just before a backup)
	[ "$1" != btrfs ] || {
		backs_up "$source"
		backs_up "$source"
	}
	echo x >"$SOURCE/tree/d02/file2"
	rolls_back --delete
	[ "$(summary looked_at)" -le 12 ]
	[ "$(summary files_restored)" -le 2 ]
	is_as_it_was
}

@test "ext4: what a ransomware did is undone, and little is looked at" {
	undone ext4
}

@test "xfs: the same" {
	undone xfs
}

@test "btrfs: the same, without a daemon" {
	TIDEMARK_SOCKET='' undone btrfs
}

@test "without --delete what came since stays, and is counted" {
	backed_up ext4
	echo new >"$SOURCE/new"
	mkdir "$SOURCE/tree/d00/more"
	echo new >"$SOURCE/tree/d00/more/new"
	rm "$SOURCE/tree/d00/file7"
	rolls_back
	[ "$(summary files_left)" = 2 ]
	[ "$(summary files_deleted)" = 0 ]
	[ "$(cat "$SOURCE/new" "$SOURCE/tree/d00/more/new")" = $'new\nnew' ]
	expect 0 tm restore --in-place --changed-only latest
	output_has "2 that came since are left"
	rm -r "$SOURCE/new" "$SOURCE/tree/d00/more"
	rolls_back
	[ "$(summary files_left)" = 0 ]
	is_as_it_was
}

@test "a dry run tells what would be done, and does nothing" {
	backed_up ext4
	ransom
	touch "$T/before"
	expect 0 tm restore --in-place --changed-only --delete --dry-run -v \
		latest
	output_has "would restore"
	output_has "$SOURCE/tree/d03/file3"
	output_has "would delete"
	output_has "$SOURCE/tree/d01/READ_ME.txt"
	output_has "looked at what changed since the snapshot, by tracker:"
	output_lacks "$SOURCE/tree/d06/file27"
	[ -z "$(find "$SOURCE" -newercc "$T/before" | head)" ]
}

@test "a rollback that was killed ends equal the second time" {
	local i
	backed_up xfs
	for i in 1 60; do
		ransom
		expect 137 tm_fault "restore.file:$i" restore --in-place \
			--changed-only --delete latest
		rolls_back --delete
		is_as_it_was
	done
}

@test "names of one file are joined again, though nothing leads to some" {
	backed_up ext4
	# the directory is another; its files, and their other names, are not
	mv "$SOURCE/tree/d05" "$SOURCE/tree/d05.old"
	cp -a "$SOURCE/tree/d05.old" "$SOURCE/tree/d05"
	# no mark leads to d06: its file is the same, with as many names
	[ "$(stat -c %h "$SOURCE/tree/d06/apart")" = 2 ]
	rolls_back --delete
	is_as_it_was
	[ "$(stat -c %i "$SOURCE/tree/d05/file5")" = \
		"$(stat -c %i "$SOURCE/tree/d06/apart")" ]
}

@test "only below a path, with what lies beside it left alone" {
	backed_up ext4
	ransom
	expect 0 tm restore --in-place --changed-only --delete \
		"latest:$SOURCE/tree/d01"
	trees_equal "$T/was/tree/d01" "$SOURCE/tree/d01"
	[ -e "$SOURCE/tree/d02/READ_ME.txt" ]
	# one that is another directory now, and one that is gone
	expect 0 tm restore --in-place --changed-only --delete \
		"latest:$SOURCE/tree/d05"
	trees_equal "$T/was/tree/d05" "$SOURCE/tree/d05"
	expect 0 tm restore --in-place --changed-only "latest:$SOURCE/tree/d03"
	trees_equal "$T/was/tree/d03" "$SOURCE/tree/d03"
	expect 0 tm restore --in-place --changed-only "latest:$SOURCE/large"
	cmp "$T/was/large" "$SOURCE/large"
	[ -e "$SOURCE/tree/d02/READ_ME.txt" ]
	rolls_back --delete
	is_as_it_was
}

@test "what the backup left out is not removed" {
	backed_up ext4
	mkdir "$SOURCE/cache"
	echo c >"$SOURCE/cache/file"
	echo t >"$SOURCE/tree/d00/x.tmp"
	backs_up scan --exclude '*.tmp' --exclude cache
	# what is written back during the first one is marked once more
	backs_up tracker --exclude '*.tmp' --exclude cache
	echo new >"$SOURCE/tree/d00/new"
	echo x >"$SOURCE/tree/d00/file7"
	echo new >"$SOURCE/tree/d00/y.tmp"
	refused "the backup was made with other patterns" --delete latest
	refused "the backup was made with other patterns" --delete latest \
		--exclude '*.tmp'
	rolls_back --delete --exclude '*.tmp' --exclude cache
	[ ! -e "$SOURCE/tree/d00/new" ]
	[ "$(cat "$SOURCE/tree/d00/x.tmp" "$SOURCE/tree/d00/y.tmp" \
		"$SOURCE/cache/file")" = $'t\nnew\nc' ]
	cmp "$T/was/tree/d00/file7" "$SOURCE/tree/d00/file7"
	# without it nothing is removed, whatever the patterns are
	echo x >"$SOURCE/tree/d00/file7"
	rolls_back
	[ "$(summary files_left)" = 1 ] || {
		echo "$output"
		return 1
	}
	[ -e "$SOURCE/tree/d00/y.tmp" ]
	cmp "$T/was/tree/d00/file7" "$SOURCE/tree/d00/file7"
}

@test "what is not known is refused, and said" {
	local first id
	backed_up ext4
	id=$(summary snapshot_id)
	first=${id:0:8}
	echo two >"$SOURCE/two"
	backs_up tracker
	echo three >"$SOURCE/two"
	id=$(summary snapshot_id)
	refused "it is known what changed since snapshot ${id:0:8} of" "$first"
	refused "this machine has no catalog" latest --cache-dir "$T/other"
	TIDEMARK_SOCKET='' refused "tidemarkd does not run, or may not be asked"
	# a mount below the sources, and no more
	mount -t tmpfs tmpfs "$SOURCE/nasty/empty"
	refused "a source was replaced since the last backup, or what is mounted"
	umount "$SOURCE/nasty/empty"
	# two backups without a tracker between
	TIDEMARK_SOCKET='' expect 0 tm backup "$SOURCE"
	echo four >"$SOURCE/two"
	refused "the last backup was made without tidemarkd"
	backs_up scan
	track remove "$M" >/dev/null
	refused "it is not tracked any more"
	track add "$M" >/dev/null
	refused "tracking began anew"
	[ "$(cat "$SOURCE/two")" = four ]
	expect 1 tm restore --changed-only --target "$T/elsewhere" latest
	output_has "--changed-only needs --in-place"
}

@test "a snapshot of another machine is refused" {
	backed_up ext4
	expect 0 tm backup --host other "$SOURCE"
	expect 0 env TIDEMARK_CACHE_DIR="$T/cache2" "$TIDEMARK" backup \
		--repo "$REPO" --passphrase-file "$PASS" --host third "$SOURCE"
	refused "this machine has no catalog" latest --host third
	SOURCE=$T/tmp
	mount_tmpfs "$T/tmp" 10M
	echo x >"$T/tmp/x"
	expect 0 tm backup "$T/tmp"
	expect 1 tm restore --in-place --changed-only latest
	output_has "--changed-only is not possible: "
}

@test "ext4 and xfs: random changes are undone, as by a full restore" {
	local seed=$((RANDOM * 32768 + RANDOM))
	echo "seed $seed"
	unset TIDEMARK_SOCKET
	timeout 250 "$TOP/tests/torture/rollback" -f ext4 -s "$seed" -e 3
	timeout 250 "$TOP/tests/torture/rollback" -f xfs -s "$seed" -e 3
}

@test "btrfs: the same" {
	local seed=$((RANDOM * 32768 + RANDOM))
	requires mkfs.btrfs
	echo "seed $seed"
	timeout 250 "$TOP/tests/torture/rollback" -f btrfs -s "$seed" -e 3
}
