# SPDX-License-Identifier: Apache-2.0
# release only
# slow
#
# Space is freed, what is needed stays, and a backup beside it loses nothing.

load ../lib/helpers

setup() {
	tm_setup
	make_tree src 20
	tm_init >/dev/null
}

# random_file NAME SIZE SEED: the same bytes for the same arguments.
random_file() {
	perl -e 'my ($name, $size, $seed) = @ARGV; srand $seed;
		open(my $f, ">", $name) or die "$name: $!";
		print $f pack("N*", map { rand 2**32 } 1 .. $size / 4);' "$@"
}

repo_bytes() { du -sb "$REPO/packs" | cut -f1; }
summary() { jq -r "select(.message_type == \"prune_summary\") | .$1"; }
objects() { (cd "$REPO" && find packs index snapshots -type f | sort); }

# whole SNAPSHOT TREE: every file of TREE comes out of SNAPSHOT as it is.
whole() {
	local file
	while IFS= read -r file; do
		tm cat "$1" "$file" | cmp - "$file" || return 1
	done < <(find "$2" -type f -size -200k | shuf -n 4 --random-source=/dev/zero
		find "$2" -type f -size +200k)
}

@test "what no snapshot needs goes, and the rest is whole" {
	random_file src/one 5000000 1
	tm backup -q src
	rm src/one
	random_file src/two 3000000 2
	tm backup -q src
	before=$(repo_bytes)
	tm forget -q --keep-last 1
	[ "$(repo_bytes)" -eq "$before" ]
	tm prune --json >out
	[ "$(summary bytes_freed <out)" -gt 4900000 ]
	[ $((before - $(repo_bytes))) -eq "$(summary bytes_freed <out)" ]
	expect 0 tm check --read-data
	whole latest "$T/src"
	expect 0 tm backup src
	output_has "0 new"
	expect 0 tm check --read-data
}

@test "with nothing to do, nothing is done" {
	tm backup -q src
	tm backup -q src
	tm prune -q
	before=$(objects) heads=$(ls "$REPO/heads")
	tm prune --json >out
	[ "$(summary committed <out)" = false ]
	[ "$(summary objects_deleted <out)" -eq 0 ]
	[ "$(objects)" = "$before" ]
	[ "$(ls "$REPO/heads")" = "$heads" ]
}

@test "a dry run says what would go" {
	random_file src/one 5000000 1
	tm backup -q src
	rm src/one
	tm backup -q src
	before=$(cd "$REPO" && find . -type f | sort)
	tm forget --dry-run --keep-last 1 --prune --json >out
	[ "$(summary bytes_freed <out)" -gt 4900000 ]
	[ "$(summary dry_run <out)" = true ]
	[ "$before" = "$(cd "$REPO" && find . -type f | sort)" ]
}

# Half of what lies together is needed no more.
half_dead() {
	local i
	for i in {1..30}; do
		random_file "src/half$i" 200000 "$i"
	done
	tm backup -q src
	rm src/half*[13579]
	tm backup -q src
	tm forget -q --keep-last 1
}

@test "packs with much waste are copied, as far as is allowed" {
	half_dead
	before=$(repo_bytes)
	tm prune --json --max-unused 60% >out
	[ "$(summary packs_repacked <out)" -eq 0 ]
	[ "$(summary bytes_unused <out)" -gt 2500000 ]
	tm prune --json --max-repack-size 1k >out
	[ "$(summary packs_repacked <out)" -eq 0 ]
	tm prune --json --max-unused 0 >out
	[ "$(summary packs_repacked <out)" -ge 1 ]
	[ "$(repo_bytes)" -lt $((before - 2500000)) ]
	expect 0 tm check --read-data
	whole latest "$T/src"
}

@test "copies of many small packs come together" {
	for i in {1..20}; do
		random_file "src/f$i" 20000 "$i"
		tm backup -q src
	done
	[ "$(find "$REPO/packs" -type f | wc -l)" -ge 40 ]
	# backups themselves put the index together
	[ "$(find "$REPO/index" -type f | wc -l)" -ge 20 ]
	[ "$(tm cat head "$(tm cat head 21 | jq .counter)" |
		jq '.indexes | length')" -lt 16 ]
	tm prune -q
	[ "$(find "$REPO/packs" -type f | wc -l)" -le 4 ]
	[ "$(find "$REPO/index" -type f | wc -l)" -le 3 ]
	expect 0 tm check --read-data
	[ "$(tm snapshots --json | wc -l)" -eq 20 ]
	whole latest "$T/src"
}

