#!/usr/bin/env bats
# not tsan
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154 # run sets output, tests are subshells
#
# restore.bats - what was backed up comes back, and nothing else changes.

load ../lib/helpers

# A repository with one snapshot of $T/src.
stored() {
	tm_init
	tm backup "$T/src"
}

plain_tree() {
	make_tree "$T/src" 40
	head -c 9000000 /dev/urandom >"$T/src/large"
	ln -s d01 "$T/src/link"
	touch -d '2011-12-13 14:15:16.17' "$T/src"
}

restore_src() { # TARGET [OPTION...]
	local target=$1
	shift
	tm restore "latest:$T/src" --target "$target" "$@"
}

mtime_of() { stat -c %.Y "$1"; }
inode_of() { stat -c %i "$1"; }

# --- fidelity ---------------------------------------------------------------

@test "a nasty tree comes back with everything it had" {
	make_nasty_tree "$T/src"
	stored
	expect 0 restore_src "$T/out"
	trees_identical "$T/src" "$T/out"
	expect 0 tm restore latest --target "$T/all" --verify
	trees_identical "$T/src" "$T/all$T/src"
}

@test "a second run over a whole restore writes nothing" {
	make_nasty_tree "$T/src"
	stored
	expect 0 restore_src "$T/out"
	local links
	links=$(inode_of "$T/out/kinds/link-a")
	expect 0 restore_src "$T/out" --overwrite if-changed
	output_has "wrote 0 B"
	trees_identical "$T/src" "$T/out"
	[ "$(inode_of "$T/out/kinds/link-a")" = "$links" ]
}

@test "every overwrite of a nasty tree by itself is the same tree" {
	local how
	make_nasty_tree "$T/src"
	stored
	expect 0 restore_src "$T/out"
	for how in always if-newer never if-changed; do
		expect 0 restore_src "$T/out" --overwrite $how
		[ $how = if-newer ] || [ $how = never ] ||
			trees_identical "$T/src" "$T/out"
	done
}

@test "hard links are links again, also beside a large file" {
	mkdir -p "$T/src/a/b" "$T/src/z"
	head -c 12000000 /dev/urandom >"$T/src/a/large"
	ln "$T/src/a/large" "$T/src/a/b/again"
	ln "$T/src/a/large" "$T/src/z/third"
	echo small >"$T/src/a/small"
	ln "$T/src/a/small" "$T/src/z/small"
	stored
	expect 0 restore_src "$T/out"
	trees_identical "$T/src" "$T/out"
	[ "$(stat -c %h "$T/out/z/third")" = 3 ]
	# one of them is another file now
	rm "$T/out/z/third" "$T/out/a/small"
	echo other >"$T/out/z/third"
	expect 0 restore_src "$T/out" --overwrite if-changed
	trees_identical "$T/src" "$T/out"
	[ "$(stat -c %h "$T/out/z/third")" = 3 ]
}

@test "holes stay holes, in a file of a tebibyte too" {
	mkdir "$T/src"
	truncate -s 1T "$T/src/huge"
	printf 'here' | dd of="$T/src/huge" bs=1 seek=700G conv=notrunc \
		status=none
	head -c 20000000 /dev/urandom >"$T/src/mixed"
	fallocate -p -o 4M -l 8M "$T/src/mixed"
	stored
	expect 0 restore_src "$T/out"
	[ "$(stat -c %s "$T/out/huge")" = $((1 << 40)) ]
	[ "$(stat -c %b "$T/out/huge")" -le "$(stat -c %b "$T/src/huge")" ]
	[ "$(stat -c %b "$T/out/mixed")" -le "$(stat -c %b "$T/src/mixed")" ]
	cmp "$T/src/mixed" "$T/out/mixed"
	[ "$(dd if="$T/out/huge" bs=1 skip=700G count=4 status=none)" = here ]
	# a hole that was filled is punched again
	dd if=/dev/urandom of="$T/out/mixed" bs=1M seek=5 count=3 \
		conv=notrunc status=none
	expect 0 restore_src "$T/out" --overwrite if-changed
	cmp "$T/src/mixed" "$T/out/mixed"
	[ "$(stat -c %b "$T/out/mixed")" -le "$(stat -c %b "$T/src/mixed")" ]
}

