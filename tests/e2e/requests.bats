# SPDX-License-Identifier: Apache-2.0
# slow
# not tsan
#
# What a backup in which nothing changed asks of a vault: the same few
# requests, however many files there are.
#
# shellcheck disable=SC2030,SC2031,SC2034 # each test has a REPO of its own

load ../lib/helpers
load ../lib/tracking
load ../lib/vault
load ../lib/registered

setup_file() { tracking_file_begins; }
teardown_file() { tracking_file_ends; }

setup() {
	tracking_setup
	mount_disk "$M" 256M -N 60000
	vault_made
	registered
	tm_init -q
}

teardown() { tracking_teardown; }

# files FROM TO: small ones, a hundred in a directory.
files() {
	perl -e 'for my $i ($ARGV[1] .. $ARGV[2] - 1) {
		my $d = sprintf("%s/d%03d", $ARGV[0], $i / 100);
		mkdir $d;
		open(my $f, ">", "$d/f$i") or die "$d: $!";
		print $f "file $i\n";
		close($f) or die "$d: $!";
	}' "$M" "$1" "$2"
}

# unchanged: how many requests a second backup makes, in $REQUESTS.
unchanged() {
	tm backup -q "$M"
	tm backup -q "$M"
	tm backup -vv --json "$M" >"$T/said" 2>"$T/asked"
	[ "$(jq -r 'select(.message_type == "summary") |
		.change_source' "$T/said")" = tracker ]
	grep 'vault: ' "$T/asked" >"$T/requests"
	REQUESTS=$(wc -l <"$T/requests")
	jq -c 'select(.message_type == "summary")' "$T/said"
	cat "$T/requests"
}

@test "requests of an unchanged backup do not grow with the files" {
	local few
	"$TIDEMARK" track add "$M"
	files 0 1000
	unchanged
	few=$REQUESTS
	[ "$few" -le 20 ]
	files 1000 20000
	unchanged
	[ "$REQUESTS" -le "$few" ]
}
