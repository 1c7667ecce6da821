# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# daemon.bash - a tidemarkd of the test's own.
#
# After helpers.bash. setup_file calls daemon_probe, teardown_file
# daemon_file_ends, setup daemon_setup, teardown daemon_teardown. $M is what is
# backed up.

# shellcheck disable=SC2034,SC2154

# Loading the programs takes seconds, so whether they can be is asked once.
daemon_probe() {
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

# For teardown_file: what the programs did to the kernel.
daemon_file_ends() {
	[ "$(id -u)" -eq 0 ] || return 0
	kernel_log_is_clean "$BATS_FILE_TMPDIR/kernel-log"
}

daemon_setup() {
	tm_setup
	requires_loop
	requires jq
	DAEMON=
	PINS=$T/bpf/pins
	export TIDEMARK_SOCKET=$T/socket
	[ ! -e "$BATS_FILE_TMPDIR/refused" ] ||
		skip "no eBPF here: $(tail -n 1 "$BATS_FILE_TMPDIR/refused")"
	mkdir "$T/bpf"
	mount -t bpf bpf "$T/bpf"
}

daemon_teardown() {
	daemon_ends || true
	[ -z "${PINS:-}" ] || tidemarkd --stop-tracking || true
	tm_teardown
}

tidemarkd() {
	"$BUILD/tidemarkd" --socket "$T/socket" --state-dir "$T/state" \
		--pins "$PINS" --track-list "$T/var/list" "$@"
}

daemon_starts() { # [OPTION...]
	"$BUILD/tidemarkd" --socket "$T/socket" --state-dir "$T/state" \
		--pins "$PINS" --track-list "$T/var/list" "$@" \
		>>"$T/daemon.log" 2>&1 3>&- &
	DAEMON=$!
	BACKGROUND+=("$DAEMON")
	wait_until daemon_answers
}

daemon_answers() { "$TIDEMARK" status >/dev/null 2>&1; }

daemon_ends() { # [SIGNAL]
	[ -n "${DAEMON:-}" ] || return 0
	kill "-${1:-TERM}" "$DAEMON"
	wait "$DAEMON" 2>/dev/null || true
	DAEMON=
}

track() { "$TIDEMARK" track "$@"; }

# backs_up SOURCE [OPTION...]: and the summary says so; it is in $output.
backs_up() {
	local want=$1
	shift
	expect 0 tm backup --json "$@" "$M"
	[ "$(summary change_source)" = "$want" ] || {
		echo "by $(summary change_source), not by $want:"
		echo "$output"
		return 1
	}
}

summary() {
	jq -r "select(.message_type == \"summary\").$1" <<<"$output"
}

# The latest snapshot has what is there now.
is_captured() {
	rm -rf "$T/restored"
	tm restore --quiet "latest:$M" --target "$T/restored"
	trees_equal "$M" "$T/restored"
}

# Not btrfs, which is shown wherever it is mounted: tests beside this one may
# have some.
fs_status() { # MEMBER
	"$TIDEMARK" status --json |
		jq -r "select(.message_type == \"file_system\" and
			.type != \"btrfs\").$1"
}

tracked() { # their paths
	"$TIDEMARK" track list --json | jq -r 'select(.type != "btrfs").path'
}
