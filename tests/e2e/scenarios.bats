# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# Ways in which trackers have lost changes: one test for each that is not in
# track.bats. docs/change-tracking.md has the list. Each test has a file
# system of its own; they share a daemon unless they harm it.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_begins; }
teardown_file() { tracking_file_ends; }
setup() { tracking_setup; }
teardown() { tracking_teardown; }

# --- where names lead -----------------------------------------------------

@test "a bind mount gives way to another of the same file system" {
	local x
	tracked ext4
	mkdir "$M"/{a,b,x}
	echo a >"$M/a/f"
	echo b >"$M/b/f"
	for x in "" -x; do
		mount --bind "$M/a" "$M/x"
		backs_up scan $x
		backs_up tracker $x
		umount "$M/x"
		mount --bind "$M/b" "$M/x"
		backs_up scan $x
		is_captured
		umount "$M/x"
	done
}

@test "what a mount covered is found when it is gone, also with -x" {
	local x
	tracked ext4
	mkdir "$M/x"
	echo covered >"$M/x/f"
	for x in "" -x; do
		mount_tmpfs "$M/x" 1M
		echo covers >"$M/x/f"
		backs_up any $x
		backs_up any $x
		umount "$M/x"
		backs_up scan $x
		is_captured
		backs_up tracker $x
		mount_tmpfs "$M/x" 1M
		backs_up any $x
		umount "$M/x"
	done
}

@test "moved out of the sources, changed there, and moved back" {
	tracked ext4
	SOURCE=$M/src
	mkdir -p "$M/src/d/deep" "$M/out"
	echo one >"$M/src/d/deep/f"
	backs_up scan
	backs_up tracker
	mv "$M/src/d" "$M/out/d"
	backs_up tracker
	echo two, longer >"$M/out/d/deep/f"
	backs_up tracker
	mv "$M/out/d" "$M/src/d"
	backs_up tracker
	is_captured
}

# A scan beside a tracker keeps records, too.
@test "the same on a file system that was not tracked then" {
	local two=$T/two
	tracked ext4
	disk ext4 "$two"
	mkdir -p "$two/src/d/deep" "$two/out"
	echo one >"$two/src/d/deep/f"
	SOURCE=$two/src
	backs_up any "$M"
	mv "$two/src/d" "$two/out/d"
	backs_up "tracker and scan" "$M"
	echo two, longer >"$two/out/d/deep/f"
	track add "$two"
	backs_up "tracker and scan" "$M"
	mv "$two/out/d" "$two/src/d"
	backs_up tracker "$M"
	is_captured
}

# What a pattern leaves out has no record; elsewhere it is not left out.
@test "a directory is moved to where a pattern does not reach" {
	tracked ext4
	mkdir -p "$M/a/b/c"
	echo secret >"$M/a/b/c/f"
	backs_up scan --exclude "$M/a/b/c/f"
	backs_up tracker --exclude "$M/a/b/c/f"
	mv "$M/a" "$M/z"
	backs_up tracker --exclude "$M/a/b/c/f"
	is_captured
}

@test "a directory has two paths, and a pattern means one of them" {
	tracked ext4
	mkdir -p "$M/a/b/c" "$M/x"
	echo secret >"$M/a/b/c/f"
	mount --bind "$M/a" "$M/x"
	backs_up scan --exclude "$M/a/b/c/f"
	touch "$M/top"
	backs_up scan --exclude "$M/a/b/c/f"
	[[ $(summary scan_reason) == *"by two mounts"* ]]
	tm restore --quiet "latest:$M" --target "$T/restored"
	[ ! -e "$T/restored/a/b/c/f" ]
	[ -e "$T/restored/x/b/c/f" ]
	backs_up scan
	backs_up tracker
}

@test "another directory is where the source was, and has a record" {
	tracked ext4
	SOURCE=$M/src
	mkdir -p "$M/src/b/c/d"
	echo secret >"$M/src/b/c/d/f"
	backs_up scan --exclude "$M/src/b/c/d/f"
	backs_up tracker --exclude "$M/src/b/c/d/f"
	mount --bind "$M/src/b" "$M/src"
	backs_up scan --exclude "$M/src/b/c/d/f"
	is_captured
}

