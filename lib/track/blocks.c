/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks.c - load, pin, take over; turn, drain, drop; for block devices.
 */
#include "track/blocks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "track/held.h"
#include "track/hooks.h"
#include "track/pins.h"
#include "track/sets.h"

#include "bpf/block.h"

/* block_object.S */
extern const uint8_t block_object[];
extern const uint64_t block_object_len;

enum map { DISKS, SLOTS, ACTIVE, COUNTS, BLOCKS, FLIGHTS, META, MAPS };
static const char *const map_names[MAPS] = { "disks",  "slots",	 "active",
					     "counts", "blocks", "flights",
					     "meta" };
static const char *const programs[] = { "rq_complete", "bio_queue",
					"bio_complete" };

struct blocks {
	char *pins;
	int maps[MAPS];
	struct held held;
	int lock;    /* of the pins */
	int barrier; /* see set_barrier() */
	unsigned int cpus;
	uint32_t max_entries;
	struct block_meta meta;
};

static dev_t dev_from_kernel(uint32_t dev)
{
	return makedev(dev >> 20, dev & 0xfffff);
}

/* --- load --- */

static int pin_maps(struct blocks *b, struct bpf_object *obj)
{
	int i, e = 0;

	for (i = 0; e == 0 && i < MAPS; i++) {
		CLEANUP_FREE char *path =
			pin_path(b->pins, "map", map_names[i]);
		struct bpf_map *m =
			bpf_object__find_map_by_name(obj, map_names[i]);

		if (!path || !m)
			return -ENOMEM;
		e = bpf_map__pin(m, path);
		if (e < 0)
			return log_fail(e, "pin %s", path);
		b->maps[i] = fcntl(bpf_map__fd(m), F_DUPFD_CLOEXEC, 3);
		e = b->maps[i] < 0 ? -errno : 0;
	}
	return e;
}

static int pin_links(struct blocks *b, struct bpf_object *obj)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj)
	{
		CLEANUP_FREE char *path =
			pin_path(b->pins, "link", bpf_program__name(p));
		struct bpf_link *link;
		int e;

		if (!bpf_program__autoload(p))
			continue;
		link = bpf_program__attach(p);
		if (!link)
			return log_fail(-errno, "attach %s",
					bpf_program__name(p));
		e = path ? bpf_link__pin(link, path) : -ENOMEM;
		if (e == 0)
			e = held_add(&b->held,
				     fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC,
					   3),
				     b->maps[DISKS]);
		bpf_link__destroy(link); /* the pin keeps it */
		if (e < 0)
			return log_fail(e, "pin %s", path ? path : "");
	}
	return 0;
}

/* The instance number comes last: without it pins are half done. */
static int write_meta(struct blocks *b)
{
	uint32_t zero = 0;

	b->meta.layout = BLOCK_LAYOUT;
	if (getrandom(b->meta.instance, sizeof(b->meta.instance), 0) !=
	    sizeof(b->meta.instance))
		return -EIO;
	return bpf_map_update_elem(b->maps[META], &zero, &b->meta, 0);
}

static int load(struct blocks *b, const struct blocks_options *opt)
{
	struct bpf_object_open_opts open_opts = { .sz = sizeof(open_opts),
						  .object_name = "tidemark_b" };
	struct bpf_object *obj = bpf_object__open_mem(
		block_object, (size_t)block_object_len, &open_opts);
	size_t i;
	int e;

	if (!obj)
		return log_fail(-errno, "open the programs for devices");
	for (i = 0; i < ARRAY_LEN(programs); i++)
		if (hooks_in_list(opt->without, programs[i]))
			bpf_program__set_autoload(
				bpf_object__find_program_by_name(obj,
								 programs[i]),
				false);
	e = bpf_map__set_max_entries(
		bpf_object__find_map_by_name(obj, map_names[BLOCKS]),
		opt->max_entries ?: BLOCKS_ENTRIES_DEFAULT);
	if (e == 0)
		e = bpf_object__load(obj);
	if (e < 0)
		log_fail(e, "load the programs for devices (CAP_BPF and "
			    "CAP_PERFMON are needed, a kernel from 5.15 with "
			    "BTF, and no lockdown; --verbose tells what the "
			    "kernel said)");
	if (e == 0)
		e = pin_maps(b, obj);
	if (e == 0)
		e = pin_links(b, obj);
	bpf_object__close(obj);
	if (e == 0)
		e = write_meta(b);
	if (e < 0)
		(void)pins_remove(b->pins);
	return e;
}

