# SPDX-License-Identifier: Apache-2.0
# release only
# slow
#
# Whoever keeps the repository changes it: each kind of object in each way.
# check must name the object, and what comes out must be right or not at all.

load ../lib/helpers

# Two snapshots, so that there are two of every object but config and key.
# Made once: nearly every test wants the same.
setup_file() {
	tm_setup
	make_tree source 30
	perl -e 'srand 7; print map { chr rand 256 } 1 .. 3 << 20' \
		>source/large
	mv source/d01 .
	tm_init >/dev/null
	mv "$T"/{source,d01} "$BATS_FILE_TMPDIR"
	cd "$BATS_FILE_TMPDIR" || return
	tm backup source >/dev/null
	objects packs >first-packs
	mv d01 source
	tm backup source >/dev/null
	objects packs | comm -13 first-packs - >second-packs
	cp -a "$REPO" good
	cp -a "$T/cache" cache
	tm_teardown
}

setup() {
	tm_setup
	GOOD=$BATS_FILE_TMPDIR/good
	SOURCE=$BATS_FILE_TMPDIR/source
	cp -a "$GOOD" "$REPO"
	cp -a "$BATS_FILE_TMPDIR/cache" "$T/cache"
}

# --- the repository's objects ---------------------------------------------

objects() { find "$REPO/$1" -type f | sort; }

put_back() {
	rm -rf "$REPO"
	cp -a "$GOOD" "$REPO"
}

forget_state() { rm -rf "$T/cache"; }

# flip FILE OFFSET: one bit.
flip() {
	chmod u+w "$1"
	perl -e '
		my ($file, $at) = @ARGV;
		open(my $f, "+<", $file) or die "$file: $!";
		seek($f, $at, 0);
		read($f, my $byte, 1) == 1 or die "$file: no byte $at";
		seek($f, $at, 0);
		print $f chr(ord($byte) ^ (1 << $at % 8));
		close($f) or die $!;' "$1" "$2"
}

# names OBJECT: the last run failed and told of this object.
names() {
	local id
	id=$(basename "$1")
	if [ "$status" -eq 0 ] || [ "$status" -gt 12 ]; then
		echo "exit status $status after damage to $1"
		return 1
	fi
	# some messages have the first 12 digits of an id
	output_has "${id:0:12}"
}

# noticed OBJECT [OPTION...]: check fails and names it, with what this
# machine remembers and without.
noticed() {
	local object=$1
	shift
	run tm check "$@"
	names "$object" || return 1
	forget_state
	run tm check "$@"
	names "$object"
}

# spoil_each_way OBJECT [OPTION...]
spoil_each_way() {
	local object=$1 size offsets at way
	shift
	size=$(stat -c %s "$object")
	offsets="0 $((size / 2)) $((size - 1))"
	offsets+=" $(perl -e 'print int rand $ARGV[0]' "$size")"
	for at in $offsets; do
		flip "$object" "$at"
		noticed "$object" "$@" || {
			echo "after a flipped bit in byte $at of $size"
			return 1
		}
		put_back
	done
	for way in "-s -1" "-s 0" "-s +1"; do
		chmod u+w "$object"
		# shellcheck disable=SC2086 # two words
		truncate $way "$object"
		noticed "$object" "$@" || {
			echo "after truncate $way"
			return 1
		}
		put_back
	done
	rm -f "$object"
	noticed "$object" "$@" || {
		echo "after its removal"
		return 1
	}
	put_back
}

swap() {
	mv "$1" "$T/swapped"
	mv "$2" "$1"
	mv "$T/swapped" "$2"
}

# --- one test for each class ----------------------------------------------

@test "config" {
	object=$REPO/config
	size=$(stat -c %s "$object")
	for at in 0 8 11 20 $((size / 2)) $((size - 1)); do
		flip "$object" "$at"
		noticed "$object"
		put_back
	done
	for way in "-s -1" "-s 0" "-s +1"; do
		chmod u+w "$object"
		# shellcheck disable=SC2086 # two words
		truncate $way "$object"
		noticed "$object"
		put_back
	done
	rm -f "$object"
	expect 10 tm check
	output_has config
}

