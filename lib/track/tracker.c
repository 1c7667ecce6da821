/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracker.c - slots; turn, drain, drop.
 */
#include "track/tracker.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/log.h"
#include "track/loader.h"

#include "track/kinds.h"
#include "track/sets.h"

#include "bpf/track.h"

struct tracker {
	struct loaded l;
	uint64_t misses; /* when marks were last known to be complete */
	int barrier;	 /* see set_barrier() */
	unsigned int cpus;
	uint32_t max_inodes;
	bool turn_back;	   /* a test's: numbers of turns come again */
	char refusal[320]; /* tracker_refuses() */
};

/* --- devices --- */

static uint32_t dev_to_kernel(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}

static dev_t dev_from_kernel(uint32_t dev)
{
	return makedev(dev >> 20, dev & 0xfffff);
}

int tracker_open(const struct tracker_options *opt, struct tracker **out)
{
	struct tracker *t = calloc(1, sizeof(*t));
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int e, cpus = libbpf_num_possible_cpus();

	if (!t)
		return -ENOMEM;
	t->barrier = -1;
	t->cpus = cpus > 0 ? (unsigned int)cpus : 1;
	e = loader_open(opt, &t->l);
	if (e == 0)
		e = set_barrier(t->l.maps[SLOTS], &t->barrier);
	if (e == 0 &&
	    bpf_obj_get_info_by_fd(t->l.maps[INODES], &info, &len) == 0)
		t->max_inodes = info.max_entries;
	/* as last noted, maybe by one who is dead */
	t->misses = t->l.meta.misses;
	if (hooks_in_list(opt->without, "misses"))
		t->misses--;
	t->turn_back = hooks_in_list(opt->without, "turn");
	if ((e == -EPERM || e == -EOPNOTSUPP) && t->l.meta.why[0]) {
		log_error("changes cannot be tracked: %s", t->l.meta.why);
		if (!opt->hooks)
			e = 0; /* a tracker that refuses all */
	}
	if (e < 0) {
		tracker_close(t);
		return e;
	}
	*out = t;
	return 0;
}

void tracker_close(struct tracker *t)
{
	if (!t)
		return;
	loader_release(&t->l);
	if (t->barrier >= 0)
		close(t->barrier);
	free(t);
}

const uint8_t *tracker_instance(const struct tracker *t)
{
	return t->l.meta.instance;
}

bool tracker_was_pinned(const struct tracker *t)
{
	return t->l.was_pinned;
}

const char *tracker_hook_set(const struct tracker *t)
{
	return t->l.set ? t->l.set->name : "none";
}

const char *tracker_hook_set_why(const struct tracker *t)
{
	return t->l.meta.why;
}

bool tracker_sees_unmount(const struct tracker *t)
{
	return t->l.set && t->l.set->sees_unmount;
}

const char *tracker_refuses(struct tracker *t, const char *type)
{
	bool ext4 = !strcmp(type, "ext4") || !strcmp(type, "ext3");
	bool xfs = !strcmp(type, "xfs");
	const char *missing = t->l.missing[ext4 ? FOR_EXT4 : FOR_XFS];

	if (kind_why_not(type))
		return kind_why_not(type);
	if (!t->l.set)
		snprintf(t->refusal, sizeof(t->refusal),
			 "this machine cannot track changes: %s",
			 t->l.meta.why);
	else if (!ext4 && !xfs)
		return "ext4 and xfs can be tracked, others are scanned";
	else if (missing)
		snprintf(t->refusal, sizeof(t->refusal),
			 "the kernel had no %s when the tracker was loaded, "
			 "which %s needs; if its module came later, restart "
			 "tidemarkd",
			 missing, type);
	else
		return NULL;
	return t->refusal;
}

/* --- slots --- */

static int get_slot(struct tracker *t, uint32_t slot, struct track_slot *s)
{
	int e = bpf_map_lookup_elem(t->l.maps[SLOTS], &slot, s);

	return e < 0 ? log_fail(e, "read slot %u", slot) : 0;
}

static int put_slot(struct tracker *t, uint32_t slot,
		    const struct track_slot *s)
{
	int e = bpf_map_update_elem(t->l.maps[SLOTS], &slot, s, 0);

	return e < 0 ? log_fail(e, "write slot %u", slot) : 0;
}

int tracker_add(struct tracker *t, dev_t dev, uint32_t *slot)
{
	struct track_slot s;
	uint32_t key = dev_to_kernel(dev), i;
	int e;

	if (!t->l.set)
		return -EOPNOTSUPP;
	if (bpf_map_lookup_elem(t->l.maps[SLOT_OF], &key, slot) == 0)
		return -EEXIST;
	for (i = 0; i < TRACK_SLOTS; i++) {
		e = get_slot(t, i, &s);
		if (e < 0)
			return e;
		if (s.dev == 0)
			break;
	}
	if (i == TRACK_SLOTS)
		return log_fail(-ENOSPC, "track one more than %d file systems",
				TRACK_SLOTS);
	s = (struct track_slot){ .dev = key };
	e = put_slot(t, i, &s);
	if (e < 0)
		return e;
	e = bpf_map_update_elem(t->l.maps[SLOT_OF], &key, &i, BPF_NOEXIST);
	if (e < 0)
		return log_fail(e, "track device %u:%u", major(dev),
				minor(dev));
	*slot = i;
	return 0;
}

