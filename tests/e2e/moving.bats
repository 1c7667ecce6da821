# SPDX-License-Identifier: Apache-2.0
# not tsan
# slow
#
# Files that move under the reader: whatever happens to the source meanwhile,
# the backup ends with 0 or 3 and names what it could not capture, the
# repository is sound, and each file of the snapshot is whole.

# shellcheck disable=SC2030,SC2031,SC2094,SC2317

load ../lib/helpers

setup() {
	tm_setup
	tm_init >/dev/null
	mkdir s
	S=$T/s
}

mover() { "$BUILD/tests/lib/mover" "$@"; }

mover_starts() { # SEED
	"$BUILD/tests/lib/mover" "$S" "$1" 0 3>&- &
	BACKGROUND+=("$!")
}

mover_ends() { # the last one
	kill -KILL "${BACKGROUND[-1]}"
	wait "${BACKGROUND[-1]}" || true
	unset 'BACKGROUND[-1]'
}

is_same() {
	"$BUILD/tests/lib/samesnap" "$REPO" "$PASS" latest "$S"
}

# A backup of what moves: 0 or 3, and with 3 each error names a path.
moving_backup() {
	local named
	run tm backup --json "$@" "$S"
	[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || {
		echo "exit status $status"
		echo "$output"
		return 1
	}
	named=$(jq -r 'select(.message_type == "error") | .path // .path_b64 //
		.path_raw // "?"' <<<"$output" | grep -c "^$S\|^[A-Za-z0-9]") ||
		true
	[ "$(jq -r 'select(.message_type == "summary").errors' \
		<<<"$output")" -eq "$named" ]
	[ "$status" -eq 3 ] || [ "$named" -eq 0 ]
}

# stopped_backup POINT COMMAND...: the command runs while the backup stands at
# the point; $code is the backup's exit status.
stopped_backup() {
	local point=$1
	shift
	TIDEMARK_FAULT=$point:stop in_background backup --read-concurrency 1 \
		"$S"
	wait_until is_stopped "$PID"
	"$@"
	kill -CONT "$PID"
	code=0
	wait "$PID" || code=$?
	cat background.out background.err
}

lists() { tm ls --recursive latest "$S"; }

@test "a tree that never holds still" {
	local seed
	mover "$S" 1 3000
	expect 0 tm backup "$S"
	for seed in 2 3 4 5 6 7 8; do
		mover_starts $seed
		moving_backup --read-concurrency 4
		mover_ends
	done
	expect 0 tm check --read-data
	# and when it stands still, everything is right
	expect 0 tm backup "$S"
	is_same
	expect 0 tm check --read-data
}

@test "a tree that never holds still, several writers" {
	local i
	for i in 1 2 3; do
		mover "$S" $i 2000
	done
	for i in 11 12 13 14; do
		mover_starts $i
	done
	for i in 1 2 3 4 5; do
		moving_backup
	done
	for i in 1 2 3 4; do
		mover_ends
	done
	expect 0 tm check --read-data
	expect 0 tm backup "$S"
	is_same
}

@test "deleted between list and open" {
	echo a >s/a
	echo b >s/b
	stopped_backup archive.file:1 rm s/a s/b
	# what was listed is gone: nothing is missing
	[ "$code" -eq 0 ]
	[ "$(lists | grep -c "^$S/.")" -eq 0 ]
	expect 0 tm backup "$S"
	is_same
}

@test "replaced by another file between list and open" {
	echo a >s/a
	echo longer >new
	stopped_backup archive.file:1 mv new s/a
	[ "$code" -eq 0 ]
	[ "$(tm cat latest "$S/a")" = longer ]
	expect 0 tm backup "$S"
	is_same
}

@test "replaced by a fifo between list and open: no hang, and it is named" {
	echo a >s/a
	to_fifo() {
		rm s/a
		mkfifo s/a
	}
	stopped_backup archive.file:1 to_fifo
	[ "$code" -eq 3 ]
	grep -F "$S/a" background.err
	expect 0 tm backup "$S"
	is_same
}

@test "a large file replaced by a fifo" {
	head -c 2000000 /dev/urandom >s/a
	to_fifo() {
		rm s/a
		mkfifo s/a
	}
	stopped_backup archive.file:1 to_fifo
	[ "$code" -eq 3 ]
	grep -F "$S/a" background.err
}

@test "replaced by a symlink to a secret" {
	echo a >s/a
	echo secret >secret
	to_link() { ln -sf "$T/secret" s/a; }
	stopped_backup archive.file:1 to_link
	[ "$code" -eq 3 ]
	grep -F "$S/a" background.err
	run tm cat latest "$S/a"
	[ "$output" != secret ]
}

@test "a directory replaced by a symlink before it is entered" {
	mkdir s/dir elsewhere
	echo secret >elsewhere/secret
	echo x >s/a
	to_link() {
		rmdir s/dir
		ln -s "$T/elsewhere" s/dir
	}
	stopped_backup archive.file:1 to_link
	[ "$code" -eq 0 ] || [ "$code" -eq 3 ]
	lists | grep -c secret && return 1
	expect 0 tm backup "$S"
	is_same
}

@test "grown and shrunk between list and read, around the borders" {
	local from to
	for from in 10 100000 140000 524288 524289 3000000; do
		for to in 0 5 131073 524287 524288 524289 9000000; do
			head -c $from /dev/urandom >s/a
			head -c $to /dev/urandom >to
			change() { cat to >s/a; }
			stopped_backup archive.file:1 change
			[ "$code" -eq 0 ]
			tm cat latest "$S/a" | cmp - to
		done
	done
}

@test "shrunk while it is read: what there is, in its place, and exit 3" {
	# the second chunk's pack is written while the file is being read
	head -c 200000000 /dev/urandom >s/a
	cp s/a was
	TIDEMARK_FAULT=pack.finish:1:stop in_background backup \
		--compression off --read-concurrency 1 "$S"
	wait_until is_stopped "$PID"
	truncate -s 150000000 s/a
	kill -CONT "$PID"
	code=0
	wait "$PID" || code=$?
	# read again, it is whole
	[ "$code" -eq 0 ] || [ "$code" -eq 3 ]
	expect 0 tm check --read-data
	tm cat latest "$S/a" >got
	cmp -n "$(stat -c %s got)" got was
}

@test "a log that grows all the time: a prefix, and the rest next time" {
	: >s/log
	perl -e '$| = 1; open(my $f, ">>", $ARGV[0]); $f->autoflush(1);
		my $i = 0; print $f "line " . $i++ . "\n" while 1' s/log 3>&- &
	BACKGROUND+=("$!")
	for i in 1 2 3; do
		moving_backup
	done
	mover_ends
	tm cat latest "$S/log" >got
	cmp -n "$(stat -c %s got)" got s/log
	expect 0 tm backup "$S"
	is_same
}

@test "a source disk that goes bad: EIO is named, the rest is stored" {
	requires_loop
	mount_disk "$T/disk" 32M
	mkdir "$T/disk/d"
	for i in $(seq 40); do
		head -c 300000 /dev/urandom >"$T/disk/d/$i"
	done
	umount "$T/disk"
	# the end of the disk is gone: reads there fail
	mount -o loop,ro "$T/disk.img" "$T/disk"
	truncate -s 8M "$T/disk.img"
	echo sound >s/sound
	run tm backup "$S" "$T/disk"
	[ "$status" -eq 3 ]
	output_has 'Input/output error'
	output_has "$T/disk"
	[ "$(tm cat latest "$S/sound")" = sound ]
	expect 0 tm check --read-data
}

@test "the source's file system is unmounted under the backup" {
	requires_root
	mkdir s/mnt
	mount -t tmpfs tmpfs s/mnt
	echo in >s/mnt/in
	echo a >s/a
	stopped_backup archive.file:1 umount -l s/mnt
	[ "$code" -eq 0 ] || [ "$code" -eq 3 ]
	expect 0 tm check --read-data
}

@test "killed while a tree moves, again and again" {
	local point
	mover "$S" 1 2000
	for point in archive.file:30 pack.finish:1 pack.finish:2 index.write \
		snapshot.write head.write head.written catalog.commit; do
		mover_starts 9
		run tm_fault $point backup "$S"
		[ "$status" -eq 137 ] || [ "$status" -eq 0 ] ||
			[ "$status" -eq 3 ]
		mover_ends
		expect 0 tm check --read-data
	done
	expect 0 tm backup "$S"
	is_same
	expect 0 tm check --read-data
}

# reuse INODE DIRECTORY: a file with two names in it, which has this inode.
reuse() {
	local name
	rm -r s/first
	for name in $(seq 200); do
		echo "second $name" >"$2/$name"
		[ "$(stat -c %i "$2/$name")" -ne "$1" ] || break
	done
	ln "$2/$name" "$2/link"
	[ "$(stat -c %i "$2/link")" -eq "$1" ]
}

@test "an inode number that goes to another file meanwhile is no link" {
	requires_loop
	mount_disk "$T/s" 16M
	mkdir -p s/first s/also/sub
	echo first >s/first/a
	ln s/first/a s/first/b
	echo x >s/also/x
	# the third file that is opened is x; sub is listed after it
	stopped_backup archive.file:3 reuse "$(stat -c %i s/first/a)" s/also/sub
	[ "$code" -eq 0 ]
	expect 0 tm restore "latest:$S" --target out
	[ "$(cat out/first/a)" = first ]
	[ "$(stat -c %h out/first/a)" -eq 2 ]
	cmp s/also/sub/link out/also/sub/link
	[ "$(stat -c %h out/also/sub/link)" -eq 2 ]
}

@test "a log that is rotated between list and open keeps its content" {
	echo old >s/app.log
	stopped_backup archive.file:1 mv s/app.log s/app.log.1
	[ "$code" -eq 0 ]
	[ "$(tm cat latest "$S/app.log.1")" = old ]
	expect 0 tm backup "$S"
	is_same
}

@test "rotated, and a new log made: both are there" {
	local size
	rotate() {
		mv s/app.log s/app.log.1
		echo new >s/app.log
	}
	for size in 10 2000000; do
		rm -f s/*
		head -c "$size" /dev/urandom >s/app.log
		cp s/app.log was
		stopped_backup archive.file:1 rotate
		[ "$code" -eq 0 ]
		tm cat latest "$S/app.log.1" | cmp - was
		[ "$(tm cat latest "$S/app.log")" = new ] || [ "$size" -gt 10 ]
	done
	expect 0 tm backup "$S"
	is_same
}

@test "renamed between list and stat: under the new name, files and dirs" {
	mkdir -p s/m/sub
	echo a >s/a
	echo in >s/m/sub/in
	echo z >s/z
	rename() {
		mv s/m s/m2
		mv s/z s/b
	}
	stopped_backup archive.file:1 rename
	[ "$code" -eq 0 ]
	[ "$(tm cat latest "$S/b")" = z ]
	[ "$(tm cat latest "$S/m2/sub/in")" = in ]
	lists | grep -x "$S/[mz]" && return 1
	expect 0 tm backup "$S"
	is_same
}

@test "a directory renamed before it is entered" {
	mkdir -p s/a s/b/sub
	echo x >s/a/x
	echo in >s/b/sub/in
	# the newest job comes first: the backup stops in b
	echo y >s/b/y
	stopped_backup archive.file:1 mv s/a s/c
	[ "$code" -eq 0 ]
	lists | grep "^$S/c/x"
	expect 0 tm backup "$S"
	is_same
}

@test "a directory moved to where the backup has been is named, exit 3" {
	mkdir -p s/a/sub s/b
	echo in >s/a/sub/in
	echo y >s/b/y
	echo z >s/a/z
	stopped_backup archive.file:1 mv s/a s/b/a
	[ "$code" -eq 3 ]
	grep "read: $S/a\$" background.err
	expect 0 tm backup "$S"
	is_same
}

@test "a directory deleted before it is entered is nobody's loss" {
	requires_root
	mkdir s/a s/b
	echo x >s/a/x
	echo y >s/b/y
	stopped_backup archive.file:1 rm -r s/a
	[ "$code" -eq 0 ]
	lists | grep "^$S/a" && return 1
	expect 0 tm backup "$S"
	is_same
}

@test "a directory renamed, and another made in its place" {
	mkdir s/a s/b
	echo x >s/a/x
	echo y >s/b/y
	replace() {
		mv s/a s/c
		mkdir s/a
		echo new >s/a/new
	}
	stopped_backup archive.file:1 replace
	[ "$code" -eq 0 ]
	[ "$(tm cat latest "$S/c/x")" = x ]
	[ "$(tm cat latest "$S/a/new")" = new ]
	expect 0 tm backup "$S"
	is_same
}

@test "a directory in which names never rest: named, if anything is lost" {
	local i
	mkdir s/d
	for i in $(seq 300); do
		echo "$i" >"s/d/f$i"
	done
	perl -e 'chdir $ARGV[0] or die; my $n = 0;
		while (1) { for my $i (1 .. 300) {
			my ($old) = grep { -e } glob("f$i f$i.*"); $n++;
			rename($old, "f$i.$n") if $old } }' "$S/d" 3>&- &
	BACKGROUND+=("$!")
	for i in 1 2 3; do
		moving_backup
		[ "$status" -eq 3 ] || [ "$(lists | grep -o '/f[0-9]*' |
			sort -u | wc -l)" -eq 300 ]
	done
	mover_ends
	expect 0 tm check --read-data
	expect 0 tm backup "$S"
	is_same
}
