/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracker.c - load, pin, take over; turn, drain, drop.
 */
#include "track/tracker.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/io.h"
#include "base/log.h"
#include "track/held.h"
#include "track/pins.h"

#include "bpf/track.h"

#define BATCH 4096

/* object.S */
extern const uint8_t track_object[];
extern const uint64_t track_object_len;

enum map { SLOT_OF, SLOTS, ACTIVE, COUNTS, INODES, RANGES, META, MAPS };
static const char *const map_names[MAPS] = { "slot_of", "slots",  "active",
					     "counts",	"inodes", "ranges",
					     "meta" };

/* Which file systems cannot be tracked without the program. */
enum need { FOR_ALL, FOR_EXT4, FOR_XFS };

struct hook {
	const char *program;
	const char *tracepoint;
	enum need need;
};

static const struct hook hooks[] = {
	{ "dirty_folio", "writeback_dirty_folio", FOR_ALL },
	{ "dio_begin", "iomap_dio_rw_begin", FOR_ALL },
	{ "dio_complete", "iomap_dio_complete", FOR_ALL },
	{ "ext4_dirty", "ext4_mark_inode_dirty", FOR_EXT4 },
	{ "ext4_start", "ext4_journal_start_inode", FOR_EXT4 },
	{ "ext4_punch", "ext4_punch_hole", FOR_EXT4 },
	{ "ext4_zero", "ext4_zero_range", FOR_EXT4 },
	{ "ext4_collapse", "ext4_collapse_range", FOR_EXT4 },
	{ "ext4_insert", "ext4_insert_range", FOR_EXT4 },
	{ "xfs_pin", "xfs_inode_pin", FOR_XFS },
	{ "xfs_truncate", "xfs_itruncate_extents_start", FOR_XFS },
	{ "xfs_free_file_space", "xfs_free_file_space", FOR_XFS },
	{ "xfs_insert_file_space", "xfs_insert_file_space", FOR_XFS },
	{ "xfs_exchrange_before", "xfs_exchrange_before", FOR_XFS },
	{ "xfs_swap_extent_before", "xfs_swap_extent_before", FOR_XFS },
	{ "xfs_remap", "xfs_reflink_remap_range", FOR_XFS },
};

struct tracker {
	char *pins;
	int lock; /* the directory of the pins */
	struct held held;
	uint64_t misses; /* when marks were last known to be complete */
	int maps[MAPS];
	int barrier; /* an array of maps: see wait_for_programs() */
	bool was_pinned;
	unsigned int cpus;
	uint32_t max_inodes;
	struct track_meta meta;
	const char *missing[3]; /* by need: a tracepoint there is none of */
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

/* --- load --- */

PRINTF_LIKE(2, 0)
static int print(enum libbpf_print_level level, const char *fmt, va_list args)
{
	char line[1024];
	size_t n;

	if (level == LIBBPF_DEBUG ||
	    vsnprintf(line, sizeof(line), fmt, args) < 0)
		return 0;
	n = strlen(line);
	if (n > 0 && line[n - 1] == '\n')
		line[n - 1] = '\0';
	log_debug("%s", line);
	return 0;
}

static bool has_tracepoint(const struct btf *btf, const char *name)
{
	char type[128];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

/* Which programs this kernel has a place for. */
static int choose(struct tracker *t, struct bpf_object *obj,
		  const char *without)
{
	struct btf *btf = btf__load_vmlinux_btf();
	size_t i;

	if (!btf) {
		log_error("no BTF of the running kernel in /sys/kernel/btf: "
			  "changes cannot be tracked");
		return -EOPNOTSUPP;
	}
	for (i = 0; i < ARRAY_LEN(hooks); i++) {
		struct bpf_program *p =
			bpf_object__find_program_by_name(obj, hooks[i].program);
		bool has = has_tracepoint(btf, hooks[i].tracepoint);

		if (!has && !t->missing[hooks[i].need])
			t->missing[hooks[i].need] = hooks[i].tracepoint;
		if (p &&
		    (!has || (without && !strcmp(without, hooks[i].program))))
			bpf_program__set_autoload(p, false);
	}
	btf__free(btf);
	if (!t->missing[FOR_ALL])
		return 0;
	log_error("this kernel has no tracepoint %s: changes cannot be tracked",
		  t->missing[FOR_ALL]);
	return -EOPNOTSUPP;
}

static int set_sizes(struct bpf_object *obj, const struct tracker_options *opt)
{
	uint32_t inodes = opt->max_inodes ?: TRACKER_INODES_DEFAULT;
	uint32_t ranges = opt->max_ranges ?: TRACKER_RANGES_DEFAULT;
	int e = bpf_map__set_max_entries(
		bpf_object__find_map_by_name(obj, "inodes"), inodes);

	return e < 0 ? e
		     : bpf_map__set_max_entries(
			       bpf_object__find_map_by_name(obj, "ranges"),
			       ranges);
}

static int pin_maps(struct tracker *t, struct bpf_object *obj)
{
	int i, e = 0;

	for (i = 0; e == 0 && i < MAPS; i++) {
		CLEANUP_FREE char *path =
			pin_path(t->pins, "map", map_names[i]);
		struct bpf_map *m =
			bpf_object__find_map_by_name(obj, map_names[i]);

		if (!path)
			return -ENOMEM;
		e = bpf_map__pin(m, path);
		if (e < 0)
			return log_fail(e, "pin %s", path);
		t->maps[i] = fcntl(bpf_map__fd(m), F_DUPFD_CLOEXEC, 3);
		e = t->maps[i] < 0 ? -errno : 0;
	}
	return e;
}

static int pin_links(struct tracker *t, struct bpf_object *obj)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj)
	{
		CLEANUP_FREE char *path =
			pin_path(t->pins, "link", bpf_program__name(p));
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
			e = held_add(&t->held,
				     fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC,
					   3),
				     t->maps[SLOT_OF]);
		bpf_link__destroy(link); /* the pin keeps it */
		if (e < 0)
			return log_fail(e, "pin %s", path ? path : "");
	}
	return 0;
}

