/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.h - pruning as two verbs do it: prune, and forget --prune.
 */
#ifndef TOOLS_PRUNE_H
#define TOOLS_PRUNE_H

#include "repo/prune.h"
#include "tools/opened.h"

/* Prune o and say what was done. without: snapshots that count as forgotten
 * (dry runs), or NULL. Returns an exit code, and has logged why. */
int prune_run(const struct cli *cli, struct opened *o,
	      const struct idlist *without);

#endif /* TOOLS_PRUNE_H */
