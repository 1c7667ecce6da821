/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * seen.h - what this processor has marked since the last turn.
 *
 * One change makes many marks of the same inode: a file that is created on
 * ext4 some fifteen. Only the first says something new. So each processor
 * keeps a few inodes that it marked last, and what it knows to be in their
 * entries: a mark that would add nothing ends here, before any hash map.
 *
 * No mark is lost by that. What is kept names the number of the turn (active)
 * whose set has the entry, and is used only while that is the number still; no
 * number comes twice. Entries of the active set only grow: flags are added, the
 * smallest size gets smaller, none is deleted. So what was in the entry once
 * is in it now, and to leave out the mark is the same as to make it. A program
 * that read the number before a turn may still rely on what it keeps after it,
 * as it may still mark the old set: the turn waits for it, and only then is
 * the set read.
 *
 * A processor's part is used by one program at a time, but for those that
 * interrupt each other: an entry's number is odd while it is written, and
 * another one afterwards, so who reads or writes across that goes the long way.
 */
#ifndef BPF_SEEN_H
#define BPF_SEEN_H

#include "kernel.h"

#include <bpf/bpf_helpers.h>

#include "track.h"

#define SEEN_BITS 6

/* What a mark needs to know of an inode. */
struct inode_now {
	__u64 sb, ino, size;
	__u32 dev, generation;
	__u32 mode;
};

struct seen_inode {
	__u64 sb, ino;
	__u64 min_size; /* or less by now */
	__u32 dev, generation;
	__u32 slot, turn;
	__u32 flags; /* and maybe more; 0: nothing is kept */
	__u32 seq;   /* odd: being written */
};

struct seen {
	struct seen_inode inodes[1 << SEEN_BITS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

static __always_inline struct seen_inode *seen_at(struct seen *s,
						  const struct inode_now *now)
{
	return &s->inodes[(now->ino * 0x9e3779b97f4a7c15ull) >>
			  (64 - SEEN_BITS)];
}

/* What is known of this inode; false: nothing. Of which turn, the caller
 * looks. */
static __always_inline bool seen_find(const struct inode_now *now,
				      struct seen_inode *out)
{
	__u32 zero = 0;
	struct seen *s = bpf_map_lookup_elem(&seen, &zero);
	struct seen_inode *k;

	if (!s)
		return false;
	k = seen_at(s, now);
	if (k->ino != now->ino || k->sb != now->sb)
		return false;
	out->seq = *(volatile __u32 *)&k->seq;
	barrier();
	*out = (struct seen_inode){ .sb = k->sb,
				    .ino = k->ino,
				    .min_size = k->min_size,
				    .dev = k->dev,
				    .generation = k->generation,
				    .slot = k->slot,
				    .turn = k->turn,
				    .flags = k->flags,
				    .seq = out->seq };
	barrier();
	return !(out->seq & 1) && *(volatile __u32 *)&k->seq == out->seq &&
	       out->ino == now->ino && out->sb == now->sb &&
	       out->dev == now->dev && out->flags;
}

/* Keep what an entry of this turn's set has: size, generation, flags. */
static __always_inline void seen_keep(const struct inode_now *now,
				      const struct seen_inode *in, __u32 slot,
				      __u32 turn)
{
	__u32 zero = 0, seq;
	struct seen *s = bpf_map_lookup_elem(&seen, &zero);
	struct seen_inode *k;

	if (!s)
		return;
	k = seen_at(s, now);
	seq = *(volatile __u32 *)&k->seq;
	if (seq & 1 ||
	    __sync_val_compare_and_swap(&k->seq, seq, seq + 1) != seq)
		return;
	k->sb = now->sb;
	k->ino = now->ino;
	k->min_size = in->min_size;
	k->dev = now->dev;
	k->generation = in->generation;
	k->slot = slot;
	k->turn = turn;
	k->flags = in->flags;
	barrier();
	*(volatile __u32 *)&k->seq = seq + 2;
}

#endif /* BPF_SEEN_H */
