# SPDX-License-Identifier: Apache-2.0
# not tsan
#
# Disks that are full, that fail or that hold nonsense, below what change
# tracking needs: it is said, and nothing is lost.

# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load ../lib/helpers
load ../lib/tracking

setup_file() { tracking_file_begins; }
teardown_file() { tracking_file_ends; }
setup() { tracking_setup; }
teardown() { tracking_teardown; }

# --- the catalog ----------------------------------------------------------

# Each time something has changed of which only the tracker knows.
@test "a damaged catalog is made anew, and nothing is lost" {
	local n db size
	tracked ext4
	for n in {1..60}; do
		mkdir "$M/dir/$n"
		echo "$n" >"$M/dir/$n/file"
	done
	for n in head page pages cut none zeros; do
		backs_up any
		backs_up tracker
		db=$(find "$T/cache" -type f -name catalog)
		size=$(stat -c %s "$db")
		touch -r "$M/dir/small" "$T/then"
		printf %s "$n" | dd of="$M/dir/small" conv=notrunc status=none
		touch -r "$T/then" "$M/dir/small"
		case $n in
		head) head -c 8192 /dev/urandom |
			dd of="$db" conv=notrunc status=none ;;
		page) head -c 4096 /dev/urandom | dd of="$db" bs=4096 \
			seek=$((size / 8192)) conv=notrunc status=none ;;
		pages) head -c $((size - 8192)) /dev/urandom | dd of="$db" \
			bs=4096 seek=2 conv=notrunc status=none ;;
		cut) truncate -s $((size / 2)) "$db" ;;
		none) truncate -s 0 "$db" ;;
		zeros) head -c "$size" /dev/zero >"$db" ;;
		esac
		backs_up any
		is_captured
	done
	backs_up any
	backs_up tracker
}

# --- the daemon's own -----------------------------------------------------

@test "the disk under the daemon's state is full" {
	mkdir "$T/state"
	mount_tmpfs "$T/state" 128k
	own_daemon
	tracked ext4
	touch "$M"/dir/file-{1..6000}
	backs_up scan
	[ "$(summary scan_reason)" = "its marks could not be kept" ]
	grep -q 'write .*state/.*No space left on device' "$T/daemon.log"
	is_captured
	echo after >"$M/dir/small"
	backs_up tracker
	is_captured
	# not a byte is left, until it is
	head -c 1M /dev/zero >"$T/state/full" || true
	echo full >"$M/dir/small"
	backs_up scan
	is_captured
	echo still full >"$M/dir/other"
	backs_up scan
	is_captured
	"$TIDEMARK" status
	rm "$T/state/full"
	echo again >"$M/dir/small"
	backs_up scan
	is_captured
	echo and again >"$M/dir/small"
	backs_up tracker
	is_captured
}

# --- the file system itself -----------------------------------------------

# A sync that fails says nothing of what is on the disk.
@test "a disk that takes no more writes: said, and nothing is lost" {
	own_daemon
	mkdir "$T/below" "$M"
	mount_tmpfs "$T/below" 24m
	truncate -s 200M "$T/below/img"
	mkfs.ext4 -q -F "$T/below/img"
	mount -o loop "$T/below/img" "$M"
	track add "$M"
	mkdir "$M/dir"
	echo one >"$M/dir/small"
	backs_up scan
	backs_up tracker
	echo two >"$M/dir/small"
	head -c 60M /dev/urandom >"$M/large" || true
	backs_up scan
	[ "$(summary scan_reason)" = "it could not be synced" ]
	grep -q "sync $M: " "$T/daemon.log"
	mount -o remount,size=300m "$T/below"
	umount "$M"
	e2fsck -fp "$T/below/img" >/dev/null || [ $? -le 2 ]
	mount -o loop "$T/below/img" "$M"
	rm -f "$M/large"
	echo three >"$M/dir/small"
	backs_up scan
	is_captured
	echo four >"$M/dir/small"
	backs_up tracker
	is_captured
}

@test "a file system is shut down by an error: said, and nothing is lost" {
	local fs
	for fs in ext4 xfs; do
		M=$T/$fs
		tracked $fs
		echo two >"$M/dir/small"
		xfs_io -x -c shutdown "$M"
		run tm backup "$M"
		[ "$status" -eq 1 ] || [ "$status" -eq 3 ]
		output_has "$M"
		output_has "Input/output error"
		umount "$M"
		mount -o loop "$T/$fs.img" "$M"
		backs_up scan
		is_captured
		echo three >"$M/dir/small"
		backs_up tracker
		is_captured
	done
}