/* The instance number comes last: without it pins are half done. */
static int write_meta(struct tracker *t)
{
	uint32_t zero = 0;

	t->meta.layout = TRACK_LAYOUT;
	if (getrandom(t->meta.instance, sizeof(t->meta.instance), 0) !=
	    sizeof(t->meta.instance))
		return -EIO;
	return bpf_map_update_elem(t->maps[META], &zero, &t->meta, 0);
}

static int load(struct tracker *t, const struct tracker_options *opt)
{
	struct bpf_object_open_opts open_opts = { .sz = sizeof(open_opts),
						  .object_name = "tidemark" };
	struct bpf_object *obj = bpf_object__open_mem(
		track_object, (size_t)track_object_len, &open_opts);
	int e;

	if (!obj)
		return log_fail(-errno, "open the tracker's programs");
	e = choose(t, obj, opt->without);
	if (e == 0)
		e = set_sizes(obj, opt);
	if (e == 0) {
		e = bpf_object__load(obj);
		if (e == -EPERM)
			log_fail(e, "load the tracker's programs (CAP_BPF and "
				    "CAP_PERFMON are needed, and a kernel that "
				    "is not locked down)");
		else if (e < 0)
			log_fail(e, "load the tracker's programs (--verbose "
				    "tells what the kernel said)");
	}
	if (e == 0)
		e = pin_maps(t, obj);
	if (e == 0)
		e = pin_links(t, obj);
	bpf_object__close(obj);
	if (e == 0)
		e = write_meta(t);
	if (e < 0) {
		(void)pins_remove(t->pins);
		(void)rmdir(t->pins);
	}
	return e;
}

/* --- take over --- */

/* Every program that this kernel has a place for must be there, and use these
 * maps: a change that nobody records would be a loss without a word. */
static int adopt_links(struct tracker *t, const char *without)
{
	struct btf *btf = btf__load_vmlinux_btf();
	size_t i;
	int e = btf ? 0 : -ENOENT;

	for (i = 0; e == 0 && i < ARRAY_LEN(hooks); i++) {
		CLEANUP_FREE char *path =
			pin_path(t->pins, "link", hooks[i].program);

		if (!has_tracepoint(btf, hooks[i].tracepoint)) {
			if (!t->missing[hooks[i].need])
				t->missing[hooks[i].need] = hooks[i].tracepoint;
			continue;
		}
		if (without && !strcmp(without, hooks[i].program))
			continue;
		e = path ? held_add(&t->held, bpf_obj_get(path),
				    t->maps[SLOT_OF])
			 : -ENOMEM;
		if (e < 0)
			log_warn("the program %s is not in %s any more: all "
				 "are loaded anew",
				 hooks[i].program, t->pins);
	}
	btf__free(btf);
	return e == -ENOMEM ? e : e < 0 ? -ENOENT : 0;
}

