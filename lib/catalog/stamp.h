/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp.h - a catalog that was left whole need not be walked again.
 *
 * Whoever closes a sound catalog notes the boot and what stat says of its
 * file. While both are the same nobody has written to it since, and the next
 * one may leave out catalog_verify(), whose time grows with the catalog.
 * After a boot it is walked in any case: then it comes from the disk.
 *
 * Errors:  none: without a stamp the catalog is walked.
 * Threads: none of its own; the catalog's lock is held.
 */
#ifndef CATALOG_STAMP_H
#define CATALOG_STAMP_H

#include <stdbool.h>

/* Is the catalog at path as it was when stamp_put() was called for it? */
bool stamp_holds(const char *path);
void stamp_put(const char *path);

#endif /* CATALOG_STAMP_H */
