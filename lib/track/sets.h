/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sets.h - the maps in which the kernel's programs keep their marks.
 *
 * A map is walked while programs write to it: an entry that is made meanwhile
 * may be seen or not, one may be seen twice, and none that was there at first
 * is passed over. Of the idle set nothing changes any more.
 *
 * Errors:  negative errno, logged.
 * Threads: any.
 * Source:  Linux kernel/bpf/{hashtab.c,syscall.c}.
 */
#ifndef TRACK_SETS_H
#define TRACK_SETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

typedef void set_fn(void *arg, const void *key, const void *value);
typedef bool set_is_fn(void *arg, const void *key);

struct set_map {
	int fd;
	size_t key_len, value_len;
};

/* fn for each entry of a hash. */
MUST_CHECK int set_each(const struct set_map *m, set_fn *fn, void *arg);
/* Delete the entries that are. */
MUST_CHECK int set_drop(const struct set_map *m, set_is_fn *is, void *arg);

/* A map of maps like the array inner: an update of it returns when every
 * program that was running has ended (maybe_wait_bpf_programs()). */
MUST_CHECK int set_barrier(int inner, int *fd);
MUST_CHECK int set_wait(int barrier, int inner);

#endif /* TRACK_SETS_H */