/* 0: taken over. -ENOENT: nothing of use is there. */
static int adopt(struct tracker *t, const char *without)
{
	static const struct {
		uint32_t type;
		size_t key, value;
	} like[MAPS] = {
		[SLOT_OF] = { BPF_MAP_TYPE_HASH, 4, 4 },
		[SLOTS] = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct track_slot) },
		[ACTIVE] = { BPF_MAP_TYPE_ARRAY, 4, 4 },
		[COUNTS] = { BPF_MAP_TYPE_PERCPU_ARRAY, 4,
			     sizeof(struct track_count) },
		[INODES] = { BPF_MAP_TYPE_HASH, sizeof(struct track_inode_key),
			     sizeof(struct track_inode) },
		[RANGES] = { BPF_MAP_TYPE_HASH, sizeof(struct track_range_key),
			     sizeof(struct track_range) },
		[META] = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct track_meta) },
	};
	uint32_t zero = 0;
	static const uint8_t none[16];
	int i, e;

	for (i = 0; i < MAPS; i++) {
		CLEANUP_FREE char *path =
			pin_path(t->pins, "map", map_names[i]);

		t->maps[i] = path ? bpf_obj_get(path) : -ENOMEM;
		if (t->maps[i] < 0)
			return -ENOENT;
		if (!held_map_fits(t->maps[i], like[i].type, like[i].key,
				   like[i].value)) {
			log_warn("%s/map_%s is not ours: all is loaded anew",
				 t->pins, map_names[i]);
			return -ENOENT;
		}
	}
	e = bpf_map_lookup_elem(t->maps[META], &zero, &t->meta);
	if (e < 0 || t->meta.layout != TRACK_LAYOUT ||
	    !memcmp(t->meta.instance, none, sizeof(none)))
		return -ENOENT;
	e = adopt_links(t, without);
	return e == 0 && t->missing[FOR_ALL] ? -ENOENT : e;
}

static void close_maps(struct tracker *t)
{
	int i;

	held_release(&t->held);
	for (i = 0; i < MAPS; i++) {
		if (t->maps[i] >= 0)
			close(t->maps[i]);
		t->maps[i] = -1;
	}
	memset(t->missing, 0, sizeof(t->missing));
}

static int make_barrier(struct tracker *t)
{
	struct bpf_map_create_opts opts = {
		.sz = sizeof(opts), .inner_map_fd = (uint32_t)t->maps[SLOTS]
	};
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	t->barrier = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "barrier", 4, 4,
				    1, &opts);
	if (t->barrier < 0)
		return log_fail(t->barrier, "make a map of maps");
	if (bpf_obj_get_info_by_fd(t->maps[INODES], &info, &len) == 0)
		t->max_inodes = info.max_entries;
	return 0;
}

int tracker_open(const struct tracker_options *opt, struct tracker **out)
{
	struct tracker *t = calloc(1, sizeof(*t));
	int e, i, cpus = libbpf_num_possible_cpus();

	if (!t)
		return -ENOMEM;
	for (i = 0; i < MAPS; i++)
		t->maps[i] = -1;
	t->barrier = t->lock = -1;
	t->cpus = cpus > 0 ? (unsigned int)cpus : 1;
	t->pins = strdup(opt->pins);
	libbpf_set_print(print);
	e = t->pins ? pins_prepare(t->pins) : -ENOMEM;
	if (e == 0)
		e = held_lock(t->pins, &t->lock);
	if (e == 0) {
		e = adopt(t, opt->without);
		t->was_pinned = e == 0;
	}
	if (e == -ENOENT) {
		close_maps(t);
		e = pins_remove(t->pins);
		if (e == 0)
			e = load(t, opt);
	}
	if (e == 0)
		e = make_barrier(t);
	/* as last noted, maybe by one who is dead */
	t->misses = t->meta.misses;
	if (opt->without && !strcmp(opt->without, "misses"))
		t->misses--;
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
	close_maps(t);
	if (t->barrier >= 0)
		close(t->barrier);
	if (t->lock >= 0)
		close(t->lock);
	free(t->pins);
	free(t);
}

const uint8_t *tracker_instance(const struct tracker *t)
{
	return t->meta.instance;
}

bool tracker_was_pinned(const struct tracker *t)
{
	return t->was_pinned;
}

const char *tracker_hook_set(const struct tracker *t)
{
	(void)t;
	return "tracepoint";
}

const char *tracker_refuses(const struct tracker *t, const char *type)
{
	bool ext4 = !strcmp(type, "ext4"), xfs = !strcmp(type, "xfs");
	const char *missing = t->missing[ext4 ? FOR_EXT4 : FOR_XFS];

	if (!ext4 && !xfs)
		return "this hook set tracks ext4 and xfs";
	return missing ? "this kernel lacks a tracepoint that is needed" : NULL;
}

/* --- slots --- */

