/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks.c - the tables of the hook sets, against the kernel's BTF.
 */
#include "track/hooks.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/track.h"

/* object.S */
extern const uint8_t track_object_tracepoint[], track_object_vfs[];
extern const uint64_t track_object_tracepoint_len, track_object_vfs_len;

#define EVENT(need, program, tracepoint)                                       \
	{                                                                      \
		program, AT_TRACEPOINT, tracepoint, need, NULL, 0, NULL        \
	}
#define CALL(program, function)                                                \
	{                                                                      \
		program, AT_FUNCTION, function, FOR_ALL, NULL, 0, NULL         \
	}

static const struct hook tracepoint_hooks[] = {
	EVENT(FOR_ALL, "dirty_folio", "writeback_dirty_folio"),
	EVENT(FOR_ALL, "written_back", "block_bio_queue"),
	EVENT(FOR_ALL, "dio_begin", "iomap_dio_rw_begin"),
	EVENT(FOR_ALL, "dio_complete", "iomap_dio_complete"),
	EVENT(FOR_EXT4, "ext4_dirty", "ext4_mark_inode_dirty"),
	EVENT(FOR_EXT4, "ext4_start", "ext4_journal_start_inode"),
	EVENT(FOR_EXT4, "ext4_unmap", "ext4_es_remove_extent"),
	EVENT(FOR_EXT4, "ext4_punch", "ext4_punch_hole"),
	EVENT(FOR_EXT4, "ext4_zero", "ext4_zero_range"),
	EVENT(FOR_EXT4, "ext4_collapse", "ext4_collapse_range"),
	EVENT(FOR_EXT4, "ext4_insert", "ext4_insert_range"),
	EVENT(FOR_XFS, "xfs_pin", "xfs_inode_pin"),
	EVENT(FOR_XFS, "xfs_truncate", "xfs_itruncate_extents_start"),
	EVENT(FOR_XFS, "xfs_free_file_space", "xfs_free_file_space"),
	EVENT(FOR_XFS, "xfs_insert_file_space", "xfs_insert_file_space"),
	EVENT(FOR_XFS, "xfs_exchrange_before", "xfs_exchrange_before"),
	EVENT(FOR_XFS, "xfs_swap_extent_before", "xfs_swap_extent_before"),
	EVENT(FOR_XFS, "xfs_remap", "xfs_reflink_remap_range"),
};

