# SPDX-License-Identifier: Apache-2.0
# slow
# release only
#
# What the other files rely on: a comparison that cannot see a difference
# would make every test of a restore pass.

load ../lib/helpers

copy() {
	rsync -aHAXSqc --delete --numeric-ids --modify-window=-1 source/ copy/
}

copy_of_nasty_tree() {
	make_nasty_tree source
	copy
}

# differ COMMAND...: after it, copy/ is no longer equal to source/.
differ() {
	"$@"
	if trees_equal source copy >/dev/null; then
		echo "not seen: $*"
		return 1
	fi
	copy
	trees_equal source copy
}

@test "a comparison sees content, names, times, links, attributes" {
	requires_root
	copy_of_nasty_tree
	trees_equal source copy
	holes_equal source copy
	same_time() { # other bytes, the same size and times
		printf y >copy/contents/one-byte
		touch -r source/contents/one-byte copy/contents/one-byte
	}
	break_link() {
		cp -a copy/kinds/link-b copy/kinds/new
		mv copy/kinds/new copy/kinds/link-b
		touch -r source/kinds copy/kinds
	}
	new_device() {
		rm copy/root/block
		mknod -m 660 copy/root/block b 7 201
	}
	differ same_time
	differ break_link
	differ new_device
	differ touch -d '2001-02-03 04:05:06.789012344' copy/contents
	differ touch copy/surplus
	differ rm copy/names/$'two\nlines'
	differ chown 1:1 copy/root/owner-unknown
	differ chmod u-s copy/metadata/mode-4755
	differ setfattr -x user.empty copy/metadata/xattr-user
	differ setfattr -h -n trusted.on.symlink -v no copy/root/xattr-symlink
	differ setfacl -m u:12345:r copy/metadata/acl
	differ setcap -r copy/root/capabilities
	differ ln -sfn elsewhere copy/kinds/symlink
}

@test "a comparison sees inode flags and filled holes" {
	requires_root
	copy_of_nasty_tree
	run flags_equal source copy
	[ "$status" -eq 1 ]
	output_has './root/flags/immutable'
	head -c 10M /dev/zero >copy/contents/hole-only
	expect 1 holes_equal source copy
	output_has 'hole-only'
}

@test "what a test mounts and makes immutable goes away with it" {
	requires_loop
	mount_disk disk 16M
	mkdir "a b"
	mount_tmpfs "disk/c d" 1M
	mount_tmpfs "a b" 1M
	loop_device image 1M
	touch disk/file
	chattr +i disk/file
	bash -c 'kill -STOP $$' 3>&- &
	BACKGROUND+=($!)
	wait_until is_stopped $!
	tm_teardown
	[ ! -e "$T" ]
	run grep -F "$T" /proc/self/mountinfo
	[ "$status" -eq 1 ]
	run losetup -l
	output_lacks "$T"
	tm_setup
}

@test "a condition that never comes true ends the wait" {
	run wait_until -t 1 false
	[ "$status" -eq 1 ]
	output_has 'not within 1 seconds: false'
}