static int get_slot(struct tracker *t, uint32_t slot, struct track_slot *s)
{
	int e = bpf_map_lookup_elem(t->maps[SLOTS], &slot, s);

	return e < 0 ? log_fail(e, "read slot %u", slot) : 0;
}

static int put_slot(struct tracker *t, uint32_t slot,
		    const struct track_slot *s)
{
	int e = bpf_map_update_elem(t->maps[SLOTS], &slot, s, 0);

	return e < 0 ? log_fail(e, "write slot %u", slot) : 0;
}

int tracker_add(struct tracker *t, dev_t dev, uint32_t *slot)
{
	struct track_slot s;
	uint32_t key = dev_to_kernel(dev), i;
	int e;

	if (bpf_map_lookup_elem(t->maps[SLOT_OF], &key, slot) == 0)
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
	e = bpf_map_update_elem(t->maps[SLOT_OF], &key, &i, BPF_NOEXIST);
	if (e < 0)
		return log_fail(e, "track device %u:%u", major(dev),
				minor(dev));
	*slot = i;
	return 0;
}

/* An update of a map of maps returns when every program that was running has
 * ended (kernel/bpf/syscall.c, maybe_wait_bpf_programs). */
static int wait_for_programs(struct tracker *t)
{
	uint32_t zero = 0;
	int e = bpf_map_update_elem(t->barrier, &zero, &t->maps[SLOTS], 0);

	return e < 0 ? log_fail(e, "wait for the programs") : 0;
}

static int get_active(struct tracker *t, uint32_t slot, uint32_t *set)
{
	int e = bpf_map_lookup_elem(t->maps[ACTIVE], &slot, set);

	return e < 0 ? log_fail(e, "read slot %u", slot) : 0;
}

int tracker_turn(struct tracker *t, uint32_t slot)
{
	uint32_t set;
	int e = get_active(t, slot, &set);

	if (e < 0)
		return e;
	set ^= 1;
	e = bpf_map_update_elem(t->maps[ACTIVE], &slot, &set, 0);
	if (e < 0)
		return log_fail(e, "turn slot %u", slot);
	return wait_for_programs(t);
}