static const struct hook vfs_hooks[] = {
	{ "dirty_folio", AT_TRACEPOINT, "writeback_dirty_folio", FOR_ALL,
	  "page", 0, NULL },
	{ "dirty_page", AT_TRACEPOINT, "writeback_dirty_page", FOR_ALL, "page",
	  1, NULL },
	EVENT(FOR_ALL, "written_back", "block_bio_queue"),
	{ "perform_write", AT_FUNCTION, "generic_perform_write", FOR_ALL,
	  "write", 0, "0 kiocb" },
	{ "perform_write_file", AT_FUNCTION, "generic_perform_write", FOR_ALL,
	  "write", 1, "0 file" },
	CALL("iomap_write", "iomap_file_buffered_write"),
	CALL("modified", "file_modified"),
	CALL("update_time", "file_update_time"),
	{ "dio_begin", AT_TRACEPOINT, "iomap_dio_rw_begin", FOR_ALL, "dio", 0,
	  NULL },
	{ "dio_complete", AT_TRACEPOINT, "iomap_dio_complete", FOR_ALL, "dio",
	  0, NULL },
	{ "dio_entry", AT_FUNCTION, "iomap_dio_complete_work", FOR_ALL, "dio",
	  1, NULL },
	{ "dio_exit", AT_FUNCTION, "iomap_dio_complete_work", FOR_ALL, "dio", 1,
	  NULL },
	{ "dio_complete", AT_TRACEPOINT, "iomap_dio_complete", FOR_EXT4,
	  "ext4 dio", 0, NULL },
	{ "ext4_writing", AT_FUNCTION, "ext4_file_write_iter", FOR_EXT4,
	  "ext4 dio", 1, NULL },
	{ "ext4_write", AT_FUNCTION, "ext4_file_write_iter", FOR_EXT4,
	  "ext4 dio", 1, NULL },
	{ "dio_complete", AT_TRACEPOINT, "iomap_dio_complete", FOR_XFS,
	  "xfs dio", 0, NULL },
	{ "xfs_writing", AT_FUNCTION, "xfs_file_write_iter", FOR_XFS, "xfs dio",
	  1, NULL },
	{ "xfs_write", AT_FUNCTION, "xfs_file_write_iter", FOR_XFS, "xfs dio",
	  1, NULL },
	CALL("setattr", "notify_change"),
	CALL("fileattr", "vfs_fileattr_set"),
	{ "xattr_set", AT_FUNCTION, "security_inode_post_setxattr", FOR_ALL,
	  "xattr", 0, NULL },
	{ "xattr_set_noperm", AT_FUNCTION, "__vfs_setxattr_noperm", FOR_ALL,
	  "xattr", 1, NULL },
	{ "xattr_gone", AT_FUNCTION, "security_inode_post_removexattr", FOR_ALL,
	  "xattr removed", 0, NULL },
	{ "xattr_removed", AT_FUNCTION, "vfs_removexattr", FOR_ALL,
	  "xattr removed", 1, NULL },
	CALL("xattr_dropped", "__vfs_removexattr"),
	{ "acl_set", AT_FUNCTION, "vfs_set_acl", FOR_ALL, "acl", 0, NULL },
	{ "acl_removed", AT_FUNCTION, "vfs_remove_acl", FOR_ALL, "acl", 0,
	  NULL },
	{ "acl_put", AT_FUNCTION, "set_posix_acl", FOR_ALL, "acl", 0,
	  "1 dentry" },
	{ "acl_put_inode", AT_FUNCTION, "set_posix_acl", FOR_ALL, "acl", 1,
	  "1 inode" },
	CALL("fallocate", "vfs_fallocate"),
	CALL("remap", "generic_remap_file_range_prep"),
	{ "ext4_ioctl", AT_FUNCTION, "ext4_ioctl", FOR_EXT4, NULL, 0, NULL },
	{ "ext4_moved", AT_FUNCTION, "ext4_move_extents", FOR_EXT4, NULL, 0,
	  NULL },
	{ "xfs_ioctl", AT_FUNCTION, "xfs_file_ioctl", FOR_XFS, NULL, 0, NULL },
	{ "xfs_exchrange_before", AT_TRACEPOINT, "xfs_exchrange_before",
	  FOR_XFS, "exchange", 0, NULL },
	{ "xfs_swap_extent_before", AT_TRACEPOINT, "xfs_swap_extent_before",
	  FOR_XFS, "exchange", 0, NULL },
	{ "xfs_swap_extent_before", AT_TRACEPOINT, "xfs_swap_extent_before",
	  FOR_XFS, "exchange", 1, NULL },
	CALL("instantiate", "d_instantiate"),
	CALL("instantiate_new", "d_instantiate_new"),
	CALL("deleted", "d_delete"),
	CALL("moved", "d_move"),
	CALL("exchanged", "d_exchange"),
	CALL("unmounted", "generic_shutdown_super"),
};

_Static_assert(ARRAY_LEN(vfs_hooks) <= HOOKS_MAX, "HOOKS_MAX");

const struct hook_set hook_sets[HOOK_SETS] = {
	{ "vfs", TRACK_VFS, track_object_vfs, &track_object_vfs_len, vfs_hooks,
	  ARRAY_LEN(vfs_hooks), "notify_change", true },
	{ "tracepoint", TRACK_TRACEPOINT, track_object_tracepoint,
	  &track_object_tracepoint_len, tracepoint_hooks,
	  ARRAY_LEN(tracepoint_hooks), NULL, false },
};

/* --- the kernel --- */

static const char *const modules[] = { "ext4", "xfs" };

struct kernel {
	struct btf *vmlinux;
	struct btf *module[ARRAY_LEN(modules)]; /* NULL: not loaded */
};

int kernel_open(struct kernel **out)
{
	struct kernel *k = calloc(1, sizeof(*k));
	size_t i;

	if (!k)
		return -ENOMEM;
	k->vmlinux = btf__load_vmlinux_btf();
	if (!k->vmlinux) {
		kernel_free(k);
		return -ENOENT;
	}
	for (i = 0; i < ARRAY_LEN(modules); i++)
		k->module[i] = btf__load_module_btf(modules[i], k->vmlinux);
	*out = k;
	return 0;
}

