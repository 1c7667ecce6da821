/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.h - a set of 64-bit hashes.
 *
 * Errors:  -ENOMEM.
 * Threads: one at a time.
 */
#ifndef CATALOG_SEEN_H
#define CATALOG_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/* All zeros is the empty set. */
struct seen {
	uint64_t *slots; /* open addressing, 0 is empty */
	size_t n, mask;
};

bool seen_has(const struct seen *s, uint64_t hash);
/* hash is not 0. */
MUST_CHECK int seen_add(struct seen *s, uint64_t hash);
void seen_release(struct seen *s);

#endif /* CATALOG_SEEN_H */
