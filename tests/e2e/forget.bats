# SPDX-License-Identifier: Apache-2.0
# release only
#
# Which snapshots go, and that nothing else does.

load ../lib/helpers

# Ten days, a snapshot a day, made once.
setup_file() {
	local day
	tm_setup
	make_tree "$BATS_FILE_TMPDIR/src" 5
	tm_init >/dev/null
	for day in 01 02 03 04 05 06 07 08 09 10; do
		tm backup -q --time "2026-03-$day 12:00:00" \
			"$BATS_FILE_TMPDIR/src"
	done
	mv "$REPO" "$BATS_FILE_TMPDIR/ten"
	tm_teardown
}

ten_days() { cp -a "$BATS_FILE_TMPDIR/ten" "$REPO"; }

# snapshot_at TIME [backup option...]: one more.
snapshot_at() {
	local when=$1
	shift
	tm backup -q --time "$when" "$@" "$BATS_FILE_TMPDIR/src"
}

count() { tm snapshots --json | jq -s length; }
days() { tm snapshots --json | jq -r '.time[8:10]' | tr '\n' ' '; }

@test "the last of each day, and why" {
	ten_days
	snapshot_at "2026-03-10 18:00:00"
	expect 0 tm forget --keep-daily 3 --keep-last 1
	output_has "keep 3 snapshots"
	output_has "last, daily"
	output_has "remove 8 snapshots"
	[ "$(days)" = "08 09 10 " ]
	[ "$(tm snapshots --json | jq -r .time | tail -n 1 | cut -c12-13)" = 18 ]
	expect 0 tm check
}

@test "a dry run forgets nothing" {
	ten_days
	before=$(cd "$REPO" && find . -type f | sort)
	expect 0 tm forget --keep-last 1 --dry-run --prune
	output_has "would remove 9 snapshots, 1 left"
	output_has "dry run"
	[ "$(count)" -eq 10 ]
	[ "$before" = "$(cd "$REPO" && find . -type f | sort)" ]
}

@test "a policy that keeps nothing of a group is refused" {
	ten_days
	expect 1 tm forget --keep-tag never
	output_has "--unsafe-allow-remove-all"
	[ "$(count)" -eq 10 ]
	expect 0 tm forget --keep-tag never --unsafe-allow-remove-all
	[ "$(count)" -eq 0 ]
	expect 0 tm check
	expect 0 tm backup "$BATS_FILE_TMPDIR/src"
	expect 0 tm check --read-data
}

@test "nothing is forgotten without a policy" {
	ten_days
	expect 1 tm forget
	expect 0 tm forget --keep-last 0
	[ "$(count)" -eq 10 ]
}

@test "snapshots by name: id, latest, latest~N" {
	ten_days
	id=$(tm snapshots --json | jq -r .id | sed -n 3p)
	expect 0 tm forget "${id:0:8}" latest latest~1
	[ "$(days)" = "01 02 04 05 06 07 08 " ]
	[ ! -e "$REPO/snapshots/$id" ]
	# all of them by name needs no further word
	mapfile -t ids < <(tm snapshots --json | jq -r .id)
	expect 0 tm forget "${ids[@]}" "${ids[0]}"
	[ "$(count)" -eq 0 ]
}

@test "an unknown name forgets nothing at all" {
	ten_days
	expect 1 tm forget latest 00000000
	[ "$(count)" -eq 10 ]
}

@test "groups: hosts and paths apart, or all as one" {
	tm_init
	for host in a b c; do
		snapshot_at "2026-03-01 12:00:00" --host $host
		snapshot_at "2026-03-02 12:00:00" --host $host
	done
	expect 0 tm forget --keep-last 1 --host b
	output_has "removed 1 snapshot, 5 left"
	expect 0 tm forget --keep-last 1
	output_has "snapshots of host a"
	[ "$(count)" -eq 3 ]
	expect 0 tm forget --keep-last 1 --group-by ''
	[ "$(count)" -eq 1 ]
	expect 1 tm forget --keep-last 1 --group-by colour
}

@test "tags keep: all tags of one list" {
	tm_init
	snapshot_at "2026-03-01 12:00:00" --tag x --tag y
	snapshot_at "2026-03-02 12:00:00" --tag x
	snapshot_at "2026-03-03 12:00:00"
	expect 0 tm forget --keep-tag x,y --keep-tag z
	[ "$(days)" = "01 " ]
}

@test "within a time, counted from the latest" {
	ten_days
	expect 0 tm forget --keep-within 3d
	output_has "within"
	[ "$(days)" = "08 09 10 " ]
}

@test "JSON: every snapshot with its verdict, then a summary" {
	ten_days
	tm forget --json --keep-last 2 --prune >"$T/out"
	[ "$(jq -s '[.[] | select(.message_type == "forget_snapshot" and
		.action == "keep" and .reasons == ["last"])] | length' \
		"$T/out")" -eq 2 ]
	[ "$(jq -s '[.[] | select(.action == "remove")] | length' \
		"$T/out")" -eq 8 ]
	[ "$(jq -r 'select(.message_type == "forget_summary") |
		"\(.kept) \(.removed) \(.snapshots)"' "$T/out")" = "2 8 2" ]
	# whether there is anything to free depends on what else happens to the
	# directories above the source
	[ "$(jq -r 'select(.message_type == "prune_summary") |
		.committed | type' "$T/out")" = boolean ]
}

@test "the head is committed before an object goes" {
	ten_days
	id=$(tm snapshots --json | jq -r .id | head -n 1)
	expect 137 tm_fault head.write forget --keep-last 1
	[ "$(count)" -eq 10 ]
	[ -e "$REPO/snapshots/$id" ]
	expect 137 tm_fault store.delete forget --keep-last 1
	[ "$(count)" -eq 1 ]
	[ -e "$REPO/snapshots/$id" ]
	expect 0 tm check
	expect 0 tm prune
	[ ! -e "$REPO/snapshots/$id" ]
	expect 0 tm check --read-data
}

@test "a backup that commits meanwhile is part of the decision" {
	ten_days
	TIDEMARK_FAULT=head.write:1:stop in_background forget --keep-last 1
	wait_until is_stopped "$PID"
	snapshot_at "2026-03-11 12:00:00"
	kill -CONT "$PID"
	wait "$PID"
	[ "$(days)" = "11 " ]
	expect 0 tm check
}

@test "forget, when there is no snapshot, blames no filter" {
	tm_setup
	tm_init >/dev/null
	expect 1 tm forget latest
	output_has 'no snapshot is there yet'
	expect 1 tm forget --host elsewhere latest
	output_has 'of that host, path and tag'
}