@test "a thousand mounts come and go below the source" {
	local i
	tracked ext4
	mkdir -p "$M"/1/2/3/4/5/6
	cd "$M/1/2/3/4/5/6"
	mkdir {1..1000}
	for i in {1..1000}; do
		echo "tmpfs $PWD/$i tmpfs size=64k 0 0"
	done >"$T/fstab"
	mount -a -T "$T/fstab"
	echo inside >700/f
	backs_up any
	backs_up any
	[ "$(summary change_source)" = "tracker and scan" ]
	echo changed >700/f
	echo changed >"$M/dir/small"
	backs_up any
	is_captured
	umount {1..1000}
	cd /
	backs_up scan
	backs_up tracker
	is_captured
}

# --- the tracker's own parts ----------------------------------------------

@test "the pins are removed under the running daemon" {
	own_daemon
	tracked ext4
	rm "$PINS"/link_* "$PINS"/map_inodes
	# the daemon holds the programs
	echo seen, and longer >"$M/dir/small"
	dd if=/dev/urandom of="$M/big" bs=4096 seek=300 count=2 conv=notrunc \
		status=none
	backs_up tracker
	is_captured
	# nobody holds them now
	daemon_ends KILL
	echo unseen >"$M/dir/small"
	daemon_starts
	backs_up scan
	[[ $(summary scan_reason) == "the tracker was started anew"* ]]
	is_captured
	backs_up tracker
}

@test "one program is gone when the next daemon comes" {
	own_daemon
	tracked ext4
	daemon_ends KILL
	rm "$PINS/link_ext4_dirty"
	chmod 600 "$M/dir/small"
	daemon_starts
	grep -q "the program ext4_dirty is not in" "$T/daemon.log"
	backs_up scan
	is_captured
}

@test "a pin has the name of ours and is another's" {
	own_daemon
	tracked ext4
	daemon_ends
	rm "$PINS/map_meta" "$PINS/link_dio_begin"
	bpftool map create "$PINS/map_meta" type array key 4 value 8192 \
		entries 1 name foreign
	echo unseen >"$M/dir/small"
	daemon_starts
	grep -q "map_meta is not ours" "$T/daemon.log"
	backs_up scan
	is_captured
	# a program that counts for somebody else
	daemon_ends
	rm "$PINS/link_dirty_folio"
	bpftool link pin pinned "$BATS_FILE_TMPDIR/bpf/pins/link_dirty_folio" \
		"$PINS/link_dirty_folio"
	echo unseen again >"$M/dir/small"
	daemon_starts
	backs_up scan
	is_captured
}

@test "two daemons may not share programs or state" {
	own_daemon
	tracked ext4
	expect 1 timeout 20 "$BUILD/tidemarkd" --socket "$T/s2" \
		--state-dir "$T/state2" --pins "$PINS" --track-list "$T/l2"
	output_has "another tidemarkd uses the programs in $PINS"
	expect 1 timeout 20 "$BUILD/tidemarkd" --socket "$T/s2" \
		--state-dir "$STATE" --pins "$T/bpf/p2" --track-list "$T/l2"
	output_has "another tidemarkd works in $STATE"
	expect 1 "$BUILD/tidemarkd" --pins "$PINS" --stop-tracking
	output_has "end it first"
	echo seen >"$M/dir/small"
	backs_up tracker
	is_captured
}

# What the kernel does not run because it runs already leaves no mark.
@test "a program that the kernel left out makes a scan" {
	own_daemon --without misses
	disk ext4
	track add "$M"
	echo one >"$M/f"
	backs_up scan
	echo two >"$M/f"
	backs_up tracker
	[ "$(fs_status resets)" -ge 1 ]
	is_captured
}

