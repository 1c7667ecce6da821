/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * exact.h - large folios of which only a part was written.
 *
 * The kernel tells when a folio becomes dirty, not which part of it; folios
 * have up to a mebibyte and more. write(2) knows its range. So it leaves the
 * range in the inode's entry, and of a folio that becomes dirty only that is
 * marked, if nothing but write(2) can have been at it: no mapping may be
 * written through, and the folio is not pinned for direct I/O of others. Such
 * an inode gets TRACK_EXACT. From then on, in this epoch,
 *
 *   - each write(2) marks its range when it begins: the folio may be dirty
 *     already, and tell nothing;
 *   - a fault through a mapping that may be written through marks the whole
 *     of each folio that it touches, for the same reason: it tells of some
 *     pages, but since Linux 6.18 one fault may map them all (finish_fault()).
 *     There is no store to a page without a fault of its folio before it: when
 *     the folio became dirty there was no such mapping.
 *
 * Whatever else dirties pages (truncation, zeroing, punching, cloning) has
 * hooks of its own. docs/change-tracking.md has the whole argument.
 */
#ifndef BPF_EXACT_H
#define BPF_EXACT_H

#include "events.h"

/* Below the size of a huge page, which is mapped without these events. Folios
 * lie in a file at multiples of their size. */
#define EXACT_BYTES_MAX (1u << 20)

/* Set by the loader where all hooks are there that this needs. */
const volatile bool exact;

/* The active set, and the inode's entry in it; it may have none. */
struct exact_entry {
	struct track_inode *in;
	__u32 slot, active;
};

static __always_inline bool exact_find(struct inode *inode,
				       struct exact_entry *x)
{
	struct track_inode_key key = {};
	__u32 dev = inode->i_sb->s_dev, *at, *set;

	at = bpf_map_lookup_elem(&slot_of, &dev);
	if (!at)
		return false;
	x->slot = *at;
	set = bpf_map_lookup_elem(&active, &x->slot);
	if (!set)
		return false;
	x->active = *set;
	key.ino = inode->i_ino;
	key.where = x->slot << 1 | (x->active & TRACK_SET);
	x->in = bpf_map_lookup_elem(&inodes, &key);
	return true;
}

/* In the set that x was found in, whatever is active by now. */
static __always_inline int exact_mark(struct inode *inode,
				      const struct exact_entry *x, __u32 flags,
				      __u64 from, __u64 to)
{
	struct inode_now now = inode_now(inode);

	return mark_set(&now, x->slot, x->active & TRACK_SET, flags, from, to);
}

/* write(2) begins, under the inode's lock. */
static __always_inline int exact_write(struct inode *inode, __u64 from,
				       __u64 len)
{
	__u64 end = ((from + len - 1) >> TRACK_BLOCK_SHIFT) + 1;
	struct exact_entry x;

	/* behind the end, and so behind the smallest size seen */
	if (!exact || len == 0 || from >= (__u64)inode->i_size ||
	    !exact_find(inode, &x))
		return 0;
	if (x.in && (x.in->flags & TRACK_WHOLE))
		return 0;
	/* no other write(2) to it runs */
	if (x.in) {
		x.in->write_from =
			end >> 32 ? 0 : (__u32)(from >> TRACK_BLOCK_SHIFT);
		x.in->write_to = end >> 32 ? 0 : (__u32)end;
	}
	/* a folio that is clean tells of itself */
	if ((x.in && (x.in->flags & TRACK_EXACT)) ||
	    (x.active & TRACK_UNSETTLED))
		return exact_mark(inode, &x, TRACK_DATA, from, from + len);
	return 0;
}

/* Can only write(2), and what has hooks of its own, have been at it? */
static __always_inline bool exact_is_alone(struct folio *folio,
					   struct address_space *mapping,
					   __u64 bytes)
{
	struct folio___pins *pins = (void *)folio;

	return exact && bytes > 1u << TRACK_BLOCK_SHIFT &&
	       bytes <= EXACT_BYTES_MAX &&
	       bpf_core_field_exists(pins->_pincount) &&
	       mapping->i_mmap_writable.counter <= 0 &&
	       pins->_pincount.counter == 0;
}

/* A folio that was clean is dirty. */
static __always_inline int exact_folio(struct folio *folio,
				       struct address_space *mapping)
{
	__u64 from = (__u64)folio->index << TRACK_BLOCK_SHIFT, low, high;
	__u64 bytes = folio_bytes(folio);
	struct exact_entry x;

	/* the kernel's own tracepoint allows for no mapping */
	if (!mapping || !exact_is_alone(folio, mapping, bytes))
		return mark_folio(folio, mapping);
	if (!exact_find(mapping->host, &x))
		return 0;
	low = x.in ? (__u64)x.in->write_from << TRACK_BLOCK_SHIFT : 0;
	high = x.in ? (__u64)x.in->write_to << TRACK_BLOCK_SHIFT : 0;
	if (low < from)
		low = from;
	if (high > from + bytes)
		high = from + bytes;
	if (low >= high)
		return exact_mark(mapping->host, &x, TRACK_DATA, from,
				  from + bytes);
	return exact_mark(mapping->host, &x,
			  high - low < bytes ? TRACK_DATA | TRACK_EXACT
					     : TRACK_DATA,
			  low, high);
}

/* Pages first to last are mapped, or more of their folios. */
static __always_inline int exact_fault(struct address_space *mapping,
				       __u64 first, __u64 last)
{
	struct exact_entry x;

	if (!exact || mapping->i_mmap_writable.counter <= 0 ||
	    !exact_find(mapping->host, &x))
		return 0;
	if (!(x.active & TRACK_UNSETTLED) &&
	    (!x.in ||
	     (x.in->flags & (TRACK_EXACT | TRACK_WHOLE)) != TRACK_EXACT))
		return 0;
	first <<= TRACK_BLOCK_SHIFT;
	last <<= TRACK_BLOCK_SHIFT;
	return exact_mark(mapping->host, &x, TRACK_DATA,
			  first & ~(__u64)(EXACT_BYTES_MAX - 1),
			  (last | (EXACT_BYTES_MAX - 1)) + 1);
}

#endif /* BPF_EXACT_H */
