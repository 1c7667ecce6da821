/* SPDX-License-Identifier: Apache-2.0 */
/*
 * patterns.h - a filter from the options of the command line.
 *
 * Errors:  negative errno, logged.
 */
#ifndef TOOLS_PATTERNS_H
#define TOOLS_PATTERNS_H

#include "archive/filter.h"
#include "tools/cli.h"

/* All of --WHAT, --iWHAT, --WHAT-file and --iWHAT-file, in this order. *out
 * is the caller's to free, after a failure too, unless it is NULL still. */
MUST_CHECK int patterns_filter(const struct cli *cli, const char *what,
			       struct filter **out);

#endif /* TOOLS_PATTERNS_H */
