# SPDX-License-Identifier: Apache-2.0
# release only
# slow
#
# Killed at every named point, errors from the disk, a full disk, a disk that
# goes away: what was stored stays, and the next run goes on from there.

load ../lib/helpers

# A repository with two snapshots, of which one is forgotten and much of its
# content is dead; made once.
setup_file() {
	tm_setup
	make_tree src 20
	random_file src/kept 700000 1
	random_file src/half1 300000 2
	random_file src/half2 300000 3
	tm_init >/dev/null
	tm backup -q src
	rm src/half1
	tm backup -q src
	tm forget -q --keep-last 1
	echo "$T/src" >"$BATS_FILE_TMPDIR/where"
	mv "$T"/{src,repo,cache} "$BATS_FILE_TMPDIR"
	tm_teardown
}

setup() {
	tm_setup
	cp -a "$BATS_FILE_TMPDIR"/{src,repo,cache} "$T"
	# what the next backup finds: another place, so all is new by path,
	# and some of it is new by content
	random_file src/new1 900000 4
	random_file src/new2 900000 5
}

# random_file NAME SIZE SEED: the same bytes for the same arguments.
random_file() {
	perl -e 'my ($name, $size, $seed) = @ARGV; srand $seed;
		open(my $f, ">", $name) or die "$name: $!";
		print $f pack("N*", map { rand 2**32 } 1 .. $size / 4);' "$@"
}

points() { "$TIDEMARK" version --fault-points; }

stored() { jq -r 'select(.message_type == "summary") | .data_added_packed'; }

# still_good WHAT: after a fault. The repository is whole, by its own account
# and by a file that comes out of it as it went in.
still_good() {
	tm check --read-data >out 2>&1 || {
		echo "$1: check fails:"
		cat out
		return 1
	}
	tm cat latest "$(<"$BATS_FILE_TMPDIR/where")/kept" >kept 2>out ||
		tm cat latest "$T/src/kept" >kept 2>>out || cat out
	cmp kept src/kept || {
		echo "$1: the last snapshot is not whole"
		return 1
	}
}

# goes_on WHAT: the next backup and prune succeed, and all of it reads well.
goes_on() {
	tm backup --json src >next.json 2>next.err || {
		echo "$1: the next backup fails:"
		cat next.json next.err
		return 1
	}
	tm prune -q || {
		echo "$1: the next prune fails"
		return 1
	}
	tm check --read-data >out 2>&1 || {
		echo "$1: check after it fails:"
		cat out
		return 1
	}
}

afresh() {
	rm -rf "$REPO" "$T/cache"
	cp -a "$BATS_FILE_TMPDIR"/{repo,cache} "$T"
}

# walk VERB... : every point of the list, killed at the first passage.
walk_kills() {
	local point hit=0 status
	for point in $(points); do
		afresh
		status=0
		tm_fault "$point" "$@" >walk.out 2>&1 || status=$?
		case $status in
		0) continue ;; # it does not come by there
		137) ;;
		*)
			echo "$point: exit status $status"
			cat walk.out
			return 1
			;;
		esac
		hit=$((hit + 1))
		still_good "$point" && goes_on "$point" || return 1
	done
	echo "# $1: killed at $hit points" >&3
	[ $hit -ge "$least" ]
}

# walk_errors PATTERN ERROR VERB...: there the store fails instead, once.
walk_errors() {
	local pattern=$1 error=$2 point status n
	shift 2
	for point in $(points | grep "$pattern"); do
		for n in 1 3; do
			afresh
			status=0
			tm_fault "$point:$n:$error" "$@" >walk.out 2>&1 ||
				status=$?
			[ $status -ne 0 ] || continue
			[ $status -eq 1 ] || {
				echo "$point:$n: exit status $status"
				cat walk.out
				return 1
			}
			grep -q '^tidemark: ' walk.out || {
				echo "$point:$n: not a word of it"
				return 1
			}
			still_good "$point:$n" && goes_on "$point:$n" ||
				return 1
		done
	done
}

@test "a backup killed at every point" {
	least=10
	walk_kills backup src
}

@test "a prune killed at every point" {
	least=8
	walk_kills prune --max-unused 0
}

STORE='^store\.[csp]' REST='^pack\|^index\|^snap\|^head.write$\|^prune'

