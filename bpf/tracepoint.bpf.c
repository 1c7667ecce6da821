/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * tracepoint.bpf.c - the hook set "tracepoint", for ext4 and xfs.
 *
 * For kernels that load tp_btf programs but no fentry and no LSM programs.
 *
 * When may a mark come before its change can be seen? Only while the inode's
 * lock is held: whoever reads an inode after a turn takes that lock once
 * (lib/archive), and so waits for the change. Direct I/O does not hold it to
 * the end, so it is marked when it begins and again when it is complete.
 * docs/change-tracking.md has the whole argument.
 */
#include "events.h"

char LICENSE[] SEC("license") = "GPL";

/* --- pages: write(2) after the copy, a store before it --- */

SEC("tp_btf/writeback_dirty_folio")
int BPF_PROG(dirty_folio, struct folio *folio, struct address_space *mapping)
{
	return mark_folio(folio, mapping);
}

SEC("tp_btf/block_bio_queue")
int BPF_PROG(written_back, struct bio *bio)
{
	return mark_bio(bio);
}

SEC("tp_btf/iomap_dio_rw_begin")
int BPF_PROG(dio_begin, struct kiocb *iocb, struct iov_iter *iter)
{
	return begin_dio(iocb, iter);
}

SEC("tp_btf/iomap_dio_complete")
int BPF_PROG(dio_complete, struct kiocb *iocb, int error, ssize_t ret)
{
	return end_dio(iocb, error, ret);
}

/* --- ext4 --- */

/* Truncation, too: the inode is marked when its size is the smaller one. */
SEC("tp_btf/ext4_mark_inode_dirty")
int BPF_PROG(ext4_dirty, struct inode *inode)
{
	return mark(inode, TRACK_META, 0, 0);
}

/* What exchanges its content with the boot loader's inode makes no mark of
 * content, and this names only the other one. */
#define EXT4_BOOT_LOADER_INO 5
#define EXT4_HT_MOVE_EXTENTS 9
#define MOVERS_MAX 1024

/* Who has moved extents between two files (EXT4_IOC_MOVE_EXT). The content of
 * the second one changes with no page that gets dirty and no time that moves,
 * and what begins it names only the first. Nobody is taken out: of those that
 * are in here some inodes more are marked, and they are few. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MOVERS_MAX);
	__type(key, __u64); /* the thread */
	__type(value, __u32);
} movers SEC(".maps");

/* Extended attributes and ACLs make no other mark. */
SEC("tp_btf/ext4_journal_start_inode")
int BPF_PROG(ext4_start, struct inode *inode, int blocks, int reserved,
	     int revoke, int type)
{
	if (!inode)
		return 0;
	if (inode->i_ino == EXT4_BOOT_LOADER_INO)
		lose(inode->i_sb->s_dev, TRACK_LOST_OTHER);
	if (type == EXT4_HT_MOVE_EXTENTS) {
		__u64 key = bpf_get_current_pid_tgid();
		__u32 one = 1;

		if (bpf_map_update_elem(&movers, &key, &one, BPF_ANY) < 0)
			lose(inode->i_sb->s_dev, TRACK_LOST_OTHER);
	}
	return mark(inode, TRACK_META, 0, 0);
}

/* Both files, under their locks, which are held until the extents are moved. */
SEC("tp_btf/ext4_es_remove_extent")
int BPF_PROG(ext4_unmap, struct inode *inode)
{
	__u64 key = bpf_get_current_pid_tgid();

	if (!bpf_map_lookup_elem(&movers, &key))
		return 0;
	return mark(inode, TRACK_DATA, 0, OFFSET_MAX);
}

SEC("tp_btf/ext4_punch_hole")
int BPF_PROG(ext4_punch, struct inode *inode, loff_t offset, loff_t len)
{
	return mark(inode, TRACK_DATA, offset, offset + len);
}

SEC("tp_btf/ext4_zero_range")
int BPF_PROG(ext4_zero, struct inode *inode, loff_t offset, loff_t len)
{
	return mark(inode, TRACK_DATA, offset, offset + len);
}

SEC("tp_btf/ext4_collapse_range")
int BPF_PROG(ext4_collapse, struct inode *inode, loff_t offset)
{
	return mark(inode, TRACK_DATA, offset, OFFSET_MAX);
}

SEC("tp_btf/ext4_insert_range")
int BPF_PROG(ext4_insert, struct inode *inode, loff_t offset)
{
	return mark(inode, TRACK_DATA, offset, OFFSET_MAX);
}

/* --- xfs --- */

SEC("tp_btf/xfs_inode_pin")
int BPF_PROG(xfs_pin, struct xfs_inode *ip)
{
	return mark_xfs(ip, TRACK_META, 0, 0);
}

SEC("tp_btf/xfs_itruncate_extents_start")
int BPF_PROG(xfs_truncate, struct xfs_inode *ip, loff_t size)
{
	return mark_xfs(ip, TRACK_DATA, size, OFFSET_MAX);
}

#define XFS_WHOLE(hook)                                                        \
	SEC("tp_btf/" #hook)                                                   \
	int BPF_PROG(hook, struct xfs_inode *ip)                               \
	{                                                                      \
		return mark_xfs(ip, TRACK_DATA, 0, OFFSET_MAX);                \
	}

/* Also the first step of zeroing and of collapsing. */
XFS_WHOLE(xfs_free_file_space)
XFS_WHOLE(xfs_insert_file_space)
XFS_WHOLE(xfs_exchrange_before)
XFS_WHOLE(xfs_swap_extent_before)

SEC("tp_btf/xfs_reflink_remap_range")
int BPF_PROG(xfs_remap, struct xfs_inode *src, loff_t from, loff_t len,
	     struct xfs_inode *dest, loff_t to)
{
	return mark_xfs(dest, TRACK_DATA, to, len > 0 ? to + len : OFFSET_MAX);
}
