#!/usr/bin/env bats
# release only
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets status, output and lines
#
# cli.bats - the command line itself: usage, parsing, what is generated from
# the table, and where the passphrase comes from.

bats_require_minimum_version 1.5.0
load ../lib/helpers

# A verb that this build does not have cannot be tested.
requires_verb() {
	local verb
	for verb in "$@"; do
		"$TIDEMARK" help "$verb" >/dev/null 2>&1 ||
			skip "needs the verb $verb"
	done
}

# One line on standard error, beginning as it should, and exit status 1.
refuses() { # TEXT ARGUMENT...
	local text=$1
	shift
	expect 1 "$TIDEMARK" "$@"
	output_has "$text"
	[ "${#lines[@]}" -eq 1 ]
	[[ ${lines[0]} == tidemark:\ * ]]
}

verbs() { "$TIDEMARK" help | sed -n 's/^  \([a-z]*\) \{2,\}[a-z].*/\1/p'; }

# --- usage ----------------------------------------------------------------

@test "help lists the verbs, and help VERB the verb's options" {
	expect 0 "$TIDEMARK" help
	output_has 'completion'
	output_has '--passphrase-file FILE'
	for verb in $(verbs); do
		expect 0 "$TIDEMARK" help "$verb"
		output_has "Usage: tidemark $verb"
		local usage=$output
		expect 0 "$TIDEMARK" "$verb" --help
		[ "$output" = "$usage" ]
		expect 0 "$TIDEMARK" -h "$verb"
		[ "$output" = "$usage" ]
	done
}

@test "no line of usage is wider than 79 columns" {
	"$TIDEMARK" help >usage
	for verb in $(verbs); do
		"$TIDEMARK" help "$verb" >>usage
	done
	run ! grep -E '^.{80}' usage
}