/* --- take over --- */

/* All must be there, and use these maps: a write that nobody records would be
 * a loss without a word. */
static int adopt_programs(struct blocks *b, const char *without)
{
	size_t i;
	int e;

	for (i = 0; i < ARRAY_LEN(programs); i++) {
		CLEANUP_FREE char *path =
			pin_path(b->pins, "link", programs[i]);

		if (hooks_in_list(without, programs[i]))
			continue;
		e = path ? held_add(&b->held, bpf_obj_get(path), b->maps[DISKS])
			 : -ENOMEM;
		if (e == -ENOMEM)
			return e;
		if (e < 0) {
			log_warn("the program %s is not in %s: all are loaded "
				 "anew",
				 programs[i], b->pins);
			return -ENOENT;
		}
	}
	return 0;
}

/* 0: taken over. -ENOENT: nothing of use is there. */
static int adopt(struct blocks *b, const char *without)
{
	static const struct {
		uint32_t type;
		size_t key, value;
	} like[MAPS] = {
		[DISKS] = { BPF_MAP_TYPE_HASH, 4, sizeof(struct block_disk) },
		[SLOTS] = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct block_slot) },
		[ACTIVE] = { BPF_MAP_TYPE_ARRAY, 4, 4 },
		[COUNTS] = { BPF_MAP_TYPE_PERCPU_ARRAY, 4,
			     sizeof(struct block_count) },
		[BLOCKS] = { BPF_MAP_TYPE_HASH, sizeof(struct block_key),
			     sizeof(struct block_bits) },
		[FLIGHTS] = { BPF_MAP_TYPE_HASH, 8,
			      sizeof(struct block_flight) },
		[META] = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct block_meta) },
	};
	static const uint8_t none[16];
	uint32_t zero = 0;
	int i, e;

	for (i = 0; i < MAPS; i++) {
		CLEANUP_FREE char *path =
			pin_path(b->pins, "map", map_names[i]);

		if (!path)
			return -ENOMEM;
		b->maps[i] = bpf_obj_get(path);
		if (b->maps[i] < 0 ||
		    !held_map_fits(b->maps[i], like[i].type, like[i].key,
				   like[i].value))
			return -ENOENT;
	}
	e = bpf_map_lookup_elem(b->maps[META], &zero, &b->meta);
	if (e < 0 || b->meta.layout != BLOCK_LAYOUT ||
	    !memcmp(b->meta.instance, none, sizeof(none)))
		return -ENOENT;
	return adopt_programs(b, without);
}

static void close_fds(struct blocks *b)
{
	size_t i;

	for (i = 0; i < MAPS; i++) {
		if (b->maps[i] >= 0)
			close(b->maps[i]);
		b->maps[i] = -1;
	}
	held_release(&b->held);
}

/* Take over what is pinned, or load it. */
static int have_programs(struct blocks *b, const struct blocks_options *opt,
			 bool may_load)
{
	int e;

	if (!may_load && access(b->pins, F_OK) < 0)
		return -ENOENT;
	e = pins_prepare(b->pins);
	if (e == 0)
		e = held_lock(b->pins, &b->lock);
	if (e < 0)
		return e;
	e = adopt(b, opt->without);
	if (e != -ENOENT || !may_load)
		return e;
	close_fds(b);
	e = pins_remove(b->pins);
	return e < 0 ? e : load(b, opt);
}

int blocks_open(const struct blocks_options *opt, bool may_load,
		struct blocks **out)
{
	struct blocks *b = calloc(1, sizeof(*b));
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int cpus = libbpf_num_possible_cpus();
	int e;

	if (!b)
		return -ENOMEM;
	memset(b->maps, 0xff, sizeof(b->maps));
	b->lock = b->barrier = -1;
	b->cpus = cpus > 0 ? (unsigned int)cpus : 1;
	b->pins = strdup(opt->pins);
	e = b->pins ? have_programs(b, opt, may_load) : -ENOMEM;
	if (e == 0)
		e = set_barrier(b->maps[SLOTS], &b->barrier);
	if (e < 0) {
		blocks_close(b);
		return e;
	}
	if (bpf_obj_get_info_by_fd(b->maps[BLOCKS], &info, &len) == 0)
		b->max_entries = info.max_entries;
	*out = b;
	return 0;
}

