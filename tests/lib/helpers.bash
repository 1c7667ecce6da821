# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # run sets status, output and lines
#
# helpers.bash - what the bats files share.
#
#	load ../lib/helpers
#
# gives each test an empty directory $T, a repository path $REPO (not made:
# tm_init makes it), a passphrase file $PASS, and a cleanup that also runs
# after a failure: mounts, loop devices, background processes and immutable
# files below $T go away. A file with a setup() of its own calls tm_setup
# first; one with a teardown() calls tm_teardown last. KEEP=1 keeps $T.
#
# tests/run sets TIDEMARK (the program) and BUILD (its directory).

TOP=${TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
BUILD=${BUILD:-$TOP/build/release}
TIDEMARK=${TIDEMARK:-$BUILD/tidemark}
export LC_ALL=C.UTF-8 TZ=UTC

setup() { tm_setup; }
teardown() { tm_teardown; }

# --- a directory per test -------------------------------------------------

tm_setup() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/tidemark-test.XXXXXX")
	REPO=$T/repo
	PASS=$T/passphrase
	# Nothing outside $T is read or written: no catalog of another test.
	export HOME=$T/home XDG_CACHE_HOME=$T/cache XDG_STATE_HOME=$T/state
	export XDG_CONFIG_HOME=$T/config XDG_RUNTIME_DIR=$T/run
	export TIDEMARK_CACHE_DIR=$T/cache
	mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
	chmod 700 "$XDG_RUNTIME_DIR"
	echo 'correct horse battery staple' >"$PASS"
	chmod 600 "$PASS"
	BACKGROUND=()
	mkfifo "$T/.tick"
	# Open for writing too, so that reading it never ends by itself.
	exec {TICK}<>"$T/.tick"
	cd "$T" || return
}

tm_teardown() {
	local pid
	[ -n "${T:-}" ] || return 0
	cd / || return
	for pid in "${BACKGROUND[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ -z "${TICK:-}" ] || exec {TICK}>&-
	unmount_below "$T"
	free_loops_below "$T"
	if [ -n "${KEEP:-}" ]; then
		echo "# kept: $T" >&3
		return 0
	fi
	rm -rf "$T" 2>/dev/null && return 0
	chattr -R -f -i -a "$T" 2>/dev/null || true
	rm -rf "$T"
}

# --- the program ----------------------------------------------------------

# tm VERB...: on this test's repository, with its passphrase.
tm() {
	local verb=$1
	shift
	"$TIDEMARK" "$verb" --repo "$REPO" --passphrase-file "$PASS" "$@"
}

# Thousands of commands derive the key: at the least cost that is allowed.
tm_init() {
	case " $* " in
	*" --kdf"*) tm init "$@" ;;
	*) tm init --kdf-memory 19 "$@" ;;
	esac
}

# tm_fault POINT[:N][:ACTION] VERB...: the same, with a fault point armed.
tm_fault() {
	local fault=$1
	shift
	TIDEMARK_FAULT=$fault tm "$@"
}

# in_background VERB...: like tm; $PID is the program's.
in_background() {
	local verb=$1
	shift
	# fd 3 is bats's: a child that holds it would keep bats waiting
	"$TIDEMARK" "$verb" --repo "$REPO" --passphrase-file "$PASS" "$@" \
		>"$T/background.out" 2>"$T/background.err" 3>&- &
	PID=$!
	BACKGROUND+=("$PID")
}

# expect STATUS COMMAND...: bats's run, and the status, with the output when
# it is another. $output and $lines are set as by run.
expect() {
	local want=$1
	shift
	run "$@"
	[ "$status" -eq "$want" ] && return 0
	echo "exit status $status, not $want: $*"
	echo "$output"
	return 1
}

# output_has TEXT, output_lacks TEXT: of the last run, as a fixed string.
output_has() {
	grep -qF -- "$1" <<<"$output" && return 0
	echo "no '$1' in:"
	echo "$output"
	return 1
}

output_lacks() {
	grep -qF -- "$1" <<<"$output" || return 0
	echo "'$1' in:"
	echo "$output"
	return 1
}

# --- what a test needs ----------------------------------------------------

requires_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

# requires PROGRAM...
requires() {
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || skip "needs $p"
	done
}

requires_fuse() {
	[ -c /dev/fuse ] || skip "needs /dev/fuse"
}

