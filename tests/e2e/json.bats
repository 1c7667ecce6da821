# SPDX-License-Identifier: Apache-2.0
# release only
#
# Every line of --json is an object with message_type and schema, on both
# outputs, and docs/json.md speaks of every type and every member.

bats_require_minimum_version 1.5.0
load ../lib/helpers

# record COMMAND...: the lines of both outputs go to $T/lines, whatever the
# exit status.
record() {
	"$@" --json >"$T/out" 2>"$T/err" || true
	cat "$T/out" "$T/err" >>"$T/lines"
}

tm_to() { # OUT ERR VERB...
	local out=$1 err=$2
	shift 2
	tm "$@" >"$out" 2>"$err"
}

well_formed() { # FILE
	[ "$(tail -c 1 "$1" | od -An -c | tr -d ' ')" = '\n' ]
	# a line is one object: as many objects as lines
	[ "$(jq -s length "$1")" -eq "$(wc -l <"$1")" ]
	jq -e -s 'all(.[]; type == "object" and
		(keys_unsorted[0:2] == ["message_type", "schema"]) and
		(.message_type | type) == "string" and .schema == 1)' "$1"
}

documented() { # FILE
	local missing=
	# after ### are the types, in backquotes the members; X_b64 goes with X
	grep '^### ' "$TOP/docs/json.md" | sed 's/^### //; s/ (.*//' |
		tr -d ' ' | tr , '\n' | sort -u >"$T/types"
	perl -nle 'print for /\x60(\w+)\x60/g' "$TOP/docs/json.md" |
		sort -u >"$T/members"
	missing+=$(jq -r .message_type "$1" | sort -u |
		comm -23 - "$T/types")
	missing+=$(jq -r '[.. | objects | keys_unsorted[]] | .[]' "$1" |
		sed 's/_b64$//' | sort -u | comm -23 - "$T/members")
	[ -z "$missing" ] || {
		echo "not in docs/json.md: $missing"
		return 1
	}
}

@test "every verb's lines are well formed and documented" {
	mkdir -p src/sub
	echo a >src/a
	ln src/a src/sub/$'b\xff\n'
	ln -s $'to\xff' src/link
	touch -d '1930-01-01' src/a
	touch $'src/\xe2\x80\xae' $'src/"\\\t' src/racy
	record tm init
	record tm backup -v -v src $'src/sub/b\xff\n'
	echo b >src/a
	mkdir src/more
	record tm backup -n src
	record tm backup --tag 'x,y' src
	record tm backup src/nowhere src
	record tm snapshots
	record tm ls -R latest
	record tm ls -l latest "$T/src/a" /nowhere
	record tm find -i '*A*' 'SRC/*'
	record tm cat config
	record tm cat snapshot latest
	record tm cat head latest
	record tm cat index "$(tm cat head latest | jq -r '.indexes[0]')"
	record tm cat tree "$(tm cat snapshot latest | jq -r .tree)"
	record tm cat latest /nowhere
	record tm diff --metadata latest~2 latest
	record tm explain src/a
	record tm explain src/more
	record tm stats
	record tm stats --mode raw-data latest
	record tm check --read-data
	record tm restore latest --target out -v -v --verify
	record tm restore latest --target out
	record tm key list
	record tm key remove 0000
	record tm forget --keep-last 1
	record tm forget --keep-last 1 --prune --dry-run
	record tm prune
	record tm snapshots latest~9
	record tm nonsense
	record "$TIDEMARK" ls -r "$T/none" -p "$PASS" latest
	record "$TIDEMARK" version
	record "$TIDEMARK" version --fault-points
	well_formed lines
	documented lines
	# the types that must have been among them
	for type in initialized verbose_status summary snapshot node match \
		config head index index_pack index_chunk tree change \
		statistics explain explain_next stats key forget_snapshot \
		forget_summary prune_summary error exit_error version; do
		jq -e -s "any(.[]; .message_type == \"$type\")" lines >/dev/null ||
			{ echo "no $type"; false; }
	done
}

@test "benchmark and a damaged repository, too" {
	mkdir src
	head -c 200000 /dev/urandom >src/random
	tm_init
	tm backup -q src
	record tm benchmark
	while IFS= read -r pack; do
		printf 'xxxx' | dd of="$pack" bs=1 seek=300 conv=notrunc \
			status=none
	done < <(find "$REPO/packs" -type f)
	record tm check --read-data
	record tm ls -R latest
	record tm restore latest --target out
	record tm cat latest "$T/src/random"
	well_formed lines
	documented lines
	jq -e -s 'any(.[]; .message_type == "problem")' lines
	jq -e -s 'any(.[]; .message_type == "benchmark")' lines
}

@test "the exact bytes of a name are in _b64" {
	mkdir src
	touch src/$'a\xffb' src/plain
	tm_init
	tm backup -q src
	tm ls "latest:$T/src" --json >out
	[ "$(jq -r 'select(.path_b64) | .path_b64' out | base64 -d)" = \
		"$T/src/"$'a\xffb' ]
	[ "$(jq -r 'select(.path_b64) | .path' out)" = \
		"$T/src/a"$'\xef\xbf\xbd'"b" ]
	[ "$(jq -s 'map(select(.path_b64)) | length' out)" -eq 1 ]
	tm backup -q src/$'a\xffb'
	[ "$(tm snapshots --json latest | jq -r '.paths_exact[0].path_b64' |
		base64 -d)" = "$T/src/"$'a\xffb' ]
}

@test "results on standard output, diagnostics on standard error" {
	mkdir src
	tm_init
	tm backup --json src >out 2>err
	[ ! -s err ]
	[ "$(jq -r .message_type out | tail -n 1)" = summary ]
	run ! tm_to out err backup --json src/none
	[ ! -s out ]
	[ "$(jq -r .message_type err | tail -n 1)" = exit_error ]
	[ "$(jq -r 'select(.code) | .code' err)" -eq 1 ]
	REPO=$T/none
	run ! tm_to out err snapshots --json
	[ "$(jq -r 'select(.code) | .code' err)" -eq 10 ]
	[ "$(jq -r 'select(.code) | .message' err | wc -l)" -eq 1 ]
}
