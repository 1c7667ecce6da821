/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * block.bpf.c - which blocks of a disk were written.
 *
 * A write is marked when it is complete: its effect comes before, so whoever
 * turns the epoch and then reads either sees the effect, or the mark comes
 * into the new set (docs/change-tracking.md, "Block devices").
 *
 * Drivers with requests (nearly all disks, loop): every request ends with
 * block_rq_complete, which tells the range. Drivers that take bios as they
 * come: block_bio_complete tells no range any more, so block_bio_queue notes
 * it by the bio's address. Both know sectors of the whole disk: a partition
 * has been resolved before.
 */
#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "block.h"

char LICENSE[] SEC("license") = "GPL";

#define SECTOR_SHIFT 9
#define OP_MASK 0xff
#define OP_DISCARD 3
/* One discard request may be of many ranges. */
#define DISCARD_RANGES_MAX 256
/* Longer ranges are marked by whole MiB in their middle. */
#define LONG_RANGE (16ull << 20)
/* Entries of one level that one range may touch: 4 GiB at level 1. */
#define ENTRIES_MAX 20

struct block_device_operations {
	void *submit_bio;
} CO_RE;

struct gendisk {
	int major;
	int first_minor;
	const struct block_device_operations *fops;
	__u64 diskseq; /* since 5.15 */
} CO_RE;

struct block_device {
	struct gendisk *bd_disk;
} CO_RE;

struct request_queue {
	struct gendisk *disk; /* since 5.15 */
} CO_RE;

struct bvec_iter {
	__u64 bi_sector;
	unsigned int bi_size;
} CO_RE;

struct bio {
	struct bio *bi_next;
	struct block_device *bi_bdev;
	unsigned int bi_opf;
	struct bvec_iter bi_iter;
} CO_RE;

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	__u64 __sector;
	struct bio *bio;
} CO_RE;

enum req_op {
	REQ_OP_DRV_OUT = 35,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BLOCK_SLOTS);
	__type(key, __u32);
	__type(value, struct block_disk);
} disks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BLOCK_SLOTS);
	__type(key, __u32);
	__type(value, struct block_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BLOCK_SLOTS);
	__type(key, __u32);
	__type(value, __u32); /* the set that takes the marks: 0 or 1 */
} active SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BLOCK_SLOTS);
	__type(key, __u32);
	__type(value, struct block_count);
} counts SEC(".maps");

/* Preallocated: a mark never waits for memory. The loader sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct block_key);
	__type(value, struct block_bits);
} blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* address of the bio */
	__type(value, struct block_flight);
} flights SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct block_meta);
} meta SEC(".maps");

#define COUNT(slot, field)                                                     \
	do {                                                                   \
		struct block_count *c_ = bpf_map_lookup_elem(&counts, &slot);  \
		if (c_)                                                        \
			c_->field++;                                           \
	} while (0)

/* --- marks --- */

static __always_inline int mark_entry(__u32 slot, const struct block_key *key,
				      __u32 first, __u32 last)
{
	struct block_bits *b = bpf_map_lookup_elem(&blocks, key);
	struct block_bits empty = {};
	__u32 w;

	if (!b) {
		if (bpf_map_update_elem(&blocks, key, &empty, BPF_NOEXIST) == 0)
			COUNT(slot, entries);
		b = bpf_map_lookup_elem(&blocks, key);
		if (!b)
			return -1;
	}
	for (w = 0; w < BLOCK_ENTRY_BITS / 64; w++) {
		__u64 mask = ~0ull;
		__u32 low = w * 64;

		if (last < low || first >= low + 64)
			continue;
		if (first > low)
			mask &= ~0ull << (first - low);
		if (last < low + 63)
			mask &= ~0ull >> (low + 63 - last);
		if ((b->bits[w] & mask) != mask)
			__sync_fetch_and_or(&b->bits[w], mask);
	}
	return 0;
}

/* Not inline: each of these is verified once, and not at every call. first
 * and last are numbers of bits. */
int mark_level(__u32 where, __u32 level, __u64 first, __u64 last)
{
	struct block_key key = { .where = where, .level = level };
	__u32 slot = where >> 1;
	int i;

	for (i = 0; i < ENTRIES_MAX; i++) {
		__u64 stop = first | (BLOCK_ENTRY_BITS - 1);

		if (stop > last)
			stop = last;
		key.entry = first / BLOCK_ENTRY_BITS;
		if (mark_entry(slot, &key, first % BLOCK_ENTRY_BITS,
			       stop % BLOCK_ENTRY_BITS) < 0)
			return -1;
		if (stop == last)
			return 0;
		first = stop + 1;
	}
	return -1;
}

/* Bytes of the slot's range. */
int mark_range(__u32 where, __u64 from, __u64 to)
{
	const __u64 mib = 1ull << BLOCK_SHIFT_1;
	__u64 low, high;

	if (from >= to)
		return 0;
	if (to - from <= LONG_RANGE)
		return mark_level(where, 0, from >> BLOCK_SHIFT_0,
				  (to - 1) >> BLOCK_SHIFT_0);
	low = (from + mib - 1) & ~(mib - 1);
	high = to & ~(mib - 1);
	if (from < low && mark_level(where, 0, from >> BLOCK_SHIFT_0,
				     (low - 1) >> BLOCK_SHIFT_0) < 0)
		return -1;
	if (high < to && mark_level(where, 0, high >> BLOCK_SHIFT_0,
				    (to - 1) >> BLOCK_SHIFT_0) < 0)
		return -1;
	return mark_level(where, 1, low >> BLOCK_SHIFT_1,
			  (high - 1) >> BLOCK_SHIFT_1);
}