@test "zeros that become a hole again cost a large file no time" {
	mkdir "$T/src"
	head -c 3M /dev/urandom >"$T/src/large"
	truncate -s 5M "$T/src/large"
	head -c 1M /dev/urandom >>"$T/src/large"
	touch -d '2001-02-03 04:05:06' "$T/src/large"
	stored
	expect 0 restore_src "$T/out"
	dd if=/dev/zero of="$T/out/large" bs=1M seek=3 count=2 conv=notrunc \
		status=none
	touch -d '2001-02-03 04:05:06' "$T/out/large"
	expect 0 restore_src "$T/out" --overwrite if-changed
	trees_identical "$T/src" "$T/out"
}

@test "five thousand levels come back, and their metadata" {
	make_deep_tree "$T/src" 5000
	stored
	expect 0 restore_src "$T/out"
	# rsync takes no such path, so walk both by hand
	perl -e '
		my @out;
		for my $top (@ARGV) {
			my ($text, $i) = ("", 0);
			chdir $top or die "$top: $!";
			while (chdir "level" . ($i + 1)) {
				my @s = lstat ".";
				$text .= "@s[2,4,5,9]\n";
				$i++;
			}
			open(my $f, "<", "bottom") or die "bottom: $!";
			push @out, "$i " . <$f> . $text;
		}
		die "differ" if $out[0] ne $out[1];
		die "not deep: $out[0]" if $out[0] !~ /^5000 5000\n/;
	' "$T/src" "$T/out"
}

@test "a hundred thousand entries in one directory" {
	mkdir "$T/src"
	(cd "$T/src" && seq -f 'an-entry-of-many-%06g' 100000 | xargs touch)
	stored
	expect 0 restore_src "$T/out"
	trees_equal "$T/src" "$T/out"
}

# --- what and where ---------------------------------------------------------

@test "a path, one file, and the whole from the root" {
	plain_tree
	stored
	expect 0 tm restore "latest:$T/src/d01" --target "$T/part"
	trees_equal "$T/src/d01" "$T/part"
	expect 0 tm restore "latest:$T/src/d02/file2" --target "$T/one"
	[ "$(ls "$T/one")" = file2 ]
	cmp "$T/src/d02/file2" "$T/one/file2"
	expect 0 tm restore latest --target "$T/all"
	trees_equal "$T/src" "$T/all$T/src"
	expect 1 tm restore "latest:$T/src/nothing" --target "$T/no"
	output_has "does not hold"
	[ ! -e "$T/no" ]
}

@test "in place, what was lost comes back to where it was" {
	plain_tree
	stored
	cp -a "$T/src" "$T/copy"
	rm -r "$T/src/d03"
	expect 0 tm restore "latest:$T/src/d03" --in-place
	touch -d '2011-12-13 14:15:16.17' "$T/src"
	trees_equal "$T/copy" "$T/src"
	rm "$T/src/large"
	expect 0 tm restore "latest:$T/src/large" --in-place
	cmp "$T/copy/large" "$T/src/large"
	expect 1 tm restore "latest:$T/src" --in-place
	output_has "not empty"
	echo damage >"$T/src/d04/file4"
	expect 0 tm restore "latest:$T/src" --in-place --overwrite if-changed
	trees_equal "$T/copy" "$T/src"
}

@test "include takes only what matches, and makes no other directory" {
	plain_tree
	stored
	expect 0 restore_src "$T/out" --include 'file1' --include "$T/src/d05"
	[ "$(cd "$T/out" && find . -name 'file*' | sort | xargs)" = \
		"$(cd "$T/src" && find d01/file1 d05 -name 'file*' |
			sed 's,^,./,' | sort | xargs)" ]
	[ "$(echo "$T"/out/*)" = "$T/out/d01 $T/out/d05" ]
	trees_equal "$T/src/d05" "$T/out/d05"
	[ "$(mtime_of "$T/out/d01")" = "$(mtime_of "$T/src/d01")" ]
	expect 0 restore_src "$T/i" --iinclude 'FILE1'
	[ "$(cd "$T/i" && find . -type f)" = ./d01/file1 ]
	echo 'd0[23]' >"$T/patterns"
	expect 0 restore_src "$T/f" --include-file "$T/patterns"
	[ "$(echo "$T"/f/*)" = "$T/f/d02 $T/f/d03" ]
}

