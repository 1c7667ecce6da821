# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# Change tracking as its users see it: what is tracked, what changed, and
# backups that look only there, or scan and say why. Each test has a file
# system and a daemon of its own.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_probes; }
teardown_file() { tracking_file_ends; }

setup() {
	own_setup
	mount_disk "$M" 64M
}

teardown() { tracking_teardown; }

# A daemon that tracks, files, and two backups: the second one is trusted.
tracked_tree() { # [OPTION of the daemon...]
	daemon_starts "$@"
	track add "$M"
	mkdir "$M/dir"
	echo small >"$M/dir/small"
	echo other >"$M/dir/other"
	head -c 8M /dev/urandom >"$M/big"
	backs_up scan
	backs_up tracker
}

# changed PATH: its line, as JSON.
changed() {
	"$TIDEMARK" changes --json "$M" |
		jq -c "select(.message_type == \"changed_inode\" and
			.path == \"$1\")"
}

@test "a file system is added, listed and removed" {
	daemon_starts
	[ -z "$(tracked_paths)" ]
	mkdir "$M/below"
	expect 0 track add "$M/below"
	output_has "tracking $M"
	expect 0 track list
	output_has "$M"
	[ "$(tracked_paths)" = "$M" ]
	[ "$(cat "$T/var/list")" = "$M" ]
	expect 0 track add --json "$M"
	[ "$(jq -r .message_type <<<"$output")" = track_added ]
	[ "$(jq -r .path <<<"$output")" = "$M" ]
	expect 0 track list --json
	[ "$(jq -r 'select(.type != "btrfs") | .path, .type' <<<"$output")" = "$M"$'\n'ext4 ]
	cd "$M"
	expect 0 track remove below
	cd /
	output_has "no longer tracking $M"
	[ ! -s "$T/var/list" ]
	expect 1 track remove "$M"
	output_has "it is not tracked"
	expect 1 track add /proc
	output_has "ext4 and xfs"
	expect 1 track add "$T/nowhere"
	output_has "No such file or directory"
}

is_recorded() { [[ $(fs_status why) == "no backup has used"* ]]; }

@test "what is tracked is tracked again by the next daemon" {
	daemon_starts
	track add "$M"
	daemon_ends
	tidemarkd --stop-tracking
	rm -r "$T/state"
	daemon_starts
	[ "$(tracked_paths)" = "$M" ]
	# not what lies below a mount that is not there
	daemon_ends
	umount "$M"
	daemon_starts
	grep -qF "$M is not mounted: tracked as soon as it is" "$T/daemon.log"
	[ "$(fs_status why)" = "it is not mounted" ]
	[ "$(fs_status trusted)" = false ]
	# and then at once
	mount -o loop "$M.img" "$M"
	wait_until is_recorded
}

@test "to remove what is not mounted any more removes nothing else" {
	daemon_starts
	mount_disk "$M/inner" 16M
	track add "$M/inner"
	track add "$M"
	umount "$M/inner"
	expect 0 track remove "$M/inner"
	output_has "no longer tracking $M/inner"
	[ "$(tracked_paths)" = "$M" ]
	[ "$(cat "$T/var/list")" = "$M" ]
}

@test "what is taken out of the configuration is not tracked any more" {
	local d hand=$T/hand
	for d in a b c; do
		mount_disk "$T/$d" 16M
	done
	mount_disk "$hand" 16M
	mkdir "$T/b/below"
	printf '%s\n' '[track]' "path = $T/a" "path = $T/b/below" \
		"path = $T/c" "path = $hand" >"$T/conf"
	daemon_starts --config "$T/conf"
	track add "$hand"
	ours() { tracked_paths | sort | xargs; }
	[ "$(ours)" = "$T/a $T/b $T/c $hand" ]
	# one that is away for a while is still meant, and not what $T lies on
	umount "$T/c"
	printf '%s\n' '[track]' "path = $T/b/below" "path = $T/c" >"$T/conf"
	kill -HUP "$DAEMON"
	wait_until grep -q "no longer tracking $T/a" "$T/daemon.log"
	wait_until grep -q "configuration was read again" "$T/daemon.log"
	[ "$(ours)" = "$T/b $T/c $hand" ]
	# nor is one that is not mounted, or that went while no daemon ran
	printf '%s\n' '[track]' "path = $T/b/below" >"$T/conf"
	kill -HUP "$DAEMON"
	wait_until grep -q "no longer tracking $T/c" "$T/daemon.log"
	daemon_ends
	: >"$T/conf"
	daemon_starts --config "$T/conf"
	[ "$(ours)" = "$hand" ]
}

