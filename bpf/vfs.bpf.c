/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * vfs.bpf.c - the hook set "vfs": functions that every file system calls.
 *
 * A program here runs when the change is there already ("fexit", or a function
 * that is called last), so that whoever reads after a turn either sees the
 * change or finds its mark in the new set. The exceptions are pages (marked
 * when they go from clean to dirty, before a store; the turn's sync makes them
 * clean) and remapped extents (marked under the inode's lock, which a walk
 * takes, too). docs/change-tracking.md has the whole argument.
 *
 * Names are seen where the dentry cache learns of them: after the file system
 * is done, under the directory's lock, with the inode still at hand. Its
 * functions are in a file of their own, so that no compiler inlines them into
 * their callers; of other hooks that could be, the callers are hooked, too.
 *
 * An unknown argument is a void *: its type differs between kernels. Two
 * programs for one function are for two shapes of it; lib/track/hooks.c
 * chooses.
 */
#include "events.h"

char LICENSE[] SEC("license") = "GPL";

#define EIOCBQUEUED 529 /* the kernel's own */

/* --- pages --- */

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

SEC("tp_btf/writeback_dirty_page")
int BPF_PROG(dirty_page, struct page *page, struct address_space *mapping)
{
	__u64 from = (__u64)page->index << TRACK_BLOCK_SHIFT;

	if (!mapping)
		return 0;
	return mark(mapping->host, TRACK_DATA, from,
		    from + (1 << TRACK_BLOCK_SHIFT));
}

/* --- write(2): size and times, after the last of them --- */

/* A small file's content may lie in the inode, where no page gets dirty. */
static __always_inline int written(struct inode *inode)
{
	__u64 size = inode->i_size;

	return mark(inode,
		    size <= 1ull << TRACK_REGION_SHIFT ? TRACK_META | TRACK_DATA
						       : TRACK_META,
		    0, OFFSET_MAX);
}

SEC("fexit/generic_perform_write")
int BPF_PROG(perform_write, struct kiocb *iocb)
{
	return written(iocb->ki_filp->f_inode);
}

SEC("fexit/generic_perform_write")
int BPF_PROG(perform_write_file, struct file *file)
{
	return written(file->f_inode);
}

SEC("fexit/iomap_file_buffered_write")
int BPF_PROG(iomap_write, struct kiocb *iocb)
{
	return written(iocb->ki_filp->f_inode);
}

/* Before extents are moved or dropped, and under the inode's lock. */
SEC("fexit/file_modified")
int BPF_PROG(modified, struct file *file)
{
	return mark(file->f_inode, TRACK_META, 0, 0);
}

/* Of a store through a mapping. */
SEC("fexit/file_update_time")
int BPF_PROG(update_time, struct file *file)
{
	return mark(file->f_inode, TRACK_META, 0, 0);
}

/* --- direct I/O --- */

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

/* Before 6.6 there is no such event, and the function may be inlined. What is
 * waited for is complete when the file system's own function returns; how much
 * was to be written is kept from its entry, for the case that it fails. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DIOS_MAX);
	__type(key, __u64); /* struct kiocb */
	__type(value, __u64);
} writes SEC(".maps");

static __always_inline int writing(struct kiocb *iocb, struct iov_iter *from)
{
	__u64 key = (__u64)iocb, count = from->count;
	__u32 dev = iocb->ki_filp->f_inode->i_sb->s_dev;

	if (iocb->ki_flags & IOCB_DIRECT && slot_on(dev) &&
	    bpf_map_update_elem(&writes, &key, &count, BPF_ANY) < 0)
		lose(dev, TRACK_LOST_FULL);
	return 0;
}

static __always_inline int wrote(struct kiocb *iocb, ssize_t ret)
{
	__u64 key = (__u64)iocb, count = 0, at;
	__u64 *kept = bpf_map_lookup_elem(&writes, &key);

	if (kept) {
		count = *kept;
		bpf_map_delete_elem(&writes, &key);
	}
	if (ret == -EIOCBQUEUED) /* iocb may be gone; see below */
		return 0;
	at = iocb->ki_pos;
	if (ret > 0)
		return mark(iocb->ki_filp->f_inode, TRACK_META | TRACK_DATA,
			    at - ret, at);
	/* nothing was told of how far it came */
	return mark(iocb->ki_filp->f_inode,
		    count ? TRACK_META | TRACK_DATA : TRACK_META,
		    at > count ? at - count : 0, at + count);
}

SEC("fentry/ext4_file_write_iter")
int BPF_PROG(ext4_writing, struct kiocb *iocb, struct iov_iter *from)
{
	return writing(iocb, from);
}

SEC("fentry/xfs_file_write_iter")
int BPF_PROG(xfs_writing, struct kiocb *iocb, struct iov_iter *from)
{
	return writing(iocb, from);
}

SEC("fexit/ext4_file_write_iter")
int BPF_PROG(ext4_write, struct kiocb *iocb, void *from, ssize_t ret)
{
	return wrote(iocb, ret);
}

