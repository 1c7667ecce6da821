# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # run sets status, output and lines
# shellcheck disable=SC2119,SC2120 # arguments that may be left out
#
# tracking.bash - what the tests of change tracking share.
#
#	load ../lib/helpers
#	load ../lib/tracking
#
# Loading the tracker's programs takes a second or two. So a file may have one
# daemon for all its tests: setup_file() calls tracking_file_begins, setup()
# tracking_setup. A test that stops, kills or starves its daemon takes one of
# its own: own_daemon. A file in which most tests do so calls
# tracking_file_probes and own_setup, and its tests daemon_starts.
# In both, teardown_file() calls tracking_file_ends, which looks at what the
# programs did to the kernel, and teardown() tracking_teardown.

load ../lib/daemon

# --- a file ---------------------------------------------------------------

tracking_file_begins() {
	local t=$BATS_FILE_TMPDIR
	[ "$(id -u)" -eq 0 ] || return 0
	kernel_log_begins "$t/kernel-log"
	mkdir "$t/bpf" "$t/state"
	mount -t bpf bpf "$t/bpf"
	"$BUILD/tidemarkd" --socket "$t/socket" --state-dir "$t/state" \
		--track-list "$t/list" --pins "$t/bpf/pins" \
		>"$t/daemon.log" 2>&1 3>&- &
	echo $! >"$t/pid"
	until [ -S "$t/socket" ]; do
		kill -0 "$(cat "$t/pid")" 2>/dev/null || {
			mv "$t/daemon.log" "$t/refused"
			rm "$t/pid"
			umount "$t/bpf"
			return 0
		}
		read -r -t 0.02 <> <(:) || true
	done
}

# Can the programs be loaded? That takes seconds, too, and is asked once.
tracking_file_probes() {
	local t=$BATS_FILE_TMPDIR
	[ "$(id -u)" -eq 0 ] || return 0
	kernel_log_begins "$t/kernel-log"
	mkdir "$t/bpf"
	mount -t bpf bpf "$t/bpf"
	"$BUILD/tidemarkd" --socket "$t/socket" --state-dir "$t/state" \
		--track-list "$t/list" --pins "$t/bpf/pins" --run \
		bash -c "! '$TIDEMARK' status | grep -q 'hook set none'" \
		2>"$t/probe" || mv "$t/probe" "$t/refused"
	umount "$t/bpf" || true
}

tracking_file_ends() {
	local t=$BATS_FILE_TMPDIR
	[ "$(id -u)" -eq 0 ] || return 0
	if [ -e "$t/pid" ]; then
		kill "$(cat "$t/pid")" || true
		wait_until is_gone "$(cat "$t/pid")" || true
		"$BUILD/tidemarkd" --pins "$t/bpf/pins" --stop-tracking || true
		umount "$t/bpf" || umount -l "$t/bpf"
		said_nothing "$(sanitizers_say "$t/daemon.log")"
	fi
	kernel_log_is_clean "$t/kernel-log"
}

# --- a test ---------------------------------------------------------------

# For tests of which some need no tracker: those that do call own_pins.
tracking_none() {
	tm_setup
	requires jq
	DAEMON=
	PINS=
	STATE=$T/state
	export TIDEMARK_SOCKET=$T/socket
	M=$T/mnt
	tm_init >/dev/null
}

requires_tracker() {
	requires_loop
	[ ! -e "$BATS_FILE_TMPDIR/refused" ] ||
		skip "no eBPF here: $(tail -n 1 "$BATS_FILE_TMPDIR/refused")"
}

# With the file's daemon.
tracking_setup() {
	tracking_none
	requires_tracker
	STATE=$BATS_FILE_TMPDIR/state
	export TIDEMARK_SOCKET=$BATS_FILE_TMPDIR/socket
}

# With a place for pins and state of this test alone, and no daemon yet.
own_setup() {
	tracking_none
	own_pins
}

own_pins() {
	requires_tracker
	mkdir "$T/bpf"
	mount -t bpf bpf "$T/bpf"
	PINS=$T/bpf/pins STATE=$T/state
	export TIDEMARK_SOCKET=$T/socket
}

own_daemon() { # [OPTION...]
	own_pins
	daemon_starts "$@"
}

daemon_options() {
	printf '%s\0' --socket "$T/socket" --state-dir "$STATE" \
		--pins "$PINS" --track-list "$T/var/list"
}

tracking_teardown() {
	local t=$BATS_FILE_TMPDIR path bad
	if [ -n "${PINS:-}" ]; then
		daemon_ends || true
		tidemarkd --stop-tracking || true
	elif [ -S "$t/socket" ]; then
		TIDEMARK_SOCKET=$t/socket "$TIDEMARK" track list --json |
			jq -r 'select(.path).path' | while read -r path; do
			TIDEMARK_SOCKET=$t/socket "$TIDEMARK" track remove \
				"$path" >/dev/null || true
		done
	fi
	bad=$(sanitizers_say "$T/daemon.log")
	tm_teardown
	said_nothing "$bad"
}

track() { "$TIDEMARK" track "$@"; }

# Not btrfs, which is shown wherever it is mounted: tests beside this one may
# have some.
tracked_paths() {
	"$TIDEMARK" track list --json | jq -r 'select(.type != "btrfs").path'
}

# --- a file system --------------------------------------------------------

# disk FS [DIRECTORY [mkfs option...]]: mounted at $M or there.
disk() {
	local fs=$1 dir=${2:-$M} image
	shift
	[ $# -eq 0 ] || shift
	mkdir -p "$dir"
	image=$T/${dir##*/}.img
	case $fs in
	ext4)
		truncate -s 96M "$image"
		mkfs.ext4 -q -F "$@" "$image"
		;;
	xfs)
		requires mkfs.xfs
		truncate -s 320M "$image"
		mkfs.xfs -q -f "$@" "$image"
		;;
	esac
	mount -o loop "$image" "$dir"
}

# tracked FS [mkfs option...]: at $M, with files, and two backups of it: the
# second one is by the tracker.
tracked() {
	local fs=$1
	shift
	disk "$fs" "$M" "$@"
	track add "$M" >/dev/null
	mkdir -p "$M/dir/deep/er"
	echo small >"$M/dir/small"
	echo other >"$M/dir/other"
	echo below >"$M/dir/deep/er/below"
	head -c 4M /dev/urandom >"$M/big"
	backs_up scan
	backs_up tracker
}

# --- backups --------------------------------------------------------------

# backs_up SOURCE [OPTION...]: and the summary says so; it is in $output.
# "any" is by whatever is right.
backs_up() {
	local want=$1
	shift
	expect 0 tm backup --json "$@" "${SOURCE:-$M}"
	came_by "$want"
}

# The last backup.
came_by() { # SOURCE
	[ "$1" = any ] || [ "$(summary change_source)" = "$1" ] || {
		echo "by $(summary change_source), not by $1:"
		echo "$output"
		return 1
	}
}

summary() {
	jq -r "select(.message_type == \"summary\").$1" <<<"$output"
}

# The latest snapshot has what is there now.
is_captured() { # [rsync option...]
	local from=${SOURCE:-$M}
	rm -rf "$T/restored"
	tm restore --quiet "latest:$from" --target "$T/restored"
	trees_equal "$from" "$T/restored"
}

fs_status() { # MEMBER [PATH]
	timeout -s KILL 20 "$TIDEMARK" status --json |
		jq -r "select(.message_type == \"file_system\" and
			.path == \"${2:-$M}\").$1"
}