@test "only root may change what is tracked" {
	requires setpriv
	daemon_starts
	chmod 755 "$T"
	# with a socket that lets everybody in
	chmod 666 "$T/socket"
	as_nobody() {
		HOME=$T setpriv --reuid 65534 --clear-groups "$TIDEMARK" "$@"
	}
	expect 1 as_nobody track add "$M"
	output_has "only root may change"
	chmod 600 "$T/socket"
	expect 1 as_nobody status
	output_has "only root and the group tidemark"
}

@test "without a daemon the verbs say what to start" {
	local verb
	for verb in "status" "changes $M" "track list" "track add $M"; do
		# shellcheck disable=SC2086 # words
		expect 1 "$TIDEMARK" $verb
		output_has "tidemarkd does not run ($T/socket)"
		output_has "systemctl start tidemarkd"
		[ "${#lines[@]}" -eq 1 ]
	done
	expect 1 env -u TIDEMARK_SOCKET "$TIDEMARK" status --socket "$T/x"
	output_has "($T/x)"
	# a socket that a dead one left
	daemon_starts
	daemon_ends KILL
	expect 1 "$TIDEMARK" status
	output_has "tidemarkd does not run"
}

is_away() { [[ $(fs_status why) == "it is not mounted"* ]]; }

@test "status says what is trusted, and why not" {
	local hooks
	daemon_starts
	track add "$M"
	[ "$(fs_status trusted)" = false ]
	[[ $(fs_status why) == "no backup has used"* ]]
	backs_up scan
	[ "$(summary scan_reason)" = \
		"this is the first backup with the tracker" ]
	[ "$(fs_status trusted)" = true ]
	[ "$(fs_status why)" = null ]
	[ "$(fs_status epoch)" = 2 ]
	expect 0 "$TIDEMARK" status
	output_has "hook set "
	output_has "because "
	hooks=$("$TIDEMARK" status --json | jq -r 'select(.hook_set).hook_set')
	[[ $hooks == vfs || $hooks == tracepoint ]]
	output_has "$M (ext4)"
	output_has "trusted"
	umount "$M"
	wait_until is_away
	[ "$(fs_status trusted)" = false ]
}

@test "changes are listed by name, kind and range" {
	tracked_tree
	expect 0 "$TIDEMARK" changes "$M"
	output_has "0 inodes changed since the last backup began"
	echo more >>"$M/dir/small"
	mv "$M/dir/other" "$M/renamed"
	chmod 600 "$M/renamed"
	dd if=/dev/urandom of="$M/big" bs=4096 seek=300 count=2 conv=notrunc \
		oflag=direct status=none
	[ "$(changed "$M/dir/small" | jq -c '[.meta, .data, .whole]')" = \
		'[true,true,true]' ]
	[ "$(changed "$M/renamed" | jq -c '[.meta, .data, .whole]')" = \
		'[true,false,false]' ]
	[ "$(changed "$M/dir" | jq -c '[.meta, .data]')" = '[true,false]' ]
	[ "$(changed "$M" | jq -c '[.inode, .meta]')" = '[2,true]' ]
	[ "$(changed "$M/big" | jq -c '[.whole, .bytes, .ranges]')" = \
		'[false,8192,[{"from":1228800,"to":1236992}]]' ]
	cd "$M/dir"
	expect 0 "$TIDEMARK" changes
	output_has "data   $M/big  1228800-1236992"
	output_has "whole  $M/dir/small"
	output_has "meta   $M/renamed"
	output_has "5 inodes changed"
	cd /
	rm "$M/renamed"
	expect 0 "$TIDEMARK" changes "$M"
	output_has "(gone)"
	expect 1 "$TIDEMARK" changes /proc
	output_has "is not tracked"
	# what a backup took is kept, for it may have failed
	backs_up tracker
	expect 0 "$TIDEMARK" changes "$M"
	output_lacks "$M/big"
	expect 0 "$TIDEMARK" changes --kept "$M"
	output_has "data   $M/big"
}