SEC("fexit/xfs_file_write_iter")
int BPF_PROG(xfs_write, struct kiocb *iocb, void *from, ssize_t ret)
{
	return wrote(iocb, ret);
}

/* What nobody waits for is completed by a worker. When that returns the
 * request is freed: what it was is kept from the beginning, and marked then,
 * since the caller is told before the end, and again at the end. */
struct dio_key {
	__u64 task, work;
};

struct dio_pending {
	struct inode_now inode;
	__u64 from, to;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DIOS_MAX);
	__type(key, struct dio_key);
	__type(value, struct dio_pending);
} works SEC(".maps");

SEC("fentry/iomap_dio_complete_work")
int BPF_PROG(dio_entry, struct work_struct *work)
{
	struct dio_key key = { bpf_get_current_pid_tgid(), (__u64)work };
	struct iomap_dio *dio =
		(void *)((__u64)work -
			 bpf_core_field_offset(struct iomap_dio, aio.work));
	struct kiocb *iocb = BPF_CORE_READ(dio, iocb);
	struct inode *inode = BPF_CORE_READ(iocb, ki_filp, f_inode);
	struct dio_pending p = {};

	if (!(BPF_CORE_READ(iocb, ki_flags) & IOCB_WRITE))
		return 0;
	p.inode.sb = (__u64)BPF_CORE_READ(inode, i_sb);
	p.inode.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	p.inode.ino = BPF_CORE_READ(inode, i_ino);
	p.inode.size = BPF_CORE_READ(inode, i_size);
	p.inode.generation = BPF_CORE_READ(inode, i_generation);
	if (!slot_on(p.inode.dev))
		return 0;
	p.to = OFFSET_MAX;
	if (!BPF_CORE_READ(dio, error)) {
		p.from = BPF_CORE_READ(iocb, ki_pos);
		p.to = p.from + BPF_CORE_READ(dio, size);
	}
	if (bpf_map_update_elem(&works, &key, &p, BPF_ANY) < 0)
		lose(p.inode.dev, TRACK_LOST_FULL);
	return mark_now(&p.inode, TRACK_DATA, TRACK_EXACT, p.from, p.to);
}

SEC("fexit/iomap_dio_complete_work")
int BPF_PROG(dio_exit, struct work_struct *work)
{
	struct dio_key key = { bpf_get_current_pid_tgid(), (__u64)work };
	struct dio_pending *p = bpf_map_lookup_elem(&works, &key), was;

	if (!p)
		return 0;
	was = *p;
	bpf_map_delete_elem(&works, &key);
	return mark_now(&was.inode, TRACK_DATA, TRACK_EXACT, was.from, was.to);
}

/* --- what the inode says --- */

