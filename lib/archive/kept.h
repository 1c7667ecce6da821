/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept.h - content maps that a backup in several passes has made.
 *
 * What a writing session has stored cannot be read back before it is
 * committed. A large file that is patched in one pass and again in the next
 * needs the maps that list its extents: they are small, and kept here.
 * What is not kept is not found, and the file is read as a whole.
 *
 * Memory:  at most KEPT_MAPS_BYTES. Spans are valid until kept_free().
 * Threads: any.
 */
#ifndef ARCHIVE_KEPT_H
#define ARCHIVE_KEPT_H

#include "base/buf.h"
#include "repo/format.h"

#define KEPT_MAPS_BYTES ((size_t)64 << 20)

struct kept_maps;

MUST_CHECK int kept_new(struct kept_maps **out);
/* NULL is allowed. */
void kept_free(struct kept_maps *k);
/* Without memory or room it is not kept. */
void kept_add(struct kept_maps *k, const uint8_t id[CHUNK_ID_LEN],
	      struct span bytes);
/* {NULL, 0}: not kept. */
struct span kept_get(struct kept_maps *k, const uint8_t id[CHUNK_ID_LEN]);

#endif /* ARCHIVE_KEPT_H */