@test "the version is printed in both forms" {
	expect 0 "$TIDEMARK" version
	[[ $output =~ ^tidemark\ [0-9]+\.[0-9]+ ]]
	local version=${output#tidemark }
	expect 0 "$TIDEMARK" --version
	[ "$output" = "tidemark $version" ]
	"$TIDEMARK" version --json >out
	[ "$(jq -r .message_type out)" = version ]
	[ "$(jq -r .version out)" = "$version" ]
	[ "$(jq -r .schema out)" = 1 ]
}

@test "version --fault-points lists the points" {
	expect 0 "$TIDEMARK" version --fault-points
	output_has store.publish
	"$TIDEMARK" version --fault-points --json >out
	jq -e '.names | index("head.write")' out
}

@test "an unknown fault point is refused" {
	TIDEMARK_FAULT=no.such.point run "$TIDEMARK" version
	[ "$status" -eq 1 ]
	output_has no.such.point
}

# --- what is wrong is named -----------------------------------------------

@test "without a verb there is one line" {
	refuses 'no verb'
}

@test "an unknown verb is answered with the nearest" {
	refuses 'unknown verb versoin, did you mean version?' versoin
	refuses 'did you mean completion?' completions
	refuses 'unknown verb frobnicate, see' frobnicate
	refuses 'did you mean version?' help versoin
}

@test "what other tools call a verb is understood" {
	requires_verb backup snapshots restore
	refuses 'did you mean backup?' create
	refuses 'did you mean restore?' extract
}

@test "an unknown option is answered with the nearest" {
	refuses 'did you mean --fault-points?' version --fault-point
	refuses 'did you mean --passphrase-file?' version --password-file x
	refuses 'unknown option --frobnicate' version --frobnicate
	refuses 'unknown option -z' version -z
}

@test "an option before the verb must be a global one" {
	expect 0 "$TIDEMARK" -r /nowhere -v version
	refuses "unknown option --fault-points" --fault-points version
	refuses "unknown option -x" -x version
}

@test "a missing, a surplus and an empty value are refused" {
	refuses '--repo needs a value' version --repo
	refuses '-r needs a value' version -r
	refuses '--quiet takes no value' version --quiet=yes
	refuses '--repo: the value is empty' version --repo ''
}

@test "surplus and missing arguments are refused" {
	refuses 'x is one argument too many' version x
	refuses 'man needs DIR' completion man
	refuses 'say bash, zsh, fish or man' completion
	refuses 'unknown word fihs, did you mean fish?' completion fihs
}

@test "contradictory options are refused" {
	refuses '--quiet and --verbose contradict' version -q -v
	refuses '--passphrase-file and --passphrase-fd contradict' \
		version --passphrase-file x --passphrase-fd 3
}

@test "numbers and sizes are taken whole or not at all" {
	refuses '--limit-rate 10X: not a size' version --limit-rate 10X
	refuses '--limit-rate 10Mfoo: not a size' version --limit-rate 10Mfoo
	refuses '--limit-rate -1: not a size' version --limit-rate -1
	refuses 'not a size' version --limit-rate 99999999999999999999
	refuses 'not a size' version --limit-rate 99999999T
	refuses '--passphrase-fd x: must be a number' version --passphrase-fd x
	refuses 'must be a number' version --passphrase-fd 99999999999
	expect 0 "$TIDEMARK" version --limit-rate 10M
	expect 0 "$TIDEMARK" version --limit-rate=500k
}

@test "options and arguments may be mixed, and -- ends the options" {
	expect 0 "$TIDEMARK" help -q version
	expect 0 "$TIDEMARK" help -- version
	refuses 'unknown verb -q' help -- -q
	expect 0 "$TIDEMARK" -qr/nowhere version
}

@test "backup refuses what contradicts" {
	requires_verb backup
	refuses '--stdin and /etc contradict' backup --stdin /etc
	refuses '--stdin and --files-from contradict' \
		backup --stdin --files-from x
	refuses '--stdin-filename needs --stdin' backup --stdin-filename x /etc
	refuses 'needs PATH' backup
	refuses '--compression best: must be off, fast, auto or max' \
		backup --compression best /etc
	refuses 'number from 1 to 19' backup --compression 20 /etc
	refuses '--time yesterday: not a time' backup --time yesterday /etc
	refuses '--read-concurrency 0:' backup --read-concurrency 0 /etc
}

@test "restore refuses what contradicts" {
	requires_verb restore
	refuses 'needs --target, --in-place or --to-device' restore latest
	refuses '--target and --in-place contradict' \
		restore latest --target x --in-place
	refuses '--include and --exclude contradict' \
		restore latest --target x --include a --exclude b
	refuses '--overwrite sometimes: must be always, if-changed' \
		restore latest --target x --overwrite sometimes
}

@test "forget refuses what contradicts" {
	requires_verb forget
	refuses 'needs SNAPSHOT..., or one of --keep-last' forget
	refuses '--keep-last and 1234 contradict' forget 1234 --keep-last 2
	refuses '--keep-within soon: not a duration' forget --keep-within soon
	refuses '--keep-daily x: must be a number or unlimited' \
		forget --keep-daily x
}

@test "key and check check their words and percentages" {
	requires_verb key check
	refuses 'say list, add, remove, passwd or rekey' key
	refuses '--label belongs to key add' key list --label x
	refuses 'remove needs ID' key remove
	refuses 'not a percentage' check --read-data=101%
	refuses 'not a percentage' check --read-data=0
}

@test "errors of parsing are JSON with --json" {
	run --separate-stderr "$TIDEMARK" version --json --frobnicate
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	[ "$(jq -r .message_type <<<"${stderr_lines[0]}")" = error ]
	[ "$(jq -r .message_type <<<"${stderr_lines[1]}")" = exit_error ]
	[ "$(jq -r .code <<<"${stderr_lines[1]}")" = 1 ]
	jq -re .message <<<"${stderr_lines[0]}" | grep -F -- --frobnicate
}

@test "hostile bytes in arguments come back printable" {
	run "$TIDEMARK" $'no\x1b[31m\xffverb\nline'
	[ "$status" -eq 1 ]
	output_has 'no\x1b[31m\xffverb\x0aline'
	[ "${#lines[@]}" -eq 1 ]
}

@test "output that cannot be written is an error" {
	run bash -c '"$0" help >/dev/full' "$TIDEMARK"
	[ "$status" -eq 1 ]
	output_has 'standard output'
}

# --- what is generated ----------------------------------------------------

@test "the manual has a page per verb, and mandoc finds nothing" {
	requires mandoc
	mkdir man
	expect 0 "$TIDEMARK" completion man man
	for verb in $(verbs); do
		[ -s "man/tidemark-$verb.1" ]
	done
	run mandoc -Tlint man/*.1
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "the manual's directory must exist" {
	refuses 'open directory nowhere' completion man nowhere
}

@test "the bash completion is valid and complete" {
	"$TIDEMARK" completion bash >c
	bash -n c
	shellcheck -s bash c
	cat >try <<-'END'
		source ./c
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_tidemark
		echo "${COMPREPLY[*]}"
	END
	[ "$(bash try tidemark versi)" = version ]
	[ "$(bash try tidemark version --fault)" = --fault-points ]
	[ "$(bash try tidemark completion z)" = zsh ]
	[ "$(bash try tidemark help comp)" = completion ]
	[ "$(bash try tidemark -r "$T/pass")" = "" ]
	[ "$(bash try tidemark version -p "$T/pass")" = "$T/passphrase" ]
	[ "$(bash try tidemark version --limit-rate '')" = "" ]
}

@test "the zsh completion is valid" {
	requires zsh
	"$TIDEMARK" completion zsh >_tidemark
	zsh -n _tidemark
	[ "$(head -n 1 _tidemark)" = '#compdef tidemark' ]
}

@test "the fish completion is valid and complete" {
	requires fish
	"$TIDEMARK" completion fish >c
	fish -n c
	run fish -c 'source c; complete -C "tidemark versi"'
	output_has version
	run fish -c 'source c; complete -C "tidemark version --fault"'
	output_has --fault-points
	run fish -c 'source c; complete -C "tidemark completion z"'
	output_has zsh
}

# --- the passphrase -------------------------------------------------------
# Through init, which wants a passphrase and then makes the repository.

init_with() { "$TIDEMARK" init --repo "$REPO" "$@"; }
# Every source is proved by opening the repository from the file.
opens() { "$TIDEMARK" snapshots --repo "$REPO" --passphrase-file "$PASS"; }

@test "the passphrase comes from a file, a descriptor or a command" {
	requires_verb init snapshots
	init_with --passphrase-file "$PASS"
	opens
	rm -rf "$REPO"
	init_with --passphrase-fd 7 7<"$PASS"
	opens
	rm -rf "$REPO"
	init_with --passphrase-fd 0 <"$PASS"
	opens
	rm -rf "$REPO"
	init_with --passphrase-command "cat '$PASS'"
	opens
}

@test "the passphrase comes from the environment's file or command" {
	requires_verb init snapshots
	TIDEMARK_PASSPHRASE_FILE=$PASS init_with
	opens
	rm -rf "$REPO"
	TIDEMARK_PASSPHRASE_COMMAND="cat '$PASS'" init_with
	opens
}

@test "the passphrase comes from a systemd credential" {
	requires_verb init snapshots
	mkdir cred
	cp "$PASS" cred/tidemark.passphrase
	CREDENTIALS_DIRECTORY=$T/cred init_with
	opens
}

@test "an option wins over the environment" {
	requires_verb init snapshots
	TIDEMARK_PASSPHRASE_FILE=/nowhere init_with --passphrase-file "$PASS"
	opens
}

@test "the command has no standard input" {
	requires_verb init snapshots
	init_with --passphrase-command "cat; cat '$PASS'" </dev/zero
	opens
}

@test "one newline at the end is taken off, not two" {
	requires_verb init snapshots
	printf 'correct horse battery staple' >bare
	init_with --passphrase-file bare
	opens
	printf 'correct horse battery staple\n\n' >two
	expect 12 "$TIDEMARK" snapshots --repo "$REPO" --passphrase-file two
}

@test "a wrong passphrase is exit status 12" {
	requires_verb init snapshots
	init_with --passphrase-file "$PASS"
	echo 'incorrect horse battery staple' >wrong
	expect 12 "$TIDEMARK" snapshots --repo "$REPO" --passphrase-file wrong
	[ "${#lines[@]}" -eq 1 ]
}

@test "without a source and a terminal there is one clear line" {
	requires_verb init
	expect 1 setsid -w "$TIDEMARK" init --repo "$REPO"
	output_has 'no passphrase: give --passphrase-file'
	[ "${#lines[@]}" -eq 1 ]
	TIDEMARK_PASSPHRASE=secret expect 1 \
		setsid -w "$TIDEMARK" init --repo "$REPO"
	output_has 'TIDEMARK_PASSPHRASE is not read'
	output_lacks secret
}

@test "two sources of one rank are refused" {
	requires_verb init
	refuses 'contradict' init --repo "$REPO" --passphrase-file "$PASS" \
		--passphrase-command true
	TIDEMARK_PASSPHRASE_FILE=$PASS TIDEMARK_PASSPHRASE_COMMAND=true \
		refuses 'contradict' init --repo "$REPO"
}

@test "a passphrase that is empty, too short or too long is refused" {
	requires_verb init
	printf '\n' >empty
	refuses 'the passphrase is empty' init -r "$REPO" -p empty
	printf 'fifteen letters' >short
	refuses 'at least 16 characters' init -r "$REPO" -p short
	# characters, not bytes
	printf 'zehn Grüßßßßßß\n' >umlauts
	refuses 'at least 16 characters' init -r "$REPO" -p umlauts
	head -c 1025 /dev/zero | tr '\0' x >long
	refuses 'longer than 1024 bytes' init -r "$REPO" -p long
	[ ! -e "$REPO/config" ]
}

@test "a source that fails is named, and a command's text is not repeated" {
	requires_verb init
	refuses '--passphrase-file nowhere' init -r "$REPO" -p nowhere
	refuses '--passphrase-fd 77' init -r "$REPO" --passphrase-fd 77
	refuses 'failed with exit status 3' \
		init -r "$REPO" --passphrase-command 'echo hidden; exit 3'
	output_lacks hidden
	refuses 'longer than 1024' init -r "$REPO" --passphrase-command yes
}

@test "a terminal is asked without echo, twice for a new passphrase" {
	requires_verb init snapshots
	requires script
	# script(1) makes the terminal and copies what is typed into it
	{
		wait_until grep -q 'New passphrase' typed
		echo 'correct horse battery staple'
		wait_until grep -q 'same again' typed
		echo 'correct horse battery staple'
	} | script -qefc "$TIDEMARK init -r $REPO" typed >/dev/null
	run ! grep horse typed
	opens
}

# --- init, where it cannot be ----------------------------------------------

@test "init of a repository says that it is one" {
	tm_init >/dev/null
	expect 1 tm init
	output_has 'is a repository already'
	opens
}

@test "init without a usable passphrase creates nothing" {
	echo short >short
	expect 1 "$TIDEMARK" -p short -r "$T/no/repo" init
	[ ! -e "$T/no" ]
	expect 1 "$TIDEMARK" -p nofile -r "$T/no/repo" init
	[ ! -e "$T/no" ]
}

# --- what a newcomer sees -------------------------------------------------

one_snapshot() {
	tm_init >/dev/null
	mkdir src
	echo one >src/file
	tm backup src >/dev/null
}

@test "what is no repository is called what it is, with status 10" {
	mkdir full empty other
	: >full/file
	: >other/config
	for path in "$PASS" full empty other gone; do
		expect 10 "$TIDEMARK" snapshots -r "$path" -p "$PASS"
		[ "${#lines[@]}" -eq 1 ]
		case $path in
		empty | gone) output_has "tidemark init" ;;
		*) output_lacks "tidemark init" ;;
		esac
	done
	expect 10 "$TIDEMARK" benchmark -r gone
	[ "${#lines[@]}" -eq 1 ]
}

@test "SNAPSHOT:PATH: cat takes it, and a path without a slash is named" {
	one_snapshot
	expect 0 tm cat "latest:$T/src/file"
	[ "$output" = one ]
	for verb in "ls latest:src" "cat latest:src" \
		"restore --target out latest:src"; do
		# shellcheck disable=SC2086 # a verb and its arguments
		expect 1 tm $verb
		output_has "latest:/src"
	done
	expect 1 tm cat latest
	output_has "needs SNAPSHOT PATH"
}

@test "messages are whole sentences, and count one as one" {
	one_snapshot
	for verb in "cat head x" "cat index x" "cat index abcd" \
		"backup --exclude [ src" "backup --exclude-if-present a/b src"; do
		# shellcheck disable=SC2086 # a verb and its arguments
		expect 1 tm $verb
		[ "${#lines[@]}" -eq 1 ]
		output_lacks "Invalid argument"
		output_lacks "No such file"
	done
	expect 1 tm cat index x
	output_has "an index"
	expect 1 tm ls 2001-01-01
	output_has "no snapshot is as old as 2001-01-01"
	expect 1 "$TIDEMARK" snapshots -r "$REPO" -p "$T"
	output_has "$T"
	expect 0 tm check --read-data
	output_has "1 file;"
	output_has "in 1 index"
	output_lacks "1 indexes"
	expect 0 tm restore --target out "latest:$T/src"
	output_has "restored 1 file "
	expect 0 tm prune -n
	output_lacks " 1 packs"
	refuses 'did you mean --read-data=10%?' check --read-data 10%
}

@test "a dry run says what would be" {
	one_snapshot
	expect 0 tm restore -n -v --target out "latest:$T/src"
	output_has "would restore"
	output_lacks "restored"
	tm forget --unsafe-allow-remove-all --keep-last 0 >/dev/null || true
	expect 0 tm prune -n
	output_has "would remove:"
	output_has "would free:"
	output_lacks "removed:"
}

@test "what matches nothing is a warning" {
	one_snapshot
	expect 0 tm restore --target out --include nomatch latest
	output_has "warning: nothing in the snapshot matches"
	expect 0 tm restore --target out2 --include file latest
	output_lacks "warning"
}

@test "the first snapshot is explained as the first" {
	one_snapshot
	expect 0 tm explain src/file
	output_has "new: no snapshot of these sources before it"
	output_lacks "has no such path"
	: >src/later
	tm backup src >/dev/null
	expect 0 tm explain src/later
	output_has "new: the snapshot before has no such path"
}

@test "tables: nothing hangs over, nothing is ruled off around nothing" {
	tm_init >/dev/null
	expect 0 tm snapshots
	[ "$output" = "0 snapshots" ]
	mkdir a bb
	tm backup --tag t a bb >/dev/null
	expect 0 tm snapshots
	[ "$(grep -c -- '^---' <<<"$output")" -eq 2 ]
	run ! grep ' $' <<<"$output"
	tm backup --tag t a bb >/dev/null
	expect 0 tm diff latest~1 latest
	[[ ${output} == Files:* ]]
	expect 0 tm key list
	[[ ${lines[0]} =~ ^\ +ID\ +KDF\ +Made\ +Label$ ]]
}

@test "a closed pipe does not fail what was done, a full disk does" {
	one_snapshot
	for verb in "backup -v --force src" "restore -v --target out latest"; do
		# shellcheck disable=SC2086 # a verb and its arguments
		{ tm $verb 2>err; echo $? >status; } | true
		[ "$(<status)" -eq 0 ]
		[ ! -s err ]
	done
	run bash -c '"$@" >/dev/full' - "$TIDEMARK" snapshots -r "$REPO" \
		-p "$PASS"
	[ "$status" -eq 1 ]
	output_has "write standard output"
}

# typing ANSWER... -- COMMAND...: at a terminal, an answer to each prompt.
typing() {
	timeout 60 python3 -c '
import os, pty, sys
at = sys.argv.index("--")
answers, command = sys.argv[1:at], sys.argv[at + 1:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b""
while True:
    try:
        got = os.read(fd, 4096)
    except OSError:
        break
    if not got:
        break
    sys.stdout.write(got.decode())
    seen += got
    if seen.endswith(b"Passphrase: "):
        os.write(fd, (answers.pop(0) if answers else "x").encode() + b"\n")
        seen = b""
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
' "$@"
}

@test "at a terminal a wrong passphrase is asked for again, three times" {
	requires python3
	one_snapshot
	for verb in snapshots "backup src" "key list"; do
		# shellcheck disable=SC2086 # a verb and its arguments
		expect 0 typing wrong 'correct horse battery staple' -- \
			"$TIDEMARK" $verb -r "$REPO"
		[ "$(grep -c 'wrong passphrase' <<<"$output")" -eq 1 ]
	done
	expect 12 typing a b c d -- "$TIDEMARK" backup src -r "$REPO"
	[ "$(grep -c 'wrong passphrase' <<<"$output")" -eq 3 ]
}
