/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * events.h - marks of events that both hook sets see.
 */
#ifndef BPF_EVENTS_H
#define BPF_EVENTS_H

#include "written.h"

#define DIOS_MAX 16384

static __always_inline int mark_xfs(struct xfs_inode *ip, __u32 flags,
				    __u64 from, __u64 to)
{
	if (!ip) /* see mark() */
		return 0;
	return mark(&ip->i_vnode, flags, from, to);
}

static __always_inline __u64 folio_bytes(struct folio *folio)
{
	struct folio___nr_pages *now = (void *)folio;
	struct folio___folio_nr_pages *old = (void *)folio;
	unsigned long flags = ((struct folio___flags *)folio)->flags;
	__u64 pages = 0;

	if (!(flags & 1ul << bpf_core_enum_value(enum pageflags, PG_head)))
		pages = 1;
	else if (bpf_core_field_exists(now->_nr_pages))
		pages = now->_nr_pages;
	else if (bpf_core_field_exists(old->_folio_nr_pages))
		pages = old->_folio_nr_pages;
	return pages << TRACK_BLOCK_SHIFT; /* 0: not known */
}

/* A folio that was clean is dirty: write(2) after the copy, a store before
 * it. */
static __always_inline int mark_folio(struct folio *folio,
				      struct address_space *mapping)
{
	__u64 from = (__u64)folio->index << TRACK_BLOCK_SHIFT;
	__u64 bytes = folio_bytes(folio);

	if (!mapping) /* which the kernel's own tracepoint allows for */
		return 0;
	if (bytes > 1u << TRACK_BLOCK_SHIFT &&
	    is_written_as_it_is(mapping->host))
		return mark_folio_of(mapping->host, from, from + bytes);
	return mark(mapping->host, TRACK_DATA, bytes ? from : 0,
		    bytes ? from + bytes : OFFSET_MAX);
}

/* Direct writes under way. At their end a synchronous one does not say that it
 * is a write (before 6.15 or so), and to take reads for writes would be dear.
 * What fails before it is submitted stays until its address comes again. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DIOS_MAX);
	__type(key, __u64); /* struct kiocb */
	__type(value, __u32);
} dios SEC(".maps");

static __always_inline int begin_dio(struct kiocb *iocb, struct iov_iter *iter)
{
	struct inode *inode = iocb->ki_filp->f_inode;
	__u64 key = (__u64)iocb, from = iocb->ki_pos;
	__u32 dev = inode->i_sb->s_dev;

	if (!slot_on(dev))
		return 0;
	if (!iter->data_source) {
		bpf_map_delete_elem(&dios, &key);
		return 0;
	}
	if (bpf_map_update_elem(&dios, &key, &dev, BPF_ANY) < 0)
		lose(dev, TRACK_LOST_FULL);
	return mark(inode, TRACK_DATA, from, from + iter->count);
}

/* It is complete, and its position was moved on already. */
static __always_inline int end_dio(struct kiocb *iocb, int error, ssize_t ret)
{
	struct inode *inode = iocb->ki_filp->f_inode;
	__u64 key = (__u64)iocb, to = iocb->ki_pos;

	if (bpf_map_delete_elem(&dios, &key) < 0 &&
	    !(iocb->ki_flags & IOCB_WRITE))
		return 0;
	if (error || ret <= 0)
		return mark(inode, TRACK_DATA, 0, OFFSET_MAX);
	return mark(inode, TRACK_DATA, to - ret, to);
}

#endif /* BPF_EVENTS_H */
