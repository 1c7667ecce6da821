# SPDX-License-Identifier: Apache-2.0
# not tsan
# slow
#
# The verb backup: what goes in, what stays out, what it says, and how it
# ends.

# shellcheck disable=SC2030,SC2031 # each test has a REPO of its own

load ../lib/helpers

setup() {
	tm_setup
	tm_init >/dev/null
	mkdir -p s/dir/sub s/other
	echo one >s/one.txt
	echo two >s/dir/TWO.txt
	echo three >s/dir/sub/three.log
	echo four >s/other/four.log
	S=$T/s
}

# Paths of the latest snapshot below the source, one a line.
paths() {
	tm ls --recursive latest "${1:-$S}" | sed "s|^$T/||" | sort
}

# holds PATH..., lacks PATH...: the latest snapshot, below $T.
holds() {
	local list p
	list=$(paths "$T")
	for p; do
		grep -qxF "$p" <<<"$list" || {
			echo "no $p in:"
			echo "$list"
			return 1
		}
	done
}

lacks() {
	local list p
	list=$(paths "$T")
	for p; do
		grep -qxF "$p" <<<"$list" && {
			echo "$p in:"
			echo "$list"
			return 1
		}
	done
	return 0
}

is_same() {
	"$BUILD/tests/lib/samesnap" "$REPO" "$PASS" latest "$1"
}

summary() { # FIELD of the last run's summary
	jq -r "select(.message_type == \"summary\").$1" <<<"$output"
}

snapshots() { find "$REPO/snapshots" -type f | wc -l; }