# tests/unit/test_state.c damages each byte.
@test "what the daemon kept is damaged, or gone" {
	local n
	own_daemon
	tracked ext4
	for n in cut gone digit directory; do
		echo "$n" >"$M/dir/small"
		REPO=$T/repo-$n
		tm_init >/dev/null
		backs_up scan
		[ "$n" != directory ] || rm -r "$STATE"
		daemon_ends KILL
		case $n in
		cut) truncate -s -9 "$STATE"/*/info ;;
		gone) rm "$STATE"/*/*.* ;;
		digit) sed -i 's/"epoch":[0-9]*/"epoch":2/' "$STATE"/*/info ;;
		esac
		daemon_starts
		REPO=$T/repo
		backs_up scan
		is_captured
		backs_up tracker
	done
	# and under the running one
	echo once more >"$M/dir/small"
	rm -r "$STATE"
	backs_up scan
	is_captured
	backs_up any
	backs_up any
	is_captured
}

# --- ways to change content -----------------------------------------------

# oddly HOW FILE [OTHER]: tests/lib/oddly.c.
oddly() { "$BUILD/tests/lib/oddly" "$@"; }

# Content is written below the system calls that others watch. The file stays
# as long as it was and gets its times back: only the tracker can know.
@test "no way to write to a file stays unseen" {
	local fs how
	head -c 64K /dev/urandom >"$T/elsewhere"
	for fs in ext4 xfs; do
		M=$T/$fs
		tracked $fs
		for how in process-vm proc-mem poke store vmsplice ring \
			direct "read-into"; do
			touch -r "$M/big" "$T/times"
			# shellcheck disable=SC2046,SC2086 # words
			oddly $how "$M/big" $([ $how != read-into ] ||
				echo "$T/elsewhere") ||
				{ [ $? -eq 3 ] && continue; }
			touch -r "$T/times" "$M/big"
			backs_up tracker
			[ "$(summary bytes_read)" -gt 0 ] || {
				echo "$fs: $how was not seen"
				return 1
			}
			[ "$(summary bytes_read)" -le 2097152 ]
		done
		is_captured
	done
}

@test "xfs: files exchange their extents" {
	local how
	disk xfs
	umount "$M"
	oddly allow-exchange "$T/mnt.img"
	mount -o loop "$T/mnt.img" "$M"
	track add "$M"
	head -c 2M /dev/urandom >"$M/a"
	head -c 2M /dev/urandom >"$M/b"
	backs_up scan
	backs_up tracker
	for how in swapext exchange; do
		oddly $how "$M/a" "$M/b" || { [ $? -eq 3 ] && continue; }
		backs_up tracker
		is_captured
	done
}

@test "ext4: a file exchanges its content with the boot loader's" {
	disk ext4
	track add "$M"
	head -c 3M /dev/urandom >"$M/a"
	oddly swap-boot "$M/a"
	head -c 2M /dev/urandom >"$M/a"
	backs_up scan
	backs_up tracker
	oddly swap-boot "$M/a"
	backs_up scan
	[[ $(summary scan_reason) == "a program changed a file by way of"* ]]
	[[ $(fs_status last_reset) == "a program changed a file by way of"* ]]
	is_captured
	backs_up tracker
	oddly swap-boot "$M/a"
	backs_up scan
	is_captured
}

@test "ext4: two files exchange extents" {
	local n before
	tracked ext4
	for n in one two; do
		head -c 4M /dev/urandom >"$M/$n"
	done
	sync -f "$M"
	backs_up tracker
	before=$(sha256sum <"$M/two")
	oddly move-ext "$M/one" "$M/two" # as e4defrag does
	sync -f "$M"
	echo 3 >/proc/sys/vm/drop_caches
	[ "$(sha256sum <"$M/two")" != "$before" ]
	backs_up tracker
	is_captured
}

@test "metadata alone, another name, an exchange: no content is read again" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		tracked $fs
		head -c 2M /dev/urandom >"$M/dir/more"
		backs_up tracker
		chmod 600 "$M/big"
		backs_up tracker
		[ "$(summary bytes_read)" -eq 0 ]
		chown 5:6 "$M/big"
		setfattr -n user.x -v y "$M/big"
		setfacl -m u:7:r "$M/big"
		backs_up tracker
		[ "$(summary bytes_read)" -eq 0 ]
		ln "$M/big" "$M/dir/linked"
		backs_up tracker
		[ "$(summary bytes_read)" -eq 0 ]
		rm "$M/big"
		backs_up tracker
		[ "$(summary bytes_read)" -eq 0 ]
		is_captured
	done
}

@test "whoever writes: a loop device, a user namespace, an overlay" {
	tracked ext4
	truncate -s 16M "$M/inner.img"
	mkfs.ext4 -q "$M/inner.img"
	backs_up tracker
	mkdir "$T/inner"
	mount -o loop "$M/inner.img" "$T/inner"
	echo inside >"$T/inner/f"
	umount "$T/inner"
	backs_up tracker
	[ "$(summary bytes_read)" -gt 0 ]
	is_captured
	chmod 777 "$M" "$M/dir"
	backs_up tracker
	if unshare -Ur true 2>/dev/null; then
		unshare -Ur sh -c "echo mapped >'$M/dir/mapped'"
		backs_up tracker
		[ "$(summary files_new)" -eq 1 ]
	fi
	mkdir "$M/upper" "$M/work" "$T/over"
	mount -t overlay -o "lowerdir=$M/dir,upperdir=$M/upper,workdir=$M/work" \
		overlay "$T/over"
	echo copied up >>"$T/over/small"
	backs_up tracker
	umount "$T/over"
	backs_up tracker
	is_captured
}

@test "the repository and the cache on the tracked file system" {
	local n
	disk ext4
	track add "$M"
	mkdir "$M/data"
	echo one >"$M/data/f"
	REPO=$M/repo
	export TIDEMARK_CACHE_DIR=$M/cache
	tm_init >/dev/null
	backs_up scan
	for n in 1 2 3; do
		backs_up tracker
		[ "$(summary bytes_read)" -eq 0 ]
		[ "$(summary files_new)" -eq 0 ]
		[ "$(summary files_changed)" -eq 0 ]
		[ "$(summary files_changed_meanwhile)" -eq 0 ]
	done
	echo two >"$M/data/f"
	backs_up tracker
	[ "$(summary files_changed)" -eq 1 ]
	tm restore --quiet "latest:$M/data" --target "$T/restored"
	trees_equal "$M/data" "$T/restored"
}

@test "an older image comes back under the same mount point" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		tracked $fs
		umount "$M"
		cp --sparse=always "$T/$fs.img" "$T/older"
		mount -o loop "$T/$fs.img" "$M"
		echo changed >"$M/dir/small"
		chmod 600 "$M/big"
		backs_up any
		is_captured
		umount "$M"
		cp --sparse=always "$T/older" "$T/$fs.img"
		mount -o loop "$T/$fs.img" "$M"
		backs_up scan
		is_captured
	done
}

@test "read-only for a while, moved, and under another mount" {
	tracked ext4
	mount -o remount,ro "$M"
	mount -o remount,rw "$M"
	echo again >"$M/dir/small"
	backs_up tracker
	is_captured
	# what covers it is backed up; then it is there again
	mount_tmpfs "$T/cover" 1M
	mount --bind "$T/cover" "$M"
	echo beneath >"$T/cover/f"
	backs_up any
	is_captured
	umount "$M"
	echo thrice >"$M/dir/small"
	backs_up any
	is_captured
	mkdir "$T/elsewhere"
	mount --bind "$M" "$T/elsewhere"
	echo by another way >"$T/elsewhere/dir/small"
	backs_up any
	is_captured
}

# Times are written, not believed: a tracker needs no clock.
@test "clocks that go back and forth" {
	local t
	tracked ext4
	for t in 1970-01-02 2038-02-03 2020-01-01; do
		echo "$t" >"$M/dir/small"
		printf %s "$t" | dd of="$M/big" bs=1 conv=notrunc status=none
		touch -d "$t" "$M/dir/small" "$M/big" "$M/dir" "$M"
		backs_up tracker
		is_captured
	done
}

@test "the kernel denies the programs: a backup scans" {
	requires setpriv
	disk ext4
	echo one >"$M/f"
	PINS=$T/bpf/pins
	export TIDEMARK_SOCKET=$T/socket
	mkdir "$T/bpf"
	mount -t bpf bpf "$T/bpf"
	setpriv --bounding-set=-bpf,-perfmon,-sys_admin \
		"$BUILD/tidemarkd" --socket "$T/socket" --state-dir "$T/s" \
		--pins "$PINS" --track-list "$T/var/list" \
		>"$T/daemon.log" 2>&1 3>&- &
	DAEMON=$!
	BACKGROUND+=("$DAEMON")
	wait_until daemon_answers
	grep -q "changes cannot be tracked: CAP_" "$T/daemon.log"
	expect 1 track add "$M"
	backs_up scan
	echo two >"$M/f"
	backs_up scan
	is_captured
}