SEC("fexit/notify_change")
int BPF_PROG(setattr, void *idmap, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

SEC("fexit/vfs_fileattr_set")
int BPF_PROG(fileattr, void *idmap, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

SEC("fexit/security_inode_post_setxattr")
int BPF_PROG(xattr_set, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

/* Of a kernel without security modules. */
SEC("fexit/__vfs_setxattr_noperm")
int BPF_PROG(xattr_set_noperm, void *idmap, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

SEC("fexit/security_inode_post_removexattr")
int BPF_PROG(xattr_gone, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

/* Before 6.9. */
SEC("fexit/vfs_removexattr")
int BPF_PROG(xattr_removed, void *idmap, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

/* Capabilities that a write takes away. */
SEC("fexit/__vfs_removexattr")
int BPF_PROG(xattr_dropped, void *idmap, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

/* Since 6.2; before that ACLs are set as xattrs, but for nfsd's. */
SEC("fexit/vfs_set_acl")
int BPF_PROG(acl_set, void *idmap, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

SEC("fexit/vfs_remove_acl")
int BPF_PROG(acl_removed, void *idmap, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

SEC("fexit/set_posix_acl")
int BPF_PROG(acl_put, void *idmap, struct dentry *dentry)
{
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

SEC("fexit/set_posix_acl")
int BPF_PROG(acl_put_inode, void *idmap, struct inode *inode)
{
	return mark(inode, TRACK_META, 0, 0);
}

/* --- extents that move or go --- */

#define FALLOC_FL_KEEP_SIZE 0x01
#define FALLOC_FL_PUNCH_HOLE 0x02
#define FALLOC_FL_ZERO_RANGE 0x10
#define FALLOC_FL_UNSHARE_RANGE 0x40
#define FALLOC_FL_WRITE_ZEROES 0x80

SEC("fexit/vfs_fallocate")
int BPF_PROG(fallocate, struct file *file, int mode, loff_t offset, loff_t len)
{
	const int in_place = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE |
			     FALLOC_FL_WRITE_ZEROES;

	mode &= ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_UNSHARE_RANGE);
	if (!mode) /* room only */
		return mark(file->f_inode, TRACK_META, 0, 0);
	return mark(file->f_inode, TRACK_META | TRACK_DATA, offset,
		    mode & ~in_place ? OFFSET_MAX : offset + len);
}

/* Clones and dedupe, also those of copy_file_range: called under the locks of
 * both inodes, which are held until the extents are remapped. */
SEC("fexit/generic_remap_file_range_prep")
int BPF_PROG(remap, struct file *in, loff_t from, struct file *out, loff_t to,
	     loff_t *len)
{
	__u64 n = 0;

	bpf_probe_read_kernel(&n, sizeof(n), len);
	return mark(out->f_inode, TRACK_META | TRACK_DATA, to,
		    n > 0 && n < OFFSET_MAX - to ? to + n : OFFSET_MAX);
}

#define IOC_TYPE_NR(cmd) ((cmd)&0xffff)
#define XFS_ALLOCSP ('X' << 8 | 10)
#define XFS_FREESP ('X' << 8 | 11)
#define XFS_ALLOCSP64 ('X' << 8 | 36)
#define XFS_FREESP64 ('X' << 8 | 37)
#define XFS_ATTRMULTI ('X' << 8 | 123)
#define EXT4_SWAP_BOOT ('f' << 8 | 17)

/* What only one file system knows. Those that change a second inode, which
 * only they can tell, end trust: they are rare. */
static __always_inline int mark_ioctl(struct file *file, unsigned int cmd)
{
	struct inode *inode = file->f_inode;

	switch (IOC_TYPE_NR(cmd)) {
	case XFS_ATTRMULTI:
		lose(inode->i_sb->s_dev, TRACK_LOST_OTHER);
		return 0;
	case EXT4_SWAP_BOOT:
	case XFS_ALLOCSP:
	case XFS_FREESP:
	case XFS_ALLOCSP64:
	case XFS_FREESP64:
		return mark(inode, TRACK_META | TRACK_DATA, 0, OFFSET_MAX);
	}
	return 0;
}

/* Called by a pointer, so these are functions in every kernel; vfs_ioctl() is
 * one, too, but its caller has a copy of it inside. */
SEC("fexit/ext4_ioctl")
int BPF_PROG(ext4_ioctl, struct file *file, unsigned int cmd)
{
	return mark_ioctl(file, cmd);
}

/* EXT4_IOC_MOVE_EXT: two files exchange extents, and no time moves. */
SEC("fexit/ext4_move_extents")
int BPF_PROG(ext4_moved, struct file *file, struct file *donor)
{
	mark(file->f_inode, TRACK_META | TRACK_DATA, 0, OFFSET_MAX);
	return mark(donor->f_inode, TRACK_META | TRACK_DATA, 0, OFFSET_MAX);
}

SEC("fexit/xfs_file_ioctl")
int BPF_PROG(xfs_ioctl, struct file *file, unsigned int cmd)
{
	return mark_ioctl(file, cmd);
}

/* Both inodes of an exchange, under their locks. To end trust would not do: an
 * exchange may leave all times as they were, and a scan would not see it. */
SEC("tp_btf/xfs_exchrange_before")
int BPF_PROG(xfs_exchrange_before, struct xfs_inode *ip)
{
	return mark_xfs(ip, TRACK_META | TRACK_DATA, 0, OFFSET_MAX);
}

SEC("tp_btf/xfs_swap_extent_before")
int BPF_PROG(xfs_swap_extent_before, struct xfs_inode *ip)
{
	return mark_xfs(ip, TRACK_META | TRACK_DATA, 0, OFFSET_MAX);
}

/* --- names: the file system has done its part --- */

static __always_inline int mark_entry(struct dentry *dentry)
{
	mark(dentry->d_parent->d_inode, TRACK_META, 0, 0);
	return mark(dentry->d_inode, TRACK_META, 0, 0);
}

/* create, mkdir, mknod, symlink, link, O_TMPFILE */
SEC("fexit/d_instantiate")
int BPF_PROG(instantiate, struct dentry *dentry)
{
	return mark_entry(dentry);
}

SEC("fexit/d_instantiate_new")
int BPF_PROG(instantiate_new, struct dentry *dentry)
{
	return mark_entry(dentry);
}

/* unlink, rmdir: the inode is taken from the dentry in here */
SEC("fentry/d_delete")
int BPF_PROG(deleted, struct dentry *dentry)
{
	return mark_entry(dentry);
}

/* rename: both directories, what was moved, and what was in its place */
SEC("fentry/d_move")
int BPF_PROG(moved, struct dentry *dentry, struct dentry *target)
{
	mark_entry(dentry);
	return mark_entry(target);
}

SEC("fentry/d_exchange")
int BPF_PROG(exchanged, struct dentry *one, struct dentry *other)
{
	mark_entry(one);
	return mark_entry(other);
}

/* --- the file system goes --- */

/* What is written to the device from here on nobody sees. */
SEC("fentry/generic_shutdown_super")
int BPF_PROG(unmounted, struct super_block *sb)
{
	struct track_slot *s = slot_on(sb->s_dev);

	if (s)
		s->replaced = 1;
	return 0;
}