static int get_active(struct tracker *t, uint32_t slot, uint32_t *set)
{
	int e = bpf_map_lookup_elem(t->l.maps[ACTIVE], &slot, set);

	return e < 0 ? log_fail(e, "read slot %u", slot) : 0;
}

int tracker_turn(struct tracker *t, uint32_t slot)
{
	uint32_t set;
	int e = get_active(t, slot, &set);

	if (e < 0)
		return e;
	/* Never a number that was there: the programs go by it (bpf/seen.h). */
	set = t->turn_back ? set ^ 1 : set + 1;
	e = bpf_map_update_elem(t->l.maps[ACTIVE], &slot, &set, 0);
	if (e < 0)
		return log_fail(e, "turn slot %u", slot);
	return set_wait(t->barrier, t->l.maps[SLOTS]);
}

int tracker_remove(struct tracker *t, uint32_t slot)
{
	struct track_slot s;
	int e = get_slot(t, slot, &s);

	if (e < 0 || s.dev == 0)
		return e;
	if (bpf_map_delete_elem(t->l.maps[SLOT_OF], &s.dev) < 0)
		log_debug("slot %u was in no use", slot);
	e = tracker_turn(t, slot);
	if (e == 0)
		e = tracker_drop(t, slot);
	if (e == 0)
		e = tracker_turn(t, slot);
	if (e == 0)
		e = tracker_drop(t, slot);
	memset(&s, 0, sizeof(s));
	return e < 0 ? e : put_slot(t, slot, &s);
}

/* The worst first. */
static const char *lost_why(uint32_t lost)
{
	if (lost & TRACK_LOST_MISSED)
		return "the kernel left out runs of the tracker's programs";
	if (lost & TRACK_LOST_OTHER)
		return "a program changed a file by way of another one (moved "
		       "extents, or attributes by handle)";
	return lost ? "there were more changes than the tracker holds" : NULL;
}

int tracker_slot(struct tracker *t, uint32_t slot, struct tracker_slot *out)
{
	CLEANUP_FREE struct track_count *c = calloc(t->cpus, sizeof(*c));
	struct track_slot s;
	unsigned int i;
	int e = c ? get_slot(t, slot, &s) : -ENOMEM;

	if (e < 0)
		return e;
	*out = (struct tracker_slot){ .dev = dev_from_kernel(s.dev),
				      .lost = lost_why(s.lost),
				      .replaced = s.replaced };
	if (bpf_map_lookup_elem(t->l.maps[COUNTS], &slot, c) < 0)
		return 0;
	for (i = 0; i < t->cpus; i++) {
		out->events += c[i].events;
		out->inodes += c[i].inodes;
		out->ranges += c[i].ranges;
		out->whole += c[i].whole;
	}
	return 0;
}

/* --- drain --- */

static struct set_map inodes(const struct tracker *t)
{
	return (struct set_map){ t->l.maps[INODES],
				 sizeof(struct track_inode_key),
				 sizeof(struct track_group) };
}

static struct set_map ranges(const struct tracker *t)
{
	return (struct set_map){ t->l.maps[RANGES],
				 sizeof(struct track_range_key),
				 sizeof(struct track_range) };
}

struct drain {
	struct dirty *d;
	uint32_t where;
	struct dirty *folios;  /* blocks that changed if they were written */
	struct dirty *written; /* of this epoch, and of the next one so far */
};

static void take_inode(void *arg, const void *key, const void *value)
{
	const struct track_inode_key *k = key;
	const struct track_group *v = value;
	const struct drain *to = arg;
	size_t i;

	for (i = 0; k->where == to->where && i < ARRAY_LEN(v->of); i++) {
		struct dirty_inode in = {
			.ino = k->group << TRACK_GROUP_SHIFT | i,
			.min_size = ~v->of[i].not_min_size,
			.generation = (uint32_t)(v->of[i].said >> 32),
			.flags = (uint32_t)v->of[i].said,
		};

		if (in.flags)
			dirty_add_inode(to->d, &in);
	}
}

/* The set that a range belongs to, or NULL. */
static struct dirty *set_of(const struct drain *to, uint32_t where)
{
	if (where == to->where)
		return to->d;
	if (where == (to->where | TRACK_FOLIO))
		return to->folios;
	return (where | 1) == (to->where | TRACK_WRITTEN | 1) ? to->written
							      : NULL;
}

