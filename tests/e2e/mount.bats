# SPDX-License-Identifier: Apache-2.0
# release only
#
# The mount: what it shows is what was backed up.

bats_require_minimum_version 1.5.0
load ../lib/helpers

setup() {
	tm_setup
	requires_root
	requires_fuse
	mkdir mnt
}

# mounted [option...]: mounts at $T/mnt; $S is the latest snapshot there.
mounted() {
	in_background mount "$@" "$T/mnt"
	wait_until is_mounted "$T/mnt"
	S=$T/mnt/latest
}

backup() { tm backup -q "$@"; }

@test "a mounted snapshot equals its source in all that rsync sees" {
	make_nasty_tree src
	tm_init
	backup src
	mounted
	trees_equal "$T/src" "$S$T/src"
	diff -r --no-dereference src/contents "$S$T/src/contents"
}

@test "the layout: times, ids, latest" {
	make_tree src 3
	tm_init
	backup --time '2026-01-31 15:04:05' src
	backup --time '2026-01-31 15:04:05' src
	backup --time '2026-02-01 00:00:00' --host other src
	mounted
	[ "$(ls mnt)" = $'ids\nlatest\nsnapshots' ]
	[ "$(ls mnt/snapshots)" = "2026-01-31T15:04:05Z
2026-01-31T15:04:05Z-1
2026-02-01T00:00:00Z
latest" ]
	[ "$(readlink mnt/latest)" = snapshots/2026-02-01T00:00:00Z ]
	[ "$(readlink mnt/snapshots/latest)" = 2026-02-01T00:00:00Z ]
	ids=$(tm snapshots --json | jq -r .short_id | sort)
	[ "$(ls mnt/ids)" = "$ids" ]
	for id in $ids; do
		[ -d "mnt/ids/$id/$T/src" ]
	done
	[ ! -e mnt/nothing ]
	[ ! -e mnt/ids/00000000 ]
	[ ! -e "mnt/latest/$T/nothing" ]
	[ "$(stat -c %i mnt/latest/)" = "$(stat -c %i \
		mnt/snapshots/2026-02-01T00:00:00Z)" ]
}

@test "only the snapshots that are asked for" {
	make_tree src 3
	tm_init
	backup --host one src
	backup --host two --tag x src
	mounted --tag x
	[ "$(ls mnt/ids)" = "$(tm snapshots --tag x --json |
		jq -r .short_id)" ]
}

@test "an empty repository can be mounted" {
	tm_init
	mounted
	[ "$(ls mnt)" = $'ids\nsnapshots' ]
	[ -z "$(find mnt/snapshots mnt/ids -mindepth 1)" ]
}

@test "hard links share a number and have their count, in any order" {
	mkdir -p src/sub
	echo a >src/one
	ln src/one src/two
	ln src/one src/sub/three
	ln src/one outside
	echo b >src/single
	tm_init
	backup src
	mounted
	d=$S$T/src
	[ "$(stat -c %h "$d/sub/three" "$d/one" "$d/two" "$d/single" |
		tr '\n' ' ')" = "3 3 3 1 " ]
	[ "$(stat -c %i "$d/sub/three" "$d/one" "$d/two" | uniq | wc -l)" -eq 1 ]
	before=$(stat -c %i "$d/one" "$d/single")
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(stat -c %i "$d/one" "$d/single")" = "$before" ]
	tar -C "$d" -c . | tar -t -v | grep -c 'link to' | grep -x 2
}

@test "xattrs, ACLs and capabilities can be listed and read" {
	make_nasty_tree src
	tm_init
	backup src
	mounted
	names() { # DIRECTORY
		(cd "$1" && find . -print0 | sort -z |
			xargs -0 getfattr -h -d -m - -e hex 2>/dev/null)
	}
	names src/metadata >want
	[ -s want ]
	names "$S$T/src/metadata" | diff want -
	names src/root | diff - <(names "$S$T/src/root")
	acls() { # DIRECTORY
		(cd "$1" && find . ! -type l -print0 | sort -z |
			xargs -0 getfacl -n 2>/dev/null)
	}
	diff <(acls src/metadata) <(acls "$S$T/src/metadata")
	run getfattr -h -n user.absent "$S$T/src/metadata/xattr-user"
	[ "$status" -eq 1 ]
}

@test "large files, read in any order, and their holes" {
	head -c 9000000 /dev/urandom >random
	truncate -s 20M sparse
	printf data | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
	mkdir src
	mv random sparse src
	tm_init
	backup src
	mounted
	d=$S$T/src
	cmp src/random "$d/random"
	cmp src/sparse "$d/sparse"
	perl -e '
		open(my $a, "<", $ARGV[0]) or die;
		open(my $b, "<", $ARGV[1]) or die;
		my $x = 7;
		for my $i (1 .. 300) {
			$x = ($x * 1103515245 + 12345) % 2147483648;
			my ($at, $n) = ($x % 9000000, $x % 70000);
			my ($p, $q);
			sysseek($a, $at, 0); sysread($a, $p, $n);
			sysseek($b, $at, 0); sysread($b, $q, $n);
			die "at $at" unless $p eq $q;
		}' src/random "$d/random"
	cp --sparse=auto "$d/sparse" copy
	cmp copy src/sparse
	[ "$(stat -c %b copy)" -lt 2000 ]
	[ "$(stat -c %b "$d/sparse")" -lt 40000 ]
}

@test "many readers at once" {
	make_tree src 400
	head -c 6000000 /dev/urandom >src/random
	tm_init
	backup src
	mounted
	pids=()
	for i in 1 2 3 4; do
		diff -r src "$S$T/src" >"diff.$i" 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	cat diff.* | wc -c | grep -x 0
}

@test "thousands of entries, and thousands of levels" {
	mkdir -p src/big
	(cd src/big && seq -f 'name-%05g' 5000 | xargs touch)
	make_deep_tree src/deep 1500
	tm_init
	backup src
	mounted
	diff <(ls src/big) <(ls "$S$T/src/big")
	[ "$(find "$S$T/src/deep" -type d | wc -l)" -eq 1501 ]
	[ "$(find "$S$T/src/deep" -name bottom -execdir cat {} +)" = 1500 ]
	# a listing goes on where it was left, forwards and back
	perl -e 'opendir(my $d, $ARGV[0]) or die; my @all = readdir $d;
		rewinddir $d; readdir $d for 1 .. 100; my $at = telldir $d;
		my $next = readdir $d; readdir $d for 1 .. 3000;
		seekdir $d, $at;
		die unless readdir $d eq $next && $next eq $all[100];
		rewinddir $d; my @again = readdir $d;
		die unless "@all" eq "@again";' "$S$T/src/big"
}

@test "nothing can be written" {
	make_tree src 3
	tm_init
	backup src
	mounted
	run touch "$S$T/src/new"
	output_has 'Read-only file system'
	run rm "$S$T/src/d00/file0"
	[ "$status" -ne 0 ]
	run chmod 777 "$S$T/src"
	[ "$status" -ne 0 ]
}

@test "a damaged chunk is EIO, with one line of log" {
	mkdir src
	head -c 3000000 /dev/urandom >src/bad
	echo good >src/good
	tm_init
	backup src
	mounted
	pack=$(find "$REPO/packs" -type f -size +2M)
	printf 'xx' | dd of="$pack" bs=1 seek=1000000 conv=notrunc status=none
	for i in 1 2 3; do
		run bash -c 'cat "$1" | wc -c; exit "${PIPESTATUS[0]}"' - \
			"$S$T/src/bad"
		[ "$status" -eq 1 ]
	done
	output_has 'Input/output error'
	[ "$(cat "$S$T/src/good")" = good ]
	[ "$(grep -c 'authentication failed' background.err)" -eq 1 ]
}

@test "it ends with SIGINT, SIGTERM and umount, and exits with 0" {
	tm_init
	for how in INT TERM umount; do
		mounted
		if [ $how = umount ]; then
			umount mnt
		else
			# background jobs ignore SIGINT, so this is asked of TERM
			kill -TERM "$PID"
		fi
		wait "$PID"
		run ! is_mounted "$T/mnt"
	done
}

@test "errors are told before anything is mounted" {
	tm_init
	expect 1 tm mount "$T/nowhere"
	output_has 'mount point'
	touch file
	expect 1 tm mount "$T/file"
	expect 10 "$TIDEMARK" mount -r "$T/none" -p "$PASS" mnt
	echo 'another passphrase' >wrong
	expect 12 "$TIDEMARK" mount -r "$REPO" -p wrong mnt
}

@test "--allow-other lets others in, under the recorded modes" {
	mkdir src
	echo open >src/open
	echo secret >src/secret
	chmod 600 src/secret
	chmod 755 . src
	tm_init
	backup src
	mounted
	run setpriv --reuid 65534 --clear-groups cat "$S$T/src/open"
	[ "$status" -ne 0 ]
	umount mnt
	wait "$PID"
	mounted --allow-other
	[ "$(setpriv --reuid 65534 --clear-groups cat "$S$T/src/open")" = open ]
	run setpriv --reuid 65534 --clear-groups cat "$S$T/src/secret"
	[ "$status" -ne 0 ]
	output_has 'Permission denied'
}

@test "a mount point that holds something is refused" {
	mkdir busy
	: >busy/file
	expect 1 timeout 20 "$TIDEMARK" mount -r "$REPO" -p "$PASS" busy
	[ "${#lines[@]}" -eq 1 ]
	output_has "is not empty"
}