@test "config: other settings, with a sum that fits" {
	# the key slot is bound to the config's bytes
	chmod u+w "$REPO/config"
	perl -MDigest::SHA=sha256 -e '
		open(my $f, "+<", $ARGV[0]) or die $!;
		read($f, my $b, 84) == 84 or die;
		substr($b, 36, 4) = pack("V", 65536);
		substr($b, 40, 4) = pack("V", 65536 * 2);
		substr($b, 52, 32) = sha256(substr($b, 0, 52));
		seek($f, 0, 0);
		print $f $b;
		close($f) or die $!;' "$REPO/config"
	noticed "$(objects keys)"
}

@test "keys" {
	object=$(objects keys)
	size=$(stat -c %s "$object")
	# costs, salt, commitment, label's length, the sealed keys
	for at in 0 8 10 11 12 16 24 56 96 $((size / 2)) $((size - 1)); do
		flip "$object" "$at"
		noticed "$object"
		put_back
	done
	for way in "-s -1" "-s 0" "-s +1"; do
		chmod u+w "$object"
		# shellcheck disable=SC2086 # two words
		truncate $way "$object"
		noticed "$object"
		put_back
	done
	rm -f "$object"
	expect 1 tm check
	output_has "no key slot"
}

@test "heads" {
	mapfile -t heads < <(objects heads)
	[ "${#heads[@]}" -eq 3 ]
	spoil_each_way "${heads[1]}"
	# the newest one stops every verb; its removal is a rollback, below
	for at in 0 12 60 $(($(stat -c %s "${heads[2]}") - 1)); do
		flip "${heads[2]}" "$at"
		noticed "${heads[2]}"
		put_back
	done
	swap "${heads[1]}" "${heads[2]}"
	noticed "${heads[2]}"
}

@test "heads: an older one under a newer name" {
	mapfile -t heads < <(objects heads)
	cp "${heads[1]}" "$REPO/heads/0000000000000004"
	noticed 0000000000000004
	put_back
	chmod u+w "${heads[2]}"
	cp "${heads[1]}" "${heads[2]}"
	noticed "${heads[2]}"
}

@test "heads: another history under an old head's name" {
	# authentic, the right counter, but not what the next head follows
	mapfile -t heads < <(objects heads)
	rm -f "${heads[1]}" "${heads[2]}"
	forget_state
	tm backup "$SOURCE"
	cp "${heads[1]}" "$T/other"
	put_back
	forget_state
	chmod u+w "${heads[1]}"
	cp "$T/other" "${heads[1]}"
	noticed "${heads[2]}"
}

@test "snapshots" {
	mapfile -t list < <(objects snapshots)
	[ "${#list[@]}" -eq 2 ]
	spoil_each_way "${list[0]}"
	swap "${list[0]}" "${list[1]}"
	noticed "${list[0]}"
	output_has "$(basename "${list[1]}")"
}

@test "index" {
	mapfile -t list < <(objects index)
	[ "${#list[@]}" -eq 2 ]
	spoil_each_way "${list[0]}"
	swap "${list[0]}" "${list[1]}"
	noticed "${list[0]}"
	output_has "$(basename "${list[1]}")"
}

@test "index: a changed copy in the cache claims nothing" {
	copy=$(find "$T/cache" -path '*/index/*' -type f | head -n 1)
	flip "$copy" $(($(stat -c %s "$copy") / 2))
	expect 0 tm backup "$SOURCE"
	output_has "is damaged: fetching it again"
	flip "$copy" 0
	expect 0 tm check --read-data
}

@test "packs" {
	mapfile -t list < <(objects packs)
	[ "${#list[@]}" -eq 4 ]
	for pack in "${list[@]:0:2}"; do
		spoil_each_way "$pack" --read-data
	done
	swap "${list[0]}" "${list[1]}"
	noticed "${list[0]}" --read-data
	output_has "$(basename "${list[1]}")"
}

@test "packs: missing or short ones are noticed without reading" {
	mapfile -t list < <(objects packs)
	for pack in "${list[@]}"; do
		rm -f "$pack"
		noticed "$pack"
		put_back
		chmod u+w "$pack"
		truncate -s -1 "$pack"
		noticed "$pack"
		put_back
	done
}

