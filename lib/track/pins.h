/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pins.h - the directory on a bpffs in which the tracker's programs and maps
 * have their names.
 *
 * Errors:  negative errno, logged.
 * Threads: any.
 */
#ifndef TRACK_PINS_H
#define TRACK_PINS_H

#include "base/macros.h"

/* "PINS/KIND_NAME", malloc'd; kind is "map" or "link". */
char *pin_path(const char *pins, const char *kind, const char *name);
/* Make the directory if there is none. -EOPNOTSUPP: not on a bpffs. */
MUST_CHECK int pins_prepare(const char *pins);
/* Remove all maps and links; the directory stays. */
int pins_remove(const char *pins);
/* And the directory: what was recorded no longer is. -EBUSY: a process uses
 * them. No error if there are none. */
int pins_end(const char *pins);

#endif /* TRACK_PINS_H */