void blocks_close(struct blocks *b)
{
	if (!b)
		return;
	close_fds(b);
	if (b->barrier >= 0)
		close(b->barrier);
	if (b->lock >= 0)
		close(b->lock);
	free(b->pins);
	free(b);
}

const uint8_t *blocks_instance(const struct blocks *b)
{
	return b->meta.instance;
}

/* --- slots --- */

static int get_slot(struct blocks *b, uint32_t slot, struct block_slot *s)
{
	int e = bpf_map_lookup_elem(b->maps[SLOTS], &slot, s);

	return e < 0 ? log_fail(e, "read slot %u", slot) : 0;
}

static int put_slot(struct blocks *b, uint32_t slot, const struct block_slot *s)
{
	int e = bpf_map_update_elem(b->maps[SLOTS], &slot, s, 0);

	return e < 0 ? log_fail(e, "write slot %u", slot) : 0;
}

/* Record for slot what is written to the disk, or no longer. */
static int change_disk(struct blocks *b, uint32_t disk, uint32_t slot, bool add)
{
	struct block_disk d = { 0 }, now = { 0 };
	uint32_t i;
	int e;

	(void)!bpf_map_lookup_elem(b->maps[DISKS], &disk, &d);
	for (i = 0; i < d.n; i++)
		if (d.slots[i] != slot)
			now.slots[now.n++] = d.slots[i];
	if (add && now.n == BLOCK_SLOTS_PER_DISK)
		return log_fail(-ENOSPC,
				"track one more than %d parts of one "
				"disk",
				BLOCK_SLOTS_PER_DISK);
	if (add)
		now.slots[now.n++] = slot;
	if (now.n > 0)
		e = bpf_map_update_elem(b->maps[DISKS], &disk, &now, 0);
	else
		e = bpf_map_delete_elem(b->maps[DISKS], &disk);
	return e < 0 && e != -ENOENT ? log_fail(e, "change what is tracked")
				     : 0;
}

int blocks_add(struct blocks *b, const struct disk *d, uint32_t *slot)
{
	struct block_slot s;
	uint32_t i, empty = BLOCK_SLOTS;
	int e;

	for (i = 0; i < BLOCK_SLOTS; i++) {
		e = get_slot(b, i, &s);
		if (e < 0)
			return e;
		if (s.disk == 0 && empty == BLOCK_SLOTS)
			empty = i;
		if (s.disk == 0 || s.dev != disk_kernel_dev(d->dev))
			continue;
		*slot = i;
		return -EEXIST;
	}
	if (empty == BLOCK_SLOTS)
		return log_fail(-ENOSPC, "track one more than %d devices",
				BLOCK_SLOTS);
	s = (struct block_slot){ .seq = d->seq,
				 .start = d->start,
				 .end = d->start + d->size,
				 .disk = disk_kernel_dev(d->disk),
				 .dev = disk_kernel_dev(d->dev),
				 .missed = held_misses(&b->held) };
	e = put_slot(b, empty, &s);
	if (e == 0)
		e = change_disk(b, s.disk, empty, true);
	if (e < 0) {
		memset(&s, 0, sizeof(s));
		(void)!put_slot(b, empty, &s);
		return e;
	}
	*slot = empty;
	return 0;
}

static int get_active(struct blocks *b, uint32_t slot, uint32_t *set)
{
	int e = bpf_map_lookup_elem(b->maps[ACTIVE], &slot, set);

	return e < 0 ? log_fail(e, "read slot %u", slot) : 0;
}

int blocks_turn(struct blocks *b, uint32_t slot)
{
	uint32_t set;
	int e = get_active(b, slot, &set);

	if (e < 0)
		return e;
	set ^= 1;
	e = bpf_map_update_elem(b->maps[ACTIVE], &slot, &set, 0);
	if (e < 0)
		return log_fail(e, "turn slot %u", slot);
	return set_wait(b->barrier, b->maps[SLOTS]);
}

int blocks_remove(struct blocks *b, uint32_t slot)
{
	struct block_slot s;
	int e = get_slot(b, slot, &s);

	if (e < 0 || s.disk == 0)
		return e;
	e = change_disk(b, s.disk, slot, false);
	if (e == 0)
		e = blocks_turn(b, slot);
	if (e == 0)
		e = blocks_drop(b, slot);
	if (e == 0)
		e = blocks_turn(b, slot);
	if (e == 0)
		e = blocks_drop(b, slot);
	memset(&s, 0, sizeof(s));
	return e < 0 ? e : put_slot(b, slot, &s);
}