@test "chunks that were forgotten and come again are stored again" {
	half_dead
	tm prune -q --max-unused 100%
	for i in {1..30}; do
		random_file "src/half$i" 200000 "$i"
	done
	tm backup -q src
	expect 0 tm check --read-data
	whole latest "$T/src"
}

@test "one maintenance at a time" {
	half_dead
	TIDEMARK_FAULT=prune.repacked:1:stop in_background prune --max-unused 0
	wait_until is_stopped "$PID"
	expect 11 tm prune
	output_has "another forget or prune is at work"
	kill -CONT "$PID"
	wait "$PID"
	expect 0 tm prune
	expect 0 tm check --read-data
}

# beside FAULT: a backup is stopped at FAULT, everything it could build on is
# pruned, it goes on and must end well.
beside() {
	half_dead
	random_file src/new 3000000 99
	# built on again: chunks of the forgotten snapshot
	for i in 1 3 5; do
		random_file "src/half$i" 200000 "$i"
	done
	TIDEMARK_FAULT=$1:stop in_background backup src
	wait_until is_stopped "$PID"
	tm forget -q --keep-last 1
	tm prune -q --max-unused 0
	expect 0 tm check
	kill -CONT "$PID"
	wait "$PID" || {
		cat background.err
		return 1
	}
	expect 0 tm check --read-data
	whole latest "$T/src"
	tm prune -q
	expect 0 tm check --read-data
	whole latest "$T/src"
}

@test "a backup beside prune: stopped with packs on their way" {
	beside pack.finish:1
}
@test "a backup beside prune: stopped before its index" {
	beside index.write:1
}
@test "a backup beside prune: stopped before its snapshot" {
	beside snapshot.write:1
}
@test "a backup beside prune: stopped before its head" {
	beside head.write:1
}

@test "a backup that began before two prunes sees the first one, too" {
	half_dead
	for i in 1 3 5; do
		random_file "src/half$i" 200000 "$i"
	done
	TIDEMARK_FAULT=head.write:1:stop in_background backup src
	wait_until is_stopped "$PID"
	# where leases do not work: prune takes the living one for dead
	mv "$REPO/leases" leases
	tm prune -q --max-unused 0
	TIDEMARK_CACHE_DIR=$T/cache2 tm backup -q src
	tm forget -q --keep-last 1
	tm prune -q --max-unused 0
	mv "$REPO/leases" leases2
	mv leases "$REPO/leases"
	kill -CONT "$PID"
	wait "$PID" || {
		cat background.err
		return 1
	}
	grep -q 'pruned meanwhile' background.err
	expect 0 tm check --read-data
	whole latest "$T/src"
}

@test "a backup that commits while prune works: prune looks again" {
	half_dead
	TIDEMARK_FAULT=head.write:1:stop in_background prune --max-unused 0 \
		--json
	wait_until is_stopped "$PID"
	# it refers to what prune has found dead
	for i in 1 3 5; do
		random_file "src/half$i" 200000 "$i"
	done
	tm backup -q src
	kill -CONT "$PID"
	wait "$PID"
	[ "$(summary committed <background.out)" = true ]
	expect 0 tm check --read-data
	whole latest "$T/src"
}

@test "a reader that holds an old index finds what was moved" {
	half_dead
	reads=1
	while ! tm_fault store.read:$reads cat latest "$T/src/half2" >out; do
		reads=$((reads + 1))
	done
	cp -a "$REPO" before
	for i in 1 2 3 4; do
		TIDEMARK_FAULT=store.read:$((reads - i)):stop \
			in_background cat latest "$T/src/half2"
		wait_until is_stopped "$PID"
		tm prune -q --max-unused 0
		kill -CONT "$PID"
		wait "$PID"
		cmp background.out src/half2
		rm -rf "$REPO" "$T/cache"
		cp -a before "$REPO"
	done
}

@test "the space of a backup that died is freed, unless another runs" {
	random_file src/large 3000000 5
	expect 137 tm_fault snapshot.write backup src
	mkdir other
	TIDEMARK_FAULT=snapshot.write:1:stop in_background backup other
	wait_until is_stopped "$PID"
	tm prune --json >out
	[ "$(summary writers_active <out)" = true ]
	[ "$(summary packs_orphaned <out)" -eq 0 ]
	kill -CONT "$PID"
	wait "$PID"
	tm prune --json >out
	[ "$(summary packs_orphaned <out)" -ge 1 ]
	[ "$(summary bytes_freed <out)" -gt 2900000 ]
	expect 0 tm check --read-data
}