@test "a backup by the tracker reads only what changed" {
	tracked_tree
	[ "$(summary bytes_read)" = 0 ]
	[ "$(summary scan_reason)" = null ]
	echo more >>"$M/dir/small"
	mkdir "$M/new"
	mv "$M/dir/other" "$M/new/name"
	dd if=/dev/urandom of="$M/big" bs=4096 seek=300 count=2 conv=notrunc \
		oflag=direct status=none
	backs_up tracker
	[ "$(summary files_changed)" = 2 ]
	[ "$(summary bytes_read)" -ge 8192 ]
	[ "$(summary bytes_read)" -le 65536 ]
	is_captured
	expect 0 tm backup "$M"
	output_has "by tracker"
}

@test "--scan looks at everything, and the next backup need not" {
	tracked_tree
	echo changed >"$M/dir/small"
	backs_up scan --scan
	[ "$(summary scan_reason)" = null ]
	is_captured
	# the epoch was turned for it, too
	echo again >"$M/dir/small"
	backs_up tracker
	[ "$(summary files_changed)" = 1 ]
	is_captured
}

@test "without the daemon a backup scans" {
	tracked_tree
	daemon_ends
	echo changed >"$M/dir/small"
	backs_up scan
	is_captured
	echo again >"$M/dir/small"
	daemon_starts
	backs_up scan
	[ "$(summary scan_reason)" = \
		"the last backup was made without tidemarkd" ]
	is_captured
	echo third >"$M/dir/small"
	backs_up tracker
	is_captured
}

@test "what cannot be tracked is scanned, and it is said why" {
	local kind
	daemon_starts
	mkdir "$T/tmp" "$T/over" "$M/upper" "$M/work" "$M/lower"
	mount_tmpfs "$T/tmp" 16M
	mount -t overlay overlay "$T/over" -o \
		"lowerdir=$M/lower,upperdir=$M/upper,workdir=$M/work"
	expect 1 track add "$T/tmp"
	output_has "files in memory leave no marks when they change"
	expect 1 track add "$T/over"
	output_has "changes in its upper directory"
	expect 0 tm backup "$T/tmp"
	output_has "scanned: files in memory"
	expect 0 tm backup "$T/over"
	output_has "scanned: what changes in an overlay"
	expect 0 tm backup "$M"
	output_has "scanned: its file system is not tracked (tidemark track"
	truncate -s 128M "$T/btrfs.img"
	mkfs.btrfs -q "$T/btrfs.img" >/dev/null 2>&1
	mount -o loop "$T/btrfs.img" "$T/tmp"
	expect 0 track list
	output_has "$T/tmp (btrfs, asked itself)"
	expect 0 "$TIDEMARK" status
	output_has "backups by root ask it"
	expect 1 "$TIDEMARK" changes "$T/tmp"
	output_has "is asked by a backup alone"
	umount "$T/over"
	track add "$M"
	backs_up scan
	[ "$(summary scan_reason)" = \
		"it was not tracked when the last backup was made" ]
}

@test "a daemon that was killed goes on where it was" {
	local epoch
	tracked_tree
	epoch=$(fs_status epoch)
	echo before >"$M/dir/small"
	daemon_ends KILL
	echo meanwhile >"$M/dir/other"
	daemon_starts
	[ "$(fs_status trusted)" = true ]
	[ "$(fs_status epoch)" = "$epoch" ]
	echo after >"$M/dir/third"
	backs_up tracker
	[ "$(summary files_changed)" = 2 ]
	[ "$(summary files_new)" = 1 ]
	is_captured
}

@test "the programs gone, a backup scans and says so" {
	tracked_tree
	daemon_ends
	tidemarkd --stop-tracking
	echo unseen >"$M/dir/small"
	daemon_starts
	backs_up scan
	[[ $(summary scan_reason) == "the tracker was started anew"* ]]
	is_captured
	backs_up tracker
}

is_old() { [ "$(date +%s)" -gt $(($(stat -c %Z "$M/dir/small") + 3)) ]; }

# What a scan takes for the chmod alone, where none has tracked.
writes_and_hides_it() {
	touch -r "$M/dir/small" "$T/then"
	printf SMALL | dd of="$M/dir/small" conv=notrunc status=none
	touch -r "$T/then" "$M/dir/small"
	chmod 640 "$M/dir/small"
}