void kernel_free(struct kernel *k)
{
	size_t i;

	if (!k)
		return;
	for (i = 0; i < ARRAY_LEN(modules); i++)
		btf__free(k->module[i]);
	btf__free(k->vmlinux);
	free(k);
}

/* The module's BTF that has the name, or vmlinux's. */
static const struct btf *find(const struct kernel *k, const char *name,
			      uint32_t kind, int *id)
{
	size_t i;

	*id = btf__find_by_name_kind(k->vmlinux, name, kind);
	for (i = 0; *id <= 0 && i < ARRAY_LEN(modules); i++)
		if (k->module[i]) {
			*id = btf__find_by_name_kind(k->module[i], name, kind);
			if (*id > 0)
				return k->module[i];
		}
	return k->vmlinux;
}

int kernel_function(const struct kernel *k, const char *name)
{
	return btf__find_by_name_kind(k->vmlinux, name, BTF_KIND_FUNC);
}

static bool has_tracepoint(const struct kernel *k, const char *name)
{
	char type[128];
	int id;

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	(void)find(k, type, BTF_KIND_TYPEDEF, &id);
	return id > 0;
}

/* Does the function take what the program takes it to? want: "1 dentry". */
static bool has_parameter(const struct btf *btf, int function, const char *want)
{
	const struct btf_type *t = btf__type_by_id(btf, (uint32_t)function);
	const struct btf_param *p;
	unsigned int at = (unsigned int)(want[0] - '0');

	t = btf__type_by_id(btf, t->type); /* its prototype */
	if (at >= btf_vlen(t))
		return false;
	p = btf_params(t) + at;
	t = btf__type_by_id(btf, p->type);
	while (t && (btf_is_ptr(t) || btf_is_mod(t)))
		t = btf__type_by_id(btf, t->type);
	return t && !strcmp(btf__name_by_offset(btf, t->name_off), want + 2);
}

void hooks_find(const struct hook_set *set, const struct kernel *k, bool *has)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		const struct hook *h = &set->hooks[i];
		const struct btf *btf;
		int id;

		if (h->place == AT_TRACEPOINT) {
			has[i] = has_tracepoint(k, h->target);
			continue;
		}
		btf = find(k, h->target, BTF_KIND_FUNC, &id);
		has[i] = id > 0 && (!h->parameter ||
				    has_parameter(btf, id, h->parameter));
	}
}

/* --- choose --- */

static bool same_change(const struct hook *a, const struct hook *b)
{
	return a == b ||
	       (a->change && b->change && !strcmp(a->change, b->change));
}

/* Are all hooks of the change there that are of the same choice? */
static bool is_whole(const struct hook_set *set, const bool *has,
		     const struct hook *of)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (same_change(&set->hooks[i], of) &&
		    set->hooks[i].choice == of->choice && !has[i])
			return false;
	return true;
}

/* Is there a whole choice that comes before choice? */
static bool has_better(const struct hook_set *set, const bool *has,
		       const struct hook *of, int before)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (same_change(&set->hooks[i], of) &&
		    set->hooks[i].choice < before &&
		    is_whole(set, has, &set->hooks[i]))
			return true;
	return false;
}

void hooks_choose(const struct hook_set *set, const bool *has, bool *use,
		  const char *missing[NEEDS])
{
	size_t i;

	memset(missing, 0, NEEDS * sizeof(*missing));
	for (i = 0; i < set->n; i++) {
		const struct hook *h = &set->hooks[i];

		use[i] = is_whole(set, has, h) &&
			 !has_better(set, has, h, h->choice);
		if (!has_better(set, has, h, INT32_MAX) && !missing[h->need])
			missing[h->need] = h->target;
	}
}

bool hooks_in_list(const char *names, const char *program)
{
	size_t len = strlen(program);
	const char *at = names;

	while (at && *at) {
		const char *end = strchrnul(at, ',');

		if ((size_t)(end - at) == len && !strncmp(at, program, len))
			return true;
		at = *end ? end + 1 : end;
	}
	return false;
}