@test "packs: check tells which files are lost" {
	rm -f "$REPO"/packs/*/* "$REPO"/packs/* 2>/dev/null || true
	run tm check
	[ "$status" -eq 1 ]
	output_has "snapshot"
	put_back
	# the largest pack has the large file's content
	pack=$(find "$REPO/packs" -type f -printf '%s %p\n' | sort -n |
		tail -n 1 | cut -d ' ' -f 2-)
	flip "$pack" 1000
	run tm check --read-data
	names "$pack"
	output_has "$SOURCE/"
	expect 1 tm check --read-data --json
	output_has '"object":"pack"'
	output_has "\"id\":\"$(basename "$pack")\""
	output_has '"path":"'"$SOURCE/"
	output_has '"problems":1'
}

@test "packs: check tells which snapshots are not whole" {
	# the large file is in both snapshots, told of once
	pack=$(find "$REPO/packs" -type f -printf '%s %p\n' | sort -n |
		tail -n 1 | cut -d ' ' -f 2-)
	rm -f "$pack"
	expect 1 tm check
	output_has "not whole: 2 of 2 snapshots"
	put_back
	# what only the second one brought
	first=$("$TIDEMARK" snapshots --repo "$REPO" --passphrase-file "$PASS" \
		--json | grep -o '"id":"[0-9a-f]*"' | head -n 1 | cut -c 7-14)
	while read -r pack; do
		rm -f "$REPO/packs/$(basename "$pack")"
		expect 1 tm check
		output_has "not whole: 1 of 2 snapshots"
		output_lacks "snapshots: $first"
		expect 1 tm check --json
		output_has '"damaged_snapshots":["'
		put_back
	done <"$BATS_FILE_TMPDIR/second-packs"
	rm -f "$(objects snapshots | head -n 1)"
	expect 1 tm check
	output_has "not whole: 1 of 2 snapshots"
}

@test "objects of another repository with the same passphrase" {
	"$TIDEMARK" init --repo "$T/other" --passphrase-file "$PASS"
	"$TIDEMARK" backup --repo "$T/other" --passphrase-file "$PASS" \
		"$SOURCE"
	forget_state
	for class in packs index snapshots; do
		mine=$(objects "$class" | head -n 1)
		theirs=$(find "$T/other/$class" -type f | sort | head -n 1)
		rm -f "$mine"
		cp "$theirs" "$mine"
		noticed "$mine" --read-data
		put_back
	done
	head=$(objects heads | tail -n 1)
	rm -f "$head"
	cp "$T/other/heads/0000000000000002" "$head"
	noticed "$head"
	put_back
	# beside ours they change nothing
	cp -r "$T/other/packs/." "$REPO/packs/"
	cp -r "$T/other/index/." "$REPO/index/"
	cp -r "$T/other/snapshots/." "$REPO/snapshots/"
	forget_state
	expect 0 tm check --read-data
	put_back
	cp "$T/other/config" "$REPO/config"
	forget_state
	run tm check
	names "$(objects keys)"
}

@test "a rolled back repository is noticed by who saw the newer state" {
	rm -f "$REPO/heads/0000000000000003"
	expect 1 tm check
	output_has "rolled back"
	output_has "--accept-rollback"
	expect 1 tm backup "$SOURCE"
	output_has "rolled back"
	[ ! -e "$REPO/heads/0000000000000003" ]
	expect 0 tm check --accept-rollback
	# from now on this is the state that was seen
	expect 0 tm check
	expect 0 tm backup "$SOURCE"
}

@test "a rollback with another history grown on it is noticed" {
	rm -f "$REPO/heads/0000000000000003"
	mv "$T/cache" "$T/mine"
	tm backup "$SOURCE"
	tm backup "$T/passphrase"
	rm -rf "$T/cache"
	mv "$T/mine" "$T/cache"
	expect 1 tm check
	output_has "rolled back"
	expect 0 tm check --accept-rollback
}

# --- what comes out -------------------------------------------------------

# cat_is_true FILE: the file's bytes, a part of them from the start and a
# failure, or nothing.
cat_is_true() {
	local r=0
	tm cat latest "$SOURCE/$1" >"$T/out" 2>"$T/err" || r=$?
	if [ $r -eq 0 ]; then
		cmp "$T/out" "$SOURCE/$1"
		return
	fi
	[ -s "$T/err" ] || {
		echo "nothing was said about $1"
		return 1
	}
	cmp -n "$(stat -c %s "$T/out")" "$T/out" "$SOURCE/$1"
}

@test "cat never gives a wrong byte" {
	mapfile -t packs < <(objects packs)
	for pack in "${packs[@]}"; do
		size=$(stat -c %s "$pack")
		for at in 0 90 $((size / 3)) $((size / 2)); do
			flip "$pack" "$at"
			cat_is_true large
			cat_is_true d01/file8
			put_back
		done
	done
}

# restored_is_true: each file is as in the source, or it is not there or
# short of something, and then it, or a directory above it, was named and the
# exit status is not 0.
restored_is_true() {
	local r=0 file
	tm restore latest --target "$T/to" >"$T/said" 2>&1 || r=$?
	while IFS= read -r -d '' file; do
		if cmp -s "$SOURCE/$file" "$T/to$SOURCE/$file"; then
			continue
		fi
		if [ $r -eq 0 ]; then
			echo "$file is not right, and the exit status is 0"
			return 1
		fi
		is_named "$SOURCE/$file" || {
			echo "$file is not right, but not named:"
			cat "$T/said"
			return 1
		}
		[ ! -e "$T/to$SOURCE/$file" ] || only_holes "$file" ||
			return 1
	done < <(cd "$SOURCE" && find . -type f -printf '%P\0')
	rm -rf "$T/to"
}

# is_named PATH: it or a directory above it, in what was said.
is_named() {
	local path=$1
	while [ -n "$path" ]; do
		grep -qF " $path:" "$T/said" && return 0
		path=${path%/*}
	done
	# the root, or nothing could be opened at all
	grep -qE ' /:|^tidemark: (pack|index|snapshot|head)' "$T/said"
}

# only_holes FILE: where it differs, there is nothing: zeros or its end.
only_holes() {
	perl -e '
		my ($source, $to) = map {
			open(my $f, "<", $_) or die "$_: $!";
			local $/;
			my $bytes = <$f>;
			$bytes // "";
		} @ARGV;
		exit 1 if length($to) > length($source);
		for my $i (0 .. length($to) - 1) {
			my $c = substr($to, $i, 1);
			next if $c eq "\0" || $c eq substr($source, $i, 1);
			print "$ARGV[1]: a wrong byte at $i\n";
			exit 1;
		}' "$SOURCE/$1" "$T/to$SOURCE/$1"
}

@test "restore never writes a wrong byte" {
	tm restore latest --target "$T/to"
	trees_equal "$SOURCE" "$T/to$SOURCE"
	rm -rf "$T/to"
	mapfile -t packs < <(objects packs)
	for pack in "${packs[@]}"; do
		size=$(stat -c %s "$pack")
		for at in 0 90 $((size / 3)) $((size / 2)); do
			flip "$pack" "$at"
			restored_is_true
			put_back
		done
		rm -f "$pack"
		restored_is_true
		put_back
	done
	swap "${packs[0]}" "${packs[1]}"
	restored_is_true
}

# Over what is there already, a file that cannot be read must not become a
# mixture of old and new.
@test "restore over other files never leaves a wrong byte that it wrote" {
	pack=$(find "$REPO/packs" -type f -printf '%s %p\n' | sort -n |
		tail -n 1 | cut -d ' ' -f 2-)
	tm restore latest --target "$T/to"
	tr '\0-\377' '\1-\377\0' <"$SOURCE/large" >"$T/to$SOURCE/large"
	cp "$T/to$SOURCE/large" other
	flip "$pack" $(($(stat -c %s "$pack") / 2))
	run tm restore latest --target "$T/to" --overwrite always
	[ "$status" -ne 0 ]
	output_has "$SOURCE/large"
	# as it was, gone, or all zeros where it could not be had
	[ ! -e "$T/to$SOURCE/large" ] || cmp -s other "$T/to$SOURCE/large" ||
		only_holes large
}
