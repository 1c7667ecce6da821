/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * events.h - marks of events that both hook sets see.
 */
#ifndef BPF_EVENTS_H
#define BPF_EVENTS_H

#include "mark.h"

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
	return mark(mapping->host, TRACK_DATA, bytes ? from : 0,
		    bytes ? from + bytes : OFFSET_MAX);
}

/* Direct I/O is complete, and its position was moved on already. */
static __always_inline int mark_dio(struct kiocb *iocb, int error, ssize_t ret)
{
	__u64 to = iocb->ki_pos;

	if (!(iocb->ki_flags & IOCB_WRITE))
		return 0;
	if (error || ret <= 0)
		return mark(iocb->ki_filp->f_inode, TRACK_DATA, 0, OFFSET_MAX);
	return mark(iocb->ki_filp->f_inode, TRACK_DATA, to - ret, to);
}

#endif /* BPF_EVENTS_H */
