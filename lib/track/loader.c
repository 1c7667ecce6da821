/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loader.c - probe, choose, load, pin, take over.
 */
#include "track/loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/random.h>

#include "base/io.h"
#include "base/log.h"
#include "track/pins.h"

#define WHY_MAX 160

static const char *const map_names[MAPS] = { "slot_of", "slots",  "active",
					     "counts",	"inodes", "ranges",
					     "overran", "folios", "meta" };

/* --- what stands in the way --- */

static char last_warning[512]; /* libbpf's; one loader at a time */

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
	if (level == LIBBPF_WARN && !last_warning[0])
		snprintf(last_warning, sizeof(last_warning), "%.*s",
			 (int)strcspn(line, "\n"), line);
	return 0;
}

/* The first capability that is not there, or NULL. */
static const char *lacks_capability(void)
{
	static const struct {
		const char *name;
		int bit;
	} needed[] = { { "CAP_SYS_ADMIN", 21 },
		       { "CAP_PERFMON", 38 },
		       { "CAP_BPF", 39 } };
	CLEANUP_FILE FILE *f = fopen("/proc/self/status", "re");
	unsigned long long has = 0;
	char line[256];
	size_t i;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &has) == 1)
			for (i = 0; i < ARRAY_LEN(needed); i++)
				if (!(has >> needed[i].bit & 1))
					return needed[i].name;
	return NULL;
}

/* Does this kernel let a program hang at a function? Cheaper to ask than to
 * load a set. */
static int probe(const struct kernel *k, const char *function, char *why)
{
	/* return 0 */
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_load_opts opts = {
		.sz = sizeof(opts), .expected_attach_type = BPF_TRACE_FENTRY
	};
	CLEANUP_CLOSE int program = -1, link = -1;
	int id = kernel_function(k, function), e;

	if (id <= 0) {
		snprintf(why, WHY_MAX, "the kernel has no function %s",
			 function);
		return -EOPNOTSUPP;
	}
	opts.attach_btf_id = (uint32_t)id;
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "GPL", nothing,
				ARRAY_LEN(nothing), &opts);
	e = program < 0 ? -errno : 0;
	if (e == 0) {
		link = bpf_raw_tracepoint_open(NULL, program);
		e = link < 0 ? -errno : 0;
	}
	if (e < 0)
		snprintf(why, WHY_MAX,
			 "the kernel refuses programs at functions (%s; locked "
			 "down, or without trampolines)",
			 log_strerror(e));
	return e < 0 ? -EOPNOTSUPP : 0;
}

/* --- load --- */

/* Which programs of the set this kernel has a place for. */
static int choose(struct loaded *l, const struct hook_set *set,
		  const struct kernel *k, struct bpf_object *obj,
		  const char *without, char *why)
{
	bool has[HOOKS_MAX], use[HOOKS_MAX];
	struct bpf_program *p;
	size_t i;

	hooks_find(set, k, has);
	hooks_choose(set, has, use, l->missing);
	if (l->missing[FOR_ALL]) {
		snprintf(why, WHY_MAX, "the kernel has no %s",
			 l->missing[FOR_ALL]);
		return -EOPNOTSUPP;
	}
	bpf_object__for_each_program(p, obj)
	{
		const char *name = bpf_program__name(p);
		bool wanted = false;

		for (i = 0; i < set->n; i++)
			wanted |= use[i] &&
				  !strcmp(set->hooks[i].program, name);
		bpf_program__set_autoload(p, wanted && !hooks_in_list(without,
								      name));
	}
	return 0;
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

static int pin_maps(struct loaded *l, const char *pins, struct bpf_object *obj)
{
	int i, e = 0;

	for (i = 0; e == 0 && i < MAPS; i++) {
		CLEANUP_FREE char *path = pin_path(pins, "map", map_names[i]);
		struct bpf_map *m =
			bpf_object__find_map_by_name(obj, map_names[i]);

		if (!path)
			return -ENOMEM;
		e = bpf_map__pin(m, path);
		if (e < 0)
			return log_fail(e, "pin %s", path);
		l->maps[i] = fcntl(bpf_map__fd(m), F_DUPFD_CLOEXEC, 3);
		e = l->maps[i] < 0 ? -errno : 0;
	}
	return e;
}

static int pin_links(struct loaded *l, const char *pins, struct bpf_object *obj,
		     char *why)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj)
	{
		CLEANUP_FREE char *path =
			pin_path(pins, "link", bpf_program__name(p));
		struct bpf_link *link;
		int e;

		if (!bpf_program__autoload(p))
			continue;
		link = bpf_program__attach(p);
		if (!link) {
			snprintf(why, WHY_MAX, "%s cannot be attached (%s)",
				 bpf_program__name(p), log_strerror(-errno));
			return -EOPNOTSUPP;
		}
		e = path ? bpf_link__pin(link, path) : -ENOMEM;
		if (e == 0)
			e = held_add(&l->held,
				     fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC,
					   3),
				     l->maps[SLOT_OF]);
		bpf_link__destroy(link); /* the pin keeps it */
		if (e < 0)
			return log_fail(e, "pin %s", path ? path : "");
	}
	return 0;
}

