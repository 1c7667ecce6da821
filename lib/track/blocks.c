/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks.c - load, pin, take over; turn, drain, drop; for block devices.
 */
#include "track/blocks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/log.h"

#include "bpf/block.h"

#define BPFFS_MAGIC 0xcafe4a11
#define BATCH 4096

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
	int programs[ARRAY_LEN(programs)]; /* -1: left out */
	int barrier; /* an array of maps: see wait_for_programs() */
	unsigned int cpus;
	uint32_t max_entries;
	struct block_meta meta;
};

static dev_t dev_from_kernel(uint32_t dev)
{
	return makedev(dev >> 20, dev & 0xfffff);
}

bool blocks_is_without(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (list && *list) {
		size_t n = strcspn(list, ",");

		if (n == len && !strncmp(list, name, n))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* --- pins --- */

static char *pin_path(const char *pins, const char *kind, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s_%s", pins, kind, name) < 0 ? NULL : path;
}

int blocks_unpin(const char *pins)
{
	DIR *d = opendir(pins);
	struct dirent *ent;
	int e = 0;

	if (!d)
		return errno == ENOENT ? 0 : log_fail(-errno, "open %s", pins);
	while ((ent = readdir(d)))
		if (strncmp(ent->d_name, "map_", 4) == 0 ||
		    strncmp(ent->d_name, "link_", 5) == 0)
			if (unlinkat(dirfd(d), ent->d_name, 0) < 0)
				e = log_fail(-errno, "remove pin %s/%s", pins,
					     ent->d_name);
	closedir(d);
	if (rmdir(pins) < 0 && e == 0 && errno != ENOENT)
		e = log_fail(-errno, "remove %s", pins);
	return e;
}

static int prepare_pins(const char *pins)
{
	struct statfs fs;

	if (mkdir(pins, 0700) < 0 && errno != EEXIST)
		return log_fail(-errno,
				"make %s (is a bpffs mounted there? mount "
				"-t bpf bpf /sys/fs/bpf)",
				pins);
	if (statfs(pins, &fs) < 0)
		return log_fail(-errno, "statfs %s", pins);
	if ((uint32_t)fs.f_type != BPFFS_MAGIC) {
		log_error("%s is not on a bpffs: mount one (mount -t bpf bpf "
			  "/sys/fs/bpf)",
			  pins);
		return -EOPNOTSUPP;
	}
	return 0;
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
		if (blocks_is_without(opt->without, programs[i]))
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
		(void)blocks_unpin(b->pins);
	return e;
}

/* --- take over --- */

/* 0: taken over. -ENOENT: nothing of use is there. */
static int adopt(struct blocks *b)
{
	static const uint8_t none[16];
	uint32_t zero = 0;
	int i, e;

	for (i = 0; i < MAPS; i++) {
		CLEANUP_FREE char *path =
			pin_path(b->pins, "map", map_names[i]);

		if (!path)
			return -ENOMEM;
		b->maps[i] = bpf_obj_get(path);
		if (b->maps[i] < 0)
			return -ENOENT;
	}
	e = bpf_map_lookup_elem(b->maps[META], &zero, &b->meta);
	if (e < 0 || b->meta.layout != BLOCK_LAYOUT ||
	    !memcmp(b->meta.instance, none, sizeof(none)))
		return -ENOENT;
	return 0;
}

static int program_of_link(const char *path)
{
	CLEANUP_CLOSE int link = bpf_obj_get(path);
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);

	if (link < 0)
		return link;
	if (bpf_obj_get_info_by_fd(link, &info, &len) < 0)
		return -errno;
	return bpf_prog_get_fd_by_id(info.prog_id);
}

/* without: the one that need not be there. */
static int find_programs(struct blocks *b, const char *without)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(programs); i++) {
		CLEANUP_FREE char *path =
			pin_path(b->pins, "link", programs[i]);

		if (blocks_is_without(without, programs[i]))
			continue;
		b->programs[i] = path ? program_of_link(path) : -ENOMEM;
		if (b->programs[i] < 0)
			return -ENOENT;
	}
	return 0;
}

static void close_fds(struct blocks *b)
{
	size_t i;

	for (i = 0; i < MAPS; i++) {
		if (b->maps[i] >= 0)
			close(b->maps[i]);
		b->maps[i] = -1;
	}
	for (i = 0; i < ARRAY_LEN(programs); i++) {
		if (b->programs[i] >= 0)
			close(b->programs[i]);
		b->programs[i] = -1;
	}
}

static int make_barrier(struct blocks *b)
{
	struct bpf_map_create_opts opts = {
		.sz = sizeof(opts), .inner_map_fd = (uint32_t)b->maps[SLOTS]
	};
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	b->barrier = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "barrier", 4, 4,
				    1, &opts);
	if (b->barrier < 0)
		return log_fail(b->barrier, "make a map of maps");
	if (bpf_obj_get_info_by_fd(b->maps[BLOCKS], &info, &len) == 0)
		b->max_entries = info.max_entries;
	return 0;
}

/* Take over what is pinned, or load it. */
static int have_programs(struct blocks *b, const struct blocks_options *opt,
			 bool may_load)
{
	int e = adopt(b);

	if (e == 0)
		e = find_programs(b, opt->without);
	if (e != -ENOENT || !may_load)
		return e;
	close_fds(b);
	e = blocks_unpin(b->pins);
	if (e == 0)
		e = prepare_pins(b->pins);
	if (e == 0)
		e = load(b, opt);
	return e < 0 ? e : find_programs(b, opt->without);
}

int blocks_open(const struct blocks_options *opt, bool may_load,
		struct blocks **out)
{
	struct blocks *b = calloc(1, sizeof(*b));
	int cpus = libbpf_num_possible_cpus();
	int e;

