/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.h - the rooms of the torture test's program (tests/lib/torture.c).
 *
 * Each room has some operations and, if these need files of their own, a
 * begin_ROOM() that makes them; tests/lib/torture.c has the table of all, with
 * their weights. All work in the current directory, and what a file system
 * refuses is no operation.
 *
 * Chance comes from rnd() alone, so that a seed that failed replays: an
 * operation draws the same numbers whatever the time is and whatever else
 * runs. A new operation, or another weight, makes other seeds.
 *
 * Errors:  begin_ROOM() and make_file() return -1 with errno.
 * Threads: one.
 */
#ifndef TESTS_TORTURE_OPS_H
#define TESTS_TORTURE_OPS_H

#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u
#define BIG_BYTES (16u << 20)
#define BIGS 2
#define DIRS 12
#define QUIET_BYTES (3u << 20)

/* --- pick.c --- */

extern uint8_t *direct; /* four pages, aligned */
extern const char *const big[BIGS];

int begin_pick(uint64_t seed);
uint32_t rnd(uint32_t n); /* below n; 0 for 0 */
void fill(uint8_t *p, size_t len);
/* Names of a small world, that are there or not. Valid until a few more of
 * the kind were asked for. */
const char *any_name(void);
const char *any_dir(void);
const char *any_big(void);
const char *any_file(void); /* half of the time one of the large files */
/* Where one of its whole pages begins. */
uint64_t any_page(int fd);
/* Of that byte, in one write; or laid in pieces, as large as folios become.
 * Open for reading and writing. */
int make_file(const char *path, size_t len, int byte);
int lay_file(const char *path, size_t len, int byte);
/* The same of chance. */
int lay_random_file(const char *path, size_t len);

/* --- content.c --- */

int begin_content(void);
void op_create(void);
void op_append(void);
void op_overwrite(void);
void op_direct(void);
void op_uring(void);
void op_truncate(void);
void op_fallocate(void);
void op_copy(void);
void op_splice(void);
void op_clone(void);

/* --- folios.c --- */

int begin_folds(void);
int begin_big(void);
void op_hot_page(void);
void op_hot_map(void);
void op_store(void);
void op_regrow(void);
void op_fold(void);

/* --- quiet.c --- */

int begin_quiet(void);
void op_quiet(void);

/* --- names.c --- */

int begin_names(void);
void op_rename(void);
void op_move_dir(void);
void op_link(void);
void op_unlink(void);
void op_reuse(void);
void op_symlink(void);
void op_mkdir(void);
void op_rmdir(void);
void op_fifo(void);
void op_storm(void);

/* --- metadata.c --- */

void op_chmod(void);
void op_chown(void);
void op_times(void);
void op_deceive(void);
void op_xattr(void);
void op_xattr_again(void);
void op_acl(void);
void op_flags(void);

/* --- btrfs.c --- */

int begin_btrfs(void);
void op_nocow(void);
void op_defragment(void);
void op_dedupe(void);
void op_clone_quiet(void);

/* --- xfs.c --- */

/* Without swapext: nothing that leaves all times as they were. */
int begin_xfs(int without_swapext);
void op_exchange(void);

#endif /* TESTS_TORTURE_OPS_H */
