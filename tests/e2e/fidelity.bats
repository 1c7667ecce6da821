# SPDX-License-Identifier: Apache-2.0
# not tsan
# slow
#
# What goes in is what lies on the disk: compared by a reader of its own, from
# the repository alone.

# shellcheck disable=SC2030,SC2031 # S is each test's own

load ../lib/helpers

setup() {
	tm_setup
	tm_init >/dev/null
	mkdir s
	S=$T/s
}

is_same() {
	"$BUILD/tests/lib/samesnap" "$REPO" "$PASS" latest "$S"
}

@test "the nasty tree, first, unchanged and from another catalog" {
	make_nasty_tree "$S"
	expect 0 tm backup "$S"
	is_same
	expect 0 tm backup "$S"
	is_same
	expect 0 tm backup --cache-dir "$T/cache2" "$S"
	is_same
	expect 0 tm check --read-data
}

@test "100,000 entries in one directory; then one more, one less" {
	(cd s && seq -f 'entry-%06g-with-a-name' 100000 | xargs touch)
	expect 0 tm backup "$S"
	is_same
	touch s/entry-050000-and-a-half
	rm s/entry-000077-with-a-name
	expect 0 tm backup --json "$S"
	[ "$(jq -r 'select(.message_type == "summary").data_added' \
		<<<"$output")" -lt 20000000 ]
	is_same
}

@test "5,000 levels deep, with few descriptors and with patterns" {
	make_deep_tree "$S" 5000
	# shellcheck disable=SC3045
	expect 0 bash -c 'ulimit -n 256; "$@"' sh "$TIDEMARK" backup \
		--repo "$REPO" --passphrase-file "$PASS" "$S"
	expect 0 tm backup --exclude '*.nothing' "$S"
	tm ls --recursive latest "$S" | grep -c bottom
	ulimit -s unlimited # the comparison calls itself at each level
	is_same
}

@test "a file of TiB size with a few islands takes seconds" {
	requires_loop
	mkdir "$T/x"
	truncate -s 400M "$T/x.img"
	mkfs.xfs -q "$T/x.img" || skip "needs mkfs.xfs"
	mount -o loop "$T/x.img" "$T/x"
	truncate -s 8T "$T/x/huge"
	for at in 0 1 4095 1000000 1073741824 2147483647; do
		echo "island at $at" | dd of="$T/x/huge" bs=4096 seek=$at \
			conv=notrunc status=none
	done
	S=$T/x
	start=$SECONDS
	expect 0 tm backup "$S"
	[ $((SECONDS - start)) -lt 30 ]
	is_same
}

@test "sizes around the borders of chunks, frames and segments" {
	local size
	head -c 4200000 /dev/urandom >data
	for size in 1 131071 131072 131073 524287 524288 524289 524290 \
		1048575 1048576 1048577 4194303 4194304 4194305; do
		for d in -1 0 1; do
			head -c $((size + d)) data >"s/$size$d"
		done
	done
	# a segment has 128 MiB of data
	for size in 134217727 134217728 134217729; do
		yes "line of $size" | head -c $size >"s/$size"
	done
	expect 0 tm backup "$S"
	is_same
}

@test "ten thousand islands of 4 KiB" {
	perl -e 'open(my $f, ">", $ARGV[0]) or die;
		for my $i (0 .. 9999) {
			seek($f, $i * 65536, 0);
			print $f pack("Q", $i) x 512;
		}' s/islands
	expect 0 tm backup "$S"
	is_same
	expect 0 tm check --read-data
}

@test "hard links far apart, to large and small files" {
	local i
	mkdir s/a s/b s/c
	head -c 3000000 /dev/urandom >s/a/large
	for i in $(seq 300); do
		echo "$i" >"s/a/$i"
		ln "s/a/$i" "s/b/$i"
		ln "s/a/$i" "s/c/x$i"
	done
	ln s/a/large s/b/large
	ln s/a/large s/c/large
	expect 0 tm backup "$S"
	is_same
}

@test "the holes of a small file stay holes" {
	mkdir src
	truncate -s 300K src/island
	printf x | dd of=src/island bs=1 seek=150000 conv=notrunc status=none
	truncate -s 100K src/hole
	sync -f src
	expect 0 tm backup src
	expect 0 tm restore "latest:$T/src" --target out
	trees_equal src out
	[ "$(stat -c %b out/hole)" -eq 0 ]
	[ "$(stat -c %b out/island)" -le "$(stat -c %b src/island)" ]
}

@test "clones of a file system: their inodes are not each other's links" {
	requires_loop
	mount_disk "$T/one" 16M
	mkdir one/d
	echo of-both >one/d/a
	ln one/d/a one/d/b
	umount one
	cp --sparse=always one.img two.img
	mkdir two
	mount -o loop one.img one
	mount -o loop two.img two
	echo of-two >two/d/a
	expect 0 tm backup one two
	expect 0 tm restore "latest:$T" --target out
	trees_identical one out/one
	trees_identical two out/two
}
