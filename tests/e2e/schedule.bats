# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# Schedules, the queue of jobs and their history, with a clock that the test
# sets. A run that must not be made is seen by one that must, later.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/scheduling

setup() { scheduling_setup; }
teardown() { scheduling_teardown; }

@test "a schedule runs when it is due, and its record says what it did" {
	schedule nightly "at = 06:00, 18:00" "tag = by-clock"
	daemon_starts
	expect 0 "$TIDEMARK" schedule list
	output_has "nightly: 06:00, 18:00, to $REPO"
	output_has "next 2026-03-02 06:00:00; has not run yet"
	expect 0 "$TIDEMARK" schedule next --count 3
	[ "$output" = "2026-03-02 06:00:00  nightly
2026-03-02 18:00:00  nightly
2026-03-03 06:00:00  nightly" ]
	expect 0 "$TIDEMARK" jobs
	output_has "no job has run yet"
	it_is "2026-03-02 06:00:07"
	wait_until job_is 1 ok
	[ "$(job 1 .due)" = 2026-03-02T06:00:00.000000000Z ]
	[ "$(job 1 .started)" = 2026-03-02T06:00:07.000000000Z ]
	[ "$(job 1 .origin)" = scheduled ]
	[ "$(job 1 .change_source)" = scan ]
	[ "$(job 1 .files_new)" = 1 ]
	[ "$(job 1 .late)" = false ]
	expect 0 tm snapshots --json
	[ "$(jq -r .id <<<"$output")" = "$(job 1 .snapshot_id)" ]
	[ "$(jq -r '.tags[0]' <<<"$output")" = by-clock ]
	expect 0 "$TIDEMARK" jobs
	output_has "1 changed"
	expect 0 "$TIDEMARK" status
	output_has "schedule nightly: next 2026-03-02 18:00:00; job 1 ok"
	expect 0 "$TIDEMARK" schedule run nightly --wait
	[ "$(job 2 .origin)" = requested ]
	# the one that was asked for does not stand for the next
	it_is "2026-03-02 18:00:00"
	wait_until job_is 3 ok
}

@test "what was missed is caught up once, also after a restart" {
	schedule never "at = 06:00" "catch-up = no"
	schedule nightly "at = 06:00"
	daemon_starts
	daemon_ends
	it_is "2026-03-05 09:00:00"
	daemon_starts
	wait_until jobs_are missed ok
	[ "$(job 1 .schedule)" = never ]
	[ "$(job 1 .skipped)" = 3 ]
	[[ $(job 1 .reason) == *"catch-up = no" ]]
	[ "$(job 2 .schedule)" = nightly ]
	[ "$(job 2 .due)" = 2026-03-05T06:00:00.000000000Z ]
	[ "$(job 2 .skipped)" = 3 ]
	[ "$(job 2 .late)" = true ]
	expect 0 "$TIDEMARK" jobs 2
	output_has "caught up"
	output_has "it stands for 3 that were due before"
	daemon_ends
	daemon_starts
	# only what comes due now is run
	it_is "2026-03-06 06:00:00"
	wait_until jobs_are missed ok ok ok
	[ "$(job 3 .late)" = false ]
}

@test "two that are due at once run one after the other" {
	gate a
	schedule a "at = 06:00" "before = $(waits_for a)"
	schedule b "at = 06:00" "before = echo \$TIDEMARK_JOB >>'$T/order'"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until jobs_are running waiting
	schedule_is a running
	schedule_is b queued
	expect 1 "$TIDEMARK" schedule run b
	output_has "it is job 2, which waits or runs already"
	[ ! -e "$T/order" ]
	go a
	wait_until jobs_are ok ok
	[ "$(cat "$T/order")" = 2 ]
}

@test "a backup by hand takes its turn, or does not wait" {
	gate a
	schedule a "at = 06:00" "before = $(waits_for a)" \
		"after = '$TIDEMARK' backup '$T/src'"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 running
	expect 11 tm backup --no-wait "$T/src"
	output_has "job 1 runs or waits already"
	in_background backup "$T/src"
	wait_until jobs_are running waiting
	wait_until grep -q "waiting for job 1" "$T/background.err"
	go a
	wait "$PID"
	wait_until job_is 3 ok
	# the hook's own backup was in its job's turn
	jobs_are ok ok
	[ "$(job 3 .origin)" = manual ]
	[ "$(job 3 .what)" = "$T/src" ]
	[ "$(job 3 .repository)" = "$REPO" ]
	[ "$(job 3 .snapshot_id)" = "$(tm snapshots --json latest |
		jq -r .id)" ]
	[ "$(snapshots)" = 3 ]
}

cannot_cancel() { # ID: it is off the queue soon after it has ended
	expect 1 "$TIDEMARK" jobs cancel "$1" &&
		output_has "no such job waits or runs"
}

@test "a backup by hand that is killed, cancelled or not let in" {
	gate a
	schedule a "at = 06:00" "before = $(waits_for a)"
	daemon_starts
	mkfifo "$T/in"
	command="echo >'$T/begun'; exec cat '$T/in'"
	in_background backup --stdin-from-command -- sh -c "$command"
	wait_until test -e "$T/begun"
	job_is 1 running
	kill -KILL "$PID"
	wait_until job_is 1 died
	[ "$(job 1 .reason)" = "it ended without a word" ]
	rm "$T/begun"
	in_background backup --stdin-from-command -- sh -c "$command"
	wait_until test -e "$T/begun"
	job_is 2 running
	expect 0 "$TIDEMARK" jobs cancel 2
	: <>"$T/in"
	wait_until job_is 2 cancelled
	it_is "2026-03-02 06:00:00"
	wait_until job_is 3 running
	in_background backup "$T/src"
	wait_until job_is 4 waiting
	expect 0 "$TIDEMARK" jobs cancel 4
	wait "$PID" || r=$?
	[ "${r:-0}" = 130 ]
	go a
	wait_until job_is 3 ok
	wait_until cannot_cancel 3
	expect 1 "$TIDEMARK" jobs cancel x
	expect 1 "$TIDEMARK" jobs 99
	output_has "there is no job 99"
}

@test "pressure holds a run back, and not for longer than it may" {
	pressure() { # PERCENT
		echo "some avg10=$1 avg60=0.00 avg300=0.00 total=1" \
			>"$T/psi/io.new"
		mv "$T/psi/io.new" "$T/psi/io"
	}
	echo "some avg10=0.00 avg60=90.00 avg300=0.00 total=1" >"$T/psi/cpu"
	pressure 40.01
	schedule a "at = 06:00, 18:00" "pressure = 40%" "hold-at-most = 2h"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until schedule_is a held
	expect 0 "$TIDEMARK" schedule list
	output_has "held: the pressure on io is 40.01 %, over 40 %"
	it_is "2026-03-02 06:30:00"
	pressure 40.00
	wait_until job_is 1 ok
	[ "$(job 1 .held)" = 1800 ]
	[ "$(job 1 .due)" = 2026-03-02T06:00:00.000000000Z ]
	pressure 99.00
	it_is "2026-03-02 18:00:00"
	wait_until schedule_is a held
	it_is "2026-03-02 20:00:00"
	wait_until job_is 2 ok
	[ "$(job 2 .held_why)" = "the pressure on io is 99.00 %, over 40 %" ]
	expect 0 "$TIDEMARK" jobs 2
	output_has "held for 2:00:00: the pressure on io"
}

@test "on battery a run is held back, for good if it says so" {
	mkdir "$T/power/AC" "$T/power/BAT0" "$T/power/mouse"
	echo Mains >"$T/power/AC/type"
	echo 0 >"$T/power/AC/online"
	echo Battery | tee "$T/power/BAT0/type" >"$T/power/mouse/type"
	echo Discharging | tee "$T/power/BAT0/status" >"$T/power/mouse/status"
	echo Device >"$T/power/mouse/scope"
	schedule a "at = 06:00" "on-battery = hold" "hold-at-most = forever"
	schedule b "at = 06:00"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until schedule_is a held
	wait_until job_is 1 ok
	[ "$(job 1 .schedule)" = b ]
	it_is "2026-03-03 06:00:00"
	wait_until job_is 2 ok
	schedule_is a held
	[ "$(state_of a held_why)" = "the machine runs on battery" ]
	echo 1 >"$T/power/AC/online"
	wait_until job_is 3 ok
	# one run, for both days
	[ "$(job 3 .due)" = 2026-03-02T06:00:00.000000000Z ]
	wait_until schedule_is a waiting
	jobs_are ok ok ok
}

@test "before failing, no backup is made; after learns of it" {
	schedule a "at = 06:00" "before = echo no disk >&2; exit 7" \
		"after = echo \$TIDEMARK_JOB_RESULT: \$TIDEMARK_JOB_REASON >'$T/told'"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 failed
	[ "$(job 1 .reason)" = "before: exit status 7" ]
	[ "$(job 1 '.errors[0]')" = "no disk" ]
	[ "$(cat "$T/told")" = "failed: before: exit status 7" ]
	[ "$(snapshots)" = 0 ]
	expect 0 "$TIDEMARK" jobs 1
	output_has "| no disk"
	grep -q "job 1 (a): failed: before: exit status 7" "$T/daemon.log"
}

@test "hooks are ended when they take too long; after is told the result" {
	mkfifo "$T/never"
	schedule a "at = 06:00" "before = cat '$T/never'" "hook-timeout = 1s"
	schedule b "at = 07:00" "after = echo \$TIDEMARK_JOB_RESULT \
\$TIDEMARK_JOB_SNAPSHOT \$TIDEMARK_SCHEDULE >'$T/told'; exit 3"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 failed
	[ "$(job 1 .reason)" = "before: took too long, and was ended" ]
	it_is "2026-03-02 07:00:00"
	wait_until job_is 2 ok
	[ "$(cat "$T/told")" = "ok $(job 2 .snapshot_id) b" ]
	[ "$(job 2 .reason)" = "after: exit status 3" ]
}

@test "a failing backup is shown with its reason" {
	echo 'another passphrase entirely' >"$T/wrong"
	chmod 600 "$T/wrong"
	{
		echo "[schedule a]"
		echo "path = $T/src"
		echo "repository = $REPO"
		echo "passphrase-file = $T/wrong"
		echo "at = 06:00"
	} >"$T/conf"
	schedule b "at = 07:00" "path = $T/gone"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 failed
	[ "$(job 1 .exit_code)" = 12 ]
	[[ $(job 1 .reason) == "backup: wrong passphrase"* ]]
	it_is "2026-03-02 07:00:00"
	wait_until job_is 2 partial
	[ "$(job 2 .exit_code)" = 3 ]
	[[ $(job 2 '.errors[]') == *"$T/gone"* ]]
	expect 0 "$TIDEMARK" schedule list
	output_has "job 1 failed 2026-03-02 06:00:00: backup: wrong passphrase"
	expect 3 "$TIDEMARK" schedule run b --wait
	expect 1 "$TIDEMARK" schedule run a --wait
	expect 1 "$TIDEMARK" schedule run c
	output_has "there is no such schedule"
	# since it was read, others may have been let in
	chmod 644 "$T/wrong"
	expect 1 "$TIDEMARK" schedule run a --wait
	output_has "others than its owner may read it"
}

@test "a job is cancelled, and its record says so" {
	gate a
	schedule a "at = 06:00" "before = $(waits_for a)" \
		"after = echo \$TIDEMARK_JOB_RESULT >'$T/told'"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 running
	expect 0 "$TIDEMARK" jobs cancel 1
	wait_until job_is 1 cancelled
	[ "$(job 1 .reason)" = "by tidemark jobs cancel" ]
	[ "$(cat "$T/told")" = cancelled ]
	# it is dealt with: a restart does not bring it back
	daemon_ends
	it_is "2026-03-03 06:00:00"
	daemon_starts
	wait_until job_is 2 running
	[ "$(job 2 .due)" = 2026-03-03T06:00:00.000000000Z ]
	[ "$(job 2 .skipped)" = 0 ]
	go a
	wait_until job_is 2 ok
}

@test "a pause outlives a restart, and nothing of it is caught up" {
	schedule a "at = 06:00"
	schedule b "at = 06:00"
	daemon_starts
	expect 0 "$TIDEMARK" schedule pause a
	output_has "a is paused"
	daemon_ends
	it_is "2026-03-03 07:00:00"
	daemon_starts
	wait_until job_is 1 ok
	[ "$(job 1 .schedule)" = b ]
	schedule_is a paused
	expect 0 "$TIDEMARK" schedule resume a
	schedule_is a waiting
	[ "$(state_of a next)" = 2026-03-04T06:00:00.000000000Z ]
	expect 0 "$TIDEMARK" schedule pause a --until "2026-03-05 12:00:00"
	expect 0 "$TIDEMARK" schedule list
	output_has "paused until 2026-03-05 12:00:00"
	it_is "2026-03-04 06:00:00"
	wait_until job_is 2 ok
	it_is "2026-03-05 12:00:00"
	wait_until schedule_is a waiting
	it_is "2026-03-06 06:00:00"
	wait_until jobs_are ok ok ok ok ok
	[ "$("$TIDEMARK" jobs --json | jq -r 'select(.schedule == "a").due')" \
		= 2026-03-06T06:00:00.000000000Z ]
	expect 1 "$TIDEMARK" schedule pause c
}

@test "a run that dies with the daemon is made once more" {
	gate a
	schedule a "at = 06:00" "before = echo \$TIDEMARK_JOB >>'$T/runs'; \
$(waits_for a)"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 running
	wait_until grep -qx 1 "$T/runs"
	daemon_ends KILL
	# a line that was torn by a crash
	printf '{"id":9,"state":"run' >>"$T/var/jobs"
	it_is "2026-03-02 06:10:00"
	daemon_starts
	job_is 1 died
	[[ $(job 1 .reason) == "tidemarkd or the machine ended"* ]]
	wait_until job_is 2 running
	[ "$(job 2 .attempt)" = 2 ]
	[ "$(job 2 .due)" = 2026-03-02T06:00:00.000000000Z ]
	wait_until grep -qx 2 "$T/runs"
	# this time in order: the hook is ended, too
	daemon_ends TERM
	daemon_starts
	job_is 2 died
	[ "$(job 2 .reason)" = "tidemarkd was stopped" ]
	it_is "2026-03-03 06:00:00"
	wait_until job_is 3 running
	[ "$(job 3 .attempt)" = 1 ]
	go a
	wait_until job_is 3 ok
	jq -c . "$T/var/jobs" >/dev/null
}

@test "on days on which the clocks change each time is due once" {
	export TZ=Europe/Berlin
	schedule a "at = 02:30"
	it_is "2026-03-29 01:59:59"
	daemon_starts
	expect 0 "$TIDEMARK" schedule next --count 2
	[ "$output" = "2026-03-29 03:00:00  a
2026-03-30 02:30:00  a" ]
	it_is "2026-03-29 03:00:00"
	wait_until job_is 1 ok
	daemon_ends
	it_is "2026-10-25T02:29:00+02:00"
	daemon_starts
	wait_until job_is 2 ok # what was missed all summer
	it_is "2026-10-25T02:30:00+02:00"
	wait_until job_is 3 ok
	it_is "2026-10-25T02:30:00+01:00"
	wait_until schedule_is a waiting
	[ "$(state_of a next)" = 2026-10-26T01:30:00.000000000Z ]
	it_is "2026-10-26 02:30:00"
	wait_until job_is 4 ok
	[ "$(job 4 .due)" = 2026-10-26T01:30:00.000000000Z ]
	[ "$(job 4 .skipped)" = 0 ]
}

@test "a clock that is set back or forward doubles and loses nothing" {
	schedule a "at = 06:00"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 ok
	# back over it: not again
	it_is "2026-03-02 05:30:00"
	wait_until schedule_is a waiting
	[ "$(state_of a next)" = 2026-03-03T06:00:00.000000000Z ]
	it_is "2026-03-02 06:00:01"
	# forward over three: one
	it_is "2026-03-05 12:00:00"
	wait_until job_is 2 ok
	[ "$(job 2 .skipped)" = 2 ]
	# the clock was years ahead when the last one ran
	it_is "2036-03-05 12:00:00"
	wait_until job_is 3 ok
	it_is "2026-03-06 12:00:00"
	wait_until grep -q "the clock was set far back" "$T/daemon.log"
	it_is "2026-03-07 06:00:00"
	wait_until job_is 4 ok
	[ "$(job 4 .late)" = false ]
}

@test "short intervals; what comes due during a run is one more run" {
	gate a
	schedule a "every = 1m" "before = $(waits_for a)"
	daemon_starts
	it_is "2026-03-02 05:01:00"
	wait_until job_is 1 running
	it_is "2026-03-02 05:11:10"
	go a
	wait_until job_is 1 ok
	wait_until job_is 2 running
	[ "$(job 2 .due)" = 2026-03-02T05:11:00.000000000Z ]
	[ "$(job 2 .skipped)" = 9 ]
	go a
	wait_until job_is 2 ok
}

@test "snapshots that the schedule does not keep are forgotten after a run" {
	tm backup --host other "$T/src" >/dev/null
	schedule a "at = 06:00" "keep-last = 1"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 2 ok || job_is 1 ok
	echo second >"$T/src/second"
	expect 0 "$TIDEMARK" schedule run a --wait
	# its own last one, and that of another host
	[ "$(snapshots)" = 2 ]
}

@test "SIGHUP reads the configuration again, and keeps it if it is bad" {
	schedule a "at = 06:00"
	daemon_starts
	"$TIDEMARK" schedule pause a
	schedule b "at = 06:00"
	kill -HUP "$DAEMON"
	wait_until schedule_is b waiting
	schedule_is a paused
	echo "at = 25:00" >>"$T/conf"
	schedule c "at = 06:00"
	kill -HUP "$DAEMON"
	wait_until grep -q "the old one stays in force" "$T/daemon.log"
	grep -q "$T/conf:11: at is given a second time" "$T/daemon.log"
	[ "$("$TIDEMARK" schedule list --json | jq -r .name | xargs)" = "a b" ]
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 ok
	[ "$(job 1 .schedule)" = b ]
}

@test "the service manager is told, and the journal gets priorities" {
	local file=$T/daemon.log
	requires perl
	perl -MSocket -e '
		socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die $!;
		bind($s, pack_sockaddr_un($ARGV[0])) or die $!;
		$| = 1;
		while (defined recv($s, my $text, 4096, 0)) {
			print $text;
		}' \
		"$T/notify" >"$T/notified" 3>&- &
	BACKGROUND+=("$!")
	wait_until test -S "$T/notify"
	schedule a "at = 06:00"
	: >"$file"
	NOTIFY_SOCKET=$T/notify \
		JOURNAL_STREAM=$(stat -c %d:%i "$file") daemon_starts
	wait_until grep -qx "READY=1" "$T/notified"
	wait_until grep -qx "STATUS=next: a at 2026-03-02 06:00" "$T/notified"
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 ok
	wait_until grep -qx "STATUS=next: a at 2026-03-03 06:00" "$T/notified"
	grep -qx "STATUS=job 1 (a) runs" "$T/notified"
	kill -HUP "$DAEMON"
	wait_until grep -qx "RELOADING=1" "$T/notified"
	wait_until grep -qx "<6>job 1 (a): ok" "$file"
	chmod 666 "$T/conf"
	kill -HUP "$DAEMON"
	wait_until grep -q "^<3>$T/conf: others than its owner may write" \
		"$file"
	daemon_ends
	wait_until grep -qx "STOPPING=1" "$T/notified"
}

@test "the passphrase is in no command line and no environment" {
	schedule a "at = 06:00" "before = tr '\\0' '\\n' </proc/self/environ \
>'$T/env'; cat /proc/[0-9]*/cmdline >'$T/args' 2>/dev/null; true"
	daemon_starts
	it_is "2026-03-02 06:00:00"
	wait_until job_is 1 ok
	grep -qx "TIDEMARK_JOB=1" "$T/env"
	grep -qx "TIDEMARK_SCHEDULE=a" "$T/env"
	grep -qx "TIDEMARK_REPOSITORY=$REPO" "$T/env"
	grep -qx "TIDEMARK_PASSPHRASE_FILE=$PASS" "$T/env"
	expect 1 grep -aF "$(cat "$PASS")" "$T/env" "$T/args" "$T/var/jobs"
}