requires_loop() {
	requires_root
	[ -c /dev/loop-control ] || skip "needs loop devices"
}

# Sanitizers change what a test of memory or speed would measure.
requires_release() {
	[ "$(basename "$BUILD")" = release ] || skip "measures the release"
}

# --- waiting --------------------------------------------------------------

# wait_until [-t SECONDS] COMMAND...: until it succeeds, at most 30 seconds.
wait_until() {
	local limit=30 end
	if [ "$1" = -t ]; then
		limit=$2
		shift 2
	fi
	end=$((SECONDS + limit))
	until "$@"; do
		if [ $SECONDS -ge $end ]; then
			echo "not within $limit seconds: $*"
			return 1
		fi
		# nothing is ever written there: this is the pause between
		# two looks, and no condition depends on its length
		read -r -t 0.01 -u "$TICK" || true
	done
}

# State of a process as in proc(5): R, S, T (stopped), Z; empty if gone.
process_state() {
	sed 's/^.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null
}

# Conditions for wait_until.
is_stopped() { [ "$(process_state "$1")" = T ]; }
is_gone() { [[ $(process_state "$1") == [ZX] ]] || [ ! -e "/proc/$1" ]; }
is_mounted() { mountpoint -q "$1"; }

# --- mounts and loop devices ----------------------------------------------

unmount_below() { # DIRECTORY, itself included; the innermost first
	local point
	while IFS= read -r point; do
		# the kernel writes blanks and newlines as \040 and \012
		printf -v point '%b' "${point//\\/\\0}"
		umount "$point" 2>/dev/null || umount -l "$point" || true
	done < <(awk -v top="$1" '$5 == top || index($5, top "/") == 1 {
			print $5 }' /proc/self/mountinfo | tac)
}

# own_mounts COMMAND...: in a mount namespace of its own. It lets go of what
# other tests have mounted, which would stay there, behind their umount, until
# the command ends.
own_mounts() {
	# shellcheck disable=SC2016 # the shell within expands these
	unshare -m bash -c 'T=$1 && shift
		while read -r _ at _; do
			case $at in
			"$T" | "$T"/*) ;;
			*/tidemark-*) umount -l "$at" 2>/dev/null ;;
			esac
		done </proc/self/mounts
		exec "$@"' own_mounts "$T" "$@"
}

# A namespace that another test made just now has a file system still that was
# unmounted here: until it is gone, it will be written to.
is_free() { # DEVICE
	perl -MFcntl -e 'sysopen(F, $ARGV[0], O_RDWR | O_EXCL) or exit 1' "$1"
}

