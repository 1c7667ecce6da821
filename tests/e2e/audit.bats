# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# The audit: what was held to be unchanged, is it? Changes that the tracker
# does not see are made by leaving out a hook or a step of its protocol.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_probes; }
teardown_file() { tracking_file_ends; }

setup() {
	tracking_none
	mkdir "$M"
}

teardown() { tracking_teardown; }

# A tracked file system of its own, and files in it.
tracked() { # ext4|xfs [OPTION of the daemon...]
	local fs=$1
	shift
	own_pins
	truncate -s 320M "$M.img"
	"mkfs.$fs" -q "$M.img"
	# a read must not mark the inode
	mount -o loop,noatime "$M.img" "$M"
	files
	sync -f "$M"
	daemon_starts "$@"
	track add "$M"
}

files() {
	local i
	mkdir "$M/dir" "$M/dir/below"
	for i in {1..100}; do
		echo "$i" >"$M/dir/file$i"
	done
	echo below >"$M/dir/below/file"
	head -c 3M /dev/urandom >"$M/big"
	truncate -s 2M "$M/sparse"
	ln -s nowhere "$M/symlink"
	mkfifo "$M/fifo"
	ln "$M/dir/file1" "$M/hard"
	setfattr -n user.mark -v old "$M/dir/file2"
}

# The times of what is young prove nothing, and it is read again anyway.
is_old() { # PATH
	[ "$(stat -c %Z "$1")" -lt $(($(date +%s) - 3)) ]
}

misses() { # a line each: path, what differs, held by what
	jq -r 'select(.message_type == "miss") |
		.path + " " + (.differs | join(",")) + " " + .held_by' \
		<<<"$output" | sort
}

# Stores through a mapping that stays open: put OFFSET BYTE.
maps() { # FILE
	mkfifo "$T/orders" "$T/answers"
	"$BUILD/tests/lib/mapped" "$1" <"$T/orders" >"$T/answers" 3>&- &
	BACKGROUND+=($!)
	exec 8>"$T/orders" 9<"$T/answers"
}

put() {
	echo "$1 $2" >&8
	read -r -t 10 _ <&9
}

# A store that nothing shows: the page was dirty when the epoch turned, and
# was not written back. Somebody else's sync(2) would do so: then once more.
unseen_store() {
	local i
	maps "$M/big"
	for i in {1..8}; do
		put $((1000000 + i)) 1
		wait_until is_old "$M/big"
		backs_up tracker
		put $((1000100 + i)) $((i + 1))
		"$TIDEMARK" changes "$M" | grep -qF "$M/big" || return 0
	done
	echo "the page was written back each time"
	return 1
}

@test "all is as it was recorded: nothing is missed" {
	tracked ext4
	backs_up scan
	backs_up tracker
	expect 0 tm audit --all --json "$M"
	[ "$(summary misses)" = 0 ]
	[ "$(summary looked_at)" = "$(summary held)" ]
	[ "$(summary by_tracker)" = "$(summary held)" ]
	[ "$(summary bytes_read)" -ge 3145728 ]
	# of so many none: 1 - 0.05^(1/n)
	jq -e 'select(.message_type == "summary") |
		(.miss_rate_bound_95 - (1 - pow(0.05; 1 / .looked_at))) |
		fabs < 1e-6' <<<"$output"
	expect 0 tm audit --all "$M"
	output_has "missed: 0, and at most"
}

@test "what is marked is neither read nor counted" {
	tracked ext4
	backs_up scan
	backs_up tracker
	expect 0 tm audit --all --json "$M"
	local held
	held=$(summary held)
	echo changed >>"$M/big"
	echo more >>"$M/dir/file7"
	mv "$M/dir/file8" "$M/dir/renamed"
	rm "$M/dir/file9"
	expect 0 tm audit --all --json "$M"
	[ "$(summary misses)" = 0 ]
	# big, file7, file8, file9, and the directory that held them
	[ "$(summary held)" = $((held - 5)) ]
	[ "$(summary bytes_read)" -lt 100000 ]
}

unseen_store_is_found() { # FS
	tracked "$1" --without sync
	wait_until is_old "$M/big"
	backs_up scan
	backs_up tracker
	unseen_store
	expect 4 tm audit --all --json "$M"
	[ "$(misses)" = "$M/big content tracker" ]
	[ "$(summary tracker_misses)" = 1 ]
	grep -qF "an audit found a change that was not recorded" \
		"$T/daemon.log"
	# once is enough, and the next backup has it
	backs_up scan
	[ "$(summary scan_reason)" = \
		"an audit found a change that was not recorded" ]
	[ "$(summary files_changed)" = 1 ]
	is_captured
	backs_up tracker
	expect 0 tm audit --all --json "$M"
	[ "$(summary misses)" = 0 ]
}