	if (!b)
		return -ENOMEM;
	memset(b->maps, 0xff, sizeof(b->maps));
	memset(b->programs, 0xff, sizeof(b->programs));
	b->barrier = -1;
	b->cpus = cpus > 0 ? (unsigned int)cpus : 1;
	b->pins = strdup(opt->pins);
	e = b->pins ? have_programs(b, opt, may_load) : -ENOMEM;
	if (e == 0)
		e = make_barrier(b);
	if (e < 0) {
		blocks_close(b);
		return e;
	}
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
	free(b->pins);
	free(b);
}

const uint8_t *blocks_instance(const struct blocks *b)
{
	return b->meta.instance;
}

/* --- slots --- */

/* A run that interrupts another one of the same program on its processor is
 * left out by the kernel (bpf_trace_run, since 6.1). */
static int count_missed(const struct blocks *b, uint64_t *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < ARRAY_LEN(programs); i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (b->programs[i] < 0)
			continue;
		if (bpf_obj_get_info_by_fd(b->programs[i], &info, &len) < 0)
			return log_fail(-errno, "ask for the programs' runs");
		*out += info.recursion_misses;
	}
	return 0;
}

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
	uint64_t missed = 0;
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
				 .dev = disk_kernel_dev(d->dev) };
	e = count_missed(b, &missed);
	s.missed = missed;
	if (e == 0)
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

/* An update of a map of maps returns when every program that was running has
 * ended (kernel/bpf/syscall.c, maybe_wait_bpf_programs). */
static int wait_for_programs(struct blocks *b)
{
	uint32_t zero = 0;
	int e = bpf_map_update_elem(b->barrier, &zero, &b->maps[SLOTS], 0);

	return e < 0 ? log_fail(e, "wait for the programs") : 0;
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
	return wait_for_programs(b);
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
	uint64_t missed;
	unsigned int i;
	int e = c ? get_slot(b, slot, &s) : -ENOMEM;

	if (e == 0)
		e = count_missed(b, &missed);
	if (e < 0)
		return e;
	*out = (struct blocks_slot){ .dev = dev_from_kernel(s.dev),
				     .seq = s.seq,
				     .start = s.start,
				     .size = s.end - s.start,
				     .lost = s.lost,
				     .replaced = s.replaced,
				     .foreign = s.foreign,
				     .missed = missed != s.missed };
	if (bpf_map_lookup_elem(b->maps[COUNTS], &slot, c) < 0)
		return 0;
	for (i = 0; i < b->cpus; i++) {
		out->events += c[i].events;
		out->entries += c[i].entries;
	}
	return 0;
}

/* --- drain --- */

typedef void entry_fn(void *arg, const struct block_key *key,
		      const struct block_bits *value);

/* Every entry; which of them come in twice does not matter. */
static int each_entry(struct blocks *b, entry_fn *fn, void *arg)
{
	CLEANUP_FREE struct block_key *keys = calloc(BATCH, sizeof(*keys));
	CLEANUP_FREE struct block_bits *values = calloc(BATCH, sizeof(*values));
	uint64_t cursor[4] = { 0 }, next[4] = { 0 };
	bool first = true;
	uint32_t n, i;
	int e = 0;

	if (!keys || !values)
		return -ENOMEM;
	while (e == 0) {
		n = BATCH;
		e = bpf_map_lookup_batch(b->maps[BLOCKS], first ? NULL : cursor,
					 next, keys, values, &n, NULL);
		if (e < 0 && e != -ENOENT)
			return log_fail(e, "read the marks of devices");
		for (i = 0; i < n; i++)
			fn(arg, &keys[i], &values[i]);
		memcpy(cursor, next, sizeof(cursor));
		first = false;
	}
	return 0;
}

struct drain {
	struct dirty *d;
	uint32_t where;
	bool any;
};

/* An entry of level 1 is as many of level 0 as it has bits. */
static void take_entry(void *arg, const struct block_key *k,
		       const struct block_bits *v)
{
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
	struct blocks_slot s;
	int e = each_entry(b, take_entry, &to);

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

struct drop {
	uint32_t where;
	struct buf keys;
	int error;
};

static void note_key(void *arg, const struct block_key *k,
		     const struct block_bits *v)
{
	struct drop *to = arg;

	(void)v;
	if (k->where == to->where && to->error == 0)
		to->error = buf_append(&to->keys, k, sizeof(*k));
}

int blocks_drop(struct blocks *b, uint32_t slot)
{
	struct drop to = { .keys = BUF_INIT(SIZE_MAX) };
	uint32_t set;
	size_t i, n;
	int e = get_active(b, slot, &set);

	if (e < 0)
		return e;
	to.where = slot << 1 | ((set & 1) ^ 1);
	e = each_entry(b, note_key, &to);
	if (e == 0)
		e = to.error;
	n = to.keys.len / sizeof(struct block_key);
	for (i = 0; e == 0 && i < n;) {
		uint32_t some = (uint32_t)MIN(n - i, (size_t)BATCH);

		e = bpf_map_delete_batch(
			b->maps[BLOCKS],
			to.keys.p + i * sizeof(struct block_key), &some, NULL);
		i += some;
	}
	buf_release(&to.keys);
	return e < 0 ? log_fail(e, "clear the marks of a device") : 0;
}

static void count_entry(void *arg, const struct block_key *k,
			const struct block_bits *v)
{
	uint32_t *n = arg;

	(void)k;
	(void)v;
	(*n)++;
}

int blocks_fill(struct blocks *b, uint32_t *used, uint32_t *max)
{
	*used = 0;
	*max = b->max_entries;
	return each_entry(b, count_entry, used);
}