int tracker_remove(struct tracker *t, uint32_t slot)
{
	struct track_slot s;
	int e = get_slot(t, slot, &s);

	if (e < 0 || s.dev == 0)
		return e;
	if (bpf_map_delete_elem(t->maps[SLOT_OF], &s.dev) < 0)
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

int tracker_slot(struct tracker *t, uint32_t slot, struct tracker_slot *out)
{
	CLEANUP_FREE struct track_count *c = calloc(t->cpus, sizeof(*c));
	struct track_slot s;
	unsigned int i;
	int e = c ? get_slot(t, slot, &s) : -ENOMEM;

	if (e < 0)
		return e;
	*out = (struct tracker_slot){ .dev = dev_from_kernel(s.dev),
				      .lost = s.lost,
				      .replaced = s.replaced };
	if (bpf_map_lookup_elem(t->maps[COUNTS], &slot, c) < 0)
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

typedef void entry_fn(void *arg, const void *key, const void *value);

/* Every entry of a hash; which of them come in twice does not matter. */
static int each_entry(int map, size_t key_len, size_t value_len, entry_fn *fn,
		      void *arg)
{
	CLEANUP_FREE uint8_t *keys = calloc(BATCH, key_len);
	CLEANUP_FREE uint8_t *values = calloc(BATCH, value_len);
	uint64_t cursor[4] = { 0 }, next[4] = { 0 };
	bool first = true;
	uint32_t n, i;
	int e = 0;

	if (!keys || !values)
		return -ENOMEM;
	while (e == 0) {
		n = BATCH;
		e = bpf_map_lookup_batch(map, first ? NULL : cursor, next, keys,
					 values, &n, NULL);
		if (e < 0 && e != -ENOENT)
			return log_fail(e, "read the dirty set");
		for (i = 0; i < n; i++)
			fn(arg, keys + i * key_len, values + i * value_len);
		memcpy(cursor, next, sizeof(cursor));
		first = false;
	}
	return 0;
}

struct drain {
	struct dirty *d;
	uint32_t where;
};

static void take_inode(void *arg, const void *key, const void *value)
{
	const struct track_inode_key *k = key;
	const struct track_inode *v = value;
	const struct drain *to = arg;
	struct dirty_inode in = { k->ino, v->min_size, v->generation,
				  v->flags };

	if (k->where == to->where)
		dirty_add_inode(to->d, &in);
}

static void take_range(void *arg, const void *key, const void *value)
{
	const struct track_range_key *k = key;
	const struct track_range *v = value;
	const struct drain *to = arg;
	struct dirty_range r = { .ino = k->ino, .region = k->region };

	memcpy(r.bits, v->bits, sizeof(r.bits));
	if (k->where == to->where)
		dirty_add_range(to->d, &r);
}

static int read_set(struct tracker *t, uint32_t where, struct dirty *d)
{
	struct drain to = { d, where };
	int e = each_entry(t->maps[RANGES], sizeof(struct track_range_key),
			   sizeof(struct track_range), take_range, &to);

	return e < 0 ? e
		     : each_entry(t->maps[INODES],
				  sizeof(struct track_inode_key),
				  sizeof(struct track_inode), take_inode, &to);
}

/* A program that the kernel left out has made no mark, and nobody knows where:
 * every file system is lost. */
static int count_misses(struct tracker *t)
{
	uint64_t now = held_misses(&t->held);
	uint32_t zero = 0, i;
	int e = 0;

	if (now == t->misses)
		return 0;
	for (i = 0; e == 0 && i < TRACK_SLOTS; i++) {
		struct track_slot s;

		e = get_slot(t, i, &s);
		if (e < 0 || s.dev == 0)
			continue;
		s.lost = 1;
		e = put_slot(t, i, &s);
	}
	t->meta.misses = now;
	if (e == 0)
		e = bpf_map_update_elem(t->maps[META], &zero, &t->meta, 0);
	if (e == 0)
		t->misses = now;
	return e;
}

int tracker_drain(struct tracker *t, uint32_t slot, struct dirty *d)
{
	struct track_slot s;
	uint32_t set;
	int e = get_active(t, slot, &set);

	if (e == 0)
		e = read_set(t, slot << 1 | ((set & 1) ^ 1), d);
	/* after the marks: what could not be recorded was noted before */
	if (e == 0)
		e = count_misses(t);
	if (e == 0)
		e = get_slot(t, slot, &s);
	if (e == 0 && s.lost)
		d->lost = true;
	return e;
}

int tracker_peek(struct tracker *t, uint32_t slot, struct dirty *d)
{
	struct track_slot s;
	int e = read_set(t, slot << 1, d);

	if (e == 0)
		e = read_set(t, slot << 1 | 1, d);
	if (e == 0)
		e = get_slot(t, slot, &s);
	if (e == 0 && (s.lost || s.replaced))
		d->lost = true;
	return e;
}

struct drop {
	uint32_t where;
	struct buf keys;
	int error;
};

/* inode and range keys are alike but for the last word */
static void note_key(void *arg, const void *key, const void *value)
{
	const struct track_inode_key *k = key;
	struct drop *to = arg;

	(void)value;
	if (k->where == to->where && to->error == 0)
		to->error = buf_append(&to->keys, key, sizeof(*k));
}

static int drop_from(int map, size_t value_len, uint32_t where)
{
	CLEANUP_BUF struct buf keys = BUF_INIT(SIZE_MAX);
	struct drop to = { .where = where, .keys = keys };
	size_t i, n;
	int e = each_entry(map, sizeof(struct track_inode_key), value_len,
			   note_key, &to);

	keys = to.keys;
	if (e == 0)
		e = to.error;
	n = keys.len / sizeof(struct track_inode_key);
	for (i = 0; e == 0 && i < n;) {
		uint32_t some = (uint32_t)MIN(n - i, (size_t)BATCH);

		e = bpf_map_delete_batch(
			map, keys.p + i * sizeof(struct track_inode_key), &some,
			NULL);
		i += some;
	}
	return e < 0 ? log_fail(e, "clear the dirty set") : 0;
}

int tracker_drop(struct tracker *t, uint32_t slot)
{
	uint32_t where, set;
	int e = get_active(t, slot, &set);

	if (e < 0)
		return e;
	where = slot << 1 | ((set & 1) ^ 1);
	e = drop_from(t->maps[INODES], sizeof(struct track_inode), where);
	return e < 0 ? e
		     : drop_from(t->maps[RANGES], sizeof(struct track_range),
				 where);
}

struct fill {
	uint32_t n;
};

static void count_entry(void *arg, const void *key, const void *value)
{
	struct fill *f = arg;

	(void)key;
	(void)value;
	f->n++;
}

int tracker_fill(struct tracker *t, uint32_t *inodes, uint32_t *max_inodes)
{
	struct fill f = { 0 };
	int e = each_entry(t->maps[INODES], sizeof(struct track_inode_key),
			   sizeof(struct track_inode), count_entry, &f);

	*inodes = f.n;
	*max_inodes = t->max_inodes;
	return e;
}
