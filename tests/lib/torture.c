/* SPDX-License-Identifier: Apache-2.0 */
/*
 * torture.c - change a tree in every way there is, at random.
 *
 * Usage: torture DIR SEED [btrfs|signs]. Each line on standard input is a
 * number: so many operations are done, then "done" is written. Mappings and
 * descriptors stay open from one line to the next, and so over the epochs of a
 * tracker. An operation that a file system refuses is none. The same seed and
 * the same numbers do the same. With btrfs there is what only that does, too;
 * with signs, nothing that leaves all times as they were, as no scan sees it.
 *
 * The operations are in tests/torture/.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/torture/ops.h"

#define XFS_SUPER_MAGIC 0x58465342

static int is_btrfs, is_xfs;

struct op {
	void (*run)(void);
	uint32_t weight;
};

static const struct op btrfs_ops[] = {
	{ op_nocow, 8 },
	{ op_defragment, 2 },
	{ op_dedupe, 4 },
	{ op_clone_quiet, 8 },
};

static const struct op xfs_ops[] = {
	{ op_exchange, 1 },
};

static const struct op ops[] = {
	{ op_create, 12 },   { op_append, 8 },	{ op_overwrite, 12 },
	{ op_hot_page, 6 },  { op_hot_map, 6 }, { op_store, 12 },
	{ op_direct, 8 },    { op_uring, 6 },	{ op_truncate, 6 },
	{ op_fallocate, 8 }, { op_copy, 6 },	{ op_splice, 4 },
	{ op_clone, 6 },     { op_regrow, 3 },	{ op_rename, 8 },
	{ op_move_dir, 4 },  { op_link, 6 },	{ op_unlink, 8 },
	{ op_reuse, 6 },     { op_symlink, 3 }, { op_mkdir, 4 },
	{ op_rmdir, 2 },     { op_fifo, 2 },	{ op_storm, 2 },
	{ op_chmod, 4 },     { op_chown, 4 },	{ op_times, 4 },
	{ op_deceive, 5 },   { op_xattr, 6 },	{ op_xattr_again, 4 },
	{ op_acl, 3 },	     { op_flags, 3 },	{ op_quiet, 16 },
	{ op_fold, 16 },
};

static void run_one(const struct op *table, size_t n)
{
	uint32_t sum = 0, at;
	size_t i;

	for (i = 0; i < n; i++)
		sum += table[i].weight;
	at = rnd(sum);
	for (i = 0; at >= table[i].weight; i++)
		at -= table[i].weight;
	table[i].run();
}

static void run(unsigned long n)
{
	while (n-- > 0) {
		if (is_btrfs && rnd(8) == 0)
			run_one(btrfs_ops, sizeof(btrfs_ops) / sizeof(ops[0]));
		else if (is_xfs && rnd(40) == 0)
			run_one(xfs_ops, sizeof(xfs_ops) / sizeof(ops[0]));
		else
			run_one(ops, sizeof(ops) / sizeof(ops[0]));
	}
}

static int begin(const char *path, uint64_t seed, const char *what)
{
	struct statfs fs;

	if (chdir(path) < 0 || begin_pick(seed) < 0 || begin_content() < 0 ||
	    begin_names() < 0 || statfs(".", &fs) < 0)
		return -1;
	is_xfs = fs.f_type == XFS_SUPER_MAGIC;
	is_btrfs = !strcmp(what, "btrfs");
	if (is_xfs && begin_xfs(!strcmp(what, "signs")) < 0)
		return -1;
	if (begin_quiet() < 0 || begin_folds() < 0 || begin_big() < 0)
		return -1;
	return is_btrfs ? begin_btrfs() : 0;
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc != 3 && argc != 4)
		return 2;
	if (begin(argv[1], strtoull(argv[2], NULL, 10),
		  argc == 4 ? argv[3] : "") < 0) {
		perror(argv[1]);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		run(strtoul(line, NULL, 10));
		puts("done");
		fflush(stdout);
	}
	return 0;
}
