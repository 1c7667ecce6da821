/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - files that live as long as the process that made them.
 *
 * The maker holds flock(LOCK_EX) on the file. The kernel drops the lock
 * however the process dies, so a file that can be locked is a dead one's
 * and is removed by whoever finds it. Names are PREFIX-TOKEN-N, where TOKEN
 * is random and this process's own: a name is never used twice, so removing
 * one that was found dead cannot hit a living one.
 *
 * Errors:  negative errno, not logged: the caller knows the object.
 * Threads: any.
 */
#ifndef STORE_HELD_H
#define STORE_HELD_H

#include <stdbool.h>

#include "base/macros.h"

#define HELD_NAME_MAX 64

/* Make and lock a file (mode 0600) in the directory dir. Returns its
 * descriptor, open for reading and writing. If the file system has no locks
 * the file is made all the same, unless must_lock. */
MUST_CHECK int held_make(int dir, const char *prefix, bool must_lock,
			 char name[static HELD_NAME_MAX]);

/* True if name starts with "PREFIX-". */
bool held_has_prefix(const char *name, const char *prefix);
/* The same, and it is this process's. */
bool held_is_own(const char *name, const char *prefix);

/* True if a process holds the file, or if that cannot be told; otherwise it
 * is removed, where the file system lets us. */
bool held_is_living(int dir, const char *name);

#endif /* STORE_HELD_H */