int loader_write_meta(struct loaded *l)
{
	uint32_t zero = 0;
	int e = bpf_map_update_elem(l->maps[META], &zero, &l->meta, 0);

	return e < 0 ? log_fail(e, "write the tracker's state") : 0;
}

/* -EOPNOTSUPP: why says what stands in the way. Other errors are logged. */
static int load_object(struct loaded *l, const struct hook_set *set,
		       const struct kernel *k,
		       const struct tracker_options *opt, char *why)
{
	struct bpf_object_open_opts open_opts = { .sz = sizeof(open_opts),
						  .object_name = "tidemark" };
	struct bpf_object *obj = bpf_object__open_mem(
		set->object, (size_t)*set->object_len, &open_opts);
	int e;

	if (!obj)
		return log_fail(-errno, "open the tracker's programs");
	e = choose(l, set, k, obj, opt->without, why);
	if (e == 0)
		e = set_sizes(obj, opt);
	if (e == 0) {
		last_warning[0] = '\0';
		e = bpf_object__load(obj);
		if (e < 0) {
			snprintf(why, WHY_MAX, "%s (%.100s)", log_strerror(e),
				 last_warning);
			e = e == -ENOMEM ? e : -EOPNOTSUPP;
		}
	}
	if (e == 0)
		e = pin_maps(l, opt->pins, obj);
	if (e == 0)
		e = pin_links(l, opt->pins, obj, why);
	bpf_object__close(obj);
	return e;
}

static void close_all(struct loaded *l)
{
	int i;

	for (i = 0; i < MAPS; i++) {
		if (l->maps[i] >= 0)
			close(l->maps[i]);
		l->maps[i] = -1;
	}
	held_release(&l->held);
	l->set = NULL;
	memset(l->missing, 0, sizeof(l->missing));
	memset(&l->meta, 0, sizeof(l->meta));
}

/* The instance number is written last: without it pins are half done. */
static int load_set(struct loaded *l, const struct hook_set *set,
		    const struct kernel *k, const struct tracker_options *opt,
		    const char *why_not, char *why)
{
	int e = set->probe ? probe(k, set->probe, why) : 0;

	if (e == 0)
		e = load_object(l, set, k, opt, why);
	if (e == 0) {
		l->set = set;
		l->meta.layout = TRACK_LAYOUT;
		l->meta.hook_set = set->number;
		snprintf(l->meta.why, sizeof(l->meta.why), "%s",
			 why_not[0] ? why_not : "it is the preferred one");
		if (getrandom(l->meta.instance, sizeof(l->meta.instance), 0) !=
		    sizeof(l->meta.instance))
			e = -EIO;
	}
	if (e == 0)
		e = loader_write_meta(l);
	if (e < 0) {
		close_all(l);
		(void)pins_remove(opt->pins);
	}
	return e;
}

static bool is_wanted(const struct tracker_options *opt,
		      const struct hook_set *set)
{
	return !opt->hooks || !strcmp(opt->hooks, set->name);
}

static int load(struct loaded *l, const struct kernel *k,
		const struct tracker_options *opt)
{
	char why_not[sizeof(l->meta.why)] = "";
	size_t i, len = 0;
	int e = -EOPNOTSUPP;

	for (i = 0; e == -EOPNOTSUPP && i < HOOK_SETS; i++) {
		char why[WHY_MAX] = "";

		if (!is_wanted(opt, &hook_sets[i]))
			continue;
		e = load_set(l, &hook_sets[i], k, opt, why_not, why);
		if (e == -EOPNOTSUPP && len < sizeof(why_not))
			len += (size_t)snprintf(why_not + len,
						sizeof(why_not) - len,
						"%s%s: %s", len ? "; " : "",
						hook_sets[i].name, why);
	}
	if (e == -EOPNOTSUPP)
		memcpy(l->meta.why, why_not, sizeof(l->meta.why));
	return e;
}

/* --- take over --- */

static bool is_first(const struct hook_set *set, size_t at)
{
	size_t i;

	for (i = 0; i < at; i++)
		if (!strcmp(set->hooks[i].program, set->hooks[at].program))
			return false;
	return true;
}