static __always_inline void mark_slot(__u32 slot, __u64 seq, __u64 from,
				      __u64 to)
{
	struct block_slot *s = bpf_map_lookup_elem(&slots, &slot);
	__u32 *set = bpf_map_lookup_elem(&active, &slot);

	if (!s || !set)
		return;
	if (s->seq != seq)
		s->replaced = 1;
	if (to <= s->start || from >= s->end)
		return;
	COUNT(slot, events);
	if (from < s->start)
		from = s->start;
	if (to > s->end)
		to = s->end;
	if (mark_range(slot << 1 | (*set & 1), from - s->start, to - s->start) <
	    0)
		s->lost = 1;
}

/* Bytes of a disk. */
int mark_disk(__u32 dev, __u64 seq, __u64 from, __u64 to)
{
	struct block_disk *d = bpf_map_lookup_elem(&disks, &dev);
	__u32 i;

	if (!d)
		return 0;
	for (i = 0; i < BLOCK_SLOTS_PER_DISK; i++)
		if (i < d->n)
			mark_slot(d->slots[i], seq, from, to);
	return 0;
}

enum doubt { IS_LOST, IS_FOREIGN };

static __always_inline void doubt_disk(const struct block_disk *d,
				       enum doubt what)
{
	__u32 i;

	for (i = 0; i < BLOCK_SLOTS_PER_DISK; i++) {
		struct block_slot *s;
		__u32 slot = d->slots[i];

		if (i >= d->n)
			break;
		s = bpf_map_lookup_elem(&slots, &slot);
		if (s && what == IS_LOST)
			s->lost = 1;
		else if (s)
			s->foreign = 1;
	}
}

/* --- what there is to mark --- */

static __always_inline __u32 disk_dev(struct gendisk *disk)
{
	return (__u32)disk->major << 20 | (__u32)disk->first_minor;
}

/* All operations that change what is there have odd numbers: op_is_write(). */
static __always_inline bool is_write(unsigned int flags)
{
	return flags & 1;
}

static __always_inline unsigned int drv_out(void)
{
	if (bpf_core_enum_value_exists(enum req_op, REQ_OP_DRV_OUT))
		return bpf_core_enum_value(enum req_op, REQ_OP_DRV_OUT);
	return REQ_OP_DRV_OUT;
}

static __always_inline __u64 bio_start(struct bio *bio)
{
	return bio->bi_iter.bi_sector << SECTOR_SHIFT;
}

/* --- drivers with requests --- */

/* The ranges of a discard need not lie together. */
static __always_inline void discard_complete(struct request *rq, __u32 dev,
					     __u64 seq,
					     const struct block_disk *d)
{
	struct bio *bio = rq->bio;
	int i;

	for (i = 0; i < DISCARD_RANGES_MAX && bio; i++) {
		mark_disk(dev, seq, bio_start(bio),
			  bio_start(bio) + bio->bi_iter.bi_size);
		bio = bio->bi_next;
	}
	if (bio)
		doubt_disk(d, IS_LOST);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(rq_complete, struct request *rq, int error, unsigned int bytes)
{
	struct gendisk *disk;
	struct block_disk *d;
	__u64 from;
	__u32 dev;

	if (!is_write(rq->cmd_flags))
		return 0;
	disk = rq->q->disk;
	if (!disk)
		return 0;
	dev = disk_dev(disk);
	d = bpf_map_lookup_elem(&disks, &dev);
	if (!d)
		return 0;
	if ((rq->cmd_flags & OP_MASK) == drv_out()) {
		doubt_disk(d, IS_FOREIGN);
		return 0;
	}
	if ((rq->cmd_flags & OP_MASK) == OP_DISCARD) {
		discard_complete(rq, dev, disk->diskseq, d);
		return 0;
	}
	from = rq->__sector << SECTOR_SHIFT;
	return mark_disk(dev, disk->diskseq, from, from + bytes);
}

/* --- drivers that take bios --- */

SEC("tp_btf/block_bio_queue")
int BPF_PROG(bio_queue, struct bio *bio)
{
	struct gendisk *disk = bio->bi_bdev->bd_disk;
	struct block_flight f = {};
	struct block_disk *d;
	__u64 key = (__u64)bio;

	if (!is_write(bio->bi_opf) || !disk->fops->submit_bio)
		return 0;
	f.disk = disk_dev(disk);
	d = bpf_map_lookup_elem(&disks, &f.disk);
	if (!d)
		return 0;
	f.from = bio_start(bio);
	f.to = f.from + bio->bi_iter.bi_size;
	f.seq = disk->diskseq;
	if (bpf_map_update_elem(&flights, &key, &f, BPF_ANY) < 0)
		doubt_disk(d, IS_LOST);
	return 0;
}

SEC("tp_btf/block_bio_complete")
int BPF_PROG(bio_complete, struct request_queue *q, struct bio *bio)
{
	struct block_flight *f;
	struct block_disk *d;
	struct gendisk *disk;
	__u64 key = (__u64)bio;
	__u32 dev;

	if (!is_write(bio->bi_opf))
		return 0;
	f = bpf_map_lookup_elem(&flights, &key);
	if (f) {
		mark_disk(f->disk, f->seq, f->from, f->to);
		bpf_map_delete_elem(&flights, &key);
		return 0;
	}
	/* It began before there was a slot: where it wrote nobody knows. */
	disk = bio->bi_bdev->bd_disk;
	if (!disk->fops->submit_bio)
		return 0;
	dev = disk_dev(disk);
	d = bpf_map_lookup_elem(&disks, &dev);
	if (d)
		doubt_disk(d, IS_LOST);
	return 0;
}