@test "exclude leaves out what matches" {
	plain_tree
	stored
	expect 0 restore_src "$T/out" --exclude d02 --iexclude LARGE
	[ ! -e "$T/out/d02" ]
	[ ! -e "$T/out/large" ]
	trees_equal "$T/src/d03" "$T/out/d03"
}

@test "a dry run writes nothing and says what would be" {
	plain_tree
	stored
	expect 0 restore_src "$T/none" --dry-run -v
	[ ! -e "$T/none" ]
	output_has "would restore 41 files"
	output_has "would restore $T/src/d01/file1"
	expect 0 restore_src "$T/out"
	echo changed >"$T/out/d01/file1"
	echo extra >"$T/out/extra"
	cp -a "$T/out" "$T/before"
	expect 0 restore_src "$T/out" --dry-run --delete -v
	output_has "would update $T/src/d01/file1"
	output_has "would delete $T/src/extra"
	output_lacks "d02/file2"
	trees_equal "$T/before" "$T/out"
}

@test "snapshots by order, id, time and host" {
	local id
	mkdir "$T/src"
	tm_init
	echo 1 >"$T/src/f"
	tm backup "$T/src" --time '2020-01-31 10:00:00' --host one
	echo 22 >"$T/src/f"
	tm backup "$T/src" --time '2020-01-31 15:04:30' --host two
	echo 333 >"$T/src/f"
	id=$(tm backup "$T/src" --time '2021-05-05 00:00:00' --json |
		sed -n 's/.*"snapshot_id":"\([0-9a-f]*\)".*/\1/p')
	is() { # REFERENCE CONTENT [OPTION...]
		rm -rf "$T/out"
		expect 0 tm restore "$1:$T/src" --target "$T/out" "${@:3}"
		[ "$(cat "$T/out/f")" = "$2" ] || {
			echo "$1: $(cat "$T/out/f")"
			return 1
		}
	}
	is latest 333
	is latest~1 22
	is latest~2 1
	is "${id:0:6}" 333
	is 2020-01-31 22
	is '2020-01-31 15:04' 22
	is '2020-01-31 15:03' 1
	is '2020-01-31T15:04:30Z' 22
	is latest 1 --host one
	expect 1 tm restore latest~3 --target "$T/no"
	output_has "only 3"
	expect 1 tm restore 2019-12-31 --target "$T/no"
	expect 1 tm restore yesterday --target "$T/no"
	output_has "names no snapshot"
	expect 1 tm restore ffffffffff --target "$T/no"
	[ ! -e "$T/no" ]
}

# --- what is there already --------------------------------------------------

@test "a target that is not empty needs a policy" {
	plain_tree
	stored
	mkdir "$T/out"
	expect 0 restore_src "$T/out"
	expect 1 restore_src "$T/out"
	output_has "is not empty"
	output_has "--overwrite"
}

@test "overwrite always, if-changed, if-newer, never" {
	plain_tree
	touch -d '2010-01-01' "$T/src/d01/file1" "$T/src/d02/file2"
	stored
	spoil() {
		rm -rf "$T/out"
		cp -a "$T/src" "$T/out"
		echo newer >"$T/out/d01/file1"
		echo older >"$T/out/d02/file2"
		touch -d '2000-01-01' "$T/out/d02/file2"
		printf x | dd of="$T/out/large" bs=1 seek=5000000 \
			conv=notrunc status=none
	}
	spoil
	expect 0 restore_src "$T/out" --overwrite never
	[ "$(cat "$T/out/d01/file1" "$T/out/d02/file2" | xargs)" = \
		"newer older" ]
	spoil
	expect 0 restore_src "$T/out" --overwrite if-newer
	[ "$(cat "$T/out/d01/file1")" = newer ]
	cmp "$T/src/d02/file2" "$T/out/d02/file2"
	spoil
	local same large
	same=$(inode_of "$T/out/d03/file3")
	large=$(inode_of "$T/out/large")
	expect 0 restore_src "$T/out" --overwrite if-changed
	trees_equal "$T/src" "$T/out"
	[ "$(inode_of "$T/out/d03/file3")" = "$same" ]
	# patched where it was, not copied
	[ "$(inode_of "$T/out/large")" = "$large" ]
	spoil
	expect 0 restore_src "$T/out" --overwrite always
	trees_equal "$T/src" "$T/out"
	[ "$(inode_of "$T/out/d03/file3")" != "$same" ]
}

