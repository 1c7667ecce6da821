/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * written.h - which blocks of a dirty folio changed.
 *
 * A folio of several pages becomes dirty as a whole, but a file system writes
 * back only those of its blocks that are dirty. So its mark is of another kind
 * (TRACK_FOLIO), and what is written back of it, too (TRACK_WRITTEN): of each
 * bio, from its pages to file and offset. What changed is both.
 *
 * Nothing is lost by that. A change that belongs to epoch n was made in a folio
 * with a mark of epoch n, and is written back before the sync of the turn ends:
 * in epoch n, or in the one after it while the turn is not complete. The
 * daemon takes what was written from both. A folio that is dirtied again makes
 * a mark again. Where writing back cannot be followed - encrypted files, whose
 * bios have other pages - a folio's mark says all of it; if there is no room
 * to note what was written, all of the epoch's do (overran).
 */
#ifndef BPF_WRITTEN_H
#define BPF_WRITTEN_H

#include "mark.h"

#define S_ENCRYPTED (1 << 14)
#define PAGE_MAPPING_FLAGS 3ul /* anonymous memory, and others without host */
#define OP_IS_WRITE 1	       /* bit 0 of every such operation */
#define VECS_MAX 256	       /* BIO_MAX_VECS */
#define VEC_FOLIOS_MAX 512
/* A folio is of 2 MiB, or more with huge pages. */
#define FOLIO_REGIONS_MAX 8

struct bio_vec {
	void *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
} CO_RE;

struct bvec_iter {
	unsigned int bi_size;
	unsigned int bi_idx;
	unsigned int bi_bvec_done;
} CO_RE;

struct block_device {
	__u32 bd_dev;
} CO_RE;

struct bio {
	struct block_device *bi_bdev;
	unsigned int bi_opf;
	struct bvec_iter bi_iter;
	struct bio_vec *bi_io_vec;
} CO_RE;

struct page___head {
	unsigned long compound_head;
} CO_RE;

struct folio___mapped {
	struct address_space *mapping;
	unsigned long index;
} CO_RE;

static __always_inline bool is_written_as_it_is(struct inode *inode)
{
	return !(inode->i_flags & S_ENCRYPTED);
}

static __always_inline bool is_dirty_region(__u64 ino, __u32 where,
					    __u32 region)
{
	struct track_range_key key = { .ino = ino,
				       .where = TRACK_FOLIO | where,
				       .region = region };

	return bpf_map_lookup_elem(&ranges, &key) != NULL;
}

/* Bytes from..to of an inode are on their way to the disk. */
__noinline int mark_written(__u64 ino, __u32 where, __u64 from, __u64 to)
{
	const __u32 shift = TRACK_REGION_SHIFT - TRACK_BLOCK_SHIFT;
	const __u32 mask = (1u << shift) - 1;
	__u64 first = from >> TRACK_BLOCK_SHIFT;
	__u64 last = (to - 1) >> TRACK_BLOCK_SHIFT, region;
	__u32 i, one = 1;

	for (i = 0; i < FOLIO_REGIONS_MAX; i++) {
		region = (first >> shift) + i;
		if (region > last >> shift)
			return 0;
		/* of this epoch, or of the one whose turn is not complete */
		if ((is_dirty_region(ino, where, region) ||
		     is_dirty_region(ino, where ^ 1, region)) &&
		    mark_region(ino, TRACK_WRITTEN | where, region,
				i ? 0 : first & mask,
				region == last >> shift ? last & mask : mask) <
			    0)
			break;
	}
	if (i < FOLIO_REGIONS_MAX || region < last >> shift)
		bpf_map_update_elem(&overran, &where, &one, BPF_ANY);
	return 0;
}

/* The flags come first. */
static __always_inline __u64 part_bytes(__u64 head, __u64 page)
{
	struct folio___nr_pages *now = (void *)head;
	struct folio___folio_nr_pages *old = (void *)head;
	const __u64 size = bpf_core_type_size(struct page);
	unsigned long flags = 0;
	__u64 pages = 1;

	if (bpf_probe_read_kernel(&flags, sizeof(flags), (void *)head) < 0)
		return 0;
	if (flags & 1ul << bpf_core_enum_value(enum pageflags, PG_head))
		pages = bpf_core_field_exists(now->_nr_pages)
				? BPF_CORE_READ(now, _nr_pages)
				: BPF_CORE_READ(old, _folio_nr_pages);
	return (pages - (page - head) / size) << TRACK_BLOCK_SHIFT;
}

/* What of a bio lies in one folio: len bytes from that page on, or less.
 * Returns how many. */
