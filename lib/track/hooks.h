/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks.h - the hook sets, and which of their programs a kernel has room for.
 *
 * A set is an object file of programs. A change is seen by one program, or by
 * all that have its name here; where kernels differ there are choices, and the
 * first that the kernel has all places for is taken. A change without one
 * makes the set of no use: for all file systems, or for one type.
 *
 * Errors:  negative errno, not logged.
 * Memory:  what is handed out is static, but for the BTF.
 * Threads: any.
 */
#ifndef TRACK_HOOKS_H
#define TRACK_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

#define HOOKS_MAX 48

/* Which file systems cannot be tracked without it. */
enum hook_need { FOR_ALL, FOR_EXT4, FOR_XFS, NEEDS };

enum hook_place { AT_TRACEPOINT, AT_FUNCTION };

struct hook {
	const char *program;
	enum hook_place place;
	const char *target;
	enum hook_need need;
	const char *change; /* NULL: one of its own, without a choice */
	int choice;
	/* The type of a parameter, where shapes differ: "0 kiocb". */
	const char *parameter;
};

struct hook_set {
	const char *name;
	uint32_t number; /* enum track_hook_set */
	const uint8_t *object;
	const uint64_t *object_len;
	const struct hook *hooks;
	size_t n;
	const char *probe; /* NULL, or a function: can programs hang there? */
	bool sees_unmount;
};

/* The one to be preferred comes first. */
extern const struct hook_set hook_sets[];
#define HOOK_SETS 2

struct kernel; /* the running one's BTF */

/* -ENOENT: it has none. */
MUST_CHECK int kernel_open(struct kernel **out);
void kernel_free(struct kernel *k);
/* For bpf(2): a function's id; 0 or less: there is none. */
int kernel_function(const struct kernel *k, const char *name);

/* For each hook of the set: is there a place for its program? */
void hooks_find(const struct hook_set *set, const struct kernel *k, bool *has);
/* From those that are there: which are used. missing, by need: the target of
 * a change that is not seen, or NULL. */
void hooks_choose(const struct hook_set *set, const bool *has, bool *use,
		  const char *missing[NEEDS]);
/* names: separated by commas. NULL: none. */
bool hooks_in_list(const char *names, const char *program);

#endif /* TRACK_HOOKS_H */
