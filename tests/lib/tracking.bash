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
# Loading the tracker's programs takes a second or two, so a file has one
# daemon for all its tests (setup_file calls tracking_file_begins,
# teardown_file tracking_file_ends). setup() calls tracking_setup, teardown()
# tracking_teardown. A test that stops, kills or starves its daemon takes one
# of its own first: own_daemon.

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
			umount "$t/bpf"
			return 0
		}
		read -r -t 0.02 <> <(:) || true
	done
}

tracking_file_ends() {
	local t=$BATS_FILE_TMPDIR
	[ "$(id -u)" -eq 0 ] || return 0
	[ ! -e "$t/refused" ] || return 0
	kill "$(cat "$t/pid")" || true
	wait_until is_gone "$(cat "$t/pid")" || true
	"$BUILD/tidemarkd" --pins "$t/bpf/pins" --stop-tracking || true
	umount "$t/bpf" || umount -l "$t/bpf"
	kernel_log_is_clean "$t/kernel-log"
}

# --- a test ---------------------------------------------------------------

tracking_setup() {
	local t=$BATS_FILE_TMPDIR
	tm_setup
	requires_loop
	requires jq
	[ ! -e "$t/refused" ] ||
		skip "no eBPF here: $(tail -n 1 "$t/refused")"
	DAEMON=
	STATE=$t/state
	export TIDEMARK_SOCKET=$t/socket
	M=$T/mnt
	tm_init >/dev/null
}

tracking_teardown() {
	local t=$BATS_FILE_TMPDIR
	if [ -n "${PINS:-}" ]; then
		daemon_ends || true
		"$BUILD/tidemarkd" --pins "$PINS" --stop-tracking || true
	elif [ -S "$t/socket" ]; then
		TIDEMARK_SOCKET=$t/socket "$TIDEMARK" track list --json |
			jq -r 'select(.path).path' | while read -r path; do
			"$TIDEMARK" track remove "$path" >/dev/null || true
		done
	fi
	tm_teardown
}

# own_daemon [OPTION...]: a daemon, pins and state for this test alone.
own_daemon() {
	PINS=$T/bpf/pins STATE=$T/state
	export TIDEMARK_SOCKET=$T/socket
	mkdir -p "$T/bpf"
	mount -t bpf bpf "$T/bpf"
	daemon_starts "$@"
}

daemon_starts() { # [OPTION...]
	"$BUILD/tidemarkd" --socket "$T/socket" --state-dir "$STATE" \
		--pins "$PINS" --track-list "$T/var/list" "$@" \
		>>"$T/daemon.log" 2>&1 3>&- &
	DAEMON=$!
	BACKGROUND+=("$DAEMON")
	wait_until daemon_answers
}

daemon_answers() { "$TIDEMARK" status >/dev/null 2>&1; }

daemon_ends() { # [SIGNAL]
	[ -n "${DAEMON:-}" ] || return 0
	kill "-${1:-TERM}" "$DAEMON" || true
	wait "$DAEMON" 2>/dev/null || true
	DAEMON=
}

track() { "$TIDEMARK" track "$@"; }

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
		mkfs.xfs -q "$@" "$image"
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
	[ "$want" = any ] || [ "$(summary change_source)" = "$want" ] || {
		echo "by $(summary change_source), not by $want:"
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
	"$TIDEMARK" status --json |
		jq -r "select(.message_type == \"file_system\" and
			.path == \"${2:-$M}\").$1"
}