@test "an attribute alone is put right without writing content" {
	plain_tree
	stored
	expect 0 restore_src "$T/out"
	chmod 600 "$T/out/d01/file1"
	setfattr -n user.surplus -v x "$T/out/d02/file2"
	touch "$T/out/d03/file3" "$T/out/large"
	expect 0 restore_src "$T/out" --overwrite if-changed
	output_has "wrote 0 B"
	trees_equal "$T/src" "$T/out"
}

@test "delete removes what the snapshot does not hold, and only there" {
	plain_tree
	stored
	expect 0 tm restore latest --target "$T/all"
	mkdir -p "$T/all$T/src/d01/more/and/more"
	echo x >"$T/all$T/src/d01/more/and/more/x"
	echo x >"$T/all$T/src/kept"
	echo x >"$T/all$T/src/x"
	ln -s / "$T/all$T/src/root-link"
	echo beside >"$T/all$T/beside"
	echo top >"$T/all/top"
	expect 0 tm restore latest --target "$T/all" --delete --exclude kept
	output_has "deleted 3"
	[ "$(cat "$T/all/top" "$T/all$T/beside" | xargs)" = "top beside" ]
	[ -e "$T/all$T/src/kept" ]
	rm "$T/all$T/src/kept"
	touch -d '2011-12-13 14:15:16.17' "$T/all$T/src"
	trees_equal "$T/src" "$T/all$T/src"
}

@test "delete in place spares the repository" {
	plain_tree
	REPO=$T/src/backup/repo
	mkdir "$T/src/backup"
	stored
	echo x >"$T/src/extra"
	mkdir "$T/src/backup/more"
	expect 0 tm restore "latest:$T/src" --in-place --delete
	[ ! -e "$T/src/extra" ]
	[ ! -e "$T/src/backup/more" ]
	expect 0 restore_src "$T/out"
	rm -r "$T/src/backup"
	trees_equal "$T/src/d01" "$T/out/d01"
}

# unreadable TREE-PATH...: a backup by one who may not read these.
unreadable_backup() {
	local path
	chmod 755 "$T"
	chmod 644 "$PASS"
	mkdir -p "$T/cache"
	chown -R nobody "$REPO" "$T/cache" "$T/src"
	for path; do
		chown root "$T/src/$path"
		chmod go-rwx "$T/src/$path"
	done
	expect 3 setpriv --reuid nobody --regid nogroup --clear-groups \
		"$TIDEMARK" backup -r "$REPO" -p "$PASS" "$T/src"
	for path; do
		output_has "$T/src/$path"
	done
}

