/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * mark.h - the maps, and how a change is recorded in them.
 *
 * For the programs' files; each file is one object with its own maps.
 */
#ifndef BPF_MARK_H
#define BPF_MARK_H

#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "seen.h"
#include "track.h"

#define OFFSET_MAX (~0ull >> 1)
/* One write of more than this marks the whole file. */
#define REGIONS_MAX 64
#define MIN_SIZE_TRIES 4

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TRACK_SLOTS);
	__type(key, __u32);   /* device */
	__type(value, __u32); /* slot */
} slot_of SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRACK_SLOTS);
	__type(key, __u32);
	__type(value, struct track_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TRACK_SLOTS);
	__type(key, __u32);
	__type(value, struct track_count);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TRACK_SLOTS);
	__type(key, __u32);
	__type(value, __u32); /* turns so far: an odd one's marks go to set 1 */
} active SEC(".maps");

/* Preallocated: a mark never waits for memory. The loader sets the sizes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct track_inode_key);
	__type(value, struct track_group);
} inodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct track_range_key);
	__type(value, struct track_range);
} ranges SEC(".maps");

/* Of slot << 1 | set: not all that was written back is marked. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * TRACK_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} overran SEC(".maps");

/* Of slot << 1 | set: it has entries of TRACK_FOLIO, or had some. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * TRACK_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} folios SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct track_meta);
} meta SEC(".maps");

#define COUNT(slot, field)                                                     \
	do {                                                                   \
		struct track_count *c_ = bpf_map_lookup_elem(&counts, &slot);  \
		if (c_)                                                        \
			c_->field++;                                           \
	} while (0)

static __always_inline void set_flags(struct track_inode *in, __u32 flags)
{
	if ((in->said & flags) != flags)
		__sync_fetch_and_or(&in->said, (__u64)flags);
}

/* Two processors may lower it at once: never let the larger one win. Returns
 * the smallest, or 0 if it could not be kept. */
static __always_inline __u64 lower_size(struct track_inode *in, __u64 size)
{
	__u64 was = in->not_min_size;
	int i;

	for (i = 0; i < MIN_SIZE_TRIES && ~size > was; i++) {
		__u64 seen = __sync_val_compare_and_swap(&in->not_min_size, was,
							 ~size);

		if (seen == was)
			return size;
		was = seen;
	}
	return ~size > was ? 0 : ~was;
}

static __always_inline struct track_slot *slot_on(__u32 dev)
{
	__u32 *at = bpf_map_lookup_elem(&slot_of, &dev);

	return at ? bpf_map_lookup_elem(&slots, at) : NULL;
}

/* A change that cannot be marked: the file system must be scanned. */
static __always_inline void lose(__u32 dev, enum track_lost why)
{
	__u32 *at = bpf_map_lookup_elem(&slot_of, &dev);
	struct track_slot *s = at ? bpf_map_lookup_elem(&slots, at) : NULL;

	if (s) {
		s->lost |= why;
		COUNT(*at, lost);
	}
}

static __always_inline struct inode_now inode_now(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;
	struct inode_now now = { .sb = (__u64)sb,
				 .ino = inode->i_ino,
				 .size = inode->i_size,
				 .dev = sb->s_dev,
				 .generation = inode->i_generation,
				 .mode = inode->i_mode };

	return now;
}

#define S_IFMT 00170000
#define S_IFREG 0100000

/* All content of a file that was empty is changed: to say so at once spares the
 * marks of what is written to a new one. */
static __always_inline __u32 whole_if_small(const struct inode_now *now,
					    __u32 flags, __u64 min_size)
{
	if (min_size == 0 && (now->mode & S_IFMT) == S_IFREG)
		return flags | TRACK_DATA | TRACK_WHOLE;
	return flags & TRACK_DATA && min_size <= 1ull << TRACK_REGION_SHIFT
		       ? flags | TRACK_WHOLE
		       : flags;
}

