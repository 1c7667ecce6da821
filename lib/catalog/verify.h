/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify.h - is a catalog's file a sound LMDB file?
 *
 * LMDB believes its file: a damaged page makes it read, or write, outside of
 * its map. A catalog is a cache on a disk that may lie, so its structure is
 * looked at before LMDB does. What the records say is not looked at here:
 * each has a checksum of its own (catalog.c).
 *
 * Errors:  0 (also for a file that is not there or empty), -EUCLEAN (not
 *          logged): damaged, -ENOMEM, or what opening it said.
 * Threads: none may have the file open for writing meanwhile.
 * Source:  LMDB 0.9 (mdb.c, "Page Header", "Node Header", "Meta"), data
 *          version 1.
 */
#ifndef CATALOG_VERIFY_H
#define CATALOG_VERIFY_H

#include "base/macros.h"

MUST_CHECK int catalog_verify(const char *path);

#endif /* CATALOG_VERIFY_H */
