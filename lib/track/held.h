/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held.h - programs that must go on running, held by descriptors.
 *
 * A pin is a name that anybody with the right to may remove, and with the
 * last pin the program is gone, without a word. So whoever relies on a
 * program holds its link: then removing the pin costs nothing while the
 * holder lives, and the next one, who does not find it, begins anew. Two may
 * not rely on the same pins: each would take away what the other counts on.
 *
 * Errors:  negative errno.
 * Memory:  a struct held is zeroed at first; held_release() closes what it has.
 * Threads: one at a time.
 */
#ifndef TRACK_HELD_H
#define TRACK_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"

#define HELD_MAX 64

struct held {
	int links[HELD_MAX], programs[HELD_MAX];
	size_t n;
};

/* Be the only one who uses this directory of pins, until *fd is closed.
 * -EBUSY (logged): another process is. */
MUST_CHECK int held_lock(const char *pins, int *fd);

/* Take over the link, which the call owns from now on. -ENOENT: it is none of
 * a program that uses the map. */
MUST_CHECK int held_add(struct held *h, int link, int map);

/* Is the map of this kind, as the one that was loaded? */
bool held_map_fits(int map, uint32_t type, size_t key_len, size_t value_len);

/* How often the kernel has left out one of them, because it was running on
 * that processor already: each time a mark may be missing. */
uint64_t held_misses(const struct held *h);

void held_release(struct held *h);

#endif /* TRACK_HELD_H */
