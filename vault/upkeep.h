/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upkeep.h - what a server does by itself beside serving: retention each hour,
 * and the scrub all the time, slowly.
 *
 * Errors:  negative errno, logged.
 * Threads: has one of its own; starting and stopping is for one.
 */
#ifndef VAULT_UPKEEP_H
#define VAULT_UPKEEP_H

#include "vault/vault.h"

struct upkeep;

MUST_CHECK int upkeep_start(struct vault *v, struct upkeep **out);
/* Ends between two objects. NULL is allowed. */
void upkeep_stop(struct upkeep *u);

/* One server at a time: -EBUSY (logged). It ends with the descriptor. */
MUST_CHECK int upkeep_lock(const char *dir, int *fd);

#endif /* VAULT_UPKEEP_H */