__noinline int mark_part(__u64 page, __u32 offset, __u32 len)
{
	struct folio___mapped *folio;
	struct address_space *mapping;
	struct inode *host;
	__u64 head, from, bytes;
	__u32 dev, *slot, *turn;

	if (!bpf_core_field_exists(((struct page___head *)0)->compound_head))
		return 0; /* a kernel whose folios are found otherwise */
	head = BPF_CORE_READ((struct page___head *)page, compound_head);
	head = head & 1 ? head - 1 : page;
	bytes = part_bytes(head, page);
	if (bytes <= offset)
		return 0;
	if (len > bytes - offset)
		len = bytes - offset;
	folio = (struct folio___mapped *)head;
	mapping = BPF_CORE_READ(folio, mapping);
	if (!mapping || (unsigned long)mapping & PAGE_MAPPING_FLAGS)
		return len;
	host = BPF_CORE_READ(mapping, host);
	dev = host ? BPF_CORE_READ(host, i_sb, s_dev) : 0;
	slot = bpf_map_lookup_elem(&slot_of, &dev);
	turn = slot ? bpf_map_lookup_elem(&active, slot) : NULL;
	if (!turn)
		return len;
	from = BPF_CORE_READ(folio, index) << TRACK_BLOCK_SHIFT;
	from += (page - head) / bpf_core_type_size(struct page)
		<< TRACK_BLOCK_SHIFT;
	from += offset;
	mark_written(BPF_CORE_READ(host, i_ino),
		     *slot << 1 | (*(volatile __u32 *)turn & 1), from,
		     from + len);
	return len;
}

/* Folios that lie behind one another in memory and on the disk, but perhaps
 * not in the file, may be one bvec: done bytes of it are skipped, at most len
 * looked at. Returns how many; 0: not all could be. */
__noinline int mark_vec(__u64 at, __u32 skip, __u32 len)
{
	const __u64 size = bpf_core_type_size(struct page);
	struct bio_vec vec;
	__u32 i, offset, left, done;
	__u64 page;

	if (bpf_core_read(&vec, sizeof(vec), (struct bio_vec *)at) < 0 ||
	    vec.bv_len <= skip)
		return 0;
	if (len > vec.bv_len - skip)
		len = vec.bv_len - skip;
	offset = vec.bv_offset + skip;
	left = len;
	for (i = 0; i < VEC_FOLIOS_MAX && left > 0; i++) {
		page = (__u64)vec.bv_page +
		       (offset >> TRACK_BLOCK_SHIFT) * size;
		done = mark_part(page, offset & ((1u << TRACK_BLOCK_SHIFT) - 1),
				 left);
		if (done == 0 || done > left)
			return 0;
		offset += done;
		left -= done;
	}
	return left ? 0 : len;
}

/* What a bio wrote is not known: not of any file system. */
__noinline int overrun_all(void)
{
	__u32 i, where, one = 1;

	for (i = 0; i < 2 * TRACK_SLOTS; i++) {
		where = i;
		bpf_map_update_elem(&overran, &where, &one, BPF_ANY);
	}
	return 0;
}

static __always_inline bool has_folios(__u32 slot)
{
	__u32 where = slot << 1, other = where | 1;
	__u32 *one = bpf_map_lookup_elem(&folios, &where);
	__u32 *next = bpf_map_lookup_elem(&folios, &other);

	return !one || !next || *(volatile __u32 *)one ||
	       *(volatile __u32 *)next;
}

/* Of most bios nothing needs to be known: pages are marked as they are, and so
 * is what grows. What a file system writes back in one bio is of one file (and
 * what else comes in one, of direct I/O, is marked elsewhere), so its first
 * page tells for all; and before it the device, where that is the file
 * system's. */
static __always_inline bool may_be_marked(struct bio *bio, __u64 vec)
{
	__u32 dev = bio->bi_bdev->bd_dev;
	__u32 *slot = bpf_map_lookup_elem(&slot_of, &dev);
	struct address_space *mapping;
	__u64 page, head;

	if (slot)
		return has_folios(*slot);
	if (!bpf_core_field_exists(((struct page___head *)0)->compound_head))
		return true;
	page = (__u64)BPF_CORE_READ((struct bio_vec *)vec, bv_page);
	page += (BPF_CORE_READ((struct bio_vec *)vec, bv_offset) >>
		 TRACK_BLOCK_SHIFT) *
		bpf_core_type_size(struct page);
	head = BPF_CORE_READ((struct page___head *)page, compound_head);
	head = head & 1 ? head - 1 : page;
	mapping = BPF_CORE_READ((struct folio___mapped *)head, mapping);
	if (!mapping || (unsigned long)mapping & PAGE_MAPPING_FLAGS)
		return false;
	dev = BPF_CORE_READ(mapping, host, i_sb, s_dev);
	slot = bpf_map_lookup_elem(&slot_of, &dev);
	return slot && has_folios(*slot);
}

static __always_inline int mark_bio(struct bio *bio)
{
	/* as a number: the verifier allows no steps from a kernel pointer */
	__u64 vec = (__u64)BPF_CORE_READ(bio, bi_io_vec);
	__u32 left = bio->bi_iter.bi_size, skip = bio->bi_iter.bi_bvec_done;
	__u32 i, done;

	/* without folios a mark is of one page */
	if (!bpf_core_type_exists(struct folio) ||
	    !(bio->bi_opf & OP_IS_WRITE) || !vec || !left)
		return 0;
	/* by the iterator: a bio that was split from another has no count */
	vec += bio->bi_iter.bi_idx * bpf_core_type_size(struct bio_vec);
	if (!may_be_marked(bio, vec))
		return 0;
	for (i = 0; i < VECS_MAX && left > 0; i++) {
		done = mark_vec(vec, skip, left);
		if (done == 0 || done > left)
			break;
		vec += bpf_core_type_size(struct bio_vec);
		left -= done;
		skip = 0;
	}
	return left ? overrun_all() : 0;
}

#endif /* BPF_WRITTEN_H */