int blocks_slot(struct blocks *b, uint32_t slot, struct blocks_slot *out)
{
	CLEANUP_FREE struct block_count *c = calloc(b->cpus, sizeof(*c));
	struct block_slot s;
	unsigned int i;
	int e = c ? get_slot(b, slot, &s) : -ENOMEM;

	if (e < 0)
		return e;
	*out = (struct blocks_slot){ .dev = dev_from_kernel(s.dev),
				     .seq = s.seq,
				     .start = s.start,
				     .size = s.end - s.start,
				     .lost = s.lost,
				     .replaced = s.replaced,
				     .foreign = s.foreign,
				     .missed = held_misses(&b->held) !=
					       s.missed };
	if (bpf_map_lookup_elem(b->maps[COUNTS], &slot, c) < 0)
		return 0;
	for (i = 0; i < b->cpus; i++) {
		out->events += c[i].events;
		out->entries += c[i].entries;
	}
	return 0;
}

/* --- drain --- */

static struct set_map marks(const struct blocks *b)
{
	return (struct set_map){ b->maps[BLOCKS], sizeof(struct block_key),
				 sizeof(struct block_bits) };
}

struct drain {
	struct dirty *d;
	uint32_t where;
	bool any;
};

/* An entry of level 1 is as many of level 0 as it has bits. */
static void take_entry(void *arg, const void *key, const void *value)
{
	const struct block_key *k = key;
	const struct block_bits *v = value;
	struct drain *to = arg;
	struct dirty_range r = { .ino = BLOCKS_INO };
	unsigned int i;

	if (k->where != to->where)
		return;
	to->any = true;
	if (k->level == 0) {
		r.region = (uint32_t)k->entry;
		memcpy(r.bits, v->bits, sizeof(r.bits));
		dirty_add_range(to->d, &r);
		return;
	}
	memset(r.bits, 0xff, sizeof(r.bits));
	for (i = 0; i < BLOCK_ENTRY_BITS; i++) {
		if (!(v->bits[i / 64] >> i % 64 & 1))
			continue;
		r.region = (uint32_t)(k->entry * BLOCK_ENTRY_BITS + i);
		dirty_add_range(to->d, &r);
	}
}

static int read_set(struct blocks *b, uint32_t where, struct dirty *d)
{
	struct drain to = { .d = d, .where = where };
	struct set_map m = marks(b);
	struct blocks_slot s;
	int e = set_each(&m, take_entry, &to);

	/* after the marks: what could not be recorded was noted before */
	if (e == 0)
		e = blocks_slot(b, where >> 1, &s);
	if (e < 0)
		return e;
	if (s.lost || s.replaced || s.foreign || s.missed)
		d->lost = true;
	if (to.any)
		dirty_add_inode(d,
				&(struct dirty_inode){ .ino = BLOCKS_INO,
						       .min_size = s.size,
						       .flags = DIRTY_DATA });
	return 0;
}

int blocks_drain(struct blocks *b, uint32_t slot, struct dirty *d)
{
	uint32_t set;
	int e = get_active(b, slot, &set);

	return e < 0 ? e : read_set(b, slot << 1 | ((set & 1) ^ 1), d);
}

int blocks_peek(struct blocks *b, uint32_t slot, struct dirty *d)
{
	int e = read_set(b, slot << 1, d);

	return e < 0 ? e : read_set(b, slot << 1 | 1, d);
}

static bool is_of(void *arg, const void *key)
{
	return ((const struct block_key *)key)->where == *(uint32_t *)arg;
}

int blocks_drop(struct blocks *b, uint32_t slot)
{
	struct set_map m = marks(b);
	uint32_t set, where;
	int e = get_active(b, slot, &set);

	if (e < 0)
		return e;
	where = slot << 1 | ((set & 1) ^ 1);
	return set_drop(&m, is_of, &where);
}

static void count_entry(void *arg, const void *key, const void *value)
{
	uint32_t *n = arg;

	(void)key;
	(void)value;
	(*n)++;
}

int blocks_fill(struct blocks *b, uint32_t *used, uint32_t *max)
{
	struct set_map m = marks(b);

	*used = 0;
	*max = b->max_entries;
	return set_each(&m, count_entry, used);
}