/* The entry; NULL: there is no room. */
static __always_inline struct track_inode *get_inode(
	const struct track_inode_key *key, __u64 ino)
{
	struct track_group *group = bpf_map_lookup_elem(&inodes, key);
	const struct track_group none = {};

	if (!group) {
		bpf_map_update_elem(&inodes, key, &none, BPF_NOEXIST);
		group = bpf_map_lookup_elem(&inodes, key);
	}
	return group ? &group->of[ino & (TRACK_GROUP - 1)] : NULL;
}

/* The bits of one region's blocks first..last. Global, so that the verifier
 * looks at it once and not in each turn of a loop: loading takes seconds
 * otherwise. */
__noinline int mark_region(__u64 ino, __u32 where, __u32 region, __u32 first,
			   __u32 last)
{
	struct track_range_key key = { .ino = ino,
				       .where = where,
				       .region = region };
	struct track_range *r = bpf_map_lookup_elem(&ranges, &key);
	struct track_range empty = {};
	__u32 w, slot = TRACK_SLOT_OF(where), of = where & (TRACK_FOLIO - 1);
	__u32 one = 1;

	if (!r) {
		if (where & TRACK_FOLIO) /* before there is one */
			bpf_map_update_elem(&folios, &of, &one, BPF_ANY);
		if (bpf_map_update_elem(&ranges, &key, &empty, BPF_NOEXIST) ==
		    0)
			COUNT(slot, ranges);
		r = bpf_map_lookup_elem(&ranges, &key);
		if (!r)
			return -1;
	}
	for (w = 0; w < TRACK_REGION_WORDS; w++) {
		__u64 mask = ~0ull;
		__u32 low = w * 64;

		if (last < low || first >= low + 64)
			continue;
		if (first > low)
			mask &= ~0ull << (first - low);
		if (last < low + 63)
			mask &= ~0ull >> (low + 63 - last);
		if ((r->bits[w] & mask) != mask)
			__sync_fetch_and_or(&r->bits[w], mask);
	}
	return 0;
}

/* The blocks from..last: numbers, not bytes. */
__noinline int mark_blocks(__u64 ino, __u32 where, __u64 from, __u64 last)
{
	const __u32 shift = TRACK_REGION_SHIFT - TRACK_BLOCK_SHIFT;
	const __u32 mask = (1u << shift) - 1;
	__u64 region = from >> shift;
	__u32 i;

	for (i = 0; i < REGIONS_MAX; i++) {
		if (region > last >> shift)
			return 0;
		if (mark_region(ino, where, region, i ? 0 : from & mask,
				region == last >> shift ? last & mask : mask) <
		    0)
			return -1;
		region++;
	}
	return region > last >> shift ? 0 : -1;
}

/* Blocks of a file that is not marked as a whole. All behind the smallest size
 * seen is changed anyway, and needs none. */
static __always_inline int mark_content(__u64 ino, __u32 where, __u64 min_size,
					__u64 from, __u64 to)
{
	if (to > min_size)
		to = min_size;
	if (from >= to)
		return 0;
	return mark_blocks(ino, where, from >> TRACK_BLOCK_SHIFT,
			   (to - 1) >> TRACK_BLOCK_SHIFT);
}

/* Has this processor made that mark since the last turn? If nothing but blocks
 * is new they are marked here. */
static __always_inline bool is_marked(const struct inode_now *now, __u32 flags,
				      __u32 kind, __u64 from, __u64 to)
{
	struct seen_inode k;
	__u32 turn, where, *at;

	if (!seen_find(now, &k))
		return false;
	at = bpf_map_lookup_elem(&active, &k.slot);
	if (!at)
		return false;
	turn = *(volatile __u32 *)at;
	if (turn != k.turn || (k.flags & flags) != flags ||
	    now->size < k.min_size)
		return false;
	where = kind | k.slot << 1 | (turn & 1);
	if (!(k.flags & TRACK_WHOLE)) {
		if (now->generation != k.generation)
			return false;
		if ((flags & TRACK_DATA) &&
		    mark_content(now->ino, where, k.min_size, from, to) < 0)
			return false;
	}
	COUNT(k.slot, events);
	return true;
}