@test "a backup that meets EIO in the store" {
	walk_errors "$STORE" EIO backup src
}
@test "a backup that meets ENOSPC in the store" {
	walk_errors "$STORE" ENOSPC backup src
}
@test "a backup that meets ENOSPC elsewhere" {
	walk_errors "$REST" ENOSPC backup src
}
@test "a prune that meets EIO in the store" {
	walk_errors '^store' EIO prune --max-unused 0
}
@test "a prune that meets EIO elsewhere" {
	walk_errors "$REST" EIO prune --max-unused 0
}

@test "killed when packs are stored: the next run stores little" {
	for point in index.write snapshot.write head.write; do
		afresh
		expect 137 tm_fault "$point" backup src
		tm backup --json src >next.json
		# trees are stored again, content is not
		[ "$(stored <next.json)" -lt 20000 ] || {
			echo "$point: stored $(stored <next.json) again"
			return 1
		}
	done
	# and after the head there is nothing to do at all
	afresh
	expect 137 tm_fault head.written backup src
	[ "$(tm snapshots --json | wc -l)" -eq 2 ]
	tm backup --json src >next.json
	[ "$(stored <next.json)" -lt 20000 ]
}

# Killed when the n-th pack is stored, a run leaves n - 1 of them. What the
# next one reads and then finds stored already is read twice.
@test "killed half way through a large file: little is read twice" {
	random_file "$T/large" 300000000 7
	expect 137 tm_fault pack.finish:7 backup large
	tm backup --json large | tail -n 1 >next.json
	read=$(jq .bytes_read next.json) new=$(jq .data_added next.json)
	[ "$read" -lt 280000000 ]
	# each of two threads notes how far it is every 32 MiB
	[ $((read - new)) -lt 68000000 ]
	tm cat latest "$T/large" | cmp - large
	goes_on "large file"
}

@test "a full disk" {
	requires_root
	mount_tmpfs small 5m
	rm -rf "$REPO"
	REPO=$T/small/repo
	cp -a "$BATS_FILE_TMPDIR/repo" "$REPO"
	random_file src/large 9000000 6
	expect 1 tm backup src
	output_has "No space left on device"
	still_good "full disk"
	rm src/large
	# a prune on a full disk changes nothing or frees something
	head -c 4m /dev/zero >small/filler 2>/dev/null || true
	run tm prune --max-unused 0
	[ "$status" -le 1 ]
	still_good "full disk, prune"
	rm small/filler
	goes_on "full disk"
}

# shut_down DIRECTORY: from now on its ext4 answers EIO, as if the disk had
# been pulled out (EXT4_IOC_SHUTDOWN, without a flush).
shut_down() {
	perl -e 'open(my $d, "<", $ARGV[0]) or die "$!";
		my $how = pack("L", 2);
		ioctl($d, 0x8004587d, $how) or die "ioctl: $!"' "$1"
}

@test "a disk that goes away" {
	requires_loop
	mount_disk disk 64M
	REPO=$T/disk/repo
	cp -a "$BATS_FILE_TMPDIR/repo" "$REPO"
	sync -f disk
	for point in store.write store.sync store.publish index.write \
		head.write; do
		TIDEMARK_FAULT=$point:1:stop in_background backup src
		wait_until is_stopped "$PID"
		shut_down disk
		kill -CONT "$PID"
		status=0
		wait "$PID" || status=$?
		umount disk
		mount -o loop disk.img disk
		cat background.err
		[ $status -eq 1 ]
		grep -q 'Input/output error' background.err
		still_good "disk gone at $point"
	done
	goes_on "disk gone"
}

@test "a file system that is unmounted under a backup" {
	requires_root
	mount_tmpfs small 20m
	REPO=$T/small/repo
	cp -a "$BATS_FILE_TMPDIR/repo" "$REPO"
	TIDEMARK_FAULT=index.write:1:stop in_background backup src
	wait_until is_stopped "$PID"
	# the process keeps the old one; another is there for all others
	mkdir other
	mount --bind small other
	umount -l small
	kill -CONT "$PID"
	wait "$PID"
	REPO=$T/other/repo
	still_good "unmounted"
	tm cat latest "$T/src/new2" | cmp - src/new2
}
