# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# daemon.bash - a tidemarkd of the test's own.
#
# Loaded by tracking.bash and scheduling.bash, which say with daemon_options
# what it is started with: words, each with a NUL behind it. setup() sets
# DAEMON to nothing and TIDEMARK_SOCKET to its socket.

tidemarkd() { # [OPTION...]
	local options
	mapfile -d '' options < <(daemon_options)
	"$BUILD/tidemarkd" "${options[@]}" "$@"
}

daemon_starts() { # [OPTION...]
	local options
	mapfile -d '' options < <(daemon_options)
	"$BUILD/tidemarkd" "${options[@]}" "$@" >>"$T/daemon.log" 2>&1 3>&- &
	DAEMON=$!
	BACKGROUND+=("$DAEMON")
	wait_until daemon_answers
}

daemon_answers() { "$TIDEMARK" jobs >/dev/null 2>&1; }

# What a sanitizer said at a daemon's end is nobody's exit status: it is taken
# from the log, which teardown removes, and then looked at.
sanitizers_say() { # LOG
	grep -aE -A 20 'ERROR: [A-Za-z]*Sanitizer|runtime error:' "$1" \
		2>/dev/null || true
}
said_nothing() { # TEXT
	[ -z "$1" ] && return 0
	echo "$1"
	return 1
}

# It must have lived until now, and must end by itself.
daemon_ends() { # [SIGNAL]
	local pid=${DAEMON:-} status=0
	[ -n "$pid" ] || return 0
	DAEMON=
	kill "-${1:-TERM}" "$pid"
	wait_until is_gone "$pid" || {
		kill -KILL "$pid"
		status=1
	}
	wait "$pid" 2>/dev/null || true
	return $status
}
