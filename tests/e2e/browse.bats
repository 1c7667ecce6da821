# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# The verbs that read: snapshots, ls, find, cat, diff, stats, explain,
# benchmark. What they say is compared with what find, stat and cmp say of
# the source.

load ../lib/helpers

# The whole nasty tree, backed up once for all tests; each gets a copy of the
# repository. The source stays where it is, as its paths are recorded.
setup_file() {
	tm_setup
	SRC=$BATS_FILE_TMPDIR/src
	make_nasty_tree "$SRC"
	tm_init >/dev/null
	tm backup -q "$SRC" || [ $? -eq 3 ]
	mv "$REPO" "$BATS_FILE_TMPDIR/repo"
	tm_teardown
}

teardown_file() {
	chattr -R -f -i -a "$BATS_FILE_TMPDIR/src" 2>/dev/null || true
}

setup() {
	tm_setup
	SRC=$BATS_FILE_TMPDIR/src
}

nasty() { cp -a "$BATS_FILE_TMPDIR/repo" "$REPO"; }

# exact FORMAT: of JSON lines with nodes below $SRC, one record each, ended
# by a zero byte: the fields named, tabs between.
exact() {
	SRC=$SRC perl -MJSON::PP -MMIME::Base64 -e '
		binmode STDOUT;
		while (<STDIN>) {
			my $n = decode_json($_);
			next unless $n->{message_type} =~ /^(node|match)$/;
			my $path = $n->{path_b64} ? decode_base64($n->{path_b64})
				: do { my $p = $n->{path}; utf8::encode($p); $p };
			next unless index($path, "$ENV{SRC}/") == 0;
			$n->{path} = substr($path, length("$ENV{SRC}/"));
			if (defined $n->{linktarget}) {
				$n->{linktarget} = decode_base64($n->{linktarget_b64})
					if $n->{linktarget_b64};
				utf8::encode($n->{linktarget})
					unless $n->{linktarget_b64};
			}
			$n->{mode} = sprintf("%o", $n->{mode});
			$n->{mtime} =~ s/Z$//;
			$n->{mtime} =~ s/T/ /;
			print join("\t", map { $n->{$_} // "" } @ARGV), "\0";
		}' "$@" | sort -z
}

found() { # FORMAT of find -printf
	find "$SRC" -mindepth 1 -printf "$1\\0" | sort -z
}

# --- ls -------------------------------------------------------------------

@test "ls -R names every file, whatever its bytes" {
	nasty
	tm ls -R latest --json | exact path >have
	found '%P' >want
	cmp want have
}

@test "ls --json has type, mode, owner, size, time, number and target" {
	nasty
	tm ls -R latest --json | exact path mode uid gid mtime inode >have
	TZ=UTC found '%P\t%m\t%U\t%G\t%TY-%Tm-%Td %TH:%TM:%TS\t%i' |
		perl -0pe 's/(:\d\d\.\d{9})0/$1/' >want
	cmp want have
	tm ls -R latest --json | exact path type size linktarget >have
	found '%P\t%y\t%s\t%l' | perl -0pe '
		my %t = (f => "file", d => "dir", l => "symlink", p => "fifo",
			s => "socket", c => "chardev", b => "blockdev");
		s/\A(.*?)\t(\w)\t(\d+)\t/
			"$1\t$t{$2}\t" . ($2 eq "f" ? $3 : "") . "\t"/es' >want
	cmp want have
}

@test "ls lists one directory, one file, or the root" {
	nasty
	expect 0 tm ls latest
	[ "$output" = "/$(cut -d/ -f2 <<<"$SRC")" ]
	expect 0 tm ls "latest:$SRC/kinds/sub"
	[ "$output" = "$SRC/kinds/sub/link-c" ]
	expect 0 tm ls latest "$SRC/kinds//sub/" "$SRC/contents/empty"
	[ "${lines[0]}" = "$SRC/kinds/sub/link-c" ]
	[ "${lines[1]}" = "$SRC/contents/empty" ]
	[ "${#lines[@]}" -eq 2 ]
	expect 1 tm ls latest "$SRC/nowhere"
	output_has "has no $SRC/nowhere"
	expect 1 tm ls latest "$SRC/contents/empty/below"
}

@test "ls -l shows modes as ls does, targets, devices, and no raw bytes" {
	nasty
	expect 0 tm ls -l latest "$SRC/metadata"
	for mode in 1644 2755 4755 6711 7777; do
		want=$(stat -c %A "$SRC/metadata/mode-$mode")
		grep "^$want .*/mode-$mode$" <<<"$output"
	done
	expect 0 tm ls -l latest "$SRC/kinds"
	output_has "$SRC/kinds/symlink -> link-a"
	output_has '/symlink-bytes -> to\x0anewline\xff'
	expect 0 tm ls -l latest "$SRC/names"
	output_has 'two\x0alines'
	output_has '\x1b[31mred'
	if [ "$(id -u)" -eq 0 ]; then
		expect 0 tm ls -l latest "$SRC/root"
		grep '^crw-r----- .* 1, 3 .*/char-null$' <<<"$output"
	fi
}

@test "5000 levels, far beyond PATH_MAX" {
	make_deep_tree deep 5000
	tm_init
	tm backup -q deep
	[ "$(tm ls -R latest | grep -c /level)" -eq 5001 ]
	bottom=$(tm find bottom | grep /bottom)
	[ "${#bottom}" -gt 40000 ]
	[ "$(tm cat latest "$bottom")" = 5000 ]
	perl -e 'chdir "deep" or die; for my $i (1 .. 5000) {
			chdir "level$i" or die "$i" }
		open(my $f, ">", "bottom") or die; print $f "x\n"'
	tm backup -q deep
	expect 0 tm diff -q latest~1 latest
	[ "$output" = "M    $bottom" ]
	expect 0 tm explain -s latest "$bottom"
	output_has 'size 5 -> 2'
	expect 0 tm stats --mode raw-data
}

@test "a directory of 20000 entries, split in leaves" {
	mkdir big
	(cd big && seq -f 'name-%05g' 20000 | xargs touch)
	tm_init
	tm backup -q big
	[ "$(tm ls "latest:$PWD/big" | wc -l)" -eq 20000 ]
	tree=$(tm ls latest "$PWD" --json | jq -r 'select(.path) | .path')
	[ "$tree" = "$PWD/big" ]
	rm big/name-10000
	echo new >big/name-19999x
	tm backup -q big
	expect 0 tm diff -q latest~1 latest
	[ "${lines[0]}" = "-    $PWD/big/name-10000" ]
	[ "${lines[1]}" = "+    $PWD/big/name-19999x" ]
	[ "${#lines[@]}" -eq 2 ]
}

# --- snapshots ------------------------------------------------------------

@test "snapshots has restic's columns, filters, and counts" {
	make_tree a 3
	make_tree b 3
	tm_init
	tm backup -q --host one --tag x,y --time '2026-01-31 15:04:05' a
	tm backup -q --host two --tag x --time '2026-02-01 00:00:00' a b
	tm backup -q --host two --time '2026-02-02 00:00:00' a b
	expect 0 tm snapshots
	[[ ${lines[0]} =~ ^ID\ +Time\ +Host\ +Tags\ +Paths\ +Size$ ]]
	[[ ${lines[1]} =~ ^-+$ ]]
	[[ ${lines[2]} =~ ^[0-9a-f]{8}\ \ 2026-01-31\ 15:04:05\ \ one ]]
	[[ ${lines[2]} =~ x\ +$PWD/a\ +[0-9.]+\ [KM]iB$ ]]
	[[ ${lines[3]} =~ ^\ +y$ ]]
	output_has '3 snapshots'
	count() { tm snapshots --json "$@" | jq -s length; }
	[ "$(count)" -eq 3 ]
	[ "$(count --host two)" -eq 2 ]
	[ "$(count --tag x)" -eq 2 ]
	[ "$(count --tag x,y)" -eq 1 ]
	[ "$(count --path "$PWD/b")" -eq 2 ]
	[ "$(count --latest 1)" -eq 2 ]
	[ "$(count latest latest~2)" -eq 2 ]
	[ "$(tm snapshots --json 2026-02-01 | jq -r .hostname)" = two ]
	[ "$(tm snapshots --json latest~2 | jq -r .time)" = \
		2026-01-31T15:04:05.000000000Z ]
	expect 1 tm snapshots latest~3
	expect 1 tm snapshots 0000dead
	expect 1 tm snapshots none
}

# --- find -----------------------------------------------------------------

# finds PATTERN... : the paths below $SRC, in the order of the tree.
finds() {
	tm find "$@" | sed -n "s|^$SRC/||p" | tr '\n' ' '
}

@test "find by name and by path" {
	nasty
	[ "$(finds link-c)" = "kinds/sub/link-c " ]
	[ "$(finds 'link-?')" = "kinds/link-a kinds/link-b kinds/sub/link-c " ]
	[ "$(finds 'hole-[eo]*')" = \
		"contents/hole-end contents/hole-odd contents/hole-only " ]
	[ "$(finds 'kinds/sub')" = "kinds/sub " ]
	[ "$(finds 'kinds/*/link-c')" = "kinds/sub/link-c " ]
	[ "$(finds 'kinds/link-c')" = "" ]
	[ "$(finds "$SRC/**/link-c")" = "kinds/sub/link-c " ]
	[ "$(finds '/kinds/sub')" = "" ]
	[ "$(finds 'deep-directory-1/**/bottom')" != "" ]
	[ "$(finds LINK-C)" = "" ]
	[ "$(finds -i LINK-C)" = "kinds/sub/link-c " ]
	[ "$(finds --type fifo '*')" = "kinds/fifo kinds/fifo-hard " ]
	[ "$(finds 'kinds/**' --type dir)" = "kinds kinds/sub " ]
	[ "$(finds --older '1931-01-01' --type file '*')" = \
		"metadata/time-before-1970 " ]
	[ "$(finds --newer '2149-01-01' '*')" = "metadata/time-after-2038 " ]
	expect 1 tm find '[x'
	output_has "bad pattern '[x'"
	expect 0 tm find no-such-name-anywhere
	[ -z "$output" ]
}

@test "find looks in every snapshot, or in those that are named" {
	mkdir src
	echo 1 >src/one
	tm_init
	tm backup -q --host a src
	rm src/one
	tm backup -q --host b src
	found_in() { tm find --json "$@" one | jq -r .snapshot; }
	first=$(tm snapshots --json latest~1 | jq -r .id)
	[ "$(found_in)" = "$first" ]
	[ "$(found_in -s latest)" = "" ]
	[ "$(found_in -s latest~1)" = "$first" ]
	[ "$(found_in --host b)" = "" ]
}

# --- cat ------------------------------------------------------------------

@test "cat gives every file back, holes as zeros" {
	nasty
	for name in "$SRC"/contents/*; do
		[ -f "$name" ] || continue
		tm cat latest "$name" | cmp - "$name"
	done
	tm cat latest "$SRC/names/"$'two\nlines' >out
	[ "$(cat out)" = $'two\nlines' ]
	expect 1 tm cat latest "$SRC/kinds"
	output_has 'no regular file but a dir'
	expect 1 tm cat latest /
	expect 1 tm cat latest "$SRC/kinds/symlink"
	output_has symlink
}

@test "cat prints a large file of many maps" {
	requires_release
	truncate -s 3G sparse
	perl -e 'open(my $f, "+<", "sparse") or die;
		for my $i (0 .. 2000) {
			seek($f, $i * 1500000 + $i * 7, 0);
			print $f "block $i\n" }'
	tm_init
	tm backup -q sparse
	tm cat latest "$PWD/sparse" | cmp - sparse
}

@test "cat of a damaged file says so and prints nothing that is not proved" {
	mkdir src
	head -c 3000000 /dev/urandom >src/random
	tm_init
	tm backup -q src
	pack=$(find "$REPO/packs" -type f -size +2M)
	printf 'x' | dd of="$pack" bs=1 seek=1000000 conv=notrunc status=none
	run tm cat latest "$PWD/src/random"
	[ "$status" -eq 1 ]
	tm cat latest "$PWD/src/random" >out 2>err || true
	grep -q 'authentication failed' err
	cmp -n "$(stat -c %s out)" out src/random
	[ "$(stat -c %s out)" -lt 3000000 ]
}

@test "cat prints the objects" {
	nasty
	id=$(tm cat config | jq -r .id)
	[ "${#id}" -eq 32 ]
	snapshot=$(tm cat snapshot latest | jq -r .id)
	[ "$(tm cat head latest | jq -r '.snapshots[0]')" = "$snapshot" ]
	[ "$(tm cat head 1 | jq -r '.snapshots | length')" -eq 0 ]
	index=$(tm cat head 2 | jq -r '.indexes[0]')
	tm cat index "${index:0:6}" >chunks
	[ "$(jq -r 'select(.message_type == "index") | .chunks' chunks)" -eq \
		"$(grep -c index_chunk chunks)" ]
	[ "$(jq -r 'select(.message_type == "index_pack") | .id' chunks | sort)" \
		= "$(find "$REPO/packs" -type f -printf '%f\n' | sort)" ]
	tree=$(tm cat snapshot latest | jq -r .tree)
	[ "$(tm cat tree "$tree" | jq -r 'select(.type == "dir") | .path')" = \
		"$(cut -d/ -f2 <<<"$SRC")" ]
	expect 1 tm cat tree 00000000
	expect 1 tm cat tree xyz
	expect 1 tm cat head 99
	output_has 'the newest is 2'
	expect 1 tm cat index 00000000
}

# --- diff -----------------------------------------------------------------

@test "diff: added, removed, changed, type, metadata" {
	mkdir -p src/gone src/stays
	echo a >src/changed
	echo a >src/gone/inside
	echo a >src/mode
	echo a >src/type
	echo a >src/same
	ln -s a src/link
	tm_init
	tm backup -q src
	rm -r src/gone src/type
	echo b >src/changed
	chmod 600 src/mode
	ln -sfn b src/link
	mkdir -p src/type src/new
	echo a >src/new/$'a\nb\xff'
	tm backup -q src
	expect 0 tm diff -q latest~1 latest
	diff - <(echo "${output//$PWD\/src/}") <<-'END'
		M    /changed
		-    /gone/
		-    /gone/inside
		M    /link
		+    /new/
		+    /new/a\x0ab\xff
		T    /type/
	END
	expect 0 tm diff -q --metadata latest~1 latest
	output_has "U    $PWD/src/mode"
	output_has "U    $PWD/src/"
	output_lacks src/same
	output_lacks src/stays
	expect 0 tm diff latest latest~1
	output_has "+    $PWD/src/gone/"
	output_has 'Files:  2 new, 1 removed, 1 changed'
	tm diff --json latest~1 latest >out
	[ "$(jq -r 'select(.modifier == "T") | .is_dir' out)" = true ]
	[ "$(jq -r 'select(.path_b64) | .path_b64' out | base64 -d)" = \
		"$PWD/src/new/"$'a\nb\xff' ]
	[ "$(jq -c 'select(.added) | .added' out)" = \
		'{"files":1,"dirs":2,"others":0,"bytes":4}' ]
	expect 0 tm diff -q latest latest
	[ -z "$output" ]
	expect 0 tm diff -q "latest~1:$PWD/src/stays" "latest:$PWD/src/new"
	[ "$output" = '+    /a\x0ab\xff' ]
	expect 1 tm diff "latest:$PWD/src/same" latest
}

# --- stats ----------------------------------------------------------------

@test "stats counts snapshots, chunks and objects" {
	mkdir src
	head -c 100000 /dev/urandom >src/a
	cp src/a src/b
	tm_init
	tm backup -q src
	tm backup -q src --force
	tm stats --json >out
	[ "$(jq .snapshots_count out)" -eq 2 ]
	[ "$(jq .total_file_count out)" -eq 4 ]
	[ "$(jq .total_size out)" -eq 400000 ]
	[ "$(jq .data_chunks out)" -eq 1 ]
	[ "$(jq .data_bytes out)" -eq 100000 ]
	[ "$(jq .deduplication_ratio out)" = 4 ]
	[ "$(jq .repository.snapshots.objects out)" -eq 2 ]
	bytes=$(find "$REPO" -type f ! -path '*/leases/*' -printf '%s\n' |
		awk '{ s += $1 } END { print s }')
	[ "$(jq .repository.bytes out)" -eq "$bytes" ]
	tm stats --json --mode raw-data >walked
	for key in data_chunks tree_chunks data_bytes tree_bytes stored_bytes; do
		[ "$(jq .$key out)" = "$(jq .$key walked)" ]
	done
	[ "$(tm stats --json latest | jq .total_size)" -eq 200000 ]
	[ "$(tm stats --json --mode restore-size | jq .data_chunks)" = null ]
	expect 0 tm stats
	output_has 'Deduplication: 4.00 to 1'
}

# --- explain --------------------------------------------------------------

@test "explain: new, reused, metadata, changed, removed, and what is next" {
	mkdir src
	echo abc >src/f
	tm_init
	next() { tm explain --json src/f | jq -r 'select(.action) | .action'; }
	state() { tm explain --json -s "$1" src/f | jq -r '.state // empty'; }
	tm backup -q src
	[ "$(state latest)" = new ]
	# until the record is not racy any more
	settled() {
		tm backup -q src
		[ "$(next)" = skip ]
	}
	wait_until settled
	expect 0 tm explain src/f
	output_has 'would be skipped'
	tm backup -q src
	[ "$(state latest)" = unchanged ]
	chmod 600 src/f
	[ "$(next)" = metadata ]
	expect 0 tm explain src/f
	output_has 'content would not be read, only the metadata'
	output_has 'mode 0644 -> 0600'
	expect 0 tm backup -v src
	output_has 'metadata  '
	[ "$(state latest)" = metadata ]
	wait_until settled
	echo abcde >src/f
	[ "$(next)" = read ]
	expect 0 tm explain src/f
	output_has 'would be read: size 4 -> 6, mtime'
	tm backup -q src
	[ "$(state latest)" = changed ]
	touch src/f
	[ "$(next)" = read ]
	tm backup -q src
	[ "$(state latest)" = reread ]
	rm src/f
	[ "$(next)" = gone ]
	tm backup -q src
	[ "$(tm explain --json src/f | jq -r '.state // .action' | tail -n 2)" = \
		$'removed\ngone' ]
	expect 1 tm explain src/never
	output_has 'no snapshot holds it'
}

@test "explain takes any spelling of a path, and a directory" {
	mkdir -p src/sub
	echo 1 >src/sub/f
	tm_init
	tm backup -q src
	cd src
	expect 0 tm explain ./sub/../sub//f
	output_has 'file, size 2'
	expect 0 tm explain sub
	output_has 'would be listed'
	expect 1 tm explain /
}

# --- benchmark, and all of them -------------------------------------------

@test "benchmark measures, with and without a repository, and leaves no trace" {
	requires_release
	"$TIDEMARK" benchmark --json >out
	[ "$(jq -r .name out | tr '\n' ' ')" = "read chunk hmac_sha256 \
aes_256_gcm zstd_1 zstd_3 zstd_9 argon2id " ]
	[ "$(jq -s 'map(select(.seconds <= 0)) | length' out)" -eq 0 ]
	tm_init
	find "$REPO" | sort >before
	expect 0 tm benchmark
	output_has 'write and sync'
	find "$REPO" | sort | diff before -
}

@test "reading changes nothing, and a reader that goes away is no error" {
	nasty
	find "$REPO" -type f -exec sha256sum {} + | sort >before
	tm ls -R latest >/dev/null
	tm find '*' >/dev/null
	tm diff latest latest
	tm stats latest >/dev/null
	set -o pipefail
	run bash -c '"$@" | head -n 1' - "$TIDEMARK" ls -R latest -r "$REPO" \
		--passphrase-file "$PASS"
	output_lacks tidemark:
	find "$REPO" -type f -exec sha256sum {} + | sort | diff before -
}

@test "damage in one directory does not hide the others" {
	mkdir -p src/a src/b
	echo 1 >src/a/one
	tm_init
	tm backup -q src
	echo 2 >src/b/two
	tm backup -q src
	# the trees of the second snapshot: in the newest tree pack
	pack=$(tm cat index "$(tm cat head latest | jq -r '.indexes[1]')" |
		jq -r 'select(.type == "tree") | .id')
	file=$(find "$REPO/packs" -name "$pack")
	printf 'x' | dd of="$file" bs=1 seek=200 conv=notrunc status=none
	run tm ls -R latest
	[ "$status" -eq 1 ]
	expect 0 tm ls -R latest~1
	output_has src/a/one
	run tm find -q '*'
	[ "$status" -eq 1 ]
	output_has src/a/one
}