# Everything the repository is made of.
repo_state() {
	(cd "$REPO" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

# --- what stays out -------------------------------------------------------

@test "--exclude" {
	expect 0 tm backup -e '*.log' --exclude "$S/dir/TWO.txt" s
	holds s/one.txt s/dir/sub s/other
	lacks s/dir/sub/three.log s/other/four.log s/dir/TWO.txt
}

@test "--exclude takes a directory with all below it" {
	expect 0 tm backup --exclude dir s
	holds s/one.txt s/other/four.log
	lacks s/dir s/dir/sub s/dir/TWO.txt
}

@test "--exclude, taken back with !" {
	expect 0 tm backup -e '*.log' -e '!four.log' s
	holds s/other/four.log
	lacks s/dir/sub/three.log
}

@test "--iexclude" {
	expect 0 tm backup --iexclude 'two.*' s
	lacks s/dir/TWO.txt
	expect 0 tm backup --exclude 'two.*' s
	holds s/dir/TWO.txt
}

@test "--exclude-file, --iexclude-file" {
	printf '# comment\n\n*.log\n' >patterns
	printf 'two*\n' >ipatterns
	expect 0 tm backup --exclude-file patterns --iexclude-file ipatterns s
	holds s/one.txt
	lacks s/other/four.log s/dir/TWO.txt
	expect 1 tm backup --exclude-file no-such-file s
	output_has no-such-file
}

@test "--exclude-caches" {
	printf 'Signature: 8a477f597d28d172789f06886806bc55\n# x\n' \
		>s/dir/CACHEDIR.TAG
	echo 'no signature' >s/other/CACHEDIR.TAG
	expect 0 tm backup --exclude-caches s
	holds s/dir/CACHEDIR.TAG s/other/four.log
	lacks s/dir/TWO.txt s/dir/sub
}

@test "--exclude-if-present" {
	touch s/dir/.nobackup
	echo 'leave me' >s/other/tag
	expect 0 tm backup --exclude-if-present .nobackup \
		--exclude-if-present 'tag:leave' s
	holds s/dir/.nobackup s/other/tag
	lacks s/dir/TWO.txt s/other/four.log
	echo 'stay' >s/other/tag
	expect 0 tm backup --exclude-if-present 'tag:leave' s
	holds s/other/four.log
}

@test "--exclude-larger-than" {
	truncate -s 10K s/ten
	truncate -s 10241 s/more
	expect 0 tm backup --exclude-larger-than 10k s
	holds s/ten
	lacks s/more
	expect 1 tm backup --exclude-larger-than many s
}

@test "other patterns at the second backup: out and in again" {
	expect 0 tm backup s
	expect 0 tm backup -e '*.log' -e other s
	lacks s/other s/dir/sub/three.log
	expect 0 tm backup s
	holds s/other/four.log s/dir/sub/three.log
	is_same "$S"
}

@test "-x stays on the file system" {
	requires_root
	mkdir s/mnt
	mount_tmpfs s/mnt 2>/dev/null || mount -t tmpfs tmpfs s/mnt
	echo inside >s/mnt/inside
	expect 0 tm backup -x s
	holds s/mnt s/one.txt
	lacks s/mnt/inside
	expect 0 tm backup s
	holds s/mnt/inside
	is_same "$S"
	# a source that is on another one itself is entered
	expect 0 tm backup -x s s/mnt
	holds s/mnt
}

@test "the kernel's file systems are not entered" {
	requires_root
	mkdir s/proc
	mount -t proc proc s/proc
	expect 0 tm backup s
	holds s/proc s/one.txt
	lacks s/proc/self s/proc/1
}

# --- what goes in ---------------------------------------------------------

@test "several sources, relative, dotted, doubled and inside each other" {
	cd s
	expect 0 tm backup dir ./dir/sub ../s/other "$S/one.txt"
	holds s/dir/TWO.txt s/dir/sub/three.log s/other/four.log s/one.txt
	expect 0 tm backup ../s/dir/../dir//sub/
	holds s/dir/sub/three.log
	lacks s/dir/TWO.txt
}

@test "sources: a file, a symlink, a symlink with a slash, a fifo" {
	ln -s dir s/link
	mkfifo s/fifo
	expect 0 tm backup s/one.txt s/link s/fifo
	holds s/one.txt s/link s/fifo
	lacks s/dir/TWO.txt
	expect 0 tm backup s/link/
	holds s/dir/TWO.txt
}

@test "--files-from" {
	printf '%s\n' '# comment' 's/*.txt' '' 's/other' >list
	expect 0 tm backup --files-from list
	holds s/one.txt s/other/four.log
	lacks s/dir
}

@test "--files-from-verbatim" {
	touch 's/*.txt' 's/ # x '
	printf '%s\n' 's/*.txt' 's/ # x ' >list
	expect 0 tm backup --files-from-verbatim list
	holds 's/*.txt' 's/ # x '
	lacks s/one.txt
}

@test "--files-from-raw" {
	touch s/$'new\nline'
	printf '%s\0' s/$'new\nline' s/one.txt >list
	expect 0 tm backup --files-from-raw list
	holds s/one.txt
	[ "$(tm cat snapshot latest | jq -r '.paths | length')" -eq 2 ]
}

@test "--files-from with a name that is gone: the rest, and exit 3" {
	printf '%s\n' s/one.txt s/no-such-file >list
	expect 3 tm backup --files-from-verbatim list
	output_has no-such-file
	holds s/one.txt
}

@test "--files-from with nothing in it" {
	: >list
	expect 1 tm backup --files-from list
	[ "$(snapshots)" -eq 0 ]
}

@test "--stdin" {
	head -c 5000000 /dev/urandom >data
	expect 0 tm backup --stdin --stdin-filename db.sql <data
	tm cat latest /db.sql | cmp - data
	expect 0 tm backup --stdin </dev/null
	[ -z "$(tm cat latest /stdin)" ]
	expect 0 tm ls latest /
	[ "$output" = /stdin ] || [ "$output" = stdin ]
}

@test "--stdin in pieces" {
	for i in 1 2 3 4 5 6 7; do head -c $((i * 100000)) /dev/zero; done |
		expect 0 tm backup --stdin
	[ "$(tm cat latest /stdin | wc -c)" -eq 2800000 ]
}

@test "--stdin-from-command" {
	expect 0 tm backup --stdin-filename out --stdin-from-command -- \
		printf '%s' 'from a command'
	[ "$(tm cat latest /out)" = 'from a command' ]
}

@test "--stdin-from-command: a command that fails makes no snapshot" {
	expect 1 tm backup --stdin-from-command -- sh -c 'echo some; exit 7'
	output_has 'status 7'
	expect 1 tm backup --stdin-from-command -- sh -c 'echo x; kill -9 $$'
	output_has 'signal 9'
	expect 1 tm backup --stdin-from-command -- /no/such/command
	output_has /no/such/command
	[ "$(snapshots)" -eq 0 ]
}

@test "--stdin-filename refuses what is no name" {
	for name in a/b . .. ''; do
		expect 1 tm backup --stdin --stdin-filename "$name" </dev/null
	done
	[ "$(snapshots)" -eq 0 ]
}

# --- the snapshot ---------------------------------------------------------

@test "--tag, --host, --time" {
	expect 0 tm backup --tag a,b --tag c -H web1 \
		--time '2020-02-03 04:05:06' s
	run tm cat snapshot latest
	[ "$(jq -c .tags <<<"$output")" = '["a","b","c"]' ]
	[ "$(jq -r .hostname <<<"$output")" = web1 ] ||
		[ "$(jq -r .host <<<"$output")" = web1 ]
	output_has 2020-02-03T04:05:06
	expect 1 tm backup --time yesterday-ish s
}

@test "a clock that was set back is told" {
	tm backup --time '2099-01-01 00:00:00' s
	expect 0 tm backup s
	output_has 'the clock was set back: the snapshot before this one is of 2099-01-01'
	expect 0 tm backup --time '2020-01-01 00:00:00' s
	[[ $output != *'the clock was set back'* ]]
}

@test "--dry-run stores nothing" {
	expect 0 tm backup s
	echo more >s/more
	before=$(repo_state)
	expect 0 tm backup -n --json s
	[ "$(summary files_new)" -eq 1 ]
	[ "$(summary dry_run)" = true ]
	[ "$(summary snapshot_id)" = null ]
	[ "$(repo_state)" = "$before" ]
	# and the catalog does not believe in what was not stored
	expect 0 tm backup s
	is_same "$S"
	expect 0 tm check --read-data
}

@test "a first --dry-run stores nothing" {
	before=$(repo_state)
	expect 0 tm backup -n s
	output_has 'nothing was stored'
	[ "$(repo_state)" = "$before" ]
	expect 0 tm backup s
	is_same "$S"
}

# A source whose parents nobody changes: s at /mnt, for this command alone.
at_mnt() {
	expect 0 own_mounts sh -c 'mount --bind s /mnt && exec "$@"' sh \
		"$TIDEMARK" backup --repo "$REPO" --passphrase-file "$PASS" \
		--json "$@" /mnt
}

is_old() { [ "$(date +%s)" -gt $(($(stat -c %Z s/one.txt) + 3)) ]; }

@test "--skip-if-unchanged" {
	requires_root
	wait_until is_old
	at_mnt
	at_mnt --skip-if-unchanged
	[ "$(summary snapshot_id)" = null ]
	[ "$(snapshots)" -eq 1 ]
	echo more >s/more
	at_mnt --skip-if-unchanged
	[ "$(snapshots)" -eq 2 ]
}

@test "--skip-if-unchanged keeps the catalog" {
	requires_root
	wait_until is_old
	at_mnt
	rm -r "$T/cache"
	at_mnt --skip-if-unchanged
	[ "$(summary bytes_read)" -gt 0 ]
	at_mnt --skip-if-unchanged
	[ "$(summary bytes_read)" -eq 0 ]
	[ "$(snapshots)" -eq 1 ]
}

# --- how ------------------------------------------------------------------

@test "--compression" {
	yes 'a line that compresses well' | head -c 3000000 >s/text
	for how in off fast auto max 1 7 19; do
		echo "$how" >>s/text
		expect 0 tm backup --json --compression $how s
		stored=$(summary data_added_packed)
		echo "$how: $stored"
		if [ $how = off ]; then
			[ "$stored" -ge 3000000 ]
		else
			[ "$stored" -lt 3000000 ]
		fi
		is_same "$S"
	done
	for how in 0 20 99 fastest ''; do
		expect 1 tm backup --compression "$how" s
	done
	expect 0 tm check --read-data
}

@test "--limit-rate" {
	head -c 3000000 /dev/urandom >s/random
	start=${EPOCHREALTIME/./}
	expect 0 tm backup --limit-rate 2M s
	took=$((${EPOCHREALTIME/./} - start))
	# a quarter of a second's worth is free
	[ $took -gt 900000 ]
	is_same "$S"
}

@test "--read-concurrency" {
	for n in 1 2 16; do
		echo $n >s/one.txt
		expect 0 tm backup --read-concurrency $n s
		is_same "$S"
	done
	expect 1 tm backup --read-concurrency 0 s
	expect 1 tm backup --read-concurrency 1000000 s
	expect 1 tm backup --read-concurrency -1 s
}

@test "--json: each line is an object with a type" {
	chmod 600 s/one.txt
	echo x >s/$'bad\xff\nname'
	expect 0 tm backup --json -vv s
	jq -se 'all(.[]; .message_type and .schema)' <<<"$output"
	[ "$(summary total_files_processed)" -eq 5 ]
	[ "$(summary files_new)" -eq 5 ]
	[ "$(summary errors)" -eq 0 ]
	[[ $(summary snapshot_id) =~ ^[0-9a-f]{64}$ ]]
	[ "$(jq -r 'select(.message_type == "verbose_status").action' \
		<<<"$output" | grep -c new)" -eq 5 ]
}

@test "--json: errors are lines too" {
	expect 3 tm backup --json s no-such-file
	[ "$(jq -r 'select(.message_type == "error").path' <<<"$output")" = \
		no-such-file ]
	[ "$(summary errors)" -eq 1 ]
}

@test "-q says nothing, -v names what changed" {
	expect 0 tm backup -q s
	[ -z "$output" ]
	echo more >s/more
	expect 0 tm backup -v s
	output_has "new       $S/more"
}

# --- how it ends ----------------------------------------------------------

@test "exit 1: usage" {
	expect 1 tm backup
	expect 1 tm backup --no-such-option s
	expect 1 tm backup --stdin s </dev/null
	expect 1 tm backup --stdin --files-from list </dev/null
	expect 1 tm backup --stdin --stdin-from-command -- true
	expect 1 tm backup --stdin-from-command
	expect 1 tm backup --stdin-filename name s
	expect 1 tm backup -q -v s
	[ "$(snapshots)" -eq 0 ]
}

@test "exit 1: no source can be read" {
	expect 1 tm backup no-such-file nor-this
	output_has no-such-file
	output_has nor-this
	[ "$(snapshots)" -eq 0 ]
}

@test "exit 3: one source is not there, the rest is stored" {
	expect 3 tm backup s no-such-file
	output_has no-such-file
	holds s/one.txt
	[ "$(tm cat snapshot latest | jq -r .partial)" = true ]
}

@test "exit 10: no repository, and a directory that is none" {
	REPO=$T/none
	expect 10 tm backup s
	output_has none
	mkdir foreign
	echo 'not ours' >foreign/config
	REPO=$T/foreign
	expect 10 tm backup s
	[ "$(wc -l <<<"$output")" -eq 1 ]
	REPO=$T/s/one.txt
	expect 10 tm backup s
	output_has 'is no directory'
}

@test "exit 1: a newer format" {
	printf '\x02' | dd of="$REPO/config" bs=1 seek=8 conv=notrunc status=none
	run tm backup s
	[ "$status" -eq 1 ] || [ "$status" -eq 10 ]
	output_has newer
	[ "$(wc -l <<<"$output")" -eq 1 ]
}

@test "exit 11: another backup with the same catalog" {
	TIDEMARK_FAULT=archive.file:1:stop in_background backup s
	wait_until is_stopped "$PID"
	expect 11 tm backup s
	kill -CONT "$PID"
	wait "$PID"
	is_same "$S"
}

@test "exit 12: wrong passphrase, nothing is stored" {
	before=$(repo_state)
	echo 'wrong horse battery staple' >"$T/wrong"
	chmod 600 "$T/wrong"
	PASS=$T/wrong expect 12 tm backup s
	[ "$(grep -c passphrase <<<"$output")" -eq 1 ]
	PASS=$T/wrong expect 12 tm backup --stdin <s/one.txt
	[ "$(repo_state)" = "$before" ]
}

@test "init: a passphrase that is too short" {
	REPO=$T/new
	for p in '' short 'fifteen letters'; do
		printf '%s\n' "$p" >"$T/short"
		chmod 600 "$T/short"
		PASS=$T/short expect 1 tm init
		[ ! -e "$T/new/config" ]
	done
	printf 'sixteen letters!\n' >"$T/short"
	PASS=$T/short expect 0 tm init
}

@test "exit 130: SIGINT, SIGTERM and SIGHUP while files are read" {
	for sig in INT TERM HUP; do
		# not through in_background: bash ignores SIGINT there
		TIDEMARK_FAULT=archive.file:2:stop perl -e \
			'$SIG{INT} = "DEFAULT"; exec @ARGV' "$TIDEMARK" \
			backup --repo "$REPO" --passphrase-file "$PASS" -q s \
			>out 2>&1 3>&- &
		PID=$!
		BACKGROUND+=("$PID")
		wait_until is_stopped "$PID"
		kill -$sig "$PID"
		kill -CONT "$PID"
		code=0
		wait "$PID" || code=$?
		[ $code -eq 130 ]
		[ "$(snapshots)" -eq 0 ]
	done
	expect 0 tm backup s
	is_same "$S"
}

@test "exit 130: interrupted while standard input is silent" {
	mkfifo silent
	exec {hold}<>silent
	perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$TIDEMARK" backup \
		--repo "$REPO" --passphrase-file "$PASS" -q --stdin \
		<silent >out 2>&1 3>&- &
	PID=$!
	BACKGROUND+=("$PID")
	echo some >&"$hold"
	reads_stdin() { grep -qsE 'pipe_read|poll' "/proc/$PID"/task/*/wchan; }
	wait_until reads_stdin
	kill -INT "$PID"
	wait_until is_gone "$PID"
	code=0
	wait "$PID" || code=$?
	[ $code -eq 130 ]
	[ "$(snapshots)" -eq 0 ]
	exec {hold}>&-
}

@test "the repository inside its own source leaves itself out" {
	mv repo s/repo
	REPO=$S/repo
	export TIDEMARK_CACHE_DIR=$S/cache
	expect 0 tm backup s
	expect 0 tm backup s
	holds s/one.txt
	lacks s/repo s/repo/config
	[ "$(paths "$T" | grep -c '^s/cache/')" -eq 0 ]
	cd s
	REPO=repo
	expect 0 tm backup .
	lacks s/repo
}

@test "the repository, or what is in it, as the source" {
	for source in "$REPO" "$REPO/packs"; do
		run tm backup "$source"
		[ "$status" -ne 0 ]
		output_has repository
	done
	expect 3 tm backup s "$REPO"
	holds s/one.txt
}

@test "an unreadable file: named, the rest is stored, exit 3" {
	requires_root
	requires setpriv
	chmod 755 "$T"
	chown -R nobody "$REPO" "$T/cache" "$T/home" "$T/run" "$PASS" s \
		2>/dev/null || true
	mkdir -p "$T/cache"
	chown nobody "$T/cache"
	mkdir s/closed s/unlisted
	touch s/closed/in s/unlisted/in
	echo secret >s/secret
	chmod 0 s/secret s/closed
	chmod 0311 s/unlisted
	chown root s/secret s/closed s/unlisted
	chmod 755 s
	expect 3 setpriv --reuid=nobody --regid=nogroup --clear-groups \
		"$TIDEMARK" backup --repo "$REPO" --passphrase-file "$PASS" s
	output_has "$S/secret"
	output_has "$S/closed"
	output_has "$S/unlisted"
	chown -R root "$REPO" "$T/cache" "$PASS"
	holds s/one.txt s/dir/TWO.txt
	lacks s/secret
}

@test "a file that cannot be read (EIO): named, exit 3, read next time" {
	expect 3 tm_fault archive.file:2:EIO backup s
	output_has 'Input/output error'
	[ "$(grep -c "$S/" <<<"$output")" -eq 1 ]
	expect 0 tm backup s
	is_same "$S"
}

@test "a full repository disk: said once, earlier snapshots stay" {
	requires_loop
	mount_disk "$T/disk" 24M
	cp -a "$REPO" "$T/disk/repo"
	REPO=$T/disk/repo
	expect 0 tm backup s
	head -c 40000000 /dev/urandom >s/random
	expect 1 tm backup s
	output_has 'No space left'
	[ "$(grep -c 'No space left' <<<"$output")" -le 2 ]
	expect 0 tm check --read-data
	rm s/random
	expect 0 tm backup s
	is_same "$S"
}

@test "a repository disk that is read-only" {
	requires_loop
	mount_disk "$T/disk" 24M
	cp -a "$REPO" "$T/disk/repo"
	mount -o remount,ro "$T/disk"
	REPO=$T/disk/repo
	expect 1 tm backup s
	output_has 'Read-only'
}

@test "a cache that cannot be written: a warning, and the backup is made" {
	rm -rf "$T/cache"
	: >"$T/cache"
	expect 0 tm backup s
	is_same "$S"
}

@test "more extended attributes than a page of names" {
	requires_root
	requires mkfs.xfs
	truncate -s 310M "$T/x.img"
	mkfs.xfs -q "$T/x.img" || skip "mkfs.xfs"
	mkdir "$T/x"
	mount -o loop "$T/x.img" "$T/x" || skip "no xfs here"
	echo x >"$T/x/file"
	perl -e 'require "syscall.ph";' 2>/dev/null || true
	for i in $(seq 2000); do echo "user.a$i=\"v$i\""; done |
		{ echo '# file: x/file'; cat; } >attrs
	setfattr --restore=attrs
	expect 0 tm backup "$T/x"
	is_same "$T/x"
}

# --- what a newcomer does -------------------------------------------------

@test "the repository as the only source is refused, in one line" {
	for source in "$REPO" "$REPO/packs" "$REPO/config"; do
		expect 1 tm backup "$source"
		[ "${#lines[@]}" -eq 1 ]
		output_has "lies in the repository"
	done
	expect 1 tm backup "$REPO" "$REPO/packs"
	expect 0 tm snapshots
	output_has "0 snapshots"
	# beside another source it is one of those that cannot be read
	expect 3 tm backup s "$REPO"
	output_has "the repository is no source: $REPO"
	output_lacks "not permitted"
	expect 3 tm backup s "$REPO/packs"
}

@test "a source named twice is one source" {
	tm backup s
	expect 0 tm backup s "$S/" ./s
	printf 's\ns\n' >list
	expect 0 tm backup --files-from list
	tm snapshots --json >out
	[ "$(jq -c .paths out | sort -u)" = "[\"$S\"]" ]
	[ "$(jq -r 'select(.parent) | .id' out | wc -l)" -eq 2 ]
}

@test "the user of a snapshot is a name without the host" {
	tm backup s
	[ "$(tm snapshots --json | jq -r .username)" = "$(id -un)" ]
}

@test "--stdin-from-command without a command asks for one" {
	expect 1 tm backup --stdin-from-command
	[ "${#lines[@]}" -eq 1 ]
	output_has "needs a command after --"
}

@test "without a place for a cache all works, with one warning" {
	requires_root
	requires setpriv
	tm backup s
	chmod 755 "$T"
	chmod 644 "$PASS"
	chown -R 54321:54321 "$REPO"
	local user=(setpriv --reuid 54321 --regid 54321 --clear-groups)
	local no=(env -u HOME -u XDG_CACHE_HOME -u TIDEMARK_CACHE_DIR)
	for verb in snapshots "backup s"; do
		# shellcheck disable=SC2086 # a verb and its arguments
		expect 0 "${no[@]}" "${user[@]}" "$TIDEMARK" $verb \
			--repo "$REPO" --passphrase-file "$PASS"
		[ "$(grep -c warning <<<"$output")" -eq 1 ]
		output_has "without a cache"
	done
	expect 0 env -u XDG_CACHE_HOME -u TIDEMARK_CACHE_DIR HOME=/nowhere \
		"${user[@]}" "$TIDEMARK" backup s --repo "$REPO" \
		--passphrase-file "$PASS"
	[ "$(grep -c warning <<<"$output")" -eq 1 ]
}