static void take_range(void *arg, const void *key, const void *value)
{
	const struct track_range_key *k = key;
	const struct track_range *v = value;
	struct dirty *set = set_of(arg, k->where);
	struct dirty_range r = { .ino = k->ino, .region = k->region };

	memcpy(r.bits, v->bits, sizeof(r.bits));
	if (set)
		dirty_add_range(set, &r);
}

/* Without what was written, folios changed as a whole. */
static int read_set(struct tracker *t, uint32_t where, struct dirty *d,
		    struct dirty *folios, struct dirty *written)
{
	struct set_map in = inodes(t), of = ranges(t);
	struct drain to = { d, where, folios, written };
	int e = set_each(&of, take_range, &to);

	return e < 0 ? e : set_each(&in, take_inode, &to);
}

static int read_overran(struct tracker *t, uint32_t where, bool *is)
{
	uint32_t one, other = where ^ 1, next;
	int e = bpf_map_lookup_elem(t->l.maps[OVERRAN], &where, &one);

	if (e == 0)
		e = bpf_map_lookup_elem(t->l.maps[OVERRAN], &other, &next);
	if (e < 0)
		return log_fail(e, "read what overran");
	*is = one || next;
	return 0;
}

/* Of folios only what was written: d gets it. */
static int read_written(struct tracker *t, uint32_t where, struct dirty *d)
{
	struct dirty folios = { 0 }, written = { 0 };
	bool overran = false;
	int e = read_set(t, where, d, &folios, &written);

	/* after the marks: what could not be marked was noted before */
	if (e == 0)
		e = read_overran(t, where, &overran);
	if (e == 0 && !overran && !written.lost)
		dirty_meet(&folios, &written);
	if (e == 0)
		dirty_merge(d, &folios);
	dirty_release(&folios);
	dirty_release(&written);
	return e;
}

/* A program that the kernel left out has made no mark, and nobody knows where:
 * every file system is lost. The slots come first: who dies in between does it
 * again. */
static int count_misses(struct tracker *t)
{
	uint64_t now = held_misses(&t->l.held);
	struct track_slot s;
	uint32_t i;
	int e = 0;

	if (now == t->misses)
		return 0;
	for (i = 0; e == 0 && i < TRACK_SLOTS; i++) {
		e = get_slot(t, i, &s);
		if (e == 0 && s.dev) {
			s.lost |= TRACK_LOST_MISSED;
			e = put_slot(t, i, &s);
		}
	}
	t->l.meta.misses = now;
	if (e == 0)
		e = loader_write_meta(&t->l);
	if (e == 0)
		t->misses = now;
	return e;
}

int tracker_drain(struct tracker *t, uint32_t slot, bool synced,
		  struct dirty *d)
{
	struct track_slot s;
	uint32_t set, where;
	int e = get_active(t, slot, &set);

	where = slot << 1 | ((set & 1) ^ 1);
	if (e == 0)
		e = synced ? read_written(t, where, d)
			   : read_set(t, where, d, d, NULL);
	if (e == 0)
		e = count_misses(t);
	/* after the marks: what could not be recorded was noted before */
	if (e == 0)
		e = get_slot(t, slot, &s);
	if (e == 0 && s.lost)
		d->lost = true;
	return e;
}

int tracker_peek(struct tracker *t, uint32_t slot, struct dirty *d)
{
	struct track_slot s;
	int e = read_set(t, slot << 1, d, d, NULL);

	if (e == 0)
		e = read_set(t, slot << 1 | 1, d, d, NULL);
	if (e == 0)
		e = get_slot(t, slot, &s);
	if (e == 0 && (s.lost || s.replaced))
		d->lost = true;
	return e;
}

/* inode and range keys are alike but for the last word; of ranges all kinds */
static bool is_of(void *arg, const void *key)
{
	const struct track_inode_key *k = key;

	return (k->where & (TRACK_FOLIO - 1)) == *(uint32_t *)arg;
}

int tracker_drop(struct tracker *t, uint32_t slot)
{
	struct set_map in = inodes(t), of = ranges(t);
	uint32_t where, set, zero = 0;
	int e = get_active(t, slot, &set);

	if (e < 0)
		return e;
	where = slot << 1 | ((set & 1) ^ 1);
	e = set_drop(&in, is_of, &where);
	if (e == 0)
		e = set_drop(&of, is_of, &where);
	if (e == 0)
		e = bpf_map_update_elem(t->l.maps[OVERRAN], &where, &zero, 0);
	if (e == 0) /* last: it is of the entries */
		e = bpf_map_update_elem(t->l.maps[FOLIOS], &where, &zero, 0);
	return e;
}

static void count_entry(void *arg, const void *key, const void *value)
{
	uint32_t *n = arg;

	(void)key;
	(void)value;
	(*n)++;
}

int tracker_fill(struct tracker *t, uint32_t *used, uint32_t *max_inodes)
{
	struct set_map in = inodes(t);

	*used = 0;
	*max_inodes = t->max_inodes;
	return t->l.set ? set_each(&in, count_entry, used) : 0;
}