@test "a write behind a chmod, mtime set back, while nobody looked" {
	tracked_tree
	wait_until is_old
	backs_up scan --scan
	daemon_ends
	tidemarkd --stop-tracking
	writes_and_hides_it
	daemon_starts
	backs_up scan
	is_captured
}

@test "the same, and the daemon is still away" {
	tracked_tree
	wait_until is_old
	backs_up scan --scan
	daemon_ends
	writes_and_hides_it
	backs_up scan
	is_captured
}

@test "removed and added again, a file system is scanned" {
	tracked_tree
	track remove "$M"
	echo unseen >"$M/dir/small"
	track add "$M"
	backs_up scan
	[[ $(summary scan_reason) == "tracking began anew"* ]]
	is_captured
	backs_up tracker
}

@test "more changes than there is room for make a scan, and lose nothing" {
	tracked_tree --max-inodes 16
	touch "$M"/dir/file-{1..200}
	expect 0 "$TIDEMARK" changes "$M"
	output_has "not all that changed is known"
	[[ $(fs_status why) == "there were more changes than the tracker"* ]]
	backs_up scan
	[[ $(summary scan_reason) == "there were more changes than"* ]]
	[ "$(summary files_new)" = 200 ]
	is_captured
	[ "$(fs_status resets)" -ge 1 ]
	echo one >"$M/dir/small"
	backs_up tracker
	is_captured
}

@test "unmounted and mounted again, a file system is scanned" {
	local device
	tracked_tree
	device=$(losetup -f --show "$M.img")
	umount "$M"
	mount "$device" "$M"
	losetup -d "$device"
	echo unseen >"$M/dir/small"
	backs_up scan
	is_captured
}

@test "with other patterns a backup scans" {
	tracked_tree
	backs_up scan --exclude small
	[[ $(summary scan_reason) == "patterns, options or mounts"* ]]
	backs_up tracker --exclude small
	backs_up scan
	is_captured
}

@test "two repositories are told each its own changes" {
	tracked_tree
	echo one >"$M/dir/small"
	REPO=$T/second
	tm_init >/dev/null
	backs_up scan
	echo two >"$M/dir/other"
	backs_up tracker
	[ "$(summary files_changed)" = 1 ]
	is_captured
	REPO=$T/repo
	backs_up tracker
	[ "$(summary files_changed)" = 2 ]
	is_captured
}

# The numbers of epochs begin anew with the state: what the first repository
# was told must not be taken for a later one of them.
@test "marks that cannot be read make a scan, then all goes on" {
	local n
	tracked_tree
	echo one >"$M/dir/small"
	REPO=$T/second
	tm_init >/dev/null
	backs_up scan
	for n in 1 2 3; do
		echo "$n" >"$M/dir/other"
		backs_up tracker
	done
	for n in "$T"/state/*/*.*; do
		echo torn >"$n"
	done
	REPO=$T/repo
	backs_up scan
	[[ $(summary scan_reason) == "the marks that were kept"* ]]
	is_captured
	echo missed >"$M/dir/small"
	REPO=$T/second
	backs_up scan
	for n in 1 2 3 4 5 6 7 8 9; do
		backs_up tracker
	done
	REPO=$T/repo
	backs_up tracker
	is_captured
}

@test "the manual page of tidemarkd has its options" {
	local o
	for o in $("$BUILD/tidemarkd" --help | grep -o -- '--[a-z-]*'); do
		grep -q "Fl Fl ${o#--}\b" "$TOP/docs/tidemarkd.8" || {
			echo "$o is missing"
			return 1
		}
	done
}

# Without its record a directory would be taken for what it was before.
@test "a full disk under the catalog: the next backup scans" {
	local i
	tracked_tree
	mkdir "$M/many"
	for ((i = 0; i < 4000; i++)); do
		: >"$M/many/a name that is long, so that the record is, $i"
	done
	backs_up tracker
	echo changed >"$M/many/a name that is long, so that the record is, 7"
	TIDEMARK_FAULT=catalog.commit:1:ENOSPC expect 0 tm backup --json "$M"
	expect 0 tm backup --json "$M"
	is_captured
	backs_up tracker
	is_captured
}

@test "what was too large and shrinks is found: no tracker with that option" {
	tracked_tree
	backs_up scan --exclude-larger-than 1M
	truncate -s 1000 "$M/big"
	backs_up scan --exclude-larger-than 1M
	is_captured
}
