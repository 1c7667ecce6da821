# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# tidemarkd.conf: every mistake is told, and nothing starts with one.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/scheduling

setup() { scheduling_setup; }
teardown() { scheduling_teardown; }

@test "all mistakes are told with file and line, and it does not start" {
	cat >"$T/conf" <<-'END'
		[daemon]
		sokcet = /run/x
		max-inodes = many
		[schedule a]
		path = relative
		at = 24:00
		nonsense
	END
	expect 2 tidemarkd --check-config
	output_has "$T/conf:2: there is no key 'sokcet' in [daemon]; there are"
	output_has "$T/conf:3: max-inodes = many: must be a number from 1 to"
	output_has "$T/conf:5: path = relative: must be a path"
	output_has "$T/conf:6: at = 24:00: a time of the day lies between"
	output_has "$T/conf:7: must be [section], key = value, or a comment"
	output_has "$T/conf:4: [schedule a] needs repository"
	output_has "$T/conf:4: [schedule a] needs passphrase-file or"
	expect 2 tidemarkd --run touch "$T/it-ran"
	output_has "$T/conf: not started"
	[ ! -e "$T/it-ran" ]
}

@test "a file that others may change is refused" {
	schedule a "at = 06:00"
	expect 0 tidemarkd --check-config
	output_has "$T/conf: 1 schedule, no mistakes"
	chmod g+w "$T/conf"
	expect 2 tidemarkd --check-config
	output_has "$T/conf: others than its owner may write it (mode 664)"
	chmod 644 "$T/conf"
	chown daemon "$T/conf"
	expect 2 tidemarkd --check-config
	output_has "belongs to user 1, not to root"
	chown root "$T/conf"
	chmod 644 "$PASS"
	expect 2 tidemarkd --check-config
	output_has "$T/conf:4: passphrase-file = $PASS: others than its owner may read it (mode 644): chmod go-r"
	chmod 620 "$PASS"
	expect 2 tidemarkd --check-config
	output_has "others than its owner may write it (mode 620)"
	chmod 600 "$PASS"
	mkdir "$T/conf.d"
	echo "[daemon]" >"$T/conf.d/1.conf"
	chmod 646 "$T/conf.d/1.conf"
	expect 2 tidemarkd --check-config
	output_has "$T/conf.d/1.conf: others than its owner may write it"
}

@test "a file that is named must be there; the usual one need not" {
	rm -f "$T/conf"
	expect 2 tidemarkd --check-config
	output_has "$T/conf: cannot be read: No such file or directory"
	mkdir "$T/conf"
	expect 2 tidemarkd --check-config
	output_has "$T/conf: is no file"
}

@test "drop-ins come after it, and options win" {
	echo "[daemon]
socket = $T/elsewhere" >"$T/conf"
	mkdir "$T/conf.d"
	schedule a "at = 06:00"
	echo "[schedule a]
at = 07:00
path = $T/more" >"$T/conf.d/10-more.conf"
	echo "not even ini" >"$T/conf.d/10-more.conf~"
	daemon_starts
	[ ! -e "$T/elsewhere" ]
	expect 0 "$TIDEMARK" schedule list
	output_has "a: 07:00, to $REPO"
	mkdir "$T/more"
	echo x >"$T/more/x"
	expect 0 "$TIDEMARK" schedule run a --wait
	expect 0 tm ls latest "$T/more"
	output_has x
}

@test "what [daemon] says is what the options have" {
	mkdir "$T/other"
	cat >"$T/conf" <<-END
		[daemon]
		socket = $T/socket
		state-dir = $T/state
		track-list = $T/var/list
		job-dir = $T/other
		tracking = no
	END
	"$BUILD/tidemarkd" --config "$T/conf" --run \
		"$TIDEMARK" status >"$T/out" 2>"$T/err"
	grep -q "tracking is off" "$T/out"
	[ -f "$T/other/jobs" ] || [ -d "$T/other" ]
	expect 1 "$BUILD/tidemarkd" --config "$T/conf" --job-dir "$T" --run \
		"$TIDEMARK" track add /
	output_has "tracking is off"
}

@test "two daemons do not share their jobs" {
	schedule a "at = 06:00"
	daemon_starts
	expect 1 tidemarkd --socket "$T/second" --run true
	output_has "another tidemarkd has its jobs in $T/var"
}

@test "the example is right when its comments are taken off" {
	sed -n 's/^# \(\[.*\|[a-z-]* = .*\)/\1/p' \
		"$TOP/packaging/tidemarkd.conf" >"$T/conf"
	grep -q '^\[schedule nightly\]$' "$T/conf"
	expect 0 tidemarkd --check-config
	output_has "1 schedule, no mistakes"
	expect 0 "$BUILD/tidemarkd" --check-config \
		--config "$TOP/packaging/tidemarkd.conf"
}

@test "the manual page has every key" {
	local key keys
	printf '%s\n' '[daemon]' 'x = 1' '[track]' 'x = 1' '[schedule a]' \
		'x = 1' >"$T/conf"
	expect 2 tidemarkd --check-config
	keys=$(grep -o 'there are .*' <<<"$output" | sed 's/there are //' |
		tr -d , | tr ' ' '\n')
	[ "$(wc -w <<<"$keys")" -gt 50 ]
	for key in $keys; do
		grep -qE "^\.(It )?Cm (.*[ ,])?$key( |,|$)" \
			"$TOP/docs/tidemarkd.conf.5" || {
			echo "not there: $key"
			return 1
		}
	done
}