@test "ext4: a store that no mark and no time shows is found and healed" {
	unseen_store_is_found ext4
}

@test "xfs: a store that no mark and no time shows is found and healed" {
	requires mkfs.xfs
	unseen_store_is_found xfs
}

@test "names and metadata without a mark: found, told and healed" {
	requires mkfs.xfs
	tracked xfs --without xfs_pin
	backs_up scan
	backs_up tracker
	chmod 600 "$M/dir/file2"
	# to remove it would free its blocks, which another hook sees
	mv "$M/dir/file9" "$M/dir/below/moved"
	expect 4 tm audit --all --json "$M"
	misses
	[ "$(misses)" = "$M/dir metadata tracker
$M/dir/below metadata tracker
$M/dir/file2 metadata tracker
$M/dir/file9 gone tracker" ]
	backs_up scan
	is_captured
	backs_up tracker
	chmod 700 "$M/dir/file2"
	expect 4 tm audit --all "$M"
	output_has "the tracker did not record it: $M/dir/file2 (metadata)"
	output_has "had changed; the next backup looks at everything"
}

# The daemon that is not there cannot be told; the catalog is.
@test "a miss without the daemon still makes the next backup scan" {
	tracked ext4 --without sync
	wait_until is_old "$M/big"
	backs_up scan
	backs_up tracker
	unseen_store
	daemon_ends
	expect 4 tm audit --all --json "$M"
	[ "$(misses)" = "$M/big content times" ]
	daemon_starts --without sync
	backs_up scan
	is_captured
}

# Bytes of the disk change, and nothing else does: as a bad disk would do it.
@test "without a tracker: content that changed without a sign" {
	local at
	requires_loop
	truncate -s 64M "$M.img"
	mkfs.ext4 -q "$M.img"
	mount -o loop "$M.img" "$M"
	files
	echo "a text that is nowhere else" >"$M/dir/rots"
	wait_until is_old "$M/dir/rots"
	backs_up scan
	expect 0 tm audit --all --json "$M"
	[ "$(summary misses)" = 0 ]
	[ "$(summary by_tracker)" = 0 ]
	umount "$M"
	at=$(grep -abo "a text that is nowhere else" "$M.img")
	printf X | dd of="$M.img" bs=1 seek="${at%%:*}" conv=notrunc status=none
	mount -o loop "$M.img" "$M"
	[ "$(cat "$M/dir/rots")" = "X text that is nowhere else" ]
	expect 4 tm audit --all --json "$M"
	[ "$(misses)" = "$M/dir/rots content times" ]
	backs_up scan
	[ "$(summary files_changed)" = 1 ]
	is_captured
	expect 0 tm audit --all "$M"
	# an ordinary change is none of its business
	echo changed >"$M/dir/rots"
	expect 0 tm audit --all "$M"
}

@test "without paths: those of the newest snapshot; others are told" {
	files
	expect 1 tm audit
	output_has "no snapshot is of host"
	expect 1 tm audit "$M"
	output_has "no catalog of a backup of these paths"
	backs_up scan
	wait_until is_old "$M/dir/file100"
	backs_up scan
	expect 0 tm audit --all --json
	[ "$(summary looked_at)" -gt 100 ]
	expect 1 tm audit --all "$M/dir"
	output_has "no catalog of a backup of these paths"
}

@test "one run after the other takes what the last one left" {
	local held sum=0 i
	files
	wait_until is_old "$M/dir/file100"
	backs_up scan
	for i in {1..10}; do
		expect 0 tm audit --rate 10% --json "$M"
		held=$(summary held)
		sum=$((sum + $(summary looked_at)))
	done
	# ten tenths, but for what rounding leaves
	[ "$sum" -ge $((held - 1)) ]
	[ "$sum" -le $((held + 1)) ]
	# what is due in a day, then in no time
	rm "$T"/cache/*/audit-*
	expect 0 tm audit --period 1d --json "$M"
	[ "$(summary looked_at)" = "$held" ]
	expect 0 tm audit --period 1m "$M"
	output_has "nothing is due yet"
	echo "{torn" >"$(echo "$T"/cache/*/audit-*)"
	expect 0 tm audit --files 1 "$M"
	output_has "is damaged: the audit begins anew"
	expect 0 tm audit --read-bytes 1 --json "$M"
	[ "$(summary bytes_read)" -ge 1 ]
	[ "$(summary looked_at)" -lt "$held" ]
}