free_loops_below() { # DIRECTORY with the images
	local device file
	command -v losetup >/dev/null || return 0
	while read -r device file; do
		[[ $file == "$1"/* ]] || continue
		losetup -d "$device" || true
	done < <(losetup -n -l -O NAME,BACK-FILE 2>/dev/null)
}

# loop_device IMAGE SIZE: prints the device of a new image.
loop_device() {
	truncate -s "$2" "$1"
	losetup -f --show "$1"
}

# mount_disk DIRECTORY SIZE [mkfs.ext4 option...]: a file system of its own.
mount_disk() {
	local dir=$1 size=$2
	shift 2
	mkdir -p "$dir"
	truncate -s "$size" "$dir.img"
	mkfs.ext4 -q -F "$@" "$dir.img"
	mount -o loop "$dir.img" "$dir"
}

# mount_tmpfs DIRECTORY SIZE
mount_tmpfs() {
	mkdir -p "$1"
	mount -t tmpfs -o "size=$2" tmpfs "$1"
}

# --- trees ----------------------------------------------------------------

# make_tree DIRECTORY [FILES]: plain files in a few directories, the same
# bytes for the same arguments.
make_tree() {
	local dir=$1 files=${2:-50}
	mkdir -p "$dir"
	perl -e '
		my ($dir, $files) = @ARGV;
		my $x = 42;
		for my $i (0 .. $files - 1) {
			my $sub = sprintf("%s/d%02d", $dir, $i % 7);
			mkdir $sub;
			open(my $f, ">", "$sub/file$i") or die "$sub: $!";
			my $len = ($i * 7919) % 20000;
			for (1 .. $len / 8) {
				$x = ($x * 1103515245 + 12345) % 2147483648;
				printf $f "%08x", $x % ($i % 2 ? 16 : 1 << 30);
			}
			close($f) or die "$sub: $!";
			utime(1500000000, 1500000000 + $i, "$sub/file$i");
		}' "$dir" "$files"
}

# make_deep_tree DIRECTORY LEVELS: past PATH_MAX too, one chdir at a time.
make_deep_tree() {
	mkdir -p "$1"
	perl -e '
		my ($dir, $levels) = @ARGV;
		chdir $dir or die "$dir: $!";
		for my $i (1 .. $levels) {
			mkdir "level$i" or die "level$i: $!";
			chdir "level$i" or die "level$i: $!";
		}
		open(my $f, ">", "bottom") or die "bottom: $!";
		print $f "$levels\n";' "$1" "$2"
}

# socket_at PATH: a socket's inode, of which nobody listens.
socket_at() {
	# sun_path has 108 bytes, so by the last name only
	perl -MSocket -MFile::Basename -e '
		chdir dirname($ARGV[0]) or die $!;
		socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die $!;
		bind($s, pack_sockaddr_un(basename($ARGV[0]))) or die $!;' "$1"
}

# make_nasty_tree DIRECTORY: everything a file system can hold that a backup
# gets wrong. Without root: what a user can make. ext4 has it all.
make_nasty_tree() {
	mkdir -p "$1"
	nasty_names "$1/names"
	nasty_contents "$1/contents"
	nasty_kinds "$1/kinds"
	nasty_metadata "$1/metadata"
	[ "$(id -u)" -ne 0 ] || nasty_root_only "$1/root"
	# the parents' times are a part of the tree, and now they are known
	find "$1" -type d ! -path '*/flags*' \
		-exec touch -d '2001-02-03 04:05:06.789012345' {} +
	touch -d '2002-03-04 05:06:07.89' "$1"
}

nasty_names() {
	local n255 dir=$1 name
	mkdir -p "$dir"
	printf -v n255 '%255s' ''
	# shellcheck disable=SC1003,SC2016 # these are names, as they stand
	for name in $'\xff\xfe\x80' $'caf\xe9' $'two\nlines' $'\n' ' ' ' lead' \
		'trail ' '-rf' '--help' '...' '..x' '.hidden' '~' 'a\b' '\' \
		'quote"s' "quote's" '*' '?[a-z]' '{a,b}' '$HOME' '`id`' \
		'%s%n' ';&|' '#' $'\x1b[31mred' $'\x7f\x01' $'tab\there' \
		'ümlaut' $'u\u0308mlaut' '日本語' $'\U1f600' $'\u202eltr' \
		'CON' 'x:y' "${n255// /n}" "${n255// /$'\xfe'}" "@eaDir"; do
		printf '%s' "$name" >"$dir/$name"
	done
	mkdir "$dir/${n255// /d}" "$dir/"$'dir\xff\n'
	echo inside >"$dir/${n255// /d}/${n255// /f}"
	echo inside >"$dir/"$'dir\xff\n/in'
}

nasty_contents() {
	local dir=$1 i deep
	mkdir -p "$dir/empty-directory"
	: >"$dir/empty"
	printf 'x' >"$dir/one-byte"
	head -c 1048576 /dev/zero >"$dir/zeros-allocated"
	for i in 4095 4096 4097 65535 65536 65537 1048577; do
		head -c $i /dev/urandom >"$dir/random-$i"
	done
	cp "$dir/random-65537" "$dir/same-bytes-again"
	# holes at the start, in the middle, at the end, and nothing but one
	truncate -s 10M "$dir/hole-only"
	printf 'end' | dd of="$dir/hole-start" bs=1 seek=5M status=none
	printf 'start' >"$dir/hole-end"
	truncate -s 3M "$dir/hole-end"
	printf 'a' >"$dir/hole-middle"
	printf 'b' | dd of="$dir/hole-middle" bs=1 seek=2M conv=notrunc \
		status=none
	printf 'odd' | dd of="$dir/hole-odd" bs=1 seek=1234567 status=none
	fallocate -l 2M "$dir/preallocated" 2>/dev/null || true
	deep=$dir
	for i in {1..60}; do
		deep=$deep/deep-directory-$i
	done
	mkdir -p "$deep"
	echo bottom >"$deep/bottom"
	mkdir "$dir/many"
	(cd "$dir/many" && seq -f 'file-%04g' 1500 | xargs touch)
}

nasty_kinds() {
	local dir=$1
	mkdir -p "$dir/sub"
	echo linked >"$dir/link-a"
	ln "$dir/link-a" "$dir/link-b"
	ln "$dir/link-a" "$dir/sub/link-c"
	ln -s link-a "$dir/symlink"
	ln -s nowhere/at/all "$dir/symlink-dangling"
	ln -s symlink-loop "$dir/symlink-loop"
	ln -s /etc/passwd "$dir/symlink-absolute"
	ln -s ../../.. "$dir/symlink-up"
	ln -s $'to\nnewline\xff' "$dir/symlink-bytes"
	ln -s "$(printf '%04095d' 0)" "$dir/symlink-longest"
	ln -s sub "$dir/symlink-directory"
	ln "$dir/symlink" "$dir/symlink-hard"
	mkfifo -m 622 "$dir/fifo"
	ln "$dir/fifo" "$dir/fifo-hard"
	socket_at "$dir/socket"
	touch -h -d '1999-12-31 23:59:59.999999999' "$dir/symlink" "$dir/fifo"
}

nasty_metadata() {
	local dir=$1 mode
	mkdir -p "$dir"
	for mode in 0000 0001 0200 0444 0666 0755 1644 2755 4755 6711 7777; do
		# one who may not read a file cannot back it up
		[ "$(id -u)" -eq 0 ] || [[ ! $mode =~ ^0[0-3] ]] || continue
		echo "$mode" >"$dir/mode-$mode"
		chmod "$mode" "$dir/mode-$mode"
	done
	mkdir -m 1777 "$dir/sticky"
	mkdir -m 2775 "$dir/setgid"
	echo t >"$dir/time-before-1970"
	touch -d '1930-01-02 03:04:05.000000001' "$dir/time-before-1970"
	echo t >"$dir/time-zero"
	touch -d '@0' "$dir/time-zero"
	echo t >"$dir/time-after-2038"
	touch -d '2150-01-02 03:04:05.999999999' "$dir/time-after-2038"
	echo x >"$dir/xattr-user"
	setfattr -n user.comment -v 'plain text' "$dir/xattr-user"
	setfattr -n user.empty "$dir/xattr-user"
	setfattr -n user.bytes -v 0x00ff0a80 "$dir/xattr-user"
	setfattr -n user.long -v "0x$(printf '%04000d' 7)" "$dir/xattr-user"
	mkdir "$dir/xattr-directory"
	setfattr -n user.on.directory -v yes "$dir/xattr-directory"
	echo x >"$dir/acl"
	setfacl -m u:12345:rwx,g:54321:r,m::rx "$dir/acl"
	mkdir "$dir/acl-directory"
	setfacl -m u:1:rx -d -m u:2:rwx,g:3:r "$dir/acl-directory"
	echo x >"$dir/acl-directory/inherited"
}

nasty_root_only() {
	local dir=$1
	mkdir -p "$dir/flags"
	mknod -m 640 "$dir/char-null" c 1 3
	mknod -m 600 "$dir/char-large" c 511 1048575
	mknod -m 660 "$dir/block" b 7 200
	ln "$dir/char-null" "$dir/char-hard"
	echo o >"$dir/owner-unknown"
	chown 12345:54321 "$dir/owner-unknown"
	echo o >"$dir/owner-largest"
	chown 4294967294:4294967294 "$dir/owner-largest"
	echo o >"$dir/owner-named"
	chown nobody:daemon "$dir/owner-named"
	ln -s x "$dir/owner-symlink"
	chown -h 65534:7 "$dir/owner-symlink"
	# a change of owner clears these, so they come after it
	echo s >"$dir/setuid"
	chown 12345:54321 "$dir/setuid"
	chmod 6755 "$dir/setuid"
	cp /bin/true "$dir/capabilities"
	chown 1:1 "$dir/capabilities"
	setcap cap_net_raw,cap_sys_time+ep "$dir/capabilities"
	echo x >"$dir/xattr-trusted"
	setfattr -n trusted.mark -v 'only root sees it' "$dir/xattr-trusted"
	setfattr -n security.mark -v 0x0001fe "$dir/xattr-trusted"
	ln -s x "$dir/xattr-symlink"
	setfattr -h -n trusted.on.symlink -v yes "$dir/xattr-symlink"
	echo f >"$dir/flags/nodump"
	chattr +d "$dir/flags/nodump"
	echo f >"$dir/flags/immutable"
	chmod 4755 "$dir/flags/immutable"
	setfattr -n user.kept -v yes "$dir/flags/immutable"
	echo f >"$dir/flags/append"
	mkdir "$dir/flags/immutable-directory"
	echo f >"$dir/flags/immutable-directory/inside"
	ln "$dir/flags/append" "$dir/flags/append-hard"
	touch -d '2003-04-05 06:07:08.9' "$dir"/flags/{immutable,append} \
		"$dir/flags/immutable-directory"
	chattr +i "$dir/flags/immutable" "$dir/flags/immutable-directory"
	chattr +a "$dir/flags/append"
	touch -d '2004-05-06 07:08:09.1' "$dir/flags"
}

# --- comparing ------------------------------------------------------------

# trees_equal SOURCE RESTORED: names, kinds, bytes, owners, modes, times in
# nanoseconds, links, devices, xattrs, ACLs. Reads every byte.
trees_equal() {
	local differences r=0
	differences=$(rsync -aHAXnc --delete -i --numeric-ids \
		--modify-window=-1 "$1/" "$2/" 2>&1) || r=$?
	[ $r -eq 0 ] && [ -z "$differences" ] && return 0
	echo "$1 and $2 differ (rsync: $r):"
	head -n 50 <<<"$differences" | cut -b 1-300
	return 1
}

# flags_equal SOURCE RESTORED: inode flags; not e, I, N and h, which a file
# system sets as it likes.
flags_equal() {
	diff <(inode_flags "$1") <(inode_flags "$2")
}

inode_flags() {
	(cd "$1" && find . \( -type f -o -type d \) -print0 | sort -z |
		xargs -0 lsattr -d 2>/dev/null |
		perl -pe 's/^(\S+)/$1 =~ tr{eINh}{-}r/e')
}

# holes_equal SOURCE RESTORED: what is a hole there is one here. A restore
# may have more: zeros that were allocated need not be.
holes_equal() {
	perl -e '
		use Fcntl;
		use File::Find;
		my ($from, $to) = @ARGV;
		my $bad = 0;
		# bytes of data, in blocks of 4096 (SEEK_DATA 3, SEEK_HOLE 4)
		sub data {
			sysopen(my $f, $_[0], O_RDONLY | O_NOFOLLOW) or return;
			my ($at, $sum) = (0, 0);
			while (defined(my $d = sysseek($f, $at, 3))) {
				$at = sysseek($f, $d, 4);
				$sum += int(($at + 4095) / 4096) - int($d / 4096);
			}
			return $sum;
		}
		find({ no_chdir => 1, wanted => sub {
			return unless -f $_ && !-l $_;
			my $name = substr($_, length($from));
			my ($a, $b) = (data($_), data($to . $name));
			return if defined $a && defined $b && $b <= $a;
			$bad = 1;
			print "blocks of data: ", $a // "?", " there, ",
				$b // "?", " here: $name\n";
		} }, $from);
		exit $bad;' "$1" "$2"
}

# trees_identical SOURCE RESTORED: all three.
trees_identical() {
	trees_equal "$1" "$2" && flags_equal "$1" "$2" && holes_equal "$1" "$2"
}

# --- the kernel log -------------------------------------------------------

# What the kernel says since, in the middle of a file: "PRIORITY,NUMBER,...;".
kernel_log() {
	dd if=/dev/kmsg iflag=nonblock bs=8192 status=none 2>/dev/null || true
}

# kernel_log_begins FILE: note where it stands.
kernel_log_begins() {
	kernel_log | sed -n 's/^[0-9]*,\([0-9]*\),.*/\1/p' | tail -n 1 >"$1"
}

# kernel_log_is_clean FILE: nothing has gone wrong in the kernel since.
kernel_log_is_clean() {
	local since bad
	if [ ! -s "$1" ]; then
		echo "# the kernel log cannot be read: not looked at" >&3
		return 0
	fi
	since=$(cat "$1")
	bad=$(kernel_log | awk -F '[,;]' -v since="$since" '
		/^[0-9]+,/ { take = $2 > since }
		take' | grep -E 'BUG:|WARNING:|Oops|rcu.*stall|self-detected|\
blocked for more than|general protection|Call Trace' || true)
	[ -z "$bad" ] && return 0
	echo "the kernel complains:"
	echo "$bad"
	return 1
}
