# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# The steps of the protocol between tracker, daemon and backup, one by one.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_begins; }
teardown_file() { tracking_file_ends; }
setup() { tracking_setup; }
teardown() { tracking_teardown; }

# --- what changes while a backup runs -------------------------------------

# A backup that waits before the first file that it reads.
backup_stops() { # [OPTION...]
	TIDEMARK_FAULT=archive.file:1:stop \
		in_background backup --json "$@" "$M"
	wait_until is_stopped "$PID"
}

backup_goes_on() {
	kill -CONT "$PID"
	wait "$PID"
	output=$(cat "$T/background.out")
}

meanwhile() { # FILES DIRECTORIES: that many, says the summary
	local n
	n="$(summary files_changed_meanwhile) $(summary dirs_changed_meanwhile)"
	[ "$n" = "$1 $2" ] || {
		echo "$n, not $1 $2"
		return 1
	}
}

@test "what changes while a backup runs is counted, and the next one has it" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		tracked $fs
		meanwhile 0 0
		echo changed >"$M/dir/small"
		backup_stops
		echo changed meanwhile >"$M/dir/other"
		chmod 600 "$M/big"
		mv "$M/dir/deep/er/below" "$M/moved"
		echo new >"$M/dir/new"
		# reading changes nothing
		sync -f "$M"
		cat "$M/dir/small" >/dev/null
		backup_goes_on
		# moved, new; and the directories of both
		meanwhile 4 3
		[ "$("$TIDEMARK" jobs --json --last 1 |
			jq .files_changed_meanwhile)" = 4 ]
		backs_up tracker
		meanwhile 0 0
		is_captured
	done
}

@test "what a backup leaves out is not counted, nor its own files" {
	tracked ext4
	mkdir "$M/out" "$M/src" "$M/src/kept" "$M/src/left"
	echo 1 >"$M/src/f"
	REPO=$M/src/repo
	export TIDEMARK_CACHE_DIR=$M/src/cache
	tm_init >/dev/null
	M=$M/src backs_up any --exclude left
	M=$M/src
	meanwhile 0 0
	# by a scan, too
	echo 2 >"$M/f"
	backup_stops --exclude left --scan
	echo 3 >"$M/../out/f"
	echo 3 >"$M/left/f"
	echo 3 >"$M/kept/f"
	ln "$M/f" "$M/../out/g"
	backup_goes_on
	# f has another name; kept/f, and its directory
	meanwhile 2 1
	expect 0 tm backup --exclude left "$M"
	output_lacks meanwhile
	M=${M%/src}
}