@test "with other patterns than the backup's a tracked audit refuses" {
	tracked ext4
	expect 0 tm backup --exclude big "$M"
	expect 0 tm backup --exclude big "$M"
	expect 1 tm audit --all "$M"
	output_has "give audit the same"
	expect 0 tm audit --all --json --exclude big "$M"
	[ "$(summary misses)" = 0 ]
	[ "$(summary by_tracker)" -gt 100 ]
}

@test "what cannot be read is named, and is no miss" {
	requires setpriv
	files
	wait_until is_old "$M/dir/file100"
	chmod 755 "$T" "$M"
	mkdir "$T/cache"
	chown -R nobody "$M" "$T/cache" "$T/repo" "$T/passphrase" "$T/home"
	as_nobody() {
		HOME=$T/home setpriv --reuid 65534 --clear-groups "$TIDEMARK" \
			"$@" --repo "$REPO" --passphrase-file "$PASS"
	}
	expect 0 as_nobody backup "$M"
	wait_until is_old "$M/dir/file100"
	expect 0 as_nobody backup "$M"
	chmod 0 "$M/dir/below"
	expect 3 as_nobody audit --all "$M"
	output_has "$M/dir/below/file"
	output_has "missed: 0"
}

# A change that is under way is no miss, however the two meet.
beside_a_writer() { # FS
	local i seed=$RANDOM
	tracked "$1"
	echo "seed $seed"
	mkdir "$M/src"
	mkfifo "$T/orders" "$T/answers"
	"$BUILD/tests/lib/torture" "$M/src" "$seed" <"$T/orders" \
		>"$T/answers" 3>&- &
	BACKGROUND+=($!)
	exec 8>"$T/orders" 9<"$T/answers"
	echo 400 >&8
	read -r -t 60 _ <&9
	backs_up scan
	for i in 1 2 3 4; do
		run tm backup --json "$M"
		[[ $status == [03] ]]
		[ "$(summary change_source)" = tracker ]
		echo 300 >&8
		run tm audit --all --json "$M"
		echo "$output"
		[[ $status == [03] ]]
		[ "$(summary misses)" = 0 ]
		[ "$(summary looked_at)" -gt 0 ]
		read -r -t 60 _ <&9
	done
}

@test "ext4: no false alarm beside a writer of every kind" {
	beside_a_writer ext4
}

@test "xfs: no false alarm beside a writer of every kind" {
	requires mkfs.xfs
	beside_a_writer xfs
}

@test "a schedule's audit: after the backup, and a miss fails the run" {
	local at
	requires_loop
	truncate -s 64M "$M.img"
	mkfs.ext4 -q "$M.img"
	mount -o loop "$M.img" "$M"
	files
	echo "a text that is nowhere else" >"$M/dir/rots"
	sync -f "$M"
	wait_until is_old "$M/dir/rots"
	mkdir "$T/var"
	cat >"$T/conf" <<-END
		[schedule one]
		path = $M
		repository = $REPO
		passphrase-file = $PASS
		cache-dir = $T/cache
		at = 03:00
		audit = 1d
	END
	"$BUILD/tidemarkd" --socket "$T/socket" --state-dir "$T/state" \
		--no-tracking --config "$T/conf" --job-dir "$T/var/jobs" \
		>>"$T/daemon.log" 2>&1 3>&- &
	DAEMON=$!
	BACKGROUND+=("$DAEMON")
	wait_until test -S "$T/socket"
	expect 0 "$TIDEMARK" schedule run --wait one
	# bytes of the disk change, and nothing else does
	umount "$M"
	at=$(grep -abo "a text that is nowhere else" "$M.img")
	printf X | dd of="$M.img" bs=1 seek="${at%%:*}" conv=notrunc status=none
	mount -o loop "$M.img" "$M"
	rm "$T"/cache/*/audit-*
	run "$TIDEMARK" schedule run --wait one
	[ "$status" -ne 0 ]
	"$TIDEMARK" jobs --json | tail -n 1 | grep -q "1 of .* had changed"
	tm cat "latest:$M/dir/rots" | grep -q "^a text"
	rm "$T"/cache/*/audit-*
	expect 0 "$TIDEMARK" schedule run --wait one
	tm cat "latest:$M/dir/rots" | grep -q "^X text"
}
