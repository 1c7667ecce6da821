# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# What the tracker spares: reading files under new names, looking at what did
# not change, and marking what is marked.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_probes; }
teardown_file() { tracking_file_ends; }
setup() { own_setup; }
teardown() { tracking_teardown; }

# tracked_on ext4|xfs: files that were backed up, and are tracked.
tracked_on() {
	mkdir -p "$M"
	truncate -s 400M "$M.img"
	"mkfs.$1" -q "$M.img"
	mount -o loop "$M.img" "$M"
	daemon_starts
	track add "$M"
	mkdir "$M/from" "$M/to"
	head -c 60000 /dev/urandom >"$M/from/small"
	head -c 3M /dev/urandom >"$M/from/large"
	head -c 60000 /dev/urandom >"$M/from/linked"
	head -c 60000 /dev/urandom >"$M/from/renamed"
	dd if=/dev/urandom of="$M/folios" bs=1M count=32 status=none
	backs_up scan
	backs_up tracker
}

names_change() {
	mv "$M/from/small" "$M/from/large" "$M/to"
	ln "$M/from/linked" "$M/to/name"
	mv "$M/from/renamed" "$M/from/name"
	backs_up tracker
	[ "$(summary bytes_read)" = 0 ]
	is_captured
	# what is written is read, wherever it is now
	echo more >>"$M/to/small"
	mv "$M/to/small" "$M/from/again"
	printf x | dd of="$M/to/name" bs=1 seek=5 conv=notrunc status=none
	mv "$M/to/name" "$M/to/other"
	backs_up tracker
	[ "$(summary bytes_read)" -ge 120000 ]
	is_captured
}

@test "ext4: what is moved, renamed or linked is not read again" {
	tracked_on ext4
	names_change
}

@test "xfs: what is moved, renamed or linked is not read again" {
	tracked_on xfs
	names_change
}

@test "another file in the place of a moved one is read" {
	tracked_on ext4
	mv "$M/from/small" "$M/to/small"
	head -c 60000 /dev/urandom >"$M/to/new"
	touch -r "$M/to/small" "$M/to/new"
	mv "$M/to/new" "$M/to/small"
	backs_up tracker
	[ "$(summary bytes_read)" -ge 60000 ]
	is_captured
}

# A fault of one page may map its whole folio: later stores make no more.
stores_change() {
	local i j
	cat "$M/folios" >/dev/null
	for ((i = 0; i < 32; i++)); do
		dd if=/dev/urandom of="$M/folios" bs=4096 seek=$((i * 256 + 100)) \
			count=1 conv=notrunc status=none
	done
	for ((i = 0; i < 32; i++)); do
		for j in 101 102 103 111 3 10 17 94 200; do
			echo $(((i * 256 + j) * 4096)) 65
		done
	done | "$BUILD/tests/lib/mapped" "$M/folios" >/dev/null
	backs_up tracker
	is_captured
}

evict() {
	sync "$M/folios"
	dd of="$M/folios" oflag=nocache conv=notrunc,fdatasync count=0 \
		status=none
}

@test "ext4: stores to a folio of which a part was written" {
	tracked_on ext4
	stores_change
	evict
	stores_change
}

@test "xfs: stores to a folio of which a part was written" {
	tracked_on xfs
	stores_change
	evict
	stores_change
}

# calls FILES: how many system calls a backup makes that finds nothing changed,
# in $n.
calls() {
	SOURCE=$M/$1 REPO=$T/repo$1
	python3 - "$SOURCE" "$1" <<-'PY'
		import os, sys
		for i in range(int(sys.argv[2])):
		    d = f"{sys.argv[1]}/{i // 200}"
		    if i % 200 == 0:
		        os.makedirs(d)
		    open(f"{d}/{i}", "w").close()
	PY
	tm_init >/dev/null
	backs_up scan
	backs_up tracker
	# what waits and what finds memory is not the same from run to run; and
	# a sanitizer looks for leaks by the means that strace has in use
	ASAN_OPTIONS=detect_leaks=0 strace -f -o "$T/calls" \
		-e 'trace=!futex,%memory,rt_sigprocmask,poll' \
		"$TIDEMARK" backup --repo "$REPO" --passphrase-file "$PASS" \
		--json "$SOURCE" >"$T/out"
	tail -n 1 "$T/out"
	[ "$(tail -n 1 "$T/out" | jq -r .change_source)" = tracker ]
	[ "$(tail -n 1 "$T/out" | jq -r .files_unmodified)" = "$1" ]
	# nor does another thread go there
	if grep -F "\"$SOURCE/" "$T/calls"; then return 1; fi
	n=$(wc -l <"$T/calls")
}

@test "nothing changed: as many system calls for few files as for many" {
	local n few
	requires strace
	daemon_starts
	mkdir "$M"
	truncate -s 400M "$M.img"
	mkfs.ext4 -q -N 50000 "$M.img"
	mount -o loop "$M.img" "$M"
	track add "$M"
	calls 200
	few=$n
	calls 20000
	echo "$few and $n"
	# some more or less by threads that find work or not
	[ "$n" -lt $((few + 200)) ]
}

@test "what was marked once is marked again after a turn" {
	local i
	tracked_on ext4
	touch -r "$M/from/small" "$T/times"
	for i in 1 2 3 4 5; do
		# by the processor that knows it
		taskset -c 0 dd if=/dev/urandom of="$M/from/small" bs=4k \
			count=2 conv=notrunc status=none
		taskset -c 0 touch -r "$T/times" "$M/from/small"
		backs_up tracker
		is_captured
	done
}