/* Every program that this kernel has a place for must be there, and use these
 * maps: a change that nobody records would be a loss without a word. */
static int adopt_programs(struct loaded *l, const struct kernel *k,
			  const struct tracker_options *opt)
{
	bool has[HOOKS_MAX], use[HOOKS_MAX];
	size_t i;
	int e = 0;

	hooks_find(l->set, k, has);
	hooks_choose(l->set, has, use, l->missing);
	for (i = 0; e == 0 && i < l->set->n; i++) {
		const char *name = l->set->hooks[i].program;
		CLEANUP_FREE char *path = pin_path(opt->pins, "link", name);

		if (!use[i] || !is_first(l->set, i) ||
		    hooks_in_list(opt->without, name))
			continue;
		e = path ? held_add(&l->held, bpf_obj_get(path),
				    l->maps[SLOT_OF])
			 : -ENOMEM;
		if (e < 0)
			log_warn("the program %s is not in %s: all are loaded "
				 "anew",
				 name, opt->pins);
	}
	return e == -ENOMEM ? e : e < 0 ? -ENOENT : 0;
}

/* 0: taken over. -ENOENT: nothing of use is there. */
static int adopt(struct loaded *l, const struct kernel *k,
		 const struct tracker_options *opt)
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
			     sizeof(struct track_group) },
		[RANGES] = { BPF_MAP_TYPE_HASH, sizeof(struct track_range_key),
			     sizeof(struct track_range) },
		[OVERRAN] = { BPF_MAP_TYPE_ARRAY, 4, 4 },
		[FOLIOS] = { BPF_MAP_TYPE_ARRAY, 4, 4 },
		[META] = { BPF_MAP_TYPE_ARRAY, 4, sizeof(struct track_meta) },
	};
	static const uint8_t none[16];
	uint32_t zero = 0;
	size_t i;
	int e;

	for (i = 0; i < MAPS; i++) {
		CLEANUP_FREE char *path =
			pin_path(opt->pins, "map", map_names[i]);

		l->maps[i] = path ? bpf_obj_get(path) : -ENOMEM;
		if (l->maps[i] < 0)
			return -ENOENT;
		if (!held_map_fits(l->maps[i], like[i].type, like[i].key,
				   like[i].value)) {
			log_warn("%s/map_%s is not ours: all is loaded anew",
				 opt->pins, map_names[i]);
			return -ENOENT;
		}
	}
	if (bpf_map_lookup_elem(l->maps[META], &zero, &l->meta) < 0 ||
	    l->meta.layout != TRACK_LAYOUT ||
	    !memcmp(l->meta.instance, none, sizeof(none)))
		return -ENOENT;
	for (i = 0; i < HOOK_SETS; i++)
		if (hook_sets[i].number == l->meta.hook_set)
			l->set = &hook_sets[i];
	if (!l->set || !is_wanted(opt, l->set))
		return -ENOENT;
	e = adopt_programs(l, k, opt);
	return e == 0 && l->missing[FOR_ALL] ? -ENOENT : e;
}

static int adopt_or_load(struct loaded *l, const struct kernel *k,
			 const struct tracker_options *opt)
{
	int e = pins_prepare(opt->pins);

	if (e == 0)
		e = held_lock(opt->pins, &l->lock);
	if (e < 0)
		return e;
	e = adopt(l, k, opt);
	l->was_pinned = e == 0;
	if (e == -ENOENT) {
		close_all(l);
		e = pins_remove(opt->pins);
		if (e == 0)
			e = load(l, k, opt);
		if (e < 0)
			(void)rmdir(opt->pins);
	}
	return e;
}

int loader_open(const struct tracker_options *opt, struct loaded *l)
{
	const char *lacks = lacks_capability();
	struct kernel *k = NULL;
	int e, i;

	memset(l, 0, sizeof(*l));
	l->lock = -1;
	for (i = 0; i < MAPS; i++)
		l->maps[i] = -1;
	libbpf_set_print(print);
	e = lacks ? -EPERM : kernel_open(&k);
	if (e == -EPERM || e == -ENOENT) {
		snprintf(l->meta.why, sizeof(l->meta.why), "%s is missing",
			 lacks ? lacks
			       : "the kernel's BTF (/sys/kernel/btf/vmlinux)");
		return lacks ? -EPERM : -EOPNOTSUPP;
	}
	if (e == 0)
		e = adopt_or_load(l, k, opt);
	kernel_free(k);
	return e;
}

void loader_release(struct loaded *l)
{
	close_all(l);
	if (l->lock >= 0)
		close(l->lock);
	l->lock = -1;
}