@test "delete spares what the backup could not read" {
	requires_root
	requires setpriv
	plain_tree
	tm_init >/dev/null
	mkdir "$T/src/d01/half"
	echo x >"$T/src/d01/half/secret"
	echo x >"$T/src/d01/half/open"
	expect 0 tm backup "$T/src"
	unreadable_backup d02 d01/half/secret
	expect 0 tm ls --long latest "$T/src/d02"
	[ "$(tm ls --json latest "$T/src" | jq -r \
		"select(.path == \"$T/src/d02\").partial")" = true ]
	cp -a src was
	mkdir "$T/src/d02/more" "$T/src/d03/more"
	expect 3 tm restore "latest:$T/src" --in-place --delete --dry-run
	[ -d "$T/src/d03/more" ]
	expect 3 tm restore "latest:$T/src" --in-place --delete
	[ "$(grep -c 'nothing is deleted there: ' <<<"$output")" -eq 2 ]
	output_has "nothing is deleted there: $T/src/d02"
	output_has "nothing is deleted there: $T/src/d01/half"
	[ ! -e "$T/src/d03/more" ]
	[ -d "$T/src/d02/more" ]
	rmdir "$T/src/d02/more"
	diff -r src was
	# elsewhere it is empty, and that is said
	expect 3 tm restore "latest:$T/src/d02" --target "$T/out"
	output_has "the backup could not read all of it: $T/src/d02"
	[ -z "$(ls "$T/out")" ]
	# once it can be read, it is whole again
	touch -r was/d02 src/d02
	expect 0 tm backup "$T/src"
	rm -r src
	expect 0 tm restore "latest:$T/src" --in-place --delete
	trees_equal src was
}

@test "a directory with content gives way to a file only with delete" {
	plain_tree
	stored
	expect 0 restore_src "$T/out"
	rm "$T/out/d01/file1"
	mkdir -p "$T/out/d01/file1/sub"
	echo precious >"$T/out/d01/file1/sub/x"
	expect 3 restore_src "$T/out" --overwrite always
	output_has "d01/file1"
	[ "$(cat "$T/out/d01/file1/sub/x")" = precious ]
	expect 0 restore_src "$T/out" --delete
	trees_equal "$T/src" "$T/out"
}

# --- crashes ----------------------------------------------------------------

@test "killed anywhere, a second run finishes the rest" {
	local n
	plain_tree
	head -c 9000000 /dev/urandom >"$T/src/d00/large2"
	ln "$T/src/d00/large2" "$T/src/d06/large2-link"
	ln "$T/src/d00/file0" "$T/src/d06/file0-link"
	stored
	for n in 1 2 10 25 41 42; do
		rm -rf "$T/out"
		run tm_fault "restore.file:$n" restore "latest:$T/src" \
			--target "$T/out"
		[ "$status" -eq 137 ]
		# no file has its name and not its content, but for the one
		# small file that was being written
		expect 0 restore_src "$T/out" --overwrite if-changed
		trees_equal "$T/src" "$T/out"
		[ -z "$(find "$T/out" -name '.tidemark-*')" ]
	done
}

@test "a large file has its name only when it is whole" {
	mkdir "$T/src"
	head -c 9000000 /dev/urandom >"$T/src/large"
	stored
	run tm_fault restore.file restore "latest:$T/src" --target "$T/out"
	[ "$status" -eq 137 ]
	[ ! -e "$T/out/large" ]
	[ "$(ls -A "$T/out")" = "$(cd "$T/out" && echo .tidemark-*.tmp)" ]
	expect 0 restore_src "$T/out" --overwrite if-changed
	output_has "wrote 0 B"
	cmp "$T/src/large" "$T/out/large"
	[ "$(ls -A "$T/out")" = large ]
}

@test "an existing small file is whole at any time" {
	plain_tree
	stored
	expect 0 restore_src "$T/out"
	echo old >"$T/out/d01/file1"
	run tm_fault "restore.file:2" restore "latest:$T/src/d01/file1" \
		--target "$T/out/d01" --overwrite if-changed
	[ "$status" -eq 137 ]
	[ "$(cat "$T/out/d01/file1")" = old ]
	expect 0 restore_src "$T/out" --overwrite if-changed
	trees_equal "$T/src/d02" "$T/out/d02"
	cmp "$T/src/d01/file1" "$T/out/d01/file1"
}

@test "an interrupt ends it with 130, and it can be finished" {
	plain_tree
	stored
	TIDEMARK_FAULT=restore.file:5:stop in_background restore \
		"latest:$T/src" --target "$T/out" --json
	wait_until is_stopped "$PID"
	kill -TERM "$PID"
	kill -CONT "$PID" || true # the shell may have done that already
	local status=0
	wait "$PID" || status=$?
	[ "$status" -eq 130 ]
	expect 0 restore_src "$T/out" --overwrite if-changed
	trees_equal "$T/src" "$T/out"
}

# --- hostile targets --------------------------------------------------------

@test "a symlink planted in the target is not followed" {
	plain_tree
	mkdir "$T/outside"
	echo precious >"$T/outside/file1"
	stored
	expect 0 restore_src "$T/out"
	cp -a "$T/outside" "$T/before"
	# where a directory should go, a file, a large file, and a temporary
	rm -r "$T/out/d01" "$T/out/d02/file2" "$T/out/large"
	ln -s "$T/outside" "$T/out/d01"
	ln -s "$T/outside/file1" "$T/out/d02/file2"
	ln -s "$T/outside/file1" "$T/out/large"
	run tm_fault restore.file restore "latest:$T/src/large" \
		--target "$T/temp"
	local temp
	temp=$(cd "$T/temp" && echo .tidemark-*.tmp)
	ln -s "$T/outside/file1" "$T/out/$temp"
	expect 0 restore_src "$T/out" --overwrite if-changed
	trees_equal "$T/before" "$T/outside"
	trees_equal "$T/src" "$T/out"
	# and again where the policy is to replace nothing
	rm -r "$T/out/d01"
	ln -s "$T/outside" "$T/out/d01"
	run restore_src "$T/out" --overwrite never
	trees_equal "$T/before" "$T/outside"
	[ -L "$T/out/d01" ]
}

@test "a hard link planted in the target does not carry changes outside" {
	plain_tree
	stored
	expect 0 restore_src "$T/out"
	echo precious >"$T/outside-small"
	echo precious >"$T/outside-large"
	cp "$T/src/d03/file3" "$T/outside-same"
	chmod 400 "$T/outside-same"
	ln -f "$T/outside-small" "$T/out/d02/file2"
	ln -f "$T/outside-large" "$T/out/large"
	ln -f "$T/outside-same" "$T/out/d03/file3"
	expect 0 restore_src "$T/out" --overwrite if-changed
	trees_equal "$T/src" "$T/out"
	[ "$(cat "$T/outside-small" "$T/outside-large" | sort -u)" = precious ]
	[ "$(stat -c %a "$T/outside-same")" = 400 ]
}

@test "fifos, devices and directories in the way hold nothing up" {
	plain_tree
	stored
	expect 0 restore_src "$T/out"
	rm -r "$T/out/d01" "$T/out/d02/file2" "$T/out/large" "$T/out/link"
	mkfifo "$T/out/d01" "$T/out/d02/file2" "$T/out/large"
	mkdir "$T/out/link"
	expect 0 timeout 60 "$TIDEMARK" restore -r "$T/repo" -p "$PASS" \
		"latest:$T/src" --target "$T/out" --overwrite if-changed
	trees_equal "$T/src" "$T/out"
}

@test "a default ACL and a setgid bit of the target stay there" {
	requires_root
	plain_tree
	stored
	mkdir "$T/out"
	chgrp 4242 "$T/out"
	chmod 2775 "$T/out"
	setfacl -d -m u:12345:rwx "$T/out"
	expect 0 tm restore latest --target "$T/out"
	trees_equal "$T/src" "$T/out$T/src"
	[ "$(stat -c %a:%g "$T/out")" = 2775:4242 ]
}

# --- what goes wrong --------------------------------------------------------

@test "a damaged pack: its files are named, and no wrong byte is written" {
	local pack
	plain_tree
	stored
	pack=$(find "$REPO" -type f -path '*pack*' -size +4M | head -n 1)
	chmod u+w "$pack"
	printf '\377\0\377\0' | dd of="$pack" bs=1 seek=3000000 conv=notrunc \
		status=none
	expect 3 restore_src "$T/out"
	output_has "restore $T/src/"
	(cd "$T/out" && find . -type f) | while read -r f; do
		cmp "$T/src/$f" "$T/out/$f"
	done
	[ -z "$(find "$T/out" -name '.tidemark-*')" ]
}

@test "one damaged chunk of a large file: it is named, the rest is there" {
	local pack damaged
	plain_tree
	head -c 20000000 /dev/urandom >src/huge
	tm_init
	tm backup --compression off "$T/src"
	pack=$(find "$REPO/packs" -type f -size +8M | head -n 1)
	chmod u+w "$pack"
	printf '\377\0\377\0' | dd of="$pack" bs=1 seek=4000000 \
		conv=notrunc status=none
	expect 1 tm check --read-data
	damaged=$(grep -oE "$T/src/(huge|large)" <<<"$output" | sort -u)
	[ "$(wc -w <<<"$damaged")" -eq 1 ]

	expect 3 restore_src "$T/out"
	output_has "restore $damaged"
	output_has '1 error'
	[ "$(grep -c " restore $T" <<<"$output")" -eq 1 ]
	# neither a short file nor one with a hole stands in its place
	[ ! -e "out/${damaged##*/}" ]
	touch -r src stamp
	mv "$damaged" .
	touch -r stamp src
	trees_identical src out

	# over what is right already the damage does not matter
	cp -p "${damaged##*/}" "out/${damaged##*/}"
	expect 0 restore_src "$T/out" --overwrite if-changed
}

# A file that is written all the time is captured as partial at the third try.
partial_snapshot() {
	local code
	plain_tree
	head -c 100000 /dev/zero >src/busy
	tm_init
	perl -e 'open(my $f, "+<", $ARGV[0]) or die;
		for (my $i = 0;; $i++) {
			truncate($f, 50000 + $i % 50000);
			utime(undef, undef, $f);
		}' src/busy 3>&- &
	BACKGROUND+=("$!")
	is_partial() {
		code=0
		tm backup --json "$T/src" >partial.json 2>&1 || code=$?
		[ $code -eq 3 ]
	}
	wait_until is_partial
	kill -KILL "${BACKGROUND[-1]}"
	wait "${BACKGROUND[-1]}" || true
	[ "$(jq -r 'select(.message_type == "error") | .path' partial.json)" \
		= "$T/src/busy" ]
}

@test "a file that was captured while it changed: named again, exit 3" {
	partial_snapshot
	expect 3 restore_src "$T/out"
	output_has "was captured while it changed: $T/src/busy"
	output_has '1 error'
	# it is restored as it was captured, and all else is whole
	[ "$(stat -c %s out/busy)" -ge 50000 ]
	rsync -aHAXnc --delete -i --exclude /busy src/ out/ >differ
	grep -v '^.d..t' differ && return 1
	expect 3 restore_src "$T/json" --json
	[ "$(jq -r 'select(.message_type == "summary").partial' \
		<<<"$output")" -eq 1 ]
	[ "$(jq -r 'select(.message_type == "summary").errors' \
		<<<"$output")" -eq 1 ]
	# who does not want it gets no error
	expect 0 restore_src "$T/rest" --exclude busy
	# once it holds still, it is whole in the next snapshot
	expect 0 tm backup "$T/src"
	expect 0 restore_src "$T/next"
	trees_equal src next
}

@test "a full target ends the restore with one error" {
	requires_root
	plain_tree
	stored
	mount_tmpfs "$T/full" 2M
	expect 1 restore_src "$T/full"
	[ "$(grep -c 'No space left' <<<"$output")" -eq 1 ]
}

@test "verify tells what is not as it was stored" {
	plain_tree
	stored
	expect 0 restore_src "$T/out" --verify
	output_has "verified"
	cp -p "$T/out/d01/file1" "$T/stamp"
	tr 0-9 1-90 <"$T/stamp" >"$T/out/d01/file1"
	touch -r "$T/stamp" "$T/out/d01/file1"
	expect 3 restore_src "$T/out" --overwrite never --verify
	output_has "verify $T/src/d01/file1"
}

@test "without privilege the content comes back, and what is lost is told" {
	requires_root
	requires setpriv
	plain_tree
	chown 1:1 "$T/src/d01/file1"
	chmod 4755 "$T/src/d01/file1"
	setfattr -n trusted.mark -v x "$T/src/d02/file2"
	stored
	chmod -R a+rX "$REPO"
	chmod 711 "$T"
	chmod 644 "$PASS"
	mkdir "$T/user"
	chown 54321:54321 "$T/user"
	expect 3 env TIDEMARK_CACHE_DIR="$T/user/cache" setpriv \
		--reuid 54321 --regid 54321 --clear-groups \
		"$TIDEMARK" restore -r "$REPO" -p "$PASS" "latest:$T/src" \
		--target "$T/user/out"
	output_has "the owner of"
	output_has "--no-owner"
	output_has "extended attributes of 1 entry could"
	diff -r "$T/src" "$T/user/out"
	# nobody else's program becomes a setuid program of the caller
	[ "$(stat -c %a "$T/user/out/d01/file1")" = 755 ]
	expect 0 env TIDEMARK_CACHE_DIR="$T/user/cache" setpriv \
		--reuid 54321 --regid 54321 --clear-groups \
		"$TIDEMARK" restore -r "$REPO" -p "$PASS" "latest:$T/src" \
		--target "$T/user/out2" --no-owner --no-xattrs
	# an owner is root's to give: its loss alone is no failure
	expect 0 env TIDEMARK_CACHE_DIR="$T/user/cache" setpriv \
		--reuid 54321 --regid 54321 --clear-groups \
		"$TIDEMARK" restore -r "$REPO" -p "$PASS" "latest:$T/src" \
		--target "$T/user/out3" --no-xattrs
	[ "$(grep -c warning <<<"$output")" -eq 1 ]
	output_has "--no-owner"
}

@test "the summary is one JSON line" {
	plain_tree
	stored
	expect 0 restore_src "$T/out" --json
	perl -MJSON::PP -e '
		my @s = grep { $_->{message_type} eq "summary" }
			map { decode_json($_) } <STDIN>;
		die "no single summary" if @s != 1;
		die "files" if $s[0]{files_restored} != 41;
		die "errors" if $s[0]{errors} != 0;' <<<"$output"
}