/* Add to an entry what this mark says. */
static __always_inline void mark_in(struct track_inode *in,
				    const struct inode_now *now, __u32 flags,
				    __u32 where, __u64 from, __u64 to,
				    struct seen_inode *says)
{
	__u32 slot = TRACK_SLOT_OF(where);
	__u64 made = (__u64)now->generation << 32, said;

	says->min_size = lower_size(in, now->size);
	flags = whole_if_small(now, flags, says->min_size);
	if (says->min_size == 0 && now->size > 0)
		flags |= TRACK_WHOLE; /* others lower it all the time */
	said = __sync_val_compare_and_swap(&in->said, 0, made | flags);
	if (said == 0) {
		said = made | flags;
		COUNT(slot, inodes);
	}
	if (said >> 32 != now->generation)
		flags |= TRACK_WHOLE; /* deleted and made anew */
	set_flags(in, flags);
	says->flags = (__u32)said | flags;
	says->generation = said >> 32;
	if ((flags & TRACK_DATA) && !(says->flags & TRACK_WHOLE) &&
	    mark_content(now->ino, where, says->min_size, from, to) < 0) {
		set_flags(in, TRACK_WHOLE);
		COUNT(slot, whole);
	}
}

/* What this processor has not marked yet. A function of its own: most marks end
 * before it, and what they take of the processor's caches is little. */
static __noinline int mark_new(const struct inode_now *now, __u32 flags,
			       __u32 kind, __u64 from, __u64 to)
{
	struct track_inode_key key = { .group = now->ino >> TRACK_GROUP_SHIFT };
	struct seen_inode says = {};
	struct track_inode *in;
	struct track_slot *s;
	__u32 dev = now->dev, slot, turn, *at;

	at = bpf_map_lookup_elem(&slot_of, &dev);
	if (!at)
		return 0;
	slot = *at;
	s = bpf_map_lookup_elem(&slots, &slot);
	at = bpf_map_lookup_elem(&active, &slot);
	if (!s || !at)
		return 0;
	turn = *(volatile __u32 *)at; /* once: what is kept is of this set */
	COUNT(slot, events);
	if (s->sb != now->sb) {
		if (s->sb == 0)
			__sync_val_compare_and_swap(&s->sb, 0, now->sb);
		if (s->sb != now->sb)
			s->replaced = 1;
	}
	key.where = slot << 1 | (turn & 1);
	in = get_inode(&key, now->ino);
	if (!in) {
		s->lost |= TRACK_LOST_FULL;
		COUNT(slot, lost);
		return 0;
	}
	mark_in(in, now, flags, kind | key.where, from, to, &says);
	if (s->sb == now->sb)
		seen_keep(now, &says, slot, turn);
	return 0;
}

static __always_inline int mark_now(const struct inode_now *now, __u32 flags,
				    __u32 kind, __u64 from, __u64 to)
{
	return is_marked(now, flags, kind, from, to)
		       ? 0
		       : mark_new(now, flags, kind, from, to);
}

/*
 * Record that inode changed. With TRACK_DATA: its bytes from up to to; all
 * behind the smallest size seen is changed anyway, and needs no blocks.
 */
static __always_inline int mark(struct inode *inode, __u32 flags, __u64 from,
				__u64 to)
{
	struct inode_now now;

	/* never so; but 6.13 and stable kernels beside it want to see this
	 * test of what a module's tracepoint hands over */
	if (!inode)
		return 0;
	now = inode_now(inode);
	return mark_now(&now, flags, TRACK_EXACT, from, to);
}

/* The same of a dirty folio: what of it changed, its writing back tells. */
static __always_inline int mark_folio_of(struct inode *inode, __u64 from,
					 __u64 to)
{
	struct inode_now now = inode_now(inode);

	return mark_now(&now, TRACK_DATA, TRACK_FOLIO, from, to);
}

#endif /* BPF_MARK_H */
