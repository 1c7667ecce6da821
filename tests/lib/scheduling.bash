# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2119,SC2120,SC2154
#
# scheduling.bash - a daemon with schedules and a clock that a test sets.
#
# After helpers.bash. The daemon tracks nothing, so that it starts at once and
# anywhere; $T/conf is its configuration, $T/clock its time.

load ../lib/daemon

scheduling_setup() {
	tm_setup
	requires_root
	requires jq
	DAEMON=
	export TIDEMARK_SOCKET=$T/socket
	mkdir "$T/src" "$T/psi" "$T/power"
	echo first >"$T/src/file"
	tm_init >/dev/null
	it_is "2026-03-02 05:00:00" # a Monday
}

scheduling_teardown() {
	local bad=
	daemon_ends || true
	bad=$(sanitizers_say "$T/daemon.log")
	tm_teardown
	said_nothing "$bad"
}

# it_is "2026-01-31 06:00:00"
it_is() {
	echo "$1" >"$T/clock.new"
	mv "$T/clock.new" "$T/clock"
}

daemon_options() {
	printf '%s\0' --no-tracking --config "$T/conf" --clock "$T/clock" \
		--socket "$T/socket" --state-dir "$T/state" \
		--pins "$T/pins" --track-list "$T/var/list" \
		--pressure-dir "$T/psi" --power-dir "$T/power"
}

# schedule NAME [LINE...]: one more, of $T/src to $REPO.
schedule() {
	local name=$1
	shift
	{
		echo "[schedule $name]"
		echo "path = $T/src"
		echo "repository = $REPO"
		echo "passphrase-file = $PASS"
		printf '%s\n' "$@"
	} >>"$T/conf"
}

# A hook that waits until go NAME says so.
waits_for() { # NAME
	echo "read -r x <'$T/gate.$1'"
}
gate() { # NAME
	mkfifo "$T/gate.$1"
}
go() { # NAME
	echo go >"$T/gate.$1"
}

# job ID MEMBER, jobs_are RESULT...: of all, the oldest first.
job() {
	"$TIDEMARK" jobs --json "$1" | jq -r "$2"
}
# Looked for often, so by the file where that has it.
job_is() { # ID RESULT-OR-STATE
	local line
	if [ "$2" = waiting ]; then
		[ "$(job "$1" .state 2>/dev/null)" = waiting ]
		return
	fi
	line=$(grep "^{\"id\":$1," "$T/var/jobs" 2>/dev/null | tail -n 1)
	[[ $line == *:\"$2\"* ]]
}
jobs_are() {
	[ "$("$TIDEMARK" jobs --json | jq -r '.result // .state' | xargs)" = \
		"$*" ]
}

# The scheduler has looked at the present time: what it would do it has done.
# A schedule that is due each minute shows it.
state_of() { # NAME [MEMBER]
	"$TIDEMARK" schedule list --json |
		jq -r "select(.name == \"$1\").${2:-state}"
}
schedule_is() { # NAME STATE
	[ "$(state_of "$1")" = "$2" ]
}
snapshots() {
	tm snapshots --json | jq -r 'select(.message_type == "snapshot").id' |
		wc -l
}
